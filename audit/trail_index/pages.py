"""Pages of the trail with any filter, newest or oldest first, read through the index (AUD-11).

A page costs the statements of `building.refresh`, one to find the entries, one to load them, and one per model that
they refer to, whatever its length.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cache

from audit.trail_index.entries import IndexedTable, indexed_tables
from audit.trail_index.finding import Found, find, is_sparse
from audit.trail_reading import snapshots
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.reading import PAGE_SIZE, STREAM_SIZE, Page, TrailEntry, TrailPosition
from audit.trail_reading.sources import Filter


@cache
def tables() -> dict[str, IndexedTable]:
    """Return the tables of the trail by name."""
    return {table.name: table for table in indexed_tables()}


def page(
    trail_filter: Filter,
    *,
    may: Collection[str],
    reader: Reader,
    after: TrailPosition | None = None,
    size: int = PAGE_SIZE,
    oldest_first: bool = False,
) -> Page:
    """Return one page of the trail. `may` holds the reader's permissions."""
    found = find(trail_filter, may=may, size=size + 1, after=after, oldest_first=oldest_first)
    shown = found[:size]
    return Page(load(shown, reader), _position(shown, after) if len(found) > size else None)


def pages(
    trail_filter: Filter, *, may: Collection[str], reader: Reader, oldest_first: bool = False
) -> Iterator[list[TrailEntry]]:
    """Yield the whole trail page by page. Memory holds one page."""
    for found in runs(trail_filter, may=may, oldest_first=oldest_first):
        yield load(found, reader.fork())


def runs(
    trail_filter: Filter, *, may: Collection[str], oldest_first: bool = False, size: int = STREAM_SIZE
) -> Iterator[list[Found]]:
    """Yield where the entries are, in runs of `size`."""
    beyond: int | None = None
    sparse = is_sparse(trail_filter, may=may)
    while True:
        found = find(
            trail_filter, may=may, size=size, beyond=beyond, oldest_first=oldest_first, sparse=sparse
        )
        if found:
            yield found
        if len(found) < size:
            return
        beyond = found[-1].number


def load(found: Sequence[Found], reader: Reader) -> list[TrailEntry]:
    """Return the entries, with all that their texts need. One statement, and one per model referred to."""
    by_table: dict[str, list[int]] = {}
    for each in found:
        by_table.setdefault(each.source, []).append(each.row)
    loaded = snapshots.load([(tables()[name], rows) for name, rows in by_table.items()])
    reader.collect(row for snapshot in loaded.values() for row in (snapshot.row, snapshot.before) if row)
    return [
        TrailEntry(each.source, tables()[each.source].of, each.at, snapshot.row, snapshot.before, reader)
        for each in found
        if (snapshot := loaded[each.source, each.row])
    ]


def _position(found: Sequence[Found], after: TrailPosition | None) -> TrailPosition:
    last = found[-1].at
    shown = sum(1 for each in found if each.at == last)
    earlier = after.shown if after and after.at == last else 0
    return TrailPosition(last, shown + earlier)
