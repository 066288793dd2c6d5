"""The schedule of infusions: planned from the day of inclusion, moved after each infusion given."""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from audit.stored_text import StoredText, system_text
from dosing.allocation.kits import number_infusions
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.participation.lifecycle import refuse_closed_form
from protocol.document.dosing import Dosing
from protocol.document.schedule import Allowed, AnchorTime, allowed_by
from protocol.values.moments import Moment
from trials.reader import shown_day, shown_moment

State = Infusion.State
NOT_PLANNED = "dosing.not_planned"
WINDOW = ("planned_on", "window_from", "window_to", "window_opens_at", "window_closes_at")
"""Columns of an infusion that are computed again."""


def plan_infusions(*, patient: Patient, by: User) -> None:
    """Store every infusion of the protocol as planned, with windows counted from the day of inclusion."""
    dosing = patient.protocol.rules.dosing
    if dosing is None:
        return
    # After an inclusion that was struck out, its infusions are there already.
    known = set(Infusion.objects.filter(patient=patient).values_list("number", flat=True))
    with acting(user=by, system="schedule"):
        Infusion.objects.bulk_create(
            _planned(patient, dosing, number)
            for number in range(1, dosing.infusions + 1)
            if number not in known
        )
    _number(patient, by)
    plan_again(patient, by)


def _planned(patient: Patient, dosing: Dosing, number: int) -> Infusion:
    return Infusion(
        patient=patient,
        number=number,
        state=State.PLANNED,
        visit=_visit(patient, number),
        weight_asked=dosing.needs_weight,
    )


def _number(patient: Patient, by: User) -> None:
    """Give each infusion of a masked trial its kit number: in every arm, before anything is prepared."""
    if patient.trial.masked:
        number_infusions(patient=patient, infusions=list(patient.infusions.order_by("number")), by=by)


def _visit(patient: Patient, number: int) -> Visit | None:
    try:
        code = patient.protocol.rules.infusion_visit(number).code
    except KeyError:
        return None
    return patient.visits.filter(code=code, number=1).first()


def plan_again(patient: Patient, by: User) -> None:
    """Store the days that the protocol now allows for each infusion, given or not. The trail names the system.

    Keeps at the patient which infusions were given and which were not, because forms are asked after an infusion only.
    Raises ValidationError if the days of an infusion change whose visit is frozen or locked.
    """
    planned = windows(patient)
    with acting(user=by, system="schedule"):
        _note_infusions(patient, [row for row, _window in planned])
        for row, allowed in planned:
            if _stored_window(row) != (allowed.first, allowed.last, *(allowed.moments or (None, None))):
                refuse_closed_form(None, row.visit)
                row.planned_on, row.window_from, row.window_to = allowed.first, allowed.first, allowed.last
                row.window_opens_at, row.window_closes_at = allowed.moments or (None, None)
                row.save(update_fields=[*WINDOW])


def _stored_window(row: Infusion) -> tuple[object, ...]:
    return row.window_from, row.window_to, row.window_opens_at, row.window_closes_at


def _note_infusions(patient: Patient, rows: Sequence[Infusion]) -> None:
    """Store at the patient the numbers of the infusions given and of those recorded as not given, if they changed."""
    given, omitted = (
        "".join(str(row.number) for row in rows if row.state == state)
        for state in (State.GIVEN, State.NOT_GIVEN)
    )
    if (patient.infusions_given, patient.infusions_omitted) != (given, omitted):
        patient.infusions_given, patient.infusions_omitted = given, omitted
        patient.save(update_fields=["infusions_given", "infusions_omitted"])


def windows(patient: Patient, moved: Mapping[int, Moment] | None = None) -> list[tuple[Infusion, Allowed]]:
    """Return the infusions by number, each with when the protocol allows it. One query.

    A window is counted from inclusion or from an earlier infusion: from when it was given, else from its own window.
    moved: by number, moments at which infusions are taken to begin, whatever is stored.
    """
    if patient.enrolled_on is None:
        return []
    rows = Infusion.objects.filter(patient=patient).select_related("visit__protocol")
    found: list[tuple[Infusion, Allowed]] = []
    anchors = {0: _included(patient)}
    for row in rows.defer("visit__protocol__text").order_by("number"):
        dosing = _dosing_of(row, patient)
        if dosing is None:
            return []
        window, zone = dosing.window_of(row.number), patient.trial.zone
        allowed = allowed_by(window, anchors[min(window.anchor_infusion, row.number - 1)], zone)
        found.append((row, allowed))
        anchors[row.number] = _anchor(row, allowed, zone, (moved or {}).get(row.number))
    return found


def _included(patient: Patient) -> AnchorTime:
    """Return when the patient was included: the moment if it was recorded on the day itself, else the whole day."""
    day, at, zone = patient.enrolled_on, patient.enrolled_at, patient.trial.zone
    if day is None:
        raise ValueError("the patient is not included")
    if at is not None and at.astimezone(zone).date() == day:
        return AnchorTime(at, at)
    return AnchorTime.of_days(day, day, zone)


def _anchor(row: Infusion, allowed: Allowed, zone: tzinfo, moved: Moment | None) -> AnchorTime:
    """Return from when the windows of later infusions are counted: when this one began, else its own window."""
    if moved is not None:
        return AnchorTime(moved.earliest, moved.earliest)
    if row.state == State.GIVEN and row.started_at is not None:
        return AnchorTime(row.started_at, row.started_at)
    if allowed.moments is not None:
        return AnchorTime(*allowed.moments)
    return AnchorTime.of_days(allowed.first, allowed.last, zone)


def _dosing_of(row: Infusion, patient: Patient) -> Dosing | None:
    """Return the dosing rules of an infusion: by the version that its visit was held under, else by the patient's."""
    version = row.visit.protocol if row.visit is not None else None
    return (version or patient.protocol).rules.dosing


def given_on(infusion: Infusion, patient: Patient) -> date | None:
    """Return the day on which an infusion was given, in the time zone of the site; None if it was not given."""
    if infusion.state != State.GIVEN or infusion.started_at is None:
        return None
    # The day at the site: in UTC an infusion shortly after midnight would fall on the day before.
    return patient.trial.day_of(infusion.started_at)


def given_days(patient: Patient) -> dict[int, date]:
    """Return by number the days of the infusions given. One query."""
    rows = Infusion.objects.filter(patient=patient, state=State.GIVEN)
    return {row.number: day for row in rows if (day := given_on(row, patient)) is not None}


def timing_errors(patient: Patient, row: Infusion, started: Moment, reason: str) -> dict[str, str]:
    """Return by field why the infusion cannot begin then: outside its window, without a reason (deviation).

    A start that leaves any later infusion, already given, outside its window is refused until that has a reason.
    """
    later, begins = [], started.earliest
    day = patient.trial.day_of(begins)
    for other, allowed in windows(patient, {row.number: started}):
        if other.number == row.number and not reason and not allowed.holds(begins, day):
            return {"timing_deviation_reason": _outside(patient, started, day, allowed)}
        if other.number > row.number and (problem := _conflict_with_next(patient, other, allowed)):
            later.append(problem)
    return {"started": " ".join(later)} if later else {}


def _bounds(patient: Patient, allowed: Allowed) -> dict[str, str]:
    """Return the first and last day of a window as text, or the moments if it is in hours."""
    if allowed.moments is None:
        return {"first": shown_day(allowed.first), "last": shown_day(allowed.last)}
    opens, closes = (shown_moment(moment, patient.trial.zone) for moment in allowed.moments)
    return {"first": opens, "last": closes}


def _outside(patient: Patient, started: Moment, day: date, allowed: Allowed) -> str:
    text = _(
        "The protocol allows %(first)s to %(last)s. Say why it was given on %(day)s: this is a deviation."
    )
    given = shown_day(day) if allowed.moments is None else shown_moment(started)
    return text % {**_bounds(patient, allowed), "day": given}


def _conflict_with_next(patient: Patient, later: Infusion, allowed: Allowed) -> str:
    """Return the message why a later infusion would be outside its window without a reason, else an empty text."""
    given = given_on(later, patient)
    if given is None or later.started_at is None or later.timing_deviation_reason:
        return ""
    if allowed.holds(later.started_at, given):
        return ""
    text = _(
        "Infusion %(number)d, on %(day)s, would be outside %(first)s to %(last)s: give its reason first."
    )
    return text % {"number": later.number, "day": shown_day(given), **_bounds(patient, allowed)}


def refuse_out_of_order(row: Infusion) -> None:
    """Raise ValidationError while an earlier infusion is neither given nor marked as not given."""
    earlier = Infusion.objects.filter(patient=row.patient_id, number__lt=row.number, state=State.PLANNED)
    waiting = earlier.order_by("number").first()
    if waiting is not None:
        raise ValidationError(
            _("Infusion %(number)d is still planned: record it first.") % {"number": waiting.number}
        )


def order_errors(row: Infusion, started: Moment, ended: Moment) -> dict[str, str]:
    """Return by field the message that this infusion overlaps another or breaks the order. One query."""
    given = Infusion.objects.filter(patient=row.patient_id, state=State.GIVEN).exclude(pk=row.pk)
    for other in given:
        if other.started_at is None or other.ended_at is None:
            continue
        if other.number < row.number and other.ended_at > started.earliest:
            return {"started": _overlap(other)}
        if other.number > row.number and other.started_at < ended.earliest:
            return {"ended": _overlap(other)}
    return {}


def _overlap(other: Infusion) -> str:
    text = _("Infusion %(number)d was given from %(start)s to %(end)s: the order does not fit.")
    start, end = shown_moment(other.started), shown_moment(other.ended)
    return text % {"number": other.number, "start": start, "end": end}


def on_patient_enrolled(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
    """Plan the infusions, inside the transaction of the inclusion."""
    plan_infusions(patient=patient, by=by)


def on_patient_moved(sender: Any, *, patient: Patient, reason: str, by: User, **kwargs: Any) -> None:
    """Plan the infusions by the patient's new protocol version, unless the course has begun."""
    dosing = patient.protocol.rules.dosing
    held = Infusion.objects.select_for_update(of=("self",)).select_related("visit")
    rows = list(held.filter(patient=patient).order_by("number"))
    if patient.enrolled_on is None or dosing is None or any(_is_begun(row) for row in rows):
        return
    with acting(user=by, system="schedule", reason=reason):
        for row in rows:
            _plan_or_drop(row, patient, planned=row.number <= dosing.infusions)
        Infusion.objects.bulk_create(
            _planned(patient, dosing, number) for number in range(len(rows) + 1, dosing.infusions + 1)
        )
    _number(patient, by)
    plan_again(patient, by)


def _is_closed(visit: Visit | None) -> bool:
    return visit is not None and bool(visit.frozen_at or visit.locked_at)


def _is_begun(row: Infusion) -> bool:
    """Return True if a person recorded something: a weight, that the infusion was given, or why it was not."""
    reason = row.not_given_reason
    dropped = isinstance(reason, StoredText) and reason.code == NOT_PLANNED
    return row.weight_kg is not None or (row.state != State.PLANNED and not dropped)


def _plan_or_drop(row: Infusion, patient: Patient, *, planned: bool) -> None:
    """Store whether the new version plans the infusion. One whose visit is frozen or locked stays as it is."""
    state = State.PLANNED if planned else State.NOT_GIVEN
    if row.state == state or _is_closed(row.visit):
        return
    row.state, row.not_given_reason = state, "" if planned else _not_planned(patient)
    # A page opened before the move must not overwrite it (DAT-11).
    row.version += 1
    row.save(update_fields=["state", "not_given_reason", "version"])


def _not_planned(patient: Patient) -> StoredText:
    return system_text(NOT_PLANNED, version=patient.protocol.version)
