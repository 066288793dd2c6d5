"""Count safety outcomes: patients and events, and apart from them those that an open answer leaves undetermined.

AR, SAE, SAR, SESAR and SUSAR as in ICH E2A and Regulation 536/2014. An event is counted only if every answer that
decides is given and its onset certainly lies in the window; one that may be counted is undetermined, never yes or no.
Every SAR is an SESAR, an SUSAR, or undetermined in both. No Django.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

AESI_DAYS, REACTION_DAYS = 28, 90


@dataclass(frozen=True, kw_only=True)
class OutcomeEvent:
    """An adverse event of one patient. A None is an answer that is open.

    days: the least and the most day of the onset after day 0. expected: by the reference safety information.
    """

    patient: str
    number: int
    term: str
    days: tuple[int, int]
    grade: int
    serious: bool
    special: bool | None
    related: bool | None
    expected: bool | None


Answer = bool | None


def both(*answers: Answer) -> Answer:
    """Return whether all are true: False if one is false, None if none is false and one is open."""
    if False in answers:
        return False
    return None if None in answers else True


def contrary(answer: Answer) -> Answer:
    """Return the contrary of an answer; an open one stays open."""
    return None if answer is None else not answer


@dataclass(frozen=True)
class SafetyOutcome:
    """An outcome: its code, its last day, and when an event is one."""

    code: str
    last_day: int
    holds: Callable[[OutcomeEvent], Answer]


SAFETY_OUTCOMES = (
    SafetyOutcome("AESI", AESI_DAYS, lambda event: event.special),
    SafetyOutcome("AR", REACTION_DAYS, lambda event: event.related),
    SafetyOutcome("AR3", REACTION_DAYS, lambda event: both(event.related, event.grade >= 3)),
    SafetyOutcome("AR4", REACTION_DAYS, lambda event: both(event.related, event.grade > 3)),
    SafetyOutcome("SAE", REACTION_DAYS, lambda event: event.serious),
    SafetyOutcome("SAR", REACTION_DAYS, lambda event: both(event.serious, event.related)),
    SafetyOutcome("SESAR", REACTION_DAYS, lambda event: both(event.serious, event.related, event.expected)),
    SafetyOutcome("SUSAR", REACTION_DAYS, lambda event: both(event.serious, event.related, contrary(event.expected))),
)  # fmt: skip


@dataclass(frozen=True)
class OutcomeCount:
    """The events that count and those that are undetermined, of one outcome.

    A patient with an event that counts is not undetermined, whatever the other events.
    """

    outcome: SafetyOutcome
    events: tuple[OutcomeEvent, ...]
    undetermined: tuple[OutcomeEvent, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Return the patients with at least one event that counts."""
        return tuple(sorted({event.patient for event in self.events}))

    @property
    def undetermined_patients(self) -> tuple[str, ...]:
        """Return the patients who may have one: no event counts, at least one is undetermined."""
        return tuple(sorted({event.patient for event in self.undetermined} - set(self.patients)))


def counted(events: Iterable[OutcomeEvent]) -> tuple[OutcomeCount, ...]:
    """Return the counts of every safety outcome."""
    known = list(events)
    return tuple(_count(outcome, known) for outcome in SAFETY_OUTCOMES)


def _count(outcome: SafetyOutcome, events: Sequence[OutcomeEvent]) -> OutcomeCount:
    judged = [
        (event, both(in_window(event.days, outcome.last_day), outcome.holds(event))) for event in events
    ]
    return OutcomeCount(
        outcome,
        tuple(event for event, answer in judged if answer),
        tuple(event for event, answer in judged if answer is None),
    )


def in_window(days: tuple[int, int], last_day: int) -> Answer:
    """Return whether an onset lies on day 0 to the last day: None if only a part of the possible days does."""
    least, most = days
    if most < 0 or least > last_day:
        return False
    return True if least >= 0 and most <= last_day else None
