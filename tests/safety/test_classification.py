"""An adverse event is classified from its answers; blank is never “no”."""

from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.values.moments import Moment
from safety.classification import (
    NONE_OF_THESE,
    Class,
    Classes,
    EventAssessment,
    EventFinding,
    SeriousnessCriterion,
    classes,
    classify,
    death_differs,
    findings,
    is_fatal,
    is_life_threatening,
    is_reported,
    lowers,
    related,
    related_by_either,
    serious,
    signs_of_death,
)

RELATED = ("definite", "probable", "possible", "related")
UNRELATED = ("unlikely", "not_related", "unrelated")
EVERY_CHOICE = [frozenset(some) for size in range(1, 7) for some in combinations(SeriousnessCriterion, size)]


@pytest.mark.parametrize("chosen", EVERY_CHOICE, ids=lambda chosen: "+".join(sorted(chosen)))
def test_any_criterion_alone_or_with_others_makes_an_event_serious(chosen):
    """SAF-01: all 63 combinations of the six ICH E2A criteria."""
    assert serious(chosen) is True


def test_an_event_is_not_serious_only_when_somebody_said_none_of_these():
    """SAF-01: blank is not “no”."""
    assert serious({NONE_OF_THESE}) is False
    assert serious(()) is None


def test_none_of_these_beside_a_criterion_is_refused():
    """SAF-01."""
    with pytest.raises(ValueError, match="cannot both be true"):
        serious({NONE_OF_THESE, "results_in_death"})


def test_a_code_that_is_no_criterion_is_refused():
    """SAF-01."""
    with pytest.raises(ValueError, match="severe"):
        serious({"severe"})


@pytest.mark.parametrize(
    ("causality", "expected"),
    [
        *((code, True) for code in RELATED),
        *((code, False) for code in UNRELATED),
        ("", True),
        ("unassessable", True),
    ],
)
def test_relation_follows_the_causality_and_counts_until_somebody_assesses_it(causality, expected):
    """SAF-04: a missing or unclassifiable causality is treated as related."""
    assert related(causality) is expected


SERIOUSNESS = {True: frozenset({"hospitalisation"}), False: frozenset({NONE_OF_THESE}), None: frozenset()}
TRUTH = {
    (True, True): "SAR",
    (True, False): "SAE",
    (False, True): "AR",
    (False, False): "AE",
    (None, True): "AR",
    (None, False): "AE",
}


@pytest.mark.parametrize(
    ("is_serious", "causality"), list(product((True, False, None), (*RELATED, *UNRELATED, "")))
)
def test_the_class_follows_from_seriousness_and_causality(is_serious, causality):
    """The whole table, missing answers included."""
    found = classify(seriousness=SERIOUSNESS[is_serious], causality=causality)

    assert found is Class(TRUTH[is_serious, related(causality)])


@given(
    chosen=st.one_of(
        st.just(frozenset({NONE_OF_THESE})), st.frozensets(st.sampled_from(sorted(SeriousnessCriterion)))
    ),
    causality=st.sampled_from([*RELATED, *UNRELATED, ""]),
)
def test_a_serious_reaction_is_exactly_a_serious_event_that_is_related(chosen, causality):
    """SAR = SAE ∩ AR, for any answers."""
    found = classify(seriousness=chosen, causality=causality)

    assert (found in {Class.SAE, Class.SAR}) == (serious(chosen) is True)
    assert (found in {Class.AR, Class.SAR}) == related(causality)


OPINIONS = {True: "possible", False: "unlikely", None: ""}
THREE = (True, False, None)


def kleene_and(*values: bool | None) -> bool | None:
    """The three-valued “and” as its definition: the minimum of False < unknown < True."""
    order = [False, None, True]
    return order[min(order.index(each) for each in values)]


@pytest.mark.parametrize(("investigator", "sponsor"), list(product(THREE, THREE)))
def test_either_opinion_makes_an_event_related(investigator, sponsor):
    """SAF-03, SAF-06: a missing opinion of the investigator counts as related, one of the sponsor is unknown."""
    expected = {
        (True, True): True, (True, False): True, (True, None): True,
        (False, True): True, (False, False): False, (False, None): None,
        (None, True): True, (None, False): True, (None, None): True,
    }  # fmt: skip
    found = related_by_either(OPINIONS[investigator], OPINIONS[sponsor])

    assert found is expected[investigator, sponsor]


@pytest.mark.parametrize(("investigator", "sponsor"), list(product(THREE, THREE)))
def test_the_sponsor_cannot_take_a_relation_away(investigator, sponsor):
    """SAF-03, CTR Annex III 2.1(4)."""
    found = lowers(OPINIONS[investigator], OPINIONS[sponsor])

    assert found is (investigator is True and sponsor is False)


@pytest.mark.parametrize(
    ("is_serious", "investigator", "sponsor", "expected"), list(product(THREE, repeat=4))
)
def test_the_whole_truth_table_of_the_classes(is_serious, investigator, sponsor, expected):
    """SAF-06: 81 rows with missing values; SUSAR = serious, related by either, unexpected."""
    ar = related_by_either(OPINIONS[investigator], OPINIONS[sponsor])
    found = classes(
        seriousness=SERIOUSNESS[is_serious],
        causality=OPINIONS[investigator],
        sponsor=OPINIONS[sponsor],
        expected=expected,
    )
    unexpected = None if expected is None else not expected

    assert found == Classes(
        sae=is_serious,
        ar=ar,
        sar=kleene_and(is_serious, ar),
        sesar=kleene_and(is_serious, ar, expected),
        susar=kleene_and(is_serious, ar, unexpected),
        ar_above_grade_3=None if ar is not False else False,
        ar_from_grade_3=None if ar is not False else False,
    )


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((True, "possible", "", False), "SUSAR"),
        ((True, "possible", "", True), "SESAR"),
        ((True, "possible", "", None), "SAR"),
        ((True, "unlikely", "possible", False), "SUSAR"),
        ((True, "unlikely", "", False), "SAE"),
        ((True, "unlikely", "unlikely", False), "SAE"),
        ((False, "possible", "", False), "AR"),
        ((None, "possible", "", False), "AR"),
        ((False, "unlikely", "possible", None), "AR"),
        ((False, "unlikely", "", True), "AE"),
        ((True, "", "", False), "SUSAR"),
        ((True, "", "unlikely", False), "SUSAR"),
    ],
)
def test_the_most_specific_class_is_one_that_is_certain(values, name):
    """SAF-06: an undecided SUSAR is shown as the class above it."""
    is_serious, causality, sponsor, expected = values
    found = classify(
        seriousness=SERIOUSNESS[is_serious], causality=causality, sponsor=sponsor, expected=expected
    )
    assert found is Class(name)


@pytest.mark.parametrize(
    ("grade", "above", "from_3"),
    [
        (1, False, False),
        (2, False, False),
        (3, False, True),
        (4, True, True),
        (5, True, True),
        (None, None, None),
    ],
)
def test_reactions_are_counted_above_grade_3_and_from_grade_3(grade, above, from_3):
    """Both readings of the registered outcome; without a grade neither is known."""
    found = classes(seriousness=(), causality="possible", grade=grade)
    unrelated = classes(seriousness=(), causality="unlikely", sponsor="unlikely", grade=grade)

    assert (found.ar_above_grade_3, found.ar_from_grade_3) == (above, from_3)
    assert (unrelated.ar_above_grade_3, unrelated.ar_from_grade_3) == (False, False)


EVENTS = st.fixed_dictionaries(
    {
        "seriousness": st.one_of(
            st.just(frozenset()),
            st.just(frozenset({NONE_OF_THESE})),
            st.frozensets(st.sampled_from(sorted(SeriousnessCriterion)), min_size=1),
        ),
        "causality": st.sampled_from([*RELATED, *UNRELATED, ""]),
        "sponsor": st.sampled_from([*RELATED, *UNRELATED, ""]),
        "grade": st.sampled_from([None, 1, 2, 3, 4, 5]),
    }
)


@given(events=st.lists(st.tuples(EVENTS, st.booleans())))
def test_sar_is_sesar_plus_susar_once_expectedness_is_known(events):
    """SAF-06: the invariant of the outcome table, over any set of events."""
    found = [classes(expected=expected, **answers) for answers, expected in events]
    number = {
        name: sum(getattr(each, name) is True for each in found)
        for name in ("sae", "ar", "sar", "sesar", "susar")
    }

    assert number["sar"] == number["sesar"] + number["susar"]
    assert number["sar"] <= min(number["sae"], number["ar"])


@given(answers=EVENTS, expected=st.sampled_from(THREE))
def test_a_later_answer_never_takes_back_what_was_certain(answers, expected):
    """SAF-06: unknown may become true or false; true and false stay."""
    known = classes(expected=None, **answers)
    later = classes(expected=expected, **answers)

    for name in ("sae", "ar", "sar", "sesar", "susar"):
        if getattr(known, name) is not None:
            assert getattr(later, name) is getattr(known, name)


@pytest.mark.parametrize(
    ("changed", "fatal"),
    [
        ({}, False),
        ({"grade": 5}, True),
        ({"outcome": "fatal"}, True),
        ({"seriousness": frozenset({"results_in_death"})}, True),
        ({"grade": 4, "seriousness": frozenset({"life_threatening"})}, False),
    ],
)
def test_one_sign_of_death_makes_an_event_fatal(changed, fatal):
    """SAF-02: grade, outcome or criterion; nothing else."""
    assert is_fatal(answers(**changed)) is fatal


def test_some_kinds_of_report_have_a_clock_without_harm():
    """SAF-07."""
    with_clock = {kind for kind in ("", "medication_error", "pregnancy", "misuse", "product_defect", "lack_of_efficacy")
                  if is_reported(kind)}  # fmt: skip
    assert with_clock == {"medication_error", "pregnancy", "misuse", "product_defect"}


def test_life_threatening_is_what_was_ticked():
    assert is_life_threatening({"life_threatening", "hospitalisation"})
    assert not is_life_threatening({"hospitalisation"})
    assert not is_life_threatening(())


def answers(**changed: object) -> EventAssessment:
    fields: dict = {
        "seriousness": frozenset({NONE_OF_THESE}),
        "causality": "unlikely",
        "grade": 2,
        "outcome": "recovered",
        "ongoing": False,
    }
    return EventAssessment(**{**fields, **changed})


def test_consistent_answers_have_no_finding():
    assert findings(answers()) == ()


@pytest.mark.parametrize(("grade", "outcome", "criterion"), list(product((True, False, None), repeat=3)))
def test_grade_5_fatal_outcome_and_the_death_criterion_come_together(grade, outcome, criterion):
    """SAF-02: the truth table of the three signs of death, each yes, no or missing."""
    result = answers(
        grade={True: 5, False: 3, None: None}[grade],
        outcome={True: "fatal", False: "recovered", None: ""}[outcome],
        seriousness=frozenset({True: {"results_in_death"}, False: {"hospitalisation"}, None: ()}[criterion]),
    )
    signs = {sign for sign in (grade, outcome, criterion) if sign is not None}

    assert (EventFinding.DEATH_DISAGREES in findings(result)) == (signs == {True, False})


def test_the_signs_of_death_name_only_what_was_answered():
    """SAF-02."""
    assert signs_of_death(answers(grade=None, outcome="fatal")) == {"outcome": True, "seriousness": False}
    assert signs_of_death(answers(grade=5, outcome="")) == {"grade": True, "seriousness": False}
    assert signs_of_death(EventAssessment()) == {}


@pytest.mark.parametrize(
    ("seriousness", "asked"),
    [
        ({NONE_OF_THESE}, True),
        ({"hospitalisation"}, True),
        ({"life_threatening"}, False),
        ({"medically_important"}, False),
        ({"hospitalisation", "life_threatening"}, False),
        (set(), False),
    ],
)
def test_a_grade_4_event_that_was_not_life_threatening_is_asked_about(seriousness, asked):
    """SAF-02: severity and seriousness are separate answers that must be consistent."""
    found = findings(answers(grade=4, seriousness=frozenset(seriousness)))

    assert (EventFinding.GRADE_4_WITHOUT_CRITERION in found) is asked


@pytest.mark.parametrize("grade", [1, 2, 3])
def test_a_lower_grade_needs_no_criterion(grade):
    """SAF-02."""
    assert findings(answers(grade=grade)) == ()


@pytest.mark.parametrize(
    ("ongoing", "outcome", "asked"),
    [
        (True, "recovered", True),
        (True, "sequelae", True),
        (True, "fatal", True),
        (True, "not_recovered", False),
        (True, "unknown", False),
        (False, "recovering", True),
        (False, "not_recovered", True),
        (False, "recovered", False),
        (None, "recovered", False),
        (None, "recovering", False),
        (True, "", False),
    ],
)
def test_an_ongoing_event_has_no_final_outcome(ongoing, outcome, asked):
    found = findings(answers(ongoing=ongoing, outcome=outcome, grade=None))

    assert (EventFinding.OUTCOME_DISAGREES_WITH_ONGOING in found) is asked


def test_missing_answers_are_findings_of_their_own():
    """SAF-01, SAF-04."""
    assert findings(answers(causality="", seriousness=frozenset())) == (
        EventFinding.SERIOUSNESS_MISSING,
        EventFinding.CAUSALITY_MISSING,
    )


@pytest.mark.parametrize(
    ("outcome", "end", "differs"),
    [
        ("fatal", None, False),
        ("fatal", "2026-09-12", False),
        ("fatal", "2026-09-11", True),
        ("fatal", "2026-09-13", True),
        ("fatal", "2026-09", False),
        ("fatal", "2026-08", True),
        ("recovered", "2026-09-11", False),
        ("recovered", None, False),
    ],
)
def test_a_fatal_event_certainly_ended_on_another_day_than_the_death(outcome, end, differs):
    """DAT-08: without an end, or with one that may be the day of death, nothing is certain."""
    died = Moment.from_iso("2026-09-12")
    assert death_differs(outcome, Moment.from_iso(end) if end else None, died) is differs


def test_an_event_of_which_nothing_is_known_lacks_seriousness_and_causality():
    """SAF-01, SAF-04: no answer is taken for another."""
    assert findings(EventAssessment()) == (EventFinding.SERIOUSNESS_MISSING, EventFinding.CAUSALITY_MISSING)


def test_the_criteria_have_the_names_and_the_order_of_the_case_report():
    """E2B(R3) E.i.3.2a to f; each code is a column of the table of adverse events."""
    assert [str(each) for each in SeriousnessCriterion] == [
        "results_in_death", "life_threatening", "hospitalisation", "disability", "congenital_anomaly",
        "medically_important",
    ]  # fmt: skip
