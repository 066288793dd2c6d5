"""Derived facts of adverse events, by infusion and by class, so that nobody has to derive them again (SAF-15).

Only the column `arm`, for who may know it, depends on the arm: a class follows from opinions and reference, a time from
the infusion of either arm.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, NamedTuple

from django.db.models import Case, QuerySet, Value, When
from django.utils.translation import gettext_noop

from exports.selection import EVERYTHING, ChosenRows, Only
from exports.tables.cell_sql import YesNo
from exports.tables.cells import cell
from exports.tables.choosing import event_state, kept
from exports.tables.columns import PATIENT, StudyTable, TableColumn, col
from exports.tables.row_context import RowContext
from patients.models import Patient
from patients.participation.milestones import Milestone
from protocol.values.moments import Moment
from safety.classification import NONE_OF_THESE, SeriousnessCriterion
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
# The columns that `AdverseEvent.classes` depends on.
CRITERIA = (*map(str, SeriousnessCriterion), NONE_OF_THESE)
OPINIONS = ("causality", "sponsor_causality", "expectedness", "grade")


def fact_columns(context: RowContext) -> dict[str, tuple[TableColumn, ...]]:
    """Return the columns of each table; readers who may know the arm get it after the study days of an event."""
    return {**_FACTS, "event_classes": (*_FACTS["event_classes"], *context.own_columns)}


class _ReadEvent(NamedTuple):
    """What the tables read of an event. infusions: those given to its patient. states: verified, signed, locked.

    answers: the columns of criteria, Y or N, and of opinions.
    """

    patient: Patient
    infusions: list[Milestone]
    onset: str
    zone: str
    states: Sequence[str]
    answers: tuple[Any, ...]


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
    rows_of: Callable[[_ReadEvent], Iterator[list[Any]]],
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
        states = [_yes_no(event_state(step)) for step in STATES.values()]
        # Not as instances: an event has five times as many columns.
        read = found.values_list("patient_id", "number", "onset", *states, *map(YesNo, CRITERIA), *OPINIONS)
        for key, number, onset, verified, signed, locked, *answers in read.iterator(chunk_size=CHUNK):
            patient, reached = patients[key], (verified, signed, locked)
            event = _ReadEvent(patient, given[key], onset, zone, reached, tuple(answers))
            for row in rows_of(event):
                yield [patient.code, number, *row]

    return rows


def _yes_no(condition: Any) -> Case:
    return Case(When(condition, then=Value("Y")), default=Value("N"))


def _classes(context: RowContext, event: _ReadEvent) -> Iterator[list[Any]]:
    given = [each.at for each in event.infusions]
    # Of a patient without infusion no event began after one, whenever it began.
    emergent = treatment_emergent(given, Moment.from_iso(event.onset).placed(event.zone)) if given else False
    days = context.cells(event.patient.pk, _onset_day(event.onset))
    yield [*_class_cells(event.answers), cell(emergent), event.patient.group, *event.states, *days]


# Many events have the same answers.
@lru_cache(maxsize=1024)
def _class_cells(answers: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the cells of the classes. answers: the columns of criteria, Y or N, and of opinions."""
    criteria = {name: answer == "Y" for name, answer in zip(CRITERIA, answers, strict=False)}
    opinions = dict(zip(OPINIONS, answers[len(CRITERIA) :], strict=True))
    found = AdverseEvent(**criteria, **opinions).classes
    return str(found.most_specific), *map(cell, (found.sae, found.ar, found.sar, found.sesar, found.susar))


def _onset_day(onset: str) -> date | None:
    """Return the day of the onset at the site; None if it is known to the month or the year."""
    return date.fromisoformat(onset[:10]) if len(onset) >= len("2026-03-01") else None


def _timing(event: _ReadEvent) -> Iterator[list[Any]]:
    for each in event.infusions:
        time = since(each.at, Moment.from_iso(event.onset), event.zone)
        hours = [(Decimal(minutes) / 60).quantize(HUNDREDTH) for minutes in time.minutes]
        yield [cell(value) for value in (each.number, *time.days, *hours, time.after)]
