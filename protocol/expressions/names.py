"""Names that the expressions of a protocol may use, and the kind of value of each."""

from collections.abc import Iterable, Mapping

from protocol.document.design import UNSCHEDULED
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.expressions.kinds import DAY, INSTANT, LOGIC, NUMBER, TEXT, TIME, YES_NO, ItemKind, Kind
from protocol.expressions.syntax import ExpressionError, Name, parse, walk
from protocol.expressions.types import Names, kind_of

_PLAIN: Mapping[str, ItemKind] = {
    "integer": NUMBER,
    "decimal": NUMBER,
    "text": TEXT,
    "yes_no": YES_NO,
    "date": DAY,
    "partial_date": DAY,
    "time": TIME,
    "datetime": INSTANT,
    "file": TEXT,
}


# The infusion planned at the visit of the form, once it is given: the same in both arms.
INFUSION_NAMES: dict[str, ItemKind] = {"infusion.started_at": INSTANT, "infusion.ended_at": INSTANT}


def kind_of_item(item: Item) -> ItemKind:
    """Return the kind of an item in an expression."""
    if item.type == "choice":
        return ItemKind(Kind.TEXT, item.codes)
    if item.type == "choices":
        return ItemKind(Kind.CODES, item.codes)
    if item.type == "rows":
        return ItemKind(Kind.ROWS, columns=kinds_of_items(item.columns))
    if item.is_numeric:
        units = (item.unit, *(other.unit for other in item.units)) if item.unit else ()
        return ItemKind(Kind.NUMBER, units=units, possible=item.hard.root if item.hard else None)
    return _PLAIN[item.type]


def kinds_of_items(items: Iterable[Item]) -> dict[str, ItemKind]:
    """Return the kinds of items by name, as used inside their own form."""
    return {item.name: kind_of_item(item) for item in items}


def names_everywhere(protocol: Protocol) -> Names:
    """Return ``form.item`` of every form, and what is named beside the forms: the subject, the visit, definitions …"""
    names = subject_names(protocol) | visit_names(protocol) | INFUSION_NAMES | log_names(protocol)
    for code, form in protocol.forms.items():
        names |= {f"{code}.{name}": kind for name, kind in kinds_of_items(form.items).items()}
    return names | definition_names(protocol.definitions, names)


def subject_names(protocol: Protocol) -> dict[str, ItemKind]:
    """Return the names known about a subject in every trial."""
    return {
        "subject.first_consent_at": INSTANT,
        "subject.first_consent_type": ItemKind(Kind.TEXT, protocol.consent.types),
        "subject.consent_at": INSTANT,
        "subject.consent_type": ItemKind(Kind.TEXT, protocol.consent.types),
        "subject.inclusion_on": DAY,
        "subject.screened_on": DAY,
        "subject.first_infusion_on": DAY,
        "subject.group": ItemKind(Kind.TEXT, tuple(group.code for group in protocol.groups)),
    }


def visit_names(protocol: Protocol) -> dict[str, ItemKind]:
    """Return the names of the visit at which a form is captured; undetermined in a log."""
    codes = (*protocol.visit_codes, UNSCHEDULED)
    return {"visit.code": ItemKind(Kind.TEXT, codes), "visit.on": DAY}


def log_names(protocol: Protocol) -> dict[str, ItemKind]:
    """Return ``logs.form`` of each log: its other rows, to check that one exists or that all satisfy a rule."""
    return {
        f"logs.{code}": ItemKind(Kind.ROWS, columns=kinds_of_items(protocol.form(code).items))
        for code in protocol.logs
        if code in protocol.forms
    }


def definition_names(definitions: Mapping[str, str], names: Names) -> dict[str, ItemKind]:
    """Return ``definition.name`` with its kind; a definition that cannot be parsed counts as a condition."""
    known: dict[str, ItemKind] = {}
    for name in definitions:
        _learn(name, definitions, names, known, ())
    return known


def _learn(
    name: str,
    definitions: Mapping[str, str],
    names: Names,
    known: dict[str, ItemKind],
    within: tuple[str, ...],
) -> None:
    path = f"definition.{name}"
    if path in known or name in within:
        return
    try:
        tree = parse(definitions[name])
        for node in walk(tree):
            used = node.path.removeprefix("definition.") if isinstance(node, Name) else ""
            if used in definitions:
                _learn(used, definitions, names, known, (*within, name))
        known[path] = kind_of(tree, {**names, **known})
    except ExpressionError:
        # The mistake is reported at the definition itself; a kind here avoids a second message at each use.
        known[path] = LOGIC
