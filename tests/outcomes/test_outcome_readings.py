"""What the readings of the registered outcomes say of invented patients, and what an undetermined one lacks."""

from dataclasses import replace

import pytest

from outcomes.answers import MissingValue, OutcomeEvaluation, OutcomeVerdict
from outcomes.lines import FEW_VALUES, lines_of
from outcomes.statistics.contingency import mantel_haenszel
from outcomes.statistics.survival import ObservedTime
from outcomes.statistics.welch import WELCH
from tests.support.study.outcome_patients import (
    LIEGE_OUTCOMES,
    MSV_OUTCOMES,
    alive,
    clock,
    day,
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
