"""Reading attached files: which roles may, and what the other roles see of a file (SEC-02, AUD-08, BLD-01)."""

import io
import json
import zipfile

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from audit.context import acting
from audit.models import AccessEvent
from exports.paper.audience import Audience
from exports.paper.trail import trail_part
from exports.tables.trail.table import trail_table
from patients.entry.controls import CONTROLS
from patients.models import Attachment, Mark, Record
from patients.models.attachments import attachment_storage
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages import blinding
from tests.support.pages.attachments import SCAN, address, held, opened, save, sent, upload
from tests.support.pages.entry_pages import words
from tests.support.study.file_samples import pdf
from trials.models import Trial
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


class TestRead:
    @pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
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
            may and role not in ("coordinator", "investigator", "principal_investigator")
        )

    @pytest.mark.parametrize("harm", ["changed", "gone"])
    def test_a_file_that_is_no_longer_what_was_stored_is_not_given_out(self, desk, patient, harm):
        """SEC-13: the stored hash no longer matches, so the file is not sent."""
        save(desk, patient, upload())
        there = sent(desk, patient)
        key, storage = Attachment.objects.get().key, attachment_storage()
        storage.delete(key)
        if harm == "changed":
            storage.save(key, ContentFile(pdf() + b"%"))
        answer = desk.get(there)
        assert answer.status_code == 409
        assert "This file cannot be opened" in words(answer)
        assert "must be restored from a backup" in words(answer)
        assert not AccessEvent.objects.filter(kind="file_seen").exists()

    def test_a_file_of_another_trial_or_patient_is_not_there(self, desk, patient, trial, nurse):
        """SEC-02: a key in the address of another patient or trial is 404."""
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
        """SEC-02: keys in the body are checked too."""
        save(desk, patient, upload())
        other = build.patient(trial=trial, by=nurse)
        build.consent(other, by=nurse)
        control = {**opened(desk, other), "ct_report": held()["file"]}
        for end in ("", "keep/", "check/"):
            answer = desk.post(address(other, end), {**control, **SCAN, CONTROLS.action: "draft"})
            assert answer.status_code == 400, end
        assert not Record.objects.filter(patient=other).exists()

    def test_what_a_browser_says_of_a_file_is_not_believed(self, desk, patient):
        save(desk, patient, upload())
        forged = json.dumps({**held(), "name": "forged.pdf", "sha256": "0" * 64})
        for text in (forged, "{}", "[]", "x", '{"refused": "%s", "parameters": {}}', held()["file"].upper()):
            fields = {**opened(desk, patient), **SCAN, CONTROLS.action: "draft", "ct_report": text}
            assert desk.post(address(patient), fields).status_code == 400, text
        assert held()["name"] == "report.pdf"

    def test_the_name_of_a_file_input_sent_as_text_is_nothing(self, desk, patient):
        """htmx sends the form without its files."""
        control = opened(desk, patient)
        fields = {**control, **SCAN, "ct_report-upload": "[object File]", CONTROLS.action: "draft"}
        assert desk.post(address(patient, "check/"), fields).status_code == 200
        assert desk.post(address(patient), fields).status_code == 302
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

    def test_a_removed_file_is_not_exported(self, desk, patient, trial):
        save(desk, patient, upload())
        save(desk, patient, **{"ct_report-clear": "1"})
        assert not [
            name for name in self.taken("data_manager", trial).namelist() if name.startswith("files/")
        ]


@pytest.mark.usefixtures("known_day")
def test_pages_and_files_show_a_blinded_reader_the_same_in_both_arms():
    """BLD-01: captured files belong to forms that both arms share; nothing around them depends on the arm."""
    from dosing.allocation.lists import generate_list

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
        return blinding.crawl(monitor, addresses)

    before = blinding.read_after(trial, blinding.as_it_is, read)
    after = blinding.read_after(trial, blinding.swap_arms, read)
    assert blinding.differences(before, after) == {}
    assert all(page.startswith(b"200") for page in before.values())


def told_in(role: str, patient) -> str:
    """Return, as one text, all that the trail (page, CSV, export), paper and the form's pages show to a role."""
    trial = patient.trial
    browser = build.client(build.user(role, trial=trial))
    addresses = [
        address(patient),
        address(patient) + "?field=ct_report",
        f"/trials/{trial.slug}/verification/undone/",
    ]
    addresses += [f"/trials/{trial.slug}/trail/{query}" for query in ("", "?format=csv", "?kind=access")]
    pages = [blinding.shown(browser.get(each)) for each in addresses]
    assert pages[2].startswith(b"200")
    if Permission.EXPORT in ROLES[role].permissions:
        pages.append(blinding.shown(browser.post(f"/trials/{trial.slug}/exports/", {"purpose": "files"})))
    paper = trail_part(patient.pk, Audience(trial, frozenset(map(str, ROLES[role].permissions))))
    return "\n".join([*(page.decode() for page in pages), str(paper)])


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
def test_hash_and_place_of_a_file_are_shown_to_those_who_may_read_files(desk, patient, trial, role):
    """SEC-13, AUD-08: every reader of the trail sees the file's name; the hash would let a reader prove its content."""
    save(desk, patient, upload(pdf("first"), "first.pdf"))
    record = Record.objects.get(form="chest_imaging")
    with acting(system="test"):
        Mark.objects.create(
            patient=patient, record=record, item="ct_report", kind="verification", version=1,
            by=build.user("monitor", trial=trial), role="monitor",
        )  # fmt: skip
    build.client(build.user("inspector", trial=trial)).get(sent(desk, patient))
    save(desk, patient, upload(pdf("second"), "second.pdf"))
    assert Mark.objects.get().undone["old"]["ct_report"]["name"] == "first.pdf"
    rows = [(each.key, each.sha256) for each in Attachment.objects.order_by("pk")]
    text = told_in(role, patient)

    may = Permission.SEE_FILES in ROLES[role].permissions
    for key, digest in rows:
        assert (digest in text) is may
        assert (key in text) is may
    if Permission.SEE_TRAIL in ROLES[role].permissions:
        assert "first.pdf (PDF, 1 kB" in text
        assert ("shown to users who may read files" in text) is not may


@pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
def test_a_page_of_review_shows_the_hash_to_those_who_may_read_files(desk, patient, trial, role):
    """SEC-13: everybody sees the file's name, kind and size, only readers of files its hash."""
    save(desk, patient, upload())
    with acting(system="test"):
        Record.objects.filter(form="chest_imaging").update(state="complete")
    page = build.client(build.user(role, trial=trial)).get(
        f"/trials/{trial.slug}/patients/{patient.code}/review/"
    )
    assert "report.pdf" in words(page)
    assert (held()["sha256"] in words(page)) is (Permission.SEE_FILES in ROLES[role].permissions)


def test_a_hidden_hash_still_shows_that_the_file_was_replaced(desk, patient, trial):
    """AUD-02: another file of the same name and size leaves its entry."""
    for content in ("one", "two"):
        save(desk, patient, upload(pdf(content), "same.pdf"))
    browser = build.client(build.user("statistician", trial=trial))
    page = browser.get(f"/trials/{trial.slug}/trail/?form=chest_imaging&item=ct_report&kind=changed")
    changes = [change for line in page.context["listing"].lines for change in line.changes]
    table = trail_table(trial, sees_treatment=True)
    fields = [dict(zip(table.header, row, strict=True)) for row in table.rows()]

    assert [(change.old, change.new) for change in changes if change.code == "ct_report"] == [
        ("same.pdf (PDF, 1 kB)", "same.pdf (PDF, 1 kB)")
    ]
    assert [each["kind"] for each in fields if each["field"] == "values.ct_report"] == ["+", "~"]
