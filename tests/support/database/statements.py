"""What a test does with a database, and a choice of tests that together do all of it.

A statement is known by its text without its values, together with the kinds of these values: a long text, a number
above 32 bits and a missing value are things in which engines differ, one short name and another are not.
"""

import heapq
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

TIMES: Final = 2
"""How many of the chosen tests run each statement, where as many tests have it."""
LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+\b")
MARKS = re.compile(r"(%s|#)(?:, ?\1)+")
ROWS = re.compile(r"(\((?:%s|#)\+?\))(?:, ?\((?:%s|#)\+?\))+")
SAVEPOINT = re.compile(r'SAVEPOINT "?\w+"?')
# Texts of at most so many characters fit a column of characters, one page of the engine, one row.
SIZES: Final = (0, 255, 2000, 8000)


@lru_cache(maxsize=5000)
def shape_of(statement: str) -> str:
    """Return a statement without values, lists of values as one, and without the number of a savepoint."""
    shape = SAVEPOINT.sub("SAVEPOINT", LITERAL.sub("#", statement))
    return ROWS.sub(r"\1", MARKS.sub(r"\1+", shape))


def kind_of(value: object) -> str:
    """Return the kind of a value: its type, and what of its size or signs an engine may refuse or store otherwise."""
    if value is None or isinstance(value, bool):
        return "none" if value is None else "boolean"
    if isinstance(value, int):
        return "integer" if -(2**31) <= value < 2**31 else "big" if -(2**63) <= value < 2**63 else "huge"
    if isinstance(value, str):
        size = sum(len(value) > limit for limit in SIZES)
        signs = ("" if value.isascii() else " beyond ASCII") + ("" if value.isprintable() else " of control")
        return f"text {size}{signs if size else ''}"
    if isinstance(value, bytes | bytearray | memoryview):
        return "bytes"
    if isinstance(value, float | Decimal):
        return "number" if abs(Decimal(value)) < Decimal(10) ** 15 else "large number"
    known: tuple[type, ...] = (datetime, date, time, timedelta, UUID)
    return next((each.__name__ for each in known if isinstance(value, each)), type(value).__name__)


def kinds_of(values: Any) -> str:
    """Return the kinds of the values of a statement, each once, in the order of the alphabet."""
    if values is None:
        return ""
    return ", ".join(
        sorted({kind_of(each) for each in (values.values() if isinstance(values, Mapping) else values)})
    )


@dataclass(frozen=True, slots=True)
class Noted:
    """What was noted of a test. seconds: how long it took. always: why it is always chosen; empty if it is not."""

    statements: Collection[str]
    seconds: float
    always: Collection[str] = ()


def covering(noted: Mapping[str, Noted], times: int = TIMES) -> set[str]:
    """Return the names of tests that together run every statement as often as `times`, or as often as all do.

    The cheapest for what they add come first; equal ones in the order of their names, so the choice is repeatable.
    """
    chosen = {name for name, test in noted.items() if test.always}
    left: Counter[str] = Counter()
    for test in noted.values():
        left.update(test.statements)
    left = Counter({statement: min(number, times) for statement, number in left.items()})
    for name in chosen:
        _take(noted[name].statements, left)
    waiting = [
        (-_gain(test, left), name) for name, test in noted.items() if name not in chosen and test.statements
    ]
    heapq.heapify(waiting)
    while waiting:
        _worth, name = heapq.heappop(waiting)
        worth = -_gain(noted[name], left)
        if worth == 0:
            continue
        # What others took since makes it worth less: it goes back to its new place.
        if waiting and (worth, name) > waiting[0]:
            heapq.heappush(waiting, (worth, name))
            continue
        chosen.add(name)
        _take(noted[name].statements, left)
    return chosen


def _gain(test: Noted, left: Mapping[str, int]) -> float:
    """Return how many statements a test adds, for each second that it takes."""
    return sum(left[each] > 0 for each in test.statements) / max(test.seconds, 0.01)


def _take(statements: Iterable[str], left: Counter[str]) -> None:
    for each in statements:
        if left[each] > 0:
            left[each] -= 1
