"""Decide on laboratory results with a grade, signed in one step; and report the event of a significant one (LAB-06)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit import signatures
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, lock_patients, refuse_when_locked
from safety.laboratory.candidates import Candidate, candidates_of
from safety.laboratory.models import RESULT_FACTS, LaboratoryDecision
from safety.models import AdverseEvent
from safety.reporting import report_event
from safety.stopping.watching import lock_for_rules
from trials.models import Trial

SIGNIFICANT = LaboratoryDecision.Significance.SIGNIFICANT
CHANGED = "stale"


@dataclass(frozen=True, slots=True)
class Decided:
    """The stored decisions, and how many of them are significant without an event."""

    decisions: list[LaboratoryDecision]

    @property
    def awaiting(self) -> list[LaboratoryDecision]:
        """Return the decisions whose event is still to be reported."""
        return [each for each in self.decisions if each.awaits_event]


@transaction.atomic
def decide_results(
    *,
    trial: Trial,
    patients: Sequence[Patient],
    shown: Mapping[str, int],
    significance: str,
    meaning: str,
    password: str,
    by: User,
    event: AdverseEvent | None = None,
) -> Decided:
    """Store and sign one decision for each result, all or none.

    shown: the confirmed grade by the candidate's key (`Candidate.pk`) as the signer was shown it. event: the adverse
    event that the results belong to, of the same patient. Raises ValidationError if a result, limit, baseline or
    decision changed since it was shown, for a locked patient, a grade lower than the number gives, and a wrong
    password.
    """
    if significance not in LaboratoryDecision.Significance.values:
        raise ValidationError({"significance": _("Choose whether the results are clinically significant.")})
    lock_patients(Patient.objects.filter(pk__in=[each.pk for each in patients]))
    rows = list(
        Patient.objects.filter(pk__in=[each.pk for each in patients]).select_related("trial", "protocol")
    )
    for patient in rows:
        refuse_when_locked(patient)
    # Judged again under the locks: a result may have been corrected since the page was shown.
    now = {each.pk: each for each in candidates_of(trial, rows).candidates}
    chosen = _chosen(now, shown)
    _refuse_event(event, significance, chosen)
    decisions = [_stored(each, grade, significance=significance, event=event) for each, grade in chosen]
    zone = trial.rules.trial.site.time_zone
    signatures.sign_many(targets=decisions, meaning=meaning, password=password, by=by, zone=zone)
    return Decided(decisions)


def _chosen(now: Mapping[str, Candidate], shown: Mapping[str, int]) -> list[tuple[Candidate, int]]:
    if not shown:
        raise ValidationError(_("Choose at least one result."))
    if any(key not in now for key in shown):
        raise ValidationError(
            _("A result, its limits or its decision changed while you read it: look at it again."),
            code=CHANGED,
        )
    found = [(now[key], grade) for key, grade in shown.items()]
    for candidate, grade in found:
        if grade < int(candidate.grade or 0):
            raise ValidationError(_("The number alone gives a higher grade: the grade cannot be lower."))
    return found


def _refuse_event(
    event: AdverseEvent | None, significance: str, chosen: Sequence[tuple[Candidate, int]]
) -> None:
    if event is None:
        return
    if significance != SIGNIFICANT:
        raise ValidationError({"event": _("Only a significant result belongs to an adverse event.")})
    if event.in_error or any(each.patient.pk != event.patient_id for each, _grade in chosen):
        raise ValidationError({"event": _("Choose an adverse event of this patient.")})


def _stored(
    candidate: Candidate, grade: int, *, significance: str, event: AdverseEvent | None
) -> LaboratoryDecision:
    record, item, term = candidate.key
    row = candidate.decision or LaboratoryDecision(
        trial_id=candidate.patient.trial_id, patient=candidate.patient, record_id=record, item=item, term=term
    )
    for name, value in zip(RESULT_FACTS, candidate.facts, strict=True):
        setattr(row, name, value)
    row.significance, row.confirmed_grade = significance, grade
    # A result that was corrected and is still significant stays with its event.
    row.event = event or (row.event if significance == SIGNIFICANT else None)
    row.decided_at = timezone.now()
    row.save()
    return row


@transaction.atomic
def report_of_result(
    *, decision: LaboratoryDecision, patient: Patient, by: User, **answers: Any
) -> AdverseEvent:
    """Store an adverse event and note it on the decision it was reported from. Arguments: see `report_event`.

    The event is no part of what was signed, so the signature holds. Raises ValidationError if the decision changed.
    """
    # Before the patient, as every report does: with opposite orders one of two would be cancelled as a deadlock.
    lock_for_rules(patient)
    lock_patient(patient)
    row = LaboratoryDecision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
    event = report_event(patient=patient, by=by, **answers)
    if row.event_id == event.pk:
        return event
    if not row.awaits_event:
        raise ValidationError(_("This result is no longer waiting for an event: look at it again."))
    row.event = event
    row.save(update_fields=["event"])
    return event
