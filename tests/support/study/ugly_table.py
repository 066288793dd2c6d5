"""A table with every value that a file format trips over, for tests of formats: no trial and no database."""

from collections.abc import Iterable, Sequence
from typing import Any

from exports.tables.cells import safe_free_text
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import MISSING_CODES, Code

TEXTS = (
    "plain", "00420", "=HYPERLINK(\"x\")", "'quoted", "line one\nline two", "internal:bleeding", "Müller – Ñandú 細胞",
    "\u2028x", "NA", " leading", "trailing ", "tab\there", "carriage\rreturn", "=W0000123", "_x0041_", "\x01control",
    "-", ".", "x" * 199, "y" * 201, "ñ" * 101, "z" * 2046, "w" * 32_768, "😀" * 16_384, "1e5", "0x10",
    "https://example.org", "",
)  # fmt: skip
DECIMALS = (
    "36.50",
    "0.1",
    "-0.0",
    "12345678901234567.1",
    "0.30000000000000004",
    "1234567890.123456",
    "82400000.25",
    "<5",
    "",
)
INTEGERS = ("0", "-7", "9007199254740993", "123456789012345678901234567890", "12", "not counted", "")
DAYS = ("2026-08-02", "1900-01-01", "1581-12-31", "9999-12-31", "2026-02-30", "")
INSTANTS = (
    "2026-08-02T07:41:00Z", "2026-08-02T07:41:00.123456Z", "1999-12-31T23:59:59.999999Z", "2026-08-02", "",
)  # fmt: skip
LOCALS = ("2026-08-02T09:41", "2026-08-02", "2026-08-03T00:00", "")
PARTIALS = ("2026", "2026-08", "2026-08-02", "2026-08-02T09:41", "")
FLAGS = ("Y", "N", "")


def _labels(words: str) -> Code:
    code, _dash, label = words.partition("=")
    return Code(code, lambda language: label if language == "en" else "")


SEX = (_labels("F=Female"), _labels("M=Male"))
GRADE = (_labels("0=None"), _labels("1=Mild"), _labels("2=" + "severe beyond all words " * 8))
COLUMNS = (
    TableColumn("patient", "", "Subject code"),
    TableColumn("note", "", "What was written " + "and written " * 30, free_text=True),
    TableColumn("haemoglobin", "", "Haemoglobin", kind="decimal"),
    TableColumn("haemoglobin__missing", "", "Haemoglobin: missing code", codes=MISSING_CODES),
    TableColumn("haemoglobin__reason", "", "Haemoglobin: reason", free_text=True),
    TableColumn("count", "", "Count", kind="integer"),
    TableColumn("day", "", "Day", kind="date"),
    TableColumn("at", "", "Instant", kind="instant"),
    TableColumn("started", "", "Start at the site", kind="local"),
    TableColumn("onset", "", "Onset", kind="partial"),
    TableColumn("serious", "", "Serious", kind="flag"),
    TableColumn("sex", "", "Sex at birth", codes=SEX),
    TableColumn("sex__missing", "", "Sex: missing code", codes=MISSING_CODES[:3]),
    TableColumn("grade", "", "Grade", codes=GRADE),
    TableColumn("empty_number", "", "Never filled", kind="decimal"),
    TableColumn("empty_day", "", "Never filled", kind="date"),
    TableColumn("if", "", "A word that programs keep"),
)


def table(
    rows: Iterable[Sequence[Any]], columns: tuple[TableColumn, ...] = COLUMNS, name: str = "forms/ugly"
) -> StudyTable:
    """Return a table with these cells, as a reader of the database gives them."""
    free = [column.free_text for column in columns]
    kept = [
        [safe_free_text(cell) if typed and cell else cell for typed, cell in zip(free, row, strict=True)]
        for row in rows
    ]
    return StudyTable(name, "Every ugly value", columns, lambda: iter(kept))


def ugly_rows() -> list[list[Any]]:
    """Return rows in which each value stands at least once."""
    codes = ("ND", "UNK", "NAP", "ASKU", "")
    rows = []
    for number, text in enumerate(TEXTS):
        missing = codes[number % len(codes)]
        result = ["", missing, "=broken"] if missing else [_turn(DECIMALS, number), "", ""]
        turned = [_turn(values, number) for values in (INTEGERS, DAYS, INSTANTS, LOCALS, PARTIALS, FLAGS)]
        sex = [_turn(("F", "M", "X", ""), number), "UNK" if number % 4 == 3 else ""]
        grade = _turn(("0", "1", "2", ""), number)
        rows.append([f"LG-{number:03}", text, *result, *turned, *sex, grade, "", "", text[:7]])
    return rows


def _turn(values: Sequence[str], number: int) -> str:
    return values[number % len(values)]
