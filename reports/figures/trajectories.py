"""Values of one measurement over study days: a thin line for each patient, and the median of all.

Values and texts are given; this module only computes the drawing. No Django. Points are whole pixels: two hundred
patients with a dozen values each stay below 40 kB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.axes import ValueAxis, value_axis
from reports.figures.shapes import (
    TRIANGLE,
    Circle,
    Figure,
    Interval,
    Line,
    Path,
    Point,
    Rect,
    Scale,
    Shape,
    Words,
    shape_at,
    text_width,
    tick_text,
)

WIDTH, LEFT, RIGHT = 1080.0, 64.0, 1000.0
HEAD, PLOT, STRIP, AXIS = 26.0, 320.0, 22.0, 28.0
MOST_POINTS = 4400
TIP_POINTS = 13
"""Each line costs about as much as thirteen of its points, for its element and its tip in a file."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The values of one patient as (day, value), in the order of the days, with the tooltip of the line."""

    points: Sequence[Point]
    tip: str


@dataclass(frozen=True, slots=True)
class MedianPoint:
    """The median of all patients around one day, with its tooltip. number: the patients with a value."""

    day: float
    value: float
    tip: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryFigure:
    """Content of the figure.

    band: the reference range that applied to every value, with an open bound as None; limit_label: its name.
    infusions: (day, tooltip). number_label: heading of the numbers of patients below the medians.
    ticks: (day, text). logarithmic: a zero is then drawn at the lower edge.
    """

    label: str
    lines: Sequence[Trajectory]
    medians: Sequence[MedianPoint]
    ticks: Sequence[tuple[int, str]]
    span: Interval
    axis_title: str
    median_label: str
    band: tuple[float | None, float | None] | None = None
    limit_label: str = ""
    infusions: Sequence[tuple[float, str]] = ()
    infusion_label: str = ""
    number_label: str = ""
    logarithmic: bool = False


def kept_lines(lines: Sequence[Trajectory]) -> list[Trajectory]:
    """Return as many lines as a figure of 40 kB holds, in their order; those with the fewest values are left out."""
    most_first = sorted(range(len(lines)), key=lambda index: (-len(lines[index].points), index))
    kept: list[int] = []
    room = MOST_POINTS
    for index in most_first:
        room -= len(lines[index].points) + TIP_POINTS
        if room < 0:
            break
        kept.append(index)
    return [lines[index] for index in sorted(kept)]


def trajectories(data: TrajectoryFigure) -> Figure:
    """Return the figure: the band, the lines, the median with its points, and the days of the infusions below."""
    values = [value for line in data.lines for _day, value in line.points]
    bounds = [bound for bound in data.band or () if bound is not None and (bound > 0 or not data.logarithmic)]
    bottom = HEAD + PLOT
    down = value_axis([*values, *bounds], bottom, HEAD, logarithmic=data.logarithmic)
    across = Scale(*data.span, LEFT, RIGHT)
    shapes: list[Shape] = [*_band(data, down), *_grid(data, across, down)]
    for line in data.lines:
        shapes.extend(_line(line, across, down))
    shapes.extend(_medians(data, across, down))
    shapes.extend(_infusions(data, across, bottom))
    below = bottom + STRIP * bool(data.infusions) + AXIS
    shapes.extend(_numbers(data, across, below))
    height = below + STRIP * bool(data.number_label)
    return Figure(width=WIDTH, height=height, label=data.label, shapes=tuple(shapes))


def _band(data: TrajectoryFigure, down: ValueAxis) -> list[Shape]:
    if data.band is None:
        return []
    low, high = (
        down.ticks[end] if bound is None else bound for bound, end in zip(data.band, (0, -1), strict=True)
    )
    top, bottom = down(high), down(low)
    shapes: list[Shape] = [Rect(x=LEFT, y=top, width=RIGHT - LEFT, height=bottom - top, css="band")]
    # The limits are lines too: the shade alone is lost in print.
    shapes += [
        Line(x1=LEFT, y1=down(bound), x2=RIGHT, y2=down(bound), css="target")
        for bound in data.band
        if bound is not None
    ]
    return [*shapes, Words(x=LEFT + 4, y=max(HEAD + 11, top - 4), text=data.limit_label, css="ink")]


def _grid(data: TrajectoryFigure, across: Scale, down: ValueAxis) -> list[Shape]:
    bottom = HEAD + PLOT
    shapes: list[Shape] = [Words(x=8, y=14, text=data.axis_title, css="ink")]
    for value in down.ticks:
        shapes.append(Line(x1=LEFT, y1=down(value), x2=RIGHT, y2=down(value), css="gridline"))
        shapes.append(Words(x=LEFT - 8, y=down(value) + 4, text=tick_text(value), anchor="end"))
    end_of_label = 0.0
    y = bottom + STRIP * bool(data.infusions) + 18
    for day, text in data.ticks:
        x, half = across(day), text_width(text) / 2
        shapes.append(Line(x1=x, y1=HEAD, x2=x, y2=bottom, css="gridline"))
        if x - half > end_of_label:
            shapes.append(Words(x=x, y=y, text=text, anchor="middle"))
            end_of_label = x + half + 6
    return shapes


def _line(line: Trajectory, across: Scale, down: ValueAxis) -> list[Shape]:
    points = tuple((float(round(across(day))), float(round(down(value)))) for day, value in line.points)
    if len(points) == 1:
        return [Circle(x=points[0][0], y=points[0][1], radius=2, css="medication", tip=line.tip)]
    return [Path(points=points, css="thread", tip=line.tip)] if points else []


def _medians(data: TrajectoryFigure, across: Scale, down: ValueAxis) -> list[Shape]:
    points = [(across(each.day), down(each.value)) for each in data.medians]
    shapes: list[Shape] = [Path(points=tuple(points), css="actual")] if len(points) > 1 else []
    shapes += [
        Circle(x=x, y=y, radius=4.5, css="point", tip=each.tip)
        for (x, y), each in zip(points, data.medians, strict=True)
    ]
    if points:
        shapes.append(
            Words(x=points[-1][0] + 9, y=points[-1][1] + 4, text=data.median_label, css="ink strong")
        )
    return shapes


def _infusions(data: TrajectoryFigure, across: Scale, bottom: float) -> list[Shape]:
    if not data.infusions:
        return []
    shapes: list[Shape] = [
        shape_at(TRIANGLE, across(day), bottom + 12, "infusion", tip) for day, tip in data.infusions
    ]
    return [*shapes, Words(x=RIGHT + 12, y=bottom + 16, text=data.infusion_label)]


def _numbers(data: TrajectoryFigure, across: Scale, top: float) -> list[Shape]:
    """Return how many patients each median counts; of visits that lie close, the first and those with room."""
    if not data.number_label:
        return []
    shapes: list[Shape] = [Words(x=RIGHT + 12, y=top + 12, text=data.number_label)]
    free = 0.0
    for each in data.medians:
        x, half = across(each.day), text_width(str(each.number)) / 2
        if x - half > free:
            shapes.append(Words(x=x, y=top + 12, text=str(each.number), css="ink", anchor="middle"))
            free = x + half + 6
    return shapes
