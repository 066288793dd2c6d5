"""Documents: requested by those with the right, made by a task in their name, kept for some days, then deleted."""

import io
import uuid
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from audit.context import acting
from audit.models import AccessEvent
from exports import documents
from exports.models import Document
from exports.recorder import Recorder
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial)


def listing(trial) -> str:
    return reverse("documents:listing", args=[trial.slug])


def ask(person, trial, **fields) -> Document:
    """Request a document on the page, and return it after its task has run."""
    answer = build.client(person).post(listing(trial), {"kind": "casebook", **fields})
    assert answer.status_code == 302, answer.content.decode()
    return Document.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])


def taken(person, row: Document):
    return build.client(person).get(reverse("documents:file", args=[row.trial.slug, row.pk]))


def test_a_casebook_that_was_asked_for_can_be_taken(trial, patient):
    """P11-02: one click, one PDF; the register has its hash."""
    person = build.user("investigator", trial=trial)
    row = ask(person, trial, patient=patient.code)
    assert (row.state, row.progress, row.error) == ("ready", 100, "")
    answer = taken(person, row)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith(
        f'attachment; filename="{trial.slug}-{patient.code.lower()}'
    )
    data = b"".join(answer.streaming_content)
    assert data.startswith(b"%PDF-")
    finished = AccessEvent.objects.get(kind="exported", detail__stage="finished")
    assert finished.detail["sha256"] == row.sha256
    assert len(data) == row.size


def test_the_task_acts_for_the_person_in_their_role(trial, patient):
    """AUD-10: request, generation and download are three events, each with the person's name."""
    person = build.user("monitor", trial=trial)
    row = ask(person, trial, patient=patient.code)
    taken(person, row)
    events = AccessEvent.objects.filter(kind="exported").order_by("at", "pk")
    result = [(event.detail["stage"], event.user_id, event.user_name, event.role) for event in events]
    name = person.get_username()
    assert result == [
        ("started", person.pk, name, "monitor"),
        ("finished", person.pk, f"system:documents for {name}", "monitor"),
        ("taken", person.pk, name, "monitor"),
    ]


def test_all_casebooks_in_a_zip_with_a_manifest(trial):
    """CTL-03: the manifest names content, author and time, and has the hashes."""
    codes = [build.patient(trial=trial).code for _each in range(2)]
    person = build.user("data_manager", trial=trial)
    row = ask(person, trial, kind="casebooks")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(taken(person, row).streaming_content)))
    assert archive.namelist() == [f"{code}.pdf" for code in codes] + ["manifest.json"]


@pytest.mark.parametrize("kind", ["blank_crf", "annotated_crf"])
def test_the_forms_of_a_version_are_made_on_request(trial, kind):
    """BKP-02."""
    person = build.user("cell_laboratory", trial=trial)
    assert ask(person, trial, kind=kind, protocol="1.0").state == "ready"


def test_a_visit_report_is_made_on_request(trial, patient):
    person = build.user("monitor", trial=trial)
    day = trial.today.strftime("%d-%b-%Y")
    assert ask(person, trial, kind="visit_report", since=day, until=day).state == "ready"


class TestWhoMay:
    @pytest.mark.parametrize("role", each_engine_or_one(sorted(ROLES)))
    def test_a_casebook_is_for_those_who_may_read_the_trail(self, trial, patient, role):
        """SEC-01: the page and the server allow it to the same roles."""
        person = build.user(role, trial=trial)
        client = build.client(person)
        offered = 'value="casebook"' in client.get(listing(trial)).content.decode()
        status = client.post(listing(trial), {"kind": "casebook", "patient": patient.code}).status_code
        allowed = role not in {"cell_laboratory", "pharmacist", "data_monitoring_board"}
        assert (offered, status) == (allowed, 302 if allowed else 403)

    def test_another_persons_document_is_not_there_without_the_right_to_export(self, trial, patient):
        """SEC-02: it answers like one that does not exist, as a page and as a file."""
        row = ask(build.user("coordinator", trial=trial), trial, patient=patient.code)
        for role, status in (("monitor", 404), ("investigator", 404), ("data_manager", 200)):
            person = build.user(role, trial=trial)
            page = reverse("documents:asked", args=[trial.slug, row.pk])
            assert build.client(person).get(page).status_code == status
            assert taken(person, row).status_code == status
            assert (str(row.pk) in build.client(person).get(listing(trial)).content.decode()) is (
                status == 200
            )

    def test_a_document_of_another_trial_is_not_there(self, trial, patient):
        """SEC-02: under the own trial and under its own."""
        row = ask(build.user("data_manager", trial=trial), trial, patient=patient.code)
        other = build.trial(build.COVID_MSV)
        stranger = build.client(build.user("data_manager", trial=other))
        for slug in (other.slug, trial.slug):
            for name in ("documents:asked", "documents:file"):
                assert stranger.get(reverse(name, args=[slug, row.pk])).status_code == 404
        unknown = reverse("documents:file", args=[trial.slug, uuid.uuid4()])
        assert build.client(build.user("data_manager", trial=trial)).get(unknown).status_code == 404

    def test_a_document_with_the_treatment_is_not_there_for_blinded_people(self):
        """BLD-01: neither in the list nor in the register."""
        trial = build.trial(build.COVID_MSV)
        patient = build.patient(trial=trial)
        row = ask(build.user("statistician", trial=trial), trial, patient=patient.code)
        assert row.treatment
        blinded, seeing = (build.user(role, trial=trial) for role in ("data_manager", "inspector"))
        assert (taken(blinded, row).status_code, taken(seeing, row).status_code) == (404, 200)
        assert str(row.pk) not in build.client(blinded).get(listing(trial)).content.decode()
        assert set(AccessEvent.objects.filter(kind="exported").values_list("see", flat=True)) == {
            "see_treatment"
        }

    def test_who_lost_the_role_gets_nothing(self, trial, patient):
        """ACC-04: the rights count when the document is made, not when it is requested."""
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, patient=patient.code)
        with acting(system="test"):
            person.delegations.update(ends_on=trial.today - timedelta(days=1))
            Document.objects.filter(pk=row.pk).update(state="waiting", file="", sha256="", finished_at=None)
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert (row.state, str(row.error)) == (
            "failed",
            "The person who requested this no longer has the right to it.",
        )


class TestBadInput:
    def test_an_unknown_kind_is_refused(self, trial, patient):
        client = build.client(build.user("data_manager", trial=trial))
        assert client.post(listing(trial), {"kind": "everything"}).status_code == 400
        assert client.post(listing(trial), {}).status_code == 400
        assert not Document.objects.exists()

    def test_a_foreign_patient_is_refused_beside_the_field(self, trial):
        """SEC-02: a code of another trial is not a choice."""
        foreign = build.patient(trial=build.trial(build.COVID_MSV))
        client = build.client(build.user("data_manager", trial=trial))
        answer = client.post(listing(trial), {"kind": "casebook", "patient": foreign.code})
        assert answer.status_code == 422
        assert "Select a valid choice" in answer.content.decode()
        assert not Document.objects.exists()

    def test_a_period_that_ends_before_it_begins_is_refused_and_kept(self, trial):
        client = build.client(build.user("monitor", trial=trial))
        fields = {"kind": "visit_report", "since": "05-Mar-2026", "until": "01-Mar-2026"}
        answer = client.post(listing(trial), fields)
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "The period ends before it begins." in page
        assert 'value="05-Mar-2026"' in page


class TestProgress:
    def test_the_page_asks_again_while_the_document_is_made(self, trial, patient):
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, patient=patient.code)
        client, page = build.client(person), reverse("documents:asked", args=[trial.slug, row.pk])
        Document.objects.filter(pk=row.pk).update(state="working", progress=42)
        whole = client.get(page).content.decode()
        assert 'value="42"' in whole
        assert 'hx-trigger="every 1s"' in whole
        assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in whole
        fragment = client.get(page, headers={"HX-Request": "true"}).content.decode()
        assert fragment.lstrip().startswith('<div id="document-state"')
        Document.objects.filter(pk=row.pk).update(state="ready", progress=100)
        done = client.get(page, headers={"HX-Request": "true"}).content.decode()
        assert "hx-trigger" not in done
        assert reverse("documents:file", args=[trial.slug, row.pk]) in done

    def test_a_document_behind_another_one_is_not_called_forgotten(self, trial, patient):
        """OUT-13: the worker makes one after the other; the administrator is called if none is at work."""
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, kind="casebook", patient=patient.code)
        address = reverse("documents:asked", args=[trial.slug, row.pk])
        facts = {"state": "waiting", "file": "", "sha256": "", "finished_at": None}
        Document.objects.filter(pk=row.pk).update(**facts, asked_at=timezone.now() - timedelta(minutes=2))
        assert "No worker has started it yet" in build.client(person).get(address).content.decode()
        first = ask(person, trial, kind="casebook", patient=patient.code)
        facts["state"] = "working"
        Document.objects.filter(pk=first.pk).update(**facts)
        page = build.client(person).get(address).content.decode()
        assert "Another document is made first" in page
        assert "No worker has started it yet" not in page

    def test_watching_does_not_keep_a_session_alive(self, trial, patient, settings):
        """ACC-05: the page polls by itself; an idle user is signed out all the same."""
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, patient=patient.code)
        client, page = build.client(person), reverse("documents:asked", args=[trial.slug, row.pk])
        begun = timezone.now()
        with time_machine.travel(begun, tick=False) as clock:
            assert client.get(page).status_code == 200
            for _minute in range(settings.SESSION_IDLE_SECONDS // 60 - 1):
                clock.shift(timedelta(minutes=1))
                asked = client.get(page, headers={"HX-Request": "true", "HX-Trigger": "document-state"})
                assert asked.status_code == 200
            clock.shift(timedelta(minutes=1))
            asked = client.get(page, headers={"HX-Request": "true", "HX-Trigger": "document-state"})
        assert (asked.status_code, asked["HX-Trigger"]) == (401, "session-ended")

    def test_progress_only_grows_and_ends_with_the_file(self, trial, patient, monkeypatch):
        result = []

        class Watched(Recorder):
            def __call__(self, done: int) -> None:
                result.append(done)
                super().__call__(done)

        monkeypatch.setattr(documents, "Recorder", Watched)
        build.patient(trial=trial)
        ask(build.user("monitor", trial=trial), trial)
        assert result == [35, 70]

    def test_the_list_costs_the_same_with_one_and_three_documents(self, trial, patient):
        person = build.user("data_manager", trial=trial)
        client = build.client(person)

        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(listing(trial)).status_code == 200
            return len(queries)

        ask(person, trial, kind="blank_crf", protocol="1.0")
        first = cost()
        for _each in range(2):
            ask(person, trial, kind="blank_crf", protocol="1.0")
        assert cost() == first


@pytest.mark.django_db(transaction=True)
class TestWorker:
    """With the database backend, as in production, where a worker opens and closes its own connection."""

    @pytest.fixture(autouse=True)
    def _in_the_database(self, settings):
        settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

    def test_a_worker_makes_what_waits(self, trial, patient):
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, patient=patient.code)
        assert row.state == "waiting"
        page = (
            build.client(person).get(reverse("documents:asked", args=[trial.slug, row.pk])).content.decode()
        )
        assert "0 % done" in page
        call_command("db_worker", batch=True, startup_delay=False, verbosity=0)
        row.refresh_from_db()
        assert (row.state, DBTaskResult.objects.get().status) == ("ready", "SUCCESSFUL")

    def test_what_is_asked_for_and_its_task_are_stored_together(self, trial, patient):
        ask(build.user("monitor", trial=trial), trial, patient=patient.code)
        assert DBTaskResult.objects.get().args_kwargs["args"] == [str(Document.objects.get().pk)]


class TestKeeping:
    def test_files_lie_outside_the_web_root_readable_by_the_owner_only(self, trial, patient, settings):
        """SEC-13: no static URL leads to a document."""
        row = ask(build.user("monitor", trial=trial), trial, patient=patient.code)
        file = Path(settings.STORAGES["documents"]["OPTIONS"]["location"]) / row.file
        assert file.stat().st_mode & 0o777 == 0o600
        assert not file.is_relative_to(settings.STATIC_ROOT)
        assert Client().get(f"/static/{row.file}").status_code == 404

    def test_a_file_is_deleted_after_its_time_and_can_be_asked_for_again(self, trial, patient, settings):
        person = build.user("monitor", trial=trial)
        row = ask(person, trial, patient=patient.code)
        file = Path(settings.STORAGES["documents"]["OPTIONS"]["location"]) / row.file
        with time_machine.travel(timezone.now() + timedelta(hours=settings.DOCUMENTS_KEPT_HOURS, seconds=1)):
            assert not Document.objects.get().is_there
            call_command("forget_documents", stdout=io.StringIO())
        row.refresh_from_db()
        assert (row.state, file.exists()) == ("forgotten", False)
        assert taken(person, row).status_code == 404

    def test_what_a_dead_worker_began_is_given_up(self, trial, patient):
        row = ask(build.user("monitor", trial=trial), trial, patient=patient.code)
        Document.objects.filter(pk=row.pk).update(
            state="working", touched_at=timezone.now() - timedelta(hours=1)
        )
        call_command("forget_documents", stdout=io.StringIO())
        row.refresh_from_db()
        assert row.state == "failed"
        assert str(row.error).startswith("The worker stopped")


class TestCommands:
    def test_the_casebook_command_names_its_person(self, trial, patient, tmp_path):
        """CTL-03: the register has the command's file hash and the person it was run for."""
        person = build.user("data_manager", trial=trial)
        out, output = tmp_path / "book.pdf", io.StringIO()
        call_command(
            "casebook",
            trial=trial.slug,
            patient=patient.code,
            out=out,
            user=person.get_username(),
            stdout=output,
        )
        event = AccessEvent.objects.get(kind="exported")
        assert event.user_name == f"system:documents for {person.get_username()}"
        assert event.detail["sha256"] in output.getvalue()
        assert out.read_bytes().startswith(b"%PDF-")

    def test_the_commands_refuse_what_is_not_there(self, trial, tmp_path):
        for options in ({"trial": "none"}, {"trial": trial.slug, "patient": "NOBODY"}):
            with pytest.raises(CommandError, match=r"No (trial none|patient NOBODY)"):
                call_command("casebook", out=tmp_path / "x.pdf", **options)
        laboratory = build.user("cell_laboratory", trial=trial)
        with pytest.raises(CommandError, match="may not have documents"):
            call_command("casebook", trial=trial.slug, out=tmp_path / "x.pdf", user=laboratory.get_username())
        (tmp_path / "there.pdf").write_text("")
        with pytest.raises(CommandError, match="exists already"):
            call_command("blank_crf", trial=trial.slug, out=tmp_path / "there.pdf")

    def test_forms_and_visit_report_from_the_command_line(self, trial, patient, tmp_path):
        """BKP-02."""
        call_command("blank_crf", trial=trial.slug, out=tmp_path / "a.pdf", stdout=io.StringIO())
        call_command(
            "blank_crf", trial=trial.slug, out=tmp_path / "b.pdf", annotated=True, stdout=io.StringIO()
        )
        days = {"since": "2026-01-01", "until": "2026-01-31"}
        call_command("visit_report", f"--since={days['since']}", f"--until={days['until']}", trial=trial.slug,
                     out=tmp_path / "c.pdf", stdout=io.StringIO())  # fmt: skip
        assert [file.read_bytes()[:5] for file in sorted(tmp_path.iterdir())] == [b"%PDF-"] * 3

    def test_the_command_refuses_a_period_that_ends_before_it_begins(self, trial, tmp_path):
        with pytest.raises(CommandError, match="--until is before --since"):
            call_command("visit_report", "--since=2026-01-31", "--until=2026-01-01", trial=trial.slug,
                         out=tmp_path / "c.pdf")  # fmt: skip
