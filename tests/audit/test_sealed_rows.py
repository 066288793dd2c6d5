"""Hashes under the seals: one canonical text per row on either database, and the Merkle tree over them."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle, sealed_rows, seals
from audit.context import acting
from audit.models import SealedPart
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
    row.save(force_insert=True)
    ((_, leaf),) = sealed_rows.sealed_rows(table, columns, after=row.pk - 1, until=row.pk)

    assert leaf.hex()[:8] == digest


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


def test_consecutive_keys_need_no_list():
    for keys in ([1], [7, 8, 9], [7, 9], [1, 2, 4]):
        part = SealedPart(first_id=keys[0], last_id=keys[-1], ids=seals.packed_ids(keys))
        assert (seals.unpacked_ids(part), bool(part.ids)) == (keys, len(keys) != keys[-1] - keys[0] + 1)
