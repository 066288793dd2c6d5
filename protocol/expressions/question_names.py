"""Conditions that a member of a trial asks of the records of one form, in the language of the edit checks.

The names are those of a check of that form, with the infusions and the adverse events of the patient. A reader who may
know the treatment also has the masked items of every form; a condition that reads one is restricted.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from protocol.document.document import Protocol
from protocol.document.items import Form, Item
from protocol.expressions.compiled import Expression
from protocol.expressions.kinds import ItemKind
from protocol.expressions.names import kinds_of_items
from protocol.expressions.outcome_names import course_names
from protocol.expressions.rules import rules_of
from protocol.expressions.syntax import Call, ExpressionError, Literal, Macro, Node, children, parse, walk

POWER = "pow"
LONGEST_NUMBER = 40
"""Digits of a number in a condition; values have fewer."""


@dataclass(frozen=True)
class AskedCondition:
    """A compiled condition on the records of one form.

    restricted: it reads a masked item. forms: codes of the forms whose records it reads, the own one included.
    alone: it reads nothing but the answers of the record itself.
    """

    form: Form
    expression: Expression
    restricted: bool

    @cached_property
    def names(self) -> frozenset[str]:
        """Return every name that it reads, of the present and of earlier records."""
        each = self.expression
        return each.references | each.previous | each.last | each.here

    @cached_property
    def own_items(self) -> tuple[str, ...]:
        """Return the items of the record that it reads, in the order of the form."""
        prefix = f"{self.form.code}."
        read = {name.removeprefix(prefix) for name in self.names}
        return tuple(item.name for item in asked_items(self.form) if item.name in read)

    @cached_property
    def alone(self) -> bool:
        prefix = f"{self.form.code}."
        own = all("." not in name or name.startswith(prefix) for name in self.names)
        return own and not self.expression.previous | self.expression.last

    @cached_property
    def forms(self) -> frozenset[str]:
        codes = {part[1] if part[0] == "logs" else part[0] for part in map(_parts, self.names) if part[1]}
        return frozenset({*codes, self.form.code})

    def reads(self, room: str) -> bool:
        """Return True if it reads a name under `subject`, `visit`, `infusion` …"""
        return any(name.startswith(f"{room}.") for name in self.names)


def _parts(name: str) -> tuple[str, str]:
    first, _dot, rest = name.partition(".")
    return first, rest


def asked_items(form: Form, *, masked: bool = True) -> tuple[Item, ...]:
    """Return the items that a question on a form may read, the masked ones last."""
    return (*form.items, *(form.masked_items if masked else ()))


def question_names(protocol: Protocol, form: Form, *, masked: bool) -> Mapping[str, ItemKind]:
    """Return the names of a condition on a form with their kinds; masked: for who may know the treatment."""
    names = {**rules_of(protocol).names, **course_names(protocol), **kinds_of_items(form.items)}
    if not masked:
        return names
    for each in protocol.masked_forms:
        names |= {f"{each.code}.{name}": kind for name, kind in kinds_of_items(each.masked_items).items()}
    return names | kinds_of_items(form.masked_items)


def asked_condition(protocol: Protocol, form: Form, source: str, *, masked: bool) -> AskedCondition:
    """Compile a condition on the records of a form. Raises ExpressionError with the column of the mistake.

    What costs beyond measure is refused, because any member writes a condition: a power within a power, whose digits
    multiply, numbers of hundreds of digits, and rows within rows.
    """
    for node in walk(parse(source)):
        if isinstance(node, Literal) and _is_long_number(node):
            raise ExpressionError(
                f"a number of more than {LONGEST_NUMBER} digits is not computed", node.column
            )
        if _is_power(node) and _is_below(node, _is_power):
            raise ExpressionError("a power within a power is not computed", node.column)
        if _is_macro(node) and _is_below(node, _is_macro):
            raise ExpressionError("a condition on rows within one on rows is not computed", node.column)
    names = question_names(protocol, form, masked=masked)
    expression = rules_of(protocol).compile(source, names)
    found = AskedCondition(form, expression, restricted=False)
    if masked and found.names & _masked_names(protocol, form):
        return AskedCondition(form, expression, restricted=True)
    return found


def _is_long_number(node: Literal) -> bool:
    if not isinstance(node.value, Decimal):
        return False
    _sign, digits, exponent = node.value.as_tuple()
    return max(len(digits), abs(int(exponent))) > LONGEST_NUMBER


def _is_power(node: Node) -> bool:
    return isinstance(node, Call) and node.function == POWER


def _is_macro(node: Node) -> bool:
    return isinstance(node, Macro)


def _is_below(node: Node, wanted: Callable[[Node], bool]) -> bool:
    return any(wanted(each) for child in children(node) for each in walk(child))


def _masked_names(protocol: Protocol, form: Form) -> set[str]:
    everywhere = {f"{each.code}.{item.name}" for each in protocol.masked_forms for item in each.masked_items}
    return everywhere | {item.name for item in form.masked_items}
