"""Who takes part and what was captured about them."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.models import Signature
from audit.trail import Trail
from trials.models import ProtocolVersion, Trial
from trials.moments import Moment


class VisibleToMembers(models.QuerySet[Any]):
    """Rows of the trials in which a person holds a role today; `trial_path` leads to the trial."""

    trial_path = "trial"

    def visible_to(self, user: User) -> Any:
        """Keep rows of trials the person may open."""
        return self.filter(**{f"{self.trial_path}__in": Trial.objects.visible_to(user)})


class OfPatient(VisibleToMembers):
    """Rows that belong to a patient."""

    trial_path = "patient__trial"


class Patient(models.Model):
    """One participant under a subject code that says nothing about the person."""

    class State(models.TextChoices):
        SCREENING = "screening", _("Screening")
        SCREEN_FAILED = "screen_failed", _("Screen failure")
        ENROLLED = "enrolled", _("In follow-up")
        ENDED = "ended", _("Study ended")

    class EndReason(models.TextChoices):
        COMPLETED = "completed", _("Completed")
        DEATH = "death", _("Death")
        WITHDRAWAL = "withdrawal", _("Withdrawal")
        LOST = "lost", _("Lost to follow-up")

    trial = models.ForeignKey(Trial, models.PROTECT, related_name="patients")
    protocol = models.ForeignKey(ProtocolVersion, models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    code = models.CharField(_("patient"), max_length=20)
    state = models.CharField(_("status"), max_length=20, choices=State)
    screened_on = models.DateField(_("screened on"))
    group = models.CharField(_("group"), max_length=20, blank=True)
    enrolled_on = models.DateField(_("included on"), null=True)
    enrolled_at = models.DateTimeField(null=True)
    first_infusion_on = models.DateField(_("first infusion"), null=True)
    failed_on = models.DateField(_("screen failure on"), null=True)
    failure_reason = models.TextField(_("reason for screen failure"), blank=True)
    ended_on = models.DateField(_("end of study"), null=True)
    end_reason = models.CharField(_("reason for the end"), max_length=20, choices=EndReason, blank=True)
    end_note = models.TextField(_("note on the end"), blank=True)
    locked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = VisibleToMembers.as_manager()
    history = Trail(patient="id", trial="trial_id")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trial", "number"], name="patient_number_once_per_trial"),
            models.UniqueConstraint(fields=["trial", "code"], name="patient_code_once_per_trial"),
            models.CheckConstraint(
                condition=~Q(state="enrolled") | Q(enrolled_on__isnull=False),
                name="enrolled_patient_has_a_date",
            ),
            models.CheckConstraint(
                condition=~Q(state="screen_failed") | (Q(failed_on__isnull=False) & ~Q(failure_reason="")),
                name="screen_failure_keeps_its_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="ended") | (Q(ended_on__isnull=False) & ~Q(end_reason="")),
                name="end_of_study_has_date_and_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Identity(models.Model):
    """Who the patient is: apart from the clinical data, behind its own permission (PRV-01)."""

    patient = models.OneToOneField(Patient, models.PROTECT, related_name="identity")
    name = models.CharField(_("name"), max_length=200, blank=True)
    hospital_number = models.CharField(_("hospital number"), max_length=60, blank=True)
    birth_date = models.CharField(_("date of birth"), max_length=10, blank=True)
    contact = models.TextField(_("contact"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", see="see_identity")


class Consent(models.Model):
    """A consent as it was given: by whom, which version, when."""

    class Type(models.TextChoices):
        PATIENT = "patient", _("Patient")
        LEGAL_REPRESENTATIVE = "legal_representative", _("Legal representative")
        IMPARTIAL_WITNESS = "impartial_witness", _("Impartial witness")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consents")
    type = models.CharField(_("given by"), max_length=30, choices=Type)
    version = models.CharField(_("version of the form"), max_length=40)
    given = models.CharField(_("date and time"), max_length=60)
    given_at = models.DateTimeField()
    capacity_regained_on = models.DateField(_("capacity regained on"), null=True)
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
        ordering = ["given_at", "pk"]

    @property
    def given_words(self) -> str:
        """Return the time of the consent as a person reads it."""
        return Moment.from_iso(self.given).display(get_language() or "en")


class EligibilityDecision(models.Model):
    """Every criterion as it stood when an investigator decided, with the inputs that were used."""

    class Conclusion(models.TextChoices):
        ELIGIBLE = "eligible", _("Eligible")
        NOT_ELIGIBLE = "not_eligible", _("Not eligible")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="eligibility_decisions")
    protocol = models.ForeignKey(ProtocolVersion, models.PROTECT, related_name="+")
    conclusion = models.CharField(_("conclusion"), max_length=20, choices=Conclusion)
    group = models.CharField(_("group"), max_length=20, blank=True)
    inclusion_on = models.DateField(_("intended day of inclusion"))
    criteria = models.JSONField()
    decided_at = models.DateTimeField()
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=("conclusion", "group", "inclusion_on", "criteria"),
    )

    class Meta:
        ordering = ["decided_at", "pk"]

    def signed_content(self) -> dict[str, Any]:
        """Return what the investigator's signature covers."""
        return {
            "patient": self.patient_id,
            "protocol": self.protocol_id,
            "conclusion": self.conclusion,
            "group": self.group,
            "inclusion_on": self.inclusion_on.isoformat(),
            "criteria": self.criteria,
        }


class Visit(models.Model):
    """A planned, held or missed visit of one patient."""

    class State(models.TextChoices):
        PLANNED = "planned", _("Planned")
        HELD = "held", _("Held")
        MISSED = "missed", _("Missed")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="visits")
    code = models.CharField(_("visit"), max_length=20)
    number = models.PositiveIntegerField(default=1)
    position = models.PositiveIntegerField()
    planned_on = models.DateField(_("planned on"), null=True)
    window_from = models.DateField(_("window from"), null=True)
    window_to = models.DateField(_("window to"), null=True)
    held_on = models.DateField(_("held on"), null=True)
    state = models.CharField(_("status"), max_length=10, choices=State)
    missed_reason = models.TextField(_("reason"), blank=True)
    reason = models.TextField(_("reason for an unscheduled visit"), blank=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
        ordering = ["position", "number"]
        constraints = [
            models.UniqueConstraint(fields=["patient", "code", "number"], name="visit_once_per_patient"),
            models.CheckConstraint(
                condition=~Q(state="missed") | ~Q(missed_reason=""), name="missed_visit_has_a_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state="held") | Q(held_on__isnull=False), name="held_visit_has_a_date"
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """Return the visit's part of the address: `D28`, or `UNS-2` for a repeated one."""
        return self.code if self.number == 1 else f"{self.code}-{self.number}"


class RecordQuerySet(OfPatient):
    """Captured forms."""

    def with_marks(self) -> "RecordQuerySet":
        """Add `open_queries` and `signed` without a query per row."""
        queries = Query.objects.filter(record=OuterRef("pk"), state__in=Query.OPEN_STATES)
        signatures = Signature.objects.filter(
            target_type="patients.record", target_id=OuterRef("pk"), invalidated_at=None
        )
        return self.annotate(has_open_query=Exists(queries), is_signed=Exists(signatures))


class Record(models.Model):
    """One captured form: its values as JSON (shape in docs/protocol-file.md) and where it stands."""

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        COMPLETE = "complete", _("Complete")
        STRUCK_OUT = "struck_out", _("Entered in error")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="records")
    visit = models.ForeignKey(Visit, models.PROTECT, null=True, related_name="records")
    protocol = models.ForeignKey(ProtocolVersion, models.PROTECT, related_name="+")
    form = models.CharField(_("form"), max_length=60)
    repeat = models.PositiveIntegerField(default=1)
    state = models.CharField(_("status"), max_length=12, choices=State)
    values = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    completed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    locked_at = models.DateTimeField(null=True)
    struck_out_reason = models.TextField(blank=True)
    save_key = models.CharField(max_length=64, blank=True)

    objects = RecordQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=("values", "state", "protocol_id"),
        excluded=("save_key",),
        describe="patients.words.describe_record",
        form="form",
        items="values",
    )

    class Meta:
        ordering = ["form", "repeat"]
        constraints = [
            models.UniqueConstraint(
                fields=["visit", "form", "repeat"],
                condition=Q(visit__isnull=False),
                name="form_once_per_visit",
            ),
            models.UniqueConstraint(
                fields=["patient", "form", "repeat"], condition=Q(visit=None), name="log_row_once_per_patient"
            ),
            models.CheckConstraint(
                condition=~Q(state="struck_out") | ~Q(struck_out_reason=""),
                name="struck_out_record_has_a_reason",
            ),
        ]

    def signed_content(self) -> dict[str, Any]:
        """Return what a signature on this form covers."""
        return {
            "patient": self.patient_id,
            "visit": self.visit_id,
            "form": self.form,
            "repeat": self.repeat,
            "protocol": self.protocol_id,
            "state": self.state,
            "values": self.values,
        }


class Draft(models.Model):
    """What a person is typing, kept while they type: not study data, gone when they save."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="+")
    place = models.CharField(max_length=120)
    payload = models.JSONField()
    base_version = models.PositiveIntegerField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient", "place"], name="one_draft_per_person_and_form"
            ),
        ]


class Query(models.Model):
    """A question about one item of one record."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        ANSWERED = "answered", _("Answered")
        CLOSED = "closed", _("Closed")

    class Origin(models.TextChoices):
        CHECK = "check", _("Check")
        MONITOR = "monitor", _("Monitor")
        DATA_MANAGER = "data_manager", _("Data manager")

    OPEN_STATES = ("open", "answered")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="queries")
    record = models.ForeignKey(Record, models.PROTECT, related_name="queries")
    item = models.CharField(_("item"), max_length=80)
    check_id = models.CharField(_("check"), max_length=40, blank=True)
    origin = models.CharField(_("raised by"), max_length=20, choices=Origin)
    state = models.CharField(_("status"), max_length=10, choices=State)
    text = models.TextField(_("question"))
    opened_at = models.DateTimeField(default=timezone.now)
    opened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    closed_at = models.DateTimeField(null=True)
    closed_because = models.TextField(blank=True)

    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id")

    class Meta:
        ordering = ["opened_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["record", "item", "check_id"],
                condition=Q(origin="check") & ~Q(state="closed"),
                name="one_open_query_per_check",
            ),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False)
                | (~Q(state="closed") & Q(closed_at=None)),
                name="closed_query_has_a_time",
            ),
        ]

    @property
    def age_days(self) -> int:
        """Return for how many whole days the question has been open."""
        until: datetime = self.closed_at or timezone.now()
        return (until - self.opened_at).days


class QueryMessage(models.Model):
    """One entry of a query's thread."""

    query = models.ForeignKey(Query, models.PROTECT, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    author_role = models.CharField(max_length=40)
    at = models.DateTimeField(default=timezone.now)
    text = models.TextField()

    history = Trail(patient="query__patient_id", trial="query__patient__trial_id")

    class Meta:
        ordering = ["at", "pk"]
