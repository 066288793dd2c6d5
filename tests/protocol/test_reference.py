"""Which reference range applies, and how a value compares: pure arithmetic (LAB-03, LAB-04)."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.document.items import Item
from protocol.values.reference_ranges import (
    Range,
    RangeBook,
    RangeSubject,
    Side,
    day_before,
    is_laboratory,
    laboratory_of,
    reading,
    sampled_on,
)
from tests.support.protocols.shipped import LIEGE, protocol

RULES = protocol(LIEGE)
HAEMATOLOGY = RULES.form("haematology")
HAEMOGLOBIN = HAEMATOLOGY.item("haemoglobin")
DAY = date(2026, 3, 10)
MAN = RangeSubject("M", 54, DAY)

bounds = st.decimals(min_value=-1000, max_value=1000, places=3)
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2060, 12, 31))
ages = st.integers(min_value=0, max_value=120)


def made(**told: Any) -> Range:
    known = {
        "laboratory": "central",
        "path": "haematology.haemoglobin",
        "unit": "g/L",
        "lower": Decimal(130),
        "upper": Decimal(175),
        "effective_from": date(2026, 1, 1),
    }
    return Range(**{**known, **told})


def find(*ranges: Range, subject: RangeSubject = MAN, on: date | None = DAY, laboratory: str = "central"):
    return RangeBook.of(ranges).find("haematology.haemoglobin", laboratory=laboratory, subject=subject, on=on)


def side(value: Any, **told: Any) -> Side:
    return reading(value, HAEMOGLOBIN, made(**told)).side


def test_a_value_on_a_bound_is_normal_and_one_step_beyond_is_not() -> None:
    """LAB-04: at, just below and just above each bound."""
    assert [side(value) for value in ("129.999999", "130", "130.0", "152", "175", "175.000001")] == [
        "low", "normal", "normal", "normal", "normal", "high",
    ]  # fmt: skip


def test_an_open_bound_never_flags() -> None:
    assert side("1", lower=None) == Side.NORMAL
    assert side("1", upper=None) == Side.LOW
    assert side("9999", upper=None) == Side.NORMAL


def test_without_a_range_a_value_is_not_called_normal() -> None:
    """LAB-03: a missing range is shown as missing."""
    assert reading("150", HAEMOGLOBIN, None).side == Side.NO_RANGE
    assert side("150", unit="mmol/L") == Side.NO_RANGE


def test_without_a_number_there_is_nothing_to_flag() -> None:
    for value in (None, {"missing": "ND"}, ""):
        assert side(value) == Side.NO_VALUE == ""
        assert reading(value, HAEMOGLOBIN, None).side == Side.NO_VALUE


def test_a_range_in_another_unit_is_converted_exactly() -> None:
    """LAB-04: 13.0 to 17.5 g/dL are 130 to 175 g/L, to the last digit."""
    in_dl = {"unit": "g/dL", "lower": Decimal("13.0"), "upper": Decimal("17.5")}
    assert reading("130", HAEMOGLOBIN, made(**in_dl)).low == Decimal(130)
    entered = {"value": "129.999", "entered": "12.9999", "unit": "g/dL"}
    assert side(entered, **in_dl) == Side.LOW
    creatinine = RULES.item("biochemistry.creatinine")
    found = made(path="biochemistry.creatinine", unit="mg/dL", lower=Decimal("0.7"), upper=Decimal("1.2"))
    assert reading("106.104", creatinine, found).side == Side.NORMAL
    assert reading("106.1040000001", creatinine, found).side == Side.HIGH


@given(low=bounds, high=bounds, value=bounds, factor=st.decimals("0.001", "100", places=4))
def test_the_unit_of_the_range_changes_no_flag(
    low: Decimal, high: Decimal, value: Decimal, factor: Decimal
) -> None:
    """LAB-04: the same value and range, both in the other unit, give the same flag."""
    assume(low <= high)
    item = Item.model_validate(
        {
            "name": "x", "type": "decimal", "label": {"en": "X"}, "unit": "g/L",
            "units": [{"unit": "g/dL", "factor": str(factor)}],
        }
    )  # fmt: skip
    fields = {"lower": low, "upper": high}
    plain = reading(_text(value), item, made(**fields)).side
    expected = Side.LOW if value < low else Side.HIGH if value > high else Side.NORMAL
    assert plain == expected
    turned = {"value": _text(value * factor), "entered": _text(value), "unit": "g/dL"}
    assert reading(turned, item, made(**fields, unit="g/dL")).side == plain


def _text(number: Decimal) -> str:
    text = f"{number:f}"
    return "0" if not number else text


def test_the_range_in_force_on_the_day_of_the_sample_applies() -> None:
    """LAB-03: effective dates, the first and the last day included."""
    old = made(effective_from=date(2025, 1, 1), effective_to=date(2025, 12, 31), lower=Decimal(120))
    new = made()
    found = {
        on: find(old, new, on=date.fromisoformat(on)) for on in ("2025-12-31", "2026-01-01", "2024-12-31")
    }
    assert found == {"2025-12-31": old, "2026-01-01": new, "2024-12-31": None}
    assert find(old, new, on=None) is None


def test_the_range_of_the_sex_applies_and_none_where_the_sex_is_not_known() -> None:
    man, woman = made(sex="M"), made(sex="F", lower=Decimal(120))
    assert find(man, woman) == man
    assert find(man, woman, subject=RangeSubject("F", 54, DAY)) == woman
    assert find(man, woman, subject=RangeSubject("", 54, DAY)) is None
    assert find(made(), subject=RangeSubject("", 54, DAY)) == made()


def test_ages_are_half_open() -> None:
    """LAB-03: from 18 up to but not including 65."""
    adult = made(age_from=18, age_to=65)
    found = {age: find(adult, subject=RangeSubject("M", age, DAY)) for age in (17, 18, 64, 65)}
    assert found == {17: None, 18: adult, 64: adult, 65: None}
    assert find(adult, subject=RangeSubject("M", None, None)) is None
    for told in ({"age_to": 65}, {"age_from": 18}):
        assert find(made(**told), subject=RangeSubject("M", None, None)) is None
    assert RangeSubject("M", 54, None).ages(DAY) is None
    assert RangeSubject("M", None, DAY).ages(DAY) is None
    assert find(made(), subject=RangeSubject("M", None, None)) == made()


def test_an_age_that_may_have_turned_since_is_not_guessed() -> None:
    """A patient aged 64 at screening may be 65 on the day of the sample: no range applies for sure."""
    young, old = made(age_to=65), made(age_from=65)
    subject = RangeSubject("M", 64, DAY)
    assert subject.ages(DAY) == (64,)
    assert subject.ages(DAY + timedelta(days=1)) == (64, 65)
    assert subject.ages(DAY - timedelta(days=1)) == (63, 64)
    assert subject.ages(date(2027, 3, 10)) == (65,)
    assert find(young, old, subject=subject) == young
    assert find(young, old, subject=subject, on=DAY + timedelta(days=30)) is None
    assert find(young, subject=subject, on=DAY + timedelta(days=30)) is None
    assert find(old, subject=subject, on=DAY + timedelta(days=30)) is None
    assert find(young, old, subject=RangeSubject("M", 54, DAY), on=DAY + timedelta(days=30)) == young


@given(age=ages, born=days, then=days, on=days)
def test_the_possible_ages_hold_the_true_one(age: int, born: date, then: date, on: date) -> None:
    assume(born <= then)
    assume(born <= on)
    result = _completed(born, then)
    found = RangeSubject("M", result, then).ages(on)
    assert found is not None
    assert _completed(born, on) in found


def _completed(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


@given(st.lists(st.tuples(ages, ages, days, days, st.sampled_from(["", "F", "M"])), max_size=6), ages, days)
def test_of_ranges_that_do_not_overlap_at_most_one_applies(rows: Any, age: int, on: date) -> None:
    kept: list[Range] = []
    for first, last, start, stop, sex in rows:
        new = made(
            sex=sex, age_from=min(first, last), age_to=max(first, last) + 1,
            effective_from=min(start, stop), effective_to=max(start, stop),
        )  # fmt: skip
        if not any(new.overlaps(other) for other in kept):
            kept.append(new)
    for sex in ("F", "M"):
        assert sum(each.is_for(sex, (age,), on) for each in kept) <= 1


@given(st.tuples(ages, ages, days, days), st.tuples(ages, ages, days, days), ages, days)
def test_two_ranges_that_hold_together_overlap(one: Any, other: Any, age: int, on: date) -> None:
    first, second = (
        made(age_from=min(a, b), age_to=max(a, b) + 1, effective_from=min(c, d), effective_to=max(c, d))
        for a, b, c, d in (one, other)
    )
    assert first.overlaps(second) == second.overlaps(first)
    if all(each.is_for("M", (age,), on) for each in (first, second)):
        assert first.overlaps(second)


def test_two_ranges_that_would_both_apply_give_none() -> None:
    assert find(made(), made(lower=Decimal(100))) is None


def test_the_day_is_that_of_the_sample_before_that_of_the_visit() -> None:
    values = {"sampled_at": "2025-12-31T23:50+01:00[Europe/Brussels]", "haemoglobin": "125"}
    old = made(effective_from=date(2025, 1, 1), effective_to=date(2025, 12, 31), lower=Decimal(120))
    book = RangeBook.of([old, made()], "central")
    assert sampled_on(HAEMATOLOGY, values) == date(2025, 12, 31)
    read = book.read(HAEMATOLOGY, values, subject=MAN, day=DAY)
    assert read["haemoglobin"].side == Side.NORMAL
    del values["sampled_at"]
    assert book.read(HAEMATOLOGY, values, subject=MAN, day=DAY)["haemoglobin"].side == Side.LOW
    assert book.read(HAEMATOLOGY, values, subject=MAN, day=None)["haemoglobin"].side == Side.NO_RANGE


def test_a_form_may_name_its_laboratory_and_the_default_never_replaces_it() -> None:
    raw = HAEMATOLOGY.model_dump(by_alias=True)
    asks = {"name": "laboratory", "type": "choice", "label": {"en": "Laboratory"}, "choices": [
        {"code": "central", "label": {"en": "Central"}}, {"code": "night", "label": {"en": "Night"}},
    ]}  # fmt: skip
    form = type(HAEMATOLOGY).model_validate({**raw, "items": [asks, *raw["items"]]})
    assert laboratory_of(HAEMATOLOGY, {}, "central") == "central"
    assert laboratory_of(form, {"laboratory": "night"}, "central") == "night"
    assert laboratory_of(form, {}, "central") == ""
    book = RangeBook.of([made(), made(laboratory="night", lower=Decimal(100))], "central")
    values = {"haemoglobin": "110"}
    found = {
        name: book.read(form, {**values, **text}, subject=MAN, day=DAY)["haemoglobin"].side
        for name, text in {
            "central": {"laboratory": "central"}, "night": {"laboratory": "night"}, "blank": {},
            "unknown": {"laboratory": {"missing": "UNK"}},
        }.items()
    }  # fmt: skip
    assert found == {"central": "low", "night": "normal", "blank": "no_range", "unknown": "no_range"}


def test_the_bounds_of_a_reading_are_in_the_unit_of_the_item() -> None:
    """What applied is shown as it was compared, exactly."""
    found = reading("1", HAEMOGLOBIN, made(unit="g/dL", lower=Decimal("13.05"), upper=None))
    assert (found.side, found.low, found.high) == (Side.LOW, Decimal("130.50"), None)


def test_a_range_follows_another_of_the_same_kind_only() -> None:
    """A new range ends the old one of its laboratory, item, sex and ages; other bounds and units are no other kind."""
    assert made().is_same_kind(made(lower=Decimal(1), unit="g/dL", effective_from=date(2030, 1, 1)))
    others: list[dict[str, Any]] = [
        {"laboratory": "night"}, {"path": "haematology.platelets"}, {"sex": "F"}, {"age_from": 1}, {"age_to": 18},
    ]  # fmt: skip
    assert [made().is_same_kind(made(**told)) for told in others] == [False] * 5
    assert day_before(date(2026, 3, 1)) == date(2026, 2, 28)


def test_only_items_of_a_laboratory_are_read_and_never_without_one() -> None:
    """LAB-03: a form that does not name its laboratory has no range."""
    from protocol.values.reference_ranges import laboratory_items

    book = RangeBook.of([made(), made(laboratory="")], "central")
    read = book.read(HAEMATOLOGY, {"haemoglobin": "150"}, subject=MAN, day=DAY)
    assert list(read) == [item.name for item in laboratory_items(HAEMATOLOGY)]
    assert book.read(RULES.form("vitals"), {}, subject=MAN, day=DAY) == {}
    assert find(made(laboratory=""), laboratory="") is None


def test_a_sample_is_dated_by_a_whole_day_and_immunology_counts_as_a_laboratory() -> None:
    item = {"name": "on", "type": "partial_date", "label": {"en": "On"}}
    raw = {**HAEMATOLOGY.model_dump(by_alias=True), "cdisc_domain": "CP"}
    form = type(HAEMATOLOGY).model_validate({**raw, "items": [item, *raw["items"]]})
    assert is_laboratory(form, form.item("haemoglobin"))
    assert sampled_on(form, {"on": "2026-03"}) is None
    assert sampled_on(
        form, {"on": "2026-03", "sampled_at": "2026-03-11T08:00+01:00[Europe/Brussels]"}
    ) == date(2026, 3, 11)


def test_a_reading_flags_only_what_lies_outside() -> None:
    found = {value: reading(value, HAEMOGLOBIN, made()).flag for value in ("129", "150", "176")}
    assert found == {"129": "low", "150": "", "176": "high"}
    assert reading("150", HAEMOGLOBIN, None).flag == ""


def test_only_numbers_of_the_laboratory_are_evaluated() -> None:
    """Vital signs keep their soft limits; FiO2 beside a gas is a setting, not a result."""
    from protocol.values.reference_ranges import laboratory_items

    assert laboratory_items(RULES.form("vitals")) == []
    named = {item.name for item in laboratory_items(RULES.form("blood_gas"))}
    assert named == {"pao2", "pf_ratio", "paco2", "ph", "bicarbonate", "lactate"}


class TestOneBound:
    """LAB-03: many laboratories give only an upper limit."""

    def test_a_range_with_one_bound_is_a_range(self) -> None:
        assert reading("150", HAEMOGLOBIN, made(lower=None)).has_range
        assert reading("150", HAEMOGLOBIN, made(upper=None)).has_range
        assert not reading("150", HAEMOGLOBIN, None).has_range

    def test_the_one_bound_is_converted_and_the_other_stays_open(self) -> None:
        above = reading("150", HAEMOGLOBIN, made(unit="g/dL", lower=None, upper=Decimal("14.9")))
        assert (above.side, above.low, above.high) == (Side.HIGH, None, Decimal("149.0"))
        below = reading("150", HAEMOGLOBIN, made(unit="g/dL", lower=Decimal("15.1"), upper=None))
        assert (below.side, below.low, below.high) == (Side.LOW, Decimal("151.0"), None)

    def test_a_bound_of_zero_is_a_bound(self) -> None:
        assert side("-0.1", lower=Decimal(0), upper=None) == Side.LOW
        assert reading("1", HAEMOGLOBIN, made(lower=None, upper=Decimal(0))).has_range


class TestNoUnit:
    """An item without a unit takes a range without one, and no other."""

    PLAIN = HAEMOGLOBIN.model_copy(update={"unit": None, "units": ()})

    def test_a_range_without_a_unit_applies_to_an_item_without_one(self) -> None:
        found = reading("120", self.PLAIN, made(unit=""))
        assert (found.side, found.low, found.high) == (Side.LOW, Decimal(130), Decimal(175))

    def test_a_range_in_a_unit_does_not(self) -> None:
        assert reading("120", self.PLAIN, made(unit="g/L")).side == Side.NO_RANGE

    def test_a_range_without_a_unit_does_not_apply_to_an_item_with_one(self) -> None:
        assert reading("120", HAEMOGLOBIN, made(unit="")).side == Side.NO_RANGE


class TestOverlap:
    """Two ranges overlap if one value could have both: same laboratory and item, common sex, ages and days."""

    END = date(2026, 6, 30)

    def test_the_last_day_is_included(self) -> None:
        ended = made(effective_to=self.END)
        assert ended.overlaps(made(effective_from=self.END))
        assert made(effective_from=self.END).overlaps(ended)
        assert not ended.overlaps(made(effective_from=date(2026, 7, 1)))
        assert not made(effective_from=date(2026, 7, 1)).overlaps(ended)

    def test_the_last_age_is_not(self) -> None:
        young = made(age_to=18)
        assert young.overlaps(made(age_from=17))
        assert made(age_from=17).overlaps(young)
        assert not young.overlaps(made(age_from=18))
        assert not made(age_from=18).overlaps(young)

    def test_a_range_for_both_sexes_meets_that_of_one(self) -> None:
        assert made().overlaps(made(sex="F"))
        assert made(sex="F").overlaps(made())
        assert made(sex="F").overlaps(made(sex="F"))
        assert not made(sex="F").overlaps(made(sex="M"))

    def test_another_laboratory_or_item_never_meets(self) -> None:
        assert made().overlaps(made())
        assert not made().overlaps(made(laboratory="night"))
        assert not made().overlaps(made(path="haematology.platelets"))

    def test_of_two_ranges_that_both_apply_neither_is_read(self) -> None:
        """LAB-03: an overlap that slipped in gives no range, never one of the two."""
        assert find(made(), made(sex="M")) is None
        assert find(made(), made(sex="F")) == made()
