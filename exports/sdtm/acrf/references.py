"""On which pages of the annotated forms a variable, a result or a qualifier is annotated. No Django models."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from exports.sdtm.observations import domain_of
from exports.sdtm.pages import AnnotationRow

VALUE: Final = re.compile(r"\b(?:QNAM|[A-Z]{2}TESTCD) = (\w+)")
CONTINUED: Final = re.compile(r"(.+?)[1-9]")
"""A qualifier in which a text of more than 200 characters goes on."""


@dataclass
class PageReferences:
    """Pages (from 1) by data set and variable, and those of each row that states a value."""

    variables: dict[tuple[str, str], set[int]] = field(default_factory=dict)
    values: list[tuple[AnnotationRow, int]] = field(default_factory=list)

    @staticmethod
    def codes(row: AnnotationRow) -> list[str]:
        """Return the tests and qualifiers that a row names: `TEMP` of `VSORRES when VSTESTCD = TEMP`."""
        return VALUE.findall(row.words)

    def add(self, row: AnnotationRow, names: Iterable[str], page: int) -> None:
        """Note that a row, which names some variables, stands on a page."""
        for name in names:
            self.put(row.data_set, name, page)
        if self.codes(row):
            self.values.append((row, page))

    def put(self, data_set: str, variable: str, page: int) -> None:
        """Note that a variable is named on a page."""
        self.variables.setdefault((data_set, variable), set()).add(page)

    def of_variable(self, data_set: str, variable: str) -> list[int]:
        """Return the pages that name a variable, in their order."""
        return sorted(self.variables.get((data_set, variable), ()))

    def of_value(self, data_set: str, code: str, sources: Iterable[str] = ()) -> list[int]:
        """Return the pages that annotate a test or qualifier, of the items in `sources` alone if there are any.

        A qualifier in which a long text goes on is annotated where the text begins.
        """
        asked = set(sources)
        found = {
            page
            for row, page in self.values
            if row.data_set == data_set and code in self.codes(row) and (not asked or row.source in asked)
        }
        if not found and data_set.startswith("SUPP") and (begun := CONTINUED.fullmatch(code)):
            return self._of_beginning(data_set, begun[1])
        return sorted(found)

    def _of_beginning(self, data_set: str, stem: str) -> list[int]:
        """Return the pages of the qualifier or variable whose name, cut to seven characters, is `stem`."""
        names = {name for row, _page in self.values if row.data_set == data_set for name in self.codes(row)}
        for name in sorted(names):
            if name[:7] == stem:
                return self.of_value(data_set, name)
        domain = data_set.removeprefix("SUPP")
        named = (each.name for each in domain_of(domain).variables if each.name[:7] == stem)
        return sorted({page for name in named for page in self.of_variable(domain, name)})
