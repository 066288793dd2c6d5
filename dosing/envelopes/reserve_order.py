"""Whether reserve envelopes were opened in their order. Pure: no Django, no clock."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReserveUse:
    """The fate of one envelope. opened_at: if it was opened. gone_at: when it was opened, lost or destroyed."""

    number: int
    stratum: str
    position: int
    opened_at: dt.datetime | None = None
    gone_at: dt.datetime | None = None


def passed_over(uses: Iterable[ReserveUse]) -> dict[int, tuple[int, ...]]:
    """Return, by the number of an opened envelope, those of its stratum that came before it and were still sealed then.

    Envelopes of a stratum are used in the order of their positions. One that was opened, lost or destroyed by the same
    minute was not passed over. Envelopes opened in order are not in the result.
    """
    rows = sorted(uses, key=lambda use: (use.position, use.number))
    found = {}
    for row in rows:
        if row.opened_at is None:
            continue
        skipped = tuple(
            other.number
            for other in rows
            if (other.stratum, other.position < row.position) == (row.stratum, True)
            and (other.gone_at is None or other.gone_at > row.opened_at)
        )
        if skipped:
            found[row.number] = skipped
    return found
