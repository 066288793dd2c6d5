"""The casebook as a list of places: visits with their forms, and logs, each with where it stands."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.casebook.casebook import Casebook, FormPlace, day_of, visit_title
from patients.models import Patient, Record, Visit
from patients.participation.visit_status import (
    NOT_STARTED,
    OPEN_PATIENTS,
    STAGES,
    UNFINISHED,
    visit_stage,
    visit_standing,
)
from trials.reader import reader_language


@dataclass(frozen=True, slots=True)
class FormLink:
    """One form of a visit: `state` and `flags` are those of the status glyph."""

    code: str
    title: str
    url: str
    state: str
    flags: tuple[str, ...]
    needed: bool
    current: bool


@dataclass(frozen=True, slots=True)
class VisitLink:
    """One visit with its forms; open when it is the one on the page."""

    key: str
    title: str
    day: date | None
    state: str
    flags: tuple[str, ...]
    forms: tuple[FormLink, ...]
    current: bool


@dataclass(frozen=True, slots=True)
class LogLink:
    """One log with the number of its rows."""

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

    @property
    def current_visit(self) -> VisitLink | None:
        """The visit of the page."""
        return next((visit for visit in self.visits if visit.current), None)


def stage_of(record: Record | None) -> str:
    """Where a record stands, in the words of the status glyph; reads the marks of `with_marks`."""
    if record is None or record.state == Record.State.STRUCK_OUT:
        return "not_started"
    if record.locked_at:
        return "locked"
    if getattr(record, "is_signed", False):
        return "signed"
    if record.verified_at:
        return "verified"
    return str(record.state)


def stage_at(record: Record | None, visit: Visit | None, patient: Patient) -> str:
    """Where a record stands when what is above it is locked too. Reads patient.trial."""
    above = patient.locked_at or patient.trial.locked_at or (visit is not None and visit.locked_at)
    stage = stage_of(record)
    return "locked" if above and stage != "not_started" else stage


def navigation(casebook: Casebook, place: FormPlace | None = None) -> Navigation:
    """The casebook's navigation with the place of this page marked."""
    today = casebook.patient.trial.today
    visits = tuple(_visit(casebook, visit, place, today) for visit in casebook.ordered_visits())
    return Navigation(visits, tuple(_logs(casebook, place)))


def _visit(casebook: Casebook, visit: Visit, place: FormPlace | None, today: date) -> VisitLink:
    current = place is not None and place.visit is not None and place.visit.pk == visit.pk
    forms = tuple(_forms(casebook, visit, place if current else None))
    state, urgent = visit_standing(
        state=visit.state,
        window=(visit.window_from, visit.window_to),
        begun=visit_stage(
            [form.code for form in forms if form.needed],
            {form.code: STAGES.index(form.state) for form in forms if form.state != NOT_STARTED},
        ),
        open_patient=casebook.patient.state in OPEN_PATIENTS,
        today=today,
    )
    day = day_of(visit)
    asked = ["query"] if any("query" in form.flags for form in forms) else []
    return VisitLink(
        key=visit.key,
        title=visit_title(casebook.patient.protocol, visit, reader_language(), _("Unscheduled visit")),
        day=day,
        state=state,
        flags=(*urgent, *asked),
        forms=tuple(_waiting(form, urgent) for form in forms),
        current=current,
    )


def _waiting(form: FormLink, urgent: Sequence[str]) -> FormLink:
    """What waits at a visit are its required forms that are not complete."""
    waits = form.needed and form.state in UNFINISHED
    return replace(form, flags=(*urgent, *form.flags)) if waits else form


def _forms(casebook: Casebook, visit: Visit, place: FormPlace | None) -> Iterable[FormLink]:
    patient = casebook.patient
    at_visit = [record for record in casebook.records if record.visit_id == visit.pk]
    by_form = {record.form: record for record in at_visit if record.state != Record.State.STRUCK_OUT}
    for entry in casebook.forms_at(visit):
        record = by_form.get(entry.form)
        state = stage_at(record, visit, patient)
        yield FormLink(
            code=entry.form,
            title=_title(casebook, entry.form, visit, record),
            url=form_address(patient, entry.form, visit),
            state=state,
            flags=("query",) if getattr(record, "has_open_query", False) else (),
            needed=entry.when == "required",
            current=place is not None and place.form.code == entry.form,
        )


def _title(casebook: Casebook, form: str, visit: Visit | None, record: Record | None) -> str:
    version = casebook.version_for(form, visit, record)
    if form not in version.rules.forms and record is not None:
        version = casebook.version(record.protocol_id)
    return version.rules.form(form).title.in_language(reader_language())


def _logs(casebook: Casebook, place: FormPlace | None) -> Iterable[LogLink]:
    patient = casebook.patient
    for code in casebook.logs():
        rows = [record for record in casebook.records if record.form == code and record.visit_id is None]
        in_force = [record for record in rows if record.state != Record.State.STRUCK_OUT]
        yield LogLink(
            code=code,
            title=_title(casebook, code, None, next(iter(rows), None)),
            url=reverse("patients:logs", args=[patient.trial.slug, patient.code, code]),
            rows=len(in_force),
            queries=sum(bool(getattr(record, "has_open_query", False)) for record in in_force),
            current=place is not None and place.visit is None and place.form.code == code,
        )


def form_address(
    patient: Patient, form: str, visit: Visit | None, repeat: int = 1, *, slug: str | None = None
) -> str:
    """The address of a captured form: at a visit, or a row of a log. `slug` spares reading the trial."""
    trial = slug or patient.trial.slug
    if visit is None:
        return reverse("patients:log", args=[trial, patient.code, form, repeat])
    return reverse("patients:form", args=[trial, patient.code, visit.key, form])


def address_of(place: FormPlace) -> str:
    """The address of a place."""
    return form_address(place.patient, place.form.code, place.visit, place.repeat)


def next_address(casebook: Casebook, place: FormPlace) -> str:
    """Where the work goes on: the next form that the visit still needs, else its page; after a row, its log."""
    patient = casebook.patient
    if place.visit is None:
        return reverse("patients:logs", args=[patient.trial.slug, patient.code, place.form.code])
    forms = list(_forms(casebook, place.visit, place))
    here = next((number for number, form in enumerate(forms) if form.current), -1)
    for form in [*forms[here + 1 :], *forms[:here]]:
        if form.state == "draft" or (form.needed and form.state == NOT_STARTED):
            return f"{form.url}#entry"
    return onward_from(place.visit, patient)


def onward_from(visit: Visit, patient: Patient) -> str:
    """The page of a visit, at what is to be done next."""
    return f"{reverse('patients:visit', args=[patient.trial.slug, patient.code, visit.key])}#next"


def visit_after(casebook: Casebook, visit: Visit) -> Visit | None:
    """The next visit that has taken place, or should have."""
    rows, today = casebook.ordered_visits(), casebook.patient.trial.today
    later = rows[1 + next(number for number, row in enumerate(rows) if row.pk == visit.pk) :]
    begun = (row for row in later if (day_of(row) or date.max) <= today)
    return next((row for row in begun if row.state in (Visit.State.PLANNED, Visit.State.HELD)), None)


def record_address(record: Record, slug: str) -> str:
    """The address of a record's page; reads record.visit and record.patient."""
    return form_address(record.patient, record.form, record.visit, record.repeat, slug=slug)
