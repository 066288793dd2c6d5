"""A button that is pressed twice asks for one document: the key of the page goes with the request (DAT-11)."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from audit.models import AccessEvent
from exports.document_requests import ask_for_export
from exports.models import Document
from exports.selection import EVERYTHING
from tests.support import build
from tests.support.meanwhile import Meanwhile
from trials.access import access_to

pytestmark = pytest.mark.django_db

PAGES = {
    "exports:index": {"purpose": "DSMB", "background": "yes", "format": "jsonl"},
    "documents:listing": {"kind": "casebook"},
    "reports:packs": {"pack": "status"},
}


@pytest.fixture(params=PAGES)
def press(request, trial, manager):
    """Return a function that shows the page and presses its button: `press(times=2, **changed)`."""
    build.patient(trial=trial)
    address = reverse(request.param, args=[trial.slug])

    def pressed(*, times: int = 1, by=manager, key: str = "", **changed: str) -> list[str]:
        client = build.client(by)
        shown = re.findall(r'name="save_key" value="(\w+)"', client.get(address).content.decode())
        assert len(set(shown)) == 1
        sent = {**PAGES[request.param], "save_key": key or shown[0], **changed}
        answers = [client.post(address, sent) for _time in range(times)]
        assert {answer.status_code for answer in answers} == {302}
        return [answer["Location"] for answer in answers]

    return pressed


def started() -> int:
    return AccessEvent.objects.filter(kind="exported", detail__stage="started").count()


def test_a_double_click_asks_once(press):
    """PRV-04: both answers lead to the same document, which stands in the register once."""
    first, second = press(times=2)
    assert first == second
    assert (Document.objects.count(), started()) == (1, 1)


def test_the_page_opened_again_asks_again(press):
    """Whoever wants a second one gets it."""
    assert press() != press()
    assert (Document.objects.count(), started()) == (2, 2)


def test_the_same_key_a_minute_later_asks_for_new_data(press):
    """A browser may show the page again with its key, after data were entered."""
    first = press(key="k")
    with time_machine.travel(timezone.now() + timedelta(minutes=1, seconds=1)):
        assert press(key="k") != first
    assert Document.objects.count() == 2


@pytest.mark.parametrize("state", ["cancelled", "failed"])
def test_after_one_that_was_not_made_the_button_asks_again(press, state):
    """Cancelled, and back on the page: the same press would lead to nothing."""
    first = press(key="k")
    Document.objects.update(state=state, error="The disk is full")
    assert press(key="k") != first
    assert Document.objects.count() == 2


def test_a_key_is_one_persons_and_one_choices(trial, manager):
    """SEC-02: nobody is led to the document of somebody else by its key; another format is another request."""
    address = reverse("exports:index", args=[trial.slug])
    sent = {**PAGES["exports:index"], "save_key": "k"}
    other = build.user("data_manager", trial=trial)
    answers = [
        build.client(person).post(address, {**sent, **changed})["Location"]
        for person, changed in (
            (manager, {}),
            (other, {}),
            (manager, {"format": "csv"}),
            (manager, {"purpose": "x"}),
        )
    ]
    assert len(set(answers)) == 4
    assert build.client(manager).post(address, sent)["Location"] == answers[0]
    assert Document.objects.filter(asked_by=other).count() == 1


def test_without_a_key_each_request_counts(trial, manager):
    """A script that posts twice wants two."""
    address, client = reverse("exports:index", args=[trial.slug]), build.client(manager)
    for _time in range(2):
        assert client.post(address, PAGES["exports:index"]).status_code == 302
    assert Document.objects.count() == 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite lets one writer in at a time")
@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_ask_once(settings):
    """SEC-16: the second waits for the first, which two workers answer, and leads to its document."""
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    trial = build.trial()
    access = access_to(user=build.user("data_manager", trial=trial), slug=trial.slug)

    def ask() -> Document:
        return ask_for_export(
            access=access, format_code="csv", purpose="DSMB", selection=EVERYTHING, save_key="k"
        )

    with Meanwhile(ask) as other:
        other.ends_in(0.5)
        with acting(user=access.user):
            row = ask()
    assert [each.pk for each in Document.objects.all()] == [row.pk]
    assert started() == 1
