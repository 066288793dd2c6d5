"""Figures of a trial: recruitment against the plan, worst grades, data quality."""

from datetime import date, timedelta

import pytest

from audit.context import acting
from patients.models import Query, Visit
from protocol.document.design import TrialFacts
from reports.figures import charts
from reports.home import event_grades, recruitment
from reports.quality import measures
from tests.support import build
from tests.support.pages.home import work_of
from tests.support.study import cohort
from tests.support.trail_clock import trail_now

pytestmark = pytest.mark.django_db


def test_recruitment_counts_the_patients_included(trial):
    cohort.patients(trial, 3)
    found = recruitment.accrual(work_of(trial))
    assert found.rows[-1][2] == 3
    assert "3 included" in found.figure.label


def facts(**changed) -> TrialFacts:
    return TrialFacts.model_validate(build.trial().rules.trial.model_dump(by_alias=True) | changed)


def test_the_plan_runs_from_the_first_month_of_the_protocol():
    assert recruitment.plan_of(facts(), date(2021, 1, 1)) == (date(2020, 6, 1), date(2022, 6, 1), 20)


def test_a_site_that_starts_after_the_planned_end_counts_from_its_first_patient():
    assert recruitment.plan_of(facts(), date(2025, 2, 17)) == (date(2025, 2, 1), date(2027, 2, 1), 20)


def test_a_protocol_without_recruitment_has_no_plan():
    assert recruitment.plan_of(facts(recruitment=None), None) is None


def test_a_patient_counts_once_for_a_term_at_the_worst_grade(trial, as_test):
    """SAF: worst grade by patient and term; upper and lower case do not matter."""
    patient = build.enrolled(trial=trial)
    for term, grade in (("Fever", 1), ("fever ", 3), ("Headache", 2)):
        build.event(patient=patient, term=term, grade=grade)
    build.event(patient=build.enrolled(trial=trial), term="FEVER", grade=1)
    counted = {term.casefold().strip(): by for term, by in event_grades.worst_by_term(work_of(trial)).items()}
    assert counted == {"fever": [1, 0, 1, 0, 0], "headache": [0, 1, 0, 0, 0]}


def test_two_names_of_one_term_are_one_line(trial, as_test):
    """SAF-10: “Multi-organ failure” and “Multiple organ failure” are one, under the name of the own list."""
    for term, grade in (("Multiple organ failure", 4), ("multi-organ failure", 3), ("Fièvre", 2)):
        build.event(patient=build.enrolled(trial=trial), term=term, grade=grade)
    counted = event_grades.worst_by_term(work_of(trial))
    assert counted == {"Multi-organ failure": [0, 0, 1, 1, 0], "Fever": [0, 1, 0, 0, 0]}


def test_of_equally_frequent_terms_the_graver_is_shown_first(trial, as_test):
    """SAF: what does not fit into the figure of the home page is the mildest, whatever the alphabet says."""
    patient = build.enrolled(trial=trial)
    for term, grade in (
        ("Chills", 1),
        ("Sore back", 2),
        ("Sepsis", 4),
        *((f"Ache {n}", 1) for n in range(7)),
    ):
        build.event(patient=patient, term=term, grade=grade)
    counted = event_grades.worst_by_term(work_of(trial))
    assert list(counted)[:3] == ["Sepsis", "Sore back", "Ache 0"]
    assert {"Sepsis", "Sore back"} <= set(event_grades.kept_terms(counted))
    assert "Chills" not in event_grades.kept_terms(counted)


def test_a_rare_death_stays_among_many_frequent_mild_events():
    """SAF: the worst grades are shown whatever their number."""
    frequent = {f"Mild {number}": [9, 0, 0, 0, 0] for number in range(10)}
    rare = {"Severe": [0, 0, 1, 0, 0], "Fatal": [0, 0, 0, 0, 1]}
    kept = event_grades.kept_terms({**frequent, **rare})
    assert kept == [*list(frequent)[:6], "Severe", "Fatal"]
    many = {f"Fatal {number}": [0, 0, 0, 0, 1] for number in range(12)}
    assert event_grades.kept_terms({**frequent, **many}) == list(many)
    assert event_grades.kept_terms({"Mild": [1, 0, 0, 0, 0], "Moderate": [0, 1, 0, 0, 0]}) == [
        "Mild",
        "Moderate",
    ]


TODAY = date(2026, 9, 15)


@pytest.mark.parametrize(("so_far", "until"), [(19, TODAY), (20, date(2026, 9, 1)), (21, date(2026, 9, 1))])
def test_recruitment_is_drawn_until_today_or_until_the_target_was_reached(so_far, until):
    assert recruitment.drawn_until([(date(2026, 9, 1), 1, so_far)], 20, TODAY) == until
    assert recruitment.drawn_until([], 20, TODAY) == TODAY


def test_a_trial_of_three_months_fills_the_figure_and_not_an_eighth_of_it(trial):
    """The plan of two years is drawn as far as there is time."""
    cohort.patients(trial, 3, days_ago=80)
    found = recruitment.accrual(work_of(trial))
    words = [shape.text for shape in found.figure.shapes if hasattr(shape, "text")]
    plan = recruitment.plan_of(trial.rules.trial, found.rows[0][0])
    expected = round(charts.planned(plan, build.today(trial.patients.first())))
    assert f"plan {expected}" in words


def measured(trial) -> dict[str, tuple[str, bool | None]]:
    return {str(each.name): (each.now, each.met) for each in measures.measures(work_of(trial))}


def test_data_quality_of_a_clean_cohort(trial):
    cohort.patients(trial, 2)
    found = measured(trial)
    assert found["Median days from visit to entry"] == ("0.0", True)
    assert found["Required forms missing"] == ("0.0 %", True)
    assert found["Open queries"] == ("1 (0 older than a week)", True)
    assert found["Median days to answer"] == ("–", None)


def test_a_form_that_is_missing_from_a_held_visit_counts(trial, as_test):
    patient = build.enrolled(trial=trial)
    before = work_of(trial).forms_expected
    visit = patient.visits.get(code="D90")
    Visit.objects.filter(pk=visit.pk).update(state="held", held_on=visit.planned_on)
    asked = sum(entry.when == "required" for entry in trial.rules.visit("D90").forms)
    assert work_of(trial).forms_expected == before + asked
    assert measured(trial)["Required forms missing"][1] is False
    assert measured(trial)["Required forms complete"][1] is False


def test_the_days_to_an_answer_come_from_the_trail(trial):
    cohort.patients(trial, 1)
    with acting(system="test"):
        query = Query.objects.get()
        Query.objects.filter(pk=query.pk).update(opened_at=trail_now() - timedelta(days=4))
        Query.objects.filter(pk=query.pk).update(state="answered")
        Query.objects.filter(pk=query.pk).update(text="asked again")
    assert measured(trial)["Median days to answer"] == ("4.0", False)


def test_an_unplanned_trial_has_empty_measures(trial):
    assert {met for _now, met in measured(trial).values()} == {None, True}
