"""CTCAE grade of a laboratory result, from the number alone (LAB-01 to LAB-06). Exact decimals, no Django.

The grade is a suggestion: where symptoms or a treatment decide, `LabGrade.ask` holds the question. A result beyond a
limit of detection is an interval and is graded only if every number of it has the same grade.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from functools import cache
from typing import Final

from protocol.ctcae.criteria import BASELINE, HIGH, LOW, LOWER, NUMBER, UPPER, Criteria, GradeStep
from protocol.ctcae.laboratory_terms import TABLES, criteria_of
from protocol.values.intervals import Interval, comparator_and_number
from protocol.values.refusals import ValueRefused, filled, gettext_noop

EXACT: Final = Context(prec=200)
ZERO, ONE, ENDLESS = Decimal(0), Decimal(1), Decimal("Infinity")
ANTICOAGULANT_FROM: Final = Decimal("1.2")
INR_MULTIPLES: Final = ((3, Decimal("2.5")), (2, Decimal("1.5")), (1, ONE))

NO_TABLE = gettext_noop("Results cannot be graded by CTCAE version %(version)s: there is no table of it.")
NO_TERM = gettext_noop("“%(term)s” has no numeric grades in CTCAE version %(version)s.")
NO_UNIT = gettext_noop("“%(term)s” cannot be graded in %(unit)s: give the result in %(units)s.")
NO_UPPER = gettext_noop("Cannot grade: no upper limit of the laboratory.")
NO_LOWER = gettext_noop("Cannot grade: no lower limit of the laboratory.")
NO_BASELINE_GRADE = gettext_noop("Cannot grade: the baseline lies beyond a limit of detection.")
BELOW_ZERO = gettext_noop("Cannot grade: a result, limit or baseline is below zero or no number.")
LIMITS_CROSSED = gettext_noop("Cannot grade: the lower limit is above the upper limit.")
SEVERAL = gettext_noop("Cannot grade: %(value)s may be grade %(least)s to %(most)s.")

REACHES_NONE = gettext_noop("%(value)s %(unit)s reaches no grade.")
REASONS: Final = {
    NUMBER: gettext_noop("%(value)s %(sign)s %(bound)s %(unit)s"),
    UPPER: gettext_noop("%(value)s %(sign)s %(bound)s %(unit)s: %(factor)s × the upper limit"),
    LOWER: gettext_noop("%(value)s %(sign)s %(bound)s %(unit)s: %(factor)s × the lower limit"),
    BASELINE: gettext_noop("%(value)s %(sign)s %(bound)s %(unit)s: %(factor)s × the baseline"),
}
SIGNS: Final = {(HIGH, False): ">", (HIGH, True): "≥", (LOW, False): "<", (LOW, True): "≤"}
ON_ANTICOAGULANT = gettext_noop(
    "Is the patient on an anticoagulant? Then the multiple of the baseline decides: grade %(grade)s."
)
ANTICOAGULANT_UNKNOWN = gettext_noop(
    "Is the patient on an anticoagulant? Then the multiple of the baseline decides."
)


class CannotGrade(ValueRefused):
    """The number alone gives no grade; the sentence says what is missing."""


class LabGrade(int):
    """A grade, 0 to 4, with its reason. Compares with integers."""

    value: Decimal | Interval
    unit: str
    baseline: Decimal | None
    criteria: Criteria
    step: GradeStep | None
    bound: Decimal

    @property
    def grade(self) -> int:
        """Return the grade as a plain integer; 0 for no grade."""
        return int(self)

    @property
    def reason(self) -> str:
        """Return which number decided, in English."""
        return self.reason_in()

    @property
    def ask(self) -> str | None:
        """Return the question that may change the grade, in English; None if the number decides."""
        return self.ask_in()

    def reason_in(self, translate: Callable[[str], str] = str, language: str = "en") -> str:
        """Return which number decided, in the language of `translate`."""
        shown = {"value": printed(self.value, language), "unit": self.unit}
        if self.step is None:
            return translate(REACHES_NONE) % shown
        shown["sign"] = SIGNS[self.criteria.worse, self.step.included]
        numbers = {"bound": _plain(self.bound), "factor": _plain(self.step.factor)}
        return filled(translate(REASONS[self.step.basis]), {**shown, **numbers}, language)

    def ask_in(self, translate: Callable[[str], str] = str) -> str | None:
        """Return the question in the language of `translate`, or None."""
        if question := self.criteria.asks.get(self):
            return translate(question)
        if not self.criteria.by_anticoagulant:
            return None
        if self.baseline is None:
            return translate(ANTICOAGULANT_UNKNOWN) if self else None
        other = _on_anticoagulant(self.value, self.baseline)
        if self.baseline <= ANTICOAGULANT_FROM or other in (None, self):
            return None
        return translate(ON_ANTICOAGULANT) % {"grade": other}


@dataclass(frozen=True, slots=True)
class Ruler:
    """The steps of a term in one unit, the highest grade first, for a normal and for an abnormal baseline."""

    criteria: Criteria
    normal: tuple[GradeStep, ...]
    abnormal: tuple[GradeStep, ...] | None


def grade(
    term: str,
    value: Decimal | Interval | str | int,
    *,
    unit: str,
    low: Decimal | None = None,
    high: Decimal | None = None,
    baseline: Decimal | Interval | None = None,
    version: str = "5.0",
) -> LabGrade:
    """Return the CTCAE grade of a result, 0 for none. `low`, `high` and `baseline` are in the unit of the result.

    Without a baseline, the limits of the laboratory decide. A result may be a text with a comparator (`<0.6`).
    Raises CannotGrade if a limit that decides is missing, and for a term without numeric grades in that version.
    """
    ruler = ruler_of(term, unit, version)
    lies = _result(value)
    _refuse_impossible(low, high)
    known, lists = _by_baseline(ruler, baseline, low, high)
    bounds = (ONE, high, low, known)
    reached = _reached_by_all if isinstance(lies, Interval) else _reached
    step, bound = reached(ruler.criteria, lists, bounds, lies)  # type: ignore[arg-type]
    found = LabGrade(0 if step is None else step.grade)
    found.__dict__ = {
        "value": lies, "unit": unit, "baseline": known, "criteria": ruler.criteria, "step": step, "bound": bound,
    }  # fmt: skip
    return found


@cache
def ruler_of(term: str, unit: str, version: str) -> Ruler:
    """Return the steps of a term in a unit. Raises CannotGrade for an unknown version, term or unit."""
    if version not in TABLES:
        raise CannotGrade(NO_TABLE, version=version)
    criteria = criteria_of(term, version)
    if criteria is None:
        raise CannotGrade(NO_TERM, term=term, version=version)
    found = criteria.scale_of(unit)
    if found is None:
        raise CannotGrade(NO_UNIT, term=term, unit=unit or "–", units=criteria.units)
    family, factor = found
    abnormal = any(criteria.times_baseline)
    return Ruler(
        criteria,
        criteria.steps(family, factor, abnormal=False),
        criteria.steps(family, factor, abnormal=True) if abnormal else None,
    )


def printed(value: Decimal | Interval, language: str = "en") -> str:
    """Return a result as it was reported: `<0.6` for an interval that begins at zero."""
    if not isinstance(value, Interval):
        return filled("%(value)s", {"value": value}, language)
    ends = [] if not value.low else [("≥" if value.low_in else ">", value.low)]
    ends += [] if value.high is None else [("≤" if value.high_in else "<", value.high)]
    return " ".join(sign + filled("%(value)s", {"value": end}, language) for sign, end in ends)


def _result(value: Decimal | Interval | str | int) -> Decimal | Interval:
    """Return a result as a number or an interval without negative numbers. Raises CannotGrade, TypeError."""
    if isinstance(value, Decimal):
        if not value.is_finite() or value < ZERO:
            raise CannotGrade(BELOW_ZERO)
        return value
    if isinstance(value, Interval):
        lies = value.within(ZERO, None)
        if lies.low is None:
            raise CannotGrade(BELOW_ZERO)
        return lies
    if isinstance(value, str):
        comparator, text = comparator_and_number(value)
        number = _number(text)
        return _result(Interval.beyond(comparator, number) if comparator else number)
    if isinstance(value, int):
        return _result(Decimal(value))
    raise TypeError(f"a result is a Decimal, not {type(value).__name__}")


def _number(text: str) -> Decimal:
    try:
        return Decimal(text.strip().replace(",", "."))
    except InvalidOperation:
        raise CannotGrade(BELOW_ZERO) from None


def _refuse_impossible(low: Decimal | None, high: Decimal | None) -> None:
    if low is not None and (low.is_nan() or low < ZERO):
        raise CannotGrade(BELOW_ZERO)
    if high is not None and (high.is_nan() or high <= ZERO):
        raise CannotGrade(BELOW_ZERO)
    if low is not None and high is not None and low > high:
        raise CannotGrade(LIMITS_CROSSED)


Lists = tuple[tuple[GradeStep, ...], ...]
Bounds = tuple[Decimal | None, ...]


def _by_baseline(
    ruler: Ruler, baseline: Decimal | Interval | None, low: Decimal | None, high: Decimal | None
) -> tuple[Decimal | None, Lists]:
    """Return the baseline as a number, and the lists of steps that apply: both if no limit says which."""
    criteria = ruler.criteria
    if baseline is None or not criteria.uses_baseline:
        return None, (ruler.normal,)
    limit = high if criteria.abnormal_side is HIGH else low
    if isinstance(baseline, Interval):
        if ruler.abnormal is None or limit is None or not _is_normal(baseline, criteria.abnormal_side, limit):
            raise CannotGrade(NO_BASELINE_GRADE)
        return None, (ruler.normal,)
    if not baseline.is_finite() or baseline <= ZERO:
        raise CannotGrade(BELOW_ZERO)
    if ruler.abnormal is None:
        return baseline, (ruler.normal,)
    if limit is None:
        return baseline, (ruler.normal, ruler.abnormal)
    abnormal = baseline > limit if criteria.abnormal_side is HIGH else baseline < limit
    return baseline, (ruler.abnormal if abnormal else ruler.normal,)


def _is_normal(baseline: Interval, side: bool, limit: Decimal) -> bool:
    """Return True if no number of the interval lies beyond the limit on that side."""
    if side is HIGH:
        return baseline.high is not None and baseline.high <= limit
    return baseline.low is not None and baseline.low >= limit


def _reached(
    criteria: Criteria, lists: Lists, bounds: Bounds, value: Decimal, at_bound: bool | None = None
) -> tuple[GradeStep | None, Decimal]:
    """Return the highest step that a value reaches, and its bound. Raises CannotGrade.

    at_bound: whether a value on a bound is beyond it; None if the step says so.
    """
    if len(lists) == 1:
        return _highest(lists[0], criteria.worse, bounds, value, at_bound)
    found = [_highest(steps, criteria.worse, bounds, value, at_bound) for steps in lists]
    if len({_grade_of(step) for step, _bound in found}) > 1:
        raise CannotGrade(NO_UPPER if criteria.abnormal_side is HIGH else NO_LOWER)
    return found[0]


def _highest(
    steps: tuple[GradeStep, ...], worse: bool, bounds: Bounds, value: Decimal, at_bound: bool | None
) -> tuple[GradeStep | None, Decimal]:
    # One loop without further calls: it is the inner step of a million results.
    missing, found, reached = NUMBER, None, ZERO
    for step in steps:
        basis = step.basis
        base = bounds[basis]
        if base is None:
            # Without a baseline, the limits of the laboratory decide.
            missing = missing if basis == BASELINE else basis
            continue
        bound = step.factor if basis == NUMBER else EXACT.multiply(step.factor, base)
        included = step.included if at_bound is None else at_bound
        if (value > bound if worse is HIGH else value < bound) or (included and value == bound):
            found, reached = step, bound
            break
    if missing != NUMBER:
        raise CannotGrade(NO_UPPER if missing == UPPER else NO_LOWER)
    return found, reached


def _reached_by_all(
    criteria: Criteria, lists: Lists, bounds: Bounds, lies: Interval
) -> tuple[GradeStep | None, Decimal]:
    """Return the step that every number of an interval reaches. Raises CannotGrade if the grades differ."""
    first, last = lies.low, ENDLESS if lies.high is None else lies.high
    # Just above the lower end every bound there is passed upwards, just below the upper end none is.
    above = None if lies.low_in else criteria.worse is HIGH
    below = None if lies.high_in else criteria.worse is LOW
    ends = (
        _reached(criteria, lists, bounds, first, above),  # type: ignore[arg-type]
        _reached(criteria, lists, bounds, last, below),  # type: ignore[arg-type]
    )
    least, most = sorted(_grade_of(step) for step, _bound in ends)
    if least != most:
        raise CannotGrade(SEVERAL, value=printed(lies), least=least, most=most)
    return ends[0] if criteria.worse is HIGH else ends[1]


def _grade_of(step: GradeStep | None) -> int:
    return 0 if step is None else step.grade


def _on_anticoagulant(value: Decimal | Interval, baseline: Decimal) -> int | None:
    """Return the grade of an INR of a patient on an anticoagulant: by multiples of the baseline."""
    if isinstance(value, Interval):
        return None
    return next((each for each, factor in INR_MULTIPLES if value > EXACT.multiply(factor, baseline)), 0)


def _plain(number: Decimal) -> Decimal:
    """Return a number without zeros at its end; written without an exponent."""
    return EXACT.normalize(number)
