"""The safety outcomes: patients and events behind each number, undetermined ones apart."""

from dataclasses import replace
from itertools import product

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from patients.models import Patient
from reports.outcomes.counting import SAFETY_OUTCOMES, OutcomeCount, OutcomeEvent, both, counted, in_window
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.bedside import INCLUDED

FEVER = OutcomeEvent(
    patient="A-1", number=1, term="Fever", days=(3, 3), grade=2, serious=False, special=False, related=False,
    expected=None,
)  # fmt: skip


def of(code: str, *events: OutcomeEvent) -> OutcomeCount:
    return next(count for count in counted(events) if count.outcome.code == code)


def codes(event: OutcomeEvent) -> set[str]:
    """Return the outcomes that count an event."""
    return {count.outcome.code for count in counted([event]) if count.events}


def open_codes(event: OutcomeEvent) -> set[str]:
    return {count.outcome.code for count in counted([event]) if count.undetermined}


def test_each_outcome_counts_what_it_is_called():
    assert codes(FEVER) == set()
    assert codes(replace(FEVER, special=True)) == {"AESI"}
    assert codes(replace(FEVER, related=True)) == {"AR"}
    assert codes(replace(FEVER, related=True, grade=3)) == {"AR", "AR3"}
    assert codes(replace(FEVER, related=True, grade=4)) == {"AR", "AR3", "AR4"}
    assert codes(replace(FEVER, serious=True)) == {"SAE"}
    serious = replace(FEVER, serious=True, related=True)
    assert codes(replace(serious, expected=True)) == {"AR", "SAE", "SAR", "SESAR"}
    assert codes(replace(serious, expected=False)) == {"AR", "SAE", "SAR", "SUSAR"}


def test_an_open_answer_is_undetermined_and_never_no():
    assert open_codes(replace(FEVER, related=None)) == {"AR"}
    assert open_codes(replace(FEVER, related=None, grade=4, serious=True)) == {
        "AR", "AR3", "AR4", "SAR", "SESAR", "SUSAR",
    }  # fmt: skip
    assert open_codes(replace(FEVER, serious=True, related=True)) == {"SESAR", "SUSAR"}
    assert open_codes(replace(FEVER, special=None)) == {"AESI"}


@pytest.mark.parametrize(
    ("days", "counts"),
    [
        ((0, 0), True), ((28, 28), True), ((29, 29), False), ((-1, -1), False), ((27, 29), None), ((-1, 0), None),
        ((0, 28), True), ((29, 40), False), ((-40, 400), None),
    ],
)  # fmt: skip
def test_the_window_decides_only_for_the_whole_onset(days, counts):
    """SAF-15: a partial date is an interval."""
    assert in_window(days, 28) is counts
    count = of("AESI", replace(FEVER, special=True, days=days))
    assert (bool(count.events), bool(count.undetermined)) == (counts is True, counts is None)


def test_events_of_special_interest_count_to_day_28_and_reactions_to_day_90():
    late = replace(FEVER, special=True, related=True, days=(29, 29))
    assert codes(late) == {"AR"}
    assert codes(replace(late, days=(90, 90))) == {"AR"}
    assert codes(replace(late, days=(91, 91))) == set()


def test_a_patient_counts_once_and_is_not_undetermined_beside_an_event_that_counts():
    first = replace(FEVER, serious=True)
    second, other = replace(first, number=2), replace(first, patient="A-2", days=(80, 100))
    count = of("SAE", first, second, replace(first, number=3, days=(80, 100)), other)
    assert (len(count.events), count.patients) == (2, ("A-1",))
    assert (len(count.undetermined), count.undetermined_patients) == (2, ("A-2",))


def test_both_is_false_as_soon_as_one_is():
    for answers in product((True, False, None), repeat=2):
        expected = False if False in answers else (None if None in answers else True)
        assert both(*answers) is expected


ANSWERS = st.sampled_from([True, False, None])
EVENTS = st.lists(
    st.builds(
        OutcomeEvent,
        patient=st.sampled_from(["A-1", "A-2", "A-3"]), number=st.integers(1, 9), term=st.just("Fever"),
        days=st.tuples(st.integers(-5, 95), st.integers(0, 9)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        grade=st.integers(1, 5), serious=st.booleans(), special=ANSWERS, related=ANSWERS, expected=ANSWERS,
    ),
    max_size=12,
)  # fmt: skip


@given(EVENTS)
def test_the_outcomes_are_consistent(events):
    """SAR = SESAR + SUSAR, but for those whose expectedness is open; SAR lies in SAE and in AR."""
    found = {count.outcome.code: count for count in counted(events)}
    sar = list(found["SAR"].events)
    open_sar = [event for event in sar if event.expected is None]
    assert len(sar) == len(found["SESAR"].events) + len(found["SUSAR"].events) + len(open_sar)
    for event in sar:
        assert event in found["SAE"].events
        assert event in found["AR"].events
    assert len(found["AR4"].events) <= len(found["AR3"].events) <= len(found["AR"].events)
    for count in found.values():
        assert not set(count.patients) & set(count.undetermined_patients)
        assert len(count.patients) <= len(count.events)


@pytest.fixture
def outcomes(db):
    """A trial with a treated patient and a page that shows its outcomes."""
    trial = build.trial()
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    return trial, patient, doctor


def address(trial, **query) -> str:
    return reverse("reports:outcomes", args=[trial.slug], query=query)


def numbers(response, code: str) -> tuple[int, int, int, int]:
    line = next(each for each in response.context["lines"] if each.code == code)
    return line.patients, line.events, line.open_patients, line.open_events


@pytest.mark.django_db
def test_the_page_counts_the_events_of_the_trial(outcomes):
    trial, patient, doctor = outcomes
    build.event(patient=patient, by=doctor, causality="possible")
    build.event(patient=patient, by=doctor, term="Rash", causality="")
    error = build.event(patient=patient, by=doctor, term="Cough", causality="possible")
    with acting(system="test"):
        AdverseEvent.objects.filter(pk=error.pk).update(in_error_reason="another patient")
    response = build.client(doctor).get(address(trial))
    assert numbers(response, "AR") == (1, 1, 0, 1)
    assert numbers(response, "SAE") == (0, 0, 0, 0)
    assert [line.code for line in response.context["lines"]] == [each.code for each in SAFETY_OUTCOMES]


@pytest.mark.django_db
def test_each_number_opens_the_list_behind_it(outcomes):
    trial, patient, doctor = outcomes
    build.event(patient=patient, by=doctor, causality="possible")
    build.event(patient=patient, by=doctor, term="Rash", causality="")
    response = build.client(doctor).get(address(trial, outcome="AR"))
    assert [(event.term, counts) for event, counts in response.context["behind"]] == [
        ("Fever", True),
        ("Rash", False),
    ]
    assert "AE 2 · Rash" in text_of(response)
    assert build.client(doctor).get(address(trial, outcome="XX")).context["chosen"] is None


@pytest.mark.django_db
def test_a_patient_without_a_day_0_is_not_counted(outcomes):
    trial, patient, doctor = outcomes
    build.event(patient=patient, by=doctor, causality="possible")
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(enrolled_on=None, state="screening")
    assert numbers(build.client(doctor).get(address(trial)), "AR") == (0, 0, 0, 0)


@pytest.mark.django_db
def test_the_page_takes_the_same_queries_for_one_and_three_events(outcomes, django_assert_max_num_queries):
    trial, patient, doctor = outcomes
    client = build.client(doctor)
    for number in range(3):
        build.event(patient=patient, by=doctor, term=f"Fever {number}", causality="possible")
        with django_assert_max_num_queries(12):
            client.get(address(trial))
