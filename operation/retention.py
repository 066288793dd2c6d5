"""How long records are kept: the site's for 25 years, what traces cells to patients for 30 (CTR 58; 1394/2007, 15)."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Max

from dosing.models import Infusion
from patients.models import Patient
from trials.models import Trial

SITE_YEARS, TRACEABILITY_YEARS = 25, 30
NOT_IN_STUDY = (Patient.State.ENDED, Patient.State.SCREEN_FAILED)


@dataclass(frozen=True)
class RetentionDates:
    """The days until which records are kept at least.

    ended_on: end of the trial, the last end of study of a patient; None while patients are in the study. last_infusion:
    no product expires before it was given, so traceability is counted from it until expiry dates are recorded.
    """

    ended_on: date | None
    last_infusion: date | None

    @property
    def site_until(self) -> date | None:
        """Return the last day of the site's retention."""
        return years_after(self.ended_on, SITE_YEARS) if self.ended_on else None

    @property
    def traceability_until(self) -> date | None:
        """Return the earliest last day of the retention of traceability."""
        return years_after(self.last_infusion, TRACEABILITY_YEARS) if self.last_infusion else None


def retention_dates(trial: Trial) -> RetentionDates:
    """Return the dates of a trial; nothing of it depends on the arm. Three queries."""
    patients = Patient.objects.filter(trial=trial)
    open_ones = patients.exclude(state__in=NOT_IN_STUDY).exists()
    ended = None if open_ones else patients.aggregate(last=Max("ended_on"))["last"]
    started = Infusion.objects.filter(patient__trial=trial).aggregate(last=Max("started_at"))["last"]
    return RetentionDates(ended, trial.day_of(started) if started else None)


def years_after(day: date, years: int) -> date:
    """Return the same day of a later year; 28 February for a leap day that the year lacks."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
