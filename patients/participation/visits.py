"""Visits: planned by the protocol, held, missed, or unscheduled."""

from contextlib import nullcontext
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, because
from audit.stored_text import Text
from patients import signals
from patients.models import Patient, Record, Visit
from patients.participation.consents.reconsent import refuse_without_reconsent
from patients.participation.death import visit_after_death
from patients.participation.deviation_log.visit_deviations import note_visit
from patients.participation.lifecycle import lock_patient, lock_visit, refuse_closed_form, require_state
from patients.participation.milestones import days_of, never_given
from patients.participation.questions import ask
from patients.participation.reasons import required_reason
from protocol.document.schedule import planned_visits
from trials.reader import shown_day

UNSCHEDULED = "UNS"
OPEN_STATES = (Patient.State.SCREENING, Patient.State.ENROLLED)
# After the end of study, visits up to that day are still held, missed and corrected.
SETTLING_STATES = (*OPEN_STATES, Patient.State.ENDED)


def anchors_of(patient: Patient, infusions: dict[int, date] | None = None) -> dict[str, date]:
    """Return by anchor (`screening`, `inclusion`, `infusion_1` …) the days from which visits are counted, if known."""
    known = {"screening": patient.screened_on, "inclusion": patient.enrolled_on}
    known["infusion_1"] = patient.first_infusion_on
    known.update({f"infusion_{number}": day for number, day in (infusions or {}).items()})
    return {name: day for name, day in known.items() if day is not None}


@transaction.atomic
def plan_visits(*, patient: Patient, by: User, infusions: dict[int, date] | None = None) -> None:
    """Add or move the visits that the protocol plans. Visits held, missed, frozen or locked stay as they are.

    The trail names the system, acting for `by` (AUD-10). infusions: by number, the days of the infusions given. A visit
    counted from an infusion that will not be given is counted from the anchor that the protocol names instead; after
    the end of study only if it has a day already: until the end nobody could know that it would be due.
    """
    rules = patient.protocol.rules
    never: frozenset[int] = frozenset()
    if patient.enrolled_on is not None:
        infusions = days_of(patient) if infusions is None else infusions
        never = never_given([patient])[patient.pk]
    anchors = anchors_of(patient, infusions)
    planned = planned_visits(rules, anchors, never)
    present = {visit.code: visit for visit in patient.visits.filter(number=1)}
    if never and patient.state == Patient.State.ENDED:
        dated = {code for code, visit in present.items() if visit.planned_on is not None}
        as_given = planned_visits(rules, anchors)
        planned = [
            plan if plan.code in dated else other for plan, other in zip(planned, as_given, strict=True)
        ]
    fresh, moved = [], []
    for position, plan in enumerate(planned, start=1):
        visit = present.get(plan.code)
        days = {"planned_on": plan.planned_on, "window_from": plan.window_from, "window_to": plan.window_to}
        if visit is None:
            state = Visit.State.PLANNED
            fresh.append(Visit(patient=patient, code=plan.code, position=position * 10, state=state, **days))
        elif (
            visit.state == Visit.State.PLANNED
            and not (visit.frozen_at or visit.locked_at)
            and any(getattr(visit, name) != day for name, day in days.items())
        ):
            for name, day in days.items():
                setattr(visit, name, day)
            moved.append(visit)
    with acting(user=by, system="schedule"):
        Visit.objects.bulk_create(fresh)
        if moved:
            Visit.objects.bulk_update(moved, ["planned_on", "window_from", "window_to"])


def replan(patient: Patient, by: User, infusions: dict[int, date] | None = None) -> None:
    """Plan the visits again after an anchor became known or changed."""
    plan_visits(patient=patient, by=by, infusions=infusions)


@transaction.atomic
def hold_visit(*, visit: Visit, on: date, by: User, reason: Text = "", confirmed: str = "") -> Visit:
    """Record the day on which a visit was held, or correct it with a reason.

    Raises ValidationError for a day in the future, before screening, or after the end of study or the withdrawal of
    follow-up; for a visit that is frozen, locked or no longer planned; for a patient who failed screening, or has to
    sign a new consent before a new visit; and for another day without a reason or under a frozen or locked form.
    Raises Questioned for a day after the death that is not `confirmed`.
    """
    patient, visit = lock_visit(visit)
    # The day of a visit that took place may be corrected: that is nothing new for the patient to consent to.
    if visit.state != Visit.State.HELD:
        refuse_without_reconsent(patient)
    held = _hold(patient, visit, on, by, reason)
    ask(visit_after_death(patient, on), confirmed)
    return held


@transaction.atomic
def hold_visit_of(*, visit: Visit, on: date, by: User) -> Visit:
    """Record the day of a visit at which something took place that is recorded, such as an infusion given.

    Raises ValidationError like `hold_visit`, but asks for no new consent and no reason: the step that records it does.
    """
    patient, visit = lock_visit(visit)
    return _hold(patient, visit, on, by, None)


def _hold(patient: Patient, visit: Visit, on: date, by: User, reason: Text | None) -> Visit:
    require_state(
        patient,
        *SETTLING_STATES,
        refusal=_("%(patient)s cannot be seen: the status is “%(state)s”."),
    )
    refuse_closed_form(None, visit)
    _refuse_cancelled(visit)
    _check_day(patient, on)
    because_of, day = _reason_for(visit, on, reason), visit.held_on or visit.planned_on
    # The version is fixed now: a later amendment does not change the forms of a held visit.
    visit.state, visit.held_on, visit.missed_reason = Visit.State.HELD, on, ""
    visit.protocol_id = visit.protocol_id or patient.protocol_id
    columns = ["state", "held_on", "missed_reason", "protocol"]
    if visit.code == UNSCHEDULED:
        visit.planned_on = on
        columns.append("planned_on")
    with because(because_of) if because_of else nullcontext():
        visit.save(update_fields=columns)
    if on != day:
        signals.announce(patient=patient, names=["visit.on"], visit=visit, by=by)
    note_visit(patient, visit, by)
    return visit


def _reason_for(visit: Visit, on: date, reason: Text | None) -> Text:
    """Return the reason for another day; empty if nothing recorded changes, or the step has its own (None).

    Raises ValidationError without one, and under a frozen or locked form.
    """
    if visit.state == Visit.State.PLANNED or visit.held_on == on:
        return ""
    closed = visit.records.exclude(state=Record.State.STRUCK_OUT)
    if closed.filter(Q(frozen_at__isnull=False) | Q(locked_at__isnull=False)).exists():
        text = _("A form of %(visit)s is frozen or locked: the day of the visit cannot change under it.")
        raise ValidationError(text % {"visit": visit.key})
    return "" if reason is None else required_reason(reason)


def _check_day(patient: Patient, on: date) -> None:
    if on < patient.screened_on:
        raise ValidationError({"on": _("This day is before the screening.")})
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    if patient.ended_on and on > patient.ended_on:
        text = _("The study ended for this patient on %(day)s: there is no visit after it.")
        raise ValidationError({"on": text % {"day": shown_day(patient.ended_on)}})
    if patient.follow_up_withdrawn_on and on > patient.follow_up_withdrawn_on:
        text = _("Consent for follow-up was withdrawn on %(day)s: there is no visit after it.")
        raise ValidationError({"on": text % {"day": shown_day(patient.follow_up_withdrawn_on)}})


def _refuse_cancelled(visit: Visit) -> None:
    if visit.state == Visit.State.CANCELLED:
        text = _("%(visit)s is no longer planned. Add an unscheduled visit if the patient was seen.")
        raise ValidationError(text % {"visit": visit.key})


@transaction.atomic
def miss_visit(*, visit: Visit, reason: str, by: User) -> Visit:
    """Record that a visit was missed, with the reason. Raises ValidationError without one, or if it has forms."""
    patient, visit = lock_visit(visit)
    require_state(
        patient,
        *SETTLING_STATES,
        refusal=_("%(patient)s cannot miss a visit: the status is “%(state)s”."),
    )
    refuse_closed_form(None, visit)
    _refuse_cancelled(visit)
    if patient.ended_on and not is_due_by(visit, patient.ended_on):
        text = _("%(visit)s is after the end of the study: it is not missed.")
        raise ValidationError(text % {"visit": visit.key})
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the visit did not take place.")})
    if visit.records.exclude(state="struck_out").exists():
        raise ValidationError(_("This visit has forms with data: it took place."))
    visit.state, visit.held_on, visit.missed_reason = Visit.State.MISSED, None, reason.strip()
    visit.protocol_id = visit.protocol_id or patient.protocol_id
    visit.save(update_fields=["state", "held_on", "missed_reason", "protocol"])
    note_visit(patient, visit, by)
    return visit


@transaction.atomic
def add_unscheduled(*, patient: Patient, on: date, reason: str, by: User, confirmed: str = "") -> Visit:
    """Add an unscheduled visit and return it; the same day and reason again (a double click) return the same visit.

    Raises ValidationError for an impossible day, Questioned for a day after the death that is not `confirmed`.
    """
    patient = lock_patient(patient)
    require_state(
        patient,
        *SETTLING_STATES,
        refusal=_("%(patient)s cannot have an unscheduled visit: the status is “%(state)s”."),
    )
    refuse_without_reconsent(patient)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the patient was seen.")})
    if not patient.screened_on <= on <= patient.trial.today:
        raise ValidationError({"on": _("The day must be between the screening and today.")})
    _check_day(patient, on)
    rows = patient.visits.filter(code=UNSCHEDULED)
    same = rows.filter(planned_on=on, reason=reason.strip()).exclude(state=Visit.State.CANCELLED)
    if existing := same.first():
        return existing
    ask(visit_after_death(patient, on), confirmed)
    last = rows.aggregate(last=Max("number"))["last"] or 0
    return Visit.objects.create(
        patient=patient,
        protocol_id=patient.protocol_id,
        code=UNSCHEDULED,
        number=last + 1,
        position=9000 + last,
        planned_on=on,
        held_on=on,
        state=Visit.State.HELD,
        reason=reason.strip(),
    )


@transaction.atomic
def strike_out_visit(*, visit: Visit, reason: Text, by: User) -> Visit:
    """Take back that a visit was held or missed: it is planned again; an unscheduled one is no longer planned.

    Raises ValidationError without a reason, for a visit that is neither held nor missed, or frozen or locked, and while
    something depends on it: a form in force, or what a room above names on `visit_struck_out_asked`.
    """
    patient, visit = lock_visit(visit)
    require_state(
        patient,
        *SETTLING_STATES,
        refusal=_("%(patient)s has no visit to strike out: the status is “%(state)s”."),
    )
    refuse_closed_form(None, visit)
    if visit.state not in (Visit.State.HELD, Visit.State.MISSED):
        text = _("%(visit)s is neither held nor missed: there is nothing to strike out.")
        raise ValidationError(text % {"visit": visit.key})
    because_of = required_reason(reason)
    _refuse_with_dependants(visit)
    visit.state = Visit.State.CANCELLED if visit.code == UNSCHEDULED else Visit.State.PLANNED
    visit.held_on, visit.missed_reason = None, ""
    if visit.code != UNSCHEDULED:
        visit.protocol = None
    with because(because_of):
        visit.save(update_fields=["state", "held_on", "missed_reason", "protocol"])
        replan(patient, by)
    note_visit(patient, visit, by)
    return visit


def _refuse_with_dependants(visit: Visit) -> None:
    if visit.records.exclude(state=Record.State.STRUCK_OUT).exists():
        raise ValidationError(_("This visit has forms with data: strike out the forms first."))
    asked: list[tuple[Any, Any]] = signals.visit_struck_out_asked.send(sender=Visit, visit=visit)
    if found := [sentence for _receiver, sentences in asked for sentence in sentences]:
        raise ValidationError(found)


def is_due_by(visit: Visit, day: date) -> bool:
    """Return True if a planned visit was to take place on a day or before: it should be held or missed."""
    first = visit.window_from or visit.planned_on
    return first is not None and first <= day


def visits_due(patient: Patient, until: date) -> list[Visit]:
    """Return the planned visits that should be held or missed until a day, in their order. One query."""
    rows = patient.visits.filter(state=Visit.State.PLANNED).order_by("position", "number")
    return [visit for visit in rows if is_due_by(visit, until)]
