"""Which adverse events a list holds: in error, of special interest, awaiting a report, a case or a signature."""

from django.db.models import Exists, OuterRef, Q, Subquery

from audit.models import Signature
from patients.models import VisibleToMembers
from trials.access import Access
from trials.models import Trial

NOT_OF_SPECIAL_INTEREST = "none"


class AdverseEventQuerySet(VisibleToMembers):
    """Adverse events of the trials that a user may open."""

    def of(self, access: Access) -> "AdverseEventQuerySet":
        """Keep events of the trial that this access opens.

        Same rows as `visible_to` for the trial, without the subquery that keeps the planner from using the index order.
        """
        return self.filter(trial=access.trial)

    def not_in_error(self) -> "AdverseEventQuerySet":
        """Exclude events entered in error."""
        return self.filter(in_error_reason="")

    def of_special_interest(self) -> "AdverseEventQuerySet":
        """Keep events in one of the protocol's categories of special interest."""
        return self.exclude(aesi__in=("", NOT_OF_SPECIAL_INTEREST))

    def awaiting_report(self) -> "AdverseEventQuerySet":
        """Keep events with a clock, serious or fatal, that are not yet reported to the sponsor."""
        return self.not_in_error().filter(due_at__isnull=False, reported_at=None)

    def without_case(self) -> "AdverseEventQuerySet":
        """Keep events with a clock of which drug safety has opened no case."""
        return self.not_in_error().filter(due_at__isnull=False, case_version=0)

    def since_last_review(self, trial: Trial) -> "AdverseEventQuerySet":
        """Keep events reported, or whose signature ended, after the last signature on an event of the trial."""
        signatures = Signature.objects.filter(target_type=self.model._meta.label_lower, trial_id=trial.pk)
        last = signatures.order_by("-pk").values("signed_at")[:1]
        ended = signatures.filter(target_id=OuterRef("pk"), invalidated_at__gt=Subquery(last))
        never = ~Exists(signatures)
        return self.filter(never | Q(created_at__gt=Subquery(last)) | Exists(ended))

    def signed(self, *, yes: bool = True) -> "AdverseEventQuerySet":
        """Keep events with (or without) a valid review signature."""
        valid = Signature.objects.filter(
            target_type=self.model._meta.label_lower, target_id=OuterRef("pk"), invalidated_at=None
        )
        return self.filter(Exists(valid) if yes else ~Exists(valid))
