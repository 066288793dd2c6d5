"""The difference of two exports is a listing of what is new, changed and gone (P11-02)."""

import csv
import io
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from audit.context import acting
from exports.differences import KEYS, Difference, differences
from exports.exporting import tables_of
from exports.tables.columns import StudyTable
from exports.tables.description.keys import key_of
from patients.models import Record
from safety.models import AdverseEvent
from tests.support import build
from trials.models import Trial

pytestmark = pytest.mark.django_db


def exported(trial: Trial, out: Path, *options: str) -> Path:
    call_command("export", "--trial", trial.slug, "--out", str(out), *options, verbosity=0)
    return out


@pytest.fixture
def two(trial, tmp_path) -> tuple[Path, Path]:
    """An export before and after a correction, a new event and a new patient."""
    patient = build.eligible(trial=trial)
    build.event(patient=patient, term="Fever")
    old = exported(trial, tmp_path / "old.zip")
    with acting(system="test", reason="Misread"):
        record = Record.objects.get(patient=patient, form="demography")
        record.values = {**record.values, "height": "179"}
        record.save()
        AdverseEvent.objects.update(term="=High, fever")
    build.event(patient=patient, term="Rash")
    build.patient(trial=trial)
    return old, exported(trial, tmp_path / "new.zip")


def test_what_is_new_changed_and_gone_is_listed_by_table_and_key(two):
    """A changed row says which cell, and what it was."""
    found = list(differences(*two))
    assert Difference("changed", "forms/demography", "patient=LIE-001 visit=SCR visit_number=1 repeat=1", "height",
                      "178", "179") in found  # fmt: skip
    assert (
        Difference("changed", "adverse_events", "patient=LIE-001 number=1", "term", "Fever", "'=High, fever")
        in found
    )
    assert Difference("new", "adverse_events", "patient=LIE-001 number=2") in found
    assert Difference("new", "patients", "patient=LIE-002") in found
    assert not [each for each in found if each.kind == "gone"]
    assert {each.kind for each in found if each.table == "audit_trail"} == {"new"}


def test_the_other_way_round_what_was_new_is_gone(two):
    """The two listings mirror each other."""
    there, back = list(differences(*two)), list(differences(*reversed(two)))
    opposite = {"new": "gone", "gone": "new", "changed": "changed"}
    mirrored = {
        (opposite[each.kind], each.table, each.key, each.column, each.after, each.before) for each in there
    }
    assert {
        (each.kind, each.table, each.key, each.column, each.before, each.after) for each in back
    } == mirrored


def test_an_export_does_not_differ_from_itself(two):
    """Whatever it holds."""
    assert list(differences(two[1], two[1])) == []


def test_a_table_that_only_one_export_has_is_one_difference(trial, two, tmp_path):
    """Such as the trail, which an export of chosen values has not."""
    chosen = exported(trial, tmp_path / "chosen.zip", "--form", "demography")
    found = list(differences(two[1], chosen))
    assert Difference("gone", "audit_trail", "") in found
    assert Difference("gone", "forms/vitals", "") in found


def test_the_command_lists_the_differences_as_csv(two, tmp_path, capsys):
    """On the screen, or in a file that did not exist."""
    call_command("export_diff", str(two[0]), str(two[1]))
    printed = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert {"kind": "changed", "table": "adverse_events", "key": "patient=LIE-001 number=1", "column": "term",
            "before": "Fever", "after": "'=High, fever"} in rows  # fmt: skip
    assert printed.err.strip().endswith("0 gone")
    call_command("export_diff", str(two[0]), str(two[1]), "--out", str(tmp_path / "diff.csv"))
    assert (tmp_path / "diff.csv").read_bytes().decode().splitlines() == printed.out.splitlines()


def test_what_is_no_export_of_csv_is_refused(trial, two, tmp_path):
    """With a sentence that says what to do."""
    lines = exported(trial, tmp_path / "lines.zip", "--format", "jsonl")
    (tmp_path / "torn.zip").write_bytes(b"PK torn")
    for other, told in ((lines, "export both with --format csv"), (tmp_path / "torn.zip", "is no export")):
        with pytest.raises(CommandError) as refused:
            call_command("export_diff", str(two[0]), str(other))
        assert told in str(refused.value)


def test_every_key_is_made_of_columns_of_its_table(trial):
    """A name that no table has would compare whole rows in silence."""
    tables: list[StudyTable] = [
        table
        for each in (trial, build.trial(build.COVID_MSV))
        for table in tables_of(each, sees_treatment=True)
    ]
    known = {table.name: set(table.header) for table in tables}
    assert set(KEYS) <= set(known)
    without = ("patient",)  # Not every table of which rows have an id is about patients.
    assert [name for name, key in KEYS.items() if not set(key) - set(without) <= known[name]] == []
    assert all(key_of(table) for table in tables)
    assert all(set(key_of(table)) <= set(table.header) for table in tables)
