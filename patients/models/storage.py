"""Temperature excursions of the places where tubes are stored; the same in both arms."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail
from patients.models.visibility import VisibleToMembers
from trials.models import Trial


class StorageExcursion(models.Model):
    """A place was outside its temperature for a while. Never changed; it is evaluated once.

    began, ended: the moments as entered, with their UTC offset; began_at, ended_at are the same instants. The tubes
    affected follow from the ledger of the tubes (`patients.samples.storage`).
    """

    class Outcome(models.TextChoices):
        USABLE = "usable", _("The tubes may be used")
        UNUSABLE = "unusable", _("The tubes may not be used")

    trial = models.ForeignKey(
        Trial, models.PROTECT, related_name="storage_excursions", verbose_name=_("Trial")
    )
    number = models.PositiveIntegerField(_("Number"))
    place = models.CharField(_("Place"), max_length=200)
    began = models.CharField(_("From"), max_length=60)
    began_at = models.DateTimeField(_("Began at"))
    ended = models.CharField(_("To"), max_length=60)
    ended_at = models.DateTimeField(_("Ended at"))
    lowest_c = models.DecimalField(_("Lowest temperature (°C)"), max_digits=5, decimal_places=1, null=True)
    highest_c = models.DecimalField(_("Highest temperature (°C)"), max_digits=5, decimal_places=1)
    note = models.TextField(_("What happened"))
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)
    outcome = models.CharField(_("Evaluation"), max_length=10, choices=Outcome, null=True)  # noqa: DJ001  filled once
    reason = models.TextField(_("Reason of the evaluation"), null=True)  # noqa: DJ001  filled once
    evaluated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("Evaluated by")
    )
    evaluated_at = models.DateTimeField(_("Evaluated at"), null=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(trial="trial_id", excluded=("save_key",), final=True)

    class Meta:
        verbose_name = _("Temperature excursion of a place")
        ordering = ["trial", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "number"], name="storage_excursion_number_once_per_trial"
            ),
            models.UniqueConstraint(
                fields=["trial", "save_key"], condition=~Q(save_key=""), name="storage_excursion_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__gt=models.F("began_at")), name="storage_excursion_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=Q(lowest_c=None) | Q(lowest_c__lte=models.F("highest_c")),
                name="storage_excursion_lowest_is_not_above_highest",
            ),
            models.CheckConstraint(
                condition=~Q(place="") & ~Q(note=""), name="storage_excursion_says_where_and_what"
            ),
            models.CheckConstraint(
                condition=Q(outcome=None, reason=None, evaluated_by=None, evaluated_at=None)
                | Q(outcome__isnull=False, evaluated_by__isnull=False, evaluated_at__isnull=False)
                & Q(reason__isnull=False)
                & ~Q(reason=""),
                name="storage_excursion_evaluated_by_a_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.number}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: an excursion stays on record."""
        raise TypeError("a temperature excursion is never deleted")
