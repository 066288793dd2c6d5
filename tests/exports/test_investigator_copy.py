"""The investigator's own copy: by one click without the sponsor, by schedule, and checked without a server."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import signatures
from audit.context import acting
from audit.models import AccessEvent, Meaning
from exports.archive_check.check import check
from exports.models import Document
from tests.support import build
from tests.support.pages.clicking import plain
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial)


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial, full_name="Iris Investigator")


def ask(person, trial):
    page = reverse("documents:listing", args=[trial.slug])
    return build.client(person).post(page, {"kind": "investigator_copy"})


def copy_of(person, trial, place: Path) -> Path:
    """Take the copy on the page, and keep it as a file."""
    answer = ask(person, trial)
    row = Document.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])
    assert (row.state, row.error) == ("ready", "")
    taken = build.client(person).get(reverse("documents:file", args=[trial.slug, row.pk]))
    file = place / "copy.zip"
    file.write_bytes(b"".join(taken.streaming_content))
    return file


def rewritten(file: Path, change) -> Path:
    """Return another copy: each file with what `change` makes of its name and content; None leaves it out."""
    other = file.with_name("other.zip")
    with zipfile.ZipFile(file) as held, zipfile.ZipFile(other, "w") as made:
        for name in held.namelist():
            content = change(name, held.read(name))
            if content is not None:
                made.writestr(name, content)
    return other


def test_the_investigator_takes_the_copy_by_one_click_and_it_is_whole(
    trial, patient, investigator, tmp_path, django_capture_on_commit_callbacks
):
    """CTL-01: casebooks, tables, trail, seals and manifest; its hash is in the register."""
    with django_capture_on_commit_callbacks(execute=True):
        file = copy_of(investigator, trial, tmp_path)
    found = check(str(file))
    assert (found.problems, found.casebooks, found.chained) == ([], 1, True)
    names = set(zipfile.ZipFile(file).namelist())
    assert {
        f"casebooks/{patient.code}.pdf",
        "tables/patients.csv",
        "tables/audit_trail.csv",
        "seals/seals.log",
        "seals/seals.csv",
        "manifest.json",
        "verify.py",
        "README.txt",
    } <= names
    assert found.manifest["made_by"].startswith("Iris Investigator")
    assert found.seals >= 1
    entry = AccessEvent.objects.get(kind="exported", detail__channel="copy", detail__stage="finished")
    assert entry.detail["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest() == found.sha256


def test_no_role_of_the_sponsor_is_asked_or_can_take_it(trial, patient, investigator, tmp_path):
    """CTL-01, ACC-06: the right is the investigator's alone."""
    entitled = {code for code, role in ROLES.items() if "take_copy" in role.permissions}
    assert entitled == {"investigator", "principal_investigator"}
    for role in ("data_manager", "administrator", "sponsor_representative"):
        assert ask(build.user(role, trial=trial), trial).status_code == 403
    file = copy_of(investigator, trial, tmp_path)
    assert check(str(file)).problems == []
    row = Document.objects.get()
    manager = build.user("data_manager", trial=trial)
    assert build.client(manager).get(reverse("documents:file", args=[trial.slug, row.pk])).status_code == 404


def test_the_command_checks_a_copy_without_any_query(trial, patient, investigator, tmp_path, capsys):
    """CTL-01: neither server nor database."""
    file = copy_of(investigator, trial, tmp_path)
    with CaptureQueriesContext(connection) as queries:
        call_command("verify_archive", str(file), sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    assert len(queries) == 0
    assert "The copy is as it was made." in capsys.readouterr().out
    with pytest.raises(CommandError, match="1 problems"):
        call_command("verify_archive", str(file), sha256="0" * 64)


def test_the_copy_holds_its_own_check_which_runs_with_python_alone(trial, patient, investigator, tmp_path):
    """CTL-01, P11-03: on a bare machine, without Django and without this project."""
    file = copy_of(investigator, trial, tmp_path)
    program = tmp_path / "verify.py"
    program.write_bytes(zipfile.ZipFile(file).read("verify.py"))
    alone = [sys.executable, "-I", "-S", str(program)]
    whole = subprocess.run([*alone, str(file)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "1 casebooks" in whole.stdout
    damaged = rewritten(file, lambda name, content: content.replace(b"consent", b"CONSENT"))
    found = subprocess.run([*alone, str(damaged)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert found.returncode == 1
    assert "its hash or size differs" in found.stdout


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda name, content: None if name == "tables/patients.csv" else content, "patients.csv is missing"),
        (lambda name, content: content + b" " if name.endswith(".pdf") else content, "hash or size differs"),
        (
            lambda name, content: (
                content.replace(b'"patients": [', b'"patients": ["LIE-099",')
                if name == "manifest.json"
                else content
            ),
            "the casebook of LIE-099 is missing",
        ),
    ],
)
def test_what_was_taken_out_or_changed_is_named(trial, patient, investigator, tmp_path, change, problem):
    """CTL-01."""
    other = rewritten(copy_of(investigator, trial, tmp_path), change)
    assert any(problem in each for each in check(str(other)).problems)


def test_the_copy_holds_each_version_of_the_protocol_as_it_was_loaded(trial, patient, investigator, tmp_path):
    """CTL-01: the text by which the data were captured, compared with the hash that it was loaded with."""
    file = copy_of(investigator, trial, tmp_path)
    with zipfile.ZipFile(file) as archive:
        told = json.loads(archive.read("manifest.json"))["protocol_versions"]
        texts = [archive.read(each["file"]).decode() for each in told]
    versions = list(trial.versions.order_by("effective_from", "pk"))
    assert [(each["version"], each["sha256"]) for each in told] == [
        (row.version, row.sha256) for row in versions
    ]
    assert texts == [row.text for row in versions]
    name = told[0]["file"]

    def forged(held: str, content: bytes) -> bytes:
        """Change the protocol and the hash of its file, not the hash that it was loaded with."""
        if held == name:
            return content + b"#"
        if held != "manifest.json":
            return content
        manifest = json.loads(content)
        facts = next(each for each in manifest["files"] if each["name"] == name)
        text = texts[0].encode() + b"#"
        facts.update(bytes=len(text), sha256=hashlib.sha256(text).hexdigest())
        return json.dumps(manifest).encode()

    assert check(str(rewritten(file, forged))).problems == [
        f"{name} is not the protocol file that was loaded as {told[0]['version']}"
    ]


def test_a_seal_that_was_made_anew_does_not_follow_from_the_one_before(
    trial, patient, investigator, tmp_path, django_capture_on_commit_callbacks
):
    """AUD-07: also when its hash in the manifest was made anew."""
    with django_capture_on_commit_callbacks(execute=True):
        file = copy_of(investigator, trial, tmp_path)
    seals = zipfile.ZipFile(file).read("seals/seals.csv")
    forged = seals.replace(b",document,", b",signature,", 1)
    assert forged != seals

    def forge(name, content):
        if name == "seals/seals.csv":
            return forged
        if name != "manifest.json":
            return content
        body = json.loads(content)
        for each in body["files"]:
            if each["name"] == "seals/seals.csv":
                each.update(sha256=hashlib.sha256(forged).hexdigest(), bytes=len(forged))
        return json.dumps(body)

    problems = check(str(rewritten(file, forge))).problems
    assert problems == ["seal 1 does not follow from the one before"]
    assert check(str(tmp_path / "nothing.zip")).problems


class TestBySchedule:
    """The worker writes the copy to a place that the site controls."""

    def test_it_is_written_checked_and_registered_once_in_its_period(
        self, trial, patient, settings, tmp_path
    ):
        """CTL-01."""
        settings.SITE_COPY_DIR = tmp_path
        call_command("due", now="site copies")
        call_command("due", now="site copies")
        (file,) = tmp_path.iterdir()
        assert check(str(file)).problems == []
        entry = AccessEvent.objects.get(kind="exported", detail__scheduled=True)
        assert (entry.detail["stage"], entry.detail["file"]) == ("finished", file.name)
        assert entry.detail["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        with time_machine.travel(timezone.now() + timedelta(days=7), tick=False):
            call_command("due", now="site copies")
        assert len(list(tmp_path.iterdir())) == 2

    def test_one_that_cannot_be_written_says_so_to_those_who_rely_on_it(
        self, trial, patient, investigator, settings, tmp_path, capsys
    ):
        """CTL-01: on the pages, as a notice, and to the administrator of the machine; until it works again."""
        settings.SITE_COPY_DIR = tmp_path / "not mounted"
        with pytest.raises(CommandError, match="site copies"):
            call_command("due", now="site copies")
        browser = build.client(investigator)
        notices = plain(browser.get(f"/trials/{trial.slug}/notices/").content.decode())
        assert "The copy of the investigator could not be written" in notices
        documents = plain(browser.get(f"/trials/{trial.slug}/documents/").content.decode())
        assert "is the place of the site mounted?" in documents
        inspector = build.client(build.user("inspector", trial=trial))
        system = plain(inspector.get(f"/trials/{trial.slug}/system/").content.decode())
        assert "is the place of the site mounted?" in system
        settings.SITE_COPY_DIR.mkdir()
        call_command("due", now="site copies")
        assert "could not be written" not in plain(
            browser.get(f"/trials/{trial.slug}/notices/").content.decode()
        )

    def test_it_is_written_after_each_signature_of_a_casebook(
        self, trial, investigator, settings, tmp_path, capsys
    ):
        """CTL-01: within minutes and once, and a failure is told to the investigators until it is made up for."""
        settings.SITE_COPY_DIR = tmp_path / "place"
        settings.SITE_COPY_DIR.mkdir()
        one, other = (build.patient(trial=trial) for _each in range(2))
        call_command("due", now="copies at signatures")
        settings.SITE_COPY_AT_SIGNATURE = True
        call_command("due", now="copies at signatures")
        assert list(settings.SITE_COPY_DIR.iterdir()) == []

        def sign(patient):
            with acting(user=investigator, role="investigator"):
                signatures.sign(
                    target=patient, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=investigator
                )

        sign(one)
        call_command("due", now="copies at signatures")
        call_command("due", now="copies at signatures")
        (file,) = settings.SITE_COPY_DIR.iterdir()
        assert check(str(file)).problems == []
        file.rename(tmp_path / "kept.zip")
        settings.SITE_COPY_DIR.rmdir()
        with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
            sign(other)
            with pytest.raises(CommandError, match="copies at signatures"):
                call_command("due", now="copies at signatures")
            notices = plain(build.client(investigator).get(f"/trials/{trial.slug}/notices/").content.decode())
            assert "The copy of the investigator could not be written" in notices
            settings.SITE_COPY_DIR.mkdir()
            call_command("due", now="copies at signatures")
        assert len(list(settings.SITE_COPY_DIR.iterdir())) == 1

    def test_in_a_masked_trial_it_keeps_the_blind(self, settings, tmp_path):
        """BLD-01."""
        trial = build.trial(build.COVID_MSV)
        build.enrolled(trial=trial)
        settings.SITE_COPY_DIR = tmp_path
        call_command("due", now="site copies")
        (file,) = tmp_path.iterdir()
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            names = archive.namelist()
        assert manifest["treatment_included"] is False
        assert "the trial is masked" in manifest["left_out"]
        assert "seals/seals.csv" not in names
        # The protocol file holds the sizes of the blocks: its hash is told, its text is not.
        assert [each["file"] for each in manifest["protocol_versions"]] == [""]
        assert not [name for name in names if name.startswith("protocols/")]
        # The published hash of the list is no secret.
        hidden = {name for name in names if "allocation" in name or "preparation" in name}
        assert hidden == {"seals/rows/dosing.allocationcommitment.jsonl", "tables/allocation_hash.csv"}
        assert check(str(file)).problems == []


def test_nothing_is_written_where_no_place_is_named(trial, settings):
    settings.SITE_COPY_DIR = None
    out = io.StringIO()
    call_command("due", now="site copies", stdout=out)
    assert "names no place" in out.getvalue()
