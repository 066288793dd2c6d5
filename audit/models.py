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

    history = Trail(patient="patient_id", trial="trial_id", describe="audit.change_labels.describe_signature")

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


class TrailReview(models.Model):
    """A review of the trail by a person: the filter used and the conclusion (AUD-11)."""

    trial_id = models.BigIntegerField(db_index=True)
    reviewer_id = models.BigIntegerField()
    reviewer_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    reviewed_at = models.DateTimeField()
    filters = models.JSONField()
    rows_seen = models.PositiveIntegerField()
    conclusion = models.TextField()
