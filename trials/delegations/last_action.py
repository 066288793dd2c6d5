"""The last thing that a person did in a trial, from the trail: a role does not end before it."""

from datetime import datetime, time, timedelta

from audit.trail_reading import reading
from audit.trail_reading.change_labels import Reader
from audit.trail_reading.sources import Filter
from trials.models import Delegation
from trials.permissions import Permission


def last_action(delegation: Delegation) -> datetime | None:
    """Return when the person last changed, read or exported something in the days of a role. One statement."""
    trial = delegation.trial
    first = datetime.combine(delegation.starts_on, time(), tzinfo=trial.zone)
    until = None
    if delegation.ends_on is not None:
        until = datetime.combine(delegation.ends_on + timedelta(days=1), time(), tzinfo=trial.zone)
    found = reading.page(
        Filter(trial_id=trial.pk, user_id=delegation.user_id, since=first, until=until),
        may={str(permission) for permission in Permission},
        reader=Reader(language="en", zone=str(trial.zone)),
        size=1,
    )
    return found.entries[0].at if found.entries else None
