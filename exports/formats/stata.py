"""Stata DTA (format 118, which Stata 14 and later read): a file with one data set for each table, row by row.

The layout is that of StataCorp, “File formats .dta (118)”. A coded value is a number with a value label: its own number
where all codes are whole numbers, else its place in the code list, which `codes.csv` names. A value that was not done
is an extended missing value: .a not done, .b unknown, .c not applicable, .d asked but unknown; coded variables have a
label for it, measurements have none, because readers make a category of a number with one label.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from exports.formats.coding import Coding, coding_of, missing_labels
from exports.formats.data_files import DataFile, Exported
from exports.formats.file_limits import FileLimits, shortened
from exports.formats.holding import TextRule, Whole, holding_of_doubles
from exports.formats.numbers import MISSING_LETTERS, double_holds
from exports.formats.readers import general_readers, script
from exports.formats.readers.statements import STATA, stata_statements
from exports.formats.row_bytes import CellBytes, as_bytes, doubles, row_matrices, text_bytes, with_missing
from exports.formats.spool import Column, Spool
from exports.formats.variables import Variable, VariableList, variables_of
from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts

RESERVED: Final = frozenset({
    "_all", "_b", "_coef", "_cons", "_n", "_pi", "_pred", "_rc", "_skip", "byte", "double", "float", "if", "in", "int",
    "long", "strl", "using", "with",
})  # fmt: skip
LIMITS: Final = FileLimits(name=32, label=80, label_in_bytes=False, reserved=RESERVED)
MOST_TEXT, MOST_LABEL = 2045, 32_000
EPOCH: Final = date(1960, 1, 1)
LONG, DOUBLE = 65_528, 65_526
FORMATS: Final = {"date": "%td", "instant": "%tc", "local": "%tc", "integer": "%12.0g", "decimal": "%12.0g"}
# Width of a name, a format, a label in the file, in bytes.
NAME_BYTES, FORMAT_BYTES, LABEL_BYTES = 129, 57, 321
MISSING_LONG, MISSING_DOUBLE, STEP = 2_147_483_621, 0x7FE0_0000_0000_0000, 1 << 40
LARGEST: Final = Decimal("8.9e307")
SECTIONS: Final = (
    "variable_types", "varnames", "sortlist", "formats", "value_label_names", "variable_labels", "characteristics",
)  # fmt: skip


def _holds(kind: str, value: Any) -> bool:
    return kind not in ("integer", "decimal") or (double_holds(value) and abs(value) < LARGEST)


def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
    """Yield a file for each table, then the list of variables."""
    listed = VariableList(LIMITS)
    for table in tables:
        count, beside = [0], LongTexts(TEXTS)
        yield DataFile(f"{table.name}.dta", _pieces(table, exported, listed, count, beside), count, beside)
    yield listed.file()
    yield script(STATA, stata_statements(listed))
    yield from general_readers()


@dataclass(frozen=True, slots=True)
class Stored:
    """A variable as the file stores it: its type, its format, and its coding if it has one."""

    variable: Variable
    type: int
    format: str
    coding: Coding | None


def _stored(variable: Variable) -> Stored:
    coding = coding_of(variable.slot)
    if coding is not None:
        return Stored(variable, LONG, "%12.0g", coding)
    if variable.kind == "text":
        return Stored(variable, variable.width, f"%-{min(variable.width, 244)}s", None)
    return Stored(variable, DOUBLE, FORMATS[variable.kind], None)


def _pieces(
    table: StudyTable, exported: Exported, listed: VariableList, count: list[int], beside: LongTexts
) -> Iterator[bytes]:
    with Spool(table, beside, HOLDING) as spool:
        count[0] = spool.rows
        variables = variables_of(spool, LIMITS)
        listed.dataset(table)
        listed.add(table, f"{table.name}.dta", variables)
        stored = [_stored(variable) for variable in variables]
        head, labels = _head(stored, spool.rows, table.title, exported.at), _value_labels(stored)
        yield _placed(head, labels, spool.rows * sum(_width(each) for each in stored))
        cells, width = [_cells(each) for each in stored], sum(map(_width, stored))
        for batch in spool.batches():
            for matrix in row_matrices(batch, cells, width):
                yield matrix.tobytes()
        yield b"</data><strls></strls>" + labels + b"</stata_dta>"


def _head(stored: list[Stored], rows: int, title: str, at: datetime) -> tuple[bytes, list[bytes]]:
    """Return the header, and the sections up to the data."""
    label = shortened(title, LIMITS.label, in_bytes=False).encode()
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    utc = at.astimezone(UTC)
    stamp = f"{utc:%d} {months[3 * utc.month - 3 : 3 * utc.month]} {utc:%Y %H:%M}".encode()
    header = (
        b"<stata_dta><header><release>118</release><byteorder>LSF</byteorder>"
         b"<K>" + struct.pack("<H", len(stored)) + b"</K><N>" + struct.pack("<Q", rows) + b"</N>"
        + b"<label>" + struct.pack("<H", len(label)) + label + b"</label>"
        + b"<timestamp>" + bytes((len(stamp),)) + stamp + b"</timestamp></header>"
    )  # fmt: skip
    contents = (
        b"".join(struct.pack("<H", each.type) for each in stored),
        b"".join(_fixed(each.variable.name, NAME_BYTES) for each in stored),
        bytes(2 * (len(stored) + 1)),
        b"".join(_fixed(each.format, FORMAT_BYTES) for each in stored),
        b"".join(_fixed(each.variable.name if each.coding else "", NAME_BYTES) for each in stored),
        b"".join(_fixed(each.variable.label, LABEL_BYTES) for each in stored),
        b"",
    )
    return header, [
        f"<{name}>".encode() + content + f"</{name}>".encode()
        for name, content in zip(SECTIONS, contents, strict=True)
    ]


def _placed(head: tuple[bytes, list[bytes]], labels: bytes, data_bytes: int) -> bytes:
    """Return everything up to the first row, with the map of where each section begins."""
    header, sections = head
    map_bytes = len(b"<map></map>") + 14 * 8
    places = [0, len(header)]
    at = len(header) + map_bytes
    for section in sections:
        places.append(at)
        at += len(section)
    places.append(at)
    at += len(b"<data></data>") + data_bytes
    places.append(at)
    at += len(b"<strls></strls>")
    places.append(at)
    at += len(labels)
    places += [at, at + len(b"</stata_dta>")]
    shown = b"<map>" + struct.pack("<14Q", *places) + b"</map>"
    return header + shown + b"".join(sections) + b"<data>"


def _fixed(text: str, width: int) -> bytes:
    return text.encode().ljust(width, b"\0")


def _width(stored: Stored) -> int:
    return {LONG: 4, DOUBLE: 8}.get(stored.type, stored.type)


def _value_labels(stored: list[Stored]) -> bytes:
    return (
        b"<value_labels>"
        + b"".join(_label_table(each.variable.name, _labels_of(each)) for each in stored if each.coding)
        + b"</value_labels>"
    )


def _labels_of(stored: Stored) -> dict[int, str]:
    labels = dict(stored.coding.labels) if stored.coding else {}
    if stored.variable.missing is not None:
        labels |= {MISSING_LONG + _step(code): label for code, label in missing_labels().items()}
    return labels


def _label_table(name: str, labels: dict[int, str]) -> bytes:
    texts, places = b"", []
    for label in labels.values():
        places.append(len(texts))
        texts += shortened(label, MOST_LABEL - 1, in_bytes=True).encode() + b"\0"
    number = len(labels)
    table = struct.pack(f"<II{number}I{number}i", number, len(texts), *places, *labels) + texts
    return b"<lbl>" + struct.pack("<I", len(table)) + _fixed(name, NAME_BYTES) + bytes(3) + table + b"</lbl>"


def _step(code: str) -> int:
    return ord(MISSING_LETTERS[code]) - ord("a") + 1


def _cells(stored: Stored) -> CellBytes:
    """Return the function that makes the bytes of a variable in each row of a batch."""
    variable = stored.variable
    if stored.type not in (LONG, DOUBLE):
        return lambda batch: text_bytes(batch[variable.place], variable.width, b"\0")
    missing = _missing_words(stored.type)
    blank = missing.pop("")

    def numbers(batch: list[Column]) -> Any:
        words, is_blank = _words(stored, batch[variable.place])
        codes = None if variable.missing is None else batch[variable.missing]
        with_missing(words, is_blank, codes, missing, blank)
        return as_bytes(words)

    return numbers


def _words(stored: Stored, column: Column) -> tuple[Any, Any]:
    """Return the values of a column as words of the file, and which of them are blank."""
    import numpy
    import pyarrow
    from pyarrow import compute

    if stored.coding is None:
        values = doubles(column)
        return values.astype("<f8").view("<u8"), numpy.isnan(values)
    numbers = stored.coding.numbers
    places = compute.index_in(column, pyarrow.array(list(numbers), pyarrow.string())).fill_null(-1).to_numpy()
    return numpy.array([*numbers.values(), 0], dtype="<i4")[places], places < 0


def _missing_words(stored_as: int) -> dict[str, int]:
    """Return the word of a missing value by code, that of a blank one by ""."""
    steps = {"": 0} | {code: _step(code) for code in MISSING_LETTERS}
    if stored_as == LONG:
        return {code: MISSING_LONG + step for code, step in steps.items()}
    return {code: MISSING_DOUBLE + step * STEP for code, step in steps.items()}


TEXTS: Final = TextRule(MOST_TEXT, ends_at_zero=True)
HOLDING: Final = holding_of_doubles(_holds, LARGEST, Whole(TEXTS, digits=15, epoch=EPOCH, per_second=1000))
