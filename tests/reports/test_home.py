"""The home page: patients and visits, tiles of each role and filters, in a bounded number of queries."""

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dosing.models import Infusion
from patients.models import Consent
from protocol.values.moments import Moment
from reports.home.tasks import TILES
from reports.home.workload import Workload
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.home import HOME, TODAY, get, page, queries_of, shown
from tests.support.study import cohort
from tests.support.study.deviations import added, classified, struck_out
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


def test_the_number_of_queries_does_not_grow_with_the_patients(trial):
    """REL-14: at most 25 queries for 50 patients × 12 visits, one of them for the own questions.

    The clock stands: a session is stored again after a minute, and on a busy machine the patients take longer.
    """
    with time_machine.travel(timezone.now(), tick=False):
        browser = build.client(build.user("coordinator", trial=trial))
        cohort.patients(trial, 1)
        one = queries_of(browser)
        cohort.patients(trial, 2)
        three = queries_of(browser)
        cohort.patients(trial, 47)
        fifty = queries_of(browser)
    assert one == three == fifty
    assert fifty <= 25


@pytest.mark.parametrize("role", each_engine_or_one(ROLES))
def test_every_role_has_a_home_within_a_bound_of_queries(trial, role):
    cohort.patients(trial, 3)
    # The monitor's tile counts the facts outside the forms: the rows of each planned kind, and the patients once.
    most = 28 if role == "monitor" else 25
    assert queries_of(build.client(build.user(role, trial=trial))) <= most


@pytest.mark.parametrize("role", each_engine_or_one(ROLES))
def test_every_tile_leads_to_a_page_its_reader_may_open(trial, role):
    cohort.patients(trial, 1)
    person = build.user(role, trial=trial)
    access = access_to(user=person, slug=trial.slug)
    browser = build.client(person)
    tiles = [tile(Workload(access)) for tile in TILES[role]]
    assert {browser.get(tile.url).status_code for tile in tiles} == {200}


def test_an_investigator_sees_how_many_deviations_wait_for_a_class(trial, doctor):
    patient = build.patient(trial=trial)
    access = access_to(user=doctor, slug=trial.slug)
    first, second = (added(patient, doctor, occurred_on=Moment(2021), detected_on=TODAY) for _ in range(2))
    assert Workload(access).deviations == 2
    classified(first, doctor)
    assert Workload(access).deviations == 1
    assert "Deviation to classify" in page(HOME, trial, "investigator")
    struck_out(second, doctor)
    assert Workload(access).deviations == 0
    assert "to classify" not in page(HOME, trial, "investigator")


def test_every_role_has_tiles():
    assert TILES.keys() == ROLES.keys()


def test_an_empty_trial_says_what_to_do(trial):
    html = page(HOME, trial)
    assert "Nobody was screened yet." in html
    assert "No adverse event was reported yet." in html


@pytest.mark.parametrize(
    "query", ["show=", "show=nonsense", "page=0", "page=-1", "page=x", "page=99999999", "visits=7", "page=١"]
)
def test_a_mangled_address_still_opens(trial, query):
    cohort.patients(trial, 1)
    assert ">LIE-001</a>" in page(f"{HOME}?{query}", trial)


def test_fifty_patients_fill_a_page_and_the_rest_are_one_step_away(trial):
    cohort.patients(trial, 52)
    first, second = page(HOME, trial), page(f"{HOME}?page=2", trial)
    assert (
        first.count('<th scope="row"><a class="code" href="/trials/nct04445454/patients/LIE-') == 50 + 6 + 8
    )
    assert ">LIE-051</a>" in second
    assert "page=2" in first
    assert "page=1" in second


def test_the_filter_keeps_patients_by_status_and_by_work(trial, as_test):
    followed = cohort.patients(trial, 3)
    screened = build.patient(trial=trial)
    build.consent(screened)
    consent = Consent.objects.get(patient=followed[1])
    Consent.objects.filter(pk=consent.pk).update(type="impartial_witness", capacity_regained_on=TODAY)
    Infusion.objects.filter(patient=followed[2], number=3).update(state="planned")
    assert shown(trial, "all") == {"LIE-001", "LIE-002", "LIE-003", screened.code}
    assert shown(trial, "follow_up") == {"LIE-001", "LIE-002", "LIE-003"}
    assert shown(trial, "screening") == {screened.code}
    assert shown(trial, "ended") == set()
    assert shown(trial, "drafts") == shown(trial, "queries") == {"LIE-001"}
    assert shown(trial, "reconsent") == {"LIE-002"}
    assert shown(trial, "infusions") == {"LIE-003"}
    assert shown(trial, "overdue") == {screened.code}


def test_reading_the_home_page_writes_nothing(trial):
    """A GET changes no row: nothing is computed again and stored on display."""
    cohort.patients(trial, 2)
    browser = build.client(build.user("investigator", trial=trial))
    with CaptureQueriesContext(connection) as captured:
        browser.get(HOME)
        verbs = {query["sql"].split()[0] for query in captured}
    assert verbs == {"SELECT"}


def test_another_trial_does_not_appear(trial):
    other = build.trial(build.COVID_MSV)
    cohort.patients(other, 2)
    cohort.patients(trial, 1)
    html = page(HOME, trial)
    assert "VAL-" not in html
    assert "1 of 20 patient" in html


def test_a_person_without_a_role_in_the_trial_sees_nothing(trial):
    other = build.trial(build.COVID_MSV)
    assert get(HOME, other).status_code == 404


def test_the_home_page_is_not_kept_by_browsers(trial):
    """PRV-05: no clinical page is cached."""
    assert "no-store" in get(HOME, trial)["Cache-Control"]
