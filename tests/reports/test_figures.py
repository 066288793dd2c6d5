"""Figures: nothing overlaps, nothing is drawn outside, and an empty study gives an empty figure."""

import re
import xml.etree.ElementTree as ET
from datetime import date, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.figures import charts, lanes
from reports.figures.shapes import (
    Figure,
    Rect,
    Scale,
    Words,
    day_ticks,
    pack,
    place_label,
    rows_needed,
    shortened,
    text_width,
    value_ticks,
    wrapped,
)

TERMS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60)
DAYS = st.integers(-30, 200)
INTERVALS = st.lists(
    st.tuples(st.floats(0, 900), st.floats(1, 300)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=40,
)


def parsed(figure: Figure) -> ET.Element:
    return ET.fromstring(figure.markup)  # noqa: S314  our own drawing


def words_of(figure: Figure) -> list[Words]:
    return [shape for shape in figure.shapes if isinstance(shape, Words)]


def outside(figure: Figure) -> list[object]:
    return [shape for shape in figure.shapes if not figure.box.holds(shape.box, slack=0.5)]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    pairs = combinations(words_of(figure), 2)
    return [(one.text, two.text) for one, two in pairs if one.box.overlaps(two.box)]


@given(INTERVALS)
def test_intervals_in_one_row_keep_their_distance(intervals):
    rows = pack(intervals, gap=8)
    for (one, row), (two, other) in combinations(zip(intervals, rows, strict=True), 2):
        assert row != other or one[1] + 8 <= two[0] or two[1] + 8 <= one[0]


@given(INTERVALS)
def test_no_more_rows_are_used_than_intervals_meet_at_one_place(intervals):
    crowded = max((sum(a <= x < b + 8 for a, b in intervals) for x, _ in intervals), default=0)
    assert rows_needed(intervals, gap=8) == crowded


@given(TERMS, st.floats(200, 1000), st.floats(6, 100))
def test_a_label_stays_in_its_room_and_off_its_mark(text, left, width):
    mark, room = (left, min(1000.0, left + width)), (150.0, 1080.0)
    shown, x, anchor = place_label(text, mark, room)
    if shown:
        box = Words(x=x, y=0, text=shown, anchor=anchor).box
        assert room[0] - 0.5 <= box.left
        assert box.right <= room[1] + 0.5
        assert box.right <= mark[0] or box.left >= mark[1]


@given(TERMS, st.floats(0, 300))
def test_a_shortened_label_is_not_wider_than_its_room(text, width):
    assert text_width(shortened(text, width)) <= width + 1e-6


@given(st.lists(TERMS, min_size=1, max_size=6).map(" ".join), st.floats(40, 300))
def test_a_title_takes_at_most_two_lines_of_its_width(text, width):
    lines = wrapped(text, width)
    assert len(lines) <= 2
    assert all(text_width(line) <= width + 1e-6 for line in lines)


@given(st.lists(st.floats(-1000, 100_000), min_size=1, max_size=20))
def test_ticks_enclose_every_value(values):
    ticks = value_ticks(values)
    slack = 1e-6 * (1 + max(values) - min(values))
    assert ticks[0] <= min(values) + slack
    assert ticks[-1] >= max(values) - slack
    assert 2 <= len(ticks) <= 6


@given(DAYS, st.integers(1, 5000))
def test_the_axis_of_days_counts_from_day_0(first, length):
    ticks = day_ticks(first, first + length)
    assert len(ticks) <= 11
    assert all(first <= day <= first + length for day in ticks)
    assert 0 in ticks or not first <= 0 <= first + length


def test_values_far_from_zero_and_close_together_do_not_start_at_zero():
    assert value_ticks([7.35, 7.41, 7.44])[0] > 7


def test_a_scale_holds_what_lies_outside_at_the_edge():
    scale = Scale(0, 10, 100, 200)
    assert [scale(value) for value in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]


def test_a_scale_of_one_value_puts_it_in_the_middle():
    assert Scale(3, 3, 0, 10)(3) == 5


BARS = st.builds(
    lambda start, length, grade, term: lanes.Bar(
        start=start, end=start + length, css=f"g{grade}", label=f"{term} · G{grade}", tip=term, weight=grade
    ),
    DAYS, st.integers(0, 120), st.integers(1, 5), TERMS,
)  # fmt: skip
MARKS = st.builds(
    lambda day, before, after, label, crossed: lanes.LaneMark(
        day=day, css="visit-done", tip="", label=label, window=(day - before, day + after), crossed=crossed
    ),
    DAYS,
    st.integers(0, 5),
    st.integers(0, 14),
    st.sampled_from(["", "2.01", "1.62", "1.000"]),
    st.booleans(),
)  # fmt: skip
READINGS = st.lists(
    st.builds(
        lambda day, value: lanes.CurvePoint(day=day, value=value, tip="value"), DAYS, st.floats(0, 5000)
    ),
    max_size=20,
).map(lambda readings: sorted(readings, key=lambda reading: reading.day))


TITLES = st.sampled_from(["CRP", "Oxygen saturation (SpO2)", "Activated partial thromboplastin time, ratio"])


@st.composite
def profiles(draw: st.DrawFn) -> lanes.ProfileFigure:
    first, last = -30, 320
    return lanes.ProfileFigure(
        label="Profile of a patient",
        first=first,
        last=last,
        ticks=[(day, f"D{day}") for day in day_ticks(first, last)],
        today=draw(st.none() | st.integers(first, last)),
        today_label="today, day 64",
        lanes=[
            lanes.Visits(title="Visits", note="planned window", marks=draw(st.lists(MARKS, max_size=20))),
            lanes.Infusions(
                title=draw(TITLES), note="×10⁶ cells/kg", marks=draw(st.lists(MARKS, max_size=5))
            ),
            lanes.Bars(title="Adverse events", bars=draw(st.lists(BARS, max_size=60)), more="{count} more"),
            lanes.Curve(title=draw(TITLES), note="mg/L", readings=draw(READINGS), last="52 H"),
            lanes.Curve(title="Ferritin", note="µg/L", readings=draw(READINGS), last="335", number=2),
        ],
    )


@given(profiles())
def test_no_two_labels_of_a_profile_overlap(profile):
    assert overlapping(lanes.draw(profile)) == []


@given(profiles())
def test_every_mark_of_a_profile_lies_in_its_box(profile):
    assert outside(lanes.draw(profile)) == []


@given(profiles())
def test_every_event_is_drawn_or_counted(profile):
    events = next(lane for lane in profile.lanes if isinstance(lane, lanes.Bars))
    figure = lanes.draw(profile)
    drawn = sum(isinstance(shape, Rect) and shape.css[0] == "g" for shape in figure.shapes)
    result = [int(words.text.split()[0]) for words in words_of(figure) if words.text.endswith(" more")]
    assert drawn + sum(result) == len(events.bars)


def test_the_worst_events_are_kept_when_rows_run_out():
    bars = [lanes.Bar(start=0, end=5, css="g1", label=f"mild {n}", tip="", weight=1) for n in range(30)]
    worst = lanes.Bar(start=0, end=5, css="g4", label="stroke · G4", tip="", weight=4)
    profile = lanes.ProfileFigure(
        label="", first=0, last=90, ticks=[], lanes=[lanes.Bars(title="Adverse events", bars=[*bars, worst])]
    )
    texts = [words.text for words in words_of(lanes.draw(profile))]
    assert "stroke · G4" in texts
    assert "+19" in texts


def test_a_profile_without_anything_says_so_in_each_lane():
    profile = lanes.ProfileFigure(
        label="Nothing yet", first=0, last=1, ticks=[(0, "D0")],
        lanes=[
            lanes.Visits(title="Visits", marks=[], empty="no visit"),
            lanes.Infusions(title="Infusions", marks=[], empty="no infusion"),
            lanes.Bars(title="Adverse events", bars=[], empty="none recorded"),
            lanes.Curve(title="CRP", readings=[], empty="no value"),
        ],
    )  # fmt: skip
    figure = lanes.draw(profile)
    assert {"no visit", "no infusion", "none recorded", "no value"} <= {
        words.text for words in words_of(figure)
    }
    assert outside(figure) == []


STEPS = st.lists(st.integers(0, 900), max_size=40).map(
    lambda offsets: [
        (date(2020, 6, 1) + timedelta(days=day), n) for n, day in enumerate(sorted(offsets), start=1)
    ]
)


def an_accrual(steps, plan, today) -> Figure:
    return charts.accrual(
        charts.AccrualCurve(
            label="Recruitment", steps=steps, tips=["" for _step in steps], plan=plan, until=today,
            now_label=f"{len(steps)} enrolled", plan_label="plan 20", month=lambda day: f"{day:%b %y}",
        )
    )  # fmt: skip


@given(STEPS, st.booleans(), st.integers(0, 400))
def test_accrual_stays_in_its_box(steps, planned, later):
    plan = (date(2020, 6, 1), date(2022, 5, 31), 20) if planned else None
    last = steps[-1][0] if steps else date(2020, 6, 1)
    assert outside(an_accrual(steps, plan, last + timedelta(days=later))) == []


def test_accrual_rises_by_one_step_for_each_patient():
    steps = [(date(2020, 7, 1), 1), (date(2020, 9, 1), 2)]
    figure = an_accrual(steps, (date(2020, 6, 1), date(2022, 5, 31), 20), date(2020, 10, 1))
    points = parsed(figure).find("path[@class='actual']").get("d").replace("L", " ").strip("M").split()
    heights = [float(y) for y in points[1::2]]
    assert len(set(heights)) == 3
    assert heights == sorted(heights, reverse=True)


def test_a_plan_expects_half_of_the_patients_at_half_time():
    plan = (date(2020, 1, 1), date(2020, 1, 11), 20)
    assert charts.planned(plan, date(2020, 1, 6)) == 10
    assert charts.planned(plan, date(2019, 1, 1)) == 0
    assert charts.planned(plan, date(2030, 1, 1)) == 20


ROWS = st.lists(
    st.builds(
        lambda term, counts: charts.TermRow(term=term, patients=counts, share="50 %", tips=("",) * 5),
        TERMS,
        st.tuples(*[st.integers(0, 30)] * 5).filter(any),
    ),
    max_size=8,
)  # fmt: skip


@given(ROWS)
def test_bars_of_worst_grades_stay_in_their_box_without_overlap(rows):
    figure = charts.worst_grades(rows, "Adverse events")
    assert outside(figure) == []
    assert overlapping(figure) == []


@given(ROWS)
def test_the_length_of_a_bar_is_its_number_of_patients(rows):
    figure = charts.worst_grades(rows, "Adverse events")
    lengths = [shape.width for shape in figure.shapes if isinstance(shape, Rect)]
    numbers = [number for row in rows for number in row.patients if number]
    ratios = [length / number for length, number in zip(lengths, numbers, strict=True)]
    assert max(ratios, default=0) - min(ratios, default=0) < 1e-6


@given(TERMS)
def test_what_people_typed_cannot_leave_its_place_in_the_drawing(term):
    """A term is drawn as text, whatever it contains (SEC: no markup from data)."""
    figure = charts.worst_grades(
        [charts.TermRow(term=term, patients=(1, 0, 0, 0, 0), share="", tips=(term, "", "", "", ""))], term
    )
    root = parsed(figure)
    assert root.get("aria-label") == term
    assert root.find("rect").get("data-tip") == term


@pytest.mark.parametrize("markup", ['<script>alert("x")</script>', "a & b", 'it\'s "quoted"'])
def test_markup_in_a_term_is_escaped(markup):
    figure = Figure(width=500, height=20, label=markup, shapes=(Words(x=0, y=12, text=markup),))
    assert "<script" not in figure.markup
    assert parsed(figure).find("text").text == markup


def test_a_drawing_needs_no_style_of_its_own():
    """Colours come from classes, so that content policy and themes apply."""
    figure = an_accrual([], None, date(2020, 6, 1))
    assert not re.search(r'style=|fill="|stroke="', figure.markup)


def test_a_downloaded_drawing_carries_its_style_sheet():
    text = an_accrual([], None, date(2020, 6, 1)).standalone(".axis{stroke:#000}")
    drawing = ET.fromstring(text)  # noqa: S314  our own drawing
    assert drawing.find("{http://www.w3.org/2000/svg}style").text == ".axis{stroke:#000}"


def test_the_plan_is_drawn_as_far_as_the_recruitment():
    """A plan of ten years does not press the first three months into a corner."""
    plan = (date(2020, 1, 1), date(2030, 1, 1), 40)
    figure = an_accrual([(date(2020, 2, 1), 1)], plan, date(2020, 4, 1))
    [[start, end]] = [shape.points for shape in figure.shapes if getattr(shape, "css", "") == "plan"]
    steps = next(shape for shape in figure.shapes if getattr(shape, "css", "") == "actual")
    assert end[0] == steps.points[-1][0]
    assert start[0] < end[0]
