"""Differences between two versions of a protocol: forms, items, visits, criteria, edit checks and the rest.

A protocol is split into parts (`ProtocolPart`), each a flat table of properties, and the parts are compared. Every
key of the file belongs to a part, so no change is missed. No Django.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from protocol.document.document import Protocol
from protocol.document.items import Form, Text

Kind = Literal["added", "removed", "moved", "changed"]
KEYS = ("code", "name", "id", "form", "unit", "key", "arm", "group", "infusion", "visit")
"""Keys that identify an element of a list."""
MOVES = frozenset({"anchor", "day", "window"})
LISTED = {
    "eligibility": "id", "visits": "code", "outcomes": "id", "arms": "code", "groups": "code",
    "samples": "code",
    "stopping_rules": "id",
}  # fmt: skip
"""Tables whose elements are parts of their own, with the key that identifies each element."""


@dataclass(frozen=True, slots=True)
class Order:
    """The order of some elements. Adding or removing an element does not change the order of the others."""

    keys: tuple[str, ...]

    def among(self, others: "Order") -> tuple[str, ...]:
        """Return the keys that the other order has too."""
        return tuple(key for key in self.keys if key in others.keys)


Properties = Mapping[str, str | Order]


@dataclass(frozen=True, slots=True)
class ProtocolPart:
    """One part of a protocol: its path (`forms.vitals.sbp`), its title and its properties."""

    path: str
    section: str
    title: Text | str
    properties: Properties


@dataclass(frozen=True, slots=True)
class Detail:
    """One property that differs, as written in the file; empty on the side that does not have it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ProtocolChange:
    """One part that differs, with the properties that differ; all properties if it was added or removed."""

    path: str
    section: str
    kind: Kind
    title: Text | str
    details: tuple[Detail, ...] = field(default=())


def difference(before: Protocol, after: Protocol) -> list[ProtocolChange]:
    """Return the parts that differ in the order of the new version, then the removed ones; empty if equal."""
    return _between(parts(before), parts(after))


def _between(before: Iterable[ProtocolPart], after: Iterable[ProtocolPart]) -> list[ProtocolChange]:
    old, new = ({part.path: part for part in each} for each in (before, after))
    found = [_compared(old.get(path), part) for path, part in new.items()]
    removed = [
        _change(part, "removed", _details(part.properties, {}))
        for path, part in old.items()
        if path not in new
    ]
    return [change for change in found if change is not None] + removed


def _compared(old: ProtocolPart | None, new: ProtocolPart) -> ProtocolChange | None:
    if old is None:
        return _change(new, "added", _details({}, new.properties))
    details = _details(old.properties, new.properties)
    if not details:
        return None
    moved = new.section == "visits" and any(detail.name in MOVES for detail in details)
    return _change(new, "moved" if moved else "changed", details)


def _change(part: ProtocolPart, kind: Kind, details: tuple[Detail, ...]) -> ProtocolChange:
    return ProtocolChange(part.path, part.section, kind, part.title, details)


def _details(before: Properties, after: Properties) -> tuple[Detail, ...]:
    return tuple(_differing(before, after))


def _differing(before: Properties, after: Properties) -> Iterator[Detail]:
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name, ""), after.get(name, "")
        if isinstance(old, Order) and isinstance(new, Order):
            earlier, later = old.among(new), new.among(old)
            if earlier != later:
                yield Detail(name, " ".join(earlier), " ".join(later))
        # An order on one side only: its elements were added or removed, and are reported themselves.
        elif isinstance(old, str) and isinstance(new, str) and old != new:
            yield Detail(name, old, new)


def form_difference(before: Form, after: Form) -> list[ProtocolChange]:
    """Return the differences between two versions of one form: the form itself, its items and its checks."""
    return _between(_form(before), _form(after))


def parts(protocol: Protocol) -> Iterator[ProtocolPart]:
    """Yield the whole protocol as parts: every property of the file belongs to one of them."""
    content = protocol.model_dump(by_alias=True)
    for table in ("trial", *(name for name in content if name not in ("trial", "forms"))):
        if table in LISTED:
            yield from _listed(table, content[table], getattr(protocol, table))
        elif table == "definitions":
            for name, expression in content[table].items():
                yield ProtocolPart(f"definitions.{name}", table, name, {"expression": _one_line(expression)})
        elif content[table]:
            name = "" if isinstance(content[table], Mapping) else table
            yield ProtocolPart(table, table, table, dict(_properties(name, content[table])))
    yield ProtocolPart("forms", "forms", "forms", {"order": Order(tuple(protocol.forms))})
    for form in protocol.forms.values():
        yield from _form(form)


def _listed(table: str, rows: Sequence[Mapping[str, Any]], models: Sequence[Any]) -> Iterator[ProtocolPart]:
    key = LISTED[table]
    yield ProtocolPart(table, table, table, {"order": Order(tuple(str(row[key]) for row in rows))})
    for row, model in zip(rows, models, strict=True):
        title: Any = getattr(model, "title", None) or getattr(model, "text", "")
        yield ProtocolPart(f"{table}.{row[key]}", table, title, dict(_properties("", _but(row, key))))


def _form(form: Form) -> Iterator[ProtocolPart]:
    path, content = f"forms.{form.code}", form.model_dump(by_alias=True)
    own = _but(content, "code", "groups", "items", "checks")
    titles = {"groups": "; ".join(_group_words(form))} if any(group.title for group in form.groups) else {}
    if numbers := [str(number) for number, group in enumerate(form.groups, start=1) if group.all_no]:
        titles["groups.all_no"] = ", ".join(numbers)
    orders = {
        "order": Order(tuple(i.name for i in form.items)),
        "checks": Order(tuple(c.id for c in form.checks)),
    }
    yield ProtocolPart(path, "forms", form.title, {**dict(_properties("", own)), **titles, **orders})
    for number, group in enumerate(form.groups, start=1):
        place = str(group.title) if group.title else str(number)
        for item in group.items:
            properties = dict(_properties("", _but(item.model_dump(), "name")))
            content = {**properties, "group": place} if len(form.groups) > 1 else properties
            yield ProtocolPart(f"{path}.{item.name}", "items", item.label, content)
    for item in form.masked_items:
        properties = dict(_properties("", _but(item.model_dump(), "name")))
        yield ProtocolPart(f"{path}.{item.name}", "items", item.label, properties)
    for check in form.checks:
        properties = dict(_properties("", _but(check.model_dump(), "id")))
        yield ProtocolPart(f"{path}.checks.{check.id}", "checks", check.message, properties)


def _group_words(form: Form) -> Iterator[str]:
    for group in form.groups:
        yield (
            " / ".join(f"{language}: {words}" for language, words in group.title.root.items())
            if group.title
            else "–"
        )


def _properties(name: str, value: Any) -> Iterator[tuple[str, str | Order]]:
    """Yield the scalar properties of a value, named by their keys: `choices.F.label`, `window`, `title.fr`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _properties(_joined(name, "" if key == "en" else str(key)), inner)
    elif isinstance(value, list | tuple) and value and all(_key(each) for each in value):
        yield _joined(name, "order"), Order(tuple(str(each[_key(each)]) for each in value))
        for each in value:
            known_by = _key(each)
            # An element without further properties must differ from a missing one.
            yield from _properties(_joined(name, str(each[known_by])), _but(each, known_by) or "✓")
    elif value is not None and value != () and value != []:
        yield name, _written(value)


def _key(element: Any) -> str:
    """Return the key that identifies an element, or an empty string."""
    if not isinstance(element, Mapping):
        return ""
    return next((key for key in KEYS if element.get(key) is not None), "")


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(_written(each) for each in value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    return _one_line(value) if isinstance(value, str) else str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _joined(name: str, key: str) -> str:
    return ".".join(part for part in (name, key) if part)


def _but(row: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in keys}
