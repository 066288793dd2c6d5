"""The investigator's copy holds ODM with every change, and its check reads it without server and database."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from exports import scheduled_copies
from exports.archive_check.check import check
from tests.exports.odm.checking import problems
from tests.exports.odm.files import odm
from tests.exports.odm.reading import state_of
from tests.support import build
from trials.models import Trial

END = b"</ClinicalData></ODM>"
pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
NAME = "odm/odm-transactions.xml"


@pytest.fixture
def copy(trial: Trial, tmp_path: Path) -> Path:
    build.event(patient=build.enrolled(trial=trial))
    return scheduled_copies.write_scheduled_copy(trial, tmp_path)


def forged(file: Path, change: Callable[[bytes], bytes]) -> Path:
    """Return a copy in which the ODM is changed and the manifest was made anew: no hash tells it."""
    other = file.with_name("forged.zip")
    with zipfile.ZipFile(file) as held, zipfile.ZipFile(other, "w") as made:
        content = change(held.read(NAME))
        assert content != held.read(NAME)
        manifest = json.loads(held.read("manifest.json"))
        facts = next(each for each in manifest["files"] if each["name"] == NAME)
        facts.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name in held.namelist():
            made.writestr(
                name, {NAME: content, "manifest.json": json.dumps(manifest)}.get(name) or held.read(name)
            )
    return other


def test_the_copy_holds_every_change_in_odm(trial, copy):
    """CTL-01, P11-02: the transactions of the copy lead to the data as they are."""
    assert check(str(copy)).problems == []
    content = zipfile.ZipFile(copy).read(NAME)
    assert problems(content) == []
    now = state_of(odm(trial, sees_files=True))
    assert state_of(content).items == now.items
    assert len(now.items) > 50
    assert "odm/" in zipfile.ZipFile(copy).read("README.txt").decode()


def test_the_scheduled_copy_of_a_masked_trial_holds_odm_without_the_treatment(tmp_path):
    """BLD-01: the site reads it, which is blinded."""
    trial = build.trial(build.COVID_MSV)
    build.patient(trial=trial)
    held = zipfile.ZipFile(scheduled_copies.write_scheduled_copy(trial, tmp_path))
    assert [name for name in held.namelist() if name.startswith("odm/")] == [NAME]
    assert b"FO.STUDY.preparations" not in held.read(NAME)
    assert b"FO.STUDY.preparations" in odm(trial)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content[:-20], "is no well-formed XML"),
        (lambda content: content.replace(b"?>", b"?><!DOCTYPE ODM>", 1), "it declares a document type"),
        (lambda content: content.replace(b'"LIE-001"', b'"LIE-009"'), "has nothing of LIE-001"),
        (
            lambda content: content.replace(END, b'<SubjectData SubjectKey="LIE-001"/>' + END),
            "transactions, not",
        ),
    ],
)
def test_damaged_odm_is_named_although_its_hash_was_made_anew(copy, change, problem):
    """CTL-01: the check reads the file, it does not only compare its hash."""
    found = check(str(forged(copy, change))).problems
    assert any(each.startswith(NAME) and problem in each for each in found), found
