"""The export of a study: complete, lossless, consistent, blinded, registered, in constant memory."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import datetime

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse
from django.utils.translation import gettext, override

from audit.context import acting, set_user
from audit.models import AccessEvent
from audit.sealing.seal_files import SealBroken
from exports.tables.cells import as_typed, safe_free_text
from exports.tables.study import querysets
from exports.tables.study_columns import COLUMNS
from exports.tables.trail.table import COLUMNS as COLUMNS_OF_TRAIL
from exports.tables.trail.table import trail_table
from patients.models import Patient, Query, Record
from patients.queries.threads import answer_query, raise_query
from protocol.values.moment_parts import moment_parts
from tests.support import build

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


def exported(person, trial, purpose="interim look") -> zipfile.ZipFile:
    response = build.client(person).post(reverse("exports:index", args=[trial.slug]), {"purpose": purpose})
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def table(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode("utf-8"), newline="")))


def ask_for_height(record: Record, by) -> Query:
    return raise_query(
        record=record,
        item="height",
        text="Was it measured?",
        origin=Query.Origin.DATA_MANAGER,
        by=by,
        role="data_manager",
    )


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


def test_the_trail_shows_old_and_new_value_with_who_and_why(trial, manager):
    """P11-02: the electronic copy includes the audit trail of each item."""
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    person = build.user("coordinator", trial=trial)
    with acting(user=person, role="coordinator", reason="Misread the chart"):
        record.values = {**record.values, "height": "179"}
        record.save()
    rows = [row for row in table(exported(manager, trial), "audit_trail") if row["field"] == "values.height"]
    assert [(row["old"], row["new"]) for row in rows] == [("", "178"), ("178", "179")]
    assert (rows[1]["user"], rows[1]["role"], rows[1]["reason"]) == (
        person.username,
        "coordinator",
        "Misread the chart",
    )


def test_a_line_of_the_exported_trail_says_where_it_belongs_and_what_its_codes_mean(trial, manager):
    """AUD-02: subject, visit, form, repeat, label, value raw and decoded, time in UTC and at the site."""
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    with acting(user=manager):
        set_user(manager, session="4f2a")
        record.values = {**record.values, "sex": "F", "height": {"missing": "ND"}}
        record.save()
        asked = ask_for_height(record, manager)
    rows = [row for row in table(exported(manager, trial), "audit_trail") if row["patient"] == patient.code]
    sex, height = (
        next(row for row in rows if row["field"] == f"values.{name}" and row["session"])
        for name in ("sex", "height")
    )
    place = {"visit": "SCR", "form": "demography", "repeat": "1"}
    assert place.items() <= sex.items()
    assert (sex["label"], sex["new"], sex["new_words"]) == ("Sex at birth", "F", "Female")
    assert (height["old"], height["old_words"], height["new_words"]) == ("178", "", "Not done")
    assert (sex["session"], sex["at"][-1]) == ("4f2a", "Z")
    at_site = datetime.fromisoformat(sex["site_time"])
    assert at_site == datetime.fromisoformat(sex["at"])
    assert at_site.utcoffset() == at_site.astimezone(trial.zone).utcoffset()
    question = next(row for row in rows if (row["table"], row["row"]) == ("patients.query", str(asked.pk)))
    assert place.items() <= question.items()
    state = next(row for row in rows if row["field"] == "state" and row["table"] == "patients.query")
    assert (state["new"], state["new_words"]) == ("open", "Open")


def test_an_export_speaks_english_whoever_takes_it(trial):
    """The file is read by other people than its user; Django itself translates "Yes" into French."""
    build.eligible(trial=trial)
    with override("fr"):
        assert str(gettext("Yes")) == "Oui"
        rows = list(trail_table(trial, sees_treatment=True).rows())
    field, new, words = (
        [column.name for column in COLUMNS_OF_TRAIL].index(name) for name in ("field", "new", "new_words")
    )
    result = {row[words] for row in rows if row[field].startswith("values.") and row[new] == "Y"}
    assert result == {"Yes"}


def test_the_threads_of_queries_are_exported_with_author_and_text(trial, manager):
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    nurse = build.user("coordinator", trial=trial)
    with acting(user=manager):
        asked = ask_for_height(record, manager)
    with acting(user=nurse):
        answer_query(query=asked, text="=Yes, standing", by=nurse, role="coordinator")
    archive = exported(manager, trial)
    number = next(row["query"] for row in table(archive, "queries") if row["item"] == "height")
    result = [row for row in table(archive, "query_messages") if row["query"] == number]
    assert result[-1]["patient"] == patient.code
    assert (result[-1]["said_by"], result[-1]["role"]) == (nurse.full_name, "coordinator")
    assert as_typed(result[-1]["text"]) == "=Yes, standing"


def test_an_export_is_registered_with_its_purpose_and_hash(trial, manager):
    """PRV-04, AUD-08."""
    exported(manager, trial, purpose="DSMB")
    stages = list(
        AccessEvent.objects.filter(kind="exported").order_by("pk").values_list("detail__stage", flat=True)
    )
    finished = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert stages == ["started", "finished"]
    assert finished.user_name == manager.username
    assert len(finished.detail["sha256"]) == 64
    assert finished.detail["purpose"] == "DSMB"


def test_an_export_without_purpose_is_refused_beside_the_field(trial, manager):
    response = build.client(manager).post(reverse("exports:index", args=[trial.slug]), {"purpose": " "})
    assert response.status_code == 422
    assert not AccessEvent.objects.filter(kind="exported").exists()


def test_the_blind_is_kept_for_blinded_exporters():
    """BLD-03: no product, no allocation, and no history of them."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial)
    blinded = exported(build.user("data_manager", trial=trial), trial)
    unblinded = exported(build.user("statistician", trial=trial), trial)
    assert {"preparations.csv", "allocation.csv"} & set(blinded.namelist()) == set()
    assert {"preparations.csv", "allocation.csv"} <= set(unblinded.namelist())
    hidden = {"dosing.allocationlist", "dosing.allocationslot", "dosing.preparation"}
    assert hidden & {row["table"] for row in table(blinded, "audit_trail")} == set()
    assert hidden & {row["table"] for row in table(unblinded, "audit_trail")} != set()


def test_identity_is_in_no_export(trial, manager):
    """PRV-01."""
    build.patient(trial=trial, name="Jeanne Dubois", hospital_number="H-77812")
    archive = exported(build.user("inspector", trial=trial), trial)
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"Dubois" not in everything
    assert b"H-77812" not in everything


def test_the_command_writes_the_same_archive(trial, tmp_path, capsys):
    build.enrolled(trial=trial)
    out = tmp_path / "study.zip"
    call_command("export", "--trial", trial.slug.upper(), "--format", "csv", "--out", str(out))
    archive = zipfile.ZipFile(out)
    assert len(table(archive, "patients")) == 1
    assert json.loads(archive.read("manifest.json"))["exported_by"] == "system:export"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--trial": "nct00000000"}, "No trial"),
        ({"--user": "nobody"}, "may not export"),
        ({"--out": "."}, "exists already"),
        ({"--out": "/no/such/folder/x.zip"}, "There is no folder"),
    ],
)
def test_the_command_says_what_is_wrong(trial, tmp_path, change, sentence):
    options = {"--trial": trial.slug, "--out": str(tmp_path / "x.zip")} | change
    with pytest.raises(CommandError, match=sentence):
        call_command("export", *[part for pair in options.items() for part in pair])


def test_the_page_costs_the_same_with_one_and_three_patients(trial, manager, django_assert_max_num_queries):
    client, address = build.client(manager), reverse("exports:index", args=[trial.slug])
    for _each in range(3):
        build.patient(trial=trial)
        with django_assert_max_num_queries(12):
            assert client.get(address).status_code == 200


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
    for model, exported in exported_fields.items():
        stored = {field.name for field in model._meta.concrete_fields}
        assert stored - exported - TECHNICAL == set(), model._meta.label


def test_a_broken_seal_stops_the_export_with_a_sentence(trial, manager, monkeypatch):
    """AUD-07, SEC-19: a trail that does not match its seals is not exported; the page shows a message."""

    def broken(*, reason: str) -> None:
        raise SealBroken("Seal 3 is not the one in the database")

    monkeypatch.setattr("audit.sealing.seals.seal", broken)
    answer = build.client(manager).post(reverse("exports:index", args=[trial.slug]), {"purpose": "DSMB"})
    assert answer.status_code == 422
    assert "Nothing was exported: Seal 3" in answer.content.decode()
    assert not AccessEvent.objects.filter(kind="exported", detail__stage="finished").exists()
