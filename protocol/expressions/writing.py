"""Write a checked tree as CEL text with slots, and list the names that a tree reads."""

from collections.abc import Iterator
from typing import Final, Protocol

from protocol.expressions.functions import AT_VISIT, FUNCTIONS, HISTORY
from protocol.expressions.kinds import MOMENTS, Kind
from protocol.expressions.slots import (
    Applied,
    AsEntered,
    Constant,
    OverRows,
    RangeCompared,
    Reference,
    Slot,
    UnitEntered,
    YearsRange,
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
    children,
    walk,
)
from protocol.expressions.types import EQUALITIES, ORDERINGS, Names, history_target, kind_of, row_names
from protocol.values.moments import Moment


def history_paths(tree: Node, function: str) -> Iterator[str]:
    for node in walk(tree):
        if isinstance(node, Call) and node.function == function:
            yield history_target(node).path


def paths(node: Node, rows: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the names read from current records: without earlier records and without cells of rows."""
    match node:
        case Name(path=path) if path.partition(".")[0] not in rows:
            yield path
        case Call(function=function) if function in AT_VISIT:
            yield history_target(node).path
        case Call(function=function) if function in HISTORY:
            return
        case Macro(target=target, body=body, variable=variable):
            yield from paths(target, rows)
            yield from paths(body, rows | {variable})
        case _:
            for child in children(node):
                yield from paths(child, rows)


class Evaluators(Protocol):
    """Returns the compiled form of a part; implemented in ``protocol.expressions.compiled``."""

    zone: str

    def evaluator(self, node: Node, names: Names) -> Slot: ...


class Writer:
    """Writes a tree as CEL with explicit parentheses, and a slot for each value that CEL does not have."""

    def __init__(self, compiler: Evaluators, names: Names) -> None:
        self.compiler = compiler
        self.names = names
        self.slots: dict[str, Slot] = {}

    def slot(self, slot: Slot) -> str:
        for name, known in self.slots.items():
            if known == slot:
                return name
        name = f"v{len(self.slots)}"
        self.slots[name] = slot
        return name

    def written(self, node: Node) -> str:
        match node:
            case Literal(value=value, text=text):
                return text if isinstance(value, bool | str) else repr(value)
            case Name(path=path):
                return self.slot(Reference(path, self.names[path], self.compiler.zone))
            case ListOf(items=items):
                return f"[{', '.join(self.written(item) for item in items)}]"
            case Call():
                return self.slot(self.call(node))
            case Method(target=target, method=method, argument=argument):
                return f"{self.written(target)}.{method}({self.written(argument)})"
            case Macro():
                return self.slot(self.over_rows(node))
            case Unary(operator=sign, operand=operand):
                return f"({sign}{self.written(operand)})"
            case Ternary():
                condition, then, otherwise = (self.written(part) for part in children(node))
                return f"({condition} ? {then} : {otherwise})"
            case Binary():
                return self.binary(node)

    def binary(self, node: Binary) -> str:
        if node.operator in ORDERINGS | EQUALITIES and (_is_years(node.left) or _is_years(node.right)):
            return self.slot(RangeCompared(node.operator, self.side(node.left), self.side(node.right)))
        left = self.written(node.left)
        if node.operator != "/" or (isinstance(node.right, Literal) and node.right.value):
            return f"({left} {node.operator} {self.written(node.right)})"
        divisor = self.slot(self.compiler.evaluator(node.right, self.names))
        return f"({divisor} == 0.0 ? {_NOTHING} : {left} / {divisor})"

    def call(self, node: Call) -> Slot:
        if node.function in HISTORY:
            return self.of_item(node)
        function = FUNCTIONS[node.function]
        days = all(_kind_of_argument(argument, self.names) is Kind.DAY for argument in node.arguments)
        return Applied(function, self.arguments(node), self.compiler.zone, days)

    def of_item(self, node: Call) -> Slot:
        path, zone = history_target(node).path, self.compiler.zone
        if node.function == "entered_here":
            return AsEntered(f"here({path})", zone)
        if node.function == "unit_here":
            return UnitEntered(f"here({path})", self.names[path].units[0], zone)
        return Reference(f"{node.function}({path})", self.names[path], zone)

    def arguments(self, node: Call) -> tuple[Slot, ...]:
        dates = FUNCTIONS[node.function].takes[0] <= MOMENTS
        return tuple(self.argument(argument, dates) for argument in node.arguments)

    def argument(self, node: Node, date: bool) -> Slot:
        if date and isinstance(node, Literal):
            return Constant(Moment.from_iso(str(node.value), self.compiler.zone))
        return self.compiler.evaluator(node, self.names)

    def side(self, node: Node) -> YearsRange | Slot:
        if isinstance(node, Call) and node.function == "years":
            return YearsRange(self.arguments(node), self.compiler.zone)
        return self.compiler.evaluator(node, self.names)

    def over_rows(self, node: Macro) -> Slot:
        rows = self.compiler.evaluator(node.target, self.names)
        body = self.compiler.evaluator(node.body, row_names(node, self.names))
        return OverRows(rows, node.macro, node.variable, body)


_NOTHING: Final = "undetermined_"
"""A variable that is never passed: reading it makes CEL undecided (here: division by zero)."""


def _is_years(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "years"


def _kind_of_argument(node: Node, names: Names) -> Kind:
    return Kind.DAY if isinstance(node, Literal) else kind_of(node, names).kind
