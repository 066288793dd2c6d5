"""Everything read of one subject. Some twenty queries for fifty subjects, so memory does not grow with the study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any

from django.db.models import Model, QuerySet

from dosing.models import (
    AllocationSlot,
    BedsideObservation,
    Infusion,
    InfusionEventCheck,
    MaskedResult,
    Preparation,
    ProductDeviation,
    StopDecision,
    WorksheetStep,
)
from exports.sdtm.study import Study
from exports.sdtm.timeline import Timeline
from patients.models import (
    Aliquot,
    Consent,
    Deviation,
    EligibilityDecision,
    Patient,
    Record,
    Sample,
    SampleMovement,
    Visit,
)
from protocol.values.moment_parts import moment_parts
from safety.models import AdverseEvent, EventGrade, EventLink

AT_ONCE = 50
PREPARED = (
    "infusion_id", "donor_code", "lot", "bag", "viable_cells", "viability_percent", "cells_per_kg", "dose_measure",
)  # fmt: skip
RESULTS = ("visit_id", "form", "item", "value", "missing")


@dataclass
class Subject:
    """One subject with its rows in their order. Rows that tell the arm are empty in a package that hides it."""

    study: Study
    patient: Patient
    consents: Sequence[Consent] = ()
    decisions: Sequence[EligibilityDecision] = ()
    visits: Sequence[Visit] = ()
    records: Sequence[Record] = ()
    infusions: Sequence[Infusion] = ()
    observed: Sequence[BedsideObservation] = ()
    checklists: Sequence[InfusionEventCheck] = ()
    events: Sequence[AdverseEvent] = ()
    grades: Sequence[EventGrade] = ()
    links: Sequence[EventLink] = ()
    deviations: Sequence[Deviation] = ()
    samples: Sequence[Sample] = ()
    # By sample, and by tube.
    tubes: dict[int, list[Aliquot]] = field(default_factory=dict)
    movements: dict[int, list[SampleMovement]] = field(default_factory=dict)
    arm: str = ""
    # By infusion: the product, the volume prepared in mL, and why a physician decided to stop.
    preparations: dict[int, dict[str, Any]] = field(default_factory=dict)
    prepared_ml: dict[int, Decimal] = field(default_factory=dict)
    stops: dict[int, list[str]] = field(default_factory=dict)
    masked: dict[tuple[int, str], dict[str, Any]] = field(default_factory=dict)
    product_deviations: Sequence[dict[str, Any]] = ()
    # Values of DM that forms hold: set while the forms are read, before DM is made.
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the USUBJID."""
        return self.study.subject_id(self.patient.code)

    @cached_property
    def given(self) -> list[Infusion]:
        """Return the infusions given, in their order."""
        return [each for each in self.infusions if each.state == Infusion.State.GIVEN]

    @cached_property
    def timeline(self) -> Timeline:
        """Return the moments from which days and epochs are counted."""
        patient = self.patient
        ended = patient.ended_on or patient.failed_on
        held = [visit.held_on for visit in self.visits if visit.held_on]
        starts = [moment_parts(each.started).local for each in self.given]
        waiting = any(each.state == Infusion.State.PLANNED for each in self.infusions) and not ended
        return Timeline(
            consented=self.consented or patient.screened_on.isoformat(),
            first_dose=starts[0] if starts else "",
            last_dose_end=moment_parts(self.given[-1].ended).local if starts else "",
            treated=bool(starts) and not waiting,
            ended=ended.isoformat() if ended else "",
            last_known=(ended or max(held, default=patient.screened_on)).isoformat(),
        )

    @property
    def consented(self) -> str:
        """Return the moment of the first consent, local; empty if there is none."""
        return moment_parts(self.consents[0].given).local if self.consents else ""

    @cached_property
    def visit_columns(self) -> dict[int, dict[str, Any]]:
        """Return VISITNUM, VISIT and VISITDY by key of the visit. An unscheduled one follows the visit before it."""
        numbers, found, last, extra = self.study.visit_numbers, {}, 0, 0
        for visit in sorted(
            self.visits, key=lambda each: (each.held_on is None, each.held_on, each.position)
        ):
            if visit.code in numbers:
                last, extra = max(last, numbers[visit.code]) if visit.held_on else last, 0
                found[visit.pk] = {
                    "VISITNUM": numbers[visit.code],
                    "VISIT": self.study.title_of(visit),
                    "VISITDY": self.study.visit_days[visit.code],
                }
                continue
            extra += 1
            number = round(last + extra / 100, 2)
            found[visit.pk] = {"VISITNUM": number, "VISIT": f"UNSCHEDULED {number:.2f}", "VISITDY": None}
        return found

    def visit_of(self, key: int | None) -> dict[str, Any]:
        """Return the columns of a visit; none for None."""
        return self.visit_columns.get(key or 0, {})


def subjects(study: Study) -> Iterator[Subject]:
    """Yield every subject in the order of their numbers."""
    patients = Patient.objects.filter(trial=study.trial).order_by("number").iterator(chunk_size=AT_ONCE)
    while chunk := list(islice(patients, AT_ONCE)):
        yield from _chunk(study, chunk)


def _chunk(study: Study, patients: Sequence[Patient]) -> Iterator[Subject]:
    keys = [patient.pk for patient in patients]
    of_patient, of_infusion = {"patient__in": keys}, {"infusion__patient__in": keys}
    decisions = EligibilityDecision.objects.filter(**of_patient)
    rows: dict[str, dict[int, list[Any]]] = {
        "consents": _by(Consent.objects.filter(**of_patient).not_in_error().order_by("given_at", "pk")),
        "decisions": _by(decisions.order_by("pk")),
        "visits": _by(Visit.objects.filter(**of_patient).order_by("position", "number")),
        "records": _by(
            Record.objects.filter(**of_patient)
            .exclude(state=Record.State.STRUCK_OUT)
            .order_by("visit__position", "visit__number", "form", "repeat", "pk")
        ),
        "infusions": _by(Infusion.objects.filter(**of_patient).order_by("number")),
        "observed": _by(_standing(BedsideObservation.objects.filter(**of_infusion)), "infusion.patient_id"),
        "checklists": _by(_standing(InfusionEventCheck.objects.filter(**of_infusion)), "infusion.patient_id"),
        "events": _by(
            AdverseEvent.objects.filter(**of_patient)
            .not_in_error()
            .select_related("coding__dictionary")
            .order_by("number")
        ),
        "grades": _by(
            EventGrade.objects.filter(**of_patient, in_error_reason="").order_by("event", "number")
        ),
        "links": _by(EventLink.objects.filter(**of_patient, in_error_reason="").order_by("pk")),
        "deviations": _by(Deviation.objects.filter(**of_patient).in_force().order_by("number")),
        "samples": _by(Sample.objects.filter(**of_patient).in_force().order_by("number")),
    }
    tubes = _by(Aliquot.objects.filter(**of_patient).order_by("number"), "sample_id")
    moved = SampleMovement.objects.filter(**of_patient).in_force()
    movements = _by(moved.select_related("shipment").order_by("at", "pk"), "aliquot_id")
    hidden = {} if study.hides_arms else _unmasked(study, keys)
    for patient in patients:
        patient.trial = study.trial
        found: dict[str, Any] = {name: each.get(patient.pk, []) for name, each in rows.items()}
        known = {name: each[patient.pk] for name, each in hidden.items() if patient.pk in each}
        own = {row.pk: tubes[row.pk] for row in found["samples"] if row.pk in tubes}
        steps = {each.pk: movements.get(each.pk, []) for of_sample in own.values() for each in of_sample}
        yield Subject(study, patient, **found, tubes=own, movements=steps, **known)


def _standing(rows: QuerySet[Any]) -> QuerySet[Any]:
    return (
        rows.filter(struck_out_reason=None)
        .select_related("infusion")
        .order_by("infusion__number", "at", "pk")
    )


def _by(rows: QuerySet[Any], path: str = "patient_id") -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(_key(row, path), []).append(row)
    return found


def _key(row: Model, path: str) -> int:
    value: Any = row
    for name in path.split("."):
        value = getattr(value, name)
    return int(value)


def _unmasked(study: Study, keys: Sequence[int]) -> dict[str, dict[int, Any]]:
    """Return what depends on the arm, by patient. Columns, not rows: an export is registered as a whole."""
    of_patient = {"patient__in": keys}
    slots = AllocationSlot.objects.filter(trial=study.trial, **of_patient).values_list("patient_id", "arm")
    prepared: dict[int, Any] = {}
    for row in Preparation.objects.filter(**of_patient).values("patient_id", *PREPARED):
        prepared.setdefault(row["patient_id"], {})[row["infusion_id"]] = row
    volumes: dict[int, Any] = {}
    drawn = WorksheetStep.objects.filter(**of_patient, kind=WorksheetStep.Kind.DRAWN, struck_out_reason=None)
    for row in drawn.values("patient_id", "infusion_id", "values"):
        if volume := row["values"].get("final_ml"):
            volumes.setdefault(row["patient_id"], {})[row["infusion_id"]] = Decimal(volume)
    stops: dict[int, Any] = {}
    decided = StopDecision.objects.in_force().filter(
        infusion__patient__in=keys, choice=StopDecision.Choice.STOP
    )
    for patient, infusion, reason in decided.order_by("at", "pk").values_list(
        "infusion__patient_id", "infusion_id", "reason"
    ):
        stops.setdefault(patient, {}).setdefault(infusion, []).append(reason)
    masked: dict[int, Any] = {}
    for row in MaskedResult.objects.filter(**of_patient).order_by("pk").values("patient_id", *RESULTS):
        of_form = masked.setdefault(row["patient_id"], {}).setdefault((row["visit_id"], row["form"]), {})
        of_form[row["item"]] = _as_stored(row["value"], row["missing"])
    deviations: dict[int, Any] = {}
    standing = ProductDeviation.objects.filter(**of_patient).in_force().order_by("number")
    for row in standing.values(
        "patient_id", "number", "category", "classification", "occurred_on", "description", "action_taken"
    ):
        deviations.setdefault(row["patient_id"], []).append(row)
    return {
        "arm": dict(slots),
        "preparations": prepared,
        "prepared_ml": volumes,
        "stops": stops,
        "masked": masked,
        "product_deviations": deviations,
    }


def _as_stored(value: str, missing: str) -> Any:
    """Return a masked result as a record would hold it: a result beyond a limit stands as `<0.6` there."""
    if missing:
        return {"missing": missing}
    if value[:1] in ("<", ">", "≤", "≥"):
        return {"comparator": value[:1], "limit": value[1:]}
    return value or None
