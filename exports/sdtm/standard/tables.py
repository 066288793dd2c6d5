"""The tables of this folder: domains, variables and controlled terms, read once.

`domains.csv`, `variables.csv`: SDTM IG 3.4. `terms.csv`: SDTM Controlled Terminology of 2022-09-30, the terms used
here, with their NCI codes where they are known. No Django.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

IG_VERSION: Final = "3.4"
MODEL_VERSION: Final = "2.0"
TERMINOLOGY: Final = "2022-09-30"
SUPPLEMENT: Final = "SUPPQUAL"
FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DomainVariable:
    """One variable of a domain. type: Char or Num; core: Req, Exp or Perm; codelist: NCI code of its code list."""

    domain: str
    name: str
    label: str
    type: str
    role: str
    core: str
    origin: str
    codelist: str

    @property
    def is_number(self) -> bool:
        """Return whether its values are numbers."""
        return self.type == "Num"


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain: its label, class and structure as the guide words them, the keys of its records, its variables."""

    code: str
    label: str
    of_class: str
    structure: str
    keys: tuple[str, ...]
    variables: tuple[DomainVariable, ...]

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the variables."""
        return frozenset(variable.name for variable in self.variables)


@dataclass(frozen=True, slots=True)
class CodeList:
    """A code list: its NCI code and name, whether a sponsor may add terms, and its terms (code by term)."""

    code: str
    name: str
    extensible: bool
    terms: Mapping[str, str]
    decodes: Mapping[str, str]


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def domains() -> Mapping[str, Domain]:
    """Return every domain by its code; that of supplemental qualifiers is `SUPPQUAL`."""
    variables: dict[str, list[DomainVariable]] = {}
    for row in _rows("variables.csv"):
        variables.setdefault(row["domain"], []).append(DomainVariable(**row))
    return {
        row["domain"]: Domain(
            code=row["domain"],
            label=row["label"],
            of_class=row["class"],
            structure=row["structure"],
            keys=tuple(row["keys"].split()),
            variables=tuple(variables[row["domain"]]),
        )
        for row in _rows("domains.csv")
    }


@cache
def code_lists() -> Mapping[str, CodeList]:
    """Return every code list by its NCI code."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in _rows("terms.csv"):
        found.setdefault(row["codelist"], []).append(row)
    return {
        code: CodeList(
            code=code,
            name=rows[0]["name"],
            extensible=rows[0]["extensible"] == "Yes",
            terms={row["term"]: row["nci"] for row in rows},
            decodes={row["term"]: row["decode"] for row in rows},
        )
        for code, rows in found.items()
    }


@cache
def test_names() -> Mapping[tuple[str, str], str]:
    """Return the name of each controlled test by domain and test code."""
    return {
        (domain.code, term): decode
        for domain in domains().values()
        for variable in domain.variables
        if variable.name == f"{domain.code}TESTCD" and variable.codelist in code_lists()
        for term, decode in code_lists()[variable.codelist].decodes.items()
    }
