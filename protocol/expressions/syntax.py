"""Syntax of expressions: the subset of CEL that a protocol may use, parsed into a tree with column numbers.

Grammar and precedence are those of the CEL specification. Maps, indexing, timestamps and ``has`` are refused with a
message, because an absent value must stay undetermined. Every number is a decimal: ``18`` is ``18.0``. A division of
two whole numbers is refused (`protocol.expressions.types`), because CEL would compute another value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from protocol.expressions.kinds import MOST_DIGITS

DEEPEST = 40
"""Deepest nesting of an expression. Deeper ones are unreadable and would exhaust the stack."""

LONGEST = 100
"""Most operators in a row."""

MACROS = frozenset({"exists", "all", "exists_one", "filter"})
METHODS = frozenset({"startsWith", "endsWith", "contains", "matches"})


class ExpressionError(ValueError):
    """An expression that cannot be used; ``column`` counts characters from 1."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return f"column {self.column}: {self.message}"


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; ``text`` is its source."""

    value: Decimal | str | bool
    text: str
    column: int

    @property
    def is_whole(self) -> bool:
        """Return True for a number that is written without a point: an integer in CEL."""
        return isinstance(self.value, Decimal) and self.text.isdigit()


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name: ``sbp``, ``labs.crp``, ``subject.consent_at``."""

    path: str
    column: int


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple["Node", ...]
    column: int


@dataclass(frozen=True, slots=True)
class Call:
    """``days(a, b)``: a domain function."""

    function: str
    arguments: tuple["Node", ...]
    column: int


@dataclass(frozen=True, slots=True)
class Method:
    """``name.startsWith("x")``: a test on text."""

    target: "Node"
    method: str
    argument: "Node"
    column: int


@dataclass(frozen=True, slots=True)
class Macro:
    """``rows.exists(row, row.dose > 1.0)``: a condition over repeating rows."""

    target: "Node"
    macro: str
    variable: str
    body: "Node"
    column: int


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    operand: "Node"
    column: int


@dataclass(frozen=True, slots=True)
class Binary:
    operator: str
    left: "Node"
    right: "Node"
    column: int


@dataclass(frozen=True, slots=True)
class Ternary:
    condition: "Node"
    then: "Node"
    otherwise: "Node"
    column: int


Node = Literal | Name | ListOf | Call | Method | Macro | Unary | Binary | Ternary

_TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<number>(?:\d+\.\d+|\.\d+|\d+)(?:[eE][+-]?\d+)?u?)
    |(?P<string>r?"(?:[^"\\\n]|\\.)*"|r?'(?:[^'\\\n]|\\.)*')
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<operator>&&|\|\||[<>=!]=|[-+*/%!<>=?:()\[\],.{}])""",
    re.VERBOSE,
)
_HINTS: Mapping[str, str] = {"=": ": write == to compare", ",": ": numbers have a point, like 0.5"}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("<", "<=", ">", ">=", "==", "!=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)


def parse(source: str) -> Node:
    """Return the tree of ``source``. Raises ExpressionError with the column of the first mistake."""
    # A chain of operators is one level deeper per operator. It is measured layer by layer: a recursive walk
    # of a long chain would exhaust the stack.
    tree = _Parser(source).parse()
    layer: list[Node] = [tree]
    for _ in range(LONGEST):
        layer = [child for node in layer for child in children(node)]
        if not layer:
            return tree
    raise ExpressionError(f"more than {LONGEST} operators in a row: use a definition")


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct parts of a node, in source order."""
    match node:
        case ListOf(items=parts) | Call(arguments=parts):
            return parts
        case Method(target=target, argument=argument):
            return (target, argument)
        case Macro(target=target, body=body):
            return (target, body)
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Ternary(condition=condition, then=then, otherwise=otherwise):
            return (condition, then, otherwise)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it, in source order."""
    yield node
    for child in children(node):
        yield from walk(child)


def _tokens(source: str) -> list[Token]:
    tokens, position = [], 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            raise ExpressionError(f"{source[position]!r} has no meaning here", position + 1)
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup or "", match.group(), position + 1))
        position = match.end()
    tokens.append(Token("end", "", len(source) + 1))
    return tokens


class _Parser:
    """Recursive-descent parser over the tokens of one expression."""

    def __init__(self, source: str) -> None:
        self.tokens = _tokens(source)
        self.position = 0
        self.depth = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        if self.next.text in texts and self.next.kind != "string":
            return self.take()
        return None

    def expect(self, text: str) -> Token:
        token = self.accept(text)
        if token is None:
            found = f"found {self.next.text!r}" if self.next.text else "the expression ends"
            raise ExpressionError(f"expected {text!r}, {found}", self.next.column)
        return token

    def parse(self) -> Node:
        node = self.ternary()
        if self.next.kind != "end":
            hint = _HINTS.get(self.next.text, "") if self.next.kind == "operator" else ""
            raise ExpressionError(f"{self.next.text!r} is not expected here{hint}", self.next.column)
        return node

    def ternary(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ExpressionError(f"nested more than {DEEPEST} deep: use a definition", self.next.column)
        node = self.binary(0)
        if mark := self.accept("?"):
            then = self.ternary()
            self.expect(":")
            node = Ternary(node, then, self.ternary(), mark.column)
        self.depth -= 1
        return node

    def binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        node = self.binary(level + 1)
        while operator := self.accept(*_LEVELS[level]):
            node = Binary(operator.text, node, self.binary(level + 1), operator.column)
        return node

    def unary(self) -> Node:
        operators = []
        while operator := self.accept("!", "-"):
            operators.append(operator)
        node = self.member()
        for operator in reversed(operators):
            node = Unary(operator.text, node, operator.column)
        return node

    def member(self) -> Node:
        node = self.primary()
        while dot := self.accept(".", "[", "{"):
            if dot.text != ".":
                raise ExpressionError(f"{dot.text!r} is not part of protocol expressions", dot.column)
            node = self.after_dot(node)
        return node

    def after_dot(self, node: Node) -> Node:
        name = self.take()
        if name.kind != "name":
            raise ExpressionError("a name is expected after the point", name.column)
        if self.accept("("):
            return self.method(node, name)
        if isinstance(node, Name):
            return Name(f"{node.path}.{name.text}", node.column)
        raise ExpressionError(f"{name.text!r} cannot be taken from this", name.column)

    def method(self, target: Node, name: Token) -> Node:
        if name.text in MACROS:
            variable = self.take()
            if variable.kind != "name":
                raise ExpressionError(f"{name.text} needs a name for the row first", variable.column)
            self.expect(",")
            body = self.ternary()
            self.expect(")")
            return Macro(target, name.text, variable.text, body, name.column)
        if name.text in METHODS:
            argument = self.ternary()
            self.expect(")")
            return Method(target, name.text, argument, name.column)
        known = ", ".join(sorted(MACROS | METHODS))
        raise ExpressionError(f"unknown method {name.text!r}: there are {known}", name.column)

    def primary(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return _number(token)
        if token.kind == "string":
            return _text(token)
        if token.kind == "name":
            return self.named(token)
        if token.text == "(":
            node = self.ternary()
            self.expect(")")
            return node
        if token.text == "[":
            return ListOf(self.arguments("]"), token.column)
        found = f"{token.text!r} is not expected here" if token.text else "the expression ends too early"
        raise ExpressionError(found, token.column)

    def named(self, token: Token) -> Node:
        if token.text in ("true", "false"):
            return Literal(token.text == "true", token.text, token.column)
        if token.text == "null":
            raise ExpressionError("null does not exist: a blank value is undetermined", token.column)
        if token.text == "in":
            raise ExpressionError("'in' is not expected here", token.column)
        if self.accept("("):
            return Call(token.text, self.arguments(")"), token.column)
        return Name(token.text, token.column)

    def arguments(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.accept(closing):
            if found:
                self.expect(",")
            found.append(self.ternary())
        return tuple(found)


def _number(token: Token) -> Literal:
    if token.text.endswith("u"):
        raise ExpressionError(f"values are decimals: write {token.text.rstrip('u')}", token.column)
    number = Decimal(token.text)
    if abs(number.adjusted()) > MOST_DIGITS:
        size = "large" if number.adjusted() > 0 else "small"
        raise ExpressionError(f"{token.text} is too {size}", token.column)
    return Literal(number, token.text, token.column)


_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\?\"'`])|[xX](?P<two>[0-9a-fA-F]{2})|u(?P<four>[0-9a-fA-F]{4})"
    r"|U(?P<eight>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<wrong>.?))"
)


def _text(token: Token) -> Literal:
    """Read a text by the rules of CEL: `\\n`, `\\x41`, `\\u00e9`, `\\101`; as it stands behind `r`."""
    if token.text.startswith("r"):
        return Literal(token.text[2:-1], token.text, token.column)

    def unescaped(found: re.Match[str]) -> str:
        if simple := found["simple"]:
            return _SIMPLE_ESCAPES[simple]
        digits, base = found["two"] or found["four"] or found["eight"], 16
        if digits is None:
            digits, base = found["octal"], 8
        code = int(digits, base) if digits else None
        if code is None or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            column = token.column + 1 + found.start()
            raise ExpressionError(
                f"{found.group()!r} has no meaning in a text: write \\\\ for a backslash", column
            )
        return chr(code)

    return Literal(_ESCAPE.sub(unescaped, token.text[1:-1]), token.text, token.column)


def expanded(node: Node, definitions: Mapping[str, str], within: tuple[str, ...] = ()) -> Node:
    """Return the tree with each ``definition.name`` replaced by its tree. Raises ExpressionError for a cycle."""
    match node:
        case Name(path=path) if path.startswith("definition."):
            name = path.removeprefix("definition.")
            if name in within:
                raise ExpressionError(f"definition {name!r} refers to itself", node.column)
            return expanded(parse(definitions[name]), definitions, (*within, name))
        case Name() | Literal():
            return node
    parts = tuple(expanded(part, definitions, within) for part in children(node))
    match node:
        case ListOf() as listed:
            return replace(listed, items=parts)
        case Call() as call:
            return replace(call, arguments=parts)
        case Method() as method:
            return replace(method, target=parts[0], argument=parts[1])
        case Macro() as macro:
            return replace(macro, target=parts[0], body=parts[1])
        case Unary() as unary:
            return replace(unary, operand=parts[0])
        case Binary() as binary:
            return replace(binary, left=parts[0], right=parts[1])
        case Ternary() as ternary:
            return replace(ternary, condition=parts[0], then=parts[1], otherwise=parts[2])
    return node
