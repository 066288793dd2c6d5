"""Triggers for PostgreSQL. They read the actor that the application set and signed (audit.triggers.guard).

The functions run with the rights of the owner of the tables (SECURITY DEFINER), so that the application's own role
needs no right to write a history (docs/audit.md). Rows are compared by their binary image (`*<>`): neither a collation
nor the equality of 1.0 and 1.00 inside JSON can hide a change.
"""

from dataclasses import dataclass
from typing import Any

from audit.triggers.masking import column_masked_as_decided, masked_as_decided, redaction_tables
from audit.triggers.postgresql_marks import BECAUSE, differs, undo_fact_marks, undo_marks
from audit.triggers.tables import (
    ACTOR_COLUMNS,
    ADDED_BY_APPLICATION,
    ADDED_BY_TRIGGERS,
    APPEND_ONLY_MESSAGE,
    BARRED,
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
REFUSE = "USING ERRCODE = 'integrity_constraint_violation'"
# The setting alone, for a migration, which runs as the owner and without triggers.
ACTOR = "nullif(current_setting('stroma.actor', true), '')::jsonb"
SIGNED_ACTOR = f"nullif({PREFIX}signed(), '')::jsonb"

# Bits of pg_trigger.tgtype.
BITS = {"ROW": 1, "BEFORE": 2, "INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}


@dataclass(frozen=True)
class TriggerFunction:
    """A function: its name, its body in PL/pgSQL and its return type."""

    name: str
    body: str
    returns: str = "trigger"
    arguments: str = ""

    @property
    def sql(self) -> str:
        """Statement that creates the function."""
        # A SECURITY DEFINER function needs a fixed search_path: otherwise a caller could put tables of another
        # schema in place of ours.
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}({self.arguments}) RETURNS {self.returns} LANGUAGE plpgsql "
            f"SECURITY DEFINER SET search_path FROM CURRENT AS $stroma${self.body}$stroma$"
        )


@dataclass(frozen=True)
class TriggerState:
    """A trigger in the catalogue: `pg_trigger.tgtype`, on or off, columns, arguments, condition, function."""

    bits: int
    on: bool
    columns: str
    arguments: bytes
    when: str
    function: str


@dataclass(frozen=True)
class Trigger:
    """A trigger: its table, its event (`"BEFORE UPDATE OR DELETE"`), per row or per statement."""

    name: str
    table: str
    event: str
    per: str
    function: str
    message: str = ""
    when: str = ""

    @property
    def sql(self) -> str:
        """Statement that creates the trigger."""
        argument = f"'{self.message}'" if self.message else ""
        when = f"WHEN ({self.when}) " if self.when else ""
        run = f"{when}EXECUTE FUNCTION {self.function}({argument})"
        return f'CREATE TRIGGER {self.name} {self.event} ON "{self.table}" FOR EACH {self.per} {run}'

    @property
    def state(self) -> TriggerState:
        """How the catalogue must show it."""
        bits = sum(BITS.get(word, 0) for word in [self.per, *self.event.split()])
        argument = f"{self.message}\0".encode() if self.message else b""
        return TriggerState(bits, True, "", argument, f"({self.when})" if self.when else "", self.function)


REFUSAL = TriggerFunction(
    f"{PREFIX}refuse",
    "BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END",
)

SIGNED_ONLY = TriggerFunction(
    f"{PREFIX}signed_only",
    f"""
BEGIN
  IF {PREFIX}signed() IS NULL THEN RAISE EXCEPTION '{ADDED_BY_APPLICATION}' {REFUSE}; END IF;
  RETURN NULL;
END""",
)


def parts(tables: list[TrackedTable], names: set[str]) -> tuple[list[TriggerFunction], list[Trigger]]:
    """Return functions and triggers for the tables among `names`."""
    functions, found = [REFUSAL, SIGNED_ONLY], list[Trigger]()
    for table in tables:
        functions += [_trail_function(table), _masking_guard(table)]
        found += _trail_triggers(table) + _history_guards(table.history, functions[-1].name)
        if table.final:
            functions.append(_final_function(table))
            found.append(Trigger(f"{PREFIX}final", table.name, "BEFORE UPDATE", "ROW", functions[-1].name))
        if table.locks:
            functions.append(_lock_guard(table))
            found.append(
                Trigger(f"{PREFIX}locked", table.name, "BEFORE INSERT OR UPDATE", "ROW", functions[-1].name)
            )
        if table.no_overlap:
            functions.append(_no_overlap_function(table))
            event = "AFTER INSERT OR UPDATE"
            found.append(Trigger(f"{PREFIX}apart", table.name, event, "ROW", functions[-1].name))
        for function in _bar_functions(table):
            functions.append(function)
            found.append(Trigger(function.name, table.name, "AFTER INSERT OR UPDATE", "ROW", function.name))
    for name in append_only_tables():
        found += _added_by_application(name) if name in names else []
    if redaction_tables()[0] in names:
        functions.append(_masking_function(tables))
        found.append(
            Trigger(f"{PREFIX}masks", redaction_tables()[0], "AFTER INSERT", "ROW", functions[-1].name)
        )
    if signature_table() in names:
        functions.append(_signature_guard())
        found.append(Trigger(f"{PREFIX}fixed", signature_table(), "BEFORE UPDATE", "ROW", functions[-1].name))
    return functions, found


def history_copy(
    table: TrackedTable, *, row: str, kind: str, source: str = "", actor: str = f"({ACTOR})"
) -> str:
    """Return the statement that copies `row` (from `source`) to the history; `kind` and `actor` are SQL."""
    values = {name: f'{row}."{name}"' for name in table.columns}
    # now() would give all rows of a transaction the same time.
    values |= {"history_type": kind, "history_date": "clock_timestamp()"}
    values |= {column: f"{actor}->>'{key}'" for column, key in ACTOR_COLUMNS.items()}
    values["history_user_id"] = f"({values['history_user_id']})::bigint"
    values |= table.owner_columns(row)
    names = ", ".join(f'"{name}"' for name in values)
    return f'INSERT INTO "{table.history}" ({names}) SELECT {", ".join(values.values())}{source}'


def _trail_function(table: TrackedTable) -> TriggerFunction:
    # The body returns on an update that changes nothing before it requires an actor: no row is added.
    key = f'NEW."{table.key}" IS DISTINCT FROM OLD."{table.key}"'
    kind = "CASE TG_OP WHEN 'INSERT' THEN '+' ELSE '~' END"
    insert = history_copy(table, row="NEW", kind=kind, actor="actor")
    remove = history_copy(table, row="OLD", kind="'-'", actor="actor")
    body = f"""
DECLARE actor jsonb;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NOT ({differs(table.compared)}) THEN RETURN NULL; END IF;
    IF {key} THEN RAISE EXCEPTION '{KEY_IS_FIXED.format(table=table.name)}' {REFUSE}; END IF;
  END IF;
  actor := {SIGNED_ACTOR};
  IF actor IS NULL THEN RAISE EXCEPTION '{UNATTRIBUTED}' {REFUSE}; END IF;
  IF TG_OP = 'DELETE' THEN {remove}; RETURN NULL; END IF;
  {insert};{_invalidation(table)}{_invalidate_covering_signatures(table)}{undo_marks(table)}{undo_fact_marks(table)}
  RETURN NULL;
END"""
    return TriggerFunction(f"{PREFIX}trail_{table.name}", body)


def _invalidate(label: str, key: str) -> str:
    return f"""
    UPDATE "{signature_table()}" SET invalidated_at = clock_timestamp(), invalidated_by = actor->>'full_name',
      invalidated_reason = {BECAUSE}
    WHERE target_type = '{label}' AND target_id = {key} AND invalidated_at IS NULL;"""


def _invalidation(table: TrackedTable) -> str:
    if not table.signed:
        return ""
    return f"""
  IF TG_OP = 'UPDATE' AND {differs(table.signed)} THEN{_invalidate(table.label, f'NEW."{table.key}"')}
  END IF;"""


def _invalidate_covering_signatures(table: TrackedTable) -> str:
    """Return SQL that invalidates the signatures on the rows above that cover this row."""
    if not table.covered_by:
        return ""
    # A serious adverse event reported after the lock belongs to no casebook signature (docs/locking.md).
    spared = f"NEW.\"{table.locks.unless}\" = '' AND " if table.locks and table.locks.unless else ""
    steps = "".join(_invalidate(each.label, each.key) for each in table.covered_by)
    return f"""
  IF {spared}(TG_OP = 'INSERT' OR {differs(table.covered)}) THEN{steps}
  END IF;"""


def _lock_guard(table: TrackedTable) -> TriggerFunction:
    refuse = f"RAISE EXCEPTION '{LOCKED.format(table=table.name)}' {REFUSE}"
    closed = table.lock_condition("OLD", own=True)
    if table.parent_columns:
        # A row must not be moved below a locked row either.
        closed += f" OR (({differs(table.parent_columns)}) AND {table.lock_condition('NEW', own=False)})"
    marks = _mark_guard(table, refuse) if table.locks and table.locks.exempt else ""
    body = f"""
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF {table.lock_condition("NEW", own=False)} THEN {refuse}; END IF;
    RETURN NEW;
  END IF;
  IF {differs(table.locked_columns)} AND ({closed}) AND NOT ({masked_as_decided(table, differs, "postgresql")})
  THEN {refuse}; END IF;{marks}{_lock_column_guard(table)}
  RETURN NEW;
END"""
    return TriggerFunction(f"{PREFIX}locked_{table.name}", body)


def _mark_guard(table: TrackedTable, refuse: str) -> str:
    exempt = table.locks.exempt if table.locks else ()
    closed = table.lock_condition("OLD", own=True, frozen_too=False)
    return f"\n  IF {differs(exempt)} AND ({closed}) THEN {refuse}; END IF;"


def _lock_column_guard(table: TrackedTable) -> str:
    if not table.lock_table:
        return ""
    refuse = f"RAISE EXCEPTION '{NOT_RELEASED.format(table=table.name)}' {REFUSE}"
    return "".join(
        f"\n  IF OLD.{column} IS NOT NULL AND {differs((column,))} AND {table.not_released(column)}"
        f" THEN {refuse}; END IF;"
        for column in OWN_LOCKS
    )


def _final_function(table: TrackedTable) -> TriggerFunction:
    changed = " OR ".join(
        f'(OLD."{name}" IS NOT NULL AND {differs((name,))})' for name in table.final_columns
    )
    body = f"""
BEGIN
  IF ({changed}) AND NOT ({masked_as_decided(table, differs, "postgresql")})
  THEN RAISE EXCEPTION '{FINAL_IS_FIXED.format(table=table.name)}' {REFUSE}; END IF;
  RETURN NEW;
END"""
    return TriggerFunction(f"{PREFIX}final_{table.name}", body)


def _no_overlap_function(table: TrackedTable) -> TriggerFunction:
    """Return the guard against overlapping rows.

    It locks the row above first, so that a concurrent writer waits, and reads the other rows after that.
    """
    relation: Any = table.model._meta.get_field(table.no_overlap.locked_parent if table.no_overlap else "")
    above, key = relation.related_model._meta.db_table, relation.related_model._meta.pk.column
    body = f"""
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NOT ({differs(table.overlap_columns)}) THEN RETURN NULL; END IF;
  END IF;
  PERFORM 1 FROM "{above}" WHERE "{key}" = NEW."{relation.column}" FOR NO KEY UPDATE;
  IF {table.overlap_condition} THEN RAISE EXCEPTION '{OVERLAPS.format(table=table.name)}' {REFUSE}; END IF;
  RETURN NULL;
END"""
    return TriggerFunction(f"{PREFIX}apart_{table.name}", body)


def _bar_functions(table: TrackedTable) -> list[TriggerFunction]:
    """Return the guards of both sides against rows in force below a row that bars them.

    The row below locks the row above first: of two requests that would contradict each other, the second one waits and
    then sees what the first one stored.
    """
    found = [
        _bar_function(f"bars_{bar.below}", ("state",), bar.below, bar.refuses_above) for bar in table.bars
    ]
    if (bar := table.barred) is not None:
        above = f'PERFORM 1 FROM "{bar.above}" WHERE "{bar.key}" = NEW."{bar.column}" FOR SHARE;'
        watched, first = ("state", bar.column), f"IF {bar.in_force('NEW')} THEN {above} END IF;"
        found.append(_bar_function(f"barred_{bar.below}", watched, bar.below, bar.refuses_below, first))
    return found


def _bar_function(
    name: str, watched: tuple[str, ...], below: str, refuses: str, first: str = ""
) -> TriggerFunction:
    body = f"""
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF NOT ({differs(watched)}) THEN RETURN NULL; END IF;
  END IF;
  {first}
  IF {refuses} THEN RAISE EXCEPTION '{BARRED.format(table=below)}' {REFUSE}; END IF;
  RETURN NULL;
END"""
    return TriggerFunction(f"{PREFIX}{name}", body)


def _trail_triggers(table: TrackedTable) -> list[Trigger]:
    message = NEVER_DELETED.format(table=table.name)
    function = f"{PREFIX}trail_{table.name}"
    event = "AFTER INSERT OR UPDATE OR DELETE" if table.deletable else "AFTER INSERT OR UPDATE"
    found = [
        Trigger(f"{PREFIX}trail", table.name, event, "ROW", function),
        # TRUNCATE fires no row triggers.
        Trigger(f"{PREFIX}no_truncate", table.name, "BEFORE TRUNCATE", "STATEMENT", REFUSAL.name, message),
    ]
    if not table.deletable:
        found.append(Trigger(f"{PREFIX}no_delete", table.name, "BEFORE DELETE", "ROW", REFUSAL.name, message))
    return found


def _history_guards(name: str, masking: str) -> list[Trigger]:
    """Return the guards of a history: only a trigger adds to it, and only masking changes it."""
    message = ADDED_BY_TRIGGERS.format(table=name)
    # Inside a trigger the depth is 1 before this one runs.
    alone = "pg_trigger_depth() < 1"
    only = Trigger(f"{PREFIX}only_triggers", name, "BEFORE INSERT", "STATEMENT", REFUSAL.name, message, alone)
    refused = APPEND_ONLY_MESSAGE.format(table=name)
    return [
        only,
        Trigger(f"{PREFIX}append_only", name, "BEFORE UPDATE OR DELETE", "ROW", masking, refused),
        Trigger(f"{PREFIX}no_truncate", name, "BEFORE TRUNCATE", "STATEMENT", REFUSAL.name, refused),
    ]


def _masking_guard(table: TrackedTable) -> TriggerFunction:
    """Return the guard of a history against changes: only masking that two persons decided passes."""
    body = f"""
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF {masked_as_decided(table, differs, "postgresql", history=True)} THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation';
END"""
    return TriggerFunction(f"{PREFIX}past_{table.name}", body)


def _masking_function(tables: list[TrackedTable]) -> TriggerFunction:
    """Return the function that masks a row of a history, which the application's role may not change itself."""
    histories = ", ".join(f"'{table.history}'" for table in tables)
    body = f"""
BEGIN
  IF NEW."table" IN ({histories}) THEN
    EXECUTE format('UPDATE %I SET %I = %L WHERE history_id = %s', NEW."table", NEW."column", NEW.masked, NEW."row");
  END IF;
  RETURN NULL;
END"""
    return TriggerFunction(f"{PREFIX}mask", body)


def _added_by_application(name: str) -> list[Trigger]:
    """Return the guards of the other append-only tables: the application signs what it adds."""
    signed = Trigger(f"{PREFIX}signed_only", name, "BEFORE INSERT", "STATEMENT", SIGNED_ONLY.name)
    return [signed, *_append_only(name)]


def _append_only(name: str) -> list[Trigger]:
    message = APPEND_ONLY_MESSAGE.format(table=name)
    return [
        Trigger(f"{PREFIX}append_only", name, "BEFORE UPDATE OR DELETE", "ROW", REFUSAL.name, message),
        Trigger(f"{PREFIX}no_truncate", name, "BEFORE TRUNCATE", "STATEMENT", REFUSAL.name, message),
    ]


def _signature_guard() -> TriggerFunction:
    masked = column_masked_as_decided(signature_model(), INVALIDATION[-1], differs, "postgresql")
    body = f"""
BEGIN
  IF ({differs(fixed_signature_columns())}
    OR ({differs(INVALIDATION)} AND (OLD.invalidated_at IS NOT NULL OR NEW.invalidated_at IS NULL)))
    AND NOT ({masked})
  THEN RAISE EXCEPTION '{SIGNED_IS_FIXED}' {REFUSE}; END IF;
  RETURN NEW;
END"""
    return TriggerFunction(f"{PREFIX}signature_is_fixed", body)
