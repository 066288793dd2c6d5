"""Curves over time: shares as steps with limits, censored patients as ticks, and the numbers at risk below the axis.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reports.figures.shapes import (
    Circle,
    Figure,
    Line,
    Path,
    Point,
    Scale,
    Shape,
    Words,
    day_ticks,
    shortened,
    wrapped,
)

WIDTH, TOP, PLOT = 760.0, 30.0, 250.0
LEFT, RIGHT = 190.0, 580.0
ROW, LABEL_LINE, LABEL_GAP, SWATCH = 17.0, 14.0, 3.0, 18.0
LEAST_DAYS = 7
LOOKS = ("line-1", "line-2 long-dashes")
"""Looks of the curves in turn: also the dashes tell them apart."""
PER_CENT = (0, 20, 40, 60, 80, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePoint:
    """The share from a day on, with its limits (0 to 1), and what happened on it. An empty tip has no mark."""

    day: int
    share: float
    low: float | None = None
    high: float | None = None
    tip: str = ""
    censored: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeCurve:
    """One curve: its label, its first share (1 of survival, 0 of incidence), its points, the last day observed."""

    label: str
    begin: float
    points: Sequence[TimePoint]
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AtRisk:
    """A row below the axis: its label, and the number at risk on a day."""

    label: str
    on: Callable[[int], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFigure:
    """Content of the figure. axis: what the days count from; share: what the vertical axis shows."""

    label: str
    axis: str
    share: str
    risk: str
    curves: Sequence[TimeCurve]
    at_risk: Sequence[AtRisk]


def time_figure(data: TimeFigure) -> Figure:
    """Return the figure. Curves are told apart by the labels at the right, not by colour alone."""
    last = max([LEAST_DAYS, *(curve.until for curve in data.curves)])
    across, down = Scale(0, last, LEFT, RIGHT), Scale(0, 100, TOP + PLOT, TOP)
    ticks = day_ticks(0, last, 8)
    shapes: list[Shape] = [*_axes(data, ticks, across, down)]
    for number, curve in enumerate(data.curves):
        shapes += _curve(curve, 1 + number % 2, across, down)
    shapes += _labels(data.curves, down)
    top = TOP + PLOT + 52
    shapes += _at_risk(data, ticks, across, top)
    height = top + ROW * len(data.at_risk) + 8
    return Figure(width=WIDTH, height=height, label=data.label, shapes=tuple(shapes))


def _axes(data: TimeFigure, ticks: Sequence[int], across: Scale, down: Scale) -> list[Shape]:
    shapes: list[Shape] = [Words(x=8, y=12, text=shortened(data.share, WIDTH - 16), css="ink")]
    for per_cent in PER_CENT:
        y = down(per_cent)
        shapes.append(Line(x1=LEFT, y1=y, x2=RIGHT, y2=y, css="axis" if per_cent == 0 else "gridline"))
        shapes.append(Words(x=LEFT - 8, y=y + 4, text=f"{per_cent}", anchor="end"))
    shapes.extend(Words(x=across(tick), y=TOP + PLOT + 18, text=str(tick), anchor="middle") for tick in ticks)
    shapes.append(Words(x=RIGHT, y=TOP + PLOT + 34, text=data.axis, anchor="end"))
    return shapes


def _curve(curve: TimeCurve, number: int, across: Scale, down: Scale) -> list[Shape]:
    shapes: list[Shape] = [
        Path(points=tuple(line), css=f"limits-{number}")
        for line in (_limit(curve, "low", across, down), _limit(curve, "high", across, down))
        if len(line) > 1
    ]
    points, height = [(across(0), down(100 * curve.begin))], curve.begin
    marks: list[Shape] = []
    for point in curve.points:
        x, y = across(point.day), down(100 * point.share)
        points += [(x, down(100 * height)), (x, y)]
        height = point.share
        if point.censored:
            marks.append(Path(points=((x, y - 5), (x, y + 5)), css=f"line-{number}", tip=point.censored))
        if point.tip:
            marks.append(Circle(x=x, y=y, radius=3.4, css=f"point-{number}", tip=point.tip))
    points.append((across(curve.until), down(100 * height)))
    shapes.append(Path(points=tuple(points), css=LOOKS[number - 1]))
    return [*shapes, *marks]


def _limit(curve: TimeCurve, side: str, across: Scale, down: Scale) -> list[Point]:
    """Return a limit as steps; it begins where the share is first neither 0 nor 1, and ends where it has none."""
    line: list[Point] = []
    for point in curve.points:
        value = point.low if side == "low" else point.high
        x = across(point.day)
        if value is None and line:
            return [*line, (x, line[-1][1])]
        if value is not None:
            y = down(100 * value)
            line += [(x, line[-1][1]), (x, y)] if line else [(x, y)]
    return [*line, (across(curve.until), line[-1][1])] if line else line


def _labels(curves: Sequence[TimeCurve], down: Scale) -> list[Shape]:
    """Return the labels right of the plot, each at the last height of its curve or below the label above it.

    No label goes below the axis, where it would stand beside the days.
    """
    shapes: list[Shape] = []
    free = 0.0
    lowest = down(0)
    left = RIGHT + 12 + SWATCH
    order = sorted(enumerate(curves), key=lambda each: -_last(each[1]))
    written = [(number, curve, wrapped(curve.label, WIDTH - left - 4)) for number, curve in order]
    for place, (number, curve, lines) in enumerate(written):
        below = (
            sum(LABEL_LINE * len(each) + LABEL_GAP for _n, _c, each in written[place:])
            - LABEL_LINE
            - LABEL_GAP
        )
        y = max(free, min(down(100 * _last(curve)), lowest - below))
        shapes.append(Line(x1=RIGHT + 6, y1=y, x2=RIGHT + 6 + SWATCH, y2=y, css=LOOKS[number % 2]))
        shapes += [
            Words(x=left, y=y + 4 + LABEL_LINE * at, text=line, css="ink strong")
            for at, line in enumerate(lines)
        ]
        free = y + LABEL_LINE * len(lines) + LABEL_GAP
    return shapes


def _last(curve: TimeCurve) -> float:
    return curve.points[-1].share if curve.points else curve.begin


def _at_risk(data: TimeFigure, ticks: Sequence[int], across: Scale, top: float) -> list[Shape]:
    shapes: list[Shape] = [Words(x=8, y=top - 4, text=data.risk, css="ink")]
    for number, row in enumerate(data.at_risk):
        y = top + ROW * number + 12
        shapes.append(Words(x=8, y=y, text=shortened(row.label, LEFT - 24)))
        shapes.extend(Words(x=across(tick), y=y, text=str(row.on(tick)), anchor="middle") for tick in ticks)
    return shapes
