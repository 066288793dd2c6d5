"""The swimmer plot: every patient's course, in drawings that stay small."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from audit.context import acting
from patients.models import Patient
from reports.figures.shapes import Path, Rect, Words
from reports.figures.swimmer import (
    HEIGHTS,
    SwimmerBar,
    SwimmerLegend,
    SwimmerMark,
    SwimmerPlot,
    SwimmerRow,
    swimmer_plot,
)
from reports.study_figures import swimmer
from reports.study_figures.contract import FigureView
from reports.study_figures.course_data import SeriousEvent, StudyCourse, SupportSpell
from reports.study_figures.files import svg_file
from tests.support import build
from tests.support.study import bedside
from tests.support.study.bedside import INCLUDED
from trials.access import access_to

LEGEND = SwimmerLegend(
    infusion="Infusion", event="Serious adverse event", death="Death", open="Still in the study",
    support=[(level, f"Support of a kind with a long name, number {level}") for level in range(1, 6)],
)  # fmt: skip


def plot(*rows: SwimmerRow):
    return swimmer_plot(
        SwimmerPlot(label="Courses", axis="Days", first=-3, last=90, rows=rows, legend=LEGEND)
    )


def course(code: str, **known) -> StudyCourse:
    fields = {
        "group": "", "arm": "", "dead": False, "died": None, "observed": 60, "last": 90, "state": "enrolled",
        "end_reason": "", "infusions": (0, 3, 7), "events": (SeriousEvent(1, "Septic shock", 4, 12),),
        "spells": (SupportSpell("NIV", -2, 3, False, False), SupportSpell("IMV", 3, 12, False, False)),
    }  # fmt: skip
    return StudyCourse(code=code, **{**fields, **known})


def test_more_support_is_a_higher_bar_and_each_mark_has_its_sentence():
    """WCAG 1.4.1: readable without colour."""
    assert sorted(HEIGHTS.values()) == list(HEIGHTS.values())
    row = SwimmerRow(
        code="P-1", end=90, ending="open", ending_tip="still in",
        bars=[SwimmerBar(start=-3, end=5, level=2, tip="two"), SwimmerBar(start=5, end=9, level=4, tip="four")],
        infusions=[SwimmerMark(day=0, tip="infusion")], events=[SwimmerMark(day=4, tip="event")],
    )  # fmt: skip
    figure = plot(row)
    bars = [each for each in figure.shapes if isinstance(each, Rect) and each.tip]
    assert bars[0].height < bars[1].height
    tips = [each.tip for each in figure.shapes if getattr(each, "tip", "")]
    assert tips == ["two", "four", "infusion", "event", "still in"]


def test_the_ends_have_three_shapes_and_the_legend_stays_inside():
    rows = [
        SwimmerRow(code="P", end=20, ending=ending, ending_tip=ending, note="")
        for ending in ("open", "death", "ended")
    ]
    figure = plot(*rows)
    ends = [each for each in figure.shapes if isinstance(each, Path) and each.tip]
    assert len({len(each.points) for each in ends}) == 3
    assert all(figure.box.holds(each.box, slack=8) for each in figure.shapes)
    texts = [each for each in figure.shapes if isinstance(each, Words)]
    assert {"Still in the study", "Support of a kind with a long name, number 5"} <= {
        each.text for each in texts
    }


@pytest.fixture
def view():
    trial = SimpleNamespace(rules=SimpleNamespace(logs=()))
    return SimpleNamespace(trial=trial, rules=trial.rules, language="en")


def test_the_file_of_a_full_drawing_stays_below_forty_kilobytes(view, monkeypatch):
    """OUT-09: and the patients beyond the drawings of the page are counted, and stand in the data table."""
    many = [course(f"LIE-{number:03}") for number in range(1, 24 * 4 + 8)]
    monkeypatch.setattr(swimmer, "study_courses", lambda _view: many)
    figure = swimmer.draw(view)
    assert len(figure.drawings) == swimmer.MOST_DRAWINGS
    sizes = [len(svg_file(each.figure, title=each.title).encode()) for each in figure.drawings]
    assert max(sizes) <= 40_000
    assert figure.drawings[0].title == "Patients LIE-008 to LIE-031"
    assert "7 earlier patients are not drawn; the data table has all." in figure.notes
    assert {row[0] for row in figure.table.rows} == {each.code for each in many}


def test_marks_without_a_day_are_counted(view, monkeypatch):
    """DAT-05: a partial date is never placed on a day."""
    patient = course(
        "P-1",
        events=(SeriousEvent(1, "Shock", 4, None),),
        spells=(SupportSpell("IMV", None, 5, False, False),),
    )
    monkeypatch.setattr(swimmer, "study_courses", lambda _view: [patient])
    figure = swimmer.draw(view)
    assert "2 marks are not drawn, because their day is not known." in figure.notes


@pytest.mark.django_db
@pytest.mark.at("2026-04-20T10:00:00+00:00")
def test_a_stored_course_has_its_infusions_events_and_end(trial):
    """OUT-09: one infused and in follow-up, one dead; only serious events are drawn."""
    doctor, nurse = build.user("investigator", trial=trial), build.user("coordinator", trial=trial)
    going_on, dead = (build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _ in range(2))
    with acting(user=nurse, role="coordinator", origin="web"):
        bedside.give(going_on, 1, bedside.on("10-Mar-2026"), nurse)
    onset = build.moment("14-Mar-2026 12:00")
    serious = {"seriousness": frozenset({"life_threatening"}), "aware": onset}
    build.event(patient=going_on, by=doctor, onset=onset, **serious)
    build.event(patient=going_on, by=doctor, onset=onset, term="Rash")
    with acting(system="test"):
        Patient.objects.filter(pk=dead.pk).update(
            state="ended", ended_on=INCLUDED + timedelta(days=8), end_reason="death"
        )
    figure = swimmer.draw(FigureView(access_to(user=doctor, slug=trial.slug), "en", timezone.now()))
    rows = [[str(getattr(cell, "code", cell)) for cell in row] for row in figure.table.rows]
    assert [row[1:] for row in rows if row[0] == going_on.code] == [
        ["in_study", "None", "0", "41"],
        ["infusion", "1", "0", "None"],
        ["serious_event", "AE 1 Fever G1", "4", "None"],
    ]
    assert [row[1:] for row in rows if row[0] == dead.code] == [
        ["in_study", "None", "0", "8"],
        ["death", "None", "8", "None"],
    ]
    tips = [getattr(each, "tip", "") for each in figure.drawings[0].figure.shapes]
    assert f"{going_on.code}: still in the study on day 41" in tips
    assert f"{dead.code}: died on day 8" in tips
