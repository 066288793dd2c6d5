"""Corrections of screening, inclusion and screen failure: other facts, or struck out as recorded in error (AUD-04)."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Min
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text
from patients import signals
from patients.models import Patient, Record, Visit
from patients.participation.consents.consent import consents_of
from patients.participation.identities import duplicates
from patients.participation.lifecycle import lock_patient, move, refuse_when_closed, require_state
from patients.participation.milestones import days_of
from patients.participation.reasons import required_reason
from patients.participation.screening import not_in_the_future
from patients.participation.visits import replan
from protocol.values.likeness import number_key
from trials.models import Trial
from trials.reader import shown_day

INCLUDED = (Patient.State.ENROLLED, Patient.State.ENDED)


@transaction.atomic
def correct_screening(*, patient: Patient, on: date, reason: Text, by: User) -> Patient:
    """Correct the day of screening. Visits counted from it are planned again.

    Raises ValidationError without a reason, and for a day in the future or after a step or visit that followed.
    """
    patient = lock_patient(patient)
    refuse_when_closed(patient)
    because_of = required_reason(reason)
    not_in_the_future(on, patient.trial, "on")
    held = patient.visits.filter(state=Visit.State.HELD).aggregate(first=Min("held_on"))["first"]
    later = [day for day in (patient.enrolled_on, patient.failed_on, held) if day is not None]
    if later and on > min(later):
        text = _("The first step after the screening was on %(day)s: the screening cannot be after it.")
        raise ValidationError({"on": text % {"day": shown_day(min(later))}})
    with because(because_of):
        patient.screened_on = on
        patient.save(update_fields=["screened_on"])
        replan(patient, by)
        signals.announce(patient=patient, names=["subject.screened_on"], by=by)
    return patient


@transaction.atomic
def correct_inclusion(*, patient: Patient, on: date, reason: Text, by: User) -> Patient:
    """Correct the day of inclusion. Visits are planned again, infusions on `inclusion_corrected`.

    Raises ValidationError without a reason, for a patient who is not included, and for a day in the future, before the
    screening or every consent, or after the first infusion or the end of study.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *INCLUDED,
        refusal=_("%(patient)s has no inclusion to correct: the status is “%(state)s”."),
    )
    because_of = required_reason(reason)
    _check_inclusion(patient, on)
    if patient.enrolled_on == on:
        return patient
    with because(because_of):
        patient.enrolled_on = on
        patient.save(update_fields=["enrolled_on"])
        signals.inclusion_corrected.send(sender=Patient, patient=patient, by=by)
        replan(patient, by)
        signals.announce(patient=patient, names=["subject.inclusion_on"], by=by)
    return patient


def _check_inclusion(patient: Patient, on: date) -> None:
    not_in_the_future(on, patient.trial, "on")
    if on < patient.screened_on:
        raise ValidationError({"on": _("The inclusion cannot be before the screening.")})
    zone = patient.trial.zone
    if not any(consent.given_at.astimezone(zone).date() <= on for consent in consents_of(patient)):
        raise ValidationError({"on": _("The inclusion cannot be before the consent.")})
    if patient.ended_on and on > patient.ended_on:
        raise ValidationError({"on": _("The study cannot end before the inclusion.")})
    for number, day in sorted(days_of(patient).items()):
        if day < on:
            text = _("Infusion %(number)d was given on %(day)s, before this day.")
            raise ValidationError({"on": text % {"number": number, "day": shown_day(day)}})


@transaction.atomic
def strike_out_inclusion(*, patient: Patient, reason: Text, by: User) -> Patient:
    """Strike out an inclusion made in error: the patient is in screening again, its planned days are taken back.

    Raises ValidationError without a reason, for a patient who is not in follow-up, and with everything that depends on
    the inclusion (`inclusion_dependants`).
    """
    patient = lock_patient(patient)
    refusal = _("%(patient)s has no inclusion to strike out: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENROLLED, refusal=refusal)
    because_of = required_reason(reason)
    if found := inclusion_dependants(patient):
        raise ValidationError(found)
    with because(because_of):
        move(patient, Patient.State.SCREENING, refusal=refusal)
        patient.enrolled_on, patient.enrolled_at, patient.group = None, None, ""
        patient.save(update_fields=["state", "enrolled_on", "enrolled_at", "group"])
        signals.inclusion_struck_out.send(sender=Patient, patient=patient, by=by)
        replan(patient, by)
        signals.announce(patient=patient, names=["subject.inclusion_on", "subject.group"], by=by)
    return patient


def inclusion_dependants(patient: Patient) -> list[str]:
    """Return the sentences why the inclusion cannot be struck out, empty if nothing depends on it."""
    screening = {visit.code for visit in patient.protocol.rules.visits if visit.kind == "screening"}
    later = patient.visits.exclude(code__in=screening)
    settled = later.filter(state__in=(Visit.State.HELD, Visit.State.MISSED), number=1).exclude(code="UNS")
    forms = Record.objects.filter(visit__in=later.exclude(code="UNS")).exclude(state=Record.State.STRUCK_OUT)
    found = []
    if codes := [visit.key for visit in settled]:
        text = _("These visits are held or missed: %(visits)s. Strike out each first.")
        found.append(text % {"visits": ", ".join(codes)})
    if codes := sorted({record.visit.key for record in forms.select_related("visit") if record.visit}):
        text = _("These visits have forms: %(visits)s. Strike out the forms first.")
        found.append(text % {"visits": ", ".join(codes)})
    asked: list[tuple[Any, Any]] = signals.inclusion_struck_out_asked.send(sender=Patient, patient=patient)
    for _receiver, sentences in asked:
        found += sentences
    return found


@transaction.atomic
def correct_failure(*, patient: Patient, on: date, failure_reason: str, reason: Text, by: User) -> Patient:
    """Correct the day or the reason of a screen failure. Raises ValidationError as `fail_screening`, or without why."""
    patient = lock_patient(patient)
    require_state(
        patient,
        Patient.State.SCREEN_FAILED,
        refusal=_("%(patient)s has no screen failure to correct: the status is “%(state)s”."),
    )
    because_of = required_reason(reason)
    if not failure_reason.strip():
        raise ValidationError({"failure_reason": _("Say why the patient is not included.")})
    not_in_the_future(on, patient.trial, "on")
    if on < patient.screened_on:
        raise ValidationError({"on": _("A screening cannot fail before it began.")})
    with because(because_of):
        patient.failed_on, patient.failure_reason = on, failure_reason.strip()
        patient.save(update_fields=["failed_on", "failure_reason"])
    return patient


@transaction.atomic
def strike_out_failure(*, patient: Patient, reason: Text, by: User) -> Patient:
    """Strike out a screen failure recorded in error: the patient is in screening again.

    Raises ValidationError without a reason, or if the hospital number now belongs to another patient of the trial.
    """
    # The trial before the patient, as at a screening: nobody is screened under this hospital number meanwhile.
    Trial.objects.for_update(patient.trial_id)
    patient = lock_patient(patient)
    refusal = _("%(patient)s has no screen failure to strike out: the status is “%(state)s”.")
    require_state(patient, Patient.State.SCREEN_FAILED, refusal=refusal)
    because_of = required_reason(reason)
    identity = patient.identity
    numbered = {"hospital_number": identity.hospital_number, "name": "", "birth_date": ""}
    duplicates.refuse(patient.trial, numbered, another_person=True, may_identify=True, but=patient)
    with because(because_of):
        move(patient, Patient.State.SCREENING, refusal=refusal)
        patient.failed_on, patient.failure_reason = None, ""
        patient.save(update_fields=["state", "failed_on", "failure_reason"])
        identity.number_key = number_key(identity.hospital_number)
        identity.save(update_fields=["number_key"])
    return patient
