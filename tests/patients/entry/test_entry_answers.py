"""Answers at a save: calculations, items not asked, checks, queries of checks and confirmations."""

from datetime import timedelta

import pytest

from accounts.models import User
from audit.context import acting
from patients.casebook.casebook import Casebook
from patients.models import Patient, Query, Visit
from tests.support import build
from tests.support.study.entered_forms import BLOOD_PRESSURE, at, draft, included
from trials.models import Trial

pytestmark = pytest.mark.django_db


def test_a_calculated_value_is_the_servers_and_never_the_senders(patient: Patient, nurse: User) -> None:
    saved = draft(at(patient, nurse), nurse, {**BLOOD_PRESSURE, "map": "999"})
    assert saved.record.values["map"] == "92.0"


def test_an_answer_to_what_is_not_asked_is_not_stored_and_the_trail_keeps_the_old_one(
    patient: Patient, nurse: User
) -> None:
    """AUD-05: values hidden by skip logic stay readable in the history."""
    place = at(patient, nurse, "respiratory_support")
    draft(place, nurse, {"support": "IMV", "peep": "8"})
    saved = draft(place, nurse, {"support": "AIR", "peep": "8"}, base=1)
    assert "peep" not in saved.record.values
    history = saved.record.history.order_by("history_id").values_list("values", flat=True)
    assert [values.get("peep") for values in history] == ["8", None]


def test_an_answer_is_kept_while_nothing_decides_whether_it_is_asked(patient: Patient, nurse: User) -> None:
    """Undetermined is not no: a nurse who enters values out of order loses none."""
    saved = draft(at(patient, nurse, "respiratory_support"), nurse, {"peep": "8"})
    assert saved.record.values == {"peep": "8"}


def test_checks_see_the_other_forms_of_the_patient(patient: Patient, nurse: User) -> None:
    """DAT-08: the weight of the day is compared with the weight at screening."""
    draft(at(patient, nurse, "demography"), nurse, {"weight": "80"})
    saved = draft(at(patient, nurse), nurse, {"weight": "60"})
    assert [query.check_id for query in Query.objects.filter(record=saved.record)] == ["check:VS03"]


def test_an_unusual_value_opens_a_query_that_closes_when_it_is_corrected(
    patient: Patient, nurse: User
) -> None:
    """AUD-10: the system raises it, for the person who saved."""
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"})
    query = Query.objects.get()
    assert (query.item, query.check_id, query.state) == ("hr", "soft_limit", "open")
    assert str(query.text) == "Unusual: expected between 40 and 180 beats/min. Check the value."
    assert query.history.get().history_user_name == f"system:checks for {nurse.username}"
    draft(place, nurse, {"hr": "90"}, base=1)
    query.refresh_from_db()
    assert (query.state, str(query.closed_because)) == ("closed", "The value was corrected.")


def test_a_confirmed_value_is_not_asked_about_again(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"}, confirmed={"hr": "Fever of 41"})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Fever of 41")
    draft(place, nurse, {"hr": "190", "rr": "20"}, base=1)
    assert Query.objects.count() == 1
    draft(place, nurse, {"hr": "195", "rr": "20"}, base=2)
    assert list(Query.objects.values_list("state", flat=True)) == ["closed", "open"]


def test_a_later_confirmation_closes_the_query_by_the_person(patient: Patient, nurse: User) -> None:
    place = at(patient, nurse)
    draft(place, nurse, {"hr": "190"})
    draft(place, nurse, {"hr": "190"}, base=1, confirmed={"hr": "Fever of 41"})
    query = Query.objects.get()
    assert (query.state, query.closed_because) == ("closed", "Fever of 41")
    assert query.history.order_by("history_id").last().history_user_name == nurse.username


def test_a_query_about_a_cell_names_its_row_and_column(trial: Trial, nurse: User) -> None:
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    included(patient)
    rows = [{"time_point": "START", "hr": "80"}, {"time_point": "END", "hr": "190"}]
    draft(at(patient, nurse, "infusion_monitoring", "INF1"), nurse, {"series": rows})
    query = Query.objects.get()
    row = query.record.values["series"][1]["_row"]
    assert (query.item, query.row, query.column, query.check_id) == ("series", row, "hr", "soft_limit")


def test_expressions_see_the_visit_before_and_the_same_visit(patient: Patient, nurse: User) -> None:
    """`previous` is the record of the form at the visit before; another form is that of the same visit."""
    included(patient)
    first = patient.screened_on + timedelta(days=1)
    with acting(system="test"):
        for number, code in enumerate(("INF1", "D1", "D2")):
            Visit.objects.filter(patient=patient, code=code).update(planned_on=first + timedelta(days=number))
    for visit, rate in (("INF1", "70"), ("D1", "71"), ("D2", "72")):
        draft(at(patient, nurse, "vitals", visit), nurse, {"hr": rate})
    casebook = Casebook.open(user=nurse, trial=patient.trial, code=patient.code)
    scope = casebook.scope(casebook.place("vitals", "D1"), {"hr": "99"})
    assert (scope.get("hr"), scope.get("previous(hr)"), scope.get("last(hr)")) == ("99", "70", "99")
    other = casebook.scope(casebook.place("respiratory_support", "D1"), {})
    assert other.get("vitals.hr") == "71"
    assert other.get("previous(vitals.hr)") == "70"
