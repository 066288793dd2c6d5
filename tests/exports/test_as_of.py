"""An export of a past moment holds the data of that moment, whatever changed since (P11-02, AUD-02)."""

import json
import zipfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.models import F

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from exports.formats.registry import FORMATS
from patients.models import Patient, Query, Record
from patients.queries.threads import answer_query, raise_query
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study.graded_results import limits
from tests.support.trail_clock import trail_now
from trials.models import Trial

pytestmark = pytest.mark.django_db
MANAGER = "Ada Inspector"


@pytest.fixture(autouse=True)
def _clock_of_the_trail(db: None) -> Iterator[None]:
    """The clock of the program goes a little before that of the database, which no test sets."""
    with time_machine.travel(trail_now() + timedelta(seconds=5), tick=True):
        yield


@pytest.fixture
def trial() -> Trial:
    """A trial in which a patient was included and had an event; a query is open; a result beyond its range."""
    trial = build.trial(build.LIEGE)
    patient = build.enrolled(trial=trial)
    build.event(patient=patient, term="Fever")
    limits(trial)
    taken = build.moment(f"{trial.today:%d-%b-%Y} 00:05").iso
    build.record(patient, "biochemistry", {"sampled_at": taken, "alt": "130"}, draft=True)
    build.patient(trial=trial)
    manager = build.user("inspector", trial=trial, full_name=MANAGER)
    with acting(user=manager):
        raise_query(
            record=Record.objects.get(patient=patient, form="demography"),
            item="height",
            text="Was it measured?",
            origin=Query.Origin.DATA_MANAGER,
            by=manager,
            role="data_manager",
        )
    return trial


def afternoon(trial: Trial) -> None:
    """Correct, answer, fail and add, as the afternoon of a study does."""
    with acting(system="test", reason="Misread the chart"):
        record = Record.objects.get(form="demography", patient__trial=trial)
        record.values = {**record.values, "height": "179"}
        record.save()
        asked = Query.objects.get(record=record, item="height")
        person = build.user("coordinator", trial=trial)
        answer_query(query=asked, text="Yes", by=person, role="coordinator")
        AdverseEvent.objects.update(term="High fever", causality="related")
        failed = Patient.objects.filter(pk=Patient.objects.latest("pk").pk)
        failed.update(state="screen_failed", failed_on=F("screened_on"), failure_reason="Consent refused")
        build.patient(trial=trial)


def exported(trial: Trial, out: Path, *options: str) -> dict[str, bytes]:
    """Return the files of an export by the command, each by its name."""
    person = User.objects.get(full_name=MANAGER).username
    call_command("export", "--trial", trial.slug, "--out", str(out), "--user", person, *options, verbosity=0)
    with zipfile.ZipFile(out) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def data(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "manifest.json"}


@pytest.mark.parametrize("code", ["csv", "dataset-json", "jsonl"])
def test_what_was_exported_before_a_change_is_exported_again_after_it(trial, tmp_path, code):
    """P11-02: every table, joined ones and the trail included, is byte for byte that of the first export."""
    first = exported(trial, tmp_path / "first.zip", "--format", code)
    moment = json.loads(first["manifest.json"])["data_as_of"]
    afternoon(trial)
    now = data(exported(trial, tmp_path / "now.zip", "--format", code))
    again = data(exported(trial, tmp_path / "again.zip", "--format", code, "--as-of", moment))
    changed = {name for name, content in now.items() if content != data(first).get(name)}
    assert {name.split(".")[0] for name in changed} >= {
        "patients", "adverse_events", "forms/demography", "queries", "query_messages", "audit_trail",
    }  # fmt: skip
    assert again == data(first)


def test_the_sdtm_data_sets_of_a_past_moment_are_those_of_that_moment(trial, tmp_path):
    """P11-02: data sets, Define-XML and annotated forms, byte for byte."""
    first = exported(trial, tmp_path / "first.zip", "--format", "sdtm")
    moment = json.loads(first["manifest.json"])["data_as_of"]
    afternoon(trial)
    now = data(exported(trial, tmp_path / "now.zip", "--format", "sdtm"))
    again = data(exported(trial, tmp_path / "again.zip", "--format", "sdtm", "--as-of", moment))
    assert "define.xml" in again
    assert again == data(first)
    changed = {name for name, content in now.items() if content != data(first).get(name)}
    assert {"dataset-json/ae.json", "dataset-json/ds.json", "dataset-json/vs.json"} <= changed


@pytest.mark.parametrize("code", [code for code, made_as in FORMATS.items() if made_as.of_trial])
def test_two_files_of_one_moment_are_one(trial, tmp_path, code):
    """P11-02: ODM, whose files have nothing beside them."""
    moment = trail_now().isoformat()

    def made(name: str) -> bytes:
        out = tmp_path / name
        call_command("export", trial=trial.slug, format=code, as_of=moment, out=out, verbosity=0)
        return out.read_bytes()

    before = made("1.xml")
    afternoon(trial)
    assert made("2.xml") == before


@pytest.mark.parametrize("code", [code for code, made_as in FORMATS.items() if made_as.of_trial is None])
def test_two_exports_of_one_moment_have_the_same_data_files(trial, tmp_path, code):
    """Who took it and when stand in the manifest beside them."""
    moment = trail_now().isoformat()
    one = exported(trial, tmp_path / "1.zip", "--format", code, "--as-of", moment, "--purpose", "DSMB")
    afternoon(trial)
    two = exported(trial, tmp_path / "2.zip", "--format", code, "--as-of", moment)
    assert data(one) == data(two)
    purposes = [json.loads(files["manifest.json"])["purpose"] for files in (one, two)]
    assert purposes == ["DSMB", "command line"]


def test_the_tables_of_the_past_are_gone_after_the_export(trial, tmp_path):
    """AUD-06: no page reads the past by mistake, and no row of the study was touched."""
    moment = trail_now().isoformat()
    afternoon(trial)
    before = Record.history.count()
    exported(trial, tmp_path / "1.zip", "--as-of", moment)
    assert Record.objects.get(form="demography").values["height"] == "179"
    assert Record.history.count() == before
    assert not {name for name in connection.introspection.table_names() if name.startswith("past_")}


def test_an_export_says_of_which_moment_it_is_and_what_it_cannot_tell(trial, tmp_path):
    """PRV-04: the register tells the selection too."""
    moment = trail_now()
    at_site = moment.astimezone(trial.zone).replace(tzinfo=None).isoformat()
    files = exported(trial, tmp_path / "1.zip", "--as-of", at_site)
    manifest = json.loads(files["manifest.json"])
    assert datetime.fromisoformat(manifest["data_as_of"]) == moment
    assert datetime.fromisoformat(manifest["exported_at"]) >= moment.replace(microsecond=0)
    assert any("masked" in each for each in manifest["not_as_of"])
    told = AccessEvent.objects.filter(kind="exported").latest("pk").detail["selection"]
    assert manifest["selection"] == told == {"as_of": moment.astimezone(trial.zone).isoformat()}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("yesterday", "“yesterday” is no moment"),
        ("2026-02-30", "“2026-02-30” is no moment"),
        ("2031-01-01", "has not come yet"),
        ("1999-12-31", "did not exist then. Its data begin at "),
    ],
)
def test_a_moment_of_which_nothing_can_be_told_is_refused_in_a_sentence(trial, tmp_path, typed, told):
    """Bad input leaves no file."""
    with pytest.raises(CommandError) as refused:
        exported(trial, tmp_path / "1.zip", "--as-of", typed)
    assert told in str(refused.value)
    assert list(tmp_path.iterdir()) == []
