"""SPSS SAV: a file with one data set for each table.

Text codes have value labels; the missing codes of such a variable are in it, declared as user-missing. A measurement
has neither: its code and reason are variables beside it, because programs count a user-missing -99 in a mean. The
writer, pyreadstat, takes a whole table: its rows are gathered as columns, which need less memory than rows.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from exports.formats.coding import LANGUAGE, coding_of
from exports.formats.data_files import PIECE_BYTES, DataFile, Exported
from exports.formats.fitting import FileLimits, shortened
from exports.formats.numbers import MOST_DOUBLE, double_holds, seconds_since
from exports.formats.readers import general_readers, script
from exports.formats.readers.statements import SPSS, spss_statements
from exports.formats.spool import Column, Holding, Spool
from exports.formats.variables import Variable, VariableList, variables_of
from exports.tables.columns import StudyTable
from exports.tables.description.code_lists import NUMBER, Code
from exports.tables.description.described import codes_of
from exports.tables.long_texts import LongTexts

RESERVED: Final = frozenset(
    {"all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"}
)
LIMITS: Final = FileLimits(name=64, label=256, reserved=RESERVED)
# The format holds texts of 32,767 bytes, but every row of the file would be that wide.
MOST_TEXT: Final = 2000
MOST_VALUE_LABEL, MOST_TITLE, MOST_MISSING, MISSING_BYTES = 120, 64, 3, 8
MOST_DIGITS, MOST_DECIMALS = 40, 16
EPOCH: Final = date(1582, 10, 14)
FORMATS: Final = {"date": "DATE11", "instant": "DATETIME23.2", "local": "DATETIME20", "integer": "F12.0"}
# Where the header says when the file was written: ` 3 Nov 26` and `17:05:09`.
DATE_AT, TIME_AT = 92, 101


def _fits(text: str) -> bool:
    # The end of a text is filled with blanks, and a zero ends it: either would be lost.
    return len(text.encode()) <= MOST_TEXT and not text.endswith(" ") and "\0" not in text


def _holds(kind: str, value: Any) -> bool:
    if kind in ("integer", "decimal"):
        return double_holds(value)
    # SPSS counts from the first day of the Gregorian calendar.
    return kind == "flag" or bool(value.year > EPOCH.year)


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield a file for each table, then the list of variables."""
    listed = VariableList(LIMITS)
    for table in tables:
        count, beside = [0], LongTexts(_fits)
        yield DataFile(f"{table.name}.sav", _pieces(table, exported, listed, count, beside), count, beside)
    yield listed.file()
    yield script(SPSS, spss_statements(listed))
    yield from general_readers()


def _pieces(
    table: StudyTable, exported: Exported, listed: VariableList, count: list[int], beside: LongTexts
) -> Iterator[bytes]:
    with Spool(table, beside, HOLDING) as spool, TemporaryDirectory() as folder:
        count[0] = spool.rows
        variables = variables_of(spool, LIMITS)
        listed.dataset(table)
        listed.add(table, f"{table.name}.sav", variables)
        path = Path(folder) / "table.sav"
        _write(path, spool, variables, shortened(table.title, MOST_TITLE, in_bytes=True))
        _stamp(path, exported.at)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def _write(path: Path, spool: Spool, variables: list[Variable], title: str) -> None:
    # Imported here: no web process holds these until it makes such a file.
    import polars
    import pyreadstat

    # Every type is said: a column without a value, or of whole seconds, would get one that readers take otherwise.
    schema = {v.name: polars.String if _is_text(v) else polars.Float64 for v in variables}
    batches = [
        polars.DataFrame([_values(v, batch) for v in variables], schema=schema, strict=True)
        for batch in spool.batches()
    ]
    frame = polars.concat(batches) if batches else polars.DataFrame(schema=schema)
    pyreadstat.write_sav(
        frame,
        path,
        file_label=title,
        column_labels=[variable.label for variable in variables],
        row_compress=True,
        variable_value_labels={v.name: labels for v in variables if (labels := _labels(v))},
        missing_ranges={v.name: declared for v in variables if (declared := declared_missing(v))},
        variable_format={v.name: _format(v) for v in variables if not _is_text(v)},
        variable_measure={v.name: "nominal" if _is_text(v) or _codes(v) else "scale" for v in variables},
    )


def _codes(variable: Variable) -> tuple[Code, ...]:
    slot = variable.slot
    return codes_of(slot.column) if slot.role == "value" else ()


def _is_number_code(variable: Variable) -> bool:
    """Return whether codes are whole numbers, and so are their values in the file."""
    codes = _codes(variable)
    values = (*(code.code for code in codes), *variable.slot.seen)
    return bool(codes) and all(NUMBER.fullmatch(value) for value in values)


def _is_text(variable: Variable) -> bool:
    return variable.kind in ("text", "flag") and not _is_number_code(variable)


def declared_missing(variable: Variable) -> list[Any]:
    """Return the missing codes that a variable itself holds, declared as user-missing.

    Only coded texts of up to eight bytes have any, and only up to three: SPSS declares no more.
    """
    codes = [code.code for code in _codes(variable)]
    if not codes or variable.missing_codes is None or not _is_text(variable):
        return []
    missing = [code.code for code in variable.missing_codes]
    longest = max(len(value.encode()) for value in (*codes, *variable.slot.seen))
    taken = {value.casefold() for value in (*codes, *variable.slot.seen)}
    if (
        len(missing) > MOST_MISSING
        or longest > MISSING_BYTES
        or taken & {code.casefold() for code in missing}
    ):
        return []
    return missing


def _labels(variable: Variable) -> dict[Any, str]:
    codes = _codes(variable)
    if not codes:
        return {}
    if _is_number_code(variable) and (coding := coding_of(variable.slot)):
        found: dict[Any, str] = {float(number): label for number, label in coding.labels.items()}
    else:
        declared = set(declared_missing(variable))
        codes += tuple(code for code in variable.missing_codes or () if code.code in declared)
        found = {code.code: code.label(LANGUAGE) or code.code for code in codes}
    return {code: shortened(label, MOST_VALUE_LABEL, in_bytes=True) for code, label in found.items()}


def _format(variable: Variable) -> str:
    if variable.kind == "decimal":
        decimals = min(variable.slot.fraction, MOST_DECIMALS)
        return f"F{min(max(8, variable.slot.whole + decimals + 2), MOST_DIGITS)}.{decimals}"
    return FORMATS.get(variable.kind, "F12.0")


def _values(variable: Variable, batch: list[Column]) -> Column:
    """Return the values of a variable in each row of a batch."""
    values, slot = batch[variable.place], variable.slot
    if not _is_text(variable):
        # Codes that are whole numbers, and parts of dates.
        is_plain = slot.role != "value" or slot.kind == "text"
        return [value if value is None else float(value) for value in values] if is_plain else values
    declared = set(declared_missing(variable))
    if not declared or variable.missing is None:
        return values
    codes = batch[variable.missing]
    return [
        code if value is None and code in declared else value
        for value, code in zip(values, codes, strict=True)
    ]


HOLDING: Final = Holding(
    _holds,
    MOST_DOUBLE,
    {
        "integer": float,
        "decimal": float,
        "date": lambda day: (day - EPOCH).days * 86_400.0,
        "instant": lambda at: seconds_since(EPOCH, at),
        "local": lambda at: seconds_since(EPOCH, at),
    },
)


def _stamp(path: Path, at: datetime) -> None:
    """Write the moment of the export where the library wrote its own: the same data make the same file."""
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    utc = at.astimezone(UTC)
    with path.open("r+b") as file:
        file.seek(DATE_AT)
        file.write(f"{utc:%d} {months[3 * utc.month - 3 : 3 * utc.month]} {utc:%y}{utc:%H:%M:%S}".encode())
