"""Notices by mail for those who want them: subject code, kind and link, each notice once per person."""

from collections.abc import Iterator
from urllib.parse import urljoin

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.models import User
from reports.notices.kinds import Notice, notices_of
from trials.access import Access
from trials.models import Delegation, NoticeMark


def send_notices(*, mode: str) -> tuple[int, int]:
    """Mail new notices to everybody who chose `mode` (User.NoticeMail). Return the mails sent and those that failed.

    A mail that fails is tried again the next time: its notices are marked in the same transaction.
    """
    sent = failed = 0
    for access in _accesses(mode):
        try:
            sent += _send(access)
        except OSError:
            failed += 1
    return sent, failed


def _accesses(mode: str) -> Iterator[Access]:
    """Yield the access of each person and trial; of several roles in a trial the latest counts, as on pages."""
    rows = Delegation.objects.active(timezone.now()).filter(user__notice_mail=mode, user__is_active=True)
    rows = rows.exclude(user__email="").select_related("user", "trial__protocol")
    latest = {(row.user_id, row.trial_id): row for row in rows.order_by("starts_on", "pk")}
    for row in latest.values():
        yield Access.by(row, row.user)


@transaction.atomic
def _send(access: Access) -> int:
    # One at a time per person: a second process finds the marks of the first.
    User.objects.select_for_update().get(pk=access.user.pk)
    marked = set(
        NoticeMark.objects.filter(user=access.user, trial=access.trial).values_list("key", flat=True)
    )
    new = [each for each in notices_of(access) if each.key not in marked]
    if not new:
        return 0
    now = timezone.now()
    NoticeMark.objects.bulk_create(
        NoticeMark(user=access.user, trial=access.trial, key=each.key, mailed_at=now) for each in new
    )
    _mail(access.user, new)
    return 1


def _mail(user: User, notices: list[Notice]) -> None:
    with translation.override(user.language or settings.LANGUAGE_CODE):
        lines = [(each.subject, each.text, urljoin(settings.ADDRESS, each.url)) for each in notices]
        text = render_to_string("mail/notices.txt", {"lines": lines})
        send_mail(_("New notices in Stroma"), text, None, [user.email])
