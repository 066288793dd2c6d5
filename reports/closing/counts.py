"""The numbers of the lock checklist by patient: each is counted by the database, in a query over the trial.

No form is read unless its text says that it counts, so that the page costs nearly the same for 20 patients and for 200.
Two points read more: `criteria` the patients with an undetermined criterion, `outdated` the forms that calculate from
other forms and those they read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache, cached_property
from typing import Any, NamedTuple

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, Sum, TextField, Value, When
from django.db.models.functions import Cast, Coalesce, Concat
from django.utils import timezone

from audit.compiled_queries import CompiledValues
from audit.models import Signature
from dosing.bedside.gaps import Gap, open_gaps
from dosing.models import Infusion, ProductDeviation, ProductQuery
from patients.casebook.outdated_scores import outdated_by_patient
from patients.models import Aliquot, Deviation, EligibilityDecision, Patient, Query, Record, Visit
from patients.models.visibility import IN_TRIAL
from patients.participation.death import begins_until_death
from patients.participation.eligibility_decisions.eligibility import evaluate
from patients.participation.visit_status import (
    ENDS_VISITS,
    OPEN_PATIENTS,
    forms_at,
    required_at,
    required_of,
)
from patients.review import fact_verification, source_verification
from patients.samples.expected import overdue_by_patient, to_destroy_by_patient
from protocol.document.document import Protocol
from protocol.values.parsing import is_missing
from reports.closing.deaths import deaths_disagreeing
from reports.quality.contradictions import contradictions_of
from safety.models import AdverseEvent, EventDraft
from trials.access import Access

Counts = Mapping[int, int]


class PatientRow(NamedTuple):
    """A patient of the trial, for the rows of the checklist."""

    pk: int
    code: str
    state: str


def _valid(label: str, key: str = "pk") -> Exists:
    return Exists(Signature.objects.filter(target_type=label, target_id=OuterRef(key), invalidated_at=None))


def _by_patient(rows: Any, patient: str = "patient_id") -> Any:
    return rows.values_list(patient).annotate(number=Count("pk"))


def open_visits(today: date, died_on: str | None, **who: Any) -> Any:
    """Return the planned visits whose window has opened, of patients who did not fail screening.

    died_on: the item of the protocol's profile that states the death, `form.item`.
    """
    # No visit is due after the end of study.
    due = Coalesce(F("patient__ended_on"), today)
    rows = Visit.objects.visible_in(**who).filter(state=Visit.State.PLANNED, window_from__lte=due)
    # Nor after a death that a form states, nor after consent to them was withdrawn.
    rows = rows.filter(begins_until_death(died_on))
    for name in ENDS_VISITS:
        rows = rows.exclude(window_from__gt=F(f"patient__{name}"))
    return rows.exclude(patient__state=Patient.State.SCREEN_FAILED)


@cache
def _visits_by_patient(died_on: str | None) -> CompiledValues:
    """Return the query of the numbers of open visits. died_on: as for `open_visits`."""
    return CompiledValues(
        lambda **on: _by_patient(open_visits(died_on=died_on, **on)), **IN_TRIAL, today=date
    )


def open_infusions(**who: Any) -> Any:
    """Return the planned infusions of patients who ended the study."""
    rows = Infusion.objects.visible_in(**who).filter(state=Infusion.State.PLANNED)
    return rows.filter(patient__state=Patient.State.ENDED)


def _unsigned(**who: Any) -> Any:
    rows = Record.objects.visible_in(**who).filter(state=Record.State.COMPLETE)
    return _by_patient(rows.filter(~_valid("patients.record")))


def _casebooks(**who: Any) -> Any:
    rows = Patient.objects.visible_in(**who).filter(enrolled_on__isnull=False)
    return _by_patient(rows.filter(~_valid("patients.patient")), "pk")


def _criteria(**who: Any) -> Any:
    """Return (patient, whether a criterion is undetermined) of the decisions on included patients, latest last."""
    rows = EligibilityDecision.objects.visible_in(**who).filter(patient__enrolled_on__isnull=False)
    # The text of a JSON object: a quote inside a text would be written with a backslash.
    rows = rows.alias(text=Cast("criteria", TextField())).order_by("pk")
    is_open = Case(When(text__contains='"allows": null', then=Value(1)), default=Value(0))
    return rows.values_list("patient_id", is_open)


def _decisions(**who: Any) -> Any:
    return _by_patient(EligibilityDecision.objects.visible_in(**who).resting_on_changes())


def _with_missing(**who: Any) -> Any:
    """Return (patient, values) of the complete forms with a missing code in any of their values or rows."""
    rows = Record.objects.visible_in(**who).filter(state=Record.State.COMPLETE)
    rows = rows.alias(text=Cast("values", TextField())).filter(text__contains='"missing":')
    return rows.values_list("patient_id", "values")


PATIENTS = CompiledValues(
    lambda **who: Patient.objects.visible_in(**who).order_by("number").values_list("pk", "code", "state"),
    **IN_TRIAL,
)
INFUSIONS = CompiledValues(lambda **who: _by_patient(open_infusions(**who)), **IN_TRIAL)
DRAFTS = CompiledValues(
    lambda **who: _by_patient(Record.objects.visible_in(**who).filter(state=Record.State.DRAFT)), **IN_TRIAL
)
OPEN_QUERIES = CompiledValues(
    lambda **who: _by_patient(Query.objects.visible_in(**who).filter(state__in=Query.OPEN_STATES)), **IN_TRIAL
)
UNSIGNED = CompiledValues(_unsigned, **IN_TRIAL)
CASEBOOKS = CompiledValues(_casebooks, **IN_TRIAL)
EVENTS_UNSIGNED = CompiledValues(
    lambda **who: _by_patient(AdverseEvent.objects.visible_in(**who).not_in_error().signed(yes=False)),
    **IN_TRIAL,
)
EVENTS_UNREPORTED = CompiledValues(
    lambda **who: _by_patient(AdverseEvent.objects.visible_in(**who).awaiting_report()), **IN_TRIAL
)
EVENT_DRAFTS = CompiledValues(
    lambda **who: _by_patient(EventDraft.objects.visible_in(**who).filter(state=EventDraft.State.OPEN)),
    **IN_TRIAL,
)
DEVIATIONS = CompiledValues(
    lambda **who: _by_patient(Deviation.objects.visible_in(**who).waiting()), **IN_TRIAL
)
CRITERIA = CompiledValues(_criteria, **IN_TRIAL)
DECISIONS = CompiledValues(_decisions, **IN_TRIAL)
WITH_MISSING = CompiledValues(_with_missing, **IN_TRIAL)


class TrialRows:
    """The trial, its reader and what several points need."""

    def __init__(self, access: Access) -> None:
        self.access, self.trial = access, access.trial
        self.who: dict[str, Any] = {
            "trial": self.trial.pk,
            "user": access.user.pk,
            "at": timezone.now(),
        }

    @cached_property
    def patients(self) -> list[PatientRow]:
        """Return the patients of the trial by number."""
        return [PatientRow(*row) for row in PATIENTS.rows(**self.who)]

    @property
    def died_on(self) -> str | None:
        """Return the item that states the date of death (`form.item`), if the protocol has one."""
        return self.trial.rules.profile.died_on

    @cached_property
    def rules(self) -> dict[int, Protocol]:
        """Return the protocol versions by primary key."""
        return {version.pk: version.rules for version in source_verification.versions_of(self.trial)}

    @cached_property
    def gaps(self) -> list[tuple[Infusion, list[Gap]]]:
        """Return the infusions with something missing at the bedside. One query if none was recorded there."""
        return open_gaps(**self.who)

    def counted(self, query: CompiledValues, **values: Any) -> Counts:
        """Return the numbers of a query by patient."""
        return dict(query.rows(**self.who, **values))


def in_study(trial_rows: TrialRows) -> Counts:
    """Count patients in screening or follow-up."""
    return {patient.pk: 1 for patient in trial_rows.patients if patient.state in OPEN_PATIENTS}


def visits(trial_rows: TrialRows) -> Counts:
    """Count planned visits whose window has opened and that are neither held nor missed."""
    return trial_rows.counted(_visits_by_patient(trial_rows.died_on), today=trial_rows.trial.today)


def infusions(trial_rows: TrialRows) -> Counts:
    """Count infusions neither given nor marked as not given, of patients who ended the study."""
    return trial_rows.counted(INFUSIONS)


def bedside(trial_rows: TrialRows) -> Counts:
    """Count what is missing at the bedside of infusions recorded there, until a person decided on it."""
    found: Counter[int] = Counter()
    for row, gaps in trial_rows.gaps:
        found[row.patient_id] += len(gaps)
    return found


def missing_forms(trial_rows: TrialRows) -> Counts:
    """Count required forms of held visits that were not begun: those required, less those begun."""
    held_visits = Visit.objects.visible_in(**trial_rows.who).filter(state=Visit.State.HELD)
    kinds = held_visits.values_list("patient__protocol_id", "code", "patient__infusions_given").distinct()
    wanted = _wanted(trial_rows, kinds)
    if not any(wanted.values()):
        return {}
    required = Case(
        *(When(**_kind("", *kind), then=Value(len(forms))) for kind, forms in wanted.items()),
        default=Value(0),
        output_field=IntegerField(),
    )
    asked = Counter(dict(held_visits.values_list("patient_id").annotate(number=Sum(required))))
    counts = Q(pk__in=())
    for kind, forms in wanted.items():
        counts |= Q(**_kind("visit__", *kind), form__in=forms)
    begun = Record.objects.visible_in(**trial_rows.who).exclude(state=Record.State.STRUCK_OUT)
    # A form counts once for a visit, however many records it has there.
    once = Count(Concat(Cast("visit_id", TextField()), Value("/"), F("form")), distinct=True)
    recorded = begun.filter(counts, visit__state=Visit.State.HELD).values_list("patient_id")
    asked.subtract(dict(recorded.annotate(number=once)))
    return {**asked, **_missing_after_withdrawal(trial_rows)}


def _wanted(
    trial_rows: TrialRows, kinds: Iterable[tuple[int, str, str]]
) -> dict[tuple[int, str, str | None], frozenset[str]]:
    """Return the required forms by protocol, visit and infusions given (`13`); None if these do not matter."""
    found: dict[tuple[int, str, str | None], frozenset[str]] = {}
    for pk, code, given in kinds:
        rules = trial_rows.rules[pk]
        depends = any(each.after_infusion is not None for each in forms_at(rules, code))
        numbers = [int(number) for number in given]
        found[pk, code, given if depends else None] = required_at(rules, code, numbers)
    return found


def _kind(visit: str, protocol: int, code: str, given: str | None) -> dict[str, Any]:
    """Return the lookups of visits of one kind. visit: path to the visit, empty for visits themselves."""
    found: dict[str, Any] = {"patient__protocol_id": protocol, f"{visit}code": code}
    return found if given is None else {**found, "patient__infusions_given": given}


def _missing_after_withdrawal(trial_rows: TrialRows) -> Counts:
    """Count the same for the few patients who withdrew consent for samples or new data: only what it still allows."""
    withdrawn = Q(patient__samples_withdrawn_on__isnull=False) | Q(patient__data_withdrawn_on__isnull=False)
    held = Visit.objects.visible_in(**trial_rows.who).filter(withdrawn, state=Visit.State.HELD)
    found: Counter[int] = Counter()
    for visit in held.select_related("patient").prefetch_related("records"):
        begun = {row.form for row in visit.records.all() if row.state != Record.State.STRUCK_OUT}
        rules = trial_rows.rules[visit.patient.protocol_id]
        found[visit.patient_id] += len(required_of(visit.patient, rules, visit.code, visit.held_on) - begun)
    return found


def drafts(trial_rows: TrialRows) -> Counts:
    """Count draft forms."""
    return trial_rows.counted(DRAFTS)


def open_queries(trial_rows: TrialRows) -> Counts:
    """Count queries that are not closed."""
    return trial_rows.counted(OPEN_QUERIES)


def unverified(trial_rows: TrialRows) -> Counts:
    """Count complete forms with items that still need source data verification."""
    return dict(_by_patient(source_verification.waiting(trial_rows.trial).order_by()))


def facts_unverified(trial_rows: TrialRows) -> Counts:
    """Count the facts outside the forms that still need source data verification."""
    return fact_verification.count_by_patient(trial_rows.trial, trial_rows.rules)


def unsigned(trial_rows: TrialRows) -> Counts:
    """Count complete forms without a valid signature."""
    return trial_rows.counted(UNSIGNED)


def casebooks(trial_rows: TrialRows) -> Counts:
    """Count patients who were included and whose casebook has no valid signature."""
    return trial_rows.counted(CASEBOOKS)


def events_unsigned(trial_rows: TrialRows) -> Counts:
    """Count adverse events without a valid review signature."""
    return trial_rows.counted(EVENTS_UNSIGNED)


def events_unreported(trial_rows: TrialRows) -> Counts:
    """Count serious adverse events not reported to the sponsor."""
    return trial_rows.counted(EVENTS_UNREPORTED)


def deviations(trial_rows: TrialRows) -> Counts:
    """Count deviations of the general log that wait for a person."""
    return trial_rows.counted(DEVIATIONS)


def samples_overdue(trial_rows: TrialRows) -> Counts:
    """Count required samples of held visits that are neither collected nor recorded as not collected."""
    return overdue_by_patient(Visit.objects.visible_in(**trial_rows.who), trial_rows.rules)


def samples_to_destroy(trial_rows: TrialRows) -> Counts:
    """Count tubes that still exist though consent for samples is withdrawn."""
    return to_destroy_by_patient(Aliquot.objects.visible_in(**trial_rows.who))


def product_deviations(trial_rows: TrialRows) -> Counts:
    """Count product deviations that wait for a person; in a masked trial only for who may know the treatment."""
    return _of_product(trial_rows, ProductDeviation.objects.filter(patient__trial=trial_rows.trial).waiting())


def product_queries(trial_rows: TrialRows) -> Counts:
    """Count queries on the product that are not closed; in a masked trial only for who may know the treatment."""
    rows = ProductQuery.objects.filter(patient__trial=trial_rows.trial, state__in=Query.OPEN_STATES)
    return _of_product(trial_rows, rows)


def _of_product(trial_rows: TrialRows, rows: Any) -> Counts:
    if not trial_rows.trial.masked:
        return dict(_by_patient(rows.order_by()))
    # The rows themselves, not their number: a count by patient tells the arm, so the reading is recorded (BLD-03).
    return Counter(row.patient_id for row in rows.visible_to(trial_rows.access.user))


def criteria(trial_rows: TrialRows) -> Counts:
    """Count undetermined eligibility criteria of included patients. Two queries for each patient who has any."""
    undecided = [patient for patient, is_open in trial_rows.counted(CRITERIA).items() if is_open]
    patients = Patient.objects.visible_in(**trial_rows.who).in_bulk(undecided) if undecided else {}
    return {pk: _undecided(patient) for pk, patient in patients.items()}


def decisions(trial_rows: TrialRows) -> Counts:
    """Count decisions on eligibility that rest on inputs that changed since."""
    return trial_rows.counted(DECISIONS)


def _undecided(patient: Patient) -> int:
    findings = evaluate(patient, inclusion_on=patient.enrolled_on).findings
    return sum(finding.result.allows is None for finding in findings)


def calculations(trial_rows: TrialRows) -> Counts:
    """Count calculated items of complete forms that have no value because an input is missing."""
    empty = [
        # The form first: the database then looks for the key in the forms that have the item only.
        When(Q(protocol_id=pk, form=form.code) & ~Q(values__has_key=item.name), then=Value(1))
        for pk, rules in trial_rows.rules.items()
        for form in rules.forms.values()
        for item in form.items
        if item.is_calculated and item.shown_when is None
    ]
    rows = Record.objects.visible_in(**trial_rows.who).filter(state=Record.State.COMPLETE)
    number = sum((Case(each, default=Value(0), output_field=IntegerField()) for each in empty), Value(0))
    return dict(rows.values_list("patient_id").annotate(number=Sum(number))) if empty else {}


def missing_items(trial_rows: TrialRows) -> Counts:
    """Count items of complete forms marked as missing with a reason."""
    found: Counter[int] = Counter()
    for patient, values in WITH_MISSING.rows(**trial_rows.who):
        found[patient] += sum(is_missing(value) for value in values.values())
    return found


def outdated(trial_rows: TrialRows) -> Counts:
    """Count calculated values whose sources changed after they were stored. Evaluates all forms with such items."""
    return outdated_by_patient(trial_rows.trial)


def contradictions(trial_rows: TrialRows) -> Counts:
    """Count the entries that contradict each other or the death. At most twelve queries."""
    return Counter(fact.patient.pk for fact in contradictions_of(trial_rows.trial))


def event_drafts(trial_rows: TrialRows) -> Counts:
    """Count the adverse events that were begun and neither saved nor discarded."""
    return trial_rows.counted(EVENT_DRAFTS)


def deaths(trial_rows: TrialRows) -> Counts:
    """Count deaths without a fatal event, or with one that ended on another day. Two queries."""
    return deaths_disagreeing(trial_rows.trial)
