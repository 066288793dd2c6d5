"""Freezes and locks: refused by every step with a message, by the database on every write (P11-06, ACC-08)."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.middleware import ActorMiddleware
from dosing.models import Infusion
from patients.entry import saving
from patients.models import Consent, Mark, Patient, Query, Record, Visit
from patients.participation import visits
from patients.participation.consents import consent
from patients.queries import threads
from patients.review import source_verification
from patients.review.marks import SeenVersion
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study.locking import LEVELS, enter, hold, lock_error, target
from trials.models import Trial

pytestmark = pytest.mark.django_db


def held_by_both(test):
    each = pytest.mark.parametrize("level", LEVELS)
    return pytest.mark.parametrize("kind", ["freeze", "lock"])(each(test))


@held_by_both
def test_nothing_is_entered_under_a_freeze_or_a_lock(kind, level, record, manager, nurse):
    """P11-06: no edit after the lock."""
    hold(kind, level, record, manager)
    with pytest.raises(ValidationError, match=r"frozen|locked"):
        enter(record, nurse)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        saving.strike_out(record=record, reason="wrong patient", by=nurse)


@pytest.mark.parametrize("kind", ["freeze", "lock"])
@pytest.mark.parametrize("level", ["visit", "patient", "trial"])
def test_no_visit_changes_under_a_freeze_or_a_lock(kind, level, record, manager, nurse):
    hold(kind, level, record, manager)
    visit = Visit.objects.get(pk=record.visit_id)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        visits.hold_visit(visit=visit, on=build.today(record.patient), by=nurse)


@pytest.mark.parametrize("kind", ["freeze", "lock"])
@pytest.mark.parametrize("level", ["patient", "trial"])
def test_no_consent_and_no_event_is_added_under_a_lock(kind, level, record, manager, nurse):
    hold(kind, level, record, manager)
    patient = Patient.objects.get(pk=record.patient_id)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        consent.record_capacity(patient=patient, regained_on=build.today(patient), by=nurse)
    if kind == "lock":
        with pytest.raises(ValidationError, match="locked"):
            build.event(patient=patient)


@pytest.mark.parametrize("level", LEVELS)
def test_queries_and_marks_go_on_under_a_freeze_and_stop_at_a_lock(level, record, manager, trial):
    monitor = build.user("monitor", trial=trial)

    def work(item: str) -> None:
        row = Record.objects.select_related("patient__trial", "visit", "protocol").get(pk=record.pk)
        with acting(user=monitor, role="monitor"):
            source_verification.verify(
                patient=row.patient, seen=[SeenVersion(row.pk, 1, (item,))], by=monitor, role="monitor"
            )
            asked = threads.raise_query(
                record=row, item=item, text="Sure?", origin="monitor", by=monitor, role="monitor"
            )
            threads.close_query(query=asked, text="Yes", by=monitor, role="monitor")

    hold("freeze", level, record, manager)
    work("age")
    assert (Mark.objects.count(), Query.objects.count()) == (1, 1)
    hold("lock", level, record, manager)
    with pytest.raises(ValidationError, match="locked"):
        work("sex")


@held_by_both
def test_the_database_refuses_a_change_of_a_form_on_every_write_path(kind, level, record, manager):
    """ORM save, update(), bulk_update and raw SQL."""
    hold(kind, level, record, manager)
    row = Record.objects.get(pk=record.pk)
    row.values = {"age": "56"}
    lock_error(row.save)
    lock_error(lambda: Record.objects.filter(pk=row.pk).update(values={"age": "56"}))
    lock_error(lambda: Record.objects.bulk_update([row], ["values"]))
    lock_error(lambda: Record.objects.filter(pk=row.pk).update(state="struck_out", struck_out_reason="x"))
    lock_error(
        lambda: raw('UPDATE patients_record SET "values" = %s WHERE id = %s', [json.dumps({}), row.pk])
    )
    assert Record.objects.get(pk=record.pk).values["age"] == "55"


def test_a_lock_set_in_the_instant_of_a_save_is_reported_in_a_sentence(record, manager, nurse):
    """P11-06: a refusal that only the database could detect is answered with 409, never 500."""
    hold("lock", "record", record, manager)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), acting(user=nurse):
        Record.objects.filter(pk=record.pk).update(values={"age": "56"})
    request = RequestFactory().post("/")
    request.user = AnonymousUser()
    answer = ActorMiddleware(lambda request: HttpResponse()).process_exception(request, refusal.value)
    assert answer is not None
    assert answer.status_code == 409
    assert "has been frozen or locked" in answer.content.decode()
    assert ActorMiddleware(HttpResponse).process_exception(request, DatabaseError("disk full")) is None


def raw(sql: str, params: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def new_rows(record: Record) -> dict[str, Any]:
    patient, now = record.patient, timezone.now()
    by = User.objects.order_by("pk").first()
    return {
        "record": Record(
            patient=patient, visit=record.visit, protocol=record.protocol, form="x", state="draft", values={}
        ),
        "visit": Visit(patient=patient, code="UNS", number=9, position=9, state="planned"),
        "consent": Consent(
            patient=patient, type="patient", version="1", given="x", given_at=now, recorded_by=by
        ),
        "infusion": Infusion(patient=patient, number=9, state="planned"),
        "query": Query(
            patient=patient, record=record, item="age", origin="monitor", state="open", text="?", opened_by=by
        ),
        "mark": Mark(patient=patient, record=record, kind="review", version=1, by=by, role="x"),
    }


BELOW = {
    "record": {"query", "mark"},
    "visit": {"record", "query", "mark"},
    "patient": {"record", "visit", "consent", "infusion", "query", "mark"},
    "trial": {"record", "visit", "consent", "infusion", "query", "mark"},
}


@held_by_both
def test_the_database_refuses_new_rows_under_a_lock(kind, level, record, manager):
    """INSERT by save and by bulk_create; a freeze lets queries and marks through."""
    hold(kind, level, record, manager)
    stopped = BELOW[level] - ({"query", "mark"} if kind == "freeze" else set())
    for name, row in new_rows(record).items():
        if name in stopped:
            lock_error(lambda row=row: row.save(force_insert=True))
            lock_error(lambda row=row: type(row)._default_manager.bulk_create([row]))
        else:
            with acting(system="test"):
                row.save(force_insert=True)


@pytest.mark.parametrize("level", ["patient", "trial"])
def test_the_database_refuses_a_change_of_what_hangs_below(level, record, manager, patient):
    event = build.event(patient=patient)
    hold("lock", level, record, manager)
    lock_error(lambda: Visit.objects.filter(pk=record.visit_id).update(held_on="2026-01-01"))
    lock_error(lambda: Consent.objects.update(version="9"))
    lock_error(lambda: AdverseEvent.objects.filter(pk=event.pk).update(grade=5))
    lock_error(lambda: Patient.objects.filter(pk=patient.pk).update(group="B"))


def test_a_locked_trial_takes_no_patient_and_no_other_protocol(record, manager, trial):
    hold("lock", "trial", record, manager)
    day = trial.today
    lock_error(
        lambda: Patient.objects.create(
            trial=trial, protocol=trial.protocol, number=99, code="X", state="screening", screened_on=day
        )
    )
    lock_error(lambda: Trial.objects.filter(pk=trial.pk).update(recruiting=False))


def test_a_row_cannot_be_moved_under_a_lock_or_out_of_it(record, manager, trial):
    other = build.patient(trial=trial)
    hold("lock", "patient", record, manager)
    lock_error(lambda: Record.objects.filter(pk=record.pk).update(patient=other, visit=None))
    with acting(system="test"):
        free = Visit.objects.filter(patient=other).first()
    lock_error(lambda: Visit.objects.filter(pk=free.pk).update(patient=record.patient_id))


@held_by_both
def test_a_lock_is_not_lifted_by_emptying_its_column(kind, level, record, manager):
    """The lock is still in force: only its release, which records who and why, ends it."""
    hold(kind, level, record, manager)
    what = target(level, record)
    column = {"freeze": "frozen_at", "lock": "locked_at"}[kind]
    with (
        pytest.raises(IntegrityError, match="ends by its own step"),
        acting(system="test"),
        transaction.atomic(),
    ):
        type(what)._default_manager.filter(pk=what.pk).update(**{column: None})


@held_by_both
def test_what_is_frozen_or_locked_is_still_read_by_the_investigator(kind, level, record, manager, trial):
    """CTL-02: casebook, form, trail and the copy of the patient's data stay open to the site."""
    hold(kind, level, record, manager)
    doctor = build.client(build.user("investigator", trial=trial))
    code = record.patient.code
    for address in (
        reverse("reports:casebook", args=[trial.slug, code]),
        reverse("patients:form", args=[trial.slug, code, "SCR", record.form]),
        reverse("audit:trail", args=[trial.slug]),
    ):
        page = doctor.get(address)
        assert page.status_code == 200, address
        assert code in page.content.decode(), address
    shown = doctor.get(reverse("patients:form", args=[trial.slug, code, "SCR", record.form])).content.decode()
    assert record.values["weight"] in shown
    assert reverse("documents:listing", args=[trial.slug]) in shown
