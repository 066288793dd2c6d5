"""Scripts inside an archive that read it: one call gives every table with its types, labels and codes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from exports.formats.data_files import DataFile

FOLDER: Final = Path(__file__).parent
PYTHON, R = "read_study.py", "read_study.R"


def script(name: str, pieces: Iterator[bytes]) -> DataFile:
    """Return a script as a file of the archive."""
    return DataFile(name, pieces, [0])


def general_readers() -> list[DataFile]:
    """Return the scripts for Python and R, which read every format with tables."""
    return [script(name, iter([(FOLDER / name).read_bytes()])) for name in (PYTHON, R)]
