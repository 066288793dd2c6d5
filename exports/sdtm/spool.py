"""Rows of every data set on disk while the package is made, with what the metadata say of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

from exports.sdtm.observations import QUALIFIER_ORIGINS, domain_of
from exports.sdtm.standard.tables import SUPPLEMENT, DomainVariable, domains

ORIGINS = {code: origin for origin, code in QUALIFIER_ORIGINS.items()}


@dataclass
class ValueUse:
    """What the records of one test or qualifier have: the captured items, longest text, whether all are numbers.

    decimals: most digits after the point. origin: as Define-XML states it.
    """

    label: str = ""
    sources: set[str] = field(default_factory=set)
    length: int = 0
    decimals: int = 0
    numeric: bool = True
    origin: str = "Collected"

    def add(self, text: Any, source: str) -> None:
        """Note one value."""
        if source:
            self.sources.add(source)
        if text is None:
            return
        self.length = max(self.length, len(str(text)))
        self.decimals = max(self.decimals, decimals_in(str(text)))
        self.numeric = self.numeric and _is_number(str(text))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdigit()


def decimals_in(text: str) -> int:
    """Return the number of digits after the point."""
    return len(text.partition(".")[2])


@dataclass
class DomainData:
    """One data set of the package: its rows on disk and what is in them.

    lengths, shortest: the longest and the shortest text by variable that has any; decimals: most digits after the point
    of a number; terms: values used, by variable with a code list; values: by test or qualifier.
    """

    name: str
    path: Path
    count: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    shortest: dict[str, int] = field(default_factory=dict)
    decimals: dict[str, int] = field(default_factory=dict)
    terms: dict[str, set[str]] = field(default_factory=dict)
    values: dict[str, ValueUse] = field(default_factory=dict)

    @property
    def variables(self) -> tuple[DomainVariable, ...]:
        """Return the variables: required and expected ones, permissible ones that are used, and the days of dates."""
        known = domain_of(self.name).variables
        kept = {each.name for each in known if each.core in ("Req", "Exp") or self.lengths.get(each.name)}
        # The study day stands beside its date, also where no date is known in full.
        days = {f"{name.removesuffix('DTC')}DY" for name in kept if name.endswith("DTC")}
        return tuple(each for each in known if each.name in kept | days)

    def note(self, variable: DomainVariable, text: str) -> None:
        """Note a value of a variable."""
        name, size = variable.name, len(text)
        self.lengths[name] = max(self.lengths.get(name, 0), size)
        self.shortest[name] = min(self.shortest.get(name, size), size)
        if variable.is_number:
            self.decimals[name] = max(self.decimals.get(name, 0), decimals_in(text))
        if variable.codelist:
            self.terms.setdefault(name, set()).add(text)

    def has(self, variable: DomainVariable) -> bool:
        """Return whether a record has a value of a variable."""
        return bool(self.lengths.get(variable.name))

    @property
    def is_supplement(self) -> bool:
        """Return whether it holds supplemental qualifiers."""
        return self.name.startswith("SUPP")

    @property
    def label(self) -> str:
        """Return the label of the data set."""
        label = domain_of(self.name).label
        return f"{label}{self.name.removeprefix('SUPP')}" if self.is_supplement else label

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows, numbers as Decimal."""
        numbers = {each.name for each in domain_of(self.name).variables if each.is_number}
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                row = json.loads(line)
                yield {
                    name: Decimal(value) if name in numbers and value is not None else value
                    for name, value in row.items()
                }


class DomainSpool:
    """Takes rows and writes each data set to a file in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._sets: dict[str, DomainData] = {}
        self._files: dict[str, TextIO] = {}

    def add(self, name: str, values: Mapping[str, Any], source: str = "") -> None:
        """Write one row of a data set. source: the captured item it comes from."""
        made = self._set(name)
        known = domain_of(name)
        row = {variable.name: _stored(values.get(variable.name)) for variable in known.variables}
        made.count += 1
        for variable in known.variables:
            value = row[variable.name]
            if value is None:
                continue
            made.note(variable, str(value))
        self._note_value(made, row, source)
        self._files[name].write(json.dumps(row, ensure_ascii=False) + "\n")

    def _set(self, name: str) -> DomainData:
        if name not in self._sets:
            path = self.folder / f"{name}.jsonl"
            self._sets[name] = DomainData(name, path)
            self._files[name] = path.open("w", encoding="utf-8", newline="\n")
        return self._sets[name]

    def _note_value(self, made: DomainData, row: Mapping[str, Any], source: str) -> None:
        key, label, value = (
            ("QNAM", "QLABEL", "QVAL")
            if made.is_supplement
            else (f"{made.name}TESTCD", f"{made.name}TEST", f"{made.name}ORRES")
        )
        if row.get(key) is None:
            return
        use = made.values.setdefault(row[key], ValueUse(row.get(label) or ""))
        if made.is_supplement:
            use.origin = ORIGINS[row["QORIG"]]
        use.add(row.get(value), source)

    def close(self) -> list[DomainData]:
        """Close the files and return the data sets in the order of the package: each with its qualifiers after it."""
        for file in self._files.values():
            file.close()
        order = [each for code in domains() if code != SUPPLEMENT for each in (code, f"SUPP{code}")]
        return [self._sets[name] for name in order if name in self._sets]


def _stored(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float | int) and not isinstance(value, bool):
        return str(value)
    return value or None
