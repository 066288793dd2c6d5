"""Exports that the worker makes: asked for on the page, followed, cancelled, taken again by right (PRV-04, SEC-02)."""

import gc
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from exports import documents
from exports.document_requests import ask_for_export
from exports.models import Document
from exports.recorder import Recorder
from exports.selection import EVERYTHING
from patients.models import Patient
from reports.notices.kinds import notices_of
from tests.support import build
from tests.support.pages.exports import archive_of, taken
from tests.support.trail_clock import trail_now
from trials.access import access_to
from trials.models import Trial

pytestmark = pytest.mark.django_db


def page(trial: Trial) -> str:
    return reverse("exports:index", args=[trial.slug])


def asked(person: Any, trial: Trial, **sent: str) -> Document:
    """Ask for an export in the background, and return it after its task has run."""
    answer = build.client(person).post(page(trial), {"purpose": "DSMB", "background": "yes", **sent})
    assert answer.status_code == 302, answer.content.decode()
    return Document.objects.get(pk=answer["Location"].rstrip("/").rpartition("/")[2])


def test_an_export_made_by_the_worker_is_taken_as_often_as_needed(trial, manager):
    """PRV-04: the request, the making and each download stand in the register, with purpose, selection and hash."""
    one, other = build.patient(trial=trial), build.patient(trial=trial)
    row = asked(manager, trial, patients=one.code, format="jsonl")
    assert (row.state, row.error) == ("ready", "")
    for _time in range(2):
        archive = archive_of(taken(manager, row))
        assert json.loads(archive.read("manifest.json"))["purpose"] == "DSMB"
        assert other.code.encode() not in archive.read("patients.jsonl")
    told = AccessEvent.objects.filter(kind="exported", detail__document=str(row.pk)).order_by("pk")
    stages = [event.detail["stage"] for event in told]
    assert stages == ["started", "finished", "taken", "taken"]
    assert all(event.detail["selection"] == {"patients": [one.code]} for event in told)
    assert all(event.detail["purpose"] == "DSMB" for event in told)
    assert told[1].detail["sha256"] == row.sha256
    assert told[1].detail["rows"]["patients.jsonl"] == 1


def test_the_worker_makes_what_the_page_would_send(trial, manager):
    """One code for both ways: the same data files."""
    build.enrolled(trial=trial)
    sent = build.client(manager).post(page(trial), {"purpose": "DSMB", "without_drafts": "on"})
    direct = zipfile.ZipFile(io.BytesIO(b"".join(sent.streaming_content)))
    made = archive_of(taken(manager, asked(manager, trial, without_drafts="on")))
    names = set(direct.namelist()) - {"manifest.json"}
    assert {name: made.read(name) for name in names} == {name: direct.read(name) for name in names}


def test_who_asked_is_told_until_the_export_is_taken(trial, manager):
    """The notice stands on their home page and goes out by mail; nobody else gets it."""

    def notices(person: Any) -> list[tuple[str, str]]:
        return [
            (each.kind, each.url)
            for each in notices_of(access_to(user=person, slug=trial.slug))
            if each.kind == "export"
        ]

    other = build.user("data_manager", trial=trial)
    row = asked(manager, trial)
    assert [kind for kind, _url in notices(manager)] == ["export"]
    assert notices(manager)[0][1].endswith(reverse("documents:asked", args=[trial.slug, row.pk]))
    assert notices(other) == []
    b"".join(taken(manager, row).streaming_content)
    assert notices(manager) == []


def test_an_unblinded_export_is_not_there_for_blinded_people():
    """BLD-01: neither on the page nor as a file, and its name says UNBLINDED."""
    trial = build.trial(build.COVID_MSV)
    build.enrolled(trial=trial)
    knows, blinded = build.user("statistician", trial=trial), build.user("data_manager", trial=trial)
    row = asked(knows, trial)
    assert "UNBLINDED" in taken(knows, row)["Content-Disposition"]
    assert taken(blinded, row).status_code == 404
    assert str(row.pk) not in build.client(blinded).get(page(trial)).content.decode()
    mine = asked(blinded, trial)
    assert "UNBLINDED" not in taken(blinded, mine)["Content-Disposition"]
    assert str(mine.pk) in build.client(knows).get(page(trial)).content.decode()


def test_a_choice_that_does_not_exist_is_refused_beside_its_field_and_nothing_typed_is_lost(trial, manager):
    """Nothing is stored, and the page names what exists."""
    sent = {"purpose": "DSMB", "background": "yes", "visits": "SCR D99", "as_of": "never", "forms": "vitals"}
    answer = build.client(manager).post(page(trial), sent)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "“never” is no moment" in html
    assert 'value="SCR D99"' in html
    again = build.client(manager).post(page(trial), {**sent, "as_of": ""})
    assert "There is no visit D99. The trial has SCR" in again.content.decode()
    assert not Document.objects.exists()
    assert not AccessEvent.objects.filter(kind="exported").exists()


def test_the_page_costs_the_same_with_one_and_three_exports(trial, manager):
    """The list of exports is one query."""
    client = build.client(manager)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page(trial)).status_code == 200
        return len(queries)

    asked(manager, trial)
    first = cost()
    asked(manager, trial)
    asked(manager, trial)
    assert cost() == first


class TestCancelling:
    """With the queue of production: a request waits until the worker takes it."""

    @pytest.fixture(autouse=True)
    def _in_the_database(self, settings):
        settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

    @pytest.fixture
    def row(self, trial, manager) -> Document:
        access = access_to(user=manager, slug=trial.slug)
        with acting(user=manager):
            return ask_for_export(access=access, format_code="csv", purpose="DSMB", selection=EVERYTHING)

    def test_what_waits_is_never_made(self, trial, manager, row):
        """The page says so, and the register tells who cancelled."""
        cancel = reverse("documents:cancel", args=[trial.slug, row.pk])
        state = reverse("documents:asked", args=[trial.slug, row.pk])
        assert cancel in build.client(manager).get(state).content.decode()
        assert build.client(manager).post(cancel)["Location"] == state
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert (row.state, row.file) == ("cancelled", "")
        assert "It was cancelled" in build.client(manager).get(state).content.decode()
        assert taken(manager, row).status_code == 404
        told = AccessEvent.objects.filter(detail__document=str(row.pk)).latest("pk")
        assert (told.user_id, told.detail["stage"]) == (manager.pk, "cancelled")

    def test_what_is_ready_is_not_cancelled(self, trial, manager, row):
        """The file stays."""
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert documents.cancel(row=row, by=manager) is False
        row.refresh_from_db()
        assert row.state == "ready"

    def test_somebody_who_may_not_know_of_it_cannot_cancel_it(self, trial, row):
        """SEC-02: it answers like one that does not exist."""
        cancel = reverse("documents:cancel", args=[trial.slug, row.pk])
        assert build.client(build.user("monitor", trial=trial)).post(cancel).status_code == 404
        row.refresh_from_db()
        assert row.state == "waiting"

    def test_who_lost_the_right_gets_nothing(self, trial, manager, row):
        """SEC-01: the rights of the moment of making count."""
        with acting(system="test"):
            manager.delegations.all().update(ends_on=trial.today)
            manager.is_active = False
            manager.save()
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert (row.state, row.file) == ("failed", "")


@pytest.mark.django_db(transaction=True)
class TestWorker:
    """With a connection of its own for the progress, as in production."""

    @pytest.fixture
    def row(self, trial, manager, settings, monkeypatch) -> Document:
        settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
        monkeypatch.setattr("exports.recorder.BETWEEN_SECONDS", 0)
        build.patient(trial=trial)
        access = access_to(user=manager, slug=trial.slug)
        with acting(user=manager):
            return ask_for_export(access=access, format_code="csv", purpose="DSMB", selection=EVERYTHING)

    def test_others_see_the_progress_while_the_data_are_read(self, row, monkeypatch):
        """The transaction that reads is as of its start; the progress is written beside it, at once."""
        seen, store = list[int](), Recorder._store

        def stored(self: Recorder, done: int) -> int:
            found = store(self, done)
            seen.append(Document.objects.values_list("progress", flat=True).get(pk=row.pk))
            return found

        monkeypatch.setattr(Recorder, "_store", stored)
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert row.state == "ready", row.error
        assert seen == sorted(seen)
        assert len(set(seen)) > 20
        assert Patient.objects.count() == 1

    def test_what_is_being_made_stops(self, manager, row, monkeypatch):
        """The export is registered as broken off, and no file is kept."""
        seen, store = list[int](), Recorder._store

        def cancelled_half_way(self: Recorder, done: int) -> int:
            seen.append(done)
            if done >= 50:
                documents.cancel(row=row, by=manager)
            return store(self, done)

        monkeypatch.setattr(Recorder, "_store", cancelled_half_way)
        documents.make(str(row.pk))
        row.refresh_from_db()
        assert (row.state, row.file) == ("cancelled", "")
        assert seen[-2] < 50 <= seen[-1] < 60
        assert AccessEvent.objects.get(kind="export_ended").detail["stage"] == "aborted"


@pytest.mark.parametrize("as_of", ["", "now"])
def test_a_full_disk_is_told_on_the_page_of_the_request(trial, manager, monkeypatch, as_of):
    """REL-02: not first when the request counts as stalled; the snapshot that was read is closed before it is told."""
    build.patient(trial=trial)
    written = documents.write_export
    monkeypatch.setattr(
        documents,
        "write_export",
        lambda row, access, _out, told: written(row, access, Path("/dev/full"), told),
    )
    chosen = {"as_of": trail_now().isoformat()} if as_of else {}
    row = asked(manager, trial, format="jsonl", **chosen)
    gc.collect()
    row.refresh_from_db()
    assert row.state == "failed"
    assert AccessEvent.objects.filter(kind="export_ended").latest("pk").detail["stage"] == "aborted"
    assert taken(manager, row).status_code == 404
