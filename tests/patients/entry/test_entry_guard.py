"""The conditions for entering a form: consent, inclusion, future visits, end of study, locks."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.entry.saving import strike_out
from patients.models import Patient, Visit
from tests.support import build
from tests.support.study.entered_forms import BLOOD_PRESSURE, at, draft, included
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_nothing_is_entered_before_consent(trial: Trial, nurse: User) -> None:
    """P11-06."""
    patient = build.patient(trial=trial, by=nurse)
    with pytest.raises(ValidationError, match="record the consent first"):
        draft(at(patient, nurse), nurse, BLOOD_PRESSURE)


def test_a_visit_after_inclusion_waits_for_inclusion(patient: Patient, nurse: User) -> None:
    with pytest.raises(ValidationError, match="comes after inclusion"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)


def test_a_visit_that_has_not_opened_says_when_it_opens(patient: Patient, nurse: User) -> None:
    included(patient)
    with acting(system="test"):
        Visit.objects.filter(patient=patient, code="D7").update(
            window_from=build.today(patient) + timedelta(days=3)
        )
    with pytest.raises(ValidationError, match="D7 opens on"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)
    draft(at(patient, nurse, "vitals", "D1"), nurse, BLOOD_PRESSURE)


def test_a_missed_visit_has_no_forms(patient: Patient, nurse: User) -> None:
    included(patient)
    with acting(system="test"):
        Visit.objects.filter(patient=patient, code="D7").update(state="missed", missed_reason="Holiday")
    with pytest.raises(ValidationError, match="was missed"):
        draft(at(patient, nurse, "vitals", "D7"), nurse, BLOOD_PRESSURE)


def test_after_the_end_of_the_study_nothing_new_is_collected(patient: Patient, nurse: User) -> None:
    """PRV-03: data until the withdrawal are kept, later collection is blocked."""
    included(patient)
    end = patient.screened_on + timedelta(days=5)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=end, end_reason="withdrawal")
        Visit.objects.filter(patient=patient, code="D90").update(planned_on=end + timedelta(days=1))
    with pytest.raises(ValidationError, match="after the end of the study"):
        draft(at(patient, nurse, "vitals", "D90"), nurse, BLOOD_PRESSURE)
    draft(at(patient, nurse, "vitals", "D1"), nurse, BLOOD_PRESSURE)


def test_a_screen_failure_gets_no_new_form_but_its_forms_can_be_corrected(
    patient: Patient, nurse: User
) -> None:
    draft(at(patient, nurse), nurse, BLOOD_PRESSURE)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="screen_failed", failed_on=patient.screened_on, failure_reason="Declined"
        )
    draft(at(patient, nurse), nurse, {"sbp": "126", "dbp": "76"}, base=1)
    with pytest.raises(ValidationError, match="failed screening"):
        draft(at(patient, nurse, "demography"), nurse, {})


@pytest.mark.parametrize("what", ["record", "patient", "trial"])
def test_nothing_is_changed_after_the_lock(patient: Patient, nurse: User, what: str) -> None:
    saved = draft(at(patient, nurse), nurse, BLOOD_PRESSURE)
    rows = {"record": saved.record, "patient": patient, "trial": patient.trial}[what]
    with acting(system="test"):
        type(rows).objects.filter(pk=rows.pk).update(locked_at=timezone.now())
    with pytest.raises(ValidationError, match="locked"):
        draft(at(patient, nurse), nurse, {"sbp": "126"}, base=1)
    with pytest.raises(ValidationError, match="locked"), acting(user=nurse, role="coordinator"):
        strike_out(record=saved.record, reason="Wrong patient", by=nurse)


def test_another_form_than_the_protocol_asks_for_has_no_place(patient: Patient, nurse: User) -> None:
    for form, visit, repeat in (
        ("vitals", "D99", 1),
        ("medication", "SCR", 1),
        ("vitals", None, 1),
        ("x", "SCR", 1),
    ):
        with pytest.raises(LookupError):
            at(patient, nurse, form, visit, repeat)
