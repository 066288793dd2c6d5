"""Each step of freezing, locking and unlocking is refused where it does not apply, in a sentence (ACC-08)."""

import pytest

from accounts.models import User
from audit.context import acting
from patients.models import DataLock, Patient, Record, UnlockRequest, Visit
from patients.review import locks
from tests.support import build
from tests.support.study.locking import LEVELS, hold, target
from tests.support.study.refusals import refused
from trials.models import Trial

pytestmark = pytest.mark.django_db

ALREADY = {"": ["This is frozen or locked already."]}
LOCKED = {"": ["This is locked already."]}
WHY = {"reason": ["Say why."]}
STANDING = "This blocks the lock: resolve it, or give a reason to lock the trial anyway."


@pytest.fixture(autouse=True)
def _acts(manager):
    with acting(user=manager, role="data_manager"):
        yield


@pytest.fixture
def second(trial: Trial) -> User:
    """Another data manager."""
    return build.user("data_manager", trial=trial)


def now(level: str, record: Record) -> Record | Visit | Patient | Trial:
    """Return the row of a level as it is stored."""
    return target(level, Record.objects.select_related("patient__trial", "visit").get(pk=record.pk))


class TestFreezing:
    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("kind", ["freeze", "lock"])
    def test_what_is_frozen_or_locked_is_not_frozen_again(self, kind, level, record, manager):
        hold(kind, level, record, manager)
        told = refused(locks.freeze, target=now(level, record), reason="Interim", by=manager)
        assert told == ALREADY
        assert DataLock.objects.count() == 1

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_a_freeze_and_its_release_have_a_reason(self, record, manager, reason):
        assert refused(locks.freeze, target=record, reason=reason, by=manager) == WHY
        locks.freeze(target=record, reason=" Interim ", by=manager)
        assert refused(locks.release_freeze, target=record, reason=reason, by=manager) == WHY
        done = locks.release_freeze(target=record, reason=" Done ", by=manager)
        assert (done.reason, done.release_reason, done.released_by_id) == ("Interim", "Done", manager.pk)

    @pytest.mark.parametrize("level", LEVELS)
    def test_a_lock_is_no_freeze_to_release(self, level, record, manager):
        hold("lock", level, record, manager)
        told = refused(locks.release_freeze, target=now(level, record), reason="x", by=manager)
        assert told == {"": ["This is not frozen."]}

    @pytest.mark.parametrize("level", LEVELS)
    def test_what_was_released_can_be_frozen_again(self, level, record, manager):
        hold("freeze", level, record, manager)
        locks.release_freeze(target=now(level, record), reason="Done", by=manager)
        assert now(level, record).frozen_at is None
        locks.freeze(target=now(level, record), reason="Again", by=manager)
        assert now(level, record).frozen_at is not None


class TestLocking:
    @pytest.mark.parametrize("level", LEVELS[:3])
    def test_what_is_locked_is_not_locked_again(self, level, record, manager):
        hold("lock", level, record, manager)
        assert refused(locks.lock, target=now(level, record), reason="x", by=manager) == LOCKED

    @pytest.mark.parametrize("level", LEVELS[:3])
    def test_what_is_frozen_can_be_locked(self, level, record, manager):
        hold("freeze", level, record, manager)
        locks.lock(target=now(level, record), reason="Clean", by=manager)
        assert now(level, record).locked_at is not None
        assert now(level, record).frozen_at is not None

    def test_a_lock_has_a_reason(self, record, manager):
        assert refused(locks.lock, target=record, reason=" ", by=manager) == WHY

    @pytest.mark.parametrize("below", ["record", "visit", "patient"])
    def test_below_a_locked_trial_nothing_is_frozen_or_locked(self, below, record, manager):
        hold("lock", "trial", record, manager)
        for verb in (locks.freeze, locks.lock):
            told = refused(verb, target=now(below, record), reason="x", by=manager)
            assert told == {"": ["The trial is locked: no data can be changed."]}

    def test_the_place_of_a_lock_names_every_row_above_it(self, record, manager):
        made = hold("lock", "record", record, manager)
        rows = (made.trial_id, made.patient_id, made.visit_id, made.record_id)
        assert rows == (record.patient.trial_id, record.patient_id, record.visit_id, record.pk)
        other = hold("freeze", "visit", record, manager)
        assert (other.visit_id, other.record_id, other.level) == (record.visit_id, None, "visit")


class TestTheTrial:
    def lock(self, trial, by, open_points=None, overridden=None, reason="Last visit"):
        return locks.lock_trial(
            trial=trial, reason=reason, open_points=open_points or {}, overridden=overridden or {}, by=by
        )

    def test_it_is_locked_once(self, trial, manager):
        self.lock(trial, manager)
        assert refused(self.lock, trial, manager) == LOCKED

    def test_each_point_that_stands_in_the_way_is_named(self, trial, manager):
        open_points = {"drafts": 2, "queries": 1, "signatures": 4}
        told = refused(self.lock, trial, manager, open_points, {"drafts": "Abandoned", "queries": "  "})
        assert told == {"override-queries": [STANDING], "override-signatures": [STANDING]}
        assert Trial.objects.get(pk=trial.pk).locked_at is None

    def test_the_reasons_are_kept_with_the_lock(self, trial, manager):
        made = self.lock(trial, manager, {"drafts": 2}, {"drafts": " Abandoned ", "queries": "none open"})
        assert made.overridden == {"drafts": {"count": 2, "reason": "Abandoned"}}
        assert Trial.objects.get(pk=trial.pk).locked_at == made.set_at

    def test_the_lock_has_a_reason_of_its_own(self, trial, manager):
        assert refused(self.lock, trial, manager, reason=" ") == WHY

    def test_another_trial_stays_open(self, trial, manager):
        other = build.trial(build.COVID_MSV)
        self.lock(trial, manager)
        assert Trial.objects.get(pk=other.pk).locked_at is None


class TestUnlocking:
    @pytest.mark.parametrize("level", LEVELS)
    @pytest.mark.parametrize("kind", ["freeze", None])
    def test_what_is_not_locked_cannot_be_unlocked(self, kind, level, record, manager):
        if kind:
            hold(kind, level, record, manager)
        told = refused(locks.request_unlock, target=now(level, record), reason="x", by=manager)
        assert told == {"": ["This is not locked."]}

    def test_one_request_waits_at_a_time(self, record, manager, second):
        hold("lock", "record", record, manager)
        first = locks.request_unlock(target=now("record", record), reason=" Misread ", by=manager)
        assert first.reason == "Misread"
        told = refused(locks.request_unlock, target=now("record", record), reason="x", by=second)
        assert told == {"": ["This was already requested: the request waits for a decision."]}

        locks.refuse_unlock(request=first, answer="Not needed", by=second)
        again = locks.request_unlock(target=now("record", record), reason="Needed", by=manager)
        assert again.decided_at is None

    def test_the_request_for_one_form_does_not_wait_for_that_of_another(
        self, record, patient, manager, nurse
    ):
        other = build.record(patient, "pregnancy_test", {"childbearing_potential": "N"}, by=nurse)
        hold("lock", "record", record, manager)
        hold("lock", "record", other, manager)
        locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        locks.request_unlock(target=now("record", other), reason="Misread too", by=manager)
        assert UnlockRequest.objects.filter(decided_at=None).count() == 2

    def test_a_request_is_decided_once(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        locks.grant_unlock(request=asked, by=second)
        decided = {"": ["This request is decided already."]}
        assert refused(locks.grant_unlock, request=asked, by=second) == decided
        assert refused(locks.refuse_unlock, request=asked, answer="No", by=second) == decided

    def test_nobody_decides_their_own_request(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        own = {"": ["You requested this: a second person decides."]}
        assert refused(locks.grant_unlock, request=asked, by=manager) == own
        assert refused(locks.refuse_unlock, request=asked, answer="No", by=manager) == own
        assert now("record", record).locked_at is not None

    def test_a_refusal_has_a_reason(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        assert refused(locks.refuse_unlock, request=asked, answer=" ", by=second) == {"answer": ["Say why."]}
        done = locks.refuse_unlock(request=asked, answer=" Not needed ", by=second)
        assert (done.granted, done.answer, done.decided_by_id) == (False, "Not needed", second.pk)

    def test_a_release_names_both_and_the_reason_of_the_request(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason=" Misread ", by=manager)
        done = locks.grant_unlock(request=asked, by=second, answer=" Agreed ")
        assert (done.asked_by_id, done.released_by_id, done.release_reason) == (
            manager.pk,
            second.pk,
            "Misread",
        )
        decided = UnlockRequest.objects.get()
        assert (decided.granted, decided.answer, decided.decided_by_id) == (True, "Agreed", second.pk)
        assert decided.decided_at is not None
        trail = UnlockRequest.history.order_by("history_id")
        assert [row.history_change_reason for row in trail] == ["Misread", "Agreed"]
        assert now("record", record).locked_at is None

    def test_without_an_answer_the_trail_keeps_the_reason_of_the_request(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        locks.grant_unlock(request=asked, by=second)
        trail = UnlockRequest.history.order_by("history_id")
        assert [row.history_change_reason for row in trail] == ["Misread", "Misread"]

    def test_a_lock_below_another_is_not_released(self, record, manager, second):
        hold("lock", "record", record, manager)
        asked = locks.request_unlock(target=now("record", record), reason="Misread", by=manager)
        hold("lock", "visit", record, manager)
        told = refused(locks.grant_unlock, request=asked, by=second)
        assert told == {"": ["SCR is locked: nothing can be changed."]}
        assert UnlockRequest.objects.get().decided_at is None
