"""Queries that a change settles: answered by a change made as the answer to a query, closed with a row struck out."""

from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from audit.context import current_actor
from audit.stored_text import StoredText, Text, code_of, system_text
from patients.models import Query, QueryMessage
from patients.system_texts import REASON

ANSWER = f"{REASON}query"


def answer_by_change(*, reason: Text, items: Collection[str], by: User, **place: Any) -> list[Query]:
    """Answer the open queries of persons on the changed items, if the reason is “Answer to a query”.

    place: `record`, or `target` and `target_id`. What was typed with the reason stands in the message. Queries of
    checks are settled by the value itself. At most three queries; none for another reason.
    """
    if code_of(reason) != ANSWER or not items:
        return []
    rows = Query.objects.filter(Q(**place), item__in=list(items), state=Query.State.OPEN)
    asked = list(rows.exclude(origin=Query.Origin.CHECK))
    if not asked:
        return []
    actor, typed = current_actor(), reason.typed if isinstance(reason, StoredText) else ""
    words = system_text("query.answered", typed)
    for query in asked:
        query.state = Query.State.ANSWERED
    Query.objects.bulk_update(asked, ["state"])
    role = actor.role if actor else ""
    QueryMessage.objects.bulk_create(
        QueryMessage(query=query, author=by, author_role=role, text=words) for query in asked
    )
    return asked


def close_asked(*, because: Text, **place: Any) -> None:
    """Close the queries on a row that was struck out. At most two queries."""
    asked = list(Query.objects.filter(Q(**place), state__in=Query.OPEN_STATES))
    for query in asked:
        query.state, query.closed_at, query.closed_because = Query.State.CLOSED, timezone.now(), because
    if asked:
        Query.objects.bulk_update(asked, ["state", "closed_at", "closed_because"])
