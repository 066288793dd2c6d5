"""Whether an infusion can be given or recorded: consent, eligibility, order, weight, times, death."""

from datetime import datetime
from decimal import Decimal
from typing import NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.stored_text import Text, trimmed
from dosing.infusions.course import course_questions
from dosing.infusions.participation import withdrawn
from dosing.infusions.schedule import (
    order_errors,
    refuse_out_of_order,
    timing_errors,
)
from dosing.infusions.weights import age_errors, weight_errors
from dosing.models import Infusion
from dosing.patient_dose import asks_weight
from dosing.products.thaw import start_questions
from dosing.worksheet.dispensed import needs_reason
from patients.models import Consent, EligibilityDecision, Patient
from patients.participation.consents.consent import current_consent
from patients.participation.consents.reconsent import refuse_without_reconsent
from patients.participation.death import death_of, question_of
from patients.participation.eligibility_decisions.eligibility import decision_in_force
from patients.participation.lifecycle import require_state
from patients.participation.questions import Question
from patients.participation.treatment.treatment_holds import refuse_treatment_held
from protocol.values.moments import Moment
from trials.holds import refuse_held
from trials.reader import shown_day, shown_moment

MOST_ML = 5000
NO_WEIGHT = gettext_lazy("No dose of this protocol depends on the weight: none is asked.")
# After the end of study an infusion given before it may still be recorded or amended (`_times` checks the day).
TREATED = (Patient.State.ENROLLED, Patient.State.ENDED)


class Bedside(TypedDict):
    """The facts of an infusion that the ward records, the same in both arms. Weight in kg, volume in mL.

    The weight of the day is required if a dose of the protocol depends on it, and refused if none does.
    """

    weight_kg: NotRequired[Decimal | None]
    weight_measured: NotRequired[Moment | None]
    weight_confirmation: NotRequired[str]
    started: Moment
    ended: Moment
    volume_ml: Decimal
    interrupted: str
    interruption_reason: str
    premedication: str
    tolerated: NotRequired[str]
    tolerance_note: NotRequired[str]
    timing_deviation_reason: str
    late_reason: NotRequired[str]


def infusion_refusal(infusion: Infusion, started: datetime | None = None) -> str:
    """Return the message why no infusion can be given now, empty if it can. Reads infusion.patient.

    started: of an infusion that began then, the message why it cannot be recorded.
    """
    try:
        refuse_infusion(infusion.patient, infusion, started)
    except ValidationError as refused:
        return " ".join(refused.messages)
    return ""


def start_errors(row: Infusion, started: Moment, timing_reason: str) -> dict[str, str]:
    """Return by field why an infusion cannot begin at a moment, as `record_infusion` refuses it. Reads row.patient.

    Raises ValidationError for a patient who cannot be treated. The weight is the one recorded before.
    """
    patient = row.patient
    refuse_infusion(patient, row, started.earliest)
    if needs_reason(row):
        raise ValidationError(
            _("Scan the kit and let a second person sign first: no kit is dispensed and compared yet.")
        )
    errors: dict[str, str] = {}
    if asks_weight(row):
        if row.weight_kg is None:
            return {"weight_kg": _("Record the weight of the day first.")}
        errors = age_errors(patient, Moment.from_iso(row.weight_measured), started)
    errors |= _start_refused(patient, started) or order_errors(row, started, started)
    if "started" not in errors:
        errors |= timing_errors(patient, row, started, timing_reason)
    return errors


def refuse_infusion(patient: Patient, row: Infusion, started: datetime | None = None) -> None:
    """Raise ValidationError unless the patient may be treated, or could when an infusion started (P11-06).

    Consent, signed eligibility and the order of the infusions.
    """
    require_state(
        patient,
        *TREATED,
        refusal=_("%(patient)s cannot receive an infusion: the status is “%(state)s”."),
    )
    if current_consent(patient) is None:
        raise ValidationError(_("No consent is recorded: nothing can be given."))
    # What was given may be corrected, whatever consent or signature is due by now: a correction is no treatment.
    if row.state != Infusion.State.GIVEN:
        refuse_without_reconsent(patient)
        _refuse_without_eligibility(patient, started)
        # An infusion that began before the hold is a fact, which is recorded.
        refuse_held(patient.trial, started)
        refuse_treatment_held(patient, started)
    refuse_out_of_order(row)


def _refuse_without_eligibility(patient: Patient, started: datetime | None) -> None:
    decision = decision_in_force(patient)
    if decision is None:
        raise ValidationError(
            _("The signature on the eligibility does not hold: an investigator signs it first.")
        )
    if decision.conclusion == EligibilityDecision.Conclusion.ELIGIBLE:
        return
    # What was given before anybody knew stays a fact: it is recorded.
    if started is None or started >= decision.decided_at:
        text = _(
            "An investigator concluded at %(moment)s that the patient is not eligible: only an infusion that began"
            " before can be recorded."
        )
        raise ValidationError(text % {"moment": shown_moment(decision.decided_at, patient.trial.zone)})


def need_reason(row: Infusion, weight_kg: Decimal | None, reason: Text) -> None:
    """Raise ValidationError for the change of a saved value without a reason (AUD-04)."""
    changed = row.weight_kg is not None and row.weight_kg != weight_kg
    if (row.state != Infusion.State.PLANNED or changed) and not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})


def check_infusion(patient: Patient, row: Infusion, facts: Bedside) -> None:
    """Raise ValidationError with every message at its field, if the facts of the ward are impossible or incomplete."""
    started, ended = facts["started"], facts["ended"]
    errors = _weight(patient, row, facts) | _answers(facts)
    errors |= _times(patient, started, ended) or order_errors(row, started, ended)
    if "started" not in errors:
        errors |= timing_errors(patient, row, started, facts["timing_deviation_reason"].strip())
    if errors:
        raise ValidationError(dict(errors))


def _weight(patient: Patient, row: Infusion, facts: Bedside) -> dict[str, str]:
    """Return by field the message why the weight cannot decide the dose, or why none is asked."""
    kg, measured = facts.get("weight_kg"), facts.get("weight_measured")
    if not asks_weight(row):
        return {} if kg is None else {"weight_kg": str(NO_WEIGHT)}
    if kg is None or measured is None:
        return {"weight_kg" if kg is None else "weight_measured": _("The dose needs the weight of the day.")}
    errors = weight_errors(row, kg, measured, facts.get("weight_confirmation", "").strip())
    return errors | age_errors(patient, measured, facts["started"])


def infusion_questions(patient: Patient, row: Infusion, facts: Bedside) -> list[Question]:
    """Return the questions about an infusion after the death, unless it is stored so already, and about its thaw."""
    started, ended = facts["started"], facts["ended"]
    course = course_questions(row, started, ended, facts["volume_ml"])
    if (row.started, row.ended) == (started.iso, ended.iso):
        return course
    return [*_after_death(patient, started, ended), *start_questions(row, started), *course]


def _after_death(patient: Patient, started: Moment, ended: Moment) -> list[Question]:
    death = death_of(patient)
    if death is None or not death.before(ended):
        return []
    text = _("The patient died on %(died)s: the infusion was given after the death.")
    return [question_of(patient, death, f"infusion:{started.iso}:{ended.iso}", text)]


def _answers(facts: Bedside) -> dict[str, str]:
    errors = {}
    if not 0 < facts["volume_ml"] <= MOST_ML:
        errors["volume_ml"] = _("The volume must be above zero and at most %(most)d mL.") % {"most": MOST_ML}
    if facts["interrupted"] not in {"Y", "N"}:
        errors["interrupted"] = _("Say whether the infusion was interrupted.")
    elif facts["interrupted"] == "Y" and not facts["interruption_reason"].strip():
        errors["interruption_reason"] = _("Say why the infusion was interrupted.")
    if facts.get("tolerated", "") == "N" and not facts.get("tolerance_note", "").strip():
        errors["tolerance_note"] = _("Say what was not tolerated, and report it as an adverse event.")
    return errors


def _times(patient: Patient, started: Moment, ended: Moment) -> dict[str, str]:
    """Return by field the message why the times are impossible: order, future, inclusion, end of study, consent."""
    if ended.earliest <= started.earliest:
        return {"ended": _("The end must be after the start (%(start)s).") % {"start": shown_moment(started)}}
    if ended.earliest > timezone.now():
        return {"ended": _("This time has not come yet. Check the date.")}
    return _start_refused(patient, started)


def _start_refused(patient: Patient, started: Moment) -> dict[str, str]:
    """Return by field the message why nothing can begin at a moment: inclusion, end of study, consent."""
    # A death is no refusal: an infusion after it is asked about (`infusion_questions`).
    # Inclusion and end of study are days at the site, so the start is compared as a day at the site.
    day = patient.trial.day_of(started.earliest)
    if patient.enrolled_on and day < patient.enrolled_on:
        text = _("The patient was included on %(day)s: nothing can be given before.")
        return {"started": text % {"day": shown_day(patient.enrolled_on)}}
    died = patient.end_reason == Patient.EndReason.DEATH
    if patient.ended_on and day > patient.ended_on and not died:
        text = _("The study ended for this patient on %(day)s: nothing can be given after.")
        return {"started": text % {"day": shown_day(patient.ended_on)}}
    problem = withdrawn(patient, day) or _without_consent(patient, started)
    return {"started": problem} if problem else {}


def _without_consent(patient: Patient, started: Moment) -> str:
    """Return the message why no consent covered the start: given later, or the patient's own due (CEL-14)."""
    given = [each for each in patient.consents.not_in_error() if each.given_at <= started.earliest]
    if not given:
        return _("No consent had been given at that time.")
    consent = max(given, key=lambda each: (each.given_at, each.pk))
    regained, day = consent.capacity_regained_on, started.date
    if consent.type != Consent.Type.PATIENT and regained and day and regained < day:
        text = _("The patient can decide again since %(day)s: the patient's own consent comes first.")
        return text % {"day": shown_day(regained)}
    return ""
