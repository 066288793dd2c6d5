"""Which entries of the trail are many by one person in minutes, in whatever order and portions they are indexed."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.context import acting
from audit.models import TrailIndexMark, TrailIndexRow
from audit.trail_index import building, finding
from audit.trail_reading.sources import Filter
from patients.models import Record
from tests.support import build

pytestmark = pytest.mark.django_db
BEGIN = datetime(2026, 9, 14, 9, 0, tzinfo=UTC)
PERSON, TRIAL = 7, 1
BEFORE = ("after_inclusion", "after_signature", "after_lock", "after_unlock")
# Seconds since the begin: close to the limit of five minutes, equal ones included.
SECONDS = st.sampled_from([0, 1, 60, 61, 299, 300, 301, 360, 600])
RIGHTS, TRIALS = st.sampled_from(["", "", "see_treatment"]), st.sampled_from([TRIAL, TRIAL, TRIAL + 1])
ENTRIES = st.lists(st.tuples(SECONDS, RIGHTS, TRIALS), max_size=40)
Entry = tuple[int, str, int]


def index(entries: Sequence[Entry], numbers: Iterable[int]) -> list[int]:
    """Store entries as one portion: seconds since the begin, the right that reading them needs, and their trial."""
    rows = [
        TrailIndexRow(
            id=number, trial_id=trial, at=BEGIN + timedelta(seconds=seconds), source="patients.record", row=number,
            kind="changed", user_id=PERSON, content=True, origin="web", see=see, minute=0,
            **dict.fromkeys(BEFORE, False),
        )
        for (seconds, see, trial), number in zip(entries, numbers, strict=False)
    ]  # fmt: skip
    TrailIndexRow.objects.bulk_create(rows)
    if rows:
        building._mark_bulk({PERSON}, min(row.at for row in rows))
    return [row.id for row in rows]


def many(entries: Sequence[Entry]) -> list[bool]:
    """Return for each entry whether ten of those that count with it lie within five minutes around it."""
    found = []
    for at, right, trial in entries:
        times = [other for other, see, its in entries if see in ("", right) and its == trial]
        spans = ([each for each in times if begin <= each <= begin + 300] for begin in times)
        found.append(any(len(span) >= building.MANY and at in span for span in spans))
    return found


@settings(max_examples=60)
@given(st.lists(ENTRIES, max_size=6))
def test_portions_that_come_later_mark_the_entries_before_them(portions):
    """AUD-11: however the entries of the same minutes arrive, also an earlier one after a later one."""
    TrailIndexRow.objects.all().delete()
    numbers = count(building.number_at(BEGIN))
    keys = [key for portion in portions for key in index(portion, numbers)]
    marked = dict(TrailIndexRow.objects.values_list("id", "in_bulk"))
    assert [marked[key] for key in keys] == many([entry for portion in portions for entry in portion])


def test_an_entry_with_an_earlier_time_that_comes_last_marks_the_others(trial):
    """AUD-11: the clock of a database ran behind for a moment; nine entries wait for the tenth."""
    numbers = count(building.number_at(BEGIN))
    index([(seconds, "", TRIAL) for seconds in (290, 291, 292, 293, 294, 295, 296, 297, 298)], numbers)
    assert not TrailIndexRow.objects.filter(in_bulk=True).exists()
    index([(10, "", TRIAL)], numbers)
    assert TrailIndexRow.objects.filter(in_bulk=True, user_id=PERSON).count() == 10
    assert finding.count(Filter(TRIAL, states=("in_bulk",)), may=()) == 10


def test_what_a_person_does_in_another_trial_is_not_counted():
    """AUD-11: nine entries in one trial and nine in the other, in the same minute, are not many in either."""
    numbers = count(building.number_at(BEGIN))
    index([(second, "", trial) for second in range(9) for trial in (TRIAL, TRIAL + 1)], numbers)
    assert not TrailIndexRow.objects.filter(in_bulk=True).exists()
    index([(9, "", TRIAL)], numbers)
    assert set(TrailIndexRow.objects.filter(in_bulk=True).values_list("trial_id", flat=True)) == {TRIAL}


def written(trial, patient, person, number) -> int:
    """Enter one row of a log by hand, index it, and return how many entries are marked."""
    with acting(user=person, role="coordinator", origin="web"):
        Record.objects.create(
            patient=patient, protocol=patient.protocol, form="medication", repeat=number, state="draft", values={}
        )  # fmt: skip
    assert building.refresh()
    return finding.count(Filter(trial.pk, states=("in_bulk",)), may=())


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_entries_that_are_indexed_one_by_one_are_counted_from_the_tenth_on(trial):
    """AUD-11: the trail is opened after each of them."""
    person = build.user("coordinator", trial=trial)
    patient = build.patient(trial=trial)
    building.refresh()
    found = []
    for number in range(12):
        with time_machine.travel(BEGIN + timedelta(seconds=30 * number), tick=False):
            found.append(written(trial, patient, person, number))
    # Eleven lie within five minutes, the limits included: the first and the twelfth are both among some ten.
    assert found == [0] * 9 + [10, 11, 12]


def test_marks_of_an_earlier_version_are_made_again(trial):
    """AUD-11, BLD-01: it counted entries behind a right that the reader lacks; an upgrade forgets what it marked."""
    build.patient(trial=trial)
    assert building.refresh()
    TrailIndexRow.objects.filter(trial_id=trial.pk).update(in_bulk=True)
    assert building.refresh()
    assert finding.count(Filter(trial.pk, states=("in_bulk",)), may=()) > 0
    TrailIndexMark.objects.filter(source=building.RULES).delete()
    entries = TrailIndexRow.objects.count()
    assert building.refresh()
    assert finding.count(Filter(trial.pk, states=("in_bulk",)), may=()) == 0
    assert TrailIndexRow.objects.count() == entries
