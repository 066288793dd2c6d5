"""The private address of a person's calendar in a trial: made, ended, and found by its secret."""

import hashlib
import secrets

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from trials.models import CalendarAddress, Delegation, Trial


@transaction.atomic
def make_calendar_address(*, trial: Trial, with_codes: bool, by: User) -> str:
    """Make a new address, end the earlier one, and return the secret: 256 random bits, shown once.

    with_codes: whether the calendar names the subject codes. Raises Delegation.DoesNotExist without a role.
    """
    User.objects.select_for_update().get(pk=by.pk)
    end_calendar_address(trial=trial, by=by)
    rows = Delegation.objects.active().filter(user=by, trial=trial)
    delegation = rows.order_by("-starts_on", "-pk")[:1].get()
    secret = secrets.token_urlsafe(32)
    CalendarAddress.objects.create(delegation=delegation, digest=_digest(secret), with_codes=with_codes)
    return secret


@transaction.atomic
def end_calendar_address(*, trial: Trial, by: User) -> None:
    """End the person's address in the trial, if there is one."""
    open_rows = CalendarAddress.objects.filter(delegation__user=by, delegation__trial=trial, ended_at=None)
    for row in open_rows:
        row.ended_at = timezone.now()
        row.save(update_fields=["ended_at"])


def open_calendar_address(*, trial: Trial, user: User) -> CalendarAddress | None:
    """Return the person's address that can be read now, or None. One query."""
    return _readable().filter(delegation__user=user, delegation__trial=trial).first()


def calendar_address_of(secret: str) -> CalendarAddress | None:
    """Return the address with its delegation, user and trial; None if there is none, or the delegation ended."""
    rows = _readable().select_related("delegation__user", "delegation__trial__protocol")
    return rows.filter(digest=_digest(secret)).first()


def _readable() -> "QuerySet[CalendarAddress]":
    return CalendarAddress.objects.filter(ended_at=None, delegation__in=Delegation.objects.active())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
