"""The table of an infusion that is monitored: its page as a browser holds it, saved and stored."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from patients.entry.controls import CONTROLS
from patients.models import Patient, Record
from tests.support.pages.entry_pages import address, words
from tests.support.pages.html_forms import Fields, PageForm, forms

SERIES = {"form": "infusion_monitoring", "visit": "INF1"}
ROW = "_row"


def entry(response: HttpResponse) -> PageForm:
    """Return the form of the page as a browser holds it."""
    found = forms(response.content.decode())
    return next(each for each in found if each.attributes.get("id") == "entry")


def opened(desk: Client, patient: Patient) -> PageForm:
    return entry(desk.get(address(patient, **SERIES)))


def post(desk: Client, patient: Patient, fields: Fields, action: str = "draft") -> HttpResponse:
    return desk.post(address(patient, **SERIES), {**fields, CONTROLS.action: action})


def save(desk: Client, patient: Patient, **answers: str) -> HttpResponse:
    """Open the page, type the answers and save the draft."""
    response = post(desk, patient, opened(desk, patient).sent(**answers))
    assert response.status_code == 302, words(response)
    return response


def stored(form: str = "infusion_monitoring") -> list[dict[str, Any]]:
    return Record.objects.get(form=form).values["series"]


def two_rows(desk: Client, patient: Patient, first: str = "80", second: str = "190") -> list[str]:
    """Store two rows and return their ids. Heart rates above 180 are unusual."""
    cells = {"series-0-time_point": "START", "series-0-hr": first}
    save(desk, patient, **cells, **{"series-1-time_point": "END", "series-1-hr": second})
    return [row[ROW] for row in stored()]
