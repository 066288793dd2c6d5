"""Compare the results of a lot with the release specification of its product. No Django."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from protocol.document.product import ProductVersion, ReleaseTest, most
from protocol.values.refusals import ValueRefused
from protocol.values.written_numbers import canonical

Finding = Literal["pending", "passed", "failed", "informative"]


class ResultRefused(ValueError):
    """The result of a test with limits is not a number."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict that the results of a lot allow. Codes of tests, in the order of the specification.

    missing: no result and not reported as pending, or pending although the lot may not be released before it.
    """

    failed: tuple[str, ...]
    pending: tuple[str, ...]
    missing: tuple[str, ...]
    passages: bool = False
    doublings: bool = False

    @property
    def releasable(self) -> bool:
        """True if every test has a result within its limits."""
        return not (self.failed or self.pending or self.missing or self.passages or self.doublings)

    @property
    def conditionally(self) -> bool:
        """True if only results are awaited for which the specification allows it."""
        return bool(self.pending) and not (self.failed or self.missing or self.passages or self.doublings)


def finding(test: ReleaseTest, value: str) -> Finding:
    """Compare a result with its limit; an empty one is pending. Both limits are within the specification.

    Raises ResultRefused if a test with limits has a result that is no number.
    """
    text = value.strip()
    if not text:
        return "pending"
    if test.expected is not None:
        return "passed" if text.casefold() == test.expected.casefold() else "failed"
    if not test.is_number:
        return "informative"
    number = _number(text)
    low, high = test.at_least, test.at_most
    inside = (low is None or number >= low) and (high is None or number <= high)
    return "passed" if inside else "failed"


def verdict(
    product: ProductVersion,
    findings: Mapping[str, Finding],
    *,
    passage: int | None = None,
    doublings: Decimal | None = None,
) -> Verdict:
    """Return the verdict of the newest finding of each test; a test without a finding is missing."""
    deciding = [test for test in product.tests if test.decides]
    return Verdict(
        failed=_codes(test for test in deciding if findings.get(test.code) == "failed"),
        pending=_codes(
            test for test in deciding if findings.get(test.code) == "pending" and test.may_be_pending
        ),
        missing=_codes(
            test
            for test in deciding
            if test.code not in findings or (findings[test.code] == "pending" and not test.may_be_pending)
        ),
        passages=most(product.most_passages, passage),
        doublings=most(product.most_doublings, doublings),
    )


def _codes(tests: Iterable[ReleaseTest]) -> tuple[str, ...]:
    return tuple(test.code for test in tests)


def _number(text: str) -> Decimal:
    try:
        return Decimal(canonical(text) or "")
    except (ValueRefused, InvalidOperation) as wrong:
        raise ResultRefused(text) from wrong
