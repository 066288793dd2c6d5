"""Questions of inspectors that single entries of the trail answer: who, when, why, whence, and what was struck out."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from audit.trail import history_model, tracked_models
from patients.models import Attachment, Record
from tests.inspection.trail.conftest import change, stored
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.support.pages.trail_pages import vitals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
MONDAY = datetime(2026, 9, 14, 9, 0, tzinfo=UTC)


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
