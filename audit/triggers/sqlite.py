"""Triggers for SQLite. They ask `stroma_actor(key)`, a function the application registers on its connections,
so that a write from any other program is refused: "no such function: stroma_actor".
"""

from audit.triggers.tables import (
    ACTOR_COLUMNS,
    APPEND_ONLY_SAYS,
    FINAL_IS_FIXED,
    INVALIDATION,
    KEY_IS_FIXED,
    NEVER_DELETED,
    SIGNED_IS_FIXED,
    UNATTRIBUTED,
    TrackedTable,
    append_only_tables,
    fixed_signature_columns,
    signature_table,
)

PREFIX = "stroma_"
NOW = "stroma_actor('now')"


def triggers(tables: list[TrackedTable], names: set[str]) -> dict[str, str]:
    """Return `CREATE TRIGGER` statements by trigger name, for the tables among `names`."""
    found: dict[str, str] = {}
    for table in tables:
        found |= _trail(table) | _append_only(table.history)
    for name in append_only_tables():
        if name in names:
            found |= _append_only(name)
    if signature_table() in names:
        found |= _signature_guard()
    return found


def differs(columns: tuple[str, ...], old: str = "OLD", new: str = "NEW") -> str:
    """Return the condition that two rows differ in one of the columns; a collation must not hide it."""
    binary = "COLLATE BINARY"
    return " OR ".join(f'{new}."{name}" {binary} IS NOT {old}."{name}" {binary}' for name in columns)


def history_copy(table: TrackedTable, *, row: str, kind: str, source: str = "") -> str:
    """Return the statement that copies `row` (from `source`) into the history; `kind` is SQL."""
    values = {name: f'{row}."{name}"' for name in table.columns}
    values |= {"history_type": kind, "history_date": NOW}
    values |= {column: f"stroma_actor('{key}')" for column, key in ACTOR_COLUMNS.items()}
    values |= table.place(row)
    names = ", ".join(f'"{name}"' for name in values)
    return f'INSERT INTO "{table.history}" ({names}) SELECT {", ".join(values.values())}{source}'


def _trail(table: TrackedTable) -> dict[str, str]:
    named = f"SELECT RAISE(ABORT, '{UNATTRIBUTED}') WHERE stroma_actor('user_name') IS NULL"
    fixed = f"SELECT RAISE(ABORT, '{KEY_IS_FIXED.format(table=table.name)}')"
    fixed += f' WHERE NEW."{table.key}" IS NOT OLD."{table.key}"'
    update = [named, fixed, history_copy(table, row="NEW", kind="'~'"), *_invalidation(table)]
    return {
        **_trigger(table.name, "insert", "AFTER INSERT", [named, history_copy(table, row="NEW", kind="'+'")]),
        **_trigger(table.name, "update", "AFTER UPDATE", update, when=differs(table.compared)),
        **_deletion(table, named),
        **_final(table),
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
    when = " OR ".join(f'(OLD."{name}" IS NOT NULL AND ({differs((name,))}))' for name in table.settled)
    return _trigger(table.name, "final", "BEFORE UPDATE", refusal, when=when)


def _invalidation(table: TrackedTable) -> list[str]:
    if not table.signed:
        return []
    update = (
        f'UPDATE "{signature_table()}" SET invalidated_at = {NOW}, '
        "invalidated_by = stroma_actor('full_name'), "
        "invalidated_reason = coalesce(nullif(stroma_actor('reason'), ''), 'content changed') "
        f"WHERE target_type = '{table.label}' AND target_id = NEW.\"{table.key}\" "
        f"AND invalidated_at IS NULL AND ({differs(table.signed)})"
    )
    return [update]


def _append_only(name: str) -> dict[str, str]:
    refusal = [f"SELECT RAISE(ABORT, '{APPEND_ONLY_SAYS.format(table=name)}')"]
    return {
        **_trigger(name, "no_update", "BEFORE UPDATE", refusal),
        **_trigger(name, "no_delete", "BEFORE DELETE", refusal),
    }


def _signature_guard() -> dict[str, str]:
    again = f"OLD.invalidated_at IS NOT NULL AND ({differs(INVALIDATION)})"
    half = f"NEW.invalidated_at IS NULL AND ({differs(INVALIDATION)})"
    when = f"{differs(fixed_signature_columns())} OR ({again}) OR ({half})"
    refusal = [f"SELECT RAISE(ABORT, '{SIGNED_IS_FIXED}')"]
    return _trigger(signature_table(), "fixed", "BEFORE UPDATE", refusal, when=when)


def _trigger(table: str, what: str, event: str, body: list[str], when: str = "") -> dict[str, str]:
    name = f"{PREFIX}{table}_{what}"
    condition = f" WHEN {when}" if when else ""
    steps = " ".join(f"{step};" for step in body)
    return {name: f'CREATE TRIGGER "{name}" {event} ON "{table}" FOR EACH ROW{condition} BEGIN {steps} END'}
