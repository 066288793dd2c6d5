"""The profile of one patient: a figure over study days, and the same data as a table.

Doses are shown only to readers who may know the treatment. For others the figure is the same in every arm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor
from typing import Any

from django.utils.functional import Promise, cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dosing.labels import dose_amount
from dosing.models import Infusion
from patients.casebook.range_flags import range_words, reference_words, side_words
from patients.models import Record, Visit
from patients.models.visit_forms import visit_title
from protocol.document.items import Form, Item
from protocol.values.intervals import limit_of
from protocol.values.labels import own_number, sign_words, unit_words
from protocol.values.moments import Moment
from protocol.values.months import month_text
from protocol.values.parsing import decimal, display, moment
from protocol.values.reference_ranges import RangeReading as ReferenceReading
from protocol.values.reference_ranges import is_laboratory
from reports.casebook.patient_data import PatientData
from reports.figures import lanes
from reports.figures.shapes import Figure, day_ticks
from safety.labels import day as day_words
from safety.models import AdverseEvent
from trials.reader import reader_language, shown_day, shown_moment

BY_DAY, BY_DATE = "day", "date"
MEDICATION_DOMAIN = "CM"
PAST_END = 0.25
RANGE_MARKS = {
    "high": pgettext_lazy("above the range", "H"),
    "low": pgettext_lazy("below the range", "L"),
}
VISIT_TIPS: dict[str, Promise] = {
    "late": gettext_lazy("%(visit)s: overdue, planned %(day)s"),
    Visit.State.PLANNED: gettext_lazy("%(visit)s: planned %(day)s"),
    Visit.State.HELD: gettext_lazy("%(visit)s: held %(day)s"),
    Visit.State.MISSED: gettext_lazy("%(visit)s: missed %(day)s"),
    Visit.State.CANCELLED: gettext_lazy("%(visit)s: no longer planned %(day)s"),
}
INFUSION_TIPS: dict[str, Promise] = {
    Infusion.State.PLANNED: gettext_lazy("%(infusion)s: planned %(time)s"),
    Infusion.State.GIVEN: gettext_lazy("%(infusion)s: given %(time)s"),
    Infusion.State.NOT_GIVEN: gettext_lazy("%(infusion)s: not given %(time)s"),
}


@dataclass(frozen=True, slots=True)
class PatientProfile:
    """The figure, and its marks as rows (lane title, description)."""

    figure: Figure
    rows: list[tuple[str, str]]


class Chart:
    """Builder of one patient's profile. Days count from study day 0 in the site's time zone."""

    def __init__(self, dossier: PatientData, axis: str = BY_DAY) -> None:
        self.dossier, self.rules, self.axis = dossier, dossier.rules, axis
        self.language = reader_language()
        self.zero, self.today = dossier.zero, (dossier.today - dossier.zero).days

    def day(self, on: date) -> int:
        """Return the study day of a date."""
        return (on - self.zero).days

    def day_of(self, at: Moment, *, last: bool = False) -> float:
        """Return the study day of a moment, with a fraction for a known time of day.

        A partial date gives the first day it may mean, or with `last` the last one.
        """
        if at.precision != "minute":
            return float(self.day(at.last_day if last else at.first_day))
        local = at.earliest.astimezone(self.dossier.access.trial.zone)
        return self.day(local.date()) + (local.hour * 60 + local.minute) / 1440

    def day_text(self, on: date) -> str:
        """Return a date as text, with its study day."""
        return f"{shown_day(on)} ({day_words(self.day(on))})"

    def profile(self) -> PatientProfile:
        """Return the figure and its table."""
        strips = self.strips
        first, last = self._range(strips)
        today = self.today if self.dossier.is_open and first <= self.today <= last else None
        drawn = lanes.draw(
            lanes.ProfileFigure(
                label=self._summary(),
                first=first,
                last=last,
                ticks=[(day, self._tick(day, first)) for day in day_ticks(first, last)],
                lanes=strips,
                today=today,
                today_label=_("today, day %(day)s") % {"day": str(self.today).replace("-", "−")},
            )
        )
        return PatientProfile(drawn, [(lane.title, tip) for lane in strips for tip in _tips(lane)])

    @property
    def strips(self) -> list[lanes.Lane]:
        """Return the lanes from top to bottom."""
        return [self.visits, self.infusions, self.events, *self.logs, *self.curves]

    def _tick(self, day: int, first: int) -> str:
        if self.axis != BY_DATE:
            return day_words(day)
        on = self.zero + timedelta(days=day)
        month = month_text(on.month, self.language)
        year = f" {on:%y}" if day - first < 28 or on.month == 1 else ""
        return f"{on.day} {month}{year}"

    def _range(self, strips: list[lanes.Lane]) -> tuple[int, int]:
        days = [0.0, *(day for lane in strips for day in _days(lane))]
        first, last = min(days), max(days)
        if self.dossier.is_open and self.today <= last + PAST_END * max(28.0, last - first):
            # Include today, unless it is far after the last mark: the marks would shrink to one side.
            last = max(last, float(self.today))
        margin = max(1.0, 0.02 * (last - first))
        first, last = first - margin, last + margin
        bars = [bar for lane in strips if isinstance(lane, lanes.Bars) for bar in lane.bars]
        return floor(first), ceil(lanes.last_day_for(bars, first, last))

    @cached_property
    def visits(self) -> lanes.Visits:
        """Return the visits with their windows."""
        marks = [mark for visit in self.dossier.visits if (mark := self._visit(visit))]
        return lanes.Visits(
            title=_("Visits"), note=_("planned window"), empty=_("no visit planned yet"), marks=marks
        )

    def _visit(self, visit: Visit) -> lanes.LaneMark | None:
        on = visit.held_on or visit.planned_on
        is_planned = visit.state == Visit.State.PLANNED
        if on is None or (is_planned and not self.dossier.is_open):
            return None
        window = None
        if visit.window_from and visit.window_to:
            window = (float(self.day(visit.window_from)), float(self.day(visit.window_to)))
        late = is_planned and visit.window_to is not None and visit.window_to < self.dossier.today
        css = "visit-done" if visit.held_on else "visit-late" if late else "visit-next"
        title = visit_title(self.dossier.patient.protocol, visit, self.language, _("Unscheduled"))
        tip_text = VISIT_TIPS["late" if late else visit.state] % {"visit": title, "day": self.day_text(on)}
        tips = [tip_text]
        if visit.window_from and visit.window_to and not visit.held_on:
            window_words = {
                "first": shown_day(visit.window_from),
                "last": shown_day(visit.window_to),
            }
            tips.append(_("window %(first)s to %(last)s") % window_words)
        crossed = visit.state == Visit.State.MISSED
        tip = ", ".join(tips)
        return lanes.LaneMark(day=float(self.day(on)), css=css, tip=tip, window=window, crossed=crossed)

    @cached_property
    def infusions(self) -> lanes.Infusions:
        """Return the infusions. The dose is shown only to readers who may know the treatment."""
        marks = [mark for infusion in self.dossier.infusions if (mark := self._infusion(infusion))]
        note = _("×10⁶ cells/kg") if self.dossier.access.sees_treatment else ""
        return lanes.Infusions(title=_("Infusions"), note=note, empty=_("none planned yet"), marks=marks)

    def _infusion(self, infusion: Infusion) -> lanes.LaneMark | None:
        given = infusion.state == Infusion.State.GIVEN and bool(infusion.started)
        if given:
            at = Moment.from_iso(infusion.started, self.dossier.zone)
            day = self.day_of(at)
            when = f"{shown_moment(at)} ({day_words(floor(day))})"
        elif infusion.planned_on is not None and self.dossier.is_open:
            day, when = float(self.day(infusion.planned_on)), self.day_text(infusion.planned_on)
        else:
            return None
        title, dose = _("Infusion %(number)s") % {"number": infusion.number}, self._dose(infusion)
        tips = [INFUSION_TIPS[infusion.state] % {"infusion": title, "time": when}]
        if dose:
            tips.append(dose)
        crossed = infusion.state == Infusion.State.NOT_GIVEN
        return lanes.LaneMark(
            day=day,
            css="infusion" if given else "visit-next",
            tip=", ".join(tips),
            label=dose,
            crossed=crossed,
        )

    def _dose(self, infusion: Infusion) -> str:
        prepared = self.dossier.preparation(infusion)
        return dose_amount(prepared) if prepared else ""

    @cached_property
    def events(self) -> lanes.Bars:
        """Return the adverse events from onset to end. If there are too many, the most severe are kept."""
        return lanes.Bars(
            title=_("Adverse events"),
            note=_("CTCAE grade"),
            empty=_("none reported"),
            bars=[self.event_bar(event) for event in self.dossier.events],
            more=_("{count} more in the data table"),
        )

    def event_bar(self, event: AdverseEvent) -> lanes.Bar:
        """Return an event from onset to end, with its grade in words too."""
        onset = event.onset_moment.placed(self.dossier.zone)
        start, end = self.day_of(onset), event.end_moment
        words = [event.term, f"G{event.grade}"]
        if event.serious:
            words.insert(1, _("serious"))
        if end is None:
            words.append(_("ongoing"))
        until = shown_moment(end) or _("ongoing")
        sentence = (
            # Translators: an adverse event in a figure: its number, its term, CTCAE grade, from when to when
            _("%(event)s %(term)s: grade %(grade)s, serious, %(onset)s to %(end)s")
            if event.serious
            else _("%(event)s %(term)s: grade %(grade)s, %(onset)s to %(end)s")
        )
        tip = sentence % {
            "event": event,
            "term": event.term,
            "grade": event.grade,
            "onset": shown_moment(onset),
            "end": until,
        }
        stop = self.day_of(end.placed(self.dossier.zone), last=True) if end else self._until()
        return lanes.Bar(
            start=start, end=max(start, stop), css=f"g{event.grade}", label=" · ".join(words), tip=tip,
            # Serious events first, then the higher grade.
            weight=event.grade + 5 * event.serious,
        )  # fmt: skip

    def _until(self) -> float:
        """Return the study day up to which ongoing events are drawn: end of study, or today."""
        ended = self.dossier.patient.ended_on
        return float(self.day(ended) if ended else self.today)

    @cached_property
    def logs(self) -> list[lanes.Bars]:
        """Return a lane for each log that the protocol names for the profile, or for each medication log."""
        named = self.rules.profile.logs
        forms = [self.rules.form(code) for code in named or self.rules.logs]
        return [self.log(form) for form in forms if named or form.cdisc_domain == MEDICATION_DOMAIN]

    def log(self, form: Form) -> lanes.Bars:
        """Return the rows of a log as bars."""
        bars = [bar for record in self.dossier.records_of(form.code) if (bar := self._episode(form, record))]
        return lanes.Bars(
            title=form.title.in_language(self.language),
            empty=_("none recorded"),
            bars=bars,
            more=_("{count} more in the data table"),
        )

    def _episode(self, form: Form, record: Record) -> lanes.Bar | None:
        """Return a log row as a bar. Items are found by their CDISC names, so this works for any protocol."""
        values = {item.cdisc: (item, record.values.get(item.name)) for item in form.items if item.cdisc}
        domain = form.cdisc_domain or ""
        name = self._words(values, f"{domain}TRT") or self._words(values, f"{domain}TERM")
        if not name:
            return None
        dose = (self._words(values, f"{domain}{part}") for part in ("DOSE", "DOSU"))
        label = " ".join(filter(None, [name, *dose]))
        begin, stop = (self._moment(values, f"{domain}{part}") for part in ("STDTC", "ENDTC"))
        start = self.day_of(begin) if begin else float(self.day(self.dossier.patient.screened_on))
        end = self.day_of(stop, last=True) if stop else self._until()
        since = shown_moment(begin) or _("unknown start")
        until = shown_moment(stop) or _("ongoing")
        tip = f"{label}: {since} – {until}"
        return lanes.Bar(start=start, end=max(start, end), css="medication", label=label, tip=tip)

    def _words(self, values: dict[str, tuple[Item, Any]], cdisc: str) -> str:
        item, value = values.get(cdisc, (None, None))
        return display(value, item, self.language, _) if item and not isinstance(value, dict) else ""

    def _moment(self, values: dict[str, tuple[Item, Any]], cdisc: str) -> Moment | None:
        return moment(values.get(cdisc, (None, None))[1], self.dossier.zone)

    @cached_property
    def curves(self) -> list[lanes.Curve]:
        """Return a curve for each measured item that the protocol names for the profile."""
        return [self._curve(path, 1 + number % 2) for number, path in enumerate(self.rules.profile.labs)]

    def _curve(self, path: str, number: int) -> lanes.Curve:
        code, _dot, _name = path.partition(".")
        form, item = self.rules.form(code), self.rules.item(path)
        found = sorted(self._readings(form, item), key=lambda triple: triple[0].day)
        last, last_reading = found[-1][1:] if found else (None, None)
        # A value is compared with a reference range or with nothing: soft limits are no range of health (LAB-03).
        judged = is_laboratory(form, item)
        mark = RANGE_MARKS.get(last_reading.flag, "") if judged and last_reading is not None else ""
        return lanes.Curve(
            title=item.label.in_language(self.language),
            note=self._unit_and_range(item, last_reading if judged else None),
            empty=_("no value yet"),
            readings=[reading for reading, _value, _lies in found],
            last=" ".join(filter(None, [own_number(last, item, self.language), str(mark)])) if found else "",
            number=number,
        )

    def _unit_and_range(self, item: Item, range_reading: ReferenceReading | None) -> str:
        expected = ""
        if range_reading is not None:
            in_range = (
                range_words(range_reading.low, range_reading.high, "", self.language)
                if range_reading.has_range
                else ""
            )
            expected = in_range or _("no reference range")
        return " · ".join(filter(None, [unit_words(item.unit or "", _), expected]))

    def _readings(
        self, form: Form, item: Item
    ) -> Iterator[tuple[lanes.CurvePoint, Any, ReferenceReading | None]]:
        visits = {visit.pk: visit for visit in self.dossier.visits}
        for record in self.dossier.records_of(form.code):
            range_reading = self.dossier.readings(form, record).get(item.name)
            value = record.values.get(item.name)
            number, visit = decimal(limit_of(value) or value), visits.get(record.visit_id or 0)
            day = self._measured(form, record, visit)
            if number is None or day is None:
                continue
            where = visit.key if visit else ""
            words = display(value, item, self.language, _)
            tip = f"{item.label.in_language(self.language)}: {words}, {where} ({day_words(floor(day))})"
            flag_texts = [reference_words(range_reading, item, self.language), side_words(range_reading)]
            tip = ", ".join([tip, *filter(None, flag_texts)])
            sign, limits = sign_words(value), _bounds(range_reading)
            point = lanes.CurvePoint(day=day, value=float(number), tip=tip, sign=sign, limits=limits)
            yield point, value, range_reading

    def _measured(self, form: Form, record: Record, visit: Visit | None) -> float | None:
        """Return the study day of a measurement: the form's own date if it has one, else the visit's."""
        for item in form.items:
            if item.type in ("datetime", "date") and (
                at := moment(record.values.get(item.name), self.dossier.zone)
            ):
                return self.day_of(at)
        on = (visit.held_on or visit.planned_on) if visit else None
        return float(self.day(on)) if on else None

    def _summary(self) -> str:
        """Return a summary of the figure for screen readers."""
        dossier = self.dossier
        visits_held = sum(visit.state == Visit.State.HELD for visit in dossier.visits)
        given = sum(infusion.state == Infusion.State.GIVEN for infusion in dossier.infusions)
        worst = max((event.grade for event in dossier.events), default=0)
        summary = _(
            "Profile of %(code)s: %(held)s of %(visits)s visits held, %(given)s infusions given, "
            "%(events)s adverse events"
        ) % {
            "code": dossier.patient.code,
            "held": visits_held,
            "visits": len(dossier.visits),
            "given": given,
            "events": len(dossier.events),
        }
        parts = [summary, _("worst grade %(grade)s") % {"grade": worst}] if worst else [summary]
        finding = ", ".join(parts)
        if lasts := [f"{curve.title} {curve.last}" for curve in self.curves if curve.last]:
            return "; ".join([finding, _("last values: %(values)s") % {"values": ", ".join(lasts)}])
        return finding


def _bounds(range_reading: ReferenceReading | None) -> tuple[float | None, float | None] | None:
    if range_reading is None or not range_reading.has_range:
        return None
    low, high = (None if bound is None else float(bound) for bound in (range_reading.low, range_reading.high))
    return low, high


def _tips(lane: lanes.Lane) -> list[str]:
    if isinstance(lane, lanes.Visits | lanes.Infusions):
        return [mark.tip for mark in lane.marks]
    if isinstance(lane, lanes.Bars):
        return [bar.tip for bar in lane.bars]
    return [reading.tip for reading in lane.readings] if isinstance(lane, lanes.Curve) else []


def _days(lane: lanes.Lane) -> Iterator[float]:
    if isinstance(lane, lanes.Visits | lanes.Infusions):
        for mark in lane.marks:
            yield from (mark.day, *(mark.window or ()))
    elif isinstance(lane, lanes.Bars):
        for bar in lane.bars:
            yield from (bar.start, bar.end)
    elif isinstance(lane, lanes.Curve):
        yield from (reading.day for reading in lane.readings)
