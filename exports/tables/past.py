"""The tables of a study as they were at a past moment, from the histories that the triggers write.

Every audited table gets a temporary table of its name, filled with the last row of each history at that moment. Both
engines look a name up among the temporary tables first, so that any query reads the past: no table of an export, and no
join in one, has to know of it. A table of the past ends with its transaction, which is rolled back.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, models, transaction
from django.db.models import GeneratedField
from django.utils import timezone

from audit.past_data import past_data
from audit.trail import history_model, tracked_columns, tracked_models
from trials.models import Trial


def trail_clock() -> datetime:
    """Return the time by the clock that dates the histories: that of the database, which may be another machine."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
    return at


def begin_of(trial: Trial) -> datetime:
    """Return the moment from which the trial exists. One query."""
    rows = history_model(Trial)._default_manager.filter(id=trial.pk).order_by("history_id")
    return rows.values_list("history_date", flat=True)[0]


def rows_of_past(trial: Trial) -> int:
    """Return the number of rows of the histories from which a past moment of the trial is laid out. One query."""
    parts = []
    for model in tracked_models():
        history = history_model(model)._meta.db_table
        parts.append(f'(SELECT COUNT(*) FROM "{history}" WHERE "history_trial" = %s)')  # noqa: S608  our own tables
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' + '.join(parts)}", [trial.pk] * len(parts))
        found: int = cursor.fetchone()[0]
    return found


@contextmanager
def set_back(trial: Trial, moment: datetime) -> Iterator[None]:
    """Let every query of this connection read the rows of the trial as they were at the moment, until the end.

    Runs inside a transaction, whose savepoint it takes back. Rows that belong to no trial (people, donors' schemes) are
    those of the moment too. Columns that no history holds are empty.
    """
    with transaction.atomic(), past_data():
        try:
            for model in tracked_models():
                _lay_out(model, trial, moment)
            yield
        finally:
            transaction.set_rollback(True)


def _lay_out(model: type[models.Model], trial: Trial, moment: datetime) -> None:
    """Make the temporary table of one model, with the rows of the trial and those that belong to no trial."""
    table, key = model._meta.db_table, str(model._meta.pk.column)
    history = history_model(model)._meta.db_table
    kept = {str(field.column) for field in tracked_columns(model)}
    stored = [field for field in model._meta.concrete_fields if not isinstance(field, GeneratedField)]
    generated = [field for field in model._meta.concrete_fields if isinstance(field, GeneratedField)]
    columns = [
        f'h."{field.column}"'
        if str(field.column) in kept
        else f'CAST(NULL AS {_type(field)}) AS "{field.column}"'
        for field in stored
    ]
    # Names come from the models, values are parameters.
    past = (
        f'SELECT {", ".join(columns)} FROM "{history}" h JOIN (SELECT max("history_id") AS last FROM "{history}"'  # noqa: S608
        ' WHERE "history_date" <= %s AND ("history_trial" = %s OR "history_trial" IS NULL)'
        f' GROUP BY "{key}") newest ON newest.last = h."history_id" WHERE h."history_type" <> \'-\''
    )
    values: list[Any] = [connection.ops.adapt_datetimefield_value(moment), trial.pk]
    if generated:
        made = [(*field.generated_sql(connection), field.column) for field in generated]
        also = ", ".join(f'{sql} AS "{column}"' for sql, _parameters, column in made)
        past = f"SELECT past.*, {also} FROM ({past}) past"  # noqa: S608
        values = [each for _sql, parameters, _column in made for each in parameters] + values
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # A table made of a query forgets the types, by which SQLite's driver makes dates of texts.
            types = ", ".join(f'"{field.column}" {_type(field)}' for field in (*stored, *generated))
            cursor.execute(f'CREATE TEMPORARY TABLE "{table}" ({types})')
            cursor.execute(f'INSERT INTO temp."{table}" {past}', values)
            cursor.execute(f'CREATE UNIQUE INDEX temp."past_{table}" ON "{table}" ("{key}")')
        else:
            cursor.execute(f'CREATE TEMPORARY TABLE "{table}" AS {past}', values)
            cursor.execute(f'CREATE UNIQUE INDEX "past_{table}" ON pg_temp."{table}" ("{key}")')


def _type(field: Any) -> str:
    return str(field.rel_db_type(connection) or "text")
