"""Bedside, chain, worksheet, holds and levels in an export, within the blind (CEL-05, CEL-12, CEL-15, BLD-03)."""

import csv
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from audit.trail import tracked_models
from dosing.allocation.lists import generate_list
from exports.exporting import tables_of
from exports.tables import bedside, product
from exports.tables.study import querysets
from tests.support import build
from tests.support.pages.infusions import page, weighed
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED
from tests.support.study.worksheets import Bench, chained_trial, identified

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
SIGNS = {
    "o-hr": "80", "o-rr": "20", "o-sbp": "120", "o-dbp": "70", "o-spo2": "ND", "o-rhythm": "SINUS",
    "o-reaction": "SEVERE",
}  # fmt: skip

NOT_EXPORTED = {
    "dosing.AllocationList": "The seed makes every list again: `allocation_list` and `verify_allocation` read it.",
}
"""Models of dosing and of the samples that no table has, each with the reason."""


def rows_of(trial, name: str, *, sees_treatment: bool = True) -> list[dict[str, str]]:
    found = next(each for each in tables_of(trial, sees_treatment=sees_treatment) if each.name == name)
    return [dict(zip(found.header, row, strict=True)) for row in found.rows()]


def test_every_model_of_dosing_and_of_the_samples_is_in_a_table_or_says_why_not():
    """P11-02."""
    trial = build.trial(build.COVID_MSV)
    exported = {rows.model for rows in querysets(trial, sees_treatment=True).values()}
    asked = {
        model
        for model in tracked_models()
        if model._meta.app_label == "dosing" or model.__module__ == "patients.models.samples"
    }
    assert {model._meta.label for model in asked - exported} == set(NOT_EXPORTED)
    assert all(NOT_EXPORTED.values())


@pytest.fixture
def observed(trial):
    """A patient of Liège whose infusion was started, observed with a proposed stop, stopped, and asked about."""
    with time_machine.travel(START - timedelta(hours=2), tick=False) as clock:
        patient = build.enrolled(trial=trial, on=INCLUDED)
        nurse, physician = (build.user(role, trial=trial) for role in ("coordinator", "investigator"))
        clock.move_to(START)
        build.client(nurse).post(page(patient, "weight"), weighed(weight_measured="10-Mar-2026 09:30"))

        def send(name="bedside", by=nurse, **typed):
            typed["key"] = (
                f"key-{clock.move_to(datetime.now(UTC) + timedelta(minutes=1))}-{len(typed)}-{typed}"[:64]
            )
            answer = build.client(by).post(page(patient, name), typed)
            assert answer.status_code == 302, answer.content.decode()

        send(do="started", value="60")
        send(do="observe", point="start", **SIGNS)
        row = patient.infusions.get(number=1).bedsideobservations.get()
        send("bedside-decision", physician, row=row.pk, choice="slow", reason="=Rash")
        send(do="stopped", value="98,5")
        clock.move_to(START + timedelta(hours=6))
        events = [event.code for event in patient.protocol.rules.bedside.events]
        answers = {f"e-{code}": "N" for code in events} | {"e-arrest": "Y", "n-arrest": "Brief"}
        send(do="checklist", hours="6", **answers)
        yield patient


def test_the_rows_of_the_bedside_come_back_value_by_value(observed):
    """CEL-12, CEL-15, CEL-16: steps, observations with missing codes, decisions, checklists."""
    trial = observed.trial
    steps = rows_of(trial, "infusion_steps")
    assert [(row["kind"], row["value"], row["at"]) for row in steps] == [
        ("started", "60.00", "2026-03-10T09:01:00.000000Z"),
        ("stopped", "98.50", "2026-03-10T09:04:00.000000Z"),
    ]
    (seen,) = rows_of(trial, "bedside_observations")
    assert (seen["patient"], seen["infusion"], seen["rules_met"]) == (observed.code, 1, "reaction")
    values = {row["item"]: row for row in rows_of(trial, "bedside_values")}
    assert set(values) == {name.removeprefix("o-") for name in SIGNS}
    assert {row["observation"] for row in values.values()} == {seen["observation"]}
    assert (values["hr"]["value"], values["spo2"]["value"], values["spo2"]["missing"]) == ("80", "", "ND")
    (decided,) = rows_of(trial, "stop_decisions")
    assert (decided["observation"], decided["choice"], decided["reason"]) == (
        seen["observation"], "slow", "'=Rash"
    )  # fmt: skip
    answers = {row["event"]: (row["answer"], row["note"]) for row in rows_of(trial, "checklist_answers")}
    assert answers.pop("arrest") == ("Y", "Brief")
    assert set(answers.values()) == {("N", "")}


@pytest.fixture
def dispensed(known_day):
    """A trial that asks for the whole chain, with one dose that was prepared and dispensed."""
    trial = chained_trial(build.LIEGE)
    for number in ("B-1", "B-2", "B-8", "B-9"):
        chain.bag(trial, number)
    patient = identified(build.enrolled(trial=trial, on=trial.today))
    nurse = build.client(build.user("coordinator", trial=trial))
    typed = weighed("30-Mar-2026", version=patient.infusions.get(number=1).version)
    nurse.post(page(patient, "weight"), typed)
    Bench(patient).dispensed("B-1", "B-2")
    return patient


def test_the_chain_comes_back_from_the_donor_to_the_ward(dispensed):
    """CEL-01, CEL-05, CEL-07: each link names the one before it."""
    trial = dispensed.trial
    (donor,), (donation,), (bank,), (lot,) = (
        rows_of(trial, name) for name in ("donors", "donations", "cell_banks", "lots")
    )
    assert (donor["donor"], donor["fit"], donation["donor"]) == ("D-17", "Y", "D-17")
    assert (bank["donation"], lot["bank"], lot["status"]) == (donation["donation"], bank["bank"], "released")
    assert {row["lot"] for row in rows_of(trial, "bags")} == {lot["lot"]}
    moved = [row for row in rows_of(trial, "bag_movements") if row["patient"] == dispensed.code]
    assert [(row["bag"], row["kind"], row["infusion"]) for row in moved] == [
        ("B-1", "thaw", 1), ("B-1", "dispensing", 1), ("B-2", "thaw", 1), ("B-2", "dispensing", 1)
    ]  # fmt: skip
    assert {row["finding"] for row in rows_of(trial, "lot_results")} <= {"passed", "informative"}
    assert [row["kind"] for row in rows_of(trial, "lot_decisions")] == ["release"]


def test_the_answers_and_criteria_of_a_donor_are_rows(dispensed):
    answers = {row["item"]: row["value"] for row in rows_of(dispensed.trial, "donor_answers")}
    assert answers == chain.FIT
    criteria = rows_of(dispensed.trial, "donor_criteria")
    assert len(criteria) == len(dispensed.protocol.rules.donors.criteria)
    assert {row["allows"] for row in criteria} == {"Y"}


def test_the_worksheet_comes_back_step_by_step_with_its_values(dispensed):
    """CEL-09."""
    steps = rows_of(dispensed.trial, "worksheet_steps")
    assert [row["bag"] for row in steps if row["kind"] == "bag"] == ["B-1", "B-2"]
    drawn = {
        row["name"]: row["value"]
        for row in rows_of(dispensed.trial, "worksheet_values")
        if row["kind"] == "drawn"
    }
    assert drawn["drawn_ml"] == "27.4"
    (kit,) = (row for row in rows_of(dispensed.trial, "kits") if row["infusion"] == 1)
    assert kit["patient"] == dispensed.code


def archive_of(role: str, trial) -> zipfile.ZipFile:
    person = build.user(role, trial=trial)
    answer = build.client(person).post(
        reverse("exports:index", args=[trial.slug]), {"purpose": "interim look"}
    )
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def test_a_blinded_export_has_no_trace_of_the_chain(as_test):
    """BLD-03: no file, no line of the dictionary, no line of the manifest, nothing on the page."""
    trial = build.trial(build.COVID_MSV)
    generate_list(trial=trial, by=None, seed="known")
    for number, lot, cells in (("C-1", "L-C", True), ("S-1", "L-S", False)):
        chain.bag(trial, number, of=lot, cells=cells)
    blinded, unblinded = archive_of("data_manager", trial), archive_of("statistician", trial)

    def named(archive) -> set[str]:
        lines = csv.DictReader(io.StringIO(archive.read("data_dictionary.csv").decode(), newline=""))
        listed = {file["name"] for file in json.loads(archive.read("manifest.json"))["files"]}
        return {f"{line['table']}.csv" for line in lines} | set(archive.namelist()) | listed

    hidden = {f"{name}.csv" for name in product.COLUMNS}
    assert hidden <= named(unblinded)
    assert not hidden & named(blinded)
    assert {f"{name}.csv" for name in bedside.COLUMNS} <= named(blinded)
    everything = b"".join(blinded.read(name) for name in blinded.namelist())
    for word in (b"C-1", b"S-1", b"L-C", b"D-17"):
        assert word in b"".join(unblinded.read(name) for name in unblinded.namelist())
        assert word not in everything
    shown = build.client(build.user("data_manager", trial=trial)).get(
        reverse("exports:index", args=[trial.slug])
    )
    assert not {str(title) for title in product.TITLES.values()} & {
        str(t.title) for t in shown.context["tables"]
    }
