"""The course of each patient as the replayed files state it, read and typed, before anything is stored. No Django."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from demo.replay.tables import TableMistake, TableRow
from protocol.values.moments import Moment


class TableMistakes:
    """The mistakes of all files, each once."""

    def __init__(self) -> None:
        self._found: dict[TableMistake, None] = {}

    def __iter__(self) -> Iterator[TableMistake]:
        return iter(sorted(self._found))

    def __len__(self) -> int:
        return len(self._found)

    def add(self, *mistakes: TableMistake) -> None:
        """Keep mistakes."""
        self._found |= dict.fromkeys(mistakes)


@dataclass(frozen=True, slots=True)
class FormAnswers:
    """The answers of one form in one line. columns: by item, the column that stated it."""

    form: str
    row: TableRow
    values: Mapping[str, Any]
    columns: Mapping[str, str]


@dataclass(slots=True)
class ReplayedVisit:
    """One visit as the files state it. on: None if its day is not stated. column: of its day or first value."""

    code: str
    row: TableRow
    column: str
    on: date | None = None
    missed: str = ""
    forms: dict[str, FormAnswers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReplayedInfusion:
    """One infusion: given with its facts, or not given for a reason. Weight in kg, volume in mL."""

    number: int
    started: Moment | None = None
    ended: Moment | None = None
    volume_ml: Decimal | None = None
    weight_kg: Decimal | None = None
    weighed: Moment | None = None
    interrupted: str = ""
    interruption_reason: str = ""
    premedication: str = ""
    not_given: str = ""


@dataclass(frozen=True, slots=True)
class ReplayedEvent:
    """One adverse event: the answers of its form, and when it was reported to the sponsor."""

    row: TableRow
    answers: Mapping[str, Any]
    reported: Moment | None = None


@dataclass(slots=True)
class ReplayedPatient:
    """All that the files state of one patient. included: None for a patient who was only screened."""

    label: str
    row: TableRow
    screened: date
    consented: Moment | None
    consent_type: str
    consent_version: str
    failed_on: date | None = None
    failure_reason: str = ""
    included: date | None = None
    arm: str = ""
    ended: date | None = None
    end_reason: str = ""
    end_note: str = ""
    infusions: list[ReplayedInfusion] = field(default_factory=list)
    visits: dict[str, ReplayedVisit] = field(default_factory=dict)
    logs: list[FormAnswers] = field(default_factory=list)
    events: list[ReplayedEvent] = field(default_factory=list)
