"""How long a session lasts, and what happens at its end (ACC-05)."""

from datetime import timedelta

import pytest
import time_machine

from accounts.models import KeptPost
from accounts.sessions import kept_forms
from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.signing_in import LOGIN, kinds, new_role_page, people_page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial)


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
    """SEC-08: an absolute lifetime in addition to the idle limit."""
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
    """AUD-13: a live check must not replace what is being typed by the sign-in page."""
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
    sent = {"form_owner": kept_forms.owner_value(person)}
    answer = browser.post(new_role_page(trial), sent, headers={"accept": "application/json"})
    assert (answer.status_code, answer["HX-Trigger"]) == (401, "session-ended")
    assert not KeptPost.objects.exists()
