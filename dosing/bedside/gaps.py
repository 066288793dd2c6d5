"""Gaps at the bedside: planned observations that were missed, and checklists that were not done."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dosing.bedside.course import course_of
from dosing.bedside.grid import PointState
from dosing.bedside.ledger import Ledger, as_course_step
from dosing.models import BedsideGap, BedsideObservation, Infusion, InfusionEventCheck, InfusionStep
from patients.models import Patient
from patients.participation.death import deaths_of

TIME, CHECKLIST = "time:", "checklist:"
HOUR = 60


@dataclass(frozen=True, slots=True)
class Gap:
    """Something missing: its code, when it was due (UTC), and its words."""

    code: str
    due: datetime
    words: str


def gaps_of(ledger: Ledger, now: datetime) -> list[Gap]:
    """Return the gaps of an infusion that nobody decided on yet, in the order in which it was due.

    Only of an infusion whose steps were recorded at the bedside: what was documented late has its series in a form.
    """
    if ledger.course.started is None:
        return []
    missed = [
        Gap(f"{TIME}{point.code}", point.due, point_words(point.after, point.minutes))
        for point in ledger.points(now)
        if point.state is PointState.MISSED and point.due is not None
    ]
    found = [gap for gap in [*missed, *_checklists(ledger, now)] if gap.code not in ledger.settled]
    return sorted(found, key=lambda gap: gap.due)


def _checklists(ledger: Ledger, now: datetime) -> Iterable[Gap]:
    done = {check.hours for check in ledger.checks}
    if ledger.ended is None:
        return
    for planned in ledger.plan.checklists:
        due = ledger.ended + timedelta(hours=planned.hours)
        over = ledger.last is not None and ledger.last < due
        if planned.hours not in done and not over and now > due + timedelta(minutes=planned.within_minutes):
            yield Gap(f"{CHECKLIST}{planned.hours}", due, checklist_words(planned.hours))


def checklist_words(hours: int) -> str:
    """Return the name of a checklist."""
    return ngettext("Checklist after %(hours)d hour", "Checklist after %(hours)d hours", hours) % {
        "hours": hours
    }


def point_words(after: str, minutes: int) -> str:
    """Return the name of a planned time: `15 minutes after the start`."""
    if minutes == 0:
        return _("At the start") if after == "start" else _("At the end")
    number, is_hours = abs(minutes), minutes % HOUR == 0
    number = number // HOUR if is_hours else number
    if minutes < 0:
        text = (
            ngettext("%(number)d hour before the start", "%(number)d hours before the start", number)
            if is_hours
            else ngettext("%(number)d minute before the start", "%(number)d minutes before the start", number)
        )
    elif after == "start":
        text = (
            ngettext("%(number)d hour after the start", "%(number)d hours after the start", number)
            if is_hours
            else ngettext("%(number)d minute after the start", "%(number)d minutes after the start", number)
        )
    else:
        text = (
            ngettext("%(number)d hour after the end", "%(number)d hours after the end", number)
            if is_hours
            else ngettext("%(number)d minute after the end", "%(number)d minutes after the end", number)
        )
    return text % {"number": number}


def open_gaps(**who: Any) -> list[tuple[Infusion, list[Gap]]]:
    """Return the infusions of a trial with something missing, by patient and number (`who`: IN_TRIAL).

    One query while no infusion of the trial was recorded at the bedside, else at most eight.
    """
    steps = _by_infusion(InfusionStep.objects.visible_in(**who).in_force().order_by("at", "pk"))
    if not steps:
        return []
    infusions = Infusion.objects.filter(pk__in=steps).order_by("patient__number", "number")
    rows = list(infusions.prefetch_related("patient__protocol", "patient__trial"))
    observations = _by_infusion(BedsideObservation.objects.in_force().filter(infusion__in=steps))
    checks = _by_infusion(InfusionEventCheck.objects.in_force().filter(infusion__in=steps))
    settled = defaultdict(set)
    for key, gap in (
        BedsideGap.objects.in_force().filter(infusion__in=steps).values_list("infusion_id", "gap")
    ):
        settled[key].add(gap)
    died = _deaths([row.patient for row in rows])
    now, found = timezone.now(), []
    for row in rows:
        ledger = Ledger(
            infusion=row,
            plan=row.patient.protocol.rules.bedside,
            steps=steps[row.pk],
            observations=observations.get(row.pk, []),
            checks=checks.get(row.pk, []),
            settled=frozenset(settled[row.pk]),
            course=course_of(map(as_course_step, steps[row.pk])),
            died=died.get(row.patient_id),
        )
        if gaps := gaps_of(ledger, now):
            found.append((row, gaps))
    return found


def _deaths(patients: list[Patient]) -> dict[int, datetime]:
    """Return the last possible moment of death by patient. One query for each version of the protocol."""
    by_version: dict[int, list[Patient]] = defaultdict(list)
    for patient in patients:
        by_version[patient.protocol_id].append(patient)
    found = {}
    for group in by_version.values():
        for key, death in deaths_of(group, group[0].protocol.rules).items():
            found[key] = death.moment.latest
    return found


def _by_infusion(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.infusion_id].append(row)
    return dict(found)
