"""The navigation of a casebook: visits with their forms, then logs, each with its status and address."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from django.utils.translation import gettext as _

from accounts.addresses import address, address_below
from patients.casebook.asked_forms import asked_forms, offered_logs
from patients.casebook.casebook import Casebook, FormPlace
from patients.models import Patient, Record, Visit
from patients.models.visit_forms import day_of, visit_title
from patients.participation.death import last_day_of_life, stated_death
from patients.participation.visit_status import (
    NOT_STARTED,
    OPEN_PATIENTS,
    STAGES,
    UNFINISHED,
    last_day_of,
    visit_stage,
    visit_status,
    waits_for_consent,
)
from trials.reader import reader_language


@dataclass(slots=True)
class FormLink:
    """One form of a visit; `state` and `flags` are those of the status glyph.

    Title and address are made when they are read: most pages show those of one visit of many.
    """

    code: str
    state: str
    flags: tuple[str, ...]
    needed: bool
    current: bool
    shelf: "Shelf"
    record: Record | None

    @property
    def title(self) -> str:
        """Return the title of the form under the version of its place."""
        return self.shelf.titles.of(self.code, self.shelf.visit, self.record)

    @property
    def url(self) -> str:
        """Return the address of the form."""
        return self.shelf.address_of(self.code)


@dataclass(frozen=True, slots=True)
class VisitLink:
    """One visit with its forms; `current` if it is the visit of the page."""

    key: str
    title: str
    day: date | None
    state: str
    flags: tuple[str, ...]
    forms: tuple[FormLink, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class LogLink:
    """One log with the numbers of its rows in force and of those with an open query."""

    code: str
    title: str
    url: str
    rows: int
    queries: int
    current: bool


@dataclass(frozen=True, slots=True)
class Navigation:
    """Visits in the order in which they take place, then the logs."""

    visits: tuple[VisitLink, ...]
    logs: tuple[LogLink, ...]


def stage_of(record: Record | None) -> str:
    """Return the lifecycle stage of a record, `not_started` if none is in force.

    `signed` needs the annotation of `with_marks`.
    """
    if record is None or record.state == Record.State.STRUCK_OUT:
        return NOT_STARTED
    if record.locked_at:
        return "locked"
    if getattr(record, "is_signed", False):
        return "signed"
    if record.verified_at:
        return "verified"
    return str(record.state)


def stage_at(record: Record | None, visit: Visit | None, patient: Patient) -> str:
    """Return the stage of a record, `locked` also if its visit, patient or trial is locked. Reads patient.trial."""
    return _below(is_locked_above(visit, patient), record)


def is_locked_above(visit: Visit | None, patient: Patient) -> bool:
    """Return whether the visit, the patient or the trial is locked. Reads patient.trial."""
    return bool(
        patient.locked_at or patient.trial.locked_at or (visit is not None and visit.locked_at is not None)
    )


def _below(locked: bool, record: Record | None) -> str:
    stage = stage_of(record)
    return "locked" if locked and stage != NOT_STARTED else stage


def navigation(casebook: Casebook, place: FormPlace | None = None) -> Navigation:
    """Return the navigation of a casebook, with the location of the page marked as current."""
    today = casebook.patient.trial.today
    at_visit = defaultdict[int, list[Record]](list)
    for record in casebook.records:
        if record.visit_id is not None:
            at_visit[record.visit_id].append(record)
    stated = stated_death(casebook.records, casebook.patient.protocol.rules)
    died = last_day_of_life(casebook.patient, stated)
    titles = Titles(casebook, reader_language())
    visits = tuple(
        _visit(titles, visit, at_visit[visit.pk], place, (today, died)) for visit in casebook.ordered_visits()
    )
    return Navigation(visits, tuple(_logs(titles, place)))


@dataclass
class Titles:
    """The titles of the forms of a casebook in one language; each is looked up once per protocol version."""

    casebook: Casebook
    language: str
    found: dict[tuple[int, str], str] = field(default_factory=dict)

    def of(self, form: str, visit: Visit | None, record: Record | None) -> str:
        """Return the title of a form under the version of its place."""
        version = self.casebook.version_for(form, visit, record)
        if form not in version.rules.forms and record is not None:
            version = self.casebook.version(record.protocol_id)
        key = version.pk, form
        if key not in self.found:
            self.found[key] = version.rules.form(form).title.in_language(self.language)
        return self.found[key]


@dataclass(frozen=True, slots=True)
class Shelf:
    """The facts that the forms of one visit share."""

    titles: Titles
    visit: Visit
    address_of: Callable[[str], str]


def _visit(
    titles: Titles, visit: Visit, here: Sequence[Record], place: FormPlace | None, days: tuple[date, str]
) -> VisitLink:
    """Return one visit. days: today, and the last day on which the patient may have died (`last_day_of_life`)."""
    casebook = titles.casebook
    today, died = days
    current = place is not None and place.visit is not None and place.visit.pk == visit.pk
    forms = tuple(_forms(titles, visit, here, place if current else None))
    state, urgent = visit_status(
        state=visit.state,
        window=(visit.window_from, visit.window_to),
        begun=visit_stage(
            [form.code for form in forms if form.needed],
            {form.code: STAGES.index(form.state) for form in forms if form.state != NOT_STARTED},
        ),
        open_patient=casebook.patient.state in OPEN_PATIENTS,
        today=today,
        last_day=last_day_of(casebook.patient),
        died=died,
        is_open=not waits_for_consent(casebook.patient, lambda: casebook.consent is not None),
    )
    day = day_of(visit)
    query_flags = ["query"] if any("query" in form.flags for form in forms) else []
    return VisitLink(
        key=visit.key,
        title=visit_title(casebook.patient.protocol, visit, titles.language, _("Unscheduled visit")),
        day=day,
        state=state,
        flags=(*urgent, *query_flags),
        forms=tuple(_waiting(form, urgent) for form in forms),
        current=current,
    )


def _waiting(form: FormLink, urgent: Sequence[str]) -> FormLink:
    """Return the form with the visit's `due` or `overdue` flag if it is required and not complete."""
    waits = form.needed and form.state in UNFINISHED
    return replace(form, flags=(*urgent, *form.flags)) if waits else form


def _forms(
    titles: Titles, visit: Visit, here: Sequence[Record], place: FormPlace | None
) -> Iterable[FormLink]:
    casebook = titles.casebook
    patient = casebook.patient
    form_url = address_below("patients:form", patient.trial.slug, patient.code, visit.key, more=1)
    shelf, locked = Shelf(titles, visit, form_url), is_locked_above(visit, patient)
    by_form = {record.form: record for record in here if record.state != Record.State.STRUCK_OUT}
    for entry in asked_forms(casebook, visit, here):
        record = by_form.get(entry.form)
        yield FormLink(
            entry.form,
            NOT_STARTED if record is None else _below(locked, record),
            ("query",) if record is not None and getattr(record, "has_open_query", False) else (),
            entry.when == "required",
            place is not None and place.form.code == entry.form,
            shelf,
            record,
        )


def _logs(titles: Titles, place: FormPlace | None) -> Iterable[LogLink]:
    casebook = titles.casebook
    patient = casebook.patient
    for code in offered_logs(casebook):
        rows = [record for record in casebook.records if record.form == code and record.visit_id is None]
        in_force = [record for record in rows if record.state != Record.State.STRUCK_OUT]
        yield LogLink(
            code=code,
            title=titles.of(code, None, next(iter(rows), None)),
            url=address("patients:logs", patient.trial.slug, patient.code, code),
            rows=len(in_force),
            queries=sum(bool(getattr(record, "has_open_query", False)) for record in in_force),
            current=place is not None and place.visit is None and place.form.code == code,
        )


def form_address(
    patient: Patient, form: str, visit: Visit | None, repeat: int = 1, *, slug: str | None = None
) -> str:
    """Return the address of a captured form, at a visit or as a row of a log. `slug` saves reading the trial."""
    trial = slug or patient.trial.slug
    if visit is None:
        return address("patients:log", trial, patient.code, form, repeat)
    return address("patients:form", trial, patient.code, visit.key, form)


def address_of(place: FormPlace) -> str:
    """Return the address of a form by its location."""
    return form_address(place.patient, place.form.code, place.visit, place.repeat)


def next_address(casebook: Casebook, place: FormPlace) -> str:
    """Return the address of the next form to enter: a draft or required form of the visit, else the visit's page.

    After a row of a log, return the address of the log.
    """
    patient = casebook.patient
    if place.visit is None:
        return address("patients:logs", patient.trial.slug, patient.code, place.form.code)
    here = casebook.records_at(place.visit)
    forms = list(_forms(Titles(casebook, reader_language()), place.visit, here, place))
    number_here = next((number for number, form in enumerate(forms) if form.current), -1)
    for form in [*forms[number_here + 1 :], *forms[:number_here]]:
        if form.state == "draft" or (form.needed and form.state == NOT_STARTED):
            return f"{form.url}#entry"
    return next_step_address(place.visit, patient)


def next_step_address(visit: Visit, patient: Patient) -> str:
    """Return the address of a visit's page, at its next step."""
    return f"{address('patients:visit', patient.trial.slug, patient.code, visit.key)}#next"


def visit_after(casebook: Casebook, visit: Visit) -> Visit | None:
    """Return the next visit, planned or held, whose day is known and not in the future; else None."""
    rows, today = casebook.ordered_visits(), casebook.patient.trial.today
    later = rows[1 + next(number for number, row in enumerate(rows) if row.pk == visit.pk) :]
    begun = (row for row in later if (day_of(row) or date.max) <= today)
    return next((row for row in begun if row.state in (Visit.State.PLANNED, Visit.State.HELD)), None)


def record_address(record: Record, slug: str) -> str:
    """Return the address of a record's page. Reads record.visit and record.patient."""
    return form_address(record.patient, record.form, record.visit, record.repeat, slug=slug)
