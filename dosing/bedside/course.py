"""The course of an infusion from its steps: running or paused, elapsed time, volume by the rate. No Django.

A step is a start, a pause, a resumption, a change of rate or a stop. Rates are in mL/h, volumes in mL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

SECONDS_PER_HOUR = 3600


class StepName(StrEnum):
    """The name of a step at the pump or the clamp."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    RATE = "rate"
    STOPPED = "stopped"


class Running(StrEnum):
    """Where an infusion stands."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


ALLOWED: dict[Running, dict[StepName, Running]] = {
    Running.NOT_STARTED: {StepName.STARTED: Running.RUNNING},
    Running.RUNNING: {
        StepName.PAUSED: Running.PAUSED,
        StepName.RATE: Running.RUNNING,
        StepName.STOPPED: Running.STOPPED,
    },
    Running.PAUSED: {
        StepName.RESUMED: Running.RUNNING,
        StepName.RATE: Running.PAUSED,
        StepName.STOPPED: Running.STOPPED,
    },
    Running.STOPPED: {},
}


@dataclass(frozen=True, slots=True)
class CourseStep:
    """A step and its instant. `value`: the rate in mL/h from then on, for a start (if known) and a change of rate."""

    name: StepName
    at: datetime
    value: Decimal | None = None


class ImpossibleStep(ValueError):
    """A step that cannot follow on the one before. `step` is the one refused, `state` where the infusion stood."""

    def __init__(self, step: CourseStep, state: Running) -> None:
        self.step, self.state = step, state
        super().__init__(f"{step.name} while {state}")


@dataclass(frozen=True, slots=True)
class InfusionCourse:
    """The course so far. `spans` are the times in which it ran, the last one open (None) while it runs."""

    state: Running
    started: datetime | None
    stopped: datetime | None
    pauses: int
    rate: Decimal | None
    spans: tuple[tuple[datetime, datetime | None, Decimal | None], ...]

    def elapsed(self, now: datetime) -> timedelta:
        """Return how long it has run, without the pauses."""
        until = self.stopped or now
        return sum((_length(begin, end or until) for begin, end, _rate in self.spans), timedelta())

    def volume(self, now: datetime) -> Decimal | None:
        """Return the volume in mL by rate and time, unrounded; None if it ran at an unknown rate."""
        until, total = self.stopped or now, Decimal(0)
        for begin, end, rate in self.spans:
            length = _length(begin, end or until)
            if length and rate is None:
                return None
            seconds = Decimal(length // timedelta(microseconds=1)) / 1_000_000
            total += (rate or 0) * seconds / SECONDS_PER_HOUR
        return total if self.spans else None


def _length(begin: datetime, end: datetime) -> timedelta:
    return max(end - begin, timedelta())


def course_of(steps: Iterable[CourseStep]) -> InfusionCourse:
    """Return the course of steps, sorted by their instants (equal instants in the given order).

    Raises ImpossibleStep for a step that cannot follow, and for a stop at the instant of the start.
    """
    ordered = sorted(steps, key=lambda step: step.at)
    state, rate = Running.NOT_STARTED, None
    spans: list[tuple[datetime, datetime | None, Decimal | None]] = []
    for step in ordered:
        following = ALLOWED[state].get(step.name)
        at = step.at.astimezone(UTC)
        if following is None or (step.name is StepName.STOPPED and at == spans[0][0]):
            raise ImpossibleStep(step, state)
        if state is Running.RUNNING:
            spans[-1] = (spans[-1][0], at, spans[-1][2])
        if step.name in (StepName.STARTED, StepName.RATE):
            rate = step.value
        if following is Running.RUNNING:
            spans.append((at, None, rate))
        state = following
    pauses = sum(step.name is StepName.PAUSED for step in ordered)
    return InfusionCourse(
        state,
        _instant(ordered, StepName.STARTED),
        _instant(ordered, StepName.STOPPED),
        pauses,
        rate,
        tuple(spans),
    )


def _instant(steps: Sequence[CourseStep], name: StepName) -> datetime | None:
    return next((step.at.astimezone(UTC) for step in steps if step.name is name), None)


def cells_per_minute(rate: Decimal, cells: Decimal, volume: Decimal) -> Decimal:
    """Return the cells in 10⁶ that run in per minute: of so many 10⁶ cells in so many mL at a rate in mL/h."""
    return rate / 60 * cells / volume
