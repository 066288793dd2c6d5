"""Whether a decision on eligibility still rests on what it was made from.

A correction after the decision (age 47 to 71, the group, an item of the stratum) changes neither the decision nor its
signature: what the investigator signed stays as it was. The decision is marked instead, until an investigator decides
again. Whoever changes an input calls `review_decision` in the same transaction.
"""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from audit.stored_text import system_text
from patients.models import Deviation, DeviationPlace, EligibilityDecision, Patient
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.participation.eligibility_decisions.eligibility import (
    CriterionFinding,
    Evaluation,
    evaluate,
    latest_decision,
)
from patients.participation.eligibility_decisions.eligibility_data import (
    input_words,
    strata_values,
    value_words,
)
from protocol.document.document import Protocol
from protocol.expressions.rules import rules_of

GROUP = "group"


def reads_any(rules: Protocol, names: frozenset[str]) -> bool:
    """Return True if a criterion, a group or the stratum reads one of the names (`form.item`, `subject.…`)."""
    strata = rules.allocation.strata if rules.allocation else ()
    return bool(names & (rules_of(rules).eligibility.references | set(strata)))


def review_decision(*, patient: Patient, by: User) -> None:
    """Mark the latest decision if it rests on changed inputs, and take the mark away if it does not any more.

    Only the conclusion “eligible” is reviewed. One query without such a decision, else at most five.
    """
    decision = latest_decision(patient)
    if decision is None or decision.conclusion != EligibilityDecision.Conclusion.ELIGIBLE:
        return
    changes = changes_since(patient, decision)
    if changes == decision.changes:
        return
    decision.changes = changes
    decision.changed_at = timezone.now() if changes else None
    with acting(user=by, system="checks"):
        decision.save(update_fields=["changes", "changed_at"])
    if patient.enrolled_on:
        _note_deviations(patient, decision, by)


def _note_deviations(patient: Patient, decision: EligibilityDecision, by: User) -> None:
    """Open a deviation for each change of a decision on an included patient, and take back those that are gone.

    A deferred criterion has its own, from the day until which it waits.
    """
    deferred = {each.id for each in patient.protocol.rules.eligibility if each.is_deferred}
    keys = {str(each["id"]) for each in decision.criteria} | {GROUP, *decision.strata}
    category = str(Deviation.Category.ELIGIBILITY)
    found = {
        (category, str(change["id"])): FoundDeviation(
            patient.trial.today, system_text("deviation.decision", id=str(change["id"]))
        )
        for change in decision.changes
        if change["id"] not in deferred
    }
    reconcile(
        patient=patient,
        place=DeviationPlace.ELIGIBILITY,
        categories=[category],
        keys=sorted(keys - deferred),
        found=found,
        by=by,
    )


def changes_since(patient: Patient, decision: EligibilityDecision) -> list[dict[str, Any]]:
    """Return the results that differ from the decision now: criteria that allowed inclusion, group, stratum.

    Each as {"id", "before", "now"}; the id of an item of the stratum is its path.
    """
    now = evaluate(patient, inclusion_on=decision.inclusion_on)
    found = _criteria(decision, now)
    if decision.group and now.group != decision.group:
        found.append({"id": GROUP, "before": decision.group, "now": now.group})
    strata = strata_values(patient)
    return found + [
        {"id": path, "before": before, "now": strata.get(path)}
        for path, before in decision.strata.items()
        if strata.get(path) != before
    ]


def _criteria(decision: EligibilityDecision, now: Evaluation) -> list[dict[str, Any]]:
    findings = {finding.id: finding for finding in now.findings}
    found = []
    for criterion in decision.criteria:
        finding, before = findings.get(criterion["id"]), criterion["allows"]
        if finding is not None and _is_worse(before, finding):
            found.append({"id": finding.id, "before": before, "now": finding.result.allows})
    return found


def _is_worse(before: bool | None, now: CriterionFinding) -> bool:
    """Return True if a criterion that allowed inclusion does not now, or one that was open forbids it."""
    allows = now.result.allows
    return allows is not True and (before is True or (before is None and allows is False))


def resting_on_changes(patient: Patient) -> list[str]:
    """Return the results that differ from the latest decision now, as sentences; empty without any. One query."""
    decision = patient.eligibility_decisions.resting_on_changes().first()
    return change_words(patient, decision.changes) if decision is not None else []


def change_words(patient: Patient, changes: list[Mapping[str, Any]]) -> list[str]:
    """Return each change as a sentence in the reader's language."""
    return [_change_words(patient.protocol.rules, change) for change in changes]


def _change_words(rules: Protocol, change: Mapping[str, Any]) -> str:
    name, before, now = change["id"], change["before"], change["now"]
    if name == GROUP:
        texts = {"before": before, "now": now or _("undetermined")}
        return _("Group: %(before)s at the decision, %(now)s now") % texts
    if "." in name:
        item, after = input_words(rules, name), value_words(rules, name, now) or _("empty")
        values = {"item": item, "before": value_words(rules, name, before), "after": after}
        return (
            _("%(item)s: %(before)s at the decision, %(after)s now; the allocation stays as it is") % values
        )
    if now is None:
        return _("%(id)s: allowed inclusion at the decision, undetermined now") % {"id": name}
    if before is None:
        return _("%(id)s: open at the decision, does not allow inclusion now") % {"id": name}
    return _("%(id)s: allowed inclusion at the decision, does not allow it now") % {"id": name}
