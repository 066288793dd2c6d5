"""What a seal holds: its parts, its place in the chain, and its line in the file outside the database (AUD-07)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.db import connection, transaction

from audit import events, triggers
from audit.context import acting
from audit.models import AccessEvent, Seal, SealedPart
from audit.sealing import seal_files, sealed_rows, seals, verification
from audit.sealing.verification import Tally, findings
from tests.support.study.sealed_trail import trials, upgraded
from trials.models import Trial

pytestmark = pytest.mark.usefixtures("any_value")


@pytest.fixture
def seal(django_capture_on_commit_callbacks):
    """Seal as a separate process would: the head is written to the seal file after the commit."""

    def now(reason: str = "test") -> Seal | None:
        with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
            return seals.seal(reason=reason)

    upgraded()
    now("installation")  # the events of the migration
    return now


def lines() -> list[str]:
    from django.conf import settings

    path = Path(settings.SEAL_FILE)
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_each_seal_follows_the_one_before_it(seal):
    assert seal() is None
    begun = Seal.objects.get()
    trials("one", "two")
    first = seal("daily")
    trials("three")
    second = seal("release")

    assert [(one.number, one.rows, one.reason) for one in (first, second)] == [
        (2, 2, "daily"),
        (3, 1, "release"),
    ]
    assert (begun.previous_head, first.previous_head, second.previous_head) == ("", begun.head, first.head)
    assert [one.head for one in (first, second)] == [seals.seal_head(one) for one in (first, second)]
    assert [one.root for one in (first, second)] == [
        seals.seal_root(list(one.parts.order_by("pk"))) for one in (first, second)
    ]
    assert lines() == [
        f"{one.number} {one.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ} {one.head}" for one in (begun, first, second)
    ]
    assert seal() is None
    assert Seal.objects.count() == 3


def test_a_part_holds_the_beginning_of_each_row_hash(seal):
    trials("one", "two", "three")
    seal()
    part = SealedPart.objects.get(table="trials_historicaltrial")
    keys = list(Trial.history.order_by("history_id").values_list("history_id", flat=True))

    assert (part.table, part.rows) == ("trials_historicaltrial", 3)
    assert (part.first_id, part.last_id) == (keys[0], keys[-1])
    assert len(bytes(part.leaves)) == 3 * 16
    assert seals.sealed_up_to()["trials_historicaltrial"] == keys[-1]
    assert seals.high_water_marks()["trials_historicaltrial"] == keys[-1]
    assert seals.high_water_marks()["patients_historicalpatient"] == 0


def test_many_rows_are_divided_among_parts_and_seals(seal, monkeypatch):
    """Of twenty rows, at most three per part and seven per seal."""
    begun = seals.Seal.objects.count()
    monkeypatch.setattr(seals, "PART_ROWS", 3)
    monkeypatch.setattr(seals, "SEAL_ROWS", 7)
    trials(*(f"t{number}" for number in range(20)))
    last = seal()

    assert last.number == begun + 3
    parts = [
        one.parts.order_by("pk").values_list("rows", flat=True)
        for one in Seal.objects.order_by("number")[begun:]
    ]
    assert [list(rows) for rows in parts] == [[3, 3, 1], [3, 3, 1], [3, 3]]
    assert len(lines()) == begun + 3


def test_a_part_and_a_seal_have_their_usual_sizes():
    """docs/audit.md: tampering is located within 2,048 rows."""
    assert (seals.PART_ROWS, seals.SEAL_ROWS, seals.PREFIX_BYTES) == (2048, 10240, 16)


def test_a_row_that_was_rolled_back_leaves_a_gap_and_the_rest_is_sealed(seal):
    trials("one")
    with acting(system="test"), transaction.atomic():
        Trial.objects.create(slug="never")
        transaction.set_rollback(True)
    trials("two")
    assert seal().rows == 2
    assert seal() is None


def test_two_processes_that_seal_the_same_rows_make_one_seal(seal, django_capture_on_commit_callbacks):
    """The second one has read its rows, and finds them sealed under the lock."""
    trials("one")
    read_by_the_second = list(seals._unsealed(seals.high_water_marks()))
    first = seal()
    with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
        assert seals._store(read_by_the_second, "late") is None

    assert Seal.objects.order_by("number").last() == first
    assert len(lines()) == Seal.objects.count() == 2


def test_rows_that_another_process_sealed_in_part_are_read_again(seal):
    """The second process has also read a row and a table that the first one has not."""
    trials("one")
    marks = seals.high_water_marks()
    trials("two")
    with acting(system="test"):
        events.record(kind="exported", detail={"rows": 1})
    read_by_the_second = list(seals._unsealed(seals.high_water_marks()))
    with acting(system="seal"):
        assert seals._store(list(seals._unsealed(marks)), "first").rows == 1
        assert seals._store(read_by_the_second, "late") is None

    assert [len(part.keys) for part in read_by_the_second] == [2, 1]
    assert seal().rows == 2


def test_the_last_seal_that_was_made_is_returned_though_another_process_sealed_the_rest(seal, monkeypatch):
    """Ten rows take two seals; another process makes the second one while this one waits for its turn."""
    monkeypatch.setattr(seals, "SEAL_ROWS", 7)
    trials(*(f"t{number}" for number in range(10)))
    lock, turns = seals.clock.lock_sealing, list[int]()

    def lock_after_the_other() -> None:
        turns.append(1)
        if len(turns) == 2:
            seals._store(list(seals._unsealed(seals.high_water_marks())), "other")
        lock()

    monkeypatch.setattr(seals.clock, "lock_sealing", lock_after_the_other)
    made = seal("ours")

    assert (made.rows, made.reason) == (7, "ours")
    assert list(Seal.objects.order_by("number").values_list("rows", "reason"))[-2:] == [
        (7, "ours"),
        (3, "other"),
    ]


def test_a_mark_above_the_last_row_seals_nothing(seal):
    """A transaction took the keys and was rolled back."""
    marks = {table: mark + 3 for table, mark in seals.high_water_marks().items()}
    assert list(seals._unsealed(marks)) == []


def test_a_seal_that_is_rolled_back_leaves_no_line_in_the_file():
    trials("one")
    with acting(system="seal"), transaction.atomic():
        seals.seal(reason="test")
        transaction.set_rollback(True)
    assert Seal.objects.count() == 0
    assert lines() == []


@pytest.mark.django_db(transaction=True)
class TestOutsideATransaction:
    """As the command and the nightly task seal."""

    def sealed(self, slug: str) -> Seal | None:
        trials(slug)
        with acting(system="seal"):
            return seals.seal(reason="test")

    def test_a_seal_first_adds_the_lines_that_the_file_lacks(self, settings):
        for slug in ("one", "two", "three"):
            self.sealed(slug)
        path, kept = Path(settings.SEAL_FILE), lines()
        path.write_text(f"{kept[0]}\n", encoding="utf-8")
        last = self.sealed("four")

        assert lines() == [*kept, seal_files.file_line(last)]
        assert not AccessEvent.objects.filter(kind="seal_file").exists()

    def test_nothing_is_sealed_while_the_file_contradicts_the_database(self, settings):
        self.sealed("one")
        path = Path(settings.SEAL_FILE)
        path.write_text(path.read_text(encoding="utf-8").replace("1 ", "7 ", 1), encoding="utf-8")
        with pytest.raises(seal_files.SealBroken, match=r"older than its seals by 1: .* goes on to seal 7"):
            self.sealed("two")
        assert Seal.objects.count() == 1

    def test_an_empty_file_before_the_first_seal_is_no_event(self):
        self.sealed("one")
        assert not AccessEvent.objects.filter(kind="seal_file").exists()


def test_a_file_whose_last_seal_is_another_one_is_refused(seal, settings):
    trials("one")
    seal()
    path = Path(settings.SEAL_FILE)
    kept = path.read_text()
    for wrong, sentence in (
        (kept.replace("2 ", "3 ", 1), "older than its seals by 1"),
        (kept.strip()[:-1] + "x\n", r"Seal \d of .* is not the one in the database"),
    ):
        path.write_text(wrong)
        with pytest.raises(seal_files.SealBroken, match=sentence):
            seal_files.catch_up_file()
        assert path.read_text() == wrong


def test_the_file_is_made_with_its_folder_when_there_is_something_to_write(settings, tmp_path):
    settings.SEAL_FILE = tmp_path / "far" / "away" / "seals.log"
    seal_files.append_to_file([])
    assert not settings.SEAL_FILE.exists()
    assert seal_files.read_file() == {}
    seal_files.append_to_file(["1 a b"])
    seal_files.append_to_file(["1 a b", "2 é c"])
    assert settings.SEAL_FILE.read_text(encoding="utf-8") == "1 a b\n1 a b\n2 é c\n"
    assert seal_files.read_file() == {1: "1 a b", 2: "2 é c"}


def test_a_seal_at_the_same_instant_is_no_clock_that_went_backwards(seal):
    """AUD-08: only an earlier time is recorded."""
    at = datetime(2030, 6, 10, 12, tzinfo=UTC)
    with time_machine.travel(at, tick=False):
        trials("one")
        seal()
        trials("two")
        seal()
    assert not AccessEvent.objects.filter(kind="clock").exists()
    with time_machine.travel(datetime(2030, 6, 10, 11, 59, tzinfo=UTC), tick=False):
        trials("three")
        seal()
    assert AccessEvent.objects.filter(kind="clock").count() == 1


def test_more_rows_than_are_read_at_once_are_sealed_and_verified_in_order(seal, monkeypatch):
    """Two rows, one part, one seal and one signature at a time: no row is read twice or left out."""
    monkeypatch.setattr(sealed_rows, "FETCH", 2)
    monkeypatch.setattr(verification, "PAGE", 1)
    monkeypatch.setattr(verification, "PARTS", 1)
    monkeypatch.setattr(seals, "PART_ROWS", 3)
    trials(*(f"t{number}" for number in range(8)))
    seal()
    tally = Tally()

    assert list(findings(tally)) == []
    assert tally.rows == sum(Seal.objects.values_list("rows", flat=True))
    keys = list(Trial.history.order_by("history_id").values_list("history_id", flat=True))
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE trials_historicaltrial SET slug = 'x' WHERE history_id IN (%s, %s)", [keys[1], keys[6]]
        )
    assert [str(finding) for finding in findings(Tally())][:2] == [
        f"trials_historicaltrial {key}: was altered" for key in (keys[1], keys[6])
    ]


def test_a_row_and_its_listed_hash_altered_together_are_told_by_the_root_of_the_part(seal):
    """AUD-07: the list of hashes only locates a row."""
    trials("one", "two")
    seal()
    part = SealedPart.objects.get(table="trials_historicaltrial")
    table = next(each for each in sealed_rows.sealed_tables() if each.name == part.table)
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute("UPDATE trials_historicaltrial SET slug = 'x' WHERE slug = 'one'")
        read = sealed_rows.sealed_rows(table, part.columns, after=part.first_id - 1, until=part.last_id)
        leaves = b"".join(leaf[: seals.PREFIX_BYTES] for _key, leaf in read)
        SealedPart.objects.filter(pk=part.pk).update(leaves=leaves)
    told = [str(finding) for finding in findings(Tally())]

    assert told[0].endswith("its parts were altered, removed or added to")
    assert told[1] == (
        f"trials_historicaltrial {part.first_id} to {part.last_id}: "
        "one of these rows was altered, and the list of their hashes too"
    )
