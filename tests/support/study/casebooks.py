"""Casebooks on paper for a given reader."""

import io
from pathlib import Path

from django.core.management import call_command

from audit import signatures
from audit.context import acting
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.models import Record
from patients.queries import threads
from tests.support import build
from tests.support.pages.paper import Paper


def book(trial, tmp_path: Path, **options) -> Paper:
    """Return the casebook that the command writes."""
    out = tmp_path / f"{len(list(tmp_path.iterdir()))}.pdf"
    call_command("casebook", trial=trial.slug, out=out, stdout=io.StringIO(), **options)
    return Paper(out)


def amend(record: Record, by, reason: str, **values) -> None:
    """Amend items of a complete form, with a reason."""
    opened = Casebook.open(user=by, trial=record.patient.trial, code=record.patient.code)
    place = opened.place(record.form, record.visit.key if record.visit else None, record.repeat)
    fresh = Record.objects.get(pk=record.pk)
    with acting(user=by, role="coordinator"):
        saving.amend(
            saving.Entry(place=place, values={**fresh.values, **values}, base_version=fresh.version),
            reason=reason,
            by=by,
        )


def item(patient, form: str, name: str):
    return patient.protocol.rules.form(form).item(name)


def demography(trial, patient):
    """Return the demography form as printed."""
    part = PatientPaper(patient, Audience.nobody(trial)).content()
    return next(form for form in part["visits"][0]["forms"] if form["code"] == "demography")


def full_patient(trial, doctor):
    """Create a patient with forms, a changed item, an answered query, signatures, an adverse event and infusions."""
    found = build.enrolled(trial=trial, investigator=doctor)
    record = Record.objects.get(patient=found, form="demography")
    with acting(user=doctor, role="investigator"):
        signatures.sign_many(
            targets=list(Record.objects.filter(patient=found)), meaning="review", password=build.PASSWORD, by=doctor,
            zone="Europe/Brussels",
        )  # fmt: skip
    amend(record, doctor, "Transcription error: see chart", height="165.5")
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        query = threads.raise_query(record=record, item="weight", text="Is this the weight of the day?",
                                     origin="monitor", by=monitor, role="monitor")  # fmt: skip
    with acting(user=doctor, role="investigator"):
        threads.answer_query(query=query, text="Yes, measured at eight", by=doctor, role="investigator")
    rows = [{"time_point": "START", "temp": "37.85"}, {"time_point": "END", "hr": "81"}]
    build.record(found, "infusion_monitoring", {"series": rows}, visit="INF1", draft=True, by=doctor)
    build.event(patient=found, by=doctor, term="Headache after lunch", description="Went away by itself")
    return found
