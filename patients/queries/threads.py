"""Queries, one thread per item or fact: raised by a check, a monitor or a data manager; answered, closed, reopened."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from patients.casebook import facts
from patients.casebook.facts import Fact
from patients.models import Patient, Query, QueryRow, Record
from patients.participation.lifecycle import lock_patient, lock_patients, refuse_when_locked
from protocol.values.row_ids import by_id

State = Query.State
Origin = Query.Origin

TRANSITIONS: dict[str, frozenset[str]] = {
    State.OPEN: frozenset({State.ANSWERED, State.CLOSED}),
    State.ANSWERED: frozenset({State.OPEN, State.CLOSED}),
    State.CLOSED: frozenset({State.OPEN}),
}
ALREADY = {
    State.OPEN: gettext_lazy("This query is already open. Look at the thread again."),
    State.ANSWERED: gettext_lazy("This query is already answered. Look at the thread again."),
    State.CLOSED: gettext_lazy("This query is already closed. Look at the thread again."),
}
# The origin of a query by the role that raises it; any other role counts as a monitor.
ORIGINS = {"monitor": Origin.MONITOR, "data_manager": Origin.DATA_MANAGER}
LONGEST = 4000


def message_text(text: str) -> str:
    """Return the text of a message without surrounding blanks. Raises ValidationError if nothing is left."""
    if not text.strip():
        raise ValidationError({"text": _("Write what you want to say.")})
    return text.strip()


def lock_record(record: int) -> Record:
    """Return a form as stored now, with its patient's row locked until the transaction ends."""
    lock_patients(Patient.objects.filter(records=record))
    # Read after the lock: the form or its visit may have been locked or struck out meanwhile.
    rows = Record.objects.select_related("patient__trial", "visit", "protocol")
    row: Record = rows.get(pk=record)
    return row


def refuse_locked_record(record: Record) -> None:
    """Raise ValidationError if the trial, the patient, the visit or the form is locked."""
    refuse_when_locked(record.patient)
    if record.locked_at or (record.visit is not None and record.visit.locked_at):
        raise ValidationError(_("This form is locked: nothing can be changed."))


def refuse_locked_target(query: QueryRow) -> None:
    """Raise ValidationError if what a query is about is locked. Reads its patient, record and visit."""
    refuse_when_locked(query.patient)
    if query.record is not None:
        query.record.patient = query.patient
        refuse_locked_record(query.record)


def refuse_to_ask(record: Record) -> None:
    """Raise ValidationError if no query can be raised on a form, because it is locked or entered in error."""
    refuse_locked_record(record)
    if record.state == Record.State.STRUCK_OUT:
        raise ValidationError(_("This form was entered in error and struck out."))


@transaction.atomic
def raise_query(*, record: Record, item: str, text: str, origin: str, by: User, role: str) -> Query:
    """Raise a query on one item of a record. The same person's same text again returns the open thread.

    Raises ValidationError for an empty text, an item the form does not have, a form that is locked or struck out,
    and an item that has an open thread already (threads of checks aside).
    """
    words = message_text(text)
    # One at a time per patient: of two people who ask at once, the second finds the thread of the first.
    record = lock_record(record.pk)
    refuse_to_ask(record)
    if item not in record.protocol.rules.form(record.form):
        raise ValidationError({"item": _("This form has no such item.")})
    place = {"target": Query.Target.RECORD, "record_id": record.pk, "item": item}
    raised: Query = _raised(Query, record.patient, place, words, origin, by, role)
    return raised


@transaction.atomic
def raise_fact_query(*, fact: Fact, text: str, origin: str, by: User, role: str) -> QueryRow:
    """Raise a query on a fact of an event, infusion, consent, decision, end of study or product, as `raise_query`.

    Raises ValidationError for an empty text, a row that is locked or entered in error, and a fact that has an open
    thread already.
    """
    words = message_text(text)
    patient = lock_patient(fact.patient)
    # Read after the lock: the row may have been struck out meanwhile.
    (row,) = fact.kind.rows([fact.row.pk])
    facts.refuse_to_ask(Fact(fact.kind, row, fact.item))
    raised: QueryRow = _raised(fact.kind.queries, patient, fact.place, words, origin, by, role)
    return raised


def _raised(
    log: type[QueryRow], patient: Patient, place: dict[str, Any], words: str, origin: str, by: User, role: str
) -> Any:
    thread = _open_thread(log, place)
    if thread is not None:
        if thread.text == words and thread.opened_by_id == by.pk:
            return thread
        raise ValidationError({"text": _("A query on this item is open already: continue in its thread.")})
    query: QueryRow = log.objects.create(
        patient=patient, **place, origin=origin, state=State.OPEN, text=words, opened_by=by
    )
    _add_message(query, words, by=by, role=role)
    return query


@transaction.atomic
def answer_query(*, query: QueryRow, text: str, by: User, role: str) -> QueryRow:
    """Answer an open query, which then waits for the role that raised it. Raises ValidationError, see
    `_answer_thread`."""
    return _answer_thread(query, State.ANSWERED, text, by=by, role=role)


@transaction.atomic
def close_query(*, query: QueryRow, text: str, by: User, role: str) -> QueryRow:
    """Close a query; the text is kept as its reason. Raises ValidationError, see `_answer_thread`."""
    return _answer_thread(query, State.CLOSED, text, by=by, role=role)


@transaction.atomic
def reopen_query(*, query: QueryRow, text: str, by: User, role: str) -> QueryRow:
    """Reopen a query that was answered or closed. Raises ValidationError, see `_answer_thread`."""
    return _answer_thread(query, State.OPEN, text, by=by, role=role)


def _answer_thread(query: QueryRow, to: str, text: str, *, by: User, role: str) -> QueryRow:
    """Add a message and set the state of the query; the second of two clicks changes nothing.

    Raises ValidationError for an empty text, a locked form, a transition that does not exist, and the reopening of a
    query while another one is open in its place, or whose row was removed.
    """
    words = message_text(text)
    if query.record_id is None:
        refuse_when_locked(lock_patient(query.patient))
    else:
        refuse_locked_record(lock_record(query.record_id))
    # Read again under the lock: a colleague may have answered or closed the query since the page was shown.
    row: QueryRow = type(query).objects.select_for_update().get(pk=query.pk)
    if row.state == to and _is_last_message(row, words, by):
        return row
    _refuse_step(row, to)
    _add_message(row, words, by=by, role=role)
    row.state = to
    row.closed_at = timezone.now() if to == State.CLOSED else None
    row.closed_because = words if to == State.CLOSED else ""
    row.save(update_fields=["state", "closed_at", "closed_because"])
    return row


def _refuse_step(row: QueryRow, to: str) -> None:
    if to not in TRANSITIONS[row.state]:
        raise ValidationError(ALREADY[State(row.state)])
    if row.state == State.CLOSED and _has_open_replacement(row):
        raise ValidationError(
            _("Another query on this item is open: continue there, so that there is one thread.")
        )
    if row.state == State.CLOSED and _row_is_gone(row):
        raise ValidationError(_("The row of this query was removed. Raise a query on the table instead."))


def _row_is_gone(row: QueryRow) -> bool:
    """Return True for a query on a row that the table has no more. One query, under the lock of the patient."""
    if row.record is None:
        return False
    return bool(row.row) and row.row not in by_id(row.record.values.get(row.item))


def _has_open_replacement(row: QueryRow) -> bool:
    """Return True if another query is open in place of a closed one: on the item, for a check's query by that check."""
    if row.origin != Origin.CHECK:
        place = {"target": row.target, "target_id": row.target_id, "item": row.item}
        above = {"record_id": row.record_id} if row.record_id else {}
        return _open_thread(type(row), {**place, **above}) is not None
    here = {"record_id": row.record_id, "item": row.item, "row": row.row, "column": row.column}
    others = Query.objects.filter(**here, check_id=row.check_id)
    return bool(others.filter(origin=Origin.CHECK, state__in=Query.OPEN_STATES).exists())


def _open_thread(log: type[QueryRow], place: dict[str, Any]) -> QueryRow | None:
    rows = log.objects.filter(**place, state__in=log.OPEN_STATES)
    found: QueryRow | None = rows.exclude(origin=Origin.CHECK).first()
    return found


def _is_last_message(row: QueryRow, words: str, by: User) -> bool:
    last = row.messages.order_by("-pk").first()
    return last is not None and (last.author_id, last.text) == (by.pk, words)


def _add_message(query: QueryRow, text: str, *, by: User, role: str) -> None:
    query.messages.create(author=by, author_role=role, text=text)
