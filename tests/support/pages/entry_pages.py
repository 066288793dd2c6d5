"""The entry page of a form, as a browser sends and shows it."""

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Patient

WHOLE = {
    "measured_at": "v 9:05",
    "temp": "36,7",
    "hr": "72",
    "rr": "18",
    "spo2": "96",
    "acvpu": "A",
    "gcs_eye": "4",
    "gcs_verbal": "5",
    "gcs_motor": "6",
    "sbp": "124",
    "dbp": "76",
}


def address(patient: Patient, form: str = "vitals", visit: str = "SCR", end: str = "") -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/{visit}/{form}/{end}"


def hidden(response: HttpResponse) -> dict[str, str]:
    """Return the hidden inputs of a form: record version, protocol version and save key."""
    found = re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', response.content.decode())
    return dict(found)


def opened(desk: Client, patient: Patient, **where: Any) -> dict[str, str]:
    return hidden(desk.get(address(patient, **where), {"change": "1"}))


def save(
    desk: Client, patient: Patient, values: dict[str, Any], action: str = "draft", **where: Any
) -> HttpResponse:
    control = opened(desk, patient, **where)
    return desk.post(address(patient, **where), {**control, **values, CONTROLS.action: action})


def words(response: HttpResponse) -> str:
    text = re.sub(r"<(script|style|svg).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(text.split())
