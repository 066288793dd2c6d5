"""Typed input for the forms of adverse events, and the URLs of their pages."""

import re
from datetime import timedelta

from django.urls import reverse


def day(patient, number: int) -> str:
    return f"{patient.screened_on + timedelta(days=number):%d-%b-%Y}"


def typed(patient, **changed) -> dict:
    """Return the input for an event that is not serious."""
    return {
        "term": "Fever", "onset": f"{day(patient, 3)} 10:30", "ongoing": "N", "end": day(patient, 4),
        "grade": "2", "seriousness": ["none_of_these"], "aware": "", "serious_aware": "",
        "causality": "possible", "outcome": "recovered", "action_taken": "none", "aesi": "none",
        "description": "", "save_key": "key of this form", **changed,
    }  # fmt: skip


def serious(patient, **changed) -> dict:
    return typed(patient, seriousness=["hospitalisation"], aware=f"{day(patient, 3)} 12:00", **changed)


def new(patient) -> str:
    return reverse("safety:report", args=[patient.trial.slug, patient.code])


def page(event, name: str = "event") -> str:
    return reverse(f"safety:{name}", args=[event.patient.trial.slug, event.patient.code, event.number])


def listing(trial) -> str:
    return reverse("safety:listing", args=[trial.slug])


def text_of(response) -> str:
    """Return the text of a page, without tags, with white space collapsed."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
