"""A clock that is set back: found by the order in which rows were written, recorded, and shown to the administrator.

Rows are numbered as they are written. If a row has an earlier time than the one before it, the clock was set back in
between (by more than a few seconds). Such a turn is stored with the last row of each table before it, so that readers
order the trail by sequence: everything after the turn is newer than everything before, whatever the times say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit import events
from audit.canonical import canonical
from audit.models import ClockTurn, Seal, SealedPart
from audit.sealing.sealed_rows import SealedTable, sealed_tables

# Two statements of one moment may be numbered in one order and dated in the other.
TOLERANCE = timedelta(seconds=5)
PAGE = 10_000
# Tables in one statement: SQLite takes 10 MB to prepare a sorted union of all of them, and 1 MB for these.
AT_ONCE = 20


@dataclass
class _Table:
    """The times in the rows of a table since the last look: since its last sealed row, or since the last turn.

    last: key of the last row read. reached: a time after which all these rows were written. latest: the latest of
    their times. turn: last key before a turn, latest time before, first time after.
    """

    table: SealedTable
    last: int
    reached: datetime | None = None
    latest: datetime | None = None
    turn: tuple[int, datetime, datetime] | None = None

    def read(self, key: int, at: datetime) -> None:
        """Take the next row."""
        if self.turn is None and self.reached is not None and at < self.reached - TOLERANCE:
            self.turn = self.last, self.reached, at
        self.reached = at if self.reached is None else max(self.reached, at)
        self.latest = at if self.latest is None else max(self.latest, at)
        self.last = key


def watch(*, sealed_at_once: bool) -> ClockTurn | None:
    """Record a turn of the clock since the last look, as a row and as an event. Reads the rows that have no seal yet.

    sealed_at_once: whether the last seal reached the end of every table at one moment, so that every row without a seal
    is newer than every sealed one, whichever its table.
    """
    earlier = last_turn()
    tables = _tables(earlier)
    histories = [each for each in tables if each.table.is_history]
    reached = [earlier.after] if earlier else []
    reached += [each.reached for each in histories if each.reached]
    if sealed_at_once:
        for each in tables:
            each.reached = max(reached, default=None)
    _read(tables)
    turns = [each.turn for each in histories if each.turn]
    highest = max([*reached, *(each.latest for each in histories if each.latest)], default=None)
    now = now_of_rows()
    if not turns and (highest is None or now >= highest - TOLERANCE):
        return None
    return _recorded(
        earlier,
        before=max(before for _key, before, _after in turns) if turns else highest or now,
        after=min(after for _key, _before, after in turns) if turns else now,
        marks={each.table.name: each.turn[0] if each.turn else each.last for each in tables},
    )


@transaction.atomic
def _recorded(
    earlier: ClockTurn | None, *, before: datetime, after: datetime, marks: dict[str, int]
) -> ClockTurn | None:
    """Store a turn and its event. Return None if another process has just recorded it."""
    lock_sealing()
    if last_turn() != earlier:
        return None
    seal = Seal.objects.order_by("-number").first()
    turn = ClockTurn.objects.create(
        found_at=timezone.now(), before=before, after=after, seal=seal.number if seal else 0, marks=marks
    )
    events.record(
        kind=events.AccessKind.CLOCK,
        detail={"clock before": canonical(before).strip('"'), "clock after": canonical(after).strip('"')},
    )
    return turn


def lock_sealing() -> None:
    """Wait for other processes that seal, until the transaction ends. SQLite has one writer at a time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('stroma.seal'))")


def last_turn() -> ClockTurn | None:
    """Return the newest turn, or None."""
    return ClockTurn.objects.order_by("-pk").first()


def turned_since(seal: Seal) -> bool:
    """Return whether a turn was recorded after a seal."""
    turn = last_turn()
    return turn is not None and turn.seal >= seal.number


def behind_by(newest: datetime | None) -> timedelta:
    """Return by how much the clock is behind the newest row; nothing if it is not, or within the tolerance."""
    behind = newest - now_of_rows() if newest else timedelta()
    return behind if behind > TOLERANCE else timedelta()


def now_of_rows() -> datetime:
    """Return the time of the clock that dates histories: on PostgreSQL that of the database."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        at: datetime = cursor.fetchone()[0]
        return at


def as_utc(at: datetime | str) -> datetime:
    """Return a time as a statement of our own returned it: SQLite gives text without an offset."""
    moment = parse_datetime(at) if isinstance(at, str) else at
    assert moment is not None  # noqa: S101 (a column of our own)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def bounds(turns: Sequence[ClockTurn], stretch: int, table: str) -> tuple[int | None, int | None]:
    """Return the key after which and the key up to which a table has the rows of a stretch; None for an open end.

    Stretch 0 lies before the first turn, the last one (as many as there are turns) after the last. Inside a stretch the
    clock ran forwards.
    """
    after = turns[stretch - 1].marks.get(table, 0) if stretch else None
    until = turns[stretch].marks.get(table, 0) if stretch < len(turns) else None
    return after, until


def _tables(earlier: ClockTurn | None) -> list[_Table]:
    """Return the sealed tables as of the last look. Two statements."""
    sealed: dict[str, int] = dict(SealedPart.objects.values_list("table").annotate(Max("last_id")).order_by())
    marks: dict[str, int] = earlier.marks if earlier else {}
    tables = [
        _Table(table, max(sealed.get(table.name, 0), marks.get(table.name, 0))) for table in sealed_tables()
    ]
    for place, key, at in _fetched(_selects(tables, "=")):
        # The last row before a turn tells nothing of the time since.
        if key != marks.get(tables[place].table.name):
            tables[place].reached = at
    return tables


def _read(tables: list[_Table]) -> None:
    """Read the rows since then, table by table, in the order of their keys; a page at a time."""
    for begin in range(0, len(tables), AT_ONCE):
        first, end = begin, begin + AT_ONCE
        while page := _fetched(f"{_selects(tables[:end], '>', first)} ORDER BY 1, 2 LIMIT {PAGE}"):
            for place, key, at in page:
                tables[place].read(key, at)
            if len(page) < PAGE:
                break
            first = page[-1][0]


def _selects(tables: list[_Table], comparison: str, first: int = 0) -> str:
    return " UNION ALL ".join(
        f'SELECT {place} AS place, s."{each.table.key}" AS number, s."{each.table.time}" AS at_time '
        f'FROM "{each.table.name}" s WHERE s."{each.table.key}" {comparison} {int(each.last)}'
        for place, each in enumerate(tables)
        if place >= first
    )


def _fetched(query: str) -> list[tuple[int, int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [(place, key, as_utc(at)) for place, key, at in cursor.fetchall()]
