"""Computes the outcomes of a trial for a reader, and keeps the lines in the cache until the trail goes on.

The cache holds two entries for each trial and role: the outcomes of now, and those of the past moment asked for last.
The state of the trail and the day are part of the value, so that an outdated entry is replaced and never shown.
"""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection, models

from audit.past_data import reads_past_data
from dosing.models import AllocationSlot, Infusion
from outcomes.answers import OutcomeEvaluation, PatientResult
from outcomes.lines import OutcomeLine, lines_of
from outcomes.loading import study_data
from patients.models import Patient, Record, Visit
from protocol.expressions.outcomes import CompiledReading, OutcomeRules, outcomes_of
from safety.models import AdverseEvent
from trials.access import Access
from trials.permissions import Permission as P

LOGGER = logging.getLogger(__name__)
KEPT_SECONDS = 3600
LATEST = 1000
"""A transaction may commit after one that began later: its rows are found among so many of the latest."""
READ: tuple[type[models.Model], ...] = (Patient, Visit, Record, Infusion, AdverseEvent)


@dataclass(frozen=True, slots=True)
class OutcomeReport:
    """The lines of every outcome of a trial, and the number of included patients."""

    lines: tuple[OutcomeLine, ...]
    patients: int

    def of(self, outcome: str, reading: str) -> list[OutcomeLine]:
        """Return the lines of one reading."""
        return [line for line in self.lines if (line.outcome, line.reading) == (outcome, reading)]


def shows_arms(access: Access) -> bool:
    """Return True if a reader may know the outcomes by arm.

    In a masked trial the right to know the treatment is not enough before the planned unblinding: the laboratory knows
    what it prepares, and must not learn how the arms do.
    """
    trial = access.trial
    if trial.rules.allocation is None or not access.sees_treatment:
        return False
    opened = access.role.code in (trial.opened_to or ())
    return not trial.masked or opened or access.may(P.SEE_CLOSED_REPORT)


Data = Callable[[], AbstractContextManager[Access]]


def report_of(access: Access, moment: datetime | None = None, data: Data | None = None) -> OutcomeReport:
    """Return the outcomes as of now. From the cache in three queries, else at most fourteen, whatever their number.

    moment: return them as they were then; inside of `data` every query reads the data of that moment.
    """
    arms = shows_arms(access)
    if reads_past_data():
        # An entry is of the data as they are, or of a moment that the caller names before it lays out its data.
        return computed(access, arms=arms)
    # With the version: an older one may have stored lines of another shape.
    key = f"outcomes:{settings.VERSION}:{access.trial.pk}:{access.role.code}:{'arms' if arms else 'pooled'}"
    past = "" if moment is None else moment.astimezone(UTC).isoformat()
    if past:
        # One entry for all moments: a reader who asks for hundreds must not push others out of the cache.
        key += ":past"
    # Before the data: what is stored meanwhile makes the entry outdated at once, never too old.
    state = (_state_of_trail(arms=arms), access.trial.protocol_id, access.trial.today, past)
    known = cache.get(key)
    if known is not None and known[0] == state:
        report: OutcomeReport = known[1]
        return report
    # The entry is written after the data of a past moment, whose transaction is rolled back.
    with data() if data is not None else nullcontext(access) as reader:
        report = computed(reader, arms=arms)
    try:
        cache.set(key, (state, report), KEPT_SECONDS)
    except OperationalError:
        # Reading goes on while the database takes no writes.
        LOGGER.warning("The outcomes of trial %s were not kept in the cache", access.trial.pk)
    return report


def computed(access: Access, *, arms: bool) -> OutcomeReport:
    """Return the outcomes computed from the stored data. Six queries at most."""
    rules = outcomes_of(access.trial.rules)
    patients = study_data(access.trial, rules, arms=arms)
    evaluation = OutcomeEvaluation(rules)
    lines = [
        line
        for compiled in rules.readings
        for line in lines_of(compiled, evaluation.results(compiled, patients), rules.protocol, arms=arms)
    ]
    return OutcomeReport(tuple(lines), len(patients))


def compiled_reading(rules: OutcomeRules, outcome: str, reading: str) -> CompiledReading | None:
    """Return a reading by the id of its outcome and its code, None if the protocol has none such."""
    return next((each for each in rules.readings if each.key == (outcome, reading)), None)


def results_of(access: Access, compiled: CompiledReading) -> list[PatientResult]:
    """Return the patients behind the lines of one reading. Six queries at most."""
    rules = outcomes_of(access.trial.rules)
    patients = study_data(access.trial, rules, arms=shows_arms(access))
    return OutcomeEvaluation(rules).results(compiled, patients)


def _state_of_trail(*, arms: bool) -> tuple[int, ...]:
    """Return the highest key and the number of the latest rows of each history that the outcomes read. One query.

    The allocation is read only for who may know it: for nobody else the entry follows the laboratory.
    """
    tables = [model.history.model._meta.db_table for model in (*READ, *((AllocationSlot,) if arms else ()))]
    parts = []
    for table in tables:
        highest = f'SELECT COALESCE(MAX(history_id), 0) FROM "{table}"'  # noqa: S608  names of our own tables
        parts += [
            f"({highest})",
            f'(SELECT COUNT(*) FROM "{table}" WHERE history_id > ({highest}) - {LATEST})',  # noqa: S608
        ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}")
        return tuple(cursor.fetchone())
