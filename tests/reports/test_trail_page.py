"""The page of the trail: what each role sees, filters, old and new values as text, CSV, and recorded reviews."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from audit import signatures
from audit.context import acting
from audit.models import AccessEvent, TrailReview
from audit.trail import trail_of
from audit.trail_index import building
from audit.trail_reading import reading
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import TrailPosition
from audit.trail_reading.sources import Filter
from patients.models import Identity, Patient, Record
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.trail_pages import (
    cells_of,
    everything,
    lines,
    text_of,
    url,
    vitals,
    vitals_of_number,
)
from tests.support.trail_clock import trail_now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
EVERYTHING = frozenset({"see_identity", "see_treatment", "see_people"})


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial, full_name="Claire Lambert")


@pytest.fixture
def patient(trial, coordinator):
    return build.patient(trial=trial, by=coordinator, name="Jan Peeters")


def test_a_change_shows_who_what_when_why_and_both_values_in_words(trial, patient, coordinator):
    """AUD-02, AUD-11."""
    record = vitals(patient, sbp="80", dbp="95")
    with acting(user=coordinator, role="coordinator", reason="Read again", origin="web"):
        Record.objects.filter(pk=record.pk).update(values={"sbp": "84", "dbp": "95"})
    line = lines(coordinator, trial, form="vitals", kind="changed")[0]
    item = patient.protocol.rules.forms["vitals"].item("sbp")

    assert (line.entry.full_name, line.role, line.entry.reason) == (
        "Claire Lambert",
        "Study coordinator",
        "Read again",
    )
    assert (line.kind, line.origin, line.patient) == ("Changed", "Page", patient)
    assert cells_of(line)[0][0] == item.label.in_language("en")
    assert cells_of(line)[0][1].startswith("80")
    assert cells_of(line)[0][2].startswith("84")
    assert len(line.changes) == 1
    assert re.fullmatch(r"\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d \+0[12]:00", line.when)


def test_an_entry_leads_to_what_it_is_about(trial, patient, coordinator):
    record = vitals(patient, sbp="80")
    (line,) = lines(coordinator, trial, form="vitals")

    assert line.subject.url == reverse(
        "patients:log", args=[trial.slug, patient.code, "vitals", record.repeat]
    )
    assert "Vital signs" in line.subject.title


def test_missing_codes_and_choices_are_in_words(trial, patient, coordinator):
    """AUD-02: raw and decoded."""
    record = vitals(patient, sbp={"missing": "ND"})
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(state="complete")
    changed, created = lines(coordinator, trial, form="vitals")

    assert cells_of(created)[0][2] == "Not done"
    assert cells_of(changed) == [("Status", "Draft", "Complete")]


def test_a_password_change_is_reported_without_the_password(trial, coordinator, manager):
    with acting(user=coordinator):
        coordinator.set_password("an other long password")
        coordinator.save()
    line = lines(manager, trial, form="accounts.user", kind="changed")[0]

    assert cells_of(line) == [("Password", "", "changed (not shown)")]


FILTERS = [
    ({"form": "vitals"}, {"patients.record"}),
    ({"form": "patients.consent"}, {"patients.consent"}),
    ({"form": "vitals", "item": "sbp"}, {"patients.record"}),
    ({"form": "safety.adverseevent", "item": "grade"}, {"safety.adverseevent"}),
    ({"kind": "access"}, {"access"}),
    ({"kind": "deleted"}, set()),
    ({"origin": "import"}, set()),
    ({"role": "monitor"}, set()),
    ({"user": "-", "form": "vitals"}, {"patients.record"}),
]


@pytest.mark.parametrize(("filters", "sources"), FILTERS, ids=[str(filters) for filters, _sources in FILTERS])
def test_each_filter_keeps_what_it_says(trial, patient, coordinator, filters, sources):
    """AUD-11."""
    vitals(patient, sbp="80")
    build.event(patient=patient, by=build.user("investigator", trial=trial))
    found = {line.entry.source for line in lines(coordinator, trial, **filters)}

    assert found <= sources if "access" in sources else found == sources


def test_a_filter_for_an_item_keeps_only_entries_in_which_it_changed(trial, patient, coordinator):
    """AUD-05: the history of a field is one click away."""
    record = vitals(patient, sbp="80", dbp="95")
    for values in ({"sbp": "81", "dbp": "95"}, {"sbp": "81", "dbp": "96"}, {"dbp": "96"}):
        with acting(system="test"):
            Record.objects.filter(pk=record.pk).update(values=values)
    found = lines(coordinator, trial, patient=patient.code, form="vitals", item="sbp")
    first = [line.first for line in found]

    assert [(change.old[:2], change.new[:2]) for change in first] == [("81", ""), ("80", "81"), ("", "80")]


def test_filters_of_patient_person_and_day(trial, patient, coordinator):
    other = build.patient(trial=trial)
    today = trail_now().astimezone(trial.zone).date()
    assert {line.patient for line in lines(coordinator, trial, patient=patient.code)} == {patient}
    assert other.code not in {
        line.patient.code for line in lines(coordinator, trial, user=coordinator.username) if line.patient
    }
    assert lines(coordinator, trial, since=today.isoformat(), until=today.isoformat())
    # Of the patient only: the database was migrated on the real day, which its trail tells.
    tomorrow, yesterday = ((today + timedelta(days=days)).isoformat() for days in (1, -1))
    assert lines(coordinator, trial, patient=patient.code, since=tomorrow) == []
    assert lines(coordinator, trial, patient=patient.code, until=yesterday) == []


def test_one_row_alone_can_be_followed(trial, patient, coordinator):
    one, two = vitals(patient, sbp="80"), build.patient(trial=trial)
    found = lines(coordinator, trial, row=f"patients.record:{one.pk}")

    assert [line.entry.row.id for line in found] == [one.pk]
    assert (
        lines(coordinator, trial, row=f"patients.patient:{two.pk}")[0].subject.title == f"Patient {two.code}"
    )


@pytest.mark.parametrize(
    "filters", [{"patient": "XXX-001"}, {"kind": "burnt"}, {"since": "31-Feb-2026"}, {"row": "drop table"}]
)
def test_a_filter_that_cannot_be_read_is_refused_beside_its_field(trial, coordinator, filters):
    response = build.client(coordinator).get(url(trial, **filters))

    assert response.status_code == 400
    assert response.context["listing"].form.errors.keys() == filters.keys()
    assert response.context["listing"].lines == []


@pytest.mark.parametrize("after", ["x", "2026~1", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z~-1", "~"])
def test_a_page_that_is_none_is_refused(trial, coordinator, after):
    assert build.client(coordinator).get(url(trial, after=after)).status_code == 400


def test_pages_show_every_entry_once_also_at_the_same_instant(trial, patient, coordinator):
    """Keyset paging: a position is a time and a count, so that no row number leaves the server."""
    with time_machine.travel(datetime(2027, 7, 1, 12, tzinfo=UTC), tick=False):
        for number in range(130):
            vitals_of_number(patient, number)
    browser, address, seen = build.client(coordinator), url(trial, form="concomitant_medication"), []
    while address:
        page = browser.get(address).context["listing"]
        seen += [line.entry.row.repeat for line in page.lines]
        address = page.next_url

    assert sorted(seen) == list(range(130))
    assert len(seen) == 130


def test_a_place_is_read_as_it_was_written():
    place = TrailPosition(datetime(2026, 3, 1, 9, 30, 0, 25, tzinfo=UTC), 3)

    assert TrailPosition.read(str(place)) == place


@pytest.mark.parametrize("count", [1, 3])
def test_a_page_costs_the_same_whatever_its_length(trial, coordinator, count, django_assert_max_num_queries):
    """AUD-11: a few statements, and one per related model."""
    for _ in range(count):
        subject = build.patient(trial=trial, by=coordinator)
        by = build.user("investigator", trial=trial)
        event = build.event(patient=subject, by=by)
        everything(trial, subject)
        with acting(user=by):
            signatures.sign(target=event, meaning="review", password=build.PASSWORD, by=by)
    browser = build.client(build.user("inspector", trial=trial))
    # New entries are indexed by whoever reads the trail first: some statements for each table that has any.
    building.refresh()
    with django_assert_max_num_queries(27):
        response = browser.get(url(trial))

    assert len({line.entry.source for line in response.context["listing"].lines}) >= 10


def test_identities_are_shown_to_those_who_may_see_them(trial, patient, coordinator):
    """PRV-01."""
    assert trail_of(Identity).see == "see_identity"
    assert "Jan Peeters" in text_of(build.client(coordinator).get(url(trial)))
    assert "Jan Peeters" not in text_of(build.client(build.user("monitor", trial=trial)).get(url(trial)))


def test_the_trail_of_another_trial_is_not_shown(trial, coordinator):
    trial_masked = build.trial(build.COVID_MSV)
    other = build.patient(trial=trial_masked)
    found = lines(coordinator, trial)

    assert other.pk not in {line.entry.patient_id for line in found}
    assert build.client(coordinator).get(url(trial_masked)).status_code == 404


def test_who_may_not_read_the_trail_is_refused(trial):
    assert build.client(build.user("cell_laboratory", trial=trial)).get(url(trial)).status_code == 403


def rows_of(response) -> list[dict[str, str]]:
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


def test_the_csv_holds_one_row_per_change_of_the_same_filter(trial, patient, manager):
    """AUD-11: as many as on the screen, over all pages."""
    for number in range(60):
        vitals_of_number(patient, number)
    vitals(patient, sbp="80", dbp="95")
    shown = lines(manager, trial, form="vitals")
    browser = build.client(manager)
    asked = rows_of(browser.get(url(trial, form="vitals", format="csv")))
    whole = rows_of(browser.get(url(trial, patient=patient.code, format="csv")))

    assert len(asked) == sum(len(line.changes) for line in shown)
    assert {row["field"] for row in asked} >= {"sbp", "dbp"}
    assert {row["patient"] for row in asked} == {patient.code}
    assert len({row["subject"] for row in whole if row["table"] == "patients.record"}) == 61


def test_the_csv_disarms_formulas_in_what_people_typed(trial, patient, manager):
    """SEC-15."""
    with acting(system="test", reason='=HYPERLINK("http://x")'):
        Patient.objects.filter(pk=patient.pk).update(failure_reason="=1+1")
    row = rows_of(build.client(manager).get(url(trial, form="patients.patient", format="csv")))[0]

    assert row["new"] == "'=1+1"
    assert row["reason"].startswith("'=")


def test_taking_the_csv_is_an_event(trial, patient, manager):
    """AUD-08."""
    build.client(manager).get(url(trial, form="vitals", format="csv"))
    event = AccessEvent.objects.get(kind="exported")

    told = {"listing": "trail", "filters": "form=vitals", "channel": "trail", "treatment": True}
    told["filters in words"] = "Form or table: Vital signs"
    assert (event.user_id, event.detail) == (manager.pk, {**told, "stage": "started"})


def test_the_review_is_recorded_with_its_filter_and_conclusion(trial, patient, manager):
    """AUD-11: reviewer, filter, time, number of entries and conclusion."""
    vitals(patient, sbp="80")
    browser = build.client(manager)
    response = browser.post(
        url(trial, form="vitals", kind=""),
        {"conclusion": "Nothing unusual.", "finding": "nothing"},
        follow=True,
    )
    review = TrailReview.objects.get()

    assert response.status_code == 200
    assert (review.reviewer_id, review.role, review.conclusion) == (
        manager.pk,
        "data_manager",
        "Nothing unusual.",
    )
    assert (review.rows_seen, review.filters["query"]) == (1, "form=vitals")
    (line,) = lines(manager, trial, kind="review")
    assert ("Conclusion", "", "Nothing unusual.") in cells_of(line)
    assert line.subject.url.endswith("?form=vitals")


def test_a_review_without_a_conclusion_is_not_recorded(trial, manager):
    response = build.client(manager).post(url(trial), {"conclusion": "  ", "finding": "nothing"})

    assert response.status_code == 400
    assert response.context["review"].errors.keys() == {"conclusion"}
    assert not TrailReview.objects.exists()


def test_who_may_not_review_has_no_form_and_is_refused(trial, coordinator):
    browser = build.client(coordinator)

    assert browser.get(url(trial)).context["review"] is None
    assert browser.post(url(trial), {"conclusion": "All good."}).status_code == 403


def test_the_history_of_one_row_and_one_item(trial, patient):
    """AUD-05."""
    record = vitals(patient, sbp="80")
    with acting(system="test", reason="Read again"):
        Record.objects.filter(pk=record.pk).update(values={"sbp": "81", "dbp": "95"})
        Record.objects.filter(pk=record.pk).update(values={"sbp": "81", "dbp": "96"})
    reader = Reader(language="en", zone="Europe/Brussels")

    def entries(item: str = "") -> list[reading.TrailEntry]:
        wanted = Filter(trial_id=trial.pk, row=("patients.record", record.pk), item=item)
        return reading.page(wanted, may={"see_trail"}, reader=reader).entries

    assert len(entries()) == 3
    assert [entry.reason for entry in entries("sbp")] == ["Read again", ""]


def test_counting_counts_what_the_pages_show(trial, patient):
    everything(trial, patient)
    wanted = Filter(trial_id=trial.pk)
    reader = Reader(language="en", zone="UTC")
    shown = sum(len(entries) for entries in reading.pages(wanted, may=EVERYTHING, reader=reader))

    assert reading.count(wanted, may=EVERYTHING) == shown > 10


def test_an_adverse_event_can_be_followed_by_a_column(trial, patient, coordinator):
    event = build.event(patient=patient, by=build.user("investigator", trial=trial))
    with acting(system="test"):
        AdverseEvent.objects.filter(pk=event.pk).update(term="Chills")
        AdverseEvent.objects.filter(pk=event.pk).update(grade=2)
    found = lines(coordinator, trial, form="safety.adverseevent", item="grade")

    assert [line.first.new for line in found] == ["2", "1"]
