"""The files of the archive that a format makes of the tables, written while they are sent."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from exports.tables.columns import StudyTable
from exports.tables.long_texts import LongTexts
from trials.models import Trial

PIECE_BYTES: Final = 1 << 18


@dataclass(frozen=True)
class Exported:
    """The export as its files describe it. at: the moment whose data they hold, aware. version: of this program.

    sees_treatment: whether the reader may know the treatment, for a format that does not take the tables.
    as_of: the past moment that was asked for, for a format that reads the histories itself; None for now.
    """

    trial: str
    at: datetime
    version: str
    sees_treatment: bool = False
    as_of: datetime | None = None


@dataclass
class DataFile:
    """A file of the archive. `rows` counts once `pieces` is read; `long_texts` are files beside it."""

    name: str
    pieces: Iterator[bytes]
    count: list[int]
    long_texts: LongTexts = field(default_factory=LongTexts)


@dataclass(frozen=True)
class ReaderRights:
    """The rights of the person who gets a file: the treatment, and the keys and hashes of attached files."""

    sees_treatment: bool
    sees_files: bool


DataFiles = Callable[[Iterable[StudyTable], Exported], Iterator[DataFile]]
TrialFile = Callable[[Trial, Exported, ReaderRights], DataFile]
"""Makes one file of a whole trial, for a format that takes no tables."""


def by_table(
    suffix: str, pieces_of: Callable[[StudyTable, Exported, list[int]], Iterator[bytes]]
) -> DataFiles:
    """Return a format that writes a file for each table."""

    def files(tables: Iterable[StudyTable], exported: Exported) -> Iterator[DataFile]:
        for table in tables:
            count = [0]
            yield DataFile(f"{table.name}.{suffix}", pieces_of(table, exported, count), count)

    return files


def dataset_name(table: str) -> str:
    """Return the name of a table without folder: `form_vitals` for `forms/vitals`. No table of the study has it."""
    return table.replace("forms/", "form_")
