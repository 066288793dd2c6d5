"""Models from the donor to the bank of cells. A donor is a code, never a person (CEL-01, CEL-05)."""

from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import Trail
from dosing.models.treatments import SlotQuerySet
from trials.models import Trial


class ChainRow(RestrictedRow):
    """A row of the product chain of one trial, behind SEE_TREATMENT; never deleted."""

    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )

    class Meta:
        abstract = True

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: the chain from donor to patient is kept for thirty years."""
        raise TypeError("a row of the product chain is never deleted")


class Donor(ChainRow):
    """A donor of cells: a code, and the answers by which the donor criteria of the protocol are judged.

    fit: whether every donor criterion holds; None while one is undetermined. answers: by name of the donor's items.
    findings: of the criteria, as they were when the answers were recorded. unfit_since: the donor was found unfit
    afterwards (a new infection), with the reason.
    """

    class Sex(models.TextChoices):
        FEMALE = "F", _("Female")
        MALE = "M", _("Male")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="donors", verbose_name=_("Trial"))
    code = models.CharField(_("Donor"), max_length=60)
    sex = models.CharField(_("Sex"), max_length=1, choices=Sex, blank=True)
    birth_year = models.PositiveSmallIntegerField(_("Year of birth"), null=True)
    answers = models.JSONField(_("Answers"), default=dict)
    findings = models.JSONField(_("Donor criteria"), default=list)
    fit = models.BooleanField(_("Meets the donor criteria"), null=True)
    assessed_on = models.DateField(_("Assessed on"), null=True)
    unfit_since = models.DateField(_("Unfit since"), null=True)
    unfit_reason = models.TextField(_("Unfit because"), blank=True)
    version = models.PositiveIntegerField(_("Version"), default=1)

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment")

    class Meta:
        verbose_name = _("Donor")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                "trial",
                models.functions.Lower("code"),
                name="donor_code_once",
                violation_error_message=_("This donor is recorded already."),
            ),
            models.CheckConstraint(condition=Q(sex__in=["", "F", "M"]), name="donor_sex_is_known"),
            models.CheckConstraint(
                condition=Q(unfit_since=None) | ~Q(unfit_reason=""), name="unfit_donor_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class DonorDecision(ChainRow):
    """A signed decision that a donor is unfit, or fit again because that was a mistake; the newest one counts."""

    class Kind(models.TextChoices):
        UNFIT = "unfit", _("Found unfit")
        FIT_AGAIN = "fit_again", _("The decision was a mistake")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="donor_decisions", verbose_name=_("Trial"))
    donor = models.ForeignKey(Donor, models.PROTECT, related_name="decisions", verbose_name=_("Donor"))
    kind = models.CharField(_("Decision"), max_length=12, choices=Kind)
    since = models.DateField(_("Since"))
    reason = models.TextField(_("Reason"))
    decided_at = models.DateTimeField(_("Decided at"), default=timezone.now)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        see="see_treatment",
        final=True,
        signed_content=("donor_id", "kind", "since", "reason", "decided_at"),
    )

    class Meta:
        verbose_name = _("Decision about a donor")
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=~Q(reason=""), name="donor_decision_has_a_reason")]

    def signed_content(self) -> dict[str, Any]:
        """Return the decision and its donor."""
        return {
            "donor": self.donor_id, "kind": self.kind, "since": self.since, "reason": self.reason,
            "decided_at": self.decided_at,
        }  # fmt: skip


class Donation(ChainRow):
    """One donation. identification: its number by ISBT 128, a Single European Code, or one of the laboratory.

    scheme: by which rules the number was checked: `isbt128`, `2006/86/EC` or `local`.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="donations", verbose_name=_("Trial"))
    donor = models.ForeignKey(Donor, models.PROTECT, related_name="donations", verbose_name=_("Donor"))
    identification = models.CharField(_("Identification number"), max_length=60)
    scheme = models.CharField(_("Coding scheme"), max_length=20)
    donated_on = models.DateField(_("Donated on"))
    tissue = models.CharField(_("Tissue"), max_length=100)

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment", final=True)

    class Meta:
        verbose_name = _("Donation")
        ordering = ["donor", "donated_on"]
        constraints = [
            models.UniqueConstraint(
                "trial",
                models.functions.Upper("identification"),
                name="donation_number_once",
                violation_error_message=_("This donation is recorded already."),
            ),
        ]

    def __str__(self) -> str:
        return self.identification


class CellBank(ChainRow):
    """Cells of one donation, expanded and frozen at a passage. population_doublings: since isolation."""

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="cell_banks", verbose_name=_("Trial"))
    donation = models.ForeignKey(Donation, models.PROTECT, related_name="banks", verbose_name=_("Donation"))
    code = models.CharField(_("Cell bank"), max_length=60)
    passage = models.PositiveSmallIntegerField(_("Passage"))
    population_doublings = models.DecimalField(
        _("Population doublings"), max_digits=5, decimal_places=2, null=True
    )
    frozen_on = models.DateField(_("Frozen on"))

    objects = SlotQuerySet.as_manager()
    history = Trail(trial="trial_id", see="see_treatment", final=True)

    class Meta:
        verbose_name = _("Cell bank")
        ordering = ["code"]
        constraints = [
            models.UniqueConstraint(
                "trial",
                models.functions.Lower("code"),
                name="cell_bank_code_once",
                violation_error_message=_("This cell bank is recorded already."),
            ),
        ]

    def __str__(self) -> str:
        return self.code
