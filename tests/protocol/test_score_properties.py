"""Properties of the scores for any values: a worse value never scores less, totals are sums, blanks are not 0."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.scores import days, lungs, measures, news2, sofa
from protocol.scores.derived import Derived, total
from protocol.scores.who_cps import AMBULATORY, SUPPORTS, who_cps


def numbers(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=2, allow_nan=False, allow_infinity=False)


MAYBE = st.sampled_from([True, False, None])
POINTS = st.integers(0, 4)
WORSE_WHEN_LOWER: list[Any] = [
    (lambda value: sofa.respiration(value, True), 20, 600),
    (lambda value: sofa.respiration(value, False), 20, 600),
    (sofa.coagulation, 0, 400),
    (lambda value: sofa.cardiovascular(value, Decimal(0), Decimal(0), Decimal(0), False), 20, 150),
    (lambda value: sofa.renal(Decimal(1), "mg/dL", value), 0, 3000),
    (lambda value: news2.saturation(value, "1", None), 50, 100),
    (lambda value: news2.saturation(value, "2", False), 50, 100),
    (lungs.murray_oxygenation, 20, 600),
    (lungs.murray_compliance, 1, 150),
]
WORSE_WHEN_HIGHER: list[Any] = [
    (lambda value: sofa.liver(value, "mg/dL"), 0, 30),
    (lambda value: sofa.liver(value, "umol/L"), 0, 500),
    (lambda value: sofa.renal(value, "mg/dL"), 0, 15),
    (lambda value: sofa.renal(value, "umol/L"), 0, 900),
    (lambda value: sofa.cardiovascular(Decimal(90), value, Decimal(0), Decimal(0), False), 0, 2),
    (lambda value: sofa.cardiovascular(Decimal(90), Decimal(0), Decimal(0), value, False), 0, 30),
    (lungs.murray_peep, 0, 30),
]


@pytest.mark.parametrize(("compute", "low", "high"), WORSE_WHEN_LOWER)
@given(data=st.data())
def test_a_lower_value_never_scores_less(compute: Any, low: int, high: int, data: st.DataObject) -> None:
    lower, upper = sorted(data.draw(st.tuples(numbers(low, high), numbers(low, high))))
    assert compute(lower).value >= compute(upper).value


@pytest.mark.parametrize(("compute", "low", "high"), WORSE_WHEN_HIGHER)
@given(data=st.data())
def test_a_higher_value_never_scores_less(compute: Any, low: int, high: int, data: st.DataObject) -> None:
    lower, upper = sorted(data.draw(st.tuples(numbers(low, high), numbers(low, high))))
    assert compute(lower).value <= compute(upper).value


@given(st.dictionaries(st.text(min_size=1), st.one_of(POINTS, st.none()), min_size=1, max_size=7))
def test_a_total_is_the_sum_or_names_every_blank(parts: dict[str, int | None]) -> None:
    found = total({name: Derived(value) for name, value in parts.items()})
    blank = tuple(name for name, value in parts.items() if value is None)
    known = [value for value in parts.values() if value is not None]
    assert found == (Derived(None, missing=blank) if blank else Derived(sum(known)))


@given(st.lists(POINTS, min_size=7, max_size=7), st.integers(0, 6))
def test_a_blank_component_never_counts_as_nothing(points: list[int], blank: int) -> None:
    names = [
        "respiration_rate", "saturation", "oxygen", "systolic_pressure", "pulse", "consciousness", "temperature",
    ]  # fmt: skip
    parts: dict[str, Derived[int]] = dict(zip(names, map(Derived, points), strict=True))
    parts[names[blank]] = Derived(None, missing=("x",))
    assert news2.news2_total(**parts) == Derived(None, missing=(names[blank],))
    assert news2.news2_risk(**parts).value is None


DOSES = st.one_of(st.none(), numbers(0, 2))


@given(
    st.one_of(st.none(), numbers(20, 150)),
    DOSES,
    DOSES,
    st.one_of(st.none(), numbers(0, 30)),
    MAYBE,
    st.data(),
)
def test_what_is_still_blank_cannot_change_points_that_are_given(
    pressure: Any, norepinephrine: Any, epinephrine: Any, dopamine: Any, dobutamine: Any, data: st.DataObject
) -> None:
    """Points are given only when no answer to what is blank could alter them."""
    found = sofa.cardiovascular(pressure, norepinephrine, epinephrine, dopamine, dobutamine)
    full = [
        data.draw(numbers(20, 150)) if pressure is None else pressure,
        data.draw(numbers(0, 2)) if norepinephrine is None else norepinephrine,
        data.draw(numbers(0, 2)) if epinephrine is None else epinephrine,
        data.draw(numbers(0, 30)) if dopamine is None else dopamine,
        data.draw(st.booleans()) if dobutamine is None else dobutamine,
    ]
    whole = sofa.cardiovascular(*full)
    assert whole.value is not None
    assert found.value in (None, whole.value)
    assert found.is_known is not bool(found.missing)


CPS = st.fixed_dictionaries(
    {
        "dead": MAYBE,
        "hospitalised": MAYBE,
        "ambulatory": st.sampled_from([*AMBULATORY, None]),
        "support": st.sampled_from([*SUPPORTS, None]),
        "pf_mmhg": st.one_of(st.none(), numbers(40, 500)),
        "sf": st.one_of(st.none(), numbers(50, 476)),
        "vasopressors": MAYBE,
        "dialysis": MAYBE,
        "ecmo": MAYBE,
    }
)
ANSWERS: dict[str, Any] = {
    "hospitalised": st.booleans(),
    "ambulatory": st.sampled_from(list(AMBULATORY)),
    "support": st.sampled_from(list(SUPPORTS)),
    "vasopressors": st.booleans(),
    "dialysis": st.booleans(),
    "ecmo": st.booleans(),
}


@given(CPS, st.data())
def test_a_category_is_the_same_whatever_the_blanks_turn_out_to_be(
    known: dict[str, Any], data: st.DataObject
) -> None:
    """Only death, or a blood gas that replaces SpO2/FiO2, may change a proposed category."""
    found = who_cps(**known)
    whole = {name: data.draw(ANSWERS[name]) if known[name] is None else known[name] for name in ANSWERS}
    after = who_cps(**{**known, **whole})
    assert found.value is None or found.value == after.value
    assert sum([found.value is not None, bool(found.missing), bool(found.reason)]) == 1


@given(st.lists(st.integers(0, 5), min_size=5, max_size=5))
def test_the_ct_total_is_the_sum_of_the_lobes(lobes: list[int]) -> None:
    found = lungs.ct_severity({str(place): Decimal(lobe) for place, lobe in enumerate(lobes)})
    assert found.value == sum(lobes)
    assert 0 <= sum(lobes) <= 25


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_the_lung_injury_score_is_the_mean(points: list[int]) -> None:
    found = lungs.murray_total({str(place): Derived(each) for place, each in enumerate(points)})
    assert found.value == Decimal(sum(points)) / len(points)


@given(numbers(20, 700), numbers(21, 100))
def test_oxygenation_is_the_exact_quotient(pao2: Decimal, fio2: Decimal) -> None:
    found = measures.pao2_fio2(pao2, fio2).value
    assert found is not None
    assert abs(found * fio2 / 100 - pao2) < Decimal("1e-20")


@given(st.booleans(), numbers(0, 28))
def test_ventilator_free_days_lie_between_nothing_and_28(dead: bool, ventilated: Decimal) -> None:
    found = days.ventilator_free_days(dead, ventilated).value
    assert found == (0 if dead else 28 - ventilated)
