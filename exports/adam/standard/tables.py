"""The tables of this folder: analysis data sets, and their variables with label, source and derivation. No Django.

Names and classes follow CDISC ADaM IG 1.3; `COHORT`, `POPFL`, `UNDFL` and the like are variables of our own.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

IG_VERSION: Final = "1.3"
FOLDER = Path(__file__).parent
VariableType = Literal["Char", "Num", "Date"]


@dataclass(frozen=True, slots=True)
class AnalysisVariable:
    """One variable of a data set. type: Char, Num or Date. source, derivation: for people, in English."""

    dataset: str
    name: str
    label: str
    type: VariableType
    source: str
    derivation: str

    @property
    def is_number(self) -> bool:
        """Return whether a transport file holds it as a number; a date is one, too."""
        return self.type != "Char"


@dataclass(frozen=True, slots=True)
class AnalysisSet:
    """One data set: its label, class and structure as the guide words them, and its variables."""

    name: str
    label: str
    of_class: str
    structure: str
    variables: tuple[AnalysisVariable, ...]


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def analysis_sets() -> Mapping[str, AnalysisSet]:
    """Return every data set by its name, without the variables that a protocol adds."""
    variables: dict[str, list[AnalysisVariable]] = {}
    for row in _rows("variables.csv"):
        kind: VariableType = "Date" if row["type"] == "Date" else "Num" if row["type"] == "Num" else "Char"
        variables.setdefault(row["dataset"], []).append(
            AnalysisVariable(
                row["dataset"], row["name"], row["label"], kind, row["source"], row["derivation"]
            )
        )
    return {
        row["name"]: AnalysisSet(
            row["name"], row["label"], row["class"], row["structure"], tuple(variables[row["name"]])
        )
        for row in _rows("data_sets.csv")
    }
