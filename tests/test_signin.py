"""Signing in, second factors, time limits that lose nothing, and what stops access."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import delegating, keeping
from accounts.models import KeptPost
from audit.context import acting
from audit.models import AccessEvent
from tests import build

pytestmark = pytest.mark.django_db
LOGIN, OWN_PASSWORD = "/accounts/login/", "a new password of my own"


@pytest.fixture(autouse=True)
def _no_attempts_counted():
    cache.clear()


@pytest.fixture
def trial():
    return build.trial()


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def administrator(trial):
    return build.user("administrator", trial=trial)


def sign_in(person, password=build.PASSWORD, browser=None, username=None, **query):
    browser = browser or Client()
    address = f"{LOGIN}?next={query['next']}" if query else LOGIN
    return browser, browser.post(
        address, {"login": username or person.username, "password": password, **query}
    )


def kinds(person=None):
    events = AccessEvent.objects.order_by("pk")
    return list((events.filter(user_id=person.pk) if person else events).values_list("kind", flat=True))


def people_page(trial):
    return f"/trials/{trial.slug}/people/"


def new_role_page(trial):
    return f"/trials/{trial.slug}/people/delegate/"


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
    assert answer.status_code == 302


def test_a_wrong_password_is_refused_with_a_sentence_and_recorded_for_the_person(person):
    """SEC-18: failed sign-ins are events."""
    _, answer = sign_in(person, password="not the password")
    assert "The user name or the password is not right" in answer.content.decode()
    assert kinds(person) == ["sign_in_failed"]


def test_what_was_typed_as_a_user_name_that_nobody_has_is_not_recorded():
    """SEC-18: people type their password into the wrong field."""
    Client().post(LOGIN, {"login": "hunter2-my-password", "password": "x"})
    event = AccessEvent.objects.get(kind="sign_in_failed")
    assert event.detail == {"reason": "unknown user name"}
    assert "hunter2" not in event.user_name


def test_after_five_failures_even_the_right_password_waits_and_the_lock_is_recorded(person):
    """SEC-06: attempts are throttled per user name."""
    for _ in range(5):
        sign_in(person, password="not the password")
    _, answer = sign_in(person)
    assert "Too many failed attempts" in answer.content.decode()
    assert kinds(person) == ["sign_in_failed"] * 5 + ["locked_out"]


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


def test_an_initial_password_has_to_be_replaced_before_anything_else(person, trial):
    """P11-17: a password that another person made opens nothing."""
    with acting(system="test"):
        person.must_change_password = True
        person.save()
    browser, _ = sign_in(person)
    assert browser.get(people_page(trial)).url == "/accounts/password/"
    sent = {"oldpassword": build.PASSWORD, "password1": OWN_PASSWORD, "password2": OWN_PASSWORD}
    browser.post("/accounts/password/", sent)
    assert browser.get(people_page(trial)).status_code == 200
    assert kinds(person) == ["signed_in", "password_changed"]


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


def test_fifteen_minutes_without_a_request_end_the_session_and_say_so(person, trial):
    """ACC-05: idle time-out."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(person)
        clock.shift(timedelta(minutes=16))
        answer = browser.get(people_page(trial))
        assert answer.url == f"{LOGIN}?next=%2Ftrials%2F{trial.slug}%2Fpeople%2F&ended=idle"
        assert "nothing was done for a while" in browser.get(answer.url).content.decode()
    assert kinds(person) == ["signed_in", "timed_out"]


def test_work_keeps_the_session_open_but_not_past_twelve_hours(person, trial):
    """SEC-08: an absolute lifetime beside the idle limit."""
    with time_machine.travel("2026-03-02 06:00Z", tick=False) as clock:
        browser = build.client(person)
        for _ in range(71):
            clock.shift(timedelta(minutes=10))
            assert browser.get(people_page(trial)).status_code == 200
        clock.shift(timedelta(minutes=10))
        assert browser.get(people_page(trial)).url.endswith("ended=lifetime")


def test_asking_how_long_the_session_lasts_does_not_prolong_it_but_saying_so_does(person):
    """ACC-05: the warning must not keep an empty chair signed in."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(person)
        browser.get("/accounts/profile/")
        clock.shift(timedelta(minutes=10))
        assert browser.get("/accounts/session/").json()["left"] == 300
        assert browser.post("/accounts/session/").json()["left"] == 900
        clock.shift(timedelta(minutes=16))
        assert browser.get("/accounts/session/", headers={"accept": "application/json"}).status_code == 401


def test_a_fragment_asked_after_the_end_gets_401_and_leaves_the_page_alone(person, trial):
    """DAT-13: a live check must not replace what is being typed by the sign-in page."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(person)
        clock.shift(timedelta(minutes=16))
        answer = browser.post(new_role_page(trial), headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer["HX-Trigger"] == "session-ended"


def test_the_page_that_stayed_open_signs_in_in_place(person, trial):
    """ACC-05: asked for the password by the dialog, through the same sign-in; then its forms have a new token."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(person)
        browser.get("/accounts/profile/")
        clock.shift(timedelta(minutes=16))
        wanted = {"accept": "application/json"}
        assert browser.get("/accounts/session/", headers=wanted).json()["left"] == 0
        ended = browser.get("/accounts/session/", headers=wanted)
        assert (ended.status_code, ended.json()["left"]) == (401, 0)
        script = {"x-requested-with": "XMLHttpRequest", "x-csrftoken": ended.json()["token"]}
        wrong = {"login": person.username, "password": "not this one"}
        refused = browser.post("/accounts/login/", wrong, headers=script)
        assert refused.status_code == 400
        assert "is not right" in str(refused.json()["form"])
        assert AccessEvent.objects.filter(kind="sign_in_failed", user_id=person.pk).count() == 1
        answer = browser.post("/accounts/login/", {**wrong, "password": build.PASSWORD}, headers=script)
        assert answer.status_code == 200
        fresh = browser.get("/accounts/session/").json()
        assert (fresh["left"], fresh["user"]) == (900, person.username)
        assert fresh["token"] != ended.json()["token"]


def test_a_form_kept_while_typing_asks_for_the_password_when_the_session_ended_elsewhere(person, trial):
    """A page that is left open while its session is closed in another window is told so, not led away."""
    browser = build.client(person)
    browser.logout()
    sent = {"form_owner": keeping.owner_value(person)}
    answer = browser.post(new_role_page(trial), sent, headers={"accept": "application/json"})
    assert (answer.status_code, answer["HX-Trigger"]) == (401, "session-ended")
    assert not KeptPost.objects.exists()


def form_left_open(administrator, trial):
    """An administrator opens a form, is called away for an hour, comes back and sends it."""
    with time_machine.travel("2026-03-02 09:00Z", tick=False) as clock:
        browser = build.client(administrator)
        page = browser.get(new_role_page(trial)).content.decode()
        assert 'name="form_owner"' in page
        clock.shift(timedelta(hours=1))
        sent = {"username": "nobody-yet", "role": "monitor", "form_owner": keeping.owner_value(administrator)}
        sent |= {"starts_on": "02-Mar-2026", "password": "typed into a signing form"}
        return browser, browser.post(new_role_page(trial), sent)


def test_what_was_typed_before_the_session_ended_comes_back_after_signing_in(administrator, trial):
    """ACC-05, REL-13: time-out without loss of typed data."""
    browser, answer = form_left_open(administrator, trial)
    assert answer.url.startswith(f"{LOGIN}?next=")
    page = browser.get(answer.url).content.decode()
    assert "What you typed is kept" in page
    kept = KeptPost.objects.get()
    address = f"{kept.path}?kept={kept.token}"
    _, answer = sign_in(administrator, browser=browser, next=address)
    assert answer.url == address
    page = browser.get(address).content.decode()
    assert 'value="nobody-yet"' in page
    assert f'name="kept" value="{kept.token}"' in page


def test_what_was_typed_is_encrypted_and_passwords_are_not_kept_at_all(administrator, trial):
    """PRV-04: nothing a person typed lies readable in the database."""
    form_left_open(administrator, trial)
    kept = KeptPost.objects.get()
    assert b"nobody-yet" not in bytes(kept.payload)
    browser = build.client(administrator)
    request = browser.get(f"{kept.path}?kept={kept.token}").wsgi_request
    assert keeping.kept_data(request).dict() == {
        "username": "nobody-yet",
        "role": "monitor",
        "starts_on": "02-Mar-2026",
    }


def test_another_person_does_not_get_what_was_typed(administrator, trial):
    """PRV-04: the next person at the same desk."""
    form_left_open(administrator, trial)
    kept = KeptPost.objects.get()
    other = build.client(build.user("administrator", trial=trial))
    page = other.get(f"{kept.path}?kept={kept.token}").content.decode()
    assert "nobody-yet" not in page


def test_what_was_kept_is_deleted_when_the_form_is_saved(administrator, trial):
    """PRV-02: nothing is kept longer than it is needed."""
    form_left_open(administrator, trial)
    known = build.user("monitor")
    sent = {"username": known.username, "role": "monitor", "starts_on": "02-Mar-2026"}
    browser = build.client(administrator)
    assert (
        browser.post(new_role_page(trial), sent | {"kept": KeptPost.objects.get().token}).status_code == 302
    )
    assert KeptPost.objects.count() == 0


@pytest.mark.parametrize("token", ["\x00", "' OR 1=1", "x" * 70_000, "é"])
def test_a_token_that_was_made_up_gives_an_empty_form(administrator, trial, token):
    """SEC-19: no fault on any input, on either database."""
    browser = build.client(administrator)
    assert browser.get(new_role_page(trial), {"kept": token}).status_code == 200
    assert browser.post(new_role_page(trial), {"kept": token}).status_code == 422


def test_what_nobody_came_back_for_is_gone_after_a_week(administrator, trial):
    """PRV-02: storage is limited; the next form that is kept clears the old ones."""
    form_left_open(administrator, trial)
    KeptPost.objects.update(created_at=datetime(2026, 2, 20, tzinfo=UTC))
    old = KeptPost.objects.get().token
    form_left_open(administrator, trial)
    assert old not in KeptPost.objects.values_list("token", flat=True)


@pytest.mark.parametrize("note", ["", "1|2026-03-02:forged", "1|2026-03-02"])
def test_a_form_without_a_genuine_note_of_its_owner_is_not_kept(trial, note):
    """SEC-02: nobody stores forms in another person's name."""
    answer = Client().post(new_role_page(trial), {"username": "x", "form_owner": note})
    assert answer.status_code == 302
    assert KeptPost.objects.count() == 0


def test_a_form_with_the_token_of_an_earlier_sign_in_comes_back_instead_of_being_lost(administrator, trial):
    """REL-13: signed in again in another tab, so this tab's token is stale."""
    browser = Client(enforce_csrf_checks=True)
    with acting(system="test"):
        browser.force_login(administrator)
    sent = {"username": "typed", "form_owner": keeping.owner_value(administrator)}
    answer = browser.post(new_role_page(trial), sent)
    assert answer.status_code == 302
    page = browser.get(answer.url).content.decode()
    assert 'value="typed"' in page
    assert "signed in again meanwhile" in page


def test_a_forged_request_from_another_site_is_refused(administrator, trial):
    """SEC-09: the token is checked on every unsafe method."""
    browser = Client(enforce_csrf_checks=True)
    with acting(system="test"):
        browser.force_login(administrator)
    answer = browser.post(new_role_page(trial), {"username": "typed"})
    assert answer.status_code == 403
    assert "open for too long" in answer.content.decode()


def test_a_deactivated_person_is_out_at_the_next_request_and_cannot_come_back(person, administrator, trial):
    """P11-04: deactivation kills live sessions at once."""
    browser, _ = sign_in(person)
    with acting(user=administrator):
        delegating.deactivate(user=person, reason="left the hospital", by=administrator)
    assert browser.get(people_page(trial)).url.startswith(LOGIN)
    _, answer = sign_in(person)
    assert answer.url == "/accounts/inactive/"
    assert AccessEvent.objects.filter(kind="sign_in_failed").latest("pk").detail == {"reason": "deactivated"}


def test_access_ends_with_the_last_day_of_a_role(person, trial):
    """ACC-04: an end date ends access without anybody doing anything."""
    with acting(system="test"):
        person.delegations.update(ends_on=timezone.now().date())
    browser = build.client(person)
    assert browser.get(people_page(trial)).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert build.client(person).get(people_page(trial)).status_code == 404


def code_of(secret):
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def with_authenticator_app(person):
    """Set up an app as a person does: confirm the password, scan, type the first code."""
    browser, _ = sign_in(person)
    browser.post("/accounts/confirm/", {"password": build.PASSWORD})
    secret = browser.get("/accounts/factors/totp/activate/").context["form"].secret
    browser.post("/accounts/factors/totp/activate/", {"code": code_of(secret)})
    return secret


def test_with_an_authenticator_app_the_password_alone_does_not_sign_in(person):
    """SEC-06, ACC-05: a second factor can be set up and is then asked."""
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
            assert browser.get("/accounts/profile/").status_code == (200 if attempt == 0 else 302)


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
    assert stored.wrap().validate_code(code_of(secret)) in (True, False)


def test_a_person_sees_and_ends_their_other_sessions(person):
    """SEC-08: the user sees and ends own sessions."""
    here, _ = sign_in(person)
    there, _ = sign_in(person)
    assert UserSession.objects.filter(user=person).count() == 2
    here.post("/accounts/sessions/end/")
    assert here.get("/accounts/profile/").status_code == 200
    assert there.get("/accounts/profile/").status_code == 302


def test_nobody_ends_the_session_of_another_person(person, trial):
    """SEC-02: a foreign session is as if it did not exist."""
    sign_in(build.user("monitor", trial=trial))
    foreign = UserSession.objects.get()
    browser, _ = sign_in(person)
    assert browser.post("/accounts/sessions/end/", {"session": foreign.pk}).status_code == 404
    assert browser.post("/accounts/sessions/end/", {"session": "x"}).status_code == 404


def test_theme_and_language_are_remembered_without_leaving_history(person):
    """AUD-03: how a page looks is not study data."""
    browser = build.client(person)
    answer = browser.post("/accounts/theme/", {"theme": "dark", "next": "https://elsewhere.example/"})
    assert answer.url == "/trials/"
    assert 'data-bs-theme="dark"' in browser.get("/accounts/profile/").content.decode()
    assert person.history.filter(history_type="~").count() == 0
    assert browser.post("/accounts/theme/", {"theme": "<script>"}).status_code == 400
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
