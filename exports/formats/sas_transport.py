"""SAS XPORT version 5 and version 8: a file with one data set for each table, written row by row.

The record layout is that of SAS Institute, “Record layout of a SAS version 5 or 6 data set in SAS transport (XPORT)
format” and “… version 8 or 9 …”. Texts are UTF-8. A number is an IBM double, which holds every digit of an IEEE double.
A value that was not done is a special missing value, .A to .D; its code and reason are columns too.
"""

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from exports.formats.data_files import DataFile, DataFiles, Exported
from exports.formats.file_limits import FileLimits, fitted_label, fitted_names
from exports.formats.holding import Holding, TextRule, Whole, holding_of_doubles
from exports.formats.numbers import MISSING_LETTERS, double_holds
from exports.formats.readers import general_readers, script
from exports.formats.readers.statements import SAS, sas_statements
from exports.formats.row_bytes import CellBytes, as_bytes, doubles, row_matrices, text_bytes, with_missing
from exports.formats.spool import TEXTUAL, Column, Spool
from exports.formats.variables import Variable, VariableList, variables_of
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts

RECORD: Final = 80
EPOCH: Final = date(1960, 1, 1)
FIRST_YEAR: Final = 1583
SMALLEST, LARGEST = Decimal("1e-77"), Decimal("1e75")
RESERVED: Final = frozenset({"_n_", "_error_", "_numeric_", "_character_", "_all_"})
SYSTEM: Final = "Stroma"
NUMERIC, CHARACTER, SHORT_LABEL = 1, 2, 40
# Format, width, decimals by kind.
FORMATS: Final = {"date": ("DATE", 9, 0), "instant": ("DATETIME", 26, 6), "local": ("DATETIME", 20, 0)}
BLANK_NUMBER: Final = b"." + bytes(7)
# Added to a file of texts alone: blank rows at the end of a file are taken for its filling, unless they hold a number.
ROW_NUMBER, ROW_LABEL = "row_number", "Number of the row"
NAMESTR: Final = struct.Struct(">hhhh8s40s8shhh2s8shhl")


@dataclass(frozen=True, slots=True)
class Layout:
    """One version of the format. texts: which ones a cell holds; any other is a file beside."""

    limits: FileLimits
    texts: TextRule
    words: dict[str, str]
    is_long: bool = False


VERSION_5: Final = Layout(
    FileLimits(name=8, label=40, upper=True, reserved=RESERVED),
    TextRule(200, cuts_blanks=True, ends_at_zero=True),
    {"library": "LIBRARY", "member": "MEMBER", "descriptor": "DSCRPTR", "names": "NAMESTR", "rows": "OBS"},
)
# Version 8 holds 32,767 bytes, but every row of the file would be that wide.
VERSION_8: Final = Layout(
    FileLimits(name=32, label=256, reserved=RESERVED),
    TextRule(2000, cuts_blanks=True, ends_at_zero=True),
    {"library": "LIBV8", "member": "MEMBV8", "descriptor": "DSCPTV8", "names": "NAMSTV8", "rows": "OBSV8"},
    is_long=True,
)


def _format(layout: Layout) -> DataFiles:
    def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
        listed = VariableList(layout.limits)
        for table in tables:
            count, beside = [0], LongTexts(layout.texts)
            name = f"{table.name}.xpt"
            yield DataFile(name, _pieces(layout, table, exported, listed, count, beside), count, beside)
        yield listed.file()
        yield script(SAS, sas_statements(listed, is_long=layout.is_long))
        yield from general_readers()

    return files


def _pieces(
    layout: Layout,
    table: StudyTable,
    exported: Exported,
    listed: VariableList,
    count: list[int],
    beside: LongTexts,
) -> Iterator[bytes]:
    with Spool(table, beside, _holding(layout)) as spool:
        count[0] = spool.rows
        variables = variables_of(spool, layout.limits)
        name = listed.dataset(table)
        listed.add(table, f"{table.name}.xpt", variables)
        numbered = all(variable.kind in TEXTUAL for variable in variables)
        data = DataSet(name, table.title, exported.at, spool.rows, numbered)
        described = [
            (v.name, v.label, v.width if v.kind in TEXTUAL else 8, v.kind in TEXTUAL, FORMATS.get(v.kind))
            for v in variables
        ]
        yield head(layout, data, described)
        size = 0
        for piece in _rows(spool, variables, numbered=numbered):
            size += len(piece)
            yield piece
        yield b" " * (-size % RECORD)


@dataclass(frozen=True, slots=True)
class DataSet:
    """The data set in the head of a file. numbered: it has a variable with the number of the row."""

    name: str
    title: str
    at: datetime
    rows: int
    numbered: bool


Described = tuple[str, str, int, bool, tuple[str, int, int] | None]
"""Name, label, bytes of a cell, whether it is a text, and the format of a number."""


def head(layout: Layout, data: DataSet, variables: Sequence[Described]) -> bytes:
    """Return all of a file that stands before its rows."""
    words, stamp = layout.words, _stamp(data.at)
    width = 32 if layout.is_long else 8
    filling = "" if layout.is_long else " " * 24
    records = [
        _record(words["library"]),
        f"{'SAS':8}{'SAS':8}{'SASLIB':8}{'9.4':8}{SYSTEM:8}{'':24}{stamp}".encode(),
        f"{stamp:80}".encode(),
        _record(words["member"], (0, 0, 0, 160, 0, 140)),
        _record(words["descriptor"]),
        f"{'SAS':8}{data.name:{width}}{'SASDATA':8}{'9.4':8}{SYSTEM:8}{filling}{stamp}".encode(),
        f"{stamp}{'':16}".encode() + _padded(fitted_label(data.title, VERSION_5.limits), 40) + b" " * 8,
        _record(words["names"], (0, len(variables) + data.numbered)),
    ]
    described = list(variables)
    if data.numbered:
        own = fitted_names([ROW_NUMBER], layout.limits, [name for name, *_rest in variables])[ROW_NUMBER]
        described.append((own, ROW_LABEL, 8, False, None))
    names, place = b"", 0
    for number, (own, label, length, textual, shown) in enumerate(described, start=1):
        names += _namestr(layout, number, own, label, length, place, textual=textual, shown=shown)
        place += length
    records.append(_filled(names))
    if layout.is_long:
        records += _long_labels([(own, label) for own, label, *_rest in described])
    records.append(_counted(words["rows"], data.rows) if layout.is_long else _record(words["rows"]))
    return b"".join(records)


def _record(word: str, numbers: tuple[int, ...] = ()) -> bytes:
    shown = (*numbers, *(0,) * (6 - len(numbers)))
    return f"HEADER RECORD*******{word:8}HEADER RECORD!!!!!!!{''.join(f'{n:05}' for n in shown)}  ".encode()


def _counted(word: str, rows: int) -> bytes:
    """Return the header of the rows in version 8, which says how many there are."""
    return f"HEADER RECORD*******{word:8}HEADER RECORD!!!!!!!{rows:15}{'':17}".encode()


def _namestr(
    layout: Layout,
    number: int,
    name: str,
    label: str,
    length: int,
    place: int,
    *,
    textual: bool,
    shown: tuple[str, int, int] | None,
) -> bytes:
    word, width, decimals = shown or ("", 0, 0)
    # A long label stands here in short, and whole behind the names.
    head = NAMESTR.pack(
        CHARACTER if textual else NUMERIC, 0, length, number, _padded(name[:8], 8),
        _padded(fitted_label(label, VERSION_5.limits), SHORT_LABEL), _padded(word, 8), width, decimals, 0, b"\0\0",
        b" " * 8, 0, 0, place,
    )  # fmt: skip
    if not layout.is_long:
        return head + bytes(52)
    return head + _padded(name, 32) + struct.pack(">h", len(label.encode())) + bytes(18)


def _long_labels(described: list[tuple[str, str]]) -> list[bytes]:
    long = [
        (n, own, label) for n, (own, label) in enumerate(described, 1) if len(label.encode()) > SHORT_LABEL
    ]
    if not long:
        return []
    body = b"".join(
        struct.pack(">hhh", number, len(own), len(label.encode())) + own.encode() + label.encode()
        for number, own, label in long
    )
    return [_record("LABELV8", (len(long),)), _filled(body)]


def _padded(text: str, width: int) -> bytes:
    return text.encode().ljust(width)


def _filled(data: bytes) -> bytes:
    return data + b" " * (-len(data) % RECORD)


def _stamp(at: datetime) -> str:
    months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
    utc = at.astimezone(UTC)
    month = months[3 * utc.month - 3 : 3 * utc.month]
    return f"{utc:%d}{month}{utc:%y:%H:%M:%S}"


def _rows(spool: Spool, variables: list[Variable], *, numbered: bool) -> Iterator[bytes]:
    cells = [_cells(variable) for variable in variables]
    width = sum(variable.width if variable.kind in TEXTUAL else NUMBER_BYTES for variable in variables)
    before = 0

    def numbers(batch: list[Column]) -> Any:
        import numpy

        nonlocal before
        first, before = before + 1, before + len(batch[0])
        return as_bytes(ibm_doubles(numpy.arange(first, before + 1, dtype=numpy.float64)))

    if numbered:
        cells.append(numbers)
    for batch in spool.batches():
        for matrix in row_matrices(batch, cells, width):
            yield matrix.tobytes()


def _cells(variable: Variable) -> CellBytes:
    """Return the function that makes the bytes of a variable in each row of a batch."""
    if variable.kind in TEXTUAL:
        return lambda batch: text_bytes(batch[variable.place], variable.width, b" ")

    def numbers(batch: list[Column]) -> Any:
        import numpy

        values = doubles(batch[variable.place])
        is_blank = numpy.isnan(values)
        words = ibm_doubles(numpy.where(is_blank, 0.0, values))
        codes = None if variable.missing is None else batch[variable.missing]
        with_missing(words, is_blank, codes, SPECIAL, BLANK_WORD)
        return as_bytes(words)

    return numbers


NUMBER_BYTES: Final = 8
BLANK_WORD: Final = int.from_bytes(BLANK_NUMBER, "big")
SPECIAL: Final = {
    code: int.from_bytes(letter.upper().encode() + bytes(7), "big")
    for code, letter in MISSING_LETTERS.items()
}


def _holds(kind: str, value: Any) -> bool:
    if kind in ("integer", "decimal"):
        return double_holds(value) and (value == 0 or SMALLEST <= abs(value) <= LARGEST)
    # SAS has no day before 1582, when the calendar changed.
    return kind == "flag" or bool(value.year >= FIRST_YEAR)


def ibm_double(value: float) -> bytes:
    """Return a number as IBM double: sign, exponent of 16 plus 64, 56 bits of fraction. Exact for 1e-77 to 1e75."""
    if not value:
        return bytes(8)
    fraction, exponent = math.frexp(abs(value))
    sixteens = -(-exponent // 4)
    if sixteens < -64:
        return bytes(8)
    bits = int(math.ldexp(fraction, 56 - (4 * sixteens - exponent)))
    sign = 0x80 if value < 0 else 0
    return bytes((sign | (sixteens + 64),)) + bits.to_bytes(7, "big")


def ibm_doubles(values: Any) -> Any:
    """Return an array of numbers as big-endian words of IBM doubles; `ibm_double` for many."""
    import numpy

    fraction, exponent = numpy.frexp(numpy.abs(values))
    sixteens = -(-exponent // 4)
    bits = numpy.ldexp(fraction, 56 - (4 * sixteens - exponent)).astype(numpy.uint64)
    signs = numpy.where(values < 0, 0x80, 0).astype(numpy.uint64)
    head = (signs | (sixteens + 64).astype(numpy.uint64)) << numpy.uint64(56)
    is_zero = (values == 0) | (sixteens < -64)
    return numpy.where(is_zero, numpy.uint64(0), head | bits).astype(">u8")


def _holding(layout: Layout) -> Holding:
    whole = Whole(layout.texts, digits=15, first=date(FIRST_YEAR, 1, 1), epoch=EPOCH)
    return holding_of_doubles(_holds, LARGEST, whole)


xpt_files: Final = _format(VERSION_8)
xpt_v5_files: Final = _format(VERSION_5)
