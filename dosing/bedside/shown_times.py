"""Times of the bedside page: on the clock of the site, for its script, and as a running clock."""

from datetime import UTC, datetime, timedelta

from dosing.models import Infusion
from trials.reader import shown_day, shown_moment


def shown_at(moment: datetime | None, row: Infusion) -> str:
    """Return a moment on the clock of the site, with its day unless it is today."""
    if moment is None:
        return ""
    trial = row.patient.trial
    return shown_moment(moment, trial.zone).removeprefix(f"{shown_day(trial.today)} ")


def instant(moment: datetime) -> str:
    """Return an instant as the script reads it. Not as a bare number, which could be taken for one of the product."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def running_clock(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
