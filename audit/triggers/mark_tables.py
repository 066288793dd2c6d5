"""The tables of marks that a change of the marked row undoes, read from the models."""

from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.db import models

from audit.trail import trail_of


@dataclass(frozen=True)
class MarkTable:
    """Table of the marks on items of a row: `record` refers to the row, `items` is the column of the marked values."""

    name: str
    record: str
    items: str
    kind: str
    clears: str


@dataclass(frozen=True)
class FactMarkTable:
    """Table of the marks on facts of a row: `target` names the kind of row, `facts` the columns of each fact."""

    name: str
    target: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    others: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns whose change undoes a mark."""
        found = (column for _item, columns in self.facts for column in columns)
        return tuple(dict.fromkeys([*found, *self.others]))

    def among(self, live: set[str]) -> "FactMarkTable | None":
        """Return the marks without columns that the table lacks; None if it has none of them."""
        facts = tuple((item, columns) for item, columns in self.facts if set(columns) <= live)
        others = tuple(column for column in self.others if column in live)
        return replace(self, facts=facts, others=others) if facts else None


def columns_of(model: type[models.Model], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of the fields with these names."""
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    return tuple(field.column for field in fields)


def mark_table(model: type[models.Model]) -> MarkTable | None:
    """Return the table of the marks on items of a model, or None."""
    trail = trail_of(model)
    if trail.marks is None:
        return None
    mark_model = apps.get_model(trail.marks.stored_in)
    record = next(str(field.column) for field in mark_model._meta.fields if field.related_model is model)
    (items,) = columns_of(model, (trail.items,))
    return MarkTable(mark_model._meta.db_table, record, items, trail.marks.kind, trail.marks.clears)


def fact_mark_table(model: type[models.Model]) -> FactMarkTable | None:
    marks = trail_of(model).fact_marks
    if marks is None:
        return None
    facts = tuple((item, columns_of(model, names)) for item, names in marks.facts.items())
    return FactMarkTable(
        apps.get_model(marks.stored_in)._meta.db_table, marks.target, facts, columns_of(model, marks.others)
    )
