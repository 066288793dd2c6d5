"""Guessing gets slower, and nobody can close the door for another person (SEC-06, SEC-17)."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import Failures
from accounts.sign_in import attempts
from accounts.sign_in.attempts import LIMITS, AttemptLimit, AttemptSubject
from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.signing_in import LOGIN, kinds, sign_in

pytestmark = pytest.mark.django_db
WRONG = "not the password"


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def clock():
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        yield clock


def attempt(person, address, password=WRONG, browser=None):
    """Try a password from an address."""
    browser = browser or Client()
    sent = {"login": getattr(person, "username", person), "password": password}
    return browser.post(LOGIN, sent, REMOTE_ADDR=address)


def guess_until_refused(person, address="203.0.113.9"):
    """Guess until an attempt comes too early; return how many were tried."""
    for tried in range(100):
        if attempt(person, address).status_code == 429:
            return tried
    raise AssertionError("nobody was slowed down")


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 2), (6, 4), (7, 8), (11, 128), (12, 256), (13, 300), (10_000, 300)],
)
def test_each_failure_past_the_fifth_doubles_the_wait_up_to_five_minutes(failures, seconds):
    assert AttemptLimit(free=5, longest=300, remembered=1).wait_after(failures) == seconds


def test_after_five_failures_the_right_password_waits_two_seconds_and_then_opens(person, clock):
    """No door closes for good."""
    assert guess_until_refused(person) == 5
    refused = attempt(person, "203.0.113.9", build.PASSWORD)
    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert "Wait 2 seconds, then try again" in refused.content.decode()
    assert kinds(person) == ["sign_in_failed"] * 5 + ["locked_out"] * 2
    clock.shift(2)
    assert attempt(person, "203.0.113.9", build.PASSWORD).status_code == 302


def test_hammering_at_the_door_does_not_prolong_the_wait(person, clock):
    guess_until_refused(person)
    for _ in range(20):
        assert attempt(person, "203.0.113.9").status_code == 429
    clock.shift(2)
    assert attempt(person, "203.0.113.9", build.PASSWORD).status_code == 302


def test_a_success_forgets_the_failures_of_the_account(person, clock):
    guess_until_refused(person)
    clock.shift(2)
    attempt(person, "203.0.113.9", build.PASSWORD)
    assert attempt(person, "203.0.113.9").status_code == 422


def test_guesses_from_anywhere_do_not_make_the_owner_wait_in_a_known_browser(person, clock):
    """The person's own browser is let through."""
    own = Client()
    sign_in(person, browser=own)
    own.post("/accounts/logout/")
    for number in range(30):
        attempt(person, f"198.51.100.{number}")
        clock.shift(1)
    assert attempt(person, "203.0.113.9", build.PASSWORD).status_code == 429
    assert attempt(person, "203.0.113.9", build.PASSWORD, own).status_code == 302


def test_a_known_browser_is_slowed_down_by_its_own_failures(person, clock):
    """A stolen laptop guesses as slowly as anybody."""
    own = Client()
    sign_in(person, browser=own)
    own.post("/accounts/logout/")
    for _ in range(5):
        assert attempt(person, "203.0.113.9", WRONG, own).status_code == 422
    assert attempt(person, "203.0.113.9", build.PASSWORD, own).status_code == 429


def test_a_browser_known_for_one_person_is_unknown_for_another(person, trial, clock):
    other, own = build.user("monitor", trial=trial), Client()
    sign_in(other, browser=own)
    own.post("/accounts/logout/")
    guess_until_refused(person)
    assert attempt(person, "203.0.113.9", build.PASSWORD, own).status_code == 429


def test_a_changed_cookie_makes_no_browser_known(person, clock):
    own = Client()
    sign_in(person, browser=own)
    own.post("/accounts/logout/")
    guess_until_refused(person)
    own.cookies["known"] = own.cookies["known"].value.replace(f"{person.pk}.", f"{person.pk}.x", 1)
    assert attempt(person, "203.0.113.9", build.PASSWORD, own).status_code == 429


def test_people_who_share_a_computer_are_all_known_there(person, trial, clock):
    other, shared = build.user("monitor", trial=trial), Client()
    for each in (person, other):
        sign_in(each, browser=shared)
        shared.post("/accounts/logout/")
    for each in (person, other):
        guess_until_refused(each, "198.51.100.7")
        assert attempt(each, "203.0.113.9", build.PASSWORD, shared).status_code == 302
        shared.post("/accounts/logout/")


def test_a_new_password_makes_other_browsers_unknown_but_not_the_own(person, clock):
    own, other = Client(), Client()
    for browser in (other, own):
        sign_in(person, browser=browser)
    sent = {
        "oldpassword": build.PASSWORD,
        "password1": "a new one of my own",
        "password2": "a new one of my own",
    }
    own.post("/accounts/password/", sent)
    for browser in (own, other):
        browser.post("/accounts/logout/")
    guess_until_refused(person)
    assert attempt(person, "203.0.113.9", "a new one of my own", other).status_code == 429
    assert attempt(person, "203.0.113.9", "a new one of my own", own).status_code == 302


def test_one_address_that_tries_many_accounts_is_slowed_down_others_are_not(person, clock):
    for number in range(LIMITS["address"].free):
        assert attempt(f"nobody{number}", "203.0.113.9").status_code == 422
    assert attempt(person, "203.0.113.9", build.PASSWORD).status_code == 429
    assert attempt(person, "203.0.113.10", build.PASSWORD).status_code == 302


def test_the_network_of_a_customer_counts_as_one_address(person, clock):
    for number in range(LIMITS["address"].free):
        attempt(f"nobody{number}", f"2001:db8:1:2::{number:x}")
    assert attempt(person, "2001:db8:1:2:ffff::1", build.PASSWORD).status_code == 429
    assert attempt(person, "2001:db8:1:3::1", build.PASSWORD).status_code == 302


def test_an_own_success_does_not_empty_the_count_of_an_address(person, clock):
    """A thief with an account of their own would otherwise guess without end."""
    for number in range(LIMITS["address"].free - 1):
        attempt(f"nobody{number}", "203.0.113.9")
    assert attempt(person, "203.0.113.9", build.PASSWORD).status_code == 302
    assert attempt("nobody", "203.0.113.9").status_code == 422
    assert attempt("nobody else", "203.0.113.9").status_code == 429


def test_a_user_name_that_nobody_has_is_answered_like_any_other(person, clock):
    """Nobody learns from the door who has an account."""
    assert guess_until_refused("nobody") == guess_until_refused(person, "198.51.100.1")
    assert "hunter2" not in str(list(AccessEvent.objects.values_list("user_name", "detail")))


def test_failures_are_forgotten_after_a_day(person, clock):
    guess_until_refused(person)
    clock.shift(timedelta(hours=25))
    assert guess_until_refused(person) == 5


def test_a_clock_that_was_set_back_makes_nobody_wait_longer(person, clock):
    guess_until_refused(person)
    clock.shift(timedelta(hours=-2))
    assert attempt(person, "203.0.113.9", build.PASSWORD)["Retry-After"] == "2"


def test_attempts_at_once_do_not_all_find_the_door_open(db, clock):
    """An attempt is counted before it is tried."""
    subject = AttemptSubject("account", "anna")
    assert [attempts.claim([subject]) for _ in range(7)] == [0, 0, 0, 0, 0, 2, 2]
    attempts.succeeded([subject])
    assert attempts.claim([subject]) == 0


def test_the_counts_hold_neither_names_nor_addresses(person, clock):
    """PRV-05."""
    attempt(person, "203.0.113.9")
    stored = str(list(Failures.objects.values()))
    assert person.username not in stored
    assert "203.0.113" not in stored
    assert Failures.objects.count() == 2
