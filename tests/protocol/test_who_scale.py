"""The WHO clinical progression scale: each category, what the printed scale leaves out, and what is missing.

Source of the scale: see `protocol/scores/who_cps.py`.
"""

from decimal import Decimal
from typing import Any

import pytest

from protocol.scores.derived import Derived
from protocol.scores.who_cps import CATEGORIES, SUPPORTS, UNCOVERED, uncovered, who_cps

D = Decimal
IN_HOSPITAL: dict[str, Any] = {
    "dead": None,
    "hospitalised": True,
    "ambulatory": None,
    "support": "IMV",
    "pf_mmhg": None,
    "sf": None,
    "vasopressors": False,
    "dialysis": False,
    "ecmo": False,
}


@pytest.mark.parametrize(
    ("known", "category"),
    [
        ({"dead": True, "hospitalised": None}, 10),
        ({"dead": True, "support": "IMV"}, 10),
        ({"dead": False, "hospitalised": False, "ambulatory": "NO_VIRUS"}, 0),
        ({"dead": False, "hospitalised": False, "ambulatory": "ASYMPTOMATIC"}, 1),
        ({"dead": False, "hospitalised": False, "ambulatory": "INDEPENDENT"}, 2),
        ({"dead": False, "hospitalised": False, "ambulatory": "ASSISTED"}, 3),
        ({"support": "AIR"}, 4),
        ({"support": "LOW_FLOW"}, 5),
        ({"support": "HIGH_FLOW"}, 6),
        ({"support": "NIV"}, 6),
        ({"pf_mmhg": D(150)}, 7),
        ({"pf_mmhg": D("149.9")}, 8),
        ({"sf": D(200)}, 7),
        ({"sf": D("199.9")}, 8),
        ({"pf_mmhg": D(150), "sf": D(100)}, 7),
        ({"pf_mmhg": D(149), "sf": D(300)}, 8),
        ({"pf_mmhg": D(150), "vasopressors": True}, 8),
        ({"pf_mmhg": D(149), "vasopressors": True}, 9),
        ({"pf_mmhg": D(149), "dialysis": True}, 9),
        ({"pf_mmhg": D(149), "ecmo": True}, 9),
        ({"pf_mmhg": D(149), "ecmo": True, "dialysis": None, "vasopressors": None}, 9),
    ],
)
def test_the_support_proposes_the_category(known: dict[str, Any], category: int) -> None:
    assert who_cps(**{**IN_HOSPITAL, **known}) == Derived(category)


@pytest.mark.parametrize(
    "known",
    [
        {"pf_mmhg": D(150), "ecmo": True},
        {"pf_mmhg": D(150), "dialysis": True},
        {"pf_mmhg": D(300), "dialysis": True, "vasopressors": True},
        {"sf": D(200), "ecmo": True},
        {"support": "HIGH_FLOW", "ecmo": True},
    ],
)
def test_what_the_printed_scale_does_not_cover_has_no_category_but_a_reason(known: dict[str, Any]) -> None:
    whole = {**IN_HOSPITAL, **known}
    assert who_cps(**whole) == Derived(None, reason=UNCOVERED)
    gap = {name: whole[name] for name in ("support", "pf_mmhg", "sf", "dialysis", "ecmo")}
    assert uncovered(**gap) is True


@pytest.mark.parametrize(
    ("known", "missing"),
    [
        ({"hospitalised": None}, ("hospitalised",)),
        ({"hospitalised": False, "dead": False}, ("ambulatory",)),
        ({"hospitalised": False, "ambulatory": "ASSISTED"}, ("dead",)),
        ({"support": None}, ("support",)),
        ({"support": "AIR", "ecmo": None}, ("ecmo",)),
        ({}, ("pf_mmhg", "sf")),
        ({"ecmo": None}, ("pf_mmhg", "sf", "ecmo")),
        ({"pf_mmhg": D(140), "ecmo": None}, ("ecmo",)),
        ({"pf_mmhg": D(160), "dialysis": None}, ("dialysis",)),
        ({"pf_mmhg": D(160), "vasopressors": None}, ("vasopressors",)),
    ],
)
def test_the_scale_names_what_it_lacks(known: dict[str, Any], missing: tuple[str, ...]) -> None:
    assert who_cps(**{**IN_HOSPITAL, **known}) == Derived(None, missing=missing)


def test_an_unknown_word_proposes_nothing() -> None:
    for known in ({"support": "MASK"}, {"hospitalised": False, "dead": False, "ambulatory": "HOME"}):
        found = who_cps(**{**IN_HOSPITAL, **known})
        assert found.value is None
        assert found.reason


@pytest.mark.parametrize(
    ("support", "pf", "dialysis", "ecmo", "answer"),
    [
        (None, D(160), True, True, None),
        ("NIV", None, True, False, False),
        ("NIV", None, True, None, None),
        ("IMV", D(149), True, True, False),
        ("IMV", None, False, False, False),
        ("IMV", None, True, False, None),
        ("IMV", D(150), False, None, None),
        ("IMV", D(150), True, None, True),
    ],
)
def test_whether_the_scale_covers_it(support: Any, pf: Any, dialysis: Any, ecmo: Any, answer: Any) -> None:
    assert uncovered(support=support, pf_mmhg=pf, sf=None, dialysis=dialysis, ecmo=ecmo) is answer


def test_every_support_and_category_that_an_expression_may_use_is_one_that_the_scale_knows() -> None:
    """A protocol file may give these codes to the scale, and compare it with these categories."""
    supported = [who_cps(**{**IN_HOSPITAL, "support": each, "pf_mmhg": D(150)}).value for each in SUPPORTS]
    assert supported == [4, 5, 6, 6, 7]
    assert [int(category) for category in CATEGORIES] == list(range(11))
