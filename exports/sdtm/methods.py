"""How derived variables are computed, as Define-XML states it. The code that computes them is named. No Django."""

import csv
from collections.abc import Mapping
from functools import cache
from typing import Final

from exports.sdtm.standard.tables import FOLDER, DomainVariable

NAMED: Final = {
    "AESER": "SERIOUS", "AECONTRT": "CONTRT", "ACTARMCD": "ACTARM", "SESTDTC": "ELEMENT", "SEENDTC": "ELEMENT",
    "RELID": "RELATION", "IDVARVAL": "POINTER",
}  # fmt: skip
BY_ENDING: Final = {
    "STDY": "DY", "ENDY": "DY", "ENRTPT": "END", "ENTPT": "END", "TPTREF": "TIMEPOINT", "RFTDTC": "TIMEPOINT",
    "LNKID": "LINK",
}  # fmt: skip


@cache
def methods() -> Mapping[str, tuple[str, str]]:
    """Return title and text of each method by its name (`standard/methods.csv`)."""
    with (FOLDER / "methods.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: (row["title"], row["text"]) for row in csv.DictReader(file)}


def method_of(variable: DomainVariable) -> str:
    """Return the name of the method of a derived variable. Raises KeyError if none is stated."""
    ending = variable.name[2:]
    for name in (variable.name, NAMED.get(variable.name), BY_ENDING.get(ending, ending)):
        if name in methods():
            return str(name)
    raise KeyError(variable.name)
