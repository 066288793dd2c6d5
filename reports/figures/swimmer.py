"""A swimmer plot: one line for each patient, with bars of support, marks, and how the line ends.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports.figures.shapes import (
    DIAMOND,
    LATIN_CROSS,
    TRIANGLE,
    Figure,
    Line,
    Path,
    Point,
    Rect,
    Scale,
    Shape,
    Words,
    day_ticks,
    shape_at,
    shortened,
    text_width,
)

WIDTH, LEFT, RIGHT = 960.0, 96.0, 850.0
ROW, AXIS, LEGEND = 26.0, 40.0, 20.0
LEVELS = 5
HEIGHTS = {level: 2.0 + 2.0 * level for level in range(1, LEVELS + 1)}
"""Height of a bar by level of support, so that more support reads as more without colour."""
SMALL = 0.62
ARROW = ((-1.0, -5.0), (8.0, 0.0), (-1.0, 5.0))
LaneEnd = Literal["open", "death", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerBar:
    """Support from one day to another. level: 1 to 5, 5 the most."""

    start: float
    end: float
    level: int
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerMark:
    """An infusion or an event on one day."""

    day: float
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerRow:
    """One patient. end: the last day of the line. note: the words after it, such as why it ended."""

    code: str
    end: float
    ending: LaneEnd
    ending_tip: str
    note: str = ""
    bars: Sequence[SwimmerBar] = ()
    infusions: Sequence[SwimmerMark] = ()
    events: Sequence[SwimmerMark] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerLegend:
    """The words of the legend. support: by level."""

    infusion: str
    event: str
    death: str
    open: str
    support: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SwimmerPlot:
    """Content of the figure. axis: what the days count from; first: the first day drawn, 0 or before."""

    label: str
    axis: str
    first: float
    last: float
    rows: Sequence[SwimmerRow]
    legend: SwimmerLegend


def swimmer_plot(data: SwimmerPlot) -> Figure:
    """Return the figure. What lies before the first day is drawn from the first day on."""
    legend, top = _legend(data.legend)
    across = Scale(data.first, max(data.last, data.first + 7), LEFT, RIGHT)
    bottom = top + ROW * len(data.rows)
    shapes: list[Shape] = [*legend, *_axis(data, across, top, bottom)]
    for number, row in enumerate(data.rows):
        shapes += _row(row, across, top + ROW * (number + 0.5))
    return Figure(width=WIDTH, height=bottom + AXIS, label=data.label, shapes=tuple(shapes))


def _axis(data: SwimmerPlot, across: Scale, top: float, bottom: float) -> list[Shape]:
    shapes: list[Shape] = [Line(x1=LEFT, y1=bottom, x2=RIGHT, y2=bottom, css="axis")]
    for tick in day_ticks(int(across.low), int(across.high), 10):
        x = across(tick)
        shapes.append(Line(x1=x, y1=top, x2=x, y2=bottom, css="gridline"))
        text = str(tick).replace("-", "−")
        shapes.append(Words(x=x, y=bottom + 16, text=text, anchor="middle"))
    shapes.append(Words(x=RIGHT, y=bottom + 32, text=data.axis, anchor="end"))
    return shapes


def _row(row: SwimmerRow, across: Scale, y: float) -> list[Shape]:
    start, end = across(0), across(row.end)
    shapes: list[Shape] = [
        Words(x=LEFT - 10, y=y + 4, text=shortened(row.code, LEFT - 14), css="ink", anchor="end"),
        Line(x1=start, y1=y, x2=end, y2=y, css="stay"),
    ]
    for bar in sorted(row.bars, key=lambda each: each.level):
        left, right, height = across(bar.start), across(bar.end), HEIGHTS[bar.level]
        width = max(2.0, right - left)
        css = f"support-{bar.level}"
        shapes.append(Rect(x=left, y=y - height / 2, width=width, height=height, css=css, tip=bar.tip))
    shapes += [_mark(TRIANGLE, across(each.day), y - 6, "infusion", each.tip) for each in row.infusions]
    shapes += [_mark(DIAMOND, across(each.day), y + 8.5, "event", each.tip) for each in row.events]
    shapes.append(_lane_end(row.ending, end, y, row.ending_tip))
    if row.note:
        shapes.append(Words(x=end + 14, y=y + 4, text=shortened(row.note, WIDTH - end - 16)))
    return shapes


def _lane_end(ending: LaneEnd, x: float, y: float, tip: str) -> Shape:
    if ending == "death":
        return shape_at([(0.8 * dx, 0.8 * dy) for dx, dy in LATIN_CROSS], x, y - 2, "death", tip)
    if ending == "open":
        return shape_at(ARROW, x, y, "arrow-head", tip)
    return Path(points=((x, y - 7), (x, y + 7)), css="stay", tip=tip)


def _mark(outline: Sequence[Point], x: float, y: float, css: str, tip: str) -> Path:
    return shape_at([(SMALL * dx, SMALL * dy) for dx, dy in outline], x, y, css, tip)


def _legend(words: SwimmerLegend) -> tuple[list[Shape], float]:
    """Return the legend in as many lines as it needs, and where the rows begin."""
    entries: list[tuple[Callable[[float, float], Shape], str]] = [
        (lambda x, y: _mark(TRIANGLE, x, y, "infusion", ""), words.infusion),
        (lambda x, y: _mark(DIAMOND, x, y, "event", ""), words.event),
        (lambda x, y: shape_at(LATIN_CROSS, x, y, "death"), words.death),
        (lambda x, y: shape_at(ARROW, x, y, "arrow-head"), words.open),
    ]
    entries += [(_support(level), text) for level, text in words.support]
    shapes: list[Shape] = []
    x, y = 12.0, 14.0
    for drawn, text in entries:
        width = text_width(text) + 40
        if x > 12 and x + width > WIDTH:
            x, y = 12.0, y + LEGEND
        shapes += [drawn(x + 6, y), Words(x=x + 20, y=y + 4, text=shortened(text, WIDTH - 40), css="ink")]
        x += width
    return shapes, y + LEGEND


def _support(level: int) -> Callable[[float, float], Shape]:
    height = HEIGHTS[level]
    return lambda x, y: Rect(x=x - 7, y=y - height / 2, width=16, height=height, css=f"support-{level}")
