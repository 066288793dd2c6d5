"""The periodic review of access: every six months somebody attests that it is as it has to be (ACC-03)."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min, OuterRef, Subquery
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from trials.delegations.access_in_force import access_in_force, in_words
from trials.models import AccessReview, Delegation, Trial

EVERY = timedelta(days=182)
REMIND_BEFORE = timedelta(days=30)


@transaction.atomic
def review_access(
    *, trial: Trial, since: date, until: date, conclusion: str, password: str, by: User
) -> AccessReview:
    """Store the access of a period as it is listed now, with the conclusion, signed.

    Raises ValidationError for days in the wrong order or to come, and for what a signature refuses.
    """
    if until < since:
        raise ValidationError({"until": _("The last day must not be before the first day.")})
    if until > trial.today:
        raise ValidationError({"until": _("This day has not come yet. Check the year.")})
    row = AccessReview.objects.create(
        trial=trial,
        reviewed_by=by,
        since=since,
        until=until,
        rows=list(in_words(access_in_force(trial, since, until))),
        conclusion=conclusion,
    )
    zone = trial.rules.trial.site.time_zone
    signatures.sign(target=row, meaning=Meaning.APPROVAL, password=password, by=by, zone=zone)
    return row


def due_on(trial: Trial) -> date | None:
    """Return the day by which access has to be reviewed; None before anybody has a role. One query.

    Six months after the last day that was reviewed, or after the first role was recorded.
    """
    reviewed = AccessReview.objects.filter(trial=OuterRef("pk")).order_by("-until").values("until")[:1]
    recorded = Delegation.objects.filter(trial=OuterRef("pk")).order_by("pk").values("recorded_at")[:1]
    both = Trial.objects.filter(pk=trial.pk).annotate(last=Subquery(reviewed), first=Subquery(recorded))
    last, first = both.values_list("last", "first").get()
    if last is not None:
        return last + EVERY
    return trial.day_of(first) + EVERY if first is not None else None


def first_day_to_review(trial: Trial) -> date:
    """Return the day after the last review, or that of the first role; today without any."""
    last = AccessReview.objects.filter(trial=trial).aggregate(last=Max("until"))["last"]
    if last is not None:
        return min(last + timedelta(days=1), trial.today)
    first = Delegation.objects.filter(trial=trial).aggregate(first=Min("starts_on"))["first"]
    return min(first, trial.today) if first else trial.today
