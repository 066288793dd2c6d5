"""Files for SAS, SPSS and Stata give back every stored cell, to two readers where there are two (P11-02, P11-03)."""

import os
import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pandas
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.formats.registry import FORMATS
from exports.formats.sas_transport import ibm_double
from exports.tables.columns import StudyTable, TableColumn
from tests.support.study.read_back import Columns, Files, assert_restored, kept, listed, of_frame, written
from tests.support.study.ugly_table import COLUMNS, table, ugly_rows

FORMS = {
    "xpt": "forms/ugly.xpt",
    "xpt-v5": "forms/ugly.xpt",
    "sav": "forms/ugly.sav",
    "dta": "forms/ugly.dta",
}
READ = {
    "xpt": pyreadstat.read_xport,
    "xpt-v5": pyreadstat.read_xport,
    "sav": pyreadstat.read_sav,
    "dta": pyreadstat.read_dta,
}
EPOCH = datetime(1960, 1, 1)  # noqa: DTZ001  SAS knows no time zone
# What pandas makes of a zero in a transport file.
PANDAS_ZERO = 16.0**-65


def ugly() -> StudyTable:
    return table(ugly_rows())


def read(code: str, path: str, **options):
    frame, meta = READ[code](path, **options)
    return of_frame(frame), meta


@pytest.mark.parametrize("code", FORMS)
def test_readstat_gives_back_every_ugly_cell(code, tmp_path):
    """P11-03: number, day, moment, text, blank; what the format does not hold stands beside."""
    files = written(FORMATS[code].files, ugly())
    frame, meta = read(code, kept(files, tmp_path)(FORMS[code]))
    assert assert_restored(ugly(), frame, listed(files), files, coded=code == "dta") > 200
    assert meta.file_label == "Every ugly value"
    assert meta.number_rows in (None, len(ugly_rows()))


@pytest.mark.parametrize("code", FORMS)
def test_readstat_reads_the_labels_that_the_list_of_variables_names(code, tmp_path):
    """P11-03: a label that was shortened says so, and the list has it whole."""
    files = written(FORMATS[code].files, ugly())
    _frame, meta = read(code, kept(files, tmp_path)(FORMS[code]))
    rows = listed(files)
    assert meta.column_names == [row["variable"] for row in rows]
    assert meta.column_labels == [row["variable_label"] for row in rows]
    cut = [row["column"] for row in rows if row["label_is_whole"] == "N"]
    assert cut == ["note"]
    assert next(row for row in rows if row["column"] == "note")["label"].count("written") == 31


def test_pandas_reads_the_same_from_stata(tmp_path):
    """P11-03: a second reader, which shares nothing with the first."""
    files = written(FORMATS["dta"].files, ugly())
    path = kept(files, tmp_path)("forms/ugly.dta")
    frame = of_frame(pandas.read_stata(path, convert_categoricals=False))
    # pandas gives a day as a moment at midnight.
    frame["day"] = [value and value.date() for value in frame["day"]]
    assert (
        assert_restored(ugly(), frame, listed(files), files, coded=True, step=timedelta(milliseconds=1)) > 200
    )


def test_pandas_reads_the_same_from_transport_version_5(tmp_path):
    """P11-03: version 8 has one reader here, version 5 has three."""
    files = written(FORMATS["xpt-v5"].files, ugly())
    path = kept(files, tmp_path)("forms/ugly.xpt")
    frame = with_moments(of_frame(pandas.read_sas(path, format="xport", encoding="utf-8")), files)
    assert assert_restored(ugly(), frame, listed(files), files, nearest=lambda v: v or PANDAS_ZERO) > 200


def with_moments(frame: Columns, files: Files) -> Columns:
    """Return the columns with days and moments for the numbers that stand for them."""
    kinds = {row["variable"]: row["kind"] for row in listed(files)}
    for name, values in frame.items():
        if kinds[name] == "date":
            frame[name] = [v if v is None else (EPOCH + timedelta(days=v)).date() for v in values]
        elif kinds[name] in ("instant", "local"):
            frame[name] = [v if v is None else EPOCH + timedelta(seconds=v) for v in values]
    return frame


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_the_reader_of_r_reads_the_same_from_transport_version_5(tmp_path):
    """P11-03: the package foreign, which comes with R."""
    files = written(FORMATS["xpt-v5"].files, ugly())
    path = kept(files, tmp_path)("forms/ugly.xpt")
    told = subprocess.run(
        ["Rscript", "--vanilla", "-e", R_TELLS, path],
        capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    frame: Columns = {}
    for column in told.stdout.decode().split("\x1d")[:-1]:
        name, kind, *values = column.split("\x1e")
        numbers = (
            [None if value == "NA" else float(value) for value in values] if kind == "numeric" else values
        )
        frame[name] = numbers
    assert assert_restored(ugly(), with_moments(frame, files), listed(files), files) > 200


R_TELLS = r"""
frame <- foreign::read.xport(commandArgs(TRUE)[1], as.is = TRUE)
for (name in names(frame)) {
  values <- frame[[name]]
  shown <- if (is.numeric(values)) ifelse(is.na(values), "NA", sprintf("%.17g", values)) else values
  cat(name, class(values)[1], shown, sep = "\x1e")
  cat("\x1d")
}
"""


@pytest.mark.parametrize("code", FORMS)
def test_the_same_rows_make_the_same_file_and_it_says_when_they_were_read(code, tmp_path):
    files = written(FORMATS[code].files, ugly())
    assert files == written(FORMATS[code].files, ugly())
    _frame, meta = read(code, kept(files, tmp_path)(FORMS[code]))
    assert meta.creation_time.replace(second=0) == datetime(2026, 11, 3, 17, 5)  # noqa: DTZ001


@pytest.mark.parametrize("code", FORMS)
def test_no_text_is_longer_than_its_format_allows_and_none_is_cut(code, tmp_path):
    """P11-03: a text beyond the limit is a file that the cell names."""
    most = {"xpt": 2000, "xpt-v5": 200, "sav": 2000, "dta": 2045}[code]
    texts = ["a" * most, "a" * (most + 1), "ñ" * (most // 2), "ñ" * (most // 2 + 1)]
    column = (TableColumn("n", "", "N", kind="integer"), TableColumn("t", "", "T"))
    long = table([(1, text) for text in texts], column)
    files = written(FORMATS[code].files, long)
    frame, _meta = read(code, kept(files, tmp_path)(FORMS[code]))
    values = next(values for name, values in frame.items() if name.lower() == "t")
    assert [value if value[:6] != "texts/" else files[value].decode() for value in values] == texts
    assert [value[:6] == "texts/" for value in values] == [False, True, False, True]


@pytest.mark.parametrize("code", FORMS)
@pytest.mark.parametrize("rows", [0, 1, 2, 1001])
def test_a_table_of_any_number_of_rows_is_read_back_with_all_of_them(code, rows, tmp_path):
    """P11-03: also when the last rows, or all texts, are blank."""
    columns = (TableColumn("a", "", "A"), TableColumn("b", "", "B"))
    blank = table([("x", "")] * (rows // 2) + [("", "")] * (rows - rows // 2), columns)
    files = written(FORMATS[code].files, blank)
    frame, _meta = read(code, kept(files, tmp_path)(FORMS[code]))
    assert len(next(iter(frame.values()))) == rows
    assert [value or "" for value in next(iter(frame.values()))] == [row[0] for row in blank.rows()]


def test_pandas_reads_blank_rows_at_the_end_of_a_transport_file(tmp_path):
    blank = table([("x",), ("",), ("",)], (TableColumn("a", "", "A"),))
    path = kept(written(FORMATS["xpt-v5"].files, blank), tmp_path)("forms/ugly.xpt")
    frame = pandas.read_sas(path, format="xport", encoding="utf-8")
    assert [value or "" for value in frame["A"]] == ["x", "", ""]
    assert list(frame["ROW_NUMB"]) == [1, 2, 3]


CODES = ("ND", "UNK", "NAP", "ASKU")


def test_stata_holds_each_missing_code_as_an_extended_missing_value(tmp_path):
    """DAT-02: .a to .d, with labels on codes, and none on measurements."""
    files = written(FORMATS["dta"].files, ugly())
    path = kept(files, tmp_path)("forms/ugly.dta")
    frame, meta = pyreadstat.read_dta(path, user_missing=True)
    wanted = [dict(zip(CODES, "abcd", strict=True)).get(row[3]) for row in ugly_rows()]
    assert [value if isinstance(value, str) else None for value in frame["haemoglobin"]] == wanted
    assert "haemoglobin" not in meta.variable_value_labels
    assert meta.variable_value_labels["sex"] == {
        1: "Female", 2: "Male", 3: "X",
        "a": "Not done", "b": "Unknown", "c": "Not applicable", "d": "Asked but unknown",
    }  # fmt: skip
    assert meta.variable_value_labels["grade"][2] == ("severe beyond all words " * 8).strip()
    with pandas.read_stata(path, iterator=True) as reader:
        kept_missing = reader.read(convert_missing=True, convert_categoricals=False, convert_dates=False)
    assert [str(value) for value in kept_missing["haemoglobin"][:4]] == [".a", ".b", ".c", ".d"]


def test_stata_labels_a_number_that_is_a_code_by_that_number(tmp_path):
    files = written(FORMATS["dta"].files, ugly())
    frame = pandas.read_stata(kept(files, tmp_path)("forms/ugly.dta"))
    assert list(frame["serious"][:2]) == ["Yes", "No"]
    assert list(frame["sex"][:3]) == ["Female", "Male", "X"]
    assert list(frame["grade"][:2]) == ["None", "Mild"]


def test_sas_has_special_missing_values_and_the_code_in_a_column(tmp_path):
    """DAT-02."""
    data = written(FORMATS["xpt"].files, ugly())["forms/ugly.xpt"]
    for letter in b"ABCD":
        assert bytes((letter,)) + bytes(7) in data
    frame, _meta = read("xpt", kept({"x.xpt": data}, tmp_path)("x.xpt"))
    assert frame["haemoglobin__missing"][:4] == list(CODES)
    assert frame["haemoglobin"][:4] == [None] * 4


def test_spss_declares_missing_codes_on_coded_texts_and_never_on_a_measurement(tmp_path):
    """DAT-02: a mean never counts a code."""
    path = kept(written(FORMATS["sav"].files, ugly()), tmp_path)("forms/ugly.sav")
    frame, meta = pyreadstat.read_sav(path, user_missing=True)
    assert set(meta.missing_user_values or {}) | set(meta.missing_ranges or {}) == {"sex"}
    assert sorted(each["lo"] for each in meta.missing_ranges["sex"]) == ["NAP", "ND", "UNK"]
    assert list(frame["sex"][:4]) == ["F", "M", "X", "UNK"]
    assert meta.variable_value_labels["sex"]["UNK"] == "Unknown"
    assert not set(meta.variable_value_labels) & {"haemoglobin", "count", "day"}
    assert frame["haemoglobin"].mean() == pytest.approx(
        sum(float(row[2]) for row in ugly_rows() if row[2] not in ("", "<5"))
        / sum(row[2] not in ("", "<5") for row in ugly_rows())
    )
    assert meta.variable_value_labels["grade"][2.0].endswith("severe beyond all...")
    assert len(meta.variable_value_labels["grade"][2.0]) <= 120


def test_a_coded_text_that_spss_cannot_declare_stays_blank_and_has_its_code_beside(tmp_path):
    """SPSS declares three missing texts of eight bytes: more codes, or longer ones, stay in their own column."""
    from exports.tables.description.code_lists import MISSING_CODES, Code

    columns = (
        TableColumn("a", "", "A", codes=(Code("LONGER_THAN_8", lambda language: "x"),)),
        TableColumn("a__missing", "", "A: missing code", codes=MISSING_CODES[:3]),
        TableColumn("b", "", "B", codes=(Code("Q", lambda language: "q"),)),
        TableColumn("b__missing", "", "B: missing code", codes=MISSING_CODES),
        TableColumn("c", "", "C", codes=(Code("unk", lambda language: "not the missing code"),)),
        TableColumn("c__missing", "", "C: missing code", codes=MISSING_CODES[:3]),
    )
    rows = [("LONGER_THAN_8", "", "Q", "", "unk", ""), ("", "UNK", "", "ASKU", "", "UNK")]
    path = kept(written(FORMATS["sav"].files, table(rows, columns)), tmp_path)("forms/ugly.sav")
    frame, meta = pyreadstat.read_sav(path, user_missing=True)
    assert not meta.missing_ranges
    assert frame.to_numpy().tolist() == [list(row) for row in rows]


@given(
    st.floats(min_value=1e-70, max_value=1e70) | st.floats(min_value=-1e70, max_value=-1e-70) | st.just(0.0)
)
def test_an_ibm_double_holds_every_digit_of_a_double(value):
    """Decoded by the definition: sign, power of 16, fraction of 56 bits."""
    data = ibm_double(value)
    sign, power = (-1 if data[0] & 0x80 else 1), (data[0] & 0x7F) - 64
    assert sign * int.from_bytes(data[1:], "big") * Fraction(16) ** (power - 14) == Fraction(value)


cells = st.tuples(
    st.text(st.characters(exclude_categories=("Cs",)), max_size=60),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3).map(
        lambda number: format(number, "f")
    )
    | st.just(""),
    st.integers(min_value=-(10**20), max_value=10**20).map(str) | st.just(""),
    st.dates().map(date.isoformat) | st.just(""),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda at: at.isoformat(timespec="microseconds").replace("+00:00", "Z")
    )
    | st.just(""),
    st.sampled_from(("F", "M", "")),
)
MADE = tuple(COLUMNS[place] for place in (1, 2, 5, 6, 7, 11))


@pytest.mark.parametrize("code", FORMS)
@settings(max_examples=25, deadline=None)
@given(rows=st.lists(cells, max_size=30))
def test_generated_cells_are_read_back(code, rows, tmp_path_factory):
    """P11-03: whatever a study holds."""
    made = table(rows, MADE)
    files = written(FORMATS[code].files, made)
    frame, _meta = read(code, kept(files, tmp_path_factory.mktemp("made"))(FORMS[code]))
    assert_restored(made, frame, listed(files), files, coded=code == "dta")
