"""Sealing by time: under load each minute, else before a row has waited long (AUD-07)."""

from datetime import timedelta
from math import ceil
from pathlib import Path

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import clock
from audit.context import acting
from audit.models import AccessEvent, Seal
from audit.sealing import seal_files, seal_times, seals
from audit.sealing.seal_times import UNDER_LOAD, seal_if_due, waiting
from audit.sealing.sealed_rows import sealed_tables
from audit.sealing.verification import Tally, findings
from tests.support.study.sealed_trail import upgraded
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


@pytest.fixture(autouse=True)
def _begun(django_capture_on_commit_callbacks):
    """The events of the migration are sealed."""
    upgraded()
    with acting(system="seal"), django_capture_on_commit_callbacks(execute=True):
        seals.seal(reason="installation")


@pytest.fixture
def due(django_capture_on_commit_callbacks):
    def now() -> Seal | None:
        with django_capture_on_commit_callbacks(execute=True):
            return seal_if_due()

    return now


@pytest.fixture
def later(monkeypatch):
    """Let the clock that dates the rows go on."""

    def move(**by: float) -> None:
        real = clock.now_of_rows
        monkeypatch.setattr(clock, "now_of_rows", lambda: real() + timedelta(**by))

    return move


def trials(count: int = 1) -> None:
    with acting(system="test"):
        Trial.objects.bulk_create(Trial(slug=f"t{Trial.objects.count()}-{n}") for n in range(count))


def test_nothing_waits_and_nothing_is_sealed(due):
    assert waiting().oldest is None
    with CaptureQueriesContext(connection) as captured:
        assert due() is None
    assert not [query["sql"] for query in captured if query["sql"].startswith(("INSERT", "UPDATE"))]
    assert len(captured) <= 6 + ceil(len(sealed_tables()) / clock.AT_ONCE)


def test_a_row_waits_for_some_minutes_and_is_then_sealed(due, later, settings):
    trials()
    assert due() is None
    later(minutes=settings.SEAL_AFTER_MINUTES - 1)
    assert due() is None
    later(minutes=1)
    made = due()

    assert (made.rows, made.reason) == (1, "time")
    assert waiting().oldest is None


def test_under_load_rows_are_sealed_at_the_next_call(due):
    trials(UNDER_LOAD - 1)
    assert due() is None
    trials(1)
    assert due().rows == UNDER_LOAD


def test_the_oldest_row_tells_how_long_it_waits(later):
    trials()
    later(minutes=90)
    assert timedelta(minutes=90) <= waiting().age(clock.now_of_rows()) < timedelta(minutes=91)


def test_rows_dated_in_the_future_by_a_clock_that_was_set_back_are_sealed_at_once(due, later):
    """REL-10: their age is below nothing for hours."""
    trials()
    later(hours=-2)
    assert due().rows >= 1
    assert AccessEvent.objects.filter(kind="clock").count() == 1


def test_two_machines_that_call_at_once_make_one_seal(due, later):
    trials()
    later(hours=1)
    assert (due() is None, due() is None) == (False, True)


def test_the_command_seals_only_what_is_due(capsys):
    trials()
    call_command("seal", "--if-due")
    assert "Nothing new since the last seal." in capsys.readouterr().out


class TestASecondPlace:
    @pytest.fixture(autouse=True)
    def _copy(self, settings, tmp_path):
        self.folder = tmp_path / "elsewhere"
        self.folder.mkdir()
        settings.SEAL_COPIES = [str(self.folder)]

    def lines(self) -> list[str]:
        return (self.folder / "seals.log").read_text().splitlines()

    def heads(self) -> list[str]:
        return [seal_files.file_line(one) for one in Seal.objects.order_by("number")]

    def seal(self, capture) -> None:
        trials()
        seal_files.catch_up_files()
        with acting(system="seal"), capture(execute=True):
            seals.seal(reason="test")

    def test_each_head_is_appended_there_too(self, django_capture_on_commit_callbacks):
        self.seal(django_capture_on_commit_callbacks)
        assert self.lines() == self.heads()

    def test_an_unreachable_copy_stops_nothing_is_told_once_and_catches_up(
        self, django_capture_on_commit_callbacks
    ):
        """The folder is not made again: it is the mount point of another machine."""
        self.folder.rmdir()
        for _ in range(2):
            self.seal(django_capture_on_commit_callbacks)
        assert Seal.objects.count() == 3
        told = AccessEvent.objects.filter(kind="seal_copy").order_by("pk")
        assert [event.detail["written"] for event in told] == [False]
        assert len(seal_files.failing_copies()) == 1
        self.folder.mkdir()
        self.seal(django_capture_on_commit_callbacks)
        assert self.lines() == self.heads()
        assert [event.detail["written"] for event in told.all()] == [False, True]
        assert seal_files.failing_copies() == []

    def test_a_copy_convicts_whoever_rewrites_database_and_seal_file(
        self, settings, django_capture_on_commit_callbacks
    ):
        self.seal(django_capture_on_commit_callbacks)
        copy = self.folder / "seals.log"
        copy.write_text(copy.read_text().replace(self.heads()[-1][-4:], "0000"))

        assert [str(each) for each in findings(Tally())] == [f"seal 2: is not the one in copy {copy}"]

    def test_an_older_database_with_its_older_seal_file_is_told_by_the_copy(
        self, settings, django_capture_on_commit_callbacks
    ):
        """REL-07: a restored backup brings its own seal file along."""
        self.seal(django_capture_on_commit_callbacks)
        copy, newest = self.folder / "seals.log", self.heads()[-1].split(" ")[1]
        with copy.open("a") as file:
            file.write(f"3 {newest} {'a' * 64}\n4 {newest} {'b' * 64}\n")

        (told,) = findings(Tally())
        assert str(told) == (
            f"seal 3: the database is older than its seals by 2: copy {copy} goes on to seal 4 of {newest}. "
            "A restored backup looks like this, and so does a trail whose end was cut off"
        )
        with pytest.raises(seal_files.SealBroken, match="older than its seals by 2"):
            seal_files.catch_up_files()


class TestAHeadOnPaper:
    def test_the_last_head_is_printed_as_a_code(self, tmp_path, capsys):
        out = tmp_path / "head.svg"
        call_command("seal", "--qr", str(out))
        text = out.read_text()
        assert Seal.objects.order_by("-number")[0].head in text
        assert "<path" in text

    def test_a_printed_head_is_compared(self, capsys):
        line = seal_files.file_line(Seal.objects.get())
        call_command("verify_trail", "--head", line)
        for head, sentence in (
            (f"{line[:-4]}0000", "seal 1: is not the one in the head that you gave"),
            (
                line.replace("1 ", "7 ", 1),
                "the database is older than its seals by 1: the head that you gave",
            ),
            ("nonsense", "is no head"),
        ):
            with pytest.raises(CommandError, match=sentence):
                call_command("verify_trail", "--head", head)


class TestAMail:
    @pytest.fixture(autouse=True)
    def _address(self, settings):
        settings.SEAL_MAIL_TO = ["archive@hospital.example"]

    def test_the_newest_head_is_mailed_once_a_day(self, due, monkeypatch):
        due()
        due()
        (letter,) = mail.outbox
        assert seal_files.file_line(Seal.objects.order_by("number")[0]) in letter.body
        assert letter.to == ["archive@hospital.example"]
        trials(UNDER_LOAD)
        due()
        assert len(mail.outbox) == 1
        real = timezone.now
        monkeypatch.setattr(seal_times.timezone, "now", lambda: real() + timedelta(hours=25))
        due()
        assert seal_files.file_line(Seal.objects.order_by("-number").first()) in mail.outbox[-1].body

    def test_a_mail_that_fails_is_told_once_and_tried_again(self, due, monkeypatch):
        def refuse(*args, **options):
            raise ConnectionRefusedError("no mail server")

        with monkeypatch.context() as broken:
            broken.setattr(seal_times, "send_mail", refuse)
            due()
            due()
        assert [event.detail["written"] for event in AccessEvent.objects.filter(kind="seal_mailed")] == [
            False
        ]
        due()
        assert len(mail.outbox) == 1


def test_an_interval_of_more_than_an_hour_is_refused(tmp_path):
    """Rows without a seal are open to forgery."""
    import os
    import subprocess
    import sys

    for name, value, sentence in (
        ("SEAL_AFTER_MINUTES", "61", "use 1 to 60"),
        ("SEAL_MAIL_TO", "a@b.example", "needs a mail server"),
    ):
        refused = subprocess.run(
            [sys.executable, "-c", "import config.settings"],
            env={**os.environ, name: value}, capture_output=True, text=True, check=False,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
        assert sentence in refused.stderr
