"""Columns of an adverse event that hold opinions: causes by the investigator, and what drug safety judges."""

from django.db import models
from django.utils.translation import gettext_lazy as _

# What an event may be due to, besides the product, whose column is `causality`.
CAUSES = ("causality_infusion", "causality_premedication", "causality_procedure", "causality_disease")
SPONSOR_CAUSES = tuple(f"sponsor_{name}" for name in ("causality", *CAUSES))
SPONSOR_COLUMNS = (
    "sponsor_aware", "sponsor_aware_at", *SPONSOR_CAUSES, "expectedness", "reference_version", "sponsor_comment",
    "case_due_at", "case_version",
)  # fmt: skip


class Causality(models.TextChoices):
    DEFINITE = "definite", _("Definite")
    PROBABLE = "probable", _("Probable")
    POSSIBLE = "possible", _("Possible")
    UNLIKELY = "unlikely", _("Unlikely")
    NOT_RELATED = "not_related", _("Not related")


class Expectedness(models.TextChoices):
    EXPECTED = "expected", _("Expected")
    UNEXPECTED = "unexpected", _("Unexpected")


class CauseColumns(models.Model):
    """To what else the event may be due (SAF-03, ATM-01); blank: not judged. Only the product decides on the class."""

    causality_infusion = models.CharField(
        _("Causality of the infusion procedure"), max_length=48, choices=Causality, blank=True
    )
    causality_premedication = models.CharField(
        _("Causality of the premedication"), max_length=48, choices=Causality, blank=True
    )
    causality_procedure = models.CharField(
        _("Causality of a study procedure"), max_length=48, choices=Causality, blank=True
    )
    causality_disease = models.CharField(
        _("Causality of the disease"), max_length=48, choices=Causality, blank=True
    )

    class Meta:
        abstract = True


class SponsorColumns(models.Model):
    """The opinion of the sponsor's drug safety, apart from that of the site, which it never changes (SAF-05)."""

    sponsor_aware = models.CharField(_("Sponsor aware"), max_length=60, blank=True)
    sponsor_aware_at = models.DateTimeField(_("Sponsor aware at"), null=True)
    sponsor_causality = models.CharField(
        _("Causality by the sponsor"), max_length=48, choices=Causality, blank=True
    )
    sponsor_causality_infusion = models.CharField(
        _("Causality of the infusion procedure by the sponsor"), max_length=48, choices=Causality, blank=True
    )
    sponsor_causality_premedication = models.CharField(
        _("Causality of the premedication by the sponsor"), max_length=48, choices=Causality, blank=True
    )
    sponsor_causality_procedure = models.CharField(
        _("Causality of a study procedure by the sponsor"), max_length=48, choices=Causality, blank=True
    )
    sponsor_causality_disease = models.CharField(
        _("Causality of the disease by the sponsor"), max_length=48, choices=Causality, blank=True
    )
    expectedness = models.CharField(_("Expectedness"), max_length=12, choices=Expectedness, blank=True)
    reference_version = models.CharField(_("Reference safety information"), max_length=200, blank=True)
    sponsor_comment = models.TextField(_("Comment of the sponsor"), blank=True)
    # The next deadline of the clocks that the case started, whether or not a report was sent: the same in both arms.
    case_due_at = models.DateTimeField(_("Report to the authority due at"), null=True)
    # A count of its own: drug safety and the site work on one event without making each other's page stale.
    case_version = models.PositiveIntegerField(_("Version of the case"), default=0)

    class Meta:
        abstract = True
