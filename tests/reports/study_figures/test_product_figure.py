"""Viability, dose and time since the thaw by lot: numbers by hand, limits, and who may see them."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.models import Infusion, Preparation
from reports.study_figures import product_quality
from reports.study_figures.contract import FigureView
from reports.study_figures.product_quality import ProductLimits, release_limits
from tests.support import build
from tests.support.protocols.shipped import LIEGE, protocol
from tests.support.study import cohort
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


def drawn(trial, role: str = "cell_laboratory"):
    reader = build.user(role, trial=trial)
    return product_quality.draw(FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now()))


def changed(patient, number: int, **values) -> None:
    with acting(system="test", reason="measured"):
        Preparation.objects.filter(patient=patient, infusion__number=number).update(**values)


def rows(figure) -> list[dict[str, object]]:
    names = [column.name for column in figure.table.columns]
    return [dict(zip(names, cells, strict=True)) for cells in figure.table.rows]


def tips(figure, name: str) -> list[str]:
    return [shape.tip for shape in figure.drawing(name).figure.shapes if getattr(shape, "tip", "")]


def test_the_limit_of_the_release_is_that_of_the_protocol():
    """OUT-06: viability after thawing at least 70 %."""
    limits = release_limits(protocol(LIEGE))
    assert limits == (Decimal(70), None)
    assert [limits.excludes(Decimal(value)) for value in ("69.99", "70", "100")] == [True, False, False]
    assert not ProductLimits(None, None).excludes(Decimal(0))


def test_dose_and_hours_are_those_of_each_infusion():
    """OUT-06: 140 million cells for 70 kg are 2 million per kg; thawed at 9:15, ended at 11:00: 1.75 hours."""
    trial = build.trial()
    (patient,) = cohort.patients(trial, 1)
    ended = Infusion.objects.get(patient=patient, number=1).ended_at
    thawed = f"{ended - timedelta(minutes=105):%Y-%m-%dT%H:%M}+00:00[UTC]"
    changed(patient, 1, viability_percent=Decimal("91.50"), thawed=thawed)
    changed(patient, 2, viability_percent=Decimal("65.00"))
    figure = drawn(trial)
    first, second, third = rows(figure)
    assert (first["dose_million"], first["hours_from_thaw_to_end"]) == (Decimal(2), Decimal("1.75"))
    assert (second["hours_from_thaw_to_end"], third["viability_percent"]) == (None, None)
    assert [each.name for each in figure.drawings] == ["viability", "dose", "thaw-to-end"]
    assert tips(figure, "viability") == [
        f"{patient.code}, infusion 1: 91.5", f"{patient.code}, infusion 2: 65",
    ]  # fmt: skip
    assert (
        figure.drawing("viability").figure.label == "Viability: 2 infusions (lots: 1), 1 outside the limits."
    )
    assert figure.drawing("thaw-to-end").figure.label.endswith("The protocol states no limit.")
    assert figure.notes[0] == "From thaw to end: the protocol states no limit."


@pytest.mark.parametrize(
    ("reported", "drawn_at"),
    [("93.50", Decimal("93.5")), ("0", Decimal(0)), ("NaN", None), ("Infinity", None), ("1e400", None), ("-3", None),
     ("pending", None), ("", None)],
)  # fmt: skip
def test_a_result_of_the_release_is_drawn_only_if_it_is_a_per_cent(reported, drawn_at):
    """OUT-06: without a limit in the protocol the result is any text, also one that Python reads as no number."""
    assert product_quality.per_cent_of(reported) == drawn_at


def test_a_dose_outside_the_range_is_a_triangle():
    """OUT-06: as it was judged when it was recorded, unrounded."""
    trial = build.trial()
    (patient,) = cohort.patients(trial, 1)
    changed(patient, 3, viable_cells=Decimal(70_000_000), dose_finding="below")
    figure = drawn(trial)
    assert "1 outside the limits" in figure.drawing("dose").figure.label
    words = {shape.text for shape in figure.drawing("dose").figure.shapes if hasattr(shape, "text")}
    assert {"at least 1.5", "at most 3"} <= words


def test_an_infusion_that_was_not_given_and_a_placebo_are_in_no_row():
    """OUT-06."""
    trial = build.trial()
    (patient,) = cohort.patients(trial, 1)
    changed(patient, 1, viable_cells=None, dose_finding="", dose_basis="", dose_measure=None)
    with acting(system="test", reason="not given"):
        Infusion.objects.filter(patient=patient, number=2).update(
            state="planned", started_at=None, ended_at=None
        )
    figure = drawn(trial)
    assert [row["infusion"] for row in rows(figure)] == [3]
    assert [each.name for each in figure.drawings] == ["dose"]
    assert figure.notes[:2] == (
        "No viability of an infusion is recorded yet.", "No infusion has both a time of thaw and an end yet.",
    )  # fmt: skip


def test_without_a_product_the_page_says_so():
    """OUT-06."""
    figure = drawn(build.trial())
    assert (figure.why, figure.drawings) == ("No product with cells is recorded for an infusion yet.", ())


@pytest.mark.parametrize("role", sorted(ROLES))
def test_in_a_masked_trial_only_who_may_know_the_treatment_sees_it(role):
    """BLD-01, OUT-06: the others are refused and their list does not name it; files of who sees it are marked."""
    trial = build.trial(build.COVID_MSV)
    cohort.patients(trial, 1)
    person = build.user(role, trial=trial)
    access, browser = access_to(user=person, slug=trial.slug), build.client(person)
    may = access.sees_treatment
    page = reverse("reports:figure", args=[trial.slug, "product"])
    assert browser.get(page).status_code == (200 if may else 403)
    assert (page in browser.get(reverse("reports:figures", args=[trial.slug])).content.decode()) is may
    if may:
        file = browser.get(reverse("reports:figure-csv", args=[trial.slug, "product"]))
        assert "UNBLINDED" in file["Content-Disposition"]


def test_the_queries_do_not_grow_with_the_infusions(django_assert_num_queries):
    """OUT-06: products and results of lots, each with the trials in which the reader knows the treatment."""
    trial = build.trial()
    reader = build.user("cell_laboratory", trial=trial)
    view = FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now())
    for number in (1, 3):
        cohort.patients(trial, number)
        with django_assert_num_queries(4):
            product_quality.draw(view)
