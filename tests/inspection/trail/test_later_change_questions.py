"""Questions of inspectors about data that changed later: after completion, inclusion, signature or unlock."""

import pytest
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import Signature
from patients.models import DataLock, EligibilityDecision, Record, Visit
from protocol.expressions.rules import rules_of
from tests.inspection.trail.conftest import change, stored
from tests.support import build
from tests.support.pages.inspecting import InspectorAtScreen
from tests.support.pages.trail_pages import vitals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("any_value")]


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
