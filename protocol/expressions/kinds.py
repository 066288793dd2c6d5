"""Convert captured JSON to the values of an expression; blank and missing become `ABSENT`."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from protocol.values.intervals import PRINTED_SIGN, Interval
from protocol.values.moments import Moment


class Kind(StrEnum):
    """Kind of a value in an expression."""

    LOGIC = "logic"
    NUMBER = "number"
    TEXT = "text"
    TIME = "time of day"
    DAY = "date"
    INSTANT = "date and time"
    CODES = "list of codes"
    ROWS = "rows"
    LIST = "list"


MOST_DIGITS: Final = 308
"""How many digits a number may have before its point, or zeros behind it: no measurement comes near."""
LONGEST_NUMBER: Final = 400
BESIDE_FORMS: Final = frozenset({"subject", "visit", "visits", "infusion", "logs", "event"})
"""First parts of names that do not belong to a form."""
MOMENTS: Final = frozenset({Kind.DAY, Kind.INSTANT})
WORDS: Final = frozenset({Kind.TEXT, Kind.TIME})


@dataclass(frozen=True, slots=True)
class ItemKind:
    """The kind of a name. ``codes`` lists the only texts that can occur; ``columns`` are those of repeating rows.

    ``units`` are the units in which a number may be entered, the stored unit first; ``possible`` its hard limits.
    """

    kind: Kind
    codes: tuple[str, ...] | None = None
    columns: Mapping[str, "ItemKind"] | None = None
    units: tuple[str, ...] = ()
    possible: tuple[Decimal, Decimal] | None = field(default=None, compare=False)


LOGIC: Final = ItemKind(Kind.LOGIC)
NUMBER: Final = ItemKind(Kind.NUMBER)
TEXT: Final = ItemKind(Kind.TEXT)
TIME: Final = ItemKind(Kind.TIME)
DAY: Final = ItemKind(Kind.DAY)
INSTANT: Final = ItemKind(Kind.INSTANT)
YES_NO: Final = ItemKind(Kind.TEXT, ("Y", "N"))


@dataclass(frozen=True, slots=True)
class FunctionSignature:
    """Signature of a function of expressions.

    The function is called with its values, the time zone of the site, and whether all values are whole days. ``takes``
    holds the kinds allowed at each position; with ``more`` the last may be repeated, and the last ``optional`` ones may
    be left out. ``codes`` holds the texts allowed at a position. A ``partial`` function is called even if a value is
    unknown (it receives `ABSENT`), because the others may decide; ``missing_inputs`` then returns the positions that
    matter.
    """

    takes: tuple[frozenset[Kind], ...]
    gives: ItemKind
    apply: Callable[..., Any]
    meaning: str
    more: bool = False
    optional: int = 0
    partial: bool = False
    codes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    missing_inputs: Callable[..., tuple[int, ...]] | None = None


class AllRows(list[Mapping[str, Any]]):
    """Rows of which none is missing: without any there is none, while an empty log may not be filled in yet."""


class _Absent:
    """No value: blank, missing, or not decided by the known values."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


def captured(raw: Any, kind: ItemKind, zone: str) -> Any:
    """Return the value of a captured answer; `ABSENT` if it has none or cannot be read.

    Numbers become decimals as typed, results beyond a limit an `Interval`,
    moments a `Moment` in the time zone ``zone``; rows stay as captured.
    """
    # Most values are texts, and asking whether one is a mapping takes longer than all else.
    if type(raw) is not str and isinstance(raw, Mapping):
        if "comparator" in raw:
            return _beyond(raw, kind, zone)
        raw = raw.get("value")
    if raw is None or raw == "" or (raw == [] and not isinstance(raw, AllRows)):
        return ABSENT
    return _READERS[kind.kind](raw, zone)


def _beyond(raw: Mapping[str, Any], kind: ItemKind, zone: str) -> Any:
    limit: Any = _number(raw.get("limit"), zone) if kind.kind is Kind.NUMBER else ABSENT
    if limit is ABSENT or raw["comparator"] not in PRINTED_SIGN:
        return ABSENT
    found = Interval.beyond(raw["comparator"], limit)
    return found.within(*kind.possible) if kind.possible else found


def _number(raw: Any, zone: str) -> Any:
    """Return the decimal as typed; what is not a number of sensible size has no value."""
    if type(raw) is float:
        raw = repr(raw)
    if type(raw) not in (str, int, Decimal) or (type(raw) is str and len(raw) > LONGEST_NUMBER):
        return ABSENT
    try:
        number = Decimal(raw)
    except InvalidOperation:
        return ABSENT
    return number if number.is_finite() and abs(number.adjusted()) <= MOST_DIGITS else ABSENT


def _text(raw: Any, zone: str) -> Any:
    return raw if isinstance(raw, str) else ABSENT


def _logic(raw: Any, zone: str) -> Any:
    return raw if isinstance(raw, bool) else ABSENT


def _codes(raw: Any, zone: str) -> Any:
    readable = isinstance(raw, list | tuple) and all(isinstance(code, str) for code in raw)
    return list(raw) if readable else ABSENT


def _rows(raw: Any, zone: str) -> Any:
    readable = isinstance(raw, list) and all(isinstance(row, Mapping) for row in raw)
    return raw if readable else ABSENT


def _moment(raw: Any, zone: str) -> Any:
    if isinstance(raw, Moment):
        return raw
    if isinstance(raw, dt.datetime):
        return Moment.from_datetime(raw, zone)
    if isinstance(raw, dt.date):
        return Moment.from_date(raw, zone)
    return _stored_moment(raw, zone) if isinstance(raw, str) else ABSENT


@lru_cache(maxsize=4096)
def _stored_moment(text: str, zone: str) -> Any:
    try:
        return Moment.from_iso(text, zone)
    except ValueError:
        return ABSENT


_READERS: Mapping[Kind, Callable[[Any, str], Any]] = {
    Kind.LOGIC: _logic,
    Kind.NUMBER: _number,
    Kind.TEXT: _text,
    Kind.TIME: _text,
    Kind.DAY: _moment,
    Kind.INSTANT: _moment,
    Kind.CODES: _codes,
    Kind.LIST: _codes,
    Kind.ROWS: _rows,
}
