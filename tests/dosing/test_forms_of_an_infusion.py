"""A form that follows an infusion is asked only when that infusion was given: nobody is late with it before."""

from datetime import UTC, datetime
from typing import Any

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given
from patients.casebook.asked_forms import asked_forms
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import navigation
from patients.models import Patient, Record, Visit
from patients.participation.visit_status import required_of
from patients.participation.visits import hold_visit
from reports.closing import counts
from reports.closing.counts import TrialRows
from reports.home.matrix import MatrixColumn, matrix
from reports.home.workload import Workload
from reports.quality.flags import NOT_BEGUN
from tests.support import build
from tests.support.study.bedside import INCLUDED, give, on, stored
from trials.access import access_to
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
FORM = "infusion_monitoring"


@pytest.fixture
def trial(db: None) -> Trial:
    return build.trial(build.LIEGE)


@pytest.fixture
def doctor(trial: Trial) -> Any:
    return build.user("investigator", trial=trial)


@pytest.fixture
def held(trial: Trial, doctor: Any) -> Patient:
    """A patient who came on the day of the first infusion; whether it was given is not recorded yet."""
    patient = build.enrolled(trial=trial, on=INCLUDED)
    hold_visit(visit=visit_of(patient), on=INCLUDED, by=doctor)
    return patient


def visit_of(patient: Patient) -> Visit:
    return Visit.objects.get(patient=patient, code="INF1")


def fresh(patient: Patient) -> Patient:
    return Patient.objects.get(pk=patient.pk)


def not_given(patient: Patient, by: Any) -> None:
    row = stored(patient, 1)
    # A page requested in between took the actor of the test away.
    with acting(user=by, role="investigator"):
        mark_not_given(infusion=row, reason="Fever", version=row.version, by=by)


def offered(patient: Patient, by: Any) -> dict[str, str]:
    book = Casebook.open(user=by, trial=patient.trial, code=patient.code)
    return {entry.form: entry.when for entry in asked_forms(book, book.visit("INF1"))}


def flags(patient: Patient, by: Any) -> tuple[str, ...]:
    book = Casebook.open(user=by, trial=patient.trial, code=patient.code)
    visit = next(each for each in navigation(book).visits if each.key == "INF1")
    return next((form.flags for form in visit.forms if form.code == FORM), ())


def required(patient: Patient) -> bool:
    found = fresh(patient)
    return FORM in required_of(found, found.protocol.rules, "INF1", INCLUDED)


def listed(patient: Patient) -> bool:
    desk = build.client(build.user("monitor", trial=patient.trial))
    page = desk.get(f"/trials/{patient.trial.slug}/quality/", {"kind": NOT_BEGUN, "visit": "INF1"})
    return FORM in {row.object.form for row in page.context["listing"].rows}


def missing(patient: Patient, by: Any) -> int:
    return counts.missing_forms(TrialRows(access_to(user=by, slug=patient.trial.slug)))[patient.pk]


def expected(patient: Patient, by: Any) -> int:
    return Workload(access_to(user=by, slug=patient.trial.slug)).forms_expected


def test_a_form_waits_for_its_infusion(held, doctor):
    """DAT-04: it may be entered at the bedside while the infusion is not recorded, and is not late."""
    assert offered(held, doctor)[FORM] == "available"
    assert (required(held), listed(held), flags(held, doctor)) == (False, False, ())


def test_an_infusion_that_was_given_asks_for_its_form(held, doctor):
    """DAT-02, DAT-04: visit, quality listing, checklist and home count the same forms."""
    missing_before = missing(held, doctor)
    give(held, 1, on("10-Mar-2026"), doctor)
    assert offered(held, doctor)[FORM] == "required"
    assert (required(held), listed(held), flags(held, doctor)) == (True, True, ("due",))
    assert missing(held, doctor) == missing_before + 1
    asked = expected(held, doctor)
    not_given(held, doctor)
    assert (missing(held, doctor), expected(held, doctor)) == (missing_before, asked - 1)


def test_an_infusion_recorded_as_not_given_asks_for_nothing(held, doctor):
    """DAT-04: a correction to “not given” takes the form back too."""
    give(held, 1, on("10-Mar-2026"), doctor)
    not_given(held, doctor)
    assert FORM not in offered(held, doctor)
    assert (required(held), listed(held), flags(held, doctor)) == (False, False, ())


def test_a_form_that_was_begun_stays_in_sight(held, doctor):
    """DAT-09: what is stored is never out of sight."""
    build.record(held, FORM, {}, visit="INF1", draft=True, by=doctor)
    not_given(held, doctor)
    assert offered(held, doctor)[FORM] == "available"


def test_only_the_infusion_of_the_visit_counts(held, doctor):
    """DAT-04: the form of the second infusion does not follow the first one."""
    give(held, 1, on("10-Mar-2026"), doctor)
    found = fresh(held)
    assert FORM not in required_of(found, found.protocol.rules, "INF2", INCLUDED)


def test_the_visit_is_complete_without_the_form_of_an_infusion_not_given(held, doctor):
    """DAT-02: the matrix shows a complete visit, and leads to no form that nobody can enter."""
    not_given(held, doctor)
    found = fresh(held)
    Record.objects.bulk_create(
        Record(
            patient=found,
            visit=visit_of(found),
            protocol=found.protocol,
            form=form,
            state="complete",
            values={},
        )
        for form in required_of(found, found.protocol.rules, "INF1", INCLUDED)
    )
    assert cell(held, doctor).state == "complete"
    with acting(user=doctor, role="investigator"):
        give(held, 1, on("10-Mar-2026"), doctor, reason="It was given")
    assert cell(held, doctor).state == "draft"
    assert cell(held, doctor).url.endswith(f"/INF1/{FORM}/")


def cell(patient: Patient, by: Any) -> Any:
    access = access_to(user=by, slug=patient.trial.slug)
    column = MatrixColumn("INF1", "Infusion 1", "")
    (row,) = matrix(access=access, patients=[fresh(patient)], columns=[column], today=patient.trial.today)
    return row.cells[0]
