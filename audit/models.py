"""Signatures, access events, seals and trail reviews: the tables of the trail besides the histories."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.stored_text import StoredTextField
from audit.trail import Trail


class Meaning(models.TextChoices):
    """Meaning of a signature (21 CFR 11.50(a)(3))."""

    AUTHORSHIP = "authorship", _("Authorship")
    REVIEW = "review", pgettext_lazy("meaning of a signature", "Review")
    APPROVAL = "approval", pgettext_lazy("meaning of a signature", "Approval")
    RESPONSIBILITY = "responsibility", _("Responsibility")


class Signature(models.Model):
    """One person's signature on one row: printed name, time with offset, meaning, and a hash of the content.

    `statement` is the line that was shown to the signer, with its meaning (11.50), in the `language` in which it was
    shown; it is shown and printed like that to every reader. `content_hash` covers what was signed, `manifest_hash`
    who signed it, when, as what, on which row and with which statement, so that neither the content nor the signature
    can be exchanged unnoticed (21 CFR 11.70).
    """

    target_type = models.CharField(pgettext_lazy("what a signature is on", "Signed"), max_length=60)
    target_id = models.BigIntegerField(_("Target id"))
    trial_id = models.BigIntegerField(_("Trial id"), null=True)
    patient_id = models.BigIntegerField(_("Patient id"), null=True)
    meaning = models.CharField(_("Meaning"), max_length=20, choices=Meaning)
    signer_id = models.BigIntegerField(_("Signer id"))
    signer_name = models.CharField(_("User name"), max_length=150)
    printed_name = models.CharField(_("Printed name"), max_length=200)
    role = models.CharField(_("Role"), max_length=40)
    signed_at = models.DateTimeField(_("Signed at"))
    zone = models.CharField(_("Time zone"), max_length=60)
    statement = models.TextField(_("Statement as it was shown"))
    language = models.CharField(_("Language of the statement"), max_length=10)
    # The history row of what was signed: which changes came after is told by it, not by a clock.
    target_history = models.BigIntegerField(_("History row that was signed"), null=True)
    content_hash = models.CharField(_("Hash of the content"), max_length=64)
    manifest_hash = models.CharField(_("Hash of the signature"), max_length=64)
    invalidated_at = models.DateTimeField(_("Invalidated at"), null=True)
    invalidated_by = models.CharField(_("Invalidated by"), max_length=200, blank=True)
    invalidated_reason = StoredTextField(_("Invalidated because"), blank=True)

    history = Trail(
        patient="patient_id",
        trial="trial_id",
        describe="audit.trail_reading.change_labels.describe_signature",
    )

    class Meta:
        verbose_name = _("Signature")
        indexes = [
            models.Index(fields=["target_type", "target_id"], name="signature_target"),
            models.Index(
                fields=["target_type", "target_id"],
                name="signature_in_force",
                condition=models.Q(invalidated_at=None),
            ),
            models.Index(fields=["patient_id"], name="signature_patient"),
        ]

    @property
    def at_site(self) -> datetime:
        """Time of signing in the time zone of the site."""
        return self.signed_at.astimezone(ZoneInfo(self.zone))


class AccessEvent(models.Model):
    """An action that changes no row: sign-in, reading of identities, export (AUD-08)."""

    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=200)
    full_name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=40, blank=True)
    origin = models.CharField(max_length=20)
    request = models.CharField(max_length=40, blank=True)
    session = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    trial_id = models.BigIntegerField(null=True)
    patient_id = models.BigIntegerField(null=True)
    see = models.CharField(max_length=40, blank=True)
    detail = models.JSONField()

    class Meta:
        indexes = [
            models.Index(fields=["trial_id", "-at"], name="access_of_trial"),
            models.Index(fields=["patient_id", "-at"], name="access_of_patient"),
            models.Index(fields=["user_id", "-at"], name="access_of_user"),
            # The device of every entry of the trail is read from the events of its session.
            models.Index(fields=["session"], name="access_of_session", condition=~models.Q(agent="")),
        ]


class Seal(models.Model):
    """A Merkle root over the rows since the last seal, chained to that seal (AUD-07).

    `root` covers the parts; `head` covers the whole seal and `previous_head` and is also written to a file outside the
    database.
    """

    number = models.PositiveIntegerField(unique=True)
    sealed_at = models.DateTimeField()
    reason = models.CharField(max_length=60)
    rows = models.PositiveBigIntegerField()
    root = models.CharField(max_length=64)
    previous_head = models.CharField(max_length=64, blank=True)
    head = models.CharField(max_length=64)


class SealedPart(models.Model):
    """The rows `first_id` to `last_id` of one table under one seal.

    `columns` are those of the table at sealing, so that a column added later changes no hash. `leaves` holds the first
    16 bytes of each row's SHA-256, enough to identify an altered row. `ids` lists the ids of the rows (8 bytes each,
    big-endian) if there are gaps, and is empty otherwise.
    """

    seal = models.ForeignKey(Seal, models.PROTECT, related_name="parts")
    table = models.CharField(max_length=63)
    columns = models.JSONField()
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    ids = models.BinaryField()
    leaves = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["table", "-last_id"], name="sealed_up_to")]


class ClockTurn(models.Model):
    """The clock was set back: rows after `marks` were written later than those before, whatever their times say.

    marks: by table, the key of the last row written before. before: the latest time of those rows. after: the first
    time since. seal: number of the last seal at that moment, 0 for none.
    """

    found_at = models.DateTimeField()
    before = models.DateTimeField()
    after = models.DateTimeField()
    seal = models.PositiveIntegerField()
    marks = models.JSONField()


class SavedView(models.Model):
    """Filters of the trail or a listing under a name, shared by the people of a trial.

    With a plan it is a review of the trail that is due regularly.

    listing: name of the listing that the filters belong to; empty for the trail, which alone has plans. query: the
    filters as they stand in the address. every_days: how often it is to be reviewed, and by whom from which day on;
    None without a plan. sample: how many entries a review draws; None for all of them. retired_at: the view is not
    offered any more, its reviews stay.
    """

    trial_id = models.BigIntegerField(_("Trial id"))
    listing = models.CharField(_("Listing"), max_length=40, blank=True)
    name = models.CharField(_("Name"), max_length=80)
    query = models.TextField(_("Filters"), blank=True)
    purpose = models.TextField(_("What to look for"), blank=True)
    made_by = models.BigIntegerField(_("Made by (id)"))
    made_by_name = models.CharField(_("Made by"), max_length=200)
    made_at = models.DateTimeField(_("Made at"))
    every_days = models.PositiveSmallIntegerField(_("Every so many days"), null=True)
    sample = models.PositiveSmallIntegerField(_("Entries in the sample"), null=True)
    person_id = models.BigIntegerField(_("Reviewer (id)"), null=True)
    person_name = models.CharField(_("Reviewer"), max_length=200, blank=True)
    starts_on = models.DateField(_("First review due on"), null=True)
    retired_at = models.DateTimeField(_("Retired at"), null=True)
    version = models.PositiveIntegerField(_("Version"), default=1)

    history = Trail(trial="trial_id")

    class Meta:
        verbose_name = _("Saved view")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["trial_id", "listing", "name"],
                condition=models.Q(retired_at=None),
                name="one_view_of_a_name",
                violation_error_message=_("Another view of this trial has this name."),
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="view_has_a_name"),
            models.CheckConstraint(
                condition=models.Q(every_days=None, person_id=None, starts_on=None, sample=None)
                | models.Q(listing="", every_days__gte=1, person_id__isnull=False, starts_on__isnull=False),
                name="plan_has_a_person_and_a_day",
                violation_error_message=_("A plan names who reviews, how often, and the first day."),
            ),
            models.CheckConstraint(
                condition=models.Q(sample=None) | models.Q(sample__gte=1), name="sample_is_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TrailReview(models.Model):
    """A review of the trail by a person: the filter used, what was seen, and the conclusion (AUD-11).

    rows_seen: entries that the filter found. seen: what the reviewer looked at: numbers of pages and entries, or the
    sample drawn with its seed and its entries as (table, number). queries: keys of the queries that the reviewer
    raised meanwhile. see: permission needed to read numbers and entries, because the reviewer saw what others may not.
    """

    class Finding(models.TextChoices):
        NOTHING = "nothing", _("Nothing to follow up")
        FOLLOW_UP = "follow_up", _("Something to follow up")

    trial_id = models.BigIntegerField(db_index=True)
    reviewer_id = models.BigIntegerField()
    reviewer_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    reviewed_at = models.DateTimeField()
    filters = models.JSONField()
    rows_seen = models.PositiveIntegerField()
    conclusion = models.TextField()
    view_id = models.BigIntegerField(null=True)
    seen = models.JSONField(default=dict)
    finding = models.CharField(max_length=10, choices=Finding, blank=True)
    queries = models.JSONField(default=list)
    see = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [models.Index(fields=["view_id", "-reviewed_at"], name="reviews_of_view")]


class Redaction(models.Model):
    """Personal data typed in free text, that two persons mask: one asks, another one decides (AUD-12).

    The text itself is not stored: `source`, `row`, `column` and `item` name one row of a history, and `start` and
    `length` the place in its text. table and key: the audited row. reason: why the text has to go.
    """

    class State(models.TextChoices):
        ASKED = "asked", pgettext_lazy("state of a redaction", "Asked for")
        CONFIRMED = "confirmed", pgettext_lazy("state of a redaction", "Masked")
        REFUSED = "refused", pgettext_lazy("state of a redaction", "Refused")

    trial_id = models.BigIntegerField(_("Trial id"))
    patient_id = models.BigIntegerField(_("Patient id"), null=True)
    table = models.CharField(_("Table"), max_length=60)
    key = models.BigIntegerField(_("Row"))
    row = models.BigIntegerField(_("Entry of the history"))
    column = models.CharField(_("Column"), max_length=60)
    item = models.CharField(_("Item"), max_length=60, blank=True)
    start = models.PositiveIntegerField(_("First character"))
    length = models.PositiveIntegerField(_("Number of characters"))
    reason = models.TextField(_("Reason"))
    see = models.CharField(_("Right needed to see it"), max_length=40, blank=True)
    state = models.CharField(_("Status"), max_length=10, choices=State, default=State.ASKED)
    asked_by = models.BigIntegerField(_("Asked by (id)"))
    asked_by_name = models.CharField(_("Asked by"), max_length=200)
    asked_at = models.DateTimeField(_("Asked at"))
    decided_by = models.BigIntegerField(_("Decided by (id)"), null=True)
    decided_by_name = models.CharField(_("Decided by"), max_length=200, blank=True)
    decided_at = models.DateTimeField(_("Decided at"), null=True)
    refusal = models.TextField(_("Refused because"), blank=True)
    places = models.PositiveIntegerField(_("Places masked"), null=True)

    history = Trail(patient="patient_id", trial="trial_id")

    class Meta:
        verbose_name = _("Redaction")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=models.Q(length__gte=1), name="redaction_masks_something"),
            models.CheckConstraint(condition=~models.Q(reason=""), name="redaction_has_a_reason"),
            models.CheckConstraint(
                condition=models.Q(state="asked", decided_by=None, decided_at=None)
                | (~models.Q(state="asked") & models.Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="redaction_is_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=models.Q(decided_by=None) | ~models.Q(decided_by=models.F("asked_by")),
                name="redaction_decided_by_another",
                violation_error_message=_("Another person decides than the one who asked."),
            ),
        ]


class MaskedCell(models.Model):
    """One column of one row that a redaction masked: what it holds since then, and how the seals still verify.

    The trigger of a history lets a column change to `masked` and to nothing else, while its redaction is confirmed.
    leaf: hash of the whole row as it was sealed; masked_leaf: as it is now. Both are empty for a row of no history.
    """

    redaction = models.ForeignKey(Redaction, models.PROTECT, related_name="cells")
    at = models.DateTimeField()
    table = models.CharField(max_length=63)
    row = models.BigIntegerField()
    column = models.CharField(max_length=63)
    masked = models.TextField()
    leaf = models.CharField(max_length=64, blank=True)
    masked_leaf = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [models.Index(fields=["table", "row"], name="masked_cells_of_row")]


class TrailIndexRow(models.Model):
    """One entry of the trail as filters and search find it: derived from the histories, events and reviews.

    It can be rebuilt at any time (`audit.trail_index`), so it is neither audited nor sealed, and nothing is shown from
    it: a page reads the entries themselves. `id` rises in the order of the trail: it is the time in microseconds, or
    the next free number. trial_id: 0 for accounts and events that belong to no trial. source and row: the table and the
    number of the entry in it; key: of the audited row. person_id: whom the entry is about. see: permission needed.
    minute: minute of the week on the clock of the site, 0 is Monday 00:00. content: signed data changed, not only a
    mark or a lock. delay: days from the visit to the first entry of a form. items: the changed items, each between
    blanks.
    """

    id = models.BigIntegerField(primary_key=True)
    trial_id = models.BigIntegerField()
    at = models.DateTimeField()
    source = models.CharField(max_length=60)
    row = models.BigIntegerField()
    key = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=40)
    form = models.CharField(max_length=60)
    patient_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    person_id = models.BigIntegerField(null=True)
    role = models.CharField(max_length=40)
    origin = models.CharField(max_length=20)
    session = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    see = models.CharField(max_length=40)
    minute = models.SmallIntegerField()
    delay = models.SmallIntegerField(null=True)
    content = models.BooleanField()
    after_inclusion = models.BooleanField()
    after_signature = models.BooleanField()
    after_lock = models.BooleanField()
    after_unlock = models.BooleanField()
    in_bulk = models.BooleanField(default=False)
    items = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "row"], name="trail_row_indexed_once")]
        indexes = [
            models.Index(fields=["trial_id", "id"], name="trail_in_order"),
            models.Index(fields=["trial_id", "at"], name="trail_by_time"),
            models.Index(fields=["trial_id", "kind", "id"], name="trail_by_kind"),
            models.Index(fields=["trial_id", "source", "form", "id"], name="trail_by_form"),
            models.Index(fields=["trial_id", "patient_id", "id"], name="trail_by_patient"),
            models.Index(fields=["trial_id", "user_id", "id"], name="trail_by_user"),
            models.Index(fields=["trial_id", "role", "id"], name="trail_by_role"),
            models.Index(fields=["trial_id", "origin", "id"], name="trail_by_origin"),
            models.Index(fields=["trial_id", "session", "id"], name="trail_by_session"),
            models.Index(fields=["trial_id", "address", "id"], name="trail_by_address"),
            models.Index(fields=["source", "key", "id"], name="trail_by_key"),
            models.Index(fields=["trial_id", "see", "minute"], name="trail_by_minute"),
            *(
                models.Index(
                    fields=["trial_id", "id"], name=f"trail_{name}", condition=models.Q(**{name: True})
                )
                for name in ("after_inclusion", "after_signature", "after_lock", "after_unlock", "in_bulk")
            ),
            models.Index(
                fields=["person_id", "id"],
                name="trail_about_person",
                condition=models.Q(person_id__isnull=False),
            ),
            models.Index(
                fields=["trial_id", "delay"], name="trail_by_delay", condition=models.Q(delay__isnull=False)
            ),
        ]


class TrailIndexMark(models.Model):
    """How far a table of the trail is indexed. turns: the turns of the clock that the index knows.

    Under the name `lead` it holds by how many microseconds the number of an entry is ahead of its time at most.
    """

    source = models.CharField(max_length=60, unique=True)
    last = models.BigIntegerField()
    turns = models.PositiveIntegerField(default=0)
