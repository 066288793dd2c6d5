"""The rows of a table that a selection keeps."""

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from audit.models import Signature
from dosing.models import MaskedResult
from exports.selection import ChosenRows, Only
from exports.tables.columns import TableColumn
from patients.models import Mark, Patient, Query, QueryMessage, Record, Sample, Visit
from patients.participation.visit_status import VALID_SIGNATURE
from safety.models import AdverseEvent

# A value that the selection leaves out could still be read in these.
TELL_VALUES: Final = (Query, QueryMessage, MaskedResult)
TELLING_COLUMNS: Final = frozenset({("criteria", "inputs")})
TO_PATIENT: Final = ("patient", "infusion__patient", "query__patient")
TO_SAMPLE: Final = ("sample", "aliquot__sample")
# The column that says on which day a row happened: a day, or the local time as it was entered.
DAYS: Final = {
    "adverse_events": "onset", "consents": "given", "contacts": "tried_on", "deviations": "occurred_on",
    "infusions": "started", "product_deviations": "occurred_on", "sample_events": "moment", "samples": "collected",
    "visits": "held_on",
}  # fmt: skip
LOCKS: Final = ("locked_at", "visit__locked_at", "patient__locked_at", "patient__trial__locked_at")
IS_LOCKED: Final[Q] = reduce(or_, (Q(**{f"{path}__isnull": False}) for path in LOCKS))
STATES: Final[dict[str, Any]] = {
    Only.SIGNED: Exists(VALID_SIGNATURE),
    Only.VERIFIED: Q(verified_at__isnull=False),
    Only.LOCKED: IS_LOCKED,
}


def has(model: type[Model], path: str) -> bool:
    """Return whether a model has the foreign keys of a path such as `infusion__patient`."""
    name, _dash, rest = path.partition("__")
    found: Any = next((each for each in model._meta.concrete_fields if each.name == name), None)
    if found is None or not rest:
        return found is not None
    return found.related_model is not None and has(found.related_model, rest)


def path_to_patient(model: type[Model]) -> str:
    """Return the path from a row to its patient; empty if its table has none, or is that of the patients."""
    return next((path for path in TO_PATIENT if has(model, path)), "")


def told_columns(
    name: str, columns: tuple[TableColumn, ...], selection: ChosenRows
) -> tuple[TableColumn, ...]:
    """Return the columns of a table of the study, without those that would tell values that were not chosen."""
    if not selection.narrows_values:
        return columns
    return tuple(column for column in columns if (name, column.name) not in TELLING_COLUMNS)


def of_patients(rows: QuerySet[Any], selection: ChosenRows) -> QuerySet[Any]:
    """Keep the rows of the selected patients, and all of a table whose rows belong to none."""
    if not selection.patients:
        return rows
    if rows.model is Patient:
        return rows.filter(code__in=selection.patients)
    if rows.model is Signature:
        chosen = Patient.objects.filter(code__in=selection.patients).order_by()
        return rows.filter(patient_id__in=chosen.values("pk"))
    path = path_to_patient(rows.model)
    return rows.filter(**{f"{path}__code__in": selection.patients}) if path else rows


def kept(name: str, rows: QuerySet[Any], selection: ChosenRows) -> QuerySet[Any]:
    """Return the rows of a table of the study that the selection keeps."""
    rows = of_patients(rows, selection)
    model = rows.model
    if selection.visits and model in (Visit, Sample):
        rows = rows.filter(**{"code__in" if model is Visit else "visit__code__in": selection.visits})
    if to_sample := next((path for path in TO_SAMPLE if has(model, path)), ""):
        rows = rows.filter(**{f"{to_sample}__in": kept("samples", Sample.objects.all(), selection)})
    if selection.until and name in DAYS:
        rows = rows.filter(_until(name, selection))
    if selection.until and has(model, "infusion__started"):
        rows = rows.filter(Q(infusion=None) | _not_after(selection, "infusion__started"))
    if model is AdverseEvent:
        return rows.filter(of_event(selection, ""))
    return rows.filter(of_event(selection, "event__")) if has(model, "event") else rows


def records(rows: QuerySet[Record], selection: ChosenRows) -> QuerySet[Record]:
    """Return the captured forms that the selection keeps. One that belongs to no day is kept whatever the last day."""
    rows = of_patients(rows, selection)
    if selection.only:
        rows = rows.filter(STATES[selection.only])
    if not selection.drafts:
        rows = rows.exclude(state=Record.State.DRAFT)
    if selection.visits:
        rows = rows.filter(visit__code__in=selection.visits)
    if selection.until:
        rows = rows.filter(Q(visit__held_on=None) | Q(visit__held_on__lte=selection.until))
    return rows


def event_state(step: str, path: str = "") -> Any:
    """Return the condition that an adverse event at a path came this far in its review (`Only`)."""
    key = OuterRef(f"{path}pk")
    if step == Only.SIGNED:
        return Exists(
            Signature.objects.filter(
                target_type=AdverseEvent._meta.label_lower, target_id=key, invalidated_at=None
            )
        )
    if step == Only.VERIFIED:
        return Exists(
            Mark.objects.filter(
                target=Query.Target.ADVERSE_EVENT,
                target_id=key,
                kind=Mark.Kind.VERIFICATION,
                item="",
                undone_at=None,
            )
        )
    patient = f"{path}patient__"
    return Q(**{f"{patient}locked_at__isnull": False}) | Q(**{f"{patient}trial__locked_at__isnull": False})


def of_event(selection: ChosenRows, path: str) -> Q:
    """Return the condition on an adverse event at a path: signed, verified or locked like a form, and not later."""
    found = Q(event_state(selection.only, path)) if selection.only else Q()
    return found & _not_after(selection, f"{path}onset") if selection.until else found


def _until(name: str, selection: ChosenRows) -> Q:
    column = DAYS[name]
    if column in ("held_on", "tried_on"):
        return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__lte": selection.until})
    return _not_after(selection, column)


def _not_after(selection: ChosenRows, path: str) -> Q:
    """Return the condition that a local time, stored as text, is not after the last day; an empty one is not."""
    if selection.until is None:
        return Q()
    # An incomplete date such as 2026-03 is compared as text: it stands before each of its days, so it is kept.
    return Q(**{f"{path}__lt": (selection.until + timedelta(days=1)).isoformat()})
