"""Baseline against worst value, both in multiples of a limit of the laboratory, on logarithmic axes.

Where all values lie near the limit the axes are evenly divided.
Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.axes import value_axis
from reports.figures.shapes import (
    TRIANGLE,
    Circle,
    Figure,
    Line,
    Shape,
    Words,
    shape_at,
    tick_text,
)

WIDTH, LEFT, RIGHT, HEAD, BOTTOM, AXIS = 640.0, 64.0, 560.0, 28.0, 408.0, 46.0
NEAR, LEAST_ROOM = 0.25, 0.01
"""Values that differ less than NEAR from the limit, as a share of it, have evenly divided axes."""
DOWNWARDS = tuple((x, -y) for x, y in TRIANGLE)


@dataclass(frozen=True, slots=True)
class ShiftPoint:
    """One patient: baseline and worst value in multiples of the limit, both above zero, and the tooltip.

    beyond: the worst value lies outside the limit; such a patient is a triangle.
    """

    baseline: float
    worst: float
    beyond: bool
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFigure:
    """Content of the figure. upward: high values are the worse ones; their triangles point up.

    limit_label: name of the lines at 1. same_label: name of the diagonal, on which nothing changed.
    """

    label: str
    points: Sequence[ShiftPoint]
    upward: bool
    across_title: str
    down_title: str
    limit_label: str
    same_label: str


def _room(points: Sequence[ShiftPoint]) -> tuple[list[float], bool]:
    """Return what the axes enclose, with room on both sides of the limit, and whether all values lie near it.

    A pH is within a few per cent of its limits: on axes from one half to twice the limit all patients are one dot.
    """
    values = [each for point in points for each in (point.baseline, point.worst)]
    farthest = max((max(each, 1 / each) for each in values), default=2.0) - 1
    if farthest >= NEAR:
        return [*values, 0.5, 2.0], False
    room = max(farthest, LEAST_ROOM)
    return [*values, 1 - room, 1 + room], True


def shift(data: ShiftFigure) -> Figure:
    """Return the figure: a mark for each patient, the limit on both axes, and the diagonal of no change."""
    held, near = _room(data.points)
    across = value_axis(held, LEFT, RIGHT, logarithmic=not near)
    down = value_axis(held, BOTTOM, HEAD, logarithmic=not near)
    shapes: list[Shape] = []
    for tick in across.ticks:
        x, y = across(tick), down(tick)
        shapes.append(Line(x1=x, y1=HEAD, x2=x, y2=BOTTOM, css="gridline"))
        shapes.append(Line(x1=LEFT, y1=y, x2=RIGHT, y2=y, css="gridline"))
        shapes.append(Words(x=x, y=BOTTOM + 16, text=tick_text(tick), anchor="middle"))
        shapes.append(Words(x=LEFT - 8, y=y + 4, text=tick_text(tick), anchor="end"))
    x, y = across(1), down(1)
    shapes += [
        Line(x1=LEFT, y1=BOTTOM, x2=RIGHT, y2=HEAD, css="plan"),
        Line(x1=x, y1=HEAD, x2=x, y2=BOTTOM, css="target"),
        Line(x1=LEFT, y1=y, x2=RIGHT, y2=y, css="target"),
        Words(x=RIGHT + 6, y=y + 4, text=data.limit_label, css="ink"),
        Words(x=RIGHT + 6, y=HEAD + 4, text=data.same_label),
        Words(x=(LEFT + RIGHT) / 2, y=BOTTOM + 36, text=data.across_title, css="ink", anchor="middle"),
        Words(x=8, y=14, text=data.down_title, css="ink"),
    ]
    outline = TRIANGLE if data.upward else DOWNWARDS
    for point in data.points:
        place = across(point.baseline), down(point.worst)
        if point.beyond:
            shapes.append(shape_at(outline, *place, "point-2", point.tip))
        else:
            shapes.append(Circle(x=place[0], y=place[1], radius=3.6, css="point-1", tip=point.tip))
    return Figure(width=WIDTH, height=BOTTOM + AXIS, label=data.label, shapes=tuple(shapes))
