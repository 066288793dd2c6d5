"""Decide from an expression alone whether it can be true, or false, for some answers.

The expression becomes a list of cases: in each, every part of it (an item, a difference of two items, a condition)
has a set of values (`protocol.checking.domains`). A case in which a set is empty cannot occur. The answer "can
occur" may be wrong (relations between parts are not followed), "can never occur" is not.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from itertools import islice
from typing import Final

from protocol.checking import domains
from protocol.checking.domains import (
    ANY_NUMBER,
    WHOLE_NUMBERS,
    AnswerSet,
    Domain,
    NumberSet,
    TextSet,
    exactly,
)
from protocol.document.items import Item
from protocol.expressions.functions import FUNCTIONS, HISTORY
from protocol.expressions.kinds import WORDS, Kind
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
from protocol.expressions.types import ORDERINGS, Names, history_target, kind_of, row_names

Case = Mapping[str, Domain]
MOST_CASES: Final = 300
_OPPOSITE: Final = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}
_SWAPPED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


class TooManyCases(Exception):
    """The expression has more cases than are worth a decision."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The facts that are known at the place of an expression.

    ``names`` are the kinds of the names, ``items`` the items behind them, ``shown`` the conditions of the items that
    have one, ``calculated`` the calculations. ``never`` returns True for a part that never has a value here.
    ``limited``: items keep to their limits and codes.
    """

    names: Names
    items: Mapping[str, Item]
    shown: Mapping[str, Node] = field(default_factory=dict)
    calculated: Mapping[str, Node] = field(default_factory=dict)
    never: Callable[[Node], bool] = lambda node: False
    limited: bool = True


def can_be(answer: bool, tree: Node, around: Surroundings, *, shows: str = "") -> bool:
    """Return False if the condition can never have the answer; True if it can, or if that is not known.

    shows: the item that is shown under the condition: the condition cannot need its value.
    """
    try:
        return bool(_Cases(around, frozenset({shows})).of(tree, answer))
    except TooManyCases:
        return True


def never_known(tree: Node, around: Surroundings) -> bool:
    """Return True if an expression of any kind can never have a value."""
    return _Cases(around).is_never_known(tree)


class _Cases:
    def __init__(self, around: Surroundings, asking: frozenset[str] = frozenset()) -> None:
        self.around = around
        self.asking = asking

    def of(self, node: Node, answer: bool) -> list[Case]:
        """Return the cases in which the condition has the answer."""
        match node:
            case Literal(value=value):
                return [{}] if value is answer else []
            case Unary(operand=operand):
                return self.of(operand, not answer)
            case Binary(operator="&&" | "||" as operator, left=left, right=right):
                one = self.of(left, answer)
                if (operator == "||") is answer:
                    return _few([*one, *self.of(right, answer)])
                return _both(one, self.of(right, answer)) if one else []
            case Ternary(condition=condition, then=then, otherwise=otherwise):
                chosen = _both(self.of(condition, True), self.of(then, answer))
                return _few([*chosen, *_both(self.of(condition, False), self.of(otherwise, answer))])
        if self.is_never_known(node):
            return []
        return _both(self._of_one(node, answer), self._where_shown(node))

    def _of_one(self, node: Node, answer: bool) -> list[Case]:
        match node:
            case Binary(operator="in"):
                return self._member(node, answer)
            case Binary():
                return self._compared(node, answer)
            case Macro() if node.macro != "filter":
                return self._rows(node, answer)
        return _case(text_of(node), AnswerSet(frozenset({answer})))

    def _rows(self, node: Macro, answer: bool) -> list[Case]:
        """A condition over rows; it needs a row that fits, unless no row is needed for the answer."""
        # The answer that one row decides: then the row itself gives the same answer.
        of_one_row = {"exists": True, "exists_one": True, "all": False}[node.macro]
        if answer is of_one_row:
            names = row_names(node, self.around.names)
            # Without what is shown: an item that is shown under a condition over rows that read it would never end.
            inside = replace(self.around, names=names, items=self._items_of_row(node), shown={})
            if not _Cases(inside).of(node.body, of_one_row):
                return []
        return _case(text_of(node), AnswerSet(frozenset({answer})))

    def _items_of_row(self, node: Macro) -> Mapping[str, Item]:
        target = node.target
        while isinstance(target, Macro):
            target = target.target
        rows = self.around.items.get(target.path) if isinstance(target, Name) else None
        columns = {f"{node.variable}.{column.name}": column for column in rows.columns} if rows else {}
        return {**self.around.items, **columns}

    def _member(self, node: Binary, answer: bool) -> list[Case]:
        if not isinstance(node.right, ListOf):
            return _case(text_of(node), AnswerSet(frozenset({answer})))
        each = [
            self._compared(Binary("==", node.left, item, node.column), answer) for item in node.right.items
        ]
        return _few([case for cases in each for case in cases]) if answer else reduce(_both, each, [{}])

    def _compared(self, node: Binary, answer: bool) -> list[Case]:
        sign = node.operator if answer else _OPPOSITE[node.operator]
        left, right = node.left, node.right
        kind = kind_of(left, self.around.names).kind
        if kind is Kind.NUMBER:
            return self._numbers(sign, left, right)
        if kind in WORDS and sign not in ORDERINGS:
            if isinstance(left, Literal):
                left, right = right, left
            if isinstance(right, Literal):
                word = frozenset({str(right.value)})
                known = self._words(left)
                told = TextSet(among=word) if sign == "==" else TextSet(without=word)
                return _case(text_of(left), known.meet(told))
        # `>=` is the opposite of `<`: both are one condition, with two answers.
        positive = sign in ("==", "<", "<=")
        plain = sign if positive else _OPPOSITE[sign]
        return _case(f"{text_of(left)} {plain} {text_of(right)}", AnswerSet(frozenset({positive})))

    def _numbers(self, sign: str, left: Node, right: Node) -> list[Case]:
        one, other = self.span(left), self.span(right)
        if one.only is not None:
            left, right, one, other, sign = right, left, other, one, _SWAPPED[sign]
        if other.only is not None:
            return _case(text_of(left), one.compared(sign, other.only))
        first, second = text_of(left), text_of(right)
        if first > second:
            first, second, one, other, sign = second, first, other, one, _SWAPPED[sign]
        apart = exactly(Fraction(0)) if first == second else domains.added(one, domains.negated(other))
        return _case(f"{first} - {second}", apart.compared(sign, Fraction(0)))

    def span(self, node: Node) -> NumberSet:
        """Return the numbers that a node can have."""
        match node:
            case Literal(value=value):
                return exactly(Fraction(value))
            case Name(path=path):
                return self._limits(path)
            case Unary(operand=operand):
                return domains.negated(self.span(operand))
            case Binary(operator=operator, left=left, right=right):
                return self._computed(operator, self.span(left), self.span(right))
            case Ternary(then=then, otherwise=otherwise):
                return domains.hull([self.span(then), self.span(otherwise)])
            case Call(function=function) if function in HISTORY:
                return ANY_NUMBER if function == "entered_here" else self._limits(history_target(node).path)
            case Call():
                return self._of_function(node)
        return ANY_NUMBER

    def _computed(self, operator: str, left: NumberSet, right: NumberSet) -> NumberSet:
        if operator == "-":
            return domains.added(left, domains.negated(right))
        if operator == "/":
            return domains.multiplied(left, exactly(1 / right.only)) if right.only else ANY_NUMBER
        return (domains.added if operator == "+" else domains.multiplied)(left, right)

    def _of_function(self, node: Call) -> NumberSet:
        match node.function:
            case "count":
                most = Fraction(len(node.arguments)) if self._kind(node.arguments[0]) is Kind.LOGIC else None
                return NumberSet(Fraction(0), most, whole=True)
            case "days" | "years":
                return WHOLE_NUMBERS
            case "sqrt":
                return NumberSet(Fraction(0))
            case "abs":
                return domains.absolute(self.span(node.arguments[0]))
            case "min" | "max" | "first_known":
                return domains.hull([self.span(argument) for argument in node.arguments])
        return ANY_NUMBER

    def _kind(self, node: Node) -> Kind:
        return kind_of(node, self.around.names).kind

    def _limits(self, path: str) -> NumberSet:
        item = self.around.items.get(path)
        if item is None:
            return ANY_NUMBER
        whole = item.type == "integer" and not item.is_calculated
        if item.hard is None or item.is_calculated or not self.around.limited:
            return NumberSet(whole=whole)
        return NumberSet(Fraction(item.hard.lowest), Fraction(item.hard.highest), whole=whole)

    def _words(self, node: Node) -> TextSet:
        codes = kind_of(node, self.around.names).codes if self.around.limited else None
        return TextSet(None if codes is None else frozenset(codes))

    def _where_shown(self, node: Node) -> list[Case]:
        """Return the cases in which the items that the condition needs are shown: a hidden item has no value."""
        found: list[Case] = [{}]
        for name in self._needed(node):
            if name in self.asking:
                # The item is shown only once it is known, and known only once it is shown.
                return []
            if name in self.around.shown:
                before, self.asking = self.asking, self.asking | {name}
                found = _both(found, self.of(self.around.shown[name], True))
                self.asking = before
        return found

    def _needed(self, node: Node) -> list[str]:
        """Return the names that must be known, with those from which calculated ones follow."""
        names = needed(node)
        for name in names:
            if name in self.around.calculated:
                names += [each for each in needed(self.around.calculated[name]) if each not in names]
        return names

    def is_never_known(self, node: Node) -> bool:
        """Return True if a part that never has a value keeps this one from having any."""
        if self.around.never(node):
            return True
        match node:
            case Name() | Literal():
                return False
            case Call(function=function) if function in HISTORY:
                return False
            case Call(function=function, arguments=arguments) if FUNCTIONS[function].partial:
                return all(map(self.is_never_known, arguments))
            case Binary(operator="&&" | "||", left=left, right=right):
                return self.is_never_known(left) and self.is_never_known(right)
            case Ternary(condition=condition, then=then, otherwise=otherwise):
                branches = self.is_never_known(then) and self.is_never_known(otherwise)
                return self.is_never_known(condition) or branches
            case Macro(target=target):
                return self.is_never_known(target)
            case Binary(operator="/", right=right) if self.span(right).only == 0:
                return True
        return any(map(self.is_never_known, _parts(node)))


def needed(node: Node) -> list[str]:
    """Return the names without whose values the part has none."""
    match node:
        case Name(path=path):
            return [path]
        case Call(function=function) if function in HISTORY or FUNCTIONS[function].partial:
            return []
        case Binary(operator="&&" | "||"):
            return []
        case Ternary(condition=condition):
            return needed(condition)
        case Macro(target=target):
            return needed(target)
    return [name for part in _parts(node) for name in needed(part)]


def _parts(node: Node) -> tuple[Node, ...]:
    match node:
        case ListOf(items=parts) | Call(arguments=parts):
            return parts
        case Method(target=target, argument=argument):
            return (target, argument)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
    return ()


def _case(name: str, domain: Domain) -> list[Case]:
    return [] if domain.is_empty else [{name: domain}]


def _both(one: list[Case], other: list[Case]) -> list[Case]:
    """Return the cases in which a case of each list holds; at most `MOST_CASES`."""
    if one == [{}]:
        return other
    if other == [{}]:
        return one
    met = (_met(first, second) for first in one for second in other)
    found = list(islice((case for case in met if case is not None), MOST_CASES + 1))
    return _few(found)


def _met(one: Case, other: Case) -> Case | None:
    both = dict(one)
    for name, domain in other.items():
        known = both.get(name)
        # Two parts of one text are of one kind.
        both[name] = domain if known is None else known.meet(domain)  # type: ignore[arg-type]
        if both[name].is_empty:
            return None
    return both


def _few(cases: list[Case]) -> list[Case]:
    if len(cases) > MOST_CASES:
        raise TooManyCases
    return cases


def text_of(node: Node) -> str:
    """Return one text for equal parts, wherever they stand."""
    match node:
        case Literal(value=value):
            return repr(value)
        case Name(path=path):
            return path
        case ListOf(items=items):
            return f"[{_texts(items)}]"
        case Call(function=function, arguments=arguments):
            return f"{function}({_texts(arguments)})"
        case Method(target=target, method=method, argument=argument):
            return f"{text_of(target)}.{method}({text_of(argument)})"
        case Macro(target=target, macro=macro, variable=variable, body=body):
            return f"{text_of(target)}.{macro}({variable}, {text_of(body)})"
        case Unary(operator=operator, operand=operand):
            return f"{operator}({text_of(operand)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({text_of(left)} {operator} {text_of(right)})"
        case Ternary(condition=condition, then=then, otherwise=otherwise):
            return f"({text_of(condition)} ? {text_of(then)} : {text_of(otherwise)})"


def _texts(nodes: Iterable[Node]) -> str:
    return ", ".join(map(text_of, nodes))
