"""Report a problem with the software, look at it, close it, and review all of them every three months (VAL-03)."""

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from trials.models import Delegation, Incident, IncidentReview, Trial

EVERY = timedelta(days=91)
REMIND_BEFORE = timedelta(days=14)


@transaction.atomic
def report_problem(*, trial: Trial, text: str, page: str, request: str, role: str, by: User) -> Incident:
    """Store a problem. Raises ValidationError without a text."""
    if not text.strip():
        raise ValidationError({"text": _("Say what happened, and what you expected.")})
    # Two reports at once get two numbers.
    Trial.objects.select_for_update().get(pk=trial.pk)
    last = trial.incidents.aggregate(last=Max("number"))["last"] or 0
    return Incident.objects.create(
        trial=trial, number=last + 1, text=text.strip(), page=page, request=request, role=role, reported_by=by
    )


@transaction.atomic
def take_up_problem(*, problem: Incident, by: User) -> None:
    """Say that somebody looks at the problem. Raises ValidationError if it is closed."""
    row = _held(problem)
    row.state, row.handled_by = Incident.State.LOOKED_AT, by
    row.save()


@transaction.atomic
def close_problem(*, problem: Incident, done: str, by: User) -> None:
    """Close the problem. Raises ValidationError if it is closed, or without what was done."""
    row = _held(problem)
    if not done.strip():
        raise ValidationError({"done": _("Say what was done, or why nothing has to be.")})
    row.state, row.handled_by, row.done, row.closed_at = (
        Incident.State.CLOSED,
        by,
        done.strip(),
        timezone.now(),
    )
    row.save()


def _held(problem: Incident) -> Incident:
    row = Incident.objects.select_for_update().get(pk=problem.pk)
    if row.state == Incident.State.CLOSED:
        raise ValidationError(_("Somebody has closed this problem already."))
    return row


@transaction.atomic
def review_problems(*, trial: Trial, conclusion: str, by: User) -> IncidentReview:
    """Record that the problems were looked through. Raises ValidationError without a conclusion."""
    if not conclusion.strip():
        raise ValidationError({"conclusion": _("Say what comes of the problems of this period.")})
    rows = Incident.objects.filter(trial=trial)
    return IncidentReview.objects.create(
        trial=trial,
        reviewed_by=by,
        reported=rows.count(),
        still_open=rows.exclude(state=Incident.State.CLOSED).count(),
        conclusion=conclusion.strip(),
    )


def review_due_on(trial: Trial) -> date | None:
    """Return the day by which the problems have to be reviewed; None before anybody has a role. At most two queries."""
    last = IncidentReview.objects.filter(trial=trial).aggregate(last=Max("reviewed_at"))["last"]
    last = last or Delegation.objects.filter(trial=trial).aggregate(first=Min("recorded_at"))["first"]
    return trial.day_of(last) + EVERY if last is not None else None
