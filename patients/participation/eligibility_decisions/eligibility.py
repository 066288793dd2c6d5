"""Eligibility: every criterion evaluated on its inputs, concluded and signed by an investigator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from audit import signatures
from audit.models import Meaning, Signature
from patients import signals
from patients.models import EligibilityDecision, Patient
from patients.participation.consents.consent import current_consent
from patients.participation.eligibility_decisions import assessment_age
from patients.participation.eligibility_decisions.eligibility_data import (
    eligibility_subject,
    input_words,
    latest_complete,
    strata_values,
    value_words,
)
from patients.participation.lifecycle import lock_patient, require_state
from protocol.expressions.compiled import Undetermined
from protocol.expressions.eligibility import CriterionResult
from protocol.expressions.rules import rules_of
from protocol.expressions.scope import Scope
from protocol.values.moments import Moment
from trials.models import Trial
from trials.reader import reader_language

Conclusion = EligibilityDecision.Conclusion


@dataclass(frozen=True)
class CriterionFinding:
    """The result of one criterion with its text, inputs and missing inputs (`needs`) in the reader's language."""

    result: CriterionResult
    text: str
    inputs: list[dict[str, str]]
    needs: list[str]
    deferred_until: date | None
    assessed_at_words: str

    @property
    def id(self) -> str:
        """Return the criterion's id in the protocol."""
        return self.result.criterion.id

    @property
    def kind_words(self) -> str:
        """Return “Inclusion” or “Exclusion” in the reader's language."""
        return _("Inclusion") if self.result.criterion.kind == "inclusion" else _("Exclusion")

    @property
    def waits(self) -> bool:
        """Return True if the criterion does not allow inclusion yet but may be decided after it (deferred)."""
        return self.result.criterion.is_deferred and self.result.allows is not True

    @property
    def forbids(self) -> bool:
        """Return True if this criterion prevents inclusion. An undetermined criterion prevents it too."""
        return self.result.allows is not True and not self.result.criterion.is_deferred

    @property
    def words(self) -> str:
        """Return the result in words: met or not met, for an exclusion criterion absent or present."""
        if self.result.allows is None:
            return _("Undetermined")
        if self.result.criterion.kind == "inclusion":
            return _("Met") if self.result.allows else _("Not met")
        return _("Absent") if self.result.allows else _("Present")

    @property
    def css(self) -> str:
        """Return the CSS class of the tag that shows the result."""
        if self.result.allows is None:
            return "tone-draft"
        return "tone-done" if self.result.allows else ("tone-draft" if self.waits else "tone-late")

    def as_stored(self) -> dict[str, Any]:
        """Return the result as JSON, as the decision stores it."""
        return {
            "id": self.id,
            "kind": self.result.criterion.kind,
            "allows": self.result.allows,
            "needs": list(self.result.needs),
            "inputs": {name: plain(value) for name, value in self.result.inputs.items()},
            "deferred_until": self.deferred_until.isoformat() if self.deferred_until else None,
        }


@dataclass(frozen=True)
class Evaluation:
    """The results of all criteria, and the patient's group with the inputs it still needs."""

    findings: list[CriterionFinding]
    group: str
    group_title: str
    group_needs: list[str]
    assessed: Moment | None

    @property
    def blocking_criteria(self) -> list[CriterionFinding]:
        """Return the criteria that prevent inclusion."""
        return [finding for finding in self.findings if finding.forbids]

    @property
    def first(self) -> list[CriterionFinding]:
        """Return the criteria to look at first: those that fail, then the undetermined ones, then deferred ones."""
        open_ones = [finding for finding in self.findings if finding.result.allows is not True]
        return sorted(open_ones, key=lambda each: (each.waits, each.result.allows is None))

    @property
    def allowing(self) -> list[CriterionFinding]:
        """Return the criteria that allow inclusion."""
        return [finding for finding in self.findings if finding.result.allows is True]

    @property
    def summary(self) -> str:
        """Return as text how many of all criteria allow inclusion."""
        allowing = sum(finding.result.allows is True for finding in self.findings)
        return _("%(allowing)d of %(all)d criteria allow inclusion") % {
            "allowing": allowing,
            "all": len(self.findings),
        }


def plain(value: Any) -> Any:
    """Return a captured or derived value as JSON: a date or time as ISO text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


def evaluate(patient: Patient, *, inclusion_on: date | None = None) -> Evaluation:
    """Evaluate every criterion on the complete records, as if the patient were included on `inclusion_on`.

    The default is today at the site. For an included patient the day of inclusion counts. Two queries.
    """
    rules = patient.protocol.rules
    day = patient.enrolled_on or inclusion_on or patient.trial.today
    records = latest_complete(patient)
    scope = Scope(other_forms=records, subject=eligibility_subject(patient, inclusion_on=day), last=records)
    group = rules_of(rules).eligibility.group(scope)
    known = None if isinstance(group, Undetermined) else group
    findings = [_finding(patient, result, day) for result in rules_of(rules).eligibility.criteria(scope)]
    language = reader_language()
    return Evaluation(
        findings=findings,
        group=known.code if known else "",
        group_title=known.title.in_language(language) if known else "",
        group_needs=[input_words(rules, name) for name in group.needs]
        if isinstance(group, Undetermined)
        else [],
        assessed=assessment_age.assessed_at(patient, records),
    )


def _finding(patient: Patient, result: CriterionResult, day: date) -> CriterionFinding:
    rules, criterion = patient.protocol.rules, result.criterion
    inputs: Mapping[str, Any] = result.inputs
    return CriterionFinding(
        result=result,
        text=criterion.text.in_language(reader_language()),
        inputs=[
            {"label": input_words(rules, name), "value": words}
            for name, value in inputs.items()
            if (words := value_words(rules, name, value))
        ],
        needs=[input_words(rules, name) for name in result.needs],
        deferred_until=day + timedelta(days=criterion.deferred_days)
        if criterion.deferred_days and result.allows is not True
        else None,
        assessed_at_words=assessment_age.assessed_at_words(rules, inputs, day),
    )


def decisions(patient: Patient) -> list[EligibilityDecision]:
    """Return the decisions, newest first, each with its `signature` (None if unsigned). Two queries."""
    rows = list(patient.eligibility_decisions.select_related("decided_by").order_by("-pk"))
    signed = {
        signature.target_id: signature
        for signature in Signature.objects.filter(
            target_type="patients.eligibilitydecision", target_id__in=[row.pk for row in rows]
        )
    }
    for row in rows:
        row.signature = signed.get(row.pk)
    return rows


def day_signed_for(newest_first: Sequence[Any]) -> date | None:
    """Return the day of inclusion that the latest decision was signed for, None if its signature does not hold.

    newest_first: as `decisions` returns them.
    """
    latest = newest_first[0] if newest_first else None
    signature = latest.signature if latest else None
    return latest.inclusion_on if latest and signature and signature.invalidated_at is None else None


@transaction.atomic
def sign_eligibility(
    *, patient: Patient, conclusion: str, password: str, by: User, inclusion_on: date | None = None
) -> EligibilityDecision:
    """Store the investigator's conclusion with every criterion and its inputs, and sign it.

    Criteria that count days from inclusion are evaluated for `inclusion_on`, the intended day of inclusion;
    inclusion on another day evaluates them again. For an included patient the day of inclusion counts; a decision is
    made again only if the latest one rests on changed inputs, and sets the group that the inputs give now. The
    conclusion “eligible” sends `eligibility_signed` inside the transaction: a randomised trial allocates then.
    Raises ValidationError by field: unknown conclusion, a day before screening, wrong password; for “eligible” also
    without a consent, with a criterion that prevents inclusion, or without a group that the protocol requires.
    """
    # The trial before the patient, as in every step: whoever listens to the signal locks it (allocation).
    Trial.objects.for_update(patient.trial_id)
    patient = lock_patient(patient)
    _refuse_assessment(patient)
    inclusion_on = patient.enrolled_on or inclusion_on
    if inclusion_on is None:
        raise ValidationError({"inclusion_on": _("Enter the intended day of inclusion.")})
    if conclusion not in Conclusion.values:
        raise ValidationError({"conclusion": _("Choose eligible or not eligible.")})
    if inclusion_on < patient.screened_on:
        raise ValidationError({"inclusion_on": _("The inclusion cannot be before the screening.")})
    # Evaluated under the lock: the records may have changed since the page was shown.
    evaluation = evaluate(patient, inclusion_on=inclusion_on)
    if conclusion == Conclusion.ELIGIBLE:
        _refuse_unless_eligible(patient, evaluation)
        if too_old := assessment_age.refusal(patient, evaluation.assessed, inclusion_on):
            raise ValidationError({"inclusion_on": too_old})
    decided = EligibilityDecision(
        patient=patient,
        protocol=patient.protocol,
        conclusion=conclusion,
        group=evaluation.group,
        inclusion_on=inclusion_on,
        criteria=[finding.as_stored() for finding in evaluation.findings],
        strata=strata_values(patient),
        decided_at=timezone.now(),
        decided_by=by,
    )
    same = _same_in_force(decided)
    decision = same or decided
    if same is None:
        decision.save()
    # The same decision sent again (a double click) asks for the password, and finds its signature there.
    signatures.sign(
        target=decision,
        meaning=Meaning.APPROVAL,
        password=password,
        by=by,
        zone=patient.protocol.rules.trial.site.time_zone,
    )
    if same is None and conclusion == Conclusion.ELIGIBLE:
        _set_group(patient, evaluation.group, by)
        signals.eligibility_signed.send(sender=Patient, patient=patient, decision=decision, by=by)
    return decision


def _refuse_assessment(patient: Patient) -> None:
    """Raise ValidationError unless the patient is in screening, or the decision on an inclusion is to be made again."""
    states = [Patient.State.SCREENING]
    decision = latest_decision(patient)
    if patient.enrolled_on and decision is not None and decision.changed_at:
        states += [Patient.State.ENROLLED, Patient.State.ENDED]
    refusal = _("%(patient)s cannot be assessed for eligibility: the status is “%(state)s”.")
    require_state(patient, *states, refusal=refusal)


def _set_group(patient: Patient, group: str, by: User) -> None:
    """Store the group of an included patient that a decision made again gives; an allocation stays as it is."""
    if patient.enrolled_on and patient.group != group:
        patient.group = group
        patient.save(update_fields=["group"])
        signals.announce(patient=patient, names=["subject.group"], by=by)


def latest_decision(patient: Patient) -> EligibilityDecision | None:
    """Return the newest decision, whether its signature is valid or not. One query."""
    found: EligibilityDecision | None = patient.eligibility_decisions.order_by("-pk").first()
    return found


def _same_in_force(decided: EligibilityDecision) -> EligibilityDecision | None:
    """Return the decision in force if the same person decided the same on the same evidence. At most two queries."""
    found = decision_in_force(decided.patient)
    if found is None or found.decided_by_id != decided.decided_by_id:
        return None
    return found if found.signed_content() == decided.signed_content() else None


def _refuse_unless_eligible(patient: Patient, evaluation: Evaluation) -> None:
    if current_consent(patient) is None:
        raise ValidationError(_("There is no consent yet: record it before assessing eligibility."))
    if evaluation.blocking_criteria:
        ids = ", ".join(finding.id for finding in evaluation.blocking_criteria)
        raise ValidationError(
            {
                "conclusion": ngettext(
                    "This criterion does not allow inclusion: %(ids)s.",
                    "These criteria do not allow inclusion: %(ids)s.",
                    len(evaluation.blocking_criteria),
                )
                % {"ids": ids}
            }
        )
    if patient.protocol.rules.groups and not evaluation.group:
        needs = ", ".join(evaluation.group_needs) or _("the inputs of the groups")
        raise ValidationError(
            {"conclusion": _("The group is not determined yet. It needs: %(needs)s.") % {"needs": needs}}
        )


def decision_in_force(patient: Patient) -> EligibilityDecision | None:
    """Return the latest decision if its signature is valid, else None. At most two queries."""
    decision = patient.eligibility_decisions.order_by("-pk").first()
    if decision is None:
        return None
    valid = Signature.objects.filter(
        target_type="patients.eligibilitydecision", target_id=decision.pk, invalidated_at=None
    ).exists()
    return decision if valid else None
