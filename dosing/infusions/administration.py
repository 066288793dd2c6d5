"""Bedside records of infusions: weight of the day, times, volume and course, or the reason for none.

Blinding: these facts are the same in both arms, and no function here reads or writes the product. Code that follows
an infusion (the dose in `dosing.products`, other rooms) listens to `dosing.signals.infusion_given`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.conflicts import StaleInfusion
from dosing.infusions.course import note_course
from dosing.infusions.infusion_checks import (
    NO_WEIGHT,
    TREATED,
    Bedside,
    check_infusion,
    infusion_questions,
    need_reason,
    refuse_infusion,
)
from dosing.infusions.participation import refuse_withdrawn
from dosing.infusions.schedule import (
    given_days,
    given_on,
    plan_again,
)
from dosing.infusions.timing_deviations import note_timing
from dosing.infusions.weights import weight_errors
from dosing.models import BEDSIDE_FACTS, Infusion
from dosing.patient_dose import asks_weight
from dosing.products.preparing import Product, record_preparation
from dosing.signals import infusion_given
from dosing.worksheet.dispensed import CATEGORY as NOT_DISPENSED
from dosing.worksheet.dispensed import asks_kit, document_late, note_late, refuse_undispensed
from patients.models import Patient, Query, Visit
from patients.participation.asked_facts import answer_by_change
from patients.participation.deviation_log.deviations import settle_deviation
from patients.participation.lifecycle import lock_patient, refuse_closed_form, require_state
from patients.participation.questions import ask
from patients.participation.visits import SETTLING_STATES, hold_visit_of, replan
from patients.signals import announce
from protocol.values.moments import Moment

__all__ = [
    "Product",
    "StaleInfusion",
    "mark_not_given",
    "record_infusion",
    "record_preparation",
    "record_weight",
]

State = Infusion.State
WORDS = (
    "weight_confirmation", "interrupted", "interruption_reason", "premedication", "tolerated", "tolerance_note",
    "timing_deviation_reason",
)  # fmt: skip
CLEARED: dict[str, Any] = {
    "started": "", "started_at": None, "ended": "", "ended_at": None, "volume_ml": None, **dict.fromkeys(WORDS, ""),
}  # fmt: skip


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
        """Return the changed facts, by their names in expressions."""
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
    refuse_infusion(patient, row)
    if row.state != State.PLANNED:
        raise ValidationError(_("This infusion is already recorded: amend it there."))
    if not asks_weight(row):
        raise ValidationError(NO_WEIGHT)
    refuse_withdrawn(patient, patient.trial.today)
    errors = weight_errors(row, weight_kg, weight_measured, weight_confirmation.strip())
    if errors:
        raise ValidationError(dict(errors))
    need_reason(row, weight_kg, reason)
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
    refuse_infusion(patient, row, facts["started"].earliest)
    check_infusion(patient, row, facts)
    late = refuse_undispensed(row, facts.get("late_reason", ""))
    need_reason(row, facts.get("weight_kg"), reason)
    ask(infusion_questions(patient, row, facts), confirmed)
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


def _locked_infusion(infusion: Infusion, version: int) -> tuple[Patient, Infusion]:
    patient = lock_patient(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).select_related("visit").get(pk=infusion.pk)
    row.patient = patient
    refuse_closed_form(None, row.visit)
    # Compared on the row read after the lock: the row that the page was made from may be out of date.
    if row.version != version:
        raise StaleInfusion(row)
    return patient, row


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
