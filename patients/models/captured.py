"""Models of captured data: visits, forms, queries and their messages."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.models import Signature
from audit.stored_text import StoredTextField
from audit.trail import Barred, Locks, Marks, Trail
from patients.models.attachments import OF_FILES
from patients.models.people import Patient
from patients.models.visibility import OfPatient
from trials.models import ProtocolVersion

VISIT_SIGNED = ("code", "number", "state", "held_on", "missed_reason", "reason")
RECORD_SIGNED = ("values", "state", "protocol_id")
# A freeze stops data entry only: queries go on until the form, or a level above it, is locked.
# The query of a check may open and close on a locked form: a value elsewhere contradicts it (`check_id`). Persons are
# refused there by the verbs.
UNDER_RECORD = Locks(
    parents=("record", "record__visit", "patient", "patient__trial"),
    freezes=False,
    unless="check_id",
    spares=("record", "record__visit"),
)


class Visit(models.Model):
    """One visit of one patient: planned, held, missed or no longer planned."""

    class State(models.TextChoices):
        PLANNED = "planned", pgettext_lazy("status", "Planned")
        HELD = "held", pgettext_lazy("status", "Held")
        MISSED = "missed", _("Missed")
        CANCELLED = "cancelled", _("No longer planned")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="visits", verbose_name=_("Patient"))
    # The version that defines the visit's forms, set when the visit is held or missed, or when an amendment
    # leaves it as it is or cancels it. Null: the patient's current version applies.
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, null=True, related_name="+", verbose_name=_("Protocol")
    )
    code = models.CharField(_("Visit"), max_length=20)
    number = models.PositiveIntegerField(_("Number"), default=1)
    position = models.PositiveIntegerField(_("Position"))
    planned_on = models.DateField(_("Planned on"), null=True)
    window_from = models.DateField(_("Window from"), null=True)
    window_to = models.DateField(_("Window to"), null=True)
    held_on = models.DateField(_("Held on"), null=True)
    state = models.CharField(_("Status"), max_length=10, choices=State)
    missed_reason = models.TextField(_("Reason"), blank=True)
    reason = models.TextField(_("Reason for an unscheduled visit"), blank=True)
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)

    objects = OfPatient.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=VISIT_SIGNED,
        covered_by=("patient",),
        locks=Locks(parents=("patient", "patient__trial"), level="visit", stored_in="patients.DataLock"),
    )

    class Meta:
        verbose_name = _("Visit")
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
        """Return the key of the visit in addresses: `D28`, or `UNS-2` when its number is above 1."""
        return self.code if self.number == 1 else f"{self.code}-{self.number}"

    def signed_content(self) -> dict[str, Any]:
        """Return the content that a signature on the visit covers: its facts and all its forms. Reads the forms."""
        records = sorted(self.records.all(), key=lambda record: record.pk)
        facts = {name: getattr(self, name) for name in VISIT_SIGNED}
        return {
            "patient": self.patient_id,
            **facts,
            "forms": [record.signed_content() for record in records],
        }


class RecordQuerySet(OfPatient):
    """Query set of captured forms."""

    def with_marks(self) -> "RecordQuerySet":
        """Annotate each form with `has_open_query` and `is_signed`. No query per row."""
        queries = Query.objects.filter(record=OuterRef("pk"), state__in=Query.OPEN_STATES)
        signatures = Signature.objects.filter(
            target_type="patients.record", target_id=OuterRef("pk"), invalidated_at=None
        )
        return self.annotate(has_open_query=Exists(queries), is_signed=Exists(signatures))


class Record(models.Model):
    """One captured form: its values as JSON (shape in docs/protocol-file.md), state, version, freeze and lock.

    A form belongs to a visit, or is a numbered row of a log (`visit` is null, `repeat` is the row number).
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Draft")
        COMPLETE = "complete", _("Complete")
        STRUCK_OUT = "struck_out", _("Entered in error")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="records", verbose_name=_("Patient"))
    visit = models.ForeignKey(
        Visit, models.PROTECT, null=True, related_name="records", verbose_name=_("Visit")
    )
    protocol = models.ForeignKey(
        ProtocolVersion, models.PROTECT, related_name="+", verbose_name=_("Protocol")
    )
    form = models.CharField(_("Form"), max_length=60)
    repeat = models.PositiveIntegerField(_("Repeat"), default=1)
    state = models.CharField(_("Status"), max_length=12, choices=State)
    values = models.JSONField(_("Values"))
    # Rises when values or state change. A save names the version the person saw and overwrites no newer one.
    version = models.PositiveIntegerField(_("Version"), default=1)
    created_at = models.DateTimeField(_("Created at"), default=timezone.now)
    completed_at = models.DateTimeField(_("Completed at"), null=True)
    verified_at = models.DateTimeField(_("Verified at"), null=True)
    frozen_at = models.DateTimeField(_("Frozen at"), null=True)
    locked_at = models.DateTimeField(_("Locked at"), null=True)
    struck_out_reason = models.TextField(_("Struck out reason"), blank=True)
    # Identifies the page that saved last: the second of two clicks finds its own key and saves nothing twice.
    save_key = models.CharField(_("Save key"), max_length=64, blank=True)

    objects = RecordQuerySet.as_manager()
    history = Trail(
        patient="patient_id",
        trial="patient__trial_id",
        signed_content=RECORD_SIGNED,
        covered_by=("visit", "patient"),
        locks=Locks(
            parents=("visit", "patient", "patient__trial"),
            level="record",
            stored_in="patients.DataLock",
            # Source verification goes on while a form is frozen.
            exempt=("verified_at",),
        ),
        marks=Marks(stored_in="patients.Mark", kind="verification", clears="verified_at"),
        # A missed visit did not take place: whatever writes, no form at it is a draft or complete.
        barred=Barred(parent="visit", states=("missed",), unless=("struck_out",)),
        excluded=("save_key",),
        describe="patients.casebook.record_changes.describe_record",
        concealed=OF_FILES,
        form="form",
        items="values",
    )

    class Meta:
        verbose_name = _("Record")
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
        """Return the content that a signature on this form covers."""
        return {
            "patient": self.patient_id,
            "visit": self.visit_id,
            "form": self.form,
            "repeat": self.repeat,
            "protocol": self.protocol_id,
            "state": self.state,
            "values": self.values,
        }


CLOSED_HAS_A_TIME = models.CheckConstraint(
    condition=Q(state="closed", closed_at__isnull=False) | (~Q(state="closed") & Q(closed_at=None)),
    name="closed_%(class)s_has_a_time",
)


class QueryRow(models.Model):
    """The columns of both logs of queries: the general one, and that of the product (`dosing.ProductQuery`).

    pages: name of the address of a thread; `steps` are those of its steps. above: relations to the rows above the
    target, which may be locked.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("status of a query", "Open")
        ANSWERED = "answered", pgettext_lazy("status of a query", "Answered")
        CLOSED = "closed", pgettext_lazy("status of a query", "Closed")

    class Origin(models.TextChoices):
        CHECK = "check", _("Check")
        MONITOR = "monitor", _("Monitor")
        DATA_MANAGER = "data_manager", _("Data manager")

    OPEN_STATES = ("open", "answered")

    item = models.CharField(_("Item"), max_length=80)
    origin = models.CharField(_("Raised by"), max_length=20, choices=Origin)
    state = models.CharField(_("Status"), max_length=10, choices=State)
    text = StoredTextField(_("Question"))
    opened_at = models.DateTimeField(_("Opened at"), default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Opened by")
    )
    closed_at = models.DateTimeField(_("Closed at"), null=True)
    closed_because = StoredTextField(blank=True, verbose_name=_("Closed because"))
    # Names the confirmation that raised several at once: a second click raises nothing.
    batch = models.CharField(_("Batch"), max_length=32, blank=True)

    # What the verbs read of either log: its model says where the rest is.
    patient: Any
    target: Any
    target_id: Any
    record: Any = None
    record_id: Any = None
    row: Any = ""
    column: Any = ""
    check_id: Any = ""
    messages: Any
    objects: Any
    pages = ""
    above: tuple[str, ...] = ()

    class Meta:
        abstract = True
        ordering = ["pk"]

    @classmethod
    def all_messages(cls) -> Any:
        """Return the messages in all threads of this log."""
        messages: Any = cls._meta.get_field("messages")
        return messages.related_model._default_manager.all()

    @property
    def steps(self) -> dict[str, str]:
        """Return the names of the addresses at which a query is answered, closed and reopened."""
        return {step: f"{self.pages}-{step}" for step in ("answer", "close", "reopen")}

    @property
    def by_check(self) -> bool:
        """Return True if an edit check raised the query, not a person."""
        return self.origin == self.Origin.CHECK

    @property
    def age_days(self) -> int:
        """Return the age in whole days: from opening to closing, or to now while it is not closed."""
        until: datetime = self.closed_at or timezone.now()
        return (until - self.opened_at).days


class Query(QueryRow):
    """One query: a question about one item of a captured form, or about one fact of another row of the patient.

    An edit check or a person raises it. Rows other than forms are named by `target` and their key `target_id`
    (`patients.casebook.facts`); for the end of study that is the patient.
    """

    class Target(models.TextChoices):
        RECORD = "record", _("Form")
        ADVERSE_EVENT = "adverse_event", _("Adverse event")
        INFUSION = "infusion", _("Infusion")
        CONSENT = "consent", _("Consent")
        ELIGIBILITY = "eligibility", _("Eligibility")
        DISPOSITION = "disposition", _("End of study")
        CONTACT = "contact", _("Contact")
        SAMPLE = "sample", _("Sample")

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="queries", verbose_name=_("Patient"))
    target = models.CharField(_("About"), max_length=20, choices=Target, default=Target.RECORD)
    record = models.ForeignKey(
        Record, models.PROTECT, null=True, related_name="queries", verbose_name=_("Record")
    )
    target_id = models.PositiveBigIntegerField(_("Row asked about"), null=True)
    # The id of the row and the column, if the query is about a cell of a table. A row number would not do: rows above
    # it come and go.
    row = models.CharField(_("Row of a table"), max_length=20, blank=True)
    column = models.CharField(_("Column"), max_length=80, blank=True)
    check_id = models.CharField(_("Check"), max_length=40, blank=True)

    pages = "patients:query"
    above = ("record__visit",)
    objects = OfPatient.as_manager()
    history = Trail(patient="patient_id", trial="patient__trial_id", excluded=("batch",), locks=UNDER_RECORD)

    class Meta(QueryRow.Meta):
        verbose_name = _("Query")
        constraints = [
            models.UniqueConstraint(
                fields=["record", "item", "row", "column", "check_id"],
                condition=Q(origin="check") & ~Q(state="closed"),
                name="one_open_query_per_check",
            ),
            models.UniqueConstraint(
                fields=["record", "item"],
                condition=~Q(origin="check") & ~Q(state="closed"),
                name="one_open_thread_per_item",
            ),
            models.UniqueConstraint(
                fields=["target", "target_id", "item"],
                condition=Q(target_id__isnull=False) & ~Q(state="closed"),
                name="one_open_thread_per_fact",
            ),
            models.CheckConstraint(
                condition=Q(target="record", record__isnull=False, target_id=None)
                | (
                    ~Q(target="record") & Q(record=None, target_id__isnull=False, row="") & ~Q(origin="check")
                ),
                name="query_is_about_one_row",
            ),
            CLOSED_HAS_A_TIME,
        ]


class MessageRow(models.Model):
    """The columns of a message in a thread, of either log."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("Author")
    )
    author_role = models.CharField(_("Author role"), max_length=40)
    at = models.DateTimeField(_("At"), default=timezone.now)
    text = StoredTextField(_("Text"))

    class Meta:
        abstract = True
        ordering = ["pk"]


class QueryMessage(MessageRow):
    """One message in the thread of a query."""

    query = models.ForeignKey(Query, models.PROTECT, related_name="messages", verbose_name=_("Query"))

    history = Trail(
        patient="query__patient_id",
        trial="query__patient__trial_id",
        locks=Locks(
            parents=("query__record", "query__record__visit", "query__patient", "query__patient__trial"),
            freezes=False,
        ),
    )

    class Meta(MessageRow.Meta):
        verbose_name = _("Query message")
