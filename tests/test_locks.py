"""Frozen and locked: refused by every verb with a sentence, by the database on every path (P11-06, ACC-08)."""

import json
from datetime import timedelta
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
from accounts.roles import ROLES
from audit.context import acting
from audit.middleware import ActorMiddleware
from dosing.models import Infusion
from patients import consenting, entry, locking, querying, verifying, visiting
from patients.casebook import Casebook
from patients.marking import Seen
from patients.models import Consent, DataLock, Mark, Patient, Query, Record, UnlockRequest, Visit
from safety.models import AdverseEvent
from safety.reporting import amend_event, report_to_sponsor
from tests import build
from trials.models import Trial
from trials.moments import Moment

pytestmark = pytest.mark.django_db

DEMOGRAPHY = {"age": "55", "sex": "F", "height": "165", "weight": "70"}
LEVELS = ("record", "visit", "patient", "trial")


@pytest.fixture
def trial(db) -> Trial:
    return build.trial()


@pytest.fixture
def nurse(trial: Trial) -> User:
    return build.user("coordinator", trial=trial)


@pytest.fixture
def manager(trial: Trial) -> User:
    return build.user("data_manager", trial=trial)


@pytest.fixture
def second(trial: Trial) -> User:
    return build.user("data_manager", trial=trial)


@pytest.fixture
def patient(trial: Trial, nurse: User) -> Patient:
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


@pytest.fixture
def record(patient: Patient, nurse: User) -> Record:
    return build.record(patient, "demography", DEMOGRAPHY, by=nurse)


def target(level: str, record: Record) -> Any:
    return {
        "record": record,
        "visit": record.visit,
        "patient": record.patient,
        "trial": record.patient.trial,
    }[level]


def hold(kind: str, level: str, record: Record, by: User) -> DataLock:
    what = target(level, record)
    with acting(user=by, role="data_manager"):
        if kind == "freeze":
            return locking.freeze(target=what, reason="Interim analysis", by=by)
        if level == "trial":
            return locking.lock_trial(trial=what, reason="Last visit", standing={}, overridden={}, by=by)
        return locking.lock(target=what, reason="All is clean", by=by)


def held_by_both(test):
    each = pytest.mark.parametrize("level", LEVELS)
    return pytest.mark.parametrize("kind", ["freeze", "lock"])(each(test))


def enter(record: Record, nurse: User) -> None:
    opened = Casebook.opened(user=nurse, trial=record.patient.trial, code=record.patient.code)
    place = opened.place("demography", "SCR")
    with acting(user=nurse, role="coordinator"):
        entry.amend(
            place=place, values={**DEMOGRAPHY, "weight": "80"}, base_version=1, reason="read again", by=nurse
        )


# --- the verbs


@held_by_both
def test_nothing_is_entered_under_a_freeze_or_a_lock(kind, level, record, manager, nurse):
    """P11-06: no edit after the lock."""
    hold(kind, level, record, manager)
    with pytest.raises(ValidationError, match=r"frozen|locked"):
        enter(record, nurse)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        entry.strike_out(record=record, reason="wrong patient", by=nurse)


@pytest.mark.parametrize("kind", ["freeze", "lock"])
@pytest.mark.parametrize("level", ["visit", "patient", "trial"])
def test_no_visit_changes_under_a_freeze_or_a_lock(kind, level, record, manager, nurse):
    hold(kind, level, record, manager)
    visit = Visit.objects.get(pk=record.visit_id)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        visiting.hold_visit(visit=visit, on=build.today(record.patient), by=nurse)


@pytest.mark.parametrize("kind", ["freeze", "lock"])
@pytest.mark.parametrize("level", ["patient", "trial"])
def test_no_consent_and_no_event_is_added_under_a_lock(kind, level, record, manager, nurse):
    hold(kind, level, record, manager)
    patient = Patient.objects.get(pk=record.patient_id)
    with pytest.raises(ValidationError, match=r"frozen|locked"), acting(user=nurse):
        consenting.record_capacity(patient=patient, regained_on=build.today(patient), by=nurse)
    if kind == "lock":
        with pytest.raises(ValidationError, match="locked"):
            build.event(patient=patient)


@pytest.mark.parametrize("level", LEVELS)
def test_queries_and_marks_go_on_under_a_freeze_and_stop_at_a_lock(level, record, manager, trial):
    monitor = build.user("monitor", trial=trial)

    def work(item: str) -> None:
        row = Record.objects.select_related("patient__trial", "visit", "protocol").get(pk=record.pk)
        with acting(user=monitor, role="monitor"):
            verifying.verify(patient=row.patient, seen=[Seen(row.pk, 1, (item,))], by=monitor, role="monitor")
            asked = querying.raise_query(
                record=row, item=item, text="Sure?", origin="monitor", by=monitor, role="monitor"
            )
            querying.close_query(query=asked, text="Yes", by=monitor, role="monitor")

    hold("freeze", level, record, manager)
    work("age")
    assert (Mark.objects.count(), Query.objects.count()) == (1, 1)
    hold("lock", level, record, manager)
    with pytest.raises(ValidationError, match="locked"):
        work("sex")


# --- the database


def refused(write) -> None:
    with pytest.raises(IntegrityError, match="frozen or locked"), acting(system="test"), transaction.atomic():
        write()


@held_by_both
def test_the_database_refuses_a_change_of_a_form_on_every_write_path(kind, level, record, manager):
    """Locked means locked: ORM save, update(), bulk_update, raw SQL."""
    hold(kind, level, record, manager)
    row = Record.objects.get(pk=record.pk)
    row.values = {"age": "56"}
    refused(row.save)
    refused(lambda: Record.objects.filter(pk=row.pk).update(values={"age": "56"}))
    refused(lambda: Record.objects.bulk_update([row], ["values"]))
    refused(lambda: Record.objects.filter(pk=row.pk).update(state="struck_out", struck_out_reason="x"))
    refused(lambda: raw('UPDATE patients_record SET "values" = %s WHERE id = %s', [json.dumps({}), row.pk]))
    assert Record.objects.get(pk=record.pk).values["age"] == "55"


def test_a_lock_set_in_the_instant_of_a_save_is_told_in_a_sentence(record, manager, nurse):
    """P11-06: what only the database could see answers 409, never 500."""
    hold("lock", "record", record, manager)
    with pytest.raises(DatabaseError) as refusal, transaction.atomic(), acting(user=nurse):
        Record.objects.filter(pk=record.pk).update(values={"age": "56"})
    request = RequestFactory().post("/")
    request.user = AnonymousUser()
    answer = ActorMiddleware(lambda request: HttpResponse()).process_exception(request, refusal.value)
    assert answer is not None
    assert answer.status_code == 409
    assert "frozen or locked meanwhile" in answer.content.decode()
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
            refused(lambda row=row: row.save(force_insert=True))
            refused(lambda row=row: type(row)._default_manager.bulk_create([row]))
        else:
            with acting(system="test"):
                row.save(force_insert=True)


@pytest.mark.parametrize("level", ["patient", "trial"])
def test_the_database_refuses_a_change_of_what_hangs_below(level, record, manager, patient):
    event = build.event(patient=patient)
    hold("lock", level, record, manager)
    refused(lambda: Visit.objects.filter(pk=record.visit_id).update(held_on="2026-01-01"))
    refused(lambda: Consent.objects.update(version="9"))
    refused(lambda: AdverseEvent.objects.filter(pk=event.pk).update(grade=5))
    refused(lambda: Patient.objects.filter(pk=patient.pk).update(group="B"))


def test_a_locked_trial_takes_no_patient_and_no_other_protocol(record, manager, trial):
    hold("lock", "trial", record, manager)
    now = timezone.now().date()
    refused(
        lambda: Patient.objects.create(
            trial=trial, protocol=trial.protocol, number=99, code="X", state="screening", screened_on=now
        )
    )
    refused(lambda: Trial.objects.filter(pk=trial.pk).update(recruiting=False))


def test_a_row_cannot_be_moved_under_a_lock_or_out_of_it(record, manager, trial):
    other = build.patient(trial=trial)
    hold("lock", "patient", record, manager)
    refused(lambda: Record.objects.filter(pk=record.pk).update(patient=other, visit=None))
    with acting(system="test"):
        free = Visit.objects.filter(patient=other).first()
    refused(lambda: Visit.objects.filter(pk=free.pk).update(patient=record.patient_id))


@held_by_both
def test_a_lock_is_not_lifted_by_emptying_its_column(kind, level, record, manager):
    """The step that set it stands: it ends by its own verb, which names who and why."""
    hold(kind, level, record, manager)
    what = target(level, record)
    column = {"freeze": "frozen_at", "lock": "locked_at"}[kind]
    with (
        pytest.raises(IntegrityError, match="ends by its own step"),
        acting(system="test"),
        transaction.atomic(),
    ):
        type(what)._default_manager.filter(pk=what.pk).update(**{column: None})


def test_the_release_of_a_lock_names_two_persons_in_the_database_too(record, manager):
    found = hold("lock", "patient", record, manager)
    for told in (
        {"released_at": timezone.now(), "released_by": manager, "release_reason": "x"},
        {"released_at": timezone.now(), "released_by": manager, "asked_by": manager, "release_reason": "x"},
    ):
        with (
            pytest.raises(IntegrityError, match="unlocking_takes_two_persons"),
            acting(system="test"),
            transaction.atomic(),
        ):
            DataLock.objects.filter(pk=found.pk).update(**told)


# --- unlock


@pytest.mark.parametrize("level", LEVELS)
def test_unlocking_takes_a_reason_and_a_second_person(level, record, manager, second, nurse):
    """ACC-08; AUD-09 with the right actors."""
    found = hold("lock", level, record, manager)
    what = target(level, record)
    with acting(user=nurse, role="coordinator"):
        with pytest.raises(ValidationError, match="Say why"):
            locking.request_unlock(target=what, reason=" ", by=nurse)
        asked = locking.request_unlock(target=what, reason="A late result", by=nurse)
        with pytest.raises(ValidationError, match="second person"):
            locking.grant_unlock(request=asked, by=nurse)
    with acting(user=second, role="data_manager"):
        locking.grant_unlock(request=asked, by=second)
    found.refresh_from_db()
    what.refresh_from_db()
    assert what.locked_at is None
    assert (found.asked_by, found.released_by, found.release_reason) == (nurse, second, "A late result")
    first, last = found.history.order_by("history_id")
    assert (first.history_user_id, first.history_change_reason) == (
        manager.pk,
        "Last visit" if level == "trial" else "All is clean",
    )
    assert (last.history_user_id, last.history_role) == (second.pk, "data_manager")
    unlocked = what.history.order_by("history_id").last()
    assert (unlocked.locked_at, unlocked.history_user_id) == (None, second.pk)
    enter(Record.objects.get(pk=record.pk), nurse)


def test_a_refused_request_leaves_the_lock_and_another_can_ask(record, manager, second, nurse):
    hold("lock", "patient", record, manager)
    patient = record.patient
    with acting(user=nurse):
        asked = locking.request_unlock(target=patient, reason="A late result", by=nurse)
        with pytest.raises(ValidationError, match="asked for this already"):
            locking.request_unlock(target=patient, reason="Again", by=nurse)
    with acting(user=second):
        with pytest.raises(ValidationError, match="Say why"):
            locking.refuse_unlock(request=asked, answer="", by=second)
        locking.refuse_unlock(request=asked, answer="Too late", by=second)
        with pytest.raises(ValidationError, match="decided already"):
            locking.grant_unlock(request=asked, by=second)
    patient.refresh_from_db()
    assert patient.locked_at is not None
    with acting(user=nurse):
        locking.request_unlock(target=patient, reason="Again", by=nurse)
    assert UnlockRequest.objects.count() == 2


def test_below_a_lock_nothing_is_locked_or_unlocked(record, manager, second, nurse):
    hold("lock", "record", record, manager)
    with acting(user=nurse):
        asked = locking.request_unlock(target=record, reason="A late result", by=nurse)
    hold("lock", "patient", record, manager)
    with acting(user=second), pytest.raises(ValidationError, match="is locked"):
        locking.grant_unlock(request=asked, by=second)
    visit = Visit.objects.get(pk=record.visit_id)
    with acting(user=manager), pytest.raises(ValidationError, match="is locked"):
        locking.lock(target=visit, reason="x", by=manager)


def test_drafts_and_open_queries_are_not_locked_in(record, manager, patient, nurse):
    build.record(patient, "vitals", {"sbp": "124"}, draft=True)
    with acting(user=manager), pytest.raises(ValidationError, match="draft"):
        locking.lock(target=patient, reason="x", by=manager)
    with acting(user=manager, role="data_manager"):
        querying.raise_query(
            record=record, item="age", text="Sure?", origin="data_manager", by=manager, role="data_manager"
        )
        with pytest.raises(ValidationError, match="query"):
            locking.lock(target=record, reason="x", by=manager)


def test_nobody_holds_entry_and_lock():
    """ACC-02: no role has data entry and lock."""
    assert [code for code, role in ROLES.items() if {"enter_data", "lock"} <= role.permissions] == []


# --- a serious event after the lock


def hours_ago(hours: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(hours=hours), "Europe/Brussels")


@pytest.fixture
def doctor(trial: Trial) -> User:
    return build.user("investigator", trial=trial)


@pytest.mark.parametrize("level", ["patient", "trial"])
def test_a_serious_event_is_reported_after_the_lock_with_a_reason(level, record, manager, doctor):
    """SAF-11: CTR 41(4); and followed up, although all else stays locked."""
    patient = record.patient
    hold("lock", level, record, manager)
    patient = Patient.objects.get(pk=patient.pk)
    aware = hours_ago(3)
    event = build.event(
        patient=patient,
        by=doctor,
        seriousness=frozenset({"hospitalisation"}),
        aware=aware,
        after_lock_reason="The hospital told us today",
    )
    assert event.after_lock_reason == "The hospital told us today"
    row = event.history.get()
    assert (row.history_user_id, row.after_lock_reason) == (doctor.pk, "The hospital told us today")
    with acting(user=doctor, role="investigator"):
        event = amend_event(
            event=event, changes={"term": "Pneumonia"}, reason="Diagnosis", version=1, by=doctor
        )
        report_to_sponsor(event=event, at=hours_ago(1), by=doctor, version=event.version)
    event.refresh_from_db()
    assert event.reported_at is not None


def test_only_a_serious_event_comes_in_after_the_lock(record, manager, doctor):
    patient = Patient.objects.get(pk=record.patient_id)
    with pytest.raises(ValidationError, match="Nothing is locked"):
        build.event(patient=patient, by=doctor, after_lock_reason="x")
    hold("lock", "patient", record, manager)
    with pytest.raises(ValidationError, match="only serious"):
        build.event(patient=patient, by=doctor, after_lock_reason="x")
    with pytest.raises(ValidationError, match="locked"):
        build.event(patient=patient, by=doctor, after_lock_reason="  ")


def test_an_old_event_is_not_opened_by_a_reason(record, manager, patient):
    """The reason lets a row in that has it, never one that gets it."""
    event = build.event(patient=patient)
    hold("lock", "patient", record, manager)
    refused(lambda: AdverseEvent.objects.filter(pk=event.pk).update(after_lock_reason="x", grade=4))


# --- pages


def test_a_data_manager_freezes_locks_and_another_unlocks_from_the_pages(
    record, trial, manager, second, nurse
):
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    web = build.client(manager)
    assert web.post(page, {"action": "freeze", "reason": "Interim"}).status_code == 302
    assert web.post(page, {"action": "release", "reason": "Done"}).status_code == 302
    assert web.post(page, {"action": "lock", "reason": "Clean"}).status_code == 302
    asking = reverse("patients:unlock-request", args=[trial.slug, "record", record.pk])
    assert build.client(nurse).post(asking, {"action": "request", "reason": "Late"}).status_code == 302
    decide = reverse("patients:unlock-decide", args=[trial.slug, UnlockRequest.objects.get().pk])
    assert build.client(second).post(decide, {"action": "grant", "reason": ""}).status_code == 302
    record.refresh_from_db()
    assert (record.frozen_at, record.locked_at) == (None, None)
    text = build.client(second).get(page).content.decode()
    for words in ("Interim", "Done", "Clean", "Late", manager.full_name, nurse.full_name, second.full_name):
        assert words in text


def test_bad_posts_store_nothing_and_lose_nothing(record, trial, manager):
    page = reverse("patients:lock", args=[trial.slug, "record", record.pk])
    web = build.client(manager)
    assert web.post(page, {"action": "melt", "reason": "x"}).status_code == 400
    assert web.post(page, {"reason": "x"}).status_code == 400
    answer = web.post(page, {"action": "release", "reason": "What was typed"})
    assert answer.status_code == 422
    assert "This is not frozen" in answer.content.decode()
    answer = web.post(page, {"action": "freeze", "reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.content.decode()
    for bad in (("form", record.pk), ("record", record.pk + 9), ("trial", trial.pk + 9)):
        assert web.get(reverse("patients:lock", args=[trial.slug, *bad])).status_code == 404
    assert not DataLock.objects.exists()


def test_the_trial_is_not_locked_past_its_checklist(record, trial, manager):
    page = reverse("patients:lock", args=[trial.slug, "trial", trial.pk])
    assert build.client(manager).post(page, {"action": "lock", "reason": "x"}).status_code == 400


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_of_locks_costs_the_same_with_one_and_three(
    trial, manager, number, django_assert_num_queries
):
    for _ in range(number):
        patient = build.patient(trial=trial)
        build.consent(patient)
        found = build.record(patient, "demography", DEMOGRAPHY)
        hold("lock", "record", found, manager)
    web, page = build.client(manager), reverse("patients:locks", args=[trial.slug])
    web.get(page)
    with django_assert_num_queries(5):
        assert web.get(page).status_code == 200


def test_the_page_after_the_lock_asks_why_and_stores_the_event(record, trial, manager, doctor):
    hold("lock", "patient", record, manager)
    web, code = build.client(doctor), record.patient.code
    usual = web.get(reverse("safety:report", args=[trial.slug, code]))
    assert usual.status_code == 302
    page = web.get(usual["Location"]).content.decode()
    assert "Why it is reported after the lock" in page
    answer = web.post(usual["Location"], {"term": "Stroke"})
    assert answer.status_code == 422
    assert "Stroke" in answer.content.decode()
    assert not AdverseEvent.objects.exists()
