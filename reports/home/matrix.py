"""The matrix of patients and visits on the home page: one glyph per visit, four queries per page of patients."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any, NamedTuple

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
    OuterRef,
    Q,
    TextField,
    Value,
    When,
)
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.addresses import address, address_below
from audit.compiled_queries import CompiledValues, Listed
from dosing.models import in_turn
from patients.models import Consent, Patient, Query, Record, Visit
from patients.participation.consents.consent_withdrawal import stops_treatment
from patients.participation.death import is_after_death, last_day_of_life
from patients.participation.visit_status import (
    COMPLETE,
    LOCKED,
    MISSED,
    NOT_APPLICABLE,
    OPEN_PATIENTS,
    STAGE,
    STAGES,
    first_unfinished,
    forms_at,
    last_day_of,
    nominal_day,
    visit_stage,
    visit_status,
    waits_for_consent,
)
from protocol.document.design import ProtocolVisit as ProtocolVisit
from protocol.document.design import VisitForm
from protocol.document.document import Protocol
from reports.casebook.infusion_status import infusion_status
from reports.home.selection import ROWS
from trials.access import Access
from trials.models import ProtocolVersion, Trial
from trials.reader import reader_language

COLUMNS = 12


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """A visit of the protocol: code, title, and its study day unless the code already names it."""

    code: str
    title: str
    day: str


class InfusionCell(NamedTuple):
    """The infusion of one visit of one patient, as both arms have it."""

    state: str
    flags: Sequence[str]
    of: str
    url: str


class MatrixCell(NamedTuple):
    """One visit of one patient. `of` is read out before the state; `url` is the first unfinished form.

    A page holds six hundred: a named tuple is made in a third of the time of a frozen dataclass.
    """

    state: str
    flags: Sequence[str]
    of: str
    url: str
    infusion: InfusionCell | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One patient. `note` is the reason why no more visits follow."""

    patient: Patient
    url: str
    note: str
    cells: list[MatrixCell]


class VisitRow(NamedTuple):
    """The columns of a visit that the matrix needs."""

    pk: int
    patient_id: int
    code: str
    state: str
    window: tuple[date | None, date | None]
    locked: bool
    protocol_id: int | None
    consented: bool
    # Number, state, window and turn of the infusion of the visit, None without one.
    infusion: tuple[int, str, date | None, date | None, bool] | None


def rules_by_id(trial: Trial, ids: Iterable[int]) -> dict[int, Protocol]:
    """Return protocols by version id. One query if any is an earlier version."""
    found = {trial.protocol_id: trial.rules} if trial.protocol_id else {}
    if earlier := set(ids) - found.keys():
        versions = ProtocolVersion.objects.filter(pk__in=earlier, trial=trial)
        found.update({version.pk: version.rules for version in versions})
    return found


def visits_of(newest: Protocol, others: Iterable[Protocol] = ()) -> list[tuple[Protocol, ProtocolVisit]]:
    """Return the visits of the newest version, each with its protocol.

    Visits that only other versions have are inserted after the visit they follow there.
    """
    found = [(newest, visit) for visit in newest.visits]
    for rules in others:
        place = 0
        for visit in rules.visits:
            codes = [each.code for _rules, each in found]
            if visit.code in codes:
                place = codes.index(visit.code) + 1
            else:
                found.insert(place, (rules, visit))
                place += 1
    return found


def columns_of(visits: Sequence[tuple[Protocol, ProtocolVisit]], first: int = 0) -> list[MatrixColumn]:
    """Return up to twelve columns, from the visit at position `first`."""
    language = reader_language()
    found = []
    for rules, visit in visits[first : first + COLUMNS]:
        day = nominal_day(rules, visit)
        text = "" if day is None or visit.code == f"D{day}" else f"D{day}".replace("-", "−")
        found.append(MatrixColumn(visit.code, visit.title.in_language(language), text))
    return found


def matrix(
    *, access: Access, patients: Sequence[Patient], columns: Sequence[MatrixColumn], today: date
) -> list[MatrixRow]:
    """Return a row for each patient, with a cell for each column."""
    ids = [patient.pk for patient in patients]
    codes = [column.code for column in columns]
    page = {"user": access.user.pk, "at": timezone.now(), "patients": ids}
    visits = _visits(VISITS.rows(**page, codes=codes))
    used = {visit.protocol_id for visit in visits.values() if visit.protocol_id}
    rules = rules_by_id(access.trial, used | {patient.protocol_id for patient in patients})
    forms = _forms(access.trial.rules.profile.died_on or "").rows(**page, codes=codes)
    plans = {pk: {code: _MatrixPlan.of(each, code) for code in codes} for pk, each in rules.items()}
    known = _MatrixData(
        visits=visits,
        stages=_stages(forms),
        died=_deaths(forms),
        with_queries={visit for (visit,) in ASKED.rows(**page)},
        today=today,
        words=_("%(place)s, %(done)s of %(all)s forms"),
        trial_locked=access.trial.locked_at is not None,
        slug=access.trial.slug,
    )
    return [_row(patient, codes, plans, known) for patient in patients]


def note_of(patient: Patient) -> str:
    """Return the reason why a patient is no longer followed, or an empty text."""
    if patient.state == Patient.State.SCREEN_FAILED:
        return _("Screen failure")
    return patient.get_end_reason_display() if patient.end_reason else ""


def _visit_rows(user: int, at: datetime, patients: list[int], codes: list[str]) -> Any:
    rows = (
        Visit.objects.visible_to(user, at).filter(patient__in=patients, number=1, code__in=codes).order_by()
    )
    fields = ("pk", "patient_id", "code", "state", "window_from", "window_to", "locked_at", "protocol_id")
    infusion = (f"infusions__{name}" for name in ("number", "state", "window_from", "window_to"))
    consents = Consent.objects.filter(patient=OuterRef("patient")).not_in_error()
    # Asked of the few patients in screening only: the others consented.
    consented = Case(
        When(patient__state=Patient.State.SCREENING, then=Exists(consents)),
        default=Value(True),
        output_field=BooleanField(),
    )
    turn = in_turn("patient", "infusions__number")
    return rows.values_list(*fields, consented, *infusion, ExpressionWrapper(turn, BooleanField()))


def _form_rows(
    user: int, at: datetime, patients: list[int], codes: list[str], *, death_form: str, item: str
) -> Any:
    """Return the forms of the visits that the page shows, and the forms that state a death, wherever they are."""
    shown = Q(visit__code__in=codes) | Q(form=death_form)
    records = Record.objects.visible_to(user, at).filter(shown, patient__in=patients)
    rows = records.exclude(state=Record.State.STRUCK_OUT).annotate(stage=STAGE).order_by()
    answer = KeyTextTransform(item, "values")
    died = Case(When(form=death_form, then=answer), default=None, output_field=TextField())
    return rows.values_list("visit_id", "form", "stage", "pk", "patient_id", died)


@cache
def _forms(died_on: str) -> CompiledValues:
    """Return the query of the forms. died_on: the item that states the date of death (`form.item`)."""
    form, _dot, item = (died_on or "-.-").partition(".")
    read = partial(_form_rows, death_form=form, item=item)
    return CompiledValues(read, **PAGE, codes=Listed(str, COLUMNS))


def _asked_rows(user: int, at: datetime, patients: list[int]) -> Any:
    queries = Query.objects.visible_to(user, at).filter(patient__in=patients, state__in=Query.OPEN_STATES)
    return queries.order_by().values_list("record__visit_id").distinct()


PAGE: dict[str, Any] = {"user": int, "at": datetime, "patients": Listed(int, ROWS)}
VISITS = CompiledValues(_visit_rows, **PAGE, codes=Listed(str, COLUMNS))
ASKED = CompiledValues(_asked_rows, **PAGE)


def _visits(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[int, str], VisitRow]:
    return {
        (patient, code): VisitRow(
            pk,
            patient,
            code,
            state,
            (first, last),
            locked is not None,
            version,
            bool(consented),
            tuple(infusion) if infusion[0] is not None else None,
        )
        for pk, patient, code, state, first, last, locked, version, consented, *infusion in rows
    }


def _stages(rows: Iterable[tuple[Any, ...]]) -> Mapping[int, dict[str, int]]:
    """Return the stage of each form by visit; if a form has several records, the least advanced one."""
    found: dict[int, dict[str, int]] = defaultdict(dict)
    for visit, form, stage, *_death in rows:
        forms = found[visit]
        forms[form] = min(stage, forms.get(form, stage))
    return found


def _deaths(rows: Iterable[tuple[Any, ...]]) -> Mapping[int, str]:
    """Return by patient the date of death that a form states (ISO text); of several the one stored last."""
    found: dict[int, tuple[int, str]] = {}
    for _visit, _form, _stage, key, patient, died in rows:
        # A date, not an object with the code of a missing answer.
        if died and died[0].isdigit():
            found[patient] = max((key, died), found.get(patient, (0, "")))
    return {patient: died for patient, (_key, died) in found.items()}


@dataclass(frozen=True, slots=True)
class _MatrixPlan:
    """The forms of one visit of one protocol."""

    forms: tuple[VisitForm, ...]
    first: str
    rules: Protocol

    @classmethod
    def of(cls, rules: Protocol, code: str) -> "_MatrixPlan":
        forms = forms_at(rules, code)
        return cls(forms, first_unfinished(forms, {}), rules)

    def required_of(self, patient: Patient, day: date | None) -> frozenset[str]:
        """Return the required forms that the patient's consent still allows."""
        given, allows = patient.given_infusions, patient.allows_form
        required = (each.form for each in self.forms if each.is_required(given))
        return frozenset(form for form in required if allows(self.rules.form(form), day))


@dataclass(frozen=True, slots=True)
class _Places:
    """Addresses of one patient: the casebook, a visit by its code, a form by visit and code."""

    casebook: str
    visit: Callable[..., str]
    form: Callable[..., str]
    infusion: Callable[..., str]


@dataclass(frozen=True, slots=True)
class _MatrixData:
    """Data of all patients of the page."""

    visits: Mapping[tuple[int, str], VisitRow]
    stages: Mapping[int, dict[str, int]]
    died: Mapping[int, str]
    with_queries: set[int]
    today: date
    words: str
    trial_locked: bool
    slug: str


def _row(
    patient: Patient, codes: Sequence[str], plans: Mapping[int, Mapping[str, _MatrixPlan]], known: _MatrixData
) -> MatrixRow:
    places = _Places(
        address("reports:casebook", known.slug, patient.code),
        address_below("patients:visit", known.slug, patient.code, more=1),
        address_below("patients:form", known.slug, patient.code, more=2),
        address_below("dosing:infusion", known.slug, patient.code, more=1),
    )
    cells = [_cell(patient, code, plans, known, places) for code in codes]
    return MatrixRow(patient, places.casebook, note_of(patient), cells)


def _cell(
    patient: Patient,
    code: str,
    plans: Mapping[int, Mapping[str, _MatrixPlan]],
    known: _MatrixData,
    places: _Places,
) -> MatrixCell:
    visit = known.visits.get((patient.pk, code))
    if visit is None:
        return MatrixCell(NOT_APPLICABLE, (), f"{patient.code} {code}", places.casebook)
    plan = plans[visit.protocol_id or patient.protocol_id][code]
    stages = known.stages.get(visit.pk, {})
    required = plan.required_of(patient, visit.window[0])
    state, flags = visit_status(
        state=visit.state,
        window=visit.window,
        begun=visit_stage(required, stages),
        open_patient=patient.state in OPEN_PATIENTS,
        today=known.today,
        last_day=last_day_of(patient),
        died=last_day_of_life(patient, known.died.get(patient.pk, "")),
        is_open=not waits_for_consent(patient, lambda: visit.consented),
    )
    if stages and (visit.locked or patient.locked_at or known.trial_locked):
        state, flags = STAGES[LOCKED], []
    if visit.pk in known.with_queries:
        flags = [*flags, "query"]
    form = "" if state in (MISSED, NOT_APPLICABLE) else plan.first
    if form and stages:
        form = first_unfinished(plan.forms, stages, patient.given_infusions)
    url = places.form(code, form) if form else places.visit(code)
    words = _cell_words(f"{patient.code} {code}", required, stages, known.words)
    return MatrixCell(state, flags, words, url, _infusion(patient, visit, known, places))


def _infusion(patient: Patient, visit: VisitRow, known: _MatrixData, places: _Places) -> InfusionCell | None:
    if visit.infusion is None:
        return None
    number, state, first, last, turn = visit.infusion
    died = last_day_of_life(patient, known.died.get(patient.pk, ""))
    goes_on = patient.state in OPEN_PATIENTS and stops_treatment(patient) is None
    goes_on = goes_on and not is_after_death(last, died)
    state, flags = infusion_status(state, (first, last), goes_on, known.today, in_turn=bool(turn))
    return InfusionCell(state, flags, f"{patient.code} {visit.code}", places.infusion(number))


def _cell_words(place: str, required: Collection[str], stages: Mapping[str, int], words: str) -> str:
    """Return the name of the cell; once a form is begun, with the number of complete forms."""
    if not stages:
        return place
    done = sum(stage >= COMPLETE for stage in stages.values())
    return words % {"place": place, "done": done, "all": len({*required, *stages})}
