"""Samples that wait for a person: on the home page of the coordinator, in the lock checklist, in the export."""

from datetime import timedelta

import pytest
from django.urls import reverse

from audit.context import acting
from exports.tables.study import study_tables
from patients.models import Deviation, Patient
from reports.closing.checklist import blocking, checklist
from tests.support import build
from tests.support.pages.home import work_of
from tests.support.study.bedside import NOW
from tests.support.study.samples import clock, collected, handled, held, received, shipped
from trials.access import access_to

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial, doctor) -> Patient:
    return build.enrolled(trial=trial, on=trial.today - timedelta(days=30), investigator=doctor)


def withdraw(patient, on) -> None:
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(samples_withdrawn_on=on)


def points(trial, manager) -> dict[str, int]:
    found, _patients = checklist(access_to(user=manager, slug=trial.slug))
    return {each.point.code: each.total for each in found if each.point.code.startswith("samples")}


def test_overdue_samples_and_tubes_to_destroy_wait_on_home_and_block_the_lock(trial, patient, nurse, manager):
    """PRV-03: after the withdrawal tubes stand there until a person recorded their destruction."""
    assert work_of(trial).samples == (0, 0)
    visit = held(patient, "D7", nurse)
    assert work_of(trial).samples == (2, 0)
    assert points(trial, manager) == {"samples_overdue": 2, "samples_to_destroy": 0}
    sample = collected(visit, nurse)
    assert work_of(trial).samples == (1, 0)
    withdraw(patient, visit.held_on)
    assert work_of(trial).samples == (1, 3)
    assert points(trial, manager) == {"samples_overdue": 1, "samples_to_destroy": 3}
    found, _patients = checklist(access_to(user=manager, slug=trial.slug))
    assert {"samples_overdue", "samples_to_destroy"} <= blocking(found).keys()
    handled(sample, nurse, "destroyed", 3000, reason="Withdrawal; autoclaved")
    assert points(trial, manager)["samples_to_destroy"] == 0
    assert work_of(trial).samples == (1, 0)


def test_the_tiles_are_shown_only_while_something_waits(trial, patient, nurse):
    home, browser = reverse("reports:home", args=[trial.slug]), build.client(nurse)
    assert "Samples overdue" not in browser.get(home).content.decode()
    held(patient, "D7", nurse)
    assert "Samples overdue" in browser.get(home).content.decode()


def test_a_deviation_of_a_sample_leads_to_its_page(trial, patient, nurse):
    sample = collected(held(patient, "D7", nurse), nurse)
    handled(sample, nurse, "frozen", 200)
    row = Deviation.objects.get()
    shown = build.client(nurse).get(
        reverse("patients:deviation", args=[trial.slug, patient.code, row.number])
    )
    assert (
        reverse("patients:sample", args=[trial.slug, patient.code, sample.number]) in shown.content.decode()
    )
    assert "Sample 1" in shown.content.decode()


def test_the_trail_names_samples_tubes_and_shipments(trial, patient, nurse, manager):
    sample = collected(held(patient, "D7", nurse), nurse)
    shipped(trial, list(sample.aliquots.all()), nurse, clock(patient, sample.visit.held_on, "15:00"))
    shown = build.client(manager).get(reverse("audit:trail", args=[trial.slug])).content.decode()
    code = sample.aliquots.get(number=1).code
    for words in ("Sample 1", f"Tube {code}", f"Shipped · Tube {code}", "Shipment 1"):
        assert words in shown, words


def test_the_export_has_samples_tubes_their_ledger_and_shipments(trial, patient, nurse):
    """As in the domains BS and BE: the parent of each tube, each event, and what was reversed."""
    sample = collected(held(patient, "D7", nurse), nurse)
    tubes = list(sample.aliquots.order_by("number"))
    row = shipped(trial, tubes, nurse, clock(patient, sample.visit.held_on, "15:00"))
    received(
        row, nurse, clock(patient, sample.visit.held_on, "18:00"), {tube.code: "intact" for tube in tubes}
    )
    tables = {table.name: table for table in study_tables(trial, sees_treatment=False)}
    lines = {}
    for name in ("samples", "aliquots", "sample_events", "shipments"):
        names = [column.name for column in tables[name].columns]
        lines[name] = [dict(zip(names, line, strict=True)) for line in tables[name].rows()]
    assert {name: len(found) for name, found in lines.items()} == {
        "samples": 1, "aliquots": 3, "sample_events": 9, "shipments": 1,
    }  # fmt: skip
    assert lines["samples"][0]["specimen"] == "PLASMA"
    assert {line["sample"] for line in lines["aliquots"]} == {sample.code}
    assert [line["kind"] for line in lines["sample_events"]] == ["collected"] * 3 + ["shipped"] * 3 + [
        "received"
    ] * 3
