"""The audit trail page, and rows that appear in it."""

import re

from django.urls import reverse

from audit import events
from audit.context import acting
from audit.models import Signature
from dosing.models import AllocationSlot, Infusion, Preparation
from patients.models import Consent, Record
from tests.support import build
from tests.support.database import tracked_rows


def url(trial, **filters):
    query = "&".join(f"{name}={value}" for name, value in filters.items())
    return f"{reverse('audit:trail', args=[trial.slug])}?{query}"


def text_of(response) -> str:
    main = re.search(r"<main.*?</main>", response.content.decode(), re.DOTALL)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def lines(person, trial, **filters):
    response = build.client(person).get(url(trial, **filters))
    assert response.status_code == 200, text_of(response)
    return response.context["listing"].lines


def cells_of(line) -> list[tuple[str, str, str]]:
    return [(change.label, change.old, change.new) for change in line.changes]


def vitals(patient, **values) -> Record:
    """Store the vital signs of a patient directly."""
    with acting(system="test"):
        return Record.objects.create(
            patient=patient, protocol=patient.protocol, form="vitals", state="draft", values=values
        )


def vitals_of_number(patient, number):
    with acting(system="test"):
        Record.objects.create(
            patient=patient, protocol=patient.protocol, form="concomitant_medication", repeat=number,
            state="draft", values={},
        )  # fmt: skip


def infusion_of(patient) -> Infusion:
    with acting(system="test"):
        return Infusion.objects.create(patient=patient, number=1, state="planned")


def prepare(infusion) -> Preparation:
    """Store a product, which only one arm has."""
    with acting(system="test"):
        row = tracked_rows.unsaved(Preparation)
        row.infusion, row.patient = infusion, infusion.patient
        row.save(force_insert=True)
    return row


def sign_of(target, trial) -> None:
    """Store a signature on a row."""
    with acting(system="test"):
        row = tracked_rows.unsaved(Signature)
        row.target_type, row.target_id, row.trial_id = target._meta.label_lower, target.pk, trial.pk
        row.save(force_insert=True)


def everything(trial, patient) -> None:
    """Store something of every kind that the trail of a trial shows."""
    sign_of(prepare(infusion_of(patient)), trial)
    vitals(patient, sbp="80")
    with acting(system="test"):
        consent = tracked_rows.unsaved(Consent)
        consent.patient = patient
        consent.save(force_insert=True)
        slot = tracked_rows.unsaved(AllocationSlot)
        slot.trial, slot.patient = trial, patient
        slot.save(force_insert=True)
        events.record(kind="treatment_seen", trial_id=trial.pk, patient_id=patient.pk, see="see_treatment")
        events.record(kind="identity_seen", trial_id=trial.pk, patient_id=patient.pk)
        events.record(kind="backup")
