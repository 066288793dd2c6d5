"""Training that a person confirmed, and reviews of access: both signed, neither ever changed."""

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Trail


class TrainingConfirmation(models.Model):
    """A person has read one version of a document that the role needs, and says so with the password."""

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="+", verbose_name=_("Trial"))
    user = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("User"))
    document = models.CharField(_("Document"), max_length=60)
    title = models.CharField(_("Title"), max_length=300)
    version = models.CharField(_("Version"), max_length=40)
    confirmed_at = models.DateTimeField(_("Confirmed at"), default=timezone.now)

    history = Trail(trial="trial_id", see="see_people", signed_content=("document", "title", "version"))

    class Meta:
        verbose_name = _("Confirmation of training")
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "user", "document", "version"], name="training_confirmed_once"
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content that the person confirms."""
        return {"user": self.user_id, "document": self.document, "title": self.title, "version": self.version}


class AccessReview(models.Model):
    """Somebody compared the access in force with who needs it, and attests to the result (ACC-03).

    rows: the list of access as it was reviewed, in words.
    """

    trial = models.ForeignKey("Trial", models.PROTECT, related_name="+", verbose_name=_("Trial"))
    reviewed_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Reviewed by"))
    reviewed_at = models.DateTimeField(_("Reviewed at"), default=timezone.now)
    since = models.DateField(_("Since"))
    until = models.DateField(_("Until"))
    rows = models.JSONField(_("Access as reviewed"))
    conclusion = models.TextField(_("Conclusion"))

    history = Trail(
        trial="trial_id",
        see="see_people",
        signed_content=("since", "until", "rows", "conclusion"),
        describe="trials.delegations.change_words.describe_access_review",
    )

    class Meta:
        verbose_name = _("Review of access")
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="access_review_days_in_order"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the content to which the reviewer attests."""
        return {
            "trial": self.trial_id, "since": self.since, "until": self.until,
            "rows": self.rows, "conclusion": self.conclusion,
        }  # fmt: skip
