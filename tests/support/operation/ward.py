"""Patients, an attached file, seals and an administrator in an installation: what a backup has to bring back."""

FILL = """
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from audit.sealing import seals
from audit.context import acting
from patients.entry.files.attachments import store
from protocol.document.items import Item
from tests.support import build
from tests.support.study.file_samples import pdf
from tests.support.study.entered_forms import DEMOGRAPHY

call_command("createcachetable")
trial = build.trial()
nurse = build.user("coordinator", trial=trial, full_name="Nina Nurse")
build.user("administrator", trial=trial, full_name="Alice Admin")
for number in range(6):
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    build.record(patient, "demography", DEMOGRAPHY, by=nurse)
form = trial.rules.forms["chest_imaging"]
with acting(user=nurse, role="coordinator"):
    store(upload=SimpleUploadedFile("scan.pdf", pdf()), item=form.item("ct_report"), patient=patient,
          form=form.code, by=nurse)
    seals.seal(reason="test")
"""
KEYS = "from patients.models import Attachment; print(Attachment.objects.get().key)"
