"""Answers carried from one version of a form to another: what fits, what has to be answered again, what is kept.

Values of items that the form does not ask any more stay with the record (DAT-09); they are read, never typed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patients.answers import PLAIN, path, zone_of
from trials.items import Clock, NotOffered, Value, ValueRefused, is_answered, parse, typed
from trials.protocol_items import Form, Item

Posted = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Carried:
    """The answers that fit the form; `unfit` are paths whose old answer cannot be given any more."""

    values: dict[str, Value] = field(default_factory=dict)
    unfit: tuple[str, ...] = ()


def retired(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """The values of items that the form does not ask."""
    return {name: value for name, value in values.items() if name not in form}


def asked(values: Mapping[str, Value], form: Form) -> dict[str, Value]:
    """The values of items that the form asks."""
    return {name: value for name, value in values.items() if name in form}


def carried(values: Mapping[str, Value], form: Form) -> Carried:
    """The answers as this version of the form takes them."""
    kept: dict[str, Value] = {}
    unfit: list[str] = []
    for item in form.items:
        value = values.get(item.name)
        if value is None or item.is_calculated:
            continue
        if item.type == "rows" and isinstance(value, list):
            kept[item.name] = [_row(item, number, row, unfit) for number, row in enumerate(value)]
        elif (taken := _taken(item, value)) is not None:
            kept[item.name] = taken
        else:
            unfit.append(item.name)
    return Carried(kept, tuple(unfit))


def _row(item: Item, number: int, row: Mapping[str, Value], unfit: list[str]) -> dict[str, Value]:
    kept = {}
    for column in item.columns:
        if (value := row.get(column.name)) is None or column.is_calculated:
            continue
        if (taken := _taken(column, value)) is not None:
            kept[column.name] = taken
        else:
            unfit.append(path(item.name, number, column.name))
    return kept


def _taken(item: Item, value: Value) -> Value | None:
    """The value as if it were typed into this item; None when the item does not take it."""
    plain = item.model_copy(update={"type": "text"}) if item.type == "rows" else item
    try:
        found: Value | None = parse(typed(value, plain), plain, Clock(zone_of(value)))
    except (NotOffered, ValueRefused, AttributeError, KeyError, TypeError):
        return None
    return found if is_answered(found) else None


def fitting(
    form: Form, posted: Iterable[tuple[str, Sequence[str]]], clock: Clock
) -> list[tuple[str, Sequence[str]]]:
    """The inputs of a page made under another version that this form has, with answers that it offers."""
    kept = [(name, texts) for name, texts in posted if _is_input(name, form)]
    refused = {item.name for item in form.items if not _offers(item, kept, clock)}
    return [(name, texts) for name, texts in kept if name.split("-")[0] not in refused]


def _is_input(name: str, form: Form) -> bool:
    head, *rest = name.split("-")
    if head not in form:
        return name.startswith("_") or name in PLAIN
    item = form.item(head)
    columns = {column.name for column in item.columns}
    return not item.is_calculated and not (len(rest) > 1 and rest[1] not in columns | {"remove"})


def _offers(item: Item, kept: Iterable[tuple[str, Sequence[str]]], clock: Clock) -> bool:
    if item.is_calculated or item.type == "rows":
        return True
    parts: dict[str, Any] = {}
    for name, texts in kept:
        head, _dash, part = name.partition("-")
        if head == item.name and part != "confirm":
            parts[part] = list(texts)
    try:
        parse(parts, item, clock)
    except NotOffered:
        return False
    except ValueRefused:
        return True
    return True
