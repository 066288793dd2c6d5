"""Tampering with the trail is found, and the place is named (REL-07)."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from django.core.management import CommandError, call_command

from audit import events, triggers
from audit.context import acting
from audit.models import AccessEvent, Seal, SealedPart, Signature, TrailReview
from audit.sealing import seal_files, sealed_rows, seals
from audit.sealing.verification import Tally, findings
from audit.signatures import sign
from patients.models import Record
from tests.support import build
from tests.support.database import tracked_rows
from tests.support.study.sealed_trail import found, history_ids, tamper, trials
from trials.models import Trial

pytestmark = pytest.mark.usefixtures("any_value")


@pytest.fixture
def seal(django_capture_on_commit_callbacks):
    """Seal as a separate process would: the head is written to the seal file after the commit."""

    def now(reason: str = "test") -> Seal | None:
        with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
            return seals.seal(reason=reason)

    return now


def test_a_sealed_trail_is_whole(seal):
    """AUD-07."""
    trials("one", "two")
    assert found() == []
    first = seal()
    trials("three")
    second = seal()
    tally = Tally()

    assert list(findings(tally)) == []
    assert (second.number, second.previous_head) == (first.number + 1, first.head)
    assert tally.seals == 2
    assert tally.newer == 0
    assert tally.rows == first.rows + second.rows
    assert seal() is None


def test_in_a_trail_without_a_seal_nothing_is_counted_but_what_is_new():
    trials("one")
    tally = Tally()
    assert list(findings(tally)) == []
    assert (tally.seals, tally.rows, tally.signatures, tally.files, tally.notes) == (0, 0, 0, 0, [])
    assert tally.newer > 0


def test_rows_newer_than_the_last_seal_are_counted(seal):
    trials("one")
    seal()
    trials("two", "three")
    tally = Tally()
    list(findings(tally))

    assert tally.newer == 2


@pytest.mark.parametrize("column", ["slug", "history_user_name", "history_date", "history_change_reason"])
def test_an_altered_row_is_named(seal, column):
    trials("one", "two", "three")
    seal()
    value = "2020-01-01 00:00:00+00:00" if column == "history_date" else "altered"
    tamper(
        f'UPDATE trials_historicaltrial SET "{column}" = %s WHERE history_id = %s', value, history_ids()[1]
    )

    assert found()[0] == f"trials_historicaltrial {history_ids()[1]}: was altered"


def test_a_removed_row_is_named(seal):
    trials("one", "two", "three")
    seal()
    ids = history_ids()
    tamper("DELETE FROM trials_historicaltrial WHERE history_id = %s", ids[1])

    assert found()[0] == f"trials_historicaltrial {ids[1]}: was removed"


def test_the_first_of_several_bad_rows_is_named_first(seal):
    trials("one", "two", "three", "four")
    seal()
    ids = history_ids()
    tamper("DELETE FROM trials_historicaltrial WHERE history_id = %s", ids[1])
    tamper("UPDATE trials_historicaltrial SET slug = 'x' WHERE history_id = %s", ids[2])

    assert [each for each in found() if each.startswith("trials_historicaltrial ")] == [
        f"trials_historicaltrial {ids[1]}: was removed",
        f"trials_historicaltrial {ids[2]}: was altered",
    ]


def test_a_removed_row_says_nothing_of_the_list_of_hashes(seal):
    trials("one", "two", "three")
    seal()
    ids = history_ids()
    tamper("DELETE FROM trials_historicaltrial WHERE history_id = %s", ids[2])

    assert [each for each in found() if each.startswith("trials_historicaltrial ")] == [
        f"trials_historicaltrial {ids[2]}: was removed"
    ]


@pytest.mark.parametrize("kept", [0, 16])
def test_a_list_of_hashes_that_does_not_fit_its_rows_is_named_and_the_other_tables_are_read(seal, kept):
    """AUD-07: it is shorter than the part says."""
    trials("one", "two", "three")
    with acting(system="test"):
        events.record(kind="exported", detail={"rows": 1})
    seal()
    part = SealedPart.objects.get(table="trials_historicaltrial")
    with triggers.lifted():
        SealedPart.objects.filter(pk=part.pk).update(leaves=bytes(part.leaves)[:kept])
    tamper("UPDATE audit_accessevent SET detail = '{}' WHERE kind = 'exported'")
    event = AccessEvent.objects.get(kind="exported")

    assert found() == [
        "seal 1: its parts were altered, removed or added to",
        f"trials_historicaltrial {part.first_id} to {part.last_id}: the list of their hashes was altered",
        f"audit_accessevent {event.pk}: was altered",
    ]


def copy_row(source: int, key: int) -> None:
    names = [field.column for field in Trial.history.model._meta.concrete_fields if not field.primary_key]
    listed = ", ".join(f'"{name}"' for name in names)
    tamper(
        f"INSERT INTO trials_historicaltrial (history_id, {listed}) "
        f"SELECT {key}, {listed} FROM trials_historicaltrial WHERE history_id = {source}"
    )


def test_a_row_inserted_between_sealed_rows_is_named(seal):
    """In a gap that a rolled-back transaction left, and before the first row."""
    trials("one", "two")
    ids = history_ids()
    copy_row(ids[1], ids[1] + 5)
    seal()
    copy_row(ids[0], ids[1] + 2)
    copy_row(ids[0], -3)

    assert found()[:2] == [
        "trials_historicaltrial -3: was inserted before what was sealed first",
        f"trials_historicaltrial {ids[1] + 2}: was inserted",
    ]


def test_rows_inserted_before_the_first_are_named_in_the_order_of_their_keys(seal):
    trials("one", "two")
    seal()
    for key in (-1, -3, -2):
        copy_row(history_ids()[-1], key)

    assert found()[:3] == [
        f"trials_historicaltrial {key}: was inserted before what was sealed first" for key in (-3, -2, -1)
    ]


def test_a_row_inserted_directly_before_the_first_is_named_once(seal):
    trials("one", "two")
    seal()
    first = history_ids()[0]
    copy_row(first, first - 1)

    assert [each for each in found() if each.startswith(f"trials_historicaltrial {first - 1}:")] == [
        f"trials_historicaltrial {first - 1}: was inserted before what was sealed first"
    ]


def test_a_row_inserted_between_two_seals_is_named(seal):
    trials("one", "two")
    ids = history_ids()
    seal()
    copy_row(ids[1], ids[1] + 5)
    seal()
    copy_row(ids[0], ids[1] + 2)

    assert found()[0] == f"trials_historicaltrial {ids[1] + 2}: was inserted"


def test_swapped_rows_are_named(seal):
    trials("one", "two")
    seal()
    ids = history_ids()
    for old, new in ((ids[0], -1), (ids[1], ids[0]), (-1, ids[1])):
        tamper("UPDATE trials_historicaltrial SET history_id = %s WHERE history_id = %s", new, old)

    assert found()[0] == f"trials_historicaltrial {ids[0]}: was altered"


def test_an_altered_seal_is_named(seal):
    trials("one")
    seal()
    trials("two")
    seal()
    tamper("UPDATE audit_seal SET rows = rows + 1 WHERE number = 2")
    assert found()[0] == "seal 2: its parts were altered, removed or added to"
    tamper("UPDATE audit_seal SET rows = rows - 1, reason = 'other' WHERE number = 2")
    assert found()[0] == "seal 2: was altered"
    tamper("DELETE FROM audit_sealedpart WHERE seal_id IN (SELECT id FROM audit_seal WHERE number = 1)")
    tamper("DELETE FROM audit_seal WHERE number = 1")
    assert found()[0] == "seal 2: seal 1 before it is gone"


def replace_head(number: int, **columns: str) -> None:
    """Give a seal other columns, the head that follows from them, and that head in the seal file."""
    one = Seal.objects.get(number=number)
    old = seal_files.file_line(one)
    for name, value in columns.items():
        setattr(one, name, value)
    one.head = seals.seal_head(one)
    with triggers.lifted():
        Seal.objects.filter(pk=one.pk).update(**columns, head=one.head)
    path = Path(settings.SEAL_FILE)
    path.write_text(path.read_text().replace(old, seal_files.file_line(one)))


@pytest.mark.parametrize("before", ["", "0" * 64])
def test_a_seal_that_does_not_follow_the_one_before_it_is_named(seal, before):
    """AUD-07: its own hash and its line in the file are right; only the chain shows that it was put there."""
    for slug in ("one", "two", "three"):
        trials(slug)
        seal()
    replace_head(2, previous_head=before)

    assert found() == ["seal 2: does not follow from the seal before it"]


def test_a_seal_made_anew_does_not_carry_the_one_after_it(seal):
    """AUD-07: whoever writes the first seal and its line again leaves the second without its predecessor."""
    for slug in ("one", "two"):
        trials(slug)
        seal()
    replace_head(1, reason="another")

    assert found() == ["seal 2: does not follow from the seal before it"]


def test_a_column_that_is_gone_is_named_and_the_other_tables_are_read(seal, monkeypatch):
    """AUD-07: what was sealed in it can no longer be compared."""
    trials("one")
    with acting(system="test"):
        events.record(kind="exported", detail={"rows": 1})
    seal()
    meta = Trial.history.model._meta
    kept = tuple(field for field in meta.concrete_fields if field.column != "recruiting")
    monkeypatch.setattr(meta, "concrete_fields", kept)
    tamper("UPDATE audit_accessevent SET detail = '{}'")
    told = [each for each in found() if not each.startswith("trigger ")]

    assert "trials_historicaltrial: the column 'recruiting' is gone: what was sealed cannot be read" in told
    assert any(each.startswith("audit_accessevent ") and each.endswith("was altered") for each in told)


def test_a_row_altered_together_with_its_sealed_hash_is_found(seal):
    """The hashes stored with the seal only locate the row; the root proves the change."""
    trials("one", "two")
    seal()
    table = next(t for t in sealed_rows.sealed_tables() if t.name == "trials_historicaltrial")
    tamper("UPDATE trials_historicaltrial SET slug = 'x' WHERE slug = 'one'")
    part = SealedPart.objects.get(table=table.name)
    fresh = sealed_rows.sealed_rows(table, part.columns, after=0, until=part.last_id)
    packed = b"".join(leaf[: seals.PREFIX_BYTES] for _, leaf in fresh)
    with triggers.lifted():
        SealedPart.objects.filter(pk=part.pk).update(leaves=packed)

    assert found()[0] == "seal 1: its parts were altered, removed or added to"


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE trials_trial SET recruiting = NOT recruiting", "differs from its newest history row"),
        ("DELETE FROM trials_trial", "is gone without a trace"),
        ("DELETE FROM trials_historicaltrial", "has no history"),
    ],
)
def test_a_live_row_that_its_history_does_not_explain_is_named(sql, problem):
    """AUD-14: also before any seal."""
    (trial,) = trials("one")
    tamper(sql)

    assert found() == [f"trials_trial {trial.pk}: {problem}"]


def test_an_altered_access_event_or_review_is_named(seal):
    with acting(system="test"):
        events.record(kind="exported", detail={"rows": 1})
        review = tracked_rows.stored(TrailReview)
    seal()
    tamper("UPDATE audit_accessevent SET kind = 'printed' WHERE kind = 'exported'")
    tamper("UPDATE audit_trailreview SET conclusion = 'nothing'")
    event = AccessEvent.objects.get(kind="printed")

    assert found() == [
        f"audit_accessevent {event.pk}: was altered",
        f"audit_trailreview {review.pk}: was altered",
    ]


def test_a_signature_moved_to_another_row_is_named():
    """P11-14."""
    by = build.user("investigator")
    with acting(system="test"):
        one, two = tracked_rows.stored(Record), tracked_rows.stored(Record)
    with acting(user=by, role="investigator"):
        signature = sign(target=one, meaning="review", password=build.PASSWORD, by=by)
    tamper("UPDATE audit_signature SET target_id = %s", two.pk)

    assert f"signature {signature.pk} on patients.record {two.pk}: Altered or moved: " in "\n".join(found())
    assert Signature.objects.count() == 1


def test_signatures_are_counted_and_those_that_were_altered_are_named_in_order():
    """P11-14: a valid signature, and one that a change took away, are no findings."""
    by = build.user("investigator")
    with acting(system="test"):
        rows = [tracked_rows.stored(Record) for _ in range(4)]
    with acting(user=by, role="investigator"):
        signed = [sign(target=row, meaning="review", password=build.PASSWORD, by=by) for row in rows]
        Record.objects.filter(pk=rows[0].pk).update(values={"changed": "1"})
    tally = Tally()

    assert [str(each) for each in findings(tally) if each.place.startswith("signature ")] == []
    assert tally.signatures == 4
    assert Signature.objects.get(pk=signed[0].pk).invalidated_at is not None
    tamper("UPDATE audit_signature SET meaning = 'approval' WHERE id IN (%s, %s)", signed[1].pk, signed[3].pk)
    told = [each.place for each in findings(Tally()) if each.place.startswith("signature ")]
    assert told == [f"signature {signed[at].pk} on patients.record {rows[at].pk}" for at in (1, 3)]


def test_a_missing_trigger_is_named(seal):
    """AUD-06."""
    triggers.remove()
    try:
        assert found()[0].endswith("is missing, changed or switched off")
    finally:
        triggers.install()


def test_the_command_says_what_is_wrong_and_exits_1(seal):
    trials("one", "two")
    seal()
    out = StringIO()
    call_command("verify_trail", stdout=out)
    assert out.getvalue().startswith("The trail is whole: 1 seals over ")
    tamper("UPDATE trials_historicaltrial SET slug = 'x'")
    with pytest.raises(CommandError, match=r"trials_historicaltrial \d+: was altered") as refused:
        call_command("verify_trail", stdout=out)
    assert refused.value.returncode == 1
    with pytest.raises(CommandError, match="4 findings"):
        call_command("verify_trail", "--all", stdout=out, stderr=StringIO())


def test_many_rows_take_several_parts_and_seals(seal, monkeypatch):
    monkeypatch.setattr(seals, "PART_ROWS", 3)
    monkeypatch.setattr(seals, "SEAL_ROWS", 7)
    with acting(system="test"):
        Trial.objects.bulk_create(Trial(slug=f"t{n}") for n in range(20))
    seal()

    assert found() == []
    assert Seal.objects.count() > 2
    assert max(SealedPart.objects.values_list("rows", flat=True)) == 3


def test_a_clock_that_went_backwards_is_an_event(seal):
    """AUD-08, REL-10."""
    trials("one")
    seal()
    trials("two")
    with time_machine.travel(datetime(2020, 1, 1, tzinfo=UTC)):
        seal()

    assert AccessEvent.objects.filter(kind="clock").exists()
    assert found() == []
