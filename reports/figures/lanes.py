"""The profile figure: one patient over time, in lanes that share an axis of study days.

Values and texts are given; this module only computes the drawing. No Django.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from reports.figures.shapes import (
    DIAMOND,
    LATIN_CROSS,
    TRIANGLE,
    Circle,
    Figure,
    Interval,
    Line,
    Path,
    Rect,
    Scale,
    Shape,
    Words,
    pack,
    place_label,
    rows_needed,
    shape_at,
    shortened,
    text_width,
    tick_text,
    value_ticks,
    wrapped,
)

WIDTH, LEFT, RIGHT = 1080.0, 168.0, 1056.0
HEAD, AXIS = 22.0, 30.0
ROW, BAR, THIN = 19.0, 11.0, 8.0
CURVE = 92.0
MOST_ROWS = 12
CROSS = ((-5.0, -5.0), (5.0, 5.0)), ((5.0, -5.0), (-5.0, 5.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneMark:
    """A visit or an infusion on one day. `css` gives its colour; a crossed mark did not take place."""

    day: float
    css: str
    tip: str
    label: str = ""
    window: Interval | None = None
    crossed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Something that lasted from one day to another. If the rows are full, bars of the highest weight are kept."""

    start: float
    end: float
    css: str
    label: str
    tip: str
    weight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One measured value. `limits` are the bounds of the reference range that applied to it, if any.

    `sign`: the comparator of a result beyond a limit of detection, which is drawn at the limit with this sign.
    """

    day: float
    value: float
    tip: str
    sign: str = ""
    limits: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One strip of the figure. `note` is the line under the title; `empty` is the text of an empty lane."""

    title: str
    note: str = ""
    empty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits(Lane):
    """Visits, drawn as diamonds on their windows."""

    marks: Sequence[LaneMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Infusions(Lane):
    """Infusions, drawn as triangles with a label."""

    marks: Sequence[LaneMark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deaths(Infusions):
    """The death, drawn as a cross with a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Lane):
    """Bars with labels, packed in rows. `more` is the text for bars left out, with {count}."""

    bars: Sequence[Bar]
    more: str = "+{count}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve(Lane):
    """Measured values, drawn as a line; `last` labels the last value."""

    readings: Sequence[CurvePoint]
    last: str = ""
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFigure:
    """Content of the figure. `ticks` are (day, text); `today` is None if it is not drawn."""

    label: str
    first: int
    last: int
    ticks: Sequence[tuple[int, str]]
    lanes: Sequence[Lane]
    today: float | None = None
    today_label: str = ""


@dataclass(slots=True)
class Sheet:
    """The drawing in progress. Shapes in `behind` are drawn below those in `before`."""

    across: Scale
    today: float | None = None
    top: float = HEAD
    behind: list[Shape] = field(default_factory=list)
    before: list[Shape] = field(default_factory=list)

    def title(self, lane: Lane, height: float, width: float = LEFT - 46) -> None:
        """Write the lane's title (at most two lines) and its note, then move `top` below the lane."""
        titles = wrapped(lane.title, width)
        for number, title in enumerate(titles):
            self.before.append(Words(x=12, y=self.top + 19 + 14 * number, text=title, css="ink strong"))
        if lane.note:
            y = self.top + 19 + 14 * len(titles)
            self.before.append(Words(x=12, y=y, text=shortened(lane.note, width)))
        self.top += max(height, 28 + 14 * (len(titles) - 1 + bool(lane.note)))
        self.behind.append(Line(x1=12, y1=self.top, x2=WIDTH - 12, y2=self.top, css="lane"))

    def say_empty(self, lane: Lane) -> None:
        """Write the text of an empty lane."""
        self.before.append(Words(x=LEFT + 8, y=self.top + 19, text=lane.empty))


def last_day_for(bars: Sequence[Bar], first: float, last: float) -> float:
    """Return a last day of the axis that leaves room for the labels of the bars at its end.

    A label gets at most a quarter of the axis. Bars whose label fits to their left need no room.
    """
    across = Scale(first, last, LEFT, RIGHT)
    needed = last
    for bar in bars:
        width = min(text_width(bar.label) + 6, (RIGHT - LEFT) / 4)
        if across(bar.start) - width < LEFT:
            share = width / (RIGHT - LEFT)
            needed = max(needed, (bar.end - share * first) / (1 - share))
    return needed


def draw(profile: ProfileFigure) -> Figure:
    """Return the figure: lanes from top to bottom, the axis below, and a line for today."""
    across = Scale(profile.first, profile.last, LEFT, RIGHT)
    sheet = Sheet(across, None if profile.today is None else across(profile.today))
    for lane in profile.lanes:
        _lane(sheet, lane)
    bottom = sheet.top
    grid: list[Shape] = [
        Line(x1=x, y1=HEAD, x2=x, y2=bottom, css="gridline")
        for x in (sheet.across(day) for day, _text in profile.ticks)
    ]
    shapes = (
        *grid,
        *sheet.behind,
        *_today(sheet, profile, bottom),
        *sheet.before,
        *_axis(sheet, profile, bottom),
    )
    return Figure(width=WIDTH, height=bottom + AXIS, label=profile.label, shapes=shapes)


def _lane(sheet: Sheet, lane: Lane) -> None:
    if isinstance(lane, Visits):
        _visits(sheet, lane)
    elif isinstance(lane, Infusions):
        _infusions(sheet, lane)
    elif isinstance(lane, Bars):
        _bars(sheet, lane)
    elif isinstance(lane, Curve):
        _curve(sheet, lane)


def _axis(sheet: Sheet, profile: ProfileFigure, bottom: float) -> list[Shape]:
    words: list[Shape] = []
    label_end = LEFT - 20
    for day, text in profile.ticks:
        half = text_width(text) / 2
        x = min(max(sheet.across(day), LEFT - 20 + half), WIDTH - 2 - half)
        if x - half < label_end:
            continue
        label_end = x + half + 6
        words.append(Words(x=x, y=bottom + 18, text=text, anchor="middle"))
    return words


def _today(sheet: Sheet, profile: ProfileFigure, bottom: float) -> list[Shape]:
    if profile.today is None:
        return []
    x = sheet.across(profile.today)
    half = text_width(profile.today_label) / 2
    middle = min(max(x, half), WIDTH - half)
    return [
        Line(x1=x, y1=HEAD - 4, x2=x, y2=bottom, css="today"),
        Words(x=middle, y=HEAD - 8, text=profile.today_label, css="today-label", anchor="middle"),
    ]


def _visits(sheet: Sheet, lane: Visits) -> None:
    y = sheet.top + 20
    if not lane.marks:
        sheet.say_empty(lane)
    for mark in lane.marks:
        if mark.window:
            left, right = sheet.across(mark.window[0]), sheet.across(mark.window[1])
            sheet.behind.append(
                Rect(x=left - 4, y=y - 4, width=right - left + 8, height=8, css="window", radius=4)
            )
        sheet.before.extend(_mark(mark, sheet.across(mark.day), y, DIAMOND))
    sheet.title(lane, 42)


def _mark(mark: LaneMark, x: float, y: float, outline: Sequence[tuple[float, float]]) -> list[Shape]:
    drawn: list[Shape] = [shape_at(outline, x, y, mark.css, mark.tip)]
    if mark.crossed:
        drawn.extend(
            Path(points=tuple((x + dx, y + dy) for dx, dy in stroke), css="axis") for stroke in CROSS
        )
    return drawn


def _infusions(sheet: Sheet, lane: Infusions) -> None:
    outline = LATIN_CROSS if isinstance(lane, Deaths) else TRIANGLE
    places = [sheet.across(mark.day) for mark in lane.marks]
    labels = [
        place_label(mark.label, (x - 8, x + 8), (LEFT, WIDTH))
        for mark, x in zip(lane.marks, places, strict=True)
    ]
    rows = pack([_covered((x - 8, x + 8), label) for x, label in zip(places, labels, strict=True)])
    for mark, x, row, (text, at, anchor) in zip(lane.marks, places, rows, labels, strict=True):
        y = sheet.top + 19 + row * ROW
        sheet.before.extend(_mark(mark, x, y, outline))
        if text:
            sheet.before.append(Words(x=at, y=y + 5, text=text, css="ink strong", anchor=anchor))
    if not lane.marks:
        sheet.say_empty(lane)
    sheet.title(lane, 23 + max(1, len(set(rows))) * ROW)


def _covered(mark: Interval, label: tuple[str, float, str]) -> Interval:
    text, x, anchor = label
    width = text_width(text)
    start = x if anchor == "start" else x - width
    return (min(mark[0], start), max(mark[1], start + width)) if text else mark


def _bars(sheet: Sheet, lane: Bars) -> None:
    """Draw bars with their labels. A bar and its label occupy one row together."""
    shown = _heaviest(lane, sheet.across)
    spans = [_span(bar, sheet.across) for bar in shown]
    labels = [place_label(bar.label, span, (LEFT, WIDTH - 4)) for bar, span in zip(shown, spans, strict=True)]
    covered = [_covered(span, label) for span, label in zip(spans, labels, strict=True)]
    rows = pack(covered)
    for bar, (left, right), row, (text, x, anchor) in zip(shown, spans, rows, labels, strict=True):
        y = sheet.top + 9 + row * ROW
        sheet.before.append(
            Rect(x=left, y=y, width=right - left, height=BAR, css=bar.css, radius=2.5, tip=bar.tip)
        )
        if text:
            sheet.before.append(Words(x=x, y=y + 10, text=text, css="ink", anchor=anchor))
    count = rows_needed(covered)
    if not shown:
        sheet.say_empty(lane)
    if left_out := len(lane.bars) - len(shown):
        text = lane.more.format(count=left_out)
        sheet.before.append(Words(x=LEFT, y=sheet.top + 19 + count * ROW, text=text))
        count += 1
    sheet.title(lane, max(42.0, 14 + count * ROW))


def _span(bar: Bar, across: Scale) -> Interval:
    left = min(across(bar.start), RIGHT - 6)
    return left, max(left + 6, across(bar.end))


def _heaviest(lane: Bars, across: Scale) -> list[Bar]:
    """Return as many bars as fit in the rows, those of the highest weight, by start."""
    ranked = sorted(lane.bars, key=lambda bar: (-bar.weight, bar.start))
    spans = [_occupied(bar, across) for bar in ranked]
    # The rows needed never decrease with more bars, so the largest number that fits is found by bisection.
    fitting = bisect_right(range(len(spans) + 1), MOST_ROWS, key=lambda count: rows_needed(spans[:count])) - 1
    return sorted(ranked[:fitting], key=lambda bar: (bar.start, bar.end))


def _occupied(bar: Bar, across: Scale) -> Interval:
    span = _span(bar, across)
    return _covered(span, place_label(bar.label, span, (LEFT, WIDTH - 4)))


def _curve(sheet: Sheet, lane: Curve) -> None:
    """Draw values as a line, with the reference ranges behind it and a label at the last value."""
    if not lane.readings:
        sheet.say_empty(lane)
        sheet.title(lane, 42)
        return
    ticks = value_ticks(reading.value for reading in lane.readings)
    down = Scale(ticks[0], ticks[-1], sheet.top + CURVE - 14, sheet.top + 16)
    _scale_of(sheet, ticks, down)
    _bands(sheet, lane.readings, ticks, down)
    points = tuple((sheet.across(reading.day), down(reading.value)) for reading in lane.readings)
    if len(points) > 1:
        sheet.before.append(Path(points=points, css=f"line-{lane.number}"))
    for reading, (x, y) in zip(lane.readings, points, strict=True):
        sheet.before.append(Circle(x=x, y=y, radius=4, css=f"point-{lane.number}", tip=reading.tip))
        if reading.sign:
            sheet.before.append(Words(x=x, y=y - 6, text=reading.sign, css="ink strong", anchor="middle"))
    if lane.last:
        _last_value(sheet, lane.last, points[-1])
    widest = max(text_width(tick_text(tick)) for tick in ticks)
    sheet.title(lane, CURVE, LEFT - 28 - widest)


def _scale_of(sheet: Sheet, ticks: Sequence[float], down: Scale) -> None:
    for tick in ticks:
        sheet.behind.append(Line(x1=LEFT, y1=down(tick), x2=RIGHT, y2=down(tick), css="gridline"))
        sheet.before.append(Words(x=LEFT - 8, y=down(tick) + 4, text=tick_text(tick), anchor="end"))


def _band(
    sheet: Sheet, limits: Interval, ticks: Sequence[float], down: Scale, across: Interval = (LEFT, RIGHT)
) -> None:
    low, high = max(limits[0], ticks[0]), min(limits[1], ticks[-1])
    # A range that covers the whole scale carries no information.
    if low < high and (low, high) != (ticks[0], ticks[-1]):
        (left, right), top, bottom = across, down(high), down(low)
        sheet.behind.insert(0, Rect(x=left, y=top, width=right - left, height=bottom - top, css="band"))


def _bands(sheet: Sheet, readings: Sequence[CurvePoint], ticks: Sequence[float], down: Scale) -> None:
    """Draw the range that applied to each value, up to halfway to its neighbours; equal neighbours share one band."""
    places = [sheet.across(reading.day) for reading in readings]
    edges = [LEFT, *((a + b) / 2 for a, b in pairwise(places)), RIGHT]
    spans = [(reading, *ends) for reading, ends in zip(readings, pairwise(edges), strict=True)]
    for limits, several in groupby(spans, key=lambda span: span[0].limits):
        pieces = list(several)
        if limits is not None:
            low, high = (
                ticks[end] if bound is None else bound for bound, end in zip(limits, (0, -1), strict=True)
            )
            _band(sheet, (low, high), ticks, down, (pieces[0][1], pieces[-1][2]))


def _last_value(sheet: Sheet, text: str, point: tuple[float, float]) -> None:
    """Write the last value to the right of its point, or past the line of today if that would cross it."""
    (x, y), width = point, text_width(text)
    if sheet.today is not None and x < sheet.today <= x + 12 + width:
        x = sheet.today
    fits = x + 9 + width <= WIDTH - 4
    at, anchor = (x + 9, "start") if fits else (point[0] - 9, "end")
    sheet.before.append(Words(x=at, y=max(sheet.top + 11, y - 4), text=text, css="ink strong", anchor=anchor))
