"""Informed consent: who gave it, on which version of the form, when; and its confirmation by the patient."""

from contextlib import nullcontext
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.compiled_queries import CompiledQuery
from audit.context import because
from audit.stored_text import Text
from patients import signals
from patients.models import Attachment, Consent, Patient
from patients.participation.asked_facts import answer_by_change
from patients.participation.lifecycle import lock_patient, require_state
from patients.participation.questions import Question, ask
from patients.participation.reasons import required_reason
from patients.participation.screening import not_in_the_future
from protocol.values.moments import Moment
from trials.reader import shown_day

# What expressions read of the consents.
CONSENT_NAMES = (
    "subject.first_consent_at", "subject.first_consent_type", "subject.consent_at", "subject.consent_type",
)  # fmt: skip
OPEN_STATES = (Patient.State.SCREENING, Patient.State.ENROLLED)


@transaction.atomic
def record_consent(
    *,
    patient: Patient,
    type: str,
    version: str,
    given: Moment,
    by: User,
    obtained_by: str = "",
    representative_name: str = "",
    representative_relation: str = "",
    scan: Attachment | None = None,
    confirmed: str = "",
) -> Consent:
    """Store a consent and return it; a repetition (a double click) returns the stored one.

    Raises ValidationError if the type or version is unknown, the time lacks its minute or is in the future, or the
    patient neither is in screening nor in follow-up; Questioned for a consent a year or more before the screening that
    is not `confirmed`.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *OPEN_STATES,
        refusal=_("%(patient)s cannot consent: the status is “%(state)s”."),
    )
    check_consent(patient, type=type, version=version, given=given)
    valid = Consent.objects.filter(patient=patient).not_in_error()
    same = valid.filter(type=type, version=version, given=given.iso).first()
    if same is not None:
        return same
    ask(consent_questions(patient, given), confirmed)
    made = Consent.objects.create(
        patient=patient,
        type=type,
        version=version,
        given=given.iso,
        given_at=given.earliest,
        obtained_by=obtained_by.strip(),
        representative_name=representative_name.strip(),
        representative_relation=representative_relation.strip(),
        scan=scan,
        recorded_by=by,
    )
    signals.announce(patient=patient, names=CONSENT_NAMES, by=by)
    return made


def check_consent(patient: Patient, *, type: str, version: str, given: Moment) -> None:
    """Raise ValidationError by field for a type or version that the protocol lacks, or an impossible time."""
    rules = patient.protocol.rules.consent
    if type not in rules.types:
        raise ValidationError({"type": _("This protocol does not accept a consent of this kind.")})
    if version not in rules.versions:
        raise ValidationError({"version": _("This protocol knows no such version of the consent form.")})
    if given.precision != "minute":
        raise ValidationError({"given": _("Enter the day and the time of the consent.")})
    if given.earliest > timezone.now():
        raise ValidationError({"given": _("This time has not come yet. Check the date.")})


def consent_questions(patient: Patient, given: Moment) -> list[Question]:
    """Return the question about a consent a year or more before the screening."""
    day = patient.trial.day_of(given.earliest)
    if day > _a_year_before(patient.screened_on):
        return []
    text = _(
        "The consent of %(day)s is a year or more before the screening on %(screening)s. Check the year."
    )
    words = text % {"day": shown_day(day), "screening": shown_day(patient.screened_on)}
    return [Question(f"consent:{given.iso}:screening:{patient.screened_on}", words)]


def _a_year_before(day: date) -> date:
    # The year before a leap day has none: its year began on 1 March.
    return date(day.year - 1, 3, 1) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


@transaction.atomic
def record_capacity(*, patient: Patient, regained_on: date, by: User, reason: Text = "") -> Consent:
    """Record that the patient can decide again, so that a consent given by another person needs confirmation.

    Raises ValidationError if the day is in the future or before the consent, the patient gave the consent, or another
    day is corrected without a reason.
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
    if regained_on < patient.trial.day_of(consent.given_at):
        raise ValidationError({"regained_on": _("This day is before the consent that needs confirming.")})
    if consent.capacity_regained_on not in (None, regained_on):
        reason = required_reason(reason)
    with because(reason) if reason else nullcontext():
        changed = consent.capacity_regained_on != regained_on
        consent.capacity_regained_on = regained_on
        consent.save(update_fields=["capacity_regained_on"])
    items, place = ["capacity_regained_on"] if changed else [], {"target": "consent", "target_id": consent.pk}
    answer_by_change(reason=reason, items=items, by=by, **place)
    return consent


CONSENTS = CompiledQuery(
    lambda patient: Consent.objects.filter(patient=patient).not_in_error().order_by("given_at", "pk"),
    patient=int,
)


def consents_of(patient: Patient) -> list[Consent]:
    """Return the consents not struck out; the last one is in force. One query unless they are prefetched."""
    prefetched = getattr(patient, "_prefetched_objects_cache", {}).get("consents")
    if prefetched is None:
        return CONSENTS.rows(patient=patient.pk)
    valid = [consent for consent in prefetched if not consent.struck_out_reason]
    return sorted(valid, key=lambda consent: (consent.given_at, consent.pk))


def current_consent(patient: Patient) -> Consent | None:
    """Return the consent in force: the latest one, or None. One query unless prefetched."""
    return next(iter(consents_of(patient)[-1:]), None)


def reconsent_due_since(patient: Patient) -> date | None:
    """Return the day since which the patient's own consent is due, or None. One query."""
    consent = current_consent(patient)
    if consent is None or consent.type == Consent.Type.PATIENT:
        return None
    return consent.capacity_regained_on
