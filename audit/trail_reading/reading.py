"""The trail as one stream, newest first: histories, access events and reviews, page by page (AUD-11).

A page costs two statements (find the rows, load them) plus one per model that the rows refer to, whatever its length.
Rows are ordered by time as long as the clock ran forwards; after each turn of the clock (`audit.clock`) a new stretch
begins, whose rows are newer than all before. The position of the next page is a stretch, a time and a count, not a row
number: gaps between row numbers would reveal rows that the reader may not see.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection, models
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from audit import clock
from audit.events import AccessKind
from audit.models import AccessEvent, ClockTurn, TrailReview
from audit.stored_text import Text
from audit.system_texts import actor_words
from audit.trail import mark_columns, tracked_columns
from audit.trail_reading import change_labels, row_titles, snapshots
from audit.trail_reading.change_labels import FieldChange, Reader
from audit.trail_reading.sources import Filter, Source, sources

PAGE_SIZE = 50
STREAM_SIZE = 500
KIND_OF_TYPE = {"+": "created", "~": "changed", "-": "deleted"}
KIND_OF_SIGNATURE = {"+": "signed", "~": "unsigned"}


@dataclass(frozen=True)
class TrailEntry:
    """One row of the trail. `row` is the history row, access event or review; `before` is the history row before it."""

    source: str
    of: type[models.Model] | None
    at: datetime
    row: Any
    before: Any
    reader: Reader

    @property
    def kind(self) -> str:
        """The kind of the act: created, changed, marked, deleted, signed, unsigned, access or review."""
        if self.of is None:
            return "review" if isinstance(self.row, TrailReview) else "access"
        if self._is_mark:
            return "marked"
        kinds = KIND_OF_SIGNATURE if self.source == "audit.signature" else KIND_OF_TYPE
        return kinds[self.row.history_type]

    @property
    def _is_mark(self) -> bool:
        """Return True if only a mark, a freeze or a lock of the row changed: no value and no status."""
        of, old, new = self.of, self._earlier_state if self.of is not None else None, self.row
        marks = mark_columns(of) if of is not None and old is not None else ()
        if of is None or not any(getattr(old, name) != getattr(new, name) for name in marks):
            return False
        others = (field.attname for field in tracked_columns(of) if field.attname not in marks)
        return all(getattr(old, name) == getattr(new, name) for name in others)

    @property
    def title(self) -> str:
        """The subject of the entry, in words: a row, a kind of access, or a review."""
        if self.of is not None:
            return row_titles.title(self.of, self.row, self.reader)
        if not isinstance(self.row, AccessEvent):
            return _("Review of the trail")
        kind: str = self.row.kind
        return str(AccessKind(kind).label) if kind in AccessKind.values else kind

    @cached_property
    def changes(self) -> list[FieldChange]:
        """Changed fields as text."""
        if self.of is None:
            return []
        if self.row.history_type == "-":
            return change_labels.changes(self.of, self.row, None, self.reader)
        return change_labels.changes(self.of, self._earlier_state, self.row, self.reader)

    @property
    def _earlier_state(self) -> Any:
        # A created row has no earlier state, although a deleted row may have had its key.
        return self.before if self.row.history_type == "~" else None

    @property
    def user_name(self) -> str:
        """User name of the author at that time."""
        return self._by_source("history_user_name", "user_name", "reviewer_name")

    @property
    def full_name(self) -> str:
        """Return the full name of the author at that time; a process in the active language."""
        return actor_words(
            self._by_source("history_full_name", "full_name", "reviewer_name") or self.user_name
        )

    @property
    def role(self) -> str:
        """Role of the author at that time."""
        return self._by_source("history_role", "role", "role")

    @property
    def reason(self) -> Text:
        """Return the reason that was given: a person's words, or a stored text."""
        return self._by_source("history_change_reason", "", "conclusion")

    @property
    def origin(self) -> str:
        """Origin: web, import, task, command, system."""
        return self._by_source("history_origin", "origin", "") or "web"

    @property
    def request(self) -> str:
        """Id of the request."""
        return self._by_source("history_request", "request", "")

    @property
    def session(self) -> str:
        """Name of the session."""
        return self._by_source("history_session", "session", "")

    @property
    def address(self) -> str:
        """Network address."""
        return self._by_source("history_address", "address", "")

    @property
    def agent(self) -> str:
        """User agent that an access event was recorded with; empty for other rows."""
        return self._by_source("", "agent", "")

    @property
    def patient_id(self) -> int | None:
        """Id of the patient, or None."""
        return self._by_source("history_patient", "patient_id", "") or None

    def _by_source(self, of_history: str, of_event: str, of_review: str) -> Any:
        name = of_history if self.of else of_event if isinstance(self.row, AccessEvent) else of_review
        return getattr(self.row, name) or "" if name else ""


@dataclass(frozen=True)
class TrailPosition:
    """End of a page: a time, and the number of rows of exactly that time already shown.

    stretch: number of turns of the clock before these rows.
    """

    at: datetime
    shown: int
    stretch: int = 0

    def __str__(self) -> str:
        text = f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}~{self.shown}"
        return f"{text}~{self.stretch}" if self.stretch else text

    @classmethod
    def read(cls, text: str) -> "TrailPosition | None":
        """Return the position in the text of a page address, or None if it is invalid."""
        at, _tilde, rest = text.partition("~")
        shown, _tilde, stretch = rest.partition("~")
        try:
            moment = parse_datetime(at)
        except ValueError:
            return None
        if (
            moment is None
            or moment.tzinfo is None
            or not shown.isascii()
            or not shown.isdigit()
            or len(shown) > 6
            or not f"0{stretch}".isascii()
            or not f"0{stretch}".isdigit()
            or len(stretch) > 6
        ):
            return None
        return cls(moment, int(shown), int(stretch or 0))


@dataclass(frozen=True)
class Page:
    """Some rows of the trail and the position of the next page (None on the last page)."""

    entries: list[TrailEntry]
    next: TrailPosition | None


def page(
    trail_filter: Filter,
    *,
    may: Collection[str],
    reader: Reader,
    after: TrailPosition | None = None,
    size: int = PAGE_SIZE,
) -> Page:
    """Return one page of the trail, newest first. `may` holds the reader's permissions."""
    parts = sources(trail_filter, may=may)
    keys = _keys(parts, after, size + 1)
    shown, more = keys[:size], len(keys) > size
    entries = _entries(parts, shown, reader)
    return Page(entries, _place(shown, after) if more else None)


def pages(trail_filter: Filter, *, may: Collection[str], reader: Reader) -> Iterator[list[TrailEntry]]:
    """Yield the whole trail, newest first, page by page. Memory holds one page."""
    place: TrailPosition | None = None
    while True:
        found = page(trail_filter, may=may, reader=reader.fork(), after=place, size=STREAM_SIZE)
        yield found.entries
        if found.next is None:
            return
        place = found.next


def count(trail_filter: Filter, *, may: Collection[str]) -> int:
    """Return the number of rows that pass a filter. One statement; reads them all."""
    selects, params = list[str](), list[Any]()
    for source in sources(trail_filter, may=may):
        if compiled := _compiled(source.rows.order_by().values(source.key)):
            selects.append(f"(SELECT count(*) FROM ({compiled[0]}) s)")
            params += compiled[1]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' + '.join(selects) or '0'}", params)
        return int(cursor.fetchone()[0])


class Key(NamedTuple):
    """Where a row is found: index of the source, time, key, and the stretch between two turns of the clock."""

    source: int
    at: datetime
    row: int
    stretch: int


def _keys(parts: list[Source], after: TrailPosition | None, size: int) -> list[Key]:
    """Return the keys of the next rows. One statement for the turns, and one per stretch until there are enough."""
    turns = list(ClockTurn.objects.order_by("pk"))
    newest = min(after.stretch, len(turns)) if after else len(turns)
    found: list[Key] = []
    for stretch in range(newest, -1, -1):
        here = after if after and after.stretch == stretch else None
        found += _keys_of_stretch(parts, turns, stretch, here, size - len(found))
        if len(found) >= size:
            break
    return found


def _keys_of_stretch(
    parts: list[Source], turns: list[ClockTurn], stretch: int, after: TrailPosition | None, size: int
) -> list[Key]:
    skip = after.shown if after else 0
    selects, params = list[str](), list[Any]()
    for index, source in enumerate(parts):
        limits = clock.bounds(turns, stretch, source.model._meta.db_table)
        if compiled := _compiled(_ordered(source, limits, after, size + skip)):
            selects.append(f"SELECT {index} AS source, s.at_time, s.row_key FROM ({compiled[0]}) s")
            params += compiled[1]
    if not selects:
        return []
    # Rows of one time are ordered by source and key, so that a position always means the same row.
    query = f"{' UNION ALL '.join(selects)} ORDER BY 2 DESC, 1, 3 DESC LIMIT {size + skip}"
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        rows = cursor.fetchall()
    return [Key(source, clock.as_utc(at), key, stretch) for source, at, key in rows[skip:]]


def _compiled(rows: Any) -> tuple[str, list[Any]] | None:
    """Return SQL and parameters, or None if the filter can match nothing."""
    try:
        sql, params = rows.query.sql_with_params()
    except EmptyResultSet:
        return None
    return sql, list(params)


def _ordered(
    source: Source, limits: tuple[int | None, int | None], after: TrailPosition | None, size: int
) -> Any:
    rows = source.rows
    for sign, limit in zip(("gt", "lte"), limits, strict=True):
        if limit is not None:
            rows = rows.filter(**{f"{source.key}__{sign}": limit})
    if after:
        # Inclusive: the rows of exactly this time that were shown already are skipped in `_keys`.
        rows = rows.filter(**{f"{source.time}__lte": after.at})
    rows = rows.order_by(f"-{source.time}", f"-{source.key}")
    return rows.values(at_time=models.F(source.time), row_key=models.F(source.key))[:size]


def _place(keys: list[Key], after: TrailPosition | None) -> TrailPosition:
    last = keys[-1]
    shown = sum(1 for key in keys if (key.stretch, key.at) == (last.stretch, last.at))
    earlier = after.shown if after and (after.stretch, after.at) == (last.stretch, last.at) else 0
    return TrailPosition(last.at, shown + earlier, last.stretch)


def _entries(parts: list[Source], keys: list[Key], reader: Reader) -> list[TrailEntry]:
    keys_by_source = [
        (source, [key.row for key in keys if key.source == index]) for index, source in enumerate(parts)
    ]
    found = snapshots.load(keys_by_source)
    reader.collect(row for snapshot in found.values() for row in (snapshot.row, snapshot.before) if row)
    entries = []
    for key in keys:
        source, snapshot = parts[key.source], found[parts[key.source].name, key.row]
        entries.append(TrailEntry(source.name, source.of, key.at, snapshot.row, snapshot.before, reader))
    return entries
