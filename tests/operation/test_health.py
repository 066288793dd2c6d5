"""`/healthz` says one word to everybody and every part to the administrator, and is cheap."""

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from operation import condition, health

pytestmark = pytest.mark.django_db

ELSEWHERE = {"REMOTE_ADDR": "10.1.2.3"}
TOKEN = "a-token-of-the-load-balancer"


@pytest.fixture(autouse=True)
def _fresh():
    health.forget()
    yield
    health.forget()


def test_everybody_reads_one_word_and_the_version(client, settings):
    answer = client.get("/healthz", **ELSEWHERE)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": settings.VERSION})


def test_the_machine_itself_is_told_every_part(client):
    parts = {part["name"]: part for part in client.get("/healthz").json()["parts"]}
    assert {
        "database",
        "migrations",
        "triggers",
        "cache table",
        "static files",
        "disk space",
        "worker",
        "seals",
    } <= set(parts)
    assert parts["triggers"]["state"] == "ok"
    assert parts["seals"] == {
        "name": "seals",
        "state": "warning",
        "says": "the trail was not sealed by time yet",
        "do": "Call `manage.py due` each minute.",
    }


def test_who_holds_the_token_is_told_every_part(client, settings):
    settings.HEALTH_TOKEN = TOKEN
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert "parts" in client.get("/healthz", headers=bearer, **ELSEWHERE).json()
    wrong = {"Authorization": f"Bearer {TOKEN[:-1]}"}
    assert "parts" not in client.get("/healthz", headers=wrong, **ELSEWHERE).json()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded"])
def test_a_stranger_behind_a_proxy_on_this_machine_is_a_stranger(header, client):
    """Behind the documented proxy every request comes from 127.0.0.1."""
    assert "parts" not in client.get("/healthz", headers={header: "203.0.113.9"}).json()


def test_no_token_is_no_key(client, settings):
    settings.HEALTH_TOKEN = ""
    assert "parts" not in client.get("/healthz", headers={"Authorization": "Bearer "}, **ELSEWHERE).json()


def test_a_load_balancer_may_ask_by_address(client, settings):
    """It knows the machine's address, not the host name of the pages."""
    settings.ALLOWED_HOSTS = ["stroma.hospital.example"]
    answer = client.get("/healthz", headers={"Host": "10.0.0.7:8000"}, **ELSEWHERE)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_ten_probes_in_a_second_ask_the_database_once(client):
    with CaptureQueriesContext(
        connection,
    ) as first:
        client.get("/healthz", **ELSEWHERE)
    with CaptureQueriesContext(connection) as others:
        for _probe in range(9):
            client.get("/healthz", **ELSEWHERE)
    assert len(others) == 0
    # Migrations, standby, triggers; and once per process what is loaded before the first page.
    assert len(first) <= 12


def test_a_missing_migration_is_told(client, monkeypatch):
    monkeypatch.setattr(condition, "pending_migrations", lambda: ["patients.0002_more", "safety.0002_more"])
    answer = client.get("/healthz", **ELSEWHERE)
    assert answer.status_code == 503
    assert (answer.json()["status"], answer.json()["pending"]) == ("migrations pending", 2)


def test_a_database_that_is_away_is_told_in_one_word(client, monkeypatch):
    def gone() -> list[str]:
        raise OperationalError("connection refused")

    monkeypatch.setattr(condition, "pending_migrations", gone)
    answer = client.get("/healthz", **ELSEWHERE)
    assert (answer.status_code, answer.json()["status"]) == (503, "no database")


def test_a_database_without_its_triggers_is_not_ready(client):
    """A save would leave no history: no server may say that it is ready (AUD-01)."""
    condition.triggers.remove()
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "trail not guarded")
    told = next(part for part in answer.json()["parts"] if part["name"] == "triggers")
    assert told["state"] == "failed"
    assert "verify_trail" in told["do"]


def test_a_database_that_takes_no_writes_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(condition, "read_only", lambda: "it is a standby server")
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "database read-only")
    assert next(part for part in answer.json()["parts"] if part["name"] == "database")["state"] == "failed"


def test_the_health_check_opens_no_session_and_takes_only_questions():
    client = Client()
    client.get("/healthz")
    assert not client.cookies
    assert client.post("/healthz").status_code == 405
