"""Tables of the study in an export, and their columns."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from dosing.models import AllocationSlot, Infusion, MaskedResult, Preparation, ProductDeviation, Unblinding
from exports.selection import EVERYTHING, ChosenRows
from exports.tables import bedside, holds, product, review
from exports.tables.choosing import TELL_VALUES, kept, told_columns
from exports.tables.columns import StudyTable, TableColumn, reader_of, with_kinds
from exports.tables.event_facts import fact_tables
from exports.tables.events import event_rows, with_scale
from exports.tables.queries import queries_with_rows
from exports.tables.study_columns import COLUMNS, TITLES
from patients.models import (
    Aliquot,
    Consent,
    ContactAttempt,
    Deviation,
    EligibilityDecision,
    Patient,
    PrescreeningRow,
    QueryMessage,
    Sample,
    SampleMovement,
    Shipment,
    StorageExcursion,
    Visit,
)
from trials.models import Trial


def querysets(
    trial: Trial, *, sees_treatment: bool, selection: ChosenRows = EVERYTHING
) -> dict[str, QuerySet[Any]]:
    """Return the rows of each table of the study. Tables that reveal the arm are only for users who may know it.

    A table that would tell values which the selection leaves out is not among them.
    """
    rows = _all_rows(trial, sees_treatment=sees_treatment)
    if selection.narrows_values:
        rows = {name: each for name, each in rows.items() if each.model not in TELL_VALUES}
    return {name: kept(name, each, selection) for name, each in rows.items()}


def _all_rows(trial: Trial, *, sees_treatment: bool) -> dict[str, QuerySet[Any]]:
    rows: dict[str, QuerySet[Any]] = {
        "patients": Patient.objects.filter(trial=trial).order_by("number"),
        "consents": Consent.objects.filter(patient__trial=trial).order_by(
            "patient__number", "given_at", "pk"
        ),
        "eligibility": EligibilityDecision.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "visits": Visit.objects.filter(patient__trial=trial).order_by(
            "patient__number", "position", "number"
        ),
        "infusions": Infusion.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        **event_rows(trial),
        "deviations": Deviation.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "contacts": ContactAttempt.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "samples": Sample.objects.filter(patient__trial=trial).order_by("patient__number", "number"),
        "aliquots": Aliquot.objects.filter(patient__trial=trial).order_by("patient__number", "code"),
        "sample_events": SampleMovement.objects.filter(patient__trial=trial).order_by(
            "patient__number", "pk"
        ),
        "shipments": Shipment.objects.filter(trial=trial).order_by("number"),
        "storage_excursions": StorageExcursion.objects.filter(trial=trial).order_by("number"),
        "prescreening": PrescreeningRow.objects.filter(trial=trial).order_by("number"),
        "unblindings": Unblinding.objects.filter(patient__trial=trial).order_by("patient__number", "pk"),
        "queries": queries_with_rows(trial).order_by("patient__number", "pk"),
        "query_messages": QueryMessage.objects.filter(query__patient__trial=trial).order_by(
            "query__patient__number", "query_id", "pk"
        ),
        **review.querysets(trial, sees_treatment=sees_treatment),
        **bedside.querysets(trial),
        **holds.querysets(trial),
    }
    if sees_treatment:
        rows["preparations"] = Preparation.objects.filter(patient__trial=trial).order_by(
            "patient__number", "infusion__number"
        )
        rows["masked_results"] = MaskedResult.objects.filter(patient__trial=trial).order_by(
            "patient__number", "visit__position", "visit__number", "form", "item"
        )
        rows["product_deviations"] = ProductDeviation.objects.filter(patient__trial=trial).order_by(
            "patient__number", "number"
        )
        if trial.rules.allocation is not None:
            allocated = AllocationSlot.objects.filter(trial=trial, patient__isnull=False)
            rows["allocation"] = allocated.order_by("stratum", "position")
        rows |= product.querysets(trial)
    return rows


def study_tables(
    trial: Trial, *, sees_treatment: bool, selection: ChosenRows = EVERYTHING
) -> Iterator[StudyTable]:
    """Yield the tables that every trial has."""
    for name, queryset in querysets(trial, sees_treatment=sees_treatment, selection=selection).items():
        columns = with_kinds(queryset, told_columns(name, COLUMNS[name], selection))
        if name == "adverse_events":
            columns = with_scale(trial, columns)
        yield StudyTable(name, TITLES[name], columns, reader_of(queryset, columns), _escaped(columns))
    yield from fact_tables(trial, selection, sees_treatment=sees_treatment)


def _escaped(columns: tuple[TableColumn, ...]) -> tuple[str, ...]:
    return tuple(column.name for column in columns if column.free_text)
