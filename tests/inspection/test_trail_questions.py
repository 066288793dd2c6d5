"""Questions of inspectors that the audit trail answers, on the page and against the database."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from audit import signatures
from audit.context import acting
from audit.models import AccessEvent, SavedView, Signature, TrailReview
from audit.trail import history_model, tracked_models
from dosing.models import Infusion
from patients.models import Attachment, DataLock, EligibilityDecision, Record, Visit
from protocol.expressions.rules import rules_of
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.support.pages.trail_pages import vitals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
MONDAY = datetime(2026, 9, 14, 9, 0, tzinfo=UTC)


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial, full_name="Claire Lambert")


@pytest.fixture
def patient(trial, coordinator):
    return build.patient(trial=trial, by=coordinator)


def change(record, by, reason="typing error", origin="web", **values):
    with acting(user=by, role="coordinator", reason=reason, origin=origin):
        Record.objects.filter(pk=record.pk).update(values=values)


def stored(record):
    return list(record.history.order_by("history_id"))


def test_who_entered_and_changed_this_value_when_why_and_what_was_it_before(trial, patient, coordinator):
    """Questions 1 and 2: value, person, role at that time, reason, time. P11-05, AUD-02, AUD-05."""
    record = vitals(patient, temp="37.3", sbp="80")
    change(record, coordinator, reason="read again", temp="37.9", sbp="80")
    label = patient.protocol.rules.forms["vitals"].item("temp").label.in_language("en")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.filter(patient=patient.code, form="vitals")
    inspector.filter(patient=patient.code, form="vitals", item="temp")
    shown = [
        (line.entry.full_name, line.role, str(line.entry.reason), line.first.label)
        for line in inspector.lines
    ]
    rows = stored(record)[::-1]

    assert shown == [
        ("Claire Lambert", "Study coordinator", "read again", label),
        ("system:test", "System" if shown[1][1] == "System" else shown[1][1], "", label),
    ]
    assert [line.entry.at for line in inspector.lines] == [row.history_date for row in rows]
    assert [(line.first.old[:4], line.first.new[:4]) for line in inspector.lines] == [
        ("37.3", "37.9"),
        ("", "37.3"),
    ]
    assert [line.entry.role for line in inspector.lines] == [row.history_role for row in rows]
    assert "read again" in inspector.text
    assert inspector.clicks <= 3


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_from_which_address_session_and_request_did_the_change_come_and_with_which_device(trial, patient):
    """Questions 3, 4 and 5: origin of a change, device, and offset of the clock. AUD-02."""
    investigator = build.user("investigator", trial=trial)
    browser = build.client(investigator)
    browser.get(f"/trials/{trial.slug}/trail/?format=csv", HTTP_USER_AGENT=AGENT, REMOTE_ADDR="192.0.2.44")
    event = AccessEvent.objects.get(kind="exported", user_id=investigator.pk)
    record = vitals(patient, temp="37.3")
    from audit import context

    actor = context.Actor(
        user_id=investigator.pk,
        user_name=investigator.username,
        full_name=investigator.full_name,
        role="investigator",
        origin="web",
        request_id="a" * 32,
        session=event.session,
        address="192.0.2.44",
    )
    with context.acting_as(actor):
        Record.objects.filter(pk=record.pk).update(values={"temp": "38.0"})
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.filter(form="vitals", kind="changed")
    (line,) = inspector.lines
    row = stored(record)[-1]

    for fact in (row.history_address, row.history_session, row.history_request, "Firefox on Linux", AGENT):
        assert fact in inspector.text
    assert line.device == "Firefox on Linux"
    assert row.history_session == event.session
    assert line.when.endswith("+02:00")
    assert line.when in inspector.text
    assert inspector.clicks <= 3
    # And back: everything of this session.
    inspector.filter(session=row.history_session)
    assert {type(each.entry.row).__name__ for each in inspector.lines} >= {"AccessEvent", "HistoricalRecord"}


def test_what_changed_on_this_form_since_it_was_completed(trial, patient, coordinator):
    """Question 7, the part of the trail: only changes of values or state, not marks. P11-05."""
    record = vitals(patient, temp="37.3")
    with acting(user=coordinator, role="coordinator", origin="web"):
        Record.objects.filter(pk=record.pk).update(state="complete", completed_at=timezone.now())
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(verified_at=timezone.now())
    change(record, coordinator, temp="38.1")
    completed = stored(record)[1].history_date
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.filter(row=f"patients.record:{record.pk}", order="oldest")
    since = [line for line in inspector.lines if line.entry.at > completed and line.first.code == "temp"]

    assert [(line.first.old[:4], line.first.new[:4]) for line in since] == [("37.3", "38.1")]
    assert inspector.total == len(stored(record)) == 4
    assert inspector.clicks <= 3


def at_day_28(subject, form, item) -> Record:
    """Return the same form at a visit of the follow-up: it says nothing about the inclusion."""
    rules = subject.protocol.rules
    code = next(visit.code for visit in rules.visits if visit.anchor != "screening")
    with acting(system="test"):
        visit = Visit.objects.get(patient=subject, code=code)
        return Record.objects.create(
            patient=subject,
            visit=visit,
            protocol=subject.protocol,
            form=form,
            state="draft",
            values={item: "3"},
        )


def test_which_eligibility_data_changed_after_inclusion(trial, coordinator):
    """Question 9: rows after inclusion of items that criteria read, and decisions; over all patients."""
    subject = build.patient(trial=trial, by=coordinator)
    read = {
        name.partition(".")[2]: name.partition(".")[0]
        for name in rules_of(trial.rules).eligibility.references
        if name.partition(".")[0] in trial.rules.forms
    }
    item, form = next((name, form) for name, form in sorted(read.items()))
    with acting(system="test"):
        record = Record.objects.create(
            patient=subject, protocol=subject.protocol, form=form, state="draft", values={item: "1"}
        )
        other = vitals(subject, rr="20") if form != "vitals" else None
        type(subject).objects.filter(pk=subject.pk).update(enrolled_at=timezone.now())
    change(record, coordinator, **{item: "2"})
    later = at_day_28(subject, form, item)
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Eligibility data changed after inclusion")
    included = type(subject).objects.get(pk=subject.pk).enrolled_at
    expected = {
        row.history_id
        for row in Record.history.model.objects.filter(history_trial=trial.pk, history_date__gt=included)
        if row.form in set(read.values()) and row.history_type != "-" and row.id != later.pk
    }

    assert {line.entry.row.history_id for line in inspector.lines if line.entry.of is Record} == expected
    assert expected
    assert {line.entry.of for line in inspector.lines} <= {Record, EligibilityDecision}
    assert other is None or other.pk not in {line.entry.row.id for line in inspector.lines}
    assert inspector.clicks <= 3


def test_which_data_changed_after_signature(trial, patient, coordinator):
    """Question 10: later changes and the signatures that became invalid by them. P11-07, AUD-11."""
    record, untouched = vitals(patient, sbp="80"), build.patient(trial=trial)
    by = build.user("investigator", trial=trial)
    with acting(user=by, role="investigator"):
        signatures.sign(target=record, meaning="review", password=build.PASSWORD, by=by)
    change(record, coordinator, sbp="81")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Changed after signature")
    invalid = Signature.objects.exclude(invalidated_at=None)

    assert {(line.entry.source, line.entry.row.id) for line in inspector.lines} == {
        ("patients.record", record.pk),
        *(("audit.signature", each.pk) for each in invalid),
    }
    assert invalid.count() == 1
    assert untouched.code not in {line.patient.code for line in inspector.lines}
    assert inspector.clicks <= 3


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_which_data_changed_after_unlock(trial, patient, coordinator):
    """Question 11: rows after the release of a lock. ACC-08."""
    record, other = vitals(patient, sbp="80"), vitals_of(build.patient(trial=trial))
    manager, monitor = build.user("data_manager", trial=trial), build.user("monitor", trial=trial)
    with acting(user=manager, role="data_manager"):
        DataLock.objects.create(
            level="record",
            kind="lock",
            trial=trial,
            patient=patient,
            record=record,
            set_by=manager,
            reason="all in",
            released_at=timezone.now(),
            released_by=manager,
            asked_by=monitor,
            release_reason="to correct",
        )
    change(record, coordinator, sbp="81")
    change(other, coordinator, sbp="81")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Changed after unlock")
    released = DataLock.objects.get().released_at
    expected = record.history.filter(history_date__gt=released).values_list("history_id", flat=True)

    assert [line.entry.row.history_id for line in inspector.lines] == list(expected)
    assert inspector.total == 1
    assert inspector.clicks <= 3


def vitals_of(patient):
    return vitals(patient, sbp="70")


def test_what_did_a_struck_form_hold(trial, patient, coordinator):
    """Question 12, the part of the trail: values, reason and history of a form that was struck out. AUD-03."""
    record = vitals(patient, temp="37.3", sbp="80")
    with acting(user=coordinator, role="coordinator", reason="wrong patient", origin="web"):
        Record.objects.filter(pk=record.pk).update(state="struck_out", struck_out_reason="wrong patient")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.filter(row=f"patients.record:{record.pk}")
    last, first = inspector.lines
    told = {change.code: change.new for change in first.changes}

    assert {"temp", "sbp"} <= told.keys()
    assert told["temp"].startswith("37.3")
    assert "Entered in error" in {change.new for change in last.changes}
    assert "wrong patient" in inspector.text
    assert inspector.clicks <= 3


def test_were_rows_deleted(trial, patient, coordinator):
    """Question 13: history rows of kind deletion, of every table. AUD-01, AUD-03."""
    with acting(user=coordinator, role="coordinator", reason="never saved"):
        kept = Attachment.objects.create(
            patient=patient, form="demography", item="scan", key="k" * 32, name="scan.pdf", kind="pdf", size=3,
            sha256="0" * 64, uploaded_by=coordinator,
        )  # fmt: skip
        kept.delete()
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Deletions")
    deleted = sum(
        history_model(model).objects.filter(history_type="-", history_trial=trial.pk).count()
        for model in tracked_models()
    )

    assert inspector.total == deleted == 1
    assert inspector.lines[0].subject.title.startswith("File scan.pdf")
    assert inspector.lines[0].entry.full_name == "Claire Lambert"
    assert inspector.clicks <= 3


def test_what_did_the_operator_do_by_command_and_who_was_it(trial, coordinator):
    """Question 17: rows of origin command with a named person. AUD-10."""
    with acting(user=coordinator, origin="command", reason="asked by mail"):
        User.objects.filter(pk=coordinator.pk).update(email="c.lambert@example.org")
    with acting(system="clear_uploads", origin="command"):
        User.objects.filter(pk=coordinator.pk).update(email="")
    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Commands with a named person")
    named = coordinator.history.filter(history_origin="command", history_user_id__isnull=False)

    assert {line.entry.row.history_id for line in inspector.lines if line.entry.of is User} == set(
        named.values_list("history_id", flat=True)
    )
    assert {line.entry.full_name for line in inspector.lines} >= {"Claire Lambert"}
    assert "asked by mail" in inspector.text
    assert inspector.clicks <= 3


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_which_data_were_entered_out_of_hours_or_many_by_one_person(trial, patient, coordinator):
    """Question 23: by the clock of the site, and ten changes within five minutes. AUD-11."""
    with time_machine.travel(MONDAY.replace(hour=22), tick=False):
        night = vitals(patient, temp="37.3")
    with time_machine.travel(MONDAY, tick=True):
        for number in range(10):
            with acting(user=coordinator, role="coordinator", origin="web"):
                Record.objects.create(
                    patient=patient, protocol=patient.protocol, form="medication", repeat=number, state="draft",
                    values={},
                )  # fmt: skip
    with time_machine.travel(MONDAY + timedelta(days=1), tick=True):
        inspector = InspectorAtScreen(trial)
        inspector.follow("Audit trail")
        inspector.follow("Night and weekend")
        at_night = [line for line in inspector.lines if line.entry.of is Record]
        inspector.follow("Many by one person in minutes")

    assert [line.entry.row.id for line in at_night] == [night.pk]
    local = night.history.get().history_date.astimezone(trial.zone)
    assert local.hour < 7 or local.hour >= 20
    assert sorted(line.entry.row.repeat for line in inspector.lines) == list(range(10))
    assert {line.entry.full_name for line in inspector.lines} == {"Claire Lambert"}
    assert inspector.clicks <= 3


def test_who_reviewed_the_trail_which_sample_when_with_what_result(trial, patient, coordinator):
    """Question 25: reviewer, plan, seed and sample, result, conclusion, queries. At most two pages an entry. AUD-11."""
    record = vitals(patient, temp="37.3")
    change(record, coordinator, temp="38.1")
    manager = InspectorAtScreen(trial, "data_manager")
    query = "form=vitals"
    new = f"/trials/{trial.slug}/trail/views/new/?{query}"
    filled = {"name": "Vital signs", "purpose": "Fever", "every_days": "30", "sample": "1"}
    without = manager.browser.post(new, filled)
    assert (without.status_code, list(without.context["form"].errors)) == (400, ["person"])
    assert not SavedView.objects.exists()
    assert manager.browser.post(new, {**filled, "person": str(manager.person.pk)}).status_code == 302
    view = SavedView.objects.get()
    manager.page = manager.browser.get(f"/trials/{trial.slug}/notices/")
    assert "A review of the audit trail is due" in manager.text

    sample = manager.browser.get(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/")
    (line,) = sample.context["lines"]
    content = sample.content.decode()
    for fact in (line.when, line.subject.title, line.entry.full_name):
        assert fact in content
    sent = {"drawn": sample.context["token"], "finding": "follow_up", "conclusion": "Ask for the source."}
    assert (
        manager.browser.post(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/", sent).status_code == 302
    )
    review = TrailReview.objects.get()

    inspector = InspectorAtScreen(trial)
    inspector.follow("Audit trail")
    inspector.follow("Plan and reviews")
    assert (review.reviewer_id, review.view_id, review.finding) == (manager.person.pk, view.pk, "follow_up")
    assert review.seen["sample"] == [[line.entry.source, line.entry.row.history_id]]
    assert review.seen["of"] == record.history.count() == 2
    for fact in (
        manager.person.full_name,
        review.seen["seed"],
        "Something to follow up",
        "Ask for the source.",
    ):
        assert fact in inspector.text
    assert inspector.clicks <= 3
    manager.page = manager.browser.get(f"/trials/{trial.slug}/notices/")
    assert "A review of the audit trail is due" not in manager.text


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_what_was_written_while_a_sample_was_reviewed_is_in_the_next_one(trial, patient, coordinator):
    """AUD-11: a sample may lie for days before its review is recorded; no entry falls between two samples."""
    manager = build.user("data_manager", trial=trial)
    browser, start = build.client(manager), timezone.now()
    record = vitals(patient, temp="37.3")
    with acting(user=manager):
        view = SavedView.objects.create(
            trial_id=trial.pk, name="Vital signs", query="form=vitals", made_by=manager.pk, made_by_name="x",
            made_at=start,
        )  # fmt: skip
    address = f"/trials/{trial.slug}/trail/views/{view.pk}/sample/"
    with time_machine.travel(start + timedelta(days=1), tick=False):
        browser.force_login(manager)
        drawn = browser.get(address).context["token"]
    with time_machine.travel(start + timedelta(days=2), tick=False):
        change(record, coordinator, temp="38.1")
    with time_machine.travel(start + timedelta(days=3), tick=False):
        browser.force_login(manager)
        sent = {"drawn": drawn, "finding": "nothing", "conclusion": "Fine."}
        assert browser.post(address, sent).status_code == 302
    with time_machine.travel(start + timedelta(days=4), tick=False):
        browser.force_login(manager)
        (line,) = browser.get(address).context["lines"]

    assert line.entry.row.values["temp"] == "38.1"


def test_a_forged_sample_is_not_recorded(trial, patient):
    """AUD-11: nobody reviews other entries than were drawn."""
    manager = build.user("data_manager", trial=trial)
    with acting(user=manager):
        view = SavedView.objects.create(
            trial_id=trial.pk, name="All", made_by=manager.pk, made_by_name="x", made_at=timezone.now()
        )
    sent = {"drawn": "forged", "finding": "nothing", "conclusion": "Fine."}
    answer = build.client(manager).post(f"/trials/{trial.slug}/trail/views/{view.pk}/sample/", sent)

    assert answer.status_code == 400
    assert "Fine." in answer.content.decode()
    assert not TrailReview.objects.exists()
    assert not Infusion.objects.exists()
