"""Type check of an expression: every name is known, every operator gets the kinds it takes.

CEL reports such mistakes only in the branch that it evaluates (``true || 1.0 < "a"`` is true), so the whole tree is
checked here. Comparing a text with a code that the item does not have is a mistake too.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Final

from protocol.document.written_values import FIRST_YEAR, LAST_YEAR
from protocol.expressions.functions import FUNCTIONS, HISTORY, LISTS, PAST
from protocol.expressions.kinds import BESIDE_FORMS, LOGIC, MOMENTS, NUMBER, TEXT, WORDS, ItemKind, Kind
from protocol.expressions.syntax import (
    Binary,
    Call,
    ExpressionError,
    ListOf,
    Literal,
    Macro,
    Method,
    Name,
    Node,
    Ternary,
    Unary,
)
from protocol.values.moments import Moment

ORDERINGS: Final = frozenset({"<", "<=", ">", ">="})
EQUALITIES: Final = frozenset({"==", "!="})
Names = Mapping[str, ItemKind]
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_STORED_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def kind_of(node: Node, names: Names) -> ItemKind:
    """Return the kind of ``node``. Raises ExpressionError at the first part that is wrong."""
    match node:
        case Literal():
            return _literal(node)
        case Name():
            return kind_of_name(node, names)
        case ListOf():
            return _list(node, names)
        case Call():
            return _call(node, names)
        case Method():
            return _method(node, names)
        case Macro():
            return _macro(node, names)
        case Unary():
            return _unary(node, names)
        case Binary():
            return _binary(node, names)
        case Ternary():
            return _ternary(node, names)


def kind_of_name(node: Name, names: Names) -> ItemKind:
    """Return the kind of a name. Raises ExpressionError with a similar name if it is unknown."""
    kind = names.get(node.path)
    if kind is None:
        raise ExpressionError(f"unknown name {node.path!r}{resembling(node.path, names)}", node.column)
    return kind


def resembling(word: str, known: Mapping[str, object]) -> str:
    """Return ``: did you mean 'spo2'?`` if a known word resembles ``word``, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f": did you mean {close[0]!r}?" if close else ""


def row_names(node: Macro, names: Names) -> Names:
    """Return the names known inside a condition over rows: those outside and the columns of the row."""
    rows = kind_of(node.target, names)
    if rows.kind is not Kind.ROWS or rows.columns is None:
        raise ExpressionError(f"{node.macro} works on repeating rows, this is {_a(rows)}", node.column)
    if node.variable in names:
        raise ExpressionError(f"{node.variable!r} is an item: give the row another name", node.column)
    return {**names, **{f"{node.variable}.{name}": kind for name, kind in rows.columns.items()}}


def _literal(node: Literal) -> ItemKind:
    if isinstance(node.value, bool):
        return LOGIC
    return TEXT if isinstance(node.value, str) else NUMBER


def _list(node: ListOf, names: Names) -> ItemKind:
    kinds = {_wordless(kind_of(item, names)) for item in node.items}
    if len(kinds) != 1 or not kinds <= {Kind.TEXT, Kind.NUMBER}:
        raise ExpressionError("a list holds texts, or numbers", node.column)
    return ItemKind(Kind.LIST, columns={"": ItemKind(kinds.pop())})


def _call(node: Call, names: Names) -> ItemKind:
    if node.function in HISTORY:
        return _history(node, names)
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise ExpressionError(_unknown_function(node.function), node.column)
    most = len(function.takes)
    least = most - function.optional
    if len(node.arguments) < least or (len(node.arguments) > most and not function.more):
        expected = f"{least} to {most}" if function.optional else f"{most}"
        raise ExpressionError(f"{node.function} takes {expected} value{'s' * (most > 1)}", node.column)
    for place, argument in enumerate(node.arguments):
        allowed = function.takes[min(place, most - 1)]
        kind = _argument(argument, allowed, names)
        if kind not in allowed or (kind in LISTS and len(node.arguments) > 1):
            expected = " or ".join(sorted(allowed))
            hint = ": write days(a, b) for days" if node.function == "hours" and kind is Kind.DAY else ""
            message = f"{node.function} takes {expected}, this is {_a(ItemKind(kind))}{hint}"
            raise ExpressionError(message, argument.column)
        if place in function.codes:
            _codes_known(node, argument, function.codes[place], names)
    return function.gives


def _codes_known(node: Call, argument: Node, known: tuple[str, ...], names: Names) -> None:
    """Refuse a text that the function does not accept."""
    codes = kind_of(argument, names).codes
    if isinstance(argument, Literal) and isinstance(argument.value, str):
        codes = (argument.value,)
    if codes is None or not set(codes) <= set(known):
        listed = ", ".join(known)
        raise ExpressionError(f"{node.function} takes one of {listed} here", argument.column)


def _argument(argument: Node, allowed: frozenset[Kind], names: Names) -> Kind:
    if allowed <= MOMENTS and isinstance(argument, Literal) and isinstance(argument.value, str):
        _refuse_no_day(argument.value, argument.column)
        return Kind.DAY
    return kind_of(argument, names).kind


def _refuse_no_day(text: str, column: int) -> None:
    if not _STORED_DAY.fullmatch(text):
        raise ExpressionError("write a date like '2021-01-05'", column)
    try:
        Moment.from_iso(text)
    except ValueError as error:
        raise ExpressionError(f"{text!r} is no day of the calendar", column) from error
    if not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        raise ExpressionError(f"{text!r}: the year lies between {FIRST_YEAR} and {LAST_YEAR}", column)


def _unknown_function(name: str) -> str:
    if name == "has":
        return "has() does not exist: a blank value is undetermined, not false"
    if name == "size":
        return "size() gives a whole number: write count()"
    return f"unknown function {name!r}{resembling(name, FUNCTIONS)}"


def history_target(node: Call) -> Name:
    """Return the item of ``previous(item)`` or ``last("form.item")``."""
    if len(node.arguments) == 1:
        target = node.arguments[0]
        if isinstance(target, Name):
            return target
        if isinstance(target, Literal) and isinstance(target.value, str):
            return Name(target.value, target.column)
    raise ExpressionError(f"{node.function} takes one item, like {node.function}(labs.ferritin)", node.column)


def _history(node: Call, names: Names) -> ItemKind:
    target = history_target(node)
    kind = kind_of_name(target, names)
    outside = target.path.partition(".")[0] in BESIDE_FORMS | {"definition"}
    if outside or kind.kind is Kind.ROWS:
        raise ExpressionError(f"{node.function} takes an item of a form", target.column)
    if node.function in ("here", *PAST):
        return kind
    if not kind.units:
        raise ExpressionError(f"{node.function} takes an item with a unit", target.column)
    return NUMBER if node.function == "entered_here" else ItemKind(Kind.TEXT, kind.units)


def _method(node: Method, names: Names) -> ItemKind:
    target, argument = kind_of(node.target, names), kind_of(node.argument, names)
    if target.kind is not Kind.TEXT or argument.kind is not Kind.TEXT:
        hint = f": write {_text_of(node.argument)} in …" if target.kind is Kind.CODES else ""
        raise ExpressionError(f"{node.method} compares text with text{hint}", node.column)
    if node.method == "matches" and not isinstance(node.argument, Literal):
        raise ExpressionError("matches takes a written pattern", node.argument.column)
    return LOGIC


def _macro(node: Macro, names: Names) -> ItemKind:
    condition = kind_of(node.body, row_names(node, names))
    _logic(condition, node.body, node.macro)
    return kind_of(node.target, names) if node.macro == "filter" else LOGIC


def _unary(node: Unary, names: Names) -> ItemKind:
    kind = kind_of(node.operand, names)
    if node.operator == "!":
        _logic(kind, node.operand, "!")
        return LOGIC
    if kind.kind is not Kind.NUMBER:
        raise ExpressionError(f"- needs a number, this is {_a(kind)}", node.column)
    return NUMBER


def _binary(node: Binary, names: Names) -> ItemKind:
    left, right = kind_of(node.left, names), kind_of(node.right, names)
    if node.operator in ("&&", "||"):
        _logic(left, node.left, node.operator)
        _logic(right, node.right, node.operator)
        return LOGIC
    if node.operator in EQUALITIES:
        return _equality(node, left, right)
    if node.operator in ORDERINGS:
        return _ordering(node, left, right)
    if node.operator == "in":
        return _membership(node, left, right)
    return _arithmetic(node, left, right)


def _equality(node: Binary, left: ItemKind, right: ItemKind) -> ItemKind:
    _no_moments(node, left, right)
    pair = {_wordless(left), _wordless(right)}
    if len(pair) > 1 or not pair <= {Kind.TEXT, Kind.NUMBER, Kind.LOGIC}:
        raise ExpressionError(_cannot_compare(node.operator, left, right), node.column)
    _known_code(left, node.right)
    _known_code(right, node.left)
    _clock_time(left, node.right)
    _clock_time(right, node.left)
    return LOGIC


def _ordering(node: Binary, left: ItemKind, right: ItemKind) -> ItemKind:
    _no_moments(node, left, right)
    times = Kind.TIME in (left.kind, right.kind) and {left.kind, right.kind} <= WORDS
    if times:
        _clock_time(left, node.right)
        _clock_time(right, node.left)
    if not times and not left.kind == right.kind == Kind.NUMBER:
        raise ExpressionError(_cannot_compare(node.operator, left, right), node.column)
    return LOGIC


def _membership(node: Binary, left: ItemKind, right: ItemKind) -> ItemKind:
    if right.kind is Kind.CODES:
        _known_code(right, node.left)
        members = Kind.TEXT
    elif isinstance(node.right, ListOf) and right.columns is not None:
        members = right.columns[""].kind
        for item in node.right.items:
            _known_code(left, item)
    else:
        raise ExpressionError(f"in looks into a list, this is {_a(right)}", node.right.column)
    if _wordless(left) is not members:
        raise ExpressionError(f"the list holds {members}, this is {_a(left)}", node.left.column)
    return LOGIC


def _arithmetic(node: Binary, left: ItemKind, right: ItemKind) -> ItemKind:
    if node.operator == "+" and left.kind == right.kind == Kind.TEXT:
        return TEXT
    if left.kind is not Kind.NUMBER or right.kind is not Kind.NUMBER:
        wrong, part = (left, node.left) if left.kind is not Kind.NUMBER else (right, node.right)
        hint = ": write days(a, b) or hours(a, b)" if wrong.kind in MOMENTS else ""
        raise ExpressionError(f"{node.operator} needs numbers, this is {_a(wrong)}{hint}", part.column)
    if node.operator == "%":
        raise ExpressionError("% works on whole numbers only, values are decimals", node.column)
    if node.operator == "/" and _is_whole(node.left) and _is_whole(node.right):
        message = "whole numbers are not divided, as CEL would drop the rest: write one of them with .0"
        raise ExpressionError(message, node.column)
    return NUMBER


def _is_whole(node: Node) -> bool:
    """Return True if CEL computes this with integers: numbers without a point, and sums and products of them."""
    match node:
        case Literal():
            return node.is_whole
        case Unary(operand=operand):
            return _is_whole(operand)
        case Binary(operator="+" | "-" | "*", left=left, right=right):
            return _is_whole(left) and _is_whole(right)
        case Ternary(then=then, otherwise=otherwise):
            return _is_whole(then) and _is_whole(otherwise)
    return False


def _ternary(node: Ternary, names: Names) -> ItemKind:
    _logic(kind_of(node.condition, names), node.condition, "?")
    then, otherwise = kind_of(node.then, names), kind_of(node.otherwise, names)
    if then.kind is not otherwise.kind:
        raise ExpressionError(f"one answer is {_a(then)}, the other {_a(otherwise)}", node.column)
    if then.kind in LISTS | MOMENTS:
        raise ExpressionError("the answers of ? are numbers, texts or conditions", node.column)
    return then if then == otherwise else ItemKind(then.kind)


def _logic(kind: ItemKind, node: Node, operator: str) -> None:
    if kind.kind is Kind.LOGIC:
        return
    hint = f": write {_text_of(node)} == 'Y'" if kind.codes == ("Y", "N") else ""
    raise ExpressionError(f"{operator} needs a condition, this is {_a(kind)}{hint}", node.column)


def _no_moments(node: Binary, left: ItemKind, right: ItemKind) -> None:
    if left.kind in MOMENTS or right.kind in MOMENTS:
        message = (
            "dates are compared with before(a, b), on_or_before(a, b), days(a, b), hours(a, b), years(a, b)"
        )
        raise ExpressionError(message, node.column)


def _known_code(kind: ItemKind, node: Node) -> None:
    if kind.codes is None or not isinstance(node, Literal) or not isinstance(node.value, str):
        return
    if node.value not in kind.codes:
        listed = ", ".join(kind.codes)
        raise ExpressionError(f"{node.text} is never an answer here: there are {listed}", node.column)


def _clock_time(kind: ItemKind, node: Node) -> None:
    if kind.kind is Kind.TIME and isinstance(node, Literal) and not _CLOCK.fullmatch(str(node.value)):
        raise ExpressionError("write a time like '14:05'", node.column)


def _wordless(kind: ItemKind) -> Kind:
    return Kind.TEXT if kind.kind in WORDS else kind.kind


def _cannot_compare(operator: str, left: ItemKind, right: ItemKind) -> str:
    if Kind.CODES in (left.kind, right.kind):
        return "several answers may be chosen: write 'CODE' in item"
    return f"{operator} cannot compare {_a(left)} with {_a(right)}"


def _a(kind: ItemKind) -> str:
    if kind.kind is Kind.LOGIC:
        return "a condition"
    return str(kind.kind) if kind.kind in (Kind.TEXT, Kind.ROWS) else f"a {kind.kind}"


def _text_of(node: Node) -> str:
    match node:
        case Name(path=path):
            return path
        case Literal(text=text):
            return text
    return "…"
