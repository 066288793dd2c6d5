"""Copies of the seal file: where they lie, what is said when one cannot be written, and what an old database lacks."""

from pathlib import Path

import pytest
from django.conf import settings

from audit.context import acting
from audit.models import AccessEvent, Seal
from audit.sealing import seal_files, seals
from audit.sealing.verification import Tally, findings
from tests.support.study.sealed_trail import found, tamper, trials

pytestmark = pytest.mark.usefixtures("any_value")


@pytest.fixture
def sealed(django_capture_on_commit_callbacks) -> list[Seal]:
    """Three seals, whose lines are in the seal file."""
    for slug in ("one", "two", "three"):
        trials(slug)
        with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
            seals.seal(reason="test")
    return list(Seal.objects.order_by("number"))


def told() -> list[dict]:
    return list(AccessEvent.objects.filter(kind="seal_copy").order_by("pk").values_list("detail", flat=True))


def test_a_name_with_an_ending_is_a_file_and_any_other_a_folder(settings, tmp_path):
    settings.SEAL_COPIES = [str(tmp_path / "far.log"), str(tmp_path / "far")]
    assert seal_files.copies() == [tmp_path / "far.log", tmp_path / "far" / "seals.log"]


def test_a_copy_begun_later_gets_every_seal_and_is_no_lost_file(sealed, tmp_path):
    """AUD-07."""
    copy = tmp_path / "copy.log"
    with acting(system="test"):
        seal_files.catch_up_file(copy)

    assert copy.read_text() == Path(settings.SEAL_FILE).read_text()
    assert not AccessEvent.objects.filter(kind="seal_file").exists()


@pytest.mark.parametrize("written", ["catch_up", "add"])
def test_a_copy_that_cannot_be_written_is_told_once_and_again_when_it_works(
    sealed, settings, tmp_path, written
):
    """AUD-08: neither before a seal nor after it does a missing machine stop the sealing."""
    settings.SEAL_COPIES = [str(tmp_path / "away" / "copy.log")]
    place = str(tmp_path / "away" / "copy.log")
    with acting(system="test"):
        for _ in range(2):
            seal_files.catch_up_files() if written == "catch_up" else seal_files.add_line(sealed[-1])
        assert told() == [{"file": place, "written": False}]
        assert seal_files.failing_copies() == [place]
        (tmp_path / "away").mkdir()
        seal_files.catch_up_files()

    assert told()[1:] == [{"file": place, "written": True}]
    assert seal_files.failing_copies() == []


def test_a_seal_that_is_gone_while_a_later_one_stands_is_not_an_older_database(sealed):
    """AUD-07: the file ends with seal 2, which the database no longer has."""
    path = Path(settings.SEAL_FILE)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    tamper("DELETE FROM audit_sealedpart WHERE seal_id = %s", sealed[1].pk)
    tamper("DELETE FROM audit_seal WHERE id = %s", sealed[1].pk)
    with pytest.raises(seal_files.SealBroken, match=r"^Seal 2 of .* is not the one in the database$"):
        seal_files.catch_up_file()


def test_an_older_database_is_told_how_far_the_file_goes(sealed):
    lines = seal_files.read_file()
    time = lines[3].split(" ")[1]
    said = seal_files.older_than(1, lines, "the file")
    assert said.startswith(
        f"the database is older than its seals by 2: the file goes on to seal 3 of {time}."
    )
    assert seal_files.older_than(3, lines, "the file") == ""


def test_a_database_from_before_the_first_seal_is_an_older_one(sealed):
    """AUD-07: a backup of the first day was restored."""
    tamper("DELETE FROM audit_sealedpart")
    tamper("DELETE FROM audit_seal")
    with pytest.raises(seal_files.SealBroken, match=r"^the database is older than its seals by 3: "):
        seal_files.catch_up_file()


def test_of_two_copies_the_one_that_fails_is_named(sealed, settings, tmp_path):
    settings.SEAL_COPIES = [str(tmp_path / "away" / "copy.log"), str(tmp_path / "here.log")]
    with acting(system="test"):
        seal_files.catch_up_files()

    assert [each["file"] for each in told()] == [str(tmp_path / "away" / "copy.log")]
    assert seal_files.failing_copies() == [str(tmp_path / "away" / "copy.log")]
    assert len(seal_files.read_file(tmp_path / "here.log")) == 3


def test_a_copy_is_compared_though_the_seal_file_cannot_be_read(sealed, settings, tmp_path):
    """AUD-07: whoever rewrote the chain and spoilt the seal file is told by the copy."""
    path, copy = Path(settings.SEAL_FILE), tmp_path / "copy.log"
    settings.SEAL_COPIES = [str(copy)]
    copy.write_text(f"{path.read_text().strip()[:-4]}0000\n")
    with path.open("a") as file:
        file.write("spoilt\n")

    assert found() == [
        f"file of the heads: {path} has a line that is not one of ours: spoilt",
        f"seal 3: is not the one in copy {copy}",
    ]


@pytest.mark.parametrize("head", ["1 2026-03-01", "one 2026-03-01 head", "1 2026-03-01 head more", ""])
def test_a_head_that_is_not_number_time_and_hash_is_refused(head):
    with pytest.raises(seal_files.SealBroken, match="is no head: give number, time and hash"):
        list(findings(Tally(), heads=[head]))


@pytest.mark.parametrize("line", ["one 2026-03-01 head", "4 head", "4 2026-03-01 head and more", ""])
def test_a_line_that_is_not_number_time_and_head_is_refused(sealed, line):
    with Path(settings.SEAL_FILE).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(seal_files.SealBroken, match="has a line that is not one of ours"):
        seal_files.read_file()
