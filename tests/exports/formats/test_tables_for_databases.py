"""Parquet and XLSX give back every stored cell with its type (P11-02, P11-03)."""

import io
import json
from datetime import timedelta
from decimal import Decimal

import duckdb
import openpyxl
import pyarrow.parquet
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from exports.formats import excel
from exports.formats.registry import FORMATS
from exports.tables.columns import TableColumn
from tests.exports.formats.test_statistics_files import MADE, cells
from tests.support.study.read_back import Columns, Files, assert_restored, kept, listed, written
from tests.support.study.ugly_table import TEXTS, table, ugly_rows

MILLISECOND = timedelta(milliseconds=1)


def ugly():
    return table(ugly_rows())


def by_arrow(path: str) -> Columns:
    return pyarrow.parquet.read_table(path).to_pydict()


def by_duckdb(path: str) -> Columns:
    with duckdb.connect() as database:
        # Else duckdb asks for the zone of this machine.
        database.execute("SET TimeZone = 'UTC'")
        found = database.execute("SELECT * FROM read_parquet(?)", [path])
        names, rows = [each[0] for each in found.description], found.fetchall()
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


@pytest.mark.parametrize("reader", [by_arrow, by_duckdb])
def test_two_engines_give_back_every_ugly_cell_from_parquet(reader, tmp_path):
    """P11-03: decimals with every digit, moments with every microsecond, texts whole."""
    files = written(FORMATS["parquet"].files, ugly())
    frame = reader(kept(files, tmp_path)("forms/ugly.parquet"))
    assert assert_restored(ugly(), frame, listed(files), files, step=timedelta(0)) > 200
    assert frame["haemoglobin"][4] == Decimal("0.30000000000000004")
    assert [text or "" for text in frame["note"]] == list(TEXTS)
    assert not [name for name in files if name.startswith("texts/")]


def test_parquet_says_the_type_label_and_codes_of_each_column(tmp_path):
    """P11-03: a column without a value has the type of its kind too."""
    path = kept(written(FORMATS["parquet"].files, ugly()), tmp_path)("forms/ugly.parquet")
    schema = pyarrow.parquet.read_schema(path)
    types = {field.name: str(field.type) for field in schema}
    assert types["at"] == "timestamp[us, tz=UTC]"
    assert types["started"] == "timestamp[us]"
    assert [types[name] for name in ("day", "empty_day", "serious", "count", "onset__month")] == [
        "date32[day]", "date32[day]", "bool", "int64", "int64",
    ]  # fmt: skip
    assert [types[name][:14] for name in ("haemoglobin", "empty_number")] == ["decimal128(38,"] * 2
    sex = schema.field("sex").metadata
    assert sex[b"label"].decode() == "Sex at birth"
    assert json.loads(sex[b"codes"]) == {"F": "Female", "M": "Male"}
    assert schema.metadata[b"title"].decode() == "Every ugly value"


def test_parquet_is_written_row_group_by_row_group(tmp_path):
    rows = [(str(number),) for number in range(45_000)]
    long = table(rows, (TableColumn("n", "", "N", kind="integer"),))
    path = kept(written(FORMATS["parquet"].files, long), tmp_path)("forms/ugly.parquet")
    assert pyarrow.parquet.ParquetFile(path).metadata.num_row_groups == 3
    assert by_duckdb(path)["n"] == list(range(45_000))


def sheets(files: Files) -> dict[str, list[list[object]]]:
    """Return the cells of each sheet, as openpyxl reads them."""
    book = openpyxl.load_workbook(io.BytesIO(files["study.xlsx"]))
    return {sheet.title: [[cell.value for cell in row] for row in sheet.iter_rows()] for sheet in book}


def of_sheet(rows: list[list[object]]) -> Columns:
    header, *body = rows
    return {str(name): [_day(row[place]) for row in body] for place, name in enumerate(header)}


def _day(value):
    # A day is a moment at midnight to openpyxl, shown by its format as a day.
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def variables_of(read: dict[str, list[list[object]]]) -> list[dict[str, str]]:
    header, *body = read["variables"]
    return [dict(zip(header, row, strict=True)) for row in body]


def test_a_workbook_gives_back_every_ugly_cell(tmp_path):
    """P11-03: numbers, days and moments are typed; nothing is a formula, a link or cut."""
    files = written(FORMATS["xlsx"].files, ugly())
    read = sheets(files)
    frame, variables = of_sheet(read["form_ugly"]), variables_of(read)
    for name in ("day", "empty_day"):
        frame[name] = [value and value.date() for value in frame[name]]
    assert assert_restored(ugly(), frame, variables, files, step=MILLISECOND) > 200
    assert frame["note"][2:4] == ['=HYPERLINK("x")', "'quoted"]
    assert frame["if"][5] == "interna"


def test_a_workbook_names_the_file_of_what_a_cell_cannot_hold():
    """P11-03: more than 32,767 signs as a spreadsheet counts them, and signs that XML does not hold."""
    files = written(FORMATS["xlsx"].files, ugly())
    notes = dict(zip(TEXTS, of_sheet(sheets(files)["form_ugly"])["note"], strict=True))
    beside = [text for text, cell in notes.items() if str(cell).startswith("texts/")]
    assert beside == ["carriage\rreturn", "_x0041_", "\x01control", "w" * 32_768, "😀" * 16_384]
    assert [files[notes[text]].decode() for text in beside] == beside


def test_a_number_of_more_than_fifteen_digits_has_its_exact_text_beside():
    """P11-03."""
    numbers = ("123456789012345", "1234567890123456", "100000000000000000", "0.1")
    long = table([(each,) for each in numbers], (TableColumn("n", "", "N", kind="decimal"),))
    frame = of_sheet(sheets(written(FORMATS["xlsx"].files, long))["form_ugly"])
    assert frame["n"] == [float(each) for each in numbers]
    assert frame["n__exact"] == [None, "1234567890123456", None, None]


def test_a_table_of_more_rows_than_a_sheet_goes_on_in_the_next(monkeypatch):
    """P11-03: 1,048,576 rows in truth."""
    monkeypatch.setattr(excel, "SHEET_ROWS", 4)
    long = table([(str(number),) for number in range(7)], (TableColumn("n", "", "N", kind="integer"),))
    read = sheets(written(FORMATS["xlsx"].files, long))
    parts = [read[name] for name in ("form_ugly", "form_ugly (2)", "form_ugly (3)")]
    assert parts == [[["n"], [0], [1], [2]], [["n"], [3], [4], [5]], [["n"], [6]]]


def test_sheets_of_long_names_are_unique_whatever_the_case():
    names = ("forms/" + "a" * 40, "forms/" + "A" * 40, "forms/" + "a" * 41, "history")
    tables = [table([("x",)], (TableColumn("t", "", "T"),), name=name) for name in names]
    titles = list(sheets(written(FORMATS["xlsx"].files, *tables)))
    assert len({title.casefold() for title in titles}) == len(titles) == 5
    assert all(len(title) <= 31 for title in titles)
    assert "history" not in titles


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(cells, max_size=30))
def test_generated_cells_are_read_back_from_parquet(rows, tmp_path_factory):
    """P11-03: exactly."""
    made = table(rows, MADE)
    files = written(FORMATS["parquet"].files, made)
    path = kept(files, tmp_path_factory.mktemp("made"))("forms/ugly.parquet")
    for reader in (by_arrow, by_duckdb):
        assert_restored(made, reader(path), listed(files), files, step=timedelta(0))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(cells, max_size=30))
def test_generated_cells_are_read_back_from_a_workbook(rows):
    """P11-03. A reader of sheets drops last rows without a cell; each row of an export has the key of its patient."""
    assume(not rows or any(rows[-1]))
    made = table(rows, MADE)
    files = written(FORMATS["xlsx"].files, made)
    read = sheets(files)
    frame = of_sheet(read["form_ugly"])
    frame["day"] = [value and value.date() for value in frame["day"]]
    assert_restored(made, frame, variables_of(read), files, step=MILLISECOND)
