"""Queries and source verification on product data, behind the right to know the treatment.

They have tables and numbers of their own, as product deviations have: in the general log a missing number would tell
that the patient received cells.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.restricted_reads import RestrictedRow
from audit.trail import Locks, Trail
from dosing.models.treatments import TreatmentQuerySet
from patients.models import MarkQuerySet, MarkRow, MessageRow, Patient, QueryRow
from patients.models.captured import CLOSED_HAS_A_TIME
from patients.models.marks import UNDONE_TELLS_WHY

# A freeze stops data entry only: queries and verification go on until the lock.
UNDER_LOCK = Locks(parents=("patient", "patient__trial"), freezes=False)


class ProductTarget(models.TextChoices):
    """The kinds of rows of the product that belong to a patient."""

    PREPARATION = "preparation", _("Preparation")
    WORKSHEET_STEP = "worksheet_step", _("Step of the preparation")
    BAG_MOVEMENT = "bag_movement", _("Movement of a bag")
    MASKED_RESULT = "masked_result", _("Masked result")


class ProductQuery(RestrictedRow, QueryRow):
    """One query of a person on a fact of a row of the product (`dosing.questions.kinds`)."""

    Target = ProductTarget

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="product_queries", verbose_name=_("Patient")
    )
    target = models.CharField(_("About"), max_length=20, choices=ProductTarget)
    target_id = models.PositiveBigIntegerField(_("Row asked about"))

    pages = "dosing:product-query"
    objects = TreatmentQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        see="see_treatment",
        excluded=("batch",),
        locks=UNDER_LOCK,
    )

    class Meta(QueryRow.Meta):
        verbose_name = _("Product query")
        constraints = [
            models.UniqueConstraint(
                fields=["target", "target_id", "item"],
                condition=~Q(state="closed"),
                name="one_open_thread_per_product_fact",
            ),
            models.CheckConstraint(condition=~Q(origin="check"), name="product_query_is_of_a_person"),
            CLOSED_HAS_A_TIME,
        ]


class ProductQueryMessage(RestrictedRow, MessageRow):
    """One message in the thread of a product query."""

    query = models.ForeignKey(
        ProductQuery, models.PROTECT, related_name="messages", verbose_name=_("Product query")
    )

    history = Trail(
        patient="query__patient_id",
        trial="query__patient__trial_id",
        see="see_treatment",
        locks=Locks(parents=("query__patient", "query__patient__trial"), freezes=False),
    )

    class Meta(MessageRow.Meta):
        verbose_name = _("Message of a product query")


class ProductMarkQuerySet(MarkQuerySet, TreatmentQuerySet):  # type: ignore[override]
    """Marks on product data: in a masked trial visible only with SEE_TREATMENT."""

    def outside_forms(self) -> "ProductMarkQuerySet":
        """Keep all: no mark of the product is on a form."""
        return self


class ProductMark(RestrictedRow, MarkRow):
    """One person's mark that a fact of the product was compared with its source.

    A trigger undoes it in the statement that changes the fact, as it undoes a general mark (`patients.models.Mark`).
    """

    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="product_marks", verbose_name=_("Patient")
    )
    target = models.CharField(_("About"), max_length=20, choices=ProductTarget)
    target_id = models.PositiveBigIntegerField(_("Row marked"))

    objects = ProductMarkQuerySet.as_manager()
    history = Trail(
        patient="patient_id", trial="patient__trial_id", see="see_treatment", final=True, locks=UNDER_LOCK
    )

    class Meta(MarkRow.Meta):
        verbose_name = _("Mark on the product")
        constraints = [
            models.UniqueConstraint(
                fields=["target", "target_id", "item", "kind"],
                condition=Q(undone_at=None),
                name="one_standing_mark_per_product_fact",
            ),
            UNDONE_TELLS_WHY,
        ]
