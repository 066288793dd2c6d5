"""Checks of items and forms: limits, units, choices, columns, names."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from protocol.checking.column_names import name_problems
from protocol.checking.shape import Problem, Written, repeated
from protocol.ctcae.laboratory_terms import criteria_of
from protocol.document.document import Protocol
from protocol.document.items import CHOICE_TYPES, Form, Item, Limits
from protocol.expressions.functions import FUNCTIONS, HISTORY
from protocol.expressions.kinds import BESIDE_FORMS
from protocol.values.units import UCUM

_OF_CEL: Final = """
as break const continue else false for function if import in let loop namespace null package return true var
void while
"""
FEWEST_AT_ONCE: Final = 2
RESERVED: Final = {*_OF_CEL.split(), *FUNCTIONS, *HISTORY, "subject", "definition", "missing"}
"""Words reserved by CEL or by the expressions of a protocol."""

_ONLY_FOR: Final[dict[str, tuple[str, ...]]] = {
    "unit": ("integer", "decimal"),
    "units": ("integer", "decimal"),
    "hard": ("integer", "decimal"),
    "soft": ("integer", "decimal"),
    "typical": ("integer", "decimal"),
    "decimals": ("decimal",),
    "reference": ("integer", "decimal"),
    "comparators": ("integer", "decimal"),
    "ctcae": ("integer", "decimal"),
    "known_from": ("integer", "decimal", "date"),
    "kinds": ("file",),
    "max_mb": ("file",),
    "max_length": ("text",),
    "choices": ("choice", "choices"),
    "columns": ("rows",),
    "max_rows": ("rows",),
    "calculate": ("integer", "decimal", "text", "choice", "yes_no"),
}


def item_problems(protocol: Protocol, raw: Mapping[str, Any]) -> list[Problem]:
    """Return the mistakes inside the forms, except those in expressions."""
    written = Written.in_file(raw)
    found = [problem for form in protocol.forms.values() for problem in _form(form, written)]
    observed = [
        problem for item in protocol.bedside.items for problem in _item(f"bedside.items.{item.name}", item)
    ]
    return [*found, *observed, *_known_elsewhere(protocol, written), *_graded(protocol)]


def _graded(protocol: Protocol) -> Iterator[Problem]:
    """Refuse a CTCAE term that the trial's version does not grade by a number, or not in the unit of the item."""
    version = protocol.safety.ctcae
    for form in protocol.forms.values():
        for item in form.items:
            path = f"forms.{form.code}.{item.name}.ctcae"
            yield from repeated(path, item.ctcae)
            for term in item.ctcae:
                criteria = criteria_of(term, version)
                if criteria is None:
                    yield Problem(
                        path, f"{term!r} has no numeric grades in CTCAE {version}: see safety.ctcae"
                    )
                elif item.is_numeric and criteria.scale_of(item.unit or "") is None:
                    yield Problem(
                        path, f"{term!r} cannot be graded in this unit: use one of {criteria.units}"
                    )
    nested = [(f"forms.{form.code}.{item.name}.columns", item.columns) for form, item in _all_items(protocol)]
    for path, items in [*nested, ("bedside.items", protocol.bedside.items)]:
        for item in items:
            if item.ctcae:
                yield Problem(f"{path}.{item.name}.ctcae", "only an item of a form is graded")


def _all_items(protocol: Protocol) -> Iterator[tuple[Form, Item]]:
    return ((form, item) for form in protocol.forms.values() for item in form.items)


def _known_elsewhere(protocol: Protocol, written: Written) -> Iterator[Problem]:
    """Refuse to offer a value of an item that is not the same question: another type or unit, or no such item."""
    for form in protocol.forms.values():
        for item in (each for each in form.items if each.known_from):
            path = f"forms.{form.code}.{item.name}.known_from"
            code, _dot, name = (item.known_from or "").partition(".")
            if code == form.code or item.known_from not in written.items:
                yield Problem(path, f"no item {item.known_from!r} of another form")
                continue
            # A form of another shape than it should have is reported as such.
            if code not in protocol.forms or name not in protocol.form(code):
                continue
            other = protocol.form(code).item(name)
            if (other.type, other.unit) != (item.type, item.unit):
                yield Problem(path, f"{item.known_from!r} has another type or unit")


def _form(form: Form, written: Written) -> Iterator[Problem]:
    path = f"forms.{form.code}"
    if form.code in RESERVED | BESIDE_FORMS:
        yield Problem(path, "this word is reserved for expressions")
    yield from repeated(path, (item.name for item in (*form.items, *form.masked_items)))
    yield from repeated(f"{path}.checks", (check.id for check in form.checks))
    for check in form.checks:
        if f"{form.code}.{check.on}" not in written.items:
            yield Problem(f"{path}.checks.{check.id}.on", f"unknown item {check.on!r}")
    yield from name_problems(form)
    yield from _answered_as_group(form)
    for item in form.masked_items:
        yield from _item(f"{path}.{item.name}", item)
    for item in form.items:
        yield from _item(f"{path}.{item.name}", item)
        yield from _columns(f"{path}.{item.name}", item, form)


def _answered_as_group(form: Form) -> Iterator[Problem]:
    for number, group in enumerate(form.groups, start=1):
        asked = [item for item in group.items if item.type == "yes_no" and not item.is_calculated]
        if group.all_no and len(asked) < FEWEST_AT_ONCE:
            yield Problem(f"forms.{form.code}.groups.{number}.all_no", "needs at least two yes/no items")


def _item(path: str, item: Item) -> Iterator[Problem]:
    if item.name in RESERVED:
        yield Problem(path, "this word is reserved for expressions")
    for key, types in _ONLY_FOR.items():
        if key in item.model_fields_set and item.type not in types:
            yield Problem(f"{path}.{key}", f"is for {' or '.join(types)}, this item is {item.type}")
    if item.is_numeric:
        yield from _units(path, item)
        yield from _limits(path, item)
    if item.type in CHOICE_TYPES and not item.choices:
        yield Problem(f"{path}.choices", "is required")
    if item.type == "rows" and not item.columns:
        yield Problem(f"{path}.columns", "is required")
    yield from repeated(f"{path}.kinds", item.kinds)
    yield from repeated(f"{path}.choices", item.codes)
    yield from repeated(f"{path}.missing", item.missing)
    if item.loinc is not None and not _is_loinc(item.loinc):
        yield Problem(f"{path}.loinc", f"{item.loinc}: the check digit does not fit")
    if item.is_calculated and item.comparators:
        yield Problem(f"{path}.comparators", "a calculated item is never typed")
    if item.is_calculated and item.required_when is not None:
        yield Problem(f"{path}.required_when", "a calculated item is never asked")


def _columns(path: str, item: Item, form: Form) -> Iterator[Problem]:
    yield from repeated(f"{path}.columns", (column.name for column in item.columns))
    for column in item.columns:
        place = f"{path}.columns.{column.name}"
        if column.type in ("rows", "file"):
            yield Problem(f"{place}.type", f"{column.type} inside rows do not exist")
        # A condition in a row sees the cells and the items of the form under their bare names.
        if column.name in form:
            yield Problem(place, "the form has an item of this name")
        yield from _item(place, column)


def _units(path: str, item: Item) -> Iterator[Problem]:
    if item.unit is not None and item.unit not in UCUM:
        yield Problem(f"{path}.unit", f"unknown unit {item.unit!r}")
    if item.units and item.unit is None:
        yield Problem(f"{path}.unit", "is required beside other units")
    if item.units and item.is_calculated:
        yield Problem(f"{path}.units", "a calculated item has one unit")
    yield from repeated(f"{path}.units", [item.unit or "", *(other.unit for other in item.units)])
    for other in item.units:
        if other.unit not in UCUM:
            yield Problem(f"{path}.units.{other.unit}", f"unknown unit {other.unit!r}")
        if not other.factor.is_finite() or other.factor <= 0:
            yield Problem(f"{path}.units.{other.unit}.factor", "should be more than 0")


def _limits(path: str, item: Item) -> Iterator[Problem]:
    for key, limits in (("hard", item.hard), ("soft", item.soft), ("typical", item.typical)):
        if limits is None:
            continue
        if not limits.lowest < limits.highest:
            yield Problem(f"{path}.{key}", f"write [lowest, highest]: {_range(limits)}")
        if item.type == "integer" and any(limit != int(limit) for limit in limits):
            yield Problem(f"{path}.{key}", f"whole numbers are limited by whole numbers: {_range(limits)}")
    if item.hard and item.soft and not all(item.hard.contains(limit) for limit in item.soft):
        yield Problem(f"{path}.soft", f"{_range(item.soft)} reaches outside hard {_range(item.hard)}")
    expected = item.soft or item.hard
    if item.typical and expected and not all(expected.contains(limit) for limit in item.typical):
        yield Problem(f"{path}.typical", f"{_range(item.typical)} reaches outside {_range(expected)}")


def _range(limits: Limits) -> str:
    return f"[{_plain(limits.lowest)}, {_plain(limits.highest)}]"


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _is_loinc(code: str) -> bool:
    """Return True if the last digit is the Luhn check digit of the others (LOINC Users' Guide)."""
    digits, check = code.split("-")
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(check)
