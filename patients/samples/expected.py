"""Which samples the protocol asks for at the visits of patients, and which of them are still missing.

A visit counts under the version that it was held under. What consent no longer allows is not asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)

from patients.models import Aliquot, Patient, Sample, Visit
from patients.participation.visit_status import VERSION_OF_VISIT
from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from protocol.document.samples import SamplePlan

State = Visit.State
COLLECTED, NOT_COLLECTED, OVERDUE, PLANNED, IF_AVAILABLE, STOPPED = (
    "collected", "not_collected", "overdue", "planned", "if_available", "stopped",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExpectedSample:
    """A sample that the protocol asks for at a visit, and what became of it. `aliquots`: those in the ledger."""

    visit: Visit
    plan: SamplePlan
    required: bool
    sample: Sample | None
    aliquots: Sequence[Aliquot]
    status: str

    @property
    def may_be_collected(self) -> bool:
        """Return whether nothing is recorded yet, and the visit can still have it."""
        return self.status in (OVERDUE, PLANNED, IF_AVAILABLE)

    @property
    def received(self) -> int:
        """Return how many aliquots arrived at another place or were used up."""
        arrived = (Aliquot.State.RECEIVED, Aliquot.State.USED)
        return sum(each.state in arrived for each in self.aliquots)


def rules_of(patient: Patient, visit: Visit) -> Protocol:
    """Return the rules that a visit counts under. One query for a version that is not the patient's."""
    if visit.protocol_id in {None, patient.protocol_id} or visit.protocol is None:
        return patient.protocol.rules
    return visit.protocol.rules


def plans_at(patient: Patient, visit: Visit) -> tuple[SamplePlan, ...]:
    """Return the samples that may be taken at a visit: at an unscheduled one, each of the protocol."""
    rules = rules_of(patient, visit)
    return rules.samples if visit.code == UNSCHEDULED else rules.samples_at(visit.code)


def is_required(patient: Patient, visit: Visit, plan: str) -> bool:
    """Return whether the protocol requires a kind of sample at a visit."""
    return any(
        each.code == plan and each.when_at.get(visit.code) == "required" for each in plans_at(patient, visit)
    )


def expected_samples(patient: Patient, visits: Iterable[Visit] | None = None) -> list[ExpectedSample]:
    """Return the samples due at the visits of a patient (default: all visits), in their order. Three queries."""
    asked = list(patient.visits.select_related("protocol") if visits is None else visits)
    taken = Sample.objects.filter(patient=patient).in_force()
    of_place = {(sample.visit_id, sample.plan): sample for sample in taken}
    tubes: dict[int, list[Aliquot]] = {}
    for tube in Aliquot.objects.filter(patient=patient).in_force().order_by("code"):
        tubes.setdefault(tube.sample_id, []).append(tube)
    found = []
    for visit in asked:
        for plan in plans_at(patient, visit):
            sample = of_place.get((visit.pk, plan.code))
            if sample is None and visit.state in (State.MISSED, State.CANCELLED):
                continue
            required = plan.when_at.get(visit.code) == "required"
            status = _status(patient, visit, sample, required=required)
            own = tubes.get(sample.pk, []) if sample else []
            found.append(ExpectedSample(visit, plan, required, sample, own, status))
    return found


def _status(patient: Patient, visit: Visit, sample: Sample | None, *, required: bool) -> str:
    if sample is not None:
        return COLLECTED if sample.taken else NOT_COLLECTED
    day = visit.held_on or visit.planned_on
    ends = [each for each in (patient.samples_withdrawn_on, patient.data_withdrawn_on) if each is not None]
    if ends and (day is None or day > min(ends)):
        return STOPPED
    if not required:
        return IF_AVAILABLE
    return OVERDUE if visit.state == State.HELD else PLANNED


def with_overdue(visits: "QuerySet[Any]", rules: Mapping[int, Protocol]) -> "QuerySet[Any] | None":
    """Return held visits, annotated with `overdue`: the number of required samples that nobody recorded.

    rules: the protocol versions of the trial, by primary key. None if no version requires a sample.
    """
    asked: dict[str, Q] = {}
    for version, protocol in rules.items():
        for plan in protocol.samples:
            if plan.required_visits:
                at = Q(version=version, code__in=plan.required_visits)
                asked[plan.code] = asked.get(plan.code, Q(pk__in=())) | at
    if not asked:
        return None
    recorded = Sample.objects.filter(visit=OuterRef("pk")).in_force()
    missing: Any = Value(0)
    for plan_code, at in asked.items():
        absent = at & ~Exists(recorded.filter(plan=plan_code))
        missing = missing + Case(When(absent, then=Value(1)), default=Value(0), output_field=IntegerField())
    held = visits.filter(state=State.HELD)
    for name in ("samples_withdrawn_on", "data_withdrawn_on"):
        day = f"patient__{name}"
        held = held.filter(Q(**{f"{day}__isnull": True}) | Q(**{f"{day}__gte": F("held_on")}))
    return held.annotate(version=VERSION_OF_VISIT).annotate(overdue=missing)


def open_sample_work(
    visits: "QuerySet[Any]", aliquots: "QuerySet[Any]", rules: Mapping[int, Protocol]
) -> tuple[Subquery | Value, Subquery]:
    """Return two numbers as parts of a query on the trial, null for none.

    How many required samples of held visits nobody recorded, and how many tubes are to be destroyed.
    """
    held = with_overdue(visits, rules)
    tubes = aliquots.to_destroy().order_by().values("patient__trial")  # type: ignore[attr-defined]
    counted = Subquery(tubes.annotate(number=Count("pk")).values("number"))
    if held is None:
        return Value(0), counted
    summed = held.order_by().values("patient__trial").annotate(number=Sum("overdue")).values("number")
    return Subquery(summed), counted


def overdue_by_patient(visits: "QuerySet[Any]", rules: Mapping[int, Protocol]) -> dict[int, int]:
    """Return by patient the number of required samples of held visits that nobody recorded. One query."""
    held = with_overdue(visits, rules)
    if held is None:
        return {}
    summed = held.order_by().values_list("patient_id").annotate(number=Sum("overdue"))
    return {patient: number for patient, number in summed if number}


def to_destroy_by_patient(aliquots: "QuerySet[Any]") -> dict[int, int]:
    """Return by patient the number of tubes that still exist though consent for samples is withdrawn. One query."""
    rows = aliquots.to_destroy().order_by().values_list("patient_id")  # type: ignore[attr-defined]
    return dict(rows.annotate(number=Count("pk")))
