"""Queries that every request makes, with SQL built once: Django takes longer to build one than to run it.

    DELEGATIONS = CompiledQuery(lambda user, today: Delegation.objects.filter(user=user, ends_on__gte=today),
                                user=int, today=date)
    rows = DELEGATIONS.rows(user=7, today=date(2026, 3, 1))

Django builds the query once with an example in place of each value; later calls replace the examples. The SQL must not
depend on a value: no list of values, no null, no condition in Python.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.base import ModelState
from django.db.models.signals import post_init, pre_init

M = TypeVar("M", bound=models.Model)

# Values that no query has by itself, so that each example is found among the parameters of the built SQL.
_EXAMPLES: Mapping[type, Callable[[int], Any]] = {
    int: lambda place: 7_070_707_070_707_000 + place,
    str: lambda place: f"an example of a text, number {place}",
    date: lambda place: date(9990, 1, 1 + place),
    datetime: lambda place: datetime(9990, 1, 1 + place, 1, 2, 3, tzinfo=UTC),
}


class CompiledQuery(Generic[M]):
    """A query of one model whose SQL is built once per connection.

    `build` takes the values by name and returns the queryset; `kinds` gives the type of each value: int, str, date or
    datetime. `joined_once`: every row joins the same objects, so they are created once. Raises ValueError if a value
    does not reach the SQL unchanged.
    """

    def __init__(
        self, build: Callable[..., "models.QuerySet[M]"], *, joined_once: bool = False, **kinds: type
    ) -> None:
        self._build, self._joined_once = build, joined_once
        self._examples = {name: _EXAMPLES[kind](place) for place, (name, kind) in enumerate(kinds.items())}
        self._built: WeakKeyDictionary[Any, _Statement] = WeakKeyDictionary()

    def rows(self, **values: Any) -> list[M]:
        """Return the rows of the query for these values. One statement."""
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._built.get(connection)
        if statement is None:
            queryset = self._build(**self._examples)
            statement = _Statement(queryset, self._examples, connection, joined_once=self._joined_once)
            self._built[connection] = statement
        return statement.rows(values)

    def first(self, **values: Any) -> M | None:
        """Return the first row, or None."""
        return next(iter(self.rows(**values)), None)


class _Statement:
    """The SQL of a query on one connection, and how its rows become objects."""

    def __init__(
        self, queryset: Any, examples: Mapping[str, Any], connection: Any, *, joined_once: bool
    ) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, parameters = compiler.as_sql(with_col_aliases=False)
        self.connection, self.joined_once = connection, joined_once
        self.parameters = [_named(each, examples, connection) for each in parameters]
        if missing := examples.keys() - {name for name, _fixed in self.parameters if name}:
            raise ValueError(f"The query does not use {', '.join(sorted(missing))} as it is.")
        self.part = _Part(compiler.klass_info, compiler, connection)
        places = (compiler.annotation_col_map or {}).items()
        self.annotations = [(name, place, _converters(compiler, connection, place)) for name, place in places]

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        bound = {name: _adapted(value, self.connection) for name, value in values.items()}
        parameters = tuple(bound[name] if name else fixed for name, fixed in self.parameters)
        with self.connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            found = cursor.fetchall()
        objects: list[Any] = []
        for row in found:
            made = self.part.made(row)
            self.part.join(row, made, objects[0] if objects and self.joined_once else None)
            for name, place, converters in self.annotations:
                setattr(made, name, _converted(row[place], converters))
            objects.append(made)
        return objects


class _Part:
    """The columns of a row that make one object, and the objects joined to it.

    The object is filled as Django fills a model from a row, without pre_init and post_init if nobody listens to them.
    """

    def __init__(self, info: Any, compiler: Any, connection: Any) -> None:
        self.model, self.alias = info["model"], connection.alias
        places = range(info["select_fields"][0], info["select_fields"][-1] + 1)
        self.columns = [
            (compiler.select[place][0].target.attname, place, _converters(compiler, connection, place))
            for place in places
        ]
        self.key = next(place for name, place, _each in self.columns if name == self.model._meta.pk.attname)
        signalled = any(signal.has_listeners(self.model) for signal in (pre_init, post_init))
        self.plain = not signalled and self.model.__init__ is models.Model.__init__
        self.joined = [
            (_Part(each, compiler, connection), each["local_setter"], each["remote_setter"], each["field"])
            for each in info.get("related_klass_infos", [])
        ]

    def made(self, row: Any) -> Any:
        values = {name: _converted(row[place], converters) for name, place, converters in self.columns}
        if not self.plain:
            return self.model.from_db(self.alias, list(values), list(values.values()))
        made = self.model.__new__(self.model)
        made._state = ModelState()
        made._state.adding, made._state.db = False, self.alias
        made.__dict__.update(values)
        return made

    def join(self, row: Any, made: Any, first: Any) -> None:
        """Set the joined objects; `first` is the object whose joined objects are shared, or None."""
        for part, set_here, set_there, field in self.joined:
            if first is not None:
                set_here(made, field.get_cached_value(first))
                continue
            other = None if row[part.key] is None else part.made(row)
            set_here(made, other)
            if other is not None:
                set_there(other, made)
                part.join(row, other, None)


def _converters(compiler: Any, connection: Any, place: int) -> list[tuple[Any, Any, Any]]:
    found = compiler.get_converters([compiler.select[place][0]])
    return [(each, expression, connection) for each_, expression in found.values() for each in each_]


def _converted(value: Any, converters: list[tuple[Any, Any, Any]]) -> Any:
    """Return a value as its field converts it; NULL is None in every field."""
    if value is not None:
        for convert, expression, connection in converters:
            value = convert(value, expression, connection)
    return value


def _adapted(value: Any, connection: Any) -> Any:
    """Return a value as the database driver expects it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return connection.ops.adapt_datefield_value(value) if isinstance(value, date) else value


def _named(parameter: Any, examples: Mapping[str, Any], connection: Any) -> tuple[str, Any]:
    for name, example in examples.items():
        if parameter == _adapted(example, connection):
            return name, None
    return "", parameter
