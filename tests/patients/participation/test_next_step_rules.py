"""The next step of a patient, on plain values: exactly one, or a reason why none."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patients.participation.next_step import (
    NEEDS,
    ConsentState,
    DecisionState,
    InfusionFacts,
    NextStep,
    NoStep,
    PatientFacts,
    Patients,
    StepKind,
    VisitFacts,
    next_step,
)
from trials.permissions import Permission

pytestmark = pytest.mark.one_engine

TODAY = date(2026, 9, 15)


def day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


def visit(
    key: str, first: int | None, last: int | None, *, left: tuple[str, ...] = (), held: bool = False
) -> VisitFacts:
    window = [None if each is None else day(each) for each in (first, last)]
    return VisitFacts(key, not held, True, *window, left)


def infusion(number: int, first: int | None, last: int | None, *, weighed: bool = False) -> InfusionFacts:
    window = [None if each is None else day(each) for each in (first, last)]
    return InfusionFacts(number, f"INF{number}", *window, weighed)


SCREENED = PatientFacts(
    state=Patients.SCREENING,
    locked=False,
    today=TODAY,
    consent=ConsentState.IN_FORCE,
    decision=DecisionState.MISSING,
    treated=True,
    died=False,
    visits=(visit("SCR", -1, 0, left=("demography", "vitals")),),
    infusions=(),
)
FOLLOWED = replace(
    SCREENED,
    state=Patients.ENROLLED,
    decision=DecisionState.ELIGIBLE,
    visits=(
        visit("SCR", -1, 0, held=True),
        visit("INF1", 0, 1, left=("vitals",)),
        visit("D28", 26, 30, left=("vitals",)),
    ),
    infusions=(infusion(1, 0, 1),),
)


def test_the_steps_of_screening_follow_each_other():
    without = replace(SCREENED, consent=ConsentState.MISSING)
    entered = replace(SCREENED, visits=(visit("SCR", -1, 0),))
    done = replace(SCREENED, visits=(visit("SCR", -1, 0, held=True),))
    assert [
        next_step(each)
        for each in (
            without,
            SCREENED,
            entered,
            done,
            replace(SCREENED, decision=DecisionState.ELIGIBLE),
            replace(done, decision=DecisionState.NOT_ELIGIBLE),
            replace(done, decision=DecisionState.OUTDATED),
        )
    ] == [
        NextStep(StepKind.CONSENT),
        NextStep(StepKind.FINISH_FORMS, visit="SCR", forms=("demography", "vitals")),
        NextStep(StepKind.HOLD_VISIT, visit="SCR", first=day(-1), last=day(0)),
        NextStep(StepKind.DECIDE),
        NextStep(StepKind.INCLUDE),
        NextStep(StepKind.FAIL),
        NextStep(StepKind.DECIDE_AGAIN),
    ]


def test_forms_of_visits_after_inclusion_do_not_hide_the_decision_on_eligibility():
    """Nothing can be entered there before inclusion; an unscheduled visit of screening has its day."""
    after = visit("INF1", None, None, left=("vitals", "blood_gas"))
    done = replace(SCREENED, visits=(visit("SCR", -1, 0, held=True), after))
    assert next_step(done) == NextStep(StepKind.DECIDE)
    unscheduled = visit("UNS-1", None, None, left=("vitals",), held=True)
    between = replace(done, visits=(*done.visits, unscheduled))
    assert next_step(between) == NextStep(StepKind.FINISH_FORMS, visit="UNS-1", forms=("vitals",))


def test_after_inclusion_come_weight_infusion_forms_next_visit_and_end_of_study():
    weighed = replace(FOLLOWED, infusions=(infusion(1, 0, 1, weighed=True),))
    given_now = replace(
        FOLLOWED,
        infusions=(),
        visits=(*FOLLOWED.visits[:1], visit("INF1", 0, 1, left=("vitals",), held=True), FOLLOWED.visits[2]),
    )
    entered = replace(given_now, visits=(visit("INF1", 0, 1, held=True), FOLLOWED.visits[2]))
    over = replace(entered, visits=(visit("INF1", 0, 1, held=True), visit("D28", 26, 30, held=True)))
    assert next_step(FOLLOWED) == NextStep(StepKind.WEIGH, "INF1", 1, first=day(0), last=day(1))
    assert next_step(weighed) == NextStep(StepKind.INFUSE, "INF1", 1, first=day(0), last=day(1))
    assert next_step(given_now) == NextStep(StepKind.FINISH_FORMS, visit="INF1", forms=("vitals",))
    later = next_step(entered)
    assert later == NextStep(StepKind.HOLD_VISIT, visit="D28", first=day(26), last=day(30))
    assert later.is_early(TODAY)
    assert next_step(over) == NextStep(StepKind.END)


def test_what_can_be_done_now_comes_before_what_lies_ahead():
    """The visit of today, although the infusion of next week stands before it in the protocol."""
    facts = replace(FOLLOWED, visits=(visit("INF1", 7, 8), visit("D3", 0, 1)), infusions=(infusion(1, 7, 8),))
    assert next_step(facts).visit == "D3"
    ahead = replace(facts, visits=(visit("INF1", 7, 8), visit("D3", 2, 4)))
    assert next_step(ahead).visit == "D3"


def test_an_infusion_that_is_due_waits_for_no_visit_before_it():
    facts = replace(FOLLOWED, visits=(visit("SCR", -1, 0, left=("vitals",)), *FOLLOWED.visits[1:]))
    assert next_step(facts).kind is StepKind.WEIGH
    assert next_step(replace(facts, infusions=())).visit == "SCR"


def test_the_first_and_the_last_day_of_a_window_are_neither_early_nor_late():
    step = NextStep(StepKind.HOLD_VISIT, visit="D28", first=day(0), last=day(1))
    assert [(step.is_early(day(n)), step.is_late(day(n))) for n in (-1, 0, 1, 2)] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]


def test_a_patient_whose_consent_to_treatment_is_withdrawn_waits_for_no_infusion():
    assert next_step(replace(FOLLOWED, treated=False)) == NextStep(
        StepKind.HOLD_VISIT, visit="INF1", first=day(0), last=day(1)
    )


def test_a_patient_found_not_eligible_after_inclusion_is_followed_and_not_infused():
    found = replace(FOLLOWED, decision=DecisionState.NOT_ELIGIBLE)
    assert next_step(found) == NextStep(StepKind.HOLD_VISIT, visit="INF1", first=day(0), last=day(1))


def test_after_a_death_the_study_ends_whatever_was_waited_for():
    dead = replace(FOLLOWED, died=True)
    waiting = (replace(dead, consent=ConsentState.AGAIN), replace(dead, decision=DecisionState.OUTDATED))
    assert [next_step(each) for each in (dead, *waiting)] == [NextStep(StepKind.END)] * 3
    done = replace(dead, state=Patients.ENDED, visits=(visit("D28", 0, 1, held=True),))
    assert next_step(done) is NoStep.ENDED


def test_a_new_consent_and_a_new_decision_come_before_anything_else_of_follow_up():
    assert next_step(replace(FOLLOWED, consent=ConsentState.AGAIN)) == NextStep(StepKind.CONSENT_AGAIN)
    assert next_step(replace(FOLLOWED, decision=DecisionState.OUTDATED)) == NextStep(StepKind.DECIDE_AGAIN)


def test_a_visit_without_a_day_is_not_taken_for_the_end_of_study():
    waiting = replace(FOLLOWED, visits=(visit("INF2", None, None),), infusions=(infusion(2, None, None),))
    assert next_step(waiting) is NoStep.NO_DAY


def test_after_the_end_only_what_is_not_settled_is_left():
    ended = replace(FOLLOWED, state=Patients.ENDED)
    assert next_step(ended) == NextStep(StepKind.HOLD_VISIT, visit="INF1", first=day(0), last=day(1))
    assert next_step(replace(ended, visits=(visit("D28", 0, 1, held=True),))) is NoStep.ENDED
    gone = replace(visit("D28", 0, 1), takes_place=False)
    assert next_step(replace(ended, visits=(gone,))) is NoStep.ENDED


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FOLLOWED, locked=True), NoStep.LOCKED),
        (replace(SCREENED, state=Patients.FAILED), NoStep.FAILED),
    ],
)
def test_nothing_follows_in_a_locked_casebook_or_after_a_screen_failure(facts, reason):
    assert next_step(facts) is reason


def test_every_step_names_a_permission_of_the_trial():
    assert NEEDS.keys() == set(StepKind)
    assert {Permission(name) for name in NEEDS.values()} <= set(Permission)


OFFSETS = st.none() | st.integers(-40, 40)
FORMS = st.lists(st.sampled_from(["vitals", "blood", "who_cps"]), unique=True, max_size=2).map(tuple)


@st.composite
def facts(draw) -> PatientFacts:
    """Any facts that a casebook can give, and many that it cannot."""

    def window() -> tuple[date | None, date | None]:
        first = draw(OFFSETS)
        return (None, None) if first is None else (day(first), day(first + draw(st.integers(0, 5))))

    keys = draw(st.lists(st.sampled_from(["SCR", "INF1", "INF2", "D3", "D28", "UNS"]), unique=True))
    return PatientFacts(
        state=draw(st.sampled_from(Patients)),
        locked=draw(st.booleans()),
        today=TODAY,
        consent=draw(st.sampled_from(ConsentState)),
        decision=draw(st.sampled_from(DecisionState)),
        treated=draw(st.booleans()),
        died=draw(st.booleans()),
        visits=tuple(
            VisitFacts(key, draw(st.booleans()), draw(st.booleans()), *window(), draw(FORMS)) for key in keys
        ),
        infusions=tuple(
            InfusionFacts(number, f"INF{number}", *window(), draw(st.booleans()))
            for number in draw(st.sets(st.sampled_from([1, 2])))
        ),
    )


@given(facts())
def test_every_state_has_exactly_one_next_step_or_a_reason(known):
    step = next_step(known)
    if isinstance(step, NoStep):
        assert known.locked or known.state in (Patients.FAILED, Patients.ENDED, Patients.ENROLLED)
        return
    assert not known.locked
    assert bool(step.forms) == (step.kind is StepKind.FINISH_FORMS)
    assert (step.infusion > 0) == (step.kind in (StepKind.WEIGH, StepKind.INFUSE))
    if step.kind in (StepKind.FINISH_FORMS, StepKind.HOLD_VISIT):
        [place] = [each for each in known.visits if each.key == step.visit]
        assert place.takes_place
        assert step.forms == (place.left if step.kind is StepKind.FINISH_FORMS else ())
    if step.infusion:
        assert known.treated
        assert step.infusion in {each.number for each in known.infusions}


@given(facts())
def test_a_step_that_lies_ahead_means_that_no_form_and_no_visit_waits_today(known):
    step = next_step(known)
    if isinstance(step, NoStep) or known.state is not Patients.ENROLLED or not step.is_early(TODAY):
        return
    infused = {each.visit for each in known.infusions} if known.treated else set()
    for each in known.visits:
        if each.takes_place and each.planned and each.key not in infused:
            assert each.first is None or each.first > TODAY
        if each.takes_place and not each.planned:
            assert not each.left
