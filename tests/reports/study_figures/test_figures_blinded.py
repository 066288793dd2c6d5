"""No figure tells the arms apart: a masked trial with its arms exchanged gives the same figures, byte for byte."""

import pytest
from django.core.cache import cache
from django.utils import timezone

from reports.study_figures.contract import DrawnFigure, FigureView
from reports.study_figures.files import csv_rows
from reports.study_figures.registry import offered_to
from tests.support.pages import blinding
from tests.support.study.masked_trial import masked_trial
from trials.access import access_to

pytestmark = pytest.mark.django_db


BLINDED = ("investigator", "coordinator", "data_monitoring_board", "sponsor_safety", "blinded_statistician")


def content(figure: DrawnFigure) -> tuple[object, ...]:
    """Return all that a page or a file of a figure shows."""
    drawn = [(each.name, each.title, each.figure.markup) for each in figure.drawings]
    return drawn, list(csv_rows(figure.table)), figure.notes, figure.methods, figure.why, figure.treatment


def read(trial, reader) -> dict[str, tuple[object, ...]]:
    """Return every figure that a person may see, of the first three choices of each."""
    # A line of the outcomes that is still in the cache would hide a difference.
    cache.clear()
    access, now = access_to(user=reader, slug=trial.slug), timezone.now()
    found = {}
    for figure in offered_to(access):
        for chosen in [each.value for each in figure.choices(trial.rules)][:3] or [""]:
            found[f"{figure.key} {chosen}"] = content(figure.draw(FigureView(access, "en", now, chosen)))
    return found


def test_the_exchange_of_the_arms_changes_no_figure_of_who_does_not_know_them():
    """BLD-01, OUT-06: all figures that five blinded roles may see."""
    masked = masked_trial()
    for role in BLINDED:

        def look(role=role):
            return read(masked.trial, masked.staff[role])

        before = blinding.read_after(masked.trial, blinding.as_it_is, look)
        assert before == blinding.read_after(masked.trial, blinding.swap_arms, look)
        assert "product " not in before
        assert any(drawn for drawn, *_rest in before.values())


def test_the_laboratory_sees_its_product_and_learns_nothing_of_the_outcomes_by_arm():
    """BLD-01, OUT-04, OUT-14: when the arms are exchanged, only the figure of the product differs for it."""
    masked = masked_trial()

    def look():
        return read(masked.trial, masked.staff["cell_laboratory"])

    before = blinding.read_after(masked.trial, blinding.as_it_is, look)
    after = blinding.read_after(masked.trial, blinding.swap_arms, look)
    assert {key for key in before if before[key] != after[key]} == {"product "}
