"""Names of the data files and their columns: the key columns, and names that a protocol file may not use.

Many programs that read data files ignore the case of a column name, so no two names of a table may differ in case
only. A file named like a device cannot be opened on Windows.
"""

from collections.abc import Iterator
from typing import Final

from protocol.checking.dictionary import MISSING_PARTS, FormTable, tables_of
from protocol.checking.shape import Problem
from protocol.document.items import Form
from protocol.document.written_values import DEVICE_NAMES

KEY_COLUMNS: Final[dict[str, str]] = {
    "patient": "Subject code",
    "visit": "Visit",
    "visit_number": "Number of an unscheduled visit",
    "repeat": "Row of a log",
    "status": "Status of the form",
    "protocol_version": "Protocol version it was captured under",
    "entered_at": "First saved at (UTC)",
    "completed_at": "Completed at (UTC)",
    "visit_date": "Day of the visit",
    "patient_group": "Group of the patient",
    "is_verified": "Verified against the source (Y/N)",
    "is_signed": "Signed by an investigator, and not changed since (Y/N)",
    "is_locked": "Locked (Y/N)",
}
"""Label by name of the columns before the items, in every table of captured values."""
DAY_COLUMNS: Final[dict[str, str]] = {
    "days_since_screening": "Days since screening (0 on that day)",
    "days_since_inclusion": "Days since inclusion (0 on that day)",
}
"""Label by name of the columns that count from an anchor, in every table of captured values."""
LONGEST_COLUMN: Final = 32
"""Characters of a name that SAS (XPORT v8) and Stata read at least."""
INFUSION_DAYS: Final = "days_since_infusion_"
"""Start of the names of the columns that count from an infusion: its number follows."""
ARM_COLUMN: Final = "arm"
"""Name of the column that only those get who may know the arm."""
BASELINE_COLUMN: Final = "baseline"
"""Name of the column that names the items whose baseline a row holds."""
NOT_ASKED_COLUMN: Final = "not_asked"
"""Name of the column that names the items which the protocol version of a row did not ask."""
ROW_KEY_COLUMNS: Final[dict[str, str]] = {
    "row": "Row of the repeating table",
    "row_id": "Id of the row, which it keeps when rows above it are removed",
}
"""Label by name of the further key columns of a table of repeating rows."""


def keys_of(table: FormTable) -> dict[str, str]:
    """Return the key columns of a table, label by name."""
    return KEY_COLUMNS | DAY_COLUMNS | (ROW_KEY_COLUMNS if table.rows_of else {})


def name_problems(form: Form) -> Iterator[Problem]:
    """Yield a problem for each name of a form that its data files cannot have."""
    path = f"forms.{form.code}"
    if form.code.casefold() in DEVICE_NAMES:
        yield Problem(path, "Windows keeps this name for a device and opens no file of it: use another name")
    for table in tables_of(form):
        yield from _clashes(f"{path}.{table.rows_of.name}.columns" if table.rows_of else path, table)


def _clashes(path: str, table: FormTable) -> Iterator[Problem]:
    """Yield a problem for each item or choice whose column has the name of another column, whatever the case."""
    keys = {**keys_of(table), ARM_COLUMN: "", BASELINE_COLUMN: "", NOT_ASKED_COLUMN: ""}
    taken = {name.casefold(): name for name in keys}
    for place, column in _named(table):
        if len(column) > LONGEST_COLUMN:
            yield Problem(f"{path}.{place}", _too_long(column))
        folded = column.casefold()
        other = folded if folded.startswith(INFUSION_DAYS) else taken.get(folded)
        if other is None:
            taken[folded] = column
        elif other in keys or other.startswith(INFUSION_DAYS):
            yield Problem(
                f"{path}.{place}", f"every row of the data file has a column {other!r}: use another name"
            )
        else:
            told = f"the column {column!r} would have the name of the column {other!r}: use another code"
            yield Problem(f"{path}.{place}", told)


def _too_long(column: str) -> str:
    return (
        f"the column {column!r} of the data file has {len(column)} characters, but statistics programs read only"
        f" {LONGEST_COLUMN}: use a shorter name"
    )


def _named(table: FormTable) -> Iterator[tuple[str, str]]:
    """Yield (key in the file, column) of each column, those of the choices last. Repeated keys are yielded once."""
    for item in {item.name: item for item in table.items}.values():
        if item.type != "choices":
            yield from ((item.name, column) for column in table.columns_of(item))
            continue
        # Kept also where no value may be missing: an amendment may allow it.
        yield from ((item.name, f"{item.name}__{part}") for part in MISSING_PARTS)
        for code in dict.fromkeys(item.codes):
            yield f"{item.name}.choices.{code}", f"{item.name}__{code}"
