"""Bags, delivered cells, DMSO, times and their limits, in exact decimals."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from decimal import localcontext
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dosing import dose
from dosing.dose import Body, DoseRefused, planned_dose
from protocol.document.dosing import DosePlan, QuantityLimits

BRUSSELS = ZoneInfo("Europe/Brussels")
counts = st.integers(min_value=0, max_value=10**12).map(D)
percents = st.decimals(min_value=0, max_value=100, places=2)
volumes = st.decimals(min_value="0.01", max_value=5000, places=2)


@pytest.mark.parametrize(
    ("cells", "bags"),
    [("240e6", 2), ("132.8e6", 1), ("132800001", 2), ("1", 1), ("265.6e6", 2), ("265.7e6", 3)],
)
def test_as_many_bags_are_thawed_as_hold_the_dose(cells, bags):
    """CEL-09, Lechanteur 2016: 132.8 million per bag; 80 kg need 240 million, two bags."""
    assert dose.bags_needed(D(cells), D("132.8e6")) == bags


@given(counts.filter(bool), counts.filter(bool))
def test_one_bag_fewer_would_not_hold_the_dose(cells, per_bag):
    bags = dose.bags_needed(cells, per_bag)
    assert (bags - 1) * per_bag < cells <= bags * per_bag


@pytest.mark.parametrize(("cells", "per_bag"), [("0", "1"), ("-1", "1"), ("1", "0"), ("1", "-1")])
def test_without_a_dose_or_cells_in_the_bag_no_number_of_bags_follows(cells, per_bag):
    with pytest.raises(DoseRefused):
        dose.bags_needed(D(cells), D(per_bag))


def test_five_of_a_hundred_millilitres_deliver_a_twentieth_of_the_dose():
    """CEL-10. Seen: 5 mL of 100 mL infused were recorded as the whole dose."""
    assert dose.infused_fraction(D(5), D(100)) == D("0.05")
    delivered = dose.delivered_cells(D("100e6"), D(90), infused_ml=D(5), prepared_ml=D(100))
    assert delivered == D("4.5e6")
    assert dose.delivered_cells(D("100e6"), D(90), infused_ml=D(95), prepared_ml=D(100)) == D("85.5e6")


@given(counts, percents, volumes, volumes)
def test_never_more_cells_are_delivered_than_were_alive(counted, viability, one, other):
    infused, prepared = sorted((one, other))
    delivered = dose.delivered_cells(counted, viability, infused_ml=infused, prepared_ml=prepared)
    assert 0 <= delivered <= counted * viability / 100
    assert (
        dose.delivered_cells(counted, viability, infused_ml=prepared, prepared_ml=prepared)
        == counted * viability / 100
    )
    assert 0 <= dose.infused_fraction(infused, prepared) <= 1


@given(counts, percents, volumes, volumes, st.decimals(min_value=25, max_value=350, places=2))
def test_the_position_of_the_delivered_dose_is_that_of_the_exact_fraction(
    counted, viability, one, other, weight
):
    """CEL-10: cross-multiplied in whole numbers, no bound is reached by rounding."""
    infused, prepared = sorted((one, other))
    plan = DosePlan(cells_per_kg={"lowest": "1.5e6", "target": "3e6", "highest": "3e6"})
    planned = planned_dose(plan, Body(weight_kg=weight))
    assert planned is not None
    delivered = dose.delivered_cells(counted, viability, infused_ml=infused, prepared_ml=prepared)
    with localcontext() as context:
        context.prec = 200
        given_dose, per = counted * viability * infused, 100 * prepared * weight
        expected = (
            "below" if given_dose < D("1.5e6") * per else "above" if given_dose > D("3e6") * per else "within"
        )
    assert planned.compared(delivered).position == expected


@pytest.mark.parametrize(
    ("counted", "viability", "infused", "prepared"),
    [("-1", "90", "5", "10"), ("1", "-0.1", "5", "10"), ("1", "100.1", "5", "10"), ("1", "90", "-1", "10"),
     ("1", "90", "10.01", "10"), ("1", "90", "0", "0"), ("1", "90", "0", "-1")],
)  # fmt: skip
def test_impossible_counts_and_volumes_deliver_nothing(counted, viability, infused, prepared):
    with pytest.raises(DoseRefused):
        dose.delivered_cells(D(counted), D(viability), infused_ml=D(infused), prepared_ml=D(prepared))


def test_a_bag_that_was_not_infused_delivers_no_cells_and_a_dead_one_neither():
    assert dose.delivered_cells(D(100), D(100), infused_ml=D(0), prepared_ml=D("0.5")) == 0
    assert dose.delivered_cells(D(0), D(0), infused_ml=D(1), prepared_ml=D(1)) == 0
    assert dose.delivered_cells(D(100), D(100), infused_ml=D(1), prepared_ml=D(1)) == 100


def test_quotients_have_sixty_digits_whatever_the_setting_of_the_process():
    third = "0." + 60 * "3"
    with localcontext() as context:
        context.prec = 5
        assert dose.infused_fraction(D(1), D(3)) == D(third)
        assert dose.delivered_cells(D(1), D(100), infused_ml=D(1), prepared_ml=D(3)) == D(third)
        assert dose.rate_per_minute(D(1), D(3)) == D(third)
        assert dose.dmso_g_per_kg(D(10), D(30)) == D(third)
        assert dose.dmso_grams(D("123.456"), D("9.87")) == D("13.40361792")
        assert dose.bags_needed(D(123_456_789), D(123_456_788)) == 2
        start = datetime(2026, 3, 1, tzinfo=UTC)
        assert dose.minutes_between(start, start + timedelta(days=1, microseconds=3)) == D("1440.00000005")


def test_the_dmso_of_a_bag_follows_from_its_volume_and_share():
    """CEL-12: 10 mL at 10 % hold 1.1 g; at 55 kg that is 0.02 g/kg."""
    grams = dose.dmso_grams(D(10), D(10))
    assert (grams, dose.dmso_g_per_kg(grams, D(55))) == (D("1.1"), D("0.02"))
    assert dose.dmso_grams(D(0), D(0)) == 0
    assert dose.dmso_grams(D(1), D(100)) == D("1.1")
    assert dose.dmso_g_per_kg(D(0), D(25)) == 0


@pytest.mark.parametrize(("volume", "share"), [("-1", "10"), ("1", "-1"), ("1", "100.1")])
def test_an_impossible_share_of_dmso_gives_no_grams(volume, share):
    with pytest.raises(DoseRefused):
        dose.dmso_grams(D(volume), D(share))


@pytest.mark.parametrize(("grams", "weight"), [("-1", "70"), ("1", "24.9"), ("1", "NaN"), ("1", "350.1")])
def test_an_impossible_weight_gives_no_dmso_dose(grams, weight):
    with pytest.raises(DoseRefused):
        dose.dmso_g_per_kg(D(grams), D(weight))


def test_minutes_are_elapsed_ones_when_the_clocks_change():
    """CEL-12: in the night of 25 October 2026 the hour from 2 to 3 comes twice in Brussels."""
    thawed = datetime(2026, 10, 25, 1, 30, tzinfo=BRUSSELS)
    ended = datetime(2026, 10, 25, 3, 0, tzinfo=BRUSSELS)
    assert dose.minutes_between(thawed, ended) == 150
    assert dose.minutes_between(thawed, thawed) == 0


def test_an_end_before_the_thaw_or_a_moment_without_zone_has_no_minutes():
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    for pair in (
        (noon, noon - timedelta(microseconds=1)),
        (noon.replace(tzinfo=None), noon),
        (noon, noon.replace(tzinfo=None)),
    ):
        with pytest.raises(DoseRefused):
            dose.minutes_between(*pair)


def test_the_rate_leaves_pauses_out():
    """CEL-12: 100 mL in 60 minutes with a pause of 10 run at 2 mL per minute."""
    assert dose.rate_per_minute(D(100), D(60), D(10)) == 2
    assert dose.rate_per_minute(D(0), D(1)) == 0
    for amount, minutes, paused in ((-1, 1, 0), (1, 10, 10), (1, 10, -1), (1, 0, 0)):
        with pytest.raises(DoseRefused):
            dose.rate_per_minute(D(amount), D(minutes), D(paused))


@pytest.mark.parametrize(
    ("lowest", "highest", "value", "position"),
    [
        (70, None, "69.99", "below"), (70, None, "70", "within"), (70, None, "1000", "within"),
        (None, 1, "1", "within"), (None, 1, "1.0000001", "above"), (None, 1, "0", "within"),
        (60, 80, "59.9", "below"), (60, 80, "80.1", "above"),
    ],
)  # fmt: skip
def test_both_bounds_of_a_limit_are_within_it(lowest, highest, value, position):
    limits = QuantityLimits(lowest=None if lowest is None else lowest, highest=highest)
    assert dose.position_in(limits, D(value)) == position
    assert dose.position_in(None, D(value)) == "within"
