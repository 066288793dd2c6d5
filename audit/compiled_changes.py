"""Insertions, updates and deletions that saves make, with SQL built once. Rows are found by equality.

    SAVED = CompiledUpdate(Record, sets=("values", "version"), where=("pk", "version"))
    rows = SAVED.run(to={"values": {"weight": "82.4"}, "version": 4}, where={"pk": 17, "version": 3})

They work like `QuerySet.bulk_create`, `QuerySet.update` and `QuerySet.delete` on one model: no signals, and the audit
triggers record the rows that change.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from django.db.models.deletion import Collector


class _Change(ABC):
    """A statement with its conditions; the fields are in the order of their parameters."""

    def __init__(self, model: type[models.Model], where: Sequence[str]) -> None:
        self._model = model
        self._where = {name: _field(model, name) for name in where}
        self._built: dict[str, str] = {}

    def _run(self, sets: list[Any], where: Mapping[str, Any]) -> int:
        if where.keys() != self._where.keys():
            raise ValueError(f"Give {', '.join(self._where)}.")
        connection = connections[DEFAULT_DB_ALIAS]
        parameters = [
            *sets,
            *(_prepared(each, where[name], connection) for name, each in self._where.items()),
        ]
        sql = self._built.get(connection.vendor)
        if sql is None:
            sql = self._built[connection.vendor] = self._sql(connection.ops.quote_name)
        # As in Django's own writes: an error also breaks the surrounding atomic block.
        with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount

    @abstractmethod
    def _sql(self, quoted: Any) -> str:
        """Return the statement with names quoted for the database engine."""

    def _conditions(self, quoted: Any) -> str:
        return " AND ".join(f"{quoted(field.column)} = %s" for field in self._where.values())


class CompiledUpdate(_Change):
    """Sets fields of the rows whose other fields have the given values (never null)."""

    def __init__(self, model: type[models.Model], *, sets: Sequence[str], where: Sequence[str]) -> None:
        super().__init__(model, where)
        self._sets = {name: _field(model, name) for name in sets}

    def run(self, *, to: Mapping[str, Any], where: Mapping[str, Any]) -> int:
        """Write the values and return the number of rows. One statement. Foreign keys are given as keys."""
        if to.keys() != self._sets.keys():
            raise ValueError(f"Give {', '.join(self._sets)}.")
        connection = connections[DEFAULT_DB_ALIAS]
        return self._run([_prepared(each, to[name], connection) for name, each in self._sets.items()], where)

    def _sql(self, quoted: Any) -> str:
        sets = ", ".join(f"{quoted(field.column)} = %s" for field in self._sets.values())
        return f"UPDATE {quoted(self._model._meta.db_table)} SET {sets} WHERE {self._conditions(quoted)}"


class CompiledDelete(_Change):
    """Deletes the rows whose fields have the given values. Raises ValueError if other rows refer to them."""

    def __init__(self, model: type[models.Model], *, where: Sequence[str]) -> None:
        super().__init__(model, where)

    def run(self, **where: Any) -> int:
        """Delete the rows and return their number. One statement."""
        return self._run([], where)

    def _sql(self, quoted: Any) -> str:
        if not Collector(DEFAULT_DB_ALIAS).can_fast_delete(self._model._default_manager.all()):
            raise ValueError(f"Deleting {self._model._meta.label} concerns other rows: use the queryset.")
        return f"DELETE FROM {quoted(self._model._meta.db_table)} WHERE {self._conditions(quoted)}"


class CompiledInsert:
    """Adds rows of a model whose key the database gives. Fields with a value of their own at a save are refused."""

    # SQLite takes at most 32,766 parameters in a statement.
    MOST = 500

    def __init__(self, model: type[models.Model]) -> None:
        own = [field for field in model._meta.local_concrete_fields if not field.primary_key]
        self._fields = {field.attname: _field(model, field.name) for field in own}
        if any(getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False) for field in own):
            raise ValueError(f"{model._meta.label} sets a time at each save: use bulk_create.")
        self._model = model
        self._built: dict[str, tuple[str, str]] = {}

    def run(self, rows: Sequence[models.Model]) -> None:
        """Add the rows: one statement for each 500. Their keys are not read back."""
        connection = connections[DEFAULT_DB_ALIAS]
        built = self._built.get(connection.vendor)
        if built is None:
            built = self._built[connection.vendor] = self._sql(connection.ops.quote_name)
        for at in range(0, len(rows), self.MOST):
            part = rows[at : at + self.MOST]
            parameters = [
                _prepared(field, getattr(row, name), connection)
                for row in part
                for name, field in self._fields.items()
            ]
            sql = built[0] + ", ".join([built[1]] * len(part))
            with transaction.mark_for_rollback_on_error(DEFAULT_DB_ALIAS), connection.cursor() as cursor:
                cursor.execute(sql, parameters)
        for row in rows:
            row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def _sql(self, quoted: Any) -> tuple[str, str]:
        """Return the statement until its rows, and the places of one row."""
        columns = ", ".join(quoted(field.column) for field in self._fields.values())
        places = ", ".join(["%s"] * len(self._fields))
        return f"INSERT INTO {quoted(self._model._meta.db_table)} ({columns}) VALUES ", f"({places})"


def _field(model: type[models.Model], name: str) -> Any:
    field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    # Such a field writes an SQL expression instead of a plain value.
    if hasattr(field, "get_placeholder"):
        raise ValueError(f"{name} is not written as it is.")
    return field


def _prepared(field: Any, value: Any, connection: Any) -> Any:
    return field.get_db_prep_save(value, connection)
