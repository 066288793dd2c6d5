"""The variables of a file with limits: fitted names and labels, and the list that maps them to columns of tables."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from exports.formats.data_files import DataFile, dataset_name
from exports.formats.file_limits import FileLimits, fitted_label, fitted_names
from exports.formats.spool import Slot, Spool
from exports.tables.cells import csv_chunks
from exports.tables.columns import StudyTable
from exports.tables.description.code_lists import Code
from exports.tables.long_texts import LongTexts

FILE: Final = "variables.csv"
LONG_NAME: Final = 32
HEADER: Final = (
    "table", "file", "dataset", "column", "holds", "variable", "kind", "width", "label", "variable_label",
    "label_is_whole",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a file: the place of its value in a spooled row, and what the file calls it.

    missing: the place of the missing code of this value; missing_codes: those that it may have.
    """

    place: int
    slot: Slot
    name: str
    label: str
    missing: int | None
    missing_codes: tuple[Code, ...] | None = None

    @property
    def kind(self) -> str:
        """Return the kind of its values."""
        return self.slot.kind

    @property
    def width(self) -> int:
        """Return the bytes of its longest text, at least 1."""
        return max(1, self.slot.width)


def variables_of(spool: Spool, limits: FileLimits) -> list[Variable]:
    """Return the variables in the order of the columns."""
    kept = spool.kept()
    names = fitted_names([spool.slots[place].name for place in kept], limits)
    found = []
    for place in kept:
        slot = spool.slots[place]
        codes = None if slot.missing is None else spool.slots[slot.missing].column.codes
        found.append(
            Variable(place, slot, names[slot.name], fitted_label(slot.label, limits), slot.missing, codes)
        )
    return found


@dataclass
class VariableList:
    """The variables of all files of an archive, which becomes its file `variables.csv`.

    datasets: names by table. files, variables: by table, as they are written. rows: of the list (`HEADER`).
    """

    limits: FileLimits
    datasets: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    variables: dict[str, list[Variable]] = field(default_factory=dict)
    rows: list[tuple[str | int, ...]] = field(default_factory=list)

    def dataset(self, table: StudyTable) -> str:
        """Return the name of a table in its file, unlike those before."""
        name = dataset_name(table.name)
        if self.limits.name < LONG_NAME:
            # Five of eight characters would be the same for every form.
            name = name.replace("form_", "f_", 1)
        taken = self.datasets.values()
        self.datasets[table.name] = fitted_names([name], self.limits, list(taken))[name]
        return self.datasets[table.name]

    def add(self, table: StudyTable, file: str, variables: list[Variable]) -> None:
        """Note the variables of a file."""
        self.files[table.name], self.variables[table.name] = file, variables
        for variable in variables:
            slot = variable.slot
            whole = variable.label == " ".join(slot.label.split())
            places = (table.name, file, self.datasets.get(table.name, ""), slot.column.name, slot.role)
            stored = (variable.name, variable.kind, slot.width or "", slot.label, variable.label)
            self.rows.append((*places, *stored, "Y" if whole else "N"))

    def file(self) -> DataFile:
        """Return the list as a file of the archive. It is read after all others."""
        count, beside = [0], LongTexts()

        def pieces() -> Iterator[bytes]:
            yield from csv_chunks(HEADER, self.rows, count, beside)

        return DataFile(FILE, pieces(), count, beside)
