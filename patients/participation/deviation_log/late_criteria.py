"""Deferred criteria that were not confirmed in time: each becomes a deviation on the day after."""

from datetime import timedelta

from django.db import transaction

from audit.stored_text import system_text
from patients.models import Deviation, DeviationPlace, Patient
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from patients.participation.eligibility_decisions.eligibility import evaluate
from patients.participation.lifecycle import lock_patient
from trials.models import Trial


def note_late_criteria() -> int:
    """Open and take back the deviations of deferred criteria, in all trials. Return how many patients were judged.

    A patient is judged from the day after the last one for the confirmation until the lock.
    """
    return sum(_judge(patient) for trial in _with_deferred() for patient in _due(trial))


def _with_deferred() -> list[Trial]:
    trials = Trial.objects.filter(protocol__isnull=False, locked_at=None).select_related("protocol")
    return [trial for trial in trials if any(each.is_deferred for each in trial.rules.eligibility)]


def _due(trial: Trial) -> list[Patient]:
    shortest = min(each.deferred_days for each in trial.rules.eligibility if each.deferred_days is not None)
    included_before = trial.today - timedelta(days=shortest)
    rows = Patient.objects.filter(trial=trial, enrolled_on__lt=included_before, locked_at=None)
    return list(rows.select_related("trial", "protocol").order_by("pk"))


@transaction.atomic
def _judge(patient: Patient) -> bool:
    """Bring the deviations of a patient's deferred criteria up to date. Return False if it was locked meanwhile."""
    patient = lock_patient(patient)
    if patient.locked_at or patient.trial.locked_at:
        return False
    today, found = patient.trial.today, {}
    findings = [each for each in evaluate(patient).findings if each.result.criterion.is_deferred]
    for finding in findings:
        last = finding.deferred_until
        if finding.waits and last is not None and last < today:
            text = system_text("deviation.not_confirmed", id=finding.id, day=last)
            found[Deviation.Category.ELIGIBILITY.value, finding.id] = FoundDeviation(last, text)
    reconcile(
        patient=patient,
        place=DeviationPlace.ELIGIBILITY,
        categories=[Deviation.Category.ELIGIBILITY],
        keys=[finding.id for finding in findings],
        found=found,
        by=None,
    )
    return True
