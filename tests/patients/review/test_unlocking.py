"""Unlocking takes a reason and a second person; unfinished data cannot be locked (ACC-08)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from patients.models import DataLock, Record, UnlockRequest, Visit
from patients.queries import threads
from patients.review import locks
from tests.support import build
from tests.support.study.locking import LEVELS, enter, hold, target
from trials.models import Trial
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(trial: Trial) -> User:
    return build.user("data_manager", trial=trial)


def test_the_release_of_a_lock_names_two_persons_in_the_database_too(record, manager):
    found = hold("lock", "patient", record, manager)
    for text in (
        {"released_at": timezone.now(), "released_by": manager, "release_reason": "x"},
        {"released_at": timezone.now(), "released_by": manager, "asked_by": manager, "release_reason": "x"},
    ):
        with (
            pytest.raises(IntegrityError, match="unlocking_takes_two_persons"),
            acting(system="test"),
            transaction.atomic(),
        ):
            DataLock.objects.filter(pk=found.pk).update(**text)


@pytest.mark.parametrize("level", LEVELS)
def test_unlocking_takes_a_reason_and_a_second_person(level, record, manager, second, nurse):
    """ACC-08; AUD-09 with the right actors."""
    found = hold("lock", level, record, manager)
    what = target(level, record)
    with acting(user=nurse, role="coordinator"):
        with pytest.raises(ValidationError, match="Say why"):
            locks.request_unlock(target=what, reason=" ", by=nurse)
        asked = locks.request_unlock(target=what, reason="A late result", by=nurse)
        with pytest.raises(ValidationError, match="second person"):
            locks.grant_unlock(request=asked, by=nurse)
    with acting(user=second, role="data_manager"):
        locks.grant_unlock(request=asked, by=second)
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
        asked = locks.request_unlock(target=patient, reason="A late result", by=nurse)
        with pytest.raises(ValidationError, match="already requested"):
            locks.request_unlock(target=patient, reason="Again", by=nurse)
    with acting(user=second):
        with pytest.raises(ValidationError, match="Say why"):
            locks.refuse_unlock(request=asked, answer="", by=second)
        locks.refuse_unlock(request=asked, answer="Too late", by=second)
        with pytest.raises(ValidationError, match="decided already"):
            locks.grant_unlock(request=asked, by=second)
    patient.refresh_from_db()
    assert patient.locked_at is not None
    with acting(user=nurse):
        locks.request_unlock(target=patient, reason="Again", by=nurse)
    assert UnlockRequest.objects.count() == 2


def test_below_a_lock_nothing_is_locked_or_unlocked(record, manager, second, nurse):
    hold("lock", "record", record, manager)
    with acting(user=nurse):
        asked = locks.request_unlock(target=record, reason="A late result", by=nurse)
    hold("lock", "patient", record, manager)
    with acting(user=second), pytest.raises(ValidationError, match="is locked"):
        locks.grant_unlock(request=asked, by=second)
    visit = Visit.objects.get(pk=record.visit_id)
    with acting(user=manager), pytest.raises(ValidationError, match="is locked"):
        locks.lock(target=visit, reason="x", by=manager)


def test_drafts_and_open_queries_are_not_locked_in(record, manager, patient, nurse):
    build.record(patient, "vitals", {"sbp": "124"}, draft=True)
    with acting(user=manager), pytest.raises(ValidationError, match="draft"):
        locks.lock(target=patient, reason="x", by=manager)
    with acting(user=manager, role="data_manager"):
        threads.raise_query(
            record=record, item="age", text="Sure?", origin="data_manager", by=manager, role="data_manager"
        )
        with pytest.raises(ValidationError, match="query"):
            locks.lock(target=record, reason="x", by=manager)


def test_nobody_holds_entry_and_lock():
    """ACC-02: no role has both data entry and lock."""
    assert [code for code, role in ROLES.items() if {"enter_data", "lock"} <= role.permissions] == []
