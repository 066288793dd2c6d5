"""Source verification and medical review: marked in bulk, undone by a later change of the item on every write path."""

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from audit.context import acting
from patients.entry import saving
from patients.models import Mark, Record
from patients.review import medical_review, source_verification
from patients.review.marks import WHOLE, SeenVersion
from tests.patients.review.conftest import PLANNED, by_update, by_verb, changed, verify
from tests.support import build

pytestmark = pytest.mark.django_db


def by_save(record: Record, values: dict[str, Any]) -> None:
    row = Record.objects.get(pk=record.pk)
    row.values = values
    row.save()


def by_raw_sql(record: Record, values: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE patients_record SET "values" = %s WHERE id = %s', [json.dumps(values), record.pk]
        )


WAYS = [by_verb, by_save, by_update, by_raw_sql]


def test_a_monitor_verifies_the_planned_items_of_a_form(record, monitor):
    """The form is verified when every planned and answered item is."""
    assert verify(record, monitor, "age", "sex") == 0
    assert verify(record, monitor, "height", "weight") == 1
    record.refresh_from_db()
    assert record.verified_at is not None
    assert set(Mark.objects.values_list("item", flat=True)) == set(PLANNED)
    assert {(mark.by_id, mark.role, mark.version) for mark in Mark.objects.all()} == {
        (monitor.pk, "monitor", 1)
    }


def test_verifying_is_in_the_trail_with_the_right_actor(record, monitor):
    """AUD-09: OpenClinica logged the wrong user for SDV (OC-6829)."""
    verify(record, monitor, "age")
    row = Mark.objects.get().history.get()
    assert (row.history_type, row.history_user_id, row.history_role) == ("+", monitor.pk, "monitor")
    assert (row.history_patient, row.history_trial) == (record.patient_id, record.patient.trial_id)


def test_marking_again_leaves_the_first_mark(record, monitor):
    verify(record, monitor, "age")
    verify(record, monitor, "age", "age")
    assert Mark.objects.count() == 1


def test_the_last_answered_item_marks_the_blank_ones_with_it(patient, monitor):
    """A value entered later in a blank item is not verified."""
    blank = build.record(patient, "demography", {"age": "55"}, draft=True)
    with acting(system="test"):
        Record.objects.filter(pk=blank.pk).update(state="complete")
    assert verify(blank, monitor, "age") == 1
    with acting(system="test"):
        Record.objects.filter(pk=blank.pk).update(values={"age": "55", "sex": "F"})
    blank.refresh_from_db()
    assert blank.verified_at is None
    assert source_verification.to_verify(blank, source_verification.verified_items(patient)[blank.pk]) == (
        "sex",
    )


@pytest.mark.parametrize(
    ("items", "version", "said"),
    [
        (("shoe_size",), 1, "no such item"),
        (("age",), 7, "changed while you read it"),
    ],
)
def test_what_cannot_be_marked_is_refused_and_nothing_is_stored(record, monitor, items, version, said):
    with pytest.raises(ValidationError, match=said):
        verify(record, monitor, *items, version=version)
    assert not Mark.objects.exists()


def test_a_draft_is_not_verified(patient, monitor):
    draft = build.record(patient, "demography", {"age": "55"}, draft=True)
    with pytest.raises(ValidationError, match="not complete"):
        verify(draft, monitor, "age")


def test_a_form_of_another_patient_is_refused(record, monitor, trial):
    other = build.patient(trial=trial)
    with pytest.raises(ValidationError, match="no such form"), acting(user=monitor):
        source_verification.verify(
            patient=other, seen=[SeenVersion(record.pk, 1, ("age",))], by=monitor, role="monitor"
        )


@pytest.mark.parametrize("way", WAYS)
def test_a_change_of_the_item_undoes_its_mark_on_every_write_path(way, record, monitor, changer):
    """AUD-09, OC-8157: SDV status not reset on data change."""
    verify(record, monitor)
    with acting(user=changer, role="coordinator", reason="read again"):
        way(record, changed(record, weight="80"))
    mark = Mark.objects.get(item="weight")
    record.refresh_from_db()

    assert mark.undone_at is not None
    assert mark.undone == {
        "by": "Nora Nurse",
        "because": "read again",
        "old": {"weight": "70"},
        "new": {"weight": "80"},
    }
    assert record.verified_at is None
    assert Mark.objects.valid().count() == len(PLANNED) - 1
    last = mark.history.order_by("history_id").last()
    assert (last.history_type, last.history_user_id, last.history_role) == ("~", changer.pk, "coordinator")


@pytest.mark.parametrize("way", [by_save, by_update, by_raw_sql])
def test_a_change_of_another_item_leaves_the_mark(way, record, monitor, changer):
    """Only a later change of the same item undoes a mark."""
    verify(record, monitor)
    with acting(user=changer, reason="read again"):
        way(record, changed(record, remark="x"))
    record.refresh_from_db()

    assert Mark.objects.valid().count() == len(PLANNED)
    assert record.verified_at is not None


@pytest.mark.parametrize("way", WAYS)
def test_any_change_undoes_the_mark_on_a_whole_form(way, record, changer, trial):
    doctor = build.user("investigator", trial=trial)
    seen = [SeenVersion(record.pk, 1, (WHOLE,))]
    with acting(user=doctor, role="investigator"):
        medical_review.review(patient=record.patient, seen=seen, by=doctor, role="investigator")
    before = changed(record)
    with acting(user=changer, reason="read again"):
        way(record, changed(record, weight="80"))
    result = Mark.objects.get().undone

    assert (result["old"]["weight"], result["new"]["weight"]) == ("70", "80")
    assert result["old"] == before


def test_striking_a_form_out_undoes_its_marks(record, monitor, changer):
    verify(record, monitor)
    with acting(user=changer):
        saving.strike_out(record=record, reason="wrong patient", by=changer)
    assert not Mark.objects.valid().exists()


def test_a_number_written_otherwise_is_a_change(record, monitor, changer):
    """70 and 70.0 are equal as numbers, but not the same entry."""
    verify(record, monitor)
    for value in ("70.0", 70, 70.0):
        with acting(user=changer):
            by_raw_sql(record, changed(record, weight=value))
        row = Record.objects.get(pk=record.pk)
        assert "weight" not in source_verification.verified_items(record.patient).get(record.pk, set())
        verify(row, monitor, "weight")


def test_an_item_is_verified_again_after_its_change(record, monitor, changer):
    verify(record, monitor)
    with acting(user=changer, reason="read again"):
        by_verb(record, changed(record, weight="80"))
    record.refresh_from_db()
    assert verify(record, monitor, "weight") == 1
    assert Mark.objects.filter(item="weight").count() == 2


def test_a_mark_never_changes_but_to_be_undone_once(record, monitor):
    verify(record, monitor, "age")
    mine = Mark.objects.filter(item="age")
    for change in ({"item": "sex"}, {"role": "investigator"}, {"version": 9}):
        with (
            pytest.raises(IntegrityError, match="never changes"),
            acting(system="test"),
            transaction.atomic(),
        ):
            mine.update(**change)


def test_a_mark_is_withdrawn_with_a_reason_and_stays_in_the_history(record, monitor):
    verify(record, monitor)
    with acting(user=monitor, role="monitor"):
        with pytest.raises(ValidationError, match="Say why"):
            source_verification.withdraw(record=record, reason=" ", by=monitor)
        assert source_verification.withdraw(record=record, reason="Wrong source", by=monitor) == len(PLANNED)
    record.refresh_from_db()
    assert record.verified_at is None
    assert Mark.objects.count() == len(PLANNED)
    assert {mark.undone_detail["because"] for mark in Mark.objects.all()} == {"Wrong source"}


def test_a_trial_without_a_plan_wants_nothing_verified(monitor):
    """The section `[monitoring]` of the protocol file is optional."""
    third = build.trial("third")
    assert not source_verification.waiting(third).exists()
    assert third.rules.forms_to_verify == ()
