"""Results beyond a limit of detection: typed as printed, kept as comparator and limit (DAT-02)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.dictionary import LIMIT_PARTS, UNIT_PARTS, cells_of, columns_of
from protocol.checking.loading import load
from protocol.checking.succession import succession_problems
from protocol.document.items import Form, Item
from protocol.expressions.names import kind_of_item
from protocol.values.parsing import (
    ValueRefused,
    decimal,
    display,
    flag,
    limit_findings,
    number_or_interval,
    parse,
    typed,
)
from protocol.values.reference_ranges import reading
from tests.protocol.test_reference import made
from tests.support.protocols.shipped import COVID_MSV, LIEGE, path_of, protocol

CRP = Item.model_validate(
    {
        "name": "crp", "type": "decimal", "label": {"en": "CRP"}, "unit": "mg/L",
        "units": [{"unit": "mg/dL", "factor": "10"}], "hard": [0, 800], "soft": [1, 500], "decimals": 2,
        "comparators": True,
    }
)  # fmt: skip
BELOW = {"comparator": "<", "limit": "0.6"}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("<0.6", BELOW),
        (" < 0,6", BELOW),
        ("≤0.60", {"comparator": "<=", "limit": "0.60"}),
        ("=<5", {"comparator": "<=", "limit": "5"}),
        (">300", {"comparator": ">", "limit": "300"}),
        ("≥ 300", {"comparator": ">=", "limit": "300"}),
    ],
)
def test_a_result_is_typed_as_the_laboratory_prints_it(text, stored) -> None:
    assert parse(text, CRP) == stored
    assert decimal(stored) is None


def test_a_conversion_keeps_the_comparator_and_what_was_entered() -> None:
    stored = parse({"": "<0.06", "unit": "mg/dL"}, CRP)
    assert stored == {"comparator": "<", "limit": "0.60", "entered": "0.06", "unit": "mg/dL"}
    assert display(stored, CRP) == "<0.06 mg/dL (<0.60 mg/L)"
    assert display({"comparator": ">=", "limit": "12.5"}, CRP, "fr") == "≥12,5 mg/L"


@given(
    st.sampled_from(["<", "≤", ">", "≥"]), st.decimals(0, 80, places=2), st.sampled_from(["mg/L", "mg/dL"])
)
def test_what_is_shown_in_the_input_is_read_back_as_it_is_stored(sign, number, unit) -> None:
    stored = parse({"": f"{sign}{number}", "unit": unit}, CRP)
    for language in ("en", "fr"):
        assert parse(typed(stored, CRP, language), CRP) == stored


@pytest.mark.parametrize(
    ("text", "told"), [("<", "Type the limit after “<”"), ("<<5", "not a number"), ("<ND", "not a number")]
)
def test_a_sign_without_a_number_is_refused(text, told) -> None:
    with pytest.raises(ValueRefused) as refused:
        parse(text, CRP)
    assert told in refused.value.sentence()


def test_a_number_that_no_laboratory_measures_takes_no_comparator() -> None:
    with pytest.raises(ValueRefused) as refused:
        parse("<80", CRP.model_copy(update={"comparators": False}))
    assert refused.value.sentence() == "Type a number without “<”: this is not a result of a laboratory."


@pytest.mark.parametrize("slug", [LIEGE, COVID_MSV])
def test_every_number_of_a_laboratory_form_takes_them_in_both_trials(slug) -> None:
    takes = {
        (form.code, item.name)
        for form in protocol(slug).forms.values()
        for item in form.items
        if form.cdisc_domain in ("LB", "CP") and item.is_numeric and not item.is_calculated
        if item.reference is not False
    }
    assert ("biochemistry", "crp") in takes
    assert all(protocol(slug).form(form).item(item).comparators for form, item in takes)
    assert not protocol(slug).form("vitals").item("sbp").comparators


def test_a_file_may_say_otherwise() -> None:
    def asked(**keys: Any) -> bool | None:
        item = {"name": "it", "type": "decimal", "label": {"en": "It"}, **keys}
        form = {"code": "f", "title": {"en": "F"}, "cdisc_domain": "LB", "items": [item]}
        return Form.model_validate(form).item("it").comparators

    assert asked() is True
    assert asked(comparators=False) is False
    assert asked(reference=False) is None
    assert asked(calculate="1.0") is None


def test_an_amendment_cannot_refuse_results_that_may_be_stored() -> None:
    text = path_of(LIEGE).read_text(encoding="utf-8")
    crp = '{ name = "crp", type = "decimal", label = { en = "C-reactive protein", fr = "Protéine C-réactive" }, unit'
    # The first of the two is that of biochemistry.
    after = load(text.replace(crp, crp.replace("unit", "comparators = false, unit"), 1))
    paths = [problem.path for problem in succession_problems(protocol(LIEGE), after)]
    assert "forms.biochemistry.crp.comparators" in paths
    assert succession_problems(after, protocol(LIEGE)) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"comparator": "<", "limit": "0"}, "hard_limit"),
        ({"comparator": "<=", "limit": "0"}, "soft_limit"),
        ({"comparator": "<", "limit": "1"}, "soft_limit"),
        ({"comparator": "<=", "limit": "1"}, ""),
        ({"comparator": ">", "limit": "500"}, "soft_limit"),
        ({"comparator": ">=", "limit": "500"}, ""),
        ({"comparator": ">", "limit": "800"}, "hard_limit"),
        ({"comparator": ">=", "limit": "800"}, "soft_limit"),
    ],
)
def test_a_limit_is_violated_if_every_number_that_it_can_be_violates_it(value, found) -> None:
    assert [each.check for each in limit_findings(value, CRP)] == ([found] if found else [])


def test_it_is_flagged_only_if_the_whole_interval_is_outside() -> None:
    assert flag({"comparator": "<", "limit": "1"}, CRP) == "low"
    assert flag({"comparator": ">", "limit": "500"}, CRP) == "high"
    assert flag({"comparator": "<", "limit": "5"}, CRP) == ""


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("<130", "low"), ("<=130", "undecided"), ("<200", "undecided"), (">130", "undecided"), (">=175", "undecided"),
        (">175", "high"),
    ],
)  # fmt: skip
def test_a_reference_range_decides_only_for_the_whole_interval(text, side) -> None:
    haemoglobin = protocol(LIEGE).item("haematology.haemoglobin")
    assert reading(parse(text, haemoglobin), haemoglobin, made()).side == side


def test_an_open_range_is_decided_as_far_as_the_possible_values_reach() -> None:
    """CRP cannot be negative, so below 0.6 is normal for a range from 0 to 5."""
    crp = protocol(LIEGE).item("biochemistry.crp")
    told = {"path": "biochemistry.crp", "unit": "mg/L", "lower": Decimal(0), "upper": Decimal(5)}
    assert reading(BELOW, crp, made(**told)).side == "normal"
    assert reading(BELOW, crp, None).side == "no_range"


def test_an_interval_ends_at_the_hard_limits_of_its_item() -> None:
    found = number_or_interval(BELOW, CRP)
    assert (found.low, found.high, found.low_in, found.high_in) == (0, Decimal("0.6"), True, False)
    assert kind_of_item(CRP).possible == (0, 800)


def test_the_export_has_comparator_and_limit_in_columns_of_their_own() -> None:
    columns = list(columns_of(CRP))
    assert columns[:6] == ["crp", *(f"crp__{part}" for part in (*LIMIT_PARTS, *UNIT_PARTS))]
    converted = {"comparator": "<", "limit": "0.60", "entered": "0.06", "unit": "mg/dL"}
    assert cells_of(CRP, converted)[:6] == ["", "<", "0.60", "mg/L", "<0.06", "mg/dL"]
    assert cells_of(CRP, BELOW)[:6] == ["", "<", "0.6", "mg/L", "<0.6", "mg/L"]
    assert cells_of(CRP, "4.2")[:6] == ["4.2", "", "", "mg/L", "4.2", "mg/L"]
    assert cells_of(CRP, None)[:6] == [""] * 6
