"""The data dictionary: every column of every file, those of the protocol's forms with unit, limits and codes."""

from collections.abc import Iterator

from exports.forms_tables import FOLDER
from exports.tables import COLUMNS, TITLES, Column, Table, querysets
from trials import dictionary
from trials.models import Trial


def dictionary_table(trial: Trial, *, sees_treatment: bool) -> Table:
    """Return the dictionary of an export as a table of its own."""
    columns = tuple(Column(name, name, name.replace("_", " ").capitalize()) for name in dictionary.HEADER)

    def rows() -> Iterator[tuple[str, ...]]:
        for name in querysets(trial, sees_treatment=sees_treatment):
            for column in COLUMNS[name]:
                yield _row(name, column)
        for item in dictionary.rows(trial.rules):
            yield (FOLDER + item.table, *item.as_text()[1:])

    return Table("data_dictionary", "Data dictionary", columns, rows)


def _row(table: str, column: Column) -> tuple[str, ...]:
    known = {
        "table": table,
        "item": column.name,
        "columns": column.name,
        "form_title": TITLES[table],
        "label": column.label,
        "type": "text" if column.free_text else "",
    }
    return tuple(known.get(name, "") for name in dictionary.HEADER)
