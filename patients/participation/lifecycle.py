"""The states of a patient and the steps allowed in each; freezes and locks refuse every step (P11-06)."""

from typing import cast

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from patients.models import Patient, Record, Visit
from trials.models import Trial

State = Patient.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.SCREENING: frozenset({State.SCREEN_FAILED, State.ENROLLED}),
    State.SCREEN_FAILED: frozenset(),
    State.ENROLLED: frozenset({State.ENDED}),
    State.ENDED: frozenset(),
}


def held(patient: Patient) -> Patient:
    """Return the patient's row, locked until the transaction ends: one step at a time per patient."""
    # Only the patient's row (`of`): a lock on the joined trial would make the steps of all patients wait.
    rows = Patient.objects.select_for_update(of=("self",)).select_related("trial", "protocol")
    return cast(Patient, rows.get(pk=patient.pk))


def refuse_when_locked(patient: Patient) -> None:
    """Raise ValidationError if the patient or the trial is locked."""
    if patient.trial.locked_at:
        raise ValidationError(_("The trial is locked: nothing can be changed any more."))
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


def refuse_locked_place(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError if a form or its visit is locked."""
    if record is not None and record.locked_at:
        raise ValidationError(_("This form is locked: nothing can be changed."))
    if visit is not None and visit.locked_at:
        raise ValidationError(_("%(visit)s is locked: nothing can be changed.") % {"visit": visit.key})


def refuse_closed_place(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError if a form or its visit is locked or frozen: nothing may be entered then."""
    refuse_locked_place(record, visit)
    if record is not None and record.frozen_at:
        raise ValidationError(_("This form is frozen: nothing is entered until it is released."))
    if visit is not None and visit.frozen_at:
        raise ValidationError(
            _("%(visit)s is frozen: nothing is entered until it is released.") % {"visit": visit.key}
        )


def require(patient: Patient, *states: str, refusal: str) -> None:
    """Raise ValidationError if the patient is in none of the states, or is locked or frozen.

    refusal: the message, with %(patient)s and %(state)s.
    """
    refuse_when_closed(patient)
    if patient.state not in states:
        raise ValidationError(refusal % {"patient": patient.code, "state": State(patient.state).label})


def move(patient: Patient, to: str, *, refusal: str) -> None:
    """Change the state in memory, without saving. Raises ValidationError for a transition that does not exist."""
    require(patient, *(state for state, targets in TRANSITIONS.items() if to in targets), refusal=refusal)
    patient.state = to


def next_number(trial: Trial) -> int:
    """Return the next free patient number. The trial's row is locked, so that two screenings never get the same."""
    Trial.objects.select_for_update().get(pk=trial.pk)
    last = Patient.objects.filter(trial=trial).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
