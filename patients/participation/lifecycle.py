"""The states of a patient and the steps allowed in each; freezes and locks refuse every step (P11-06).

A step locks rows before it reads what it decides on, always in one order: the trial (where the step needs it), its
patients by key, then what belongs to them (docs/architecture.md, "Locks").
"""

from typing import cast

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from patients.models import Patient, Record, Visit
from trials.models import Trial

State = Patient.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.SCREENING: frozenset({State.SCREEN_FAILED, State.ENROLLED}),
    # Backwards only by a correction (`corrections`, `disposition.reopen_study`).
    State.SCREEN_FAILED: frozenset({State.SCREENING}),
    State.ENROLLED: frozenset({State.ENDED, State.SCREENING}),
    State.ENDED: frozenset({State.ENROLLED}),
}


def lock_patient(patient: Patient) -> Patient:
    """Return the patient as stored now, locked until the transaction ends: one step at a time per patient."""
    lock_patients(Patient.objects.filter(pk=patient.pk))
    rows = Patient.objects.select_related("trial", "protocol")
    return cast(Patient, rows.get(pk=patient.pk))


def lock_patients(patients: "QuerySet[Patient]") -> None:
    """Lock the rows of patients until the transaction ends. Whatever depends on them is read afterwards."""
    # The lock is a statement of its own: one that waits for it reads the joined rows (the trial, a visit) as they were
    # before the wait. The rows are locked in the order of keys, so that two requests cannot wait for each other.
    list(patients.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def lock_trial_rows(trial: Trial) -> Trial:
    """Return the trial as stored now, with it and the rows of all its patients locked until the transaction ends."""
    row = Trial.objects.for_update(trial.pk)
    # Each step of a patient locks the patient's row, so every other write in the trial now waits.
    lock_patients(Patient.objects.filter(trial=row))
    return row


def lock_visit(visit: Visit) -> tuple[Patient, Visit]:
    """Return the patient and the visit as stored now, both locked until the transaction ends."""
    patient = lock_patient(visit.patient)
    # Read after the patient's lock: another request may have held, missed, moved or locked the visit meanwhile.
    row: Visit = Visit.objects.select_for_update(of=("self",)).get(pk=visit.pk)
    row.patient = patient
    return patient, row


def refuse_when_locked(patient: Patient) -> None:
    """Raise ValidationError if the patient or the trial is locked."""
    if patient.trial.locked_at:
        raise ValidationError(_("The trial is locked: no data can be changed."))
    if patient.locked_at:
        raise ValidationError(_("%(patient)s is locked: nothing can be changed.") % {"patient": patient.code})


def refuse_when_closed(patient: Patient) -> None:
    """Raise ValidationError if the patient or the trial is locked or frozen: nothing may be entered then."""
    refuse_when_locked(patient)
    if patient.trial.frozen_at:
        raise ValidationError(_("The trial is frozen: nothing is entered until it is released."))
    if patient.frozen_at:
        raise ValidationError(
            _("%(patient)s is frozen: nothing is entered until it is released.") % {"patient": patient.code}
        )


def refuse_locked_form(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError if a form or its visit is locked."""
    if record is not None and record.locked_at:
        raise ValidationError(_("This form is locked: nothing can be changed."))
    if visit is not None and visit.locked_at:
        raise ValidationError(_("%(visit)s is locked: nothing can be changed.") % {"visit": visit.key})


def refuse_closed_form(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError if a form or its visit is locked or frozen: nothing may be entered then."""
    refuse_locked_form(record, visit)
    if record is not None and record.frozen_at:
        raise ValidationError(_("This form is frozen: nothing is entered until it is released."))
    if visit is not None and visit.frozen_at:
        raise ValidationError(
            _("%(visit)s is frozen: nothing is entered until it is released.") % {"visit": visit.key}
        )


def require_state(patient: Patient, *states: str, refusal: str) -> None:
    """Raise ValidationError if the patient is in none of the states, or is locked or frozen.

    refusal: the message, with %(patient)s and %(state)s.
    """
    refuse_when_closed(patient)
    if patient.state not in states:
        raise ValidationError(refusal % {"patient": patient.code, "state": State(patient.state).label})


def move(patient: Patient, to: str, *, refusal: str) -> None:
    """Change the state in memory, without saving. Raises ValidationError for a transition that does not exist."""
    require_state(
        patient, *(state for state, targets in TRANSITIONS.items() if to in targets), refusal=refusal
    )
    patient.state = to


def next_number(trial: Trial) -> int:
    """Return the next free patient number. The trial's row is locked, so that two screenings never get the same."""
    Trial.objects.for_update(trial.pk)
    last = Patient.objects.filter(trial=trial).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
