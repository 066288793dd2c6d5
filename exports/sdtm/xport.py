"""A data set as a SAS version 5 transport file (FDA's format for submissions).

The format holds bytes of ASCII, at most 200 in a text, and doubles: texts are written without accents, and what else is
no ASCII as a question mark; the Dataset-JSON file beside it has every character.
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol

from exports.formats.sas_transport import (
    BLANK_NUMBER,
    RECORD,
    VERSION_5,
    DataSet,
    Described,
    head,
    ibm_double,
)
from exports.sdtm.observations import TEXT_LIMIT

NUMBER_BYTES: Final = 8
SIGNS: Final = str.maketrans(
    {
        "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "−": "-", "…": "...", "µ": "u", "μ": "u",
        "≥": ">=", "≤": "<=", "×": "x", "²": "2", "³": "3", "°": " deg ", "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o",
        "ł": "l", "\u00a0": " ", "α": "alpha", "β": "beta", "γ": "gamma",
    }
)  # fmt: skip


def ascii_text(text: str) -> str:
    """Return a text in ASCII: signs spelled out, accents dropped, what is left as `?`; at most 200 bytes."""
    plain = unicodedata.normalize("NFKD", text.translate(SIGNS))
    without = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return without.encode("ascii", "replace").decode("ascii")[:TEXT_LIMIT]


class TransportVariable(Protocol):
    """What a transport file says of a variable."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def is_number(self) -> bool: ...


class TransportData(Protocol):
    """A data set that can be written: its rows hold text, number or None by variable, and are read twice."""

    name: str
    count: int

    @property
    def label(self) -> str: ...
    @property
    def variables(self) -> Sequence[TransportVariable]: ...
    def rows(self) -> Iterator[dict[str, Any]]: ...


def pieces(
    made: TransportData, at: datetime, shown: Mapping[str, tuple[str, int, int]] = MappingProxyType({})
) -> Iterator[bytes]:
    """Yield the file of a data set, row by row. at: the moment stated in the file. shown: formats by variable."""
    variables = made.variables
    texts = [variable.name for variable in variables if not variable.is_number]
    widths = dict.fromkeys(texts, 1)
    for row in made.rows():
        widths |= {name: max(widths[name], len(ascii_text(row[name] or ""))) for name in texts}
    described: list[Described] = [
        (each.name, each.label, widths.get(each.name, NUMBER_BYTES), not each.is_number, shown.get(each.name))
        for each in variables
    ]
    yield head(VERSION_5, DataSet(made.name, made.label, at, made.count, numbered=False), described)
    size = 0
    for row in made.rows():
        piece = b"".join(
            _number(row[each.name])
            if each.is_number
            else ascii_text(row[each.name] or "").encode().ljust(widths[each.name])
            for each in variables
        )
        size += len(piece)
        yield piece
    yield b" " * (-size % RECORD)


def _number(value: Any) -> bytes:
    return BLANK_NUMBER if value is None else ibm_double(float(value))
