"""Filters of the trail by circumstances: after a signature or a lock, at night, many in minutes, late (AUD-11)."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import TrailIndexRow
from audit.trail_index import building, finding
from audit.trail_reading.sources import Filter, WorkingHours
from patients.models import DataLock, Record
from tests.reports.trail_filters.conftest import MONDAY, change, history, rows_of
from tests.support import build
from tests.support.pages.trail_pages import lines, url, vitals, vitals_of_number

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_changed_after_a_signature(trial, patient, coordinator, inspector):
    """AUD-11, P11-07: the change of the signed form and the signature that became invalid, nothing before."""
    record = vitals(patient, sbp="80")
    other = vitals_elsewhere(patient)
    by = build.user("investigator", trial=trial)
    with acting(user=by, role="investigator"):
        signatures.sign(target=record, meaning="review", password=build.PASSWORD, by=by)
    change(record, coordinator, reason="typing error", sbp="81")
    change(other, coordinator, reason="typing error", sbp="99")
    found = lines(inspector, trial, state="after_signature")

    assert rows_of(found) == [history(record)[-1]]
    assert [line.kind for line in found if line.entry.source == "audit.signature"] == [
        "Signature invalidated"
    ]


def vitals_elsewhere(patient):
    with acting(system="test"):
        return Record.objects.create(
            patient=patient,
            protocol=patient.protocol,
            form="vitals",
            repeat=9,
            state="draft",
            values={"sbp": "70"},
        )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_was_written_under_a_lock_and_changed_after_its_release(trial, patient, coordinator, inspector):
    """AUD-11, ACC-08."""
    record = vitals(patient, sbp="80")
    manager, monitor = build.user("data_manager", trial=trial), build.user("monitor", trial=trial)
    with acting(user=manager, role="data_manager", reason="all in"):
        lock = DataLock.objects.create(
            level="record",
            kind="lock",
            trial=trial,
            patient=patient,
            record=record,
            set_by=manager,
            reason="all in",
        )
    with acting(user=manager, role="data_manager", reason="to correct"):
        DataLock.objects.filter(pk=lock.pk).update(
            released_at=timezone.now(), released_by=manager, asked_by=monitor, release_reason="to correct"
        )
    change(record, coordinator, reason="read again", sbp="82")

    assert rows_of(lines(inspector, trial, state="after_unlock")) == [history(record)[-1]]
    assert rows_of(lines(inspector, trial, state="after_lock")) == []


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_changed_after_inclusion(trial, coordinator, inspector):
    """AUD-11."""
    subject = build.patient(trial=trial, by=coordinator)
    before = vitals(subject, sbp="80")
    with acting(user=coordinator, role="coordinator"):
        type(subject).objects.filter(pk=subject.pk).update(enrolled_at=timezone.now())
    change(before, coordinator, sbp="81")

    assert rows_of(lines(inspector, trial, state="after_inclusion")) == [history(before)[-1]]


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("moment", "outside"),
    [
        (MONDAY, False),
        (MONDAY.replace(hour=4), True),  # 06:00 at the site
        (MONDAY.replace(hour=5), False),  # 07:00
        (MONDAY.replace(hour=18), True),  # 20:00
        (MONDAY + timedelta(days=5), True),  # Saturday
    ],
)
def test_night_and_weekend_are_those_of_the_site(trial, patient, inspector, moment, outside):
    """AUD-11: the protocol file says when people work, on the clock of the site."""
    with time_machine.travel(moment, tick=False):
        record = vitals(patient, sbp="80")
    with time_machine.travel(MONDAY + timedelta(days=9), tick=False):
        for narrowed in ({"form": "vitals"}, {}):
            found = lines(inspector, trial, state="outside", **narrowed)
            assert (history(record) == rows_of(found)) is outside


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
@pytest.mark.parametrize("few", [1, finding.COUNTED], ids=["read in order", "sorted"])
@pytest.mark.parametrize("narrowed", [{"form": "concomitant_medication"}, {}], ids=["form", "alone"])
def test_the_time_of_day_is_that_of_the_site(trial, patient, inspector, monkeypatch, few, narrowed):
    """AUD-11: also over midnight, and the newest first, whether the entries found are few or many."""
    monkeypatch.setattr(finding, "COUNTED", few)
    made = {}
    for number, hour in enumerate((21, 23, 1, 9)):
        with time_machine.travel(MONDAY.replace(hour=hour) + timedelta(days=number), tick=False):
            vitals_of_number(patient, number)
            made[number] = (hour + 2) % 24
    with time_machine.travel(MONDAY + timedelta(days=9), tick=False):
        found = lines(inspector, trial, from_time="22:30", until_time="03:30", **narrowed)
        refused = build.client(inspector).get(url(trial, from_time="25:00"))

    records = [line.entry.row for line in found if line.entry.source == "patients.record"]
    assert [made[row.repeat] for row in records] == [3, 1, 23]
    assert (refused.status_code, list(refused.context["listing"].form.errors)) == (400, ["from_time"])


def test_nobody_works_outside_hours_that_never_end(trial, patient, inspector):
    """AUD-11: no minute of the week passes."""
    vitals(patient, sbp="80")
    always = WorkingHours(tuple(range(7)), 0, 24 * 60)
    assert building.refresh()
    everybody = Filter(trial.pk, outside=always)
    assert (finding.count(everybody, may=()), finding.find(everybody, may=(), size=9)) == (0, [])


def test_many_changes_by_one_person_in_minutes(trial, patient, coordinator, inspector):
    """AUD-11: ten within five minutes, also the first of them; nine are not many."""
    other = build.user("investigator", trial=trial)
    with time_machine.travel(MONDAY, tick=True):
        for number in range(9):
            by_hand(patient, other, 100 + number)
        for number in range(10):
            by_hand(patient, coordinator, number)
        found = lines(inspector, trial, state="in_bulk")

    assert sorted(line.entry.row.repeat for line in found) == list(range(10))


def test_a_mark_that_all_may_read_does_not_count_what_is_behind_a_right(trial, coordinator):
    """BLD-01, AUD-11: nine entries that all may read beside two of the product, which are eleven for who knows it."""
    first = building.number_at(MONDAY)
    rights = ["", "see_treatment", "", "", ""] * 3
    before = ("after_inclusion", "after_signature", "after_lock", "after_unlock")

    def indexed(start, sees):
        TrailIndexRow.objects.bulk_create(
            TrailIndexRow(
                id=start + number, trial_id=trial.pk, at=MONDAY, source="patients.record", row=start + number,
                kind="changed", user_id=coordinator.pk, content=True, origin="web", see=see, minute=0,
                **dict.fromkeys(before, False),
            )
            for number, see in enumerate(sees)
        )  # fmt: skip
        building._mark_bulk({coordinator.pk}, MONDAY)
        return set(TrailIndexRow.objects.filter(in_bulk=True).values_list("see", flat=True))

    TrailIndexRow.objects.all().delete()
    assert indexed(first, rights[:11]) == {"see_treatment"}
    assert not TrailIndexRow.objects.filter(in_bulk=True, see="").exists()
    assert indexed(first + 100, ["see_people"] * 2) == {"see_treatment", "see_people"}
    assert not TrailIndexRow.objects.filter(in_bulk=True, see="").exists()
    assert indexed(first + 200, [""]) == {"", "see_treatment", "see_people"}


def by_hand(patient, by, number):
    with acting(user=by, role="coordinator", origin="web"):
        Record.objects.create(
            patient=patient,
            protocol=patient.protocol,
            form="medication",
            repeat=number,
            state="draft",
            values={},
        )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_late_entry_counts_from_the_visit(trial, patient, inspector):
    """AUD-11, DAT-06: the protocol file says after how many days an entry is late."""
    visit = patient.visits.order_by("position").first()
    today = timezone.now().date()
    with acting(system="test"):
        for days, form in ((5, "vitals"), (6, "haematology")):
            type(visit).objects.filter(pk=visit.pk).update(state="held", held_on=today - timedelta(days=days))
            Record.objects.create(
                patient=patient, visit=visit, protocol=patient.protocol, form=form, state="draft", values={}
            )
            building.refresh()

    assert [line.entry.row.form for line in lines(inspector, trial, state="late")] == ["haematology"]
