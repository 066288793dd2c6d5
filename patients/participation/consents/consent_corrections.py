"""Corrections of a consent: its facts, or struck out as recorded in error, each with a reason (AUD-04)."""

from typing import Any, NotRequired, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text
from patients import signals
from patients.models import Attachment, Consent, Patient, Query
from patients.participation.asked_facts import answer_by_change, close_asked
from patients.participation.consents.consent import (
    CONSENT_NAMES,
    check_consent,
    consent_questions,
    consents_of,
)
from patients.participation.lifecycle import lock_patient, refuse_when_closed
from patients.participation.milestones import milestones
from patients.participation.questions import Question, ask
from patients.participation.reasons import required_reason
from protocol.values.moments import Moment
from trials.reader import shown_day, shown_moment

CONSENT = Query.Target.CONSENT
ASKED = ("type", "version", "given", "obtained_by", "representative_relation", "capacity_regained_on")
TEXTS = ("obtained_by", "representative_name", "representative_relation")


class ConsentFacts(TypedDict):
    """The facts of a consent as they are corrected. A fact that is absent stays as it is."""

    type: str
    version: str
    given: Moment
    obtained_by: NotRequired[str]
    representative_name: NotRequired[str]
    representative_relation: NotRequired[str]
    scan: NotRequired[Attachment | None]


@transaction.atomic
def correct_consent(
    *, consent: Consent, reason: Text, by: User, confirmed: str = "", **facts: Unpack[ConsentFacts]
) -> Consent:
    """Correct the facts of a consent. Raises as `record_consent` does, and ValidationError without a reason.

    Raises Questioned, unless `confirmed`, also for a first consent after the inclusion. A day of regained capacity
    before the corrected day is refused; it goes with a consent that the patient gave.
    """
    patient, row = _locked_consent(consent)
    because_of = required_reason(reason)
    check_consent(patient, type=facts["type"], version=facts["version"], given=facts["given"])
    given, before = facts["given"], _asked_of(row)
    if facts["type"] == Consent.Type.PATIENT:
        row.capacity_regained_on = None
    elif row.capacity_regained_on and row.capacity_regained_on < patient.trial.day_of(given.earliest):
        text = _("The patient could decide again on %(day)s, before this day.")
        raise ValidationError({"given": text % {"day": shown_day(row.capacity_regained_on)}})
    ask(_questions(patient, row, given), confirmed)
    row.type, row.version = facts["type"], facts["version"]
    row.given, row.given_at = given.iso, given.earliest
    for name in TEXTS:
        setattr(row, name, str(facts.get(name, getattr(row, name))).strip())
    row.scan = facts.get("scan") or row.scan
    with because(because_of):
        row.save()
        now = _asked_of(row)
        items = [name for name, value in now.items() if value != before[name]]
        answer_by_change(reason=because_of, items=items, by=by, target=CONSENT, target_id=row.pk)
        signals.announce(patient=patient, names=CONSENT_NAMES, by=by)
    return row


@transaction.atomic
def strike_out_consent(*, consent: Consent, reason: Text, by: User) -> Consent:
    """Strike out a consent recorded in error: it stays visible and counts no more.

    Raises ValidationError without a reason, and while the inclusion or an infusion given rests on it alone.
    """
    patient, row = _locked_consent(consent)
    because_of = required_reason(reason)
    if found := _rests_on(patient, row):
        raise ValidationError(found)
    row.struck_out_reason = because_of
    with because(because_of):
        row.save(update_fields=["struck_out_reason"])
        close_asked(because=because_of, target=CONSENT, target_id=row.pk)
        signals.announce(patient=patient, names=CONSENT_NAMES, by=by)
    return row


def _questions(patient: Patient, consent: Consent, given: Moment) -> list[Question]:
    """Return the questions about a corrected time: too old, or the inclusion lies before every consent now."""
    others = [each.given_at for each in consents_of(patient) if each.pk != consent.pk]
    first = min([given.earliest, *others]).astimezone(patient.trial.zone).date()
    found = consent_questions(patient, given)
    if patient.enrolled_on and first > patient.enrolled_on:
        text = _("The patient was included on %(day)s, before any consent: this is a deviation.")
        code = f"consent:{first}:inclusion:{patient.enrolled_on}"
        found.append(Question(code, text % {"day": shown_day(patient.enrolled_on)}))
    return found


def _asked_of(row: Consent) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ASKED}


def _locked_consent(consent: Consent) -> tuple[Patient, Consent]:
    patient = lock_patient(consent.patient)
    refuse_when_closed(patient)
    row: Consent = Consent.objects.select_for_update(of=("self",)).get(pk=consent.pk)
    if row.struck_out_reason:
        raise ValidationError(_("This consent is struck out: nothing in it changes any more."))
    row.patient = patient
    return patient, row


def _rests_on(patient: Patient, consent: Consent) -> list[str]:
    """Return the sentences what no other consent covers."""
    others = [each for each in consents_of(patient) if each.pk != consent.pk]
    zone, found = patient.trial.zone, []
    if patient.enrolled_on and not any(
        each.given_at.astimezone(zone).date() <= patient.enrolled_on for each in others
    ):
        text = _("The inclusion on %(day)s rests on this consent: correct it, or record the right one first.")
        found.append(text % {"day": shown_day(patient.enrolled_on)})
    for milestone in milestones([patient])[patient.pk]:
        if not any(each.given_at <= milestone.at.earliest for each in others):
            text = _("%(label)s on %(day)s rests on this consent: correct it, or record the right one first.")
            found.append(text % {"label": milestone.label, "day": shown_moment(milestone.at)})
    return found
