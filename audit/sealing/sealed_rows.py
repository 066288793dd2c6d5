"""Rows as the seals hash them: one canonical text per row, the same on SQLite and PostgreSQL.

The text is a JSON array: the table, then the columns in the order given by the seal. Times are UTC to the microsecond,
decimals have no trailing zeros, captured values have sorted keys.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.sealing import merkle
from audit.trail import history_model, tracked_models
from audit.triggers.tables import ALSO_SEALED

FETCH = 250


@dataclass(frozen=True)
class SealedTable:
    """A table whose rows are sealed: a history, the access events or the reviews."""

    model: type[models.Model]

    @property
    def name(self) -> str:
        """Name of the table."""
        return self.model._meta.db_table

    @property
    def key(self) -> str:
        """Column that numbers the rows."""
        return str(self.model._meta.pk.column)

    @property
    def of_trial(self) -> str:
        """Column with the trial of a row."""
        return "history_trial" if self.is_history else "trial_id"

    @property
    def time(self) -> str:
        """Column with the time at which a row was written."""
        names = [
            str(field.column)
            for field in self.model._meta.concrete_fields
            if isinstance(field, models.DateTimeField)
        ]
        return "history_date" if "history_date" in names else names[0]

    @property
    def is_history(self) -> bool:
        """Return whether the database dates the rows (histories), not the application."""
        return self.time == "history_date"

    @property
    def columns(self) -> list[str]:
        """Columns that a new seal covers."""
        return [str(field.column) for field in self.model._meta.concrete_fields]


def sealed_tables() -> list[SealedTable]:
    """Return every sealed table in a stable order."""
    histories = [history_model(model) for model in tracked_models()]
    others = [apps.get_model(label) for label in ALSO_SEALED]
    return [SealedTable(model) for model in (*histories, *others)]


def sealed_rows(
    table: SealedTable, columns: list[str], *, after: int, until: int, using: str = "default"
) -> Iterator[tuple[int, bytes]]:
    """Yield (key, leaf hash) of the rows with after < key ≤ until, in order. Streams.

    Raises KeyError with the name of a column that the table no longer has.
    """
    for key, text in sealed_texts(table, columns, after=after, until=until, using=using):
        yield key, merkle.leaf(text.encode())


def sealed_texts(
    table: SealedTable,
    columns: list[str],
    *,
    after: int,
    until: int,
    using: str = "default",
    trial: int | None = None,
) -> Iterator[tuple[int, str]]:
    """Yield (key, hashed text) of the rows with after < key ≤ until, of one trial or all, in order. Streams.

    Raises KeyError with the name of a column that the table no longer has.
    """
    connection = connections[using]
    forms = [_form(each, connection) for each in _fields(table, columns)]
    selected = ", ".join(form.sql.format(f'"{column}"') for form, column in zip(forms, columns, strict=True))
    at, steps = columns.index(table.key), [(i, form.read) for i, form in enumerate(forms) if form.read]
    query = f'SELECT {selected} FROM "{table.name}" WHERE "{table.key}" > %s AND "{table.key}" <= %s'
    if trial is not None:
        query += f' AND "{table.of_trial}" = {int(trial)}'
    for row in _rows(connection, f'{query} ORDER BY "{table.key}" LIMIT {FETCH}', after, until, at):
        for i, read in steps:
            if row[i] is not None:
                row[i] = read(row[i])
        yield row[at], _encode([table.name, *row])


def leaf_with(table: SealedTable, columns: list[str], key: int, changed: Mapping[str, str]) -> bytes:
    """Return the leaf hash that a row will have once some of its text and JSON columns hold these texts."""
    connection = connections["default"]
    forms = [_form(each, connection) for each in _fields(table, columns)]
    selected = ", ".join(form.sql.format(f'"{column}"') for form, column in zip(forms, columns, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT {selected} FROM "{table.name}" WHERE "{table.key}" = %s', [key])
        row = [changed.get(column, value) for column, value in zip(columns, cursor.fetchone(), strict=True)]
    for at, form in enumerate(forms):
        if form.read and row[at] is not None:
            row[at] = form.read(row[at])
    return merkle.leaf(_encode([table.name, *row]).encode())


def _fields(table: SealedTable, columns: list[str]) -> list[Any]:
    fields = {str(field.column): field for field in table.model._meta.concrete_fields}
    return [fields[column] for column in columns]


def _rows(
    connection: BaseDatabaseWrapper, query: str, after: int, until: int, at: int
) -> Iterator[list[Any]]:
    """Read page by page, so that no cursor stays open while others write."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(query, [after, until])
            page = cursor.fetchall()
        for row in page:
            yield list(row)
        if len(page) < FETCH:
            return
        after = page[-1][at]


@dataclass(frozen=True)
class SealedForm:
    """How a column is read: SQL, then a function (None: unchanged)."""

    sql: str = "{}"
    read: Callable[[Any], Any] | None = None


def _form(field: Any, connection: BaseDatabaseWrapper) -> SealedForm:
    postgres = connection.vendor == "postgresql"
    match field:
        case models.DateTimeField():
            utc = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
            return SealedForm(utc) if postgres else SealedForm("CAST({} AS TEXT)", _microseconds)
        case models.DateField() | models.TimeField():
            return SealedForm("CAST({} AS TEXT)")
        case models.DecimalField():
            return SealedForm("CAST({} AS TEXT)", _digits)
        case models.JSONField():
            return SealedForm("CAST({} AS TEXT)", _json)
        case models.BooleanField():
            return SealedForm("{}", bool)
    return SealedForm()


def _microseconds(text: str) -> str:
    # Django writes no fraction to SQLite if it is zero.
    return text if len(text) == 26 else f"{text}.000000"


def _digits(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _json(text: str) -> Any:
    return json.loads(text, parse_float=_number)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
