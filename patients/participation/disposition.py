"""Disposition: the end of study of a patient by completion, death, withdrawal or loss to follow-up."""

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from patients import signals
from patients.models import Patient, Record, Visit
from patients.participation.lifecycle import lock_patient, move, require_state
from trials.reader import shown_moment


@transaction.atomic
def end_study(*, patient: Patient, on: date, reason: str, note: str, by: User) -> Patient:
    """Record the end of study of a patient. Data until then are kept, later collection is refused (PRV-03).

    Raises ValidationError for a day in the future or before inclusion, an unknown reason, completion with planned
    visits left, a withdrawal without a note, and an end that contradicts the captured date of death (DAT-08).
    """
    patient = lock_patient(patient)
    refusal = _("%(patient)s cannot end the study: the status is “%(state)s”.")
    require_state(patient, Patient.State.ENROLLED, refusal=refusal)
    _check_day(patient, on)
    if reason not in Patient.EndReason.values:
        raise ValidationError({"reason": _("Choose why the study ended.")})
    if reason == Patient.EndReason.COMPLETED:
        _check_no_visit_planned(patient)
    _check_death(patient, on, reason)
    if reason == Patient.EndReason.WITHDRAWAL and not note.strip():
        raise ValidationError({"note": _("Say what the patient withdrew from, in the patient's words.")})
    move(patient, Patient.State.ENDED, refusal=refusal)
    patient.ended_on, patient.end_reason, patient.end_note = on, reason, note.strip()
    patient.save(update_fields=["state", "ended_on", "end_reason", "end_note"])
    signals.study_ended.send(sender=Patient, patient=patient, by=by)
    return patient


def _check_day(patient: Patient, on: date) -> None:
    if on > patient.trial.today:
        raise ValidationError({"on": _("This day has not come yet. Check the year.")})
    if patient.enrolled_on and on < patient.enrolled_on:
        raise ValidationError({"on": _("The study cannot end before the inclusion.")})


def _check_death(patient: Patient, on: date, reason: str) -> None:
    """Raise ValidationError if the end contradicts the captured date of death (DAT-08). At most one query."""
    died = died_on(patient)
    if died is None:
        return
    message = _("A form says that the patient died on %(day)s.") % {"day": shown_moment(died)}
    if reason != Patient.EndReason.DEATH:
        raise ValidationError({"reason": message})
    if died != on.isoformat():
        raise ValidationError({"on": message})


def died_on(patient: Patient) -> str | None:
    """Return the captured date of death as stored (ISO text), None if there is none. At most one query."""
    path = patient.protocol.rules.profile.died_on
    if path is None:
        return None
    form, _dot, item = path.partition(".")
    rows = patient.records.filter(form=form).exclude(state=Record.State.STRUCK_OUT).order_by("-pk")
    known = (values.get(item) for values in rows.values_list("values", flat=True))
    return next((value for value in known if isinstance(value, str)), None)


def _check_no_visit_planned(patient: Patient) -> None:
    waiting = [visit.code for visit in patient.visits.filter(state=Visit.State.PLANNED)]
    if waiting:
        raise ValidationError(
            _("These visits are neither held nor missed: %(visits)s. Record each as held or missed first.")
            % {"visits": ", ".join(waiting)}
        )
