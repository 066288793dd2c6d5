"""The days of a trial: visits and infusions that are planned or took place, with their windows. No product data."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.models import User
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.models.visit_forms import visit_title
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from patients.participation.death import ended_before_death
from patients.participation.visit_status import OPEN_PATIENTS, can_be_held
from reports.calendar.ical import IcalDays, IcalEvent, IcalMoments
from trials.models import Trial
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """One visit or infusion.

    day: planned, or on which it took place. moments: start and end of an infusion that was given.
    """

    key: str
    code: str
    title: str
    day: date
    first: date
    last: date
    done: bool
    url: str
    moments: tuple[datetime, datetime] | None = None

    @property
    def has_window(self) -> bool:
        """Return whether it is planned for more than one day."""
        return not self.done and self.first < self.last

    def event(self, *, with_code: bool) -> IcalEvent:
        """Return it for a calendar file, with the subject code only on wish."""
        when = IcalMoments(*self.moments) if self.moments else IcalDays(self.first, self.last)
        summary = f"{self.code} {self.title}" if with_code else self.title
        return IcalEvent(f"{self.key}@stroma", summary, when)


def entries_of(
    trial: Trial, user: User, *, first: date, last: date, patient: str = "", own: Patient | None = None
) -> list[CalendarEntry]:
    """Return the entries between two days, in their order. Two queries.

    patient: a part of the subject code. own: only this patient.
    """
    who = Q(patient=own) if own else Q(patient__trial=trial, patient__code__icontains=patient)
    found = [*_visits(trial, user, who, first, last), *_infusions(trial, user, who, first, last)]
    return sorted(found, key=lambda entry: (entry.day, entry.code, entry.title))


def _visits(trial: Trial, user: User, who: Q, first: date, last: date) -> list[CalendarEntry]:
    # Their infusions stand for the visits of kind infusion.
    infused = [visit.code for visit in trial.rules.visits if visit.kind == "infusion"]
    planned = Q(state=Visit.State.PLANNED, patient__state__in=OPEN_PATIENTS, planned_on__isnull=False)
    planned &= can_be_held(trial.rules.profile.died_on)
    rows = Visit.objects.visible_to(user).filter(who, planned | Q(state=Visit.State.HELD))
    rows = rows.exclude(code__in=infused).annotate(
        begins=Coalesce("held_on", "window_from"), ends=Coalesce("held_on", "window_to")
    )
    # The text of a protocol is long, and read once per process.
    rows = rows.select_related("patient__protocol", "protocol").defer(
        "patient__protocol__text", "protocol__text"
    )
    language = reader_language()
    return [
        CalendarEntry(
            key=f"visit-{visit.pk}",
            code=visit.patient.code,
            title=visit_title(visit.patient.protocol, visit, language, _("Unscheduled visit")),
            day=visit.held_on or visit.planned_on,
            first=visit.begins,
            last=visit.ends,
            done=visit.state == Visit.State.HELD,
            url=address("patients:visit", trial.slug, visit.patient.code, visit.key),
        )
        for visit in rows.filter(begins__lte=last, ends__gte=first)
    ]


def _infusions(trial: Trial, user: User, who: Q, first: date, last: date) -> list[CalendarEntry]:
    planned = Q(
        state="planned", patient__state=Patient.State.ENROLLED, window_from__lte=last, window_to__gte=first
    )
    rows = Infusion.objects.visible_to(user).filter(
        who,
        planned & treatment_goes_on() & ended_before_death(trial.rules.profile.died_on)
        | Q(state="given", started_at__isnull=False),
    )
    found = [_infusion(trial, row) for row in rows.select_related("patient").order_by(F("pk"))]
    return [entry for entry in found if entry.first <= last and entry.last >= first]


def _infusion(trial: Trial, row: Infusion) -> CalendarEntry:
    # The query keeps planned rows with a window.
    first, last = row.window_from or date.min, row.window_to or date.max
    day, moments = row.planned_on or first, None
    if row.started_at and row.ended_at:
        moments = (row.started_at, row.ended_at)
        first, last = (trial.day_of(moment) for moment in moments)
        day = first
    return CalendarEntry(
        key=f"infusion-{row.pk}",
        code=row.patient.code,
        title=_("Infusion %(number)s") % {"number": row.number},
        day=day,
        first=first,
        last=last,
        done=moments is not None,
        url=address("dosing:infusion", trial.slug, row.patient.code, row.number),
        moments=moments,
    )


def of_day(entries: Sequence[CalendarEntry], day: date) -> list[CalendarEntry]:
    """Return the entries that are planned for a day, or took place on it."""
    return [entry for entry in entries if entry.day == day]
