"""The file of the heads, outside the database: what it shows that the chain alone cannot (AUD-07)."""

from pathlib import Path

import pytest

from audit.context import acting
from audit.models import AccessEvent, Seal
from audit.sealing import seal_files, seals
from audit.sealing.verification import Tally, findings
from tests.support.study.sealed_trail import found, history_ids, tamper, trials

pytestmark = pytest.mark.usefixtures("any_value")


@pytest.fixture
def seal(django_capture_on_commit_callbacks):
    """Seal as a separate process would: the head is written to the seal file after the commit."""

    def now(reason: str = "test") -> Seal | None:
        with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
            return seals.seal(reason=reason)

    return now


def test_the_head_is_in_a_file_outside_the_database(seal, settings):
    """AUD-07: number, time and head of every seal, appended."""
    trials("one")
    one = seal()
    trials("two")
    two = seal()

    assert Path(settings.SEAL_FILE).read_text().splitlines() == [
        f"{seal.number} {seal.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ} {seal.head}" for seal in (one, two)
    ]


def test_a_tail_cut_off_or_a_restored_backup_is_named_by_the_external_head(seal):
    """AUD-07: the chain alone cannot show that its end is missing. The two look the same, and the message says so."""
    trials("one")
    seal()
    ids = history_ids()
    trials("two")
    last = seal()
    tamper("DELETE FROM audit_sealedpart WHERE seal_id = %s", last.pk)
    tamper("DELETE FROM audit_seal WHERE id = %s", last.pk)
    tamper("DELETE FROM trials_historicaltrial WHERE history_id > %s", ids[-1])
    tamper("DELETE FROM trials_trial WHERE slug = 'two'")

    (told,) = found()
    assert told == (
        f"seal {last.number}: the database is older than its seals by 1: file of the heads goes on to seal "
        f"{last.number} of {last.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ}. "
        "A restored backup looks like this, and so does a trail whose end was cut off"
    )
    with pytest.raises(seal_files.SealBroken, match="older than its seals by 1"):
        seal_files.catch_up_file()


def test_a_chain_written_again_is_not_that_of_the_file(seal):
    """AUD-07: all hashes match; only the seal file shows the change."""
    trials("one", "two")
    one = seal()
    tamper("UPDATE trials_historicaltrial SET history_user_name = 'nobody'")
    tamper("DELETE FROM audit_sealedpart")
    tamper("DELETE FROM audit_seal")
    with acting(system="forger"):
        seals.seal(reason="test")

    assert found() == [f"seal {one.number}: is not the one in the file of the heads"]


def test_a_line_in_the_file_that_is_not_ours_is_named(seal, settings):
    trials("one")
    seal()
    with Path(settings.SEAL_FILE).open("a") as file:
        file.write("1 something else\n")

    assert "has a line that is not one of ours" in found()[0]


@pytest.mark.parametrize("lost", [1, 5, 80, 94])
def test_a_line_that_a_full_disk_or_a_power_cut_broke_off_is_written_again(seal, settings, lost):
    """REL-02: nobody has to mend the file."""
    file = Path(settings.SEAL_FILE)
    trials("one")
    seal()
    trials("two")
    seal()
    kept = file.read_text()
    file.write_text(kept[:-lost])
    assert list(findings(Tally())) == []
    seal_files.catch_up_file()
    trials("three")
    three = seal()

    assert file.read_text() == f"{kept}{seal_files.file_line(three)}\n"


def test_a_file_that_lacks_a_seal_is_caught_up(seal, settings):
    """It was made on another machine, or this process stopped between the commit and the file."""
    trials("one")
    seal()
    trials("two")
    seal()
    kept = Path(settings.SEAL_FILE).read_text()
    Path(settings.SEAL_FILE).write_text(kept.splitlines(keepends=True)[0])
    tally = Tally()
    assert list(findings(tally)) == []
    assert tally.notes == ["Seal 2 is not in the file of the heads yet; the next seal adds it"]
    seal_files.catch_up_file()

    assert Path(settings.SEAL_FILE).read_text() == kept


def test_a_file_that_was_emptied_or_lost_a_line_is_a_finding(seal, settings):
    """AUD-07: without the seal file, a rebuilt chain would pass."""
    for slug in ("one", "two", "three"):
        trials(slug)
        seal()
    path = Path(settings.SEAL_FILE)
    first, _second, third = path.read_text().splitlines(keepends=True)

    path.write_text(first + third)
    assert found() == ["seal 2: is missing from the file of the heads, which has later ones"]
    path.write_text("")
    assert [each.partition(" is missing")[0] for each in found()] == [f"file of the heads: {path}"]
    path.unlink()
    assert len(found()) == 1


def test_a_rewritten_file_is_an_event(seal, settings):
    """AUD-07, AUD-08: whoever empties the seal file cannot have it filled again unnoticed."""
    for slug in ("one", "two"):
        trials(slug)
        seal()
    path = Path(settings.SEAL_FILE)
    kept = path.read_text()
    assert not AccessEvent.objects.filter(kind="seal_file").exists()

    path.write_text("")
    with acting(system="test"):
        seal_files.catch_up_file()
    assert path.read_text() == kept
    assert AccessEvent.objects.get(kind="seal_file").detail == {"seals": 2, "file": str(path)}
