"""The walks of the blinding tests spare nothing else than they should: answers recalled, parameters read once."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.blinding import EachParameterOnce, undone
from tests.support.pages.recalled import Browser, Noted, NotingCursor, found_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def browser(manager) -> Browser:
    return Browser(build.client(manager))


def counts(browser: Browser) -> tuple[int, int]:
    return browser.asked, browser.recalled


def test_an_answer_is_given_again_while_every_statement_finds_the_same_rows(browser, trial, patient):
    address = reverse("reports:casebook", args=[trial.slug, patient.code])
    first = browser.get(address)
    browser.begin()
    second = browser.get(address)
    assert second.status_code == 200
    assert second.content == first.content
    assert counts(browser) == (1, 1)


def test_a_page_is_made_again_if_a_row_of_it_is_new(browser, trial, patient):
    """BLD-01: a row more changes a list, a number or a choice; what does not read it is given again."""
    lists, own = (reverse(f"patients:{name}", args=[trial.slug]) for name in ("listing", "protocol"))
    before = browser.get(lists).content
    browser.get(own)
    with undone():
        added = build.patient(trial=trial)
        browser.begin()
        assert added.code.encode() not in before
        assert added.code.encode() in browser.get(lists).content
    assert browser.asked == 3
    browser.begin()
    assert browser.get(lists).content == before
    assert counts(browser) == (3, 1)


def test_another_question_has_an_answer_of_its_own(browser, trial, patient):
    """Another method, another body and other cookies are other requests."""
    address = reverse("exports:index", args=[trial.slug])
    for fields in ({"purpose": "One"}, {"purpose": "Other"}):
        browser.post(address, fields)
    browser.get(address)
    browser.cookies["theme"] = "dark"
    browser.get(address)
    assert counts(browser) == (4, 0)


# An export asks the database for its moment; the clock of PostgreSQL goes on, so there it is always asked for again.
@pytest.mark.one_engine
def test_an_answer_given_again_leaves_the_rows_that_its_page_left(browser, trial, patient):
    """AUD-08: the export is in the trail of who took it, with the same rows, each time."""
    address = reverse("exports:index", args=[trial.slug])
    left = []
    for _each in range(2):
        browser.begin()
        with undone():
            browser.post(address, {"purpose": "Reading"})
            left.append(list(AccessEvent.objects.order_by("pk").values()))
    assert counts(browser) == (1, 1)
    assert left[0]
    assert left[0] == left[1]


def test_what_was_sent_again_is_taken_back_if_the_page_is_made_again(browser, trial, patient):
    address = reverse("exports:index", args=[trial.slug])
    with undone():
        browser.post(address, {"purpose": "Reading"})
        once = AccessEvent.objects.count()
    with undone():
        build.patient(trial=trial)
        browser.begin()
        browser.post(address, {"purpose": "Reading"})
        assert counts(browser) == (2, 0)
        assert AccessEvent.objects.count() == once


def test_a_statement_that_fails_cannot_be_sent_again(db):
    """Its page is asked for each time, whatever it did about the failure."""
    noted = Noted()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as plain:
        NotingCursor(plain.cursor, plain.db, noted).execute("SELECT 1 FROM nowhere")
    assert not noted.complete


def test_rows_are_given_as_they_are_asked_for(db):
    noted, sql = Noted(), "SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 ORDER BY 1"
    with connection.cursor() as plain:
        cursor = NotingCursor(plain.cursor, plain.db, noted)
        cursor.execute(sql)
        assert [cursor.fetchone(), cursor.fetchmany(1), cursor.fetchall(), cursor.fetchone()] == [
            (1,), [(2,)], [(3,), (4,)], None,
        ]  # fmt: skip
        cursor.execute(sql)
        assert list(cursor) == [(1,), (2,), (3,), (4,)]
    assert [each.found for each in noted.statements] == [found_of(None, [(1,), (2,), (3,), (4,)])] * 2


def test_each_parameter_of_a_page_is_read_once_and_each_format():
    """A parameter that is new beside known ones is read; a set of known ones is not."""
    seen = EachParameterOnce()
    read = ["/t/", "/t/?sort=a", "/t/?page=2&sort=b", "/t/?page=3", "/t/?format=csv&sort=a", "/t/?format=xlsx&page=2",
            "/t/?format=csv&page=2", "/t/?state=open&format=csv", "/u/?page=2", "/u/", "/u/"]  # fmt: skip
    assert [url for url in read if seen.add(url)] == [
        "/t/", "/t/?sort=a", "/t/?page=2&sort=b", "/t/?format=csv&sort=a", "/t/?format=xlsx&page=2",
        "/t/?state=open&format=csv", "/u/?page=2", "/u/",
    ]  # fmt: skip
