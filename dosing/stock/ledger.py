"""The ledger of a bag: every movement takes a volume from one account and puts it into another (CEL-08).

The sum over all accounts is zero at every moment: what the supplier gave stands below zero. Volumes are whole
microlitres of the content of the bag as it was filled; what is added while it is diluted is not counted. No Django.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Account(StrEnum):
    """Where the content of a bag is. Only `supplier` may be below zero."""

    SUPPLIER = "supplier"
    STORE = "store"
    BENCH = "bench"
    WARD = "ward"
    PATIENT = "patient"
    RETURNED = "returned"
    WASTE = "waste"
    DESTROYED = "destroyed"


class MovementKind(StrEnum):
    """The kind of a movement of a bag."""

    RECEIPT = "receipt"
    TRANSFER = "transfer"
    EXCURSION = "excursion"
    THAW = "thaw"
    TAKING = "taking"
    DISPENSING = "dispensing"
    INFUSION = "infusion"
    RETURN = "return"
    WASTE = "waste"
    DESTRUCTION = "destruction"
    REVERSAL = "reversal"


_LEFT = frozenset({Account.STORE, Account.BENCH, Account.RETURNED})
ROADS: Mapping[MovementKind, tuple[frozenset[Account], Account | None]] = {
    MovementKind.RECEIPT: (frozenset({Account.SUPPLIER}), Account.STORE),
    MovementKind.TRANSFER: (frozenset({Account.STORE}), Account.STORE),
    MovementKind.EXCURSION: (frozenset({Account.STORE}), Account.STORE),
    MovementKind.THAW: (frozenset({Account.STORE}), Account.BENCH),
    MovementKind.TAKING: (frozenset({Account.STORE}), Account.BENCH),
    MovementKind.DISPENSING: (frozenset({Account.BENCH}), Account.WARD),
    MovementKind.INFUSION: (frozenset({Account.WARD}), Account.PATIENT),
    MovementKind.RETURN: (frozenset({Account.WARD}), Account.RETURNED),
    MovementKind.WASTE: (_LEFT | {Account.WARD}, Account.WASTE),
    MovementKind.DESTRUCTION: (_LEFT | {Account.WASTE}, Account.DESTROYED),
}
"""Each kind with the accounts it takes from and the one it puts into."""
WHOLE = frozenset(
    {
        MovementKind.RECEIPT,
        MovementKind.TRANSFER,
        MovementKind.EXCURSION,
        MovementKind.THAW,
        MovementKind.TAKING,
    }
)
"""Movements of the whole bag."""
OF_INFUSION = frozenset(
    {MovementKind.THAW, MovementKind.TAKING, MovementKind.DISPENSING, MovementKind.INFUSION}
)
"""Movements that belong to one infusion of one patient."""
ONCE = frozenset({MovementKind.RECEIPT, MovementKind.THAW, MovementKind.TAKING, MovementKind.DISPENSING})
"""Movements that happen to a bag once."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of the ledger of a bag. `volume` is in microlitres, `infusion` the key of the infusion it is for.

    reversed: the entry was undone by a later reversal.
    """

    kind: MovementKind
    source: Account
    target: Account
    volume: int
    at: datetime
    infusion: int | None = None
    reversed: bool = False


class Impossible(StrEnum):
    """Why a movement cannot have happened."""

    NO_VOLUME = "no_volume"
    BEFORE_RECEIPT = "before_receipt"
    BEFORE_THAW = "before_thaw"
    TWICE = "twice"
    NOT_THERE = "not_there"
    TOO_MUCH = "too_much"
    NOT_WHOLE = "not_whole"
    NOT_FROZEN = "not_frozen"
    FROZEN = "frozen"
    OTHER_INFUSION = "other_infusion"
    BEFORE_LAST = "before_last"


class MovementRefused(ValueError):
    """The movement cannot have happened; `reason` says why, `earlier` is the movement that it contradicts."""

    def __init__(self, reason: Impossible, earlier: Movement | None = None) -> None:
        super().__init__(reason.value)
        self.reason, self.earlier = reason, earlier


def balances(movements: Iterable[Movement]) -> dict[Account, int]:
    """Return the microlitres in each account after all movements; the sum over the accounts is zero."""
    found = dict.fromkeys(Account, 0)
    for each in movements:
        found[each.source] -= each.volume
        found[each.target] += each.volume
    return found


def in_force(movements: Iterable[Movement]) -> list[Movement]:
    """Return the movements that stand: neither reversed nor a reversal."""
    return [each for each in movements if not each.reversed and each.kind != MovementKind.REVERSAL]


def rest(movements: Iterable[Movement]) -> tuple[Account, int] | None:
    """Return where the content is that can still be moved, and how much; None if nothing is left to move.

    The content lies in several accounts after a part was taken: the first of ward, bench, returned, store, waste.
    """
    found = balances(movements)
    for account in (Account.WARD, Account.BENCH, Account.RETURNED, Account.STORE, Account.WASTE):
        if found[account] > 0:
            return account, found[account]
    return None


def infusion_of(movements: Iterable[Movement]) -> int | None:
    """Return the key of the infusion for which the bag was thawed, taken or dispensed; None while for none."""
    return next((each.infusion for each in in_force(movements) if each.kind in OF_INFUSION), None)


def check(movements: Sequence[Movement], new: Movement, *, filled: int, frozen: bool) -> None:
    """Raise MovementRefused if the new movement cannot follow those of the bag.

    filled: microlitres of the content at receipt. frozen: the content is cryopreserved, so it is thawed before use.
    """
    valid = in_force(movements)
    if new.volume <= 0:
        raise MovementRefused(Impossible.NO_VOLUME)
    _once(valid, new)
    _in_order(valid, new, frozen=frozen)
    _of_one_infusion(valid, new)
    _volume(movements, new, filled)
    # Last: whatever else is wrong tells more than the time.
    if valid and new.at < valid[-1].at:
        raise MovementRefused(Impossible.BEFORE_LAST, valid[-1])


def reversible(movements: Sequence[Movement]) -> Movement | None:
    """Return the movement that may be reversed: the last that stands. None if there is none."""
    valid = in_force(movements)
    return valid[-1] if valid else None


def _once(valid: Sequence[Movement], new: Movement) -> None:
    if new.kind in ONCE:
        earlier = next((each for each in valid if each.kind == new.kind), None)
        if earlier is not None:
            raise MovementRefused(Impossible.TWICE, earlier)


def _in_order(valid: Sequence[Movement], new: Movement, *, frozen: bool) -> None:
    kinds = {each.kind for each in valid}
    if new.kind != MovementKind.RECEIPT and MovementKind.RECEIPT not in kinds:
        raise MovementRefused(Impossible.BEFORE_RECEIPT)
    if new.kind == MovementKind.THAW and not frozen:
        raise MovementRefused(Impossible.NOT_FROZEN)
    if new.kind == MovementKind.TAKING and frozen:
        raise MovementRefused(Impossible.FROZEN)
    if (
        new.kind in {MovementKind.DISPENSING, MovementKind.INFUSION}
        and frozen
        and MovementKind.THAW not in kinds
    ):
        raise MovementRefused(Impossible.BEFORE_THAW)


def _of_one_infusion(valid: Sequence[Movement], new: Movement) -> None:
    if new.kind in OF_INFUSION:
        for each in valid:
            if each.kind in OF_INFUSION and each.infusion != new.infusion:
                raise MovementRefused(Impossible.OTHER_INFUSION, each)


def _volume(movements: Sequence[Movement], new: Movement, filled: int) -> None:
    sources, target = ROADS[new.kind]
    there = balances(movements)[new.source] if new.source != Account.SUPPLIER else filled
    if new.source not in sources or new.target != target or there <= 0:
        raise MovementRefused(Impossible.NOT_THERE, movements[-1] if movements else None)
    if new.volume > there:
        raise MovementRefused(Impossible.TOO_MUCH)
    if new.kind in WHOLE and new.volume != there:
        raise MovementRefused(Impossible.NOT_WHOLE)
