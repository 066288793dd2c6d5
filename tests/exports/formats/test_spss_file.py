"""SPSS files of any size and width: written row by row, read by two programs that share nothing (P11-02, P11-03)."""

import csv
import shutil
import subprocess
import tracemalloc
from datetime import date
from pathlib import Path

import pyreadstat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exports.formats.registry import FORMATS
from exports.formats.spss_file import SavVariable
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import Code
from tests.support.study.read_back import EXPORTED, kept, written
from tests.support.study.ugly_table import table

WIDTHS = (1, 8, 9, 254, 255, 256, 257, 503, 504, 505, 510, 511, 756, 1000, 1999, 2000)
NUMBERS = (
    "-100",
    "-99",
    "-1",
    "-0.0",
    "0",
    "0.5",
    "1",
    "151",
    "151.0",
    "152",
    "1e5",
    "9007199254740992",
    "-123456.75",
    "",
)


def saved(rows, columns, folder: Path) -> str:
    return kept(written(FORMATS["sav"].files, table(rows, columns)), folder)("forms/ugly.sav")


def by_pspp(path: str, names: str, folder: Path) -> list[list[str]]:
    """Return the rows that PSPP reads of a file."""
    asked = f"GET FILE='{path}'.\nSAVE TRANSLATE /OUTFILE='read.csv' /TYPE=CSV /REPLACE /CELLS=VALUES /KEEP={names}.\n"
    (folder / "asked.sps").write_text(asked, "utf-8")
    told = subprocess.run(
        ["pspp", "asked.sps"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    with (folder / "read.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_text_of_any_width_is_read_back_whole(width, tmp_path):
    """P11-03: one of more than 255 bytes is several variables of the file."""
    text = "".join(chr(97 + place % 26) for place in range(width))
    rows = [(text, "1"), ("", "2"), (text[:-1] or "z", "3"), (text[: width // 2], "")]
    columns = (TableColumn("note", "", "Note"), TableColumn("n", "", "N", kind="integer"))
    frame, _meta = pyreadstat.read_sav(saved(rows, columns, tmp_path))
    assert list(frame.columns) == ["note", "n"]
    assert list(frame["note"]) == [row[0] for row in rows]
    assert [None if value != value else value for value in frame["n"]] == [1, 2, 3, None]


@pytest.mark.skipif(shutil.which("pspp") is None, reason="PSPP is not installed")
def test_pspp_reads_texts_of_every_width_side_by_side(tmp_path):
    """P11-03: and the numbers between them, small ones and large ones, which the file packs in other ways."""
    columns, cells = [], []
    for width in WIDTHS:
        columns += [TableColumn(f"t{width}", "", "T"), TableColumn(f"n{width}", "", "N", kind="decimal")]
        cells += ["".join(chr(97 + place % 26) for place in range(width)), "0.5" if width % 2 else "7"]
    rows = [tuple(cells), tuple("" for _cell in cells), tuple(cells)]
    path = saved(rows, tuple(columns), tmp_path)
    read = by_pspp(path, " ".join(column.name for column in columns), tmp_path)
    whole = [cell.replace("0.5", ".5") for cell in cells]
    blank = [" " if column.kind == "decimal" else "" for column in columns]
    assert [[cell.replace("0.5", ".5") for cell in row] for row in read] == [whole, blank, whole]


@settings(max_examples=30, deadline=None)
@example(values=list(NUMBERS))
@given(
    values=st.lists(
        st.sampled_from(NUMBERS)
        | st.integers(-300, 300).map(str)
        | st.decimals(-1000, 1000, places=2).map(lambda number: format(number, "f")),
        max_size=40,
    )
)
def test_every_number_is_read_back_whatever_stands_before_it(values, tmp_path_factory):
    """P11-03: the codes of eight values stand before those that they do not say, also across the end of a row."""
    columns = (TableColumn("n", "", "N", kind="decimal"), TableColumn("t", "", "T"))
    rows = [(value, "x" * (number % 11)) for number, value in enumerate(values)]
    frame, _meta = pyreadstat.read_sav(saved(rows, columns, tmp_path_factory.mktemp("made")))
    wanted = [None if value in ("", "1e5") else float(value) for value in values]
    assert [None if value != value else value for value in frame["n"]] == wanted
    assert list(frame["t"]) == [row[1] for row in rows]


def test_a_long_code_has_its_label_also_where_no_row_has_it(tmp_path):
    """P11-03: value labels of texts of more than eight bytes are a record of their own."""
    codes = tuple(
        Code(code, lambda language, code=code: f"Label of {code}") for code in ("A", "LONGER_THAN_8")
    )
    columns = (TableColumn("c", "", "C", codes=codes), TableColumn("d", "", "D", codes=codes[:1]))
    frame, meta = pyreadstat.read_sav(saved([("A", "A"), ("", "")], columns, tmp_path))
    assert meta.variable_value_labels == {
        "c": {"A": "Label of A", "LONGER_THAN_8": "Label of LONGER_THAN_8"}, "d": {"A": "Label of A"},
    }  # fmt: skip
    assert frame.to_numpy().tolist() == [["A", "A"], ["", ""]]


def test_a_wide_text_takes_as_many_variables_as_the_format_says():
    """PSPP, System File Format: one for each 252 bytes, of 255 but for the last."""
    assert SavVariable("a", "", 255, "F8.0", True).parts == [255]
    assert SavVariable("a", "", 256, "F8.0", True).parts == [255, 4]
    assert SavVariable("a", "", 2000, "F8.0", True).parts == [255] * 7 + [236]


def test_the_memory_of_a_file_does_not_grow_with_its_rows():
    """REL-14: a batch is held, not the table."""

    def peak(rows: int) -> int:
        made = StudyTable(
            "forms/long", "Long", (TableColumn("a", "", "A"), TableColumn("d", "", "D", kind="date")),
            lambda: ((f"text {number}", date(2026, 3, 1 + number % 28).isoformat()) for number in range(rows)),
        )  # fmt: skip
        tracemalloc.start()
        try:
            made_of = next(iter(FORMATS["sav"].files([made], EXPORTED)))
            assert sum(map(len, made_of.pieces)) > rows * 16
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1000)
    assert peak(60_000) < peak(20_000) * 1.5
