"""Unsaved input of a person: kept between the keystrokes and the save, and no study data."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from patients.models.people import Patient


class Draft(models.Model):
    """Unsaved input of one person in one form, on another page of a patient, or on a page of the trial.

    Not study data: it has no trail and is deleted at the save.
    """

    # Begins the place of a page that is no form of items; no code of a visit or form has a colon.
    PAGE = "page:"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    # Null: a page of the trial, whose address is the place.
    patient = models.ForeignKey(Patient, models.CASCADE, null=True, related_name="+")
    place = models.CharField(max_length=120)
    payload = models.JSONField()
    base_version = models.PositiveIntegerField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "patient", "place"], name="one_draft_per_person_and_form"
            ),
            models.UniqueConstraint(
                fields=["user", "place"], condition=Q(patient=None), name="one_draft_per_person_and_page"
            ),
        ]
