"""The archives of both shipped trials with patients in every state, read back in every format (P11-02, P11-03)."""

import re
from collections import Counter
from datetime import timedelta
from itertools import islice

import pandas
import pyreadstat
import pytest

from exports.exporting import tables_of
from exports.formats.excel import files as xlsx_files
from exports.formats.registry import FORMATS
from exports.formats.typed_values import typed_rows
from exports.tables.columns import StudyTable
from exports.tables.description.diagram import HEAD, diagram
from exports.tables.description.keys import joins_of, key_of
from tests.exports.formats.test_statistics_files import READ
from tests.exports.formats.test_tables_for_databases import (
    MILLISECOND,
    by_arrow,
    by_duckdb,
    of_sheet,
    sheets,
    variables_of,
)
from tests.support.study import every_state
from tests.support.study.read_back import Columns, assert_restored, kept, listed, of_frame, written

pytestmark = pytest.mark.django_db
CODES = ("xpt", "xpt-v5", "sav", "dta", "parquet")


@pytest.fixture
def archives() -> list[list[StudyTable]]:
    """Return the tables of both trials, each with rows that stay as they are: the database is read once."""
    trials, _people = every_state.trials()
    return [
        [held(table) for table in tables_of(trial, sees_treatment=True, sees_files=True)] for trial in trials
    ]


def held(table: StudyTable) -> StudyTable:
    rows = [list(row) for row in table.rows()]
    return StudyTable(table.name, table.title, table.columns, lambda: iter(rows), table.escaped)


def short(table: StudyTable) -> StudyTable:
    """Return a table with its first 200 rows: the trail and the dictionary have as many as all others."""
    return StudyTable(
        table.name, table.title, table.columns, lambda: islice(table.rows(), 200), table.escaped
    )


def test_every_format_gives_back_every_cell_of_both_trials(archives, tmp_path):
    """P11-02, P11-03."""
    for number, whole in enumerate(archives):
        tables = [short(table) for table in whole]
        for code in CODES:
            files = written(FORMATS[code].files, *tables)
            path_of, variables = kept(files, tmp_path / f"{number}-{code}"), listed(files)
            for table in tables:
                name = f"{table.name}.{code[:3] if code != 'parquet' else code}"
                for frame in frames(code, path_of(name)):
                    step = timedelta(0) if code == "parquet" else MILLISECOND
                    assert_restored(table, frame, variables, files, coded=code == "dta", step=step)
        workbook(tables)


def frames(code: str, path: str) -> list[Columns]:
    if code == "parquet":
        return [by_arrow(path), by_duckdb(path)]
    frame = of_frame(READ[code](path)[0])
    # Of a text alone, the file has the number of the row too, which no list of variables names.
    found = [
        {name: values for name, values in frame.items() if name.lower() not in ("row_number", "row_numb")}
    ]
    if code == "dta":
        second = pandas.read_stata(path, convert_categoricals=False)
        _frame, meta = pyreadstat.read_dta(path, metadataonly=True)
        days = [name for name, shown in meta.original_variable_types.items() if shown == "%td"]
        columns = of_frame(second)
        found.append(
            {
                name: [v and v.date() for v in values] if name in days else values
                for name, values in columns.items()
            }
        )
    return found


def workbook(tables: list[StudyTable]) -> None:
    files = written(xlsx_files, *tables)
    read = sheets(files)
    variables = variables_of(read)
    kinds = {(row["table"], row["variable"]): row["kind"] for row in variables}
    titles = [title for title in read if title != "variables"]
    assert len(titles) == len(tables)
    # A sheet's name may be cut: the list says which one holds the table.
    told = {row["table"]: row["dataset"] for row in variables}
    assert told == {table.name: title for table, title in zip(tables, titles, strict=True)}
    for table, title in zip(tables, titles, strict=True):
        frame = of_sheet(read[title])
        for name, values in frame.items():
            if kinds[table.name, name] == "date":
                frame[name] = [value and value.date() for value in values]
        assert_restored(table, frame, variables, files, step=MILLISECOND)


def test_the_tables_of_columns_and_codes_describe_every_table(archives):
    """P11-03: each column once, with its label and kind; each value of a coded column is a code of the list."""
    for tables in archives:
        rows = {
            table.name: [dict(zip(table.header, row, strict=True)) for row in typed_rows(table)]
            for table in tables
        }
        described = [(row["table"], row["column"]) for row in rows["columns"]]
        assert described == [(table.name, column.name) for table in tables for column in table.columns]
        assert all(row["label"] and row["kind"] for row in rows["columns"])
        codes = {(row["table"], row["column"], row["code"]) for row in rows["codes"]}
        for table in tables:
            for column in table.columns:
                if column.codes or column.kind == "flag":
                    seen = {row[column.name] for row in rows[table.name]} - {None}
                    assert {(table.name, column.name, value) for value in seen} <= codes, column.name
        assert {row["language"] for row in rows["codes"]} > {"en"}
        sex = [row for row in rows["codes"] if row["table"] == "forms/demography" and row["column"] == "sex"]
        assert {row["code"]: row["number"] for row in sex} == {"F": 1, "M": 2}
        assert "Female" in {row["label"] for row in sex if row["language"] == "en"}


def test_a_key_names_one_row_and_a_join_finds_its_row(archives):
    """P11-03: what the table of columns says of keys and joins holds in the data."""
    found = Counter[str]()
    for tables in archives:
        by_name = {table.name: table for table in tables}
        for table in tables:
            key = key_of(table)
            keys = cells(table, key)
            assert key, table.name
            assert len(set(keys)) == len(keys), table.name
            found["keys"] += bool(keys)
            for join in joins_of(table, by_name):
                targets = set(cells(by_name[join.target], join.target_columns))
                for own in cells(table, join.columns):
                    # A blank joins to nothing: a value that is not at an infusion, a form that is at no visit.
                    if all(own[:2]) and own[0]:
                        assert own in targets, (table.name, join, own)
                        found[join.target] += 1
    assert {"keys", "patients", "visits", "infusions", "adverse_events"} <= set(found)


def test_a_drawing_has_every_table_once_below_the_one_that_its_rows_belong_to(archives):
    """P11-03: whoever opens an archive sees by which columns its tables join."""
    for tables in archives:
        lines = diagram(tables).removeprefix(HEAD).strip().splitlines()
        drawn = [re.match(r"([│├└─ ]*)([\w/]+)", line).groups() for line in lines]
        assert sorted(name for _indent, name in drawn) == sorted(table.name for table in tables)
        above: dict[int, str] = {}
        belongs = {}
        for indent, name in drawn:
            above[len(indent)] = name
            belongs[name] = above.get(len(indent) - 4, "")
        assert belongs["patients"] == belongs["columns"] == ""
        assert belongs["visits"] == belongs["adverse_events"] == "patients"
        assert belongs["forms/demography"] == "visits"
        assert belongs["preparations"] == "infusions"
        assert belongs["aliquots"] == "samples"
        by_name = {table.name: table for table in tables}
        for name, parent in belongs.items():
            assert bool(parent) == bool(joins_of(by_name[name], by_name)), name
        assert "event_grades (patient, event, number) ← patient, event: Grades" in "\n".join(lines)


def cells(table: StudyTable, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    places = [table.header.index(name) for name in columns]
    return [tuple(str("" if row[place] is None else row[place]) for place in places) for row in table.rows()]
