"""Screening: a person gets a subject code, and later is included or fails screening with a reason."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients import signals
from patients.models import Identity, Patient
from patients.participation.identities import duplicates
from patients.participation.identities.identity import IDENTITY_FIELDS, checked_identity
from patients.participation.lifecycle import lock_patient, move, next_number, require_state
from patients.participation.visits import plan_visits
from protocol.values.likeness import number_key
from trials.models import Trial
from trials.versions.awaited_version import awaited_words
from trials.versions.loading import put_in_force


def not_in_the_future(day: date, trial: Trial, field: str) -> None:
    """Raise ValidationError on `field` if the day is after today at the site."""
    if day > trial.today:
        raise ValidationError({field: _("This day has not come yet. Check the year.")})


@transaction.atomic
def screen(
    *,
    trial: Trial,
    screened_on: date,
    identity: dict[str, str],
    by: User,
    save_key: str = "",
    another_person: bool = False,
    may_identify: bool = False,
) -> Patient:
    """Store a new patient in screening, with the visits that are planned from screening.

    A repeated `save_key` (a double click) returns the patient that the first call stored: a subject code, once given,
    stays used. The code is the protocol's pattern with a running number and reveals nothing about the person
    (PRV-02). Identifying data are stored in their own table (PRV-01). Raises ValidationError if the trial does not
    recruit, for identifying data that are refused, or if a patient with this hospital number is in the trial and did
    not fail screening; also for a patient with the same name and date of birth, unless `another_person` confirms that
    they are two people. may_identify: the refusal names that patient.
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
    duplicates.refuse(trial, identity, another_person=another_person, may_identify=may_identify)
    patient = Patient.objects.create(
        trial=trial,
        protocol=trial.protocol,
        number=number,
        code=trial.rules.trial.code_of(number),
        state=Patient.State.SCREENING,
        screened_on=screened_on,
        save_key=save_key,
    )
    key = number_key(identity["hospital_number"])
    Identity.objects.create(patient=patient, trial=trial, number_key=key, **identity)
    plan_visits(patient=patient, by=by)
    return patient


@transaction.atomic
def correct_identity(
    *,
    patient: Patient,
    identity: dict[str, str],
    reason: str,
    by: User,
    another_person: bool = False,
    may_identify: bool = False,
) -> None:
    """Correct identifying data. Raises ValidationError without a reason (AUD-04) or for data that are refused."""
    if not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    identity = checked_identity(identity, patient.trial)
    # The same lock as a screening takes: nobody can be screened under this hospital number meanwhile.
    Trial.objects.for_update(patient.trial_id)
    patient = lock_patient(patient)
    duplicates.refuse(
        patient.trial, identity, another_person=another_person, may_identify=may_identify, but=patient
    )
    row = Identity.objects.select_for_update().get(patient=patient)
    for name in IDENTITY_FIELDS:
        setattr(row, name, identity[name])
    failed = patient.state == Patient.State.SCREEN_FAILED
    row.number_key = "" if failed else number_key(row.hospital_number)
    with because(reason.strip()):
        row.save()
    # Identifying data are corrected below a lock too; a query is raised only above it.
    if not (patient.locked_at or patient.trial.locked_at):
        signals.announce(patient=patient, names=[signals.BORN_ON], by=by)


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
    Identity.objects.filter(patient=patient).update(number_key="")
    return patient
