"""Who knows the treatment of a patient by an unblinding, and since when: `dosing` provides it, every room may show it.

Unblinding one patient changes no role; what the person assesses in this patient afterwards is marked (BLD-04).
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.utils.translation import gettext as _

from patients.models import Patient
from trials.reader import shown_moment

Provider = Callable[[Patient], Mapping[int, datetime]]
providers: list[Provider] = []


def arm_known_since(patient: Patient) -> dict[int, datetime]:
    """Return by the key of a person since when the arm of the patient is known to them.

    Empty in an open trial. One query per provider for each object of the patient, however often it is asked.
    """
    if not patient.trial.masked:
        return {}
    known: dict[int, datetime] | None = patient.__dict__.get("_arm_known_since")
    if known is None:
        known = {person: since for provider in providers for person, since in provider(patient).items()}
        patient.__dict__["_arm_known_since"] = known
    return known


def known_at(patient: Patient, person: int | None, at: datetime | None) -> datetime | None:
    """Return since when a person knew the arm at a moment; None if they did not."""
    if person is None or at is None:
        return None
    since = arm_known_since(patient).get(person)
    return since if since is not None and since <= at else None


def known_words(patient: Patient, person: int | None, at: datetime | None) -> str:
    """Return “arm known since …” for what a person assessed at a moment; empty if they did not know it."""
    since = known_at(patient, person, at)
    if since is None:
        return ""
    return _("arm known since %(since)s") % {"since": shown_moment(since, patient.trial.time_zone)}
