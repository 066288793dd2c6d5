"""The files of a study's export: complete, lossless, consistent, each column explained."""

import csv
import hashlib
import io
import json

import pytest

from audit.context import acting
from exports.tables.cells import as_typed, safe_free_text
from exports.tables.study import querysets
from exports.tables.study_columns import COLUMNS
from patients.models import Patient, Record
from protocol.values.moment_parts import moment_parts
from tests.support import build
from tests.support.pages.exports import exported, table

pytestmark = pytest.mark.django_db
TRICKY = [
    "00420",
    "1,5",
    'say "no"',
    "line one\nline two",
    "Müller – Ñandú 細胞",
    "  trailing ",
    "=1+1",
    "'quoted",
    "-5",
    "@x",
]


def test_what_was_typed_comes_back_from_the_file(trial, manager):
    """DAT-10, SEC-15: leading zeros, commas, line breaks, alphabets and formula signs survive."""
    for text in TRICKY:
        patient = build.patient(trial=trial)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(
                state="screen_failed", failed_on=patient.screened_on, failure_reason=text
            )
    reasons = [as_typed(row["screen_failure_reason"]) for row in table(exported(manager, trial), "patients")]
    assert reasons == TRICKY


def test_no_free_text_cell_starts_a_formula(trial, manager):
    """SEC-15."""
    patient = build.patient(trial=trial)
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="screen_failed", failed_on=patient.screened_on, failure_reason='=HYPERLINK("http://x")'
        )
    archive = exported(manager, trial)
    assert table(archive, "patients")[0]["screen_failure_reason"].startswith("'=")
    listed = {file["name"]: file["escaped"] for file in json.loads(archive.read("manifest.json"))["files"]}
    assert "screen_failure_reason" in listed["patients.csv"]


def test_a_negative_number_is_left_alone():
    assert safe_free_text("plain") == "plain"
    assert as_typed(safe_free_text("'=x")) == "'=x"


def test_captured_values_missing_codes_and_units_have_their_own_columns(trial, manager):
    """DAT-02, LAB-04: the value in the item's unit, the unit and value as entered, and the missing code."""
    patient = build.eligible(trial=trial)
    build.record(
        patient,
        "vitals",
        {
            "measured_at": "2026-01-05T08:15+01:00[Europe/Brussels]",
            "temp": {"missing": "ND", "reason": "refused"},
            "hr": "96",
            "rr": "24",
            "spo2": "91",
            "gcs_motor": "6",
            "sbp": "131",
            "dbp": "78",
            "weight": {"value": "81.646560", "entered": "180", "unit": "lb"},
        },
        draft=True,
    )
    row = table(exported(manager, trial), "forms/vitals")[0]
    assert (row["temp"], row["temp__missing"], row["temp__reason"]) == ("", "ND", "refused")
    assert [row[f"weight__{part}"] for part in ("unit", "entered", "entered_unit")] == ["kg", "180", "lb"]
    assert float(row["weight"]) == pytest.approx(81.64656)
    assert [row[f"measured_at{part}"] for part in ("", "__utc", "__zone")] == [
        "2026-01-05T08:15", "2026-01-05T07:15:00Z", "Europe/Brussels",
    ]  # fmt: skip
    assert row["status"] == "draft"


def test_every_stored_value_is_in_the_archive(trial, manager):
    """P11-02: counts and values equal the stored ones."""
    patient = build.enrolled(trial=trial)
    archive = exported(manager, trial)
    assert len(table(archive, "patients")) == Patient.objects.filter(trial=trial).count()
    assert len(table(archive, "visits")) == patient.visits.count()
    for record in Record.objects.filter(patient=patient):
        found = [row for row in table(archive, f"forms/{record.form}") if row["patient"] == patient.code]
        assert {name: found[0][name] for name, value in record.values.items() if isinstance(value, str)} == {
            name: moment_parts(value).local if "[" in value else value
            for name, value in record.values.items()
            if isinstance(value, str)
        }


def test_the_manifest_counts_hashes_and_names(trial, manager):
    archive = exported(manager, trial)
    manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["exported_by"], manifest["purpose"]) == (manager.full_name, "interim look")
    assert manifest["protocol_sha256"] == trial.protocol.sha256
    assert {file["name"] for file in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
    for file in manifest["files"]:
        data = archive.read(file["name"])
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
        if file["name"].endswith(".csv"):
            assert len(list(csv.reader(io.StringIO(data.decode(), newline="")))) == file["rows"] + 1
        else:
            assert file["name"] in {
                f"texts/{file['sha256']}.txt",
                "read_study.py",
                "read_study.R",
                "tables.txt",
            }


def test_every_column_is_in_the_data_dictionary(trial, manager):
    """A column without a definition cannot be analysed."""
    archive = exported(manager, trial)
    explained = {
        (row["table"], column)
        for row in table(archive, "data_dictionary")
        for column in row["columns"].split()
    }
    of_every_form = {column for table_name, column in explained if table_name == "forms/*"}
    assert {"patient", "visit_date", "days_since_infusion_1", "row_id"} <= of_every_form
    for name in archive.namelist():
        if not name.endswith(".csv"):
            continue
        described_elsewhere = ("data_dictionary.", "audit_trail.", "columns.", "codes.")
        if name.startswith(described_elsewhere):
            continue
        header = archive.read(name).decode().splitlines()[0].split(",")
        keys = of_every_form if name.startswith("forms/") else set()
        missing = [c for c in header if (name[:-4], c) not in explained and c not in keys]
        assert missing == [], name


# Technical columns: keys, instants and versions that order saves, and copies of other columns.
TECHNICAL = {
    "id",
    # Of a signature: the export has the code of the subject, and the user name of the signer.
    "trial_id",
    "patient_id",
    "signer_id",
    "target_history",
    "trial",
    "patient",
    "visit",
    "record",
    # The export has the number of the row that a query is about.
    "target_id",
    "protocol",
    "infusion",
    "version",
    # The infusions are a table of their own.
    "infusions_given",
    "infusions_omitted",
    "save_key",
    "batch",
    "enrolled_at",
    # The page of the holds and the trail tell of them.
    "treatment_held_since",
    "given_at",
    "started_at",
    "ended_at",
    "onset_earliest",
    "onset_latest",
    "end_earliest",
    "end_latest",
    "aware_at",
    "serious_aware_at",
    "reported_at",
    "created_at",
    "frozen_at",
    "locked_at",
    "recorded_by",
    # Identifying: the name of a representative, and the scan that shows it.
    "representative_name",
    "scan",
    "case_version",
    "since_earliest",
    "sponsor_aware_at",
    "opened_by",
    "prepared_by",
    "prepared_at",
    "position",
    "criteria",
    "strata",
    "number",
    "code",
    # The movements name lot and bag, the bag its lot.
    "lot",
    "bank",
    "donation",
    "donor",
    # Where the file of a certificate is kept; its name and hash are exported.
    "key",
}


def test_no_answer_of_a_clinical_table_is_left_out(trial):
    """P11-02: every column of a model is exported or listed as technical here."""
    # Several tables may hold the columns of one model, such as observations and their values.
    exported_fields: dict[type, set[str]] = {}
    for name, queryset in querysets(trial, sees_treatment=True).items():
        paths = {path.partition("__")[0] for column in COLUMNS[name] for path in column.read}
        exported_fields.setdefault(queryset.model, set()).update(paths)
    for model, in_files in exported_fields.items():
        stored = {field.name for field in model._meta.concrete_fields}
        assert stored - in_files - TECHNICAL == set(), model._meta.label
