"""Models of freezes, locks and requests to unlock, each with who, when and why."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.trail import Trail
from patients.models.captured import Record, Visit
from patients.models.people import Patient
from patients.models.visibility import VisibleToMembers
from trials.models import Trial

PERSON = settings.AUTH_USER_MODEL


class DataLock(models.Model):
    """One freeze or lock of a form, a visit, a patient or the trial, with its release.

    Until it is released, a trigger keeps `frozen_at` or `locked_at` of the target row filled. The release of a
    lock names two persons (ACC-08).
    """

    class Level(models.TextChoices):
        RECORD = "record", _("Form")
        VISIT = "visit", _("Visit")
        PATIENT = "patient", _("Patient")
        TRIAL = "trial", _("Trial")

    class Kind(models.TextChoices):
        FREEZE = "freeze", pgettext_lazy("status", "Frozen")
        LOCK = "lock", pgettext_lazy("status", "Locked")

    level = models.CharField(_("Level"), max_length=10, choices=Level)
    kind = models.CharField(_("Kind"), max_length=10, choices=Kind)
    trial = models.ForeignKey(Trial, models.PROTECT, related_name="data_locks", verbose_name=_("Trial"))
    patient = models.ForeignKey(
        Patient, models.PROTECT, null=True, related_name="data_locks", verbose_name=_("Patient")
    )
    visit = models.ForeignKey(
        Visit, models.PROTECT, null=True, related_name="data_locks", verbose_name=_("Visit")
    )
    record = models.ForeignKey(
        Record, models.PROTECT, null=True, related_name="data_locks", verbose_name=_("Record")
    )
    set_at = models.DateTimeField(_("Set at"), default=timezone.now)
    set_by = models.ForeignKey(PERSON, models.PROTECT, related_name="+", verbose_name=_("Set by"))
    reason = models.TextField(_("Reason"))
    overridden = models.JSONField(_("Points overridden"), default=dict)
    released_at = models.DateTimeField(_("Released at"), null=True)
    released_by = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+", verbose_name=_("Released by")
    )
    asked_by = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+", verbose_name=_("Release asked by")
    )
    release_reason = models.TextField(_("Reason for the release"), blank=True)

    objects = VisibleToMembers.as_manager()
    history = Trail(patient="patient_id", trial="trial_id")

    class Meta:
        verbose_name = _("Data lock")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "kind"],
                condition=Q(level="record", released_at=None),
                name="record_held_once",
            ),
            models.UniqueConstraint(
                fields=["visit", "kind"], condition=Q(level="visit", released_at=None), name="visit_held_once"
            ),
            models.UniqueConstraint(
                fields=["patient", "kind"],
                condition=Q(level="patient", released_at=None),
                name="patient_held_once",
            ),
            models.UniqueConstraint(
                fields=["trial", "kind"], condition=Q(level="trial", released_at=None), name="trial_held_once"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="lock_has_a_reason"),
            models.CheckConstraint(
                condition=Q(released_at=None, released_by=None)
                | (Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason="")),
                name="release_has_person_and_reason",
            ),
            models.CheckConstraint(
                condition=Q(released_at=None)
                | Q(kind="freeze")
                | (Q(asked_by__isnull=False) & ~Q(asked_by=F("released_by"))),
                name="unlocking_takes_two_persons",
            ),
        ]

    @property
    def target(self) -> Any:
        """Return the frozen or locked row: a form, visit, patient or trial. May cost a query."""
        return getattr(self, self.level)


class UnlockRequest(models.Model):
    """A request to unlock, granted or refused by a second person (ACC-08)."""

    lock = models.ForeignKey(
        DataLock, models.PROTECT, related_name="requests", verbose_name=pgettext_lazy("noun", "Lock")
    )
    asked_at = models.DateTimeField(_("Asked at"), default=timezone.now)
    asked_by = models.ForeignKey(PERSON, models.PROTECT, related_name="+", verbose_name=_("Requested by"))
    reason = models.TextField(_("Reason"))
    decided_at = models.DateTimeField(_("Decided at"), null=True)
    decided_by = models.ForeignKey(
        PERSON, models.PROTECT, null=True, related_name="+", verbose_name=_("Decided by")
    )
    granted = models.BooleanField(_("Granted"), null=True)
    answer = models.TextField(_("Answer"), blank=True)

    history = Trail(patient="lock__patient_id", trial="lock__trial_id")

    class Meta:
        verbose_name = _("Unlock request")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["lock"], condition=Q(decided_at=None), name="one_open_request_per_lock"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="unlock_request_has_a_reason"),
            models.CheckConstraint(
                condition=Q(decided_at=None, decided_by=None, granted=None)
                | (
                    Q(decided_at__isnull=False, decided_by__isnull=False, granted__isnull=False)
                    & ~Q(asked_by=F("decided_by"))
                ),
                name="unlock_is_decided_by_another",
            ),
        ]
