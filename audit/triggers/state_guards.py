"""Which states of a row bar changes below it or above it, as conditions of the triggers."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from audit.trail import tracked_models, trail_of


@dataclass(frozen=True)
class Covered:
    """A row above whose signatures cover this row: its label in a signature, and the column that leads to it.

    through: table, key and column of the row between, if the row above is not reached at once.
    """

    label: str
    column: str
    through: tuple[str, str, str] | None = None

    @property
    def key(self) -> str:
        """The SQL of the key of the row above, in a trigger."""
        own = f'NEW."{self.column}"'
        if self.through is None:
            return own
        table, key, column = self.through
        return f'(SELECT "{column}" FROM "{table}" WHERE "{key}" = {own})'

    def of(self, value: int) -> int:
        """Return the key of the row above for a value of the column. One query if there is a row between."""
        if self.through is None:
            return value
        table, key, column = self.through
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT "{column}" FROM "{table}" WHERE "{key}" = %s', [value])
            return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class StateGuard:
    """A pair of tables whose rows must not contradict each other in their states (`audit.trail.Barred`)."""

    below: str
    column: str
    above: str
    key: str
    states: tuple[str, ...]
    unless: tuple[str, ...]

    def closed(self, state: str) -> str:
        """Return the SQL condition that a state of the row above bars what is below."""
        return f"{state} IN ({_texts(self.states)})"

    def in_force(self, row: str) -> str:
        """Return the SQL condition that a row below is in force."""
        return f'{row}."{self.column}" IS NOT NULL AND {row}.state NOT IN ({_texts(self.unless)})'

    @property
    def refuses_below(self) -> str:
        """SQL condition that NEW, a row below, is in force although the row above bars it."""
        above = f'SELECT 1 FROM "{self.above}" a WHERE a."{self.key}" = NEW."{self.column}"'
        return f"{self.in_force('NEW')} AND EXISTS ({above} AND {self.closed('a.state')})"

    @property
    def refuses_above(self) -> str:
        """SQL condition that NEW, a row above, bars a row below it that is in force."""
        below = f'SELECT 1 FROM "{self.below}" b WHERE b."{self.column}" = NEW."{self.key}"'
        return f"{self.closed('NEW.state')} AND EXISTS ({below} AND {self.in_force('b')})"

    def exists(self, columns: dict[str, set[str]]) -> bool:
        """Return whether the database has both tables with their columns."""
        wanted = {self.below: {"state", self.column}, self.above: {"state", self.key}}
        return all(needed <= columns.get(table, set()) for table, needed in wanted.items())


def _texts(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def covered(model: type[models.Model], name: str) -> Covered:
    """Return the row above that a path of foreign keys leads to, over one row between at most."""
    name, _dash, rest = name.partition("__")
    relation: Any = model._meta.get_field(name)
    between = relation.related_model
    if not rest:
        return Covered(between._meta.label_lower, relation.column)
    above: Any = between._meta.get_field(rest)
    through = (between._meta.db_table, str(between._meta.pk.column), above.column)
    return Covered(above.related_model._meta.label_lower, relation.column, through)


def guard_above(model: type[models.Model]) -> StateGuard | None:
    """Return the guard that a state of the row above sets on rows of this table."""
    barred = trail_of(model).barred
    if barred is None:
        return None
    relation: Any = model._meta.get_field(barred.parent)
    above = relation.related_model._meta
    return StateGuard(
        model._meta.db_table, relation.column, above.db_table, above.pk.column, barred.states, barred.unless
    )


def guards_below(model: type[models.Model]) -> tuple[StateGuard, ...]:
    """Return the guards that a state of a row of this table sets on the rows below it."""
    found = (guard_above(other) for other in tracked_models())
    return tuple(each for each in found if each is not None and each.above == model._meta.db_table)
