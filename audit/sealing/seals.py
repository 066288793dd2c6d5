"""Seals: the new rows of the trail under one hash, chained to the last seal, with the head outside the database.

Whoever alters, removes or inserts a row later cannot restore the chain without also rewriting the seal file (and every
printed or mailed copy of it).
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from audit import clock, events
from audit.canonical import canonical, sha256
from audit.integrity.guard import TRAIL_LOCK
from audit.models import ClockTurn, Seal, SealedPart
from audit.sealing import merkle
from audit.sealing.seal_files import SealBroken, add_line, catch_up_files
from audit.sealing.sealed_rows import SealedTable, sealed_rows, sealed_tables

# Rows per part limit how precisely tampering is located; rows per seal limit how long one seal takes.
PART_ROWS = 2048
SEAL_ROWS = 5 * PART_ROWS
PREFIX_BYTES = 16
LOCK_TRIES = 50
LOCK_PAUSE_SECONDS = 0.05


@dataclass
class SealPart:
    """Rows of one table that are about to be sealed."""

    table: SealedTable
    keys: list[int] = field(default_factory=list)
    prefixes: list[bytes] = field(default_factory=list)
    tree: merkle.Tree = field(default_factory=merkle.Tree)

    def add(self, key: int, leaf: bytes) -> None:
        """Add one row."""
        self.keys.append(key)
        self.prefixes.append(leaf[:PREFIX_BYTES])
        self.tree.add(leaf)

    def stored(self) -> SealedPart:
        """Return the part as a model instance."""
        return SealedPart(
            table=self.table.name,
            columns=self.table.columns,
            first_id=self.keys[0],
            last_id=self.keys[-1],
            rows=len(self.keys),
            root=self.tree.root().hex(),
            ids=packed_ids(self.keys),
            leaves=b"".join(self.prefixes),
        )


def seal(*, reason: str) -> Seal | None:
    """Seal every row that is not sealed yet. Return the last seal made, or None if there was nothing to seal.

    Rows are read without a lock, because a row of the trail never changes. Many rows take several seals. Raises
    SealBroken if the seal file contradicts the database.
    """
    # Inside a transaction the file could receive a seal that is rolled back later.
    if not connection.in_atomic_block:
        catch_up_files()
    watch_clock()
    made = None
    marks = high_water_marks()
    while parts := list(_unsealed(marks)):
        made = _store(parts, reason) or made
    return made


def watch_clock() -> ClockTurn | None:
    """Record it if the clock was set back since the last look."""
    last = Seal.objects.order_by("-number").first()
    # A seal of the largest size may have left rows that are older than what it sealed in other tables.
    return clock.watch(sealed_at_once=last is not None and last.rows < SEAL_ROWS)


def high_water_marks() -> dict[str, int]:
    """Return the highest key of every sealed table.

    On PostgreSQL this takes alone, for an instant, the lock that every transaction shares from its first write on
    (`stroma_act`): it waits for every writer that may have taken a key, so no row appears below a mark later. It gives
    up after 200 ms and tries again, or a writer could fall victim to a deadlock.
    """
    if connection.vendor != "postgresql":
        return _highest()
    for _ in range(LOCK_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                cursor.execute(f"SELECT pg_advisory_xact_lock({TRAIL_LOCK})")
                marks = _highest()
                cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
                return marks
        except OperationalError:
            time.sleep(LOCK_PAUSE_SECONDS)
    raise SealBroken("The trail could not be locked for an instant: too many long transactions")


def sealed_up_to() -> dict[str, int]:
    """Return the last sealed key by table."""
    return dict(SealedPart.objects.values_list("table").annotate(Max("last_id")).order_by())


def part_digest(part: SealedPart) -> bytes:
    """Return the leaf of a part in the tree of its seal."""
    names = ("table", "columns", "first_id", "last_id", "rows", "root")
    content = {name: getattr(part, name) for name in names}
    return merkle.leaf(canonical({**content, "ids": bytes(part.ids), "leaves": bytes(part.leaves)}).encode())


def seal_root(parts: Iterator[SealedPart] | list[SealedPart]) -> str:
    """Return the root over the parts of a seal, in the order in which they were stored."""
    tree = merkle.Tree()
    for part in parts:
        tree.add(part_digest(part))
    return tree.root().hex()


def seal_head(one: Seal) -> str:
    """Return the hash on which the next seal builds."""
    names = ("number", "sealed_at", "reason", "rows", "root", "previous_head")
    return sha256({name: getattr(one, name) for name in names})


def packed_ids(keys: list[int]) -> bytes:
    """Return the keys, 8 bytes each, or nothing if they are consecutive."""
    if keys[-1] - keys[0] + 1 == len(keys):
        return b""
    return b"".join(key.to_bytes(8, "big") for key in keys)


def unpacked_ids(part: SealedPart) -> list[int]:
    """Return the keys of a part."""
    packed = bytes(part.ids)
    if not packed:
        return list(range(part.first_id, part.last_id + 1))
    return [int.from_bytes(packed[at : at + 8], "big") for at in range(0, len(packed), 8)]


def _highest() -> dict[str, int]:
    selects = [
        f'SELECT \'{table.name}\', coalesce(max("{table.key}"), 0) FROM "{table.name}"'
        for table in sealed_tables()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects))
        return dict(cursor.fetchall())


def _unsealed(marks: dict[str, int]) -> Iterator[SealPart]:
    """Yield the next parts, at most SEAL_ROWS rows in all."""
    sealed, left = sealed_up_to(), SEAL_ROWS
    for table in sealed_tables():
        after, until = sealed.get(table.name, 0), marks[table.name]
        while left and after < until:
            part = SealPart(table)
            for key, leaf in sealed_rows(table, table.columns, after=after, until=until):
                part.add(key, leaf)
                if len(part.keys) >= min(PART_ROWS, left):
                    break
            # Rolled-back transactions leave gaps: there may be no row up to the mark.
            if not part.keys:
                break
            after, left = part.keys[-1], left - len(part.keys)
            yield part


def _store(parts: list[SealPart], reason: str) -> Seal | None:
    """Store one seal. Return None if another process sealed the same rows first."""
    with transaction.atomic():
        clock.lock_sealing()
        previous = Seal.objects.order_by("-number").first()
        # Read again under the lock: another process may have sealed these rows in the meantime.
        if _already_sealed(parts):
            return None
        now = timezone.now()
        # On PostgreSQL the database's clock dates the rows, and this machine's the seals.
        if previous and now < previous.sealed_at and not clock.turned_since(previous):
            events.record(kind=events.AccessKind.CLOCK, detail={"last seal": canonical(previous.sealed_at)})
        stored = [part.stored() for part in parts]
        one = _seal(previous, stored, reason=reason, at=now)
        one.save(force_insert=True)
        for part in stored:
            part.seal = one
        SealedPart.objects.bulk_create(stored)
        # After the commit: the line of a seal that is rolled back would contradict the database for good.
        transaction.on_commit(lambda: add_line(one))
    return one


def _seal(previous: Seal | None, parts: list[SealedPart], *, reason: str, at: Any) -> Seal:
    one = Seal(
        number=previous.number + 1 if previous else 1,
        sealed_at=at,
        reason=reason,
        rows=sum(part.rows for part in parts),
        root=seal_root(parts),
        previous_head=previous.head if previous else "",
    )
    one.head = seal_head(one)
    return one


def _already_sealed(parts: list[SealPart]) -> bool:
    sealed = sealed_up_to()
    return any(part.keys[0] <= sealed.get(part.table.name, 0) for part in parts)
