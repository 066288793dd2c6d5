"""Models of a lot out of specification that is used for one infusion all the same (ATM-04), and of certificates."""

from typing import Any

from django.core.files.base import File
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from audit.trail import Concealed, Locks, Trail
from dosing.models.donors import ChainRow
from dosing.models.infusions import Infusion
from dosing.models.lots import Lot
from dosing.models.treatments import SlotQuerySet, TreatmentQuerySet
from patients.models import Patient
from patients.models.attachments import attachment_storage
from trials.models import Trial

SIGNED_OF_EXCEPTION = ("infusion_id", "lot_id", "kind", "favourable", "text", "at")


class ExceptionalStep(ChainRow):
    """One signed step on the road of a lot out of specification to one infusion. Never changed; each step once.

    favourable: of a risk evaluation, whether the risk is acceptable; of a decision, whether the product is accepted; of
    the other steps None. text: the need of the patient, the evaluation, the reason, or how somebody was told. at: when
    it was asked for, evaluated or decided, or when somebody was told.
    """

    class Kind(models.TextChoices):
        REQUEST = "request", _("Request of the treating physician")
        EVALUATION = "evaluation", _("Risk evaluation of the laboratory")
        DECISION = "decision", _("Decision of the treating physician")
        SPONSOR = "sponsor", _("Sponsor told")
        AUTHORITY = "authority", _("Competent authority told")

    infusion = models.ForeignKey(
        Infusion, models.PROTECT, related_name="exceptional_steps", verbose_name=_("Infusion")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="exceptional_steps", verbose_name=_("Patient")
    )
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="exceptional_steps", verbose_name=_("Lot"))
    kind = models.CharField(_("Step"), max_length=12, choices=Kind)
    favourable = models.BooleanField(_("Acceptable"), null=True)
    text = models.TextField(_("Reason"))
    at = models.DateTimeField(_("At"), default=timezone.now)

    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        final=True,
        signed_content=SIGNED_OF_EXCEPTION,
        locks=Locks(parents=("patient", "patient__trial")),
    )

    class Meta:
        verbose_name = _("Product out of specification")
        ordering = ["infusion", "lot", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["infusion", "lot", "kind"],
                name="exceptional_step_once",
                violation_error_message=_("This step is recorded already."),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["evaluation", "decision"], favourable__isnull=False)
                | ~Q(kind__in=["evaluation", "decision"]) & Q(favourable=None),
                name="exceptional_step_says_whether",
            ),
            models.CheckConstraint(condition=~Q(text=""), name="exceptional_step_has_a_text"),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return the decision, its lot and its infusion."""
        return {name: getattr(self, name) for name in SIGNED_OF_EXCEPTION}


class LotCertificate(ChainRow):
    """A certificate of a lot as a file, with its hash. Never changed: a better one is another row.

    key: of the file in the storage of attached files. kind: read from the content.
    """

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="lot_certificates", verbose_name=_("Trial"))
    lot = models.ForeignKey(Lot, models.PROTECT, related_name="certificates", verbose_name=_("Lot"))
    title = models.CharField(_("Certificate"), max_length=100)
    key = models.CharField(_("Key"), max_length=32, unique=True)
    name = models.CharField(_("File name"), max_length=120)
    kind = models.CharField(_("Kind"), max_length=10)
    size = models.PositiveIntegerField(_("Bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)

    objects = SlotQuerySet.as_manager()
    history = Trail(
        trial="trial_id",
        see="see_treatment",
        final=True,
        concealed=Concealed(
            columns=("key",), words=gettext_noop("shown to users who may read files"), may="see_treatment"
        ),
    )

    class Meta:
        verbose_name = _("Certificate of a lot")
        ordering = ["lot", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["lot", "sha256"],
                name="certificate_once",
                violation_error_message=_("This file is attached to the lot already."),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    def open(self) -> File:
        """Open the file for reading. Raises OSError if the storage does not have it."""
        return attachment_storage().open(self.key)
