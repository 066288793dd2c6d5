"""The products of a trial in the protocol file: release specifications, and the criteria of their donors."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from protocol.document.design import VERSION, EligibilityCriterion
from protocol.document.items import Item, Part, Text
from protocol.document.written_values import Count, Name, Number, ShortLine, Truth


class ReleaseTest(Part):
    """One test of a release specification: limits for a number, or the result that is expected.

    A test without limit and expectation is for information. may_be_pending: the lot may be released while the result
    is awaited (sterility of a product that does not wait for fourteen days).
    """

    code: Name
    title: Text
    unit: ShortLine | None = None
    at_least: Number | None = None
    at_most: Number | None = None
    expected: ShortLine | None = None
    may_be_pending: Truth = False

    @model_validator(mode="after")
    def _has_one_kind_of_limit(self) -> Self:
        if self.expected is not None and (self.is_number or self.unit is not None):
            raise ValueError("write limits (at_least, at_most, unit) or the expected result, not both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is larger than at_most")
        return self

    @property
    def is_number(self) -> bool:
        """True if the result is a number with limits."""
        return self.at_least is not None or self.at_most is not None

    @property
    def decides(self) -> bool:
        """True if a result outside the limits keeps the lot from release."""
        return self.is_number or self.expected is not None

    @property
    def limit(self) -> str:
        """The limit as text, in English: `at least 70 %`, `negative`; empty for information."""
        if self.expected is not None:
            return self.expected
        parts = [
            f"{words} {number.normalize():f}{f' {self.unit}' if self.unit else ''}"
            for words, number in (("at least", self.at_least), ("at most", self.at_most))
            if number is not None
        ]
        return ", ".join(parts)


class ProductVersion(Part):
    """A version of a product, with its release specification. cells: False for a placebo.

    most_passages, most_doublings: of a lot of cells, counted from the donation.
    """

    code: Name
    version: Annotated[str, StringConstraints(pattern=VERSION, max_length=40)]
    title: Text
    cells: Truth
    most_passages: Count | None = None
    most_doublings: Annotated[Number, Field(gt=0)] | None = None
    tests: tuple[ReleaseTest, ...] = ()

    @model_validator(mode="after")
    def _tests_differ(self) -> Self:
        codes = [test.code for test in self.tests]
        if len(set(codes)) < len(codes):
            raise ValueError("two tests have the same code")
        if not self.cells and (self.most_passages or self.most_doublings):
            raise ValueError("a placebo has no passages")
        return self

    def test(self, code: str) -> ReleaseTest | None:
        """Return the test of a code, or None."""
        return next((test for test in self.tests if test.code == code), None)


class DonorPlan(Part):
    """The questions about a donor, and the criteria that a donor must meet. Nothing that names a person."""

    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    criteria: Annotated[tuple[EligibilityCriterion, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for names in ([item.name for item in self.items], [each.id for each in self.criteria]):
            if len(set(names)) < len(names):
                raise ValueError("two items or criteria have the same name")
        kinds = {"yes_no", "integer", "choice"}
        for item in self.items:
            if item.type not in kinds:
                raise ValueError(f"{item.name}: a donor's item is one of {', '.join(sorted(kinds))}")
        return self


def most(limit: Decimal | int | None, value: Decimal | int | None) -> bool:
    """Return True if the value is known and above the limit."""
    return limit is not None and value is not None and value > limit
