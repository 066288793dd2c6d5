"""The tables that describe all others for programs: `columns` of every table, and `codes` of every column."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.utils.translation import gettext_noop

from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import FLAGS, Code, numbers_of
from exports.tables.description.keys import joins_of, key_of
from trials.models import Trial

COLUMNS = (
    TableColumn("table", "", "Table"),
    TableColumn("position", "", "Position of the column, from 1", kind="integer"),
    TableColumn("column", "", "Column"),
    TableColumn("label", "", "Label"),
    TableColumn("kind", "", "Kind: text, integer, decimal, date, instant, local, partial, flag"),
    TableColumn("is_typed_text", "", "Text that a person typed (Y/N)", kind="flag"),
    TableColumn("has_codes", "", "Its values are a list, which is in the table codes (Y/N)", kind="flag"),
    TableColumn("is_key", "", "Part of the key, which names one row of the table (Y/N)", kind="flag"),
    TableColumn("joins", "", "Columns of other tables with the same value, with semicolons between them"),
)
CODES = (
    TableColumn("table", "", "Table"),
    TableColumn("column", "", "Column"),
    TableColumn("position", "", "Position of the code, from 1", kind="integer"),
    TableColumn("code", "", "Code"),
    TableColumn(
        "number", "", "Number of the code where codes are numbers with labels (Stata)", kind="integer"
    ),
    TableColumn("label", "", "Label"),
    TableColumn("language", "", "Language of the label"),
)
TITLES = {"columns": gettext_noop("Columns of every table"), "codes": gettext_noop("Codes of every column")}


def describing_tables(trial: Trial, tables: Sequence[StudyTable]) -> Iterator[StudyTable]:
    """Yield the tables `columns` and `codes` of an archive with these tables. They describe themselves too."""
    languages = ["en", *_other_languages(trial)]

    def column_rows() -> Iterator[list[Any]]:
        for table in whole:
            yield from _columns(table, {each.name for each in whole})

    def code_rows() -> Iterator[list[Any]]:
        for table in whole:
            for column in table.columns:
                yield from _codes(table.name, column, languages)

    own = (
        StudyTable("columns", TITLES["columns"], COLUMNS, column_rows),
        StudyTable("codes", TITLES["codes"], CODES, code_rows),
    )
    whole = (*tables, *own)
    yield from own


def _other_languages(trial: Trial) -> list[str]:
    version = trial.protocol
    return [each for each in version.rules.trial.site.languages if each != "en"] if version else []


def _columns(table: StudyTable, present: set[str]) -> Iterator[list[Any]]:
    key = key_of(table)
    joins: dict[str, list[str]] = {}
    for join in joins_of(table, present):
        for own, other in zip(join.columns, join.target_columns, strict=True):
            joins.setdefault(own, []).append(f"{join.target}.{other}")
    for position, column in enumerate(table.columns, start=1):
        yield [
            table.name,
            position,
            column.name,
            column.label,
            column.kind,
            _flag(column.free_text),
            _flag(bool(codes_of(column))),
            _flag(column.name in key),
            "; ".join(joins.get(column.name, ())),
        ]


def codes_of(column: TableColumn) -> tuple[Code, ...]:
    """Return the codes of a column: its own, or yes and no."""
    return FLAGS if column.kind == "flag" else column.codes


def _codes(table: str, column: TableColumn, languages: list[str]) -> Iterator[list[Any]]:
    codes = codes_of(column)
    numbers = numbers_of(codes)
    for position, code in enumerate(codes, start=1):
        for language in languages:
            if label := code.label(language):
                yield [table, column.name, position, code.code, numbers[code.code], label, language]


def _flag(value: bool) -> str:
    return "Y" if value else "N"
