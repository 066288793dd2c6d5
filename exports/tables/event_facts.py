"""Derived facts of adverse events, by infusion and by class, so that nobody has to derive them again (SAF-15).

Only the column `arm`, for who may know it, depends on the arm: a class follows from opinions and reference, a time from
the infusion of either arm.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_noop

from exports.selection import EVERYTHING, ChosenRows, Only
from exports.tables.cells import cell
from exports.tables.choosing import event_state, kept
from exports.tables.columns import PATIENT, StudyTable, TableColumn, col
from exports.tables.row_context import RowContext
from safety.listing.infusion_days import infusions_of
from safety.models import AdverseEvent
from safety.timing import since, treatment_emergent
from trials.models import Trial


def _flag(name: str, label: str) -> TableColumn:
    return TableColumn(name, name, label, kind="flag")


def _whole(name: str, label: str) -> TableColumn:
    return TableColumn(name, name, label, kind="integer")


def _decimal(name: str, label: str) -> TableColumn:
    return TableColumn(name, name, label, kind="decimal")


NUMBER = _whole("event", "Number of the adverse event")
STATES = {"is_verified": Only.VERIFIED, "is_signed": Only.SIGNED, "is_locked": Only.LOCKED}
_FACTS: dict[str, tuple[TableColumn, ...]] = {
    "event_classes": (
        PATIENT,
        NUMBER,
        col("class", "Most specific class that is certain: AE, AR, SAE, SAR, SESAR, SUSAR"),
        _flag("sae", "Serious (Y/N)"),
        _flag("ar", "Related by either opinion (Y/N); empty while undecided"),
        _flag("sar", "Serious and related (Y/N); empty while undecided"),
        _flag("sesar", "Serious, related and expected (Y/N); empty while undecided"),
        _flag("susar", "Serious, related and unexpected (Y/N); empty while undecided"),
        _flag(
            "treatment_emergent",
            "Began at or after the first infusion (Y/N); empty if the dates do not decide",
        ),
        TableColumn("patient_group", "", "Group of the patient"),
        _flag("is_verified", "Verified against the source as a whole (Y/N)"),
        _flag("is_signed", "Signed by an investigator, and not changed since (Y/N)"),
        _flag("is_locked", "Locked (Y/N)"),
    ),
    "event_timing": (
        PATIENT,
        NUMBER,
        _whole("infusion", "Infusion number"),
        _whole("days_least", "Fewest calendar days from the infusion to the onset, negative before it"),
        _whole("days_most", "Most calendar days: the same, unless a date is partial"),
        _decimal("hours_least", "Fewest hours from the start of the infusion to the onset, to two decimals"),
        _decimal("hours_most", "Most hours: the same, if both are known to the minute"),
        _flag("after", "At or after the start of the infusion (Y/N); empty if the dates do not decide"),
    ),
}
FACT_TITLES = {
    "event_classes": gettext_noop("Classes, study days and review of the adverse events"),
    "event_timing": gettext_noop("Time from each infusion to the adverse events"),
}
CHUNK = 500
HUNDREDTH = Decimal("0.01")


def fact_columns(context: RowContext) -> dict[str, tuple[TableColumn, ...]]:
    """Return the columns of each table; readers who may know the arm get it after the study days of an event."""
    return {**_FACTS, "event_classes": (*_FACTS["event_classes"], *context.own_columns)}


def fact_tables(
    trial: Trial, selection: ChosenRows = EVERYTHING, *, sees_treatment: bool = False
) -> Iterator[StudyTable]:
    """Yield the tables. The number of queries depends on neither events nor patients: versions of the protocol and
    `RowContext` once, and for each table patients, infusions, and events."""
    versions = list(trial.versions.order_by("effective_from", "pk"))
    context = RowContext(trial, versions, sees_treatment=sees_treatment, selection=selection)
    columns = fact_columns(context)
    for name, rows_of in (("event_classes", partial(_classes, context)), ("event_timing", _timing)):
        reader = _reader(trial, selection, rows_of, of_infusions=rows_of is _timing)
        yield StudyTable(name, FACT_TITLES[name], columns[name], reader)


def _reader(
    trial: Trial,
    selection: ChosenRows,
    rows_of: Callable[[AdverseEvent, str], Iterator[list[Any]]],
    *,
    of_infusions: bool,
) -> Callable[[], Iterator[list[Any]]]:
    """Return the reader of a table. of_infusions: it has rows only of patients who had one."""
    zone = str(trial.zone)

    def rows() -> Iterator[list[Any]]:
        patients = {patient.pk: patient for patient in trial.patients.all()}
        for patient in patients.values():
            patient.trial = trial
        given = infusions_of(patients.values())
        found: QuerySet[Any] = AdverseEvent.objects.filter(trial=trial).order_by("patient__number", "number")
        found = kept("adverse_events", found, selection)
        if of_infusions:
            found = found.filter(patient__in=[key for key, infusions in given.items() if infusions])
        for name, step in STATES.items():
            found = found.annotate(**{name: event_state(step)})
        for event in found.iterator(chunk_size=CHUNK):
            event.patient = patients[event.patient_id]
            event.infusions_given = given[event.patient_id]
            for row in rows_of(event, zone):
                yield [cell(value) for value in (event.patient.code, event.number, *row)]

    return rows


def _classes(context: RowContext, event: AdverseEvent, zone: str) -> Iterator[list[Any]]:
    found = event.classes
    emergent = treatment_emergent(
        [each.at for each in event.infusions_given], event.onset_moment.placed(zone)
    )
    classes = [str(found.most_specific), found.sae, found.ar, found.sar, found.sesar, found.susar, emergent]
    states = [bool(getattr(event, name)) for name in STATES]
    days = context.cells(event.patient_id, _onset_day(event))
    yield [*classes, event.patient.group, *states, *days]


def _onset_day(event: AdverseEvent) -> date | None:
    """Return the day of the onset at the site; None if it is known to the month or the year."""
    onset = event.onset_moment
    if onset.month is None or onset.day is None:
        return None
    return date(onset.year, onset.month, onset.day)


def _timing(event: AdverseEvent, zone: str) -> Iterator[list[Any]]:
    for each in event.infusions_given:
        time = since(each.at, event.onset_moment, zone)
        hours = [(Decimal(minutes) / 60).quantize(HUNDREDTH) for minutes in time.minutes]
        yield [each.number, *time.days, *hours, time.after]
