"""Deviations in the time of an infusion: given on a day outside its window. Facts that both arms share."""

from datetime import date

from accounts.models import User
from dosing.models import Infusion
from dosing.schedule import given_on, windows
from patients.models import Deviation, DeviationPlace, Patient
from patients.participation.deviations import FoundDeviation, reconcile

CATEGORY = Deviation.Category.INFUSION_TIME.value


def note_timing(patient: Patient, by: User) -> None:
    """Open or take back the deviations of all infusions of a patient: the day of one moves the windows of the next."""
    found = {
        (CATEGORY, str(row.number)): FoundDeviation(day, row.timing_deviation_reason)
        for row, allowed in windows(patient)
        if (day := _outside(row, patient, allowed)) is not None and row.timing_deviation_reason
    }
    reconcile(patient=patient, place=DeviationPlace.INFUSION, categories=[CATEGORY], found=found, by=by)


def _outside(row: Infusion, patient: Patient, allowed: tuple[date, date]) -> date | None:
    """Return the day on which an infusion was given outside its window, else None."""
    day = given_on(row, patient)
    return None if day is None or allowed[0] <= day <= allowed[1] else day
