"""Compiled expressions of a protocol: criteria, checks, skip logic and calculations. The only module that uses CEL.

``compile_expression`` checks an expression against the names it may use and compiles it once. `Expression.evaluate`
returns True, False, a number or a text, or `Undetermined` if the known values do not decide (Kleene's three-valued
logic). CEL evaluates logic, comparison and arithmetic. What CEL has no values for (missing answers, partial dates,
repeating rows) is resolved first and passed as plain variables, left out when undecided.
"""

import decimal
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

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
from protocol.expressions.slots import InRow, Slot
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
from protocol.expressions.writing import Writer, history_paths, paths

# Importing cel also imports its command line and a terminal library: 9 MB per worker, never used here.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
cel: Any = import_module("cel")

__all__ = [
    "DAY",
    "INSTANT",
    "LOGIC",
    "NUMBER",
    "TEXT",
    "TIME",
    "YES_NO",
    "Expression",
    "ExpressionError",
    "ItemKind",
    "Kind",
    "Undetermined",
    "Values",
    "compile_expression",
    "rounded",
]


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

    ``references`` are the names it reads; ``previous`` and ``last`` are the names it reads from earlier records.
    """

    def __init__(
        self, source: str, tree: Node, names: Names, *, zone: str, gives: ItemKind, decimals: int | None
    ) -> None:
        self.source = source
        self.gives = gives
        self.decimals = decimals
        self._compiler = _Compiler(zone)
        self._whole = self._compiler.evaluator(tree, names)
        self.references = frozenset(paths(tree))
        self.previous = frozenset(history_paths(tree, "previous"))
        self.last = frozenset(history_paths(tree, "last"))

    def evaluate(self, values: Values | Mapping[str, Any]) -> Result:
        """Return True, False, a Decimal (rounded half up to ``decimals``), a text, or `Undetermined`.

        ``values`` maps names to captured JSON values; earlier values are named ``previous(item)`` and ``last(item)``.
        """
        value = self._whole.value(values)
        if value is ABSENT:
            return Undetermined(ask=lambda: self._needs(values))
        if isinstance(value, float):
            number = rounded(value, self.decimals)
            return Undetermined(tuple(sorted(self.references))) if number is None else number
        return value

    def _needs(self, values: Any) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self._compiler.needs(self._whole.node, self._whole.names, values)))

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


def rounded(number: float, decimals: int | None) -> Decimal | None:
    """Return the decimal that ``number`` prints as, rounded half up; None if it is not a finite number."""
    # repr is the shortest decimal of the double: 2.675 rounds to 2.68; its exact binary value gives 2.67.
    exact = Decimal(repr(number))
    if not exact.is_finite():
        return None
    if decimals is not None:
        exact = exact.quantize(Decimal(1).scaleb(-decimals), context=_ROUNDING)
    # abs turns -0 into 0.
    return exact if exact else abs(exact)


_ROUNDING = decimal.Context(prec=400, rounding=decimal.ROUND_HALF_UP)


def _refuse_bad_patterns(tree: Node) -> None:
    for node in walk(tree):
        if isinstance(node, Method) and node.method == "matches" and isinstance(node.argument, Literal):
            try:
                cel.evaluate(f"''.matches({node.argument.text})")
            except (RuntimeError, ValueError, TypeError) as error:
                raise ExpressionError("this pattern cannot be read", node.argument.column) from error


class _Evaluator:
    """A compiled part of an expression: a CEL program and the slots that it reads."""

    __slots__ = ("_direct", "_program", "_slots", "names", "node")

    def __init__(self, node: Node, names: Names, text: str, slots: Mapping[str, Slot]) -> None:
        self.node = node
        self.names = names
        self._slots = tuple(slots.items())
        # The whole part is one slot: its value may be of a type that CEL does not have (a moment, rows).
        self._direct = slots.get(text)
        self._program = cel.compile("false" if self._direct else text)

    def value(self, values: Any) -> Any:
        """Return the value, or `ABSENT` if CEL reads an absent variable and nothing else decides."""
        if self._direct is not None:
            return self._direct.value(values)
        known = {}
        for name, slot in self._slots:
            value = slot.value(values)
            if value is not ABSENT:
                known[name] = value
        try:
            return self._program.execute(known)
        except RuntimeError:
            return ABSENT


class _Compiler:
    """Compiles the parts of one expression when first needed, and names the values that a part still needs."""

    def __init__(self, zone: str) -> None:
        self.zone = zone
        self._evaluators: dict[int, _Evaluator] = {}

    def evaluator(self, node: Node, names: Names) -> _Evaluator:
        found = self._evaluators.get(id(node))
        if found is None:
            writer = Writer(self, names)
            found = _Evaluator(node, names, writer.written(node), writer.slots)
            self._evaluators[id(node)] = found
        return found

    def needs(self, node: Node, names: Names, values: Any) -> Iterator[str]:
        """Yield the names below an undetermined ``node`` whose values could decide it."""
        match node:
            case Name(path=path):
                yield path
            case Call(function=function) if function in HISTORY:
                which = "here" if function in AT_VISIT else function
                yield f"{which}({history_target(node).path})"
            case Call(function=function, arguments=arguments) if FUNCTIONS[function].lacking:
                yield from self._lacking(FUNCTIONS[function], arguments, names, values)
            case Ternary(condition=condition, then=then, otherwise=otherwise):
                known = self.evaluator(condition, names).value(values)
                branch = condition if known is ABSENT else then if known else otherwise
                yield from self.needs(branch, names, values)
            case Macro():
                yield from self._row_needs(node, names, values)
            case _:
                yield from self._absent_below(node, names, values)

    def _lacking(
        self, function: FunctionSignature, arguments: tuple[Node, ...], names: Names, values: Any
    ) -> Iterator[str]:
        known = [self.evaluator(part, names).value(values) for part in arguments]
        for place in function.lacking(*known) if function.lacking else ():
            yield from self.needs(arguments[place], names, values)

    def _absent_below(self, node: Node, names: Names, values: Any) -> Iterator[str]:
        absent = [part for part in children(node) if self.evaluator(part, names).value(values) is ABSENT]
        for part in absent:
            yield from self.needs(part, names, values)
        if not absent:
            vague = [path for path in paths(node) if _is_vague(values.get(path), names.get(path))]
            yield from vague or paths(node)

    def _row_needs(self, node: Macro, names: Names, values: Any) -> Iterator[str]:
        rows = self.evaluator(node.target, names).value(values)
        if rows is ABSENT:
            yield from self.needs(node.target, names, values)
            return
        inside, body = row_names(node, names), node.body
        for row in rows:
            seen = InRow(values, node.variable, row)
            if self.evaluator(body, inside).value(seen) is ABSENT:
                for name in self.needs(body, inside, seen):
                    yield _column_path(name, node)


def _is_vague(raw: Any, kind: ItemKind | None) -> bool:
    """Return True if a captured moment is less precise than its item: a month for a date, a day for a time."""
    if kind is None or kind.kind not in MOMENTS:
        return False
    moment = captured(raw, kind, "UTC")
    wanted = ("minute",) if kind.kind is Kind.INSTANT else ("day", "minute")
    return moment is not ABSENT and moment.precision not in wanted


def _column_path(name: str, node: Macro) -> str:
    variable, _, column = name.partition(".")
    if variable != node.variable:
        return name
    return f"{next(iter(paths(node.target)), variable)}.{column}"
