"""Queries that every request asks, their SQL built once: Django takes longer to build one than to run it.

    DELEGATIONS = Prepared(lambda user, today: Delegation.objects.filter(user=user, ends_on__gte=today),
                           user=int, today=date)
    rows = DELEGATIONS.rows(user=7, today=date(2026, 3, 1))

The query is built by Django with a telling example in place of each value; afterwards only the values change.
What the query is must not depend on a value: no list of values, no null, no condition in Python.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)

_EXAMPLES: Mapping[type, Callable[[int], Any]] = {
    int: lambda place: 7_070_707_070_707_000 + place,
    str: lambda place: f"an example of a text, number {place}",
    date: lambda place: date(9990, 1, 1 + place),
    datetime: lambda place: datetime(9990, 1, 1 + place, 1, 2, 3, tzinfo=UTC),
}


class Prepared(Generic[M]):
    """A query of one model whose SQL is built once per connection.

    `build` gets the values by name and returns the queryset; `kinds` says of which type each value is:
    int, str, date or datetime. Raises ValueError when a value does not reach the SQL as it is.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[M]"], **kinds: type) -> None:
        self._build = build
        self._examples = {name: _EXAMPLES[kind](place) for place, (name, kind) in enumerate(kinds.items())}
        self._built: WeakKeyDictionary[Any, _Statement] = WeakKeyDictionary()

    def rows(self, **values: Any) -> list[M]:
        """Return the rows of the query with these values. One statement."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._built.get(connection)
        if statement is None:
            statement = self._built[connection] = _Statement(
                self._build(**self._examples), self._examples, connection
            )
        return statement.rows(values)

    def first(self, **values: Any) -> M | None:
        """Return the first row, or None."""
        return next(iter(self.rows(**values)), None)


class _Statement:
    """The SQL of a query on one connection, and how its rows become objects (as `ModelIterable` does)."""

    def __init__(self, queryset: Any, examples: Mapping[str, Any], connection: Any) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, parameters = compiler.as_sql(with_col_aliases=False)
        self.connection, self.alias = connection, connection.alias
        self.parameters = [_named(each, examples, connection) for each in parameters]
        if missing := examples.keys() - {name for name, _fixed in self.parameters if name}:
            raise ValueError(f"The query does not use {', '.join(sorted(missing))} as it is.")
        self.compiler = compiler
        self.converters = compiler.get_converters([each[0] for each in compiler.select[: compiler.col_count]])
        info = compiler.klass_info
        self.model = info["model"]
        self.start, self.end = info["select_fields"][0], info["select_fields"][-1] + 1
        self.names = [each[0].target.attname for each in compiler.select[self.start : self.end]]
        self.related = get_related_populators(info, compiler.select, self.alias)  # type: ignore[call-arg]
        self.annotations = tuple((compiler.annotation_col_map or {}).items())

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        bound = {name: _adapted(value, self.connection) for name, value in values.items()}
        parameters = tuple(bound[name] if name else fixed for name, fixed in self.parameters)
        with self.connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            found = cursor.fetchall()
        if self.converters:
            found = list(self.compiler.apply_converters(found, self.converters))
        return [self._object(row) for row in found]

    def _object(self, row: Any) -> Any:
        made = self.model.from_db(self.alias, self.names, row[self.start : self.end])
        for populator in self.related:
            populator.populate(row, made)
        for name, column in self.annotations:
            setattr(made, name, row[column])
        return made


def _adapted(value: Any, connection: Any) -> Any:
    """Return a value as the driver of this engine takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value


def _named(parameter: Any, examples: Mapping[str, Any], connection: Any) -> tuple[str, Any]:
    for name, example in examples.items():
        if parameter == _adapted(example, connection):
            return name, None
    return "", parameter
