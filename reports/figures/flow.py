"""A flow diagram: boxes with counts from top to bottom, exclusions at the side, one column or several (CONSORT 2010).

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.figures.shapes import (
    Figure,
    Line,
    Rect,
    Shape,
    Words,
    shape_at,
    shortened,
    text_width,
)

WIDTH, MARGIN = 760.0, 8.0
MAIN, SIDE = 330.0, 360.0
PADDING, LINE, GAP = 10.0, 16.0, 26.0
INDENT = 12.0
DOWN = ((-5.0, -7.0), (5.0, -7.0), (0.0, 0.0))
ACROSS = ((-7.0, -5.0), (0.0, 0.0), (-7.0, 5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBox:
    """A heading with its number, and the lines below it. tip: the whole box in one sentence."""

    title: str
    lines: Sequence[str] = ()
    tip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """A step of the flow: one box for each column, and what leaves before it at the side."""

    boxes: Sequence[FlowBox]
    side: FlowBox | None = None


def flow_diagram(steps: Sequence[FlowStep], label: str) -> Figure:
    """Return the diagram. A step with a side box has one column."""
    shapes: list[Shape] = []
    top, before = MARGIN, list[tuple[float, float]]()
    for step in steps:
        if step.side is not None:
            top = _side(step.side, top, shapes)
        places = _columns(len(step.boxes))
        tall = max(_height(box, width) for box, (_left, width) in zip(step.boxes, places, strict=True))
        centres = [left + width / 2 for left, width in places]
        _arrows(before, centres, top, shapes)
        for box, (left, width) in zip(step.boxes, places, strict=True):
            shapes += _box(box, left, top, width, tall)
        before = [(centre, top + tall) for centre in centres]
        top += tall + GAP
    return Figure(width=WIDTH, height=top - GAP + MARGIN, label=label, shapes=tuple(shapes))


def broken(text: str, width: float) -> list[str]:
    """Return a text as lines of at most `width` pixels, broken between words; a longer word is shortened."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if line and text_width(longer) > width:
            lines.append(line)
            longer = word
        line = shortened(longer, width)
    return [*lines, line] if line else lines


def _columns(number: int) -> list[tuple[float, float]]:
    """Return (left, width) of each column: one alone leaves room at its right for what leaves the flow."""
    if number == 1:
        return [(MARGIN, MAIN)]
    width = (WIDTH - 2 * MARGIN - (number - 1) * 2 * MARGIN) / number
    return [(MARGIN + at * (width + 2 * MARGIN), width) for at in range(number)]


def _written(box: FlowBox, width: float) -> list[tuple[str, bool]]:
    """Return the lines of a box as (text, whether it belongs to the heading)."""
    room = width - 2 * PADDING
    head = [(line, True) for line in broken(box.title, room)]
    return head + [(line, False) for text in box.lines for line in broken(text, room - INDENT)]


def _height(box: FlowBox, width: float) -> float:
    return len(_written(box, width)) * LINE + 2 * PADDING - 4


def _box(box: FlowBox, left: float, top: float, width: float, height: float) -> list[Shape]:
    shapes: list[Shape] = [Rect(x=left, y=top, width=width, height=height, css="box", radius=3, tip=box.tip)]
    for number, (text, heading) in enumerate(_written(box, width)):
        x = left + PADDING + (0 if heading else INDENT)
        y = top + PADDING + 10 + number * LINE
        shapes.append(Words(x=x, y=y, text=text, css="ink strong" if heading else "ink"))
    return shapes


def _side(box: FlowBox, top: float, shapes: list[Shape]) -> float:
    """Draw what leaves the flow beside the line of the main column, and return where the next box begins."""
    height = _height(box, SIDE)
    left, middle, stem = WIDTH - MARGIN - SIDE, top - GAP / 2 + height / 2, MARGIN + MAIN / 2
    shapes += _box(box, left, middle - height / 2, SIDE, height)
    shapes.append(Line(x1=stem, y1=middle, x2=left - 2, y2=middle, css="arrow"))
    shapes.append(shape_at(ACROSS, left, middle, "arrow-head"))
    return top + height


def _arrows(before: list[tuple[float, float]], after: list[float], top: float, shapes: list[Shape]) -> None:
    """Draw the way from the boxes above: straight down, or from one box to several."""
    if not before:
        return
    if len(before) == len(after):
        for (x, bottom), _centre in zip(before, after, strict=True):
            shapes.append(Line(x1=x, y1=bottom, x2=x, y2=top - 2, css="arrow"))
            shapes.append(shape_at(DOWN, x, top, "arrow-head"))
        return
    (stem, bottom), turn = before[0], top - GAP / 2
    shapes.append(Line(x1=stem, y1=bottom, x2=stem, y2=turn, css="arrow"))
    shapes.append(Line(x1=min(*after, stem), y1=turn, x2=max(*after, stem), y2=turn, css="arrow"))
    for x in after:
        shapes.append(Line(x1=x, y1=turn, x2=x, y2=top - 2, css="arrow"))
        shapes.append(shape_at(DOWN, x, top, "arrow-head"))
