"""The people of one training trial, who act for the invented patients."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from random import Random

from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.stored_text import system_text
from patients.casebook.casebook import Casebook
from patients.models import Patient
from protocol.values.moments import Moment
from trials.models import Trial

SURELY_PASSED = timedelta(hours=3)
"""What an invented patient does on the last day lies in its first hours: the day counts once these have passed."""


class TrialTeam:
    """The people of one trial, by role, with its clock and one generator of random numbers.

    today: the last day that the invented patients know.
    """

    def __init__(self, trial: Trial, people: dict[str, User], password: str, seed: int) -> None:
        self.trial, self.people, self.password = trial, people, password
        # One generator per trial: a change in one protocol does not change the other trial's patients.
        self.rng = Random(f"{seed} {trial.slug}")
        self.today: date = (timezone.now() - SURELY_PASSED).astimezone(trial.zone).date()
        self.zone = trial.rules.trial.site.time_zone

    @contextmanager
    def as_role(self, role: str) -> Iterator[User]:
        """Act as the person who holds a role."""
        with acting(user=self.people[role], role=role, origin="demo", reason=system_text("demo.invented")):
            yield self.people[role]

    def moment(self, day: date, hour: int, minute: int = 0) -> Moment:
        """Return a moment in the site's time zone."""
        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.trial.zone)
        return Moment.from_datetime(wall, self.zone)

    def hour(self, day: date) -> int:
        """Return an hour of the working day; for today, an hour that has certainly passed."""
        return 9 if day < self.today else 0

    def open_casebook(self, patient: Patient) -> Casebook:
        """Open the casebook as the coordinator."""
        return Casebook.open(user=self.people["coordinator"], trial=self.trial, code=patient.code)
