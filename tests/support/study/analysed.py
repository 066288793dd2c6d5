"""The package of analysis data sets of a trial, read back."""

import csv
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exports.adam import package
from exports.formats.data_files import Exported
from trials.models import Trial

AT = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)


class Analysis:
    """The files of a package, and its tables as rows by column."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    @classmethod
    def of(cls, trial: Trial, *, sees_treatment: bool = True, at: datetime = AT) -> "Analysis":
        """Make the package of a trial."""
        exported = Exported(trial.slug, at, "1", sees_treatment)
        return cls({file.name: b"".join(file.pieces) for file in package.files((), exported)})

    def rows(self, name: str) -> list[dict[str, str]]:
        """Return the rows of a CSV file, `adsl` or `expected`."""
        path = f"{name}.csv" if f"{name}.csv" in self.files else f"csv/{name}.csv"
        return list(csv.DictReader(io.StringIO(self.files[path].decode("utf-8"), newline="")))

    def one(self, name: str, **values: str) -> dict[str, str]:
        """Return the only row of a table with these values."""
        (row,) = (row for row in self.rows(name) if values.items() <= row.items())
        return row

    def transport(self, name: str) -> Any:
        """Return the columns and the facts that another reader finds in a transport file."""
        import pyreadstat

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "read.xpt"
            path.write_bytes(self.files[f"xpt/{name}.xpt"])
            return pyreadstat.read_xport(str(path), output_format="dict")

    def unpacked(self, folder: Path) -> Path:
        """Write the files to a folder and return it."""
        for name, data in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder
