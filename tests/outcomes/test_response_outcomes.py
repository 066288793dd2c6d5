"""The outcomes of response, change from baseline, recovery and survival."""

from dataclasses import replace
from decimal import Decimal

import pytest

from outcomes.answers import MissingValue, OutcomeVerdict
from outcomes.statistics.survival import ObservedTime
from outcomes.study_data import OutcomeVisit
from tests.support.study.outcome_patients import (
    MSV_OUTCOMES,
    day,
    patient,
    visit,
)

YES, NO, OPEN = OutcomeVerdict.YES, OutcomeVerdict.NO, OutcomeVerdict.OPEN
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
