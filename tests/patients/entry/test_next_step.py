"""The next step of data entry: from form to form, from the last form to the visit's page, from visit to visit."""

import re
from datetime import timedelta
from random import Random

import pytest

from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import next_address
from patients.participation.visits import hold_visit, miss_visit
from protocol.simulation.answers import Simulation, simulated_values
from tests.support import build

pytestmark = pytest.mark.django_db


@pytest.fixture
def coordinator():
    return build.user("coordinator", trial=build.trial())


@pytest.fixture
def included(coordinator):
    trial = build.trial()
    return build.enrolled(trial=trial, on=trial.today - timedelta(days=5))


def address(patient, visit: str) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/{visit}/"


def leads_to(person, page: str) -> tuple[str, str]:
    """Return text and address of the link to the next step on a visit's page."""
    sent = build.client(person).get(page).content.decode()
    [(link, words)] = re.findall(r'<a[^>]* id="next"([^>]*)>([^<]*)', sent)
    return words.strip(), re.search(r'href="([^"]*)"', link)[1]


def test_a_visit_leads_to_its_day_then_to_its_forms(included, coordinator):
    """UX-02: nothing can be entered before the day is known."""
    page = address(included, "INF1")
    assert leads_to(coordinator, page) == ("Visit held", f"{page}hold/")
    client = build.client(coordinator)
    held = client.post(f"{page}hold/", {"on": included.enrolled_on.isoformat()})
    assert held["Location"] == f"{page}#next"
    assert leads_to(coordinator, page) == ("Vital signs", f"{page}vitals/")


def test_a_visit_that_needs_nothing_more_leads_to_the_next_that_has_begun(included, coordinator):
    """UX-02: missed visits are skipped; a future visit is not offered."""
    with acting(user=coordinator, role="coordinator"):
        for visit in included.visits.exclude(code__in=("SCR", "D90")):
            miss_visit(visit=visit, reason="At home", by=coordinator)
    words, link = leads_to(coordinator, address(included, "INF1"))
    assert (words, link) == (f"Casebook of {included.code}", f"/trials/nct04445454/patients/{included.code}/")


def test_a_missed_visit_leads_on(included, coordinator):
    """UX-02: its own page links to the next visit."""
    client, page = build.client(coordinator), address(included, "INF1")
    with acting(user=coordinator, role="coordinator"):
        hold_visit(visit=included.visits.get(code="INF2"), on=included.enrolled_on, by=coordinator)
    missed = client.post(f"{page}miss/", {"reason": "At home"})
    assert missed["Location"] == f"{page}#next"
    assert leads_to(coordinator, page) == ("Next visit: Infusion 2", f"{address(included, 'INF2')}#next")


def test_forms_that_are_asked_only_if_available_are_passed_over(included, coordinator):
    """UX-02: after the last required form comes the visit's page; other forms are opened from there."""
    on, page = included.enrolled_on + timedelta(days=4), address(included, "D21")
    with acting(user=coordinator, role="coordinator"):
        hold_visit(visit=included.visits.get(code="D21"), on=on, by=coordinator)
    assert after(included, coordinator, "vitals") == f"{page}vital_status/#entry"
    for form, following in (("vital_status", f"{page}who_cps/#entry"), ("who_cps", f"{page}#next")):
        build.record(included, form, answers(included, coordinator, form), visit="D21", by=coordinator)
        assert after(included, coordinator, form) == following


def after(patient, person, form: str) -> str:
    """Return the address of the next step after a form of day 21."""
    casebook = Casebook.open(user=person, trial=patient.trial, code=patient.code)
    return next_address(casebook, casebook.place(form, "D21"))


def answers(patient, person, form: str) -> dict:
    """Return plausible answers to a form of day 21."""
    casebook = Casebook.open(user=person, trial=patient.trial, code=patient.code)
    place, rules = casebook.place(form, "D21"), patient.protocol.rules
    how = Simulation(on=place.visit.held_on, blank_rate=0, fixed={"survival_status": "ALIVE"})
    return simulated_values(rules.form(form), Random(form), rules, casebook.scope(place, {}), how)


def test_who_may_not_enter_is_led_to_the_casebook_alone(included):
    """ACC-01: a monitor has no next step."""
    monitor = build.user("monitor", trial=included.trial)
    words, _link = leads_to(monitor, address(included, "INF1"))
    assert words == f"Casebook of {included.code}"
