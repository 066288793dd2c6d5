"""Record a review of the trail: who looked at what, what was found, and which queries came of it (AUD-11)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from audit.models import SavedView, TrailReview
from audit.trail_index import finding as index
from patients.models import Query
from reports.audit_trail.page import TrailPage
from trials.permissions import Permission


@transaction.atomic
def record_review(
    *,
    page: TrailPage,
    conclusion: str,
    finding: str,
    seen: Mapping[str, Any],
    since: datetime,
    by: User,
    view: SavedView | None = None,
    query: str | None = None,
) -> TrailReview:
    """Store a review: filter, number of entries, what was seen since when, result, conclusion, and queries raised.

    view: the saved view that was reviewed. query: its filters, if the page shows others. Counts up to 10,001 entries.
    """
    raised = Query.objects.filter(patient__trial=page.trial, opened_by=by, opened_at__gte=since)
    unblinded = page.trial.masked and page.request.access.sees_treatment
    return TrailReview.objects.create(
        trial_id=page.trial.pk,
        reviewer_id=by.pk,
        reviewer_name=by.full_name,
        role=page.request.access.role.code,
        reviewed_at=timezone.now(),
        filters={"query": page.query if query is None else query},
        rows_seen=index.count(page.form.filter(), may=page.may),
        conclusion=conclusion,
        view_id=view.pk if view is not None else None,
        seen=dict(seen),
        finding=finding,
        queries=list(raised.order_by("pk").values_list("pk", flat=True)),
        see=str(Permission.SEE_TREATMENT) if unblinded else "",
    )
