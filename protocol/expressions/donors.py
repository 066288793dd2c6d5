"""Evaluate the criteria of a donor, as those of a patient are: undetermined is neither met nor unmet."""

from collections.abc import Mapping
from typing import Any

from protocol.document.product import DonorPlan
from protocol.expressions.compiled import compile_expression
from protocol.expressions.eligibility import CriterionResult, result_of
from protocol.expressions.names import kinds_of_items


def donor_findings(plan: DonorPlan, answers: Mapping[str, Any]) -> list[CriterionResult]:
    """Return the result of every criterion for the answers by item name, in the order of the file."""
    names = kinds_of_items(plan.items)
    return [result_of(each, compile_expression(each.expression, names), answers) for each in plan.criteria]


def is_fit(findings: list[CriterionResult]) -> bool | None:
    """Return True if every criterion allows the donor, False if one forbids it, None if one is undetermined."""
    allowed = [each.allows for each in findings]
    if False in allowed:
        return False
    return None if None in allowed else True
