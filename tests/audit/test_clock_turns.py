"""A clock that is set back: recorded, told, and the trail stays in the order of writing (REL-10)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from accounts.models import User
from audit import clock, triggers
from audit.context import acting
from audit.models import AccessEvent, ClockTurn, Seal
from audit.sealing import seals
from audit.trail_reading import reading
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import TrailPosition
from audit.trail_reading.sources import Filter
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db

NOON = datetime(2030, 6, 10, 12, tzinfo=UTC)
TEN = NOON - timedelta(hours=2)


@pytest.fixture(autouse=True)
def _one_clock(monkeypatch):
    """On PostgreSQL the rows are dated by hand, so the clock that is asked is the one of the test."""
    from django.utils import timezone

    monkeypatch.setattr(clock, "now_of_rows", timezone.now)


def written(trial: Trial, at: datetime, **change) -> int:
    """Change the trial at a moment; return the number of the history row."""
    with time_machine.travel(at, tick=False), acting(system="test"):
        Trial.objects.filter(pk=trial.pk).update(**change)
    number = trial.history.order_by("-history_id").values_list("history_id", flat=True)[0]
    if connection.vendor == "postgresql":
        with triggers.lifted(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE trials_historicaltrial SET history_date = %s WHERE history_id = %s", [at, number]
            )
    return number


def sealed(at: datetime) -> None:
    with time_machine.travel(at, tick=False), acting(system="seal"):
        seals.seal(reason="test")


@pytest.fixture
def study(trial):
    """A trial whose rows were all written long before."""
    with triggers.lifted(), connection.cursor() as cursor:
        for name in ("trials_historicaltrial", "accounts_historicaluser", "trials_historicaldelegation"):
            cursor.execute(f"UPDATE {name} SET history_date = %s", [datetime(2029, 1, 1, tzinfo=UTC)])
    return trial


def order(trial: Trial) -> list[int]:
    """Return the numbers of the trial's history rows as the trail page lists them, newest first, in pages of two."""
    found, after = list[int](), None
    while True:
        page = reading.page(
            Filter(trial_id=trial.pk, form="trials.trial"),
            may={"see_trail"},
            reader=Reader(language="en", zone="UTC"),
            after=after,
            size=2,
        )
        found += [entry.row.history_id for entry in page.entries]
        if page.next is None:
            return found
        after = TrailPosition.read(str(page.next))


def test_rows_written_after_a_clock_was_set_back_are_newer(study):
    """The clock is set back by two hours between the second and the third change; a seal finds it."""
    numbers = [
        written(study, NOON - timedelta(minutes=5), recruiting=False),
        written(study, NOON, recruiting=True),
    ]
    numbers += [
        written(study, TEN, recruiting=False),
        written(study, TEN + timedelta(minutes=1), recruiting=True),
        written(study, TEN + timedelta(minutes=2), recruiting=False),
    ]
    sealed(TEN + timedelta(minutes=3))
    turn = ClockTurn.objects.get()

    assert (turn.before, turn.after) == (NOON, TEN)
    assert turn.marks["trials_historicaltrial"] == numbers[1]
    assert order(study)[:5] == numbers[::-1]


def test_a_turn_without_a_row_since_is_found_by_the_clock_itself(study):
    numbers = [written(study, NOON, recruiting=False)]
    sealed(TEN)
    numbers += [written(study, TEN + timedelta(minutes=1), recruiting=True)]
    sealed(TEN + timedelta(minutes=2))

    assert ClockTurn.objects.count() == 1
    assert order(study)[:2] == numbers[::-1]


def test_a_table_without_a_row_in_the_lost_hours_is_cut_at_its_last_seal(study, trial):
    """Nothing was written there between ten and noon: only the seal at noon tells that its rows are newer."""
    written(study, NOON, recruiting=False)
    sealed(NOON)
    with acting(system="test"):
        person = build.user("monitor", trial=trial)
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_historicaluser SET history_date = %s WHERE id = %s", [TEN, person.pk])
        cursor.execute(
            "UPDATE trials_historicaldelegation SET history_date = %s WHERE user_id = %s", [TEN, person.pk]
        )
    first = person.history.get().history_id
    sealed(TEN + timedelta(minutes=1))

    assert ClockTurn.objects.get().marks["accounts_historicaluser"] < first


def test_two_turns_are_three_stretches(study):
    numbers = [written(study, NOON, recruiting=False)]
    sealed(NOON)
    numbers += [written(study, TEN, recruiting=True)]
    sealed(TEN + timedelta(minutes=1))
    numbers += [written(study, TEN - timedelta(hours=1), recruiting=False)]
    sealed(TEN - timedelta(minutes=59))
    numbers += [written(study, TEN - timedelta(minutes=58), recruiting=True)]

    assert ClockTurn.objects.count() == 2
    assert order(study)[:4] == numbers[::-1]


def test_a_clock_that_runs_forward_again_is_no_turn(study):
    written(study, NOON, recruiting=False)
    sealed(NOON)
    written(study, TEN, recruiting=True)
    sealed(TEN)
    written(study, NOON + timedelta(hours=1), recruiting=False)
    sealed(NOON + timedelta(hours=1))
    sealed(NOON + timedelta(hours=2))

    assert ClockTurn.objects.count() == 1


def test_some_seconds_are_no_turn(study):
    """Two machines, and two statements of one moment, differ by that."""
    written(study, NOON, recruiting=False)
    written(study, NOON - timedelta(seconds=4), recruiting=True)
    sealed(NOON + timedelta(seconds=1))

    assert not ClockTurn.objects.exists()


def test_rows_left_over_by_a_seal_of_the_largest_size_are_no_turn(study, monkeypatch):
    """They are older than what it sealed in other tables."""
    monkeypatch.setattr(seals, "SEAL_ROWS", 3)
    with acting(system="seal"), time_machine.travel(NOON, tick=False):
        seals._store(list(seals._unsealed(seals.high_water_marks())), "test")
        assert seals.watch_clock() is None


def test_the_newest_seal_tells_whether_rows_were_left_over(study, monkeypatch):
    """The first seal reached the end of every table; the second one did not reach the older row of the trial."""
    with acting(system="test"):
        person = build.user("monitor")
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_historicaluser SET history_date = %s", [datetime(2029, 1, 1, tzinfo=UTC)]
        )
    sealed(TEN)
    whole = Seal.objects.get().rows
    monkeypatch.setattr(seals, "SEAL_ROWS", whole + 1)
    written(study, NOON - timedelta(hours=1), recruiting=False)
    last = person.history.latest().history_id
    with acting(system="test"):
        for number in range(whole + 1):
            User.objects.filter(pk=person.pk).update(full_name=f"Name {number}")
    with triggers.lifted(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_historicaluser SET history_date = %s WHERE history_id > %s", [NOON, last]
        )
    with acting(system="seal"), time_machine.travel(NOON, tick=False):
        assert seals._store(list(seals._unsealed(seals.high_water_marks())), "test").rows == whole + 1
        assert seals.watch_clock() is None


def test_a_turn_stands_in_the_trail_once_under_a_seal(study):
    """AUD-08."""
    written(study, NOON, recruiting=False)
    sealed(NOON)
    written(study, TEN, recruiting=True)
    sealed(TEN)
    sealed(TEN + timedelta(minutes=1))
    event = AccessEvent.objects.get(kind="clock")

    assert event.detail == {
        "clock before": "2030-06-10T12:00:00.000000Z", "clock after": "2030-06-10T10:00:00.000000Z",
    }  # fmt: skip
    assert seals.sealed_up_to()["audit_clockturn"] == ClockTurn.objects.get().pk


def test_the_clock_of_the_machine_that_seals_may_be_set_back_alone(study, monkeypatch):
    """AUD-08: the rows are dated by the database of another machine, whose clock is right."""
    written(study, NOON, recruiting=False)
    sealed(NOON)
    written(study, NOON + timedelta(minutes=1), recruiting=True)
    monkeypatch.setattr(clock, "now_of_rows", lambda: NOON + timedelta(minutes=2))
    sealed(TEN)

    assert not ClockTurn.objects.exists()
    assert AccessEvent.objects.get(kind="clock").detail == {"last seal": '"2030-06-10T12:00:00.000000Z"'}


def test_two_processes_record_a_turn_once(study):
    """The second one has read the rows before the first one stored the turn."""
    written(study, NOON, recruiting=False)
    written(study, TEN, recruiting=True)
    with time_machine.travel(TEN, tick=False), acting(system="seal"):
        assert seals.watch_clock() is not None
        assert clock._recorded(None, before=NOON, after=TEN, marks={}) is None
        assert seals.watch_clock() is None


@pytest.mark.parametrize(
    "text", ["2026-03-01T09:30:00.000025Z~3~x", "2026-03-01T09:30:00.000025Z~3~-1", "x~1~1"]
)
def test_a_mangled_place_is_none(text):
    assert TrailPosition.read(text) is None


def test_a_place_names_its_stretch():
    place = TrailPosition(datetime(2026, 3, 1, 9, 30, tzinfo=UTC), 3, 2)
    assert TrailPosition.read(str(place)) == place
