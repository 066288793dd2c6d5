"""What is frozen or locked refuses every step; the rows that a step asks for before it reads (P11-06)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from patients.models import Patient, Record, Visit
from patients.participation import lifecycle
from patients.participation.screening import correct_identity
from tests.support import build
from tests.support.study.refusals import refused
from trials.models import Trial

pytestmark = pytest.mark.django_db

CLOSED = datetime(2026, 9, 1, tzinfo=UTC)
SCREENED = date(2026, 8, 10)
LOCKED = {
    "trial": "The trial is locked: no data can be changed.",
    "patient": "LIE-001 is locked: nothing can be changed.",
    "record": "This form is locked: nothing can be changed.",
    "visit": "SCR is locked: nothing can be changed.",
}
FROZEN = {
    "trial": "The trial is frozen: nothing is entered until it is released.",
    "patient": "LIE-001 is frozen: nothing is entered until it is released.",
    "record": "This form is frozen: nothing is entered until it is released.",
    "visit": "SCR is frozen: nothing is entered until it is released.",
}


@pytest.fixture
def patient(trial: Trial) -> Patient:
    """A patient in screening since 10 August 2026."""
    return build.patient(trial=trial, screened_on=SCREENED)


@pytest.fixture
def record(patient: Patient) -> Record:
    """A form of the patient's screening visit."""
    build.consent(patient)
    return build.record(patient, "demography", {"age": "54"}, draft=True)


def asked(of: str, verb: Any, *arguments: Any, **options: Any) -> list[str]:
    """Return the statements on a table that a step sends, in their order."""
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        verb(*arguments, **options)
    return [each["sql"] for each in queries.captured_queries if f'FROM "{of}"' in each["sql"]]


class TestPatientAndTrial:
    @pytest.mark.parametrize("level", ["trial", "patient"])
    def test_what_is_locked_refuses_corrections_too(self, patient, level):
        lifecycle.refuse_when_locked(patient)
        (patient.trial if level == "trial" else patient).locked_at = CLOSED
        for verb in (lifecycle.refuse_when_locked, lifecycle.refuse_when_closed):
            assert refused(verb, patient) == {"": [LOCKED[level]]}

    @pytest.mark.parametrize("level", ["trial", "patient"])
    def test_what_is_frozen_takes_no_entry_and_may_be_corrected(self, patient, level):
        lifecycle.refuse_when_closed(patient)
        (patient.trial if level == "trial" else patient).frozen_at = CLOSED
        assert refused(lifecycle.refuse_when_closed, patient) == {"": [FROZEN[level]]}
        lifecycle.refuse_when_locked(patient)


class TestFormAndVisit:
    @pytest.mark.parametrize("level", ["record", "visit"])
    def test_what_is_locked_refuses_corrections_too(self, record, level):
        visit = Visit.objects.get(pk=record.visit_id)
        (record if level == "record" else visit).locked_at = CLOSED
        for verb in (lifecycle.refuse_locked_form, lifecycle.refuse_closed_form):
            assert refused(verb, record, visit) == {"": [LOCKED[level]]}

    @pytest.mark.parametrize("level", ["record", "visit"])
    def test_what_is_frozen_takes_no_entry_and_may_be_corrected(self, record, level):
        visit = Visit.objects.get(pk=record.visit_id)
        (record if level == "record" else visit).frozen_at = CLOSED
        assert refused(lifecycle.refuse_closed_form, record, visit) == {"": [FROZEN[level]]}
        lifecycle.refuse_locked_form(record, visit)

    def test_a_form_not_begun_and_a_log_without_a_visit_are_open(self, record):
        visit = Visit.objects.get(pk=record.visit_id)
        for verb in (lifecycle.refuse_locked_form, lifecycle.refuse_closed_form):
            # Neither raises: nothing is frozen or locked.
            assert (verb(None, visit), verb(record, None)) == (None, None)


class TestTransitions:
    def test_a_patient_in_screening_does_not_end_the_study(self, patient):
        told = refused(lifecycle.move, patient, Patient.State.ENDED, refusal="%(patient)s: %(state)s")
        assert told == {"": ["LIE-001: Screening"]}
        assert patient.state == Patient.State.SCREENING

    def test_a_frozen_patient_is_not_moved(self, patient):
        patient.frozen_at = CLOSED
        told = refused(lifecycle.move, patient, Patient.State.ENROLLED, refusal="%(patient)s: %(state)s")
        assert told == {"": [FROZEN["patient"]]}


class TestLocks:
    """Which rows are asked for; that others wait for them is in test_at_once.py."""

    def test_a_step_asks_for_the_row_of_its_patient_alone_before_it_reads_it(self, patient):
        build.patient(trial=patient.trial)
        first, second = asked("patients_patient", lifecycle.lock_patient, patient)
        assert first.startswith('SELECT "patients_patient"."id"')
        for statement in (first, second):
            assert f'WHERE "patients_patient"."id" = {patient.pk}' in statement
        assert lifecycle.lock_patient(patient) == patient

    def test_a_step_of_the_trial_asks_for_its_patients_in_the_order_of_keys(self, trial, patient):
        (statement,) = asked("patients_patient", lifecycle.lock_trial_rows, trial)
        assert f'WHERE "patients_patient"."trial_id" = {trial.pk} ' in statement
        assert " ORDER BY 1 ASC" in statement
        with transaction.atomic():
            assert lifecycle.lock_trial_rows(trial) == trial

    def test_a_visit_comes_with_the_patient_that_was_locked_for_it(self, patient):
        with transaction.atomic():
            locked, visit = lifecycle.lock_visit(patient.visits.get(code="SCR"))
        assert (locked, visit.code) == (patient, "SCR")
        assert visit.patient is locked

    def test_a_new_number_is_given_under_the_lock_of_the_trial(self, trial):
        assert len(asked("trials_trial", lifecycle.next_number, trial)) == 1

    def test_an_identity_is_corrected_under_the_lock_of_the_trial(self, trial, patient, doctor_acts, doctor):
        """Nobody is screened under this hospital number meanwhile."""
        told: dict[str, Any] = {"identity": {"name": "Jeanne"}, "reason": "Misread", "by": doctor}
        (statement,) = asked("trials_trial", correct_identity, patient=patient, **told)
        assert f'WHERE "trials_trial"."id" = {trial.pk}' in statement
