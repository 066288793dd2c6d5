"""The forest plots of the outcomes: numbers worked out by hand, parts, and who may see the arms."""

import re

import pytest
from django.utils import timezone

from audit.context import acting
from dosing.allocation.lists import generate_list
from reports.figures.shapes import Words
from reports.study_figures import outcome_forest
from reports.study_figures.contract import FigureView
from reports.study_figures.files import svg_file
from tests.support import build
from tests.support.study.bedside import INCLUDED
from trials.access import access_to

pytestmark = pytest.mark.django_db


def drawn(reader, trial):
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    return outcome_forest.draw(view)


def row(figure, outcome: str, reading: str, part: str = "all") -> dict[str, object]:
    """Return a row of the data table by the names of its columns; codes in place of words."""
    names = [column.name for column in figure.table.columns]
    for cells in figure.table.rows:
        found = dict(zip(names, (getattr(cell, "code", cell) for cell in cells), strict=True))
        if (found["outcome"], found["reading"], found["part"]) == (outcome, reading, part):
            return found
    raise AssertionError(f"no row {outcome} {reading} {part}")


@pytest.fixture
def liege():
    """Two included patients, one of them with an infection, and their investigator."""
    trial = build.trial()
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    build.event(patient=patient, by=doctor, aesi="INFECTION_BACTERIAL")
    build.neighbour(patient)
    return trial, doctor


def test_without_a_patient_nothing_is_drawn_and_the_page_says_so():
    """OUT-06."""
    trial = build.trial()
    figure = drawn(build.user("investigator", trial=trial), trial)
    assert (figure.why, figure.drawings) == ("No patient is included yet.", ())
    assert row(figure, "L-P1", "patients")["value"] is None


def test_one_of_two_patients_is_half_with_exact_limits(liege):
    """OUT-03, OUT-06: 1 of 2 by Clopper-Pearson is 1 - sqrt(0.975) to sqrt(0.975): 0.012579 to 0.987421."""
    trial, doctor = liege
    figure = drawn(doctor, trial)
    found = row(figure, "L-P1", "patients")
    assert (found["patients"], found["known"], found["with_event"]) == (2, 2, 1)
    assert (found["value"], found["low"], found["high"]) == (0.5, 0.012579, 0.987421)
    assert found["method"] == "exact limits (Clopper-Pearson)"
    assert "exact limits (Clopper-Pearson)" in figure.methods
    plot = figure.drawing("proportions").figure
    tip = next(each.tip for each in plot.shapes if "1 of 2" in getattr(each, "tip", ""))
    assert tip.endswith("All included patients: 1 of 2: 50.0 % (1.3 to 98.7 %)")


def test_the_groups_of_a_reading_have_rows_of_their_own(liege):
    """OUT-06: both patients are on oxygen, so nobody in group B has an answer."""
    trial, doctor = liege
    figure = drawn(doctor, trial)
    assert row(figure, "L-P1", "patients", "A")["known"] == 2
    assert row(figure, "L-P1", "patients", "B")["value"] is None
    assert not figure.treatment


def test_rates_have_a_plot_of_their_own(liege):
    """OUT-06: nobody was seen after the inclusion, so there is no patient-day yet beside that day."""
    trial, doctor = liege
    figure = drawn(doctor, trial)
    assert [each.name for each in figure.drawings] == ["proportions", "rates"]
    assert row(figure, "L-P1", "rate")["kind"] == "rate"


def test_every_row_is_drawn_in_as_many_drawings_as_it_takes(liege, monkeypatch):
    """OUT-10: no row is left to the data table; a reading that goes on has its heading again, on the same axis."""
    trial, doctor = liege
    whole = drawn(doctor, trial)
    monkeypatch.setattr(outcome_forest, "MOST_ROWS", 5)
    parted = drawn(doctor, trial)
    proportions = [each for each in parted.drawings if each.name.startswith("proportions")]
    assert [each.name for each in proportions[:3]] == ["proportions", "proportions-2", "proportions-3"]
    assert proportions[1].title == f"Proportions, 2 of {len(proportions)}"
    assert lines_in(parted) == lines_in(whole) == len(whole.table.rows)
    # Beside title and numbers of each row: the title of the axis.
    assert all(len(texts(each)) - len(numbers_of_axis(each)) <= 2 * 5 + 1 for each in proportions)
    assert {tuple(numbers_of_axis(each)) for each in proportions} == {("0", "20", "40", "60", "80", "100")}
    assert any("All rows are drawn" in note for note in parted.notes)
    assert not any("All rows are drawn" in note for note in whole.notes)


def texts(drawing) -> list[str]:
    return [each.text for each in drawing.figure.shapes if isinstance(each, Words)]


def numbers_of_axis(drawing) -> list[str]:
    return [text for text in texts(drawing) if text.isdigit()]


def lines_in(figure) -> int:
    """Return how many lines the drawings hold by their labels: `… 3 of 12 lines have a value`."""
    return sum(int(re.search(r"of (\d+) lines", each.figure.label)[1]) for each in figure.drawings)


def test_the_outcomes_of_the_masked_trial_are_drawn_to_the_last_row():
    """OUT-10: the changes of the signs at every visit took more rows than one drawing has."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    build.enrolled(trial=trial, on=INCLUDED)
    figure = drawn(build.user("statistician", trial=trial), trial)
    assert lines_in(figure) == len(figure.table.rows) > outcome_forest.MOST_ROWS
    assert max(len(svg_file(each.figure, title=each.title).encode()) for each in figure.drawings) <= 40_000


@pytest.mark.parametrize(
    ("role", "sees"),
    [("statistician", True), ("investigator", False), ("cell_laboratory", False), ("blinded_statistician", False)],
)  # fmt: skip
def test_the_arms_of_a_masked_trial_are_drawn_only_for_who_may_know_how_they_do(role, sees):
    """BLD-01, OUT-06: the files of who sees them are marked; the laboratory knows the product, not the outcomes."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    build.enrolled(trial=trial, on=INCLUDED)
    figure = drawn(build.user(role, trial=trial), trial)
    splits = {getattr(cells[3], "code", "") for cells in figure.table.rows}
    assert ("arm" in splits, figure.treatment) == (sees, sees)
    assert any("the trial is masked" in note for note in figure.notes) is not sees
