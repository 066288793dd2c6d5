"""A checked tree as functions of the captured values: three-valued, in exact numbers.

Each node becomes one closure that takes the values and returns its value, or `ABSENT` where they do not decide.
Logic is Kleene's, as CEL defines it for errors: one false decides `&&`, one true decides `||`, whatever the other
side lacks. Everything else is `ABSENT` as soon as one part is.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from protocol.expressions import interval_arithmetic, numbers
from protocol.expressions.functions import FUNCTIONS, HISTORY, years_range
from protocol.expressions.kinds import (
    ABSENT,
    MOMENTS,
    NUMBER,
    WORDS,
    FunctionSignature,
    ItemKind,
    Kind,
    captured,
)
from protocol.expressions.syntax import (
    Binary,
    Call,
    ListOf,
    Literal,
    Macro,
    Method,
    Name,
    Node,
    Ternary,
    Unary,
)
from protocol.expressions.types import EQUALITIES, ORDERINGS, Names, history_target, kind_of, row_names
from protocol.values.intervals import COMPARISONS, Interval, as_interval, compared, member
from protocol.values.moments import Moment

Evaluator = Callable[[Any], Any]
"""From the captured values (`get(name)` returns JSON) to a value of the node, or `ABSENT`."""

_ARITHMETIC: Final[Mapping[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]]] = {
    "+": (numbers.add, interval_arithmetic.add),
    "-": (numbers.subtract, interval_arithmetic.subtract),
    "*": (numbers.multiply, interval_arithmetic.multiply),
    "/": (numbers.divide, interval_arithmetic.divide),
}
"""Each operator for two numbers, and for operands of which one is an interval."""
_TESTS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": operator.contains,
}


class Evaluators:
    """The evaluators of one tree, each made once, when it is first asked for."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._made: dict[int, Evaluator] = {}

    def of(self, node: Node, names: Names) -> Evaluator:
        """Return the evaluator of a node; `names` are those known where it stands."""
        known = self._made.get(id(node))
        if known is None:
            known = self._made[id(node)] = self._make(node, names)
        return known

    def _make(self, node: Node, names: Names) -> Evaluator:
        match node:
            case Literal(value=value):
                return lambda values: value
            case Name(path=path):
                return _reference(path, names[path], self.zone)
            case ListOf(items=items):
                return _list([self.of(item, names) for item in items])
            case Call():
                return self._call(node, names)
            case Method():
                return self._test(node, names)
            case Macro():
                return self._over_rows(node, names)
            case Unary(operator=sign, operand=operand):
                return _strict(operator.not_ if sign == "!" else _negated, [self.of(operand, names)])
            case Ternary(condition=condition, then=then, otherwise=otherwise):
                return _chosen(self.of(condition, names), self.of(then, names), self.of(otherwise, names))
            case Binary():
                return self._binary(node, names)

    def _binary(self, node: Binary, names: Names) -> Evaluator:
        sign = node.operator
        if sign in ORDERINGS | EQUALITIES and (_is_years(node.left) or _is_years(node.right)):
            return _strict(_comparison(sign), [self._range(node.left, names), self._range(node.right, names)])
        left, right = self.of(node.left, names), self.of(node.right, names)
        if sign in ("&&", "||"):
            return _decided_by(sign == "||", left, right)
        if sign in ORDERINGS | EQUALITIES:
            return _strict(_comparison(sign), [left, right])
        if sign == "in":
            return _strict(_is_member, [left, right])
        if sign == "+" and kind_of(node.left, names).kind in WORDS:
            return _strict(operator.add, [left, right])
        return _strict(_arithmetic(*_ARITHMETIC[sign]), [left, right])

    def _test(self, node: Method, names: Names) -> Evaluator:
        target = self.of(node.target, names)
        if node.method == "matches" and isinstance(node.argument, Literal):
            pattern = re2.compile(str(node.argument.value))
            return _strict(lambda text: pattern.search(text) is not None, [target])
        return _strict(_TESTS[node.method], [target, self.of(node.argument, names)])

    def _call(self, node: Call, names: Names) -> Evaluator:
        if node.function in HISTORY:
            return self._of_item(node, names)
        function = FUNCTIONS[node.function]
        days = all(_kind_of_argument(argument, names) is Kind.DAY for argument in node.arguments)
        return _applied(function, self._arguments(node, names), self.zone, days)

    def _of_item(self, node: Call, names: Names) -> Evaluator:
        path = history_target(node).path
        if node.function == "entered_here":
            return _as_entered(f"here({path})", self.zone)
        if node.function == "unit_here":
            return _unit_entered(f"here({path})", names[path].units[0], self.zone)
        return _reference(f"{node.function}({path})", names[path], self.zone)

    def _arguments(self, node: Call, names: Names) -> list[Evaluator]:
        dates = FUNCTIONS[node.function].takes[0] <= MOMENTS
        return [self._argument(argument, names, dates) for argument in node.arguments]

    def _argument(self, node: Node, names: Names, date: bool) -> Evaluator:
        if date and isinstance(node, Literal) and isinstance(node.value, str):
            moment = Moment.from_iso(node.value, self.zone)
            return lambda values: moment
        return self.of(node, names)

    def _range(self, node: Node, names: Names) -> Evaluator:
        """Return an evaluator that gives the interval of the completed years that the dates allow."""
        if isinstance(node, Call) and node.function == "years":
            return _years(self._arguments(node, names), self.zone)
        one = self.of(node, names)

        def both_ends(values: Any) -> Any:
            value = one(values)
            return ABSENT if value is ABSENT else as_interval(value)

        return both_ends

    def _over_rows(self, node: Macro, names: Names) -> Evaluator:
        rows, body = self.of(node.target, names), self.of(node.body, row_names(node, names))
        macro, variable = node.macro, node.variable

        def over_rows(values: Any) -> Any:
            found = rows(values)
            if found is ABSENT:
                return ABSENT
            answers = [body(InRow(values, variable, row)) for row in found]
            return (
                [row for row, kept in zip(found, answers, strict=True) if kept]
                if (macro == "filter" and ABSENT not in answers)
                else _of_rows(macro, answers)
            )

        return over_rows


@dataclass(frozen=True, slots=True)
class InRow:
    """The values seen from inside one row."""

    outside: Any
    variable: str
    row: Mapping[str, Any]

    def get(self, name: str) -> Any:
        """Return a cell of the row, else what is known outside."""
        variable, _, column = name.partition(".")
        return self.row.get(column) if variable == self.variable else self.outside.get(name)


def _of_rows(macro: str, answers: Sequence[Any]) -> Any:
    """Return the value of a condition over rows: decided by one row where one row can decide."""
    if macro == "exists" and True in answers:
        return True
    if macro == "all" and False in answers:
        return False
    if macro == "exists_one" and answers.count(True) > 1:
        return False
    if ABSENT in answers:
        return ABSENT
    return macro == "all" or answers.count(True) == 1


def _reference(path: str, kind: ItemKind, zone: str) -> Evaluator:
    return lambda values: captured(values.get(path), kind, zone)


def _as_entered(path: str, zone: str) -> Evaluator:
    """The number as it was entered at this visit, before it was converted."""

    def as_entered(values: Any) -> Any:
        raw = values.get(path)
        return captured(_entered(raw) if isinstance(raw, Mapping) else raw, NUMBER, zone)

    return as_entered


def _entered(raw: Mapping[str, Any]) -> Any:
    if "comparator" in raw:
        return {"comparator": raw["comparator"], "limit": raw.get("entered", raw.get("limit"))}
    return raw.get("entered", raw.get("value"))


def _unit_entered(path: str, unit: str, zone: str) -> Evaluator:
    """The unit in which the number was entered at this visit."""

    def unit_entered(values: Any) -> Any:
        raw = values.get(path)
        if captured(raw, NUMBER, zone) is ABSENT:
            return ABSENT
        return raw.get("unit", unit) if isinstance(raw, Mapping) else unit

    return unit_entered


def _strict(compute: Callable[..., Any], parts: Sequence[Evaluator]) -> Evaluator:
    """Return an evaluator that is `ABSENT` as soon as one part is."""
    if len(parts) == 2:
        left, right = parts

        def of_two(values: Any) -> Any:
            one, other = left(values), right(values)
            return ABSENT if one is ABSENT or other is ABSENT else compute(one, other)

        return of_two
    (part,) = parts

    def of_one(values: Any) -> Any:
        value = part(values)
        return ABSENT if value is ABSENT else compute(value)

    return of_one


def _list(parts: Sequence[Evaluator]) -> Evaluator:
    def listed(values: Any) -> Any:
        found = [part(values) for part in parts]
        return ABSENT if any(value is ABSENT for value in found) else found

    return listed


def _is_member(value: Any, members: Sequence[Any]) -> Any:
    return _decided(member(value, members)) if isinstance(value, Interval) else value in members


def _comparison(sign: str) -> Callable[[Any, Any], Any]:
    """Return a comparison; between intervals it is decided if all their numbers agree."""
    # A decimal and a fraction compare exactly.
    holds = COMPARISONS[sign]

    def compare(left: Any, right: Any) -> Any:
        if isinstance(left, Interval) or isinstance(right, Interval):
            return _decided(compared(sign, left, right))
        return holds(left, right)

    return compare


def _arithmetic(
    of_numbers: Callable[[Any, Any], Any], of_intervals: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    def compute(left: Any, right: Any) -> Any:
        if isinstance(left, Interval) or isinstance(right, Interval):
            return of_intervals(left, right)
        return of_numbers(left, right)

    return compute


def _negated(value: Any) -> Any:
    return interval_arithmetic.negate(value) if isinstance(value, Interval) else numbers.negate(value)


def _decided(answer: bool | None) -> Any:
    return ABSENT if answer is None else answer


def _decided_by(deciding: bool, left: Evaluator, right: Evaluator) -> Evaluator:
    """Return Kleene's `||` (decided by one True) or `&&` (decided by one False)."""

    def decided(values: Any) -> Any:
        one = left(values)
        if one is deciding:
            return deciding
        other = right(values)
        if other is deciding:
            return deciding
        return ABSENT if one is ABSENT or other is ABSENT else not deciding

    return decided


def _chosen(condition: Evaluator, then: Evaluator, otherwise: Evaluator) -> Evaluator:
    def chosen(values: Any) -> Any:
        known = condition(values)
        return ABSENT if known is ABSENT else then(values) if known else otherwise(values)

    return chosen


def _applied(
    function: FunctionSignature, arguments: Sequence[Evaluator], zone: str, whole_days: bool
) -> Evaluator:
    apply, partial = function.apply, function.partial

    def applied(values: Any) -> Any:
        known = [argument(values) for argument in arguments]
        if not partial and any(value is ABSENT for value in known):
            return ABSENT
        return apply(*known, zone=zone, whole_days=whole_days)

    return applied


def _years(arguments: Sequence[Evaluator], zone: str) -> Evaluator:
    def years(values: Any) -> Any:
        start, end = (argument(values) for argument in arguments)
        if start is ABSENT or end is ABSENT:
            return ABSENT
        return Interval(*years_range(start, end, zone=zone), True, True)

    return years


def _is_years(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "years"


def _kind_of_argument(node: Node, names: Names) -> Kind:
    return Kind.DAY if isinstance(node, Literal) else kind_of(node, names).kind
