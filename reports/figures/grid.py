"""A table of coloured cells, each with its number: rows by columns, such as forms by visits.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.shapes import Figure, Line, Path, Shape, Words, shortened, text_width

LEFT, HEAD, ROW, EDGE = 240.0, 40.0, 20.0, 12.0
NARROWEST, BROADEST = 44.0, 96.0
WIDTH = 1080.0
DEEP, PALE = frozenset({"g4", "g5"}), frozenset({"g1", "g2", "g3"})


@dataclass(frozen=True, slots=True)
class GridCell:
    """One cell: its text, its class (empty: no colour), its tooltip."""

    text: str
    css: str = ""
    tip: str = ""


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: its title, and a cell for each column; None where there is nothing to say."""

    title: str
    cells: Sequence[GridCell | None]


def grid(rows: Sequence[GridRow], columns: Sequence[str], *, label: str, corner: str = "") -> Figure:
    """Return the table. corner: names the axes, above the row titles."""
    width = min(BROADEST, max(NARROWEST, (WIDTH - LEFT - EDGE) / max(1, len(columns))))
    right = LEFT + width * len(columns)
    bottom = HEAD + ROW * len(rows)
    shapes: list[Shape] = [Words(x=8, y=HEAD - 10, text=shortened(corner, LEFT - 16))]
    shapes += [
        Words(
            x=LEFT + width * (number + 0.5), y=HEAD - 10, text=shortened(column, width - 4), css="ink",
            anchor="middle",
        )
        for number, column in enumerate(columns)
    ]  # fmt: skip
    shapes.append(Line(x1=8, y1=HEAD, x2=right, y2=HEAD, css="lane"))
    for number, row in enumerate(rows):
        top = HEAD + ROW * number
        shapes.append(
            Words(x=LEFT - 8, y=top + 14, text=shortened(row.title, LEFT - 16), css="ink", anchor="end")
        )
        for place, cell in enumerate(row.cells):
            if cell is not None:
                shapes.extend(_cell(cell, LEFT + width * place, top, width))
    return Figure(width=right + EDGE, height=bottom + EDGE, label=label, shapes=tuple(shapes))


def _cell(cell: GridCell, left: float, top: float, width: float) -> list[Shape]:
    words = Words(
        x=round(left + (width - text_width(cell.text)) / 2),
        y=top + 14,
        text=cell.text,
        css="on-deep" if cell.css in DEEP else "on-pale" if cell.css in PALE else "ink" if cell.css else "",
    )
    if not cell.css:
        return [words]
    first, last, upper, lower = round(left) + 1, round(left + width) - 1, top + 2, top + ROW - 2
    outline = ((first, upper), (last, upper), (last, lower), (first, lower))
    return [Path(points=outline, css=cell.css, closed=True, tip=cell.tip), words]
