"""What a person may see: rows of the trials in which they hold a role today."""

from typing import Any

from django.db import models

from accounts.models import User
from trials.models import Delegation


class VisibleToMembers(models.QuerySet[Any]):
    """Rows of the trials in which a person holds a role today; `trial_path` leads to the trial."""

    trial_path = "trial"

    def visible_to(self, user: User) -> Any:
        """Keep rows of trials the person may open."""
        return self.filter(**{f"{self.trial_path}__in": Delegation.objects.trials_of(user)})


class OfPatient(VisibleToMembers):
    """Rows that belong to a patient."""

    trial_path = "patient__trial"
