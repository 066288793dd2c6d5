"""Scripts inside an archive that read it: one call gives every table with its types, labels and codes."""

from pathlib import Path
from typing import Final

from exports.formats.data_files import DataFile

FOLDER: Final = Path(__file__).parent
PYTHON, R = "read_study.py", "read_study.R"


def script(name: str, text: str) -> DataFile:
    """Return a script as a file of the archive."""
    return DataFile(name, iter([text.encode("utf-8")]), [0])


def general_readers() -> list[DataFile]:
    """Return the scripts for Python and R, which read every format with tables."""
    return [script(name, (FOLDER / name).read_text("utf-8")) for name in (PYTHON, R)]
