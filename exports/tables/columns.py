"""Tables of an export: their columns, and the reader of the rows of one queryset."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db.models import BooleanField, DateTimeField, DecimalField, Field, Model, QuerySet

from exports.tables.cell_sql import Instant, YesNo
from exports.tables.cells import cell, safe_free_text


@dataclass(frozen=True)
class TableColumn:
    """One column: name, path of its source, label, and whether it holds text typed by people.

    computed: a function that returns the value from those at `sources`, None for none. Such a column has no `source`.
    """

    name: str
    source: str
    label: str
    free_text: bool = False
    sources: tuple[str, ...] = ()
    computed: Callable[..., Any] | None = None

    @property
    def read(self) -> tuple[str, ...]:
        """Return the paths that are read for this column."""
        return self.sources if self.computed else (self.source,)


def column(name: str, label: str, source: str = "", *, free_text: bool = False) -> TableColumn:
    """Return a column; its source is its name unless another is given."""
    return TableColumn(name=name, source=source or name, label=label, free_text=free_text)


PATIENT = column("patient", "Subject code", "patient__code")


@dataclass(frozen=True)
class StudyTable:
    """One file: its columns, and a function that yields its rows."""

    name: str
    title: str
    columns: tuple[TableColumn, ...]
    rows: Callable[[], Iterator[Sequence[Any]]]
    escaped: tuple[str, ...] = field(default=())

    @property
    def file(self) -> str:
        """Return the file name in the archive."""
        return f"{self.name}.csv"

    @property
    def header(self) -> list[str]:
        """Return the column names."""
        return [column.name for column in self.columns]


def reader_of(
    queryset: QuerySet[Any], columns: tuple[TableColumn, ...]
) -> Callable[[], Iterator[Sequence[Any]]]:
    """Return a function that yields the rows, with one query. The database formats instants and booleans."""
    added = queryset.query.annotations
    fields = [
        added[path].output_field if (path := column.read[0]) in added else field_at(queryset.model, path)
        for column in columns
    ]
    read = [
        column.read[0] if column.computed else _in_sql(column.source, field)
        for column, field in zip(columns, fields, strict=True)
    ]
    converted = [
        (index, safe_free_text if column.free_text else cell)
        for index, (column, field) in enumerate(zip(columns, fields, strict=True))
        if column.free_text or isinstance(field, DecimalField)
    ]
    # The first source of a computed column stands in its place, the others follow all columns.
    computed: list[tuple[int, Callable[..., Any], list[int]]] = []
    for index, column in enumerate(columns):
        if column.computed:
            further = range(len(read), len(read) + len(column.read) - 1)
            computed.append((index, column.computed, [index, *further]))
            read += column.read[1:]

    def rows() -> Iterator[Sequence[Any]]:
        for row in queryset.values_list(*read).iterator(chunk_size=2000):
            cells = list(row[: len(columns)])
            for index, function, places in computed:
                cells[index] = cell(function(*(row[place] for place in places)))
            for index, make in converted:
                value = cells[index]
                if value is not None:
                    cells[index] = make(value)
            yield cells

    return rows


def _in_sql(source: str, field: "Field[Any, Any]") -> "str | Instant | YesNo":
    if isinstance(field, BooleanField):
        return YesNo(source)
    return Instant(source) if isinstance(field, DateTimeField) else source


def field_at(model: type[Model], source: str) -> "Field[Any, Any]":
    """Return the field at the end of a path such as `patient__code`."""
    name, _dash, rest = source.partition("__")
    found: Any = model._meta.get_field(name)
    if rest:
        return field_at(found.related_model, rest)
    return cast("Field[Any, Any]", getattr(found, "output_field", found))
