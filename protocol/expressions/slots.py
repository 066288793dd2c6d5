"""Values resolved before CEL runs: captured values, domain functions, conditions over repeating rows.

A slot returns a value that CEL can read (text, number, logic, list) or that another slot reads, or `ABSENT`.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from protocol.expressions.functions import years_range
from protocol.expressions.kinds import ABSENT, NUMBER, FunctionSignature, ItemKind, captured
from protocol.expressions.types import EQUALITIES


class Slot(Protocol):
    """A value resolved before CEL runs. It is passed to CEL as a variable unless it is `ABSENT`."""

    def value(self, values: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Constant:
    constant: Any

    def value(self, values: Any) -> Any:
        return self.constant


@dataclass(frozen=True, slots=True)
class Reference:
    path: str
    kind: ItemKind
    zone: str

    def value(self, values: Any) -> Any:
        return captured(values.get(self.path), self.kind, self.zone)


@dataclass(frozen=True, slots=True)
class AsEntered:
    """The number as entered at this visit, before unit conversion."""

    path: str
    zone: str

    def value(self, values: Any) -> Any:
        raw = values.get(self.path)
        entered = raw.get("entered", raw.get("value")) if isinstance(raw, Mapping) else raw
        return captured(entered, NUMBER, self.zone)


@dataclass(frozen=True, slots=True)
class UnitEntered:
    """The unit in which the number was entered at this visit."""

    path: str
    unit: str
    zone: str

    def value(self, values: Any) -> Any:
        raw = values.get(self.path)
        if captured(raw, NUMBER, self.zone) is ABSENT:
            return ABSENT
        return raw.get("unit", self.unit) if isinstance(raw, Mapping) else self.unit


@dataclass(frozen=True, slots=True)
class Applied:
    """A domain function applied to its arguments."""

    function: FunctionSignature
    arguments: tuple[Slot, ...]
    zone: str
    whole_days: bool

    def value(self, values: Any) -> Any:
        known = [argument.value(values) for argument in self.arguments]
        if not self.function.partial and any(value is ABSENT for value in known):
            return ABSENT
        return self.function.apply(*known, zone=self.zone, whole_days=self.whole_days)


@dataclass(frozen=True, slots=True)
class OverRows:
    """``rows.exists(row, …)``, ``all``, ``exists_one`` and ``filter`` in three-valued logic."""

    rows: Slot
    macro: str
    variable: str
    body: Slot

    def value(self, values: Any) -> Any:
        rows = self.rows.value(values)
        if rows is ABSENT:
            return ABSENT
        answers = [self.body.value(InRow(values, self.variable, row)) for row in rows]
        undecided = any(answer is ABSENT for answer in answers)
        # One row may decide although others are undetermined.
        if self.macro == "exists" and any(answer is True for answer in answers):
            return True
        if self.macro == "all" and any(answer is False for answer in answers):
            return False
        if self.macro == "exists_one" and sum(answer is True for answer in answers) > 1:
            return False
        if undecided:
            return ABSENT
        if self.macro == "filter":
            return [row for row, answer in zip(rows, answers, strict=True) if answer]
        return self.macro == "all" or sum(answers) == 1


@dataclass(frozen=True, slots=True)
class InRow:
    """The values that an expression reads inside one row: the cells of the row and everything outside it."""

    outside: Any
    variable: str
    row: Mapping[str, Any]

    def get(self, name: str) -> Any:
        variable, _, column = name.partition(".")
        return self.row.get(column) if variable == self.variable else self.outside.get(name)


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class RangeCompared:
    """A comparison with completed years. It is decided if both ends of the possible range agree."""

    sign: str
    left: "YearsRange | Slot"
    right: "YearsRange | Slot"

    def value(self, values: Any) -> Any:
        left, right = _ends(self.left, values), _ends(self.right, values)
        if left is None or right is None:
            return ABSENT
        compare = _COMPARE[self.sign]
        one, other = compare(left[0], right[1]), compare(left[1], right[0])
        # The ends decide an ordering; for equality, values between the ends matter too.
        exact = left[0] == left[1] and right[0] == right[1]
        apart = left[1] < right[0] or left[0] > right[1]
        if self.sign in EQUALITIES and not (exact or apart):
            return ABSENT
        return one if one == other else ABSENT


@dataclass(frozen=True, slots=True)
class YearsRange:
    arguments: tuple[Slot, ...]
    zone: str

    def ends(self, values: Any) -> tuple[float, float] | None:
        start, end = (argument.value(values) for argument in self.arguments)
        return None if start is ABSENT or end is ABSENT else years_range(start, end, zone=self.zone)


def _ends(side: "YearsRange | Slot", values: Any) -> tuple[float, float] | None:
    if isinstance(side, YearsRange):
        return side.ends(values)
    value = side.value(values)
    return None if value is ABSENT else (value, value)
