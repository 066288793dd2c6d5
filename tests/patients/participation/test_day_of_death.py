"""After a death no visit is waited for: a visit that the patient could not have any more is neither due nor overdue."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.urls import reverse

from dosing.filters import InfusionFilter
from dosing.labels import is_overdue
from dosing.models import Infusion
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import navigation
from patients.models import Patient, Record, Visit
from patients.participation import disposition, visits
from patients.participation.logs.contacts import contacts_due
from patients.participation.visit_status import due, overdue
from reports.calendar.entries import entries_of
from reports.casebook.page_parts import infusion_link
from reports.casebook.patient_data import PatientData
from reports.casebook.steps import steps
from reports.closing import counts
from reports.closing.counts import TrialRows
from reports.closing.open_rows import open_rows
from reports.home.matrix import MatrixColumn, matrix
from reports.home.selection import SELECTIONS, OnDay
from reports.home.workload import Workload
from tests.support import build
from trials.access import access_to
from trials.models import Trial

pytestmark = [
    pytest.mark.django_db, pytest.mark.at(datetime(2026, 6, 1, 10, 0, tzinfo=UTC)), pytest.mark.usefixtures("as_test")
]  # fmt: skip
INCLUDED, FIRST, LAST = date(2026, 3, 10), date(2026, 4, 5), date(2026, 4, 9)
BEFORE, AFTER = date(2026, 4, 4), date(2026, 4, 10)


@pytest.fixture
def included(trial: Trial) -> Patient:
    """A patient whose day 28 is 7 April, its window 5 to 9 April. The visits before it were held."""
    patient = build.enrolled(trial=trial, on=INCLUDED)
    # Day 1 and day 2 are counted from the infusion, and get days once it will not be given.
    earlier = patient.visits.filter(Q(window_to__lt=FIRST) | Q(code__in=("D1", "D2")))
    earlier.filter(state=Visit.State.PLANNED).update(state=Visit.State.HELD, held_on=INCLUDED)
    assert patient.visits.filter(code="D28", window_from=FIRST, window_to=LAST).exists()
    return patient


def stated(patient: Patient, died: Any, visit: str = "D7") -> Record:
    """Store the form that states the death, as the site learned of it at a visit that was held."""
    here = patient.visits.get(code=visit)
    Visit.objects.filter(pk=here.pk).update(state=Visit.State.HELD, held_on=here.planned_on, missed_reason="")
    return Record.objects.create(
        patient=patient, visit=here, protocol=patient.protocol, form="vital_status", state="complete",
        values={"survival_status": "DEAD", "died_on": died},
    )  # fmt: skip


def waits(patient: Patient, code: str = "D28") -> dict[str, bool]:
    """Return for each place whether it waits for the visit, on the day after its window."""
    trial, day = patient.trial, LAST + timedelta(days=1)
    nurse = build.user("coordinator", trial=trial)
    book = Casebook.open(user=nurse, trial=trial, code=patient.code)
    tree = next(each for each in navigation(book).visits if each.key == code)
    access = access_to(user=nurse, slug=trial.slug)
    assert access is not None
    (row,) = matrix(
        access=access, patients=[book.patient], columns=[MatrixColumn(code, "", "")], today=trial.today
    )
    work = Workload(access)
    on = OnDay(day, work.died_on)
    return {
        "overdue": Visit.objects.filter(overdue(*on), patient=patient, code=code).exists(),
        "due": Visit.objects.filter(due(LAST, work.died_on), patient=patient, code=code).exists(),
        "tree": "overdue" in tree.flags,
        "matrix": "overdue" in row.cells[0].flags,
        "tile": any(each.overdue for each in work.visits if each.code == code),
        "list": SELECTIONS["overdue"].narrow(Patient.objects.filter(pk=patient.pk), on).exists(),
    }


EVERYWHERE, NOWHERE = {True}, {False}


@pytest.mark.parametrize(
    ("died", "expected"),
    [
        # The window was over while the patient lived: the visit was forgotten.
        ("2026-04-10", EVERYWHERE),
        # On the last day of the window the visit was not overdue yet.
        ("2026-04-09", NOWHERE),
        ("2026-04-07", NOWHERE),
        ("2026-04-07T08:15+02:00[Europe/Brussels]", NOWHERE),
        ("2026-03-28", NOWHERE),
        # A month decides only if all of it is before the window or after it.
        ("2026-03", NOWHERE),
        ("2026-04", EVERYWHERE),
        ("2026", EVERYWHERE),
        ("2025", NOWHERE),
        # Nobody knows the day.
        ({"missing": "UNK"}, EVERYWHERE),
        (None, EVERYWHERE),
    ],
)
def test_a_visit_is_overdue_after_a_death_only_if_its_window_was_over_before(included, died, expected):
    """DAT-08: on home, in the matrix, the list of patients and the casebook alike, though the study has not ended."""
    stated(included, died)
    assert set(waits(included).values()) == expected


@pytest.mark.parametrize(
    ("died", "asked"),
    [
        # The window began until the day of death: somebody says whether the visit was held.
        ("2026-04-10", True),
        ("2026-04-05", True),
        ("2026-04-05T08:15+02:00[Europe/Brussels]", True),
        ("2026-04-04", False),
        ("2026-03", False),
        ("2026-04", True),
        ("2026", True),
        ({"missing": "UNK"}, True),
        (None, True),
    ],
)
def test_the_lock_checklist_asks_only_about_visits_that_began_until_a_stated_death(included, died, asked):
    """SIG-03, DAT-08: in its number and in its list, before the end of study is recorded."""
    stated(included, died)
    trial = included.trial
    access = access_to(user=build.user("data_manager", trial=trial), slug=trial.slug)
    assert access is not None
    standing = TrialRows(access)
    listed = open_rows("visits", standing, included.code)
    assert any("D28" in row.words for row in listed) == asked
    assert counts.visits(standing).get(included.pk, 0) == len(listed)


@pytest.mark.parametrize(("on", "expected"), [(AFTER, EVERYWHERE), (LAST, NOWHERE), (FIRST, NOWHERE)])
def test_the_end_of_study_by_death_ends_the_visits_of_its_day(included, on, expected):
    """P11-06: no form states the death; the end of study asks about these visits, and may leave them for later."""
    nurse = build.user("coordinator", trial=included.trial)
    asked = {visit.key for visit in visits.visits_due(included, on)}
    assert "D28" in asked
    later: disposition.Settlements = {key: {"choice": "later"} for key in asked}
    ended = disposition.end_study(patient=included, on=on, reason="death", note="", by=nurse, settled=later)
    assert set(waits(ended).values()) == expected


def test_a_visit_of_the_day_of_death_is_still_recorded(included):
    """DAT-02: it took place in the morning, and somebody finds the note a week later."""
    nurse = build.user("coordinator", trial=included.trial)
    day = date(2026, 4, 7)
    ended = disposition.end_study(patient=included, on=day, reason="death", note="", by=nurse, settled=None)
    held = visits.hold_visit(visit=ended.visits.get(code="D28"), on=day, by=nurse)
    assert held.state == Visit.State.HELD


def test_the_date_of_death_stored_last_decides(included):
    """DAT-08: as for every other page that compares with the death."""
    stated(included, "2026-04-07")
    stated(included, "2026-04-20", visit="D14")
    assert set(waits(included).values()) == EVERYWHERE


def test_a_date_of_death_entered_in_error_ends_no_visit(included):
    """DAT-07."""
    record = stated(included, "2026-04-07")
    build.struck_out(record)
    assert set(waits(included).values()) == EVERYWHERE


def test_the_death_of_one_patient_ends_no_visit_of_another(included):
    """DAT-08."""
    stated(included, "2026-04-07")
    other = build.neighbour(included)
    assert set(waits(other).values()) == EVERYWHERE


def test_nothing_is_planned_for_a_dead_patient(included, client):
    """Calendar, visits to come and contacts wait for nobody who died, before the end of study is recorded."""
    trial = included.trial
    nurse = build.user("coordinator", trial=trial)
    access = access_to(user=nurse, slug=trial.slug)
    assert access is not None
    day = included.visits.get(code="D90").planned_on

    def planned() -> tuple[list[str], list[str], list[str]]:
        titles = [entry.key for entry in entries_of(trial, nurse, first=day, last=day)]
        coming = [visit.code for visit in Workload(access).next_visits()]
        return titles, coming, [visit.code for visit in contacts_due(trial, Visit.objects.all())]

    before = planned()
    assert all(before)
    stated(included, "2026-03-28")
    assert planned() == ([], [], [])
    page = build.client(nurse).get(reverse("reports:calendar", args=[trial.slug]), {"day": f"{day:%d-%b-%Y}"})
    assert included.code not in page.content.decode()


@pytest.mark.parametrize("withdrawn", ["follow_up_withdrawn_on", "data_withdrawn_on"])
def test_nothing_is_planned_after_consent_to_visits_was_withdrawn(included, withdrawn):
    """PRV-03: the calendar and the visits to come follow the same rule as home."""
    trial = included.trial
    nurse = build.user("coordinator", trial=trial)
    access = access_to(user=nurse, slug=trial.slug)
    assert access is not None
    day = included.visits.get(code="D90").planned_on
    assert entries_of(trial, nurse, first=day, last=day)
    assert Workload(access).next_visits()
    Patient.objects.filter(pk=included.pk).update(**{withdrawn: date(2026, 3, 28)})
    assert entries_of(trial, nurse, first=day, last=day) == []
    assert Workload(access).next_visits() == []


@pytest.mark.parametrize(
    ("died", "late"), [("2026-03-13", True), ("2026-03-12", False), ("2026-03-11", False)]
)
def test_no_infusion_is_waited_for_after_a_death(included, died, late):
    """CEL-16: the window of the first one ended on 12 March. Home, lists, calendar and casebook agree."""
    trial = included.trial
    nurse = build.user("coordinator", trial=trial)
    access = access_to(user=nurse, slug=trial.slug)
    assert access is not None
    Visit.objects.filter(patient=included, code="INF1").update(state=Visit.State.PLANNED, held_on=None)
    (row,) = Infusion.objects.filter(patient=included, number=1)
    day = date(2026, 3, 12)
    assert row.window_to == day

    def waiting() -> set[bool]:
        work, dossier = Workload(access), PatientData.open(access, included.code)
        on = OnDay(trial.today, work.died_on)
        filtered = InfusionFilter({"overdue": "yes"}, queryset=Infusion.objects.all(), trial=trial).qs
        (cells,) = matrix(
            access=access, patients=[included], columns=[MatrixColumn("INF1", "", "")], today=trial.today
        )
        infusion = cells.cells[0].infusion
        step = next(each for each in steps(dossier, "/") if each.title == "Infusion 1")
        tree = infusion_link(dossier, row, "/")
        return {
            bool(work.infusions["late"]),
            SELECTIONS["infusions"].narrow(Patient.objects.all(), on).exists(),
            filtered.filter(pk=row.pk).exists(),
            is_overdue(Infusion.objects.get(pk=row.pk), trial.today),
            bool(infusion and "overdue" in infusion.flags),
            "overdue" in step.flags,
            "overdue" in tree.flags,
            any(entry.key == f"infusion-{row.pk}" for entry in entries_of(trial, nurse, first=day, last=day)),
        }

    assert waiting() == EVERYWHERE
    stated(included, died)
    assert waiting() == ({late})
