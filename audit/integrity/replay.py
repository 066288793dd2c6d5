"""Compare every row with its newest history row (AUD-14)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

from audit.triggers import postgresql, sqlite
from audit.triggers.tables import TrackedTable

MISSING, EXTRA, DIFFERENT = "has no history", "is gone without a trace", "differs from its newest history row"


@dataclass(frozen=True)
class RowDifference:
    """A row that differs from its history."""

    table: str
    key: int
    problem: str

    def __str__(self) -> str:
        return f"{self.table} {self.key} {self.problem}"


def differences(connection: BaseDatabaseWrapper, table: TrackedTable) -> Iterator[RowDifference]:
    """Yield the rows of a table that differ from their history, ordered by key within each kind of difference."""
    for problem, sql in ((DIFFERENT, _changed(connection, table)), (EXTRA, _vanished(table))):
        with connection.cursor() as cursor:
            cursor.execute(f"{sql} ORDER BY 1")
            while rows := cursor.fetchmany(1000):
                for key, known in rows:
                    yield RowDifference(table.name, key, problem if known else MISSING)


def record_differences(
    connection: BaseDatabaseWrapper,
    table: TrackedTable,
    *,
    but: Collection[int] = (),
    only: Collection[int] | None = None,
) -> None:
    """Write rows that differ from their history to the history, as the current actor, while the triggers are lifted.

    but: keys of rows that are left as they are. only: keys of the rows that are written; None for all.
    """
    chosen = _chosen(but, only)
    source = f" {_from_live(table)} WHERE ({_differs(connection, table)}){chosen.format(row='live', key=table.key)}"
    deleted_rows = f" {_from_last(table)} WHERE {_no_live(table)}{chosen.format(row='last', key=table.key)}"
    kind = "CASE WHEN last.history_id IS NULL OR last.history_type = '-' THEN '+' ELSE '~' END"
    engine = sqlite if connection.vendor == "sqlite" else postgresql
    with connection.cursor() as cursor:
        for row, what, where in (("live", kind, source), ("last", "'-'", deleted_rows)):
            cursor.execute(engine.history_copy(table, row=row, kind=what, source=where))


def _chosen(but: Collection[int], only: Collection[int] | None) -> str:
    """Return the SQL condition that a row is one of those to write."""
    kept = f' AND {{row}}."{{key}}" NOT IN ({_keys(but)})' if but else ""
    return kept if only is None else f'{kept} AND {{row}}."{{key}}" IN ({_keys(only)})'


def _keys(keys: Collection[int]) -> str:
    return ", ".join(str(int(key)) for key in keys) or "NULL"


def _changed(connection: BaseDatabaseWrapper, table: TrackedTable) -> str:
    known = "last.history_id IS NOT NULL"
    return f'SELECT live."{table.key}", {known} {_from_live(table)} WHERE {_differs(connection, table)}'


def _vanished(table: TrackedTable) -> str:
    return f'SELECT last."{table.key}", true {_from_last(table)} WHERE {_no_live(table)}'


def _from_live(table: TrackedTable) -> str:
    newest = f'SELECT max(h.history_id) FROM "{table.history}" h WHERE h."{table.key}" = live."{table.key}"'
    return f'FROM "{table.name}" live LEFT JOIN "{table.history}" last ON last.history_id = ({newest})'


def _from_last(table: TrackedTable) -> str:
    return f'FROM "{table.history}" last'


def _no_live(table: TrackedTable) -> str:
    newest = f'SELECT max(h.history_id) FROM "{table.history}" h WHERE h."{table.key}" = last."{table.key}"'
    live = f'SELECT 1 FROM "{table.name}" live WHERE live."{table.key}" = last."{table.key}"'
    return f"last.history_type <> '-' AND last.history_id = ({newest}) AND NOT EXISTS ({live})"


def _differs(connection: BaseDatabaseWrapper, table: TrackedTable) -> str:
    engine = sqlite if connection.vendor == "sqlite" else postgresql
    changed = engine.differs(table.columns, old="last", new="live")
    return f"last.history_id IS NULL OR last.history_type = '-' OR {changed}"


@dataclass(frozen=True)
class Unexplained:
    """A row that differs from its history, with the texts of its columns; None if there is no row, or no history."""

    table: TrackedTable
    key: int
    problem: str
    trial_id: int | None
    row: dict[str, str | None] | None
    past: dict[str, str | None] | None

    @property
    def place(self) -> str:
        """Table and key, as a command takes them."""
        return f"{self.table.name}:{self.key}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns whose content differs; all of them if there is no row or no history."""
        row, past = self.row or {}, self.past or {}
        return tuple(name for name in self.table.columns if not (row and past) or row[name] != past[name])


def unexplained(connection: BaseDatabaseWrapper, table: TrackedTable) -> Iterator[Unexplained]:
    """Yield the rows of a table that differ from their history, with their content. One query each."""
    for difference in list(differences(connection, table)):
        yield _with_content(connection, table, difference)


def _with_content(
    connection: BaseDatabaseWrapper, table: TrackedTable, difference: RowDifference
) -> Unexplained:
    gone = difference.problem == EXTRA
    sides = ("last",) if gone else ("live", "last")
    texts = [f'CAST({side}."{name}" AS TEXT)' for side in sides for name in table.columns]
    trial = "last.history_trial" if gone else table.owner_columns("live")["history_trial"]
    source = f"{_from_last(table)} WHERE {_no_live(table)}" if gone else f"{_from_live(table)} WHERE true"
    query = f"SELECT {trial}, last.history_id, last.history_type, {', '.join(texts)} {source}"
    with connection.cursor() as cursor:
        cursor.execute(f'{query} AND {sides[0]}."{table.key}" = %s', [difference.key])
        trial_id, known, kind, *values = cursor.fetchone()
    newest = dict(zip(table.columns, values[-len(table.columns) :], strict=True))
    past = newest if known is not None and kind != "-" else None
    row = None if gone else dict(zip(table.columns, values[: len(table.columns)], strict=True))
    return Unexplained(table, difference.key, difference.problem, trial_id, row, past)
