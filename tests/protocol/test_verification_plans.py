"""The plan of verification in a protocol file names forms, items and facts that there are (DAT-03, DAT-09)."""

import pytest

from protocol.checking.mistakes import problems
from tests.support.protocols.small import SMALL


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ('{ body = "all" }', []),
        ('{ body = "none" }', []),
        ('{ body = ["weight"] }', []),
        ("{ body = [] }", ["monitoring.verify.body: needs at least one"]),
        ('{ body = "some" }', ["monitoring.verify.body: should be 'all' or 'none'"]),
        ('{ bodies = "all" }', ["monitoring.verify.bodies: unknown form 'bodies'"]),
        ('{ body = ["wait"] }', ["monitoring.verify.body: unknown item 'wait'"]),
        ('{ body = ["weight", "weight"] }', ["monitoring.verify.body.weight: stands 2 times"]),
        (
            '{ body = ["bmi"] }',
            ["monitoring.verify.body: 'bmi' is calculated: there is no source to compare it with"],
        ),
    ],
)
def test_the_plan_of_verification_names_what_there_is(plan: str, told: list[str]) -> None:
    found = [str(problem) for problem in problems(f"{SMALL}\n[monitoring]\nverify = {plan}\n")]
    assert [complaint for complaint in found if complaint in told] == told
    assert bool(found) == bool(told)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ('{ adverse_event = "all", consent = "none" }', []),
        ('{ infusion = ["started", "volume_ml"] }', []),
        ('{ infusion = ["viability"] }', ["monitoring.facts.infusion: unknown fact 'viability'"]),
        ('{ product = "all" }', ["monitoring.facts.product"]),
        ("{ consent = [] }", ["monitoring.facts.consent: needs at least one"]),
        ('{ consent = ["given", "given"] }', ["monitoring.facts.consent.given: stands 2 times"]),
    ],
)
def test_the_plan_of_verification_names_facts_that_there_are(plan: str, told: list[str]) -> None:
    found = [str(problem) for problem in problems(f"{SMALL}\n[monitoring]\nfacts = {plan}\n")]
    assert bool(found) == bool(told)
    assert all(any(problem.startswith(start) for problem in found) for start in told)
