"""Tables of an export: their columns, and the reader of the rows of one queryset."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from django.db.models import (
    AutoField,
    BooleanField,
    DateField,
    DateTimeField,
    DecimalField,
    Field,
    ForeignKey,
    IntegerField,
    Model,
    QuerySet,
)

from exports.tables.cell_sql import Instant, YesNo
from exports.tables.cells import cell, safe_free_text
from exports.tables.description.code_lists import Code, codes_of_field
from protocol.checking.column_kinds import Kind
from protocol.values.moment_parts import NOTHING, MomentParts, moment_parts

# Rows read at once: those of a wide table cost memory, and more at once is not faster.
CHUNK: Final = 250


@dataclass(frozen=True)
class TableColumn:
    """One column: name, path of its source, label, and whether it holds text typed by people.

    computed: a function that returns the value from those at `sources`, None for none. Such a column has no `source`.
    several: the function returns a list: the file has a row for each of its values.
    kind: of its cells, for formats that have types. codes: the values it may have, if they are a list.
    """

    name: str
    source: str
    label: str
    free_text: bool = False
    sources: tuple[str, ...] = ()
    computed: Callable[..., Any] | None = None
    several: bool = False
    kind: Kind = "text"
    codes: tuple[Code, ...] = ()

    @property
    def read(self) -> tuple[str, ...]:
        """Return the paths that are read for this column."""
        return self.sources if self.computed else (self.source,)


def col(name: str, label: str, source: str = "", *, free_text: bool = False) -> TableColumn:
    """Return a column whose value is at `source`, a field or a path through foreign keys; else at its name."""
    return TableColumn(name=name, source=source or name, label=label, free_text=free_text)


def computed(
    name: str,
    label: str,
    function: Callable[..., Any],
    *sources: str,
    free_text: bool = False,
    kind: Kind = "text",
) -> TableColumn:
    """Return a column that `function` computes from the values at its sources, as the model has them."""
    return TableColumn(name, "", label, free_text, sources, function, kind=kind)


def several(
    name: str, label: str, function: Callable[..., list[Any]], *sources: str, free_text: bool = False
) -> TableColumn:
    """Return a column of which a stored row gives a list. All such columns of a table give lists of one length."""
    return TableColumn(name, "", label, free_text, sources, function, several=True)


def moment(name: str, label: str, source: str = "", *, partial: bool = False) -> tuple[TableColumn, ...]:
    """Return the columns of a moment that a person entered: local date and time, instant, time zone.

    partial: it may be less than a minute, so its precision stands in a column too.
    """
    path = source or name
    parts = [
        (name, label, "local"),
        (f"{name}__utc", f"{label}: instant (UTC)", "utc"),
        (f"{name}__zone", f"{label}: time zone", "zone"),
    ]
    if partial:
        parts.append((f"{name}__precision", f"{label}: known to the year, month, day or minute", "precision"))
    kinds: dict[str, Kind] = {"utc": "instant", "local": "partial" if partial else "local"}
    return tuple(
        computed(
            column, words, PartOfMoment(MomentParts._fields.index(part)), path, kind=kinds.get(part, "text")
        )
        for column, words, part in parts
    )


@dataclass(frozen=True, slots=True)
class PartOfMoment:
    """Computes one column of a stored moment: a field of `MomentParts`, by its place; None for a blank moment."""

    place: int

    def __call__(self, stored: str | None) -> str | None:
        return moment_parts(stored)[self.place] if stored else None


PATIENT = col("patient", "Subject code", "patient__code")


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


KIND_OF_FIELD: tuple[tuple[type["Field[Any, Any]"], Kind], ...] = (
    (BooleanField, "flag"),
    (DateTimeField, "instant"),
    (DateField, "date"),
    (DecimalField, "decimal"),
    (IntegerField, "integer"),
    (AutoField, "integer"),
)


def with_kinds(queryset: QuerySet[Any], columns: tuple[TableColumn, ...]) -> tuple[TableColumn, ...]:
    """Return the columns with kind and codes of the field that each reads; a computed one has its own."""
    return tuple(
        column if column.computed else _as_its_field(column, source_field(queryset, column))
        for column in columns
    )


def _as_its_field(column: TableColumn, field: "Field[Any, Any]") -> TableColumn:
    return replace(column, kind=_kind(field), codes=codes_of_field(field))


def _kind(field: "Field[Any, Any]") -> Kind:
    if field.choices:
        return "text"
    target = field.target_field if isinstance(field, ForeignKey) else field
    return next((kind for known, kind in KIND_OF_FIELD if isinstance(target, known)), "text")


def source_field(queryset: QuerySet[Any], column: TableColumn) -> "Field[Any, Any]":
    """Return the field that a column reads first: of the model, or of what the queryset adds."""
    path = column.read[0]
    added = queryset.query.annotations
    return added[path].output_field if path in added else field_at(queryset.model, path)


def reader_of(
    queryset: QuerySet[Any], columns: tuple[TableColumn, ...]
) -> Callable[[], Iterator[Sequence[Any]]]:
    """Return a function that yields the rows, with one query. The database formats instants and booleans."""
    fields = [source_field(queryset, column) for column in columns]
    read: list[str | Instant | YesNo] = []
    known: dict[str, int] = {}

    def place_of(source: str | Instant | YesNo) -> int:
        """Return the place of a source in a row that was read; the columns of a moment have one source."""
        if not isinstance(source, str):
            read.append(source)
            return len(read) - 1
        if source not in known:
            known[source] = len(read)
            read.append(source)
        return known[source]

    own = [
        place_of(column.read[0] if column.computed else _in_sql(column.source, field))
        for column, field in zip(columns, fields, strict=True)
    ]
    typed = [index for index, column in enumerate(columns) if column.free_text]
    decimals = [
        index
        for index, (column, field) in enumerate(zip(columns, fields, strict=True))
        if isinstance(field, DecimalField) and not column.free_text
    ]
    lists = [index for index, column in enumerate(columns) if column.several]
    made: list[tuple[int, Callable[..., Any], list[int]]] = []
    # The columns of a moment are made together: most moments of a row are blank.
    moments: dict[int, list[tuple[int, int]]] = {}
    for index, column in enumerate(columns):
        if isinstance(column.computed, PartOfMoment):
            moments.setdefault(own[index], []).append((index, column.computed.place))
        elif column.computed:
            made.append((index, column.computed, [place_of(path) for path in column.read]))
    straight = own == list(range(len(own)))

    def rows() -> Iterator[Sequence[Any]]:
        for row in queryset.values_list(*read).iterator(chunk_size=CHUNK):
            cells = list(row[: len(own)]) if straight else [row[place] for place in own]
            for index, function, places in made:
                cells[index] = cell(function(*[row[place] for place in places]))
            for place, parts in moments.items():
                found = moment_parts(row[place]) if row[place] else NOTHING
                for index, part in parts:
                    cells[index] = found[part]
            for each in _one_by_one(cells, lists) if lists else (cells,):
                for index in typed:
                    if each[index]:
                        each[index] = safe_free_text(each[index])
                for index in decimals:
                    if each[index] is not None:
                        each[index] = cell(each[index])
                yield each

    return rows


def _one_by_one(cells: list[Any], lists: list[int]) -> Iterator[list[Any]]:
    """Yield the cells once for each value of the lists among them."""
    for values in zip(*(cells[index] for index in lists), strict=True):
        each = list(cells)
        for index, value in zip(lists, values, strict=True):
            each[index] = cell(value)
        yield each


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
