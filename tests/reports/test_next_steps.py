"""The next step of a patient on the casebook, and the reader's next steps on the home page."""

import re
from datetime import timedelta

import pytest

from audit.context import acting
from dosing.models import Infusion
from patients.models import Patient, Visit
from reports.casebook.patient_data import PatientData
from reports.casebook.step_facts import step_of
from reports.home.next_steps import PATIENTS, _steps, next_steps
from reports.home.workload import Workload
from tests.support import build
from tests.support.pages.home import HOME, page
from tests.support.study import cohort
from trials.access import access_to

pytestmark = pytest.mark.django_db


def casebook(patient: Patient, role: str = "coordinator", below: str = "") -> str:
    browser = build.client(build.user(role, trial=patient.trial))
    return browser.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/{below}").content.decode()


def card(patient: Patient, role: str = "coordinator", below: str = "") -> str:
    """Return the text of the card, with the addresses of its links in brackets."""
    [found] = re.findall(
        r'<section class="note next-step.*?</section>', casebook(patient, role, below), re.DOTALL
    )
    linked = re.sub(r'<a href="[^"]*/patients/[^/]*/([^"]*)">', r"[\1] ", found)
    return " ".join(re.sub(r"<[^>]*>", " ", linked).split())


def step(patient: Patient) -> object:
    access = access_to(user=build.user("coordinator", trial=patient.trial), slug=patient.trial.slug)
    dossier = PatientData.open(access, patient.code)
    return step_of(dossier, dossier.places.visits)


def test_a_patient_just_screened_needs_a_consent(trial):
    assert card(build.patient(trial=trial)) == "Next step [consent/] Record the consent"


def test_a_reader_who_may_not_do_the_step_reads_who_does_it(trial):
    assert card(build.patient(trial=trial), "monitor") == (
        "Next step Record the consent To be done by: Study coordinator, Investigator · [consent/] Open the page"
    )


def test_the_forms_left_of_screening_are_linked(trial):
    patient = build.patient(trial=trial)
    build.consent(patient)
    shown = card(patient)
    assert re.match(r"Next step \[visits/SCR/\w+/\] Screening: finish \d+ forms", shown)
    assert shown.count("[visits/SCR/") == 1 + int(re.search(r"finish (\d+) forms", shown)[1])


def test_an_eligible_patient_is_to_be_included(trial):
    patient = build.eligible(trial=trial)
    assert card(patient) == "Next step [enrol/] Include the patient"
    assert "[enrol/]" in card(patient, "investigator")


def test_an_included_patient_is_weighed_then_infused(trial):
    patient = build.enrolled(trial=trial)
    assert "[infusions/1/weight/] Infusion 1: record the weight of the day" in card(patient)
    with acting(user=build.user("coordinator", trial=trial)):
        Infusion.objects.filter(patient=patient, number=1).update(weight_kg=70)
    assert "[infusions/1/] Infusion 1: record the infusion" in card(patient)


@pytest.mark.parametrize("below", ["visits/INF1/", "infusions/2/"])
def test_the_pages_that_follow_a_save_show_the_same_step(trial, below):
    patient = build.enrolled(trial=trial)
    assert card(patient, below=below) == card(patient)


def test_home_and_casebook_agree_on_the_next_step_of_every_patient(trial, as_test):
    """One function computes both, from facts read in two ways."""
    cohort.patients(trial, 4, days_ago=12)
    build.patient(trial=trial)
    build.eligible(trial=trial)
    build.enrolled(trial=trial)
    Visit.objects.filter(patient__code="LIE-002", state="planned").update(state="missed", missed_reason="Ill")
    access = access_to(user=build.user("coordinator", trial=trial), slug=trial.slug)
    work = Workload(access)
    for patient, found in _steps(work, PATIENTS.rows(**work.who)):
        assert found == step(Patient.objects.get(pk=patient.pk)), patient.code


def test_home_lists_the_steps_of_the_role(trial, as_test):
    eligible, screened = build.eligible(trial=trial), build.patient(trial=trial)
    html = page(HOME, trial)
    assert f'/patients/{eligible.code}/enrol/">Include the patient</a>' in html
    assert f'/patients/{screened.code}/consent/">Record the consent</a>' in html


def test_a_role_that_does_no_step_has_no_list(trial):
    access = access_to(user=build.user("monitor", trial=trial), slug=trial.slug)
    assert next_steps(Workload(access)) is None


def test_the_visit_that_is_late_stands_before_what_is_due(trial, as_test):
    early = build.patient(trial=trial)
    late = build.enrolled(trial=trial, on=trial.today - timedelta(days=20))
    access = access_to(user=build.user("coordinator", trial=trial), slug=trial.slug)
    assert [(row.patient, row.card.tone) for row in next_steps(Workload(access)).rows] == [
        (late.code, "late"),
        (early.code, "due"),
    ]


def test_only_the_most_urgent_steps_are_listed(trial):
    for _number in range(10):
        build.patient(trial=trial)
    access = access_to(user=build.user("coordinator", trial=trial), slug=trial.slug)
    listed = next_steps(Workload(access))
    assert (len(listed.rows), listed.more) == (8, 2)


def glyphs(html: str, of: str) -> list[str]:
    """Return the texts of the status glyphs that lead to an infusion."""
    return re.findall(rf'<a href="[^"]*/infusions/\d+/"[^>]*><span class="st" title="{of}([^"]*)">', html)


def test_infusions_stand_in_the_tree_of_visits_and_in_the_matrix(trial):
    patient = build.enrolled(trial=trial)
    with acting(user=build.user("coordinator", trial=trial)):
        Infusion.objects.filter(patient=patient, number=3).update(
            state="not_given", not_given_reason="Fever", window_from=None, window_to=None
        )
    expected = ["Infusion planned, overdue", "Infusion planned, overdue", "Infusion not given"]
    assert glyphs(casebook(patient, below="consent/"), "") == expected
    found = glyphs(page(HOME, trial), f"{patient.code} ")
    assert found == [f"INF{number}: {words}" for number, words in enumerate(expected, start=1)]


@pytest.mark.parametrize(
    "below",
    ["consent/", "eligibility/", "enrol/", "end/", "infusions/1/", "adverse-events/new/", "deviations/"],
)
def test_the_tree_of_visits_stands_on_every_page_of_a_patient(trial, below):
    html = casebook(build.enrolled(trial=trial), "investigator", below)
    assert html.count('<nav class="casebook') == 1
    assert "Day 28" in html[html.index('<nav class="casebook') :]
