"""The banner on home while a review of access is overdue, for those who review and those who manage people (ACC-03)."""

from django.utils.translation import gettext as _

from reports.home.workload import Workload
from trials.delegations.access_review import due_on
from trials.permissions import Permission as P
from trials.reader import shown_day


def overdue_access_review(work: Workload) -> str:
    """Return the warning, or an empty text. One query for the roles concerned, none for the others."""
    if not (work.access.may(P.REVIEW_ACCESS) or work.access.may(P.MANAGE_PEOPLE)):
        return ""
    due = due_on(work.trial)
    if due is None or due >= work.today:
        return ""
    return _("Access had to be reviewed by %(day)s: every six months somebody attests to it.") % {
        "day": shown_day(due)
    }
