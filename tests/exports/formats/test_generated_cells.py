"""Cells of every kind, ugly ones among them, drawn at random and read back from every format (P11-02, P11-03)."""

import csv
import io
import json
import sqlite3
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exports.formats import parquet, sas_transport, spool, spss, stata
from exports.formats.registry import FORMATS
from exports.formats.spool import Spool
from exports.formats.typed_values import typed_rows
from exports.tables.cells import as_typed
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import MISSING_CODES
from exports.tables.long_texts import LongTexts
from tests.exports.formats.test_statistics_files import FORMS, read
from tests.exports.formats.test_tables_for_databases import by_arrow, by_duckdb
from tests.support.study.read_back import Files, assert_restored, kept, listed, written
from tests.support.study.ugly_table import (
    DAYS,
    DECIMALS,
    FLAGS,
    INSTANTS,
    INTEGERS,
    LOCALS,
    PARTIALS,
    SEX,
    TEXTS,
    table,
)

HOLDINGS = {
    "xpt": (sas_transport._holding(sas_transport.VERSION_8), sas_transport.VERSION_8.texts),
    "xpt-v5": (sas_transport._holding(sas_transport.VERSION_5), sas_transport.VERSION_5.texts),
    "sav": (spss.HOLDING, spss.TEXTS),
    "dta": (stata.HOLDING, stata.TEXTS),
    "parquet": (parquet.HOLDING, parquet.TEXTS),
}
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
odd = st.sampled_from(
    (
        "-", ".", "-.5", "5.", "00", "01.5", "1.2.3", "1-2", "+1", " 1", "1\n", "1e5", "٣", "NaN", "-0", "N", "Y",
        "2026-13-01", "2026-1-1", "0000-01-01", "2026-02-28T24:00:00Z", "2026-02-28T12:00:60Z", "2026-02-28T12:00",
        "2026-02-28",
    )
)  # fmt: skip
naive = st.datetimes(min_value=datetime(1, 1, 1))  # noqa: DTZ001
CELLS = {
    "text": text | st.sampled_from(TEXTS),
    "integer": st.integers(-(10**20), 10**20).map(str)
    | st.integers(-(2**60), 2**60)
    | st.sampled_from(INTEGERS),
    "decimal": st.decimals(-(10**12), 10**12, places=3).map(lambda number: format(number, "f"))
    | st.decimals(-9, 9, places=20).map(lambda number: format(number, "f"))
    | st.sampled_from(DECIMALS),
    "date": st.dates().map(date.isoformat) | st.sampled_from(DAYS),
    "instant": st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda at: at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    )
    | st.sampled_from(INSTANTS),
    "local": naive.map(lambda at: at.isoformat(timespec="minutes"))
    | naive.map(datetime.isoformat)
    | st.sampled_from(LOCALS),
    "partial": st.sampled_from(PARTIALS),
    "flag": st.sampled_from(FLAGS),
}


def slots_of(column: TableColumn, cells: list[object], code: str, *, at_once: bool) -> list[object]:
    """Return what a format keeps of a column: values and what is known of them, and the files beside."""
    holding, texts = HOLDINGS[code]
    rows = [(cell,) for cell in cells]
    beside = LongTexts(texts)
    converted = spool.converted if at_once else lambda *_facts: None
    with (
        mock.patch.object(spool, "converted", converted),
        Spool(StudyTable("t", "T", (column,), lambda: iter(rows)), beside, holding) as held,
    ):
        values = [[batch[place].to_pylist() for batch in held.batches()] for place in held.kept()]
        facts = [
            (slot.name, slot.filled, slot.width, slot.whole, slot.fraction, list(slot.seen))
            for slot in held.slots
        ]
    return [repr(values), facts, dict(beside.taken())]


@pytest.mark.parametrize("code", HOLDINGS)
@pytest.mark.parametrize("kind", CELLS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_whole_column_is_converted_as_its_cells_one_by_one(code, kind, data):
    """P11-03: two ways to one file: the fast one is for columns as they mostly are."""
    cells = st.just("") | st.none() | CELLS[kind]
    # Mostly columns without an odd cell: one alone sends the whole batch the other way.
    values = data.draw(st.lists(cells, max_size=12) | st.lists(cells | odd, max_size=5))
    column = TableColumn("c", "", "C", kind=kind, free_text=data.draw(st.booleans()) and kind == "text")
    assert slots_of(column, values, code, at_once=True) == slots_of(column, values, code, at_once=False)


@pytest.mark.parametrize("code", HOLDINGS)
@given(cells=st.lists(st.sampled_from(("F", "M", "X", "", None)), max_size=9))
def test_codes_are_seen_in_the_order_of_the_rows(code, cells):
    """P11-03: a value outside the code list gets the next number, whichever way it was read."""
    column = TableColumn("sex", "", "Sex", codes=SEX)
    assert slots_of(column, cells, code, at_once=True) == slots_of(column, cells, code, at_once=False)


COLUMNS = (
    *(TableColumn(kind, "", kind.title(), kind=kind) for kind in CELLS),
    TableColumn("typed", "", "As it was typed", free_text=True),
    TableColumn("weight", "", "Weight", kind="decimal"),
    TableColumn("weight__missing", "", "Weight: missing code", codes=MISSING_CODES),
)
# Moments as clocks of a trial show them: a double holds microseconds for some centuries.
CLOCK = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1))  # noqa: DTZ001
HELD = {
    **CELLS,
    "instant": CLOCK.map(lambda at: f"{at.isoformat(timespec='microseconds')}Z") | st.sampled_from(INSTANTS),
    "local": CLOCK.map(lambda at: at.isoformat(timespec="minutes")) | st.sampled_from(LOCALS),
}
rows = st.lists(
    st.tuples(
        *HELD.values(),
        CELLS["text"],
        st.sampled_from(("", "61.5")),
        st.sampled_from(("", "ND", "UNK", "NAP", "ASKU")),
    ),
    max_size=8,
)
TURNED = (TEXTS, INTEGERS, DECIMALS, DAYS, INSTANTS, LOCALS, PARTIALS, FLAGS, TEXTS, ("", "61.5"), ("ND", ""))
UGLY = [tuple(values[number % len(values)] for values in TURNED) for number in range(len(TEXTS))]


@pytest.mark.parametrize("code", FORMS)
@settings(max_examples=15, deadline=None)
@given(rows=rows)
def test_statistics_files_give_back_every_kind(code, rows, tmp_path_factory):
    """P11-03: partial dates, local moments, flags and missing codes too."""
    made = table(rows, COLUMNS)
    files = written(FORMATS[code].files, made)
    frame, _meta = read(code, kept(files, tmp_path_factory.mktemp("made"))(FORMS[code]))
    assert_restored(made, frame, listed(files), files, coded=code == "dta")


@settings(max_examples=15, deadline=None)
@given(rows=rows)
def test_parquet_gives_back_every_kind(rows, tmp_path_factory):
    """P11-03: to two engines."""
    made = table(rows, COLUMNS)
    files = written(FORMATS["parquet"].files, made)
    path = kept(files, tmp_path_factory.mktemp("made"))("forms/ugly.parquet")
    for reader in (by_arrow, by_duckdb):
        assert_restored(made, reader(path), listed(files), files)


def whole(value: object, files: Files) -> object:
    """Return a cell, with the text of the file that it names."""
    return files[value].decode() if isinstance(value, str) and value in files else value


@settings(max_examples=30, deadline=None)
@example(rows=UGLY)
@given(rows=rows)
def test_csv_gives_back_every_cell(rows):
    """P11-02: after one leading apostrophe of free text is taken away, as the manifest says."""
    made = table(rows, COLUMNS)
    files = written(FORMATS["csv"].files, made)
    with mock.patch.object(csv, "field_size_limit"):
        header, *found = csv.reader(io.StringIO(files["forms/ugly.csv"].decode(), newline=""))
    assert header == [column.name for column in COLUMNS]
    typed = [column.free_text for column in COLUMNS]
    for row, cells in zip(found, rows, strict=True):
        texts = [whole(cell, files) for cell in row]
        assert [as_typed(cell) if free else cell for free, cell in zip(typed, texts, strict=True)] == [
            str(cell) for cell in cells
        ]


@settings(max_examples=30, deadline=None)
@example(rows=UGLY)
@given(rows=rows)
def test_json_gives_back_every_value(rows):
    """P11-02: JSON lines and Dataset-JSON; a decimal with every digit."""
    made = table(rows, COLUMNS)
    wanted = [[plain(value) for value in row] for row in typed_rows(made)]
    files = written(FORMATS["jsonl"].files, made)
    lines = files["forms/ugly.jsonl"].decode().split("\n")[:-1]
    read_lines = [list(json.loads(line, parse_float=Decimal).values()) for line in lines]
    assert [[whole(value, files) for value in row] for row in read_lines] == wanted
    files = written(FORMATS["dataset-json"].files, made)
    body = json.loads(files["forms/ugly.json"])
    texts = [[None if value is None else str(value) for value in row] for row in body["rows"]]
    assert [[whole(value, files) for value in row] for row in texts] == [
        [None if value is None else as_text(value) for value in row] for row in typed_rows(made)
    ]


def plain(value: object) -> object:
    return int(value) if isinstance(value, Decimal) and value.as_tuple().exponent == 0 else value


def as_text(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


@settings(max_examples=20, deadline=None)
@example(rows=UGLY)
@given(rows=rows)
def test_sqlite_gives_back_every_value(rows, tmp_path_factory):
    """P11-02: a number that SQLite does not hold is its text."""
    made = table(rows, COLUMNS)
    files = written(FORMATS["sqlite"].files, made)
    path: Path = tmp_path_factory.mktemp("made") / "study.sqlite3"
    path.write_bytes(files["study.sqlite3"])
    database = sqlite3.connect(path)
    try:
        found = database.execute("SELECT * FROM form_ugly ORDER BY rowid").fetchall()
    finally:
        database.close()
    for row, values in zip(found, typed_rows(made), strict=True):
        for cell, value in zip(row, values, strict=True):
            held = whole(cell, files)
            is_number = isinstance(value, int | Decimal) and not isinstance(held, str)
            assert (Decimal(repr(held)) == value) if is_number else (held == (value and as_text(value)))
