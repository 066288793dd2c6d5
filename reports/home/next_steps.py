"""The next steps of the patients in screening and in follow-up that the reader's role may do, most urgent first.

Three queries for all patients. Bedside facts only: nothing here reads the product.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any, NamedTuple

from django.db.models import Case, Exists, OuterRef, Q, Subquery, TextField, When
from django.db.models.fields.json import KeyTextTransform

from accounts.addresses import address
from audit.compiled_queries import CompiledQuery, CompiledValues, Listed
from audit.models import Signature
from patients.models import Consent, EligibilityDecision, Patient, Record, Visit
from patients.models.visibility import IN_TRIAL
from patients.models.visit_forms import in_order
from patients.participation.consents.consent_withdrawal import stops_treatment
from patients.participation.death import last_day_of_life
from patients.participation.next_step import (
    NEEDS,
    NextStep,
    NoStep,
    PatientFacts,
    Patients,
    VisitFacts,
    next_step,
)
from patients.participation.visit_status import (
    COMPLETE,
    DRAFT,
    OPEN_PATIENTS,
    forms_at,
    last_day_of,
    required_of,
)
from protocol.document.document import Protocol
from reports.casebook.step_facts import consent_state, decision_state, open_infusions, visit_facts
from reports.casebook.step_words import StepCard, card_of
from reports.home.workload import Workload
from trials.permissions import Permission
from trials.reader import reader_language

MOST_PATIENTS, SHOWN = 50, 8


@dataclass(frozen=True, slots=True)
class StepRow:
    """One patient's next step. `card` is the step in words."""

    patient: str
    url: str
    card: StepCard


@dataclass(frozen=True, slots=True)
class StepList:
    """The most urgent steps of the reader, and how many more there are."""

    rows: list[StepRow]
    more: int


class _VisitRow(NamedTuple):
    """The columns of a visit that its status and its forms depend on."""

    id: int
    patient_id: int
    code: str
    number: int
    position: int
    state: str
    planned_on: date | None
    held_on: date | None
    window_from: date | None
    window_to: date | None
    protocol_id: int | None

    @property
    def key(self) -> str:
        return self.code if self.number == 1 else f"{self.code}-{self.number}"


class _InfusionRow(NamedTuple):
    """The columns of the infusion of a visit, the same in both arms."""

    number: int
    state: str
    window_from: date | None
    window_to: date | None
    weight_kg: Any
    weight_asked: bool


@dataclass(frozen=True, slots=True)
class _Decision:
    """The latest decision as `decision_state` reads it."""

    conclusion: str
    protocol_id: int
    holds: bool
    rests_on_changes: bool


def _patients(**who: Any) -> Any:
    consents = Consent.objects.filter(patient=OuterRef("pk")).not_in_error().order_by("-given_at", "-pk")
    decisions = EligibilityDecision.objects.filter(patient=OuterRef("pk")).order_by("-pk")
    valid = Signature.objects.filter(
        target_type=EligibilityDecision._meta.label_lower, target_id=OuterRef("decision"), invalidated_at=None
    )
    changed = EligibilityDecision.objects.filter(patient=OuterRef("pk")).resting_on_changes()
    columns = {f"consent_{name}": Subquery(consents.values(name)[:1])
               for name in ("type", "version", "capacity_regained_on")}  # fmt: skip
    columns["decision"] = Subquery(decisions.values("pk")[:1])
    columns["conclusion"] = Subquery(decisions.values("conclusion")[:1])
    columns["decided_under"] = Subquery(decisions.values("protocol")[:1])
    rows = Patient.objects.visible_in(**who).filter(state__in=OPEN_PATIENTS).annotate(**columns)
    rows = rows.annotate(holds=Exists(valid), rests_on_changes=Exists(changed))
    # The newest patients: those on whom most remains to be done.
    return rows.order_by("-number")[:MOST_PATIENTS]


def _visit_rows(patients: list[int]) -> Any:
    infusion = (f"infusions__{name}" for name in _InfusionRow._fields)
    rows = Visit.objects.filter(patient__in=patients).order_by()
    return rows.values_list(*_VisitRow._fields, *infusion)


def _form_rows(patients: list[int], form: str, item: str) -> Any:
    # The day of death may stand in a log.
    here = Q(visit__isnull=False) | Q(form=form)
    rows = Record.objects.filter(here, patient__in=patients)
    died = Case(
        When(form=form, then=KeyTextTransform(item, "values")), default=None, output_field=TextField()
    )
    columns = ("pk", "patient_id", "visit_id", "form", "state")
    return rows.exclude(state=Record.State.STRUCK_OUT).order_by().values_list(*columns, died)


@cache
def _forms(died_on: str) -> CompiledValues:
    """Return the query of the forms, with the answer to the item that states the date of death (`form.item`)."""
    form, _dot, item = died_on.partition(".")
    return CompiledValues(partial(_form_rows, form=form, item=item or "-"), patients=LISTED)


WIDTH = len(_VisitRow._fields)
LISTED = Listed(int, MOST_PATIENTS)
PATIENTS = CompiledQuery(_patients, **IN_TRIAL)
VISITS = CompiledValues(_visit_rows, patients=LISTED)


def next_steps(work: Workload) -> StepList | None:
    """Return the steps that the reader's role may do now; None for a role that does none. Three queries."""
    access = work.access
    if not any(access.may(Permission(name)) for name in NEEDS.values()):
        return None
    patients = PATIENTS.rows(**work.who)
    steps = [(patient, step) for patient, step in _steps(work, patients) if _is_mine(work, step)]
    # Late before due, then by the end of the window; the sort keeps the order of the patients.
    steps.sort(key=lambda each: (not each[1].is_late(work.today), each[1].last or date.max, each[0].number))
    return StepList([_row(work, *each) for each in steps[:SHOWN]], max(0, len(steps) - SHOWN))


def _is_mine(work: Workload, step: NextStep | NoStep) -> bool:
    return (
        isinstance(step, NextStep)
        and not step.is_early(work.today)
        and work.access.may(Permission(step.needs))
    )


def _row(work: Workload, patient: Patient, step: NextStep) -> StepRow:
    rules, language, slug = work.rules[patient.protocol_id], reader_language(), work.trial.slug
    card = card_of(
        step,
        access=work.access,
        code=patient.code,
        today=work.today,
        visit=lambda key: planned_title(rules, key, language),
        form=lambda code: rules.form(code).title.in_language(language) if code in rules.forms else code,
    )
    return StepRow(patient.code, address("reports:casebook", slug, patient.code), card)


def planned_title(rules: Protocol, key: str, language: str) -> str:
    planned = next((visit for visit in rules.visits if visit.code == key), None)
    return planned.title.in_language(language) if planned else key


def _steps(work: Workload, patients: list[Any]) -> Any:
    """Yield each patient with the next step, computed as on the casebook."""
    if not patients:
        return
    keys = [patient.pk for patient in patients]
    visits, infusions = defaultdict(list), defaultdict(list)
    for columns in VISITS.rows(patients=keys):
        row = _VisitRow._make(columns[:WIDTH])
        visits[row.patient_id].append(row)
        if columns[WIDTH] is not None:
            infusions[row.patient_id].append(_InfusionRow._make(columns[WIDTH:]))
    stages: dict[int, dict[str, int]] = defaultdict(dict)
    dead: dict[int, tuple[int, str]] = {}
    for key, patient_id, visit, form, state, died in _forms(work.trial.rules.profile.died_on or "").rows(
        patients=keys
    ):
        stages[visit][form] = COMPLETE if state == Record.State.COMPLETE else DRAFT
        # A date, not an object with the code of a missing answer.
        if died and died[0].isdigit():
            dead[patient_id] = max((key, died), dead.get(patient_id, (0, "")))
    for patient in patients:
        rules, stated = work.rules[patient.protocol_id], dead.get(patient.pk, (0, ""))[1]
        facts = PatientFacts(
            state=Patients(patient.state),
            locked=bool(patient.locked_at or work.trial.locked_at),
            today=work.today,
            consent=consent_state(patient, _consent(patient)),
            decision=decision_state(patient, _decision(patient)),
            treated=stops_treatment(patient) is None,
            died=bool(stated),
            visits=tuple(
                _facts(work, patient, row, stages[row.id], stated) for row in in_order(visits[patient.pk])
            ),
            infusions=tuple(open_infusions(rules, sorted(infusions[patient.pk]))),
        )
        yield patient, next_step(facts)


def _consent(patient: Any) -> Consent | None:
    if patient.consent_type is None:
        return None
    return Consent(
        type=patient.consent_type,
        version=patient.consent_version,
        capacity_regained_on=patient.consent_capacity_regained_on,
    )


def _decision(patient: Any) -> _Decision | None:
    if patient.decision is None:
        return None
    return _Decision(
        patient.conclusion, patient.decided_under, bool(patient.holds), bool(patient.rests_on_changes)
    )


def _facts(
    work: Workload, patient: Patient, row: _VisitRow, stages: dict[str, int], stated: str
) -> VisitFacts:
    rules = work.rules[row.protocol_id or patient.protocol_id]
    required = required_of(patient, rules, row.code, row.held_on or row.planned_on)
    forms = (each.form for each in forms_at(rules, row.code) if each.form in required)
    left = [form for form in forms if stages.get(form, DRAFT) < COMPLETE]
    last_days = last_day_of(patient), last_day_of_life(patient, stated)
    return visit_facts(row.key, row.state, (row.window_from, row.window_to), last_days, left)
