"""Two persons settle rows that differ from their history; one of them is no administrator (AUD-14)."""

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from audit import events, signatures
from audit.context import acting
from audit.integrity import discrepancies
from audit.integrity.replay import Unexplained
from trials.delegations.delegation import MANAGING
from trials.models import Delegation


def settle_trail(
    *, rows: Sequence[Unexplained], reason: str, by: User, password: str, second: User, second_password: str
) -> int:
    """Settle the rows (`audit.integrity.discrepancies.settle`); return how many signatures became invalid.

    Raises ValidationError without a reason, for one person instead of two, for two administrators, for a person
    without a role in a trial concerned, and for a wrong password, which is recorded.
    """
    if not reason.strip():
        raise ValidationError(_("Give the reason: what is known about how these rows came to differ."))
    if by.pk == second.pk:
        raise ValidationError(_("Two persons settle the trail: name a second one."))
    for person in (by, second):
        _require_role(person, {row.trial_id for row in rows})
    if _is_administrator(by) and _is_administrator(second):
        raise ValidationError(_("One of the two must not be an administrator."))
    for person, typed in ((by, password), (second, second_password)):
        _require_password(person, typed)
    return discrepancies.settle(rows=rows, reason=reason.strip(), by=by, second=second)


def _require_role(person: User, trials: set[int | None]) -> None:
    held = set(Delegation.objects.active().filter(user=person).values_list("trial_id", flat=True))
    if not person.is_active or not held or not (trials - {None}) <= held:
        raise ValidationError(
            _("%(person)s has no role in a trial to which these rows belong.") % {"person": person}
        )


def _is_administrator(person: User) -> bool:
    """Return whether the person manages people in any trial, today or from a later day."""
    return Delegation.objects.filter(user=person, role__in=MANAGING).not_ended().exists()


def _require_password(person: User, typed: str) -> None:
    with acting(system="settle", user=person):
        signatures.refuse_suspended(person, "settle_trail")
    if signatures.recent_failures(person) >= signatures.ATTEMPTS:
        raise ValidationError(
            _("Too many wrong passwords of %(person)s. Wait fifteen minutes.") % {"person": person}
        )
    if not person.check_password(typed):
        with acting(system="settle", user=person):
            events.record(kind=events.AccessKind.SIGNING_FAILED, user=person, detail={"of": "settle_trail"})
        raise ValidationError(
            _("This is not the password of %(person)s. Nothing was settled.") % {"person": person}
        )
