"""Expressions of a protocol: criteria, checks, skip logic and calculations, compiled once and evaluated exactly.

``compile_expression`` checks an expression against the names it may use; `Expression.evaluate` returns true, false,
a number or a text, or `Undetermined` when the values do not decide (three-valued logic after Kleene). The syntax is
that of the Common Expression Language; numbers are exact decimals and fractions (`protocol.expressions.numbers`).
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol

import re2

from protocol.expressions import numbers
from protocol.expressions.evaluation import Evaluators, InRow
from protocol.expressions.functions import AT_VISIT, FUNCTIONS, HISTORY
from protocol.expressions.kinds import (
    ABSENT,
    DAY,
    INSTANT,
    LOGIC,
    MOMENTS,
    NUMBER,
    TEXT,
    TIME,
    YES_NO,
    FunctionSignature,
    ItemKind,
    Kind,
    captured,
)
from protocol.expressions.references import history_paths, paths
from protocol.expressions.syntax import (
    Call,
    ExpressionError,
    Literal,
    Macro,
    Method,
    Name,
    Node,
    Ternary,
    children,
    expanded,
    parse,
    walk,
)
from protocol.expressions.types import Names, history_target, kind_of, row_names
from protocol.values.intervals import Interval

__all__ = [
    "DAY",
    "INSTANT",
    "LOGIC",
    "NUMBER",
    "TEXT",
    "TIME",
    "YES_NO",
    "EvaluationFailed",
    "Expression",
    "ExpressionError",
    "ItemKind",
    "Kind",
    "Undetermined",
    "Values",
    "compile_expression",
]


class EvaluationFailed(RuntimeError):
    """The engine failed on an expression. Never an answer: a failure must not look like "undetermined"."""


class Values(Protocol):
    """Captured values by name: a dict of JSON values, or a `protocol.expressions.rules.Scope`."""

    def get(self, name: str, /) -> Any: ...


class Undetermined:
    """The known values do not decide. Neither true nor false: using it as a condition raises TypeError."""

    __slots__ = ("_ask", "_needs")

    def __init__(
        self, needs: tuple[str, ...] = (), *, ask: Callable[[], tuple[str, ...]] | None = None
    ) -> None:
        self._needs = needs
        self._ask = ask

    @property
    def needs(self) -> tuple[str, ...]:
        """Names whose values could decide it, in the order of the expression. Computed at first use."""
        if self._ask is not None:
            self._needs, self._ask = self._ask(), None
        return self._needs

    def __bool__(self) -> bool:
        raise TypeError("undetermined is neither true nor false: compare with `is True` or `is False`")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Undetermined) and self.needs == other.needs

    def __hash__(self) -> int:
        return hash(self.needs)

    def __repr__(self) -> str:
        return f"Undetermined(needs={list(self.needs)})"


Result = bool | Decimal | str | Undetermined


class Expression:
    """A compiled expression.

    ``references`` are the names it reads; ``previous`` and ``last`` are the names it reads from earlier records,
    ``here`` those that it reads from the same visit, ``only_here`` those that it reads in no other way.
    """

    def __init__(
        self, source: str, tree: Node, names: Names, *, zone: str, gives: ItemKind, decimals: int | None
    ) -> None:
        self.source = source
        self.gives = gives
        self.decimals = decimals
        self._tree = tree
        self._names = names
        self._evaluators = Evaluators(zone)
        self._value = self._evaluators.of(tree, names)
        self.references = frozenset(paths(tree))
        self.previous = frozenset(history_paths(tree, "previous"))
        self.last = frozenset(history_paths(tree, "last"))
        self.here = frozenset(path for function in AT_VISIT for path in history_paths(tree, function))
        self.only_here = self.references - frozenset(paths(tree, at_visit=False))

    def evaluate(self, values: Values | Mapping[str, Any]) -> Result:
        """Return True, False, a Decimal (rounded half up to ``decimals``), a text, or `Undetermined`.

        ``values`` are captured answers as JSON by name; the past by ``previous(item)`` and ``last(item)``.
        Raises EvaluationFailed, which names the expression, when the engine itself fails.
        """
        try:
            value = self._value(values)
            if numbers.is_number(value):
                return numbers.rounded(value, self.decimals)
        except (ArithmeticError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise EvaluationFailed(f"{self.source!r} could not be evaluated: {error!r}") from error
        if value is ABSENT or isinstance(value, Interval):
            return Undetermined(ask=lambda: self._needs(values))
        return value

    def _needs(self, values: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_Needs(self._evaluators).of(self._tree, self._names, values)))

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


def compile_expression(
    source: str,
    names: Names,
    *,
    gives: ItemKind = LOGIC,
    decimals: int | None = None,
    zone: str = "UTC",
    definitions: Mapping[str, str] | None = None,
) -> Expression:
    """Compile ``source`` for the ``names`` it may use. Raises ExpressionError with the column.

    ``gives`` is the kind of value it must return; ``decimals`` rounds a number. ``definitions`` holds the sources of
    the names ``definition.…``; ``zone`` is the time zone of the site, for calendar days.
    """
    tree = check_expression(source, names, gives)
    whole = expanded(tree, definitions or {})
    return Expression(source, whole, names, zone=zone, gives=gives, decimals=decimals)


def check_expression(source: str, names: Names, gives: ItemKind | None = LOGIC) -> Node:
    """Return the tree of a valid expression. Raises ExpressionError; ``gives`` None allows any kind."""
    tree = parse(source)
    found = kind_of(tree, names)
    if gives is not None and found.kind is not gives.kind:
        hint = f": write {source.strip()} == 'Y'" if found.codes == ("Y", "N") else ""
        raise ExpressionError(f"this gives a {found.kind}, a {gives.kind} is needed{hint}")
    _refuse_bad_patterns(tree)
    return tree


def _refuse_bad_patterns(tree: Node) -> None:
    quiet = re2.Options()
    quiet.log_errors = False
    for node in walk(tree):
        if isinstance(node, Method) and node.method == "matches" and isinstance(node.argument, Literal):
            try:
                re2.compile(str(node.argument.value), quiet)
            except re2.error as error:
                raise ExpressionError("this pattern cannot be read", node.argument.column) from error


class _Needs:
    """Which names could still decide an expression that is undetermined."""

    def __init__(self, evaluators: Evaluators) -> None:
        self.evaluators = evaluators

    def of(self, node: Node, names: Names, values: Any) -> Iterator[str]:
        """The names under an undecided ``node`` that could decide it."""
        match node:
            case Name(path=path):
                yield path
            case Call(function=function) if function in HISTORY:
                which = "here" if function in AT_VISIT else function
                yield f"{which}({history_target(node).path})"
            case Call(function=function, arguments=arguments) if FUNCTIONS[function].missing_inputs:
                yield from self._missing_inputs(FUNCTIONS[function], arguments, names, values)
            case Ternary(condition=condition, then=then, otherwise=otherwise):
                known = self.evaluators.of(condition, names)(values)
                branch = condition if known is ABSENT else then if known else otherwise
                yield from self.of(branch, names, values)
            case Macro():
                yield from self._row_needs(node, names, values)
            case _:
                yield from self._absent_below(node, names, values)

    def _missing_inputs(
        self, function: FunctionSignature, arguments: tuple[Node, ...], names: Names, values: Any
    ) -> Iterator[str]:
        known = [self.evaluators.of(part, names)(values) for part in arguments]
        for place in function.missing_inputs(*known) if function.missing_inputs else ():
            part = arguments[place]
            # A part that is decided lacks no value of its own: what it reads could make it another.
            yield from self.of(part, names, values) if known[place] is ABSENT else paths(part)

    def _absent_below(self, node: Node, names: Names, values: Any) -> Iterator[str]:
        known = [(part, self.evaluators.of(part, names)(values)) for part in children(node)]
        absent = [part for part, value in known if value is ABSENT]
        undecided = absent or [part for part, value in known if isinstance(value, Interval)]
        for part in undecided:
            yield from self.of(part, names, values)
        if not undecided:
            vague = [path for path in paths(node) if _is_vague(values.get(path), names.get(path))]
            yield from vague or paths(node)

    def _row_needs(self, node: Macro, names: Names, values: Any) -> Iterator[str]:
        rows = self.evaluators.of(node.target, names)(values)
        if rows is ABSENT:
            yield from self.of(node.target, names, values)
            return
        inside, body = row_names(node, names), node.body
        for row in rows:
            seen = InRow(values, node.variable, row)
            if self.evaluators.of(body, inside)(seen) is ABSENT:
                for name in self.of(body, inside, seen):
                    yield _column_path(name, node)


def _is_vague(raw: Any, kind: ItemKind | None) -> bool:
    """Return True if a captured moment is less precise than its item: a month for a date, a day for a time."""
    if kind is None or kind.kind not in MOMENTS:
        return False
    moment = captured(raw, kind, "UTC")
    precisions = ("minute",) if kind.kind is Kind.INSTANT else ("day", "minute")
    return moment is not ABSENT and moment.precision not in precisions


def _column_path(name: str, node: Macro) -> str:
    variable, _, column = name.partition(".")
    if variable != node.variable:
        return name
    return f"{next(iter(paths(node.target)), variable)}.{column}"
