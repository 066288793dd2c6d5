"""Queries of edit checks: opened for an unlikely value, closed when it is corrected, confirmed, or its row removed."""

from collections.abc import Mapping

from django.utils import timezone

from accounts.models import User
from audit.compiled_queries import CompiledQuery
from audit.context import acting
from audit.stored_text import StoredText, Text, system_text
from patients.casebook.edit_checks import CHECK, inputs_of
from patients.casebook.row_words import cell_text
from patients.entry.row_identity import RemovedRows
from patients.models import Query, Record
from protocol.document.items import Form
from protocol.expressions.rules import FormRules
from protocol.values.parsing import CheckFinding

State = Query.State
OF_CHECKS = CompiledQuery(
    lambda record: Query.objects.filter(record=record, origin=Query.Origin.CHECK).order_by("pk"), record=int
)
Key = tuple[str, str, str, str]
"""Item, id of the row, column, check; row and column are empty for a query that is not on a cell."""


def reconcile(
    *,
    record: Record,
    rules: FormRules,
    soft: tuple[CheckFinding, ...],
    confirmed: Mapping[str, str],
    changed: frozenset[str],
    removed: RemovedRows,
    fresh_record: bool,
    by: User,
) -> tuple[str, ...]:
    """Open and close the queries of edit checks on a record so that they match its current findings.

    Return the items whose unlikely value still asks for a confirmation.

    rules: those under which the answers were checked. soft: findings of soft limits and checks. confirmed: by path,
    the reason why an unlikely value is correct. changed: paths whose value this save changed; a closed query is raised
    again only if one of its inputs changed. removed: rows of tables that this save removed.
    """
    form = rules.form
    rows = [] if fresh_record else OF_CHECKS.rows(record=record.pk)
    known = {(query.item, query.row, query.column, query.check_id): query for query in rows}
    wanted = {_key(finding): finding for finding in soft}
    opened, answered = [], []
    for key, finding in wanted.items():
        query, reason = known.get(key), confirmed.get(finding.item, "")
        if query is None or (query.state == State.CLOSED and changed & inputs_of(finding, rules)):
            opened.append(_query(record, key, question(finding, form), reason, by))
        elif query.state != State.CLOSED and reason:
            answered.append(_closed(query, reason))
    corrected = [
        _closed(query, _why_closed(query, form, removed))
        for key, query in known.items()
        if query.state != State.CLOSED and key not in wanted
    ]
    _write(opened, answered, corrected, by)
    again = {(query.item, query.row, query.column, query.check_id): query for query in opened}
    standing = (again.get(key) or known[key] for key in wanted)
    return tuple(query.item for query in standing if query.state != State.CLOSED)


def _write(opened: list[Query], answered: list[Query], corrected: list[Query], by: User) -> None:
    closing = ["state", "closed_at", "closed_because"]
    # Confirming a value is the person's act; the rest the system does on the person's behalf (AUD-10).
    if answered:
        Query.objects.bulk_update(answered, closing)
    with acting(user=by, system="checks"):
        if opened:
            Query.objects.bulk_create(opened)
        if corrected:
            Query.objects.bulk_update(corrected, closing)


def _key(finding: CheckFinding) -> Key:
    item, _dash, cell = finding.item.partition("-")
    row, _dash, column = cell.partition("-")
    return item, row, column, finding.check


def _why_closed(query: Query, form: Form, removed: RemovedRows) -> StoredText:
    """Return the reason for closing a query without a finding: nobody corrected the value of a removed row."""
    if (query.item, query.row) not in removed:
        return system_text("query.corrected")
    number, row = removed[query.item, query.row]
    return system_text(
        "query.row_removed", row=str(number), value=cell_text(form, query.item, row, query.column)
    )


def question(finding: CheckFinding, form: Form) -> StoredText:
    """Return the text of a check's query: the limits, or the check's message in the languages of the protocol file.

    The message is copied: the record may later be read under a protocol version without that check.
    """
    for check in form.checks:
        if finding.check == f"{CHECK}{check.id}":
            return StoredText("protocol.check", check.message.root, {"check": check.id})
    return system_text("query.unusual", **finding.parameters)


def _query(record: Record, key: Key, text: StoredText, reason: str, by: User) -> Query:
    now = timezone.now()
    return Query(
        patient_id=record.patient_id,
        record=record,
        item=key[0],
        row=key[1],
        column=key[2],
        check_id=key[3],
        origin=Query.Origin.CHECK,
        state=State.CLOSED if reason else State.OPEN,
        text=text,
        opened_at=now,
        opened_by=by,
        closed_at=now if reason else None,
        closed_because=reason,
    )


def _closed(query: Query, reason: Text) -> Query:
    query.state, query.closed_at, query.closed_because = State.CLOSED, timezone.now(), reason
    return query


def close_all(*, record: Record, because: str) -> None:
    """Close every query of a struck-out record that is not closed, with the reason `because`."""
    open_ones = [
        _closed(query, because) for query in Query.objects.filter(record=record).exclude(state=State.CLOSED)
    ]
    if open_ones:
        Query.objects.bulk_update(open_ones, ["state", "closed_at", "closed_because"])
