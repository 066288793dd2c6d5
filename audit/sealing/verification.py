"""Verify the trail in one pass: every seal, every sealed row, every live row and every signature.

Findings come in the order of the checks: triggers, seal file, chain of seals, rows of each table, live rows against
their history, signatures, then what other rooms registered: password hashes, attached files. Memory does not grow with
the number of rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connections

from audit import signatures, triggers
from audit.integrity import replay
from audit.models import Seal, SealedPart, Signature
from audit.redactions import masking
from audit.sealing import seal_files, seals
from audit.sealing.merkle import Tree
from audit.sealing.sealed_rows import SealedTable, sealed_rows, sealed_tables
from audit.triggers.tables import tracked_tables

NO_ANCHOR = (
    "nothing outside the database tells whether the chain was made anew. "
    "Put the kept copy of the file back; `manage.py seal` would write what the database says now"
)
FILE = "file of the heads"
PAGE = 500
PARTS = 20


@dataclass(frozen=True)
class TrailFinding:
    """Something that was altered or removed: where, and what."""

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass
class Tally:
    """Counts of what was checked."""

    seals: int = 0
    rows: int = 0
    newer: int = 0
    signatures: int = 0
    files: int = 0
    notes: list[str] = field(default_factory=list)


Check = Callable[[Tally], Iterator[TrailFinding]]
_checks: list[Check] = []


def register(check: Check) -> None:
    """Add a check of another room to every verification; it fills its counts of the tally. Called once, at start."""
    _checks.append(check)


def findings(tally: Tally, *, using: str = "default", heads: Sequence[str] = ()) -> Iterator[TrailFinding]:
    """Yield every finding; `tally` is filled on the way.

    heads: heads of seals as they were printed or mailed, to be compared too. Raises SealBroken for a text that is none.
    """
    for objection in triggers.objections(using):
        yield TrailFinding(objection.place, objection.problem)
    yield from _chain(tally, heads)
    for table in sealed_tables():
        yield from _table(table, tally)
    for tracked in tracked_tables():
        for difference in replay.differences(connections[using], tracked):
            yield TrailFinding(f"{difference.table} {difference.key}", difference.problem)
    yield from (TrailFinding(*each) for each in masking.unexplained())
    yield from _signatures(tally)
    for check in _checks:
        yield from check(tally)


@dataclass
class _Place:
    """A place outside the database that holds heads: its name in findings, and its lines by seal number.

    whole: it should have every seal; a single printed or mailed head should not.
    """

    name: str
    lines: dict[int, str]
    whole: bool = True

    @property
    def newest(self) -> int:
        """Number of its last seal, or 0."""
        return max(self.lines, default=0)


def _chain(tally: Tally, heads: Sequence[str]) -> Iterator[TrailFinding]:
    places = list[_Place]()
    for path, name in _files():
        try:
            lines = seal_files.read_file(path)
        except (seal_files.SealBroken, OSError) as broken:
            yield TrailFinding(name, str(broken))
            continue
        if not lines and Seal.objects.exists():
            yield TrailFinding(name, f"{path} is missing or empty: {NO_ANCHOR}")
        places.append(_Place(name, lines))
    places += [_Place("the head that you gave", {_number(head): head}, whole=False) for head in heads]
    head, last = "", 0
    for number, one in enumerate(Seal.objects.order_by("number").iterator(PAGE), start=1):
        tally.seals = last = number
        if problem := _seal_problem(one, number, head, places, tally):
            yield TrailFinding(f"seal {one.number}", problem)
            return
        head = one.head
    for place in places:
        if older := seal_files.older_than(last, place.lines, place.name):
            yield TrailFinding(f"seal {last + 1}", older)


def _files() -> Iterator[tuple[Path, str]]:
    yield Path(settings.SEAL_FILE), FILE
    for copy in seal_files.copies():
        yield copy, f"copy {copy}"


def _number(head: str) -> int:
    """Return the number of a head as it is printed or mailed. Raises SealBroken if it is none."""
    number = head.split(" ", 1)[0]
    if head.count(" ") != 2 or not number.isdigit():
        raise seal_files.SealBroken(f"“{head}” is no head: give number, time and hash as they are printed")
    return int(number)


def _seal_problem(one: Seal, number: int, head: str, places: Sequence[_Place], tally: Tally) -> str:
    """Return the mistake in a seal, or ""."""
    if one.number != number:
        return f"seal {number} before it is gone"
    for place in places:
        if problem := _place_problem(one, place, tally):
            return problem
    if one.previous_head != head:
        return "does not follow from the seal before it"
    parts = list(one.parts.order_by("pk"))
    if seals.seal_root(parts) != one.root or sum(part.rows for part in parts) != one.rows:
        return "its parts were altered, removed or added to"
    return "" if seals.seal_head(one) == one.head else "was altered"


def _place_problem(one: Seal, place: _Place, tally: Tally) -> str:
    line = place.lines.get(one.number)
    if line is not None:
        return "" if line == seal_files.file_line(one) else f"is not the one in {_the(place)}"
    if not place.whole:
        return ""
    if one.number < place.newest:
        return f"is missing from {_the(place)}, which has later ones"
    tally.notes.append(f"Seal {one.number} is not in {_the(place)} yet; the next seal adds it")
    return ""


def _the(place: _Place) -> str:
    return f"the {place.name}" if place.name == FILE else place.name


def _table(table: SealedTable, tally: Tally) -> Iterator[TrailFinding]:
    """Compare the sealed parts of one table with its rows, and name each bad row."""
    after = None
    for part in SealedPart.objects.filter(table=table.name).order_by("first_id").iterator(PARTS):
        tally.rows += part.rows
        lowest = part.first_id - 1 if after is None else after
        yield from _inserted_before(table, part, after)
        try:
            yield from _part(table, part, after=lowest)
        except KeyError as column:
            yield TrailFinding(table.name, f"the column {column} is gone: what was sealed cannot be read")
            return
        after = part.last_id
    newer = (
        table.model._base_manager.all() if after is None else table.model._base_manager.filter(pk__gt=after)
    )
    tally.newer += newer.count()


def _inserted_before(table: SealedTable, part: SealedPart, after: int | None) -> Iterator[TrailFinding]:
    if after is None:
        earlier = table.model._base_manager.filter(pk__lt=part.first_id).order_by("pk")
        for key in earlier.values_list("pk", flat=True).iterator():
            yield TrailFinding(f"{table.name} {key}", "was inserted before what was sealed first")


def _part(table: SealedTable, part: SealedPart, *, after: int) -> Iterator[TrailFinding]:
    rows = f"{table.name} {part.first_id} to {part.last_id}"
    keys, prefixes = seals.unpacked_ids(part), _prefixes(part)
    if len(keys) != len(prefixes):
        yield TrailFinding(rows, "the list of their hashes was altered")
        return
    expected = dict(zip(keys, prefixes, strict=True))
    tree, whole = Tree(), True
    masked = masking.masked_leaves(table.name, after, part.last_id)
    for key, now in sealed_rows(table, part.columns, after=after, until=part.last_id):
        # A masked row counts as it was sealed, if it holds what two persons decided.
        leaf = masked[key].sealed if key in masked and masked[key].now == now else now
        tree.add(leaf)
        prefix = expected.pop(key, None)
        if prefix != leaf[: seals.PREFIX_BYTES]:
            whole = False
            yield from _removed(table, [missing for missing in expected if missing < key])
            expected = {left: value for left, value in expected.items() if left > key}
            yield TrailFinding(f"{table.name} {key}", "was inserted" if prefix is None else "was altered")
    yield from _removed(table, list(expected))
    # The stored prefixes only locate a row; the root over the full hashes is the proof.
    if whole and not expected and tree.root().hex() != part.root:
        yield TrailFinding(rows, "one of these rows was altered, and the list of their hashes too")


def _removed(table: SealedTable, keys: list[int]) -> Iterator[TrailFinding]:
    for key in keys:
        yield TrailFinding(f"{table.name} {key}", "was removed")


def _prefixes(part: SealedPart) -> list[bytes]:
    packed, size = bytes(part.leaves), seals.PREFIX_BYTES
    return [packed[at : at + size] for at in range(0, len(packed), size)]


def _signatures(tally: Tally) -> Iterator[TrailFinding]:
    whole = (signatures.SignatureState.VALID, signatures.SignatureState.INVALIDATED)
    for page in batched(Signature.objects.order_by("pk").iterator(PAGE), PAGE):
        tally.signatures += len(page)
        for signature, state in signatures.verify_many(page):
            if state not in whole:
                place = f"signature {signature.pk} on {signature.target_type} {signature.target_id}"
                yield TrailFinding(place, str(state.label))


def batched(rows: Iterator[Signature], size: int) -> Iterator[list[Signature]]:
    """Yield lists of at most `size` rows."""
    while page := list(islice(rows, size)):
        yield page
