"""Expressions over rows and earlier records: counted, compared, and what they read."""

from hypothesis import given
from hypothesis import strategies as st

from protocol.expressions.compiled import NUMBER, Undetermined, compile_expression
from tests.support.protocols.evaluating import NAMES, answer, needs

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


def test_a_rising_value_is_compared_with_the_record_before() -> None:
    source = "labs.ferritin > previous(labs.ferritin)"
    values = {"labs__ferritin": "900", "previous(labs__ferritin)": "700"}
    assert answer(source, **values) is True
    assert needs(source, labs__ferritin="900") == ["previous(labs.ferritin)"]


def test_an_expression_knows_what_it_reads_now_and_from_the_past() -> None:
    source = "rr > previous(rr) && last('labs.ferritin') > 5.0 && doses.exists(dose, dose.mg > weight)"
    expression = compile_expression(source, NAMES)
    assert expression.references == {"rr", "doses", "weight"}
    assert expression.previous == {"rr"}
    assert expression.last == {"labs.ferritin"}


def test_rows_of_which_one_may_or_may_not_count_are_not_counted() -> None:
    source = "count(doses.filter(dose, dose.mg > 1.0))"
    assert isinstance(answer(source, NUMBER, 0, doses=[{"mg": "2.0"}, {}]), Undetermined)
    assert answer(source, NUMBER, 0, doses=[{"mg": "2.0"}, {"mg": "1.0"}, {"mg": "3.0"}]) == 2
    assert isinstance(answer("count(doses.filter(dose, dose.mg > 1.0)) > 0.0"), Undetermined)
