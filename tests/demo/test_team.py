"""The people of a training trial act up to a day whose first hours have passed, at any hour of the site."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from demo.team import TrialTeam
from tests.support import build

pytestmark = pytest.mark.django_db
BRUSSELS = ZoneInfo("Europe/Brussels")
YESTERDAY, TODAY = date(2026, 11, 30), date(2026, 12, 1)


@pytest.mark.parametrize(
    ("hour", "minute", "last_day"),
    [(0, 2, YESTERDAY), (2, 30, YESTERDAY), (2, 59, YESTERDAY), (3, 5, TODAY), (23, 59, TODAY)],
)
def test_the_last_day_of_the_invented_patients_is_the_site_day_three_hours_ago(
    hour: int, minute: int, last_day: date
):
    """Seen: training data made at 00:02 of the site broke off at times that had not come yet."""
    trial = build.trial(build.LIEGE)
    with time_machine.travel(datetime(2026, 12, 1, hour, minute, tzinfo=BRUSSELS), tick=False):
        team = TrialTeam(trial, {}, build.PASSWORD, seed=1)
        assert team.today == last_day
        # The longest infusion ends two hours and a half into the day.
        assert team.moment(last_day, team.hour(last_day) + 2, 58).latest < timezone.now()


def test_the_last_day_counts_hours_that_pass_when_the_clocks_go_forward():
    """At 03:30 of 29 March 2026 two hours and a half of the site's day have passed."""
    trial = build.trial(build.LIEGE)
    with time_machine.travel(datetime(2026, 3, 29, 3, 30, tzinfo=BRUSSELS), tick=False):
        assert TrialTeam(trial, {}, build.PASSWORD, seed=1).today == date(2026, 3, 28)
