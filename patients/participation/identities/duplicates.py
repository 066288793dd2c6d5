"""A person is in a trial once: by the hospital number, and asked about by name and date of birth.

Patients who failed screening do not count: they may be screened again. The caller holds the lock of the trial.
"""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from patients.models import Identity, Patient
from protocol.values.likeness import name_key, number_key
from protocol.values.moments import Moment
from trials.models import Trial


def refuse(
    trial: Trial,
    identity: Mapping[str, str],
    *,
    another_person: bool,
    may_identify: bool,
    but: Patient | None = None,
) -> None:
    """Raise ValidationError if another patient of the trial has this hospital number, or name and date of birth.

    another_person: the name and the date of birth were compared, and they are two people. may_identify: the sentence
    names the other patient.
    """
    number = identity["hospital_number"]
    if number and not number_key(number):
        raise ValidationError({"hospital_number": _("A hospital number has letters or digits.")})
    others = Identity.objects.filter(trial=trial).exclude(patient__state=Patient.State.SCREEN_FAILED)
    others = others.exclude(patient=but).select_related("patient")
    if number and (known := others.filter(number_key=number_key(number)).first()):
        raise ValidationError({"hospital_number": _same_number(known.patient, may_identify)})
    if another_person or not identity["name"] or not identity["birth_date"]:
        return
    for other in others.exclude(birth_date="").exclude(name=""):
        if _is_like(other, identity):
            raise ValidationError({"another_person": _same_name(other.patient, may_identify)})


def _is_like(other: Identity, identity: Mapping[str, str]) -> bool:
    return name_key(other.name) == name_key(identity["name"]) and _may_be_one_day(
        other.birth_date, identity["birth_date"]
    )


def _may_be_one_day(one: str, other: str) -> bool:
    """Return True if two dates of birth, possibly without day or month, can be the same day."""
    try:
        first, second = Moment.from_iso(one), Moment.from_iso(other)
    except ValueError:
        # A text of an older version that is no date.
        return one == other
    return first.first_day <= second.last_day and second.first_day <= first.last_day


def _same_number(patient: Patient, may_identify: bool) -> str:
    if not may_identify:
        return _("A patient of this trial has this hospital number: a person is in the trial once.")
    return _("%(patient)s has this hospital number: a person is in the trial once.") % {
        "patient": patient.code
    }


def _same_name(patient: Patient, may_identify: bool) -> str:
    if not may_identify:
        return _(
            "A patient of this trial has this name and date of birth. If this is another person, tick the box."
        )
    return _("%(patient)s has this name and date of birth. If this is another person, tick the box.") % {
        "patient": patient.code
    }
