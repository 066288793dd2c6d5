"""Texts that no cell of a spreadsheet holds: each becomes a file of its own, and the cell names it.

A spreadsheet cuts a cell at 32,767 characters, and Python's reader of CSV refuses the whole file beyond 131,072. The
trail holds the text of each protocol file, 170 kB of it in one cell.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from trials.listing.lines import MOST_CHARACTERS

FOLDER = "texts/"


class LongTexts:
    """Takes the long texts of one table while it is written; then gives the files, each text once.

    They are held compressed: a table is written to its end before the next file of the archive can begin.
    fits: says which texts a cell of the format holds.
    """

    def __init__(self, fits: Callable[[str], bool] = lambda text: len(text) <= MOST_CHARACTERS) -> None:
        self._fits = fits
        self._held: dict[str, bytes] = {}

    def cell(self, value: Any) -> Any:
        """Return a cell as it is, or for a long text the path of its file in the archive."""
        if not isinstance(value, str) or self._fits(value):
            return value
        data = value.encode("utf-8")
        name = f"{FOLDER}{hashlib.sha256(data).hexdigest()}.txt"
        self._held.setdefault(name, zlib.compress(data))
        return name

    def taken(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and bytes of each file."""
        for name, data in self._held.items():
            yield name, zlib.decompress(data)
