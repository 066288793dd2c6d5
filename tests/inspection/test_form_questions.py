"""Questions of inspectors that the page of a form answers, on screen, in print and against the database."""

import pytest
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import Signature
from patients.models import Record
from protocol.values.parsing import display
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen, plain
from trials.reader import shown_moment_with_offset

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial, full_name="Ada Peeters")


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial, by=build.user("coordinator", trial=trial, full_name="Claire Lambert"))


def entered(patient, by, role="coordinator", **values):
    with acting(user=by, role=role, origin="web"):
        return Record.objects.create(
            patient=patient, protocol=patient.protocol, form="vitals", state="draft", values=values
        )


def write(record, by, role, reason="", **columns):
    with acting(user=by, role=role, reason=reason, origin="web"):
        Record.objects.filter(pk=record.pk).update(**columns)


def complete(record, by, role="coordinator"):
    write(record, by, role, state="complete", completed_at=timezone.now())


def verified(record, monitor):
    write(record, monitor, "monitor", verified_at=timezone.now())


def at_the_form(trial, patient, role="inspector"):
    """Open the form of the vital signs from the home page."""
    reader = InspectorAtScreen(trial, role)
    reader.follow("Forms")
    reader.follow(patient.code)
    return reader


def stored(record):
    return list(record.history.order_by("history_id"))


def told(act, role, row, trial):
    when = shown_moment_with_offset(row.history_date, trial.rules.trial.site.time_zone)
    return f"{act} by {row.history_full_name}, {role} on {when}."


# PostgreSQL dates the trail by its own clock, which no test sets.
@pytest.mark.one_engine
def test_who_first_entered_and_who_completed_this_form(trial, patient, nurse):
    """Question 6: rows whose values or state changed; who only verified or locked entered nothing. P11-05, AUD-02."""
    coordinator = build.user("coordinator", trial=trial, full_name="Claire Lambert")
    monitor = build.user("monitor", trial=trial, full_name="Max Monitor")
    record = entered(patient, nurse, temp="37.3")
    complete(record, coordinator)
    verified(record, monitor)
    first, second, _third = stored(record)
    inspector = at_the_form(trial, patient)

    assert told("Entered", "Study coordinator", first, trial) in inspector.text
    assert told("Completed", "Study coordinator", second, trial) in inspector.text
    assert "Max Monitor" not in inspector.text
    assert "Last changed" not in inspector.text
    assert inspector.clicks <= 3


def test_the_bar_of_a_form_names_who_changed_it_last_and_not_the_monitor_who_verified(trial, patient, nurse):
    """“Saved by” is the last change of a value or of the state. P11-05."""
    record = entered(patient, nurse, temp="37.3")
    verified(record, build.user("monitor", trial=trial, full_name="Max Monitor"))
    page = at_the_form(trial, patient, "coordinator")

    assert "by Ada Peeters" in page.text
    assert "Max Monitor" not in page.text


@pytest.mark.one_engine
def test_what_changed_on_this_form_since_it_was_completed(trial, patient, nurse):
    """Question 7: each value that changed has its mark, its first value and its last change. P11-05, AUD-05."""
    record = entered(patient, nurse, temp="37.3", sbp="80", rr="20")
    complete(record, nurse, "coordinator")
    verified(record, build.user("monitor", trial=trial))
    write(record, nurse, "coordinator", "read again", values={"temp": "37.9", "sbp": "80", "rr": "20"})
    rows = stored(record)
    completed = next(row for row in rows if row.state == "complete")
    changed = {
        name
        for row in rows
        if row.history_id > completed.history_id
        for name in row.values
        if row.values[name] != completed.values.get(name)
    }
    inspector = at_the_form(trial, patient)
    marks = inspector.page.context["page"].marks
    item = patient.protocol.rules.forms["vitals"].item("temp")

    assert set(marks) == changed == {"temp"}
    assert marks["temp"].original == display("37.3", item, "en", str)
    assert f"Changed since entry: originally {marks['temp'].original}." in inspector.text
    assert "Ada Peeters, read again." in inspector.text
    assert inspector.text.count("Changed since completion") == 1
    assert inspector.clicks <= 3


def test_who_signed_this_form_when_with_which_meaning_and_does_it_hold(trial, patient, nurse):
    """Question 8: statement of the signature, and whether it holds; also what changed since. SIG-03, P11-07."""
    investigator = build.user("investigator", trial=trial, full_name="Dr Vanden Berghe")
    record = entered(patient, nurse, temp="37.3", sbp="80")
    complete(record, nurse, "coordinator")
    with acting(user=investigator, role="investigator"):
        signatures.sign(target=record, meaning="review", password=build.PASSWORD, by=investigator)
    valid = at_the_form(trial, patient)
    write(record, nurse, "coordinator", "typing error", values={"temp": "37.3", "sbp": "90"})
    signature = Signature.objects.get(target_type="patients.record", target_id=record.pk)
    changed = at_the_form(trial, patient, "monitor")

    assert f"Valid This form: {signature.statement}" in valid.text
    assert "Changed since the signature" not in valid.text
    assert f"Invalidated by a later change This form: {signature.statement}" in changed.text
    assert "Ada Peeters: typing error" in changed.text
    assert changed.text.count("Changed since the signature") == 1
    assert changed.page.context["page"].marks["sbp"].since_signed
    assert valid.clicks <= 3


def test_a_print_of_the_page_says_who_loaded_it_in_which_role_and_when(trial, patient, nurse):
    """Question 29, the browser's print: marks stand on the page, and its head names the person. AUD-08, P11-02."""
    record = entered(patient, nurse, temp="37.3")
    complete(record, nurse)
    write(record, nurse, "coordinator", "read again", values={"temp": "37.9"})
    inspector = at_the_form(trial, patient)
    now = shown_moment_with_offset(timezone.now(), trial.rules.trial.site.time_zone)
    head = f"Page of {inspector.person.get_full_name()}, Inspector, loaded on {now[:14]}"

    assert head in plain(inspector.page.content.decode())
    assert "▲ Changed since entry: originally 37.3" in inspector.text


@pytest.mark.one_engine
def test_what_did_a_struck_form_hold(trial, patient, nurse):
    """Question 12, where the form stood: values, reason and every change; the history beside the field. AUD-03."""
    record = entered(patient, nurse, temp="37.3", sbp="80")
    write(record, nurse, "coordinator", "read again", values={"temp": "37.9", "sbp": "80"})
    write(
        record,
        nurse,
        "coordinator",
        "wrong patient",
        state="struck_out",
        struck_out_reason="wrong patient",
    )
    inspector = at_the_form(trial, patient)
    page = inspector.text
    form = patient.protocol.rules.forms["vitals"]
    address = inspector.page.request["PATH_INFO"]
    inspector.page = inspector.browser.get(f"{address}?field=temp")
    beside = inspector.text
    last = stored(record)[-1]

    assert "Entered in error: wrong patient" in page
    assert told("Struck out", "Study coordinator", last, trial) in page
    for name, value in record.__class__.objects.get(pk=record.pk).values.items():
        assert (
            f"{form.item(name).label.in_language('en')} {display(value, form.item(name), 'en', str)}" in page
        )
    assert "originally 37.3" in page
    assert "Reason: read again" in page
    assert "Nothing was stored for this item yet." not in beside
    assert "Entered in error: wrong patient" in beside
    assert "old value 37.3" in beside
    assert inspector.clicks <= 3
