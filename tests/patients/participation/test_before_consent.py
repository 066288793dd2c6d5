"""Before the first consent nothing can be entered, so that nothing is late; what is missing is linked to its form."""

from datetime import timedelta

import pytest

from patients.casebook.casebook import Casebook
from patients.casebook.navigation import navigation
from patients.models import Patient, Visit
from patients.participation.visit_status import overdue, visit_status
from reports.home.matrix import MatrixColumn, matrix
from tests.support import build
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(db: None) -> Trial:
    return build.trial()


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """A patient whose screening began long ago, without a consent."""
    return build.patient(trial=trial, screened_on=trial.today - timedelta(days=20))


def late(patient: Patient) -> tuple[int, tuple[str, ...], list[str]]:
    """Return the late visits that are counted, the flags of the tree, and those of the matrix."""
    desk = build.user("coordinator", trial=patient.trial)
    book = Casebook.open(user=desk, trial=patient.trial, code=patient.code)
    tree = next(each for each in navigation(book).visits if each.key == "SCR")
    access = access_to(user=desk, slug=patient.trial.slug)
    column = MatrixColumn("SCR", "Screening", "")
    (row,) = matrix(access=access, patients=[patient], columns=[column], today=patient.trial.today)
    number = Visit.objects.filter(
        overdue(patient.trial.today, patient.trial.rules.profile.died_on), patient=patient
    ).count()
    return number, tree.flags, list(row.cells[0].flags)


def test_no_form_of_screening_is_late_before_the_consent(patient):
    """DAT-02, P11-06: entry is refused without a consent, so that nothing waits."""
    assert late(patient) == (0, (), [])


def test_the_consent_makes_the_forms_of_screening_late(patient):
    """DAT-02: from then on they can be entered."""
    build.consent(patient)
    assert late(patient) == (1, ("overdue",), ["overdue"])


def test_a_consent_entered_in_error_does_not_count(patient, as_test):
    """DAT-07: it is struck out, and entry is refused again."""
    build.consent(patient)
    patient.consents.update(struck_out_reason="Another person")
    assert late(patient) == (0, (), [])


def test_a_held_visit_without_consent_is_not_due(trial):
    """P11-06: its day may be recorded, its forms cannot be entered."""
    held = {"state": "held", "window": (None, None), "begun": "not_started", "open_patient": True}
    assert visit_status(**held, today=trial.today, is_open=False) == ("not_started", [])
    assert visit_status(**held, today=trial.today) == ("not_started", ["due"])


def test_a_criterion_leads_to_the_form_that_it_needs(patient, trial):
    """The investigator goes to the missing answer in one click; the consent is on a page of its own."""
    desk = build.client(build.user("investigator", trial=trial))
    base = f"/trials/{trial.slug}/patients/{patient.code}/"
    page = desk.get(f"{base}eligibility/").content.decode()
    assert f'<a href="{base}visits/SCR/demography/#age">' in page
    assert f'<a href="{base}consent/">' in page
    assert desk.get(f"{base}visits/SCR/demography/").status_code == 200
    assert 'id="age"' in desk.get(f"{base}visits/SCR/demography/").content.decode()
