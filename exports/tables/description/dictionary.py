"""The data dictionary: every column of every file; for columns of forms also unit, limits and codes."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop

from exports.selection import EVERYTHING, ChosenRows
from exports.tables.choosing import told_columns
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.event_facts import FACT_TITLES, fact_columns
from exports.tables.forms import FOLDER, KEYS, ROW_KEYS
from exports.tables.row_context import RowContext
from exports.tables.study import querysets
from exports.tables.study_columns import COLUMNS, TITLES
from protocol.checking import dictionary
from trials.models import Trial

EVERY_FORM = f"{FOLDER}*"
"""Name of the table under which the dictionary describes the key columns of every form."""
VERSIONS = "protocol_versions"
"""Name of the column that lists the protocol versions with the same definition of an item."""


def dictionary_table(trial: Trial, *, sees_treatment: bool, selection: ChosenRows = EVERYTHING) -> StudyTable:
    """Return the data dictionary of an export as a table."""
    header = (*dictionary.HEADER, VERSIONS)
    columns = tuple(TableColumn(name, name, name.replace("_", " ").capitalize()) for name in header)

    def rows() -> Iterator[tuple[str, ...]]:
        versions = list(trial.versions.order_by("effective_from", "pk"))
        context = RowContext(trial, versions, sees_treatment=sees_treatment)
        facts = fact_columns(context)
        tables = querysets(trial, sees_treatment=sees_treatment, selection=selection)
        for name in (*tables, *facts):
            for column in told_columns(name, COLUMNS.get(name) or facts[name], selection):
                yield _row(name, column)
        for column in (*KEYS, *context.columns, *ROW_KEYS):
            yield _row(EVERY_FORM, column)
        for item, asked_by in dictionary.rows_of_versions(version.rules for version in versions):
            if not selection.forms or item.table.partition("__")[0] in selection.forms:
                yield (FOLDER + item.table, *item.as_text()[1:], asked_by)

    return StudyTable("data_dictionary", gettext_noop("Data dictionary"), columns, rows)


def _row(table: str, column: TableColumn) -> tuple[str, ...]:
    title = (TITLES | FACT_TITLES).get(table, "")
    known = {
        "table": table,
        "item": column.name,
        "columns": column.name,
        "form_title": title,
        "label": column.label,
        "type": "text" if column.free_text else "",
    }
    return tuple(known.get(name, "") for name in (*dictionary.HEADER, VERSIONS))
