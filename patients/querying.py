"""Queries: one thread per item. Open, answered, closed, reopened; raised by a check, a monitor or a data manager."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from patients.lifecycle import refuse_when_locked
from patients.models import Query, QueryMessage, Record

State = Query.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.OPEN: frozenset({State.ANSWERED, State.CLOSED}),
    State.ANSWERED: frozenset({State.OPEN, State.CLOSED}),
    State.CLOSED: frozenset({State.OPEN}),
}


def _text(text: str) -> str:
    if not text.strip():
        raise ValidationError({"text": _("Write what you want to say.")})
    return text.strip()


def _move(query: Query, to: str) -> Query:
    row = Query.objects.select_for_update().select_related("patient__trial").get(pk=query.pk)
    refuse_when_locked(row.patient)
    if to not in TRANSITIONS[row.state]:
        raise ValidationError(
            _("This query is already %(state)s. Look at the thread again.")
            % {"state": State(row.state).label.lower()}
        )
    row.state = to
    row.closed_at = timezone.now() if to == State.CLOSED else None
    return row


def _say(query: Query, text: str, *, by: User, role: str) -> None:
    QueryMessage.objects.create(query=query, author=by, author_role=role, text=text)


@transaction.atomic
def raise_query(*, record: Record, item: str, text: str, origin: str, by: User, role: str) -> Query:
    """Ask about one item of a record. Raises ValidationError for an item the form does not have."""
    refuse_when_locked(record.patient)
    form = record.protocol.rules.form(record.form)
    if item not in {each.name for each in form.items}:
        raise ValidationError({"item": _("This form has no such item.")})
    query = Query.objects.create(
        patient=record.patient,
        record=record,
        item=item,
        origin=origin,
        state=State.OPEN,
        text=_text(text),
        opened_by=by,
    )
    _say(query, query.text, by=by, role=role)
    return query


@transaction.atomic
def answer_query(*, query: Query, text: str, by: User, role: str) -> Query:
    """Answer an open query; it waits then for the person who asked."""
    row = _move(query, State.ANSWERED)
    _say(row, _text(text), by=by, role=role)
    row.save(update_fields=["state", "closed_at"])
    return row


@transaction.atomic
def close_query(*, query: Query, text: str, by: User, role: str) -> Query:
    """Close a query with what settled it."""
    row = _move(query, State.CLOSED)
    row.closed_because = _text(text)
    _say(row, row.closed_because, by=by, role=role)
    row.save(update_fields=["state", "closed_at", "closed_because"])
    return row


@transaction.atomic
def reopen_query(*, query: Query, text: str, by: User, role: str) -> Query:
    """Open a query again that was answered or closed without being settled."""
    row = _move(query, State.OPEN)
    row.closed_because = ""
    _say(row, _text(text), by=by, role=role)
    row.save(update_fields=["state", "closed_at", "closed_because"])
    return row
