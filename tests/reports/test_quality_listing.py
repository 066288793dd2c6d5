"""The data-quality listing: missing, late, out-of-range and unresolved data, each linked to its field."""

import csv
import io
from datetime import datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import acting
from patients.models import Query, Record, Visit
from patients.participation.visit_status import required_at
from patients.participation.visits import hold_visit
from reports.quality.flags import (
    CHECK,
    CONTRADICTION,
    CORRECTED,
    DECISION,
    KINDS,
    LATE,
    MISSING,
    NOT_BEGUN,
    OUTDATED,
    RANGE,
)
from tests.support import build
from tests.support.study.reference_ranges import central, given

pytestmark = pytest.mark.django_db

ODD = {"temp": "41.5", "hr": {"missing": "ND", "reason": "Cuff broken"}, "rr": "18"}


@pytest.fixture
def patient(trial, nurse):
    """Return a patient whose screening visit was held, with one draft that has odd values."""
    found = build.patient(trial=trial, by=nurse)
    build.consent(found, by=nurse)
    visit = Visit.objects.get(patient=found, code="SCR")
    with acting(user=nurse, role="coordinator"):
        hold_visit(visit=visit, on=found.screened_on, by=nurse)
    build.record(found, "vitals", ODD, draft=True, by=nurse)
    return found


def listed(trial, person=None, **query) -> list:
    desk = build.client(person or build.user("monitor", trial=trial))
    return [row.object for row in desk.get(f"/trials/{trial.slug}/quality/", query).context["listing"].rows]


def kinds(rows) -> set[str]:
    return {row.kind for row in rows}


def test_a_form_of_a_held_visit_that_nobody_began_is_missing(trial, patient):
    rows = listed(trial, kind=NOT_BEGUN)
    wanted = required_at(trial.rules, "SCR") - {"vitals"}
    assert {row.form for row in rows} == wanted
    assert (
        rows[0].url(trial.slug) == f"/trials/{trial.slug}/patients/{patient.code}/visits/SCR/{rows[0].form}/"
    )


def test_a_visit_that_is_not_due_yet_lacks_nothing(trial, nurse):
    build.patient(trial=trial, by=nurse, screened_on=trial.today)
    assert listed(trial, kind=NOT_BEGUN) == []


def test_a_value_marked_as_missing_is_listed_with_its_reason_and_leads_to_its_field(trial, patient):
    """DAT-02: a missing value is explicit and reviewed."""
    (row,) = listed(trial, kind=MISSING)
    assert row.item == "hr"
    assert "Cuff broken" in row.note
    assert row.url(trial.slug).endswith("/visits/SCR/vitals/?field=hr#hr")


def test_a_value_outside_its_limits_is_listed(trial, patient):
    (row,) = listed(trial, kind=RANGE)
    assert (row.item, "high" in row.note) == ("temp", True)


def test_a_check_that_nobody_has_resolved_is_listed_until_it_is(trial, patient):
    (row,) = listed(trial, kind=CHECK)
    assert row.item == "temp"
    with acting(system="test"):
        Query.objects.update(state="closed", closed_at=timezone.now(), closed_because="Confirmed")
    assert listed(trial, kind=CHECK) == []


def test_a_form_that_was_completed_long_after_the_visit_is_late(trial, patient):
    """DAT-06: days from the visit to the complete form, compared with the reader's threshold."""
    held = Visit.objects.get(patient=patient, code="SCR").held_on
    with acting(system="test"):
        done = datetime.combine(held + timedelta(days=5), time(12), tzinfo=trial.zone)
        Record.objects.update(state="complete", completed_at=done)
    (row,) = listed(trial, kind=LATE, days=4)
    assert (row.days, "5 days after the visit" in row.note) == (5, True)
    assert listed(trial, kind=LATE, days=5) == []
    rare = {OUTDATED, CONTRADICTION, DECISION, CORRECTED}
    assert kinds(listed(trial, days=4)) == set(KINDS) - rare
    assert kinds(listed(trial, days=5)) == set(KINDS) - {LATE} - rare


def test_a_draft_of_a_visit_long_past_is_late_while_it_is_not_complete(trial, patient):
    (row,) = listed(trial, kind=LATE)
    assert row.days == 40
    assert "not complete" in row.note


def test_a_form_entered_in_error_has_no_rows(trial, patient, nurse):
    with acting(system="test"):
        Record.objects.update(state="struck_out", struck_out_reason="Wrong patient")
    assert kinds(listed(trial)) == {NOT_BEGUN}


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ({"form_code": "vitals"}, {"", "hr", "temp"}),
        ({"form_code": "demography", "kind": MISSING}, set()),
        ({"visit": "D28"}, set()),
        ({"visit": "SCR", "kind": RANGE}, {"temp"}),
        ({"patient": "001", "kind": RANGE}, {"temp"}),
        ({"patient": "002"}, set()),
    ],
)
def test_filters_narrow_the_rows(trial, patient, query, items):
    assert {row.item for row in listed(trial, **query)} == items


@pytest.mark.parametrize(
    "query",
    ["kind=odd", "form_code=nothing", "visit=X", "days=-1", "days=x", "after=x", "after=v.1", "sort=patient"],
)
def test_an_address_that_no_link_makes_is_refused(trial, query):
    assert (
        build.client(build.user("monitor", trial=trial))
        .get(f"/trials/{trial.slug}/quality/?{query}")
        .status_code
        == 400
    )


def many(trial, patient, number: int, *, form: str = "vitals", values=ODD) -> None:
    """Create this many unscheduled visits, each with a copy of the odd form."""
    with acting(system="test"):
        visits = Visit.objects.bulk_create(
            Visit(
                patient=patient,
                code="UNS",
                number=each,
                position=900,
                state="held",
                held_on=patient.screened_on,
                reason="-",
            )
            for each in range(1, number + 1)
        )
        Record.objects.bulk_create(
            Record(
                patient=patient,
                visit=visit,
                protocol=patient.protocol,
                form=form,
                state="draft",
                values=values,
            )
            for visit in visits
        )


def test_the_pages_together_hold_every_row_once(trial, patient):
    many(trial, patient, 120)
    desk, address, found = build.client(build.user("monitor", trial=trial)), "?kind=range", []
    while address:
        page = desk.get(f"/trials/{trial.slug}/quality/{address}").context["listing"]
        found += [row.object.pk for row in page.rows]
        address = page.next_url
    assert len(found) == len(set(found)) == 121


@pytest.mark.parametrize(
    "query", ["", "?kind=not_begun", "?kind=missing", "?kind=late", "?kind=range", "?kind=check"]
)
def test_a_page_costs_the_same_statements_with_one_form_and_with_hundreds(trial, patient, query):
    desk, place = build.client(build.user("monitor", trial=trial)), f"/trials/{trial.slug}/quality/{query}"
    desk.get(place)
    costs = []
    for number in (0, 2, 300):
        many(trial, build.patient(trial=trial), number)
        with CaptureQueriesContext(connection) as statements:
            assert desk.get(place).status_code == 200
        costs.append(len(statements))
    assert costs == sorted(costs, reverse=True), "a page that is full sooner asks less"
    assert not query or len(set(costs)) == 1
    assert max(costs) <= 16


def test_a_score_older_than_its_source_is_listed_until_its_form_is_saved_again(trial, patient, nurse):
    """DAT-06: a stored score whose source changed links to its field; before the change nothing is listed."""
    build.record(patient, "news2", {"spo2_scale": "1"}, draft=True, by=nurse)
    assert listed(trial, kind=OUTDATED) == []
    with acting(system="test"):
        Record.objects.filter(form="vitals").update(values={**ODD, "rr": "26"})
    (row,) = listed(trial, kind=OUTDATED)
    assert (row.form, row.item) == ("news2", "respiration")
    assert row.note == "stored: 0; the answers give 3 now: save the form again"
    assert row.url(trial.slug).endswith("/visits/SCR/news2/?field=respiration#respiration")
    assert OUTDATED in kinds(listed(trial))
    with acting(system="test"):
        saved = {"spo2_scale": "1", "respiration": "3", "temperature": "2"}
        Record.objects.filter(form="news2").update(values=saved)
    assert listed(trial, kind=OUTDATED) == []


@pytest.mark.parametrize("query", ["?after=r.0.0", "?kind=outdated"])
def test_outdated_scores_cost_the_same_statements_for_one_patient_and_for_several(trial, patient, query):
    desk, place = build.client(build.user("monitor", trial=trial)), f"/trials/{trial.slug}/quality/{query}"
    old, costs = {"spo2_scale": "1", "respiration": "3"}, []
    many(trial, patient, 1, form="news2", values=old)
    for more in (0, 2):
        for _each in range(more):
            many(trial, build.patient(trial=trial), 2, form="news2", values=old)
        with CaptureQueriesContext(connection) as statements:
            page = desk.get(place)
        found = [row.object for row in page.context["listing"].rows if row.object.kind == OUTDATED]
        assert len(found) == 1 + 2 * more
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 17


def test_the_csv_holds_every_row_of_the_filters(trial, patient):
    many(trial, patient, 120)
    desk = build.client(build.user("data_manager", trial=trial))
    sent = desk.get(f"/trials/{trial.slug}/quality/?kind=missing&format=csv")
    text = b"".join(sent.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(rows) == 121
    assert {(row["item"], row["kind"], row["patient"]) for row in rows} == {("hr", "missing", patient.code)}


def test_rows_of_another_trial_are_not_listed(trial, patient):
    other = build.trial(build.COVID_MSV)
    assert listed(other) == []


def test_a_data_manager_asks_about_what_the_list_shows(trial, patient):
    """A form not begun has no value to ask about; a value with an open query is left out."""
    person = build.user("data_manager", trial=trial)
    desk = build.client(person)
    ask = f"/trials/{trial.slug}/quality/ask/"
    page = desk.get(f"{ask}?all=1")
    preview = page.context["preview"]
    assert {line.target.item for line in preview.raised} == {"hr"}
    assert [(line.target.item, line.refusal) for line in preview.left_out] == [
        ("temp", "A query on this item is open already.")
    ]
    rows = [line.token for line in preview.raised]
    sent = desk.post(ask, {"row": rows, "text": "Please complete", "confirm": "a" * 32})
    assert sent["Location"] == f"/trials/{trial.slug}/quality/"
    query = Query.objects.get(origin="data_manager")
    assert (query.item, query.text, query.opened_by) == ("hr", "Please complete", person)


def test_a_page_that_found_nothing_so_far_says_that_there_is_more_to_look_through(
    trial, patient, monkeypatch
):
    """The cost of a page is bounded; a rare flag may be thousands of forms further on."""
    monkeypatch.setattr("reports.quality.rows.RECORDS_FOR_RANGE", 2)
    with acting(system="test"):
        Record.objects.update(values={"hr": "72"})
    many(trial, build.patient(trial=trial), 4)
    desk, place = build.client(build.user("monitor", trial=trial)), f"/trials/{trial.slug}/quality/"
    with acting(system="test"):
        Record.objects.filter(visit__number=1).update(values={"hr": "72"})
    first = desk.get(f"{place}?kind=range")
    assert "Look further" in first.content.decode()
    further = desk.get(f"{place}{first.context['listing'].next_url}")
    assert [row.object.item for row in further.context["listing"].rows] == ["temp", "temp"]


def test_a_laboratory_value_is_evaluated_by_its_reference_range_and_never_by_its_soft_limits(
    trial, patient, nurse
):
    """LAB-03: without a reference range nothing is out of range; with one, the row names it."""
    build.record(patient, "biochemistry", {"crp": "12.0"}, draft=True, by=nurse)
    assert listed(trial, kind=RANGE, form_code="biochemistry") == []
    given(central(trial))
    (row,) = listed(trial, kind=RANGE, form_code="biochemistry")
    assert row.item == "crp"
    assert "high" in row.note
    assert "Reference ≤ 5 mg/L" in row.note
