"""Masked rows as the seals see them: the hash of the row as it was sealed stands for the text that is gone (AUD-12)."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import F, Q

from audit.models import MaskedCell, Redaction


@dataclass(frozen=True)
class MaskedLeaf:
    """The leaf hashes of one row: as it was sealed, and as the last redaction left it."""

    sealed: bytes
    now: bytes


def masked_leaves(table: str, after: int, until: int) -> dict[int, MaskedLeaf]:
    """Return the masked rows of a table with after < key ≤ until. One query."""
    found: dict[int, MaskedLeaf] = {}
    cells = (
        MaskedCell.objects.filter(table=table, row__gt=after, row__lte=until).exclude(leaf="").order_by("pk")
    )
    for row, leaf, masked_leaf in cells.values_list("row", "leaf", "masked_leaf"):
        # A second redaction of the same row begins with what the first one left.
        sealed = found[row].sealed if row in found else bytes.fromhex(leaf)
        found[row] = MaskedLeaf(sealed, bytes.fromhex(masked_leaf))
    return found


def unexplained() -> Iterator[tuple[str, str]]:
    """Yield place and problem of masked cells that no two persons decided."""
    decided = Q(redaction__state=Redaction.State.CONFIRMED) & ~Q(
        redaction__decided_by=F("redaction__asked_by")
    )
    for cell in MaskedCell.objects.exclude(decided).order_by("pk").iterator():
        yield f"{cell.table} {cell.row}", "was masked without the decision of a second person"
