"""Fill the index of the trail up to now: `refresh`. Rows are added in the order of the trail, never changed later.

On PostgreSQL a row may become visible after one with a higher number. The marks of the seals (`seals.high_water_marks`)
wait for every writer, so no row appears below them later.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, models, transaction

from audit.models import ClockTurn, TrailIndexMark, TrailIndexRow
from audit.sealing.seals import high_water_marks
from audit.trail_index import words
from audit.trail_index.entries import IndexedEntry, IndexedTable, indexed_tables

CHUNK = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# This many changes of signed data by one person within five minutes are many.
MANY, WITHIN = 10, timedelta(minutes=5)
SECONDS = 20.0
# The mark that holds by how much the number of an entry is ahead of its time at most, in microseconds.
LEAD = "lead"
# The mark that holds the number of the rules by which the index was made. An index of other rules is made again: an
# entry keeps what is stored of it. A change of what `_row`, `_mark_bulk` or the words store needs the next number.
RULES, RULES_NUMBER = "rules", 3

Circumstances = Callable[[Sequence[IndexedEntry]], list[Mapping[str, Any]]]
"""Returns for each entry the columns that other rooms know: minute, delay and after what it was written."""

_Counted = tuple[int, datetime, bool, int, str]
"""An entry of a person: its number, its time, whether it is marked already, its trial, and the right that it needs."""

_circumstances: list[Circumstances] = []


def register(circumstances: Circumstances) -> None:
    """Let a room above say in which circumstances an entry was written."""
    _circumstances[:] = [circumstances]


def refresh(*, seconds: float = SECONDS) -> bool:
    """Bring the index up to date and return whether it is. A few statements if there is nothing new.

    It stops after so many seconds; what was indexed until then is kept.
    """
    until = time.monotonic() + seconds
    tables = indexed_tables()
    if not _behind(tables):
        return True
    highest = high_water_marks()
    while time.monotonic() < until:
        with transaction.atomic():
            if not _add_chunk(tables, highest):
                return True
    return False


def rebuild() -> None:
    """Forget the index; `refresh` makes it again."""
    TrailIndexRow.objects.all().delete()
    TrailIndexMark.objects.all().delete()
    words.empty()


def waiting() -> int:
    """Return about how many entries are not indexed yet. One statement."""
    marks = _marks()
    with connection.cursor() as cursor:
        cursor.execute(_highest_select(indexed_tables()))
        return sum(max(0, (highest or 0) - marks.get(name, 0)) for name, highest in cursor.fetchall())


def _marks() -> dict[str, int]:
    return dict(TrailIndexMark.objects.values_list("source", "last"))


def _highest_select(tables: Sequence[IndexedTable]) -> str:
    return " UNION ALL ".join(
        f'SELECT \'{table.name}\', (SELECT max("{table.key}") FROM "{table.model._meta.db_table}")'
        for table in tables
    )


def _behind(tables: Sequence[IndexedTable]) -> bool:
    """Return whether a table has rows above its mark, or the clock turned below one. Three statements."""
    marks = {mark.source: mark for mark in TrailIndexMark.objects.all()}
    with connection.cursor() as cursor:
        cursor.execute(_highest_select(tables))
        highest = {name: number or 0 for name, number in cursor.fetchall()}
    known = min((mark.turns for mark in marks.values()), default=0)
    if marks and (known < ClockTurn.objects.count() or _of_other_rules(marks)):
        return True
    return any(number > (marks[name].last if name in marks else 0) for name, number in highest.items())


def _of_other_rules(marks: Mapping[str, TrailIndexMark]) -> bool:
    """Return whether the index was made by an earlier version of the program, which marked entries differently."""
    return RULES not in marks or marks[RULES].last != RULES_NUMBER


def _add_chunk(tables: Sequence[IndexedTable], highest: Mapping[str, int]) -> bool:
    """Index the next rows of all tables, under a lock, and return whether there were any."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('stroma.trail_index'))")
    turns = ClockTurn.objects.order_by("pk")
    marks = {mark.source: mark for mark in TrailIndexMark.objects.all()}
    if not marks:
        # A new index, or one whose rows were lost: words without rows would be found by nobody.
        words.empty()
    elif _of_other_rules(marks):
        rebuild()
        marks = {}
    elif min(mark.turns for mark in marks.values()) < len(turns):
        if any(
            marks[t.name].last > turns[len(turns) - 1].marks.get(t.model._meta.db_table, 0)
            for t in tables
            if t.name in marks
        ):
            # Rows written after the turn stand among those before it.
            rebuild()
            marks = {}
        else:
            TrailIndexMark.objects.update(turns=len(turns))
    found = _next(tables, {name: mark.last for name, mark in marks.items()}, highest, list(turns))
    if not found:
        return False
    lead = _store(found)
    reached = {LEAD: max(lead, marks[LEAD].last if LEAD in marks else 0), RULES: RULES_NUMBER}
    for entry in found:
        reached[entry.table.name] = max(reached.get(entry.table.name, 0), entry.number)
    TrailIndexMark.objects.bulk_create(
        [TrailIndexMark(source=name, last=last, turns=len(turns)) for name, last in reached.items()],
        update_conflicts=True,
        unique_fields=["source"],
        update_fields=["last", "turns"],
    )
    return True


def _next(
    tables: Sequence[IndexedTable],
    marks: Mapping[str, int],
    highest: Mapping[str, int],
    turns: list[ClockTurn],
) -> list[IndexedEntry]:
    """Return the next rows in the order of the trail: of each table the rows up to the earliest end of a chunk."""
    # Between two turns of the clock the rows of each table are ordered by time; the first turn ahead ends a chunk.
    ahead = next(
        (t for t in turns if any(_limit(t, each) > marks.get(each.name, 0) for each in tables)), None
    )
    parts, ends = [], []
    for table in tables:
        name = table.model._meta.db_table
        until = min(highest.get(name, 0), _limit(ahead, table) if ahead else highest.get(name, 0))
        if until <= marks.get(table.name, 0):
            continue
        rows = table.find(marks.get(table.name, 0), until, CHUNK)
        if len(rows) == CHUNK:
            ends.append(rows[-1].at)
        parts.append(rows)
    if not parts and ahead is not None:
        return _next(tables, marks, highest, [turn for turn in turns if turn.pk != ahead.pk])
    end = min(ends, default=None)
    taken = [entry for rows in parts for entry in _until(rows, end)]
    found = taken or [entry for rows in parts for entry in rows]
    return sorted(found, key=lambda entry: (entry.at, entry.table.name, entry.number))


def _limit(turn: ClockTurn, table: IndexedTable) -> int:
    return int(turn.marks.get(table.model._meta.db_table, 0))


def _until(rows: Sequence[IndexedEntry], end: datetime | None) -> list[IndexedEntry]:
    """Return the first rows up to a time: a whole beginning, because the mark of the table moves behind it."""
    found = []
    for entry in rows:
        if end is not None and entry.at > end:
            break
        found.append(entry)
    return found


def number_at(at: datetime) -> int:
    """Return the number of an entry of this time, unless another has it: the microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def _store(entries: Sequence[IndexedEntry]) -> int:
    """Store the entries with their words, and return by how much a number of them is ahead of its time at most."""
    lead = 0
    last = TrailIndexRow.objects.aggregate(last=models.Max("id"))["last"] or 0
    circumstances = _circumstances[0](entries) if _circumstances else [{} for _entry in entries]
    rows, texts = [], []
    for entry, told in zip(entries, circumstances, strict=True):
        last = max(last + 1, number_at(entry.at))
        lead = max(lead, last - number_at(entry.at))
        rows.append(_row(last, entry, told))
        texts.append((last, words.words_of(entry.texts())))
    TrailIndexRow.objects.bulk_create(rows, batch_size=500)
    words.add(texts)
    _mark_bulk({row.user_id for row in rows if row.content and row.user_id}, entries[0].at)
    return lead


def _row(number: int, entry: IndexedEntry, told: Mapping[str, Any]) -> TrailIndexRow:
    items = entry.items()
    return TrailIndexRow(
        id=number,
        trial_id=entry.trial_id,
        at=entry.at,
        source=entry.table.name,
        row=entry.number,
        key=entry.row.get(entry.of._meta.pk.attname) if entry.of is not None else None,
        kind=entry.kind,
        form=entry.form,
        patient_id=entry.patient_id,
        user_id=entry.own("user_id"),
        person_id=entry.person_id,
        role=entry.own("role") or "",
        origin=entry.own("origin") or "web",
        session=entry.own("session") or "",
        address=entry.own("address") or "",
        see=entry.see,
        content=entry.content,
        items=f" {' '.join(items)} " if items else "",
        minute=told.get("minute", 0),
        delay=told.get("delay"),
        **{
            name: bool(told.get(name))
            for name in ("after_inclusion", "after_signature", "after_lock", "after_unlock")
        },
    )


def _mark_bulk(people: set[int], since: datetime) -> None:
    """Mark the entries of people who changed much within minutes, also those indexed earlier. One statement each.

    An entry is counted with those of its own trial that need its own right or none: its mark must not tell how much a
    person changed in another trial, or behind another right, such as the steps of a preparation, which differ between
    the arms (BLD-01).
    """
    for person in sorted(people):
        rows = list(
            TrailIndexRow.objects.filter(user_id=person, content=True, origin="web", at__gte=since - WITHIN)
            # Numbers rise with the order of indexing: an entry that came late has a higher one than its time says.
            .order_by("at", "id")
            .values_list("id", "at", "in_bulk", "trial_id", "see")
        )
        chosen = sorted(
            number
            for trial, right in {row[3:] for row in rows}
            for number, _at, marked, _trial, see in _many(
                [row for row in rows if row[3] == trial and row[4] in ("", right)]
            )
            if see == right and not marked
        )
        for start in range(0, len(chosen), 500):
            TrailIndexRow.objects.filter(id__in=chosen[start : start + 500]).update(in_bulk=True)


def _many(rows: Sequence[_Counted]) -> set[_Counted]:
    """Return the entries, given in order, that are many within minutes."""
    many: set[_Counted] = set()
    first = 0
    for place, row in enumerate(rows):
        while row[1] - rows[first][1] > WITHIN:
            first += 1
        if place - first + 1 >= MANY:
            many.update(rows[first : place + 1])
    return many
