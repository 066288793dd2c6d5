"""The left side of a casebook: visits with their forms, running logs, and the patient's own steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from patients.casebook import visit_title
from patients.models import Visit
from reports.dossier import Dossier
from reports.standing import COMPLETE, MISSED, NOT_APPLICABLE, NOT_STARTED, STAGES, visit_stage, visit_standing
from reports.steps import Step, steps
from trials.calendar_words import month_text
from trials.protocol_design import VisitForm

LOG_ICONS = {"CM": "pill", "DV": "flag-triangle-right", "MH": "clipboard-list"}


@dataclass(frozen=True, slots=True)
class FormEntry:
    """One form of one visit: where it stands and how many of its queries are open."""

    code: str
    title: str
    state: str
    flags: Sequence[str]
    queries: int
    optional: bool
    url: str


@dataclass(frozen=True, slots=True)
class VisitEntry:
    """One visit with its forms; `current` is the one to work on now."""

    visit: Visit
    title: str
    when: str
    state: str
    flags: Sequence[str]
    queries: int
    url: str
    forms: list[FormEntry]
    current: bool = False

    @property
    def key(self) -> str:
        """Return the visit's part of the address."""
        return self.visit.key


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A log kept once per patient, with its number of rows."""

    title: str | Promise
    icon: str
    count: int
    queries: int
    url: str


@dataclass(frozen=True, slots=True)
class Navigation:
    """Everything the left side shows."""

    visits: list[VisitEntry]
    logs: list[LogEntry]
    steps: list[Step]
    url: str
    complete: int = field(default=0)
    expected: int = field(default=0)


def navigation(dossier: Dossier) -> Navigation:
    """Return visits, logs and steps of a patient, with how many of the expected forms are complete."""
    url = reverse("reports:casebook", args=[dossier.access.trial.slug, dossier.patient.code])
    entries = [_visit(dossier, visit, url) for visit in dossier.visits]
    current = _current(entries)
    visits = [entry if entry is not current else _as_current(entry) for entry in entries]
    counted = [form for entry in visits if entry.state not in (MISSED, NOT_APPLICABLE) for form in entry.forms]
    expected = [form for form in counted if not form.optional or form.state != NOT_STARTED]
    complete = sum(form.state in STAGES[COMPLETE:] for form in expected)
    return Navigation(visits, _logs(dossier, url), steps(dossier, url), url, complete, len(expected))


def short_day(day: date | None, today: date) -> str:
    """Return `4 Sep`, with the year when it is not this year's."""
    if day is None:
        return ""
    text = f"{day.day} {month_text(day.month, get_language() or 'en')}"
    return text if day.year == today.year else f"{text} {day:%y}"


def _visit(dossier: Dossier, visit: Visit, base: str) -> VisitEntry:
    asked = dossier.forms_of(visit)
    stages = dossier.stages.get(visit.pk, {})
    required = [entry.form for entry in asked if entry.when == "required"]
    state, flags = visit_standing(
        state=visit.state,
        window=(visit.window_from, visit.window_to),
        begun=visit_stage(required, stages),
        open_patient=dossier.is_open,
        today=dossier.today,
    )
    url = f"{base}visits/{visit.key}/"
    forms = [_form(dossier, visit, entry, state, flags, url) for entry in asked]
    queries = sum(form.queries for form in forms)
    if queries:
        flags = [*flags, "query"]
    title = visit_title(dossier.patient.protocol, visit, get_language() or "en", _("Unscheduled"))
    when = short_day(visit.held_on or visit.planned_on, dossier.today)
    return VisitEntry(visit, title, when, state, flags, queries, url, forms)


def _form(
    dossier: Dossier, visit: Visit, entry: VisitForm, visit_state: str, visit_flags: Sequence[str], base: str
) -> FormEntry:
    stage = dossier.stages.get(visit.pk, {}).get(entry.form)
    queries = dossier.queries[visit.pk, entry.form]
    optional = entry.when != "required"
    flags = [] if optional or stage is not None else [flag for flag in visit_flags if flag != "query"]
    state = NOT_STARTED if stage is None else STAGES[stage]
    if stage is None and visit_state in (MISSED, NOT_APPLICABLE):
        state = visit_state
    if queries:
        flags = [*flags, "query"]
    title = dossier.rules.form(entry.form).title.in_language(get_language() or "en")
    return FormEntry(entry.form, title, state, flags, queries, optional, f"{base}{entry.form}/")


def _current(entries: Sequence[VisitEntry]) -> VisitEntry | None:
    """Return the visit to work on: the first that is late or due, else the first with a draft."""
    urgent = (entry for entry in entries if {"overdue", "due"} & set(entry.flags))
    drafts = (entry for entry in entries if entry.state == STAGES[0])
    return next(urgent, None) or next(drafts, None)


def _as_current(entry: VisitEntry) -> VisitEntry:
    return VisitEntry(
        entry.visit, entry.title, entry.when, entry.state, entry.flags, entry.queries, entry.url, entry.forms,
        current=True,
    )  # fmt: skip


def _logs(dossier: Dossier, base: str) -> list[LogEntry]:
    slug, code = dossier.access.trial.slug, dossier.patient.code
    events = reverse("safety:listing", args=[slug], query={"patient": code})
    found = [LogEntry(_("Adverse events"), "triangle-alert", len(dossier.events), 0, events)]
    for form in dossier.rules.logs:
        rows = [record for record in dossier.records if record.form == form and record.visit_id is None]
        rule = dossier.rules.form(form)
        icon = LOG_ICONS.get(rule.cdisc_domain or "", "notebook-pen")
        title = rule.title.in_language(get_language() or "en")
        url = f"{base}logs/{form}/{max((row.repeat for row in rows), default=0) + 1}/"
        found.append(LogEntry(title, icon, len(rows), dossier.queries[None, form], url))
    return found
