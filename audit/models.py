"""Signatures, access events, seals and reviews: what the trail keeps beside the history of the rows."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from audit.trail import Trail


class Meaning(models.TextChoices):
    """What a signature says (21 CFR 11.50(a)(3))."""

    AUTHORSHIP = "authorship", _("Authorship")
    REVIEW = "review", _("Review")
    APPROVAL = "approval", _("Approval")
    RESPONSIBILITY = "responsibility", _("Responsibility")


class Signature(models.Model):
    """One person's signature on one row: printed name, time with offset, meaning, and a hash of the content."""

    target_type = models.CharField(max_length=60)
    target_id = models.BigIntegerField()
    trial_id = models.BigIntegerField(null=True)
    patient_id = models.BigIntegerField(null=True)
    meaning = models.CharField(max_length=20, choices=Meaning)
    signer_id = models.BigIntegerField()
    signer_name = models.CharField(max_length=150)
    printed_name = models.CharField(max_length=200)
    role = models.CharField(max_length=40)
    signed_at = models.DateTimeField()
    zone = models.CharField(max_length=60)
    content_hash = models.CharField(max_length=64)
    invalidated_at = models.DateTimeField(null=True)
    invalidated_by = models.CharField(max_length=200, blank=True)
    invalidated_reason = models.TextField(blank=True)

    history = Trail(patient="patient_id", trial="trial_id")

    class Meta:
        indexes = [models.Index(fields=["target_type", "target_id"], name="signature_target")]


class AccessEvent(models.Model):
    """Something that was done without changing a row: signing in, reading identities, exporting (AUD-08)."""

    at = models.DateTimeField(db_index=True)
    kind = models.CharField(max_length=40)
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=200)
    full_name = models.CharField(max_length=200, blank=True)
    role = models.CharField(max_length=40, blank=True)
    origin = models.CharField(max_length=20)
    request = models.CharField(max_length=40, blank=True)
    session = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    trial_id = models.BigIntegerField(null=True, db_index=True)
    patient_id = models.BigIntegerField(null=True)
    see = models.CharField(max_length=40, blank=True)
    detail = models.JSONField()


class Seal(models.Model):
    """A Merkle root over the history rows since the last seal, chained to it (AUD-07)."""

    number = models.PositiveIntegerField(unique=True)
    sealed_at = models.DateTimeField()
    marks = models.JSONField()
    leaves = models.BinaryField()
    root = models.CharField(max_length=64)
    previous_head = models.CharField(max_length=64, blank=True)
    head = models.CharField(max_length=64)
    reason = models.CharField(max_length=60)


class TrailReview(models.Model):
    """A person looked through the trail with a filter and concluded something (AUD-11)."""

    trial_id = models.BigIntegerField(db_index=True)
    reviewer_id = models.BigIntegerField()
    reviewer_name = models.CharField(max_length=200)
    reviewed_at = models.DateTimeField()
    filters = models.JSONField()
    rows_seen = models.PositiveIntegerField()
    conclusion = models.TextField()
