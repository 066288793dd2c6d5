"""What the readings of the registered outcomes say of invented patients, and what an undetermined one lacks."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.answers import MissingValue, OutcomeEvaluation, OutcomeVerdict
from outcomes.lines import FEW_VALUES, lines_of
from outcomes.statistics.contingency import mantel_haenszel
from outcomes.statistics.survival import ObservedTime
from outcomes.statistics.welch import WELCH
from outcomes.study_data import OutcomeVisit
from tests.support.study.outcome_patients import (
    LIEGE_OUTCOMES,
    MSV_OUTCOMES,
    alive,
    clock,
    day,
    event,
    patient,
    visit,
)

YES, NO, OPEN = OutcomeVerdict.YES, OutcomeVerdict.NO, OutcomeVerdict.OPEN


def imv(started: str, ended: str = "", because: str = "WEANED") -> dict[str, str]:
    end = {"ongoing": "N", "ended_at": ended, "ended_because": because} if ended else {"ongoing": "Y"}
    return {"kind": "IMV", "started_at": started, **end}


# Vital status at day 28, NCT04445454.


@pytest.mark.parametrize(
    ("died", "contact", "verdict"),
    [
        (28, None, YES), (29, None, NO), (0, None, YES), (None, 28, NO), (None, 40, NO), (None, 27, OPEN),
        (None, None, OPEN),
    ],
)  # fmt: skip
def test_a_patient_is_alive_at_day_28_only_if_the_last_contact_is_on_it_or_later(died, contact, verdict):
    """OUT-01, OUT-02: otherwise the patient is undetermined, not alive."""
    known = patient(group="B", died=day(died).isoformat() if died is not None else "", contact=contact)
    answer = LIEGE_OUTCOMES.answer("L-P2 died", known)
    assert answer.verdict is verdict
    if verdict is OPEN:
        assert answer.missing == (MissingValue("subject.died_on"), MissingValue("subject.last_contact_on"))


def test_a_death_known_by_its_month_decides_only_as_a_whole():
    """OUT-02, DAT-05: day 28 is 7 April."""
    assert LIEGE_OUTCOMES.answer("L-P2 died", patient(group="B", died="2026-04")).verdict is OPEN
    assert LIEGE_OUTCOMES.answer("L-P2 died", patient(group="B", died="2026-03")).verdict is YES
    assert LIEGE_OUTCOMES.answer("L-P2 died", patient(group="B", died="2026-05")).verdict is NO


def test_the_outcome_of_group_b_leaves_out_group_a_and_keeps_a_patient_without_group_open():
    assert LIEGE_OUTCOMES.answer("L-P2 died", patient(group="A", contact=90)) is None
    (unknown,) = LIEGE_OUTCOMES.results("L-P2 died", patient(contact=90))
    assert (unknown.member, unknown.answers[""].verdict) == (None, OPEN)
    assert unknown.answers[""].missing == (MissingValue("subject.group"),)


def test_group_a_fails_by_ventilation_or_death():
    """OUT-01: the proposal for L-P3; the other reading counts deaths alone."""
    oxygen = {"kind": "OXYGEN", "started_at": clock(-1), "ongoing": "Y"}
    seen = visit("D7", 7, respiratory_support={"support": "LOW_FLOW"})
    known = {"group": "A", "contact": 30, "visits": (seen,)}
    late = patient(**known, support_episode=[oxygen, imv(clock(29))])
    soon = patient(**known, support_episode=[oxygen, imv(clock(28, 23))])
    assert LIEGE_OUTCOMES.answer("L-P3 ventilated_or_dead", soon).verdict is YES
    assert LIEGE_OUTCOMES.answer("L-P3 ventilated_or_dead", late).verdict is NO
    assert LIEGE_OUTCOMES.answer("L-P3 dead", soon).verdict is NO
    # Nothing in the log says nothing.
    empty = LIEGE_OUTCOMES.answer("L-P3 ventilated_or_dead", patient(**known))
    assert (empty.verdict, empty.missing) == (OPEN, (MissingValue("logs.support_episode"),))


# Adverse events.


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


# Withdrawal of invasive ventilation, NCT04361942.


def ventilated(*rows, **known):
    """Return a patient on invasive ventilation at the dose, in contact until day 30."""
    here = visit("INF1", 0, respiratory_support={"support": "IMV"})
    return patient(**{"contact": 30, "visits": (here,), "support_episode": list(rows), **known})


@pytest.mark.parametrize(
    ("ended", "because", "by_7", "before_7"),
    [
        (clock(0, 12), "WEANED", YES, YES), (clock(6), "WEANED", YES, YES), (clock(7, 23), "WEANED", YES, NO),
        (clock(8, 0), "WEANED", NO, NO), (clock(5), "DEATH", NO, NO), ("", "", NO, NO),
    ],
)  # fmt: skip
def test_withdrawal_by_day_7_and_before_day_7_are_two_readings(ended, because, by_7, before_7):
    """OUT-01: ClinicalTrials.gov says days 0 to 7, EudraCT less than 7 days."""
    known = ventilated(imv(clock(-2), ended, because))
    assert MSV_OUTCOMES.answer("M-P1 by_day_7", known).verdict is by_7
    assert MSV_OUTCOMES.answer("M-P1 before_day_7", known).verdict is before_7


def test_who_was_not_ventilated_at_the_dose_counts_only_among_all_randomised():
    """OUT-01: both denominators."""
    on_oxygen = patient(
        contact=30, visits=(visit("INF1", 0, respiratory_support={"support": "HIGH_FLOW"}),),
        support_episode=[{"kind": "HFNO", "started_at": clock(-1), "ongoing": "Y"}],
    )  # fmt: skip
    assert MSV_OUTCOMES.answer("M-P1 by_day_7", on_oxygen) is None
    assert MSV_OUTCOMES.answer("M-P1 of_all", on_oxygen, "INF1").verdict is NO
    weaned = ventilated(imv(clock(-2), clock(3)))
    assert MSV_OUTCOMES.answer("M-P1 of_all", weaned, "INF1").verdict is YES


def test_a_withdrawal_that_no_episode_tells_of_is_undetermined():
    """OUT-02: the form says ventilated, the log has no episode."""
    answer = MSV_OUTCOMES.answer("M-P1 by_day_7", ventilated())
    assert (answer.verdict, answer.missing[0]) == (OPEN, MissingValue("logs.support_episode"))
    unknown = patient(contact=30)
    (result,) = MSV_OUTCOMES.results("M-P1 by_day_7", unknown)
    assert result.member is None
    assert MissingValue("respiratory_support.support", "INF1") in result.answers[""].missing


def test_a_patient_who_died_by_day_7_was_not_withdrawn():
    known = ventilated(imv(clock(-2), clock(3)), died=day(7).isoformat(), contact=6)
    assert MSV_OUTCOMES.answer("M-P1 by_day_7", known).verdict is NO
    later = ventilated(imv(clock(-2), clock(3)), died=day(8).isoformat(), contact=6)
    assert MSV_OUTCOMES.answer("M-P1 by_day_7", later).verdict is YES


@pytest.mark.parametrize(("again", "verdict"), [(clock(5, 10), YES), (clock(5, 11), NO), (clock(3, 12), YES)])
def test_reintubation_within_48_hours_is_told_of_those_withdrawn(again, verdict):
    """OUT-01: extubated on day 3 at 10:00."""
    known = ventilated(imv(clock(-2), clock(3)), imv(again))
    assert MSV_OUTCOMES.answer("M-P1 reintubated", known).verdict is verdict


def test_mortality_is_counted_from_the_dose_and_from_the_diagnosis():
    """OUT-01: diagnosed ten days before the dose, died on day 20 after it: day 30 after the diagnosis."""
    history = visit("SCR", 0, medical_history={"diagnosed_on": day(-10).isoformat()})
    known = patient(died=day(20).isoformat(), visits=(history,))
    assert MSV_OUTCOMES.answer("M-P2 from_dose", known).verdict is YES
    assert MSV_OUTCOMES.answer("M-P2 from_diagnosis", known).verdict is NO
    undated = MSV_OUTCOMES.answer("M-P2 from_diagnosis", patient(died=day(20).isoformat()))
    assert (undated.verdict, undated.missing) == (OPEN, (MissingValue("medical_history.diagnosed_on"),))


# Responses, changes and times.

WELL = {"temp": "36.9", "dyspnoea": "N", "spo2": "96"}


def test_a_response_needs_all_four_signs_and_one_decides_against_it():
    """OUT-01, OUT-02: the missing sign is named with its visit."""
    gas = {"pf_ratio": "310"}
    full = patient(visits=(visit("D7", 7, vitals=WELL, blood_gas=gas),))
    assert MSV_OUTCOMES.answer("M-S1 response", full, "D7").verdict is YES
    partly = patient(visits=(visit("D7", 7, vitals={**WELL, "spo2": {"missing": "ND"}}, blood_gas=gas),))
    answer = MSV_OUTCOMES.answer("M-S1 response", partly, "D7")
    assert (answer.verdict, answer.missing) == (OPEN, (MissingValue("vitals.spo2", "D7"),))
    feverish = patient(visits=(visit("D7", 7, vitals={"temp": "37.5"}),))
    assert MSV_OUTCOMES.answer("M-S1 response", feverish, "D7").verdict is NO
    # A value of day 3 is never carried forward to day 7.
    early = patient(visits=(visit("D3", 3, vitals=WELL, blood_gas=gas),))
    assert MSV_OUTCOMES.answer("M-S1 response", early, "D7").verdict is OPEN
    assert MSV_OUTCOMES.answer("M-S1 response", early, "D3").verdict is YES


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("20", "15", YES),
        ("20", "18", NO),
        ("18", "17", YES),
        ("8", "7", YES),
        ("4", "4", NO),
        ("3", "0", YES),
        ("17", "13", NO),
    ],
)
def test_a_radiological_response_is_a_lower_category_or_a_quarter_less(before, after, verdict):
    """OUT-01: categories 0-7, 8-17, 18-25; 13 of 17 is a fall by less than a quarter within one category."""
    scans = (visit("SCR", 0, ct_score={"total": before}), visit("D28", 28, ct_score={"total": after}))
    assert MSV_OUTCOMES.answer("M-S2 by_score", patient(visits=scans), "D28").verdict is verdict


def test_a_radiological_response_without_the_first_scan_is_undetermined():
    scan = visit("D28", 28, ct_score={"total": "5"}, chest_imaging={"ct_change": "BETTER"})
    answer = MSV_OUTCOMES.answer("M-S2 by_score", patient(visits=(scan,)), "D28")
    assert answer.verdict is OPEN
    assert MSV_OUTCOMES.answer("M-S2 by_report", patient(visits=(scan,)), "D28").verdict is YES


def test_a_change_is_from_the_day_of_the_infusion_or_else_from_screening():
    """OUT-01: leukocytes; a result below a limit is no number, so it is undetermined."""
    at_day_7 = visit("D7", 7, haematology={"wbc": "9.5"})
    screened = visit("SCR", 0, haematology={"wbc": "6.0"})
    both = patient(visits=(screened, visit("INF1", 0, haematology={"wbc": "7.2"}), at_day_7))
    assert MSV_OUTCOMES.answer("M-S3 wbc", both, "D7").value == Decimal("2.3")
    first = patient(visits=(screened, at_day_7))
    assert MSV_OUTCOMES.answer("M-S3 wbc", first, "D7").value == Decimal("3.5")
    assert MSV_OUTCOMES.answer("M-S3 wbc", first, "D14").missing == (MissingValue("haematology.wbc", "D14"),)
    none = MSV_OUTCOMES.answer("M-S3 wbc", patient(visits=(at_day_7,)), "D7")
    assert none.missing == (MissingValue("haematology.wbc", "INF1"), MissingValue("haematology.wbc", "SCR"))
    below = visit("D7", 7, cytokines={"il6": {"comparator": "<", "limit": "5"}})
    started = visit("INF1", 0, cytokines={"il6": "40"})
    assert MSV_OUTCOMES.answer("M-S5 il6", patient(visits=(started, below)), "D7").verdict is OPEN


def test_recovery_is_the_first_visit_without_symptoms_and_death_competes():
    """OUT-01: M-S6. Without an answer at any visit the time is undetermined."""
    ill = {"temp": "38.4", "dyspnoea": "Y"}
    visits = (visit("D1", 1, vitals=ill), visit("D3", 3, vitals=WELL), visit("D7", 7, vitals=ill))
    key = "M-S6 recovery"
    assert MSV_OUTCOMES.answer(key, patient(visits=visits)).observed == ObservedTime(3, 1)
    assert MSV_OUTCOMES.answer(key, patient(visits=visits[:1])).observed == ObservedTime(1, 0)
    died = patient(visits=visits[:1], died=day(5).isoformat())
    assert MSV_OUTCOMES.answer(key, died).observed == ObservedTime(5, 2)
    nothing = MSV_OUTCOMES.answer(key, patient())
    assert (nothing.verdict, nothing.observed) == (OPEN, None)
    assert MissingValue("vitals.temp", "D1") in nothing.missing
    line = MSV_OUTCOMES.lines(key, patient(visits=visits), died, patient())[0]
    assert (line.yes, line.no, line.undetermined) == (1, 1, 1)
    assert line.figures[0].estimate.value == 0.5


def symptoms(*seen):
    """Return the time to recovery of a patient with visits: (code, day, well)."""
    ill = {"temp": "38.4", "dyspnoea": "Y"}
    visits = tuple(visit(code, number, vitals=WELL if well else ill) for code, number, well in seen)
    return MSV_OUTCOMES.answer("M-S6 recovery", patient(visits=visits))


def test_the_time_to_recovery_lies_in_the_window():
    """OUT-01: days 0 to 180; a recovery on day 181 is not seen, and ends the observation on day 180."""
    assert symptoms(("D1", 0, True)).observed == ObservedTime(0, 1)
    assert symptoms(("D1", -1, True)).observed == ObservedTime(0, 1)
    assert symptoms(("D180", 180, True)).observed == ObservedTime(180, 1)
    assert symptoms(("D180", 181, True)).observed == ObservedTime(180, 0)
    assert symptoms(("D1", 1, False), ("D2", 2, False)).observed == ObservedTime(2, 0)
    recovered, censored = symptoms(("D1", 1, True)), symptoms(("D1", 1, False))
    assert (recovered.verdict, recovered.value, censored.verdict) == (YES, 1, NO)


@pytest.mark.parametrize(
    ("died", "observed"),
    [
        ("2026-09-06", ObservedTime(180, 2)), ("2026-09-07", ObservedTime(1, 0)), ("2026-03-09", ObservedTime(0, 2)),
        ("2026-04", ObservedTime(51, 2)), ("2026-09", None), ("2026-10", ObservedTime(1, 0)),
    ],
)  # fmt: skip
def test_a_death_competes_only_if_it_certainly_lies_in_the_window(died, observed):
    """OUT-02: day 180 is 6 September; of a death known by its month the last possible day counts."""
    ill = visit("D1", 1, vitals={"temp": "38.4", "dyspnoea": "Y"})
    answer = MSV_OUTCOMES.answer("M-S6 recovery", patient(visits=(ill,), died=died))
    assert answer.observed == observed
    if observed is None:
        assert (answer.verdict, answer.missing) == (OPEN, (MissingValue("subject.died_on"),))


def test_a_planned_visit_that_was_not_held_is_no_observation():
    ill = OutcomeVisit("D1", 1, None, {"vitals": {"temp": "38.4", "dyspnoea": "Y"}})
    assert MSV_OUTCOMES.answer("M-S6 recovery", patient(visits=(ill,))).verdict is OPEN


def test_a_time_needs_its_day_0_and_a_contact_after_it():
    """OUT-02: what is missing is named by what the protocol file calls day 0."""
    key = "M-P2 survival"
    early = MSV_OUTCOMES.answer(key, patient(contact=-1))
    assert (early.verdict, early.missing) == (OPEN, (MissingValue("subject.last_contact_on"),))
    assert MSV_OUTCOMES.answer(key, patient(contact=0)).observed == ObservedTime(0, 0)
    assert MSV_OUTCOMES.answer(key, patient(died=day(0).isoformat())).observed == ObservedTime(0, 1)
    assert MSV_OUTCOMES.answer(key, patient(died=day(-1).isoformat())).observed == ObservedTime(0, 1)
    assert MSV_OUTCOMES.answer(key, patient(died=day(28).isoformat())).observed == ObservedTime(28, 1)
    assert MSV_OUTCOMES.answer(key, patient(died=day(29).isoformat())).observed == ObservedTime(28, 0)
    unknown = MSV_OUTCOMES.answer(key, patient())
    assert unknown.missing == (MissingValue("subject.died_on"), MissingValue("subject.last_contact_on"))
    by_month = MSV_OUTCOMES.answer(key, patient(died="2026-03"))
    assert (by_month.verdict, by_month.missing) == (OPEN, (MissingValue("subject.died_on"),))
    # Day 0 is infusion 1: a second infusion alone does not give it.
    second = replace(patient(contact=9), infusions=[{"number": 2, "started_at": None}])
    for reading in (key, "M-S6 recovery", "M-S6 ar"):
        assert MSV_OUTCOMES.answer(reading, second).missing == (MissingValue("infusion_1"),)


def test_survival_is_censored_at_the_last_contact_and_at_the_end_of_the_window():
    key = "M-P2 survival"
    assert MSV_OUTCOMES.answer(key, patient(died=day(12).isoformat())).observed == ObservedTime(12, 1)
    assert MSV_OUTCOMES.answer(key, patient(contact=9)).observed == ObservedTime(9, 0)
    assert MSV_OUTCOMES.answer(key, patient(contact=90)).observed == ObservedTime(28, 0)
    assert MSV_OUTCOMES.answer(key, patient(died=day(40).isoformat())).observed == ObservedTime(28, 0)
    assert MSV_OUTCOMES.answer(key, patient()).verdict is OPEN
    assert MSV_OUTCOMES.answer(key, patient(infused=False)) is None


def test_the_arms_are_compared_only_for_a_reader_who_may_know_them():
    """OUT-04, BLD-01: without the right there is one line, over all patients."""
    died, lived = day(5).isoformat(), alive(28)["last_contact_on"]
    assert lived == day(28).isoformat()
    patients = [
        *(patient(f"C-{n}", arm="cells", contact=30) for n in range(4)),
        *(patient(f"S-{n}", arm="placebo", died=died) for n in range(3)),
        patient("S-9", arm="placebo", contact=30),
    ]
    (pooled,) = MSV_OUTCOMES.lines("M-P2 from_dose", *patients)
    assert (pooled.yes, pooled.no, pooled.comparison) == (3, 5, None)
    whole, cells, placebo = MSV_OUTCOMES.lines("M-P2 from_dose", *patients, arms=True)
    assert (cells.part, cells.yes, placebo.part, placebo.yes) == ("cells", 0, "placebo", 3)
    # 4 of the 56 tables of 3 deaths among 8 are as rare, on either side: 4/56 + 4/56.
    assert whole.comparison.p == pytest.approx(8 / 56)
    assert whole.comparison.difference.value == pytest.approx(-0.75)
    one_arm = MSV_OUTCOMES.lines("M-P2 from_dose", *patients[:4], arms=True)[0].comparison
    assert (one_arm.p, one_arm.reason) == (None, "a comparison needs a known answer in two groups")


def test_changes_from_baseline_are_compared_by_welch_between_two_arms():
    """OUT-03, OUT-04: -10, 0 and 10 beside 30, 50 and 70: the spreads 10 and 20."""
    changes = {"cells": (-10, 0, 10), "placebo": (30, 50, 70)}
    patients = [
        patient(
            f"{arm[0]}-{n}", arm=arm,
            visits=(visit("INF1", 0, blood_gas={"pf_ratio": "100"}),
                    visit("D7", 7, blood_gas={"pf_ratio": str(100 + change)})),
        )
        for arm, found in changes.items() for n, change in enumerate(found)
    ]  # fmt: skip
    lines = MSV_OUTCOMES.lines("M-S1 pf_change", *patients, arms=True)
    whole = next(each for each in lines if (each.visit, each.split) == ("D7", ""))
    assert whole.comparison.parts == ("cells", "placebo")
    assert (whole.comparison.method, whole.comparison.of_means) == (WELCH, True)
    assert whole.comparison.difference.value == -50
    # t = -50 / sqrt(100/3 + 400/3) with 50/17 degrees of freedom: R 4.2.2.
    assert whole.comparison.p == pytest.approx(0.0315622316256785, rel=1e-11)
    early = next(each for each in lines if (each.visit, each.split) == ("D1", ""))
    assert (early.comparison.p, early.comparison.reason) == (None, FEW_VALUES)
    assert all(each.comparison is None for each in MSV_OUTCOMES.lines("M-S1 pf_change", *patients))


def test_arms_are_compared_within_the_strata_where_the_protocol_asks_for_it():
    """OUT-03: 2 of 3 and 1 of 3 in one stratum, 3 of 4 and 2 of 4 in the other; with its correction named."""
    reading = MSV_OUTCOMES.reading("M-P2 from_dose")
    asked = replace(reading, reading=reading.reading.model_copy(update={"mantel_haenszel": "uncorrected"}))
    died = day(5).isoformat()
    counts = (("u", "cells", 2, 3), ("u", "placebo", 1, 3), ("v", "cells", 3, 4), ("v", "placebo", 2, 4))
    patients = [
        patient(f"{stratum}-{arm}-{n}", arm=arm, stratum=stratum, **({"died": died} if n < dead else {"contact": 30}))
        for stratum, arm, dead, of in counts
        for n in range(of)
    ]  # fmt: skip
    results = MSV_OUTCOMES.results("M-P2 from_dose", *patients)
    rules = MSV_OUTCOMES.rules.protocol
    whole, *_by_arm = lines_of(asked, results, rules, arms=True)
    assert whole.stratified == mantel_haenszel([(2, 1, 1, 2), (3, 1, 2, 2)], corrected=False)
    assert "without continuity correction" in whole.stratified.method
    assert lines_of(asked, results, rules, arms=False)[0].stratified is None
    assert lines_of(reading, results, rules, arms=True)[0].stratified is None


def test_a_time_looked_for_at_visits_is_one_open_answer_of_who_may_not_belong_to_the_population():
    """OUT-01, OUT-02: the membership is open while the day of the infusion is not known."""
    reading = MSV_OUTCOMES.reading("M-S6 recovery")
    asked = replace(reading, reading=reading.reading.model_copy(update={"population": "per_protocol"}))
    known = ventilated(imv(clock(-2), clock(3)))
    undated = replace(known, subject={**known.subject, "first_infusion_on": None})
    results = OutcomeEvaluation(MSV_OUTCOMES.rules).results(asked, [undated])
    assert [(each.member, set(each.answers)) for each in results] == [(None, {""})]
    line = lines_of(asked, results, MSV_OUTCOMES.rules.protocol, arms=False)[0]
    assert (line.patients, line.yes, line.no, line.undetermined, line.steps) == (1, 0, 0, 1, ())


def test_no_patient_and_one_patient_still_say_something_true():
    """OUT-03."""
    for outcomes in (LIEGE_OUTCOMES, MSV_OUTCOMES):
        for compiled in outcomes.rules.readings:
            key = " ".join(compiled.key)
            for patients in ((), (patient(),)):
                for line in outcomes.lines(key, *patients):
                    assert line.patients == line.yes + line.no + line.undetermined
                    assert all(each.estimate.method for each in line.figures)
                    if not line.patients:
                        assert all(each.estimate.value is None for each in line.figures)


def test_the_answers_are_written_as_yes_no_and_open():
    """The CSV and the addresses of the page have these words."""
    assert [str(each) for each in OutcomeVerdict] == ["yes", "no", "open"]


def test_a_population_is_judged_at_its_visit_and_within_the_one_around_it():
    """OUT-01: ventilated at the dose, whatever the support was later; without an infusion there is no dose."""
    later = visit("D7", 7, respiratory_support={"support": "LOW_FLOW"})
    known = ventilated(imv(clock(-2), clock(3)))
    both = replace(known, visits=(*known.visits, later))
    (result,) = MSV_OUTCOMES.results("M-P1 by_day_7", both)
    assert (result.member, result.answers[""].verdict) == (True, YES)
    without_log = ventilated()
    (seen,) = MSV_OUTCOMES.results("M-P1 by_day_7", replace(without_log, visits=(*without_log.visits, later)))
    assert seen.member is True
    untreated = ventilated(imv(clock(-2)), infused=False)
    assert MSV_OUTCOMES.results("M-P1 by_day_7", untreated) == []
    undated = replace(known, subject={**known.subject, "first_infusion_on": None})
    (unknown,) = MSV_OUTCOMES.results("M-P1 per_protocol", undated)
    assert (unknown.member, set(unknown.answers)) == (None, {"INF1"})


def test_what_is_missing_over_the_whole_course_has_no_visit():
    """OUT-02: a form of the visit is missing there; a date of death, a log or another scan at no visit."""
    of_all = MSV_OUTCOMES.answer("M-P1 of_all", ventilated(imv(clock(-2), clock(3)), contact=None), "INF1")
    assert of_all.missing == (MissingValue("subject.died_on"), MissingValue("subject.last_contact_on"))
    assert MSV_OUTCOMES.answer("M-P1 of_all", ventilated(), "INF1").missing[0] == MissingValue(
        "logs.support_episode"
    )
    scan = visit("D28", 28, ct_score={"total": "5"})
    missing = MSV_OUTCOMES.answer("M-S2 by_score", patient(visits=(scan,)), "D28").missing
    assert missing
    assert all(each.visit == "" for each in missing)


def test_an_unanswered_visit_does_not_prolong_the_observation():
    ill = visit("D1", 1, vitals={"temp": "38.4", "dyspnoea": "Y"})
    partly = visit("D2", 2, vitals={"dyspnoea": "N"})
    assert MSV_OUTCOMES.answer("M-S6 recovery", patient(visits=(ill, partly))).observed == ObservedTime(1, 0)


@pytest.mark.parametrize(("contact", "days"), [(0, 1), (-1, 0), (-5, 0), (28, 29), (29, 29)])
def test_a_patient_is_observed_on_no_fewer_than_no_days(contact, days):
    (result,) = LIEGE_OUTCOMES.results("L-P1 rate", patient(contact=contact))
    assert result.days == days
    (unknown,) = LIEGE_OUTCOMES.results("L-P1 rate", patient())
    assert unknown.answers[""].missing == (MissingValue("subject.last_contact_on"),)
