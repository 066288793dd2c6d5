"""While the database is away, read-only or full, pages say so and keep what was typed."""

import errno
import html
import re
import sqlite3

import psycopg
import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.urls import reverse

from audit import triggers
from audit.integrity.guard import UPGRADING
from audit.triggers import installation
from config.unavailable import is_unavailable
from patients.models import Record
from tests.support import build

pytestmark = pytest.mark.django_db

WORDS = "Nothing was saved"


def caused(shown: type[Exception], cause: Exception) -> Exception:
    error = shown(str(cause))
    error.__cause__ = cause
    return error


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("connection failed: connection refused"),
        InterfaceError("connection already closed"),
        caused(OperationalError, psycopg.errors.AdminShutdown("terminating")),
        caused(OperationalError, psycopg.errors.DiskFull("no space left on device")),
        caused(OperationalError, psycopg.errors.TooManyConnections("sorry, too many clients already")),
        caused(
            DatabaseError,
            psycopg.errors.ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction"),
        ),
        caused(OperationalError, sqlite_error("SQLITE_READONLY")),
        caused(OperationalError, sqlite_error("SQLITE_FULL")),
        caused(OperationalError, sqlite_error("SQLITE_IOERR_WRITE")),
        caused(OperationalError, sqlite_error("SQLITE_CANTOPEN")),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_a_failure_of_the_database_or_the_disk_is_told_from_one_of_the_program(error):
    assert is_unavailable(error)


@pytest.mark.parametrize(
    "error",
    [
        caused(OperationalError, sqlite_error("SQLITE_ERROR")),
        caused(ProgrammingError, psycopg.errors.UndefinedTable("no such table")),
        caused(IntegrityError, psycopg.errors.UniqueViolation("twice")),
        ValueError("a mistake of ours"),
        FileNotFoundError(errno.ENOENT, "no such file"),
    ],
)
def test_a_mistake_of_the_program_is_not_called_a_failure_of_the_database(error):
    assert not is_unavailable(error)


@pytest.fixture
def failing(monkeypatch):
    """Return a function after which every statement fails with an error."""

    def fail(error: Exception, writes_only: bool = False) -> None:
        def refuse(execute, sql, params, many, context):
            word = sql.lstrip().split(None, 1)[0].upper()
            if writes_only and word in {"SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA"}:
                return execute(sql, params, many, context)
            raise error

        wrapped = connection.execute_wrapper(refuse)
        wrapped.__enter__()
        undo.append(wrapped)

    undo: list = []
    yield fail
    for wrapped in undo:
        wrapped.__exit__(None, None, None)


def entry_address(patient) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/vitals/"


def test_a_form_sent_while_the_database_is_away_is_shown_again_and_can_be_sent_again(desk, patient, failing):
    """REL-02: 503, nothing stored, everything typed still there, and the same form goes to the same page."""
    address = entry_address(patient)
    typed = {
        **hidden_of(desk.get(address)),
        "sbp": "131",
        "comment": "line one\r\n<b>two</b>",
        "_action": "draft",
    }
    desk.raise_request_exception = False
    failing(OperationalError("connection failed: connection refused"))
    answer = desk.post(address, typed)
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "Nothing was saved. Your text is kept here" in page
    assert "<dd>131</dd>" in page
    assert answer["Retry-After"] == "10"
    again = sent_again(page)
    assert again["action"] == address
    assert {name: again[name] for name in typed if name != "csrfmiddlewaretoken"} == typed


def test_what_was_kept_is_saved_once_when_it_is_sent_again(desk, patient, failing):
    """The way back: the button of the page, when the database is there again."""
    address = entry_address(patient)
    typed = {**hidden_of(desk.get(address)), "sbp": "131", "_action": "draft"}
    desk.raise_request_exception = False
    with connection.execute_wrapper(refusing(OperationalError("connection refused"))):
        page = desk.post(address, typed).content.decode()
    assert not Record.objects.filter(form="vitals").exists()
    fields = sent_again(page)
    fields.pop("action")
    assert desk.post(address, fields).status_code == 302
    assert desk.post(address, fields).status_code == 302
    assert Record.objects.get(form="vitals").values["sbp"] == "131"


def test_a_page_that_is_asked_for_says_so_too(desk, patient, failing):
    desk.raise_request_exception = False
    failing(OperationalError("connection failed: connection refused"))
    answer = desk.get(entry_address(patient))
    assert answer.status_code == 503
    assert "The database does not answer" in answer.content.decode()
    assert "Try again" in answer.content.decode()
    assert WORDS not in answer.content.decode()


def test_signing_in_to_a_database_that_is_away_does_not_say_too_many_attempts(client, failing):
    """The count of attempts is in the database too: not being able to count is no attempt."""
    client.raise_request_exception = False
    failing(OperationalError("connection failed: connection refused"))
    answer = client.post(reverse("account_login"), {"login": "nina", "password": "a secret of nina"})
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "Too many" not in page
    assert "a secret of nina" not in page
    assert "Passwords are not kept" in page


def test_signing_in_to_a_read_only_database_does_not_say_too_many_attempts(client, trial, failing):
    nina = build.user("coordinator", trial=trial)
    client.raise_request_exception = False
    error = caused(OperationalError, sqlite_error("SQLITE_READONLY"))
    failing(error, writes_only=True)
    answer = client.post(reverse("account_login"), {"login": nina.username, "password": "wrong"})
    assert answer.status_code == 503
    assert "Too many" not in answer.content.decode()


def test_a_full_disk_is_called_a_full_disk(desk, patient, failing):
    desk.raise_request_exception = False
    failing(caused(OperationalError, sqlite_error("SQLITE_FULL")), writes_only=True)
    answer = desk.post(entry_address(patient), {"sbp": "131", "_action": "draft"})
    assert answer.status_code == 503
    assert "The disk of the server is full" in answer.content.decode()


def test_an_upgrade_is_called_an_upgrade(desk, patient, failing):
    """MIG-01: nothing is lost, and the person knows why."""
    desk.raise_request_exception = False
    failing(OperationalError(UPGRADING))
    answer = desk.post(entry_address(patient), {"sbp": "131", "_action": "draft"})
    assert answer.status_code == 503
    assert "Stroma is being upgraded" in answer.content.decode()
    assert "<dd>131</dd>" in answer.content.decode()


def test_a_database_that_records_no_changes_takes_none(desk, patient):
    """AUD-06: without its triggers the trail would not hear of the save."""
    address = entry_address(patient)
    typed = {**hidden_of(desk.get(address)), "sbp": "131", "_action": "draft"}
    desk.raise_request_exception = False
    triggers.remove()
    installation.lift(connection, False)
    answer = desk.post(address, typed)
    assert answer.status_code == 503
    assert "does not record changes at this moment, so it takes none" in answer.content.decode()
    assert "<dd>131</dd>" in answer.content.decode()


def test_a_script_gets_a_short_answer(desk, patient, failing):
    """The draft that is kept during typing: the page goes on as when the line is down."""
    desk.raise_request_exception = False
    failing(OperationalError("connection failed"))
    answer = desk.post(entry_address(patient), {"sbp": "131"}, headers={"Accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/json")
    assert "does not answer" in answer.json()["error"]


def _commit() -> None:
    raise OperationalError("server closed the connection unexpectedly")


def commit_and_connect_again() -> None:
    try:
        _commit()
    except OperationalError:
        try:
            raise psycopg.OperationalError("the database system is in recovery mode")
        except psycopg.OperationalError as refused:
            raise OperationalError(str(refused)) from refused


@pytest.mark.parametrize("breaks", [_commit, commit_and_connect_again])
def test_a_commit_that_broke_is_not_said_to_have_stored_nothing(desk, patient, monkeypatch, breaks):
    """Nobody here knows what the server did: the page does not claim to, nor if the next connection fails as well."""
    desk.raise_request_exception = False
    monkeypatch.setattr("patients.views.entry.store", lambda *_a, **_k: breaks())
    page = desk.post(entry_address(patient), {"sbp": "131", "_action": "draft"}).content.decode()
    assert WORDS not in page
    assert "what is stored already is not stored twice" in page


def refusing(error: Exception):
    def refuse(execute, sql, params, many, context):
        raise error

    return refuse


def hidden_of(answer) -> dict[str, str]:
    return dict(
        re.findall(r'<input type="hidden" name="(_\w+|form_owner)" value="([^"]*)">', answer.content.decode())
    )


def sent_again(page: str) -> dict[str, str]:
    """Return what the button of the page sends."""
    form = re.search(r'<form method="post" action="([^"]*)">(.*?)</form>', page, re.DOTALL)
    assert form is not None
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form[2])
    return {"action": html.unescape(form[1]), **{name: html.unescape(value) for name, value in fields}}
