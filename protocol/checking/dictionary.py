"""Tables of the captured data: the columns and cells of each CSV file, and the data dictionary.

Each form is one table; each item with repeating rows is a table of its own (``form__item``). An item is one
column, plus further columns where its value has more parts. Repeating rows that are missing as a whole have their
missing code in the table of the form. The columns:

- ``name__unit`` of a number that may be entered in several units: the unit of ``name``, ``name__limit`` and the
  reference range. ``name__entered``, ``name__entered_unit``: text and unit as entered (``<0.06`` for a result beyond a
  limit).
- ``name__utc``, ``name__zone`` of a date with a time: the instant and the name of the time zone; ``name`` holds the
  local date and time, ISO 8601 without offset. ``name__precision`` of these and of a date that may be partial: year,
  month, day or minute.
- ``name__comparator``, ``name__limit`` of a number that may lie beyond a limit of detection: ``<``, ``<=``, ``>`` or
  ``>=``, and the limit in the item's unit. ``name`` is then blank: the limit is never the result.
- ``name__missing``, ``name__reason``: missing code and its reason. "Not applicable" is ``NAP`` in every file:
  R and pandas read ``NA`` as an empty cell.
- ``name__<code>``, one per code of a multiple choice: 1 or 0, blank if not answered (DAT-02, DAT-10).
- ``name__ref_low``, ``name__ref_high``, ``name__flag`` of a laboratory number: the reference range that applied, in
  the item's unit (blank where it is open), and low, normal, high, undecided (a result beyond a limit that may lie
  inside or outside), or no_range where no range applied (LAB-03).
- ``name__file``, ``name__sha256``, ``name__bytes`` of an attached file: path in the archive, hash and size;
  ``name`` holds its original name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from protocol.document.document import Protocol
from protocol.document.items import Form, Item, Limits
from protocol.values.file_kinds import EXTENSIONS
from protocol.values.moment_parts import moment_parts
from protocol.values.reference_ranges import RangeReading, Readings, Side, laboratory_items

LIMIT_PARTS = ("comparator", "limit")
UNIT_PARTS = ("unit", "entered", "entered_unit")
MINUTE_PARTS = ("utc", "zone", "precision")
PARTIAL_DATE_PARTS = ("precision",)
MISSING_PARTS = ("missing", "reason")
REFERENCE_PARTS = ("ref_low", "ref_high", "flag")
FILE_PARTS = ("file", "sha256", "bytes")
FILE_FOLDER = "files/"
# In files only: what is stored and shown keeps the code.
MISSING_IN_FILES = {"NA": "NAP"}


@dataclass(frozen=True)
class FormTable:
    """A table of captured values: its name and the items that are its columns."""

    name: str
    form: Form
    items: tuple[Item, ...]
    rows_of: Item | None = None

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the form."""
        return tuple(column for item in self.items for column in self.columns_of(item))

    def columns_of(self, item: Item) -> Iterator[str]:
        """Yield the column names of one item, including the reference range of a laboratory item."""
        yield from columns_of(item)
        if item.name in self.with_ranges:
            yield from (f"{item.name}__{part}" for part in REFERENCE_PARTS)

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of the items."""
        return frozenset(item.name for item in self.items)

    @cached_property
    def with_ranges(self) -> frozenset[str]:
        """Items for which a laboratory gives reference ranges."""
        items = () if self.rows_of else laboratory_items(self.form)
        return frozenset(item.name for item in items)

    def cells(self, values: Mapping[str, Any], readings: Readings | None = None) -> list[str]:
        """Return the captured ``values`` of one record or row as text, in the order of the columns.

        ``readings`` holds by item how laboratory values compare with their reference ranges.
        """
        cells: list[str] = []
        for name, item, blanks, ranged in self._layout:
            value = values.get(name)
            if blanks is not None and (value is None or type(value) is str):
                cells.append(value or "")
                cells += blanks
            else:
                cells += cells_of(item, value)
            if ranged:
                cells += _range_cells((readings or {}).get(name))
        return cells

    @cached_property
    def _layout(self) -> tuple[tuple[str, Item, tuple[str, ...] | None, bool], ...]:
        """Name and item of each column, the blanks after a value that is a mere text, and whether it has a range.

        None instead of the blanks: a text fills further columns.
        """
        return tuple(
            (item.name, item, _blanks_after_text(item), item.name in self.with_ranges) for item in self.items
        )


@dataclass(frozen=True, slots=True)
class DictionaryRow:
    """One item in the data dictionary; every field is text."""

    table: str
    item: str
    columns: str
    form_title: str
    label: str
    type: str
    unit: str
    other_units: str
    choices: str
    hard_limits: str
    soft_limits: str
    decimals: str
    required: str
    shown_when: str
    calculate: str
    missing_codes: str
    cdisc_domain: str
    cdisc: str
    loinc: str
    source: str

    def as_text(self) -> tuple[str, ...]:
        """Return the fields in the order of `HEADER`."""
        return tuple(getattr(self, name) for name in HEADER)


HEADER: tuple[str, ...] = tuple(field.name for field in fields(DictionaryRow))


def tables(protocol: Protocol) -> list[FormTable]:
    """Return the tables of all forms; the tables of repeating rows follow their form."""
    return [table for form in protocol.forms.values() for table in tables_of(form)]


def tables_of(form: Form) -> Iterator[FormTable]:
    """Yield the table of a form, then the tables of its repeating rows."""
    yield FormTable(form.code, form, form.items)
    for item in form.items:
        if item.type == "rows":
            yield FormTable(f"{form.code}__{item.name}", form, item.columns, item)


def columns(form: Form) -> list[str]:
    """Return the column names of a form's own table."""
    return list(next(tables_of(form)).columns)


def rows(protocol: Protocol, language: str = "en") -> list[DictionaryRow]:
    """Return the data dictionary: one row per item; the columns of repeating rows are listed under their own table."""
    return [_row(table, item, language) for table in tables(protocol) for item in table.items]


def rows_of_versions(protocols: Iterable[Protocol], language: str = "en") -> list[tuple[DictionaryRow, str]]:
    """Return the data dictionary of several versions (oldest first): each row with the versions it holds for."""
    found: dict[tuple[str, str], dict[DictionaryRow, list[str]]] = {}
    order: dict[str, None] = {}
    for protocol in protocols:
        for row in rows(protocol, language):
            order.setdefault(row.table)
            found.setdefault((row.table, row.item), {}).setdefault(row, []).append(protocol.trial.version)
    rows_with_versions = [
        (row, _joined(versions)) for each in found.values() for row, versions in each.items()
    ]
    places = list(order)
    return sorted(rows_with_versions, key=lambda pair: places.index(pair[0].table))


def columns_of(item: Item) -> Iterator[str]:
    """Yield the column names of one item. Of repeating rows only those of the missing code: the rows are a table."""
    if item.type == "choices":
        yield from (f"{item.name}__{code}" for code in item.codes)
    elif item.type != "rows":
        yield item.name
    if item.type == "file":
        yield from (f"{item.name}__{part}" for part in FILE_PARTS)
    if item.comparators:
        yield from (f"{item.name}__{part}" for part in LIMIT_PARTS)
    if item.units:
        yield from (f"{item.name}__{part}" for part in UNIT_PARTS)
    if item.type == "datetime":
        yield from (f"{item.name}__{part}" for part in MINUTE_PARTS)
    if item.type == "partial_date":
        yield from (f"{item.name}__{part}" for part in PARTIAL_DATE_PARTS)
    if _may_be_missing(item):
        yield from (f"{item.name}__{part}" for part in MISSING_PARTS)


def cells_of(item: Item, value: Any) -> list[str]:
    """Return a captured value as the cells of the item's columns; blank cells for a blank value."""
    parts = value if isinstance(value, Mapping) else {}
    plain = parts.get("name" if item.type == "file" else "value") if parts else value
    cells = _value_cells(item, plain)
    own = parts.get("limit", cells[0] if cells else "")
    if item.comparators:
        cells += [parts.get("comparator", ""), parts.get("limit", "")]
    if item.units:
        entered = f"{parts.get('comparator', '')}{parts.get('entered', own)}"
        unit = item.unit or "" if own else ""
        cells += [unit, entered, parts.get("unit", unit)]
    cells += _moment_cells(item, plain)
    if item.type == "file":
        cells += [
            file_path(parts) if "file" in parts else "",
            parts.get("sha256", ""),
            _text(parts.get("size")),
        ]
    if _may_be_missing(item):
        cells += [missing_in_files(parts.get("missing", "")), parts.get("reason", "")]
    return cells


def _blanks_after_text(item: Item) -> tuple[str, ...] | None:
    """Return the cells of an item after that of a value which is a text; None if they depend on the text."""
    if item.type in ("choices", "rows", "file", "datetime", "partial_date") or item.units:
        return None
    return ("",) * (len(list(columns_of(item))) - 1)


def missing_in_files(code: str) -> str:
    """Return a missing code as it stands in data files."""
    return MISSING_IN_FILES.get(code, code)


def _value_cells(item: Item, value: Any) -> list[str]:
    if item.type == "choices":
        return _chosen(item, value)
    if item.type == "datetime" and value is not None:
        return [moment_parts(value).local]
    return [] if item.type == "rows" else [_text(value)]


def _moment_cells(item: Item, value: Any) -> list[str]:
    if item.type not in ("datetime", "partial_date"):
        return []
    parts = moment_parts(_text(value))
    if item.type == "datetime":
        return [parts.utc, parts.zone, parts.precision]
    return [parts.precision]


def _range_cells(reading: RangeReading | None) -> list[str]:
    if reading is None or reading.side == Side.NO_VALUE:
        return ["", "", ""]
    bounds = ("" if bound is None else f"{bound:f}" for bound in (reading.low, reading.high))
    return [*bounds, str(reading.side)]


def file_path(value: Mapping[str, Any]) -> str:
    """Return the path of an attached file inside the archive of an export."""
    return f"{FILE_FOLDER}{value['file']}.{EXTENSIONS[value['kind']]}"


def _chosen(item: Item, value: Any) -> list[str]:
    if not isinstance(value, list) or not value:
        return [""] * len(item.codes)
    return ["1" if code in value else "0" for code in item.codes]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _may_be_missing(item: Item) -> bool:
    return bool(item.missing) and not item.is_calculated


def _row(table: FormTable, item: Item, language: str) -> DictionaryRow:
    return DictionaryRow(
        table=table.name,
        item=item.name,
        columns=" ".join(table.columns_of(item)),
        form_title=table.form.title.in_language(language),
        label=item.label.in_language(language),
        type=item.type,
        unit=item.unit or "",
        other_units=_joined(_conversion(item)),
        choices=_joined(f"{choice.code} = {choice.label.in_language(language)}" for choice in item.choices),
        hard_limits=_range(item.hard),
        soft_limits=_range(item.soft),
        decimals=_text(item.decimal_places),
        required=_required(item),
        shown_when=_one_line(item.shown_when),
        calculate=_one_line(item.calculate),
        missing_codes=_joined(map(missing_in_files, item.missing) if _may_be_missing(item) else ()),
        cdisc_domain=table.form.cdisc_domain or "",
        cdisc=item.cdisc or "",
        loinc=item.loinc or "",
        source=item.source or "",
    )


def _conversion(item: Item) -> Iterator[str]:
    for other in item.units:
        offset = f" + {other.offset:f}" if other.offset else ""
        yield f"{other.unit} × {other.factor:f}{offset}"


def _required(item: Item) -> str:
    if item.is_calculated:
        return "calculated"
    if item.required_when:
        return f"when {_one_line(item.required_when)}"
    return "yes" if item.required else "no"


def _joined(parts: Iterable[str]) -> str:
    return "; ".join(parts)


def _range(limits: Limits | None) -> str:
    return f"{limits.lowest:f} to {limits.highest:f}" if limits else ""


def _one_line(expression: str | None) -> str:
    return " ".join((expression or "").split())
