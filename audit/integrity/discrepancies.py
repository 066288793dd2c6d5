"""Settle rows that differ from their history: what was found is written to the history, marked as found so.

The audited rows stay as they are. Signatures that covered what differs become invalid and come back to the signer's
list; marks of source verification and review on items that differ are undone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.utils import timezone

from audit import events, triggers
from audit.context import acting, current_actor
from audit.integrity import migrating, replay
from audit.integrity.replay import Unexplained
from audit.models import Signature
from audit.stored_text import system_text, written
from audit.trail import trail_of
from audit.triggers.tables import TrackedTable, existing_tables, tracked_table


class ChangedMeanwhile(Exception):
    """The rows are not those that were shown."""


def unexplained(using: str = "default") -> Iterator[Unexplained]:
    """Yield every row that differs from its history."""
    connection = connections[using]
    for table in existing_tables(connection):
        yield from replay.unexplained(connection, table)


def settle(*, rows: Sequence[Unexplained], reason: str, by: Any, second: Any, using: str = "default") -> int:
    """Write the rows to the history as they were found, with the reason; return how many signatures became invalid.

    by, second: the two persons who settle. Writers are shut out meanwhile. Raises ChangedMeanwhile if a row is not as
    it was shown, and CommandError if the writers could not be shut out. Needs the rights of the tables' owner.
    """
    connection = connections[using]
    names = {"first": by.get_full_name(), "second": second.get_full_name()}
    found_so = system_text("audit.found_so", reason, **names)
    with transaction.atomic(using=using), acting(system="settle", user=by, reason=found_so):
        migrating.shut_out_writers(connection)
        _refuse_changed(rows, using)
        # Without triggers: settling must be possible below a lock, and the trail of it is written here.
        with triggers.lifted(using):
            touched = [(row.table, row.key) for row in rows]
            touched += _undo_marks(rows)
            touched += _undo_fact_marks(rows)
            signatures = _invalidate_signatures(rows)
            touched += [(tracked_table(Signature), key) for key in signatures]
            for table, keys in _by_table(touched):
                replay.record_differences(connection, table, only=keys)
        detail = {"rows": [row.place for row in rows], "by": by.get_username(), "with": second.get_username()}
        events.record(kind=events.AccessKind.SETTLED, detail={**detail, "reason": reason})
    return len(signatures)


def _refuse_changed(rows: Sequence[Unexplained], using: str) -> None:
    now = {row.place: row for row in unexplained(using)}
    for row in rows:
        if now.get(row.place) != row:
            raise ChangedMeanwhile(
                f"{row.place} is not as it was shown. Nothing was settled: look at it again."
            )


def _by_table(touched: Iterable[tuple[TrackedTable, int]]) -> Iterator[tuple[TrackedTable, list[int]]]:
    found: dict[str, tuple[TrackedTable, list[int]]] = {}
    for table, key in touched:
        found.setdefault(table.name, (table, []))[1].append(key)
    yield from found.values()


def _invalidate_signatures(rows: Sequence[Unexplained]) -> list[int]:
    """Invalidate the signatures on what differs and on the rows above that cover it; return their keys."""
    keys: set[int] = set()
    for label, key in {target for row in rows for target in _signed_targets(row)}:
        in_force = Signature.objects.filter(target_type=label, target_id=key, invalidated_at=None)
        keys.update(in_force.values_list("pk", flat=True))
    actor = current_actor()
    Signature.objects.filter(pk__in=keys).update(
        invalidated_at=timezone.now(),
        invalidated_by=actor.full_name if actor else "",
        invalidated_reason=actor.reason if actor else "",
    )
    return sorted(keys)


def _signed_targets(row: Unexplained) -> Iterator[tuple[str, int]]:
    """Yield label and key of each row whose signatures cover what differs."""
    table, whole, changed = row.table, not (row.row and row.past), set(row.columns)
    if table.signed and (whole or changed & set(table.signed)):
        yield table.label, row.key
    if not (whole or changed & set(table.covered)):
        return
    for side in (row.row, row.past):
        if side is None or _spared(table, side):
            continue
        for above in table.covered_by:
            if (key := side[above.column]) is not None:
                yield above.label, above.of(int(key))


def _spared(table: TrackedTable, side: dict[str, str | None]) -> bool:
    """Return whether no signature above covers the row, as for a serious event reported after the lock."""
    return bool(table.locks and table.locks.unless and side.get(table.locks.unless))


def _undo_marks(rows: Sequence[Unexplained]) -> list[tuple[TrackedTable, int]]:
    """Undo the marks on items that differ; return table and key of each mark."""
    return [mark for row in rows if row.table.marks and row.row and row.past for mark in _undo_marks_of(row)]


def _undo_marks_of(row: Unexplained) -> Iterator[tuple[TrackedTable, int]]:
    marks: Any = trail_of(row.table.model).marks
    table: Any = row.table.marks
    if not set(row.columns) & set(row.table.signed):
        return
    past, now = (_items(side, table.items) for side in (row.past, row.row))
    mark_model = apps.get_model(marks.stored_in)
    rest = set(row.columns) & set(row.table.signed) - {table.items}
    for mark in mark_model._base_manager.filter(**{table.record: row.key}, undone_at=None):
        if mark.item and not rest and past.get(mark.item) == now.get(mark.item):
            continue
        old, new = ({mark.item: side.get(mark.item)} if mark.item else side for side in (past, now))
        told = _told(old, new)
        mark_model._base_manager.filter(pk=mark.pk).update(undone_at=timezone.now(), undone=told)
        if mark.kind == marks.kind:
            row.table.model._base_manager.filter(pk=row.key).update(**{marks.clears: None})
        yield tracked_table(mark_model), mark.pk


def _undo_fact_marks(rows: Sequence[Unexplained]) -> list[tuple[TrackedTable, int]]:
    """Undo the marks on facts that differ, and on their rows; return table and key of each mark."""
    found = []
    for row in rows:
        table = row.table.fact_marks
        differing = set(row.columns) & set(table.columns) if table and row.row and row.past else set()
        if table is None or not differing:
            continue
        items = [item for item, columns in table.facts if set(columns) & differing]
        mark_model = apps.get_model(trail_of(row.table.model).fact_marks.stored_in)  # type: ignore[union-attr]
        sides = [{name: (side or {}).get(name) for name in table.columns} for side in (row.past, row.row)]
        here = {"target": table.target, "target_id": row.key, "undone_at": None, "item__in": ["", *items]}
        for mark in mark_model._base_manager.filter(**here):
            told = _told(*sides)
            mark_model._base_manager.filter(pk=mark.pk).update(undone_at=timezone.now(), undone=told)
            found.append((tracked_table(mark_model), mark.pk))
    return found


def _told(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a mark undone by the settlement: who, why, and the values before and after."""
    actor = current_actor()
    because = written(actor.reason) if actor else ""
    return {"by": actor.full_name if actor else "", "because": because, "old": old, "new": new}


def _items(side: dict[str, str | None] | None, column: str) -> dict[str, Any]:
    text = (side or {}).get(column)
    return json.loads(text) if text else {}
