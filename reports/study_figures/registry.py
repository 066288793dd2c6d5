"""The figures of a trial, in the order of the page."""

from protocol.document.document import Protocol
from reports.study_figures import (
    consort,
    laboratory_course,
    laboratory_shift,
    missing_forms,
    outcome_forest,
    product_quality,
    recruitment,
    survival,
    swimmer,
    weaning,
    who_progression,
)
from reports.study_figures.contract import StudyFigure
from trials.access import Access

FIGURES: tuple[StudyFigure, ...] = (
    consort.FIGURE,
    recruitment.FIGURE,
    swimmer.FIGURE,
    survival.FIGURE,
    weaning.FIGURE,
    outcome_forest.FIGURE,
    who_progression.FIGURE,
    laboratory_course.FIGURE,
    laboratory_shift.FIGURE,
    missing_forms.FIGURE,
    product_quality.FIGURE,
)  # fmt: skip


def offered_to(access: Access) -> list[StudyFigure]:
    """Return the figures of a trial that a reader may see."""
    return [each for each in of_trial(access.trial.rules) if access.may(each.see)]


def of_trial(rules: Protocol) -> list[StudyFigure]:
    """Return the figures that concern a trial."""
    return [each for each in FIGURES if each.offered(rules)]


def figure_of(rules: Protocol, key: str) -> StudyFigure | None:
    """Return a figure of a trial by its key, or None."""
    return next((each for each in of_trial(rules) if each.key == key), None)
