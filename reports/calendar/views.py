"""The calendar: by week and month, of one patient to print, and as a file at a private address."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import events
from audit.export_register import Channel, Sending, sent
from patients.views.participation import patient_of
from reports.calendar.entries import CalendarEntry, entries_of, of_day
from reports.calendar.ical import calendar_text
from trials.access import TrialRequest, trial_page
from trials.calendar_addresses import (
    calendar_address_of,
    end_calendar_address,
    make_calendar_address,
    open_calendar_address,
)
from trials.permissions import Permission as P

WEEK = timedelta(days=7)
# A calendar program shows this much of the past and of what is to come.
PAST, AHEAD = timedelta(days=90), timedelta(days=400)
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True)
class CalendarSpan:
    """The whole weeks that a page shows, and the days on which the pages before and after begin."""

    view: str
    day: date

    @property
    def first(self) -> date:
        """Return the Monday with which the page begins."""
        start = self.day.replace(day=1) if self.view == "month" else self.day
        return start - timedelta(days=start.weekday())

    @property
    def last(self) -> date:
        """Return the Sunday with which the page ends."""
        end = self.after - timedelta(days=1) if self.view == "month" else self.day
        return end + timedelta(days=6 - end.weekday())

    @property
    def before(self) -> date:
        """Return a day of the week before, or the first of the month before."""
        if self.view == "week":
            return self.day - WEEK
        return (self.day.replace(day=1) - timedelta(days=1)).replace(day=1)

    @property
    def after(self) -> date:
        """Return a day of the next week, or the first of the next month."""
        if self.view == "week":
            return self.day + WEEK
        return (self.day.replace(day=1) + timedelta(days=32)).replace(day=1)

    def days(self) -> list[date]:
        """Return all days, from Monday to Sunday."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


@trial_page(see=P.SEE_TRIAL, change=P.SEE_TRIAL)
def calendar(request: TrialRequest) -> HttpResponse:
    """Show the visits and infusions of a week or month; a post makes or ends the reader's private address."""
    if request.method == "POST":
        return _change_address(request)
    return _page(request)


def _page(request: TrialRequest, made: str = "") -> HttpResponse:
    span = _span(request)
    patient = request.GET.get("patient", "").strip()[:20]
    entries = entries_of(request.trial, request.user, first=span.first, last=span.last, patient=patient)
    context = {
        "span": span,
        "patient_code": patient,
        "today": request.trial.today,
        "days": [(day, of_day(entries, day)) for day in span.days()],
        "windows": sorted((each for each in entries if each.has_window), key=_by_end),
        "links": {name: _link(span, day, patient) for name, day in _turns(span, request.trial.today)},
        "week": _link(CalendarSpan("week", span.day), span.day, patient),
        "month": _link(CalendarSpan("month", span.day), span.day, patient),
        "address": open_calendar_address(trial=request.trial, user=request.user),
        "made": made,
    }
    return render(request, "reports/calendar.html", context)


def _by_end(entry: CalendarEntry) -> Any:
    return entry.last, entry.code, entry.title


def _turns(span: CalendarSpan, today: date) -> tuple[tuple[str, date], ...]:
    return ("before", span.before), ("today", today), ("after", span.after)


def _link(span: CalendarSpan, day: date, patient: str) -> str:
    return f"?{urlencode({'view': span.view, 'day': day.isoformat(), 'patient': patient})}"


def _span(request: TrialRequest) -> CalendarSpan:
    """Return the span that the address asks for; the week of today for anything else."""
    view = "month" if request.GET.get("view") == "month" else "week"
    try:
        day = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        day = request.trial.today
    return CalendarSpan(view, min(max(day, FIRST_DAY), LAST_DAY))


def _change_address(request: TrialRequest) -> HttpResponse:
    step = request.POST.get("step", "")
    if step == "end":
        end_calendar_address(trial=request.trial, by=request.user)
        return redirect("reports:calendar", request.trial.slug)
    if step != "new":
        raise BadRequest(_("There is no such step."))
    with_codes = "codes" in request.POST
    secret = make_calendar_address(trial=request.trial, with_codes=with_codes, by=request.user)
    # Shown in this answer only: no later page can show it again.
    return _page(request, request.build_absolute_uri(reverse("calendar-file", args=[secret])))


@trial_page(see=P.SEE_TRIAL)
def of_patient(request: TrialRequest, code: str) -> HttpResponse:
    """Show the days of one patient, to print: dates only."""
    patient = patient_of(request, code)
    entries = entries_of(request.trial, request.user, own=patient, first=FIRST_DAY, last=LAST_DAY)
    return render(request, "reports/calendar_of_patient.html", {"patient": patient, "entries": entries})


@require_safe
@never_cache
def file(request: HttpRequest, secret: str) -> HttpResponse:
    """Return the calendar of a private address as a file, without signing in. Each reading is recorded."""
    found = calendar_address_of(secret)
    if found is None:
        raise Http404
    user, trial = found.delegation.user, found.delegation.trial
    today = trial.today
    with translation.override(user.language or settings.LANGUAGE_CODE):
        entries = entries_of(trial, user, first=today - PAST, last=today + AHEAD)
        days = [entry.event(with_code=found.with_codes) for entry in entries]
    text = calendar_text(name=str(trial), events=days, now=timezone.now())
    response = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="calendar.ics"'
    sending = Sending(
        kind=events.AccessKind.CALENDAR_READ,
        channel=Channel.CALENDAR,
        trial_id=trial.pk,
        person=user,
        treatment=False,
        told={"rows": len(entries)},
    )
    return sent(response, sending, request=request)
