"""Annotations of the pages that are no forms of the protocol file: adverse events, infusions, samples, end of study.

`pages.csv` names them by table and column of the other exports, so that a reader finds the same words there.
"""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from exports.tables.columns import TableColumn
from exports.tables.study_columns import COLUMNS

EVERY_VERSION: Final = "*"
"""In the column of the version: these pages are the same in each."""


class AnnotationRow(NamedTuple):
    """One row of the annotated forms. data_set: empty for an item that is not submitted.

    form, item: of a page that is no form its table and column.
    """

    version: str
    form: str
    item: str
    label: str
    data_set: str
    words: str

    @property
    def source(self) -> str:
        """Return form and item as value-level metadata name them: `vitals.temp`."""
        return f"{self.form}.{self.item}"


class PageAnnotation(NamedTuple):
    """Where a column goes. tells_treatment: it is left out of a package that hides the arms."""

    table: str
    column: str
    data_set: str
    annotation: str
    tells_treatment: str

    @property
    def label(self) -> str:
        """Return the label of the column in English."""
        return label_of(self.table, self.column)


def label_of(table: str, column: str) -> str:
    """Return the label of a column of a table in English. Raises KeyError if there is none."""
    columns: dict[str, TableColumn] = {each.name: each for each in COLUMNS[table]}
    return columns[column].label


@cache
def pages() -> tuple[PageAnnotation, ...]:
    """Return every annotation of `pages.csv`."""
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return tuple(PageAnnotation(**row) for row in csv.DictReader(file))


def annotated_pages(*, with_treatment: bool) -> Iterator[AnnotationRow]:
    """Yield the rows of the annotated forms that every version shares."""
    for each in pages():
        if with_treatment or not each.tells_treatment:
            yield AnnotationRow(
                EVERY_VERSION, each.table, each.column, each.label, each.data_set, each.annotation
            )
