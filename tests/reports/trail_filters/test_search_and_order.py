"""Filters of the trail by words, days, people and data; its count, order and pages (AUD-11)."""

from datetime import timedelta

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from audit.models import TrailIndexRow
from audit.trail_index import building, finding
from patients.models import Record
from tests.reports.trail_filters.conftest import MONDAY, change, history, rows_of
from tests.support import build
from tests.support.pages.trail_pages import everything, lines, text_of, url, vitals, vitals_of_number

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


def test_a_search_finds_words_of_values_and_reasons(trial, patient, coordinator, inspector):
    """AUD-11: old and new values, numbers with their decimals, accents and case ignored; all words must be there."""
    record = vitals(patient, temp="37.34")
    change(record, coordinator, reason="Mesuré à l’oreille", temp="38.1")
    first, second = history(record)

    assert rows_of(lines(inspector, trial, search="37.34")) == [second, first]
    assert rows_of(lines(inspector, trial, search="37,34")) == [second, first]
    assert rows_of(lines(inspector, trial, search="mesure OREIL")) == [second]
    assert rows_of(lines(inspector, trial, search="mesure 99.9")) == []
    assert rows_of(lines(inspector, trial, search="'\" ) OR 1=1 --")) == []


def test_a_search_that_matches_everything_has_pages(trial, patient, inspector):
    """AUD-11."""
    with acting(system="test", reason="routine"):
        for number in range(60):
            Record.objects.create(
                patient=patient,
                protocol=patient.protocol,
                form="medication",
                repeat=number,
                state="draft",
                values={},
            )
    browser, address, seen = build.client(inspector), url(trial, search="routine"), []
    while address:
        listing = browser.get(address).context["listing"]
        seen += [line.entry.row.repeat for line in listing.lines]
        address = listing.next_url

    assert seen == list(range(59, -1, -1))
    assert listing.count_words == "60 entries"


def test_the_oldest_entries_come_first_if_asked_for(trial, patient, inspector):
    """AUD-11: the same entries, the other way round, over all pages."""
    for number in range(70):
        vitals_of_number(patient, number)
    browser = build.client(inspector)

    def numbers(**filters):
        address, seen = url(trial, form="concomitant_medication", **filters), []
        while address:
            listing = browser.get(address).context["listing"]
            seen += [line.entry.row.repeat for line in listing.lines]
            address = listing.next_url
        return seen

    assert numbers(order="oldest") == list(range(70)) == numbers()[::-1]


def test_the_count_is_exact_up_to_a_limit_and_says_more_beyond(trial, patient, inspector, monkeypatch):
    """AUD-11."""
    for number in range(12):
        vitals_of_number(patient, number)
    assert "12 entries" in text_of(build.client(inspector).get(url(trial, form="concomitant_medication")))
    monkeypatch.setattr(finding, "COUNTED", 10)
    monkeypatch.setattr(finding.count, "__kwdefaults__", {"most": 10})

    assert "More than 10,000 entries" in text_of(
        build.client(inspector).get(url(trial, form="concomitant_medication"))
    )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_days_are_found_although_the_clock_ran_backwards_unnoticed(trial, patient, inspector):
    """AUD-11, P11-02: an entry of an earlier time that was indexed later is found by its own day."""
    for number, day in enumerate((8, 3)):
        with time_machine.travel(MONDAY + timedelta(days=day), tick=False):
            vitals_of_number(patient, number)
            assert building.refresh()
    with time_machine.travel(MONDAY + timedelta(days=9), tick=False):

        def numbers(**days):
            found = lines(inspector, trial, form="concomitant_medication", **days)
            return [line.entry.row.repeat for line in found]

        assert numbers(until="18-Sep-2026") == [1]
        assert numbers(since="18-Sep-2026") == [0]
        assert numbers(since="17-Sep-2026", until="22-Sep-2026") == [1, 0]


def test_entries_about_a_person_by_anybody(trial, coordinator, inspector):
    """AUD-11, ACC-03: the role and the account of a person, not what the person did."""
    found = lines(inspector, trial, about=coordinator.username)

    assert {line.entry.source for line in found} >= {"accounts.user", "trials.delegation"}
    assert {str(line.subject.title) for line in found} >= {
        "Role of Claire Lambert",
        "Account of Claire Lambert",
    }
    assert "patients.patient" not in {line.entry.source for line in found}


def test_a_kind_of_event_a_session_an_address_and_a_named_person(trial, coordinator, inspector):
    """AUD-11, AUD-08."""
    browser = build.client(inspector)
    browser.get(url(trial, format="csv"), REMOTE_ADDR="192.0.2.9")
    (exported,) = lines(inspector, trial, kind="exported")
    with acting(user=coordinator, origin="command"):
        User.objects.filter(pk=coordinator.pk).update(email="c.lambert@example.org")
    commanded = lines(inspector, trial, origin="command", user="*")

    assert {line.entry.row.pk for line in lines(inspector, trial, address="192.0.2.9")} == {
        exported.entry.row.pk
    }
    assert exported.entry.row.pk in {
        line.entry.row.pk for line in lines(inspector, trial, session=exported.entry.session, kind="access")
    }
    assert "Account of Claire Lambert" in {line.subject.title for line in commanded}
    assert {line.entry.row.history_user_id is not None for line in commanded} == {True}


def test_watched_data_are_those_that_the_protocol_file_names(trial, patient, coordinator, inspector):
    """AUD-11: eligibility means what the criteria read; serious events every adverse event."""
    record = vitals(patient, spo2="90", temp="37.0")
    change(record, coordinator, spo2="90", temp="37.5")
    change(record, coordinator, spo2="94", temp="37.5")
    build.event(patient=patient, by=build.user("investigator", trial=trial))
    found = lines(inspector, trial, watch="serious_events")

    assert {line.entry.source for line in found} == {"safety.adverseevent"}
    assert {line.entry.source for line in lines(inspector, trial, watch="dose")} <= {
        "dosing.infusion",
        "dosing.preparation",
    }
    eligibility = {line.entry.source for line in lines(inspector, trial, watch="eligibility")}
    assert eligibility <= {"patients.record", "patients.eligibilitydecision"}


def test_filters_counts_and_searches_do_not_tell_the_arms_apart():
    """AUD-15, BLD-03: whether a patient got cells changes no answer to a blinded reader."""
    masked = build.trial(build.COVID_MSV)
    patient = build.patient(trial=masked)
    monitor = build.user("monitor", trial=masked)
    asked = [
        {},
        {"search": "a"},
        {"watch": "dose"},
        {"patient": patient.code},
        {"kind": "access"},
        {"state": "outside"},
    ]
    everyone = [lambda filters: [line.entry.source for line in lines(monitor, masked, **filters)]]
    before = [ask(filters) for filters in asked for ask in everyone]
    everything(masked, patient)
    hidden = TrailIndexRow.objects.none()
    building.refresh()
    hidden = TrailIndexRow.objects.filter(see="see_treatment")
    after = [ask(filters) for filters in asked for ask in everyone]

    assert hidden.exists()
    assert not {"dosing.preparation", "dosing.allocationslot", "audit.signature"} & {
        s for found in after for s in found
    }
    assert [len(found) for found in after] >= [len(found) for found in before]


def test_the_index_is_made_again_the_same(trial, patient, coordinator, inspector):
    """AUD-14: it is derived from the trail alone."""
    record = vitals(patient, sbp="80")
    change(record, coordinator, reason="typing error", sbp="81")
    building.refresh()
    before = list(TrailIndexRow.objects.order_by("id").values())
    building.rebuild()
    building.refresh()

    assert list(TrailIndexRow.objects.order_by("id").values()) == before
    assert len(before) > 5
    assert rows_of(lines(inspector, trial, search="typing")) == [history(record)[-1]]
