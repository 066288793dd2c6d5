"""The pre-screening log: who was considered and not screened, and why, without any identity (CONSORT flow diagram)."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Locks, Trail
from patients.models.visibility import VisibleToMembers
from trials.models import Trial

MOST_PEOPLE = 1000


class PrescreeningQuerySet(VisibleToMembers):
    """Rows of the pre-screening logs of the trials in which a person holds a role."""

    def in_force(self) -> "PrescreeningQuerySet":
        """Exclude rows that were struck out."""
        return self.filter(struck_out_reason="")


class PrescreeningRow(models.Model):
    """People considered on one day and not screened, with one outcome and one reason. Holds nothing of who they are."""

    class Outcome(models.TextChoices):
        NOT_APPROACHED = "not_approached", _("Not approached")
        DECLINED = "declined", _("Declined")

    class Reason(models.TextChoices):
        CRITERIA = "criteria", _("A criterion was clearly not met")
        DIED = "died", _("Died before")
        DISCHARGED = "discharged", _("Discharged or transferred before")
        OTHER_TRIAL = "other_trial", _("In another trial")
        NO_REPRESENTATIVE = "no_representative", _("Could not decide, and had no representative")
        PHYSICIAN = "physician", _("The treating physician advised against it")
        NO_STAFF = "no_staff", _("Nobody of the team or no product was available")
        NOT_INTERESTED = "not_interested", _("Not interested in research")
        RISK = "risk", _("Afraid of the risk")
        BURDEN = "burden", _("Too many visits or examinations")
        OTHER_TREATMENT = "other_treatment", _("Preferred another treatment")
        FAMILY = "family", _("Family or representative declined")
        NOT_SAID = "not_said", _("Gave no reason")
        OTHER = "other", _("Other")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="prescreening", verbose_name=_("Trial"))
    number = models.PositiveIntegerField(_("Number"))
    considered_on = models.DateField(_("Considered on"))
    people = models.PositiveIntegerField(_("Number of people"))
    outcome = models.CharField(_("Outcome"), max_length=20, choices=Outcome)
    reason = models.CharField(_("Reason"), max_length=20, choices=Reason)
    note = models.TextField(_("Note"), blank=True)
    struck_out_reason = models.TextField(_("Struck out because"), blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Recorded by")
    )
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)
    version = models.PositiveIntegerField(_("Version"), default=1)
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = PrescreeningQuerySet.as_manager()
    history = Trail(trial="trial_id", excluded=("save_key",), locks=Locks(parents=("trial",)))

    class Meta:
        verbose_name = _("Row of the pre-screening log")
        ordering = ["trial", "number"]
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="prescreening_number_once_per_trial"),
            models.UniqueConstraint(
                fields=["trial", "save_key"], condition=~Q(save_key=""), name="prescreening_saved_once"
            ),
            models.CheckConstraint(
                condition=Q(people__gte=1, people__lte=MOST_PEOPLE), name="prescreening_counts_people"
            ),
            models.CheckConstraint(
                condition=~Q(reason="other") | ~Q(note=""), name="other_prescreening_reason_is_named"
            ),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def struck_out(self) -> bool:
        """Return whether the row was struck out."""
        return bool(self.struck_out_reason)


_Reason = PrescreeningRow.Reason
# The reasons that each outcome can have.
REASONS_OF = {
    PrescreeningRow.Outcome.NOT_APPROACHED: (
        _Reason.CRITERIA, _Reason.DIED, _Reason.DISCHARGED, _Reason.OTHER_TRIAL, _Reason.NO_REPRESENTATIVE,
        _Reason.PHYSICIAN, _Reason.NO_STAFF, _Reason.OTHER,
    ),
    PrescreeningRow.Outcome.DECLINED: (
        _Reason.NOT_INTERESTED, _Reason.RISK, _Reason.BURDEN, _Reason.OTHER_TREATMENT, _Reason.FAMILY,
        _Reason.NOT_SAID, _Reason.OTHER,
    ),
}  # fmt: skip
