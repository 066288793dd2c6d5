"""The copy of the investigator ties each entry of its trail to the seals: an altered row is named by table and row."""

import csv
import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.context import acting
from audit.redactions.redaction import MASK, ask_redaction, confirm_redaction
from audit.sealing import seals
from exports import scheduled_copies
from exports.archive_check import trail_rows
from exports.archive_check.check import check
from exports.archive_check.layout import TRAIL
from patients.models import Patient, Record, Visit
from safety.models import AdverseEvent
from tests.support import build

pytestmark = pytest.mark.django_db
HEIGHT = ("values.height", "172")
RECORDS = "seals/rows/patients.record.jsonl"


@pytest.fixture
def record(trial):
    """Data of many kinds, with changes, of two patients; another trial with rows between them."""
    patient = build.enrolled(trial=trial)
    found = Record.objects.get(patient=patient, form="demography")
    other = build.patient(trial=build.trial(build.COVID_MSV))
    build.event(patient=patient, description="=1+1 \n“fièvre”", term="'Fever")
    with acting(
        user=build.user("coordinator", trial=trial), role="coordinator", reason="=typo", origin="web"
    ):
        Record.objects.filter(pk=found.pk).update(
            values={"sex": "F", "height": "172", "note": None, "list": [1, 2.5]}
        )
        Patient.objects.filter(pk=other.pk).update(screened_on=timezone.now().date() - timedelta(days=3))
        Visit.objects.filter(patient=patient).update(state="held", held_on=timezone.now().date())
        AdverseEvent.objects.update(description="-", grade=2)
    return found


def copy_of(trial, folder):
    return scheduled_copies.write_scheduled_copy(trial, folder)


def forged(file, name, change):
    """Return a copy in which a file is changed and the manifest was made anew: the hashes of files tell nothing."""
    other = file.with_name("forged.zip")
    with zipfile.ZipFile(file) as held, zipfile.ZipFile(other, "w") as made:
        content = change(held.read(name).decode()).encode()
        assert content != held.read(name)
        body = json.loads(held.read("manifest.json"))
        facts = next(each for each in body["files"] if each["name"] == name)
        facts.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        if facts["rows"]:
            facts["rows"] = len(list(csv.reader(io.StringIO(content.decode(), newline="")))) - 1
        for each in held.namelist():
            made.writestr(each, {name: content, "manifest.json": json.dumps(body)}.get(each, held.read(each)))
    return other


def lines(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def written(rows):
    out = io.StringIO(newline="")
    made = csv.DictWriter(out, rows[0].keys(), lineterminator="\r\n")
    made.writeheader()
    made.writerows(rows)
    return out.getvalue()


def test_every_entry_of_the_trail_is_compared_with_its_sealed_row(trial, record, tmp_path):
    """CTL-01, AUD-07: of all audited tables that the reader is shown whole, in words and numbers of all kinds."""
    found = check(str(copy_of(trial, tmp_path)))
    with zipfile.ZipFile(next(tmp_path.iterdir())) as archive:
        entries = {(row["table"], row["sequence"]) for row in lines(archive.read(TRAIL).decode())}
        whole = json.loads(archive.read("manifest.json"))["sealed_rows"]
    assert found.problems == []
    assert found.compared == len([entry for entry in entries if entry[0] in whole]) > 20
    assert found.tied >= found.compared
    assert {table for table, _number in entries} - whole.keys() == {"patients.consent"}


def test_a_table_whose_sealed_rows_are_missing_is_named(trial, record, tmp_path):
    """CTL-01: entries of it could say anything. Consents and access events are not shown whole: the copy says so."""
    file, other = copy_of(trial, tmp_path), tmp_path / "without.zip"
    with zipfile.ZipFile(file) as held, zipfile.ZipFile(other, "w") as made:
        body = json.loads(held.read("manifest.json"))
        assert {"access", "patients.consent"} <= set(body["not_compared"])
        body["sealed_rows"].pop("patients.record")
        for each in held.namelist():
            made.writestr(each, json.dumps(body) if each == "manifest.json" else held.read(each))
    assert check(str(other)).problems == [f"{TRAIL}: the copy has no sealed rows of patients.record"]


def test_an_altered_cell_of_the_trail_is_named_by_table_and_row(trial, record, tmp_path):
    """CTL-01: also when every hash of the manifest was made anew."""
    file = copy_of(trial, tmp_path)

    def alter(text):
        rows = lines(text)
        row = next(each for each in rows if each["field"] == "values.height" and each["new"] == "172")
        row["new"] = "182"
        return written(rows)

    (problem,) = check(str(forged(file, TRAIL, alter))).problems
    number = record.history.order_by("-history_id").first().history_id
    assert (
        problem
        == f"{TRAIL}: patients.record {record.pk}, change {number}: values.height is not what was sealed"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows, at: rows.pop(at), "the change of values.height is missing"),
        (lambda rows, at: rows[at].update(full_name="x", user="nobody"), "who, when or the row"),
        (lambda rows, at: rows[at].update(at="2020-01-01T00:00:00.000000Z"), "who, when or the row"),
        (lambda rows, at: rows[at].update(row="99"), "who, when or the row"),
        (lambda rows, at: rows[at].update(sequence="99999"), "is not among the sealed rows"),
        (lambda rows, at: rows.insert(at, dict(rows[at])), "is not what was sealed"),
    ],
)  # fmt: skip
def test_a_line_that_is_gone_new_or_says_another_person_or_time_is_named(
    trial, record, tmp_path, change, problem
):
    """CTL-01."""

    def alter(text):
        rows = lines(text)
        change(
            rows,
            next(
                n for n, each in enumerate(rows) if each["field"] == "values.height" and each["new"] == "172"
            ),
        )
        return written(rows)

    problems = check(str(forged(copy_of(trial, tmp_path), TRAIL, alter))).problems
    assert any(problem in each and "patients.record" in each for each in problems), problems


def test_an_altered_sealed_row_does_not_fit_its_seal(trial, record, tmp_path):
    """AUD-07: the prefix of its hash lies in a part, whose hash lies in the root of the seal."""
    file = copy_of(trial, tmp_path)
    key = record.history.order_by("-history_id").first().history_id
    problems = check(str(forged(file, RECORDS, lambda text: text.replace('"172"', '"182"')))).problems
    assert f"patients_historicalrecord {key} was altered after it was sealed" in problems
    parts = forged(file, "seals/parts.jsonl", lambda text: text.replace('"leaves":"', '"leaves":"00', 1))
    assert any("the parts of seal" in each for each in check(str(parts)).problems)


def test_a_masked_row_holds_and_any_other_change_of_it_does_not(trial, record, tmp_path):
    """AUD-12: the hash of the row as it was sealed stands for the text that is gone."""
    one, other = build.user("data_manager", trial=trial), build.user("investigator", trial=trial)
    event = AdverseEvent.objects.get()
    with acting(system="seal"):
        seals.seal(reason="test")
    with acting(user=one, role="data_manager"):
        asked = ask_redaction(
            trial_id=trial.pk, model=AdverseEvent, row=event.history.order_by("history_id").first().history_id,
            place="description.", text="fièvre", reason="A name", by=one,
        )  # fmt: skip
    with acting(user=other, role="investigator"):
        confirm_redaction(redaction=asked, by=other)
    file = copy_of(trial, tmp_path)
    assert check(str(file)).problems == []
    rows = "seals/rows/safety.adverseevent.jsonl"
    problems = check(str(forged(file, rows, lambda text: text.replace(f"“{MASK}”", "“nothing”", 1)))).problems
    assert any("safety_historicaladverseevent" in each and "was altered" in each for each in problems)


def test_a_blinded_copy_is_tied_by_the_hash_of_each_row(tmp_path):
    """BLD-01: parts of the seals count rows of the product, so there are none."""
    trial = build.trial(build.COVID_MSV)
    patient = build.enrolled(trial=trial)
    record = Record.objects.filter(patient=patient).last()
    with acting(system="test"):
        Record.objects.filter(pk=record.pk).update(values={**record.values, "temp": "37.50"})
    file = copy_of(trial, tmp_path)
    found = check(str(file))
    assert (found.problems, found.tied > 10) == ([], True)
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
    assert "seals/parts.jsonl" not in names
    # The published hash of the list is no secret.
    hidden = [name for name in names if "preparation" in name or "allocation" in name]
    assert sorted(hidden) == ["seals/rows/dosing.allocationcommitment.jsonl", "tables/allocation_hash.csv"]
    problems = check(str(forged(file, RECORDS, lambda text: text.replace('"37.50"', '"38.50"')))).problems
    assert any("patients_historicalrecord" in each and "was altered" in each for each in problems)


@pytest.mark.parametrize(
    ("shown", "held", "agrees"),
    [
        ("", None, True), ("Y", True, True), ("N", True, False), ("1", True, False), ("12", 12, True),
        ("1.50", "1.5", True), ("'-150.0", "-150", True), ("'-150.0", "-15", False),
        ("'-5", -5, True), ("'-5", 5, False),
        ("2026-09-15T09:00:00.000000Z", "2026-09-15 09:00:00.000000", True), ("'=1", "=1", True), ("''x", "'x", True),
        ("2026-09-15T09:00:01.000000Z", "2026-09-15 09:00:00.000000", False), ('["b", "a"]', ["a", "b"], False),
        ('{"a": 1}', {"a": 1}, True), ("x", {"a": 1}, False), ("x", 3, False), ("", "x", False),
        ("Other: 27 read", '{"code":"c","typed":"27 read"}', True), ("Other", '{"code":"c","typed":"27"}', False),
    ],
)  # fmt: skip
def test_a_cell_agrees_with_what_was_sealed(shown, held, agrees):
    assert trail_rows._agrees(shown, held) is agrees
