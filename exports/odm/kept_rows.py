"""Rows of the patients that a file is written for next: in memory, or in a temporary file where they are very many."""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self


class RowColumns(Mapping[str, Any]):
    """The columns of a row by name. The rows of a table share the names: a dictionary for each takes thrice the memory.

    places: of the names among the values.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Any]) -> None:
        self._places, self._values = places, values

    def __getitem__(self, name: str) -> Any:
        return self._values[self._places[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class FiledValues(Sequence[Any]):
    """The values of a row in a file. at: where they begin."""

    __slots__ = ("_at", "_file")

    def __init__(self, file: "RowFile", at: int) -> None:
        self._file, self._at = file, at

    def __getitem__(self, place: Any) -> Any:
        return self._file.values(self._at)[place]

    def __len__(self) -> int:
        return len(self._file.values(self._at))


class RowFile:
    """A temporary file of rows, which no name leads to. The row read last is kept: its columns are asked one by one."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115
        self._end = 0
        self._last: tuple[int, Sequence[Any]] = (-1, ())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def keep(self, places: dict[str, int], values: Sequence[Any]) -> RowColumns:
        """Write the values of a row; return its columns, which can be read until the file is closed."""
        at = self._end
        self._file.seek(at)
        pickle.dump(values, self._file, pickle.HIGHEST_PROTOCOL)
        self._end, self._last = self._file.tell(), (at, values)
        return RowColumns(places, FiledValues(self, at))

    def values(self, at: int) -> Sequence[Any]:
        """Return the values of the row that begins at a place of the file."""
        if self._last[0] != at:
            self._file.seek(at)
            # The file has no name, so that nobody but this process has written it.
            self._last = (at, pickle.load(self._file))  # noqa: S301
        return self._last[1]


Keep = Callable[[dict[str, int], Sequence[Any]], RowColumns]
"""Keeps a row: places of the names, and the values."""
