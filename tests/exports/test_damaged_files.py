"""Attached files that are missing or altered: the verification names them, an export says so (SEC-13, REL-07)."""

import io
import json
import zipfile

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from audit import triggers
from audit.models import AccessEvent
from audit.sealing.verification import Tally, findings
from patients.models import Attachment, Record
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.pages.attachments import save, upload
from tests.support.study.file_samples import pdf

pytestmark = pytest.mark.django_db


@pytest.fixture
def attached(trial):
    """Two patients with a report each."""
    patients = [build.patient(trial=trial) for _ in range(2)]
    nurse = build.client(build.user("coordinator", trial=trial))
    for number, patient in enumerate(patients):
        build.consent(patient)
        assert save(nurse, patient, upload(pdf(f"report {number}"))).status_code == 302
    return list(Attachment.objects.order_by("pk"))


@pytest.fixture
def inspector(trial):
    return build.user("inspector", trial=trial)


def alter(row: Attachment) -> None:
    attachment_storage().delete(row.key)
    attachment_storage().save(row.key, io.BytesIO(pdf("altered")))


def remove(row: Attachment) -> None:
    attachment_storage().delete(row.key)


def exported(person, trial) -> zipfile.ZipFile:
    answer = build.client(person).post(reverse("exports:index", args=[trial.slug]), {"purpose": "analysis"})
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def told(archive: zipfile.ZipFile) -> dict:
    return json.loads(archive.read("manifest.json"))


def test_files_as_they_were_stored_verify_and_the_export_is_complete(trial, attached, inspector):
    tally = Tally()
    assert list(findings(tally)) == []
    assert tally.files == 2
    manifest = told(exported(inspector, trial))
    assert (manifest["complete"], manifest["damaged_files"]) == (True, [])


@pytest.mark.parametrize(("damage", "problem"), [(alter, "was altered"), (remove, "is missing")])
def test_a_damaged_file_is_named(attached, damage, problem):
    damage(attached[1])
    assert [str(each) for each in findings(Tally())] == [
        f"patients_attachment {attached[1].pk}: the file of chest_imaging.ct_report {problem}"
    ]


def test_a_file_whose_row_was_deleted_is_named(trial, attached):
    row = attached[0]
    with triggers.lifted():
        Attachment.objects.filter(pk=row.pk).delete()
    assert {str(each) for each in findings(Tally())} == {
        f"patients_attachment {row.pk}: is gone without a trace",
        f"file {row.key}: a form of {trial.slug} holds it, but no row tells of it",
    }


@pytest.mark.parametrize(("damage", "problem"), [(alter, "was altered"), (remove, "is missing")])
def test_an_export_says_which_files_it_lacks(trial, attached, inspector, damage, problem):
    """EXP: it holds everything else, the manifest is marked incomplete, and so is its line in the register."""
    damage(attached[0])
    archive = exported(inspector, trial)
    manifest, name = told(archive), f"files/{attached[0].key}.pdf"

    assert manifest["complete"] is False
    assert manifest["damaged_files"] == [{"name": name, "sha256": attached[0].sha256, "problem": problem}]
    assert name not in archive.namelist()
    assert f"files/{attached[1].key}.pdf" in archive.namelist()
    page = build.client(inspector).get(reverse("exports:index", args=[trial.slug])).content.decode()
    assert "Incomplete: 1 attached file is damaged and was not sent" in page
    assert attached[0].key not in page


def test_an_export_lacks_a_file_whose_row_was_deleted(trial, attached, inspector):
    with triggers.lifted():
        Attachment.objects.filter(pk=attached[0].pk).delete()
    assert told(exported(inspector, trial))["damaged_files"] == [
        {"name": f"files/{attached[0].key}.pdf", "sha256": attached[0].sha256, "problem": "is missing"}
    ]


def test_the_trail_tells_the_number_and_to_readers_of_files_which(trial, attached, inspector):
    alter(attached[0])
    exported(inspector, trial)
    event = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert event.detail["damaged"] == [f"files/{attached[0].key}.pdf"]
    for role, shown in (("administrator", False), ("data_manager", True)):
        page = build.client(build.user(role, trial=trial)).get(f"/trials/{trial.slug}/trail/?kind=access")
        assert (attached[0].key in page.content.decode()) is shown, role


def test_an_export_by_somebody_who_may_not_read_files_is_complete_without_them(trial, attached):
    """Files left out by right are no damage."""
    alter(attached[0])
    archive = exported(build.user("administrator", trial=trial), trial)
    assert told(archive)["complete"] is True
    assert not [name for name in archive.namelist() if name.startswith("files/")]


def test_the_command_writes_the_archive_and_fails(trial, attached, inspector, tmp_path, capsys):
    alter(attached[0])
    out = tmp_path / "study.zip"
    with pytest.raises(CommandError, match=r"is incomplete\. .*files/\w+\.pdf was altered"):
        call_command("export", "--trial", trial.slug, "--out", str(out), "--user", inspector.username)
    assert told(zipfile.ZipFile(out))["complete"] is False


def test_a_form_holds_its_file_in_the_record(attached):
    """What these tests damage is what records refer to."""
    assert {row.values["ct_report"]["file"] for row in Record.objects.filter(form="chest_imaging")} == {
        row.key for row in attached
    }
