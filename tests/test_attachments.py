"""Files attached to forms, over HTTP: taken in, kept, replaced, sent to those who may read them (SEC-13, SEC-02)."""

import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.permissions import Permission
from accounts.roles import ROLES
from audit.context import acting
from audit.models import AccessEvent
from audit.trail import history_model
from patients.models import Attachment, Draft, Patient, Record
from patients.models.attachments import attachment_storage
from tests import build
from tests.file_samples import archive, jpeg, pdf, png
from trials.models import Trial

pytestmark = pytest.mark.django_db

SCAN = {"ct_done": "Y"}


@pytest.fixture
def trial() -> Trial:
    return build.trial()


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial, nurse) -> Patient:
    patient = build.patient(trial=trial, by=nurse)
    build.consent(patient, by=nurse)
    return patient


@pytest.fixture
def desk(nurse) -> Client:
    return build.client(nurse)


def address(patient: Patient, end: str = "") -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/chest_imaging/{end}"


def hidden(page: str) -> dict[str, str]:
    found = dict(re.findall(r'<input type="hidden" name="(_\w+|form_owner)" value="([^"]*)">', page))
    key = re.search(r'name="ct_report" id="id_ct_report" value="(\w*)"', page)
    assert key is not None
    return {**found, "ct_report": key[1]}


def opened(desk: Client, patient: Patient) -> dict[str, str]:
    return hidden(desk.get(address(patient)).content.decode())


def upload(data: bytes = b"", name: str = "report.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or pdf(), "application/octet-stream")


def save(desk: Client, patient: Patient, file: Any = None, **told: Any) -> Any:
    files = {"ct_report-upload": file} if file is not None else {}
    control = opened(desk, patient)
    return desk.post(address(patient), {**control, **SCAN, "_action": "draft", **files, **told})


def words(response: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def held() -> dict[str, Any]:
    value: dict[str, Any] = Record.objects.get(form="chest_imaging").values["ct_report"]
    return value


def sent(desk: Client, patient: Patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/files/{held()['file']}/"


class TestTakenIn:
    def test_a_file_is_stored_with_its_hash_and_sent_back_as_it_was(self, desk, patient, nurse):
        assert save(desk, patient, upload(name="CT Dupont.pdf")).status_code == 302
        row = Attachment.objects.get()
        assert held() == {
            "file": row.key, "name": "CT Dupont.pdf", "kind": "pdf", "size": len(pdf()),
            "sha256": hashlib.sha256(pdf()).hexdigest(),
        }  # fmt: skip
        assert re.fullmatch(r"[0-9a-f]{32}", row.key)
        assert row.uploaded_by == nurse
        answer = desk.get(sent(desk, patient))
        assert answer.content == pdf()
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == 'attachment; filename="CT Dupont.pdf"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"

    @pytest.mark.parametrize(("data", "kind"), [(jpeg(), "jpeg"), (png(), "png")])
    def test_the_content_decides_not_the_name(self, desk, patient, data, kind):
        save(desk, patient, upload(data, "report.pdf"))
        assert held()["kind"] == kind
        assert held()["name"] == f"report.pdf.{'jpg' if kind == 'jpeg' else 'png'}"

    @pytest.mark.parametrize(
        ("data", "name", "sentence"),
        [
            (b"MZ a program", "report.pdf", "This is no PDF, JPEG, PNG file, whatever its name says"),
            (b"<script>alert(1)</script>", "scan.png", "This is no PDF, JPEG, PNG file"),
            (pdf()[:-30], "report.pdf", "The file is cut off or damaged"),
            (png() + archive(), "scan.png", "More than one file is hidden in this one"),
            (png(60_000, 60_000), "scan.png", "The picture is larger than 10000 × 10000 points"),
            (b"\0" * 128 + b"DICM", "scan.dcm", "DICOM images stay in the archive"),
            (pdf() + b" " * 10_000_001, "report.pdf", "at most 10 MB are taken"),
        ],
    )
    def test_what_is_refused_says_what_to_do_and_nothing_typed_is_lost(
        self, desk, patient, data, name, sentence
    ):
        answer = save(desk, patient, upload(data, name), remarks="Seen by Dr Lambert")
        page = answer.content.decode()
        assert answer.status_code == 422
        assert words(answer).count(sentence) >= 2
        assert "Seen by Dr Lambert" in page
        assert 'href="#id_ct_report-upload"' in page
        assert not Attachment.objects.exists()
        assert not Record.objects.exists()

    def test_an_empty_file_is_refused(self, desk, patient):
        answer = save(desk, patient, SimpleUploadedFile("report.pdf", b""))
        assert answer.status_code == 422
        assert "The file is empty" in words(answer)

    def test_a_name_is_shown_escaped_and_cleaned(self, desk, patient):
        save(desk, patient, upload(name="..\\..\\<img src=x onerror=alert(1)>\u202e.pdf"))
        page = desk.get(address(patient)).content.decode()
        assert "<img src=x" not in page
        assert "\u202e" not in page
        assert held()["name"].startswith("_img src=x onerror=alert(1)_")

    def test_another_item_takes_no_file(self, desk, patient):
        control = opened(desk, patient)
        answer = desk.post(address(patient), {**control, "remarks-upload": upload(), "_action": "draft"})
        assert answer.status_code == 400
        assert not Attachment.objects.exists()

    def test_a_form_that_is_closed_takes_no_file(self, trial, nurse, desk):
        without_consent = build.patient(trial=trial, by=nurse)
        control = {"_version": "0", "_protocol": str(trial.protocol_id), "_state": "", "_key": "k"}
        answer = desk.post(
            address(without_consent), {**control, "ct_report-upload": upload(), "_action": "draft"}
        )
        assert answer.status_code == 422
        assert not Attachment.objects.exists()


class TestKept:
    def test_a_file_survives_a_refused_form(self, desk, patient):
        refused = save(desk, patient, upload(), ct_on="yesterdayish")
        page = refused.content.decode()
        assert refused.status_code == 422
        assert "<b>report.pdf</b>" in page
        again = {**hidden(page), **SCAN, "_action": "draft"}
        assert desk.post(address(patient), again).status_code == 302
        assert held()["name"] == "report.pdf"
        assert Attachment.objects.count() == 1

    def test_a_refused_file_leaves_the_one_before(self, desk, patient):
        save(desk, patient, upload())
        refused = save(desk, patient, upload(b"MZ", "other.pdf"))
        assert refused.status_code == 422
        assert hidden(refused.content.decode())["ct_report"] == held()["file"]

    def test_a_draft_keeps_the_file_and_gives_it_back(self, desk, patient):
        """Autosave: the page learns the key, and the file is there when it is opened again."""
        control = opened(desk, patient)
        kept = desk.post(address(patient, "keep/"), {**control, **SCAN, "ct_report-upload": upload()})
        told = json.loads(kept.content)["files"]["ct_report"]
        assert told == {"key": Attachment.objects.get().key, "words": "report.pdf (PDF, 1 kB)"}
        assert not Record.objects.exists()
        page = desk.get(address(patient)).content.decode()
        assert "<b>report.pdf</b>" in page
        desk.post(address(patient), {**hidden(page), **SCAN, "_action": "draft"})
        assert held()["file"] == told["key"]
        assert not Draft.objects.exists()

    def test_autosave_says_why_a_file_is_not_kept(self, desk, patient):
        control = opened(desk, patient)
        kept = desk.post(address(patient, "keep/"), {**control, "ct_report-upload": upload(b"MZ", "x.pdf")})
        assert "This is no PDF" in json.loads(kept.content)["files"]["ct_report"]["refused"]

    def test_a_file_sent_after_the_session_ended_must_be_chosen_again_and_the_page_says_so(
        self, desk, patient, nurse
    ):
        control = opened(desk, patient)
        desk.logout()
        told = {**control, **SCAN, "remarks": "Typed before", "ct_report-upload": upload(name="late.pdf")}
        answer = desk.post(address(patient), {**told, "_action": "draft"})
        assert answer.status_code == 302
        back = re.search(r"next=([^&]+)", answer["Location"])
        assert back is not None
        from urllib.parse import unquote

        page = build.client(nurse).get(unquote(back[1]))
        assert "Typed before" in page.content.decode()
        assert "“late.pdf” was not kept when the session ended: choose the file again." in words(page)
        assert not Attachment.objects.exists()

    def test_a_file_kept_before_the_session_ended_comes_back(self, desk, patient, nurse):
        control = opened(desk, patient)
        desk.post(address(patient, "keep/"), {**control, **SCAN, "ct_report-upload": upload()})
        control["ct_report"] = Attachment.objects.get().key
        desk.logout()
        answer = desk.post(address(patient), {**control, **SCAN, "_action": "draft"})
        from urllib.parse import parse_qs, urlsplit

        back = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
        assert "<b>report.pdf</b>" in build.client(nurse).get(back).content.decode()

    def test_a_double_click_stores_the_file_once(self, desk, patient):
        control = opened(desk, patient)
        for _click in range(2):
            told = {**control, **SCAN, "_action": "draft", "ct_report-upload": upload()}
            assert desk.post(address(patient), told).status_code == 302
        assert (Attachment.objects.count(), Record.objects.count()) == (1, 1)
        assert len(attachment_storage().listdir("")[1]) >= 1

    def test_two_tabs_see_both_files(self, desk, patient, trial):
        mine, theirs = opened(desk, patient), opened(desk, patient)
        told = {**SCAN, "_action": "draft"}
        desk.post(address(patient), {**mine, **told, "ct_report-upload": upload(pdf("first"), "first.pdf")})
        answer = desk.post(
            address(patient), {**theirs, **told, "ct_report-upload": upload(pdf("second"), "second.pdf")}
        )
        assert answer.status_code == 409
        assert "first.pdf" in words(answer)
        assert "second.pdf" in words(answer)

    def test_a_replaced_file_stays_in_the_history(self, desk, patient, trial):
        save(desk, patient, upload(pdf("first"), "first.pdf"))
        before = sent(desk, patient)
        save(desk, patient, upload(pdf("second"), "second.pdf"))
        assert held()["name"] == "second.pdf"
        assert desk.get(before).content == pdf("first")
        panel = words(desk.get(address(patient) + "?field=ct_report"))
        first, second = (hashlib.sha256(pdf(text)).hexdigest() for text in ("first", "second"))
        assert f"first.pdf (PDF, 1 kB, SHA-256 {first})" in panel
        trail = words(desk.get(f"/trials/{trial.slug}/trail/?patient={patient.code}"))
        assert f"SHA-256 {second}" in trail

    def test_a_file_is_taken_away_and_stays_in_the_history(self, desk, patient):
        save(desk, patient, upload())
        there = sent(desk, patient)
        save(desk, patient, **{"ct_report-clear": "1"})
        assert "ct_report" not in Record.objects.get().values
        assert desk.get(there).status_code == 200

    def test_a_form_that_is_struck_out_keeps_its_file(self, desk, patient):
        save(desk, patient, upload())
        there = sent(desk, patient)
        desk.post(address(patient, "strike-out/"), {"reason": "Other patient"})
        assert Record.objects.get().state == "struck_out"
        call_command("clear_uploads", days=1)
        assert desk.get(there).status_code == 200

    def test_what_is_stored_never_changes(self, desk, patient):
        from django.db import DatabaseError, transaction

        save(desk, patient, upload())
        with acting(system="test"), pytest.raises(DatabaseError), transaction.atomic():
            Attachment.objects.update(name="other.pdf")

    def test_a_file_that_was_altered_on_the_disk_is_not_sent(self, desk, patient):
        save(desk, patient, upload())
        storage, key = attachment_storage(), held()["file"]
        storage.delete(key)
        storage.save(key, io.BytesIO(pdf("altered")))
        answer = desk.get(sent(desk, patient))
        assert answer.status_code == 409
        assert b"altered" not in answer.content

    def test_saving_a_form_without_files_costs_no_statement_more(self, desk, patient):
        def cost(form: str) -> int:
            place = address(patient).replace("chest_imaging", form)
            page = desk.get(place).content.decode()
            control = dict(re.findall(r'<input type="hidden" name="(_\w+)" value="([^"]*)">', page))
            with CaptureQueriesContext(connection) as counted:
                assert desk.post(place, {**control, "_action": "draft"}).status_code == 302
            return len(counted)

        assert cost("vitals") == cost("chest_imaging")


class TestCleared:
    def kept_only(self, desk: Client, patient: Patient) -> Attachment:
        control = opened(desk, patient)
        desk.post(address(patient, "keep/"), {**control, **SCAN, "ct_report-upload": upload()})
        return Attachment.objects.get()

    def test_a_file_of_an_abandoned_draft_is_cleared_after_some_days(self, desk, patient, capsys):
        row = self.kept_only(desk, patient)
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            call_command("clear_uploads")
            assert Attachment.objects.exists()
            Draft.objects.all().delete()
            call_command("clear_uploads")
        assert not Attachment.objects.exists()
        assert not attachment_storage().exists(row.key)
        trail = history_model(Attachment).objects.latest("history_id")
        assert (trail.history_type, trail.history_user_name) == ("-", "system:clear_uploads")

    def test_a_fresh_file_is_left_alone(self, desk, patient):
        self.kept_only(desk, patient)
        Draft.objects.all().delete()
        call_command("clear_uploads")
        assert Attachment.objects.exists()

    def test_what_a_crash_left_in_the_storage_is_cleared(self, patient):
        storage = attachment_storage()
        storage.save("0" * 32, io.BytesIO(b"left"))
        call_command("clear_uploads")
        assert storage.exists("0" * 32)
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            call_command("clear_uploads")
        assert not storage.exists("0" * 32)


class TestRead:
    @pytest.mark.parametrize("role", sorted(ROLES))
    def test_only_those_who_may_read_files_get_one_and_every_look_is_recorded(
        self, desk, patient, trial, role
    ):
        """AUD-08: a scan may name the patient."""
        save(desk, patient, upload())
        reader = build.user(role, trial=trial)
        may = Permission.SEE_FILES in ROLES[role].permissions
        browser = build.client(reader)
        answer = browser.get(sent(desk, patient))
        assert answer.status_code == (200 if may else 403)
        seen = AccessEvent.objects.filter(kind="file_seen", user_id=reader.pk)
        assert [(each.patient_id, each.detail["file"]) for each in seen] == (
            [(patient.pk, "report.pdf")] if may else []
        )
        page = browser.get(address(patient)).content.decode()
        assert (f'href="{sent(desk, patient)}"' in page) is (
            may and role not in ("coordinator", "investigator")
        )

    def test_a_file_of_another_trial_or_patient_is_not_there(self, desk, patient, trial, nurse):
        """SEC-02: an id in the address of somebody else's patient or trial is 404."""
        save(desk, patient, upload())
        there = sent(desk, patient)
        other = build.patient(trial=trial, by=nurse)
        assert desk.get(there.replace(patient.code, other.code)).status_code == 404
        foreign = build.trial(build.COVID_MSV)
        stranger = build.client(build.user("investigator", trial=foreign))
        assert stranger.get(there).status_code == 404
        assert stranger.get(there.replace(trial.slug, foreign.slug)).status_code == 404
        assert desk.get(there.replace(held()["file"], "f" * 32)).status_code == 404
        assert Client().get(there).status_code == 302

    def test_the_key_of_another_patient_attaches_nothing(self, desk, patient, trial, nurse):
        """SEC-02: ids in the body too."""
        save(desk, patient, upload())
        other = build.patient(trial=trial, by=nurse)
        build.consent(other, by=nurse)
        control = {**opened(desk, other), "ct_report": held()["file"]}
        for end in ("", "keep/", "check/"):
            answer = desk.post(address(other, end), {**control, **SCAN, "_action": "draft"})
            assert answer.status_code == 400, end
        assert not Record.objects.filter(patient=other).exists()

    def test_what_a_browser_says_of_a_file_is_not_believed(self, desk, patient):
        save(desk, patient, upload())
        forged = json.dumps({**held(), "name": "forged.pdf", "sha256": "0" * 64})
        for text in (forged, "{}", "[]", "x", '{"refused": "%s", "parameters": {}}', held()["file"].upper()):
            told = {**opened(desk, patient), **SCAN, "_action": "draft", "ct_report": text}
            assert desk.post(address(patient), told).status_code == 400, text
        assert held()["name"] == "report.pdf"

    def test_the_name_of_a_file_input_sent_as_text_is_nothing(self, desk, patient):
        """htmx asks about the form without its files."""
        control = opened(desk, patient)
        told = {**control, **SCAN, "ct_report-upload": "[object File]", "_action": "draft"}
        assert desk.post(address(patient, "check/"), told).status_code == 200
        assert desk.post(address(patient), told).status_code == 302
        assert "ct_report" not in Record.objects.get().values


class TestExported:
    def taken(self, role: str, trial: Trial) -> zipfile.ZipFile:
        browser = build.client(build.user(role, trial=trial))
        answer = browser.post(f"/trials/{trial.slug}/exports/", {"purpose": "files"})
        return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))

    def test_files_are_in_the_export_with_their_hash(self, desk, patient, trial):
        save(desk, patient, upload())
        archive = self.taken("data_manager", trial)
        place = f"files/{held()['file']}.pdf"
        assert archive.read(place) == pdf()
        manifest = {each["name"]: each for each in json.loads(archive.read("manifest.json"))["files"]}
        assert manifest[place]["sha256"] == held()["sha256"]
        table = archive.read("forms/chest_imaging.csv").decode()
        assert f",report.pdf,{place},{held()['sha256']},{len(pdf())}" in table

    def test_who_may_not_read_files_takes_none_along(self, desk, patient, trial):
        save(desk, patient, upload())
        names = self.taken("statistician", trial).namelist()
        assert not [name for name in names if name.startswith("files/")]
        assert "forms/chest_imaging.csv" in names

    def test_a_file_that_was_taken_away_is_not_exported(self, desk, patient, trial):
        save(desk, patient, upload())
        save(desk, patient, **{"ct_report-clear": "1"})
        assert not [
            name for name in self.taken("data_manager", trial).namelist() if name.startswith("files/")
        ]


def test_pages_and_files_tell_a_blinded_reader_the_same_in_both_arms():
    """BLD-01: captured files belong to forms that both arms share; nothing around them depends on the arm."""
    from dosing.allocation import generate_list
    from tests import blind

    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="known")
    doctor = build.user("investigator", trial=trial)
    patient = build.enrolled(trial=trial, investigator=doctor)
    desk = build.client(doctor)
    assert save(desk, patient, upload()).status_code == 302
    monitor = build.client(build.user("monitor", trial=trial))
    addresses = [address(patient), address(patient) + "?field=ct_report", sent(desk, patient)]

    def read() -> dict[str, bytes]:
        return blind.crawl(monitor, addresses)

    before = blind.read_after(trial, blind.as_it_is, read)
    after = blind.read_after(trial, blind.swap_arms, read)
    assert blind.differences(before, after) == {}
    assert all(page.startswith(b"200") for page in before.values())
