"""Query sets that limit rows to the trials in which a person holds a role today."""

from typing import Any

from django.db import models

from accounts.models import User
from trials.models import Delegation


class VisibleToMembers(models.QuerySet[Any]):
    """Rows of a trial. `trial_path` is the lookup from the row to its trial."""

    trial_path = "trial"

    def visible_to(self, user: User) -> Any:
        """Keep rows of the trials in which the person holds a role today."""
        return self.filter(**{f"{self.trial_path}__in": Delegation.objects.trials_of(user)})


class OfPatient(VisibleToMembers):
    """Rows of a patient."""

    trial_path = "patient__trial"
