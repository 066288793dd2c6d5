"""The outcomes about adverse events: special interest, infusion reactions, seriousness, causality."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.answers import MissingValue, OutcomeVerdict
from tests.support.study.outcome_patients import (
    LIEGE_OUTCOMES,
    clock,
    day,
    event,
    patient,
)

YES, NO, OPEN = OutcomeVerdict.YES, OutcomeVerdict.NO, OutcomeVerdict.OPEN


def test_events_of_special_interest_count_from_day_0_to_28_by_kind():
    """OUT-01: infections and thrombo-embolic events; other special interests do not count."""
    known = patient(
        group="A", contact=60,
        events=(
            event(1, aesi="INFECTION_FUNGAL", onset=day(28).isoformat()),
            event(2, aesi="THROMBOEMBOLIC", onset=clock(0, 1)),
            event(3, aesi="INFECTION_BACTERIAL", onset=day(29).isoformat()),
            event(4, aesi="INFUSION_REACTION"), event(5),
        ),
    )  # fmt: skip
    (line, group_a, group_b) = LIEGE_OUTCOMES.lines("L-P1 events", known)
    assert (line.events, line.yes, line.patients) == (2, 1, 1)
    assert (group_a.part, group_a.events, group_b.part, group_b.patients) == ("A", 2, "B", 0)
    kinds = {
        code: LIEGE_OUTCOMES.lines(f"L-P1 {code}", known)[0].events
        for code in ("bacterial", "viral", "fungal", "parasitic", "thromboembolic")
    }
    assert kinds == {"bacterial": 0, "viral": 0, "fungal": 1, "parasitic": 0, "thromboembolic": 1}


@pytest.mark.parametrize(
    ("onset", "verdict"),
    [
        ("2026-03", OPEN),
        ("2026-04", OPEN),
        ("2026-05", NO),
        ("2026-02", NO),
        ("2026-03-10", YES),
        ("2026", OPEN),
    ],
)
def test_the_window_decides_only_for_the_whole_onset(onset, verdict):
    """OUT-02, SAF-15: a partial date is an interval; day 0 is 10 March."""
    known = patient(events=(event(aesi="INFECTION_VIRAL", onset=onset),), contact=60)
    answer = LIEGE_OUTCOMES.answer("L-P1 patients", known)
    assert answer.verdict is verdict
    assert answer.missing == ((MissingValue("event.onset"),) if verdict is OPEN else ())


def test_the_rate_is_over_the_days_on_which_patients_were_observed():
    """OUT-01: days 0 to 28 are 29 days; a death or the last contact ends them; unknown observation is left out."""
    infected = event(aesi="INFECTION_VIRAL")
    patients = (
        patient("P-1", contact=60, events=(infected, event(2, aesi="INFECTION_VIRAL"))),
        patient("P-2", died=day(4).isoformat(), contact=2),
        patient("P-3", contact=9),
        patient("P-4", events=(infected,)),
    )
    line = LIEGE_OUTCOMES.lines("L-P1 rate", *patients)[0]
    assert (line.days, line.undetermined) == (29 + 5 + 10, 1)
    assert line.figures[0].estimate.value == pytest.approx(100 * 2 / 44)


def test_a_related_event_within_24_hours_of_the_infusion_counts():
    """OUT-01: the proposal for L-P4: the infusion began at 10:00 of day 0."""
    key = "L-P4 patients"
    verdicts = [
        LIEGE_OUTCOMES.answer(key, patient(events=(event(related=related, onset=onset),))).verdict
        for related, onset in [
            (True, clock(1, 10)), (True, clock(1, 11)), (True, clock(0, 9)), (False, clock(0, 12)),
            (True, day(0).isoformat()), (None, clock(0, 12)),
        ]
    ]  # fmt: skip
    assert verdicts == [YES, NO, NO, NO, OPEN, OPEN]
    assert LIEGE_OUTCOMES.answer(key, patient(infused=False, events=(event(related=True),))) is None


def counted(*events) -> dict[str, tuple[int, int]]:
    """Return the certain and the undetermined events of each safety outcome."""
    codes = ("ar", "ar_above_3", "ar_3", "sae", "sar", "sesar", "susar")
    lines = {code: LIEGE_OUTCOMES.lines(f"L-S1 {code}", patient(events=events))[0] for code in codes}
    return {code: (line.events, line.events_undetermined) for code, line in lines.items()}


def test_each_safety_outcome_counts_what_it_is_called():
    """OUT-01: grade above 3 is read as 4 or 5; 3 or more is the other reading."""
    certain = {code for code, (yes, _open) in counted(event(related=True, grade=3)).items() if yes}
    assert certain == {"ar", "ar_3"}
    certain = {code for code, (yes, _open) in counted(event(related=True, grade=4)).items() if yes}
    assert certain == {"ar", "ar_3", "ar_above_3"}
    serious = {"serious": True, "related": True}
    for expected, code in ((True, "sesar"), (False, "susar")):
        found = counted(event(**serious, expected=expected))
        assert {name for name, (yes, _open) in found.items() if yes} == {"ar", "sae", "sar", code}


def test_an_open_answer_makes_an_event_undetermined_and_never_no():
    """OUT-02: causality not assessed; expectedness not judged."""
    found = counted(event(related=None, grade=4, serious=True))
    assert {code for code, (_yes, undetermined) in found.items() if undetermined} == {
        "ar", "ar_3", "ar_above_3", "sar", "sesar", "susar",
    }  # fmt: skip
    answer = LIEGE_OUTCOMES.answer("L-S1 susar", patient(events=(event(serious=True, related=True),)))
    assert (answer.verdict, answer.missing) == (OPEN, (MissingValue("event.expected"),))


ANSWERS = st.sampled_from([True, False, None])
EVENTS = st.lists(
    st.builds(
        event, st.integers(1, 9), serious=st.booleans(), related=ANSWERS, expected=ANSWERS, grade=st.integers(1, 5),
        onset=st.integers(-3, 95).map(lambda number: day(number).isoformat()),
    ),
    max_size=8, unique_by=lambda each: each.number,
)  # fmt: skip


@given(EVENTS)
def test_every_sar_is_expected_unexpected_or_open_in_both(events):
    """OUT-01: SAR = SESAR + SUSAR but for those whose expectedness is open; SAR lies in SAE and in AR."""
    found = counted(*events)
    sar = [
        each for each in events
        if each.values["serious"] and each.values["related"] and 0 <= (each.onset.first_day - day(0)).days <= 90
    ]  # fmt: skip
    unjudged = sum(each.values["expected"] is None for each in sar)
    assert found["sar"][0] == len(sar) == found["sesar"][0] + found["susar"][0] + unjudged
    assert found["sar"][0] <= min(found["sae"][0], found["ar"][0])
    assert found["ar_above_3"][0] <= found["ar_3"][0] <= found["ar"][0]
