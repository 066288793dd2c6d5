"""Query sets that limit rows to the trials in which a person holds a role today."""

from datetime import datetime
from typing import Any

from django.db import models

from accounts.models import User
from trials.models import Delegation

# The values of `visible_in`, for a compiled query.
IN_TRIAL: dict[str, Any] = {"trial": int, "user": int, "at": datetime}


class VisibleToMembers(models.QuerySet[Any]):
    """Rows of a trial. `trial_path` is the lookup from the row to its trial."""

    trial_path = "trial"

    def visible_to(self, user: User | int, at: datetime | None = None) -> Any:
        """Keep rows of the trials in which the person holds a role at a moment (default: now)."""
        return self.filter(**{f"{self.trial_path}__in": Delegation.objects.trials_of(user, at)})

    def visible_in(self, *, trial: int, user: int, at: datetime) -> Any:
        """Keep rows of one trial, if the person holds a role in it at a moment. Values: `IN_TRIAL`."""
        return self.visible_to(user, at).filter(**{self.trial_path: trial}).order_by()


class OfPatient(VisibleToMembers):
    """Rows of a patient."""

    trial_path = "patient__trial"
