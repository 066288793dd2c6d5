"""The share of a product that was infused, and the cells that reached the patient (CEL-10)."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.sdtm.exposure.delivered import NO_VOLUME, NOT_COMPLETE, TOO_MUCH, InfusedShare

PREPARED = Decimal(80_000_000)


def course(infused, prepared=None, planned=None, *, uninterrupted=True) -> InfusedShare:
    volumes = (None if each is None else Decimal(each) for each in (infused, prepared, planned))
    return InfusedShare(*volumes, uninterrupted=uninterrupted)


@pytest.mark.parametrize(
    ("infused", "cells"),
    [("0.01", 8_000), ("25", 20_000_000), ("99.99", 79_992_000), ("100", 80_000_000)],
)
@pytest.mark.parametrize("uninterrupted", [True, False])
def test_the_volumes_tell_what_reached_the_patient(infused, cells, uninterrupted):
    """CEL-10: prepared cells times the infused share, whatever the ward said of an interruption."""
    given = course(infused, "100", "100", uninterrupted=uninterrupted)
    assert (given.delivered(PREPARED), given.unknown) == (cells, "")
    assert given.is_whole is (infused == "100")


def test_no_cell_is_counted_that_was_not_infused():
    """CEL-10: rounded down to whole cells."""
    assert course("1", "3").delivered(Decimal(100)) == 33
    assert course("2", "3").delivered(Decimal(100)) == 66
    assert course("0.01", "100").delivered(Decimal(9_999)) == 0


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (course(None), NO_VOLUME),
        (course(None, "100"), NO_VOLUME),
        (course("100.01", "100"), TOO_MUCH),
        (course("100", uninterrupted=False), NOT_COMPLETE),
        (course("99.99", None, "100"), NOT_COMPLETE),
        (course("100", None, "100", uninterrupted=False), NOT_COMPLETE),
    ],
)
def test_a_share_that_nothing_tells_is_not_invented(found, why):
    """CEL-10: no dose, and the reason."""
    assert (found.delivered(PREPARED), found.unknown, found.is_whole) == (None, why, False)


@pytest.mark.parametrize("found", [course("100", None, "100"), course("100.01", None, "100"), course("40")])
def test_an_infusion_that_ran_to_its_end_gave_the_whole_product(found):
    """CEL-10: without a volume prepared the ward's word decides, unless less than planned was infused."""
    assert (found.delivered(PREPARED), found.is_whole) == (PREPARED, True)


@given(
    st.decimals(0, 10**12, places=0), st.decimals("0.01", 5000, places=2), st.decimals("0.01", 5000, places=2)
)
def test_never_more_than_was_prepared_reaches_the_patient(cells, one, other):
    """CEL-10: the delivered cells lie within one cell of the exact share."""
    infused, prepared = sorted((one, other))
    found = InfusedShare(infused, prepared).delivered(cells)
    assert found is not None
    assert 0 <= found <= cells
    assert found * prepared <= cells * infused < (found + 1) * prepared
