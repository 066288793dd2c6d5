"""Single values in rows on one axis, with limits as upright lines: such as infusions by lot of the product.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.shapes import (
    DIAMOND,
    TRIANGLE,
    Circle,
    Figure,
    Line,
    Scale,
    Shape,
    Words,
    shape_at,
    shortened,
    text_width,
    tick_text,
    value_ticks,
)

WIDTH, LEFT, RIGHT = 1080.0, 200.0, 980.0
HEAD, ROW, AXIS = 26.0, 26.0, 46.0
MOST_DOTS = 180
"""Marks of one figure. Each weighs about 170 bytes in a file of at most 40 kB."""
LEVELS = (0.0, -6.0, 6.0, -3.0, 3.0)
"""Marks of a row are set a little apart in height, so that equal values are seen as several."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One value with its tooltip. outside: beyond its limits, a triangle. reference: of the row itself, a diamond."""

    value: float
    tip: str
    outside: bool = False
    reference: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """One row: its title, its values, and a note after it."""

    title: str
    dots: Sequence[Dot]
    note: str = ""


def kept_dots(rows: Sequence[DotRow], most: int = MOST_DOTS) -> tuple[list[DotRow], int]:
    """Return the rows with at most `most` values, and how many are left out: those inside their limits, from the last.

    The values outside and those of the rows themselves are kept as long as there is room for them.
    """
    places = [(number, place) for number, row in enumerate(rows) for place in range(len(row.dots))]

    def less_telling(at: tuple[int, int]) -> bool:
        dot = rows[at[0]].dots[at[1]]
        return not (dot.outside or dot.reference)

    kept = set(sorted(places, key=less_telling)[:most])
    found = [
        DotRow(row.title, [dot for place, dot in enumerate(row.dots) if (number, place) in kept], row.note)
        for number, row in enumerate(rows)
    ]
    return found, len(places) - len(kept)


def dots(
    rows: Sequence[DotRow], *, label: str, axis_title: str, limits: Sequence[tuple[float, str]] = ()
) -> Figure:
    """Return the rows. limits: values with their labels, drawn through all rows."""
    values = [dot.value for row in rows for dot in row.dots]
    ticks = value_ticks([*values, *_around([*values, *(limit for limit, _text in limits)], limits)], 8)
    across = Scale(ticks[0], ticks[-1], LEFT, RIGHT)
    bottom = HEAD + ROW * len(rows)
    shapes: list[Shape] = []
    for tick in ticks:
        x = across(tick)
        shapes.append(Line(x1=x, y1=HEAD, x2=x, y2=bottom, css="gridline"))
        shapes.append(Words(x=x, y=bottom + 17, text=tick_text(tick), anchor="middle"))
    shapes.append(Words(x=(LEFT + RIGHT) / 2, y=bottom + 36, text=axis_title, css="ink", anchor="middle"))
    shapes.extend(_limits(limits, across, bottom))
    for number, row in enumerate(rows):
        shapes.extend(_row(row, HEAD + ROW * (number + 0.5), across))
    return Figure(width=WIDTH, height=bottom + AXIS, label=label, shapes=tuple(shapes))


def _around(values: Sequence[float], limits: Sequence[tuple[float, str]]) -> list[float]:
    """Return each limit with room on both sides, so that none is drawn on the edge of the axis."""
    room = 0.05 * (max(values, default=0.0) - min(values, default=0.0))
    return [end for limit, _text in limits for end in (limit - room, limit + room)]


def _limits(limits: Sequence[tuple[float, str]], across: Scale, bottom: float) -> list[Shape]:
    shapes: list[Shape] = []
    end_of_label = 0.0
    for value, text in sorted(limits):
        x, width = across(value), text_width(text)
        shapes.append(Line(x1=x, y1=HEAD - 4, x2=x, y2=bottom, css="today"))
        left = max(end_of_label, min(x - width / 2, WIDTH - width - 4))
        shapes.append(Words(x=left, y=14, text=text, css="today-label"))
        end_of_label = left + width + 10
    return shapes


def _row(row: DotRow, middle: float, across: Scale) -> list[Shape]:
    shapes: list[Shape] = [
        Words(x=LEFT - 12, y=middle + 4, text=shortened(row.title, LEFT - 24), css="ink", anchor="end"),
        Line(x1=LEFT, y1=middle + ROW / 2, x2=RIGHT, y2=middle + ROW / 2, css="lane"),
    ]
    if row.note:
        shapes.append(Words(x=RIGHT + 10, y=middle + 4, text=shortened(row.note, WIDTH - RIGHT - 12)))
    for number, dot in enumerate(row.dots):
        x, y = across(dot.value), middle + LEVELS[number % len(LEVELS)]
        if dot.reference:
            shapes.append(shape_at(DIAMOND, x, middle, "visit-next", dot.tip))
        elif dot.outside:
            shapes.append(shape_at(TRIANGLE, x, y, "visit-late", dot.tip))
        else:
            shapes.append(Circle(x=x, y=y, radius=4, css="point-1", tip=dot.tip))
    return shapes
