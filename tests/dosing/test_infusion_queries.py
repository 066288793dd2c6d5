"""Queries on the bedside facts of infusions; nothing of the product can be asked about in the general list."""

import pytest

from dosing.models import Infusion, Preparation
from patients.casebook.facts import KINDS
from patients.models import Query
from tests.support import build
from tests.support.pages.entry_pages import words
from tests.support.pages.infusions import bedside, listing, page, stored
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def given(ward, patient) -> Infusion:
    ward.post(page(patient), bedside())
    return stored(patient)


@pytest.fixture
def monitor(trial):
    return build.client(build.user("monitor", trial=trial))


def address(row: Infusion, item: str) -> str:
    patient = row.patient
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/facts/infusion/{row.pk}/{item}/"


def test_a_monitor_asks_from_the_bubble_beside_a_bedside_fact(monitor, given, patient):
    assert address(given, "volume_ml") in monitor.get(page(patient)).content.decode()
    monitor.post(address(given, "volume_ml"), {"text": "Whole bag?"})
    assert "1 open query on Volume infused" in monitor.get(page(patient)).content.decode()
    query = Query.objects.get()
    assert (query.target, query.target_id, query.item) == ("infusion", given.pk, "volume_ml")


def test_nothing_is_asked_about_an_infusion_that_is_only_planned(monitor, patient):
    planned = stored(patient)
    refused = monitor.post(address(planned, "volume_ml"), {"text": "When?"})
    assert refused.status_code == 422
    assert "Nothing is recorded yet." in words(refused)
    assert not Query.objects.exists()


def test_no_fact_of_the_product_has_a_page(monitor, given):
    """CEL-18: the general list of queries shows nothing that tells arms apart."""
    asked = set(KINDS["infusion"].facts(given))
    of_product = {field.name for field in Preparation._meta.fields} - {
        field.name for field in Infusion._meta.fields
    }
    assert not asked & of_product
    assert all(kind.model is not Preparation for kind in KINDS.values())
    for item in sorted(of_product):
        assert monitor.get(address(given, item)).status_code == 404


def test_one_question_is_raised_on_several_infusions(monitor, ward, given, patient, trial):
    other = build.neighbour(patient)
    ward.post(page(other), bedside())
    rows = [given.pk, stored(other).pk]
    ask = f"/trials/{trial.slug}/queries/ask/infusion/"
    assert "Raise queries" in words(monitor.get(listing(trial)))

    shown = monitor.get(ask, {"row": rows})
    assert shown.context["preview"].lines[1].patient_code == other.code
    ready = monitor.post(ask, {"row": rows, "item": "started", "text": "In the file?"})
    assert len(ready.context["preview"].raised) == 2
    confirmed = {"row": rows, "item": "started", "text": "In the file?", "confirm": ready.context["batch"]}
    assert monitor.post(ask, confirmed).status_code == 302
    assert monitor.post(ask, confirmed).status_code == 302
    assert sorted(Query.objects.values_list("target_id", "item")) == [(pk, "started") for pk in sorted(rows)]

    again = monitor.post(ask, {"row": rows, "item": "started", "text": "Once more?"})
    assert [line.refusal for line in again.context["preview"].left_out] == [
        "A query on this item is open already."
    ] * 2


def test_rows_of_another_trial_are_left_out(monitor, given, trial):
    foreign = build.enrolled(trial=build.trial(build.COVID_MSV), on=INCLUDED)
    row = stored(foreign)
    shown = monitor.get(f"/trials/{trial.slug}/queries/ask/infusion/", {"row": [given.pk, row.pk]})
    assert [line.token for line in shown.context["preview"].lines] == [given.pk]
    assert monitor.get(f"/trials/{trial.slug}/queries/ask/weather/").status_code == 404
