"""Find and count entries of the trail with a filter, in the index (`audit.trail_index`)."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection

from audit.clock import as_utc
from audit.models import TrailIndexMark, TrailIndexRow
from audit.trail_index import times, words
from audit.trail_index.building import LEAD, number_at
from audit.trail_reading.reading import TrailPosition
from audit.trail_reading.sources import HISTORY_KINDS, SIGNATURE_KINDS, Filter

TABLE = TrailIndexRow._meta.db_table
# Counts are exact up to this number.
COUNTED = 10_000
STATES = ("after_inclusion", "after_signature", "after_lock", "after_unlock", "in_bulk")
MARKS = TrailIndexMark._meta.db_table


class Found(NamedTuple):
    """Where an entry is: its number in the index, its time, its table, and its number there."""

    number: int
    at: datetime
    source: str
    row: int


@dataclass
class EntryCondition:
    """SQL conditions, joined by AND, with their parameters."""

    parts: list[str]
    params: list[Any]

    def add(self, sql: str, *params: Any) -> None:
        """Add a condition."""
        self.parts.append(sql)
        self.params += params

    @property
    def sql(self) -> str:
        """The conditions as one."""
        return " AND ".join(self.parts)


def find(
    trail_filter: Filter,
    *,
    may: Collection[str],
    size: int,
    after: TrailPosition | None = None,
    oldest_first: bool = False,
    beyond: int | None = None,
    sparse: bool | None = None,
) -> list[Found]:
    """Return the next entries. after: the end of the page before. beyond: the number of the last entry seen.

    sparse: what `is_sparse` says, if it is known.
    """
    direction = "ASC" if oldest_first else "DESC"
    if after is not None:
        beyond = _number_at(trail_filter, may, after, direction)
        if beyond is None:
            return []
    sparse = is_sparse(trail_filter, may=may) if sparse is None else sparse
    if (found := _conditions(trail_filter, may, in_order=not sparse)) is None:
        return []
    table, number = _read_from(trail_filter, in_order=not sparse)
    # An expression in the order keeps the database from reading all entries in order.
    order = f"{number} + 0" if sparse else number
    selects, params = list[str](), list[Any]()
    for condition in found:
        if beyond is not None:
            condition.add(f"{number} {'>' if oldest_first else '<'} %s", beyond)
        selects.append(
            f"SELECT * FROM (SELECT e.id, e.at, e.source, e.row FROM {table} WHERE {condition.sql} "
            f"ORDER BY {order} {direction} LIMIT {size}) s"
        )
        params += condition.params
    with connection.cursor() as cursor:
        cursor.execute(f"{' UNION ALL '.join(selects)} ORDER BY 1 {direction} LIMIT {size}", params)
        return [Found(number, as_utc(at), source, row) for number, at, source, row in cursor.fetchall()]


def count(trail_filter: Filter, *, may: Collection[str], most: int = COUNTED) -> int:
    """Return the number of entries that pass a filter; `most` + 1 if they are more than `most`. One statement."""
    if (found := _conditions(trail_filter, may)) is None:
        return 0
    table, _number = _read_from(trail_filter)
    selects = [f"SELECT 1 FROM {table} WHERE {each.sql}" for each in found]
    limited = [f"SELECT * FROM ({select} LIMIT {most + 1}) s" for select in selects]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT * FROM ({' UNION ALL '.join(limited)}) u LIMIT {most + 1}) t",
            [p for each in found for p in each.params],
        )
        return min(int(cursor.fetchone()[0]), most + 1)


def count_by_patient(trail_filter: Filter, patients: Collection[int]) -> dict[int, int]:
    """Return by patient the number of entries that pass a filter, of those that everybody may see. One statement."""
    if not patients:
        return {}
    # Read by patient, in one part.
    found = _conditions(replace(trail_filter, watched=()), (), in_order=True)
    if found is None:
        return {}
    own = found[0]
    if trail_filter.watched:
        own.parts.append(f"({' OR '.join(_watched(own, *each) for each in trail_filter.watched)})")
    own.add(f"e.patient_id IN ({', '.join(['%s'] * len(patients))})", *patients)
    table, _number = _read_from(trail_filter, in_order=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.patient_id, count(*) FROM {table} WHERE {own.sql} GROUP BY e.patient_id", own.params
        )
        return dict(cursor.fetchall())


def is_sparse(trail_filter: Filter, *, may: Collection[str]) -> bool:
    """Return whether a time of day or a late entry is so rare that it is found by its index, and sorted.

    Reading in order would pass almost all entries of the trail; of many entries it finds the next ones soon.
    """
    if trail_filter.minutes is None and trail_filter.outside is None and trail_filter.late is None:
        return False
    if _by_words(trail_filter):
        # Read in the order of the words, which is that of the trail.
        return False
    return count(trail_filter, may=may) <= COUNTED


def _stored(at: datetime) -> Any:
    """Return an instant as the database compares it."""
    return connection.ops.adapt_datetimefield_value(at)


def _number_at(
    trail_filter: Filter, may: Collection[str], position: TrailPosition, direction: str
) -> int | None:
    """Return the number of the last entry of the page before: the n-th of exactly its time. None if there is none."""
    found = _conditions(replace(trail_filter, exactly=position.at), may) or []
    table, _number = _read_from(trail_filter)
    selects = [f"SELECT e.id FROM {table} WHERE {each.sql}" for each in found]
    if not selects:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            f"{' UNION ALL '.join(selects)} ORDER BY 1 {direction} LIMIT {position.shown}",
            [p for each in found for p in each.params],
        )
        numbers = cursor.fetchall()
    return numbers[-1][0] if numbers else None


def _conditions(
    trail_filter: Filter, may: Collection[str], *, in_order: bool = False
) -> list[EntryCondition] | None:
    """Return the conditions of the parts of the trail: the trial's own entries, and those of its people.

    in_order: the indexes of time of day and delay are not used, so that entries are read in the order of their numbers.
    None if nothing can pass. Each part has its own statement, so that each reads its index in order; so has each span
    of a time of day that no other filter narrows. A search of SQLite is one part: see `_by_words`.
    """
    by_hours = not in_order and times.are_narrow(trail_filter)
    # One row has an index of its own, which does not begin with the trial.
    of_trial = "+e.trial_id = %s" if trail_filter.row else "e.trial_id = %s"
    parts = [
        EntryCondition([of_trial, *place.parts], [trail_filter.trial_id, *place.params])
        for place in _places(trail_filter)
    ]
    # What is watched belongs to the trial.
    if not trail_filter.patient_id and not trail_filter.watched:
        parts += _of_people(trail_filter)
    for condition in parts:
        _add_rights(condition, may, by_hours=by_hours)
        _add_place(condition, trail_filter)
        _add_actor(condition, trail_filter)
        _add_time(condition, trail_filter)
        if not by_hours:
            _add_hours(condition, trail_filter)
        _add_state(condition, trail_filter, in_order=in_order)
    if trail_filter.search:
        searched = words.condition(trail_filter.search, "e.id", connection.vendor)
        if searched is None:
            return None
        if parts and _by_words(trail_filter):
            parts = [_either(parts)]
        for condition in parts:
            condition.add(searched[0], *searched[1])
    if not by_hours:
        return parts or None
    return [_within(part, *span) for part in parts for span in times.spans(trail_filter)] or None


def _by_words(trail_filter: Filter) -> bool:
    """Return whether a statement reads the words first and looks up the entry of each: a search on SQLite does.

    Each statement of SQLite begins its search anew. With a word that a million entries have, that takes a quarter of a
    second, and a list of their numbers (`e.id IN …`) half a second more. So all parts of the trail are one statement,
    which reads the words in the order of the trail and stops at the end of the page.
    """
    return bool(trail_filter.search) and connection.vendor == "sqlite"


def _read_from(trail_filter: Filter, *, in_order: bool = False) -> tuple[str, str]:
    """Return the tables to read, in their order, and the number of an entry in the first of them."""
    if not _by_words(trail_filter):
        # SQLite would take the index of the form or person: it knows their mean, not that these minutes are few.
        of_time = connection.vendor == "sqlite" and not in_order and times.are_narrow(trail_filter)
        return f"{TABLE} e{' INDEXED BY trail_by_minute' if of_time else ''}", "e.id"
    # SQLite keeps the order of tables with these words only.
    return f"{words.TABLE} CROSS JOIN {TABLE} e ON e.id = {words.TABLE}.rowid", f"{words.TABLE}.rowid"


def _either(parts: list[EntryCondition]) -> EntryCondition:
    """Return parts of the trail as one condition."""
    sql = " OR ".join(f"({part.sql})" for part in parts)
    return EntryCondition([f"({sql})"], [param for part in parts for param in part.params])


def _places(trail_filter: Filter) -> list[EntryCondition]:
    """Return the tables and forms that a filter concerns, each as one condition; one without a part for all of them."""
    found = []
    for watched in trail_filter.watched:
        place = EntryCondition([], [])
        place.parts.append(_watched(place, *watched))
        found.append(place)
    if found:
        return found
    if trail_filter.places is None:
        return [EntryCondition([], [])]
    return [EntryCondition(["e.source = %s AND e.form = %s"], [*place]) for place in trail_filter.places]


def _of_people(trail_filter: Filter) -> list[EntryCondition]:
    """Return the conditions of the accounts of the trial's people, and of events without a person."""
    if trail_filter.places is not None:
        tables = sorted({table for table, form in trail_filter.places if not form})
        return [_of_accounts(trail_filter, table) for table in tables]
    return [_of_accounts(trail_filter)]


def _of_accounts(trail_filter: Filter, table: str = "") -> EntryCondition:
    """Return the condition of rows without a trial, of all tables or of one."""
    condition = EntryCondition(["e.trial_id = 0"], [])
    people = trail_filter.people or (0,)
    places = ", ".join(["%s"] * len(people))
    condition.add(
        f"(e.person_id IN ({places}) OR (e.source = 'access' AND e.user_id IS NULL AND e.origin <> 'web'))",
        *people,
    )
    if table:
        condition.add("e.source = %s AND e.form = ''", table)
    return condition


def _add_rights(condition: EntryCondition, may: Collection[str], *, by_hours: bool) -> None:
    rights = ["", *sorted(may)]
    # The right stands in the index of the time of day alone. Two columns of it would attract SQLite in other filters.
    see = "e.see" if by_hours else "e.see || ''"
    condition.add(f"{see} IN ({', '.join(['%s'] * len(rights))})", *rights)


def _add_place(condition: EntryCondition, trail_filter: Filter) -> None:
    if trail_filter.patient_id:
        condition.add("e.patient_id = %s", trail_filter.patient_id)
    if trail_filter.row:
        condition.add("e.source = %s AND e.key = %s", *trail_filter.row)
    if trail_filter.form:
        source = trail_filter.form if "." in trail_filter.form else "patients.record"
        condition.add(
            "e.source = %s AND e.form = %s", source, "" if "." in trail_filter.form else trail_filter.form
        )
    if trail_filter.item:
        _add_item(condition, trail_filter.item)


def _add_item(condition: EntryCondition, item: str) -> None:
    condition.add(_contains("e.items"), f"% {_escaped(item)} %")


def _watched(condition: EntryCondition, source: str, form: str, items: tuple[str, ...]) -> str:
    """Return the SQL of watched items of a form or columns of a table; without items every entry counts."""
    condition.params += [source, form]
    named = []
    for item in items:
        named.append(_contains("e.items"))
        condition.params.append(f"% {_escaped(item)} %")
    return "(e.source = %s AND e.form = %s" + (f" AND ({' OR '.join(named)}))" if named else ")")


def _contains(column: str) -> str:
    return f"{column} LIKE %s ESCAPE '!'"


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _add_actor(condition: EntryCondition, trail_filter: Filter) -> None:
    if trail_filter.user_id == -1:
        condition.add("e.user_id IS NULL")
    elif trail_filter.user_id == -2:
        condition.add("e.user_id IS NOT NULL")
    elif trail_filter.user_id is not None:
        condition.add("e.user_id = %s", trail_filter.user_id)
    if trail_filter.about is not None:
        condition.add("e.person_id = %s", trail_filter.about)
    for name in ("role", "origin", "session", "address"):
        if value := getattr(trail_filter, name):
            condition.add(f"e.{name} = %s", value)


def _add_time(condition: EntryCondition, trail_filter: Filter) -> None:
    # Numbers follow the time, so that a range of them is read in order: they are never behind it, and ahead of it by
    # the lead at most.
    column = _read_from(trail_filter)[1]
    lead = f"(SELECT coalesce(max(m.last), 0) FROM {MARKS} m WHERE m.source = '{LEAD}')"
    if at := trail_filter.exactly:
        number = number_at(at)
        condition.add(
            f"{column} >= %s AND {column} <= %s + {lead} AND e.at = %s", number, number, _stored(at)
        )
    if since := trail_filter.since:
        condition.add(f"{column} >= %s AND e.at >= %s", number_at(since), _stored(since))
    if until := trail_filter.until:
        condition.add(f"{column} < %s + {lead} AND e.at < %s", number_at(until), _stored(until))


def _add_hours(condition: EntryCondition, trail_filter: Filter) -> None:
    """Add the minutes of the week as a condition that no index serves."""
    if trail_filter.minutes is not None or trail_filter.outside is not None:
        spans = times.spans(trail_filter)
        within = ["(e.minute + 0 >= %s AND e.minute + 0 <= %s)" for _span in spans]
        condition.add(f"({' OR '.join(within) or '1 = 0'})", *chain.from_iterable(spans))


def _within(condition: EntryCondition, first: int, last: int) -> EntryCondition:
    parts = [*condition.parts, "e.minute >= %s AND e.minute <= %s"]
    return EntryCondition(parts, [*condition.params, first, last])


def _add_state(condition: EntryCondition, trail_filter: Filter, *, in_order: bool) -> None:
    if trail_filter.kind == "access":
        condition.add("e.source = 'access' AND e.form = ''")
    elif trail_filter.kind:
        condition.add("e.kind = %s", trail_filter.kind)
        if (
            trail_filter.kind in HISTORY_KINDS
            or trail_filter.kind in SIGNATURE_KINDS
            or trail_filter.kind == "review"
        ):
            condition.add("e.source <> 'access'")
        else:
            # The kind narrows more than the table.
            condition.add("e.source || '' = 'access'")
    for name in STATES:
        if name in trail_filter.states:
            # As the conditions of their indexes say it: SQLite uses them for no other words.
            condition.add(f"e.{name}")
    if trail_filter.late is not None:
        late = "e.delay + 0 > %s" if in_order else "e.delay IS NOT NULL AND e.delay > %s"
        condition.add(late, trail_filter.late)
