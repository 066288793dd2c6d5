"""Notices marked read by a person, and which are new."""

from collections.abc import Collection, Sequence

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from reports.notices.kinds import Notice, notices_of
from trials.access import Access
from trials.models import NoticeMark, Trial


def unread_and_read(access: Access) -> tuple[list[Notice], list[Notice]]:
    """Return the notices of a person in a trial that are not marked read, and those that are."""
    marked = NoticeMark.objects.filter(user=access.user, trial=access.trial, read_at__isnull=False)
    read = set(marked.values_list("key", flat=True))
    notices = list(notices_of(access))
    return [each for each in notices if each.key not in read], [each for each in notices if each.key in read]


@transaction.atomic
def mark_read(*, notices: Sequence[Notice], keys: Collection[str], trial: Trial, by: User) -> None:
    """Mark the notices with these keys read; a key that none of them has is passed over.

    Marks of what waits no more are deleted, so that they do not pile up.
    """
    now = timezone.now()
    current = {each.key for each in notices}
    NoticeMark.objects.filter(user=by, trial=trial, mailed_at=None).exclude(key__in=current).delete()
    rows = [NoticeMark(user=by, trial=trial, key=key, read_at=now) for key in sorted(current & set(keys))]
    NoticeMark.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["user", "trial", "key"], update_fields=["read_at"]
    )
