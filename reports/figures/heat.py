"""A heat map: rows of cells over study days, each cell with its grade as colour and as number.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.shapes import Figure, Line, Rect, Scale, Shape, Words, shortened, text_width

WIDTH, LEFT, RIGHT, HEAD, ROW, AXIS = 1080.0, 168.0, 1056.0, 12.0, 20.0, 30.0
DEEP_GRADES = frozenset({4, 5})


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A span of days, first and last one included, with the worst grade in it and its tooltip."""

    first: int
    last: int
    grade: int
    tip: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row: its title and its cells; days without an event have no cell."""

    title: str
    cells: Sequence[HeatCell]
    marks: Sequence[int] = ()


def heat_map(
    rows: Sequence[HeatRow], span: tuple[int, int], ticks: Sequence[tuple[int, str]], label: str
) -> Figure:
    """Return the heat map. span: first and last day. marks of a row are days with a line, such as infusions."""
    across = Scale(span[0], span[1] + 1, LEFT, RIGHT)
    bottom = HEAD + ROW * len(rows)
    shapes: list[Shape] = []
    end_of_label = 0.0
    for day, text in ticks:
        x, half = across(day), text_width(text) / 2
        shapes.append(Line(x1=x, y1=HEAD, x2=x, y2=bottom, css="gridline"))
        if x - half > end_of_label:
            shapes.append(Words(x=x, y=bottom + 18, text=text, anchor="middle"))
            end_of_label = x + half + 6
    for number, row in enumerate(rows):
        shapes.extend(_row(row, HEAD + ROW * number, across))
    return Figure(width=WIDTH, height=bottom + AXIS, label=label, shapes=tuple(shapes))


def _row(row: HeatRow, top: float, across: Scale) -> list[Shape]:
    shapes: list[Shape] = [
        Words(x=LEFT - 10, y=top + 14, text=shortened(row.title, LEFT - 24), css="ink", anchor="end")
    ]
    for cell in row.cells:
        left, right = across(cell.first), across(cell.last + 1)
        shapes.append(
            Rect(
                x=left,
                y=top + 2,
                width=max(2.0, right - left),
                height=ROW - 4,
                css=f"g{cell.grade}",
                tip=cell.tip,
            )
        )
        if right - left > text_width(str(cell.grade)) + 2:
            css = "on-deep" if cell.grade in DEEP_GRADES else "on-pale"
            middle = (left + right) / 2
            shapes.append(Words(x=middle, y=top + 14, text=str(cell.grade), css=css, anchor="middle"))
    shapes += [Line(x1=across(day), y1=top, x2=across(day), y2=top + ROW, css="today") for day in row.marks]
    return shapes
