"""Records on paper: reference ranges, items of earlier versions, attached files, tables."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.casebook.casebook import Casebook
from patients.entry import saving
from patients.entry.files.attachments import store
from patients.models import Patient, Record
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.file_samples import pdf
from tests.support.study.reference_ranges import central, given
from trials.models import Trial
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


def printed(patient: Patient, audience: Audience | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the printed rows of a casebook by form and label."""
    part = PatientPaper(patient, audience or Audience.nobody(patient.trial)).content()
    forms = [form for visit in part["visits"] for form in visit["forms"]]
    return {(form["code"], row["label"]): row | {"under": group["title"]}
            for form in forms for group in form["groups"] for row in group["rows"]}  # fmt: skip


@pytest.mark.parametrize(("crp", "flag"), [("5.0", ""), ("5.1", "↑")])
def test_a_laboratory_value_carries_its_reference_range_and_flag(
    trial: Trial, patient: Patient, crp: str, flag: str
) -> None:
    """LAB-03: the reference range in force decides, never the soft limits of the item."""
    build.record(patient, "biochemistry", {"crp": crp}, draft=True)
    assert printed(patient)["biochemistry", "C-reactive protein"]["note"] == "No reference range"
    given(central(trial))
    row = printed(patient)["biochemistry", "C-reactive protein"]
    assert (row["value"], row["note"]) == (f"{crp} mg/L {flag}".strip(), "Reference ≤ 5 mg/L")


def test_the_ranges_cost_the_same_statements_for_one_form_and_for_three(trial: Trial) -> None:
    costs = []
    for visits in (["SCR"], ["SCR", "D7", "D28"]):
        patient = build.enrolled(trial=trial)
        for visit in visits:
            build.record(patient, "haematology", {"wbc": "5.0"}, visit=visit, draft=True)
        with CaptureQueriesContext(connection) as statements:
            printed(patient)
        costs.append(len(statements))
    assert costs[0] == costs[1]


@pytest.mark.parametrize("role", ["data_manager", "statistician"])
def test_an_attached_file_is_shown_with_its_hash_to_those_who_may_read_it(
    trial: Trial, patient: Patient, role: str
) -> None:
    """SEC-13: name, size and SHA-256 for readers of files; for others only that there is a file."""
    nurse, data = build.user("coordinator", trial=trial), pdf()
    place = Casebook.open(user=nurse, trial=trial, code=patient.code).place("chest_imaging", "SCR")
    sent = SimpleUploadedFile("report.pdf", data, "application/pdf")
    with acting(user=nurse, role="coordinator"):
        kept = store(
            upload=sent, item=place.form.item("ct_report"), patient=patient, form="chest_imaging", by=nurse
        )
        values = {"ct_done": "Y", "ct_report": kept.value}
        saving.save_draft(saving.Entry(place=place, values=values, base_version=0), by=nurse)
    audience = Audience(trial, frozenset(map(str, ROLES[role].permissions)))
    label = place.form.item("ct_report").label.in_language("en")
    row = printed(patient, audience)["chest_imaging", label]
    if Permission.SEE_FILES in ROLES[role].permissions:
        assert (row["value"], row["note"]) == ("report.pdf (PDF, 1 kB)", f"SHA-256 {kept.sha256}")
    else:
        assert (row["value"], kept.sha256 in str(row)) == ("Attached file", False)


def test_an_item_that_is_no_longer_asked_keeps_its_label() -> None:
    """DAT-09: an item that a later version removed is printed with its label in the earlier version."""
    with time_machine.travel(datetime(2021, 3, 20, 10, tzinfo=UTC), tick=False):
        trial = amended_protocol.trial()
        doctor, manager = (build.user(role, trial=trial) for role in ("investigator", "data_manager"))
        patient = amended_protocol.enrolled(trial, by=doctor, on=date(2021, 3, 10))
        amended_protocol.hold(patient, "D7", by=doctor)
        record = amended_protocol.vitals(patient, "D7", by=doctor)
        label = trial.rules.form("vitals").item("steps").label.in_language("en")
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        patient = Patient.objects.get(pk=patient.pk)
        build.consent(patient, given=build.moment("20-Mar-2021 09:00"), by=doctor)
        place = Casebook.open(user=doctor, trial=patient.trial, code=patient.code).place("vitals", "D7")
        with acting(user=doctor, role="investigator"):
            saving.amend(
                saving.Entry(place=place, values={"pulse": "70", "spo2": "97"}, base_version=1),
                reason="Again",
                by=doctor,
            )
        assert Record.objects.get(pk=record.pk).protocol.version == "1.1"
        row = printed(patient)["vitals", label]
    assert row["under"] == "Items that this version no longer asks for"
    assert row["value"].startswith("4000")
