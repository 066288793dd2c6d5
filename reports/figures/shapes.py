"""Parts of a figure: shapes, scales, ticks and labels that do not overlap.

Plain values in, SVG out. No Django and no texts. Coordinates are CSS pixels within the figure's box.
Shapes have classes instead of colours, so one drawing serves the light theme, the dark theme and paper.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from xml.sax.saxutils import escape, quoteattr

TEXT_SIZE = 12.0
NARROW = frozenset("fijlrtI.,:;'|!()[]/ ·-−’“”")
BROAD = frozenset("mwMW@%…—")
DAY_STEPS = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 1820, 3640)
DIAMOND = ((0.0, -7.0), (6.0, 0.0), (0.0, 7.0), (-6.0, 0.0))
TRIANGLE = ((0.0, -7.0), (7.0, 6.0), (-7.0, 6.0))
LATIN_CROSS = (
    (-1.5, -8.0), (1.5, -8.0), (1.5, -4.0), (5.0, -4.0), (5.0, -1.0), (1.5, -1.0), (1.5, 8.0), (-1.5, 8.0),
    (-1.5, -1.0), (-5.0, -1.0), (-5.0, -4.0), (-1.5, -4.0),
)  # fmt: skip

Point = tuple[float, float]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box."""

    left: float
    top: float
    right: float
    bottom: float

    def holds(self, other: "Box", slack: float = 0.0) -> bool:
        """Return whether the other box is inside this one, give or take `slack` pixels."""
        return (
            other.left >= self.left - slack
            and other.top >= self.top - slack
            and other.right <= self.right + slack
            and other.bottom <= self.bottom + slack
        )

    def overlaps(self, other: "Box") -> bool:
        """Return whether the two boxes share an area."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


class Shape(Protocol):
    """A shape with a bounding box and SVG markup."""

    @property
    def box(self) -> Box:
        """Return the bounding box."""
        ...

    @property
    def markup(self) -> str:
        """Return the SVG element."""
        ...


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def _element(name: str, css: str, tip: str = "", **numbers: float) -> str:
    places = "".join(f' {key}="{_number(value)}"' for key, value in numbers.items())
    tip_attribute = f" data-tip={quoteattr(tip)}" if tip else ""
    return f'<{name} class="{css}"{places}{tip_attribute}/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A bar or a band. `tip` is its tooltip."""

    x: float
    y: float
    width: float
    height: float
    css: str
    radius: float = 0.0
    tip: str = ""

    @property
    def box(self) -> Box:
        return Box(self.x, self.y, self.x + self.width, self.y + self.height)

    @property
    def markup(self) -> str:
        size = {"x": self.x, "y": self.y, "width": self.width, "height": self.height}
        return _element("rect", self.css, self.tip, **size, **({"rx": self.radius} if self.radius else {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    css: str

    @property
    def box(self) -> Box:
        left, right = sorted((self.x1, self.x2))
        top, bottom = sorted((self.y1, self.y2))
        return Box(left, top, right, bottom)

    @property
    def markup(self) -> str:
        return _element("line", self.css, x1=self.x1, y1=self.y1, x2=self.x2, y2=self.y2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A line through points; if closed, an area or a mark."""

    points: tuple[Point, ...]
    css: str
    closed: bool = False
    tip: str = ""

    @property
    def box(self) -> Box:
        across, down = zip(*self.points, strict=True)
        return Box(min(across), min(down), max(across), max(down))

    @property
    def markup(self) -> str:
        steps = "L".join(f"{_number(x)} {_number(y)}" for x, y in self.points)
        tip_attribute = f" data-tip={quoteattr(self.tip)}" if self.tip else ""
        return f'<path class="{self.css}" d="M{steps}{"Z" if self.closed else ""}"{tip_attribute}/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A measured point."""

    x: float
    y: float
    radius: float
    css: str
    tip: str = ""

    @property
    def box(self) -> Box:
        r = self.radius
        return Box(self.x - r, self.y - r, self.x + r, self.y + r)

    @property
    def markup(self) -> str:
        return _element("circle", self.css, self.tip, cx=self.x, cy=self.y, r=self.radius)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A line of text. `y` is its baseline; `anchor` is start, middle or end."""

    x: float
    y: float
    text: str
    css: str = ""
    anchor: str = "start"

    @property
    def box(self) -> Box:
        width = text_width(self.text)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        return Box(left, self.y - 0.75 * TEXT_SIZE, left + width, self.y + 0.25 * TEXT_SIZE)

    @property
    def markup(self) -> str:
        css = f' class="{self.css}"' if self.css else ""
        anchor = f' text-anchor="{self.anchor}"' if self.anchor != "start" else ""
        return f'<text{css} x="{_number(self.x)}" y="{_number(self.y)}"{anchor}>{escape(self.text)}</text>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Shapes in a box. `label` describes the figure for screen readers."""

    width: float
    height: float
    label: str
    shapes: tuple[Shape, ...]

    @property
    def box(self) -> Box:
        """Return the figure's bounding box."""
        return Box(0.0, 0.0, self.width, self.height)

    @property
    def view_box(self) -> str:
        """Return the value of the `viewBox` attribute."""
        return f"0 0 {_number(self.width)} {_number(self.height)}"

    @property
    def markup(self) -> str:
        """Return the `<svg>` element. All texts in it are escaped."""
        inside = "".join(shape.markup for shape in self.shapes)
        label = quoteattr(self.label)
        return f'<svg viewBox="{self.view_box}" role="group" aria-label={label}>{inside}</svg>'

    def standalone(self, style: str, *, stamp: str = "") -> str:
        """Return an SVG file with the given style sheet inside. stamp: a sentence written over its upper edge."""
        inside = "".join(shape.markup for shape in self.shapes)
        size = f'width="{_number(self.width)}" height="{_number(self.height)}" viewBox="{self.view_box}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" class="fig" {size} role="img">'
        title = " – ".join(filter(None, [stamp, self.label]))
        written = (
            f'<text x="4" y="10" font-size="9" font-weight="bold">{escape(stamp)}</text>' if stamp else ""
        )
        return f"{head}<title>{escape(title)}</title><style>{style}</style>{inside}{written}</svg>\n"


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear map from values to pixels. Values outside the domain are placed at its edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = (value - self.low) / span if span > 0 else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)


def shape_at(outline: Sequence[Point], x: float, y: float, css: str, tip: str = "") -> Path:
    """Return a closed path with the given outline around (x, y)."""
    return Path(points=tuple((x + dx, y + dy) for dx, dy in outline), css=css, closed=True, tip=tip)


def text_width(text: str) -> float:
    """Return the estimated width of a label in pixels, too wide rather than too narrow (bold Arial metrics)."""
    return sum(_em(letter) for letter in text) * TEXT_SIZE


def _em(letter: str) -> float:
    if letter in NARROW:
        return 0.36
    if letter in BROAD:
        return 0.98
    return 0.76 if letter.isupper() else 0.64


def shortened(text: str, width: float) -> str:
    """Return the text, shortened with an ellipsis if it is wider than `width` pixels."""
    if text_width(text) <= width:
        return text
    room = width - text_width("…")
    beginning = ""
    for letter in text:
        if text_width(beginning + letter) > room:
            break
        beginning += letter
    return f"{beginning.rstrip()}…" if beginning else ""


def wrapped(text: str, width: float) -> list[str]:
    """Return the text as at most two lines of `width` pixels, broken between words and shortened."""
    words = text.split(" ")
    word_count = len(words)
    while word_count > 1 and text_width(" ".join(words[:word_count])) > width:
        word_count -= 1
    lines = [" ".join(words[:word_count]), " ".join(words[word_count:])]
    return [shortened(line, width) for line in lines if line]


def pack(intervals: Sequence[Interval], gap: float = 8.0) -> list[int]:
    """Return a row number for each interval. Intervals in one row are `gap` apart; the number of rows is minimal."""
    rows = [0] * len(intervals)
    ends: list[float] = []
    for index in sorted(range(len(intervals)), key=lambda i: intervals[i]):
        left, right = intervals[index]
        row = next((number for number, end in enumerate(ends) if end + gap <= left), len(ends))
        if row == len(ends):
            ends.append(right)
        ends[row], rows[index] = right, row
    return rows


def rows_needed(intervals: Sequence[Interval], gap: float = 8.0) -> int:
    """Return the number of rows that `pack` uses."""
    return max(pack(intervals, gap), default=-1) + 1


def place_label(text: str, mark: Interval, room: Interval, gap: float = 6.0) -> tuple[str, float, str]:
    """Return (text, x, anchor) of a mark's label: to its right, else to its left, else shortened on the wider side."""
    width, (left, right) = text_width(text), mark
    if right + gap + width <= room[1]:
        return text, right + gap, "start"
    if left - gap - width >= room[0]:
        return text, left - gap, "end"
    if room[1] - right >= left - room[0]:
        return shortened(text, room[1] - right - gap), right + gap, "start"
    return shortened(text, left - gap - room[0]), left - gap, "end"


def nice_step(span: float, at_most: int) -> float:
    """Return the smallest of 1, 2, 5 × 10ⁿ that divides `span` into at most `at_most` parts."""
    if span <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(span / at_most))
    for factor in (1, 2, 5, 10):
        if span / (factor * power) <= at_most + 1e-9:
            return factor * power
    return 10 * power


def value_ticks(values: Iterable[float], at_most: int = 3) -> tuple[float, ...]:
    """Return ticks that enclose the values. They start at zero unless the values are close together and far from it."""
    found = [round(value, 9) for value in values] or [0.0]
    low, high = min(found), max(found)
    if low > 0 and high - low >= 0.4 * high:
        low = 0.0
    if high == low:
        low, high = (0.0, high) if high > 0 else (low, 0.0) if low < 0 else (0.0, 1.0)
    step = nice_step(high - low, at_most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(number * step, 10) for number in range(first, last + 1))


def day_ticks(first: int, last: int, at_most: int = 10) -> tuple[int, ...]:
    """Return ticks between two days, in whole steps of days or weeks from day 0."""
    step = next((each for each in DAY_STEPS if (last - first) / each <= at_most), DAY_STEPS[-1])
    while (last - first) / step > at_most:
        step *= 2
    return tuple(range(math.ceil(first / step) * step, last + 1, step))


def tick_text(value: float) -> str:
    """Return a tick without trailing zeros, with a true minus sign."""
    return f"{value:.10f}".rstrip("0").rstrip(".").replace("-", "−")
