"""An export for sharing tells what happened to the patients, not who or when they were (PRV-01)."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from audit.context import acting
from exports.tables.columns import PATIENT, StudyTable
from exports.tables.sharing import Pseudonyms, _cell, grouped_age, moved, moved_partial, weeks_of
from exports.tables.study_columns import COLUMNS
from patients.models import Patient, Record
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.graded_results import infused
from trials.models import Trial

pytestmark = pytest.mark.django_db
DAYS = st.dates(date(1990, 1, 1), date(2090, 1, 1))
DIGESTS = st.binary(min_size=32, max_size=32)
PRIVATE = "Her neighbour Jeanne"


@given(DAYS, DAYS, DIGESTS)
def test_days_between_two_dates_and_weekdays_stay(one, other, digest):
    """Whatever the patient: the shift is whole weeks, and never none."""
    weeks = weeks_of(digest)
    after = [date.fromisoformat(moved(day.isoformat(), weeks)) for day in (one, other)]
    assert after[0] - after[1] == one - other
    assert [day.weekday() for day in after] == [one.weekday(), other.weekday()]
    assert one - after[0] in [timedelta(weeks=number) for number in range(1, 105)]
    assert moved(one, weeks) == after[0]


@given(DAYS, st.times(), DIGESTS)
def test_the_time_of_day_stays(day, time, digest):
    """A moment at the site moves with its day."""
    weeks = weeks_of(digest)
    for form in (f"{day}T{time:%H:%M}", f"{day}T{time:%H:%M:%S}Z", f"{day} {time:%H:%M}"):
        assert moved(form, weeks) == moved(day.isoformat(), weeks) + form[10:]


@given(DAYS, DIGESTS)
def test_of_a_month_or_a_year_the_middle_moves(day, digest):
    """It stays as precise as it was."""
    weeks = weeks_of(digest)
    assert moved_partial(day.isoformat(), weeks) == moved(day.isoformat(), weeks)
    month, year = f"{day:%Y-%m}", f"{day:%Y}"
    assert moved_partial(month, weeks) == moved(f"{month}-15", weeks)[:7]
    assert moved_partial(year, weeks) == moved(f"{year}-07-01", weeks)[:4]


@pytest.mark.parametrize("text", ["", "2026-03-01x", "12", "LIE-001", "2026", "1.5"])
def test_what_is_no_date_stays(text):
    """A number and a code are no dates."""
    assert moved(text, -3) == text


@pytest.mark.parametrize(("age", "told"), [("89", "89"), ("90", "90"), ("103", "90"), ("", ""), ("18", "18")])
def test_ages_over_89_are_one_group(age, told):
    """Few people are older: the age alone may tell who it is."""
    assert grouped_age(age) == told


def test_two_trials_and_two_installations_shift_differently(trial, settings):
    """Who has the shared files of one cannot go back in the other."""
    patient = build.patient(trial=trial)
    here = Pseudonyms(trial)
    assert Pseudonyms(trial).codes == here.codes
    settings.SECRET_KEY = "another key, which is long enough for everything that needs one"
    there = Pseudonyms(trial)
    assert there.codes[patient.code] != here.codes[patient.code]


@pytest.fixture
def study() -> Trial:
    """An infused patient of 93, whose forms hold a text; a patient who failed; both typed by people with names."""
    with time_machine.travel(NOW, tick=False):
        trial = build.trial(build.LIEGE)
        patient = infused(trial)
        build.event(patient=patient, term=PRIVATE)
        for _each in range(3):
            failed = build.patient(trial=trial)
        with acting(system="test", reason="arranged"):
            record = Record.objects.get(patient=patient, form="demography")
            record.values = {**record.values, "age": "93"}
            record.save()
            Patient.objects.filter(pk=failed.pk).update(
                state="screen_failed", failed_on=F("screened_on"), failure_reason=PRIVATE
            )
    return trial


def exported(trial: Trial, out: Path, *options: str) -> zipfile.ZipFile:
    call_command("export", "--trial", trial.slug, "--out", str(out), *options, verbosity=0)
    return zipfile.ZipFile(out)


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode(), newline="")))


def days(row: dict[str, str]) -> dict[str, date]:
    return {name: date.fromisoformat(text) for name, text in row.items() if name.endswith("_on") and text}


def test_nothing_that_names_a_patient_or_a_day_is_left(study, tmp_path):
    """No subject code, no text of people, no trail, no time of signature, no day as it was."""
    whole = exported(study, tmp_path / "whole.zip")
    shared = exported(study, tmp_path / "shared.zip", "--shared")
    codes = list(study.patients.values_list("code", flat=True))
    everything = b"".join(shared.read(name) for name in shared.namelist())
    for secret in (*codes, PRIVATE):
        assert secret.encode() not in everything, secret
        assert secret.encode() in b"".join(whole.read(name) for name in whole.namelist()), secret
    files = set(shared.namelist())
    assert {"patients.csv", "forms/demography.csv", "infusions.csv", "adverse_events.csv"} <= files
    gone = {"audit_trail", "signatures", "verification", "queries", "shipments", "holds", "unblindings"}
    assert not {f"{name}.csv" for name in gone} & files
    columns = {column for name in files if name.endswith(".csv") for column in header(shared, name)}
    assert not {"completed_at", "entered_at", "decided_at", "recorded_at", "term"} & columns


def header(archive: zipfile.ZipFile, name: str) -> list[str]:
    return next(csv.reader(io.StringIO(archive.read(name).decode(), newline="")))


def test_the_days_of_a_patient_move_together(study, tmp_path):
    """Every table of a patient moves by the same weeks, and counts of days stay."""
    whole = exported(study, tmp_path / "whole.zip")
    shared = exported(study, tmp_path / "shared.zip", "--shared")
    names = Pseudonyms(study)
    for table in ("patients", "visits", "infusions", "forms/demography", "forms/vitals"):
        before = {names.codes[row["patient"]]: row for row in rows(whole, table)}
        after = {row["patient"]: row for row in rows(shared, table)}
        assert before.keys() == after.keys()
        for code, row in after.items():
            shift = names.weeks[next(real for real, told in names.codes.items() if told == code)]
            was = days(before[code])
            assert days(row) == {
                name: day + timedelta(weeks=shift) for name, day in was.items() if name in row
            }
            counts = [name for name in row if name.startswith("days_since")]
            assert [row[name] for name in counts] == [before[code][name] for name in counts]
    assert [row["age"] for row in rows(shared, "forms/demography")] == ["90"]
    infusion = rows(shared, "infusions")[0]
    assert (
        infusion["started"][:10]
        == infusion["started__utc"][:10]
        != rows(whole, "infusions")[0]["started"][:10]
    )


def test_the_order_of_the_rows_does_not_tell_who_came_first(study, tmp_path):
    """Rows stand in the order of the new codes."""
    shared = exported(study, tmp_path / "shared.zip", "--shared")
    found = [row["patient"] for row in rows(shared, "patients")]
    assert found == sorted(found)
    assert len(set(found)) == 4


def test_no_key_of_a_row_tells_who_came_first(study, tmp_path):
    """Keys are counted over all patients: others stand for them, a different one for each row."""
    whole = exported(study, tmp_path / "whole.zip")
    shared = exported(study, tmp_path / "shared.zip", "--shared")
    seen = 0
    for name in shared.namelist():
        if name.endswith(".csv") and "id" in header(shared, name):
            stored, told = (
                [row["id"] for row in rows(archive, name.removesuffix(".csv"))] for archive in (whole, shared)
            )
            assert len(set(told)) == len(stored)
            assert set(told).isdisjoint(stored)
            seen += len(told)
    assert seen
    names = Pseudonyms(study)
    (key,) = (column for column in COLUMNS["query_messages"] if column.name == "query")
    table = StudyTable("query_messages", "", (PATIENT, replace(key, kind="integer")), lambda: iter(()))
    cell = _cell(table, table.columns[1], names, set())
    assert cell(7, -3) == names.key(7) != 7


def test_the_dictionary_describes_what_is_left(study, tmp_path):
    """Of every file its columns, and of no other."""
    shared = exported(study, tmp_path / "shared.zip", "--shared")
    described: dict[str, set[str]] = {}
    for row in rows(shared, "data_dictionary"):
        described.setdefault(row["table"], set()).update(row["columns"].split())
    files = {each for each in shared.namelist() if each.endswith(".csv")}
    columns = rows(shared, "columns")
    for name in files:
        told = [row["column"] for row in columns if row["table"] == name.removesuffix(".csv")]
        assert told == header(shared, name), name
    for name in files - {"data_dictionary.csv", "columns.csv", "codes.csv"}:
        table = name.removesuffix(".csv")
        of_every_form = described["forms/*"] if table.startswith("forms/") else set()
        assert set(header(shared, name)) <= described.get(table, set()) | of_every_form, name
    assert "audit_trail" not in described
    assert "term" not in described["adverse_events"]


def test_texts_are_kept_if_somebody_chose_so(study, tmp_path):
    """The manifest says it, and how the rest was changed; subject codes in a text are others too."""
    code = study.patients.order_by("number")[0].code
    with acting(system="test", reason="arranged"):
        Patient.objects.filter(state="screen_failed").update(failure_reason=f"Sister of {code}")
    shared = exported(
        study, tmp_path / "shared.zip", "--shared", "--with-free-text", "--patient", *codes(study)
    )
    reasons = [
        row["screen_failure_reason"] for row in rows(shared, "patients") if row["screen_failure_reason"]
    ]
    assert reasons == [f"Sister of {Pseudonyms(study).codes[code]}"]
    manifest = json.loads(shared.read("manifest.json"))
    assert manifest["selection"] == {"shared": True, "free_text": True, "patients": 4}
    assert any("whole number of weeks" in line for line in manifest["de_identified"])


def codes(trial: Trial) -> list[Any]:
    return list(trial.patients.values_list("code", flat=True))
