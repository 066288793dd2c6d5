"""A data set as a SAS version 5 transport file (FDA's format for submissions).

The format holds bytes of ASCII, at most 200 in a text, and doubles: texts are written without accents, and what else is
no ASCII as a question mark; the Dataset-JSON file beside it has every character.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from exports.sdtm.observations import TEXT_LIMIT
from exports.sdtm.spool import DomainData

STAMP: Final = re.compile(rb"\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d")
HEADERS: Final = 1000
"""Bytes of the file in which the writer states when it was made."""
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


def write(made: DomainData, path: Path, at: datetime) -> None:
    """Write a data set to a file. at: the moment stated in the file."""
    import polars
    import pyreadstat

    variables = made.variables
    columns: dict[str, list[Any]] = {variable.name: [] for variable in variables}
    for row in made.rows():
        for variable in variables:
            value = row[variable.name]
            if variable.is_number:
                columns[variable.name].append(None if value is None else float(value))
            else:
                columns[variable.name].append(ascii_text(value or ""))
    frame = polars.DataFrame(
        columns,
        schema={each.name: polars.Float64 if each.is_number else polars.String for each in variables},
    )
    pyreadstat.write_xport(
        frame,
        str(path),
        file_label=made.label[:40],
        column_labels=[variable.label for variable in variables],
        table_name=made.name,
        file_format_version=5,
    )
    _state(path, at)


def _state(path: Path, at: datetime) -> None:
    """Replace the clock of the writer by the moment of the export, so that the same data give the same bytes."""
    moment = at.astimezone(UTC)
    stamp = f"{moment:%d}{MONTHS[moment.month - 1]}{moment:%y:%H:%M:%S}".encode()
    with path.open("r+b") as file:
        head = file.read(HEADERS)
        file.seek(0)
        file.write(STAMP.sub(stamp, head))


MONTHS: Final[Sequence[str]] = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip
