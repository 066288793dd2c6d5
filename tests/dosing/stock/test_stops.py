"""Hard stops of the product: the pure list that thawing, dispensing and the bedside read."""

from datetime import date
from typing import Any

import pytest

from dosing.stock.stops import IMPOSSIBLE, BagFacts, IntendedInfusion, Stop, stops

DAY = date(2026, 3, 10)
BAG: dict[str, Any] = {
    "trial": 1, "number": "B-1", "cells": True, "status": "released", "expires": DAY, "donor": "D-17",
}  # fmt: skip
INFUSION: dict[str, Any] = {"trial": 1, "key": 7, "cells": True, "day": DAY}


def found(bag: dict[str, Any] | None = None, infusion: dict[str, Any] | None = None) -> list[Stop]:
    made = stops(BagFacts(**{**BAG, **(bag or {})}), IntendedInfusion(**{**INFUSION, **(infusion or {})}))
    assert all(each.facts["bag"] == "B-1" for each in made)
    return [each.stop for each in made]


@pytest.mark.parametrize("status", ["released", "conditional"])
def test_a_bag_of_a_released_lot_in_date_may_be_used(status):
    """CEL-06: on its day of expiry too."""
    assert found({"status": status}) == []


@pytest.mark.parametrize(
    ("bag", "infusion", "stop"),
    [
        ({"trial": 2}, {}, Stop.OTHER_TRIAL),
        ({"received": False}, {}, Stop.NOT_IN_STOCK),
        ({"infusion": 8, "patient": "LIE-002"}, {}, Stop.OTHER_PATIENT),
        ({"used": True}, {}, Stop.USED_BEFORE),
        ({"gone": True}, {}, Stop.GONE),
        ({"cells": False, "donor": ""}, {}, Stop.WRONG_PRODUCT),
        ({}, {"cells": False}, Stop.WRONG_PRODUCT),
        ({}, {"cells": None}, Stop.WRONG_PRODUCT),
        ({"status": "waiting"}, {}, Stop.UNRELEASED),
        ({"status": "rejected"}, {}, Stop.UNRELEASED),
        ({"status": "quarantined"}, {}, Stop.QUARANTINED),
        ({"status": "recalled"}, {}, Stop.RECALLED),
        ({"expires": date(2026, 3, 9)}, {}, Stop.EXPIRED),
        ({"excursion": True}, {}, Stop.EXCURSION),
        ({"donor_fit": False}, {}, Stop.DONOR_UNFIT),
        ({}, {"donor": "D-18", "donor_infusion": 1}, Stop.OTHER_DONOR),
        ({}, {"covered": False}, Stop.STOCK_SHORT),
        ({}, {"planned": False}, Stop.NOT_DUE),
    ],
)
def test_each_reason_stops_alone(bag, infusion, stop):
    """CEL-06, CEL-11, CEL-13: one wrong fact is enough, and is the only one that is said."""
    assert found(bag, infusion) == [stop]


def test_the_same_donor_in_other_letters_is_the_same():
    """CEL-11."""
    assert found({}, {"donor": "d-17", "donor_infusion": 1}) == []


def test_the_bag_of_this_infusion_is_no_other_patients():
    assert found({"infusion": 7, "patient": "LIE-001"}) == []


def test_every_reason_is_said_the_gravest_first():
    bag = {"status": "recalled", "expires": date(2026, 3, 9), "infusion": 8, "patient": "LIE-002"}
    assert found(bag) == [Stop.OTHER_PATIENT, Stop.RECALLED, Stop.EXPIRED]


def test_what_cannot_have_happened_is_told_from_what_may_have():
    """CEL-13: an expired bag may have been given; a bag of another patient cannot."""
    assert {
        Stop.OTHER_PATIENT,
        Stop.USED_BEFORE,
        Stop.GONE,
        Stop.NOT_IN_STOCK,
        Stop.OTHER_TRIAL,
    } == IMPOSSIBLE
    assert [each.impossible for each in stops(
        BagFacts(**{**BAG, "infusion": 8, "status": "recalled"}), IntendedInfusion(**INFUSION)
    )] == [True, False]  # fmt: skip
