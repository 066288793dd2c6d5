"""The stopping rules of an infusion, read on one observation at the bedside (CEL-16). No Django."""

from collections.abc import Mapping
from typing import Any

from protocol.document.document import Protocol
from protocol.document.monitoring_times import BedsidePlan
from protocol.expressions.kinds import ItemKind
from protocol.expressions.names import kinds_of_items
from protocol.expressions.rules import rules_of

Observed = Mapping[str, Any]
BASELINE = "baseline"


def names_at_bedside(plan: BedsidePlan) -> dict[str, ItemKind]:
    """Return the names that a stopping rule may use: the items, and each before the start as `baseline.item`."""
    kinds = kinds_of_items(plan.items)
    return {**kinds, **{f"{BASELINE}.{name}": kind for name, kind in kinds.items()}}


def rules_met(protocol: Protocol, *, values: Observed, baseline: Observed, previous: Observed) -> list[str]:
    """Return the codes of the stopping rules that an observation fulfils, in the order of the file.

    values, baseline, previous: stored values by item: of this observation, before the start, of the one before. An
    undetermined rule is not met: nothing is proposed on what was not measured.
    """
    plan = protocol.bedside
    names, rules = names_at_bedside(plan), rules_of(protocol)
    known = {
        **values,
        **{f"{BASELINE}.{name}": value for name, value in baseline.items()},
        **{f"previous({name})": value for name, value in previous.items()},
    }
    return [
        rule.code for rule in plan.stopping_rules if rules.compile(rule.met, names).evaluate(known) is True
    ]
