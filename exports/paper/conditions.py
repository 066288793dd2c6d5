"""Expressions of the protocol as sentences, with labels in place of names and codes."""

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from patients.system_texts import FACTS
from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.syntax import (
    Binary,
    Call,
    ExpressionError,
    ListOf,
    Literal,
    Name,
    Node,
    Ternary,
    Unary,
    parse,
)
from protocol.values.labels import code_words, with_unit
from protocol.values.writing import number_text

COMPARED: dict[str, Callable[[], str]] = {
    "==": lambda: _("is"), "!=": lambda: _("is not"), "<": lambda: _("is below"), "<=": lambda: _("is at most"),
    ">": lambda: _("is above"), ">=": lambda: _("is at least"), "in": lambda: _("is one of"),
}  # fmt: skip
JOINED: dict[str, Callable[[], str]] = {"&&": lambda: _("and"), "||": lambda: _("or")}
SIGNS = {"*": "×", "/": "÷", "-": "−"}
ELAPSED: dict[str, Callable[[], str]] = {
    "days": lambda: _("days from %(start)s to %(end)s"),
    "hours": lambda: _("hours from %(start)s to %(end)s"),
    "years": lambda: _("years from %(start)s to %(end)s"),
}
ORDERED: dict[str, Callable[[], str]] = {
    "before": lambda: _("is before"), "on_or_before": lambda: _("is not after"),
}  # fmt: skip
EARLIER: dict[str, Callable[[], str]] = {
    "previous": lambda: _("the previous %(item)s"), "last": lambda: _("the last %(item)s"),
    "here": lambda: _("%(item)s at this visit"),
}  # fmt: skip
BESIDE = frozenset({"subject", "visit", "infusion"})


class NoWords(Exception):
    """An expression that cannot be written as a sentence."""


def in_words(source: str | None, rules: Protocol, form: Form, language: str) -> str:
    """Return an expression as a sentence, or its source if it cannot be written as one."""
    if not source:
        return ""
    try:
        return _Words(rules, form, language).phrase(parse(source))
    except (NoWords, ExpressionError):
        return " ".join(source.split())


@dataclass(frozen=True)
class _Words:
    rules: Protocol
    form: Form
    language: str

    def phrase(self, node: Node) -> str:
        match node:
            case Binary(operator=operator) if operator in JOINED:
                word = JOINED[operator]()
                return f"{self._side(node.left, operator)} {word} {self._side(node.right, operator)}"
            case Binary(operator=operator) if operator in COMPARED:
                return (
                    f"{self.phrase(node.left)} {COMPARED[operator]()} {self._answer(node.right, node.left)}"
                )
            case Binary():
                sign = SIGNS.get(node.operator, node.operator)
                return f"({self.phrase(node.left)} {sign} {self.phrase(node.right)})"
            case Unary(operator="!"):
                return _("not (%(condition)s)") % {"condition": self.phrase(node.operand)}
            case Unary():
                return f"−{self.phrase(node.operand)}"
            case Name():
                return self._name(node.path)
            case Literal():
                return self._answer(node, None)
            case Call():
                return self._call(node)
            case Ternary():
                parts = {"then": self.phrase(node.then), "otherwise": self.phrase(node.otherwise)}
                return _("%(then)s if %(condition)s, else %(otherwise)s") % {
                    "condition": self.phrase(node.condition),
                    **parts,
                }
        raise NoWords

    def _side(self, node: Node, operator: str) -> str:
        mixed = isinstance(node, Binary) and node.operator in JOINED and node.operator != operator
        return f"({self.phrase(node)})" if mixed else self.phrase(node)

    def _call(self, node: Call) -> str:
        arguments = [self.phrase(argument) for argument in node.arguments]
        if node.function in ELAPSED and len(arguments) == 2:
            return ELAPSED[node.function]() % {"start": arguments[0], "end": arguments[1]}
        if node.function in ORDERED and len(arguments) == 2:
            return f"{arguments[0]} {ORDERED[node.function]()} {arguments[1]}"
        if node.function in EARLIER and len(arguments) == 1:
            return EARLIER[node.function]() % {"item": arguments[0]}
        return f"{node.function}({', '.join(arguments)})"

    def _item(self, path: str) -> Item:
        form, _dot, name = path.rpartition(".")
        try:
            return (self.rules.forms[form] if form else self.form).item(name)
        except KeyError:
            raise NoWords from None

    def _name(self, path: str) -> str:
        form, _dot, name = path.rpartition(".")
        if form in BESIDE:
            return f"“{FACTS.get(name if form == 'subject' else f'{form}_{name}', name)}”"
        label = f"“{self._item(path).label.in_language(self.language)}”"
        if not form or form == self.form.code:
            return label
        title = self.rules.forms[form].title.in_language(self.language)
        return _("%(item)s of the form “%(form)s”") % {"item": label, "form": title}

    def _answer(self, node: Node, about: Node | None) -> str:
        """Return the value that a name is compared with: the label of a code, or a number with its unit."""
        item = (
            self._item(about.path)
            if isinstance(about, Name) and about.path.partition(".")[0] not in BESIDE
            else None
        )
        if isinstance(node, ListOf):
            return ", ".join(self._answer(each, about) for each in node.items)
        if not isinstance(node, Literal):
            return self.phrase(node)
        if isinstance(node.value, str):
            return f"“{code_words(node.value, item, self.language, _) if item else node.value}”"
        if isinstance(node.value, bool):
            return str(node.value).lower()
        number = number_text(f"{node.value:g}", self.language)
        return with_unit(number, item.unit if item else None, _)
