"""The ledger of a bag: double entries whose sum is zero, and movements that cannot have happened."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dosing.models import BagMovement
from dosing.stock.ledger import (
    ONCE,
    ROADS,
    Account,
    Impossible,
    Movement,
    MovementKind,
    MovementRefused,
    balances,
    check,
    in_force,
    infusion_of,
    rest,
    reversible,
)

FILLED = 20_000
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ROUTE = {
    MovementKind.RECEIPT: Account.SUPPLIER, MovementKind.TRANSFER: Account.STORE, MovementKind.EXCURSION: Account.STORE,
    MovementKind.THAW: Account.STORE, MovementKind.TAKING: Account.STORE, MovementKind.DISPENSING: Account.BENCH,
    MovementKind.INFUSION: Account.WARD, MovementKind.RETURN: Account.WARD, MovementKind.WASTE: Account.RETURNED,
    MovementKind.DESTRUCTION: Account.WASTE,
}  # fmt: skip


def moved(
    kind: MovementKind, volume: int = FILLED, *, hour: int = 0, infusion: int | None = None, **changed
) -> Movement:
    source = changed.pop("source", ROUTE[kind])
    target = changed.pop("target", ROADS[kind][1])
    return Movement(kind, source, target, volume, START + timedelta(hours=hour), infusion, **changed)


RECEIVED = [moved(MovementKind.RECEIPT)]
THAWED = [*RECEIVED, moved(MovementKind.THAW, hour=1, infusion=7)]
ON_THE_WARD = [*THAWED, moved(MovementKind.DISPENSING, hour=2, infusion=7)]
INFUSED = [*ON_THE_WARD, moved(MovementKind.INFUSION, 15_000, hour=3, infusion=7)]


def reason(before: list[Movement], new: Movement, *, frozen: bool = True) -> Impossible | None:
    try:
        check(before, new, filled=FILLED, frozen=frozen)
    except MovementRefused as refused:
        return refused.reason
    return None


class TestWhatCannotHaveHappened:
    @pytest.mark.parametrize(
        ("before", "new", "why"),
        [
            ([], moved(MovementKind.THAW, infusion=7), Impossible.BEFORE_RECEIPT),
            ([], moved(MovementKind.TRANSFER), Impossible.BEFORE_RECEIPT),
            ([], moved(MovementKind.RECEIPT, 0), Impossible.NO_VOLUME),
            ([], moved(MovementKind.RECEIPT, -5), Impossible.NO_VOLUME),
            ([], moved(MovementKind.RECEIPT, 19_999), Impossible.NOT_WHOLE),
            ([], moved(MovementKind.RECEIPT, 20_001), Impossible.TOO_MUCH),
            (RECEIVED, moved(MovementKind.RECEIPT, hour=1), Impossible.TWICE),
            (RECEIVED, moved(MovementKind.DISPENSING, hour=1, infusion=7), Impossible.BEFORE_THAW),
            (RECEIVED, moved(MovementKind.INFUSION, hour=1, infusion=7), Impossible.BEFORE_THAW),
            (RECEIVED, moved(MovementKind.TAKING, hour=1, infusion=7), Impossible.FROZEN),
            (RECEIVED, moved(MovementKind.THAW, 10_000, hour=1, infusion=7), Impossible.NOT_WHOLE),
            (RECEIVED, moved(MovementKind.RETURN, hour=1), Impossible.NOT_THERE),
            (RECEIVED, moved(MovementKind.THAW, hour=-1, infusion=7), Impossible.BEFORE_LAST),
            (THAWED, moved(MovementKind.THAW, hour=2, infusion=7), Impossible.TWICE),
            (THAWED, moved(MovementKind.THAW, hour=2, infusion=8), Impossible.TWICE),
            (THAWED, moved(MovementKind.DISPENSING, hour=2, infusion=8), Impossible.OTHER_INFUSION),
            (THAWED, moved(MovementKind.INFUSION, hour=2, infusion=7), Impossible.NOT_THERE),
            (THAWED, moved(MovementKind.TRANSFER, hour=2), Impossible.NOT_THERE),
            (ON_THE_WARD, moved(MovementKind.INFUSION, 20_001, hour=3, infusion=7), Impossible.TOO_MUCH),
            (ON_THE_WARD, moved(MovementKind.INFUSION, hour=3, infusion=8), Impossible.OTHER_INFUSION),
            (ON_THE_WARD, moved(MovementKind.DISPENSING, hour=3, infusion=7), Impossible.TWICE),
            (INFUSED, moved(MovementKind.INFUSION, 5_001, hour=4, infusion=7), Impossible.TOO_MUCH),
            (INFUSED, moved(MovementKind.WASTE, 5_000, hour=4), Impossible.NOT_THERE),
        ],
    )  # fmt: skip
    def test_an_impossible_movement_is_refused_with_its_reason(self, before, new, why):
        """CEL-08: used twice, negative volume, thawed before receipt, infused before thaw."""
        assert reason(before, new) == why

    def test_a_bag_that_is_not_frozen_is_taken_and_not_thawed(self):
        assert reason(RECEIVED, moved(MovementKind.TAKING, hour=1, infusion=7), frozen=False) is None
        assert (
            reason(RECEIVED, moved(MovementKind.THAW, hour=1, infusion=7), frozen=False)
            == Impossible.NOT_FROZEN
        )
        taken = [*RECEIVED, moved(MovementKind.TAKING, hour=1, infusion=7)]
        assert reason(taken, moved(MovementKind.DISPENSING, hour=2, infusion=7), frozen=False) is None

    @pytest.mark.parametrize(
        ("before", "new"),
        [
            ([], moved(MovementKind.RECEIPT)),
            (RECEIVED, moved(MovementKind.TRANSFER)),
            (RECEIVED, moved(MovementKind.EXCURSION, hour=1)),
            (RECEIVED, moved(MovementKind.THAW, hour=1, infusion=7)),
            (RECEIVED, moved(MovementKind.WASTE, 5_000, hour=1, source=Account.STORE)),
            (THAWED, moved(MovementKind.DISPENSING, 12_000, hour=2, infusion=7)),
            (ON_THE_WARD, moved(MovementKind.INFUSION, hour=3, infusion=7)),
            (INFUSED, moved(MovementKind.INFUSION, 5_000, hour=4, infusion=7)),
            (INFUSED, moved(MovementKind.RETURN, 5_000, hour=4, infusion=7)),
        ],
    )
    def test_a_movement_that_can_happen_is_accepted(self, before, new):
        assert reason(before, new) is None

    def test_a_movement_at_the_same_minute_as_the_last_is_accepted(self):
        assert reason(THAWED, moved(MovementKind.DISPENSING, hour=1, infusion=7)) is None


class TestTheBalance:
    def test_the_supplier_is_below_zero_by_what_the_bag_held(self):
        left = balances(INFUSED)
        assert left[Account.SUPPLIER] == -FILLED
        assert (left[Account.WARD], left[Account.PATIENT]) == (5_000, 15_000)
        assert rest(INFUSED) == (Account.WARD, 5_000)
        assert rest([*INFUSED, moved(MovementKind.INFUSION, 5_000, hour=4, infusion=7)]) is None

    def test_a_bag_belongs_to_the_infusion_it_was_thawed_for(self):
        assert infusion_of(THAWED) == 7
        assert infusion_of(RECEIVED) is None
        undone = [*RECEIVED, moved(MovementKind.THAW, hour=1, infusion=7, reversed=True),
                  Movement(MovementKind.REVERSAL, Account.BENCH, Account.STORE, FILLED, START, 7)]  # fmt: skip
        assert infusion_of(undone) is None
        assert in_force(undone) == RECEIVED
        assert reason(undone, moved(MovementKind.THAW, hour=1, infusion=8)) is None

    @given(st.lists(st.sampled_from(sorted(MovementKind)), max_size=12))
    def test_no_bag_is_received_thawed_or_dispensed_twice(self, kinds):
        """CEL-08: whatever is tried, in whatever order."""
        done: list[Movement] = []
        for hour, kind in enumerate(kinds):
            if kind == MovementKind.REVERSAL:
                continue
            new = moved(kind, hour=hour, infusion=7)
            if reason(done, new) is None:
                done.append(new)
        for kind in ONCE:
            assert sum(each.kind == kind for each in done) <= 1


class LedgerMachine(RuleBasedStateMachine):
    """Any sequence of movements: the sum is zero, and no account but the supplier's is below zero."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[Movement] = []

    @rule(
        kind=st.sampled_from(sorted(set(MovementKind) - {MovementKind.REVERSAL})),
        source=st.sampled_from(sorted(Account)),
        volume=st.integers(-10, FILLED + 10) | st.just(FILLED),
        infusion=st.sampled_from([7, 8]),
        hour=st.integers(-1, 2),
    )
    def move(self, kind, source, volume, infusion, hour):
        last = self.done[-1].at if self.done else START
        new = Movement(kind, source, ROADS[kind][1], volume, last + timedelta(hours=hour), infusion)
        if reason(self.done, new) is None:
            self.done.append(new)

    @precondition(lambda self: not self.done)
    @rule()
    def receive(self):
        self.done.append(moved(MovementKind.RECEIPT))

    @invariant()
    def nothing_is_lost_or_made(self):
        left = balances(self.done)
        assert sum(left.values()) == 0
        assert all(volume >= 0 for account, volume in left.items() if account != Account.SUPPLIER)
        assert -left[Account.SUPPLIER] in (0, FILLED)


TestEverySequence = LedgerMachine.TestCase


class TestUndoing:
    """CEL-08: only the last movement that stands is undone."""

    def test_a_bag_without_movements_has_nothing_to_undo(self):
        assert reversible([]) is None

    def test_the_last_movement_is_undone_first(self):
        done = [
            moved(kind, hour=hour) for hour, kind in enumerate((MovementKind.RECEIPT, MovementKind.TRANSFER))
        ]
        assert reversible(done) == done[1]
        assert reversible([*done, moved(MovementKind.THAW, hour=2, infusion=7)]).kind == MovementKind.THAW

    def test_a_movement_that_was_undone_is_passed_over_and_so_is_its_reversal(self):
        received = moved(MovementKind.RECEIPT)
        undone = moved(MovementKind.TRANSFER, hour=1, reversed=True)
        back = Movement(MovementKind.REVERSAL, Account.STORE, Account.STORE, FILLED, START)
        assert reversible([received, undone, back]) == received


class TestTheSmallestAmounts:
    def test_one_microlitre_is_left_to_move(self):
        given = moved(MovementKind.THAW, infusion=7, hour=1)
        handed = moved(MovementKind.DISPENSING, FILLED - 1, infusion=7, hour=2)
        infused = moved(MovementKind.INFUSION, FILLED - 1, infusion=7, hour=3)
        assert rest([moved(MovementKind.RECEIPT), given, handed, infused]) == (Account.BENCH, 1)

    def test_one_microlitre_can_be_moved(self):
        done = [moved(MovementKind.RECEIPT), moved(MovementKind.THAW, hour=1, infusion=7)]
        one = moved(MovementKind.DISPENSING, 1, hour=2, infusion=7)
        assert reason(done, one) is None
        assert reason([*done, one], moved(MovementKind.INFUSION, 1, hour=3, infusion=7)) is None

    def test_nothing_is_no_movement_and_neither_is_less(self):
        for volume in (0, -1):
            assert reason([], moved(MovementKind.RECEIPT, volume)) == Impossible.NO_VOLUME


class TestTheRoads:
    def test_content_is_taken_only_from_where_the_movement_begins(self):
        """What lies on the ward is not infused from the store, even if there is something in it."""
        done = [moved(MovementKind.RECEIPT), moved(MovementKind.THAW, hour=1, infusion=7)]
        wrong = moved(MovementKind.INFUSION, hour=2, infusion=7, source=Account.BENCH)
        assert reason(done, wrong) == Impossible.NOT_THERE

    def test_content_arrives_only_where_the_movement_ends(self):
        done = [moved(MovementKind.RECEIPT), moved(MovementKind.THAW, hour=1, infusion=7)]
        wrong = moved(MovementKind.DISPENSING, hour=2, infusion=7, target=Account.PATIENT)
        assert reason(done, wrong) == Impossible.NOT_THERE

    def test_content_that_was_never_frozen_is_not_thawed(self):
        done = [moved(MovementKind.RECEIPT)]
        assert reason(done, moved(MovementKind.THAW, hour=1, infusion=7), frozen=False) == "not_frozen"

    def test_a_refusal_names_its_reason_and_the_movement_that_it_contradicts(self):
        done = [moved(MovementKind.RECEIPT), moved(MovementKind.TRANSFER, hour=2)]
        with pytest.raises(MovementRefused, match=r"^before_last$") as refused:
            check(done, moved(MovementKind.TRANSFER, hour=1), filled=FILLED, frozen=True)
        assert (refused.value.reason, refused.value.earlier) == (Impossible.BEFORE_LAST, done[1])
        with pytest.raises(MovementRefused) as refused:
            check(done, moved(MovementKind.INFUSION, hour=3, infusion=7), filled=FILLED, frozen=False)
        assert (refused.value.reason, refused.value.earlier) == (Impossible.NOT_THERE, done[1])


def test_accounts_and_kinds_of_the_ledger_are_those_that_are_stored():
    """A stored word that the ledger does not know would be a movement that nobody counts."""
    assert [each.value for each in Account] == BagMovement.Account.values
    assert sorted(each.value for each in MovementKind) == sorted(BagMovement.Kind.values)
