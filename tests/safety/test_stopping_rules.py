"""Stopping rules on plain values: what counts, from which number they fire, and how a file can be wrong (CEL-16)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.checking.mistakes import problems
from protocol.document.stopping import StoppingRule
from safety.stopping.stopping_rules import WatchedEvent, firing, is_watched
from tests.support.protocols.shipped import COVID_MSV, LIEGE, ROOT, protocol

SMALL = (ROOT / "tests/support/protocols/small.toml").read_text(encoding="utf-8")


def rule(**changed) -> StoppingRule:
    return StoppingRule.model_validate(
        {"id": "R", "title": {"en": "R"}, "scope": "trial", "events": {"related": True}, **changed}
    )


def event(key: int = 1, **changed) -> WatchedEvent:
    facts = {"patient": 1, "related": True, "serious": False, "fatal": False, "grade": 3, "aesi": "none"}
    return WatchedEvent(key=key, **{**facts, **changed})


@pytest.mark.parametrize(
    ("watched", "changed", "counts"),
    [
        ({"related": True}, {}, True),
        ({"related": True}, {"related": False}, False),
        ({"related": False}, {"related": False}, True),
        ({"serious": True}, {}, False),
        ({"serious": True}, {"serious": True}, True),
        ({"fatal": True}, {}, False),
        ({"fatal": True}, {"fatal": True}, True),
        ({"lowest_grade": 3}, {"grade": 2}, False),
        ({"lowest_grade": 3}, {"grade": 3}, True),
        ({"lowest_grade": 3}, {"grade": 4}, True),
        ({"aesi": ["TE"]}, {}, False),
        ({"aesi": ["TE", "IR"]}, {"aesi": "IR"}, True),
        ({"related": True, "fatal": True}, {"fatal": True, "related": False}, False),
    ],
)
def test_an_event_counts_if_it_meets_every_property_of_the_rule(watched, changed, counts):
    assert is_watched(rule(events=watched).events, event(**changed)) is counts


@pytest.mark.parametrize(
    ("minutes", "counts"),
    [
        ((), False),
        (((0, 0),), True),
        (((72 * 60, 72 * 60),), True),
        (((72 * 60 + 1, 72 * 60 + 1),), False),
        (((-1, -1),), False),
        (((-600, 840),), True),
        (((4000, 5440),), True),
        (((9000, 9000), (100, 100)), True),
    ],
)
def test_72_hours_are_counted_from_any_infusion_and_an_uncertain_onset_counts(minutes, counts):
    watched = rule(events={"within_hours_of_infusion": 72}).events
    assert is_watched(watched, event(minutes=minutes)) is counts


def test_a_rule_fires_from_its_number_of_events():
    two = rule(at_least=2)
    assert firing(two, [event(1)]) == ()
    assert firing(two, [event(1), event(2, related=False)]) == ()
    assert firing(two, [event(1), event(2, related=False), event(3)]) == (1, 3)
    assert firing(rule(), [event(7)]) == (7,)
    assert firing(rule(), []) == ()


def test_two_events_of_one_patient_are_not_two_patients():
    two = rule(at_least=2, counts="patients")
    assert firing(two, [event(1), event(2)]) == ()
    assert firing(two, [event(1), event(2), event(3, patient=2)]) == (1, 2, 3)


@given(st.lists(st.booleans(), max_size=8), st.integers(1, 5))
def test_a_rule_fires_exactly_when_enough_events_count(related, at_least):
    events = [event(number, related=each) for number, each in enumerate(related)]
    fired = firing(rule(at_least=at_least), events)
    assert bool(fired) is (sum(related) >= at_least)
    assert set(fired) in ({e.key for e in events if e.related}, set())


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ('events = { related = true }\nscope = "trial"', []),
        (
            'events = {}\nscope = "trial"',
            ["stopping_rules.R.events: name at least one property of the events"],
        ),
        ('events = { grade = 3 }\nscope = "trial"', ["stopping_rules.R.events.grade: unknown key"]),
        (
            'events = { lowest_grade = 6 }\nscope = "trial"',
            ["stopping_rules.R.events.lowest_grade: should be 5"],
        ),
        (
            'events = { aesi = ["XX"] }\nscope = "trial"',
            ["stopping_rules.R.events.aesi: unknown event of special"],
        ),
        (
            'events = { fatal = true }\nscope = "site"',
            ["stopping_rules.R.scope: should be 'trial' or 'patient'"],
        ),
        (
            'events = { fatal = true }\nscope = "patient"\ncounts = "patients"',
            ["stopping_rules.R: a rule about one patient counts events"],
        ),
        (
            'events = { fatal = true }\nscope = "trial"\nat_least = 0',
            ["stopping_rules.R.at_least: should be 1"],
        ),
    ],
)
def test_a_mistake_in_a_rule_is_named_at_its_key(rules, said):
    text = SMALL.replace(
        "[safety]", f'[[stopping_rules]]\nid = "R"\ntitle = {{ en = "R" }}\n{rules}\n[safety]', 1
    )
    found = [str(each) for each in problems(text)]
    assert len(found) == len(said)
    assert all(each.startswith(words) for each, words in zip(found, said, strict=True)), found


def test_the_shipped_files_hold_the_trial_for_a_related_death_and_liege_the_next_infusion():
    """CEL-16: proposals."""
    for slug, ids in ((LIEGE, ["SR1", "SR2", "SR3"]), (COVID_MSV, ["SR1", "SR2"])):
        rules = {each.id: each for each in protocol(slug).stopping_rules}
        assert list(rules) == ids
        death = event(fatal=True, grade=5)
        assert firing(rules["SR1"], [death]) == (1,)
        reaction = {"aesi": "INFUSION_REACTION", "minutes": ((60, 60),)}
        assert firing(rules["SR2"], [event(1, **reaction)]) == ()
        assert firing(rules["SR2"], [event(1, **reaction), event(2, patient=2, **reaction)]) == (1, 2)
    assert protocol(LIEGE).stopping_rules[2].scope == "patient"
