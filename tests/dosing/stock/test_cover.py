"""The stock of the donor covers every infusion at the lowest accepted dose before the first one is given."""

from decimal import Decimal
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing.stock.cover import covers


@pytest.mark.parametrize(
    ("bags", "covered"),
    [
        ([130, 130, 130], True),
        ([120, 120, 120], True),
        ([120, 120, 119], False),
        ([130, 130], False),
        ([400], False),
        ([100, 20, 100, 20, 100, 20], True),
        ([60, 60, 60, 60, 60, 59], False),
        ([], False),
    ],
)
def test_three_infusions_of_80_kg_need_120_million_cells_each(bags, covered):
    """CEL-11: Liège, 1.5 million per kg; a bag is used for one infusion."""
    assert covers(map(Decimal, bags), Decimal(120), 3) is covered


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 12), st.integers(1, 3))
def test_a_share_that_is_found_exists(bags, lowest, infusions):
    """Held against every way to share the bags out."""
    if covers(map(Decimal, bags), Decimal(lowest), infusions):
        shares = product(range(infusions), repeat=len(bags))
        assert any(all(each >= lowest for each in shared(bags, share, infusions)) for share in shares)


def shared(bags: list[int], share: tuple[int, ...], infusions: int) -> list[int]:
    """Return the cells of each infusion, of bags that are shared out."""
    return [sum(bag for bag, to in zip(bags, share, strict=True) if to == each) for each in range(infusions)]
