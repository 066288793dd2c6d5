"""Many queries in one step: raised with one question, or closed with one text. A repeated request changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.models import Patient, Query, QueryRow, Record
from patients.participation.lifecycle import lock_patients
from patients.queries.threads import message_text, refuse_locked_target, refuse_to_ask

AT_ONCE = 200
State = Query.State


@dataclass(frozen=True, slots=True)
class Target:
    """One item to raise a query on. The record has its patient, trial, visit and protocol read."""

    record: Record
    item: str


def query_refusals(targets: Sequence[Target]) -> dict[Target, str]:
    """Return the targets on which no query can be raised, each with the message why.

    One database query, whatever the number of targets.
    """
    rows = Query.objects.filter(
        record__in={target.record.pk for target in targets}, state__in=Query.OPEN_STATES
    )
    open_threads = set(rows.values_list("record_id", "item")) if targets else set()
    found = {target: _refusal(target, open_threads) for target in targets}
    return {target: why for target, why in found.items() if why}


def _refusal(target: Target, open_threads: set[tuple[int, str]]) -> str:
    try:
        refuse_to_ask(target.record)
    except ValidationError as refused:
        return " ".join(refused.messages)
    if target.item not in target.record.protocol.rules.form(target.record.form):
        return _("This form has no such item.")
    if (target.record.pk, target.item) in open_threads:
        return _("A query on this item is open already.")
    return ""


@transaction.atomic
def raise_queries(
    *, targets: Iterable[tuple[int, str]], text: str, origin: str, by: User, role: str, batch: str
) -> list[Query]:
    """Raise a query with the same text on several items, given as (record key, item).

    Items on which no query can be raised are left out. batch: identifies the confirmation; a repeated one returns the
    queries raised the first time. Raises ValidationError for an empty text, no target or more than AT_ONCE.
    """
    words, chosen = message_text(text), dict.fromkeys(targets)
    if not chosen:
        raise ValidationError(_("Nothing is chosen. Tick rows in the listing first."))
    refuse_too_many(len(chosen))
    records = _locked_records({record for record, _item in chosen})
    # Looked up under the locks, so that the second of two clicks finds the queries of the first.
    if already := list(Query.objects.filter(opened_by=by, batch=batch)):
        return already
    found_targets = [Target(records[record], item) for record, item in chosen if record in records]
    left_out = query_refusals(found_targets)
    rows = Query.objects.bulk_create(
        Query(
            patient_id=target.record.patient_id,
            record=target.record,
            item=target.item,
            origin=origin,
            state=State.OPEN,
            text=words,
            opened_by=by,
            batch=batch,
        )
        for target in found_targets
        if target not in left_out
    )
    add_messages(rows, words, by=by, role=role)
    return list(rows)


def refuse_too_many(number: int) -> None:
    """Raise ValidationError for more than AT_ONCE queries."""
    if number > AT_ONCE:
        raise ValidationError(
            _("At most %(most)s at once: narrow the filter, or tick fewer rows.") % {"most": AT_ONCE}
        )


def _locked_records(pks: set[int]) -> dict[int, Record]:
    """Return the records by key, with the rows of their patients locked: concurrent confirmations wait."""
    chosen = Record.objects.filter(pk__in=pks)
    lock_patients(Patient.objects.filter(pk__in=chosen.order_by().values("patient_id")))
    rows = chosen.select_related("patient__trial", "visit", "protocol")
    return {record.pk: record for record in rows}


def with_last_message(rows: Iterable[int], log: type[QueryRow] = Query) -> dict[int, int]:
    """Return the key of the last message by query key: it tells later whether the thread has changed since."""
    found = log.all_messages().filter(query__in=rows).order_by().values("query_id")
    return dict(found.annotate(last=Max("pk")).values_list("query_id", "last"))


def not_closable(query: QueryRow) -> str:
    """Return the message why a query cannot be closed in bulk, empty if it can: only answered ones can."""
    try:
        refuse_locked_target(query)
    except ValidationError as refused:
        return " ".join(refused.messages)
    if query.state == State.OPEN:
        return _("Not answered yet.")
    return _("It is closed already.") if query.state == State.CLOSED else ""


@transaction.atomic
def close_queries(
    *, seen: Mapping[int, int], text: str, by: User, role: str, log: type[QueryRow] = Query
) -> list[QueryRow]:
    """Close answered queries with the same text. `seen`: by query key, the last message that the person read.

    Queries that are no longer answered, or have a newer message, are left out. Returns the closed queries, with those
    that this person closed with this text before. Raises ValidationError for an empty text, no query or more than
    AT_ONCE.
    """
    words = message_text(text)
    if not seen:
        raise ValidationError(_("Nothing is chosen. Tick rows in the listing first."))
    refuse_too_many(len(seen))
    chosen = log.objects.filter(pk__in=seen)
    lock_patients(Patient.objects.filter(pk__in=chosen.order_by().values("patient_id")))
    # Read under the locks: the thread, the form or its visit may have changed since the page was shown.
    queries = list(chosen.select_related("patient__trial", *log.above).order_by("pk"))
    last = with_last_message(seen, log)
    closing = [
        query for query in queries if last.get(query.pk, 0) == seen[query.pk] and not not_closable(query)
    ]
    for query in closing:
        query.state, query.closed_at, query.closed_because = State.CLOSED, timezone.now(), words
    log.objects.bulk_update(closing, ["state", "closed_at", "closed_because"])
    add_messages(closing, words, by=by, role=role)
    mine = log.all_messages().filter(query__in=seen, author=by, text=words, query__state=State.CLOSED)
    done = set(mine.values_list("query_id", flat=True))
    return [query for query in queries if query.pk in done]


def add_messages(queries: Sequence[QueryRow], text: str, *, by: User, role: str) -> None:
    """Add the same message to several threads of one log. One query."""
    if queries:
        rows = type(queries[0]).all_messages()
        rows.bulk_create(rows.model(query=query, author=by, author_role=role, text=text) for query in queries)
