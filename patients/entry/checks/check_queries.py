"""Queries of edit checks: opened for an unlikely value, closed when it is corrected, confirmed, or its row removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from audit.compiled_changes import CompiledInsert
from audit.compiled_queries import CompiledQuery
from audit.context import acting
from audit.stored_text import StoredText, Text, system_text
from patients.casebook.birth_dates import BIRTH_DATE
from patients.casebook.edit_checks import CHECK, inputs_of
from patients.casebook.row_words import cell_text
from patients.entry.row_identity import RemovedRows
from patients.models import Query, Record
from protocol.document.items import Form
from protocol.expressions.rules import FormRules
from protocol.values.compared_dates import DATED
from protocol.values.parsing import CheckFinding

State = Query.State


def _of_checks(patient: int, record: int) -> Any:
    rows = Query.objects.filter(patient=patient, origin=Query.Origin.CHECK)
    return rows.filter(~Q(state=State.CLOSED) | Q(record=record)).order_by("pk")


# All of one record, and of the patient's other records those that are not closed: one statement for both.
OF_CHECKS = CompiledQuery(_of_checks, patient=int, record=int)
OPENED = CompiledInsert(Query)
Key = tuple[str, str, str, str]
"""Item, id of the row, column, check; row and column are empty for a query that is not on a cell."""


@dataclass
class QueryChanges:
    """The changes of a save in the queries of checks; written together at its end.

    record: the saved form, or one of those checked. confirmed: closed because a person said why the value is right.
    settled: closed by the system.
    """

    record: Record
    opened: list[Query] = field(default_factory=list)
    confirmed: list[Query] = field(default_factory=list)
    settled: list[Query] = field(default_factory=list)

    @cached_property
    def stored(self) -> Sequence[Query]:
        """The queries of checks as stored: all of the record, of other records those not closed. One query."""
        return OF_CHECKS.rows(patient=self.record.patient_id, record=self.record.pk)

    def write(self, by: User) -> None:
        """Store the changes: at most one statement for each kind."""
        closing = ["state", "closed_at", "closed_because"]
        # Confirming a value is the person's act; the rest the system does on the person's behalf (AUD-10).
        if self.confirmed:
            Query.objects.bulk_update(self.confirmed, closing)
        with acting(user=by, system="checks"):
            if self.opened:
                OPENED.run(self.opened)
            if self.settled:
                Query.objects.bulk_update(self.settled, closing)


def reconcile(
    *,
    changes: QueryChanges,
    rules: FormRules,
    soft: tuple[CheckFinding, ...],
    confirmed: Mapping[str, str],
    changed: frozenset[str],
    removed: RemovedRows,
    fresh_record: bool,
    by: User,
) -> tuple[str, ...]:
    """Note which queries of edit checks on a record open and close, so that they match its current findings.

    Return the items whose unlikely value still asks for a confirmation.

    rules: those under which the answers were checked. soft: findings of soft limits and checks. confirmed: by path,
    the reason why an unlikely value is correct. changed: paths whose value this save changed; a closed query is raised
    again only if one of its inputs changed. removed: rows of tables that this save removed.
    """
    form = rules.form
    record = changes.record
    rows = [] if fresh_record else [query for query in changes.stored if query.record_id == record.pk]
    known = {(query.item, query.row, query.column, query.check_id): query for query in rows}
    wanted = {_key(finding): finding for finding in soft}
    for key, finding in wanted.items():
        query, reason = known.get(key), confirmed.get(finding.item, "")
        if query is None or (query.state == State.CLOSED and changed & inputs_of(finding, rules)):
            changes.opened.append(query_of_check(record, key, question(finding, form), reason, by))
        elif query.state != State.CLOSED and reason:
            changes.confirmed.append(closed(query, reason))
    changes.settled += [
        closed(query, _why_closed(query, form, removed))
        for key, query in known.items()
        if query.state != State.CLOSED and key not in wanted
    ]
    again = {(query.item, query.row, query.column, query.check_id): query for query in changes.opened}
    left = (again.get(key) or known[key] for key in wanted)
    return tuple(query.item for query in left if query.state != State.CLOSED)


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
    if finding.check == BIRTH_DATE or finding.check in DATED:
        return system_text(f"query.{finding.check}")
    return system_text("query.unusual", **finding.parameters)


def query_of_check(record: Record, key: Key, text: StoredText, reason: str, by: User) -> Query:
    """Return a new query of a check, not stored yet; closed with `reason` if the value was confirmed."""
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


def closed(query: Query, reason: Text) -> Query:
    """Return the query as closed now, not stored yet."""
    query.state, query.closed_at, query.closed_because = State.CLOSED, timezone.now(), reason
    return query


def close_all(*, record: Record, because: str) -> None:
    """Close every query of a struck-out record that is not closed, with the reason `because`."""
    open_ones = [
        closed(query, because) for query in Query.objects.filter(record=record).exclude(state=State.CLOSED)
    ]
    if open_ones:
        Query.objects.bulk_update(open_ones, ["state", "closed_at", "closed_because"])
