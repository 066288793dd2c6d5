"""A small invented study, and what each format makes of it: the files that the golden ones are compared with."""

import hashlib
import io
import sqlite3
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from exports.formats.registry import FORMATS
from exports.tables.cells import safe_free_text
from exports.tables.columns import StudyTable, TableColumn
from exports.tables.description.code_lists import MISSING_CODES
from tests.support.study.read_back import written
from tests.support.study.ugly_table import GRADE, SEX

FORMAT_CODES: Final = tuple(
    code for code, made_as in FORMATS.items() if made_as.files and not made_as.maps_study
)
# Files that are kept as text if they are short: a difference is read, not only known.
TEXT_SUFFIXES: Final = (".csv", ".json", ".jsonl", ".md", ".sql", ".xml")
LONGEST_TEXT: Final = 36_000
SCRIPT_SUFFIXES: Final = (".py", ".R", ".sas", ".sps", ".do")
PATIENTS: Final = (
    TableColumn("patient", "", "Subject code"),
    TableColumn("sex", "", "Sex at birth", codes=SEX),
    TableColumn("sex__missing", "", "Sex: missing code", codes=MISSING_CODES[:3]),
    TableColumn("screened_on", "", "Screened on", kind="date"),
    TableColumn("weight", "", "Weight", kind="decimal"),
    TableColumn("weight__missing", "", "Weight: missing code", codes=MISSING_CODES),
)
EVENTS: Final = (
    TableColumn("patient", "", "Subject code"),
    TableColumn("number", "", "Number of the event", kind="integer"),
    TableColumn("term", "", "Term as it was reported, in the words of the investigator", free_text=True),
    TableColumn("grade", "", "Grade", codes=GRADE),
    TableColumn("serious", "", "Serious", kind="flag"),
    TableColumn("onset", "", "Onset", kind="partial"),
    TableColumn("reported_at", "", "Reported", kind="instant"),
    TableColumn("started", "", "Start at the site", kind="local"),
    TableColumn("titre", "", "Titre", kind="decimal"),
)
PATIENT_ROWS: Final = (
    ("LG-001", "F", "", "2026-03-02", "61.50", ""),
    ("LG-002", "M", "", "2026-03-09", "", "ND"),
    ("LG-003", "", "UNK", "1900-01-01", "0.1", ""),
    ("LG-004", "X", "", "2026-02-30", "12345678901234567.1", ""),
    ("LG-005", "", "", "", "", "ASKU"),
)
EVENT_ROWS: Final = (
    (
        "LG-001",
        1,
        "Headache",
        "1",
        "N",
        "2026-03-04",
        "2026-03-04T08:15:30.250000Z",
        "2026-03-04T09:15",
        "1.5",
    ),
    ("LG-001", 2, "=SUM(A1)", "2", "Y", "2026-03", "2026-03-05T23:59:59.999999Z", "2026-03-06", "-0.0"),
    ("LG-002", 1, "Müller – 細胞, “quoted”\nnext line", "", "N", "2026", "", "", "<5"),
    ("LG-002", 9_007_199_254_740_993, "x" * 300, "0", "", "", "2026-03-05", "", ""),
    (
        "LG-003",
        -7,
        "trailing ",
        "3",
        "Y",
        "2026-03-07T10:00",
        "1999-12-31T00:00:00Z",
        "2026-03-07T10:00",
        "82400000.25",
    ),
)


def invented(
    name: str, title: str, columns: tuple[TableColumn, ...], rows: tuple[tuple[object, ...], ...]
) -> StudyTable:
    """Return a table of the study, with free text as a reader of the database gives it."""
    kept = [
        [
            safe_free_text(cell) if column.free_text and isinstance(cell, str) and cell else cell
            for column, cell in zip(columns, row, strict=True)
        ]
        for row in rows
    ]
    escaped = tuple(column.name for column in columns if column.free_text)
    return StudyTable(name, title, columns, lambda: iter(kept), escaped)


def data_files(code: str) -> dict[str, bytes]:
    """Return the data files of a format by name. Scripts that read them are no data.

    A database and a workbook say in their bytes which library wrote them: their content stands for them.
    """
    tables = (
        invented("patients", "Patients", PATIENTS, PATIENT_ROWS),
        invented("forms/events", "Adverse events", EVENTS, EVENT_ROWS),
    )
    made = FORMATS[code].files
    assert made is not None
    found = {}
    for name, data in written(made, *tables).items():
        if name.endswith(".sqlite3"):
            found[name.replace(".sqlite3", ".sql")] = dumped(data)
        elif name.endswith(".xlsx"):
            found |= {f"{name}/{part}": content for part, content in parts(data).items()}
        elif not name.endswith(SCRIPT_SUFFIXES):
            found[name] = data
    return found


def dumped(database: bytes) -> bytes:
    """Return the statements that make a database again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.sqlite3"
        path.write_bytes(database)
        connection = sqlite3.connect(path)
        try:
            return "".join(f"{line}\n" for line in connection.iterdump()).encode()
        finally:
            connection.close()


def parts(workbook: bytes) -> dict[str, bytes]:
    """Return the files that a workbook consists of."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def texts_of(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files that are kept as text. Those inside a workbook are not: nobody reads them."""
    return {
        name: data
        for name, data in files.items()
        if name.endswith(TEXT_SUFFIXES) and len(data) <= LONGEST_TEXT and ".xlsx/" not in name
    }


def hashes(files: dict[str, bytes]) -> str:
    """Return a line for each file: its SHA-256 and its name."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()))
