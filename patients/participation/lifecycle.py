"""Where a patient stands and which steps are open from there (P11-06)."""

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
    rows = Patient.objects.select_for_update(of=("self",)).select_related("trial", "protocol")
    return cast(Patient, rows.get(pk=patient.pk))


def refuse_when_locked(patient: Patient) -> None:
    """Raise ValidationError when the patient or the trial is locked."""
    if patient.trial.locked_at:
        raise ValidationError(_("The trial is locked: nothing can be changed any more."))
    if patient.locked_at:
        raise ValidationError(_("%(patient)s is locked: nothing can be changed.") % {"patient": patient.code})


def refuse_when_closed(patient: Patient) -> None:
    """Raise ValidationError when the patient or the trial is locked, or frozen: nothing is entered then."""
    refuse_when_locked(patient)
    if patient.trial.frozen_at:
        raise ValidationError(_("The trial is frozen: nothing is entered until it is released."))
    if patient.frozen_at:
        raise ValidationError(
            _("%(patient)s is frozen: nothing is entered until it is released.") % {"patient": patient.code}
        )


def refuse_locked_place(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError when a form or its visit is locked."""
    if record is not None and record.locked_at:
        raise ValidationError(_("This form is locked: nothing can be changed."))
    if visit is not None and visit.locked_at:
        raise ValidationError(_("%(visit)s is locked: nothing can be changed.") % {"visit": visit.key})


def refuse_closed_place(record: Record | None, visit: Visit | None) -> None:
    """Raise ValidationError when a form or its visit is locked, or frozen: nothing is entered then."""
    refuse_locked_place(record, visit)
    if record is not None and record.frozen_at:
        raise ValidationError(_("This form is frozen: nothing is entered until it is released."))
    if visit is not None and visit.frozen_at:
        raise ValidationError(
            _("%(visit)s is frozen: nothing is entered until it is released.") % {"visit": visit.key}
        )


def require(patient: Patient, *states: str, refusal: str) -> None:
    """Raise ValidationError unless the patient is in one of the states; `refusal` names %(patient)s and %(state)s."""
    refuse_when_closed(patient)
    if patient.state not in states:
        raise ValidationError(refusal % {"patient": patient.code, "state": State(patient.state).label})


def move(patient: Patient, to: str, *, refusal: str) -> None:
    """Change the state in memory. Raises ValidationError when no such step exists."""
    require(patient, *(state for state, targets in TRANSITIONS.items() if to in targets), refusal=refusal)
    patient.state = to


def next_number(trial: Trial) -> int:
    """Return the next free patient number; the trial's row is locked so that two screenings never share one."""
    Trial.objects.select_for_update().get(pk=trial.pk)
    last = Patient.objects.filter(trial=trial).order_by("-number").values_list("number", flat=True).first()
    return (last or 0) + 1
