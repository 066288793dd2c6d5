"""The next step of a patient on the casebook, and the reader's next steps on the home page."""

import re
from datetime import date, timedelta

import pytest

from audit.context import acting
from dosing.models import Infusion
from patients.models import Patient, Record, Visit
from patients.participation.disposition import end_study
from patients.participation.next_step import NoStep
from patients.participation.visits import hold_visit
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
        "Next step Record the consent To be done by: Study coordinator, Investigator, Principal investigator"
        " · [consent/] Open the page"
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


def died(patient: Patient, on: date, visit: str = "D14") -> None:
    """Record the death, as the site learned of it, in the vital status of a visit that nobody has held."""
    values = {
        "survival_status": "DEAD",
        "died_on": on.isoformat(),
        "death_cause": "CARDIAC",
        "contact_by": "VISIT",
    }
    build.record(patient, "vital_status", values, visit=visit)


def screening_entered(patient: Patient) -> None:
    """Hold the visit of screening; all its forms count as complete."""
    by = build.user("coordinator", trial=patient.trial)
    with acting(user=by, role="coordinator"):
        hold_visit(visit=patient.visits.get(code="SCR"), on=patient.screened_on, by=by)
        for code in patient.protocol.rules.visit("SCR").form_codes:
            if not Record.objects.filter(patient=patient, form=code).exists():
                build.record(patient, code, {}, visit="SCR", draft=True, by=by)
        Record.objects.filter(patient=patient, state="draft").update(state="complete")


def test_when_all_forms_of_screening_are_complete_the_decision_is_next(trial):
    """Forms of visits after inclusion are not asked yet."""
    patient = build.assessable(trial=trial)
    screening_entered(patient)
    assert card(patient, "investigator") == "Next step [eligibility/] Decide on eligibility"


def test_a_patient_who_died_is_led_to_the_end_of_study(trial, as_test):
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=20))
    died(patient, trial.today - timedelta(days=8))
    assert card(patient) == "Next step [end/] Record the end of study"
    assert f'/patients/{patient.code}/end/">Record the end of study</a>' in page(HOME, trial)


def test_a_visit_after_the_death_is_not_asked_for_when_the_death_was_learned_there(trial, as_test):
    """Nothing is due for ever: its window opened after the death."""
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=20))
    day = trial.today - timedelta(days=8)
    died(patient, day)
    by = build.user("coordinator", trial=trial)
    screening_entered(patient)
    others = Visit.objects.filter(patient=patient, state="planned").exclude(code="D14")
    others.update(state="missed", missed_reason="Ill")
    end_study(patient=patient, on=day, reason="death", note="", settled={}, by=by)
    assert step(Patient.objects.get(pk=patient.pk)) is NoStep.ENDED


@pytest.mark.parametrize("below", ["visits/INF1/", "infusions/2/", "consent/", "contacts/", "deviations/"])
def test_the_pages_that_follow_a_save_show_the_same_step(trial, below):
    patient = build.enrolled(trial=trial)
    assert card(patient, below=below) == card(patient)


def test_home_and_casebook_agree_on_the_next_step_of_every_patient(trial, as_test):
    """One function computes both, from facts read in two ways."""
    cohort.patients(trial, 4, days_ago=12)
    build.patient(trial=trial)
    build.eligible(trial=trial)
    died(build.enrolled(trial=trial), trial.today)
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
    expected = ["Infusion planned, overdue", "Infusion planned", "Infusion not given"]
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
