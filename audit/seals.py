"""Seals: the new rows of the trail under one hash, chained to the last seal, with the head outside the database.

Whoever alters, removes or inserts a row later cannot restore the chain without also rewriting the seal file (and every
printed or mailed copy of it).
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from audit import events, merkle
from audit.canonical import canonical, sha256
from audit.models import Seal, SealedPart
from audit.sealed_rows import SealedTable, sealed_rows, sealed_tables

# Rows per part limit how precisely tampering is located; rows per seal limit how long one seal takes.
PART_ROWS = 2048
SEAL_ROWS = 5 * PART_ROWS
PREFIX_BYTES = 16
LOCK_TRIES = 50
LOCK_PAUSE_SECONDS = 0.05


class SealBroken(Exception):
    """The seal file and the database contradict each other; the message says where."""


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
        catch_up_file()
    made = None
    marks = high_water_marks()
    while parts := list(_unsealed(marks)):
        made = _store(parts, reason) or made
    return made


def high_water_marks() -> dict[str, int]:
    """Return the highest key of every sealed table.

    On PostgreSQL this takes a share lock on the tables for an instant: it waits for every writer that has taken a key,
    so no row appears below a mark later. It gives up after 200 ms and tries again, or a writer could fall victim to a
    deadlock.
    """
    if connection.vendor != "postgresql":
        return _highest()
    for _ in range(LOCK_TRIES):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '200ms'")
                cursor.execute("SELECT stroma_lock_trail()")
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


def file_line(one: Seal) -> str:
    """Return the line of a seal in the seal file: number, time, head."""
    return f"{one.number} {one.sealed_at:%Y-%m-%dT%H:%M:%S.%fZ} {one.head}"


def catch_up_file() -> None:
    """Append the seals that the seal file lacks: made on another machine, or before this one was stopped.

    If the file has no seal although the database has some, it was lost or emptied; this is recorded as an event.
    """
    lines = read_file()
    last = max(lines, default=0)
    if last:
        known = Seal.objects.filter(number=last).first()
        if known is None or file_line(known) != lines[last]:
            raise SealBroken(f"Seal {last} of {settings.SEAL_FILE} is not the one in the database")
    missing = [file_line(one) for one in Seal.objects.filter(number__gt=last).order_by("number")]
    if missing and not last:
        events.record(
            kind=events.AccessKind.SEAL_FILE, detail={"seals": len(missing), "file": str(settings.SEAL_FILE)}
        )
    append_to_file(missing)


def read_file() -> dict[int, str]:
    """Return the lines of the seal file by seal number; empty if the file does not exist.

    Two processes may have written the same line. Raises SealBroken for an unreadable line, or for two different lines
    of one seal.
    """
    path, found = Path(settings.SEAL_FILE), dict[int, str]()
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        number = line.split(" ", 1)[0]
        if not number.isdigit() or found.setdefault(int(number), line) != line:
            raise SealBroken(f"{settings.SEAL_FILE} has a line that is not one of ours: {line[:80]}")
    return found


def append_to_file(lines: list[str]) -> None:
    """Append lines to the seal file and wait until they are on disk."""
    if not lines:
        return
    path = Path(settings.SEAL_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


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
        _lock_sealing()
        previous = Seal.objects.order_by("-number").first()
        # Read again under the lock: another process may have sealed these rows in the meantime.
        if _already_sealed(parts):
            return None
        now = timezone.now()
        if previous and now < previous.sealed_at:
            events.record(kind=events.AccessKind.CLOCK, detail={"last seal": canonical(previous.sealed_at)})
        stored = [part.stored() for part in parts]
        one = _seal(previous, stored, reason=reason, at=now)
        one.save(force_insert=True)
        for part in stored:
            part.seal = one
        SealedPart.objects.bulk_create(stored)
        # After the commit: the line of a seal that is rolled back would contradict the database for good.
        transaction.on_commit(lambda: append_to_file([file_line(one)]))
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


def _lock_sealing() -> None:
    # SQLite has one writer at a time.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('stroma.seal'))")
