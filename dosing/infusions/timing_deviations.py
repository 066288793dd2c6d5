"""Deviations in the time of an infusion: given on a day outside its window. Facts that both arms share."""

from datetime import date

from accounts.models import User
from dosing.infusions.schedule import given_on, windows
from dosing.models import Infusion
from patients.models import Deviation, DeviationPlace, Patient
from patients.participation.deviation_log.deviations import FoundDeviation, reconcile
from protocol.document.schedule import Allowed

CATEGORY = Deviation.Category.INFUSION_TIME.value


def note_timing(patient: Patient, by: User) -> None:
    """Open or take back the deviations of all infusions of a patient: the day of one moves the windows of the next."""
    found = {
        (CATEGORY, str(row.number)): FoundDeviation(day, row.timing_deviation_reason)
        for row, allowed in windows(patient)
        if (day := _outside(row, patient, allowed)) is not None and row.timing_deviation_reason
    }
    reconcile(patient=patient, place=DeviationPlace.INFUSION, categories=[CATEGORY], found=found, by=by)


def _outside(row: Infusion, patient: Patient, allowed: Allowed) -> date | None:
    """Return the day on which an infusion was given outside its window, else None."""
    day = given_on(row, patient)
    if day is None or row.started_at is None or allowed.holds(row.started_at, day):
        return None
    return day
