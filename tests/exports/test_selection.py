"""An export holds the rows that were chosen, and nothing that would tell the others (P11-02, PRV-04)."""

import csv
import errno
import io
import json
import zipfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent
from exports.selection import EVERYTHING, ChosenRows, Only, chosen, from_told
from patients.models import Record, Visit
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study.samples import collected, handled, held
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial() -> Trial:
    """Two patients with their screening forms; the first has a fever."""
    trial = build.trial(build.LIEGE)
    first = build.eligible(trial=trial)
    build.eligible(trial=trial)
    build.event(patient=first, term="Fever")
    return trial


def exported(trial: Trial, out: Path, *options: str) -> zipfile.ZipFile:
    call_command("export", "--trial", trial.slug, "--out", str(out / "x.zip"), *options, verbosity=0)
    return zipfile.ZipFile(out / "x.zip")


def rows(archive: zipfile.ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(f"{name}.csv").decode(), newline="")))


def mark(records: object, **columns: object) -> None:
    with acting(system="test"):
        records.update(**columns)  # type: ignore[attr-defined]


def test_only_verified_forms_leave_out_the_others_and_all_that_tells_them(trial, tmp_path):
    """A value that was left out stands neither in the trail nor in a query."""
    record = Record.objects.filter(form="demography").order_by("pk").first()
    mark(Record.objects.filter(pk=record.pk), verified_at=timezone.now())
    archive = exported(trial, tmp_path, "--only", "verified")
    assert [row["patient"] for row in rows(archive, "forms/demography")] == [record.patient.code]
    assert rows(archive, "forms/vitals") == rows(archive, "adverse_events") == []
    assert len(rows(archive, "patients")) == 2
    left_out = set(json.loads(archive.read("manifest.json"))["left_out"])
    assert left_out == {"audit_trail", "queries", "query_messages", "masked_results", "criteria.inputs"}
    assert not {f"{name}.csv" for name in left_out} & set(archive.namelist())
    assert {row["table"] for row in rows(archive, "data_dictionary")}.isdisjoint(left_out)


def test_only_locked_rows_are_those_of_a_locked_patient_too(trial, tmp_path):
    """A lock of the patient locks every form and event below it."""
    event = AdverseEvent.objects.get()
    with acting(system="test"):
        Trial.objects.filter(pk=trial.pk).update(locked_at=timezone.now())
    archive = exported(trial, tmp_path, "--only", "locked")
    assert len(rows(archive, "forms/demography")) == 2
    assert [row["number"] for row in rows(archive, "adverse_events")] == [str(event.number)]


def test_signed_rows_are_those_with_a_valid_signature(trial, tmp_path):
    """An event that nobody signed is left out with its grades, classes and times."""
    archive = exported(trial, tmp_path, "--only", "signed")
    assert rows(archive, "forms/demography") == rows(archive, "adverse_events") == []
    assert rows(archive, "event_grades") == rows(archive, "event_classes") == []


def test_drafts_can_be_left_out(trial, tmp_path):
    """A form that nobody completed is no result."""
    patient = trial.patients.latest("pk")
    build.record(patient, "vitals", {"hr": "80"}, draft=True)
    kept = rows(exported(trial, tmp_path, "--without-drafts"), "forms/vitals")
    assert "draft" not in {row["status"] for row in kept}
    assert {row["status"] for row in rows(exported_again(trial, tmp_path), "forms/vitals")} >= {"draft"}


def exported_again(trial: Trial, out: Path, *options: str) -> zipfile.ZipFile:
    (out / "again").mkdir()
    return exported(trial, out / "again", *options)


def test_an_export_of_one_patient_holds_nothing_of_another(trial, tmp_path):
    """The trail too is that of the patient."""
    one, other = trial.patients.order_by("number")
    archive = exported(trial, tmp_path, "--patient", one.code.lower())
    for name in archive.namelist():
        assert other.code.encode() not in archive.read(name), name
    trail = rows(archive, "audit_trail")
    assert {row["patient"] for row in trail} == {one.code}
    assert any(row["table"] == "patients.record" for row in trail)


def test_an_export_of_forms_and_visits_holds_these(trial, tmp_path):
    """The dictionary describes what is there."""
    archive = exported(trial, tmp_path, "--form", "demography", "vitals", "--visit", "SCR")
    forms = {name for name in archive.namelist() if name.startswith("forms/")}
    assert forms == {"forms/demography.csv", "forms/vitals.csv"}
    assert {row["visit"] for row in rows(archive, "visits")} == {"SCR"}
    described = {
        row["table"] for row in rows(archive, "data_dictionary") if row["table"].startswith("forms/")
    }
    assert described == {"forms/*", "forms/demography", "forms/vitals"}


def test_what_happened_after_the_last_day_is_left_out(trial, tmp_path):
    """Visits, events and forms of a later day are; the day itself counts."""
    day = date.fromisoformat(AdverseEvent.objects.get().onset[:10])
    for number, patient in enumerate(trial.patients.order_by("number")):
        held = day + timedelta(days=number)
        mark(Visit.objects.filter(patient=patient, code="SCR"), state=Visit.State.HELD, held_on=held)
    kept = exported(trial, tmp_path, "--until", day.isoformat())
    assert [row["visit_date"] for row in rows(kept, "forms/demography")] == [day.isoformat()]
    assert len(rows(kept, "adverse_events")) == 1
    before = exported_again(trial, tmp_path, "--until", (day - timedelta(days=1)).isoformat())
    assert rows(before, "forms/demography") == rows(before, "adverse_events") == []
    assert rows(before, "event_timing") == rows(before, "event_classes") == []


def test_a_tube_goes_with_its_sample_and_what_was_done_with_it_has_its_day(trial, tmp_path, doctor):
    """Tubes of a sample that was left out would join to no row and tell of a later visit."""
    patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=30), investigator=doctor)
    samples = [collected(held(patient, code, doctor), doctor) for code in ("D7", "D14")]
    for sample in samples:
        handled(sample, doctor, "processed", 30)
        handled(sample, doctor, "frozen", 3 * 24 * 60)
    whole = exported(trial, tmp_path)
    assert {row["sample"] for row in rows(whole, "aliquots")} == {sample.code for sample in samples}
    tubes = set(samples[0].aliquots.values_list("code", flat=True))
    steps = [row for row in rows(whole, "sample_events") if row["aliquot"] in tubes]
    day = samples[0].collected[:10]
    for number, (options, left) in enumerate(
        ((("--visit", "D7"), steps), (("--until", day), [row for row in steps if row["moment"][:10] == day]))
    ):
        (tmp_path / str(number)).mkdir()
        kept = exported(trial, tmp_path / str(number), *options)
        assert [row["sample"] for row in rows(kept, "samples")] == [samples[0].code]
        assert {row["aliquot"] for row in rows(kept, "aliquots")} == tubes
        assert rows(kept, "sample_events") == left
        assert 0 < len(left) <= len(steps)


def test_the_answers_behind_a_decision_are_not_told_of_forms_that_were_left_out(trial, tmp_path):
    """P11-02: an eligibility criterion keeps the values by which it was judged, of whatever form."""
    whole = exported(trial, tmp_path)
    assert any("demography.age=" in row["inputs"] for row in rows(whole, "criteria"))
    chosen_forms = exported_again(trial, tmp_path, "--form", "vitals")
    assert rows(chosen_forms, "criteria")
    assert "inputs" not in rows(chosen_forms, "criteria")[0]
    described = {(row["table"], row["item"]) for row in rows(chosen_forms, "data_dictionary")}
    assert ("criteria", "allows") in described
    assert ("criteria", "inputs") not in described


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--form", "vitals", "vitls"), "There is no form vitls. The trial has"),
        (("--visit", "D99"), "There is no visit D99. The trial has SCR"),
        (("--patient", "LIE-999"), "There is no patient LIE-999. The trial has LIE-001, LIE-002"),
        (("--until", "soon"), "“soon” is no day"),
        (("--until", "mar 2021"), "“mar 2021” is no day"),
    ],
)
def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(trial, tmp_path, options, told):
    """Nothing is written, and nothing is registered."""
    with pytest.raises(CommandError) as refused:
        exported(trial, tmp_path, *options)
    assert told in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    assert not AccessEvent.objects.filter(kind="exported").exists()


@pytest.mark.parametrize("typed", ["2021-03-09", "09-Mar-2021", "9/3/2021"])
def test_the_last_day_is_typed_as_on_every_page(trial, typed):
    assert chosen(trial, until=typed).until == date(2021, 3, 9)


def test_an_export_that_fails_half_way_leaves_no_file(trial, tmp_path, monkeypatch):
    """REL-02: a file under the name that was asked for is whole."""
    monkeypatch.setattr("exports.exporting.dictionary_table", lambda *_args, **_named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        exported(trial, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert AccessEvent.objects.filter(kind="export_ended").latest("pk").detail["stage"] == "aborted"


def test_a_full_disk_is_told_in_a_sentence_and_leaves_no_file(trial, tmp_path, monkeypatch):
    """REL-02: the snapshot that was read is closed by then, and the register says that the export was broken off."""

    def full(_file: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("exports.management.command_arguments.os.fsync", full)
    with pytest.raises(CommandError, match=r"x\.zip is not written: the disk is full"):
        exported(trial, tmp_path)
    assert list(tmp_path.iterdir()) == []
    small = iter(lambda: b"x" * 1_000_000, b"")
    monkeypatch.setattr("exports.exporting.Archive.stream", lambda *_args: (_full(piece) for piece in small))
    with pytest.raises(CommandError, match="the disk is full"):
        exported(trial, tmp_path)
    assert AccessEvent.objects.filter(kind="export_ended").latest("pk").detail["stage"] == "aborted"


def _full(_piece: bytes) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_selection_is_told_and_read_again():
    """The request of the page is stored as plain values, and made later by the worker."""
    whole = ChosenRows(
        as_of=timezone.now(), only=Only.SIGNED, drafts=False, forms=("vitals",), visits=("SCR",),
        patients=("LIE-001",), until=timezone.now().date(),
    )  # fmt: skip
    assert from_told(json.loads(json.dumps(whole.told()))) == whole
    assert EVERYTHING.told() == {}
    assert from_told({}) == EVERYTHING
