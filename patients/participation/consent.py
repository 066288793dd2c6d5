"""Informed consent: who gave it, on which version of the form, when; and its confirmation by the patient."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.compiled_queries import CompiledQuery
from patients import signals
from patients.models import Consent, Patient
from patients.participation.lifecycle import lock_patient, require_state
from patients.participation.screening import not_in_the_future
from protocol.values.moments import Moment

# What expressions read of the consents.
CONSENT_NAMES = (
    "subject.first_consent_at", "subject.first_consent_type", "subject.consent_at", "subject.consent_type",
)  # fmt: skip
OPEN_STATES = (Patient.State.SCREENING, Patient.State.ENROLLED)


@transaction.atomic
def record_consent(*, patient: Patient, type: str, version: str, given: Moment, by: User) -> Consent:
    """Store a consent and return it; a repetition (a double click) returns the stored one.

    Raises ValidationError if the type or version is unknown, the time lacks its minute or is in the future, or the
    patient neither is in screening nor in follow-up.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *OPEN_STATES,
        refusal=_("%(patient)s cannot consent: the status is “%(state)s”."),
    )
    rules = patient.protocol.rules.consent
    if type not in rules.types:
        raise ValidationError({"type": _("This protocol does not accept a consent of this kind.")})
    if version not in rules.versions:
        raise ValidationError({"version": _("This protocol knows no such version of the consent form.")})
    if given.precision != "minute":
        raise ValidationError({"given": _("Enter the day and the time of the consent.")})
    if given.earliest > timezone.now():
        raise ValidationError({"given": _("This time has not come yet. Check the date.")})
    same = Consent.objects.filter(patient=patient, type=type, version=version, given=given.iso).first()
    if same is not None:
        return same
    made = Consent.objects.create(
        patient=patient, type=type, version=version, given=given.iso, given_at=given.earliest, recorded_by=by
    )
    signals.announce(patient=patient, names=CONSENT_NAMES, by=by)
    return made


@transaction.atomic
def record_capacity(*, patient: Patient, regained_on: date, by: User) -> Consent:
    """Record that the patient can decide again, so that a consent given by another person needs confirmation.

    Raises ValidationError if the day is in the future or before the consent, or the patient gave the consent.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *OPEN_STATES,
        refusal=_("%(patient)s cannot regain capacity: the status is “%(state)s”."),
    )
    not_in_the_future(regained_on, patient.trial, "regained_on")
    consent = current_consent(patient)
    if consent is None or consent.type == Consent.Type.PATIENT:
        raise ValidationError(_("The consent in force was given by the patient: nothing needs confirming."))
    # Compared with the day of the consent at the site, which may differ from the UTC day.
    if regained_on < consent.given_at.astimezone(patient.trial.zone).date():
        raise ValidationError({"regained_on": _("This day is before the consent that needs confirming.")})
    consent.capacity_regained_on = regained_on
    consent.save(update_fields=["capacity_regained_on"])
    return consent


CONSENTS = CompiledQuery(
    lambda patient: Consent.objects.filter(patient=patient).order_by("given_at", "pk"), patient=int
)


def consents_of(patient: Patient) -> list[Consent]:
    """Return the consents of a patient; the last one is in force. One query unless they are prefetched."""
    prefetched = getattr(patient, "_prefetched_objects_cache", {}).get("consents")
    if prefetched is None:
        return CONSENTS.rows(patient=patient.pk)
    return sorted(prefetched, key=lambda consent: (consent.given_at, consent.pk))


def current_consent(patient: Patient) -> Consent | None:
    """Return the consent in force: the latest one, or None. One query unless prefetched."""
    return next(iter(consents_of(patient)[-1:]), None)


def reconsent_due_since(patient: Patient) -> date | None:
    """Return the day since which the patient's own consent is due, or None. One query."""
    consent = current_consent(patient)
    if consent is None or consent.type == Consent.Type.PATIENT:
        return None
    return consent.capacity_regained_on
