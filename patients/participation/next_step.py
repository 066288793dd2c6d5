"""The next step of a patient through the trial, computed from plain values: no Django, no database.

A patient has exactly one next step, or a reason why none. What tells arms apart is not read: visits, bedside infusions
and forms are planned in both arms alike.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import chain


class Patients(StrEnum):
    """The states of a patient, as `Patient.State` stores them."""

    SCREENING = "screening"
    FAILED = "screen_failed"
    ENROLLED = "enrolled"
    ENDED = "ended"


class ConsentState(StrEnum):
    """The state of the consent: none, in force, or to be given again."""

    MISSING = "missing"
    IN_FORCE = "in_force"
    AGAIN = "again"


class DecisionState(StrEnum):
    """The state of the latest decision on eligibility. `OUTDATED`: it has to be made and signed again."""

    MISSING = "missing"
    ELIGIBLE = "eligible"
    NOT_ELIGIBLE = "not_eligible"
    OUTDATED = "outdated"


class StepKind(StrEnum):
    """The kind of the next step."""

    CONSENT = "consent"
    CONSENT_AGAIN = "consent_again"
    FINISH_FORMS = "finish_forms"
    DECIDE = "decide"
    DECIDE_AGAIN = "decide_again"
    INCLUDE = "include"
    FAIL = "fail"
    WEIGH = "weigh"
    INFUSE = "infuse"
    HOLD_VISIT = "hold_visit"
    END = "end"


class NoStep(StrEnum):
    """Why there is nothing to do."""

    LOCKED = "locked"
    FAILED = "screen_failed"
    ENDED = "ended"
    NO_DAY = "no_day"


# The permission that each step needs, by its stored name (`trials.permissions`).
NEEDS: dict[StepKind, str] = {
    StepKind.CONSENT: "enter_data",
    StepKind.CONSENT_AGAIN: "enter_data",
    StepKind.FINISH_FORMS: "enter_data",
    StepKind.DECIDE: "sign_eligibility",
    StepKind.DECIDE_AGAIN: "sign_eligibility",
    StepKind.INCLUDE: "enrol",
    StepKind.FAIL: "enrol",
    StepKind.WEIGH: "record_infusion",
    StepKind.INFUSE: "record_infusion",
    StepKind.HOLD_VISIT: "enter_data",
    StepKind.END: "enrol",
}


@dataclass(frozen=True, slots=True)
class VisitFacts:
    """One visit. `first` and `last` are the days of its window; `left` its required forms that are not complete.

    planned: neither held, missed nor cancelled. takes_place: it is held, or still expected of this patient.
    """

    key: str
    planned: bool
    takes_place: bool
    first: date | None
    last: date | None
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InfusionFacts:
    """One infusion that is planned and neither given nor marked as not given. `visit` is the key of its visit."""

    number: int
    visit: str
    first: date | None
    last: date | None
    weighed: bool


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """The facts on which the next step depends. Visits are in the order in which they take place; infusions by number.

    treated: no consent to the treatment is withdrawn. died: a form states the day of death. today: the day at the site.
    """

    state: Patients
    locked: bool
    today: date
    consent: ConsentState
    decision: DecisionState
    treated: bool
    died: bool
    visits: tuple[VisitFacts, ...]
    infusions: tuple[InfusionFacts, ...]


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next step of a patient. `first` and `last` are its window; before `first` it lies in the future."""

    kind: StepKind
    visit: str = ""
    infusion: int = 0
    forms: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None

    @property
    def needs(self) -> str:
        """Return the name of the permission of those who do it."""
        return NEEDS[self.kind]

    def is_early(self, today: date) -> bool:
        """Return True if the step cannot be done yet."""
        return self.first is not None and today < self.first

    def is_late(self, today: date) -> bool:
        """Return True if its window has passed."""
        return self.last is not None and self.last < today


def next_step(facts: PatientFacts) -> NextStep | NoStep:
    """Return the next step of a patient, or the reason why there is none."""
    if facts.locked:
        return NoStep.LOCKED
    if facts.state is Patients.FAILED:
        return NoStep.FAILED
    if facts.state is Patients.ENDED:
        return next(_to_finish(facts), NoStep.ENDED)
    # Nothing is waited for after a death: the end of study settles the visits until then.
    if facts.died and facts.state is Patients.ENROLLED:
        return NextStep(StepKind.END)
    if facts.consent is not ConsentState.IN_FORCE:
        missing = facts.consent is ConsentState.MISSING
        return NextStep(StepKind.CONSENT if missing else StepKind.CONSENT_AGAIN)
    return _in_screening(facts) if facts.state is Patients.SCREENING else _in_follow_up(facts)


def _in_screening(facts: PatientFacts) -> NextStep:
    decided = {DecisionState.ELIGIBLE: StepKind.INCLUDE, DecisionState.NOT_ELIGIBLE: StepKind.FAIL}
    if facts.decision in decided:
        return NextStep(decided[facts.decision])
    again = facts.decision is DecisionState.OUTDATED
    decide = NextStep(StepKind.DECIDE_AGAIN if again else StepKind.DECIDE)
    # Before inclusion the forms of a visit are entered whether its day is recorded or not; a planned visit without
    # a window comes after inclusion, and nothing can be entered there yet.
    here = [
        each for each in facts.visits if each.takes_place and (each.first is not None or not each.planned)
    ]
    forms = (_finish(each) for each in here if each.left)
    held = (_hold(each) for each in here if each.planned)
    days = (each for each in held if not each.is_early(facts.today))
    return next(chain(forms, days), decide)


def _in_follow_up(facts: PatientFacts) -> NextStep | NoStep:
    if facts.decision is DecisionState.OUTDATED:
        return NextStep(StepKind.DECIDE_AGAIN)
    dated = [each for each in _open(facts) if each.first is not None or each.kind is StepKind.FINISH_FORMS]
    now = [each for each in dated if not each.is_early(facts.today)]
    # An infusion does not wait for what is left of the visits before it.
    if now:
        return next((each for each in now if each.infusion), now[0])
    if dated:
        # `min` keeps the order of the visits among those of one day.
        return min(dated, key=lambda each: each.first or facts.today)
    return NoStep.NO_DAY if any(True for _each in _open(facts)) else NextStep(StepKind.END)


def _open(facts: PatientFacts) -> Iterator[NextStep]:
    """Yield what is open in follow-up in the order of the visits, an infusion before the forms of its visit."""
    # A patient whom an investigator found not eligible is followed, not treated.
    is_treated = facts.treated and facts.decision is not DecisionState.NOT_ELIGIBLE
    infusions = facts.infusions if is_treated else ()
    known = {visit.key for visit in facts.visits}
    for infusion in (each for each in infusions if each.visit not in known):
        yield _infusion(infusion)
    for visit in facts.visits:
        # The record of the infusion holds its visit: the day is not asked twice.
        here = [each for each in infusions if each.visit == visit.key]
        yield from (_infusion(each) for each in here)
        if visit.planned and visit.takes_place and not here:
            yield _hold(visit)
        elif not visit.planned and visit.takes_place and visit.left:
            yield _finish(visit)


def _hold(visit: VisitFacts) -> NextStep:
    return NextStep(StepKind.HOLD_VISIT, visit=visit.key, first=visit.first, last=visit.last)


def _finish(visit: VisitFacts) -> NextStep:
    return NextStep(StepKind.FINISH_FORMS, visit=visit.key, forms=visit.left)


def _infusion(infusion: InfusionFacts) -> NextStep:
    kind = StepKind.INFUSE if infusion.weighed else StepKind.WEIGH
    return NextStep(
        kind, visit=infusion.visit, infusion=infusion.number, first=infusion.first, last=infusion.last
    )


def _to_finish(facts: PatientFacts) -> Iterator[NextStep]:
    """Yield what is left of an ended study: visits up to its end that are not settled, and their forms."""
    for visit in facts.visits:
        if not visit.takes_place:
            continue
        if visit.planned:
            yield _hold(visit)
        elif visit.left:
            yield _finish(visit)
