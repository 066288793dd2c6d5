"""How adverse events are counted for a public register (RES-02 to RES-04)."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.registries.organ_classes import ORGAN_CLASSES, organ_class
from safety.registries.rows import CountedEvent, ReportingArm
from safety.registries.table import ArmCounts, EventTable, count
from tests.support.oracles import oracle

INFECTIONS, VASCULAR = "10021881", "Vascular disorders"


def event(
    patient: str, term: str = "Fever", *, organ: str = VASCULAR, serious: bool = False, **facts: bool
) -> CountedEvent:
    return CountedEvent(
        patient=patient,
        term=term,
        organ_class=organ,
        serious=serious,
        related=facts.get("related", False),
        fatal=facts.get("fatal", False),
    )


def arm(title: str, patients: int, *, first: int = 1, died: tuple[str, ...] = ()) -> ReportingArm:
    codes = frozenset(f"P{number}" for number in range(first, first + patients))
    return ReportingArm(title=title, exposed=codes, died=frozenset(died))


def only(table: EventTable) -> ArmCounts:
    (row,) = (*table.serious, *table.non_serious)
    return row.counts[0]


def test_a_patient_counts_once_per_term_and_the_event_each_time():
    """RES-02."""
    table = count(events=[event("P1"), event("P1"), event("P2")], arms=[arm("Cells", 4)])
    assert (only(table).patients, only(table).occurrences) == (2, 3)
    assert (table.totals[0].exposed, table.totals[0].non_serious) == (4, 2)


def test_the_same_term_in_another_class_and_serious_events_are_rows_of_their_own():
    events = [event("P1"), event("P1", organ=INFECTIONS), event("P1", serious=True)]
    table = count(events=events, arms=[arm("Cells", 2)])
    assert [(row.term, row.organ_class) for row in table.non_serious] == [
        ("Fever", INFECTIONS),
        ("Fever", VASCULAR),
    ]
    assert [row.term for row in table.serious] == ["Fever"]


def test_an_arm_without_the_event_has_a_row_of_zeros():
    table = count(events=[event("P1")], arms=[arm("Cells", 2), arm("Placebo", 2, first=3)])
    assert table.non_serious[0].counts == (ArmCounts(1, 1, 0, 0, 0), ArmCounts())


def test_who_had_no_infusion_is_neither_counted_nor_at_risk():
    """RES-02: at risk is who was exposed, not who was included."""
    table = count(events=[event("P1"), event("P9")], arms=[arm("Cells", 2)])
    assert (only(table).patients, table.totals[0].exposed, table.left_out) == (1, 2, 1)


@pytest.mark.parametrize(
    ("affected", "exposed", "listed"),
    [(1, 20, False), (2, 20, True), (1, 19, True), (5, 100, False), (6, 100, True), (1, 21, False)],
)
def test_more_than_five_percent_is_more_than_five_percent(affected, exposed, listed):
    """RES-03: 1 of 20 is 5 % and does not exceed it."""
    events = [event(f"P{number}") for number in range(1, affected + 1)]
    table = count(events=events, arms=[arm("Cells", exposed)], threshold="5")
    assert bool(table.non_serious) is listed
    assert table.totals[0].non_serious == affected
    assert table.totals[0].frequent == (affected if listed else 0)


def test_the_threshold_is_compared_exactly():
    """7 of 140 is 5 % in every arithmetic but that of binary numbers; 3.3 % of 1000 is 33."""
    thirty_three = [event(f"P{number}") for number in range(1, 34)]
    assert count(events=thirty_three, arms=[arm("Cells", 1000)], threshold="3.3").non_serious == ()
    assert count(events=thirty_three, arms=[arm("Cells", 999)], threshold="3.3").non_serious != ()


def test_one_arm_above_the_threshold_lists_the_term_for_every_arm():
    arms = [arm("Cells", 10), arm("Placebo", 100, first=11)]
    table = count(events=[event("P1"), event("P11")], arms=arms, threshold="5")
    assert [each.patients for each in table.non_serious[0].counts] == [1, 1]


def test_serious_events_are_listed_whatever_their_frequency():
    table = count(events=[event("P1", serious=True)], arms=[arm("Cells", 100)], threshold="5")
    assert only(table).patients == 1


def test_a_threshold_of_zero_lists_everything():
    table = count(events=[event("P1")], arms=[arm("Cells", 100)])
    assert only(table).patients == 1


def test_deaths_without_an_event_count_as_deaths_of_any_cause():
    """RES-04."""
    events = [event("P1", serious=True, fatal=True), event("P1", "Sepsis", serious=True, fatal=True)]
    table = count(events=events, arms=[arm("Cells", 4, died=("P1", "P2", "P9"))])
    assert (table.totals[0].deaths, table.totals[0].event_deaths) == (2, 1)


def test_a_fatal_event_is_a_death_before_any_form_states_it():
    table = count(events=[event("P1", serious=True, fatal=True)], arms=[arm("Cells", 4)])
    assert (table.totals[0].deaths, table.totals[0].event_deaths) == (1, 1)


def test_related_and_fatal_events_are_counted_within_the_term():
    events = [
        event("P1", serious=True, related=True, fatal=True),
        event("P1", serious=True, related=True, fatal=True),
        event("P2", serious=True, fatal=True),
        event("P3", serious=True, related=True),
    ]
    counts = only(count(events=events, arms=[arm("Cells", 4)]))
    assert counts == ArmCounts(patients=3, occurrences=4, related=3, deaths=2, related_deaths=1)


def test_a_patient_in_two_arms_is_refused():
    with pytest.raises(ValueError, match="two arms"):
        count(events=[], arms=[arm("Cells", 2), arm("Placebo", 2)])


EVENTS = st.lists(
    st.builds(
        CountedEvent,
        patient=st.sampled_from([f"P{number}" for number in range(1, 13)]),
        term=st.sampled_from(["Fever", "Sepsis"]),
        organ_class=st.sampled_from([INFECTIONS, VASCULAR]),
        serious=st.booleans(),
        related=st.booleans(),
        fatal=st.booleans(),
    ),
    max_size=30,
)


@given(EVENTS, st.integers(0, 500))
def test_counts_are_consistent(events, hundredths):
    arms = [arm("Cells", 5), arm("Placebo", 4, first=6)]
    table = count(events=events, arms=arms, threshold=Fraction(hundredths, 100))
    for row in (*table.serious, *table.non_serious):
        assert any(counts.patients for counts in row.counts)
        for counts, totals in zip(row.counts, table.totals, strict=True):
            assert counts.patients <= counts.occurrences
            assert max(counts.deaths, counts.related_deaths) <= counts.patients <= totals.exposed
            assert counts.related <= counts.occurrences
    for totals in table.totals:
        assert totals.event_deaths <= totals.deaths <= totals.exposed
        assert totals.frequent <= totals.non_serious <= totals.exposed
    at_risk = [each for each in events if any(each.patient in each_arm.exposed for each_arm in arms)]
    assert sum(c.occurrences for row in table.serious for c in row.counts) == sum(
        each.serious for each in at_risk
    )
    assert table.left_out == len(events) - len(at_risk)


def test_the_organ_classes_are_those_of_the_agency():
    rows = [line.split(",") for line in oracle("eudract/soc_code.csv").read_text("utf-8").splitlines()[1:]]
    listed = {(row[-1], int(row[-2]), ",".join(row[:-2]).strip('"')) for row in rows}
    assert {(each.code, each.eutct, each.name) for each in ORGAN_CLASSES} == listed
    assert len(ORGAN_CLASSES) == 27


def test_an_organ_class_is_found_by_code_and_by_words():
    assert organ_class("10021881") == organ_class("infections AND infestations")
    assert organ_class("Infections") is None
