"""Contradictions of an adverse event: with itself, the death, the consent, another event. Pure functions of values.

Nothing here is refused: an event is stored once its reporter has confirmed it, and stays listed as contradictory.
A partial date contradicts only if none of its possible days is possible (DAT-08).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, auto

from protocol.values.moments import Moment, before
from safety.classification import FATAL, EventAssessment, EventFinding, death_differs, findings, is_fatal

OF_ANSWERS = {
    EventFinding.DEATH_DISAGREES,
    EventFinding.GRADE_4_WITHOUT_CRITERION,
    EventFinding.OUTCOME_DISAGREES_WITH_ONGOING,
}


class Contradiction(StrEnum):
    """A contradiction of an event besides its own answers."""

    BEGINS_AFTER_DEATH = auto()
    ENDS_AFTER_DEATH = auto()
    ONGOING_AT_DEATH = auto()
    FATAL_ON_ANOTHER_DAY = auto()
    FATAL_BUT_ALIVE = auto()
    BEFORE_CONSENT = auto()
    NO_CONSENT = auto()
    ENTERED_TWICE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDates:
    """The answers of one event that other records may contradict. An event without an end goes on."""

    assessment: EventAssessment
    onset: Moment
    end: Moment | None


@dataclass(frozen=True, slots=True)
class Background:
    """The facts of the patient in other records.

    death: the death, with its date. ended_alive: the study ended otherwise than by death. consent: the first consent.
    twins: numbers of the patient's other events with the same term and onset.
    """

    died: Moment | None
    ended_alive: bool
    consent: Moment | None
    twins: tuple[int, ...]


def contradictions(event: EventDates, known: Background) -> list[EventFinding | Contradiction]:
    """Return the contradictions of the answers: with each other first, then the death, the consent and other events."""
    own = [each for each in findings(event.assessment) if each in OF_ANSWERS]
    return [*own, *_of_death(event, known), *_of_consent(event, known), *_twins(known)]


def _of_death(event: EventDates, known: Background) -> Iterator[Contradiction]:
    fatal = is_fatal(event.assessment)
    if known.died is None:
        if fatal and known.ended_alive:
            yield Contradiction.FATAL_BUT_ALIVE
        return
    if before(known.died, event.onset):
        yield Contradiction.BEGINS_AFTER_DEATH
    elif event.end is None:
        # A fatal event that goes on contradicts its own outcome already.
        if not fatal:
            yield Contradiction.ONGOING_AT_DEATH
    elif fatal and death_differs(FATAL, event.end, known.died):
        yield Contradiction.FATAL_ON_ANOTHER_DAY
    elif before(known.died, event.end):
        yield Contradiction.ENDS_AFTER_DEATH


def _of_consent(event: EventDates, known: Background) -> Iterator[Contradiction]:
    if known.consent is None:
        yield Contradiction.NO_CONSENT
    elif before(event.onset, known.consent):
        yield Contradiction.BEFORE_CONSENT


def _twins(known: Background) -> Iterator[Contradiction]:
    if known.twins:
        yield Contradiction.ENTERED_TWICE
