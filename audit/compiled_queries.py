"""Queries that every request makes, with SQL built once: Django takes longer to build one than to run it.

    DELEGATIONS = CompiledQuery(lambda user, today: Delegation.objects.filter(user=user, ends_on__gte=today),
                                user=int, today=date)
    rows = DELEGATIONS.rows(user=7, today=date(2026, 3, 1))

`CompiledValues` does the same for `values_list`; `aggregated` makes one row of counts that it can read.

Django builds the query once with an example in place of each value; later calls replace the examples. The SQL must not
depend on a value: no null, no condition in Python, and no time of its own, which would stay that of the first request.
A list has a fixed number of places (`Listed`).
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models import Value
from django.db.models.base import ModelState
from django.db.models.expressions import Col
from django.db.models.query import ValuesListIterable
from django.db.models.signals import post_init, pre_init

M = TypeVar("M", bound=models.Model)

# Values that no query has by itself, so that each example is found among the parameters of the built SQL.
_EXAMPLES: Mapping[type, Callable[[int], Any]] = {
    int: lambda place: 7_070_707_070_707_000 + place,
    str: lambda place: f"an example of a text, number {place}",
    date: lambda place: date(9990, 1, 1) + timedelta(days=place),
    datetime: lambda place: datetime(9990, 1, 1, 1, 2, 3, tzinfo=UTC) + timedelta(days=place),
}
_LOOKS_LIKE_A_TIME = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Listed:
    """The kind of a value that is a list of up to `most` keys or codes, of which the SQL has that many places.

    Fewer are filled up with 0 or an empty text: use it for columns that never hold either.
    """

    kind: type
    most: int

    def places(self, listed: Collection[Any]) -> list[Any]:
        """Return the list, filled up to the number of places. Raises ValueError if it is longer."""
        if len(listed) > self.most:
            raise ValueError(f"{len(listed)} values, but the query has {self.most} places.")
        return [*listed, *[self.kind()] * (self.most - len(listed))]


class _Values:
    """The values of a query by name: their examples, and which parameter of the SQL holds which value."""

    def __init__(self, kinds: Mapping[str, "type | Listed"]) -> None:
        self.kinds = kinds
        number = iter(range(100_000))
        self.examples = {
            name: [_EXAMPLES[kind.kind](next(number)) for _place in range(kind.most)]
            if isinstance(kind, Listed)
            else _EXAMPLES[kind](next(number))
            for name, kind in kinds.items()
        }

    def named(self, parameters: Collection[Any], connection: Any) -> list[tuple[tuple[str, int] | None, Any]]:
        """Return for each parameter its place (name of the value and position), or None and the fixed parameter."""
        adapted = {
            (name, place): _adapted(example, connection)
            for name, examples in self.examples.items()
            for place, example in enumerate(examples if isinstance(examples, list) else [examples])
        }
        found = [
            (next((place for place, example in adapted.items() if each == example), None), each)
            for each in parameters
        ]
        if missing := adapted.keys() - {place for place, _fixed in found if place}:
            names = sorted({name for name, _place in missing})
            raise ValueError(f"The query does not use {', '.join(names)} as it is.")
        if own := [each for place, each in found if place is None and _is_a_time(each)]:
            raise ValueError(f"The query holds a time of its own, {own[0]}: make it a value.")
        return found

    def bound(self, values: Mapping[str, Any], connection: Any) -> dict[tuple[str, int], Any]:
        """Return the values by place, as the database driver expects them."""
        found = {}
        for name, value in values.items():
            kind = self.kinds[name]
            if isinstance(kind, Listed):
                found.update({(name, place): key for place, key in enumerate(kind.places(value))})
            else:
                found[name, 0] = _adapted(value, connection)
        return found


class _Compiled:
    """A query whose SQL is built once per connection."""

    def __init__(self, build: Callable[..., "models.QuerySet[Any]"], **kinds: "type | Listed") -> None:
        self._build, self._values = build, _Values(kinds)
        self._built: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def _rows(self, values: Mapping[str, Any]) -> list[Any]:
        connection = connections[DEFAULT_DB_ALIAS]
        statement = self._built.get(connection)
        if statement is None:
            statement = self._statement(self._build(**self._values.examples), connection)
            self._built[connection] = statement
        rows: list[Any] = statement.rows(values)
        return rows

    def _statement(self, queryset: Any, connection: Any) -> Any:
        raise NotImplementedError


class CompiledQuery(_Compiled, Generic[M]):
    """A query of one model whose SQL is built once per connection.

    `build` takes the values by name and returns the queryset; `kinds` gives the type of each value: int, str, date,
    datetime or `Listed`. `joined_once`: every row joins the same objects, so they are created once. Raises ValueError
    if a value does not reach the SQL unchanged.
    """

    def __init__(
        self,
        build: Callable[..., "models.QuerySet[M]"],
        *,
        joined_once: bool = False,
        **kinds: "type | Listed",
    ) -> None:
        super().__init__(build, **kinds)
        self._joined_once = joined_once

    def rows(self, **values: Any) -> list[M]:
        """Return the rows of the query for these values. One statement."""
        return self._rows(values)

    def first(self, **values: Any) -> M | None:
        """Return the first row, or None."""
        return next(iter(self.rows(**values)), None)

    def _statement(self, queryset: Any, connection: Any) -> Any:
        return _Statement(queryset, self._values, connection, joined_once=self._joined_once)


class CompiledValues(_Compiled):
    """A `values_list` whose SQL is built once per connection. Raises ValueError for another kind of queryset."""

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of the query for these values as tuples. One statement."""
        return self._rows(values)

    def row(self, **values: Any) -> tuple[Any, ...]:
        """Return the only row of an aggregate. Raises IndexError if there is none."""
        return self.rows(**values)[0]

    def _statement(self, queryset: Any, connection: Any) -> Any:
        if queryset._iterable_class is not ValuesListIterable:
            raise ValueError("Only a values_list gives rows of values.")
        return _ValuesStatement(queryset, self._values, connection)


def aggregated(queryset: "models.QuerySet[Any]", **aggregates: Any) -> Any:
    """Return a queryset with one row: the values of the aggregates over all rows, in their order."""
    whole: Any = queryset.order_by().annotate(whole=Value(1)).values("whole")
    return whole.annotate(**aggregates).values_list(*aggregates)


class _Sql:
    """The SQL of a query on one connection, and where its values go."""

    def __init__(self, compiler: Any, values: _Values, connection: Any) -> None:
        self.sql, parameters = compiler.as_sql(with_col_aliases=False)
        self.values, self.connection = values, connection
        self.parameters = values.named(parameters, connection)

    def found(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run the query and return its rows as the database driver gives them."""
        bound = self.values.bound(values, self.connection)
        parameters = tuple(bound[place] if place else fixed for place, fixed in self.parameters)
        with self.connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class _ValuesStatement:
    """The SQL of a `values_list` on one connection, and how its columns are converted."""

    def __init__(self, queryset: Any, values: _Values, connection: Any) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql = _Sql(compiler, values, connection)
        # Columns that only sort the rows come after those that were asked for.
        self.width = compiler.col_count
        converters = ((place, _converters(compiler, connection, place)) for place in range(self.width))
        self.converters = [(place, each) for place, each in converters if each]

    def rows(self, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        found = self.sql.found(values)
        if not found or (not self.converters and len(found[0]) == self.width):
            return found
        # By columns: a call for each row would cost as much as its conversions.
        columns: list[Any] = [*zip(*found, strict=True)][: self.width]
        for place, converters in self.converters:
            columns[place] = [_converted(value, converters) for value in columns[place]]
        return list(zip(*columns, strict=True))


class _Statement:
    """The SQL of a query on one connection, and how its rows become objects."""

    def __init__(self, queryset: Any, values: _Values, connection: Any, *, joined_once: bool) -> None:
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, self.joined_once = _Sql(compiler, values, connection), joined_once
        self.part = _QueryPart(compiler.klass_info, compiler, connection)
        places = (compiler.annotation_col_map or {}).items()
        self.annotations = [(name, place, _converters(compiler, connection, place)) for name, place in places]

    def rows(self, values: Mapping[str, Any]) -> list[Any]:
        objects: list[Any] = []
        for row in self.sql.found(values):
            made = self.part.made(row)
            self.part.join(row, made, objects[0] if objects and self.joined_once else None)
            for name, place, converters in self.annotations:
                setattr(made, name, _converted(row[place], converters))
            objects.append(made)
        return objects


class _QueryPart:
    """The columns of a row that make one object, and the objects joined to it.

    The object is filled as Django fills a model from a row, without pre_init and post_init if nobody listens to them.
    """

    def __init__(self, info: Any, compiler: Any, connection: Any) -> None:
        self.model, self.alias = info["model"], connection.alias
        places = range(info["select_fields"][0], info["select_fields"][-1] + 1)
        self.names = tuple(compiler.select[place][0].target.attname for place in places)
        self.span = slice(places.start, places.stop)
        converters = (
            (name, _converters(compiler, connection, place))
            for name, place in zip(self.names, places, strict=True)
        )
        self.converters = [(name, each) for name, each in converters if each]
        self.key = places.start + self.names.index(self.model._meta.pk.attname)
        signalled = any(signal.has_listeners(self.model) for signal in (pre_init, post_init))
        self.plain = (
            not signalled
            and self.model.__init__ is models.Model.__init__
            # A model that does something with each fetched row, such as noting it (`audit.restricted_reads`).
            and self.model.from_db.__func__ is models.Model.from_db.__func__  # type: ignore[attr-defined]
        )
        self.joined = [
            (
                _QueryPart(each, compiler, connection),
                each["local_setter"],
                each["remote_setter"],
                each["field"],
            )
            for each in info.get("related_klass_infos", [])
        ]

    def made(self, row: Any) -> Any:
        values = dict(zip(self.names, row[self.span], strict=True))
        for name, converters in self.converters:
            values[name] = _converted(values[name], converters)
        if not self.plain:
            return self.model.from_db(self.alias, list(values), list(values.values()))
        state = ModelState()
        state.adding, state.db = False, self.alias
        values["_state"] = state
        made = self.model.__new__(self.model)
        made.__dict__ = values
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
    selected = compiler.select[place][0]
    done = READ_BY_DRIVER if isinstance(selected, Col) else frozenset()
    return [
        (QUICK.get(_name(convert), convert), expression, connection)
        for converters, expression in compiler.get_converters([selected]).values()
        for convert in converters
        if _name(convert) not in done
    ]


def _name(convert: Any) -> str:
    return getattr(convert, "__name__", "")


def _quick_datetime(value: Any, _expression: Any, _connection: Any) -> datetime:
    """Return a stored moment, which is in UTC. The driver parses columns, but no expressions."""
    read = datetime.fromisoformat(value) if isinstance(value, str) else value
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _quick_date(value: Any, _expression: Any, _connection: Any) -> date:
    """Return a stored day."""
    return date.fromisoformat(value) if isinstance(value, str) else value


# The driver of SQLite has converted a plain column by its declared type; these of Django's would only look again.
READ_BY_DRIVER = frozenset({"convert_datefield_value", "convert_booleanfield_value"})
# Quicker functions for those of Django's for SQLite: they parse or make aware through several calls for each value, and
# a page reads thousands.
QUICK: dict[str, Any] = {
    "convert_datetimefield_value": _quick_datetime,
    "convert_datefield_value": _quick_date,
}


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


def _is_a_time(parameter: Any) -> bool:
    if isinstance(parameter, str):
        return _LOOKS_LIKE_A_TIME.match(parameter) is not None
    return isinstance(parameter, date)
