"""Screening: a person gets a subject code, and later is included or fails screening with a reason."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.models import Identity, Patient
from patients.participation.identity import IDENTITY_FIELDS, checked_identity
from patients.participation.lifecycle import lock_patient, move, next_number, require_state
from patients.participation.visits import plan_visits
from trials.awaited_version import awaited_words
from trials.loading import put_in_force
from trials.models import Trial


def not_in_the_future(day: date, trial: Trial, field: str) -> None:
    """Raise ValidationError on `field` if the day is after today at the site."""
    if day > trial.today:
        raise ValidationError({field: _("This day has not come yet. Check the year.")})


@transaction.atomic
def screen(
    *, trial: Trial, screened_on: date, identity: dict[str, str], by: User, save_key: str = ""
) -> Patient:
    """Store a new patient in screening, with the visits that are planned from screening.

    A repeated `save_key` (a double click) returns the patient that the first call stored: a subject code, once given,
    stays used. The code is the protocol's pattern with a running number and reveals nothing about the person
    (PRV-02). Identifying data are stored in their own table (PRV-01). Raises ValidationError if the trial does not
    recruit, for identifying data that are refused, or if a patient with this hospital number is in the trial and did
    not fail screening.
    """
    # Locks the trial's row: no other screening takes this number or this hospital number until the commit.
    trial = put_in_force(trial)
    if trial.protocol is None:
        raise ValidationError(awaited_words(trial))
    if trial.locked_at or trial.frozen_at or not trial.recruiting:
        raise ValidationError(_("This trial does not recruit at present: nobody can be screened."))
    not_in_the_future(screened_on, trial, "screened_on")
    number = next_number(trial)
    # Looked up under the lock, so that the second of two clicks finds the patient of the first.
    if save_key and (existing := trial.patients.filter(save_key=save_key).first()):
        return existing
    identity = checked_identity(identity, trial)
    refuse_known(trial, identity["hospital_number"])
    patient = Patient.objects.create(
        trial=trial,
        protocol=trial.protocol,
        number=number,
        code=trial.rules.trial.code_of(number),
        state=Patient.State.SCREENING,
        screened_on=screened_on,
        save_key=save_key,
    )
    Identity.objects.create(patient=patient, **identity)
    plan_visits(patient=patient, by=by)
    return patient


def refuse_known(trial: Trial, hospital_number: str, *, but: Patient | None = None) -> None:
    """Raise ValidationError if another patient of the trial has this hospital number.

    Patients who failed screening do not count: they may be screened again.
    """
    if not hospital_number.strip():
        return
    rows = Identity.objects.filter(patient__trial=trial, hospital_number__iexact=hospital_number.strip())
    others = rows.exclude(patient__state=Patient.State.SCREEN_FAILED).exclude(patient=but)
    known = others.select_related("patient").first()
    if known is not None:
        text = _("%(patient)s has this hospital number: a person is in the trial once.")
        raise ValidationError({"hospital_number": text % {"patient": known.patient.code}})


@transaction.atomic
def correct_identity(*, patient: Patient, identity: dict[str, str], reason: str, by: User) -> None:
    """Correct identifying data. Raises ValidationError without a reason (AUD-04) or for data that are refused."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    identity = checked_identity(identity, patient.trial)
    # The same lock as a screening takes: nobody can be screened under this hospital number meanwhile.
    Trial.objects.for_update(patient.trial_id)
    refuse_known(patient.trial, identity["hospital_number"], but=patient)
    row = Identity.objects.select_for_update().get(patient=patient)
    for name in IDENTITY_FIELDS:
        setattr(row, name, identity[name])
    with because(reason.strip()):
        row.save()


@transaction.atomic
def fail_screening(*, patient: Patient, on: date, reason: str, by: User) -> Patient:
    """Record a screen failure with its day and reason. Raises ValidationError without a reason."""
    patient = lock_patient(patient)
    refusal = _("%(patient)s cannot fail screening: the status is “%(state)s”.")
    require_state(patient, Patient.State.SCREENING, refusal=refusal)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the patient is not included.")})
    not_in_the_future(on, patient.trial, "on")
    if on < patient.screened_on:
        raise ValidationError({"on": _("A screening cannot fail before it began.")})
    move(patient, Patient.State.SCREEN_FAILED, refusal=refusal)
    patient.failed_on, patient.failure_reason = on, reason.strip()
    patient.save(update_fields=["state", "failed_on", "failure_reason"])
    return patient
