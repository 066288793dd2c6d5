"""Visits: planned by the protocol, held, missed, or unscheduled."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Visit
from patients.participation.lifecycle import lock_patient, lock_visit, refuse_closed_form, require_state
from patients.participation.reconsent import refuse_without_reconsent
from patients.participation.visit_deviations import note_visit
from protocol.document.schedule import planned_visits

UNSCHEDULED = "UNS"
OPEN_STATES = (Patient.State.SCREENING, Patient.State.ENROLLED)


def anchors_of(patient: Patient, infusions: dict[int, date] | None = None) -> dict[str, date]:
    """Return by anchor (`screening`, `inclusion`, `infusion_1` …) the days from which visits are counted, if known."""
    known = {"screening": patient.screened_on, "inclusion": patient.enrolled_on}
    known["infusion_1"] = patient.first_infusion_on
    known.update({f"infusion_{number}": day for number, day in (infusions or {}).items()})
    return {name: day for name, day in known.items() if day is not None}


@transaction.atomic
def plan_visits(*, patient: Patient, by: User, infusions: dict[int, date] | None = None) -> None:
    """Add or move the visits that the protocol plans. Visits held, missed, frozen or locked stay as they are.

    The trail names the system, acting for `by` (AUD-10). infusions: by number, the days of the infusions given.
    """
    rules = patient.protocol.rules
    present = {visit.code: visit for visit in patient.visits.filter(number=1)}
    fresh, moved = [], []
    for position, plan in enumerate(planned_visits(rules, anchors_of(patient, infusions)), start=1):
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
def hold_visit(*, visit: Visit, on: date, by: User) -> Visit:
    """Record the day on which a visit was held, or correct it.

    Raises ValidationError for a day in the future or before screening, a visit that is frozen, locked or no longer
    planned, and a patient who is not in screening or follow-up, or has to sign a new consent before a new visit.
    """
    patient, visit = lock_visit(visit)
    # The day of a visit that took place may be corrected: that is nothing new for the patient to consent to.
    if visit.state != Visit.State.HELD:
        refuse_without_reconsent(patient)
    return _hold(patient, visit, on, by)


@transaction.atomic
def hold_visit_of(*, visit: Visit, on: date, by: User) -> Visit:
    """Record the day of a visit at which something took place that is recorded, such as an infusion given.

    Raises ValidationError like `hold_visit`, but asks for no new consent: the step that records it decides on that.
    """
    patient, visit = lock_visit(visit)
    return _hold(patient, visit, on, by)


def _hold(patient: Patient, visit: Visit, on: date, by: User) -> Visit:
    require_state(
        patient,
        *OPEN_STATES,
        refusal=_("%(patient)s cannot be seen: the status is “%(state)s”."),
    )
    refuse_closed_form(None, visit)
    _refuse_cancelled(visit)
    if on < patient.screened_on:
        raise ValidationError({"on": _("This day is before the screening.")})
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    # The version is fixed now: a later amendment does not change the forms of a held visit.
    visit.state, visit.held_on, visit.missed_reason = Visit.State.HELD, on, ""
    visit.protocol_id = visit.protocol_id or patient.protocol_id
    visit.save(update_fields=["state", "held_on", "missed_reason", "protocol"])
    note_visit(patient, visit, by)
    return visit


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
        *OPEN_STATES,
        refusal=_("%(patient)s cannot miss a visit: the status is “%(state)s”."),
    )
    refuse_closed_form(None, visit)
    _refuse_cancelled(visit)
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
def add_unscheduled(*, patient: Patient, on: date, reason: str, by: User) -> Visit:
    """Add an unscheduled visit and return it; the same day and reason again (a double click) return the same visit."""
    patient = lock_patient(patient)
    require_state(
        patient,
        *OPEN_STATES,
        refusal=_("%(patient)s cannot have an unscheduled visit: the status is “%(state)s”."),
    )
    refuse_without_reconsent(patient)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why the patient was seen.")})
    if not patient.screened_on <= on <= patient.trial.today:
        raise ValidationError({"on": _("The day must be between the screening and today.")})
    same_day_visits = patient.visits.filter(code=UNSCHEDULED)
    if existing := same_day_visits.filter(planned_on=on, reason=reason.strip()).first():
        return existing
    last = same_day_visits.aggregate(last=Max("number"))["last"] or 0
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
