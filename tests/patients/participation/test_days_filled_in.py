"""From screening to inclusion no date is typed twice: a day is filled in and labelled as filled in."""

import re
from datetime import timedelta

import pytest

from patients.participation.visits import hold_visit
from tests.support import build
from trials.reader import shown_day

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


def page(patient, below: str, role: str = "investigator") -> str:
    client = build.client(build.user(role, trial=patient.trial))
    return client.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/{below}").content.decode()


def value_of(html: str, name: str) -> str:
    """Return the text in the input of a field."""
    [tag] = re.findall(rf'<input[^>]* name="{name}"[^>]*id="id_{name}"[^>]*>', html)
    found = re.search(r' value="([^"]*)"', tag)
    return found[1] if found else ""


def test_the_day_for_which_the_criteria_are_judged_stands_in_the_decision(trial):
    patient = build.assessable(trial=trial)
    day = shown_day(trial.today - timedelta(days=1))
    html = page(patient, f"eligibility/?inclusion_on={day}")
    assert value_of(html, "inclusion_on") == day
    assert f"Filled in from above: the criteria are assessed for {day}." in html


def test_without_a_judged_day_the_decision_asks_for_it(trial):
    """DAT-01: the day of today is not taken for the investigator's answer."""
    html = page(build.assessable(trial=trial), "eligibility/")
    assert value_of(html, "inclusion_on") == ""
    assert "Filled in from above" not in html


def test_after_the_decision_the_criteria_are_judged_for_the_day_that_was_signed(trial):
    """Judged for today, a scan of weeks ago would contradict the decision that holds."""
    patient = build.eligible(trial=trial, screened_on=trial.today - timedelta(days=40))
    html = page(patient, "eligibility/")
    assert f"Evaluated for inclusion on {shown_day(patient.screened_on)}." in html
    assert ">Not met<" not in html


def test_an_inclusion_in_the_future_is_told_as_a_wrong_day(trial):
    patient = build.eligible(trial=trial)
    client = build.client(build.user("coordinator", trial=trial))
    day = shown_day(trial.today + timedelta(days=366))
    refused = client.post(f"/trials/{trial.slug}/patients/{patient.code}/enrol/", {"on": day})
    assert refused.status_code == 422
    assert "This day has not come yet. Check the year." in refused.content.decode()
    assert "Not met" not in refused.content.decode()


def test_the_day_of_the_decision_stands_on_the_page_of_inclusion(trial):
    patient = build.eligible(trial=trial)
    day = shown_day(patient.eligibility_decisions.get().inclusion_on)
    html = page(patient, "enrol/", "coordinator")
    assert value_of(html, "on") == day
    assert f"Filled in from the decision on eligibility, which was signed for {day}." in html


def test_another_day_of_inclusion_that_is_refused_stays_as_it_was_typed(trial):
    patient = build.eligible(trial=trial)
    client = build.client(build.user("coordinator", trial=trial))
    refused = client.post(f"/trials/{trial.slug}/patients/{patient.code}/enrol/", {"on": "32/13/2026"})
    assert refused.status_code == 422
    assert value_of(refused.content.decode(), "on") == "32/13/2026"


def test_the_day_of_screening_is_filled_in_at_the_visit_of_that_day_only(trial):
    patient = build.enrolled(trial=trial)
    assert value_of(page(patient, "visits/SCR/hold/"), "on") == shown_day(patient.screened_on)
    assert value_of(page(patient, "visits/INF1/hold/"), "on") == ""


def test_the_day_of_a_visit_that_was_held_is_corrected_from_that_day(trial, as_test):
    patient = build.enrolled(trial=trial)
    visit, on = patient.visits.get(code="SCR"), patient.screened_on + timedelta(days=1)
    hold_visit(visit=visit, on=on, by=build.user("coordinator", trial=trial))
    assert value_of(page(patient, "visits/SCR/hold/"), "on") == shown_day(on)


def test_criteria_that_do_not_allow_inclusion_stand_first_and_the_others_are_folded(trial):
    patient = build.assessable(trial=trial, demography={"age": "16"})
    html = page(patient, "eligibility/")
    unfolded, folded = html.split('<details class="folded card-body">')
    assert unfolded.index(">Not met<") < len(unfolded)
    assert ">Met<" not in unfolded
    assert ">Not met<" not in folded
    assert ">Undetermined<" not in folded
    assert re.search(r"<summary[^>]*>\d+ criteria allow inclusion</summary>", folded)
    failing, undetermined = unfolded.rfind(">Not met<"), unfolded.find(">Undetermined<")
    assert undetermined == -1 or failing < undetermined
