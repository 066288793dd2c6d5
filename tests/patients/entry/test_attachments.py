"""Files attached to forms, over HTTP: stored, kept, replaced, removed (SEC-13, SEC-02)."""

import hashlib
import io
import json
import re
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.context import acting
from audit.trail import history_model
from patients.entry.controls import CONTROLS
from patients.models import Attachment, Draft, Patient, Record
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.pages.attachments import SCAN, address, held, hidden, opened, save, sent, upload
from tests.support.pages.entry_pages import words
from tests.support.study.entered_forms import at, draft
from tests.support.study.file_samples import archive, jpeg, pdf, png
from tests.support.translation.readers import reader, three_languages  # noqa: F401

pytestmark = pytest.mark.django_db


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

    @pytest.mark.usefixtures("three_languages")
    @pytest.mark.parametrize(("language", "size"), [("en", "10.1 MB"), ("fr", "10,1 MB"), ("es", "10,1 MB")])
    def test_the_size_of_a_refused_file_has_the_readers_decimal_sign(self, trial, patient, language, size):
        desk = build.client(reader("coordinator", language, trial))
        answer = save(desk, patient, upload(pdf() + b" " * 10_100_000, "report.pdf"))
        assert f"The file has {size}: at most 10 MB are taken" in words(answer)

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
        answer = desk.post(
            address(patient), {**control, "remarks-upload": upload(), CONTROLS.action: "draft"}
        )
        assert answer.status_code == 400
        assert not Attachment.objects.exists()

    def test_a_form_that_is_closed_takes_no_file(self, trial, nurse, desk):
        without_consent = build.patient(trial=trial, by=nurse)
        control = {
            CONTROLS.version: "0",
            CONTROLS.protocol: str(trial.protocol_id),
            CONTROLS.state: "",
            CONTROLS.key: "k",
        }
        answer = desk.post(
            address(without_consent), {**control, "ct_report-upload": upload(), CONTROLS.action: "draft"}
        )
        assert answer.status_code == 422
        assert not Attachment.objects.exists()


class TestKept:
    def test_a_file_survives_a_refused_form(self, desk, patient):
        refused = save(desk, patient, upload(), ct_on="yesterdayish")
        page = refused.content.decode()
        assert refused.status_code == 422
        assert "<b>report.pdf</b>" in page
        again = {**hidden(page), **SCAN, CONTROLS.action: "draft"}
        assert desk.post(address(patient), again).status_code == 302
        assert held()["name"] == "report.pdf"
        assert Attachment.objects.count() == 1

    def test_a_refused_file_leaves_the_one_before(self, desk, patient):
        save(desk, patient, upload())
        refused = save(desk, patient, upload(b"MZ", "other.pdf"))
        assert refused.status_code == 422
        assert hidden(refused.content.decode())["ct_report"] == held()["file"]

    def test_a_draft_keeps_the_file_and_gives_it_back(self, desk, patient):
        """Autosave: the page receives the key, and the file is there when the form is opened again."""
        control = opened(desk, patient)
        kept = desk.post(address(patient, "keep/"), {**control, **SCAN, "ct_report-upload": upload()})
        answer = json.loads(kept.content)["files"]["ct_report"]
        assert answer == {"key": Attachment.objects.get().key, "words": "report.pdf (PDF, 1 kB)"}
        assert not Record.objects.exists()
        page = desk.get(address(patient)).content.decode()
        assert "<b>report.pdf</b>" in page
        desk.post(address(patient), {**hidden(page), **SCAN, CONTROLS.action: "draft"})
        assert held()["file"] == answer["key"]
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
        fields = {**control, **SCAN, "remarks": "Typed before", "ct_report-upload": upload(name="late.pdf")}
        answer = desk.post(address(patient), {**fields, CONTROLS.action: "draft"})
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
        answer = desk.post(address(patient), {**control, **SCAN, CONTROLS.action: "draft"})
        from urllib.parse import parse_qs, urlsplit

        back = parse_qs(urlsplit(answer["Location"]).query)["next"][0]
        assert "<b>report.pdf</b>" in build.client(nurse).get(back).content.decode()

    def test_a_double_click_stores_the_file_once(self, desk, patient):
        control = opened(desk, patient)
        for _click in range(2):
            fields = {**control, **SCAN, CONTROLS.action: "draft", "ct_report-upload": upload()}
            assert desk.post(address(patient), fields).status_code == 302
        assert (Attachment.objects.count(), Record.objects.count()) == (1, 1)
        assert len(attachment_storage().listdir("")[1]) >= 1

    def test_two_tabs_see_both_files(self, desk, patient, trial):
        mine, theirs = opened(desk, patient), opened(desk, patient)
        result = {**SCAN, CONTROLS.action: "draft"}
        desk.post(address(patient), {**mine, **result, "ct_report-upload": upload(pdf("first"), "first.pdf")})
        answer = desk.post(
            address(patient), {**theirs, **result, "ct_report-upload": upload(pdf("second"), "second.pdf")}
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

    def test_a_file_is_removed_and_stays_in_the_history(self, desk, patient):
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
                assert desk.post(place, {**control, CONTROLS.action: "draft"}).status_code == 302
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
        assert (trail.history_type, trail.history_user_name.split(" for ")[0]) == (
            "-",
            "system:clear_uploads",
        )

    def test_a_file_that_was_cleared_meanwhile_is_not_stored(self, desk, patient, nurse):
        """The page was made while the file was there."""
        row = self.kept_only(desk, patient)
        place = at(patient, nurse, "chest_imaging")
        Draft.objects.all().delete()
        with time_machine.travel(timezone.now() + timedelta(days=8)):
            call_command("clear_uploads")
        with pytest.raises(ValidationError, match="choose it again"):
            draft(place, nurse, {**SCAN, "ct_report": row.value})
        assert not Record.objects.filter(form="chest_imaging").exists()

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
