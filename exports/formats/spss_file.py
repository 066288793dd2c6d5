"""The layout of an SPSS system file (SAV) with compressed data, written row by row.

Source: GNU PSPP, “System File Format” (developer manual). Numbers are little-endian doubles, texts are UTF-8, filled
with blanks to whole elements of eight bytes. A text of more than 255 bytes is several variables behind one another.
"""

import re
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from exports.formats.row_bytes import CellBytes, row_matrices, text_bytes
from exports.formats.spool import Column

ELEMENT, LONGEST_PART, NEW_BYTES, SHORT = 8, 255, 252, 8
SYSTEM_MISSING: Final = -sys.float_info.max
LOWEST: Final = -float.fromhex("0x1.ffffffffffffep+1023")
MOST_COUNTED: Final = 2**31 - 1
UTF_8: Final = 65_001
PRODUCT: Final = "@(#) SPSS DATA FILE Stroma"
TYPES: Final = {"A": 1, "F": 5, "DATE": 20, "DATETIME": 22}
FORMAT: Final = re.compile(r"([A-Z]+)([0-9]+)(?:\.([0-9]+))?")
NOMINAL, SCALE, LEFT, RIGHT, WIDEST_SHOWN = 1, 3, 0, 1, 40
# Codes of compressed elements: a whole number from -99 to 151, a text of blanks, the missing value, or what it is.
BIAS, LEAST, MOST, IS_LITERAL, IS_BLANK, IS_MISSING = 100, -99, 151, 253, 254, 255
BLANKS: Final = int.from_bytes(b" " * ELEMENT, "little")


@dataclass(frozen=True)
class SavVariable:
    """A variable. width: bytes of a text, 0 for a number. format: of a number, such as `F8.2`.

    labels: by value. missing: texts of at most eight bytes that are user-missing.
    """

    name: str
    label: str
    width: int
    format: str
    is_nominal: bool
    labels: dict[Any, str] = field(default_factory=dict)
    missing: Sequence[str] = ()

    @property
    def parts(self) -> list[int]:
        """Return the width of each variable of the file that it is made of."""
        if self.width <= LONGEST_PART:
            return [self.width]
        number = -(-self.width // NEW_BYTES)
        return [LONGEST_PART] * (number - 1) + [self.width - (number - 1) * NEW_BYTES]

    @property
    def elements(self) -> int:
        """Return the number of elements of eight bytes that a value takes."""
        return sum(map(_elements, self.parts))


def _elements(width: int) -> int:
    return max(1, -(-width // ELEMENT))


def head(variables: Sequence[SavVariable], rows: int, title: str, at: datetime) -> bytes:
    """Return all of a file that stands before its rows. at: the moment that it states, aware."""
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    utc = at.astimezone(UTC)
    size = sum(variable.elements for variable in variables)
    header = b"".join((
        b"$FL2", _padded(PRODUCT, 60),
        struct.pack("<iiiii", 2, size, 1, 0, rows if rows <= MOST_COUNTED else -1), struct.pack("<d", BIAS),
        f"{utc:%d} {months[3 * utc.month - 3 : 3 * utc.month]} {utc:%y}{utc:%H:%M:%S}".encode(),
        _padded(title, 64), bytes(3),
    ))  # fmt: skip
    records, number = [header], 0
    shorts: list[str] = []
    for variable in variables:
        shorts.append(f"V{number + 1}")
        for place, width in enumerate(variable.parts):
            number += 1
            records.append(_variable(variable, f"V{number}", width, is_first=place == 0))
    records += _short_labels(variables)
    records += _further(variables, shorts, rows)
    return b"".join(records) + struct.pack("<ii", 999, 0)


def _padded(text: str, width: int) -> bytes:
    return text.encode().ljust(width)


def _variable(variable: SavVariable, short: str, width: int, *, is_first: bool) -> bytes:
    """Return the record of a variable, and one for each of its further elements."""
    label = variable.label.encode() if is_first else b""
    missing = variable.missing if is_first else ()
    shown = _format(f"A{width}" if width else variable.format)
    record = struct.pack("<iiiiii", 2, width, bool(label), len(missing), shown, shown) + _padded(short, SHORT)
    if label:
        record += struct.pack("<i", len(label)) + label.ljust(-(-len(label) // 4) * 4)
    record += b"".join(_padded(value, SHORT) for value in missing)
    return record + struct.pack("<iiiiii", 2, -1, 0, 0, 0, 0).ljust(32) * (_elements(width) - 1)


def _format(words: str) -> int:
    found = FORMAT.fullmatch(words)
    if found is None:
        raise ValueError(f"{words} is no format of SPSS")
    kind, width, decimals = found.groups()
    return TYPES[kind] << 16 | int(width) << 8 | int(decimals or 0)


def _short_labels(variables: Sequence[SavVariable]) -> Iterator[bytes]:
    """Yield the value labels of numbers and of texts of at most eight bytes."""
    place = 1
    for variable in variables:
        if variable.labels and variable.width <= SHORT:
            yield struct.pack("<ii", 3, len(variable.labels))
            for value, label in variable.labels.items():
                data = label.encode()
                stored = _padded(value, SHORT) if variable.width else struct.pack("<d", value)
                size = -(-(len(data) + 1) // ELEMENT) * ELEMENT
                yield stored + (bytes((len(data),)) + data).ljust(size)
            yield struct.pack("<iii", 4, 1, place)
        place += variable.elements


def _further(variables: Sequence[SavVariable], shorts: Sequence[str], rows: int) -> Iterator[bytes]:
    """Yield the records that extend the first ones: machine, display, long names, long texts, cases, encoding."""
    yield _extension(3, 4, struct.pack("<8i", 1, 0, 0, -1, 1, 1, 2, UTF_8))
    yield _extension(4, 8, struct.pack("<3d", SYSTEM_MISSING, sys.float_info.max, LOWEST))
    yield _extension(11, 4, b"".join(_shown(each, width) for each in variables for width in each.parts))
    names = "\t".join(f"{short}={each.name}" for short, each in zip(shorts, variables, strict=True))
    yield _extension(13, 1, names.encode())
    long = [
        f"{short}={each.width:05}\0\t"
        for short, each in zip(shorts, variables, strict=True)
        if each.width > LONGEST_PART
    ]
    if long:
        yield _extension(14, 1, "".join(long).encode())
    yield _extension(16, 8, struct.pack("<qq", 1, rows))
    yield _extension(20, 1, b"UTF-8")
    labelled = b"".join(_long_labels(each) for each in variables if each.labels and each.width > SHORT)
    if labelled:
        yield _extension(21, 1, labelled)


def _extension(kind: int, size: int, data: bytes) -> bytes:
    return struct.pack("<iiii", 7, kind, size, len(data) // size) + data


def _shown(variable: SavVariable, width: int) -> bytes:
    measure = NOMINAL if variable.is_nominal else SCALE
    found = FORMAT.fullmatch(variable.format)
    columns = min(width, WIDEST_SHOWN) if width or found is None else int(found[2])
    return struct.pack("<iii", measure, columns, LEFT if width else RIGHT)


def _long_labels(variable: SavVariable) -> bytes:
    """Return the value labels of a text of more than eight bytes."""
    name = variable.name.encode()
    record = struct.pack("<i", len(name)) + name + struct.pack("<ii", variable.width, len(variable.labels))
    for value, label in variable.labels.items():
        for text in (_padded(value, variable.width), label.encode()):
            record += struct.pack("<i", len(text)) + text
    return record


def text_cells(texts: Column, variable: SavVariable) -> Any:
    """Return texts as matrix of the bytes of their elements."""
    import numpy

    parts = variable.parts
    if len(parts) == 1:
        return text_bytes(texts, variable.elements * ELEMENT, b" ")
    source = text_bytes(texts, variable.width, b" ")
    found = numpy.full((len(texts), variable.elements * ELEMENT), ord(" "), dtype=numpy.uint8)
    place = 0
    for number, width in enumerate(parts):
        part = source[:, number * LONGEST_PART : number * LONGEST_PART + width]
        found[:, place : place + part.shape[1]] = part
        place += _elements(width) * ELEMENT
    return found


def number_cells(values: Any) -> Any:
    """Return doubles as matrix of their bytes; NaN is the missing value."""
    import numpy

    stored = numpy.where(numpy.isnan(values), SYSTEM_MISSING, values).astype("<f8")
    return stored.view(numpy.uint8).reshape(-1, ELEMENT)


def data(
    batches: Iterator[list[Column]], variables: Sequence[SavVariable], cells: Sequence[CellBytes]
) -> Iterator[bytes]:
    """Yield the compressed rows. cells: of each variable, made by `text_cells` or `number_cells`."""
    packing = _Packing(variables)
    width = sum(variable.elements for variable in variables) * ELEMENT
    for batch in batches:
        for matrix in row_matrices(batch, cells, width):
            yield packing.packed(matrix)
    yield packing.rest()


class _Packing:
    """Compresses elements: eight codes of a byte each, then the elements that a code does not say."""

    def __init__(self, variables: Sequence[SavVariable]) -> None:
        import numpy

        self._is_text = numpy.repeat(
            [variable.width > 0 for variable in variables], [variable.elements for variable in variables]
        )
        # What is left of the rows before: fewer than eight codes.
        self._codes = numpy.empty(0, dtype=numpy.uint8)
        self._literals = numpy.empty(0, dtype="<u8")

    def packed(self, matrix: Any) -> bytes:
        """Return the whole blocks of eight codes that there are with these rows."""
        import numpy

        words = numpy.ascontiguousarray(matrix).view("<u8")
        codes = self._codes_of(words)
        self._literals = numpy.concatenate([self._literals, words[codes == IS_LITERAL]])
        self._codes = numpy.concatenate([self._codes, codes.ravel()])
        return self._blocks(len(self._codes) // ELEMENT)

    def _codes_of(self, words: Any) -> Any:
        import numpy

        codes = numpy.full(words.shape, IS_LITERAL, dtype=numpy.uint8)
        texts = words[:, self._is_text]
        codes[:, self._is_text] = numpy.where(texts == BLANKS, IS_BLANK, IS_LITERAL)
        numbers = numpy.ascontiguousarray(words[:, ~self._is_text]).view("<f8")
        is_small = (numbers >= LEAST) & (numbers <= MOST) & (numbers == numpy.rint(numbers))
        # A zero below zero has a sign that its code would lose.
        is_small &= ~(numpy.signbit(numbers) & (numbers == 0))
        small = numpy.where(is_small, numbers + BIAS, IS_LITERAL).astype(numpy.uint8)
        codes[:, ~self._is_text] = numpy.where(numbers == SYSTEM_MISSING, IS_MISSING, small)
        return codes

    def _blocks(self, number: int) -> bytes:
        import numpy

        blocks = self._codes[: number * ELEMENT].reshape(number, ELEMENT)
        self._codes = self._codes[number * ELEMENT :]
        behind = (blocks == IS_LITERAL).sum(axis=1)
        total = int(behind.sum())
        places = numpy.arange(number) + numpy.cumsum(behind) - behind
        is_literal = numpy.ones(number + total, dtype=bool)
        is_literal[places] = False
        found = numpy.empty(number + total, dtype="<u8")
        found[places] = blocks.view("<u8").ravel()
        found[is_literal] = self._literals[:total]
        self._literals = self._literals[total:]
        return found.tobytes()

    def rest(self) -> bytes:
        """Return the last block, filled with codes that say nothing."""
        import numpy

        filling = numpy.zeros(-len(self._codes) % ELEMENT, dtype=numpy.uint8)
        self._codes = numpy.concatenate([self._codes, filling])
        return self._blocks(len(self._codes) // ELEMENT)
