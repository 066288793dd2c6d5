"""Signing in and out: passwords, second factors, lockout, other sessions, the end of access."""

from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit import events
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.signing_in import LOGIN, kinds, people_page, sign_in
from trials.delegations import delegation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]


def told_of(event: AccessEvent) -> dict[str, str]:
    return {name: str(value) for name, value in events.visible_detail(event, may=()).items()}


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial)


def test_signing_in_leads_to_the_trials_and_is_recorded_with_its_method(person):
    """AUD-08: who signed in, and with what."""
    _, answer = sign_in(person)
    assert answer.status_code == 302
    assert answer.url == "/trials/"
    event = AccessEvent.objects.get(kind="signed_in")
    assert event.user_name == person.username
    assert event.detail == {"with": ["password"]}


def test_any_spelling_of_the_user_name_signs_in(person):
    """P11-21: one spelling of a user name, whatever its case or width."""
    _, answer = sign_in(person, username=f"  {person.username.upper()} ")
    assert answer.url == "/trials/"
    assert AccessEvent.objects.get(kind="signed_in").user_name == person.username


def test_a_wrong_password_is_refused_with_a_sentence_and_recorded_for_the_person(person):
    """SEC-18: failed sign-ins are events."""
    _, answer = sign_in(person, password="not the password")
    assert answer.status_code == 422
    assert "The user name or the password is not right" in answer.content.decode()
    assert kinds(person) == ["sign_in_failed"]


def test_what_was_typed_as_a_user_name_that_nobody_has_is_not_recorded():
    """SEC-18: people type their password into the wrong field."""
    Client().post(LOGIN, {"login": "hunter2-my-password", "password": "x"})
    event = AccessEvent.objects.get(kind="sign_in_failed")
    assert told_of(event) == {"reason": "unknown user name"}
    assert "hunter2" not in event.user_name


def test_there_is_no_sign_up_and_no_e_mail_page():
    """ACC-01: accounts are given, never taken."""
    for address in ("/accounts/signup/", "/accounts/email/", "/accounts/password/reset/"):
        assert Client().get(address).status_code == 404


def test_signing_out_needs_a_post_and_is_recorded(person):
    """SEC-09: no state changes by GET."""
    browser = build.client(person)
    browser.get("/accounts/logout/")
    assert browser.get("/accounts/profile/").status_code == 200
    browser.post("/accounts/logout/")
    assert browser.get("/accounts/profile/").status_code == 302
    assert kinds(person) == ["signed_in", "signed_out"]


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("short one", "at least 12 characters"),
        ("1234567890123", "too common"),
        (build.PASSWORD, "your present password"),
    ],
)
def test_a_short_common_or_present_password_is_refused(person, password, sentence):
    """SEC-04: length and a list of common passwords, checked offline."""
    browser = build.client(person)
    sent = {"oldpassword": build.PASSWORD, "password1": password, "password2": password}
    assert sentence in browser.post("/accounts/password/", sent).content.decode()


def test_a_long_password_of_plain_words_needs_no_digits_or_signs(person):
    """SEC-05: no composition rules."""
    browser = build.client(person)
    sent = {
        "oldpassword": build.PASSWORD,
        "password1": "quiet river under stone",
        "password2": "quiet river under stone",
    }
    assert browser.post("/accounts/password/", sent).status_code == 302
    person.refresh_from_db()
    assert person.check_password("quiet river under stone")


def test_a_deactivated_person_is_out_at_the_next_request_and_cannot_come_back(person, administrator, trial):
    """P11-04: deactivation kills live sessions at once."""
    browser, _ = sign_in(person)
    with acting(user=administrator):
        delegation.deactivate(user=person, reason="left the hospital", by=administrator)
    assert browser.get(people_page(trial)).url.startswith(LOGIN)
    _, answer = sign_in(person)
    assert answer.url == "/accounts/inactive/"
    assert told_of(AccessEvent.objects.filter(kind="sign_in_failed").latest("pk")) == {
        "reason": "deactivated"
    }


def test_access_ends_with_the_last_day_of_a_role(person, trial):
    """ACC-04: an end date ends access without anybody doing anything."""
    with acting(system="test"):
        person.delegations.update(ends_on=trial.today)
    browser = build.client(person)
    assert browser.get(people_page(trial)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert build.client(person).get(people_page(trial)).status_code == 404


def code_of(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def with_authenticator_app(person):
    """Set up an authenticator app as a user does: confirm the password, scan, type the first code."""
    browser, _ = sign_in(person)
    browser.post("/accounts/confirm/", {"password": build.PASSWORD})
    secret = browser.get("/accounts/factors/totp/activate/").context["form"].secret
    browser.post("/accounts/factors/totp/activate/", {"code": code_of(secret)})
    return secret


def test_with_an_authenticator_app_the_password_alone_does_not_sign_in(person):
    """SEC-06, ACC-05, P11-25: a second factor can be set up and is then asked."""
    secret = with_authenticator_app(person)
    cache.clear()
    browser, answer = sign_in(person)
    assert answer.url == "/accounts/factors/authenticate/"
    assert browser.get("/accounts/profile/").status_code == 302
    browser.post("/accounts/factors/authenticate/", {"code": code_of(secret)})
    assert browser.get("/accounts/profile/").status_code == 200
    assert AccessEvent.objects.filter(kind="signed_in").latest("pk").detail == {"with": ["password", "totp"]}


def test_a_code_works_once(person):
    """SEC-06: a code that was seen over the shoulder is worth nothing."""
    secret = with_authenticator_app(person)
    cache.clear()
    with time_machine.travel(timezone.now(), tick=False):
        for attempt in range(2):
            browser, _ = sign_in(person)
            browser.post("/accounts/factors/authenticate/", {"code": code_of(secret)})
            page = browser.get("/accounts/profile/")
            if attempt == 0:
                assert person.full_name in page.content.decode()
            else:
                assert page.url.startswith(LOGIN)


def test_wrong_codes_make_the_next_one_wait_but_not_in_a_known_browser(person):
    """SEC-06: who stole the password guesses the code slowly, and does not keep its owner out."""
    secret = with_authenticator_app(person)
    cache.clear()
    own, thief = Client(), Client()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        sign_in(person, browser=own)
        own.post("/accounts/factors/authenticate/", {"code": code_of(secret)})
        own.post("/accounts/logout/")
        clock.shift(60)
        for browser in (thief, own):
            sign_in(person, browser=browser)
        for _ in range(5):
            thief.post("/accounts/factors/authenticate/", {"code": "000000"})
        page = thief.post("/accounts/factors/authenticate/", {"code": code_of(secret)}).content.decode()
        assert "Wait 2 seconds, then try again" in page
        assert own.post("/accounts/factors/authenticate/", {"code": code_of(secret)}).status_code == 302


def test_factor_changes_and_wrong_codes_are_recorded(person, django_capture_on_commit_callbacks):
    """AUD-08: changes of factors are access events."""
    with django_capture_on_commit_callbacks(execute=True):
        with_authenticator_app(person)
    browser, _ = sign_in(person)
    browser.post("/accounts/factors/authenticate/", {"code": "000000"})
    changes = (
        AccessEvent.objects.filter(kind="factor_changed").order_by("pk").values_list("detail", flat=True)
    )
    assert {"factor": "totp", "change": "added"} in changes
    assert AccessEvent.objects.filter(kind="sign_in_failed").latest("pk").detail == {"factor": "totp"}


@pytest.mark.parametrize("page", ["profile/", "factors/", "password/", "session/"])
def test_no_page_of_a_signed_in_person_is_stored_by_the_browser(person, page):
    """PRV-05: secrets of factors and recovery codes do not stay on a shared computer."""
    answer = build.client(person).get(f"/accounts/{page}")
    assert "no-store" in answer["Cache-Control"]


def test_the_secrets_of_factors_are_encrypted(person):
    """SEC-21: a copy of the database alone does not make codes."""
    secret = with_authenticator_app(person)
    stored = Authenticator.objects.get(user=person, type=Authenticator.Type.TOTP)
    assert secret not in str(stored.data)
    # The first code was used when the app was set up; it is forgotten here, and the clock stands still.
    cache.clear()
    with time_machine.travel(timezone.now(), tick=False):
        code = code_of(secret)
        assert not stored.wrap().validate_code(f"{(int(code) + 1) % 1_000_000:06d}")
        assert stored.wrap().validate_code(code)


def test_a_person_sees_and_ends_their_other_sessions(person):
    """SEC-08: the user sees and ends own sessions."""
    here, _ = sign_in(person)
    there, _ = sign_in(person)
    assert UserSession.objects.filter(user=person).count() == 2
    here.post("/accounts/sessions/end/")
    assert person.full_name in here.get("/accounts/profile/").content.decode()
    assert there.get("/accounts/profile/").url.startswith(LOGIN)


def test_a_session_says_from_which_address_and_browser_it_works(person):
    """P11-08: on the page of the account, and the address in the trail of the sign-in."""
    page = {"login": person.username, "password": build.PASSWORD}
    browser = Client(REMOTE_ADDR="192.0.2.44", HTTP_USER_AGENT="Ward browser 7")
    assert browser.post(LOGIN, page).url == "/trials/"
    shown = browser.get("/accounts/profile/").content.decode()
    assert "192.0.2.44" in shown
    assert "Ward browser 7" in shown
    assert AccessEvent.objects.get(kind="signed_in").address == "192.0.2.44"


def test_nobody_ends_the_session_of_another_person(person, trial):
    """SEC-02: a foreign session is as if it did not exist."""
    sign_in(build.user("monitor", trial=trial))
    foreign = UserSession.objects.get()
    browser, _ = sign_in(person)
    assert browser.post("/accounts/sessions/end/", {"session": foreign.pk}).status_code == 404
    assert browser.post("/accounts/sessions/end/", {"session": "x"}).status_code == 404
    assert UserSession.objects.filter(pk=foreign.pk).exists()


def test_theme_and_language_are_remembered_without_leaving_history(person):
    """AUD-03: how a page looks is not study data."""
    browser = build.client(person)
    answer = browser.post("/accounts/theme/", {"theme": "dark", "next": "https://elsewhere.example/"})
    assert answer.url == "/trials/"
    assert 'data-bs-theme="dark"' in browser.get("/accounts/profile/").content.decode()
    assert person.history.filter(history_type="~").count() == 0
    answer = browser.post("/accounts/theme/", {"theme": "<script>"})
    assert answer.status_code == 400
    assert "There is no such theme." in answer.content.decode()
    assert browser.post("/accounts/language/", {"language": "xx"}).status_code == 400


def test_the_theme_of_the_cookie_is_rendered_before_anybody_signs_in():
    """SEC-11: no inline script decides the theme, so the server does."""
    browser = Client()
    browser.post("/accounts/theme/", {"theme": "light", "next": LOGIN})
    assert 'data-bs-theme="light"' in browser.get(LOGIN).content.decode()


def test_the_addresses_of_sign_in_are_those_used_here():
    """SEC-07: nothing of the sign-in package is reachable that is not listed."""
    assert reverse("account_login") == LOGIN
    assert reverse("mfa_index") == "/accounts/factors/"


def test_a_password_hashed_with_earlier_parameters_signs_in_and_is_hashed_anew(settings, person):
    """Memory of a worker: nobody has to choose a new password because the server hashes differently now."""
    settings.PASSWORD_HASHERS = ["accounts.passwords.hashers.PasswordHasher"]
    earlier = Argon2PasswordHasher()
    with acting(system="test"):
        User.objects.filter(pk=person.pk).update(password=earlier.encode(build.PASSWORD, earlier.salt()))
    assert sign_in(person)[1].status_code == 302
    person.refresh_from_db()
    assert "m=65536,t=3,p=4" in person.password
