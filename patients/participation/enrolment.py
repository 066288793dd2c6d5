"""Inclusion of a patient: after consent and signed eligibility, and if every criterion allows it."""

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients import signals
from patients.models import Patient
from patients.participation.consents import reconsent
from patients.participation.consents.consent import current_consent
from patients.participation.eligibility_decisions import assessment_age
from patients.participation.eligibility_decisions.eligibility import Conclusion, decision_in_force, evaluate
from patients.participation.lifecycle import lock_patient, move, require_state
from patients.participation.visits import plan_visits
from trials.holds import hold_message
from trials.models import Trial


def enrolment_refusals(patient: Patient, on: date | None = None) -> list[str]:
    """Return the messages why the patient cannot be included on a day, empty if there is no obstacle.

    By default the day is the one for which the investigator signed, else today at the site.
    """
    found = []
    if patient.state != Patient.State.SCREENING:
        found.append(
            _("The patient is not in screening: the status is “%(state)s”.")
            % {"state": patient.get_state_display()}
        )
        return found
    consent = current_consent(patient)
    if consent is None:
        found.append(_("No consent is recorded."))
    if again := reconsent.reconsent_message(patient, consent):
        found.append(again)
    decision = decision_in_force(patient)
    if decision is None:
        found.append(_("No investigator has signed the eligibility, or the signature is no longer valid."))
    elif decision.conclusion != Conclusion.ELIGIBLE:
        found.append(_("The investigator concluded that the patient is not eligible."))
    elif decision.protocol_id != patient.protocol_id:
        found.append(_("The eligibility was signed under another version of the protocol: sign it again."))
    day = on or (decision.inclusion_on if decision else None)
    found += filter(None, [hold_message(patient.trial)])
    asked: list[tuple[Any, Any]] = signals.inclusion_asked.send(sender=Patient, patient=patient, on=day)
    for _receiver, refusals in asked:
        found += refusals
    evaluation = evaluate(patient, inclusion_on=day)
    if decision is not None and day is not None:
        found += filter(
            None,
            [
                assessment_age.refusal(patient, evaluation.assessed, day),
                assessment_age.newer_than_decision(evaluation.assessed, decision),
            ],
        )
    for finding in evaluation.blocking_criteria:
        parameters = {"id": finding.id, "text": finding.text, "result": finding.words}
        if finding.needs:
            # Translators: a criterion, its result, and the items it is waiting for
            told_of = _("%(id)s: %(text)s – %(result)s (needs %(needs)s)")
            found.append(told_of % {**parameters, "needs": ", ".join(finding.needs)})
        else:
            found.append("{id}: {text} – {result}".format(**parameters))
    return found


@transaction.atomic
def enrol(*, patient: Patient, on: date, by: User) -> Patient:
    """Include the patient on a day and plan the visits. Dosing plans the infusions on `patient_enrolled`.

    Raises ValidationError with every obstacle, and for a day before consent or screening, or in the future.
    """
    # The trial before the patient: a hold, and the places of a dose level, are decided for one inclusion at a time.
    Trial.objects.for_update(patient.trial_id)
    patient = lock_patient(patient)
    refusal = _("%(patient)s cannot be included: the status is “%(state)s”.")
    require_state(patient, Patient.State.SCREENING, refusal=refusal)
    # A wrong year is told as such, not as criteria that do not hold in that year.
    _check_day(patient, on)
    found = enrolment_refusals(patient, on)
    if found:
        raise ValidationError(found)
    decision = decision_in_force(patient)
    move(patient, Patient.State.ENROLLED, refusal=refusal)
    patient.enrolled_on, patient.enrolled_at = on, timezone.now()
    patient.group = decision.group if decision else ""
    patient.save(update_fields=["state", "enrolled_on", "enrolled_at", "group"])
    plan_visits(patient=patient, by=by)
    signals.patient_enrolled.send(sender=Patient, patient=patient, by=by)
    signals.announce(patient=patient, names=["subject.inclusion_on", "subject.group"], by=by)
    return patient


def _check_day(patient: Patient, on: date) -> None:
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    if on < patient.screened_on:
        raise ValidationError({"on": _("The inclusion cannot be before the screening.")})
    consent = current_consent(patient)
    if consent is not None and on < patient.trial.day_of(consent.given_at):
        raise ValidationError({"on": _("The inclusion cannot be before the consent.")})
