"""Evaluate the eligibility criteria and the group rules of a protocol.

Undetermined never counts as true or false: such a criterion neither allows nor forbids enrolment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from protocol.document.design import EligibilityCriterion, Group
from protocol.document.document import Protocol
from protocol.expressions.compiled import Expression, Undetermined, Values


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """Result of an eligibility criterion: the ``answer`` of its expression and the values it read."""

    criterion: EligibilityCriterion
    answer: bool | Undetermined
    inputs: Mapping[str, Any]

    @property
    def allows(self) -> bool | None:
        """True if the criterion allows enrolment, False if it forbids it, None if undetermined."""
        if isinstance(self.answer, Undetermined):
            return None
        return self.answer is (self.criterion.kind == "inclusion")

    @property
    def needs(self) -> tuple[str, ...]:
        """Names whose values could decide the criterion; empty if it is decided."""
        return self.answer.needs if isinstance(self.answer, Undetermined) else ()


class EligibilityRules:
    """The compiled criteria and group rules of one protocol, each compiled at first use."""

    def __init__(self, protocol: Protocol, compiled: Callable[[str], Expression]) -> None:
        self._protocol, self._compiled = protocol, compiled

    @cached_property
    def _criteria(self) -> tuple[tuple[EligibilityCriterion, Expression], ...]:
        return tuple((each, self._compiled(each.expression)) for each in self._protocol.eligibility)

    @cached_property
    def _groups(self) -> tuple[tuple[Group, Expression], ...]:
        return tuple((group, self._compiled(group.member)) for group in self._protocol.groups)

    @cached_property
    def references(self) -> frozenset[str]:
        """All names that the eligibility criteria and the group rules read."""
        expressions = [expression for _each, expression in (*self._criteria, *self._groups)]
        return frozenset(name for each in expressions for name in each.references)

    def criteria(self, scope: Values) -> list[CriterionResult]:
        """Return the result of every eligibility criterion, in the order of the file."""
        return [result_of(criterion, expression, scope) for criterion, expression in self._criteria]

    def group(self, scope: Values) -> Group | Undetermined | None:
        """Return the first group whose rule is true, None if no rule is, `Undetermined` if that is open."""
        needs: list[str] = []
        for group, member in self._groups:
            answer = member.evaluate(scope)
            if answer is True and not needs:
                return group
            if isinstance(answer, Undetermined):
                needs += answer.needs
        return Undetermined(tuple(dict.fromkeys(needs))) if needs else None


def result_of(criterion: EligibilityCriterion, expression: Expression, scope: Values) -> CriterionResult:
    """Return the result of one criterion. Raises TypeError if its expression is no condition."""
    answer = expression.evaluate(scope)
    if not isinstance(answer, bool | Undetermined):
        raise TypeError(f"criterion {criterion.id} does not give a condition")
    inputs = {name: scope.get(name) for name in sorted(expression.references)}
    return CriterionResult(criterion, answer, inputs)
