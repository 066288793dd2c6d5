"""Filters of the trail by circumstances, its search, count, order and pages (AUD-11)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import TrailIndexRow
from audit.trail_index import building, finding
from audit.trail_reading.sources import Filter, WorkingHours
from patients.models import DataLock, Record
from tests.support import build
from tests.support.pages.trail_pages import everything, lines, text_of, url, vitals, vitals_of_number

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
MONDAY = datetime(2026, 9, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial)


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial, full_name="Claire Lambert")


@pytest.fixture
def patient(trial, coordinator):
    return build.patient(trial=trial, by=coordinator)


def change(record, by, reason="", **values):
    with acting(user=by, role="coordinator", reason=reason, origin="web"):
        Record.objects.filter(pk=record.pk).update(values=values)


def rows_of(found, source="patients.record"):
    return [line.entry.row.history_id for line in found if line.entry.source == source]


def history(record):
    return list(record.history.order_by("history_id").values_list("history_id", flat=True))


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
def test_what_changed_after_a_signature(trial, patient, coordinator, inspector):
    """AUD-11, P11-07: the change of the signed form and the signature that became invalid, nothing before."""
    record = vitals(patient, sbp="80")
    other = vitals_elsewhere(patient)
    by = build.user("investigator", trial=trial)
    with acting(user=by, role="investigator"):
        signatures.sign(target=record, meaning="review", password=build.PASSWORD, by=by)
    change(record, coordinator, reason="typing error", sbp="81")
    change(other, coordinator, reason="typing error", sbp="99")
    found = lines(inspector, trial, state="after_signature")

    assert rows_of(found) == [history(record)[-1]]
    assert [line.kind for line in found if line.entry.source == "audit.signature"] == [
        "Signature invalidated"
    ]


def vitals_elsewhere(patient):
    with acting(system="test"):
        return Record.objects.create(
            patient=patient,
            protocol=patient.protocol,
            form="vitals",
            repeat=9,
            state="draft",
            values={"sbp": "70"},
        )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_was_written_under_a_lock_and_changed_after_its_release(trial, patient, coordinator, inspector):
    """AUD-11, ACC-08."""
    record = vitals(patient, sbp="80")
    manager, monitor = build.user("data_manager", trial=trial), build.user("monitor", trial=trial)
    with acting(user=manager, role="data_manager", reason="all in"):
        lock = DataLock.objects.create(
            level="record",
            kind="lock",
            trial=trial,
            patient=patient,
            record=record,
            set_by=manager,
            reason="all in",
        )
    with acting(user=manager, role="data_manager", reason="to correct"):
        DataLock.objects.filter(pk=lock.pk).update(
            released_at=timezone.now(), released_by=manager, asked_by=monitor, release_reason="to correct"
        )
    change(record, coordinator, reason="read again", sbp="82")

    assert rows_of(lines(inspector, trial, state="after_unlock")) == [history(record)[-1]]
    assert rows_of(lines(inspector, trial, state="after_lock")) == []


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_changed_after_inclusion(trial, coordinator, inspector):
    """AUD-11."""
    subject = build.patient(trial=trial, by=coordinator)
    before = vitals(subject, sbp="80")
    with acting(user=coordinator, role="coordinator"):
        type(subject).objects.filter(pk=subject.pk).update(enrolled_at=timezone.now())
    change(before, coordinator, sbp="81")

    assert rows_of(lines(inspector, trial, state="after_inclusion")) == [history(before)[-1]]


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("moment", "outside"),
    [
        (MONDAY, False),
        (MONDAY.replace(hour=4), True),  # 06:00 at the site
        (MONDAY.replace(hour=5), False),  # 07:00
        (MONDAY.replace(hour=18), True),  # 20:00
        (MONDAY + timedelta(days=5), True),  # Saturday
    ],
)
def test_night_and_weekend_are_those_of_the_site(trial, patient, inspector, moment, outside):
    """AUD-11: the protocol file says when people work, on the clock of the site."""
    with time_machine.travel(moment, tick=False):
        record = vitals(patient, sbp="80")
    with time_machine.travel(MONDAY + timedelta(days=9), tick=False):
        for narrowed in ({"form": "vitals"}, {}):
            found = lines(inspector, trial, state="outside", **narrowed)
            assert (history(record) == rows_of(found)) is outside


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
@pytest.mark.parametrize("few", [1, finding.COUNTED], ids=["read in order", "sorted"])
@pytest.mark.parametrize("narrowed", [{"form": "concomitant_medication"}, {}], ids=["form", "alone"])
def test_the_time_of_day_is_that_of_the_site(trial, patient, inspector, monkeypatch, few, narrowed):
    """AUD-11: also over midnight, and the newest first, whether the entries found are few or many."""
    monkeypatch.setattr(finding, "COUNTED", few)
    made = {}
    for number, hour in enumerate((21, 23, 1, 9)):
        with time_machine.travel(MONDAY.replace(hour=hour) + timedelta(days=number), tick=False):
            vitals_of_number(patient, number)
            made[number] = (hour + 2) % 24
    with time_machine.travel(MONDAY + timedelta(days=9), tick=False):
        found = lines(inspector, trial, from_time="22:30", until_time="03:30", **narrowed)
        refused = build.client(inspector).get(url(trial, from_time="25:00"))

    records = [line.entry.row for line in found if line.entry.source == "patients.record"]
    assert [made[row.repeat] for row in records] == [3, 1, 23]
    assert (refused.status_code, list(refused.context["listing"].form.errors)) == (400, ["from_time"])


def test_nobody_works_outside_hours_that_never_end(trial, patient, inspector):
    """AUD-11: no minute of the week passes."""
    vitals(patient, sbp="80")
    always = WorkingHours(tuple(range(7)), 0, 24 * 60)
    assert building.refresh()
    everybody = Filter(trial.pk, outside=always)
    assert (finding.count(everybody, may=()), finding.find(everybody, may=(), size=9)) == (0, [])


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


def test_many_changes_by_one_person_in_minutes(trial, patient, coordinator, inspector):
    """AUD-11: ten within five minutes, also the first of them; nine are not many."""
    other = build.user("investigator", trial=trial)
    with time_machine.travel(MONDAY, tick=True):
        for number in range(9):
            by_hand(patient, other, 100 + number)
        for number in range(10):
            by_hand(patient, coordinator, number)
        found = lines(inspector, trial, state="in_bulk")

    assert sorted(line.entry.row.repeat for line in found) == list(range(10))


def test_a_mark_that_all_may_read_does_not_count_what_is_behind_a_right(trial, coordinator):
    """BLD-01, AUD-11: nine entries that all may read beside two of the product, which are eleven for who knows it."""
    first = building.number_at(MONDAY)
    rights = ["", "see_treatment", "", "", ""] * 3
    before = ("after_inclusion", "after_signature", "after_lock", "after_unlock")

    def indexed(start, sees):
        TrailIndexRow.objects.bulk_create(
            TrailIndexRow(
                id=start + number, trial_id=trial.pk, at=MONDAY, source="patients.record", row=start + number,
                kind="changed", user_id=coordinator.pk, content=True, origin="web", see=see, minute=0,
                **dict.fromkeys(before, False),
            )
            for number, see in enumerate(sees)
        )  # fmt: skip
        building._mark_bulk({coordinator.pk}, MONDAY)
        return set(TrailIndexRow.objects.filter(in_bulk=True).values_list("see", flat=True))

    TrailIndexRow.objects.all().delete()
    assert indexed(first, rights[:11]) == {"see_treatment"}
    assert not TrailIndexRow.objects.filter(in_bulk=True, see="").exists()
    assert indexed(first + 100, ["see_people"] * 2) == {"see_treatment", "see_people"}
    assert not TrailIndexRow.objects.filter(in_bulk=True, see="").exists()
    assert indexed(first + 200, [""]) == {"", "see_treatment", "see_people"}


def by_hand(patient, by, number):
    with acting(user=by, role="coordinator", origin="web"):
        Record.objects.create(
            patient=patient,
            protocol=patient.protocol,
            form="medication",
            repeat=number,
            state="draft",
            values={},
        )


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_late_entry_counts_from_the_visit(trial, patient, inspector):
    """AUD-11, DAT-06: the protocol file says after how many days an entry is late."""
    visit = patient.visits.order_by("position").first()
    today = timezone.now().date()
    with acting(system="test"):
        for days, form in ((5, "vitals"), (6, "haematology")):
            type(visit).objects.filter(pk=visit.pk).update(state="held", held_on=today - timedelta(days=days))
            Record.objects.create(
                patient=patient, visit=visit, protocol=patient.protocol, form=form, state="draft", values={}
            )
            building.refresh()

    assert [line.entry.row.form for line in lines(inspector, trial, state="late")] == ["haematology"]


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
