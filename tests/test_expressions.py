"""Expressions: three-valued logic, dates as intervals, exact decimals, mistakes with their place."""

import datetime as dt
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.expression_syntax import DEEPEST, LONGEST
from trials.expressions import (
    DAY,
    INSTANT,
    LOGIC,
    NUMBER,
    TEXT,
    TIME,
    YES_NO,
    ExpressionError,
    ItemKind,
    Kind,
    Undetermined,
    compile_expression,
)

NAMES = {
    "rr": NUMBER,
    "spo2": NUMBER,
    "weight": NUMBER,
    "sex": ItemKind(Kind.TEXT, ("F", "M")),
    "pregnant": YES_NO,
    "remark": TEXT,
    "taken_at": TIME,
    "ct_on": DAY,
    "born": DAY,
    "started_at": INSTANT,
    "ended_at": INSTANT,
    "signs": ItemKind(Kind.CODES, ("FEVER", "COUGH")),
    "doses": ItemKind(Kind.ROWS, columns={"mg": NUMBER, "on": DAY}),
    "labs.ferritin": NUMBER,
    "subject.inclusion_on": DAY,
    "subject.consent_at": INSTANT,
}


def answer(source: str, gives: ItemKind = LOGIC, decimals: int | None = None, **values: Any) -> Any:
    """What an expression says of captured values; `__` stands for the point of a name."""
    known = {name.replace("__", "."): value for name, value in values.items()}
    expression = compile_expression(source, NAMES, gives=gives, decimals=decimals, zone="Europe/Brussels")
    return expression.evaluate(known)


def needs(source: str, **values: Any) -> list[str]:
    """What an undetermined expression still needs."""
    found = answer(source, **values)
    assert isinstance(found, Undetermined)
    return list(found.needs)


# --- three values


def test_a_low_saturation_decides_although_the_respiratory_rate_was_not_measured() -> None:
    assert answer("rr >= 30.0 || spo2 <= 93.0", spo2="92") is True


def test_a_normal_saturation_alone_leaves_the_criterion_undetermined_and_names_the_rate() -> None:
    assert needs("rr >= 30.0 || spo2 <= 93.0", spo2="95") == ["rr"]


def test_a_missing_code_is_not_an_answer() -> None:
    """DAT-02: not done is neither yes nor no."""
    assert needs("pregnant == 'Y'", pregnant={"missing": "ND"}) == ["pregnant"]
    assert needs("pregnant != 'Y'", pregnant={"missing": "NA", "reason": "male"}) == ["pregnant"]


@pytest.mark.parametrize("blank", [None, "", []])
@pytest.mark.parametrize(
    "source", ["sex == 'F'", "sex != 'F'", "!(sex == 'F')", "sex in ['F']", "count(signs) > 0.0"]
)
def test_a_blank_never_means_no(source: str, blank: Any) -> None:
    assert isinstance(answer(source, sex=blank, signs=blank), Undetermined)


def test_undetermined_cannot_be_used_as_a_condition() -> None:
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(Undetermined(("rr",)))


def test_only_what_could_still_decide_is_asked_for() -> None:
    source = "(sex == 'F' && pregnant == 'Y') || (weight > 100.0 && rr > 30.0)"
    assert needs(source, sex="M", weight="120") == ["rr"]
    assert needs(source, sex="F", weight="80") == ["pregnant"]
    assert needs(source) == ["sex", "pregnant", "weight", "rr"]


def test_a_choice_between_two_answers_waits_for_its_condition_then_for_its_branch() -> None:
    source = "sex == 'F' ? pregnant == 'Y' : rr > 30.0"
    assert needs(source, pregnant="Y", rr="40") == ["sex"]
    assert needs(source, sex="M", pregnant="Y") == ["rr"]
    assert answer(source, sex="M", rr="31") is True


def test_a_value_that_cannot_be_read_decides_nothing() -> None:
    for broken in ("twelve", "nan", "1e999", True, [1]):
        assert needs("rr > 3.0", rr=broken) == ["rr"]
    assert needs("before(ct_on, '2021-01-01')", ct_on="2021-02-31") == ["ct_on"]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("2021-02")
PARTS = st.sampled_from(["value", "missing", "mg", "on"])
STORED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS, inner, max_size=2),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), STORED))
def test_whatever_is_stored_an_expression_answers_or_is_undetermined(values: dict[str, Any]) -> None:
    """A damaged record never breaks a page: what cannot be read decides nothing."""
    for source in (
        "rr > 1.0 && spo2 / rr < 2.0 && sex == 'F' && remark.contains('a') && taken_at < '10:00'",
        "before(ct_on, born) || hours(started_at, ended_at) > 1.0 || years(born, ct_on) >= 18.0",
        "'FEVER' in signs || count(signs) > 2.0 || doses.exists(d, d.mg > 1.0 || before(d.on, ct_on))",
    ):
        found = compile_expression(source, NAMES).evaluate(values)
        assert isinstance(found, bool) or found.needs is not None


def test_a_division_by_zero_is_undetermined_and_never_infinite() -> None:
    assert needs("rr / spo2 <= 300.0", rr="60", spo2="0") == ["rr", "spo2"]
    assert isinstance(answer("rr / (spo2 - 5.0)", NUMBER, rr="60", spo2="5"), Undetermined)
    assert answer("rr > 70.0 || rr / spo2 > 1.0", rr="80", spo2="0") is True


@dataclass(frozen=True)
class Tree:
    """A logic tree over `a` to `e`: its CEL text and what Kleene's tables say of it."""

    text: str
    decide: Any


def _atom(name: str) -> Tree:
    return Tree(f"{name} == 'Y'", lambda known: {"Y": True, "N": False}.get(known.get(name, "")))


def _not(tree: Tree) -> Tree:
    def decide(known: Any) -> Any:
        value = tree.decide(known)
        return None if value is None else not value

    return Tree(f"!({tree.text})", decide)


def _both(left: Tree, right: Tree) -> Tree:
    def decide(known: Any) -> Any:
        values = (left.decide(known), right.decide(known))
        return False if False in values else None if None in values else True

    return Tree(f"(({left.text}) && ({right.text}))", decide)


def _either(left: Tree, right: Tree) -> Tree:
    def decide(known: Any) -> Any:
        values = (left.decide(known), right.decide(known))
        return True if True in values else None if None in values else False

    return Tree(f"(({left.text}) || ({right.text}))", decide)


def _chosen(condition: Tree, then: Tree, otherwise: Tree) -> Tree:
    def decide(known: Any) -> Any:
        value = condition.decide(known)
        return None if value is None else then.decide(known) if value else otherwise.decide(known)

    return Tree(f"(({condition.text}) ? ({then.text}) : ({otherwise.text}))", decide)


LETTERS = "abcde"
LOGIC_NAMES = dict.fromkeys(LETTERS, YES_NO)
ATOMS = st.sampled_from(LETTERS).map(_atom)
TREES = st.recursive(
    ATOMS,
    lambda inner: (
        inner.map(_not)
        | st.builds(_both, inner, inner)
        | st.builds(_either, inner, inner)
        | st.builds(_chosen, inner, inner, inner)
    ),
    max_leaves=8,
)
KNOWN = st.dictionaries(st.sampled_from(LETTERS), st.sampled_from("YN"))


@given(TREES, KNOWN)
def test_logic_follows_kleenes_tables(tree: Tree, known: dict[str, str]) -> None:
    found = compile_expression(tree.text, LOGIC_NAMES).evaluate(known)
    expected = tree.decide(known)
    assert found is expected if expected is not None else isinstance(found, Undetermined)


@given(TREES, KNOWN, KNOWN)
def test_a_further_answer_never_turns_a_decided_one(
    tree: Tree, known: dict[str, str], later: dict[str, str]
) -> None:
    expression = compile_expression(tree.text, LOGIC_NAMES)
    first = expression.evaluate(known)
    if not isinstance(first, Undetermined):
        assert expression.evaluate({**later, **known}) is first


@given(TREES, KNOWN, KNOWN)
def test_what_is_needed_decides_and_nothing_else_could(
    tree: Tree, known: dict[str, str], later: dict[str, str]
) -> None:
    expression = compile_expression(tree.text, LOGIC_NAMES)
    found = expression.evaluate(known)
    if not isinstance(found, Undetermined):
        return
    unasked = {name: value for name, value in later.items() if name not in found.needs}
    assert isinstance(expression.evaluate({**unasked, **known}), Undetermined)
    while isinstance(found, Undetermined):
        assert found.needs
        assert not set(found.needs) & set(known)
        known = {**known, **dict.fromkeys(found.needs, "Y")}
        found = expression.evaluate(known)


CELLS = st.lists(
    st.fixed_dictionaries({}, optional={"mg": st.sampled_from(["0", "1", "2"])}), min_size=1, max_size=4
)


@given(CELLS)
def test_conditions_over_rows_follow_kleenes_tables(doses: list[dict[str, str]]) -> None:
    over = [float(row["mg"]) > 1.0 if "mg" in row else None for row in doses]
    some = True if True in over else None if None in over else False
    every = False if False in over else None if None in over else True
    one = False if over.count(True) > 1 else None if None in over else over.count(True) == 1
    for source, expected in (("exists", some), ("all", every), ("exists_one", one)):
        found = answer(f"doses.{source}(dose, dose.mg > 1.0)", doses=doses)
        assert found is expected if expected is not None else isinstance(found, Undetermined)


def test_rows_are_counted_whole_or_by_a_condition() -> None:
    doses = [{"mg": "2.0", "on": "2021-01-05"}, {"mg": "0.5"}]
    assert answer("count(doses)", NUMBER, 0, doses=doses) == 2
    assert answer("count(doses.filter(dose, dose.mg > 1.0)) == 1.0", doses=doses) is True
    assert needs("doses.all(dose, before(dose.on, ct_on))", doses=doses, ct_on="2021-02-01") == ["doses.on"]


def test_conditions_are_counted_when_all_are_known() -> None:
    source = "count(rr > 20.0, spo2 < 90.0, pregnant == 'Y') >= 2.0"
    assert answer(source, rr="25", spo2="88", pregnant="N") is True
    assert needs(source, rr="25", spo2="88") == ["pregnant"]


# --- the past


def test_a_rising_value_is_compared_with_the_record_before() -> None:
    source = "labs.ferritin > previous(labs.ferritin)"
    values = {"labs__ferritin": "900", "previous(labs__ferritin)": "700"}
    assert answer(source, **values) is True
    assert needs(source, labs__ferritin="900") == ["previous(labs.ferritin)"]


def test_an_expression_tells_what_it_reads_now_and_from_the_past() -> None:
    source = "rr > previous(rr) && last('labs.ferritin') > 5.0 && doses.exists(dose, dose.mg > weight)"
    expression = compile_expression(source, NAMES)
    assert expression.references == {"rr", "doses", "weight"}
    assert expression.previous == {"rr"}
    assert expression.last == {"labs.ferritin"}


# --- dates


def test_days_are_calendar_days_on_the_clock_of_the_site() -> None:
    """23:30 in Brussels is the same day there, although the next day has begun further east."""
    late = "2021-01-10T23:30+01:00[Europe/Brussels]"
    assert answer("days(ct_on, started_at)", NUMBER, ct_on="2021-01-01", started_at=late) == 9
    assert answer("days(started_at, ct_on)", NUMBER, ct_on="2021-01-01", started_at=late) == -9


def test_hours_are_elapsed_hours_across_a_change_of_the_clocks() -> None:
    """The night of 28 March 2021 has 23 hours in Brussels."""
    before = "2021-03-27T20:00+01:00[Europe/Brussels]"
    after = "2021-03-28T20:00+02:00[Europe/Brussels]"
    assert answer("hours(started_at, ended_at)", NUMBER, started_at=before, ended_at=after) == 23
    assert needs("hours(started_at, ended_at) > 1.0", started_at="2021-03-27", ended_at=after) == [
        "started_at"
    ]


def test_a_year_of_birth_decides_an_age_that_every_birthday_would_give() -> None:
    """DAT-05: nothing is imputed; 1960 makes somebody 60 or 61 in June 2021."""
    born = {"born": "1960", "subject__inclusion_on": "2021-06-15"}
    age = "years(born, subject.inclusion_on)"
    assert answer(f"{age} >= 18.0 && {age} <= 70.0", **born) is True
    assert answer(f"{age} < 60.0", **born) is False
    assert needs(f"{age} >= 61.0", **born) == ["born"]
    assert needs(f"{age} == 60.0", **born) == ["born"]
    assert answer(f"{age} == 40.0", **born) is False
    assert isinstance(answer(age, NUMBER, **born), Undetermined)


def test_days_to_a_partial_date_are_undetermined() -> None:
    assert needs(
        "days(ct_on, subject.inclusion_on) > 10.0", ct_on="2021-01", subject__inclusion_on="2021-03-01"
    )


def test_a_date_without_time_is_undecided_within_its_day() -> None:
    at = "2021-01-05T10:00+01:00[Europe/Brussels]"
    assert isinstance(answer("before(started_at, ct_on)", started_at=at, ct_on="2021-01-05"), Undetermined)
    assert answer("on_or_before(started_at, ct_on)", started_at=at, ct_on="2021-01-05") is True
    assert answer("before(started_at, ct_on)", started_at=at, ct_on="2021-01-06") is True
    assert answer("before(ct_on, ct_on)", ct_on="2021-01-05") is False


def test_two_moments_known_by_their_day_alone_are_undecided() -> None:
    day = {"started_at": "2021-01-05", "ended_at": "2021-01-05"}
    assert isinstance(answer("before(started_at, ended_at)", **day), Undetermined)
    assert answer("on_or_before(started_at, ended_at)", **day) is True


def test_dates_of_the_database_are_understood() -> None:
    consent = dt.datetime(2021, 1, 4, 23, 30, tzinfo=dt.UTC)
    known = {"subject__consent_at": consent, "subject__inclusion_on": dt.date(2021, 1, 5)}
    assert answer("days(subject.consent_at, subject.inclusion_on)", NUMBER, **known) == 0


def test_a_written_date_can_be_compared_with() -> None:
    assert answer("before(ct_on, '2021-02-01')", ct_on="2021-01") is True
    assert answer("on_or_before('2020', ct_on)", ct_on="2021-01") is True


@st.composite
def partial_days(draw: Any) -> tuple[str, dt.date]:
    """A partial date and one of the days it may stand for."""
    day = draw(st.dates(dt.date(2019, 11, 1), dt.date(2022, 2, 28)))
    return day.isoformat()[: draw(st.sampled_from([4, 7, 10]))], day


@given(partial_days(), partial_days())
def test_what_partial_dates_decide_holds_for_every_day_they_may_be(
    first: tuple[str, dt.date], second: tuple[str, dt.date]
) -> None:
    for source in ("before(ct_on, born)", "on_or_before(ct_on, born)", "years(ct_on, born) >= 1.0"):
        vague = answer(source, ct_on=first[0], born=second[0])
        exact = answer(source, ct_on=first[1].isoformat(), born=second[1].isoformat())
        assert isinstance(exact, bool)
        assert isinstance(vague, Undetermined) or vague is exact


# --- numbers


def test_a_number_entered_in_another_unit_counts_in_the_units_of_the_item() -> None:
    assert answer("weight > 80.0", weight={"value": "81.6", "entered": "180", "unit": "lb"}) is True


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [("2.345", 2, "2.35"), ("-2.345", 2, "-2.35"), ("0.1", 0, "0"), ("-0.1", 0, "0"), ("36.50", 1, "36.5")],
)
def test_calculations_are_rounded_half_up_to_the_decimals_of_the_item(
    value: str, decimals: int, expected: str
) -> None:
    found = answer("weight * 1.0", NUMBER, decimals, weight=value)
    assert str(found) == expected


NUMBERS = st.decimals(-10_000, 10_000, places=3)


@given(NUMBERS, NUMBERS, NUMBERS, st.integers(0, 6))
def test_a_calculation_is_the_decimal_that_its_float_prints_as(
    a: Decimal, b: Decimal, c: Decimal, decimals: int
) -> None:
    found = answer(
        "(rr + 2.0 * spo2) / 3.0 - weight", NUMBER, decimals, rr=str(a), spo2=str(b), weight=str(c)
    )
    exact = Decimal(repr((float(a) + 2.0 * float(b)) / 3.0 - float(c)))
    assert found == exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, Context(prec=60))


@given(NUMBERS, NUMBERS)
def test_a_quotient_is_decided_exactly_when_the_divisor_is_not_zero(a: Decimal, b: Decimal) -> None:
    found = answer("rr / spo2", NUMBER, rr=str(a), spo2=str(b))
    if b == 0:
        assert isinstance(found, Undetermined)
    else:
        assert found == Decimal(repr(float(a) / float(b)))


def test_arithmetic_that_has_no_answer_is_undetermined() -> None:
    for source in ("sqrt(rr)", "log(rr)", "pow(rr, 0.5)"):
        assert isinstance(answer(source, NUMBER, rr="-1"), Undetermined)
    assert isinstance(answer("rr * 1e300 * 1e300", NUMBER, rr="1"), Undetermined)
    assert answer("max(rr, spo2, 3.0) - min(rr, spo2) + abs(rr)", NUMBER, 0, rr="-2", spo2="1") == 7
    assert math.isclose(answer("sqrt(rr)", NUMBER, rr="2"), 2**0.5)


# --- text, times, choices


def test_texts_and_times_are_compared_as_they_are_written() -> None:
    assert (
        answer("remark.startsWith('Stable') && remark.matches('night$')", remark="Stable overnight") is True
    )
    assert answer("taken_at < '14:05'", taken_at="09:00") is True
    assert answer("sex in ['F', 'M'] && 'FEVER' in signs", sex="M", signs=["COUGH", "FEVER"]) is True
    assert answer("sex == 'F' ? 'she' : 'he'", TEXT, sex="F") == "she"


# --- mistakes

MISTAKES = [
    ("rr >= 18", 7, "write 18.0"),
    ("rr >= 18.0 &&", 14, "ends too early"),
    ("rr = 18.0", 4, "write =="),
    ("(rr > 1.0", 10, "expected ')'"),
    ("rr > 1.0)", 9, "not expected"),
    ("rr > 1.0 # note", 10, "no meaning"),
    ("respiration > 1.0", 1, "unknown name 'respiration'"),
    ("spo > 1.0", 1, "did you mean 'spo2'?"),
    ("spo2 > 1.0 && rate(rr) > 1.0", 15, "unknown function 'rate'"),
    ("has(rr)", 1, "undetermined"),
    ("rr == null", 7, "undetermined"),
    ("size(signs) > 1.0", 1, "count()"),
    ("sex == 'male'", 8, "there are F, M"),
    ("sex in ['F', 'X']", 14, "there are F, M"),
    ("'COLD' in signs", 1, "there are FEVER, COUGH"),
    ("signs == 'FEVER'", 7, "'CODE' in item"),
    ("pregnant", 1, "write pregnant == 'Y'"),
    ("pregnant && rr > 1.0", 1, "write pregnant == 'Y'"),
    ("!rr", 2, "needs a condition"),
    ("-sex", 1, "needs a number"),
    ("rr == 'a'", 4, "cannot compare"),
    ("rr < sex", 4, "cannot compare"),
    ("true || rr < 'a'", 12, "cannot compare"),
    ("rr + sex > 1.0", 6, "needs numbers"),
    ("ct_on - born > 1.0", 1, "days(a, b)"),
    ("rr % 2.0 == 0.0", 4, "whole numbers"),
    ("ct_on < born", 7, "before(a, b)"),
    ("before(ct_on, '5 May')", 15, "write a date"),
    ("before(ct_on, rr)", 15, "takes date"),
    ("before(ct_on)", 1, "takes 2 values"),
    ("taken_at > '9 h'", 12, "write a time"),
    ("previous(rr + 1.0) > 1.0", 1, "takes one item"),
    ("previous(subject.inclusion_on) == 1.0", 10, "item of a form"),
    ("rr.exists(x, x.y > 1.0)", 4, "repeating rows"),
    ("doses.exists(rr, rr.mg > 1.0)", 7, "another name"),
    ("doses.exists(dose, dose.ml > 1.0)", 20, "unknown name 'dose.ml'"),
    ("doses.map(dose, dose.mg)", 7, "unknown method"),
    ("remark.matches('(')", 16, "pattern"),
    ("sex == 'F' ? 1.0 : 'a'", 12, "one answer is"),
    ("rr", 1, "a logic is needed"),
    ("signs[0] == 'FEVER'", 6, "not part of"),
    ("rr > 1e999", 6, "too large"),
    ("['F', 1.0] == sex", 1, "a list holds"),
    ("", 1, "ends too early"),
]


@pytest.mark.parametrize(("source", "column", "words"), MISTAKES)
def test_a_bad_expression_is_refused_with_its_place(source: str, column: int, words: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(source, NAMES)
    assert (refused.value.column, words in refused.value.message) == (column, True), str(refused.value)


def test_an_expression_too_deep_or_too_long_is_refused_before_it_exhausts_the_stack() -> None:
    deep = "(" * (DEEPEST + 1) + "rr > 1.0" + ")" * (DEEPEST + 1)
    long = " && ".join(["rr > 1.0"] * (LONGEST + 5))
    nested = "1.0 / (rr / " * (DEEPEST - 2) + "rr" + ")" * (DEEPEST - 2) + " > 0.0"
    for source in (deep, long, "!" * 300 + "(rr > 1.0)"):
        with pytest.raises(ExpressionError, match="use a definition"):
            compile_expression(source, NAMES)
    assert answer(nested, rr="2") is True


@given(st.text(alphabet="ab.rs()[]!&|<>=?:+-*/'\"0123 \\,{}", max_size=30))
def test_any_text_compiles_or_is_refused_with_a_place(source: str) -> None:
    column = 1
    try:
        compile_expression(source, NAMES)
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(source) + 1


# --- definitions


def test_a_definition_stands_for_its_expression() -> None:
    names = {**NAMES, "definition.hypoxic": LOGIC}
    expression = compile_expression(
        "definition.hypoxic && sex == 'F'", names, definitions={"hypoxic": "spo2 <= 93.0 || rr >= 30.0"}
    )
    assert expression.references == {"spo2", "rr", "sex"}
    assert expression.evaluate({"spo2": "90", "sex": "F"}) is True
    assert expression.evaluate({"spo2": "95", "sex": "F"}) == Undetermined(("rr",))


def test_a_definition_that_needs_itself_is_refused() -> None:
    names = {**NAMES, "definition.a": LOGIC}
    with pytest.raises(ExpressionError, match="itself"):
        compile_expression("definition.a", names, definitions={"a": "rr > 1.0 || definition.a"})


def test_one_expression_serves_many_threads() -> None:
    expression = compile_expression("rr >= 30.0 || spo2 <= 93.0", NAMES)
    values = [{"rr": str(rate), "spo2": "95"} for rate in range(20, 40)] * 20
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(expression.evaluate, values))
    assert found == [float(value["rr"]) >= 30 for value in values]
