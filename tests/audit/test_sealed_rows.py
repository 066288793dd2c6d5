"""Hashes under the seals: one canonical text per row on either database, and the Merkle tree over them."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import canonical
from audit.context import acting
from audit.models import SealedPart
from audit.sealing import merkle, sealed_rows, seals
from tests.support.database import tracked_rows
from trials.models import Trial


@pytest.mark.django_db
def test_the_hash_of_a_row_can_be_recomputed_with_a_few_lines():
    """docs/audit.md: SHA-256 over a zero byte and the JSON array of the row."""
    with acting(system="test"):
        trial = Trial.objects.create(slug="é")
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "trials_historicaltrial")
    entry = trial.history.get()
    fields = {
        **{name: getattr(entry, name) for name in table.columns},
        "history_date": f"{entry.history_date.replace(tzinfo=None).isoformat(' ', 'microseconds')}",
    }
    text = json.dumps(["trials_historicaltrial", *fields.values()], ensure_ascii=False, separators=(",", ":"))
    (leaf,) = sealed_rows.sealed_rows(
        table, table.columns, after=entry.history_id - 1, until=entry.history_id
    )

    assert leaf == (entry.history_id, hashlib.sha256(b"\x00" + text.encode()).digest())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "columns", "digest"),
    [
        (
            "dosing_historicalinfusion",
            ["history_id", "planned_on", "weight_kg", "started_at", "premedication", "history_date"],
            "fe9ae551",
        ),
        (
            "patients_historicalrecord",
            ["history_id", "values", "state", "visit_id", "history_patient"],
            "75179f07",
        ),
        ("accounts_historicaluser", ["history_id", "is_active", "full_name", "history_user_id"], "4f532b2b"),
    ],
)
def test_both_databases_give_the_same_hash(name, columns, digest):
    """AUD-07: a trail moved from SQLite to PostgreSQL still verifies. The digests are those of either engine."""
    table = next(t for t in sealed_rows.sealed_tables() if t.name == name)
    row = tracked_rows.fixed_history(table.model)
    tracked_rows.store_in_history(row)
    ((_, leaf),) = sealed_rows.sealed_rows(table, columns, after=row.pk - 1, until=row.pk)

    assert leaf.hex()[:8] == digest


def test_a_row_is_dated_when_it_was_written_by_the_database_in_a_history():
    """REL-10: what the application dates is found again by its own column."""
    tables = sealed_rows.sealed_tables()
    assert {each.time for each in tables if each.is_history} == {"history_date"}
    assert {each.name: each.time for each in tables if not each.is_history} == {
        "audit_accessevent": "at",
        "audit_trailreview": "reviewed_at",
        "audit_clockturn": "found_at",
        "audit_maskedcell": "at",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("rows", [1, 3, 4, 6, 8])
def test_rows_are_read_page_by_page_each_once_and_in_order(monkeypatch, rows):
    """Three rows at a time: fewer than a page, whole pages, and pages with a rest."""
    monkeypatch.setattr(sealed_rows, "FETCH", 3)
    with acting(system="test"):
        Trial.objects.bulk_create(Trial(slug=f"t{number}") for number in range(rows))
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "trials_historicaltrial")
    keys = list(Trial.history.order_by("history_id").values_list("history_id", flat=True))
    read = sealed_rows.sealed_rows(table, table.columns, after=keys[0] - 1, until=keys[-1])

    assert len(keys) == rows
    assert [key for key, _leaf in read] == keys


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{"é": 2, "a": ["x", 1.0]}, {"a": ["x", 1], "é": 2.0}])
def test_the_text_of_a_row_does_not_depend_on_how_it_was_written(values):
    """AUD-07: a whole second, a whole number, an accent, and the order of the keys."""
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "patients_historicalrecord")
    row = tracked_rows.fixed_history(table.model)
    row.values, row.history_date = values, datetime(2021, 3, 1, 12, tzinfo=UTC)
    tracked_rows.store_in_history(row)
    columns = ["history_date", "values", "history_id"]
    ((_, leaf),) = sealed_rows.sealed_rows(table, columns, after=row.pk - 1, until=row.pk)
    text = f'["{table.name}","2021-03-01 12:00:00.000000",{{"a":["x",1],"é":2}},{row.pk}]'

    assert leaf == merkle.leaf(text.encode())


@pytest.mark.django_db
@pytest.mark.parametrize(("microsecond", "text"), [(0, "000000"), (120_000, "120000"), (123_456, "123456")])
def test_a_time_is_hashed_to_the_microsecond(microsecond, text):
    """AUD-07."""
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "patients_historicalrecord")
    row = tracked_rows.fixed_history(table.model)
    row.history_date = datetime(2021, 3, 1, 12, 0, 0, microsecond, tzinfo=UTC)
    tracked_rows.store_in_history(row)
    read = sealed_rows.sealed_rows(table, ["history_date", "history_id"], after=row.pk - 1, until=row.pk)
    ((_, leaf),) = read

    assert leaf == merkle.leaf(f'["{table.name}","2021-03-01 12:00:00.{text}",{row.pk}]'.encode())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kg", "text"),
    [("100", "100"), ("82.40", "82.4"), ("80.00", "80"), ("30.05", "30.05"), ("82.10", "82.1"), (None, None)],
)
def test_a_number_is_hashed_without_the_zeros_at_its_end(kg, text):
    """AUD-07: 100 keeps its own zeros; PostgreSQL stores 80 as 80.00."""
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "dosing_historicalinfusion")
    row = tracked_rows.fixed_history(table.model)
    row.weight_kg = kg and Decimal(kg)
    tracked_rows.store_in_history(row)
    ((_, leaf),) = sealed_rows.sealed_rows(table, ["weight_kg", "history_id"], after=row.pk - 1, until=row.pk)

    assert leaf == merkle.leaf(json.dumps([table.name, text, row.pk], separators=(",", ":")).encode())


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_the_root_is_that_of_the_recursive_definition(contents):
    """RFC 6962 §2.1."""
    tree = merkle.Tree()
    for content in contents:
        tree.add(merkle.leaf(content))

    assert tree.root() == by_definition(contents)


def by_definition(contents):
    if not contents:
        return hashlib.sha256(b"").digest()
    if len(contents) == 1:
        return hashlib.sha256(b"\x00" + contents[0]).digest()
    k = 1
    while k * 2 < len(contents):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(contents[:k]) + by_definition(contents[k:])).digest()


@given(st.sets(st.integers(1, 2**40), min_size=1, max_size=30).map(sorted))
def test_the_keys_of_a_part_are_kept_whatever_gaps_they_have(keys):
    part = SealedPart(first_id=keys[0], last_id=keys[-1], ids=seals.packed_ids(keys))
    assert seals.unpacked_ids(part) == keys
    consecutive = keys[-1] - keys[0] == len(keys) - 1
    assert len(part.ids) == (0 if consecutive else 8 * len(keys))


def test_the_leaf_of_a_part_can_be_recomputed():
    """docs/audit.md: whoever checks a seal elsewhere builds the same text."""
    part = SealedPart(
        table="t", columns=["id"], first_id=1, last_id=3, rows=2, root="00", ids=b"\x01\x03", leaves=b"\x02"
    )
    told = {
        "table": "t", "columns": ["id"], "first_id": 1, "last_id": 3, "rows": 2, "root": "00",
        "ids": b"\x01\x03", "leaves": b"\x02",
    }  # fmt: skip
    assert seals.part_digest(part) == merkle.leaf(canonical(told).encode())


def test_consecutive_keys_need_no_list():
    for keys in ([1], [7, 8, 9], [7, 9], [1, 2, 4]):
        part = SealedPart(first_id=keys[0], last_id=keys[-1], ids=seals.packed_ids(keys))
        assert (seals.unpacked_ids(part), bool(part.ids)) == (keys, len(keys) != keys[-1] - keys[0] + 1)
