"""The formats of an export say the same as each other, with types, and no more than the reader may know (P11-02)."""

import json
import sqlite3
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import openpyxl
import pyarrow.parquet
import pyreadstat
import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from exports.exporting import tables_of
from exports.formats.data_files import dataset_name
from exports.formats.registry import FORMATS
from exports.formats.typed_values import typed_rows
from patients.models import Patient
from tests.support import build
from tests.support.oracles import oracle
from tests.support.pages.exports import archive_of, sent_export
from tests.support.study.bedside import NOW
from tests.support.study.graded_results import infused, result

pytestmark = pytest.mark.django_db
# ODM is one file of the trial: tests/exports/odm.
ARCHIVES = [code for code, made_as in FORMATS.items() if made_as.of_trial is None]
UGLY = [
    "00420",
    '=HYPERLINK("x")',
    "'quoted",
    "line one\nline two",
    'say "no"',
    "Müller – Ñandú 細胞",
    "\u2028x",
    "NA",
]


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial():
    """A trial with one infused patient, laboratory results, and texts that other programs trip over."""
    trial = build.trial(build.LIEGE)
    patient = infused(trial)
    result(patient, "12 08:00", alt="30.50", potassium={"missing": "NA", "reason": "haemolysed"})
    for text in UGLY:
        failed = build.patient(trial=trial)
        with acting(system="test"):
            Patient.objects.filter(pk=failed.pk).update(
                state="screen_failed", failed_on=failed.screened_on, failure_reason=text
            )
    return trial


def exported(trial, code: str, role: str = "data_manager") -> zipfile.ZipFile:
    person = build.user(role, trial=trial)
    answer = sent_export(person, trial, format=code)
    assert f"{trial.slug}-" in answer["Content-Disposition"]
    return archive_of(answer)


def expected(trial, name: str, *, sees_treatment: bool = True) -> list[dict[str, object]]:
    table = next(
        each for each in tables_of(trial, sees_treatment=sees_treatment, sees_files=True) if each.name == name
    )
    return [dict(zip(table.header, row, strict=True)) for row in typed_rows(table)]


def in_database(archive: zipfile.ZipFile, folder: Path) -> sqlite3.Connection:
    database = sqlite3.connect(archive.extract("study.sqlite3", folder))
    database.row_factory = sqlite3.Row
    return database


def test_json_lines_give_back_every_value_with_its_type(trial):
    archive = exported(trial, "jsonl")
    for name in ("patients", "forms/biochemistry", "infusions", "visits", "data_dictionary"):
        text = archive.read(f"{name}.jsonl").decode("utf-8")
        # Not `splitlines`, which takes U+2028 for the end of a line.
        read = [json.loads(line, parse_float=Decimal) for line in text.split("\n")[:-1]]
        assert read == [
            {column: _plain(value) for column, value in row.items()} for row in expected(trial, name)
        ], name
    (row,) = [
        json.loads(line, parse_float=Decimal)
        for line in archive.read("forms/biochemistry.jsonl").decode().splitlines()
        if '"UNS"' in line
    ]
    assert str(row["alt"]) == "30.50"
    assert (row["potassium"], row["potassium__missing"]) == (None, "NAP")
    assert row["days_since_inclusion"] == 2


def _plain(value: object) -> object:
    """Return a decimal without a fraction as JSON has it: a number is an integer there."""
    whole = isinstance(value, Decimal) and value.as_tuple().exponent == 0
    return int(value) if whole else value  # type: ignore[call-overload]


def test_a_text_is_as_it_was_typed_where_no_spreadsheet_reads_it(trial):
    """SEC-15: the apostrophe belongs to CSV alone."""
    lines = exported(trial, "jsonl").read("patients.jsonl").decode("utf-8").split("\n")[:-1]
    reasons = [json.loads(line)["screen_failure_reason"] for line in lines]
    assert [reason for reason in reasons if reason is not None] == UGLY


def test_dataset_json_is_valid_and_counts_its_records(trial):
    """CDISC Dataset-JSON 1.1, held against the schema of the standard."""
    archive = exported(trial, "dataset-json")
    schema = json.loads(oracle("dataset_json/dataset.schema.json").read_text("utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    names = [name for name in archive.namelist() if name.endswith(".json") and name != "manifest.json"]
    assert {"patients.json", "forms/vitals.json", "audit_trail.json"} <= set(names)
    for name in names:
        body = json.loads(archive.read(name))
        validator.validate(body)
        assert body["records"] == len(body["rows"])
        assert all(len(row) == len(body["columns"]) for row in body["rows"])


def test_dataset_json_has_integers_as_numbers_and_decimals_with_every_digit(trial):
    body = json.loads(exported(trial, "dataset-json").read("forms/biochemistry.json"))
    types = {column["name"]: column["dataType"] for column in body["columns"]}
    assert [types[name] for name in ("alt", "repeat", "days_since_inclusion", "visit")] == [
        "decimal", "integer", "integer", "string",
    ]  # fmt: skip
    rows = [dict(zip(types, row, strict=True)) for row in body["rows"]]
    (row,) = (each for each in rows if each["visit"] == "UNS")
    assert (row["alt"], row["days_since_inclusion"], row["potassium"]) == ("30.50", 2, None)


def test_sqlite_holds_every_table_and_its_patients(trial, tmp_path):
    database = in_database(exported(trial, "sqlite"), tmp_path)
    assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    assert database.execute("PRAGMA foreign_key_list(visits)").fetchone()["table"] == "patients"
    found = {row["name"] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables = list(tables_of(trial, sees_treatment=True, sees_files=True))
    assert found == {dataset_name(table.name) for table in tables}
    for table in tables:
        name = dataset_name(table.name)
        rows = [tuple(row) for row in database.execute(f'SELECT * FROM "{name}" ORDER BY rowid')]
        wanted = [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in typed_rows(table)]
        # The export is an entry of the trail itself.
        assert rows[: len(wanted)] == wanted or name == "audit_trail", name
    joined = (
        'SELECT p."group", b.alt FROM form_biochemistry b JOIN patients p USING (patient) WHERE b.alt > 30'
    )
    assert [row["alt"] for row in database.execute(joined)] == [30.5]


def test_a_decimal_with_more_digits_than_a_real_holds_stays_exact_in_sqlite(tmp_path):
    from exports.formats.sqlite_file import _stored

    assert _stored(Decimal("82400000.25")) == 82400000.25
    assert _stored(Decimal("0.1")) == 0.1
    assert _stored(Decimal("12345678901234567.1")) == "12345678901234567.1"
    database = sqlite3.connect(tmp_path / "x.sqlite3")
    database.execute("CREATE TABLE t (a)")
    database.execute("INSERT INTO t VALUES (?)", ["12345678901234567.1"])
    assert database.execute("SELECT a FROM t").fetchone() == ("12345678901234567.1",)


@pytest.mark.parametrize("code", ARCHIVES)
def test_the_manifest_names_the_format_and_counts_and_hashes_every_file(trial, code):
    archive = exported(trial, code)
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["format"] == code
    assert {each["name"] for each in manifest["files"]} == set(archive.namelist()) - {"manifest.json"}
    assert all(each["rows"] for each in manifest["files"] if each["name"].startswith(("patients.", "study.")))
    assert any(each["escaped"] for each in manifest["files"]) is (code == "csv")
    told = AccessEvent.objects.filter(kind="exported", detail__stage="finished").latest("pk").detail
    assert told["format"] == code


# The data sets of `sdtm` have a proof of their own: tests/exports/sdtm/test_masked_package.py.
@pytest.mark.parametrize("code", [code for code in ARCHIVES if code not in ("sdtm", "adam")])
def test_no_format_tells_a_blinded_reader_the_treatment(code, tmp_path):
    """BLD-01: neither a file nor a table nor a column of it."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial, on=NOW.date())
    archive = exported(trial, code)
    archive.extractall(tmp_path)
    text = "\n".join(archive.namelist()) + "".join(words_of(path, tmp_path) for path in tmp_path.rglob("*.*"))
    assert "demography" in text
    assert "missing codes: ND not done" in text
    for word in ("preparations", "bag_movements", "cells_per_kg", "product_deviations"):
        assert word not in text


READ: dict[str, Callable[[str], tuple[Any, Any]]] = {
    ".xpt": pyreadstat.read_xport,
    ".sav": pyreadstat.read_sav,
    ".dta": pyreadstat.read_dta,
}


def words_of(path: Path, folder: Path) -> str:
    """Return what a reader of a file sees of it: the data too, but for the trail, whose own test is elsewhere."""
    if path.stem == "audit_trail":
        return ""
    if path.suffix in READ:
        frame, meta = READ[path.suffix](str(path))
        return f"{meta.column_names} {meta.column_labels} {meta.variable_value_labels} {frame.to_csv()}"
    if path.suffix == ".parquet":
        return f"{pyarrow.parquet.read_schema(path)} {pyarrow.parquet.read_table(path).to_pydict()}"
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        return str([(sheet.title, list(sheet.values)) for sheet in book if sheet.title != "audit_trail"])
    if path.suffix == ".sqlite3":
        database = sqlite3.connect(path)
        tables = database.execute("SELECT name, sql FROM sqlite_master WHERE sql <> ''").fetchall()
        return str([(sql, database.execute(f'SELECT * FROM "{name}"').fetchall()) for name, sql in tables])
    return path.read_text("utf-8")


def test_a_format_that_does_not_exist_is_refused_with_those_that_do(trial, tmp_path):
    manager = build.user("data_manager", trial=trial)
    page = reverse("exports:index", args=[trial.slug])
    answer = build.client(manager).post(page, {"purpose": "interim look", "format": "sas7bdat"})
    assert answer.status_code == 422
    assert 'value="interim look"' in answer.content.decode()
    assert not AccessEvent.objects.filter(kind="exported").exists()
    with pytest.raises(CommandError, match=r"invalid choice: 'sas7bdat'.*dataset-json"):
        call_command(
            "export", "--trial", trial.slug, "--format", "sas7bdat", "--out", str(tmp_path / "x.zip")
        )


@pytest.mark.parametrize("code", ARCHIVES)
def test_the_command_writes_each_format(trial, code, tmp_path):
    out = tmp_path / "x.zip"
    call_command("export", "--trial", trial.slug, "--format", code, "--out", str(out))
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["format"] == code
