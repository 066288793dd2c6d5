"""Rows of an analysis data set, on disk while the package is made, and its files. No Django."""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

from exports.adam.standard.tables import AnalysisVariable, analysis_sets
from exports.formats.sas_transport import EPOCH
from exports.tables.cells import safe_free_text

TYPED: Final = frozenset({"AETERM"})
"""Variables that a person typed: a spreadsheet must not take them for a formula."""


class AnalysisData:
    """One data set, written once and read several times.

    extra: variables that the protocol adds, such as a flag for each population; they follow the others.
    """

    def __init__(self, name: str, folder: Path, extra: tuple[AnalysisVariable, ...] = ()) -> None:
        standard = analysis_sets()[name]
        self.name, self.label, self.count = name, standard.label, 0
        self.variables = (*standard.variables, *extra)
        self._path = folder / f"{name}.jsonl"
        self._file: TextIO | None = None

    def __enter__(self) -> "AnalysisData":
        self._file = self._path.open("w", encoding="utf-8", newline="\n")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, values: Mapping[str, Any]) -> None:
        """Write one row: values by variable, a blank for what is missing. Raises KeyError for an unknown variable."""
        if self._file is None:
            raise ValueError(f"{self.name} is not open")
        unknown = values.keys() - {variable.name for variable in self.variables}
        if unknown:
            raise KeyError(f"{self.name} has no variable {', '.join(sorted(unknown))}")
        row = [_stored(values.get(variable.name)) for variable in self.variables]
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self.count += 1

    def typed_rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows: texts, Decimals, dates; None for a blank."""
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                pairs = zip(self.variables, json.loads(line), strict=True)
                yield {variable.name: _read(variable, text) for variable, text in pairs}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows as a transport file holds them: a date is its number of days since 1960."""
        dates = [variable.name for variable in self.variables if variable.type == "Date"]
        for row in self.typed_rows():
            yield row | {name: (row[name] - EPOCH).days for name in dates if row[name] is not None}

    def csv_rows(self) -> Iterator[list[Any]]:
        """Yield the rows as cells of a CSV file."""
        for row in self.typed_rows():
            yield [safe_free_text(value) if name in TYPED and value else value for name, value in row.items()]


def _stored(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _read(variable: AnalysisVariable, text: str | None) -> Any:
    if text is None:
        return None
    if variable.type == "Date":
        return date.fromisoformat(text)
    return Decimal(text) if variable.type == "Num" else text


def day_of(moment: str | None) -> date | None:
    """Return the day of a local ISO 8601 text, None if it is not known in full. Nothing is imputed."""
    return date.fromisoformat(moment[:10]) if moment and len(moment) >= len("2026-03-01") else None
