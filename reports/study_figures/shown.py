"""The data table of a figure on its page: every value in the reader's language."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from reports.study_figures.contract import Cell, CodedCell, FigureTable
from trials.reader import shown_day, shown_number

EMPTY = "–"
MOST_ROWS = 250
"""Rows of a table on the page: two hundred patients, and not the nodes of every infusion."""


class ShownTable:
    """Labels of the columns, and rows of (label of the column, text, css class)."""

    def __init__(self, table: FigureTable) -> None:
        self._table = table
        columns = range(len(table.columns))
        self._numeric = [all(_is_number(row[at]) for row in table.rows) for at in columns]

    @property
    def left_out(self) -> int:
        """Return how many rows only the CSV has."""
        return max(0, len(self._table.rows) - MOST_ROWS)

    def columns(self) -> list[tuple[str, str]]:
        """Return (label, css class) of each column; numbers stand at the right."""
        labels = (str(column.label) for column in self._table.columns)
        return [
            (label, "num" if numeric else "") for label, numeric in zip(labels, self._numeric, strict=True)
        ]

    def rows(self) -> Iterator[list[tuple[str, str, str]]]:
        """Yield the cells of each row."""
        columns = self.columns()
        for row in self._table.rows[:MOST_ROWS]:
            yield [
                (label, text := shown(cell), f"{css} blank".strip() if text == EMPTY else css)
                for (label, css), cell in zip(columns, row, strict=True)
            ]


def shown(cell: Cell) -> str:
    """Return a value as text in the reader's language; a dash for None and for an empty text."""
    if cell is None or cell == "":
        return EMPTY
    if isinstance(cell, CodedCell):
        return str(cell.label)
    if isinstance(cell, date):
        return shown_day(cell)
    if isinstance(cell, float):
        return shown_number(f"{cell:.10g}")
    return shown_number(f"{cell:f}") if isinstance(cell, Decimal) else str(cell)


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, int | float | Decimal)
