"""Infusions follow the corrections of a patient's participation: days are planned again, or taken back.

A correction is refused where an infusion depends on what would be struck out.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting
from dosing.infusions.schedule import WINDOW, plan_again
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.participation.consents.consent_withdrawal import stops_treatment
from patients.participation.lifecycle import refuse_closed_form
from trials.reader import shown_day

State = Infusion.State


def on_inclusion_corrected(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
    """Plan the infusions again from the corrected day of inclusion."""
    plan_again(patient, by)


def on_inclusion_struck_out(sender: Any, *, patient: Patient, by: User, **kwargs: Any) -> None:
    """Take the planned days back. The rows stay, for an inclusion that follows."""
    with acting(user=by, system="schedule"):
        for row in Infusion.objects.filter(patient=patient).select_related("visit"):
            refuse_closed_form(None, row.visit)
            row.planned_on = row.window_from = row.window_to = None
            row.window_opens_at = row.window_closes_at = None
            # A page opened before must not overwrite it (DAT-11).
            row.version += 1
            row.save(update_fields=[*WINDOW, "version"])


def inclusion_dependants(sender: Any, *, patient: Patient, **kwargs: Any) -> list[str]:
    """Return the sentences why the inclusion cannot be struck out: infusions that somebody began or settled."""
    begun = Infusion.objects.filter(patient=patient).exclude(state=State.PLANNED, weight_kg=None)
    text = _("Infusion %(number)d has entries: it depends on the inclusion.")
    return [text % {"number": row.number} for row in begun.order_by("number")]


def visit_dependants(sender: Any, *, visit: Visit, **kwargs: Any) -> list[str]:
    """Return the sentences why a visit cannot be struck out: an infusion was given at it."""
    given = Infusion.objects.filter(visit=visit, state=State.GIVEN)
    text = _("Infusion %(number)d was given at this visit.")
    return [text % {"number": row.number} for row in given]


def planned_days(sender: Any, *, patient: Patient, **kwargs: Any) -> dict[str, date | None]:
    """Return by title the first day that the protocol allows for each infusion not given."""
    rows = Infusion.objects.filter(patient=patient).exclude(state=State.GIVEN).order_by("number")
    text = _("Infusion %(number)d")
    return {text % {"number": row.number}: row.window_from for row in rows}


def never_given(patients: Sequence[Patient]) -> Iterator[tuple[int, int]]:
    """Yield (patient key, number) of infusions marked as not given, or planned for a patient who is treated no more.

    One query.
    """
    stopped = {patient.pk for patient in patients if _is_stopped(patient)}
    rows = Infusion.objects.filter(patient__in=patients).exclude(state=State.GIVEN)
    for key, number, state in rows.values_list("patient_id", "number", "state"):
        if state == State.NOT_GIVEN or key in stopped:
            yield key, number


def withdrawn(patient: Patient, day: date) -> str:
    """Return the message why nothing is given on a day: consent withdrawn before it. Empty if it is not."""
    last = stops_treatment(patient)
    if last is None or day <= last:
        return ""
    text = _("Consent was withdrawn on %(day)s: nothing is given after it.")
    return text % {"day": shown_day(last)}


def refuse_withdrawn(patient: Patient, day: date) -> None:
    """Raise ValidationError if consent to the treatment was withdrawn before a day."""
    if words := withdrawn(patient, day):
        raise ValidationError(words)


def _is_stopped(patient: Patient) -> bool:
    return patient.state == Patient.State.ENDED or stops_treatment(patient) is not None
