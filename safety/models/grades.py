"""How the grade of an adverse event changed over time: each grade a dated row of its own (SAF-09)."""

from typing import Any, NoReturn

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.trail import Locks, Trail
from patients.models import OfPatient, Patient
from protocol.values.moments import Moment
from safety.models.events import AdverseEvent


class GradeQuerySet(OfPatient):
    """Grades of events of the trials that a user may open."""

    def in_force(self) -> "GradeQuerySet":
        """Exclude grades entered in error."""
        return self.filter(in_error_reason="")


class EventGrade(models.Model):
    """The grade of an event from a moment on. The event itself keeps the worst of them.

    Never deleted: one entered in error stays visible.
    """

    event = models.ForeignKey(
        AdverseEvent, models.PROTECT, related_name="grades", db_index=False, verbose_name=_("Adverse event")
    )
    patient = models.ForeignKey(
        Patient, models.PROTECT, related_name="event_grades", verbose_name=_("Patient")
    )
    number = models.PositiveIntegerField(_("Number"))
    grade = models.PositiveSmallIntegerField(_("Grade"))
    since = models.CharField(_("Since"), max_length=60)
    since_earliest = models.DateTimeField(_("Since earliest"))
    in_error_reason = models.TextField(_("Entered in error because"), blank=True)
    # As that of its event: without one it is locked with the patient.
    after_lock_reason = models.TextField(_("Reported after the lock because"), blank=True)
    recorded_at = models.DateTimeField(_("Recorded at"), default=timezone.now)

    objects = GradeQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        covered_by=("event", "patient"),
        covered_content=("grade", "since", "in_error_reason"),
        locks=Locks(parents=("patient", "patient__trial"), freezes=False, unless="after_lock_reason"),
    )

    class Meta:
        verbose_name = _("Grade of an adverse event")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="grade_number_once_per_event"),
            models.CheckConstraint(
                condition=Q(grade__gte=1, grade__lte=5),
                name="changed_grade_is_1_to_5",
                violation_error_message=_("The grade is 1 to 5."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} G{self.grade}"

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise TypeError: a grade is struck out, never deleted."""
        raise TypeError("a grade of an adverse event is never deleted")

    @property
    def since_moment(self) -> Moment:
        """Return since when, as precisely as it is known."""
        return Moment.from_iso(self.since)
