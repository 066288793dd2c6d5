"""Own questions: a condition over the records of one form, saved under a name by a member of the trial."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import Trail
from trials.models import Trial


class QuestionRow(models.Model):
    """The columns of both logs of own questions.

    form: code of the form whose records are asked about. condition: an expression of the protocol's language, on one
    record. columns: names of the items that the listing shows. item: the item that queries raised from it are about,
    empty if it is chosen each time. shared: every member of the trial is offered it. on_home: its answers are counted
    on the home page. A retired question is offered no longer.
    """

    log = ""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="+", verbose_name=_("Trial"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Owner")
    )
    name = models.CharField(_("Name"), max_length=80)
    form = models.CharField(_("Form"), max_length=60)
    condition = models.TextField(_("Condition"))
    columns = models.JSONField(_("Columns"), default=list)
    item = models.CharField(_("Item of its queries"), max_length=60, blank=True)
    shared = models.BooleanField(_("Shared"), default=False)
    on_home = models.BooleanField(_("Counted on home"), default=False)
    made_at = models.DateTimeField(_("Made at"), default=timezone.now)
    retired_at = models.DateTimeField(_("Retired at"), null=True)
    version = models.PositiveIntegerField(_("Version"), default=1)

    class Meta:
        abstract = True
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "owner", "name"],
                condition=Q(retired_at=None),
                name="one_%(class)s_of_a_name",
                violation_error_message=_("Another question of yours has this name."),
            ),
            models.CheckConstraint(condition=~Q(name="") & ~Q(condition=""), name="%(class)s_asks_something"),
        ]

    def __str__(self) -> str:
        return self.name

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a question is retired."""
        raise TypeError("an own question is never deleted")


class OwnQuestion(QuestionRow):
    """A question on records that every member of the trial may read."""

    log = "data"

    history = Trail(trial="trial_id")

    class Meta(QuestionRow.Meta):
        verbose_name = _("Own question")


class OwnProductQuestion(RestrictedRow, QuestionRow):
    """A question that reads masked results: its name, its condition and its answers tell the treatment.

    It has a table and numbers of its own, as product queries have: a missing number would tell that there is one.
    """

    log = "product"

    history = Trail(trial="trial_id", see="see_treatment")

    class Meta(QuestionRow.Meta):
        verbose_name = _("Own question on the product")
