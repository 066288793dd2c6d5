"""The number of SQL statements for opening and saving a form."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from patients.entry.controls import CONTROLS
from patients.models import Patient, Query
from tests.support.pages.entry_pages import address, opened, save

pytestmark = pytest.mark.django_db

BIOCHEMISTRY = {
    "sampled_at": "v 9:05",
    "crp": "70",
    "ferritin": "900",
    "ldh": "300",
    "sodium": "140",
    "potassium": "4,1",
    "creatinine": "80",
    "urea": "6",
    "glucose": "5,5",
    "bilirubin": "10",
    "alt": "30",
    "ast": "30",
    "albumin": "40",
}


@pytest.mark.parametrize("records", [1, 3])
def test_a_save_costs_at_most_thirteen_statements(desk: Client, patient: Patient, records: int) -> None:
    """A 30-item form, with checks, queries and the full trail, however many other forms the patient has."""
    for form in ("demography", "haematology", "vitals")[:records]:
        save(desk, patient, {}, form=form)
    where = {"form": "biochemistry"}
    control = opened(desk, patient, **where)
    with CaptureQueriesContext(
        connection,
    ) as first:
        assert (
            desk.post(
                address(patient, **where), {**control, **BIOCHEMISTRY, CONTROLS.action: "draft"}
            ).status_code
            == 302
        )
    control = opened(desk, patient, **where)
    with CaptureQueriesContext(connection) as second:
        changed = {**BIOCHEMISTRY, "potassium": "9,9", CONTROLS.action: "draft"}
        assert desk.post(address(patient, **where), {**control, **changed}).status_code == 302
    assert Query.objects.filter(state="open").count() == 1
    assert len(first) <= 13, [query["sql"][:90] for query in first]
    assert len(second) <= 13, [query["sql"][:90] for query in second]


@pytest.mark.parametrize("records", [1, 3])
def test_opening_a_form_costs_the_same_whatever_the_patient_has(
    desk: Client, patient: Patient, records: int
) -> None:
    for form in ("demography", "haematology", "vitals")[:records]:
        save(desk, patient, {}, form=form)
    with CaptureQueriesContext(connection) as opening:
        desk.get(address(patient, "biochemistry"))
    assert len(opening) <= 25
    with CaptureQueriesContext(connection) as asking:
        desk.post(address(patient, "biochemistry", end="check/"), {"crp": "70", CONTROLS.version: "0"})
    assert len(asking) <= 7


def test_reading_a_form_writes_nothing(desk: Client, patient: Patient) -> None:
    """A GET changes no row of the trial."""
    save(desk, patient, {"hr": "190"})
    with CaptureQueriesContext(connection) as reading:
        desk.get(address(patient) + "?field=hr")
        desk.post(address(patient, end="check/"), {"hr": "70", CONTROLS.version: "1"})
    written = [query["sql"] for query in reading if re.match(r"INSERT|UPDATE|DELETE", query["sql"])]
    assert [sql for sql in written if "django_session" not in sql] == []
