"""The scripts inside an archive read it in one call, with types, labels and codes, from every format (P11-03)."""

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pandas
import pytest

from exports.formats.registry import FORMATS
from exports.tables.description.described import CODES, COLUMNS, describing_tables
from tests.support.study.read_back import kept, written
from tests.support.study.ugly_table import TEXTS, table, ugly_rows

READ = ("csv", "xpt", "xpt-v5", "sav", "dta", "parquet", "xlsx")


class NoVersion:
    """A trial without a protocol: its labels are in English."""

    protocol = None


def unpacked(code: str, folder: Path) -> Path:
    """Return the folder of an archive with the table of ugly values and what describes it."""
    own = table(ugly_rows())
    files = written(FORMATS[code].files, own, *describing_tables(NoVersion(), [own]))
    files["manifest.json"] = json.dumps({"format": code}, indent=2).encode()
    kept(files, folder)
    return folder


def script(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("read_study_of_archive", folder / "read_study.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def by_csv(tmp_path_factory) -> pandas.DataFrame:
    folder = unpacked("csv", tmp_path_factory.mktemp("csv"))
    return script(folder).read_study()["forms/ugly"]


def test_the_script_for_python_gives_types_labels_and_codes(by_csv):
    """P11-03."""
    types = {name: str(kind) for name, kind in by_csv.dtypes.items()}
    assert [types[name] for name in ("count", "haemoglobin", "day", "at", "started", "serious", "sex", "onset")] == [
        "Int64", "Float64", "datetime64[us]", "datetime64[us, UTC]", "datetime64[us]", "boolean", "str", "str",
    ]  # fmt: skip
    assert by_csv.attrs["labels"]["sex"] == "Sex at birth"
    assert by_csv.attrs["codes"]["sex"] == {"F": "Female", "M": "Male"}
    assert by_csv.attrs["codes"]["sex__missing"]["NAP"] == "Not applicable"
    assert [text if isinstance(text, str) else "" for text in by_csv["note"]] == list(TEXTS)
    assert set(by_csv["count__exact"].dropna()) == {
        "9007199254740993", "123456789012345678901234567890", "not counted",
    }  # fmt: skip
    assert by_csv["empty_number"].isna().all()


@pytest.mark.parametrize("code", READ[1:])
def test_the_script_for_python_gives_the_same_from_every_format(code, by_csv, tmp_path):
    """P11-03: whatever the format keeps beside."""
    found = script(unpacked(code, tmp_path)).read_study()
    assert list(found) == ["forms/ugly", "columns", "codes"]
    frame = found["forms/ugly"]
    assert frame.attrs == by_csv.attrs
    assert [len(found[name].columns) for name in ("columns", "codes")] == [len(COLUMNS), len(CODES)]
    for name in by_csv.columns:
        if not name.endswith("__exact"):
            assert frame[name].dtype == by_csv[name].dtype, name
            assert_same(frame, by_csv, name)


def assert_same(frame: pandas.DataFrame, other: pandas.DataFrame, name: str) -> None:
    """Assert that a column says the same; where a format has no such value, its exact text is beside."""
    for row, (value, wanted) in enumerate(zip(frame[name], other[name], strict=True)):
        beside = frame[f"{name}__exact"][row] if f"{name}__exact" in frame else None
        where = (name, row, value, wanted, beside)
        if pandas.isna(wanted):
            assert pandas.isna(value) or pandas.notna(other[f"{name}__exact"][row]), where
        elif pandas.isna(value):
            assert isinstance(beside, str), where
        elif hasattr(wanted, "year"):
            assert abs(value - wanted) <= pandas.Timedelta(milliseconds=1), where
        else:
            assert value == wanted or isinstance(beside, str), where


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("code", READ)
def test_the_script_for_r_gives_the_same_as_that_for_python(code, by_csv, tmp_path):
    """P11-03: run where R is; formats other than CSV need its packages haven, readxl or arrow."""
    folder = unpacked(code, tmp_path)
    told = subprocess.run(
        ["Rscript", "--vanilla", "-e", R_ASKS, str(folder)],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    if "no package called" in told.stderr:
        pytest.skip("R lacks the package " + re.search(r"no package called .(\w+)", told.stderr)[1])
    assert told.returncode == 0, told.stderr
    lines = dict(line.split("=", 1) for line in told.stdout.splitlines() if "=" in line)
    assert lines["classes"] == "numeric numeric Date POSIXct logical character"
    assert float(lines["haemoglobin"]) == pytest.approx(by_csv["haemoglobin"].sum())
    assert lines["sex"] == " ".join("NA" if pandas.isna(value) else value for value in by_csv["sex"])
    assert lines["label"] == "Sex at birth"
    assert lines["codes"] == "Female Male"
    # A day before March 1900 is no date in a workbook: its text stands beside.
    assert lines["day"] == f"2026-08-02 {'NA' if code == 'xlsx' else '1900-01-01'}"
    assert lines["at"] == "2026-08-02 07:41:00"
    assert int(lines["longest"]) == 32_768
    assert lines["typed"] == '=HYPERLINK("x")'


R_ASKS = r"""
folder <- commandArgs(TRUE)[1]
source(file.path(folder, "read_study.R"))
study <- read_study(folder)
ugly <- study[["forms/ugly"]]
kinds <- c("count", "haemoglobin", "day", "at", "serious", "sex")
cat("classes=", paste(sapply(kinds, function(name) class(ugly[[name]])[1]), collapse = " "), "\n", sep = "")
cat("haemoglobin=", sprintf("%.17g", sum(ugly$haemoglobin, na.rm = TRUE)), "\n", sep = "")
cat("sex=", paste(ugly$sex, collapse = " "), "\n", sep = "")
cat("label=", attr(ugly$sex, "label"), "\n", sep = "")
cat("codes=", paste(attr(ugly$sex, "codes"), collapse = " "), "\n", sep = "")
cat("day=", paste(format(ugly$day[1:2]), collapse = " "), "\n", sep = "")
cat("at=", format(ugly$at[1], "%Y-%m-%d %H:%M:%S"), "\n", sep = "")
cat("longest=", max(nchar(ugly$note), na.rm = TRUE), "\n", sep = "")
cat("typed=", ugly$note[3], "\n", sep = "")
"""


def test_the_script_for_sas_copies_every_file_and_gives_codes_their_formats(tmp_path):
    """P11-03: written by the documentation, not run."""
    text = (unpacked("xpt", tmp_path / "8") / "read_study.sas").read_text("utf-8")
    assert '%xpt2loc(libref=study, memlist=form_ugly, filespec="&folder./forms/ugly.xpt");' in text
    number = re.search(r"value (\$c\d+_) 'F' = 'Female' 'M' = 'Male';", text)[1]
    assert f"    format sex {number}.;" in text
    short = (unpacked("xpt-v5", tmp_path / "5") / "read_study.sas").read_text("utf-8")
    assert 'libname from xport "&folder./forms/ugly.xpt";' in short
    assert "modify F_UGLY;" in short
    missing = re.search(
        r"value (\$c\d+_) 'ND' = 'Not done' 'UNK' = 'Unknown' 'NAP' = 'Not applicable';", short
    )
    assert f"    format SEX_M {missing[1]}.;" in short


def test_the_script_for_stata_makes_a_frame_of_every_file_and_labels_missing_measurements(tmp_path):
    """P11-03: written by the documentation, not run."""
    text = (unpacked("dta", tmp_path) / "read_study.do").read_text("utf-8")
    for name, file in (("form_ugly", "forms/ugly.dta"), ("columns", "columns.dta"), ("codes", "codes.dta")):
        assert f'frame create {name}\nframe {name} {{\n    use "{file}", clear\n' in text
    defined = '.a "Not done" .b "Unknown" .c "Not applicable" .d "Asked but unknown"'
    assert (
        text.count(f"    label define missing_codes {defined}\n    label values haemoglobin missing_codes\n")
        == 1
    )


@pytest.mark.skipif(shutil.which("pspp") is None, reason="PSPP is not installed")
def test_the_script_for_spss_is_read_by_pspp_with_labels_and_missing_values(tmp_path):
    """P11-03: run where PSPP is."""
    folder = unpacked("sav", tmp_path)
    asked = (folder / "read_study.sps").read_text("utf-8") + PSPP_ASKS
    (folder / "asked.sps").write_text(asked, "utf-8")
    told = subprocess.run(
        ["pspp", "-O", "format=txt", "asked.sps"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert told.returncode == 0, told.stdout + told.stderr
    wanted = [(row[0], row[11]) for row in ugly_rows()]
    with (folder / "told.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == [code for code, _sex in wanted]
    shown = {"F": "Female", "M": "Male", "X": "X", "": "Unknown"}
    assert [row[1] for row in rows] == [shown[sex] for _code, sex in wanted]
    # 2 August 2026, 1 January 1900; a day before the calendar of SPSS stands as text beside.
    assert [row[2].strip() for row in rows][:3] == ["2", "1", ""]
    assert float(rows[4][3]) == pytest.approx(0.3)
    notes = [(folder / row[4]).read_bytes().decode() if row[4][:6] == "texts/" else row[4] for row in rows]
    assert notes == list(TEXTS)
    assert re.search(r"Missing Unknown *\| *7\|", told.stdout)
    assert "Sex at birth" in told.stdout


PSPP_ASKS = """
DATASET ACTIVATE form_ugly.
FREQUENCIES VARIABLES=sex.
STRING shown (A20).
COMPUTE shown = VALUELABEL(sex).
IF shown = "" shown = sex.
COMPUTE day_of_month = XDATE.MDAY(day).
SAVE TRANSLATE /OUTFILE='told.csv' /TYPE=CSV /REPLACE /CELLS=VALUES /KEEP=patient shown day_of_month haemoglobin note.
"""
