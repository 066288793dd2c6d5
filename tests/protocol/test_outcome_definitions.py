"""Outcomes of a protocol file: mistakes at their key, the functions of windows, and what the shipped files define."""

import pytest

from protocol.checking.mistakes import problems
from protocol.document.outcomes import Outcome
from protocol.expressions.compiled import DAY, INSTANT, LOGIC, Undetermined, compile_expression
from protocol.expressions.outcomes import outcomes_of
from tests.support.protocols.shipped import BOTH, COVID_MSV, LIEGE, ROOT, protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")
READING = """
[[outcomes.readings]]
code = "died"
title = { en = "Died" }
measure = "proportion"
endpoint = "happened_by(subject.day_zero, subject.died_on, 28.0, subject.last_contact_on)"
"""
PLACE = "window_days = 28\n"


def said(reading: str, *, before: str = "", old: str = "", new: str = "") -> list[str]:
    """Return the mistakes of the small protocol with one reading."""
    text = SMALL.replace(PLACE, f"{PLACE}{before}{reading}", 1)
    assert old in text
    return [str(problem) for problem in problems(text.replace(old, new, 1) if old else text)]


def changed(old: str, new: str) -> list[str]:
    assert old in READING
    return said(READING.replace(old, new))


def test_a_reading_that_can_be_computed_has_no_mistake():
    """OUT-01."""
    assert said(READING) == []


HERE = "outcomes.P1.readings.died"
X = '[populations.x]\ntitle = { en = "X" }\n'


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"proportion"', '"share"', f"{HERE}.measure: should be"),
        ('"proportion"', '"rate"', f"{HERE}: a rate has no endpoint: that is for mean_change, median, proportion"),
        ("endpoint =", "event =", f"{HERE}.event: column 13: unknown name 'subject.day_zer'"),
        ('code = "died"', 'code = "died"\npopulation = "treated"', f"{HERE}.population: unknown population 'treated'"),
        ('code = "died"', 'code = "died"\nat = ["D99"]', f"{HERE}.at: unknown visit 'D99'"),
        ('code = "died"', 'code = "died"\nbaseline = ["S"]', f"{HERE}: a mean_change, and nothing else"),
        ('code = "died"', 'code = "died"\nby_group = true', f"{HERE}.by_group: the protocol has no groups"),
        ('code = "died"', 'code = "died"\ncompare = "groups"', f"{HERE}.compare: the protocol has no groups"),
        ('code = "died"', 'code = "died"\nday_zero = "infusion_3"', f"{HERE}.day_zero: the protocol has no infusion 3"),
        ('code = "died"', 'code = "died"\nday_zero = "body.day"', f"{HERE}.day_zero: unknown item 'body.day'"),
        ('code = "died"', 'code = "died"\nday_zero = "body.sex"', f"{HERE}.day_zero: 'body.sex' is choice"),
        ('code = "died"', 'code = "died"\ncompeting_death = true', f"{HERE}: death competes with an event"),
        ('code = "died"', 'code = "died"\nmantel_haenszel = "corrected"', f"{HERE}: mantel_haenszel is for"),
        ('code = "died"', 'code = "died"\nevnt = "x"', f"{HERE}.evnt: unknown key"),
        ("subject.day_zero", "subject.day_zer", f"{HERE}.endpoint: column 13: unknown name 'subject.day_zer'"),
        ('"happened_by(', '"28.0 + (', None),
    ],
)  # fmt: skip
def test_a_mistake_of_a_reading_is_told_at_its_key(old, new, told):
    """OUT-01, DAT-09."""
    text = READING.replace("subject.day_zero", "subject.day_zer") if old == "endpoint =" else READING
    found = said(text.replace(old, new))
    assert found
    assert told is None or any(each.startswith(told) for each in found), found


def test_a_rate_and_a_time_need_the_day_to_which_a_patient_was_observed():
    rate = READING.replace('"proportion"', '"rate"').replace("endpoint =", "event =")
    rate = rate.replace(
        '"happened_by(subject.day_zero, subject.died_on, 28.0, subject.last_contact_on)"', '"event.serious"'
    )
    (told,) = said(rate)
    assert told.startswith(f"{HERE}.measure: needs the day to which a patient was observed")
    without_window = said(rate.replace('"rate"', '"count"'), old=PLACE, new="")
    assert without_window == [f"{HERE}.window_days: events and times need a window: window_days = [0, 28]"]


def test_a_repeated_reading_is_told():
    assert said(READING + READING) == ["outcomes.P1.readings.died: stands 2 times"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (X.replace(".x", ".infused") + 'member = "true"\n', "populations.infused: every trial has this"),
        (X + 'within = "y"\nmember = "true"\n', "populations.x.within: unknown population 'y'"),
        (X + 'within = "x"\nmember = "true"\n', "populations.x.within: a population cannot lie"),
        (X + 'at = "D99"\nmember = "true"\n', "populations.x.at: unknown visit 'D99'"),
        (X + 'member = "1.0"\n', "populations.x.member: column 1: this gives a number"),
    ],
)  # fmt: skip
def test_a_mistake_of_a_population_is_told_at_its_key(table, told):
    """OUT-01."""
    found = [str(problem) for problem in problems(SMALL.replace("[profile]\n", f"{table}[profile]\n", 1))]
    assert any(each.startswith(told) for each in found), found


NAMES = {
    "start": DAY,
    "event": DAY,
    "seen": DAY,
    "at": INSTANT,
    "onset": INSTANT,
    "yes": LOGIC,
    "other": LOGIC,
}


def value(source: str, **values):
    return compile_expression(source, NAMES, zone="Europe/Brussels").evaluate(values)


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        ("2026-03-10", True), ("2026-04-07", True), ("2026-04-08", False), ("2026-03-09", False), ("2026-03", None),
        ("2026-05", False), ("2026", None), (None, None),
    ],
)  # fmt: skip
def test_a_window_in_days_decides_only_for_the_whole_moment(event, answer):
    """OUT-02, DAT-05: days 0 to 28 after 10 March."""
    found = value("within_days(start, event, 0.0, 28.0)", start="2026-03-10", event=event)
    assert isinstance(found, Undetermined) if answer is None else found is answer


@pytest.mark.parametrize(
    ("onset", "answer"),
    [
        ("2026-03-28T10:00+01:00[Europe/Brussels]", True), ("2026-03-29T11:00+02:00[Europe/Brussels]", True),
        ("2026-03-29T11:01+02:00[Europe/Brussels]", False), ("2026-03-28T09:59+01:00[Europe/Brussels]", False),
        ("2026-03-28", None), ("2026-03-30", False),
    ],
)  # fmt: skip
def test_a_window_in_hours_counts_elapsed_hours_through_the_change_of_clocks(onset, answer):
    """OUT-02: 24 hours after 10:00 of the day before summer time end at 11:00."""
    found = value(
        "within_hours(at, onset, 0.0, 24.0)", at="2026-03-28T10:00+01:00[Europe/Brussels]", onset=onset
    )
    assert isinstance(found, Undetermined) if answer is None else found is answer


@pytest.mark.parametrize(
    ("event", "seen", "answer", "needs"),
    [
        ("2026-03-20", None, True, ()), ("2026-05-01", None, False, ()), (None, "2026-04-07", False, ()),
        (None, "2026-04-06", None, ("event", "seen")), (None, None, None, ("event", "seen")),
        ("2026-04", "2026-03-20", None, ("event",)),
    ],
)  # fmt: skip
def test_what_happened_by_a_day_is_false_only_with_a_later_contact(event, seen, answer, needs):
    """OUT-02: and tells what is missing otherwise."""
    found = value("happened_by(start, event, 28.0, seen)", start="2026-03-10", event=event, seen=seen)
    if answer is None:
        assert isinstance(found, Undetermined)
        assert found.needs == needs
    else:
        assert found is answer


@pytest.mark.parametrize(
    ("yes", "other", "answer", "needs"),
    [
        (True, True, True, ()), (True, False, False, ()), (False, True, None, ("yes",)), (None, True, None, ("yes",)),
        (True, None, None, ("other",)),
    ],
)  # fmt: skip
def test_an_answer_that_is_provided_for_says_nothing_otherwise(yes, other, answer, needs):
    """OUT-02: and tells what its condition reads, even if that is decided."""
    found = value("provided(yes, other)", yes=yes, other=other)
    assert found is answer if answer is not None else found.needs == needs


def test_every_registered_outcome_of_both_trials_is_computed():
    """OUT-01: each outcome has a reading, each choice its reason."""
    for slug in BOTH:
        for outcome in protocol(slug).outcomes:
            assert outcome.readings, f"{slug} {outcome.id}"
    chosen = {
        slug: {
            outcome.id for outcome in protocol(slug).outcomes if any(each.choice for each in outcome.readings)
        }
        for slug in BOTH
    }
    assert chosen[LIEGE] >= {"L-P3", "L-P4", "L-S1"}
    assert chosen[COVID_MSV] >= {"M-P1", "M-P2", "M-S1", "M-S2", "M-S6"}


def test_a_window_without_a_first_day_begins_on_day_0():
    outcome: Outcome = protocol(LIEGE).outcome("L-P2")
    assert outcome.window_of(outcome.readings[0]) == (0, 28)
    assert protocol(COVID_MSV).outcome("M-S6").window_of(protocol(COVID_MSV).outcome("M-S6").readings[0]) == (
        0,
        180,
    )


@pytest.mark.parametrize("slug", BOTH)
def test_no_reading_asks_for_a_form_at_a_visit_that_does_not_have_it(slug):
    """OUT-02: else every patient would be undetermined for ever."""
    rules = protocol(slug)
    for compiled in outcomes_of(rules).readings:
        plain = {name.partition(".")[0] for name in compiled.expression.references} & rules.forms.keys()
        for code in (*compiled.reading.at, *compiled.reading.baseline):
            missing = plain - set(rules.visit(code).form_codes)
            assert not missing, (compiled.key, code, missing)
