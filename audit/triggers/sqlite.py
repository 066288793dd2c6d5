"""Triggers for SQLite. They call `stroma_actor(key)`, a function registered on the application's connections.

A write from any other program is refused: "no such function: stroma_actor".
"""

from typing import Any

from django.db.models import JSONField

from audit.triggers.masking import column_masked_as_decided, masked_as_decided
from audit.triggers.tables import (
    ACTOR_COLUMNS,
    ADDED_BY_APPLICATION,
    ADDED_BY_TRIGGERS,
    APPEND_ONLY_MESSAGE,
    BARRED,
    CONTENT_CHANGED,
    FINAL_IS_FIXED,
    INVALIDATION,
    KEY_IS_FIXED,
    LOCKED,
    NEVER_DELETED,
    NOT_RELEASED,
    OVERLAPS,
    OWN_LOCKS,
    SIGNED_IS_FIXED,
    UNATTRIBUTED,
    TrackedTable,
    append_only_tables,
    fixed_signature_columns,
    signature_model,
    signature_table,
)

PREFIX = "stroma_"
NOW = "stroma_actor('now')"


def triggers(tables: list[TrackedTable], names: set[str]) -> dict[str, str]:
    """Return `CREATE TRIGGER` statements by trigger name, for the tables among `names`."""
    found: dict[str, str] = {}
    for table in tables:
        found |= _trail(table) | _only_triggers(table) | _history_guard(table)
    for name in append_only_tables():
        if name in names:
            found |= _only_application(name) | _append_only(name)
    if signature_table() in names:
        found |= _signature_guard()
    return found


def differs(columns: tuple[str, ...], old: str = "OLD", new: str = "NEW") -> str:
    """Return the SQL condition that two rows differ in one of the columns, whatever their collation."""
    binary = "COLLATE BINARY"
    return " OR ".join(f'{new}."{name}" {binary} IS NOT {old}."{name}" {binary}' for name in columns)


def history_copy(table: TrackedTable, *, row: str, kind: str, source: str = "") -> str:
    """Return the statement that copies `row` (from `source`) to the history; `kind` is SQL."""
    values = {name: f'{row}."{name}"' for name in table.columns}
    values |= {"history_type": kind, "history_date": NOW}
    values |= {column: f"stroma_actor('{key}')" for column, key in ACTOR_COLUMNS.items()}
    values |= table.owner_columns(row)
    names = ", ".join(f'"{name}"' for name in values)
    return f'INSERT INTO "{table.history}" ({names}) SELECT {", ".join(values.values())}{source}'


def _trail(table: TrackedTable) -> dict[str, str]:
    named = f"SELECT RAISE(ABORT, '{UNATTRIBUTED}') WHERE stroma_actor('user_name') IS NULL"
    fixed = f"SELECT RAISE(ABORT, '{KEY_IS_FIXED.format(table=table.name)}')"
    fixed += f' WHERE NEW."{table.key}" IS NOT OLD."{table.key}"'
    insert = [named, history_copy(table, row="NEW", kind="'+'"), *_invalidate_covering_signatures(table)]
    update = [named, fixed, history_copy(table, row="NEW", kind="'~'"), *_invalidation(table)]
    update += [*_invalidate_covering_signatures(table, changed=differs(table.covered)), *_undo_marks(table)]
    update += _undo_fact_marks(table)
    return {
        **_trigger(table.name, "insert", "AFTER INSERT", insert),
        **_trigger(table.name, "update", "AFTER UPDATE", update, when=differs(table.compared)),
        **_deletion(table, named),
        **_final(table),
        **_locks(table),
        **_no_overlap(table),
        **_barred(table),
    }


def _deletion(table: TrackedTable, named: str) -> dict[str, str]:
    if table.deletable:
        body = [named, history_copy(table, row="OLD", kind="'-'")]
        return _trigger(table.name, "delete", "AFTER DELETE", body)
    refusal = [f"SELECT RAISE(ABORT, '{NEVER_DELETED.format(table=table.name)}')"]
    return _trigger(table.name, "delete", "BEFORE DELETE", refusal)


def _final(table: TrackedTable) -> dict[str, str]:
    if not table.final:
        return {}
    refusal = [f"SELECT RAISE(ABORT, '{FINAL_IS_FIXED.format(table=table.name)}')"]
    changed = " OR ".join(
        f'(OLD."{name}" IS NOT NULL AND ({differs((name,))}))' for name in table.final_columns
    )
    when = f"({changed}) AND NOT ({masked_as_decided(table, differs, 'sqlite')})"
    return _trigger(table.name, "final", "BEFORE UPDATE", refusal, when=when)


def _no_overlap(table: TrackedTable) -> dict[str, str]:
    """Return the guard against overlapping rows. It needs no lock: SQLite has one writer at a time."""
    if table.no_overlap is None:
        return {}
    refusal = [f"SELECT RAISE(ABORT, '{OVERLAPS.format(table=table.name)}')"]
    moved = f"({differs(table.overlap_columns)}) AND {table.overlap_condition}"
    return {
        **_trigger(table.name, "apart_insert", "AFTER INSERT", refusal, when=table.overlap_condition),
        **_trigger(table.name, "apart", "AFTER UPDATE", refusal, when=moved),
    }


def _barred(table: TrackedTable) -> dict[str, str]:
    """Return the guards of both sides against rows in force below a row that bars them."""
    found: dict[str, str] = {}
    if (bar := table.barred) is not None:
        refusal = [f"SELECT RAISE(ABORT, '{BARRED.format(table=table.name)}')"]
        moved = f"({differs(('state', bar.column))}) AND {bar.refuses_below}"
        found |= _trigger(table.name, "barred_insert", "AFTER INSERT", refusal, when=bar.refuses_below)
        found |= _trigger(table.name, "barred", "AFTER UPDATE", refusal, when=moved)
    for bar in table.bars:
        refusal = [f"SELECT RAISE(ABORT, '{BARRED.format(table=bar.below)}')"]
        moved = f"({differs(('state',))}) AND {bar.refuses_above}"
        found |= _trigger(table.name, f"bars_{bar.below}", "AFTER UPDATE", refusal, when=moved)
    return found


def _locks(table: TrackedTable) -> dict[str, str]:
    if table.locks is None:
        return {}
    refusal = [f"SELECT RAISE(ABORT, '{LOCKED.format(table=table.name)}')"]
    moved = (
        f"({differs(table.parent_columns)}) AND {table.lock_condition('NEW', own=False)}"
        if table.parent_columns
        else "FALSE"
    )
    when = f"({differs(table.locked_columns)}) AND ({table.lock_condition('OLD', own=True)} OR ({moved}))"
    if table.locks.exempt:
        when += f" OR ({differs(table.locks.exempt)}) AND {table.lock_condition('OLD', own=True, frozen_too=False)}"
    when = f"({when}) AND NOT ({masked_as_decided(table, differs, 'sqlite')})"
    above = table.lock_condition("NEW", own=False)
    return {
        **_trigger(table.name, "locked_insert", "BEFORE INSERT", refusal, when=above),
        **_trigger(table.name, "locked", "BEFORE UPDATE", refusal, when=when),
        **_lock_column_guard(table),
    }


def _lock_column_guard(table: TrackedTable) -> dict[str, str]:
    if not table.lock_table:
        return {}
    refusal = [f"SELECT RAISE(ABORT, '{NOT_RELEASED.format(table=table.name)}')"]
    guards = [
        f"(OLD.{column} IS NOT NULL AND ({differs((column,))}) AND {table.not_released(column)})"
        for column in OWN_LOCKS
    ]
    return _trigger(table.name, "held", "BEFORE UPDATE", refusal, when=" OR ".join(guards))


BECAUSE = f"coalesce(nullif(stroma_actor('reason'), ''), '{CONTENT_CHANGED}')"


def _invalidation(table: TrackedTable) -> list[str]:
    if not table.signed:
        return []
    return [_invalidate(table.label, f'NEW."{table.key}"', differs(table.signed))]


def _invalidate_covering_signatures(table: TrackedTable, changed: str = "") -> list[str]:
    """Return SQL that invalidates the signatures on the rows above that cover this row."""
    # A serious adverse event reported after the lock belongs to no casebook signature (docs/locking.md).
    spared = f"NEW.\"{table.locks.unless}\" = ''" if table.locks and table.locks.unless else ""
    when = " AND ".join(f"({part})" for part in (changed, spared) if part) or "TRUE"
    return [_invalidate(each.label, each.key, when) for each in table.covered_by]


def _invalidate(label: str, key: str, when: str) -> str:
    return (
        f'UPDATE "{signature_table()}" SET invalidated_at = {NOW}, '
        f"invalidated_by = stroma_actor('full_name'), invalidated_reason = {BECAUSE} "
        f"WHERE target_type = '{label}' AND target_id = {key} "
        f"AND invalidated_at IS NULL AND ({when})"
    )


def _undo_marks(table: TrackedTable) -> list[str]:
    """Return SQL that undoes the marks on changed items and empties the column that records complete marks."""
    if table.marks is None:
        return []
    marks, name = table.marks, f'"{table.marks.name}"'
    path = f"'$.\"' || {name}.item || '\"'"
    before, after = (f'json_extract({row}."{marks.items}", {path})' for row in ("OLD", "NEW"))
    # json_extract returns 1 for both 1 and true, so the JSON types are compared too.
    kinds = " IS NOT ".join(f'json_type({row}."{marks.items}", {path})' for row in ("OLD", "NEW"))
    other_columns = tuple(column for column in table.signed if column != marks.items)
    item = f"{name}.item <> '' AND ({after} COLLATE BINARY IS NOT {before} OR {kinds} OR {differs(other_columns)})"
    whole = f"{name}.item = '' AND ({differs(table.signed)})"
    here = f'{name}."{marks.record}" = NEW."{table.key}" AND {name}.undone_at IS NULL'
    undo = f"UPDATE {name} SET undone_at = {NOW}, undone = json_object('by', stroma_actor('full_name'), "
    undo += f"'because', {BECAUSE}, 'old', "
    change_objects = (f"json_object({name}.item, {value})" for value in (before, after))
    texts = (f'json({row}."{marks.items}")' for row in ("OLD", "NEW"))
    clear = (
        f'UPDATE "{table.name}" SET "{marks.clears}" = NULL WHERE "{table.key}" = NEW."{table.key}" AND '
        f'"{marks.clears}" IS NOT NULL AND EXISTS (SELECT 1 FROM {name} WHERE {here} AND '
        f"{name}.kind = '{marks.kind}' AND (({item}) OR ({whole})))"
    )
    # What two persons masked is not undone: the text would be stored again, in the mark.
    but = f" AND NOT ({masked_as_decided(table, differs, 'sqlite')})"
    # The column is emptied first: its condition looks for marks that are still in force.
    return [
        clear + but,
        f"{undo}{next(change_objects)}, 'new', {next(change_objects)}) WHERE {here} AND ({item}){but}",
        f"{undo}{next(texts)}, 'new', {next(texts)}) WHERE {here} AND ({whole}){but}",
    ]


def _undo_fact_marks(table: TrackedTable) -> list[str]:
    """Return SQL that undoes the marks on changed facts of the row, and those on the whole row."""
    marks = table.fact_marks
    if marks is None:
        return []
    items = " OR ".join(f"item = '{item}' AND ({differs(columns)})" for item, columns in marks.facts)
    old, new = (_json_of(table, marks.columns, row) for row in ("OLD", "NEW"))
    undo = f"UPDATE \"{marks.name}\" SET undone_at = {NOW}, undone = json_object('by', stroma_actor('full_name'), "
    undo += f"'because', {BECAUSE}, 'old', {old}, 'new', {new}) "
    undo += f"WHERE target_id = NEW.\"{table.key}\" AND target = '{marks.target}' AND undone_at IS NULL "
    but = f"AND NOT ({masked_as_decided(table, differs, 'sqlite')})"
    return [f"{undo}AND (item = '' AND ({differs(marks.columns)}) OR {items}) {but}"]


def _json_of(table: TrackedTable, columns: tuple[str, ...], row: str) -> str:
    fields: dict[str, Any] = {str(field.column): field for field in table.model._meta.concrete_fields}
    pairs = []
    for name in columns:
        value = f'{row}."{name}"'
        pairs.append(
            f"'{name}', json({value})" if isinstance(fields[name], JSONField) else f"'{name}', {value}"
        )
    return f"json_object({', '.join(pairs)})"


def _only_triggers(table: TrackedTable) -> dict[str, str]:
    """Return the guard of a history against a plain INSERT: a new row must say what is true.

    SQLite cannot tell a trigger's statement from another one. So a row must name the current actor and hold what the
    audited row holds now, or tell that there is none. In another program the function is missing.
    """
    live = f'SELECT 1 FROM "{table.name}" live WHERE live."{table.key}" IS NEW."{table.key}"'
    same = "".join(f' AND live."{name}" COLLATE BINARY IS NEW."{name}"' for name in table.columns)
    true = f"CASE NEW.history_type WHEN '-' THEN NOT EXISTS ({live}) ELSE EXISTS ({live}{same}) END"
    named = "NEW.history_user_name IS stroma_actor('user_name') AND NEW.history_user_id IS stroma_actor('user_id')"
    refusal = [f"SELECT RAISE(ABORT, '{ADDED_BY_TRIGGERS.format(table=table.history)}')"]
    return _trigger(table.history, "no_insert", "BEFORE INSERT", refusal, when=f"NOT ({named} AND {true})")


def _history_guard(table: TrackedTable) -> dict[str, str]:
    """Return the guards of a history against changes: only masking that two persons decided passes."""
    refusal = [f"SELECT RAISE(ABORT, '{APPEND_ONLY_MESSAGE.format(table=table.history)}')"]
    masked = (
        f"stroma_actor('now') IS NOT NULL AND {masked_as_decided(table, differs, 'sqlite', history=True)}"
    )
    return {
        **_trigger(table.history, "no_update", "BEFORE UPDATE", refusal, when=f"NOT ({masked})"),
        **_trigger(table.history, "no_delete", "BEFORE DELETE", refusal),
    }


def _only_application(name: str) -> dict[str, str]:
    """Return the guard of another append-only table: in another program the function is missing."""
    refusal = [f"SELECT RAISE(ABORT, '{ADDED_BY_APPLICATION}') WHERE stroma_actor('now') IS NULL"]
    return _trigger(name, "no_insert", "BEFORE INSERT", refusal)


def _append_only(name: str) -> dict[str, str]:
    refusal = [f"SELECT RAISE(ABORT, '{APPEND_ONLY_MESSAGE.format(table=name)}')"]
    return {
        **_trigger(name, "no_update", "BEFORE UPDATE", refusal),
        **_trigger(name, "no_delete", "BEFORE DELETE", refusal),
    }


def _signature_guard() -> dict[str, str]:
    again = f"OLD.invalidated_at IS NOT NULL AND ({differs(INVALIDATION)})"
    half = f"NEW.invalidated_at IS NULL AND ({differs(INVALIDATION)})"
    masked = column_masked_as_decided(signature_model(), INVALIDATION[-1], differs, "sqlite")
    when = f"({differs(fixed_signature_columns())} OR ({again}) OR ({half})) AND NOT ({masked})"
    refusal = [f"SELECT RAISE(ABORT, '{SIGNED_IS_FIXED}')"]
    return _trigger(signature_table(), "fixed", "BEFORE UPDATE", refusal, when=when)


def _trigger(table: str, what: str, event: str, body: list[str], when: str = "") -> dict[str, str]:
    name = f"{PREFIX}{table}_{what}"
    condition = f" WHEN {when}" if when else ""
    steps = " ".join(f"{step};" for step in body)
    return {name: f'CREATE TRIGGER "{name}" {event} ON "{table}" FOR EACH ROW{condition} BEGIN {steps} END'}
