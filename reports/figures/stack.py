"""Stacked columns: how many patients are in which ordered category, column by column.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.figures.shapes import (
    Figure,
    Line,
    Rect,
    Scale,
    Shape,
    Words,
    shortened,
    text_width,
    tick_text,
    value_ticks,
)

WIDTH, LEFT, RIGHT = 1080.0, 48.0, 1064.0
HEAD, PLOT, AXIS, KEY_LINE = 26.0, 360.0, 44.0, 16.0
LEAST_HEIGHT = 13.0
"""Pixels of a part that holds its text."""
BROADEST = 96.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPart:
    """One category of a column: the number of patients, the class, the text inside it, and its tooltip.

    words_css: class of the text, which depends on the ground.
    """

    number: int
    css: str
    text: str
    tip: str
    words_css: str


@dataclass(frozen=True, slots=True)
class StackColumn:
    """One column, its parts from the bottom upwards; title and note are written below it."""

    title: str
    note: str
    parts: Sequence[StackPart]

    @property
    def total(self) -> int:
        """Return the number of patients of the column."""
        return sum(part.number for part in self.parts)


def stacked(
    columns: Sequence[StackColumn], *, label: str, axis_title: str, key: Sequence[str] = ()
) -> Figure:
    """Return the columns on one axis of patients. A part shows its text if that fits.

    key: what the texts of the parts mean, written below the columns, so that a file needs no page beside it.
    """
    ticks = [
        tick
        for tick in value_ticks([0, max([column.total for column in columns] + [1])], 6)
        if tick == int(tick)
    ]
    bottom = HEAD + PLOT
    down = Scale(0, ticks[-1], bottom, HEAD)
    room = (RIGHT - LEFT) / max(1, len(columns))
    width = float(round(min(BROADEST, room - 10)) // 2 * 2)
    shapes: list[Shape] = [Words(x=8, y=14, text=axis_title, css="ink")]
    for tick in ticks:
        shapes.append(Line(x1=LEFT, y1=down(tick), x2=RIGHT, y2=down(tick), css="gridline"))
        shapes.append(Words(x=LEFT - 8, y=down(tick) + 4, text=tick_text(tick), anchor="end"))
    for number, column in enumerate(columns):
        middle = float(round(LEFT + room * (number + 0.5)))
        shapes.extend(_column(column, middle, width, down))
        for text, y, css in ((column.title, bottom + 17, "ink"), (column.note, bottom + 33, "")):
            shapes.append(Words(x=middle, y=y, text=shortened(text, room - 4), css=css, anchor="middle"))
    lines = list(_key_lines(key))
    top = bottom + AXIS + 14
    shapes.extend(Words(x=8, y=top + KEY_LINE * at, text=line) for at, line in enumerate(lines))
    height = bottom + AXIS + (KEY_LINE * len(lines) + 8 if lines else 0)
    return Figure(width=WIDTH, height=height, label=label, shapes=tuple(shapes))


def _key_lines(key: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the key; an entry stays whole."""
    line = ""
    for entry in key:
        longer = f"{line} · {entry}" if line else entry
        if line and text_width(longer) > WIDTH - 16:
            yield line
            longer = entry
        line = longer
    if line:
        yield shortened(line, WIDTH - 16)


def _column(column: StackColumn, middle: float, width: float, down: Scale) -> list[Shape]:
    shapes: list[Shape] = []
    below = 0
    for part in column.parts:
        if not part.number:
            continue
        lower, upper = down(below), down(below + part.number)
        # A gap of one pixel divides parts of one colour.
        height = max(1.0, lower - upper - 1)
        shapes.append(
            Rect(x=middle - width / 2, y=upper, width=width, height=height, css=part.css, tip=part.tip)
        )
        if lower - upper >= LEAST_HEIGHT and text_width(part.text) + 4 <= width:
            y = float(round((lower + upper) / 2)) + 4
            shapes.append(Words(x=middle, y=y, text=part.text, css=part.words_css, anchor="middle"))
        below += part.number
    return shapes
