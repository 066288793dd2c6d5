"""A casebook on paper, made for some reader."""

import io
from pathlib import Path

from django.core.management import call_command

from audit.context import acting
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients import entry
from patients.casebook import Casebook
from patients.models import Record
from tests.paper import Paper


def book(trial, tmp_path: Path, **options) -> Paper:
    """Return the casebook as the command writes it."""
    out = tmp_path / f"{len(list(tmp_path.iterdir()))}.pdf"
    call_command("casebook", trial=trial.slug, out=out, stdout=io.StringIO(), **options)
    return Paper(out)


def amend(record: Record, by, reason: str, **values) -> None:
    """Change items of a complete form with a reason, as a person does."""
    opened = Casebook.opened(user=by, trial=record.patient.trial, code=record.patient.code)
    place = opened.place(record.form, record.visit.key if record.visit else None, record.repeat)
    fresh = Record.objects.get(pk=record.pk)
    with acting(user=by, role="coordinator"):
        entry.amend(
            place=place, values={**fresh.values, **values}, base_version=fresh.version, reason=reason, by=by
        )


def item(patient, form: str, name: str):
    return patient.protocol.rules.form(form).item(name)


def demography(trial, patient):
    """Return the form on paper."""
    part = PatientPaper(patient, Audience.nobody(trial)).content()
    return next(form for form in part["visits"][0]["forms"] if form["code"] == "demography")
