"""Laboratories and their reference ranges."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.trail import Locks, NoOverlap, Trail
from trials.models.trials import Trial


class Laboratory(models.Model):
    """A laboratory with its own reference ranges."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="laboratories", verbose_name=_("Trial"))
    code = models.SlugField(_("Code"), max_length=20)
    name = models.CharField(_("Name"), max_length=200)
    is_default = models.BooleanField(_("Measures unless a form names another"))

    history = Trail(trial="trial_id", locks=Locks(parents=("trial",), freezes=False))

    class Meta:
        verbose_name = _("Laboratory")
        ordering = ["-is_default", "code"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial", "code"],
                name="laboratory_code_once_per_trial",
                violation_error_message=_("Another laboratory of this trial has this code."),
            ),
            models.UniqueConstraint(
                fields=["trial"], condition=Q(is_default=True), name="one_default_laboratory_per_trial"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ReferenceRange(models.Model):
    """A laboratory's normal range for one item: sex, ages, effective dates (protocol.values.reference_ranges).

    A new range sheet is a new period; an error is corrected with a reason.
    """

    class Sex(models.TextChoices):
        FEMALE = "F", _("Female")
        MALE = "M", _("Male")

    laboratory = models.ForeignKey(
        Laboratory, models.PROTECT, related_name="ranges", verbose_name=_("Laboratory")
    )
    form = models.CharField(_("Form"), max_length=60)
    item = models.CharField(_("Item"), max_length=60)
    unit = models.CharField(_("Unit"), max_length=40, blank=True)
    sex = models.CharField(_("Sex"), max_length=1, choices=Sex, blank=True)
    age_from = models.PositiveSmallIntegerField(_("From age"))
    age_to = models.PositiveSmallIntegerField(_("To below age"), null=True)
    effective_from = models.DateField(_("First day in force"))
    effective_to = models.DateField(_("Last day in force"), null=True)
    lower = models.DecimalField(_("Lower bound"), max_digits=15, decimal_places=6, null=True)
    upper = models.DecimalField(_("Upper bound"), max_digits=15, decimal_places=6, null=True)
    source = models.CharField(_("Source"), max_length=200, blank=True)
    entered_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, verbose_name=_("Entered by")
    )
    entered_at = models.DateTimeField(_("Entered at"), default=timezone.now)
    in_error_reason = models.TextField(_("Entered in error because"), blank=True)

    history = Trail(
        trial="laboratory__trial_id",
        locks=Locks(parents=("laboratory__trial",), freezes=False),
        no_overlap=NoOverlap(
            locked_parent="laboratory",
            equal=("laboratory", "form", "item"),
            blank_is_any=("sex",),
            closed_spans=(("effective_from", "effective_to"),),
            half_open_spans=(("age_from", "age_to"),),
            unless="in_error_reason",
        ),
    )

    class Meta:
        verbose_name = _("Reference range")
        ordering = ["form", "item", "sex", "age_from", "effective_from", "pk"]
        indexes = [
            models.Index(fields=["laboratory", "form", "item", "id"], name="ranges_by_item"),
            models.Index(fields=["laboratory", "effective_from", "id"], name="ranges_by_day"),
        ]
        constraints = [
            # Any other overlap is refused by the trigger that `apart` declares.
            models.UniqueConstraint(
                fields=["laboratory", "form", "item", "sex", "age_from", "effective_from"],
                condition=Q(in_error_reason=""),
                name="one_range_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(lower__isnull=False) | Q(upper__isnull=False), name="range_has_a_bound"
            ),
            models.CheckConstraint(
                condition=Q(lower=None) | Q(upper=None) | Q(lower__lte=F("upper")),
                name="range_has_bounds_in_order",
            ),
            models.CheckConstraint(
                condition=Q(age_to=None) | Q(age_to__gt=F("age_from")), name="range_has_ages_in_order"
            ),
            models.CheckConstraint(
                condition=Q(effective_to=None) | Q(effective_to__gte=F("effective_from")),
                name="range_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(sex__in=["", "F", "M"]), name="range_sex_is_known"),
        ]

    @property
    def path(self) -> str:
        """The item as `form.item`."""
        return f"{self.form}.{self.item}"
