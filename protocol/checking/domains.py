"""Sets of values that an item or a part of an expression can have: intervals of numbers, sets of texts.

A set is never too small: what cannot be told is any number or any text.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Final


@dataclass(frozen=True, slots=True)
class NumberSet:
    """The numbers from ``low`` to ``high`` (None: without end); an end that is ``open`` is not one of them."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_open: bool = False
    high_open: bool = False
    whole: bool = False

    @property
    def is_empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        if self.whole:
            first = floor(self.low) + 1 if self.low_open else ceil(self.low)
            last = ceil(self.high) - 1 if self.high_open else floor(self.high)
            return first > last
        return self.low > self.high or (self.low == self.high and (self.low_open or self.high_open))

    @property
    def only(self) -> Fraction | None:
        """The only number of the set; None if there are more."""
        return self.low if self.low is not None and self.low == self.high else None

    def at_least(self, limit: Fraction, *, but: bool) -> "NumberSet":
        """Return the numbers from ``limit`` on; without the limit itself if ``but``."""
        if self.low is None or limit > self.low:
            return replace(self, low=limit, low_open=but)
        return replace(self, low_open=self.low_open or (but and limit == self.low))

    def at_most(self, limit: Fraction, *, but: bool) -> "NumberSet":
        """Return the numbers up to ``limit``; without the limit itself if ``but``."""
        if self.high is None or limit < self.high:
            return replace(self, high=limit, high_open=but)
        return replace(self, high_open=self.high_open or (but and limit == self.high))

    def compared(self, sign: str, limit: Fraction) -> "NumberSet":
        """Return the numbers for which ``number sign limit`` holds."""
        match sign:
            case "<" | "<=":
                return self.at_most(limit, but=sign == "<")
            case ">" | ">=":
                return self.at_least(limit, but=sign == ">")
            case "==":
                return self.at_least(limit, but=False).at_most(limit, but=False)
        return NO_NUMBER if self.only == limit else self

    def meet(self, other: "NumberSet") -> "NumberSet":
        """Return the numbers of both sets."""
        both = replace(self, whole=self.whole or other.whole)
        if other.low is not None:
            both = both.at_least(other.low, but=other.low_open)
        return both if other.high is None else both.at_most(other.high, but=other.high_open)


ANY_NUMBER: Final = NumberSet()
WHOLE_NUMBERS: Final = NumberSet(whole=True)
NO_NUMBER: Final = NumberSet(Fraction(1), Fraction(0))


def exactly(number: Fraction) -> NumberSet:
    """Return the set of one number."""
    return NumberSet(number, number)


def hull(spans: list[NumberSet]) -> NumberSet:
    """Return the smallest span that holds all of them."""
    lows, highs = [span.low for span in spans], [span.high for span in spans]
    low = None if None in lows else min(low for low in lows if low is not None)
    high = None if None in highs else max(high for high in highs if high is not None)
    return NumberSet(low, high, whole=all(span.whole for span in spans))


def added(left: NumberSet, right: NumberSet) -> NumberSet:
    """Return the sums of a number of each."""
    low = None if left.low is None or right.low is None else left.low + right.low
    high = None if left.high is None or right.high is None else left.high + right.high
    ends = left.low_open or right.low_open, left.high_open or right.high_open
    return NumberSet(low, high, *ends, whole=left.whole and right.whole)


def negated(span: NumberSet) -> NumberSet:
    """Return the numbers with the other sign."""
    low = None if span.high is None else -span.high
    high = None if span.low is None else -span.low
    return NumberSet(low, high, span.high_open, span.low_open, span.whole)


def multiplied(left: NumberSet, right: NumberSet) -> NumberSet:
    """Return the products of a number of each."""
    ends = (left.low, left.high, right.low, right.high)
    if None not in ends:
        products = [a * b for a in (left.low, left.high) for b in (right.low, right.high)]  # type: ignore[operator]
        return NumberSet(min(products), max(products), whole=left.whole and right.whole)
    for factor, span in ((left.only, right), (right.only, left)):
        if factor is not None:
            return _scaled(span, factor)
    return ANY_NUMBER


def _scaled(span: NumberSet, factor: Fraction) -> NumberSet:
    if factor < 0:
        return _scaled(negated(span), -factor)
    if factor == 0:
        return exactly(Fraction(0))
    low = None if span.low is None else span.low * factor
    high = None if span.high is None else span.high * factor
    return NumberSet(low, high, span.low_open, span.high_open)


def absolute(span: NumberSet) -> NumberSet:
    """Return the numbers without their sign."""
    if span.low is not None and span.low >= 0:
        return span
    high = None if span.low is None or span.high is None else max(-span.low, span.high)
    return NumberSet(Fraction(0), high, whole=span.whole)


@dataclass(frozen=True, slots=True)
class TextSet:
    """Texts: those of ``among`` (None: any text) without those of ``without``."""

    among: frozenset[str] | None = None
    without: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return self.among is not None and not self.among - self.without

    def meet(self, other: "TextSet") -> "TextSet":
        """Return the texts of both sets."""
        sets = [each for each in (self.among, other.among) if each is not None]
        among = frozenset.intersection(*sets) if sets else None
        return TextSet(among, self.without | other.without)


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """The answers that a condition can still have."""

    among: frozenset[bool] = frozenset({True, False})

    @property
    def is_empty(self) -> bool:
        return not self.among

    def meet(self, other: "AnswerSet") -> "AnswerSet":
        """Return the answers of both sets."""
        return AnswerSet(self.among & other.among)


Domain = NumberSet | TextSet | AnswerSet
