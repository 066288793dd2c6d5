"""Two figures of the home page: accrual against the plan, and adverse events by worst grade.

Values and texts are given; this module only computes the drawing. No Django.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from reports.figures.shapes import (
    Circle,
    Figure,
    Line,
    Path,
    Point,
    Rect,
    Scale,
    Shape,
    Words,
    nice_step,
    shortened,
    text_width,
    tick_text,
    value_ticks,
)

ACCRUAL_WIDTH, ACCRUAL_HEIGHT = 480.0, 232.0
MOST_MONTHS = 6
FIRST_MONTH = timedelta(days=30)
GRADES_WIDTH, GRADES_LEFT, GRADES_RIGHT, GRADES_ROW = 660.0, 216.0, 606.0, 27.0
DEEP_GRADES = frozenset({4, 5})


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualCurve:
    """Patients enrolled by day. `steps` are (day, cumulative number); `plan` is (first day, last day, target).

    until: the last day drawn; the plan is drawn up to it.
    """

    label: str
    steps: Sequence[tuple[date, int]]
    plan: tuple[date, date, int] | None
    until: date
    now_label: str
    plan_label: str
    tips: Sequence[str]
    month: Callable[[date], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermRow:
    """One adverse event term: number of patients by worst grade, 1 to 5. `share` is the text after the bar."""

    term: str
    patients: tuple[int, int, int, int, int]
    share: str
    tips: tuple[str, str, str, str, str]

    @property
    def total(self) -> int:
        """Return the number of patients with the event."""
        return sum(self.patients)


def planned(plan: tuple[date, date, int], on: date) -> float:
    """Return the number of patients that an even recruitment plan expects by a day."""
    first, last, target = plan
    whole = (last - first).days
    share = (on - first).days / whole if whole else 1.0
    return target * min(1.0, max(0.0, share))


def accrual(data: AccrualCurve) -> Figure:
    """Return the accrual figure: the plan as a dashed line, the enrolment as steps up to the last day drawn."""
    first, last = _period(data)
    most = max([planned(data.plan, last) if data.plan else 0, *(number for _day, number in data.steps), 1])
    ticks = value_ticks([0, most], 4)
    across = Scale(first.toordinal(), last.toordinal(), 34.0, ACCRUAL_WIDTH - 62)
    down = Scale(0, ticks[-1], ACCRUAL_HEIGHT - 32, 16)
    shapes: list[Shape] = [*_counts(ticks, across, down), *_months(first, last, across, data.month)]
    if data.plan:
        shapes.extend(_plan(data.plan, last, data.plan_label, across, down))
    shapes.extend(_steps(data, across, down))
    return Figure(width=ACCRUAL_WIDTH, height=ACCRUAL_HEIGHT, label=data.label, shapes=tuple(shapes))


def _period(data: AccrualCurve) -> tuple[date, date]:
    days = [day for day, _number in data.steps] + [data.until]
    if data.plan:
        days.append(data.plan[0])
    first = min(days).replace(day=1)
    # The first month is drawn whole, so that the days of a trial that has just begun are told apart.
    return first, max(*days, first + FIRST_MONTH)


def _counts(ticks: Sequence[float], across: Scale, down: Scale) -> list[Shape]:
    shapes: list[Shape] = []
    for tick in ticks:
        if tick != int(tick):
            continue
        shapes.append(Line(x1=across.start, y1=down(tick), x2=across.end, y2=down(tick), css="gridline"))
        shapes.append(Words(x=across.start - 8, y=down(tick) + 4, text=tick_text(tick), anchor="end"))
    return shapes


def _months(first: date, last: date, across: Scale, name: Callable[[date], str]) -> list[Shape]:
    count = (last.year - first.year) * 12 + last.month - first.month
    step = next(
        (each for each in (1, 2, 3, 6, 12, 24) if count / each <= MOST_MONTHS), max(1, count // MOST_MONTHS)
    )
    shapes: list[Shape] = []
    for number in range(0, count + 1, step):
        month = first.month - 1 + number
        day = date(first.year + month // 12, month % 12 + 1, 1)
        text = name(day)
        half = text_width(text) / 2
        x = max(half, across(day.toordinal()))
        shapes.append(Words(x=x, y=ACCRUAL_HEIGHT - 10, text=text, anchor="middle"))
    return shapes


def _plan(plan: tuple[date, date, int], last: date, label: str, across: Scale, down: Scale) -> list[Shape]:
    drawn = max(plan[0], min(plan[1], last))
    end = (across(drawn.toordinal()), down(planned(plan, drawn)))
    start = (across(plan[0].toordinal()), down(0))
    return [
        Path(points=(start, end), css="plan"),
        Words(x=min(end[0] + 6, ACCRUAL_WIDTH - text_width(label)), y=end[1] + 4, text=label),
    ]


def _steps(data: AccrualCurve, across: Scale, down: Scale) -> list[Shape]:
    begin = data.plan[0] if data.plan else data.steps[0][0] if data.steps else data.until
    points: list[Point] = [(across(min(begin, data.until).toordinal()), down(0))]
    dots: list[Shape] = []
    height = 0
    for (day, number), tip in zip(data.steps, data.tips, strict=True):
        x = across(day.toordinal())
        points += [(x, down(height)), (x, down(number))]
        dots.append(Circle(x=x, y=down(number), radius=3.6, css="point", tip=tip))
        height = number
    now = (across(data.until.toordinal()), down(height))
    points.append(now)
    area = (*points, (now[0], down(0)))
    anchor = "end" if now[0] - text_width(data.now_label) > across.start else "start"
    label = Words(x=now[0], y=max(10.0, now[1] - 10), text=data.now_label, css="ink strong", anchor=anchor)
    return [
        Path(points=area, css="area", closed=True),
        Path(points=tuple(points), css="actual"),
        *dots,
        label,
    ]


def worst_grades(rows: Sequence[TermRow], label: str) -> Figure:
    """Return bars of patients by term, divided by worst grade. A part shows its number if that fits."""
    most = max([row.total for row in rows] or [1])
    step = max(1.0, nice_step(most, 5))
    # The highest number, rounded up to a whole step.
    end = -(-most // step) * step
    across = Scale(0, end, GRADES_LEFT, GRADES_RIGHT)
    bottom = 8 + len(rows) * GRADES_ROW
    shapes: list[Shape] = []
    for number in range(int(end / step) + 1):
        x = across(number * step)
        shapes.append(Line(x1=x, y1=6, x2=x, y2=bottom, css="gridline"))
        shapes.append(Words(x=x, y=bottom + 18, text=tick_text(number * step), anchor="middle"))
    for index, row in enumerate(rows):
        shapes.extend(_term(row, 10 + index * GRADES_ROW, across))
    return Figure(width=GRADES_WIDTH, height=bottom + 28, label=label, shapes=tuple(shapes))


def _term(row: TermRow, y: float, across: Scale) -> list[Shape]:
    middle = y + 14
    term = Words(
        x=GRADES_LEFT - 10, y=middle, text=shortened(row.term, GRADES_LEFT - 14), css="ink", anchor="end"
    )
    shapes: list[Shape] = [term]
    before = 0
    for grade, (number, tip) in enumerate(zip(row.patients, row.tips, strict=True), start=1):
        if not number:
            continue
        left, right = across(before), across(before + number)
        shapes.append(Rect(x=left, y=y, width=right - left, height=20, css=f"g{grade}", radius=2.5, tip=tip))
        if right - left > text_width(str(number)) + 4:
            css = "on-deep" if grade in DEEP_GRADES else "on-pale"
            shapes.append(Words(x=(left + right) / 2, y=middle, text=str(number), css=css, anchor="middle"))
        before += number
    shapes.append(Words(x=across(before) + 7, y=middle, text=row.share))
    return shapes
