"""Course and shift of a laboratory test: medians, ranges, baselines and grades worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from patients.models import Patient, Record, Visit
from reports.study_figures import analytes, laboratory_course, laboratory_shift
from reports.study_figures.contract import FigureView
from tests.support import build
from tests.support.study import cohort, graded_results, reference_ranges
from trials.access import access_to

pytestmark = pytest.mark.django_db
CRP, ALT, POTASSIUM = "biochemistry.crp", "biochemistry.alt", "biochemistry.potassium"


@pytest.fixture
def trial():
    return build.trial()


def view_of(trial, chosen: str) -> FigureView:
    reader = build.user("investigator", trial=trial)
    return FigureView(access_to(user=reader, slug=trial.slug), "en", timezone.now(), chosen)


def measured(patient: Patient, visit: str, **values: Any) -> None:
    """Replace the biochemistry of a planned visit of a patient of the cohort, sampled at noon of its planned day."""
    with acting(system="test", reason="a value"):
        place = Visit.objects.get(patient=patient, code=visit, number=1)
        record, _new = Record.objects.get_or_create(
            patient=patient, visit=place, form="biochemistry", protocol=patient.protocol,
            defaults={"state": "complete", "values": {}},
        )  # fmt: skip
        record.values, record.version = values, record.version + 1
        record.save(update_fields=["values", "version"])


def emptied(trial, number: int) -> list[Patient]:
    """Return patients of the cohort, included forty days ago, without any biochemistry."""
    patients = cohort.patients(trial, number, days_ago=40)
    with acting(system="test"):
        for record in Record.objects.filter(form="biochemistry", patient__trial=trial):
            record.values, record.version = {}, record.version + 1
            record.save(update_fields=["values", "version"])
    return patients


def tips(drawing) -> list[str]:
    return [shape.tip for shape in drawing.figure.shapes if getattr(shape, "tip", "")]


def test_tests_of_one_name_are_offered_with_their_units():
    """OUT-06: T cells are counted as a number and as a share; both are offered, and can be told apart."""
    rules = build.trial(build.COVID_MSV).rules
    labels = [choice.label for choice in analytes.choices(rules)]
    assert len(set(labels)) == len(labels)
    cells = [label for label in labels if label.startswith("T cells (CD3)")]
    assert len(cells) == 2
    assert all(label.endswith(")") and label != "T cells (CD3)" for label in cells)


# Course.


def test_the_median_of_each_visit_counts_every_patient_with_a_value(trial):
    """OUT-06: 10, 40 and 90 have the median 40; of 20 and 30 it is 25, of which 25 is no one's value."""
    one, two, three = emptied(trial, 3)
    for patient, first, seventh in ((one, "10.00", "20.00"), (two, "40.00", "30.00"), (three, "90.00", "")):
        measured(patient, "INF1", crp=first)
        if seventh:
            measured(patient, "D7", crp=seventh)
    figure = laboratory_course.draw(view_of(trial, CRP))
    rows = [(cells[0].code, *cells[1:6]) for cells in figure.table.rows]
    assert rows == [
        ("INF1", 3, 0, Decimal(10), Decimal(40), Decimal(90)),
        ("D7", 2, 7, Decimal(20), Decimal(25), Decimal(30)),
    ]
    (drawing,) = figure.drawings
    assert drawing.figure.label.endswith("Median 40 at Infusion 1 and 25 at Day 7.")
    assert f"{one.code}: 2 values, 10.00 to 20.00" in tips(drawing)
    assert f"{three.code}: 90.00" in tips(drawing)


def test_the_days_with_infusions_are_marked_with_their_number(trial):
    """OUT-06: the cohort is infused on days 0, 4 and 8; what the ward records is alike in every arm."""
    for patient in emptied(trial, 2):
        measured(patient, "INF1", crp="10.00")
    (drawing,) = laboratory_course.draw(view_of(trial, CRP)).drawings
    assert [tip for tip in tips(drawing) if "infusion" in tip] == [
        "D0: 2 infusions", "D4: 2 infusions", "D8: 2 infusions",
    ]  # fmt: skip


def test_a_value_is_counted_by_the_range_that_applied_to_it(trial):
    """LAB-03, OUT-06: at most 5 mg/L; a value on the limit is within."""
    reference_ranges.given(reference_ranges.central(trial))
    for patient, value in zip(emptied(trial, 3), ("5.00", "5.10", "80.00"), strict=True):
        measured(patient, "INF1", crp=value)
    figure = laboratory_course.draw(view_of(trial, CRP))
    assert figure.table.rows[0][6:] == [0, 2, 0]
    assert not any("no reference range" in note for note in figure.notes)


def test_a_draft_is_in_no_figure_and_without_a_value_the_page_says_why(trial):
    """OUT-06."""
    (patient,) = emptied(trial, 1)
    measured(patient, "INF1", crp="10.00")
    with acting(system="test", reason="not complete"):
        record = Record.objects.get(patient=patient, visit__code="INF1", form="biochemistry")
        record.state, record.completed_at, record.version = "draft", None, record.version + 1
        record.save(update_fields=["state", "completed_at", "version"])
    figure = laboratory_course.draw(view_of(trial, CRP))
    assert figure.drawings == ()
    assert figure.why == "No complete form of an included patient holds a result of C-reactive protein yet."


def test_a_result_beyond_a_limit_of_detection_is_drawn_at_it(trial):
    """LAB-05, OUT-06: not at the impossible value at which the interval of the result ends."""
    low, high = emptied(trial, 2)
    measured(low, "INF1", crp={"comparator": "<", "limit": "0.60"})
    measured(high, "INF1", crp={"comparator": ">", "limit": "300.00"})
    cells = laboratory_course.draw(view_of(trial, CRP)).table.rows[0]
    assert cells[3:6] == [Decimal("0.60"), Decimal("150.30"), Decimal("300.00")]


def test_ranges_that_differ_between_patients_give_the_widest_band():
    """OUT-06: 120 to 155 for women and 130 to 175 for men; an open bound stays open."""

    class Ranged:
        def __init__(self, low, high):
            self.result = self
            self.low, self.high = low, high

    women, men, opened = Ranged(120, 155), Ranged(130, 175), Ranged(None, 150)
    assert laboratory_course.band_of([women, men]) == ((120, 175), True)
    assert laboratory_course.band_of([women, women]) == ((120, 155), False)
    assert laboratory_course.band_of([women, opened]) == ((None, 155), True)
    assert laboratory_course.band_of([Ranged(None, None)]) == (None, False)


# Shift.


@pytest.fixture
def infused(trial):
    """A patient infused on 10 March at ten, with the limits of the laboratory: ALT to 40, potassium 3.5 to 5."""
    graded_results.limits(trial)
    return graded_results.infused(trial)


def shift_of(trial, path: str):
    figure = laboratory_shift.draw(view_of(trial, path))
    names = [column.name for column in figure.table.columns]
    return figure, [dict(zip(names, cells, strict=True)) for cells in figure.table.rows]


def test_the_last_value_before_the_infusion_meets_the_highest_one_after_it(trial, infused):
    """LAB-02, OUT-06: 30 of 40 is 0.75 of the limit, 150 is 3.75 of it, grade 2 by CTCAE 5 (above 3 times)."""
    for taken, alt in (
        ("08 08:00", "90.0"),
        ("09 08:00", "30.0"),
        ("12 08:00", "150.0"),
        ("14 08:00", "60.0"),
    ):
        graded_results.result(infused, taken, alt=alt)
    figure, (row,) = shift_of(trial, ALT)
    assert (row["baseline"], row["worst"], row["worst_day"]) == (Decimal("30.0"), Decimal("150.0"), 2)
    assert (row["baseline_in_limits"], row["worst_in_limits"]) == (Decimal("0.75"), Decimal("3.75"))
    assert (row["baseline_grade"], row["worst_grade"]) == (0, 2)
    assert [each.name for each in figure.drawings] == ["limits-1", "grades-1"]
    assert tips(figure.drawings[0]) == [f"{infused.code}: 0.75 → 3.75 (D2)"]
    assert tips(figure.drawings[1]) == ["1 patient: grade 0, then grade 2"]


def test_a_test_that_is_bad_on_both_sides_is_drawn_on_each(trial, infused):
    """OUT-06: potassium 2.8 is 0.80 of 3.5, grade 3 of low values; 5.5 is 1.10 of 5, and grade 1 of high ones."""
    for taken, potassium in (("09 08:00", "4.20"), ("11 08:00", "2.80"), ("13 08:00", "5.50")):
        graded_results.result(infused, taken, potassium=potassium)
    _figure, (low, high) = shift_of(trial, POTASSIUM)
    assert (low["term"], low["worst"], low["worst_in_limits"], low["worst_grade"]) == (
        "Hypokalemia", Decimal("2.80"), Decimal("0.8"), 3,
    )  # fmt: skip
    assert (high["term"], high["worst"], high["worst_in_limits"], high["worst_grade"]) == (
        "Hyperkalemia", Decimal("5.50"), Decimal("1.1"), 1,
    )  # fmt: skip


def test_without_a_baseline_nothing_is_compared_and_the_page_says_so(trial, infused):
    """OUT-06."""
    graded_results.result(infused, "12 08:00", alt="150.0")
    figure, rows = shift_of(trial, ALT)
    assert (rows, figure.drawings) == ([], ())
    assert figure.why == "No included patient has a baseline of ALT and a value after it yet."


def test_who_lacks_a_baseline_is_counted_as_left_out(trial, infused):
    """OUT-06."""
    for taken in ("09 08:00", "12 08:00"):
        graded_results.result(infused, taken, alt="30.0")
    other = build.neighbour(infused)
    graded_results.result(other, "12 08:00", alt="30.0")
    figure, rows = shift_of(trial, ALT)
    assert [row["patient"] for row in rows] == [infused.code]
    assert "1 patient lacks a baseline or a value after it and is left out." in figure.notes


# Both.


def test_the_choice_is_a_short_list_and_only_graded_tests_shift(trial):
    """OUT-06: the tests of the profile first."""
    every = [each.value for each in analytes.choices(trial.rules)]
    graded = [each.value for each in analytes.choices(trial.rules, graded=True)]
    assert every[0] == CRP
    assert len(every) == len(set(every))
    assert ALT in graded
    assert CRP not in graded
    assert set(graded) < set(every)


def test_the_shift_opens_on_the_first_test_with_a_reference_range(trial):
    """OUT-11: without a range no value can be drawn in multiples of the limit; without any the first test is shown."""
    browser = build.client(build.user("investigator", trial=trial))
    address = reverse("reports:figure", args=[trial.slug, "laboratory-shift"])
    first = next(iter(analytes.items(trial.rules, graded=True)))
    assert browser.get(address).context["chosen"] == first
    # Measured, but not graded: no shift is drawn of it.
    central = reference_ranges.central(trial)
    reference_ranges.given(central, CRP)
    assert browser.get(address).context["chosen"] == first
    reference_ranges.given(central, POTASSIUM, unit="mmol/L")
    assert first != POTASSIUM
    assert browser.get(address).context["chosen"] == POTASSIUM
    assert browser.get(address, {"of": ALT}).context["chosen"] == ALT


def test_the_page_offers_the_choice_and_refuses_an_unknown_one(trial):
    """OUT-06."""
    browser = build.client(build.user("investigator", trial=trial))
    address = reverse("reports:figure", args=[trial.slug, "laboratory-shift"])
    shown = browser.get(address, {"of": POTASSIUM})
    assert shown.context["chosen"] == POTASSIUM
    assert f'<option value="{POTASSIUM}" selected>Potassium</option>' in shown.content.decode()
    assert browser.get(address, {"of": "biochemistry.nothing"}).status_code == 404
    file = browser.get(
        reverse("reports:figure-csv", args=[trial.slug, "laboratory-shift"]), {"of": POTASSIUM}
    )
    assert "laboratory-shift-biochemistry-potassium.csv" in file["Content-Disposition"]


def test_the_queries_do_not_grow_with_the_patients(trial, django_assert_num_queries):
    """OUT-06: patients, versions, ranges, sex and age, results, infusions."""
    reader = build.user("investigator", trial=trial)
    access = access_to(user=reader, slug=trial.slug)
    for number in (1, 3):
        emptied(trial, number)
        for patient in Patient.objects.filter(trial=trial):
            measured(patient, "INF1", crp="10.00", potassium="4.00")
        with django_assert_num_queries(7):
            laboratory_course.draw(FigureView(access, "en", timezone.now(), CRP))
        with django_assert_num_queries(6):
            laboratory_shift.draw(FigureView(access, "en", timezone.now(), POTASSIUM))
