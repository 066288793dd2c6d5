"""What is due is started once, however often and on however many machines `due` is called."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from operation import due
from operation.models import DueRun

pytestmark = pytest.mark.django_db

NIGHT = datetime(2026, 9, 15, 2, 0, tzinfo=UTC)
called: list[str] = []


def work() -> str:
    called.append("work")
    return "done"


def broken() -> str:
    called.append("broken")
    raise RuntimeError("the tape is full")


def slow() -> str:
    called.append("slow")
    time.sleep(1)
    return "slept"


@pytest.fixture(autouse=True)
def _nothing_called():
    called.clear()


@pytest.fixture
def nightly(settings):
    """A work of each night at two."""
    settings.DUE = [("nightly", timedelta(days=1), timedelta(hours=2), f"{__name__}.work")]


def at(moment: datetime) -> list[str]:
    return [outcome.name for outcome in due.run_due(now=moment)]


def test_work_is_started_once_in_its_period(nightly):
    assert at(NIGHT) == ["nightly"]
    assert [at(NIGHT + timedelta(minutes=minute)) for minute in (1, 2, 600)] == [[], [], []]
    assert at(NIGHT + timedelta(days=1) - timedelta(seconds=1)) == []
    assert at(NIGHT + timedelta(days=1)) == ["nightly"]
    assert called == ["work", "work"]


def test_a_night_in_which_the_machine_was_off_is_caught_up_once(nightly):
    at(NIGHT)
    late = NIGHT + timedelta(days=3, hours=7)
    assert at(late) == ["nightly"]
    assert at(late + timedelta(minutes=1)) == []


def test_work_that_failed_is_tried_again_after_ten_minutes_and_says_why(settings):
    settings.DUE = [("nightly", timedelta(days=1), timedelta(hours=2), f"{__name__}.broken")]
    (outcome,) = due.run_due(now=NIGHT)
    assert (outcome.failed, outcome.said) == (True, "RuntimeError: the tape is full")
    assert at(NIGHT + timedelta(minutes=9)) == []
    assert at(NIGHT + timedelta(minutes=10)) == ["nightly"]
    run = DueRun.objects.get()
    assert (run.failed, run.succeeded_at) == (True, None)


def test_a_failure_does_not_keep_other_work_from_running(settings):
    settings.DUE = [
        ("first", timedelta(minutes=1), timedelta(), f"{__name__}.broken"),
        ("second", timedelta(minutes=1), timedelta(), f"{__name__}.work"),
    ]
    assert [outcome.failed for outcome in due.run_due(now=NIGHT)] == [True, False]


def test_a_run_that_was_killed_is_started_again(nightly):
    """Its lock went with the process; its row says that it never ended."""
    DueRun.objects.create(name="nightly", started_at=NIGHT)
    assert at(NIGHT + timedelta(minutes=5)) == []
    assert at(NIGHT + timedelta(minutes=10)) == ["nightly"]


def test_a_clock_that_ran_back_does_not_stop_the_work(nightly):
    DueRun.objects.create(name="nightly", started_at=NIGHT + timedelta(days=400), ended_at=NIGHT)
    assert at(NIGHT) == ["nightly"]


def test_what_was_not_started_is_named(nightly):
    """Nobody notices a timer that was never enabled."""
    assert [work.name for work, _run in due.overdue(NIGHT)] == ["nightly"]
    at(NIGHT)
    assert list(due.overdue(NIGHT + timedelta(days=1))) == []
    assert [work.name for work, _run in due.overdue(NIGHT + timedelta(days=2, minutes=1))] == ["nightly"]


def test_the_registered_work_of_this_system_runs_and_says_what_it_did(trial, tmp_path, settings, capsys):
    settings.BACKUP_DIR = None
    call_command("due")
    said = capsys.readouterr().out
    assert "seal: no row waits too long for its seal" in said
    assert "backup: STROMA_BACKUP_DIR names no folder" in said
    assert {run.name for run in DueRun.objects.filter(failed=False)} == {
        work.name for work in due.registered()
    }
    call_command("due")
    assert "backup" not in capsys.readouterr().out


def test_unknown_work_is_refused_with_the_names_that_there_are():
    with pytest.raises(
        CommandError, match="one of seal, trail index, verification, clock, protocol versions, backup"
    ):
        call_command("due", now="bakcup")


def test_one_process_alone_does_the_work(settings):
    """While it is done, a second call of this or another machine leaves it alone."""
    settings.DUE = [("slow", timedelta(minutes=1), timedelta(), f"{__name__}.slow")]
    with due._alone("slow") as mine:
        assert mine
        assert due.run_due(now=timezone.now()) == []
        with due._alone("slow") as second:
            assert not second
    assert at(timezone.now()) == ["slow"]
