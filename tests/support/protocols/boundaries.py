"""Where the numeric comparisons of the shipped checks and criteria turn, found from the protocol file itself.

For each comparison and each number that it reads, the value at which both sides are equal is solved in fractions, by
an evaluation that shares nothing with the engine but the tree: `+ − × ÷` and a few functions over `Fraction`. From it
come the values just below, at and just above, as they can be typed: at every number of decimals of the item and in
every unit that it offers, read by the project's own parser.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from random import Random
from typing import Any

from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.expressions.compiled import Expression
from protocol.expressions.kinds import LOGIC, ItemKind, Kind
from protocol.expressions.names import kinds_of_items, names_everywhere
from protocol.expressions.syntax import (
    Binary,
    Call,
    Literal,
    Macro,
    Name,
    Node,
    Unary,
    children,
    expanded,
    parse,
)
from protocol.expressions.types import history_target, kind_of, row_names
from protocol.values.parsing import parse as parse_typed

SIGNS = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
# Functions of dates and counts: their limits are whole days, hours and numbers, tested where they are defined.
OF_ONE_ITEM = frozenset({"here", "previous", "last"})
NOT_OF_NUMBERS = frozenset({"days", "hours", "years", "count"})
Values = Mapping[str, Fraction]
Names = Mapping[str, ItemKind]


@dataclass(frozen=True)
class Comparison:
    """One comparison of numbers, with the names known where it stands and the items behind them."""

    where: str
    node: Binary
    names: Names
    items: Mapping[str, Item]

    @property
    def reads(self) -> list[str]:
        """The numbers that it reads, by name; `here(form.item)` for the value of the same visit."""
        return list(dict.fromkeys(_numbers(self.node)))

    def truth(self, values: Values) -> bool:
        """What the comparison says in fractions."""
        return SIGNS[self.node.operator](value(self.node.left, values), value(self.node.right, values))

    def difference(self, values: Values) -> Fraction:
        """Left less right."""
        return value(self.node.left, values) - value(self.node.right, values)

    def engine(self) -> Expression:
        """The comparison alone, compiled as the project does."""
        return Expression(self.where, self.node, self.names, zone="UTC", gives=LOGIC, decimals=None)


def _numbers(node: Node) -> Iterator[str]:
    if isinstance(node, Call) and node.function in OF_ONE_ITEM:
        yield f"{node.function}({history_target(node).path})"
        return
    if isinstance(node, Name):
        yield node.path
    for part in children(node):
        yield from _numbers(part)


def value(node: Node, values: Values) -> Fraction:
    """A number in fractions. Raises LookupError for a function that this evaluation does not know."""
    match node:
        case Literal(value=number):
            return Fraction(number)
        case Name(path=path):
            return values[path]
        case Unary(operand=operand):
            return -value(operand, values)
        case Call(function=function) if function in OF_ONE_ITEM:
            return values[f"{function}({history_target(node).path})"]
        case Call(function="min" | "max" as function, arguments=parts):
            return (min if function == "min" else max)(value(part, values) for part in parts)
        case Call(function="abs", arguments=(only,)):
            return abs(value(only, values))
        case Binary(operator=sign, left=left, right=right):
            one, other = value(left, values), value(right, values)
            return (
                one + other
                if sign == "+"
                else one - other
                if sign == "-"
                else (one * other if sign == "*" else one / other)
            )
    raise LookupError(f"no fraction for {node}")


def comparisons(protocol: Protocol) -> Iterator[Comparison]:
    """Every comparison of numbers in the checks and criteria of a protocol."""
    everywhere = names_everywhere(protocol)
    paths = {f"{code}.{item.name}": item for code, form in protocol.forms.items() for item in form.items}
    for code, form in protocol.forms.items():
        names = {**everywhere, **kinds_of_items(form.items)}
        items = {**paths, **{item.name: item for item in form.items}}
        for check in form.checks:
            tree = expanded(parse(check.violated), protocol.definitions)
            yield from _within(f"{code} {check.id}", tree, names, items)
    for criterion in protocol.eligibility:
        tree = expanded(parse(criterion.expression), protocol.definitions)
        yield from _within(criterion.id, tree, everywhere, paths)


def _within(where: str, node: Node, names: Names, items: Mapping[str, Item]) -> Iterator[Comparison]:
    if isinstance(node, Macro):
        yield from _within(where, node.target, names, items)
        columns = {f"{node.variable}.{each.name}": each for each in _columns(node, items)}
        yield from _within(where, node.body, row_names(node, names), {**items, **columns})
        return
    if isinstance(node, Binary) and node.operator in SIGNS and kind_of(node.left, names).kind is Kind.NUMBER:
        yield Comparison(where, node, names, items)
    for part in children(node):
        yield from _within(where, part, names, items)


def _columns(node: Macro, items: Mapping[str, Item]) -> Iterator[Item]:
    """The columns of the table, or the items of the log, over whose rows a condition is asked."""
    table = node.target.path if isinstance(node.target, Name) else ""
    if table in items:
        yield from items[table].columns
    log = table.removeprefix("logs.")
    yield from (item for path, item in items.items() if path.rpartition(".")[0] == log)


@dataclass(frozen=True)
class Typed:
    """A value as a person types it: the text in a unit, what is stored of it, and the exact number it stands for."""

    text: str
    unit: str
    stored: Any
    exact: Fraction


def item_of(comparison: Comparison, name: str) -> Item:
    """The item behind a name."""
    return comparison.items[name.partition("(")[2].removesuffix(")") if name.endswith(")") else name]


def boundary(comparison: Comparison, name: str, others: Values) -> Fraction | None:
    """The value of `name` at which both sides are equal, the others being given; None when there is none."""

    def gap(x: Fraction, *, times: bool) -> Fraction:
        found = comparison.difference({**others, name: x})
        return found * x if times else found

    limits = item_of(comparison, name).hard
    highest = Fraction(limits.highest if limits else 100)
    for start in (Fraction(1), Fraction(50), highest / 2, highest / 8, highest):
        # The item may stand below the line of a fraction: then the difference times the item is linear in it.
        for times in (False, True):
            low, high = gap(start, times=times), gap(start + 1, times=times)
            if low == high:
                continue
            x = start - low / (high - low)
            if x >= 0 and not (times and x == 0) and comparison.difference({**others, name: x}) == 0:
                return x
    return None


def around(item: Item, at: Fraction) -> Iterator[Typed]:
    """What can be typed at a boundary and beside it: in each unit, with each number of decimals of the item."""
    units = [(item.unit or "", Fraction(1), Fraction(0))]
    units += [(each.unit, Fraction(each.factor), Fraction(each.offset)) for each in item.units]
    for unit, factor, offset in units:
        places = item.decimals_in(unit) if item.type == "decimal" else 0
        entered = (at - offset) / factor
        for decimals in range((places if places is not None else 3) + 1):
            step = Fraction(1, 10**decimals)
            nearest = floor(entered / step) * step
            for number in (nearest - step, nearest, nearest + step, nearest + 2 * step):
                text = format(Decimal(int(number * 10**decimals)).scaleb(-decimals), "f")
                yield from _typed(item, text, unit, number * factor + offset)


def _typed(item: Item, text: str, unit: str, exact: Fraction) -> Iterator[Typed]:
    if exact < 0:  # no measurement of these trials
        return
    stored = parse_typed({"": text, "unit": unit} if unit else text, item)
    yield Typed(text, unit, stored, exact)


def drawn(comparison: Comparison, rng: Random, without: str) -> dict[str, Typed]:
    """Values of the other numbers, inside their hard limits, as they are typed."""
    found = {}
    for name in comparison.reads:
        if name == without:
            continue
        item = item_of(comparison, name)
        places = (
            (item.decimal_places if item.decimal_places is not None else 1) if item.type == "decimal" else 0
        )
        limits = item.hard or item.soft
        low, high = (limits.lowest, limits.highest) if limits else (Decimal(1), Decimal(100))
        step = Decimal(1).scaleb(-places)
        number = rng.randint(max(1, int(low / step)), int(high / step)) * step
        (found[name],) = _typed(item, format(number, "f"), item.unit or "", Fraction(number))
    return found
