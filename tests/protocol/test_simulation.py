"""Invented values: the same from the same seed, of the right type, plausible, only for items that are shown."""

from dataclasses import replace
from datetime import UTC, date, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.checking.loading import load
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.simulation.answers import Simulation, simulated_eligible, simulated_values
from protocol.values.labels import typed
from protocol.values.parsing import Clock, flag, is_missing, limit_findings, parse
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, THIRD, protocol

SLUGS = [LIEGE, COVID_MSV, THIRD]
SEEDS = st.integers(0, 2**32)
FORMS = st.sampled_from([(slug, form) for slug in SLUGS for form in protocol(slug).forms])
SUBJECT = {
    "screened_on": date(2021, 3, 1),
    "inclusion_on": date(2021, 3, 1),
    "first_consent_at": datetime(2021, 2, 28, 9, 0, tzinfo=UTC),
    "first_consent_type": "patient",
    "consent_at": datetime(2021, 2, 28, 9, 0, tzinfo=UTC),
    "consent_type": "patient",
}


def cells(rules: Protocol, code: str, values: dict[str, Any]) -> list[tuple[Item, Any]]:
    """Yield each value with its item, including the cells of rows."""
    found: list[tuple[Item, Any]] = []
    for name, value in values.items():
        item = rules.form(code).item(name)
        if item.type == "rows":
            found += [(item.column(column), cell) for row in value for column, cell in row.items()]
        else:
            found.append((item, value))
    return found


@given(FORMS, SEEDS)
def test_the_same_seed_gives_the_same_answers(place: tuple[str, str], seed: int) -> None:
    rules = protocol(place[0])
    first, second = (simulated_values(rules.form(place[1]), Random(seed), rules) for _ in range(2))
    assert first == second


@given(FORMS, SEEDS)
def test_what_is_made_could_have_been_typed_and_lies_inside_the_limits(
    place: tuple[str, str], seed: int
) -> None:
    rules = protocol(place[0])
    clock = Clock(zone=rules.trial.site.time_zone)
    values = simulated_values(
        rules.form(place[1]), Random(seed), rules, simulation=Simulation(missing_rate=0.1)
    )
    for item, value in cells(rules, place[1], values):
        assert parse(typed(value, item), item, clock) == value
        assert limit_findings(value, item) == ()


@given(FORMS, SEEDS)
def test_only_what_is_asked_is_answered_and_what_is_needed_is(place: tuple[str, str], seed: int) -> None:
    rules, code = protocol(place[0]), place[1]
    values = simulated_values(rules.form(code), Random(seed), rules)
    form = rules_of(rules).form(code)
    scope = Scope(values, form=code)
    scope = scope.with_values(form.with_calculated(scope))
    assert set(values) <= form.shown(scope)
    assert form.required(scope) <= set(values)
    assert not any(rules.form(code).item(name).is_calculated for name in values)


@settings(max_examples=30)
@given(FORMS, SEEDS)
def test_hardly_ever_is_a_check_of_the_form_broken(place: tuple[str, str], seed: int) -> None:
    rules, code = protocol(place[0]), place[1]
    broken = 0
    for each in range(seed, seed + 5):
        scope = Scope(simulated_values(rules.form(code), Random(each), rules), form=code)
        form = rules_of(rules).form(code)
        broken += bool(form.fired(scope.with_values(form.with_calculated(scope))))
    assert broken <= 1


def test_everything_can_be_missing_where_a_code_may_say_so() -> None:
    rules = protocol(LIEGE)
    values = simulated_values(rules.form("vitals"), Random(1), rules, simulation=Simulation(missing_rate=1.0))
    assert values
    for item, value in cells(rules, "vitals", values):
        assert is_missing(value) is bool(item.missing)


def test_implausible_numbers_lie_outside_the_soft_limits_and_inside_the_hard_ones() -> None:
    rules = protocol(LIEGE)
    how = Simulation(implausible_rate=1.0)
    found = [
        (item, value)
        for seed in range(10)
        for item, value in cells(
            rules, "vitals", simulated_values(rules.form("vitals"), Random(seed), rules, None, how)
        )
        if item.soft is not None and item.hard is not None and item.soft != item.hard
    ]
    assert found
    assert all(flag(value, item) in ("low", "high") for item, value in found)
    assert not any(
        finding.severity == "hard" for item, value in found for finding in limit_findings(value, item)
    )


def test_answers_stay_near_the_earlier_ones() -> None:
    rules, form = protocol(LIEGE), protocol(LIEGE).form("vitals")
    first = simulated_values(form, Random(1), rules, simulation=Simulation(blank_rate=0.0))
    near = Simulation(near=first, blank_rate=0.0)
    later = [simulated_values(form, Random(seed), rules, None, near)["weight"] for seed in range(2, 30)]
    weights = [float(weight["value"] if isinstance(weight, dict) else weight) for weight in later]
    start = first["weight"]
    start = float(start["value"] if isinstance(start, dict) else start)
    assert all(0.6 * start < weight < 1.4 * start for weight in weights)


def test_fixed_answers_are_kept() -> None:
    rules = protocol(LIEGE)
    how = Simulation(fixed={"sex": "F", "age": "44"})
    values = simulated_values(rules.form("demography"), Random(5), rules, simulation=how)
    assert (values["sex"], values["age"]) == ("F", "44")


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("seed", range(4))
def test_an_eligible_patient_is_found_for_any_protocol(slug: str, seed: int) -> None:
    """Whatever the criteria are: the search knows none of them."""
    rules = protocol(slug)
    records = simulated_eligible(rules, Random(seed), SUBJECT)
    whole = {
        code: rules_of(rules).form(code).with_calculated(Scope(values, records, SUBJECT, form=code))
        for code, values in records.items()
    }
    found = rules_of(rules).eligibility.criteria(Scope(other_forms=whole, subject=SUBJECT))
    assert [result.criterion.id for result in found if result.allows is not True] == []


def test_an_eligible_patient_can_be_asked_for_with_given_answers() -> None:
    """A ventilated woman, so that group B has patients too."""
    rules = protocol(LIEGE)
    fixed = {"demography.sex": "F", "respiratory_support.support": "IMV"}
    records = simulated_eligible(rules, Random(3), SUBJECT, simulation=Simulation(fixed=fixed))
    assert (records["demography"]["sex"], records["respiratory_support"]["support"]) == ("F", "IMV")
    group = rules_of(rules).eligibility.group(Scope(other_forms=records, subject=SUBJECT))
    assert getattr(group, "code", group) == "B"


def test_criteria_that_nobody_meets_are_reported() -> None:
    how = Simulation(fixed={"respiratory_support.ecmo": "Y"})
    with pytest.raises(LookupError, match="E2"):
        simulated_eligible(protocol(LIEGE), Random(1), SUBJECT, simulation=replace(how, blank_rate=0.0))


@pytest.mark.parametrize("seed", range(20))
def test_an_eligible_patient_is_found_where_a_check_reads_a_calculated_item(seed: int) -> None:
    """A body mass index out of bounds is no answer to draw again: weight and height are."""
    rules = load((ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8"))
    records = simulated_eligible(rules, Random(seed), SUBJECT, simulation=Simulation(blank_rate=0.1))
    body = Scope(records["body"], records, SUBJECT, form="body")
    assert (
        rules_of(rules)
        .form("body")
        .fired(body.with_values(rules_of(rules).form("body").with_calculated(body)))
        == []
    )


def test_an_invented_trial_is_simulated_like_the_shipped_ones() -> None:
    rules = load((ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8"))
    assert simulated_eligible(rules, Random(1), SUBJECT)["body"]["sex"] in ("F", "M")
