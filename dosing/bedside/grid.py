"""The planned observations of an infusion: when each is due, and whether it was taken (CEL-15). No Django.

Times count from the actual start, and those after the end from the actual end; a pause does not move them. All
arithmetic is between instants, so midnight and the change of clocks do not matter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol


class PointState(StrEnum):
    """Where a planned observation stands. `void`: it will not be due any more."""

    WAITING = "waiting"
    OPEN = "open"
    TAKEN = "taken"
    EARLY = "early"
    LATE = "late"
    MISSED = "missed"
    VOID = "void"


class PlannedTime(Protocol):
    """A time of the plan, in minutes from the start or the end; `window` is minutes before (≤ 0) and after."""

    @property
    def code(self) -> str: ...
    @property
    def after(self) -> Literal["start", "end"]: ...
    @property
    def minutes(self) -> int: ...
    @property
    def window(self) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class DuePoint:
    """A planned observation. `due`, `opens`, `closes` are None until start or end is known; all instants are UTC."""

    code: str
    after: str
    minutes: int
    due: datetime | None
    opens: datetime | None
    closes: datetime | None
    taken: datetime | None
    state: PointState

    @property
    def is_due(self) -> bool:
        """True if it can be taken now."""
        return self.state is PointState.OPEN


def grid(
    times: Iterable[PlannedTime],
    *,
    started: datetime | None,
    ended: datetime | None,
    taken: Mapping[str, datetime],
    now: datetime,
    died: datetime | None = None,
) -> list[DuePoint]:
    """Return the planned observations in the order in which they are due; those without a time yet come last.

    started, ended: the actual start and end, None until known. taken: when each was observed, by its code. All
    datetimes are aware. died: what is due after it is void. So is what counts from the start but is due after an end
    that came earlier, if other times of the plan count from the end: those follow the patient from then on.
    """
    plan, anchors = tuple(times), {"start": started, "end": ended}
    taken_over = ended if any(time.after == "end" for time in plan) else None
    lasts = {"start": _first(died, taken_over), "end": died}
    points = [
        _point(time, anchors[time.after], taken.get(time.code), now, lasts[time.after]) for time in plan
    ]
    return sorted(
        points,
        key=lambda point: (
            point.due is None and not _begins(point.after, point.minutes),
            point.due or _FIRST,
        ),
    )


_FIRST = datetime.min.replace(tzinfo=UTC)


def _begins(after: str, minutes: int) -> bool:
    """Return True for what belongs before the start."""
    return after == "start" and minutes < 0


def _first(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _point(
    time: PlannedTime,
    anchor: datetime | None,
    taken: datetime | None,
    now: datetime,
    last: datetime | None,
) -> DuePoint:
    if anchor is None:
        # Before the start nobody knows when it will be: what belongs before it can be taken at any time.
        untaken = PointState.OPEN if _begins(time.after, time.minutes) else PointState.WAITING
        state = PointState.TAKEN if taken else untaken
        return DuePoint(time.code, time.after, time.minutes, None, None, None, taken, state)
    due = anchor.astimezone(UTC) + timedelta(minutes=time.minutes)
    opens, closes = (due + timedelta(minutes=minutes) for minutes in time.window)
    state = _state(opens, closes, taken, now)
    if last is not None and taken is None and last < due:
        state = PointState.VOID
    return DuePoint(time.code, time.after, time.minutes, due, opens, closes, taken, state)


def _state(opens: datetime, closes: datetime, taken: datetime | None, now: datetime) -> PointState:
    if taken is not None:
        if taken < opens:
            return PointState.EARLY
        return PointState.TAKEN if taken <= closes else PointState.LATE
    if now < opens:
        return PointState.WAITING
    return PointState.OPEN if now <= closes else PointState.MISSED


def next_due(points: Iterable[DuePoint]) -> DuePoint | None:
    """Return the planned observation to take now, or else the next one; None if none is left."""
    left = [point for point in points if point.state in (PointState.OPEN, PointState.WAITING)]
    return next((point for point in left if point.is_due), left[0] if left else None)
