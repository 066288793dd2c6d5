"""SPSS SAV: a file with one data set for each table.

Text codes have value labels; the missing codes of such a variable are in it, declared as user-missing. A measurement
has neither: its code and reason are variables beside it, because programs count a user-missing -99 in a mean. The
rows are written in batches (`exports.formats.spss_file`): no program holds a whole table.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final

from exports.formats.coding import LANGUAGE, coding_of
from exports.formats.data_files import DataFile, Exported
from exports.formats.file_limits import FileLimits, shortened
from exports.formats.holding import TextRule, Whole, holding_of_doubles
from exports.formats.numbers import MOST_DOUBLE, double_holds
from exports.formats.readers import general_readers, script
from exports.formats.readers.statements import SPSS, spss_statements
from exports.formats.row_bytes import CellBytes, doubles
from exports.formats.spool import Column, Spool
from exports.formats.spss_file import SavVariable, data, head, number_cells, text_cells
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


def _holds(kind: str, value: Any) -> bool:
    if kind in ("integer", "decimal"):
        return double_holds(value)
    # SPSS counts from the first day of the Gregorian calendar.
    return kind == "flag" or bool(value.year > EPOCH.year)


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield a file for each table, then the list of variables."""
    listed = VariableList(LIMITS)
    for table in tables:
        count, beside = [0], LongTexts(TEXTS)
        yield DataFile(f"{table.name}.sav", _pieces(table, exported, listed, count, beside), count, beside)
    yield listed.file()
    yield script(SPSS, spss_statements(listed))
    yield from general_readers()


def _pieces(
    table: StudyTable, exported: Exported, listed: VariableList, count: list[int], beside: LongTexts
) -> Iterator[bytes]:
    with Spool(table, beside, HOLDING) as spool:
        count[0] = spool.rows
        variables = variables_of(spool, LIMITS)
        listed.dataset(table)
        listed.add(table, f"{table.name}.sav", variables)
        stored = [_stored(variable) for variable in variables]
        yield head(stored, spool.rows, shortened(table.title, MOST_TITLE, in_bytes=True), exported.at)
        cells = [_cells(variable, each) for variable, each in zip(variables, stored, strict=True)]
        yield from data(spool.batches(), stored, cells)


def _stored(variable: Variable) -> SavVariable:
    is_text, labels = _is_text(variable), _labels(variable)
    return SavVariable(
        variable.name,
        variable.label,
        # A code that no row has needs its place too: it has a label.
        max([variable.width, *(len(code.encode()) for code in labels)]) if is_text else 0,
        _format(variable),
        is_text or bool(_codes(variable)),
        labels,
        declared_missing(variable),
    )


def _cells(variable: Variable, stored: SavVariable) -> CellBytes:
    """Return the function that makes the bytes of a variable in each row of a batch."""
    if not stored.width:
        return lambda batch: number_cells(doubles(_numbers(batch[variable.place])))
    if not stored.missing or variable.missing is None:
        return lambda batch: text_cells(batch[variable.place], stored)
    return lambda batch: text_cells(_with_codes(variable, stored, batch), stored)


def _numbers(column: Column) -> Column:
    """Return a column as numbers: codes that are whole numbers are kept as texts."""
    import pyarrow

    return column.cast(pyarrow.float64())


def _with_codes(variable: Variable, stored: SavVariable, batch: list[Column]) -> Column:
    """Return a column of texts with its missing codes in the cells that are blank."""
    import pyarrow
    from pyarrow import compute

    values, codes = batch[variable.place], batch[variable.missing or 0]
    is_declared = compute.is_in(codes, pyarrow.array(stored.missing, pyarrow.string()))
    return compute.if_else(compute.and_(values.is_null(), is_declared), codes, values)


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


TEXTS: Final = TextRule(MOST_TEXT, cuts_blanks=True, ends_at_zero=True)
HOLDING: Final = holding_of_doubles(
    _holds,
    MOST_DOUBLE,
    Whole(TEXTS, digits=15, first=date(EPOCH.year + 1, 1, 1), epoch=EPOCH, per_day=86_400),
)
