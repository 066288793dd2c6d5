"""Bedside records of infusions: weight of the day, times, volume and course, or the reason for none.

Blinding: these facts are the same in both arms, and no function here reads or writes the product. Code that follows
an infusion (the dose in `dosing.products`, other rooms) listens to `dosing.signals.infusion_given`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.conflicts import StaleInfusion
from dosing.infusions.course import course_questions, note_course
from dosing.infusions.participation import refuse_withdrawn, withdrawn
from dosing.infusions.schedule import (
    given_days,
    given_on,
    order_errors,
    plan_again,
    refuse_out_of_order,
    timing_errors,
)
from dosing.infusions.timing_deviations import note_timing
from dosing.infusions.weights import age_errors, weight_errors
from dosing.models import BEDSIDE_FACTS, Infusion
from dosing.patient_dose import asks_weight
from dosing.products.preparing import Product, record_preparation
from dosing.products.thaw import start_questions
from dosing.signals import infusion_given
from dosing.worksheet.dispensed import CATEGORY as NOT_DISPENSED
from dosing.worksheet.dispensed import asks_kit, document_late, needs_reason, note_late, refuse_undispensed
from patients.models import Consent, EligibilityDecision, Patient, Query, Visit
from patients.participation.asked_facts import answer_by_change
from patients.participation.consents.consent import current_consent
from patients.participation.consents.reconsent import refuse_without_reconsent
from patients.participation.death import death_of, question_of
from patients.participation.deviation_log.deviations import settle_deviation
from patients.participation.eligibility_decisions.eligibility import decision_in_force
from patients.participation.lifecycle import lock_patient, refuse_closed_form, require_state
from patients.participation.questions import Question, ask
from patients.participation.treatment_holds import refuse_treatment_held
from patients.participation.visits import SETTLING_STATES, hold_visit_of, replan
from patients.signals import announce
from protocol.values.moments import Moment
from trials.holds import refuse_held
from trials.reader import shown_day, shown_moment

__all__ = [
    "Bedside",
    "Product",
    "StaleInfusion",
    "infusion_obstacle",
    "mark_not_given",
    "record_infusion",
    "record_preparation",
    "record_weight",
]

State = Infusion.State
MOST_ML = 5000
NO_WEIGHT = gettext_lazy("No dose of this protocol depends on the weight: none is asked.")
# After the end of study an infusion given before it may still be recorded or amended (`_times` checks the day).
TREATED = (Patient.State.ENROLLED, Patient.State.ENDED)
WORDS = (
    "weight_confirmation", "interrupted", "interruption_reason", "premedication", "tolerated", "tolerance_note",
    "timing_deviation_reason",
)  # fmt: skip
CLEARED: dict[str, Any] = {
    "started": "", "started_at": None, "ended": "", "ended_at": None, "volume_ml": None, **dict.fromkeys(WORDS, ""),
}  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class Given:
    """When an infusion was given: the day at the site, start and end as stored; empty if it was not given."""

    day: date | None
    started: str
    ended: str

    @classmethod
    def of(cls, row: Infusion, patient: Patient) -> "Given":
        """Return when the infusion is given as it stands."""
        return cls(given_on(row, patient), row.started, row.ended)

    def differs_from(self, before: "Given") -> list[str]:
        """Return what changed, by its name in expressions."""
        changed = {"started_at": self.started != before.started, "ended_at": self.ended != before.ended}
        return [f"infusion.{name}" for name, differs in changed.items() if differs]


@transaction.atomic
def record_weight(
    *,
    infusion: Infusion,
    weight_kg: Decimal,
    weight_measured: Moment,
    version: int,
    by: User,
    weight_confirmation: str = "",
    reason: Text = "",
) -> Infusion:
    """Record the weight of the day in kg before the infusion, so that the product can be prepared for it (CEL-09).

    Raises StaleInfusion if `version` is not the current one. Raises ValidationError by field for a weight that is
    impossible, unlikely without a confirmation, measured in the future or changed without a reason, and for a patient
    who cannot be treated or an infusion that is recorded already.
    """
    patient, row = _locked_infusion(infusion, version)
    _refuse(patient, row)
    if row.state != State.PLANNED:
        raise ValidationError(_("This infusion is already recorded: amend it there."))
    if not asks_weight(row):
        raise ValidationError(NO_WEIGHT)
    refuse_withdrawn(patient, patient.trial.today)
    errors = weight_errors(row, weight_kg, weight_measured, weight_confirmation.strip())
    if errors:
        raise ValidationError(dict(errors))
    _need_reason(row, weight_kg, reason)
    before = _facts_of(row)
    row.weight_kg, row.weight_measured = weight_kg, weight_measured.iso
    row.weight_confirmation = weight_confirmation.strip()
    return _save(row, reason, by, before)


@transaction.atomic
def record_infusion(
    *, infusion: Infusion, facts: Bedside, version: int, by: User, reason: Text = "", confirmed: str = ""
) -> Infusion:
    """Record an infusion as given, or amend it with a reason.

    Raises StaleInfusion if `version` is not the current one. Raises ValidationError by field: start before inclusion or
    consent or after the end of study, infusions out of order, end before start, a day outside the protocol's
    window without a reason, a weight that is impossible, unlikely without a confirmation or too old, a change without
    reason; where the protocol asks for the chain, no kit dispensed and compared at the bedside and no reason to
    document it late. Raises Questioned for an infusion after the death that is not `confirmed`.
    """
    patient, row = _locked_infusion(infusion, version)
    _refuse(patient, row, facts["started"].earliest)
    _check(patient, row, facts)
    late = refuse_undispensed(row, facts.get("late_reason", ""))
    _need_reason(row, facts.get("weight_kg"), reason)
    ask(_questions(patient, row, facts), confirmed)
    before, facts_before = Given.of(row, patient), _facts_of(row)
    row.state, row.not_given_reason = State.GIVEN, ""
    row.started, row.started_at = facts["started"].iso, facts["started"].earliest
    row.ended, row.ended_at = facts["ended"].iso, facts["ended"].earliest
    row.weight_asked, row.weight_kg = asks_weight(row), facts.get("weight_kg")
    measured = facts.get("weight_measured")
    row.weight_measured = measured.iso if measured else ""
    row.volume_ml = facts["volume_ml"]
    for name in WORDS:
        setattr(row, name, str(facts.get(name, "")).strip())
    _save(row, reason, by, facts_before)
    _after(patient, row, by, before=before)
    if late:
        document_late(row, facts.get("late_reason", ""), by)
    elif asks_kit(patient):
        # The day may have changed, or the infusion was marked as not given meanwhile.
        note_late(row, by)
    return row


@transaction.atomic
def mark_not_given(*, infusion: Infusion, reason: str, version: int, by: User) -> Infusion:
    """Record that an infusion was not given, with the reason. Facts entered in error are cleared; the trail keeps them.

    Raises StaleInfusion if `version` is not the current one. Raises ValidationError without a reason, for an infusion
    already marked as not given, or one that a later given infusion follows.
    """
    patient, row = _locked_infusion(infusion, version)
    require_state(
        patient,
        *TREATED,
        refusal=_("%(patient)s cannot skip an infusion: the status is “%(state)s”."),
    )
    if row.state == State.NOT_GIVEN:
        raise ValidationError(_("This infusion is already marked as not given."))
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the infusion was not given.")})
    later = Infusion.objects.filter(patient=patient, number__gt=row.number, state=State.GIVEN)
    if row.state == State.GIVEN and later.exists():
        raise ValidationError(_("A later infusion was given: correct the later one first."))
    before = Given.of(row, patient)
    row.state, row.not_given_reason = State.NOT_GIVEN, reason.strip()
    for name, value in CLEARED.items():
        setattr(row, name, value)
    _save(row, reason, by)
    _after(patient, row, by, before=before)
    if asks_kit(patient):
        settle_deviation(patient=patient, category=NOT_DISPENSED, source=row, by=by)
    return row


def infusion_obstacle(infusion: Infusion, started: datetime | None = None) -> str:
    """Return the message why no infusion can be given now, empty if it can. Reads infusion.patient.

    started: of an infusion that began then, the message why it cannot be recorded.
    """
    try:
        _refuse(infusion.patient, infusion, started)
    except ValidationError as refused:
        return " ".join(refused.messages)
    return ""


def start_errors(row: Infusion, started: Moment, timing_reason: str) -> dict[str, str]:
    """Return by field why an infusion cannot begin at a moment, as `record_infusion` refuses it. Reads row.patient.

    Raises ValidationError for a patient who cannot be treated. The weight is the one recorded before.
    """
    patient = row.patient
    _refuse(patient, row, started.earliest)
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


def _locked_infusion(infusion: Infusion, version: int) -> tuple[Patient, Infusion]:
    patient = lock_patient(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).select_related("visit").get(pk=infusion.pk)
    row.patient = patient
    refuse_closed_form(None, row.visit)
    # Compared on the row read after the lock: the row that the page was made from may be out of date.
    if row.version != version:
        raise StaleInfusion(row)
    return patient, row


def _refuse(patient: Patient, row: Infusion, started: datetime | None = None) -> None:
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
    if row.state != State.GIVEN:
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


def _need_reason(row: Infusion, weight_kg: Decimal | None, reason: Text) -> None:
    """Raise ValidationError for the change of a saved value without a reason (AUD-04)."""
    changed = row.weight_kg is not None and row.weight_kg != weight_kg
    if (row.state != State.PLANNED or changed) and not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})


def _check(patient: Patient, row: Infusion, facts: Bedside) -> None:
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


def _questions(patient: Patient, row: Infusion, facts: Bedside) -> list[Question]:
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
    # A death is no refusal: an infusion after it is asked about (`_questions`).
    # Inclusion and end of study are days at the site, so the start is compared as a day at the site.
    day = started.earliest.astimezone(patient.trial.zone).date()
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


def _facts_of(row: Infusion) -> dict[str, Any]:
    return {name: getattr(row, name) for name in BEDSIDE_FACTS}


def _save(row: Infusion, reason: Text, by: User, before: Mapping[str, Any] | None = None) -> Infusion:
    """Store the row. before: its facts until this change, on which it may answer queries."""
    row.version += 1
    with because(trimmed(reason)):
        row.save()
    items = [name for name, value in (before or {}).items() if getattr(row, name) != value]
    answer_by_change(reason=reason, items=items, by=by, target=Query.Target.INFUSION, target_id=row.pk)
    infusion_given.send(sender=Infusion, infusion=row, by=by)
    return row


def _after(patient: Patient, row: Infusion, by: User, *, before: Given) -> None:
    """Record the visit as held, store the day of the first infusion, plan later infusions and visits again.

    before: when the infusion was given until this change. Announces what changed under its name in expressions.
    """
    day = given_on(row, patient)
    is_first_moved = row.number == 1 and patient.first_infusion_on != day
    if is_first_moved:
        patient.first_infusion_on = day
        patient.save(update_fields=["first_infusion_on"])
    visit: Visit | None = row.visit
    if (
        day is not None
        and visit is not None
        and patient.state in SETTLING_STATES
        # No visit is held after the end of study; an infusion there was asked about and confirmed.
        and not (patient.ended_on and day > patient.ended_on)
        and _takes_infusion_day(visit, before.day)
    ):
        visit.patient = patient
        hold_visit_of(visit=visit, on=day, by=by)
    plan_again(patient, by)
    note_timing(patient, by)
    note_course(row, by)
    replan(patient, by, infusions=given_days(patient))
    if is_first_moved:
        announce(patient=patient, names=["subject.first_infusion_on"], by=by)
    if visit is not None and (names := Given.of(row, patient).differs_from(before)):
        announce(patient=patient, names=names, visit=visit, by=by)


def _takes_infusion_day(visit: Visit, before: object) -> bool:
    """Return True if the visit takes the infusion's day: not held yet, or held on the day of the infusion so far."""
    return visit.state != Visit.State.HELD or visit.held_on == before
