"""A forest plot: estimates with their limits in rows on one axis, and the numbers as text beside them.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reports.figures.shapes import (
    DIAMOND,
    Figure,
    Line,
    Rect,
    Scale,
    Shape,
    Words,
    shape_at,
    shortened,
    tick_text,
    value_ticks,
)

WIDTH, LEFT, RIGHT, NUMBERS = 1080.0, 400.0, 720.0, 740.0
HEAD, ROW, HEADING, AXIS = 10.0, 18.0, 22.0, 44.0
SQUARE = 7.0
ARROW = ((0.0, -5.0), (8.0, 0.0), (0.0, 5.0))

RowKind = Literal["heading", "all", "part"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One row: a heading, all patients (a diamond), or a part of them (a square).

    value, low, high: in the unit of the axis; None is not drawn. words: the numbers, written beside the axis.
    """

    kind: RowKind
    title: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    words: str = ""
    tip: str = ""


def forest(rows: Sequence[ForestRow], *, label: str, axis_title: str, most: float | None = None) -> Figure:
    """Return the forest plot. most: the end of the axis; without it the limits over all patients decide.

    An interval that ends beyond the axis ends in an arrow.
    """
    ticks = value_ticks([0.0, most if most is not None else end_of_axis(rows)], 5)
    across = Scale(ticks[0], ticks[-1], LEFT, RIGHT)
    bottom = HEAD + sum(HEADING if row.kind == "heading" else ROW for row in rows)
    shapes: list[Shape] = []
    for tick in ticks:
        x = across(tick)
        shapes.append(Line(x1=x, y1=HEAD, x2=x, y2=bottom, css="gridline"))
        shapes.append(Words(x=x, y=bottom + 16, text=tick_text(tick), anchor="middle"))
    shapes.append(Words(x=(LEFT + RIGHT) / 2, y=bottom + 34, text=axis_title, anchor="middle"))
    top = HEAD
    for row in rows:
        height = HEADING if row.kind == "heading" else ROW
        shapes.extend(_row(row, top, across))
        top += height
    return Figure(width=WIDTH, height=bottom + AXIS, label=label, shapes=tuple(shapes))


def end_of_axis(rows: Sequence[ForestRow]) -> float:
    """Return the largest upper limit over all patients, else the largest value there is."""
    limits = [row.high for row in rows if row.kind == "all" and row.high is not None]
    values = [row.value for row in rows if row.value is not None]
    return max([*limits, *values], default=1.0) or 1.0


def _row(row: ForestRow, top: float, across: Scale) -> list[Shape]:
    if row.kind == "heading":
        return [Words(x=8, y=top + 16, text=shortened(row.title, WIDTH - 16), css="ink strong")]
    middle = top + ROW / 2
    shapes: list[Shape] = [Words(x=24, y=middle + 4, text=shortened(row.title, LEFT - 40), css="ink")]
    # Without a mark the words have the room of the axis.
    left = LEFT + 8 if row.value is None else NUMBERS
    shapes.append(Words(x=left, y=middle + 4, text=shortened(row.words, WIDTH - left - 4)))
    if row.value is None:
        return shapes
    if row.low is not None and row.high is not None:
        end = across(row.high)
        shapes.append(Line(x1=across(row.low), y1=middle, x2=end, y2=middle, css="axis"))
        if row.high > across.high:
            shapes.append(shape_at(ARROW, end, middle, "medication"))
    x = across(row.value)
    if row.kind == "all":
        shapes.append(shape_at(DIAMOND, x, middle, "point-1", row.tip))
    else:
        half = SQUARE / 2
        shapes.append(
            Rect(x=x - half, y=middle - half, width=SQUARE, height=SQUARE, css="point-2", tip=row.tip)
        )
    return shapes
