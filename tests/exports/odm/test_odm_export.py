"""ODM from the page and the command line, what it costs, and that it is registered like any export."""

import hashlib
import weakref
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from lxml import etree

from audit.context import acting
from audit.models import AccessEvent
from exports.odm import study_sources
from exports.odm.kept_rows import RowFile
from exports.odm.study_sources import CHUNK_PATIENTS
from safety.reporting import amend_event
from tests.exports.odm.files import SCHEMAS, odm
from tests.exports.odm.reading import NS, state_of
from tests.support import build
from tests.support.pages.exports import sent_export
from tests.support.study.bedside import INCLUDED
from trials.models import Trial

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]


@pytest.mark.parametrize("code", SCHEMAS)
def test_the_page_sends_one_xml_file_and_registers_its_hash(trial, code):
    """PRV-04: ODM is a file, not an archive."""
    build.enrolled(trial=trial)
    person = build.user("data_manager", trial=trial)
    answer = sent_export(person, trial, purpose="Registry", format=code)
    content = b"".join(answer.streaming_content)
    assert answer["Content-Type"] == "application/xml"
    assert answer["Content-Disposition"].endswith('.xml"')
    assert etree.fromstring(content).tag.endswith("}ODM")
    event = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert event.detail["sha256"] == hashlib.sha256(content).hexdigest()
    assert event.detail["size"] == len(content)
    assert event.detail["format"] == code


def test_the_form_of_an_export_offers_the_three_files(trial):
    page = build.client(build.user("data_manager", trial=trial)).get(
        reverse("exports:index", args=[trial.slug])
    )
    for code in SCHEMAS:
        assert f'value="{code}"' in page.content.decode()


def test_the_command_writes_one_xml_file(trial, tmp_path: Path, capsys):
    build.enrolled(trial=trial)
    out = tmp_path / "study.xml"
    call_command("export", trial=trial.slug, format="odm-transactions", out=out)
    root = etree.parse(out).getroot()
    assert root.get("FileType") == "Transactional"
    assert {each.get("SubjectKey") for each in root.iter(f"{NS}SubjectData")} == {"LIE-001"}
    assert f"{out.stat().st_size} bytes" in capsys.readouterr().out


def test_a_file_with_the_treatment_says_so(tmp_path: Path):
    """BLD-01: in its name and in itself; without a person the blind is kept."""
    trial = build.trial(build.COVID_MSV)
    statistician = build.user("statistician", trial=trial)
    named = {"trial": trial.slug, "format": "odm", "user": statistician.username}
    with pytest.raises(CommandError, match="UNBLINDED"):
        call_command("export", **named, out=tmp_path / "study.xml")
    call_command("export", **named, out=tmp_path / "UNBLINDED-study.xml")
    assert (etree.parse(tmp_path / "UNBLINDED-study.xml").getroot().get("Description") or "").startswith(
        "UNBLINDED"
    )
    call_command("export", trial=trial.slug, format="odm", out=tmp_path / "blind.xml")
    assert etree.parse(tmp_path / "blind.xml").getroot().get("Description") is None


def queries_of(trial: Trial, code: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        odm(Trial.objects.get(pk=trial.pk), code)
    return len(captured)


@pytest.mark.parametrize("code", ["odm", "odm-transactions"])
def test_more_patients_cost_no_more_queries_within_a_chunk(trial, code):
    """A chunk of patients costs a fixed number of queries, whatever they have."""
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    build.event(patient=patient, by=doctor)
    one = queries_of(trial, code)
    for _more in range(2):
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
        build.event(patient=patient, by=doctor)
        build.event(patient=patient, by=doctor)
    assert queries_of(trial, code) == one


def test_a_second_chunk_costs_as_much_as_the_first(trial):
    """Memory and queries follow the chunks, and no patient is lost between them."""
    for _each in range(CHUNK_PATIENTS):
        build.patient(trial=trial)
    one = queries_of(trial, "odm")
    build.patient(trial=trial)
    two = queries_of(trial, "odm")
    build.patient(trial=trial)
    assert queries_of(trial, "odm") == two
    # Not twice: the definitions, the people and the list of patients are read once.
    assert one < two < 2 * one
    subjects = {path[0][0] for path in state_of(odm(trial)).forms}
    assert len(subjects) == CHUNK_PATIENTS + 2


@pytest.mark.parametrize("code", ["odm", "odm-transactions"])
def test_patients_with_many_rows_are_read_alone(trial, code, monkeypatch):
    """Memory follows the rows, not only the patients. Many wait in a file: what is sent is the same."""
    doctor = build.user("investigator", trial=trial)
    for events in (0, 2, 1):
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
        for number in range(events):
            event = build.event(patient=patient, by=doctor)
            with acting(user=doctor, role="investigator"):
                change = {"term": f"Headache {number}"}
                amend_event(event=event, changes=change, reason="Course", version=event.version, by=doctor)
    whole, together = odm(trial, code), queries_of(trial, code)
    filed = list[study_sources.RowFile]()
    monkeypatch.setattr(study_sources, "CHUNK_ROWS", 1)
    monkeypatch.setattr(study_sources, "RowFile", lambda: filed.append(RowFile()) or filed[-1])
    assert odm(trial, code) == whole
    assert len(filed) == 3
    assert queries_of(trial, code) > together


class _WatchedRows(list[Any]):
    """Rows of a patient whose end can be seen."""


@pytest.mark.parametrize("code", ["odm", "odm-transactions"])
def test_a_patient_is_let_go_before_the_next_is_read(trial, code, monkeypatch):
    """Memory: the rows of one patient with very many of them were held while those of the next were read."""
    monkeypatch.setattr(study_sources, "CHUNK_PATIENTS", 1)
    doctor = build.user("investigator", trial=trial)
    for _each in range(3):
        build.event(patient=build.enrolled(trial=trial, on=INCLUDED, investigator=doctor), by=doctor)
    earlier, real = list[weakref.ref[_WatchedRows]](), study_sources.StudySources._rows_of

    def watched(sources: Any, *chunk: Any, **kind: Any) -> Any:
        assert [ref for ref in earlier if ref() is not None] == []
        found = {patient: _WatchedRows(rows) for patient, rows in real(sources, *chunk, **kind).items()}
        earlier.extend(map(weakref.ref, found.values()))
        return found

    monkeypatch.setattr(study_sources.StudySources, "_rows_of", watched)
    odm(trial, code)
    assert len(earlier) == 3


def test_the_definitions_alone_cost_one_query(trial):
    assert queries_of(trial, "odm2-metadata") <= 3
