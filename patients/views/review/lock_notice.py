"""The notice on pages of what is frozen or locked: since when, by whom, why, and how it is undone."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from patients.models import DataLock, Patient, Record, Visit
from patients.review.locks import lock_in_force
from patients.views.review.locks import lock_address
from trials.models import Trial
from trials.reader import shown_moment


@dataclass(frozen=True, slots=True)
class LockNotice:
    """One freeze or lock in force. `url` is the page on which it is undone."""

    words: str
    undone_by: str
    url: str


def lock_notice(
    trial: Trial, patient: Patient, visit: Visit | None, record: Record | None
) -> LockNotice | None:
    """Return the lock in force at a place, else the freeze; the highest of several. One query if there is any."""
    rows: list[Any] = [row for row in (trial, patient, visit, record) if row is not None]
    for kind, column in ((DataLock.Kind.LOCK, "locked_at"), (DataLock.Kind.FREEZE, "frozen_at")):
        held = next((row for row in rows if getattr(row, column)), None)
        found = lock_in_force(held, kind) if held is not None else None
        if found is not None:
            return LockNotice(_words(found, trial), _undone_by(found), lock_address(held, trial.slug))
    return None


def _words(found: DataLock, trial: Trial) -> str:
    texts = {
        ("trial", "lock"): _("The trial has been locked since %(when)s by %(who)s: %(why)s"),
        ("patient", "lock"): _("This patient has been locked since %(when)s by %(who)s: %(why)s"),
        ("visit", "lock"): _("This visit has been locked since %(when)s by %(who)s: %(why)s"),
        ("record", "lock"): _("This form has been locked since %(when)s by %(who)s: %(why)s"),
        ("trial", "freeze"): _("The trial has been frozen since %(when)s by %(who)s: %(why)s"),
        ("patient", "freeze"): _("This patient has been frozen since %(when)s by %(who)s: %(why)s"),
        ("visit", "freeze"): _("This visit has been frozen since %(when)s by %(who)s: %(why)s"),
        ("record", "freeze"): _("This form has been frozen since %(when)s by %(who)s: %(why)s"),
    }
    values = {
        "when": shown_moment(found.set_at, trial.zone),
        "who": found.set_by.full_name,
        "why": found.reason,
    }
    return texts[str(found.level), str(found.kind)] % values


def _undone_by(found: DataLock) -> str:
    if found.kind == DataLock.Kind.LOCK:
        return _("To unlock, one person asks with a reason and a second person grants it.")
    return _("A data manager releases the freeze with a reason; queries and marks go on meanwhile.")
