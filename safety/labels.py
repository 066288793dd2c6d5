"""Texts of an adverse event in the reader's language: codes, classes, findings, clocks, days."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from html import escape

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.models import Patient
from protocol.document.document import Protocol
from protocol.values.moments import Moment, days_between
from safety import choices
from safety.classification import Class
from safety.contradictions import OF_ANSWERS
from safety.event_questions import FINDINGS, PatientBackground, dates_of, questions_about
from safety.models import AdverseEvent, EventDraft
from safety.reporting_clocks.clock_table import entered_later
from safety.reporting_clocks.clocks import ClockReading, Span, Stage
from safety.timing import TimeSinceInfusion
from trials.reader import shown_moment

CLASS_TITLES: dict[str, str | Promise] = {
    Class.AE: gettext_lazy("Adverse event"),
    Class.AR: gettext_lazy("Adverse reaction"),
    Class.SAE: gettext_lazy("Serious adverse event"),
    Class.SAR: gettext_lazy("Serious adverse reaction"),
    Class.SESAR: gettext_lazy("Serious expected adverse reaction"),
    Class.SUSAR: gettext_lazy("Suspected unexpected serious adverse reaction"),
}
CLASS_TONES = {Class.AE: "none", Class.AR: "draft"} | dict.fromkeys(
    (Class.SAE, Class.SAR, Class.SESAR, Class.SUSAR), "late"
)
CLOCK_TONES = {
    Stage.RUNNING: "due",
    Stage.HALF: "due",
    Stage.CLOSE: "draft",
    Stage.OVERDUE: "late",
    Stage.IN_TIME: "done",
    Stage.LATE: "late",
}


EMERGENT: dict[bool | None, str | Promise] = {
    True: gettext_lazy("Treatment-emergent: it began at or after the first infusion."),
    False: gettext_lazy("Not treatment-emergent: it began before the first infusion, or none was given."),
    None: gettext_lazy("Undecided whether it is treatment-emergent: the onset is not known exactly enough."),
}


@dataclass(frozen=True)
class EventFact:
    """One answer as text. `column` names its column in the trail, and is empty if several columns hold it."""

    column: str
    label: str
    value: object
    # The bubble of its queries on the event's page.
    asked: object = None

    @property
    def item(self) -> str:
        """Return the name by which a query is about this answer."""
        return self.column or "seriousness"


class Wording:
    """Texts that depend on the trial: its causality scale and its special interests, read once."""

    def __init__(self, rules: Protocol) -> None:
        self.rules = rules
        self.zone = rules.trial.site.time_zone
        self.causalities = dict(choices.causalities(rules))
        self.interests = dict(choices.special_interests(rules))
        self.criteria = dict(choices.seriousness())

    def causality(self, event: AdverseEvent) -> str:
        """Return the protocol's name for the causality, or “Not assessed yet”."""
        return self.causalities.get(event.causality, event.causality) or _("Not assessed yet")

    def interest(self, event: AdverseEvent) -> str:
        """Return the category of special interest; empty if there is none."""
        return self.interests.get(event.aesi, event.aesi) if event.of_special_interest else ""

    def seriousness(self, event: AdverseEvent) -> list[str]:
        """Return the titles of the criteria that apply, or of “none of these”."""
        return [title for name, title in self.criteria.items() if getattr(event, name)]

    def study_day(self, moment: Moment, patient: Patient) -> str:
        """Return `D4`, or `D–3 to D27` for a partial date; empty if day 0 is not known yet."""
        zero = day_zero(patient, self.rules)
        if zero is None:
            return ""
        first, last = days_between(Moment.from_date(zero), moment, self.zone)
        return day(first) if first == last else f"{day(first)}–{day(last)}"

    def onset(self, event: AdverseEvent) -> str:
        """Return the onset as precisely as it is known, with the study day."""
        return self._dated(event.onset_moment, event.patient)

    def end(self, event: AdverseEvent) -> str:
        """Return the end with the study day, or “Ongoing”."""
        return self._dated(event.end_moment, event.patient) or _("Ongoing")

    def facts(self, event: AdverseEvent) -> list[EventFact]:
        """Return the non-empty answers of an event as texts."""
        return [fact for fact in self.all_facts(event) if fact.value]

    def all_facts(self, event: AdverseEvent) -> list[EventFact]:
        """Return all answers of an event as texts, empty ones too."""
        return [
            EventFact("kind", _("Kind of report"), event.get_kind_display() if event.kind else ""),
            EventFact("term", _("Event"), event.term),
            EventFact("description", _("Description"), event.description),
            EventFact("infusion", _("Infusion at which it began"), infusion_words(event)),
            EventFact("onset", _("Onset"), self.onset(event)),
            EventFact("end", _("End"), self.end(event)),
            EventFact("grade", _("Grade"), grade_tag(event)),
            EventFact("", _("Seriousness"), ", ".join(self.seriousness(event))),
            EventFact("causality", _("Causality"), self.causality(event)),
            *(
                EventFact(name, label, self.causalities.get(code, code))
                for name, label in choices.causes().items()
                for code in [getattr(event, name)]
            ),
            EventFact("treatment", _("Treatment given"), event.treatment),
            EventFact("outcome", _("Outcome"), event.get_outcome_display()),
            EventFact("action_taken", _("Action taken with the product"), event.get_action_taken_display()),
            EventFact("aesi", _("Special interest"), self.interests.get(event.aesi, event.aesi)),
            EventFact("aware", _("Site learned of the event"), shown_moment(event.aware)),
            EventFact(
                "serious_aware", _("Site learned that it is serious"), shown_moment(event.serious_aware)
            ),
            EventFact("due_at", _("Report due"), self.instant(event.due_at) if event.due_at else ""),
            EventFact("reported", _("Reported to the sponsor"), self._reported(event)),
            EventFact("late_reason", _("Reason for the late report"), event.late_reason),
            EventFact("in_error_reason", _("Entered in error because"), event.in_error_reason),
            EventFact("after_lock_reason", _("Reported after the lock because"), event.after_lock_reason),
        ]

    def _reported(self, event: AdverseEvent) -> str:
        """Return when the event was reported; with the time of the entry if that is later (CLK-05)."""
        entered, made = event.reported_entered_at, event.reported_at
        if made is None or entered is None or not entered_later(made, entered):
            return shown_moment(event.reported)
        times = {"made": shown_moment(event.reported), "entered": self.instant(entered)}
        return _("%(made)s, entered %(entered)s") % times

    def _dated(self, moment: Moment | None, patient: Patient) -> str:
        if moment is None:
            return ""
        shown, number = shown_moment(moment), self.study_day(moment, patient)
        return f"{shown} · {number}" if number else shown

    def instant(self, moment: datetime) -> str:
        """Return an instant in the site's time zone."""
        return shown_moment(moment, self.zone)


def infusion_words(event: AdverseEvent) -> str:
    """Return at which infusion the event began: `Infusion 2`; empty if at none."""
    return _("Infusion %(number)d") % {"number": event.infusion} if event.infusion else ""


def day_zero(patient: Patient, rules: Protocol) -> date | None:
    """Return the day 0 of the protocol's last visit: first infusion or inclusion. None if it has not happened."""
    if rules.visits[-1].anchor.startswith("infusion"):
        return patient.first_infusion_on
    return patient.enrolled_on


def day(number: int) -> str:
    """Return a study day such as `D4`, with a true minus sign before day 0."""
    return f"D{number}" if number >= 0 else f"D−{-number}"


def tag(tone: str, text: object) -> SafeString:
    """Return a short text on a coloured ground. The text must be complete without the colour."""
    return mark_safe(f'<span class="tag tone-{escaped(tone)}">{escaped(text)}</span>')  # noqa: S308


def class_tag(event: AdverseEvent) -> SafeString:
    """Return AE, AR, SAE or SAR, with the full name as its tooltip."""
    name = event.classification
    return format_html(
        '<abbr class="tag tone-{}" title="{}">{}</abbr>', CLASS_TONES[name], CLASS_TITLES[name], name.value
    )


def grade_tag(event: AdverseEvent) -> SafeString:
    """Return the grade as a number with a coloured square."""
    return format_html(
        '<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">'
        '<rect class="g{0}" x="1" y="1" width="12" height="12" rx="2"/></svg> {0}',
        event.grade,
    )


def duration_text(span: Span) -> str:
    """Return a duration such as `2 d 3 h`, `5 h 28 min` or `12 min`."""
    if span.days:
        return _("%(days)s d %(hours)s h") % {"days": span.days, "hours": span.hours}
    if span.hours:
        return _("%(hours)s h %(minutes)s min") % {"hours": span.hours, "minutes": span.minutes}
    return _("%(minutes)s min") % {"minutes": span.minutes}


def short_duration_text(span: Span) -> str:
    """Return the largest unit of a duration: `2 d`, `5 h` or `12 min`."""
    if span.days:
        return _("%(days)s d") % {"days": span.days}
    return _("%(hours)s h") % {"hours": span.hours} if span.hours else duration_text(span)


def clock_text(reading: ClockReading, duration_text: Callable[[Span], str] = duration_text) -> str:
    """Return the time left, the time overdue, or whether the report was made in time."""
    sentences = {
        Stage.OVERDUE: _("overdue by %(time)s"),
        Stage.IN_TIME: _("reported in time"),
        Stage.LATE: _("reported %(time)s late"),
    }
    sentence = sentences.get(reading.stage, _("due in %(time)s"))
    return sentence % {"time": duration_text(reading.span)}


def draft_clock_text(reading: ClockReading) -> str:
    """Return that a draft is not reported yet, with the time left or the time past the deadline."""
    text = _("draft, unreported: %(clock)s")
    return text % {"clock": clock_text(reading)}


def clock_tag(event: AdverseEvent, now: datetime | None = None, zone: str = "UTC") -> SafeString | str:
    """Return the clock of the site as a tag, and that of the sponsor with its day; empty without a clock.

    What came of the sponsor's clock is not told, so that it is the same in both arms. zone: of the site.
    """
    reading = event.clock(now or timezone.now())
    if reading is None:
        return ""
    site = tag(CLOCK_TONES[reading.stage], clock_text(reading, short_duration_text))
    return lines([site, sponsor_tag(event, zone)]) if event.with_sponsor else site


def sponsor_tag(event: AdverseEvent, zone: str) -> SafeString:
    """Return that drug safety has a case, with the next deadline of its clocks if one was started."""
    if event.case_due_at is None:
        return tag("checked", _("With sponsor safety"))
    due = shown_moment(event.case_due_at, zone)
    return tag("checked", _("With sponsor safety, due %(due)s") % {"due": due})


def draft_clock_tag(draft: EventDraft) -> SafeString:
    """Return that a draft is unreported, with its clock if it has one, as a tag."""
    reading = draft.clock()
    if reading is None:
        return tag("draft", _("draft, unreported"))
    return tag(CLOCK_TONES[reading.stage], draft_clock_text(reading))


def finding_words(event: AdverseEvent, known: PatientBackground) -> list[str]:
    """Return gaps and contradictions as sentences; empty for an event entered in error."""
    if event.in_error:
        return []
    missing = [str(FINDINGS[finding]) for finding in event.findings if finding not in OF_ANSWERS]
    return [*missing, *(question.text for question in questions_about(event.patient, dates_of(event), known))]


def since_text(since: TimeSinceInfusion) -> str:
    """Return the time since a milestone, such as `D1 · 26 h 30 min after`; only the days if it is not exact."""
    days = day(since.days[0]) if since.same_day_known else f"{day(since.days[0])}–{day(since.days[1])}"
    if not since.exact:
        return days
    return f"{days} · {elapsed(since.minutes[0])}"


def elapsed(minutes: int) -> str:
    """Return elapsed minutes as hours and minutes, before or after."""
    parameters = {"hours": abs(minutes) // 60, "minutes": abs(minutes) % 60}
    if minutes < 0:
        return _("%(hours)s h %(minutes)s min before") % parameters
    return _("%(hours)s h %(minutes)s min after") % parameters


def event_count_text(number: int) -> str:
    """Return the number of events as text: `3 adverse events`."""
    return ngettext("%(count)s adverse event", "%(count)s adverse events", number) % {"count": number}


def escaped(text: object) -> str:
    """Return what `conditional_escape` returns, without its way through lazy texts: a page has hundreds of cells."""
    return text if isinstance(text, SafeString) else escape(str(text))


def lines(parts: list[str]) -> SafeString:
    """Return the non-empty parts, each in a block of its own."""
    # `format_html_join` takes four times as long, for three cells of every row of a listing.
    return mark_safe("".join([f"<div>{escaped(part)}</div>" for part in parts if part]))  # noqa: S308
