"""Laboratory reference ranges: which range applies to a value, and how the value compares (LAB-03, LAB-04).

A range belongs to one laboratory and one item, to both sexes or one, to ages `age_from` up to but not including
`age_to` (completed years on the day of the sample), and to the days from `effective_from` to `effective_to`, both
included. Its bounds are inclusive: a value on a bound is normal. If no range applies, or more than one, the result is
"no range", never "normal". Decimal throughout. No Django.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from protocol.document.items import MOMENT_TYPES, Form, Item
from protocol.values.intervals import side_of
from protocol.values.parsing import moment, number_or_interval

LABORATORY_ITEM = "laboratory"
"""An item of this name holds the laboratory of a form; a form without it uses the trial's default one."""
SAMPLED = MOMENT_TYPES - {"partial_date"}
EXACT = Context(prec=200)


class Side(StrEnum):
    """How a value compares with its range; `NO_RANGE` if no range applies, `NO_VALUE` if there is no number.

    `UNDECIDED`: a result beyond a limit of detection that may lie inside or outside the range.
    """

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    NO_RANGE = "no_range"
    UNDECIDED = "undecided"
    NO_VALUE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A reference range as the laboratory gives it, in the laboratory's unit; an open bound is None."""

    laboratory: str
    path: str
    unit: str
    lower: Decimal | None
    upper: Decimal | None
    effective_from: date
    effective_to: date | None = None
    sex: str = ""
    age_from: int = 0
    age_to: int | None = None

    def is_for(self, sex: str, ages: Iterable[int] | None, on: date) -> bool:
        """Return True if the range applies to a sex, at all these ages (None: age not known), on a day."""
        if self.sex and self.sex != sex:
            return False
        if on < self.effective_from or (self.effective_to is not None and on > self.effective_to):
            return False
        if ages is None:
            # Without an age, only a range for all ages applies.
            return self.age_from == 0 and self.age_to is None
        return all(self.age_from <= age and (self.age_to is None or age < self.age_to) for age in ages)

    def is_same_kind(self, other: "Range") -> bool:
        """Return True if both ranges differ only in unit, bounds or effective dates."""
        mine, theirs = ((r.laboratory, r.path, r.sex, r.age_from, r.age_to) for r in (self, other))
        return mine == theirs

    def overlaps(self, other: "Range") -> bool:
        """Return True if both ranges could apply to the same value."""
        return (
            (self.laboratory, self.path) == (other.laboratory, other.path)
            and (not self.sex or not other.sex or self.sex == other.sex)
            and (self.age_to is None or other.age_from < self.age_to)
            and (other.age_to is None or self.age_from < other.age_to)
            and (self.effective_to is None or other.effective_from <= self.effective_to)
            and (other.effective_to is None or self.effective_from <= other.effective_to)
        )


@dataclass(frozen=True, slots=True)
class RangeSubject:
    """Data of a patient that ranges depend on: sex, and age in completed years on the day `age_on`."""

    sex: str = ""
    age: int | None = None
    age_on: date | None = None

    def ages(self, on: date) -> tuple[int, ...] | None:
        """Return the completed years possible on a day: two, unless the day is an anniversary of `age_on`.

        Only the age on one day is known, not the date of birth. Returns None if the age is not known.
        """
        if self.age is None or self.age_on is None:
            return None
        passed, exact = _years(min(self.age_on, on), max(self.age_on, on))
        # Going back, a started year may cross a birthday.
        first = self.age + passed if on >= self.age_on else self.age - passed - (not exact)
        return (first,) if exact else (first, first + 1)


def _years(start: date, end: date) -> tuple[int, bool]:
    """Return the whole years between two days, and True if no days are left over."""
    years = end.year - start.year - ((end.month, end.day) < (start.month, start.day))
    return years, (end.month, end.day) == (start.month, start.day)


@dataclass(frozen=True, slots=True)
class RangeReading:
    """How a value compares with its range, and the bounds of the range in the unit of the item.

    now: of a signed value whose range was corrected since, how it compares with the range as corrected.
    """

    side: Side
    low: Decimal | None = None
    high: Decimal | None = None
    now: "RangeReading | None" = None

    @property
    def flag(self) -> str:
        """`low`, `high` or an empty string."""
        return self.side.value if self.side in (Side.LOW, Side.HIGH) else ""

    @property
    def has_range(self) -> bool:
        """True if a range applied."""
        return self.low is not None or self.high is not None


@dataclass(frozen=True, slots=True)
class RangeBook:
    """The reference ranges of a trial by item path, and the code of its default laboratory."""

    ranges: Mapping[str, tuple[Range, ...]] = field(default_factory=dict)
    default: str = ""

    @classmethod
    def of(cls, ranges: Iterable[Range], default: str = "") -> "RangeBook":
        """Return a book of these ranges."""
        by_path: dict[str, tuple[Range, ...]] = {}
        for each in ranges:
            by_path[each.path] = (*by_path.get(each.path, ()), each)
        return cls(by_path, default)

    def find(self, path: str, *, laboratory: str, subject: RangeSubject, on: date | None) -> Range | None:
        """Return the one range that applies; None if there is none or more than one."""
        return self.finder(laboratory=laboratory, subject=subject, on=on)(path)

    def finder(
        self, *, laboratory: str, subject: RangeSubject, on: date | None
    ) -> Callable[[str], Range | None]:
        """Return `find` for the items of one form: the ages of the patient on its day are counted once."""
        if on is None or not laboratory or not self.ranges:
            return lambda path: None
        ages, sex = subject.ages(on), subject.sex

        def find(path: str) -> Range | None:
            found = [
                each
                for each in self.ranges.get(path, ())
                if each.laboratory == laboratory and each.is_for(sex, ages, on)
            ]
            return found[0] if len(found) == 1 else None

        return find

    def read(
        self, form: Form, values: Mapping[str, Any], *, subject: RangeSubject, day: date | None
    ) -> "Readings":
        """Return by item how the values of a form compare; `day`, of the visit, is used if the sample has none."""
        laboratory_values = [item for item in form.items if is_laboratory(form, item)]
        if not laboratory_values:
            return {}
        on, laboratory = sampled_on(form, values) or day, laboratory_of(form, values, self.default)
        found = {}
        for item in laboratory_values:
            path = f"{form.code}.{item.name}"
            applies = self.find(path, laboratory=laboratory, subject=subject, on=on)
            found[item.name] = reading(values.get(item.name), item, applies)
        return found


Readings = dict[str, RangeReading]


def is_laboratory(form: Form, item: Item) -> bool:
    """Return True if a laboratory gives ranges for an item: numbers of laboratory forms, or as the file states."""
    return form.is_laboratory(item)


def laboratory_items(form: Form) -> list[Item]:
    """Return the items of a form for which a laboratory gives ranges."""
    return [item for item in form.items if is_laboratory(form, item)]


def laboratory_of(form: Form, values: Mapping[str, Any], default: str) -> str:
    """Return the code of the laboratory that measured a form; "" if the form asks for it and it is blank."""
    if LABORATORY_ITEM not in form:
        return default
    named = values.get(LABORATORY_ITEM)
    return named if isinstance(named, str) else ""


def sampled_on(form: Form, values: Mapping[str, Any]) -> date | None:
    """Return the day of the sample: the first date or datetime of the form that has a value."""
    for item in form.items:
        if item.type in SAMPLED and (at := moment(values.get(item.name))) is not None:
            return at.first_day
    return None


def bounds(found: Range, item: Item) -> tuple[Decimal | None, Decimal | None] | None:
    """Return the bounds in the unit of the item, converted exactly; None if the item does not know the range's unit."""
    if found.unit == (item.unit or ""):
        return found.lower, found.upper
    try:
        other = item.alternative(found.unit)
    except KeyError:
        return None
    low, high = (
        None if bound is None else EXACT.add(EXACT.multiply(bound, other.factor), other.offset)
        for bound in (found.lower, found.upper)
    )
    return low, high


def reading(value: Any, item: Item, found: Range | None) -> RangeReading:
    """Return how a stored value compares with a range; None stands for no range."""
    lies = number_or_interval(value, item)
    limits = bounds(found, item) if found is not None else None
    if limits is None:
        return RangeReading(Side.NO_VALUE if lies is None else Side.NO_RANGE)
    low, high = limits
    if lies is None:
        return RangeReading(Side.NO_VALUE, low, high)
    return RangeReading(Side(side_of(lies, low, high) or Side.UNDECIDED), low, high)


def day_before(day: date) -> date:
    """Return the last day of a range that is followed by another one from `day`."""
    return day - timedelta(days=1)
