"""Freeze, lock and unlock of a form, a visit, a patient or the trial.

A freeze stops data entry while queries and marks go on; a lock stops every change. Triggers enforce both on every
write (`Trail(locks=…)` of each model). Unlocking takes two persons (ACC-08).
"""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from patients.models import DataLock, Patient, Query, Record, UnlockRequest, Visit
from patients.participation.lifecycle import (
    lock_patient,
    lock_trial_rows,
    refuse_locked_form,
    refuse_when_locked,
)
from trials.models import Trial

Level, Kind = DataLock.Level, DataLock.Kind
Target = Record | Visit | Patient | Trial
COLUMNS = {Kind.FREEZE: "frozen_at", Kind.LOCK: "locked_at"}


@transaction.atomic
def freeze(*, target: Target, reason: str, by: User) -> DataLock:
    """Freeze: stop data entry; queries and marks go on.

    Raises ValidationError without a reason, or if the target is frozen or locked already, or lies below a lock.
    """
    row = _locked_row(target)
    if row.locked_at or row.frozen_at:
        raise ValidationError(_("This is frozen or locked already."))
    return _add_lock(row, Kind.FREEZE, reason, by=by)


@transaction.atomic
def lock(*, target: Record | Visit | Patient, reason: str, by: User) -> DataLock:
    """Lock: stop every change.

    Raises ValidationError without a reason, with drafts or open queries, or if the target is locked already.
    """
    row = _locked_row(target)
    if row.locked_at:
        raise ValidationError(_("This is locked already."))
    _refuse_unfinished(row)
    return _add_lock(row, Kind.LOCK, reason, by=by)


@transaction.atomic
def lock_trial(
    *, trial: Trial, reason: str, open_points: Mapping[str, int], overridden: Mapping[str, str], by: User
) -> DataLock:
    """Lock the trial (database lock).

    open_points: by blocking point of the checklist its count (`reports.closing.checklist`). overridden: by point the
    reason why the trial is locked all the same; both are kept with the lock. Raises ValidationError without a reason
    for the lock or for a blocking point, or if the trial is locked already.
    """
    row = _locked_row(trial)
    if row.locked_at:
        raise ValidationError(_("This is locked already."))
    missing = [point for point in open_points if not overridden.get(point, "").strip()]
    if missing:
        sentence = _("This blocks the lock: resolve it, or give a reason to lock the trial anyway.")
        raise ValidationError({f"override-{point}": sentence for point in missing})
    overrides = {
        point: {"count": count, "reason": overridden[point].strip()} for point, count in open_points.items()
    }
    return _add_lock(row, Kind.LOCK, reason, by=by, overridden=overrides)


@transaction.atomic
def release_freeze(*, target: Target, reason: str, by: User) -> DataLock:
    """Release a freeze. One person is enough. Raises ValidationError without a reason or without a freeze."""
    row = _locked_row(target)
    found = lock_in_force(row, Kind.FREEZE)
    if found is None:
        raise ValidationError(_("This is not frozen."))
    return _release(found, row, reason=_required_reason(reason), asked_by=by, by=by)


@transaction.atomic
def request_unlock(*, target: Target, reason: str, by: User) -> UnlockRequest:
    """Request to unlock; another person decides (ACC-08).

    Raises ValidationError without a reason, without a lock, or while another request is open.
    """
    row = _locked_row(target)
    found = lock_in_force(row, Kind.LOCK)
    if found is None:
        raise ValidationError(_("This is not locked."))
    if found.requests.filter(decided_at=None).exists():
        raise ValidationError(_("This was already requested: the request waits for a decision."))
    with because(reason.strip()):
        return UnlockRequest.objects.create(lock=found, asked_by=by, reason=_required_reason(reason))


@transaction.atomic
def grant_unlock(*, request: UnlockRequest, by: User, answer: str = "") -> DataLock:
    """Grant a request and unlock (ACC-08). Raises ValidationError if `by` asked for it, or it is decided already."""
    row = _locked_row(request.lock.target)
    found = _open_request(request, by)
    _decide(found, granted=True, answer=answer, by=by)
    return _release(found.lock, row, reason=found.reason, asked_by=found.asked_by, by=by)


@transaction.atomic
def refuse_unlock(*, request: UnlockRequest, answer: str, by: User) -> UnlockRequest:
    """Refuse a request to unlock, with the reason. Raises ValidationError like `grant_unlock`."""
    _locked_row(request.lock.target)
    found = _open_request(request, by)
    return _decide(found, granted=False, answer=_required_reason(answer, "answer"), by=by)


def lock_in_force(target: Target, kind: str) -> DataLock | None:
    """Return the freeze or lock in force on the row itself, not on a row above it; None without one. One query."""
    level = level_of(target)
    return DataLock.objects.filter(level=level, kind=kind, released_at=None, **{level: target.pk}).first()


def level_of(target: Target) -> DataLock.Level:
    """Return the lock level of a row by its class."""
    return {Record: Level.RECORD, Visit: Level.VISIT, Patient: Level.PATIENT, Trial: Level.TRIAL}[
        type(target)
    ]


def patient_of(target: Target) -> Patient | None:
    """Return the patient a row belongs to; None for the trial."""
    match target:
        case Patient():
            return target
        case Trial():
            return None
        case _:
            return target.patient


def _locked_row(target: Any) -> Any:
    """Return the row as it is stored now, locked together with its patient: writes below it wait."""
    patient = patient_of(target)
    if patient is None:
        return lock_trial_rows(target)
    fresh = lock_patient(patient)
    if isinstance(target, Patient):
        return fresh
    row = type(target)._default_manager.select_for_update(of=("self",)).get(pk=target.pk)
    row.patient = fresh
    return row


def _add_lock(row: Any, kind: str, reason: str, *, by: User, **more: Any) -> DataLock:
    reason = _required_reason(reason)
    _refuse_below_a_lock(row)
    now = timezone.now()
    with because(reason):
        setattr(row, COLUMNS[Kind(kind)], now)
        row.save(update_fields=[COLUMNS[Kind(kind)]])
        return DataLock.objects.create(
            kind=kind, reason=reason, set_at=now, set_by=by, **_lock_columns(row), **more
        )


def _lock_columns(row: Any) -> dict[str, Any]:
    """Return the columns of a lock: its level, its target and the rows above."""
    patient = patient_of(row)
    visit = row.visit if isinstance(row, Record) else row if isinstance(row, Visit) else None
    return {
        "level": level_of(row),
        "trial": patient.trial if patient else row,
        "patient": patient,
        "visit": visit,
        "record": row if isinstance(row, Record) else None,
    }


def _release(data_lock: DataLock, row: Any, *, reason: str, asked_by: User, by: User) -> DataLock:
    _refuse_below_a_lock(row)
    data_lock.released_at, data_lock.released_by, data_lock.asked_by = timezone.now(), by, asked_by
    data_lock.release_reason = reason
    column = COLUMNS[Kind(data_lock.kind)]
    with because(reason):
        # The release first: a trigger refuses to empty the column while its lock is not released.
        data_lock.save(update_fields=["released_at", "released_by", "asked_by", "release_reason"])
        setattr(row, column, None)
        row.save(update_fields=[column])
    return data_lock


def _refuse_below_a_lock(row: Any) -> None:
    """Raise ValidationError if a row above is locked: nothing below a lock changes, not even another lock."""
    if isinstance(row, Record | Visit):
        refuse_when_locked(row.patient)
    elif isinstance(row, Patient) and row.trial.locked_at:
        raise ValidationError(_("The trial is locked: no data can be changed."))
    if isinstance(row, Record):
        refuse_locked_form(None, row.visit)


def _refuse_unfinished(row: Any) -> None:
    level = level_of(row)
    mine: dict[str, Any] = {"pk": row.pk} if level == Level.RECORD else {level.value: row.pk}
    drafts = Record.objects.filter(state=Record.State.DRAFT, **mine).count()
    if drafts:
        raise ValidationError(
            _("%(number)d draft must be completed or struck out first.") % {"number": drafts}
        )
    path = {Level.RECORD: "record", Level.VISIT: "record__visit", Level.PATIENT: "patient"}[Level(level)]
    queries = Query.objects.filter(state__in=Query.OPEN_STATES, **{path: row.pk}).count()
    if queries:
        raise ValidationError(_("%(number)d query is not closed yet.") % {"number": queries})


def _open_request(request: UnlockRequest, by: User) -> UnlockRequest:
    """Return the request as stored now. Its target must be locked: every decision takes that lock first."""
    found = UnlockRequest.objects.select_related("lock", "asked_by").get(pk=request.pk)
    if found.decided_at:
        raise ValidationError(_("This request is decided already."))
    if found.asked_by_id == by.pk:
        raise ValidationError(_("You requested this: a second person decides."))
    return found


def _decide(unlock_request: UnlockRequest, *, granted: bool, answer: str, by: User) -> UnlockRequest:
    unlock_request.decided_at, unlock_request.decided_by, unlock_request.granted = timezone.now(), by, granted
    unlock_request.answer = answer.strip()
    with because(unlock_request.answer or unlock_request.reason):
        unlock_request.save(update_fields=["decided_at", "decided_by", "granted", "answer"])
    return unlock_request


def _required_reason(reason: str, field: str = "reason") -> str:
    if not reason.strip():
        raise ValidationError({field: _("Say why.")})
    return reason.strip()
