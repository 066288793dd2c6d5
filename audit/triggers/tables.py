"""Facts about each audited table that the triggers need, read from the models."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.trail import Locks, NoOverlap, history_model, tracked_columns, tracked_models, trail_of
from audit.triggers.mark_tables import FactMarkTable, MarkTable, columns_of, fact_mark_table, mark_table
from audit.triggers.state_guards import Covered, StateGuard, covered, guard_above, guards_below

ALSO_SEALED = ("audit.AccessEvent", "audit.TrailReview", "audit.ClockTurn", "audit.MaskedCell")
APPEND_ONLY = (*ALSO_SEALED, "audit.Seal", "audit.SealedPart")
INVALIDATION = ("invalidated_at", "invalidated_by", "invalidated_reason")

# History column, and the field of the actor (`audit.context.Actor`) that it stores.
ACTOR_COLUMNS = {
    "history_user_id": "user_id",
    "history_user_name": "user_name",
    "history_full_name": "full_name",
    "history_role": "role",
    "history_change_reason": "reason",
    "history_origin": "origin",
    "history_request": "request_id",
    "history_session": "session",
    "history_address": "address",
}

# The reason of a change that names none, for what the change invalidates (`audit.stored_text`).
CONTENT_CHANGED = '{"code":"audit.content_changed","says":{"en":"content changed"}}'

UNATTRIBUTED = "Nobody is named for this write: wrap it in audit.acting(user=..., reason=...)"
ADDED_BY_TRIGGERS = (
    "Only the triggers add to {table}: a row of it says what the audited row holds now, and who wrote it"
)
ADDED_BY_APPLICATION = "Only the application adds to this table, and signs what it adds"
APPEND_ONLY_MESSAGE = "The trail can only be added to: {table} refuses changes and deletions"
NEVER_DELETED = "Rows of {table} are never deleted: mark them as entered in error instead"
KEY_IS_FIXED = "The key of a row of {table} never changes"
FINAL_IS_FIXED = "What a row of {table} holds never changes"
REFUSED_BY_LOCK = "This is frozen or locked"
LOCKED = REFUSED_BY_LOCK + ": {table} changes only after it is unlocked"
NOT_RELEASED = "A freeze or lock of {table} ends by its own step, which says who and why"
OVERLAPS = "Two rows of {table} overlap: end or correct the other one first"
BARRED = "A row of {table} cannot be in force below a row in this state, such as a form at a missed visit"
SIGNED_IS_FIXED = "A signature never changes; it can only be invalidated, once"


OWN_LOCKS = ("frozen_at", "locked_at")


@dataclass(frozen=True)
class TrackedTable:
    """One audited table and its history, with the column names of the database."""

    model: type[models.Model]
    label: str
    name: str
    history: str
    key: str
    columns: tuple[str, ...]
    watched: tuple[str, ...]
    signed: tuple[str, ...]
    deletable: bool
    final: bool
    patient: str
    trial: str
    covered_by: tuple[Covered, ...] = ()
    covered: tuple[str, ...] = ()
    locks: Locks | None = None
    lock_table: str = ""
    marks: MarkTable | None = None
    fact_marks: FactMarkTable | None = None
    no_overlap: NoOverlap | None = None
    barred: StateGuard | None = None
    bars: tuple[StateGuard, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns whose change adds a history row."""
        return self.columns + self.watched

    @property
    def final_columns(self) -> tuple[str, ...]:
        """Columns that never change once they have a value."""
        return tuple(column for column in self.columns if column != self.key) if self.final else ()

    @property
    def locked_columns(self) -> tuple[str, ...]:
        """Columns that a freeze or a lock protects. The row's own lock columns have a guard of their own."""
        exempt = (*self.locks.exempt, *self.locks.later) if self.locks else ()
        return tuple(c for c in self.columns if c not in (self.key, *OWN_LOCKS, *exempt))

    @property
    def parent_columns(self) -> tuple[str, ...]:
        """Columns that lead to the rows above."""
        names = dict.fromkeys(path.partition("__")[0] for path in (self.locks.parents if self.locks else ()))
        return tuple(str(getattr(self.model._meta.get_field(name), "column", "")) for name in names)

    def lock_condition(self, row: str, *, own: bool, frozen_too: bool = True) -> str:
        """Return the SQL condition that `row` is locked (or frozen), itself or through a row above it."""
        if self.locks is None:
            return "FALSE"
        locks = self.locks
        columns = OWN_LOCKS if frozen_too and locks.freezes else OWN_LOCKS[1:]
        spared = (locks.spares or locks.parents) if locks.unless else ()
        always = [f"{path}__{column}" for path in locks.parents if path not in spared for column in columns]
        always += columns if own and locks.level else ()
        escaped = [f"{path}__{column}" for path in spared for column in columns]
        condition = self._any_set(always, row)
        if escaped:
            condition += f" OR {self._any_set(escaped, row)} AND {row}.\"{locks.unless}\" = ''"
        return f"({condition})"

    def _any_set(self, paths: Iterable[str], row: str) -> str:
        found = " OR ".join(f"{path_sql(self.model, path, row)} IS NOT NULL" for path in paths)
        return f"({found or 'FALSE'})"

    def not_released(self, column: str) -> str:
        """Return the SQL condition that a freeze or lock of the row itself is not released."""
        level, kind = (
            self.locks.level if self.locks else "",
            {"frozen_at": "freeze", "locked_at": "lock"}[column],
        )
        return (
            f"EXISTS (SELECT 1 FROM \"{self.lock_table}\" h WHERE h.level = '{level}' AND h.kind = '{kind}'"
            f' AND h.{level}_id = OLD."{self.key}" AND h.released_at IS NULL)'
        )

    @property
    def overlap_columns(self) -> tuple[str, ...]:
        """Columns that decide which rows overlap."""
        return columns_of(self.model, self.no_overlap.columns) if self.no_overlap else ()

    @property
    def overlap_condition(self) -> str:
        """SQL condition that NEW overlaps another row."""
        return f'EXISTS (SELECT 1 FROM "{self.name}" o WHERE {" AND ".join(self._overlap_terms())})'

    def _overlap_terms(self) -> Iterator[str]:
        rule: Any = self.no_overlap
        yield f'o."{self.key}" <> NEW."{self.key}"'
        for column in columns_of(self.model, rule.equal):
            yield f'o."{column}" = NEW."{column}"'
        for column in columns_of(self.model, rule.blank_is_any):
            yield f'(o."{column}" = \'\' OR NEW."{column}" = \'\' OR o."{column}" = NEW."{column}")'
        spans = [(span, "<=") for span in rule.closed_spans] + [(span, "<") for span in rule.half_open_spans]
        for span, before in spans:
            first, last = columns_of(self.model, span)
            for one, other in (("o", "NEW"), ("NEW", "o")):
                yield f'({one}."{last}" IS NULL OR {other}."{first}" {before} {one}."{last}")'
        for row in ("o", "NEW") if rule.unless else ():
            yield f"{row}.\"{rule.unless}\" = ''"

    def owner_columns(self, row: str) -> dict[str, str]:
        """Return SQL for the trial and the patient of `row` (an alias, or NEW and OLD)."""
        paths = {"history_trial": self.trial, "history_patient": self.patient}
        return {column: path_sql(self.model, path, row) if path else "NULL" for column, path in paths.items()}


def path_sql(model: type[models.Model], path: str, row: str) -> str:
    """Return SQL that follows a path such as `record__patient_id` from `row`, with one subselect per relation."""
    head, _, rest = path.partition("__")
    field: Any = model._meta.get_field(head)
    here = f'{row}."{field.column}"'
    if not rest:
        return here
    to = field.related_model
    alias = f"via_{head.removesuffix('_id')}"
    there, key = path_sql(to, rest, alias), to._meta.pk.column
    return f'(SELECT {there} FROM "{to._meta.db_table}" {alias} WHERE {alias}."{key}" = {here})'


def tracked_table(model: type[models.Model]) -> TrackedTable:
    """Return the table of one model, from its declaration."""
    trail = trail_of(model)
    return TrackedTable(
        model=model,
        label=model._meta.label_lower,
        name=model._meta.db_table,
        history=history_model(model)._meta.db_table,
        key=str(model._meta.pk.column),
        columns=tuple(str(field.column) for field in tracked_columns(model)),
        watched=columns_of(model, trail.watched),
        signed=columns_of(model, trail.signed_content),
        deletable=trail.deletable,
        final=trail.final,
        patient=trail.patient,
        trial=trail.trial,
        covered_by=tuple(covered(model, name) for name in trail.covered_by),
        covered=columns_of(model, trail.covered_content) if trail.covered_by else (),
        locks=trail.locks,
        lock_table=_table(trail.locks.stored_in) if trail.locks else "",
        marks=mark_table(model),
        fact_marks=fact_mark_table(model),
        no_overlap=trail.no_overlap,
        barred=guard_above(model),
        bars=guards_below(model),
    )


def _table(label: str) -> str:
    return apps.get_model(label)._meta.db_table if label else ""


def tracked_tables() -> list[TrackedTable]:
    """Return every audited table in a stable order."""
    return [tracked_table(model) for model in tracked_models()]


COLUMNS = {
    "sqlite": (
        "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'"
    ),
    "postgresql": (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    ),
}


def columns_by_table(connection: BaseDatabaseWrapper) -> dict[str, set[str]]:
    """Return the columns of every table of the database. One query."""
    found: dict[str, set[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS[connection.vendor])
        for table, column in cursor.fetchall():
            found.setdefault(table, set()).add(column)
    return found


def existing_tables(connection: BaseDatabaseWrapper) -> Iterator[TrackedTable]:
    """Yield the audited tables and columns that exist: between two migrations some may be missing."""
    columns = columns_by_table(connection)
    for table in tracked_tables():
        if {table.name, table.history} <= columns.keys():
            yield with_existing_columns(
                _possible_guards(table, columns), live=columns[table.name], past=columns[table.history]
            )


def _possible_guards(table: TrackedTable, columns: dict[str, set[str]]) -> TrackedTable:
    """Return the table without guards that need a table or column that does not exist yet."""
    locks, marks, facts = table.locks, table.marks, table.fact_marks
    if locks and not (_has_locks(table, columns) and (not table.lock_table or table.lock_table in columns)):
        locks = None
    no_overlap = table.no_overlap if set(table.overlap_columns) <= columns[table.name] else None
    return replace(
        table,
        locks=locks,
        marks=marks if marks and marks.name in columns else None,
        fact_marks=facts if facts and "target_id" in columns.get(facts.name, ()) else None,
        no_overlap=no_overlap,
        barred=table.barred if table.barred and table.barred.exists(columns) else None,
        bars=tuple(bar for bar in table.bars if bar.exists(columns)),
    )


def _has_locks(table: TrackedTable, columns: dict[str, set[str]]) -> bool:
    locks: Any = table.locks
    tables = [table.model, *(_at(table.model, path) for path in locks.parents)]
    needed_columns = [(model._meta.db_table, set(OWN_LOCKS)) for model in tables[0 if locks.level else 1 :]]
    if locks.unless:
        needed_columns.append((table.name, {locks.unless}))
    return all(needed <= columns.get(name, set()) for name, needed in needed_columns)


def _at(model: type[models.Model], path: str) -> type[models.Model]:
    for step in path.split("__"):
        relation: Any = model._meta.get_field(step)
        model = relation.related_model
    return model


def with_existing_columns(table: TrackedTable, *, live: set[str], past: set[str]) -> TrackedTable:
    """Return the table without the columns that the table or its history lacks."""
    return replace(
        table,
        columns=tuple(column for column in table.columns if column in live and column in past),
        watched=tuple(column for column in table.watched if column in live),
        signed=tuple(column for column in table.signed if column in live),
        covered=tuple(column for column in table.covered if column in live),
        fact_marks=table.fact_marks.among(live) if table.fact_marks else None,
    )


def append_only_tables() -> list[str]:
    """Return the append-only tables besides the histories."""
    return [apps.get_model(label)._meta.db_table for label in APPEND_ONLY]


def signature_table() -> str:
    """Return the table of the signatures."""
    return apps.get_model("audit.Signature")._meta.db_table


def signature_model() -> type[models.Model]:
    """Return the model of the signatures."""
    return apps.get_model("audit.Signature")


def fixed_signature_columns() -> tuple[str, ...]:
    """Return the columns of a signature that never change."""
    fields = signature_model()._meta.concrete_fields
    return tuple(str(field.column) for field in fields if field.column not in INVALIDATION)
