"""Compare every row with its newest history row (AUD-14)."""

from collections.abc import Iterator
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


def record_differences(connection: BaseDatabaseWrapper, table: TrackedTable) -> None:
    """Write the changes of a data migration to the history, as the current actor."""
    source = f" {_from_live(table)} WHERE {_differs(connection, table)}"
    deleted_rows = f" {_from_last(table)} WHERE {_no_live(table)}"
    kind = "CASE WHEN last.history_id IS NULL OR last.history_type = '-' THEN '+' ELSE '~' END"
    engine = sqlite if connection.vendor == "sqlite" else postgresql
    with connection.cursor() as cursor:
        for row, what, where in (("live", kind, source), ("last", "'-'", deleted_rows)):
            cursor.execute(engine.history_copy(table, row=row, kind=what, source=where))


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
