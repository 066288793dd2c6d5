"""Records as tables: one per form and one per item with repeating rows, over all protocol versions."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from django.db.models import Exists, F
from django.db.models.lookups import IsNull

from audit.concealment import without_entries
from exports.selection import EVERYTHING, ChosenRows
from exports.tables.cell_sql import Instant
from exports.tables.cells import cell, safe_free_text
from exports.tables.choosing import IS_LOCKED, records
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import codes_of_versions
from exports.tables.row_context import RowContext
from patients.casebook.range_flags import subjects_of
from patients.models import Record
from patients.models.attachments import OF_FILES
from patients.participation.visit_status import VALID_SIGNATURE
from protocol.checking import column_names, dictionary
from protocol.checking.column_kinds import Kind, kind_of
from protocol.checking.column_labels import label_of
from protocol.document.items import Item
from protocol.values.reference_ranges import RangeBook, RangeSubject, Readings
from protocol.values.row_ids import cells_of, row_id, rows_of
from trials.laboratories.ranges import book_of
from trials.models import Trial

# Path of the stored field by key column, or its expression. Number and id of a row come from the list of rows.
SOURCES: dict[str, Any] = {
    "patient": "patient__code",
    "visit": "visit__code",
    "visit_number": "visit__number",
    "repeat": "repeat",
    "status": "state",
    "protocol_version": "protocol__version",
    "entered_at": Instant("created_at"),
    "completed_at": Instant("completed_at"),
    "visit_date": "visit__held_on",
    "patient_group": "patient__group",
    "is_verified": IsNull(F("verified_at"), False),
    "is_signed": Exists(VALID_SIGNATURE),
    "is_locked": IS_LOCKED,
}
KEY_KINDS: dict[str, Kind] = {
    "visit_number": "integer", "repeat": "integer", "row": "integer", "visit_date": "date",
    "entered_at": "instant", "completed_at": "instant", "is_verified": "flag", "is_signed": "flag", "is_locked": "flag",
}  # fmt: skip


def _key(name: str, label: str) -> TableColumn:
    return TableColumn(name, name, label, kind=KEY_KINDS.get(name, "text"))


KEYS = tuple(_key(name, label) for name, label in column_names.KEY_COLUMNS.items())
ROW_KEYS = tuple(_key(name, label) for name, label in column_names.ROW_KEY_COLUMNS.items())
# A form may have any name. In a folder of its own, its table cannot collide with a table of the study.
FOLDER = "forms/"
Layout = tuple[dictionary.FormTable, list[int] | None]
# Columns that select the reference range, read with the keys.
ASKED = ("patient_id", "visit__held_on", "visit__planned_on", "pk")


class RangeReadings:
    """Reference-range readings of a trial. Ranges and patients are read once, on first use."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    @cached_property
    def ranges(self) -> RangeBook:
        """Return the reference ranges of the trial."""
        return book_of(self.trial)

    @cached_property
    def subjects(self) -> dict[int, RangeSubject]:
        """Return each patient's sex and age, which select the reference range."""
        return subjects_of(self.trial)

    def readings(
        self, table: dictionary.FormTable, values: dict[str, Any], patient_columns: list[Any]
    ) -> Readings:
        """Return the reading of each laboratory item of a record. `patient_columns` are the values of the columns in
        `ASKED`."""
        if not table.with_ranges:
            return {}
        patient, held_on, planned_on, _record = patient_columns
        subject = self.subjects.get(patient, RangeSubject())
        return self.ranges.read(table.form, values, subject=subject, day=held_on or planned_on)


def form_tables(
    trial: Trial,
    *,
    sees_files: bool = False,
    sees_treatment: bool = False,
    selection: ChosenRows = EVERYTHING,
) -> Iterator[StudyTable]:
    """Yield the tables of the selected forms. Columns of items that an amendment removed are kept. One query for the
    versions.

    Only users who may read files get the hash of a file and its path in the archive.
    """
    versions = list(trial.versions.order_by("effective_from", "pk"))
    by_name: dict[str, dict[str, dictionary.FormTable]] = {}
    for version in versions:
        for table in dictionary.tables(version.rules):
            by_name.setdefault(table.name, {})[version.version] = table
    judge = RangeReadings(trial)
    context = RowContext(trial, versions, sees_treatment=sees_treatment, selection=selection)
    for name, layouts in by_name.items():
        if not selection.forms or next(iter(layouts.values())).form.code in selection.forms:
            hidden = () if sees_files else OF_FILES.parts
            yield _table(judge, context, name, layouts, hidden, selection)


def _table(
    judge: RangeReadings,
    context: RowContext,
    name: str,
    layouts: dict[str, dictionary.FormTable],
    hidden: Collection[str],
    selection: ChosenRows,
) -> StudyTable:
    newest = list(layouts.values())[-1]
    columns = _columns(layouts)
    keys = (*KEYS, *context.columns, *(ROW_KEYS if newest.rows_of else ()))
    escaped = tuple(column.name for column in columns if column.free_text)
    title = newest.form.title.in_language("en")
    if newest.rows_of:
        title = f"{title}: {newest.rows_of.label.in_language('en')}"
    rows = _reader(judge, context, layouts, columns, hidden, selection)
    return StudyTable(FOLDER + name, title, (*keys, *columns), rows, escaped)


def _columns(layouts: dict[str, dictionary.FormTable]) -> list[TableColumn]:
    """Return the columns of all versions, each once, in order of appearance, as the newest version defines them.

    An amendment may widen the type of an item: every answer of an earlier version is one of the wider type too.
    """
    found: dict[str, TableColumn] = {}
    codes = codes_of_versions(layouts.values())
    for table in layouts.values():
        for item in table.items:
            for name in table.columns_of(item):
                free = (item.type in ("text", "file") and name == item.name) or name.endswith("__reason")
                column = TableColumn(name, name, label_of(item, name), free_text=free)
                found[name] = replace(column, kind=kind_of(item, name), codes=codes.get(name, ()))
    return list(found.values())


def _reader(
    judge: RangeReadings,
    context: RowContext,
    layouts: dict[str, dictionary.FormTable],
    columns: list[TableColumn],
    hidden: Collection[str],
    selection: ChosenRows,
) -> Callable[[], Iterator[tuple[Any, ...]]]:
    newest = list(layouts.values())[-1]
    names = [column.name for column in columns]
    placed: dict[str, Layout] = {
        version: (table, _places(table, names)) for version, table in _with_wider_items(layouts).items()
    }
    free = [index for index, column in enumerate(columns) if column.free_text]
    repeated = newest.rows_of.name if newest.rows_of else ""
    own_columns = _own_columns(layouts, names)
    not_asked = {
        version: tuple(name for name in own_columns if name not in {item.name for item in table.items})
        for version, table in layouts.items()
    }
    last: Layout = (newest, _places(newest, names))
    files = any(item.type == "file" for table in layouts.values() for item in table.items)
    hidden = hidden if files else ()

    def rows() -> Iterator[tuple[Any, ...]]:
        baseline = {} if repeated else context.baselines.of_form(newest.form.code)
        for *sources, values in _records(judge.trial, newest.form.code, selection):
            keys, patient_columns = sources[: len(KEYS)], sources[len(KEYS) :]
            table, places = placed.get(keys[5], last)
            patient, held_on, _planned_on, record = patient_columns
            key_cells = [
                *(cell(key) for key in keys),
                *context.cells(patient, held_on),
                "" if repeated else baseline.get(record, ""),
            ]
            never = not_asked.get(keys[5], ())
            readings = judge.readings(table, values, patient_columns)
            for number, answers in _answers(without_entries(values, hidden), repeated):
                cells = _spread(table.cells(answers, readings), places, len(names))
                for name in answers.keys() & own_columns.keys() - table.names:
                    _fill(cells, own_columns[name], answers)
                for index in free:
                    if cells[index]:
                        cells[index] = safe_free_text(cells[index])
                yield (*key_cells, " ".join(name for name in never if name not in answers), *number, *cells)

    return rows


def _with_wider_items(layouts: dict[str, dictionary.FormTable]) -> dict[str, dictionary.FormTable]:
    """Return the tables with each item whose type an amendment widened as the newest version defines it.

    So a whole day has its precision too where a later version also takes a month.
    """
    newest = {item.name: item for table in layouts.values() for item in table.items}

    def wider(item: Item) -> Item:
        return item if newest[item.name].type == item.type else newest[item.name]

    return {
        version: replace(table, items=tuple(map(wider, table.items))) for version, table in layouts.items()
    }


def _own_columns(
    layouts: dict[str, dictionary.FormTable], names: list[str]
) -> dict[str, tuple[dictionary.FormTable, list[int]]]:
    """Return each item's own columns, as its newest version defines them.

    A record edited under a later version keeps the values of items that this version has no more.
    """
    found = {}
    for table in layouts.values():
        for item in table.items:
            alone = replace(table, items=(item,))
            found[item.name] = alone, [names.index(name) for name in alone.columns]
    return found


def _fill(
    cells: list[str], own_columns: tuple[dictionary.FormTable, list[int]], answers: dict[str, Any]
) -> None:
    table, places = own_columns
    for place, text in zip(places, table.cells(answers), strict=True):
        cells[place] = text


def _records(trial: Trial, form: str, selection: ChosenRows) -> Iterator[tuple[Any, ...]]:
    rows = records(Record.objects.filter(patient__trial=trial, form=form), selection)
    rows = rows.order_by("patient__number", "visit__position", "visit__number", "repeat", "pk")
    sources = [*SOURCES.values(), *ASKED]
    # Small chunks: a row holds all answers of a form.
    return rows.values_list(*sources, "values").iterator(chunk_size=200)


def _answers(values: dict[str, Any], table: str) -> Iterator[tuple[tuple[int | str, ...], dict[str, Any]]]:
    if not table:
        yield (), values
        return
    for number, row in enumerate(rows_of(values.get(table)), start=1):
        yield (number, row_id(row)), cells_of(row)


def _places(table: dictionary.FormTable, names: list[str]) -> list[int] | None:
    """Return the position of each column of a version among all columns, or None if they are the same."""
    own = list(table.columns)
    return None if own == names else [names.index(name) for name in own]


def _spread(cells: list[str], places: list[int] | None, width: int) -> list[str]:
    if places is None:
        return cells
    wide = [""] * width
    for place, text in zip(places, cells, strict=True):
        wide[place] = text
    return wide
