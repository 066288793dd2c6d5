"""Questions of inspectors about the installation, its copies and what left it, asked on the pages and compared."""

import csv
import hashlib
import io
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from pypdf import PdfReader

from audit import events
from audit.context import acting
from audit.management.operator import operating
from audit.models import AccessEvent
from audit.sealing.verification import TrailFinding
from operation import trail_verification
from operation.backups.backup import make_backup
from operation.backups.database_copies import HeldCopy
from operation.backups.drill import Drill
from operation.backups.restoring import Restored
from operation.backups.table_facts import TableFacts
from operation.management.commands import restore_drill
from tests.support import build
from tests.support.pages.clicking import ClickingReader
from trials.models import Delegation, TrainingConfirmation
from trials.roles import ROLES
from trials.training import confirm_training, documents_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
MOST_CLICKS = 3
SPONSOR = ("data_manager", "administrator", "sponsor_representative", "sponsor_safety")


@pytest.fixture
def inspector(trial):
    person = build.user("inspector", trial=trial, full_name="Ines Inspector")
    return lambda: ClickingReader(person, trial.slug)


def test_30_what_was_exported_by_whom_when_with_which_content_and_hash(trial, inspector):
    """PRV-04: held against the events and against the bytes of the files themselves."""
    manager = build.user("data_manager", trial=trial, full_name="Dora Manager")
    browser = build.client(manager)
    files = [
        b"".join(browser.get(f"/trials/{trial.slug}/{page}", {"format": "csv"}).streaming_content)
        for page in ("patients/", "queries/", "trail/", "people/access/")
    ]
    study = browser.post(f"/trials/{trial.slug}/exports/", {"purpose": "Interim analysis"})
    files.append(b"".join(study.streaming_content))
    reader = inspector().click("Export register").filtered(person="Dora")
    assert reader.clicks <= MOST_CLICKS
    assert "5 rows" in reader.text
    for content in files:
        assert hashlib.sha256(content).hexdigest() in reader.text
        assert str(len(content)) in reader.text
    assert f"Dora Manager ({manager.username}) Data manager" in reader.text
    assert "Interim analysis" in reader.text
    assert (
        AccessEvent.objects.filter(user_id=manager.pk, kind="exported", detail__stage="started").count() == 5
    )


def test_31_when_was_the_last_backup_and_when_was_a_restore_tested(
    trial, inspector, tmp_path, settings, monkeypatch
):
    """BKP-01, CTL-05: held against the files of the backup and the events of backup and drill."""
    settings.BACKUP_KEY_FILE, settings.DATA_DIR = tmp_path / "key", tmp_path
    settings.SEAL_FILE = tmp_path / "seals.log"
    operator = build.user("administrator", full_name="Otto Operator")
    with operating(operator):
        backup = make_backup(to=tmp_path / "backups", copier=SmallDatabase())
    monkeypatch.setattr(restore_drill, "run_drill", lambda **_arguments: drilled(backup.folder))
    call_command("restore_drill", source=tmp_path / "backups", user=operator.username)
    reader = inspector().click("System")
    assert reader.clicks <= MOST_CLICKS
    size = sum(file.stat().st_size for file in backup.folder.iterdir())
    sums = hashlib.sha256((backup.folder / "SHA256SUMS").read_bytes()).hexdigest()
    made = AccessEvent.objects.get(kind="backup", detail__stage="finished")
    assert made.detail["sha256"] == sums
    told = reader.text.split("Last backup: ")[1].split("Clock")[0]
    assert told.startswith(backup.folder.name)
    assert f"{size} bytes" in told.replace(",", "")
    assert sums in told
    assert told.count("for Otto Operator") == 2
    assert "7 tables and 1234 rows compared" in told.replace(",", "")
    assert "60 s of work would be lost" in told


class SmallDatabase:
    """A database of one row, to be copied: the database of the tests lies in memory."""

    engine = "sqlite"

    @contextmanager
    def held(self, folder):
        yield HeldCopy({"row": TableFacts(1, "0" * 64)}, iter([b"content"]), [], None)


def drilled(backup):
    restored = Restored(backup, datetime(2026, 9, 15, 2, tzinfo=UTC), 7, 1234, 1, 0, 3.5)
    return Drill(restored, timedelta(seconds=60), 9.25, 4.0, [], [])


def test_32_what_is_the_time_source_and_its_drift(trial, inspector, settings):
    """AUD-02: held against the event of the clock."""
    settings.TIME_SOURCE = "chrony, ntp.hospital.example"
    reader = inspector().click("System")
    assert "The clock was not compared yet." in reader.text
    call_command("due", now="clock")
    reader = inspector().click("System")
    assert reader.clicks <= MOST_CLICKS
    told = AccessEvent.objects.get(kind="clock_read").detail
    assert "chrony, ntp.hospital.example" in reader.text
    words = {True: "Synchronised", False: "Not synchronised", None: "does not say"}
    assert words[told["synchronised"]] in reader.text
    # The kernel counts the error of a clock that is not synchronised to 16 s only: the page does not show it.
    if told["synchronised"]:
        assert f"at most {told['largest error ms']} ms off" in reader.text.replace(",", ".")


def test_33_where_validation_training_retention_and_decommissioning_are_documented(
    trial, inspector, settings, tmp_path
):
    """VAL-01, CTL-04, CTL-05: held against the files of the pack, the confirmations and the patients."""
    assert "This installation holds no validation pack." in inspector().click("System").text
    (tmp_path / "requirements.csv").write_text("id,verdict\nAUD-01,held\nAUD-02,held\nVAL-02,no test\n")
    (tmp_path / "versions.csv").write_text("part,version,remark\nStroma,0.1.0,\nCommit,abc123,\n")
    sums = "".join(
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("requirements.csv", "versions.csv")
    )
    (tmp_path / "SHA256SUMS").write_text(sums)
    settings.VALIDATION_PACK = tmp_path
    nurse = build.user("coordinator", trial=trial)
    document = documents_of(trial)[0]
    with acting(user=nurse, role="coordinator"):
        confirm_training(
            trial=trial, document=document.id, version=document.version, password=build.PASSWORD, by=nurse
        )
    reader = inspector().click("System")
    assert reader.clicks <= MOST_CLICKS
    assert "Validation pack of commit abc123: held 2, no test 1" in reader.text
    assert hashlib.sha256(sums.encode()).hexdigest() in reader.text
    line = reader.text.split(document.title.in_language("en"))[1].split()[:4]
    assert str(TrainingConfirmation.objects.filter(document=document.id).count()) in line
    assert "25 years after the end of the trial. The trial has not ended." in reader.text or (
        "Nothing was infused yet." in reader.text
    )
    assert "restore it into a scratch database" in reader.text.split("Decommissioning checklist")[1]
    # Changed, or so damaged that it cannot be read: the page answers, and names the file.
    for content in (b"changed", b"\xff\xfe"):
        (tmp_path / "versions.csv").write_bytes(content)
        assert "versions.csv is not the file of the pack any more." in inspector().click("System").text


def test_38_is_the_trail_intact_and_when_was_it_last_verified(
    trial, inspector, record, settings, tmp_path, django_capture_on_commit_callbacks
):
    """AUD-07: asked for on the page, run by the worker, its result kept; held against the verification itself."""
    settings.SEAL_FILE = tmp_path / "seals.log"
    with django_capture_on_commit_callbacks(execute=True):
        call_command("seal")
    reader = inspector().click("System")
    assert "The trail was not verified yet." in reader.text
    reader.browser.post(reader.address)
    assert "Ines Inspector asked for a verification" in inspector().click("System").text
    reader.browser.post(reader.address)
    assert AccessEvent.objects.filter(kind="verification").count() == 1
    call_command("due", now="verification")
    reader = inspector().click("System")
    assert reader.clicks <= MOST_CLICKS
    kept = AccessEvent.objects.get(kind="verification", detail__stage="finished").detail
    assert (kept["first"], kept["findings"], kept["seals"]) == ("", 0, 1)
    assert "The trail is intact." in reader.text
    assert f"1 seals, {kept['rows']} sealed rows" in reader.text
    assert "asked for a verification" not in reader.text
    call_command("due", now="verification")
    assert AccessEvent.objects.filter(kind="verification", detail__stage="finished").count() == 1
    (tmp_path / "seals.log").write_text("1 2026-01-01T00:00:00.000000Z " + "0" * 64 + "\n")
    reader.browser.post(reader.address)
    call_command("due", now="verification")
    assert "call the administrator" in inspector().click("System").text


def test_a_blinded_reader_is_told_no_number_of_rows_that_follows_the_laboratory():
    """BLD-03: two verifications, one before and one after a step of the laboratory, would tell how much it wrote."""
    trial = build.trial(build.COVID_MSV)
    counts = {"seals": 1, "rows": 777_123, "signatures": 5, "files": 0, "newer": 888_123, "seconds": 1.5}
    detail = {"stage": "finished", "findings": 0, "first": "", **counts}
    with acting(system="verification"):
        events.record(kind="verification", trial_id=trial.pk, detail=detail)
    numbers = {"777123", "888123"}
    for role, told in (("principal_investigator", set()), ("inspector", numbers)):
        reader = ClickingReader(build.user(role, trial=trial), trial.slug).click("System")
        assert "The trail is intact." in reader.text
        assert {each for each in numbers if each in reader.text} == told
        reader.click("Audit trail").filtered(kind="verification")
        assert "Verification of the trail</td>" in reader.markup
        assert {each for each in numbers if each in reader.text} == told
    # Nor does a search find the event by its number; the form repeats what was sought.
    reader = ClickingReader(build.user("principal_investigator", trial=trial), trial.slug).click(
        "Audit trail"
    )
    assert "Verification of the trail</td>" not in reader.filtered(search="777123").markup


def test_a_blinded_reader_is_told_no_finding_in_a_table_of_the_product(settings, tmp_path):
    """BLD-03, AUD-07: a preparation that was altered is found; which table it is in would tell that there is one."""
    settings.SEAL_FILE = tmp_path / "seals.log"
    trial = build.trial(build.COVID_MSV)
    first = "dosing_historicalpreparation 7: was altered"
    with acting(system="verification"):
        found = [TrailFinding(*first.split(": ")), TrailFinding("patients_historicalvisit 9", "was removed")]
        told = {"findings": 2, **trail_verification.kept_findings(found)}
        events.record(kind="verification", trial_id=trial.pk, detail={"stage": "finished", **told})
    for role, shown, hidden in (
        ("inspector", first, "patients_historicalvisit 9"),
        ("principal_investigator", "patients_historicalvisit 9: was removed", "dosing_"),
    ):
        reader = ClickingReader(build.user(role, trial=trial), trial.slug).click("System")
        assert "2 findings: call the administrator." in reader.text
        assert shown in reader.text
        assert hidden not in reader.text
    reader.click("Audit trail").filtered(kind="verification")
    assert "dosing_" not in reader.text


def test_the_page_needs_as_many_queries_for_a_long_history_as_for_none(
    trial, inspector, django_assert_max_num_queries
):
    """Verified, backed up and compared often or never."""
    reader = inspector().click("System")
    for _time in range(3):
        call_command("due", now="clock")
    with django_assert_max_num_queries(24):
        reader.click("System")


def test_roles_of_the_sponsor_do_not_read_the_page(trial):
    """SEC-02: it names folders and hosts."""
    for role, status in {
        "administrator": 200,
        "principal_investigator": 200,
        "sponsor_representative": 403,
    }.items():
        person = build.user(role, trial=trial)
        assert build.client(person).get(f"/trials/{trial.slug}/system/").status_code == status


def test_28_a_readable_copy_with_trail_and_metadata_can_be_had(trial, inspector, record):
    """P11-02, CTL-03: held against the history rows, which the trail of the copy has all."""
    reader = inspector().click("Documents")
    assert reader.clicks <= MOST_CLICKS
    assert "the whole audit trail" in reader.text
    answer = reader.browser.post(reader.address, {"kind": "casebook", "patient": record.patient.code})
    taken = reader.browser.get(f"{answer['Location']}file/")
    content = b"".join(taken.streaming_content)
    printed = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
    assert hashlib.sha256(content).hexdigest() in inspector().click("Export register").text
    export = reader.browser.post(f"/trials/{trial.slug}/exports/", {"purpose": "Inspection"})
    # The text of the protocol is a value of the trail.
    csv.field_size_limit(1 << 30)
    with zipfile.ZipFile(io.BytesIO(b"".join(export.streaming_content))) as archive:
        lines = list(csv.DictReader(io.TextIOWrapper(archive.open("audit_trail.csv"), "utf-8")))
    changes = {(line["table"], line["sequence"]) for line in lines if line["patient"] == record.patient.code}
    stored = record.history.count()
    assert len([each for each in changes if each[0] == "patients.record"]) == stored > 0
    assert record.patient.code in printed
    assert "Audit trail" in printed


def test_34_the_investigator_takes_a_copy_without_the_sponsor(trial, inspector, record, tmp_path):
    """CTL-01: held against the rights of the roles, and by taking it with nobody of the sponsor in the trial."""
    investigator = build.user("investigator", trial=trial, full_name="Iris Investigator")
    assert not Delegation.objects.filter(trial=trial, role__in=SPONSOR).exists()
    reader = ClickingReader(investigator, trial.slug).click("Documents")
    assert reader.clicks <= MOST_CLICKS
    assert "Nobody else has to agree." in reader.text
    answer = reader.browser.post(reader.address, {"kind": "investigator_copy"})
    content = b"".join(reader.browser.get(f"{answer['Location']}file/").streaming_content)
    (tmp_path / "copy.zip").write_bytes(content)
    call_command("verify_archive", str(tmp_path / "copy.zip"))
    entitled = {code for code, role in ROLES.items() if "take_copy" in role.permissions}
    assert entitled == {"investigator", "principal_investigator"}
    seen = inspector().click("Export register")
    assert hashlib.sha256(content).hexdigest() in seen.text
    assert "Iris Investigator" in seen.text
