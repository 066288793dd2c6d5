"""A report attached to a patient's form, sent like by a browser."""

import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Patient, Record
from tests.support.study.file_samples import pdf

SCAN = {"ct_done": "Y"}


def address(patient: Patient, end: str = "") -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/chest_imaging/{end}"


def hidden(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="(_\w+|form_owner)" value="([^"]*)">', page))
    key = re.search(r'name="ct_report" id="id_ct_report" value="(\w*)"', page)
    assert key is not None
    return {**found, "ct_report": key[1]}


def opened(desk: Client, patient: Patient) -> dict[str, str]:
    return hidden(desk.get(address(patient)).content.decode())


def upload(data: bytes = b"", name: str = "report.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or pdf(), "application/octet-stream")


def save(desk: Client, patient: Patient, file: Any = None, **told: Any) -> Any:
    files = {"ct_report-upload": file} if file is not None else {}
    control = opened(desk, patient)
    return desk.post(address(patient), {**control, **SCAN, CONTROLS.action: "draft", **files, **told})


def held() -> dict[str, Any]:
    value: dict[str, Any] = Record.objects.get(form="chest_imaging").values["ct_report"]
    return value


def sent(desk: Client, patient: Patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/files/{held()['file']}/"
