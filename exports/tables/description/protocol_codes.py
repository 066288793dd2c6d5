"""Codes that a protocol names (visits, groups, arms, forms, criteria, products) and roles, for the columns with them.

The list of a column is that of all protocol versions, so that a code has the same place, and the same number where a
format counts codes, in every table of an archive.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_noop

from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import Code, from_catalogue, from_protocol
from exports.tables.forms import FOLDER
from protocol.document.design import UNSCHEDULED, EligibilityCriterion
from protocol.document.document import Protocol
from protocol.document.items import Text
from safety.models import NOT_OF_SPECIAL_INTEREST
from trials.roles import CHOICES

Named = Iterable[tuple[str, Text]]


def _criteria(criteria: Iterable[EligibilityCriterion]) -> Named:
    return ((each.id, each.text) for each in criteria)


def _tests(rules: Protocol) -> Named:
    return ((test.code, test.title) for product in rules.products for test in product.tests)


def _levels(rules: Protocol) -> Named:
    return ((each.code, each.title) for each in (rules.dosing.levels if rules.dosing else ()))


def _donor_items(rules: Protocol) -> Named:
    return ((item.name, item.label) for item in (rules.donors.items if rules.donors else ()))


OF_PROTOCOL: Final[dict[str, Callable[[Protocol], Named]]] = {
    "visit": lambda rules: ((each.code, each.title) for each in rules.visits),
    "form": lambda rules: ((code, each.title) for code, each in rules.forms.items()),
    "group": lambda rules: ((each.code, each.title) for each in rules.groups),
    "arm": lambda rules: ((each.code, each.title) for each in rules.arms),
    "aesi": lambda rules: ((each.code, each.title) for each in rules.safety.aesi),
    "sample": lambda rules: ((each.code, each.title) for each in rules.samples),
    "level": _levels,
    "product": lambda rules: ((each.code, each.title) for each in rules.products),
    "release test": _tests,
    "criterion": lambda rules: _criteria(rules.eligibility),
    "donor criterion": lambda rules: _criteria(rules.donors.criteria if rules.donors else ()),
    "donor item": _donor_items,
}
"""What a protocol version names, with a text for each code."""
# Where a protocol names codes, this one of the system goes with them.
OF_SYSTEM: Final = {
    "visit": (UNSCHEDULED, gettext_noop("Unscheduled visit")),
    "aesi": (NOT_OF_SPECIAL_INTEREST, gettext_noop("Not of special interest")),
}
ROLES: Final = "role"
IN_ALL_TABLES: Final = {
    name: name for name in ("visit", "group", "arm", "level", "product", "form", ROLES)
} | {"patient_group": "group"}
IN_ONE_TABLE: Final = {
    ("adverse_events", "aesi"): "aesi",
    ("samples", "kind"): "sample",
    ("criteria", "criterion"): "criterion",
    ("lot_results", "test"): "release test",
    ("donor_criteria", "criterion"): "donor criterion",
    ("donor_answers", "item"): "donor item",
}
# The other columns of a form are items, which may have any name.
IN_FORMS: Final = ("visit", "patient_group", "arm")


def with_protocol_codes(tables: Iterable[StudyTable], versions: Sequence[Protocol]) -> Iterator[StudyTable]:
    """Yield the tables with the codes of their columns. versions: of the protocol, the oldest first."""
    lists = {name: _codes(name, versions) for name in (*OF_PROTOCOL, ROLES)}
    for table in tables:
        yield replace(table, columns=tuple(_with_codes(table.name, each, lists) for each in table.columns))


def _with_codes(table: str, column: TableColumn, lists: dict[str, tuple[Code, ...]]) -> TableColumn:
    if column.codes or column.free_text or column.kind != "text":
        return column
    if table.startswith(FOLDER) and column.name not in IN_FORMS:
        return column
    name = IN_ONE_TABLE.get((table, column.name)) or IN_ALL_TABLES.get(column.name)
    return replace(column, codes=lists[name]) if name else column


def _codes(name: str, versions: Sequence[Protocol]) -> tuple[Code, ...]:
    """Return the codes of all versions in order of appearance, each with its newest text."""
    if name == ROLES:
        return tuple(Code(code, from_catalogue(title)) for code, title in CHOICES)
    found: dict[str, Code] = {}
    for rules in versions:
        for code, text in OF_PROTOCOL[name](rules):
            found[code] = Code(code, from_protocol(text))
    if found and name in OF_SYSTEM:
        code, words = OF_SYSTEM[name]
        # The first one, so that a later version of the protocol moves no number.
        found = {code: Code(code, from_catalogue(words)), **found}
    return tuple(found.values())
