"""Rows that depend on the arm: in a masked trial only those who may know the treatment see them."""

from accounts.models import User
from patients.models import OfPatient
from trials.access import Access
from trials.roles import ROLES


class TreatmentQuerySet(OfPatient):
    """Rows that depend on the arm: in a masked trial visible only with SEE_TREATMENT."""

    def visible_to(self, user: User) -> "TreatmentQuerySet":  # type: ignore[override]
        """Keep rows of trials in which this person may know the treatment today. One query more."""
        return self.filter(**{f"{self.trial_path}__in": _trials_seen_unblinded(user)})


def _trials_seen_unblinded(user: User) -> list[int]:
    """Return the keys of the trials in which a person may know the treatment today. One query."""
    # A person may hold several roles in a trial: the latest counts, as it does on pages (`trials.access`).
    delegations = user.delegations.active().filter(trial__protocol__isnull=False)
    delegations = delegations.select_related("trial__protocol").order_by("starts_on", "pk")
    roles = {delegation.trial_id: delegation for delegation in delegations}
    return [
        pk
        for pk, delegation in roles.items()
        if Access(user=user, trial=delegation.trial, role=ROLES[delegation.role]).sees_treatment
    ]


class SlotQuerySet(TreatmentQuerySet):
    """Rows that belong to a trial, such as slots that no patient has taken."""

    trial_path = "trial"
