"""Forms and visits that an amendment removed can still be found and filtered by: their records exist (DAT-09)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record
from patients.participation.screening import screen
from patients.queries.filters import form_choices, visit_choices
from reports.search.views import find
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db

SEARCHED = ("diary", "falls", "walk", "D28", "D60", "D7 diary")


@pytest.fixture
def trial(walking: Trial) -> Trial:
    return walking


@pytest.fixture
def patient(trial: Trial, doctor: User, nurse: User) -> Patient:
    """Return a patient included under version 1.0, with a diary and a fall; version 1.1 asks for neither."""
    patient = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
    amended_protocol.hold(patient, "D7", by=doctor)
    build.record(patient, "diary", {}, visit="D7", draft=True, by=nurse)
    build.record(patient, "falls", {"how": "On ice"}, visit=None, by=nurse)
    return patient


@pytest.fixture
def amended(patient: Patient, manager: User) -> Trial:
    """Return the trial with version 1.1 in force, to which the patient was moved."""
    amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
    return Trial.objects.get()


def places(trial: Trial, text: str) -> list[str]:
    access = access_to(user=build.user("monitor", trial=trial), slug=trial.slug)
    assert access is not None
    return [hit.name for hit in find(access, text).places]


def test_forms_and_visits_that_were_dropped_are_offered_after_those_in_force(amended):
    codes = [code for code, _title in form_choices(amended)]
    assert codes == [*amended.rules.forms, "diary", "falls"]
    visits = [code for code, _title in visit_choices(amended)]
    assert visits == [*(visit.code for visit in amended.rules.visits), "D60", "UNS"]


@pytest.mark.parametrize("form", ["diary", "falls"])
def test_the_listing_of_forms_is_filtered_by_a_form_that_was_dropped(amended, form):
    page = build.client(build.user("monitor", trial=amended)).get(
        reverse("patients:forms", args=[amended.slug]), {"form_code": form}
    )
    assert page.status_code == 200
    assert [row.object.form for row in page.context["listing"].rows] == [form]


def test_queries_data_quality_and_trail_are_filtered_by_it(amended, patient, manager):
    record = Record.objects.get(form="falls")
    with acting(user=manager, role="data_manager"):
        Query.objects.create(
            patient=patient,
            record=record,
            item="how",
            origin="data_manager",
            opened_by=manager,
            text="Where?",
        )
    browser = build.client(manager)
    for name, filters in (
        ("queries", "form_code=falls"),
        ("quality", "form_code=diary"),
        ("trail", "form=falls"),
    ):
        page = browser.get(f"/trials/{amended.slug}/{name}/?{filters}")
        assert page.status_code == 200, name
        assert "Falls" in page.content.decode() or name == "quality"
    assert browser.get(f"/trials/{amended.slug}/queries/?form_code=falls").context["listing"].total == 1
    trail = browser.get(f"/trials/{amended.slug}/trail/?form=falls&item=how").context["listing"]
    assert [line.entry.row.form for line in trail.lines] == ["falls"]
    assert ("how", "How") in [tuple(map(str, pair)) for pair in trail.form.fields["item"].choices]


def test_a_form_that_was_dropped_is_found_where_it_was_entered(amended, patient):
    assert places(amended, "diary") == [f"{patient.code} D7 – Diary"]
    assert places(amended, "D7 diary") == [f"{patient.code} D7 – Diary"]


def test_a_form_that_came_is_found_only_where_it_is_asked(amended, patient, nurse):
    """The visit on day 7 was held under version 1.0, which has no walk."""
    assert places(amended, "walk") == []
    with acting(user=nurse, role="coordinator"):
        screen(trial=amended, screened_on=amended_protocol.NOW.date(), identity={}, by=nurse)
    assert places(amended, "intake") == ["W-02 SCR – Intake", f"{patient.code} SCR – Intake"]


def test_every_place_that_is_found_can_be_opened(amended):
    person = build.user("monitor", trial=amended)
    browser, access = build.client(person), access_to(user=person, slug=amended.slug)
    for text in SEARCHED:
        for hit in find(access, text).places:
            named = hit.name.split()
            assert {named[0], named[-1]} <= set(words(browser.get(hit.url)).split()), hit


def test_versions_cost_one_query_however_many_there_are(amended, monkeypatch):
    """The text of a version is read once per process."""
    Trial.objects.get().all_rules  # noqa: B018
    trial = Trial.objects.select_related("protocol").get()
    with CaptureQueriesContext(connection) as asked:
        assert len(trial.all_rules) == 2
        assert form_choices(trial)
        assert visit_choices(trial)
    assert len(asked) == 1
    assert "text" not in asked[0]["sql"]
