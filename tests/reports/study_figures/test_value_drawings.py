"""Drawings of values: where a number is placed, what differs without colour, and the size with two hundred patients."""

from itertools import combinations

import pytest

from reports.figures.axes import is_wide, power_ticks, value_axis
from reports.figures.dots import Dot, DotRow, dots, kept_dots
from reports.figures.forest import ForestRow, forest
from reports.figures.grid import GridCell, GridRow, grid
from reports.figures.shapes import Circle, Figure, Line, Path, Rect, Words
from reports.figures.shift import ShiftFigure, ShiftPoint, shift
from reports.figures.stack import StackColumn, StackPart, stacked
from reports.figures.trajectories import (
    MedianPoint,
    Trajectory,
    TrajectoryFigure,
    kept_lines,
    trajectories,
)
from reports.study_figures.files import svg_file

MOST_BYTES = 40_000
PATIENTS = 200


def tipped(figure: Figure) -> list[object]:
    return [shape for shape in figure.shapes if getattr(shape, "tip", "")]


def texts(figure: Figure) -> list[str]:
    return [shape.text for shape in figure.shapes if isinstance(shape, Words)]


def outside(figure: Figure) -> list[object]:
    return [shape for shape in figure.shapes if not figure.box.holds(shape.box, slack=0.5)]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    words = [shape for shape in figure.shapes if isinstance(shape, Words)]
    return [(one.text, two.text) for one, two in combinations(words, 2) if one.box.overlaps(two.box)]


def size(figure: Figure) -> int:
    """Return the larger of the page's markup and the file, in bytes."""
    return max(len(figure.markup.encode()), len(svg_file(figure, title="Figure").encode()))


# Axes.


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5, 2, (0.5, 1, 2)),
        (0.3, 7, (0.2, 0.5, 1, 2, 5, 10)),
        (1, 1, (1, 2)),
        (3, 4000, (1, 10, 100, 1000, 10_000)),
        (0.02, 90, (0.01, 0.1, 1, 10, 100)),
    ],
)
def test_a_logarithmic_axis_encloses_its_values(low, high, ticks):
    """OUT-06."""
    assert power_ticks(low, high) == ticks


def test_a_decade_is_as_long_as_any_other():
    """OUT-06: 1 to 100 over two hundred pixels, so that 10 lies in the middle."""
    axis = value_axis([1, 100], 0, 200, logarithmic=True)
    assert (axis(1), axis(10), axis(100), axis(0)) == (0, 100, 200, 0)


def test_values_that_span_fifty_times_are_drawn_on_powers_of_ten():
    """OUT-06: a zero, which has no logarithm, is at the lower edge; a negative value forbids it."""
    wide = [is_wide(each) for each in ([1, 50], [1, 49], [0, 1, 900], [-1, 1, 900], [0], [])]
    assert wide == [True, False, True, False, False, False]
    assert value_axis([0, 1, 900], 0, 300, logarithmic=True)(0) == 0


# Forest plot.


def rows_of_a_forest() -> list[ForestRow]:
    return [
        ForestRow(kind="heading", title="L-P2 · Died by day 28"),
        ForestRow(kind="all", title="All", value=25, low=10, high=50, words="1 of 4", tip="All: 25 %"),
        ForestRow(kind="part", title="Group A", value=50, low=5, high=100, words="1 of 2", tip="A: 50 %"),
        ForestRow(kind="part", title="Group B", words="No patient has a known answer."),
    ]


def test_an_estimate_lies_at_its_value_and_its_bar_ends_at_its_limits():
    """OUT-06: of an axis from 400 to 720 pixels, 25 % is at 480, 10 % at 432, 50 % at 560."""
    figure = forest(rows_of_a_forest(), label="Outcomes", axis_title="Per cent", most=100)
    diamond = next(shape for shape in tipped(figure) if isinstance(shape, Path))
    assert (diamond.box.left + diamond.box.right) / 2 == 480
    bars = [(each.x1, each.x2) for each in figure.shapes if getattr(each, "css", "") == "axis"]
    assert bars == [(432, 560), (416, 720)]


def test_all_patients_and_parts_of_them_have_marks_of_their_own():
    """OUT-06, WCAG 1.4.1: a diamond and a square; without an estimate the row says why."""
    figure = forest(rows_of_a_forest(), label="Outcomes", axis_title="Per cent", most=100)
    assert [type(shape) for shape in tipped(figure)] == [Path, Rect]
    assert "No patient has a known answer." in texts(figure)
    assert outside(figure) == []
    assert overlapping(figure) == []


def test_the_axis_of_rates_ends_at_the_limit_of_all_patients_and_an_arrow_says_so():
    """OUT-06: one patient-day in a part would squeeze all other bars."""
    rows = [
        ForestRow(kind="all", title="All", value=2, low=1, high=4, words="", tip="All"),
        ForestRow(kind="part", title="B", value=1, low=0, high=370, words="", tip="B"),
    ]
    figure = forest(rows, label="Rates", axis_title="Per 100 days")
    assert "4" in texts(figure)
    assert "370" not in texts(figure)
    arrows = [each for each in figure.shapes if getattr(each, "css", "") == "medication"]
    assert len(arrows) == 1


def test_a_full_forest_stays_small():
    """OUT-06: sixty rows."""
    row = ForestRow(
        kind="part", title="Group B: patients with invasive ventilation at inclusion", value=12.5, low=1.25,
        high=41.75, words="12 of 96: 12.5 % (6.6 to 20.8 %)",
        tip="L-P1 · Patients with at least one event, Group B: 12 of 96: 12.5 % (6.6 to 20.8 %)",
    )  # fmt: skip
    assert size(forest([row] * 60, label="Outcomes", axis_title="Per cent", most=100)) <= MOST_BYTES


# Course of a laboratory test.


def course(lines: list[Trajectory], **changed) -> TrajectoryFigure:
    fields = {
        "label": "CRP",
        "lines": lines,
        "medians": [MedianPoint(0, 50, "D0: median 50"), MedianPoint(10, 0, "D10: median 0")],
        "ticks": [(0, "D0"), (10, "D10")],
        "span": (0, 10),
        "axis_title": "CRP (mg/L)",
        "median_label": "Median",
        "band": (None, 20.0),
        "limit_label": "Reference range",
        "infusions": [(5, "D5: 2 infusions")],
        "infusion_label": "Infusions",
    }
    return TrajectoryFigure(**{**fields, **changed})


def test_a_line_runs_through_the_values_of_its_patient():
    """OUT-06: days 0 to 10 over 64 to 1000 pixels, values 0 to 100 from 346 up to 26."""
    figure = trajectories(course([Trajectory([(0, 100), (5, 50), (10, 0)], "LIE-001")]))
    line = next(shape for shape in tipped(figure) if isinstance(shape, Path) and shape.css == "thread")
    assert line.points == ((64, 26), (532, 186), (1000, 346))
    band = next(shape for shape in figure.shapes if getattr(shape, "css", "") == "band")
    assert (band.box.top, band.box.bottom) == (282, 346)
    assert outside(figure) == []


def test_a_single_value_is_a_dot_and_the_infusion_a_triangle_below():
    """OUT-06."""
    figure = trajectories(course([Trajectory([(3, 10)], "LIE-002: 10")]))
    assert any(isinstance(shape, Circle) and shape.tip == "LIE-002: 10" for shape in figure.shapes)
    triangle = next(shape for shape in tipped(figure) if getattr(shape, "css", "") == "infusion")
    assert (triangle.box.left + triangle.box.right) / 2 == 532
    assert triangle.box.top > 346


def test_each_median_has_the_number_of_its_patients_below_it_where_there_is_room():
    """OUT-06: a median of one patient is not read as one of eleven. Two visits of one day share a number."""
    medians = [
        MedianPoint(0, 50, "Screening", 11),
        MedianPoint(0, 40, "D0", 10),
        MedianPoint(10, 9, "D10", 1),
    ]
    figure = trajectories(
        course([Trajectory([(0, 100), (10, 0)], "LIE-001")], medians=medians, number_label="Patients")
    )
    below = {shape.text: shape.x for shape in figure.shapes if isinstance(shape, Words) and shape.y > 390}
    assert below == {"Patients": 1012, "11": 64, "1": 1000}
    assert outside(figure) == []


def test_with_two_hundred_patients_the_course_stays_small_and_leaves_out_the_shortest_lines():
    """OUT-06: thirteen values of each; one patient has a single value."""
    many = [
        Trajectory(
            [(day * 7.0, 10.0 + (number * day) % 90) for day in range(13)],
            f"LIE-{number:03d}: 13 values, 10.25 to 99.75",
        )
        for number in range(1, PATIENTS)
    ]
    kept = kept_lines([Trajectory([(0, 5)], "LIE-000: 5"), *many])
    assert len(kept) >= 150
    assert all(len(line.points) == 13 for line in kept)
    medians = [
        MedianPoint(day * 7.0, 50, f"Day {day * 7}: median 48.50 of 200 patients") for day in range(13)
    ]
    ticks = [(day * 7, f"D{day * 7}") for day in range(13)]
    figure = trajectories(course(kept, medians=medians, ticks=ticks, span=(0, 91)))
    assert size(figure) <= MOST_BYTES
    assert outside(figure) == []


# Shift.


def shifted(points: list[ShiftPoint], *, upward: bool = True) -> Figure:
    return shift(
        ShiftFigure(
            label="ALT", points=points, upward=upward, across_title="Baseline", down_title="Highest value after it",
            limit_label="ULN", same_label="no change",
        )
    )  # fmt: skip


def test_what_did_not_change_lies_on_the_diagonal_and_what_rose_above_it():
    """OUT-06."""
    figure = shifted([ShiftPoint(1, 1, False, "LIE-001"), ShiftPoint(1, 2, True, "LIE-002")])
    diagonal = next(shape for shape in figure.shapes if getattr(shape, "css", "") == "plan")
    slope = (diagonal.y2 - diagonal.y1) / (diagonal.x2 - diagonal.x1)
    dot = next(shape for shape in tipped(figure) if isinstance(shape, Circle))
    assert dot.y == pytest.approx(diagonal.y1 + slope * (dot.x - diagonal.x1))
    triangle = next(shape for shape in tipped(figure) if isinstance(shape, Path))
    assert triangle.box.bottom < dot.y
    limits = [shape for shape in figure.shapes if getattr(shape, "css", "") == "target"]
    assert [(line.x1, line.y1) for line in limits] == [(dot.x, 28), (64, dot.y)]


def test_values_near_their_limit_are_told_apart():
    """OUT-06: a pH of 7.36 and one of 7.44 differ by one per cent of the limit."""
    points = [ShiftPoint(1.001, 0.995, True, "VAL-001"), ShiftPoint(1.011, 1.004, False, "VAL-002")]
    figure = shifted(points, upward=False)
    (circle,) = (each for each in figure.shapes if isinstance(each, Circle))
    limit = next(each.x1 for each in figure.shapes if isinstance(each, Line) and each.css == "target")
    assert circle.x - limit > 100
    ticks = {each.text for each in figure.shapes if isinstance(each, Words)}
    assert {"0.99", "1", "1.01"} <= ticks


def test_without_a_patient_the_axes_have_room_on_both_sides_of_the_limit():
    assert {"0.5", "1", "2"} <= {each.text for each in shifted([]).shapes if isinstance(each, Words)}


def test_two_hundred_shifts_stay_small():
    """OUT-06."""
    points = [
        ShiftPoint(0.5 + number / 100, 0.6 + number / 40, number % 2 == 0, f"LIE-{number:03d}: 0.85 → 2.40 (D14)")
        for number in range(PATIENTS)
    ]  # fmt: skip
    assert size(shifted(points)) <= MOST_BYTES


# Table of cells.


def test_a_cell_shows_its_number_and_an_empty_one_nothing():
    """OUT-06, WCAG 1.4.1: the number says what the colour says."""
    rows = [GridRow("Vital signs", [GridCell("25", "g3", "1 of 4 missing"), None, GridCell("0")])]
    figure = grid(rows, ["D1", "D2", "D3"], label="Missing", corner="Per cent missing")
    assert texts(figure) == ["Per cent missing", "D1", "D2", "D3", "Vital signs", "25", "0"]
    assert [shape.tip for shape in tipped(figure)] == ["1 of 4 missing"]
    assert outside(figure) == []
    assert overlapping(figure) == []


def test_a_full_table_of_cells_stays_small():
    """OUT-06: a hundred and fifty coloured cells in fifteen rows."""
    cell = GridCell("25", "g3", "Respiratory support and oxygen, Infusion 2: 25 of 100 missing")
    rows = [GridRow("Respiratory support and oxygen", [cell] * 10)] * 15
    assert size(grid(rows, ["INF1"] * 10, label="Missing")) <= MOST_BYTES


# Stacked columns.


def part(number: int, text: str) -> StackPart:
    return StackPart(number=number, css="g1", text=text, tip=f"{number} in {text}", words_css="on-pale")


def test_the_parts_of_a_column_are_as_high_as_their_numbers():
    """OUT-06: 4 of 4 patients over 360 pixels; a pixel divides two parts."""
    figure = stacked(
        [StackColumn("D0", "4 patients", [part(3, "4"), part(1, "?")])], label="Scale", axis_title="n"
    )
    bars = [(shape.y, shape.height) for shape in tipped(figure)]
    assert bars == [(116, 269), (26, 89)]
    assert {"4", "?", "D0", "4 patients"} <= set(texts(figure))
    assert outside(figure) == []


def test_a_file_of_the_scale_says_what_its_parts_mean():
    """OUT-06: the key stands below the columns in whole entries, and the drawing grows by its lines."""
    columns = [StackColumn("D0", "4 patients", [part(4, "4 (4)")])]
    key = [f"{code}: a category that takes about a quarter of a line" for code in range(6)]
    plain, keyed = (stacked(columns, label="Scale", axis_title="n", key=each) for each in ((), key))
    lines = [text for text in texts(keyed) if text not in texts(plain)]
    assert len(lines) > 1
    assert " · ".join(lines) == " · ".join(key)
    assert keyed.height > plain.height
    assert outside(keyed) == []


def test_a_full_stack_stays_small():
    """OUT-06: twelve visits with every category of the scale, of two hundred patients."""
    tip = "Day 28, 17 patients. 8: ventilated, P/F below 150 or S/F below 200, or vasopressors"
    parts = [
        StackPart(number=17, css="g3", text=f"{code} (17)", tip=tip, words_css="on-pale")
        for code in range(11)
    ]
    columns = [StackColumn("INF1 · D0", "187 patients", parts)] * 12
    assert size(stacked(columns, label="Scale", axis_title="Patients")) <= MOST_BYTES


# Values by lot.


def test_a_value_outside_its_limits_has_a_shape_of_its_own():
    """OUT-06, WCAG 1.4.1: circle, triangle, and a diamond for the lot."""
    row = DotRow(
        "L-1", [Dot(80, "80"), Dot(60, "60", outside=True), Dot(90, "90", reference=True)], "2 infusions"
    )
    figure = dots([row], label="Viability", axis_title="%", limits=[(70, "at least 70")])
    assert [type(shape) for shape in tipped(figure)] == [Circle, Path, Path]
    assert len({len(shape.points) for shape in tipped(figure) if isinstance(shape, Path)}) == 2
    assert "at least 70" in texts(figure)
    limit = next(shape for shape in figure.shapes if getattr(shape, "css", "") == "today")
    assert 200 < limit.x1 < 980
    assert outside(figure) == []


def test_of_many_values_those_outside_their_limits_are_kept_and_the_rest_is_counted():
    """OUT-06: six hundred infusions."""
    inside = [Dot(80 + number % 15, f"LIE-{number:03d}, infusion 1: 92.5 %") for number in range(599)]
    rows = [DotRow("L-1", [*inside, Dot(60, "LIE-600", outside=True)], "600 infusions")]
    kept, left_out = kept_dots(rows)
    assert left_out == 420
    assert any(dot.outside for dot in kept[0].dots)
    assert size(dots(kept, label="Viability", axis_title="%", limits=[(70, "at least 70")])) <= MOST_BYTES
