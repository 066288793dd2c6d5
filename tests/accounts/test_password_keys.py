"""A password that nobody else ever saw: chosen with a link or two halves of a code, once, within a day (P11-19)."""

from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts import password_keys
from accounts.models import PasswordKey, User
from audit.context import acting
from audit.models import AccessEvent
from tests.support import build
from tests.support.pages.signing_in import LOGIN, OWN_PASSWORD, kinds, people_page, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
HALVES = "/accounts/key/"
CHOSEN = {"password1": OWN_PASSWORD, "password2": OWN_PASSWORD}


@pytest.fixture
def person(trial):
    return build.user("coordinator", trial=trial, email="anna@hospital.example")


@pytest.fixture
def key(person, administrator):
    with acting(user=administrator):
        return password_keys.make_key(user=person, by=administrator, reason="forgotten")


@pytest.fixture
def link(key):
    with acting(system="test"):
        return f"/accounts/key/{password_keys.new_link(key)}/"


@pytest.fixture
def code(key, administrator, doctor):
    with acting(system="test"):
        return password_keys.new_first_half(key), password_keys.new_second_half(key=key, by=doctor)


def chosen_password(person):
    return User.objects.get(pk=person.pk).check_password(OWN_PASSWORD)


def test_a_person_chooses_a_password_with_the_link_and_signs_in(person, link):
    browser = Client()
    page = browser.get(link).content.decode()
    assert person.username in page
    answer = browser.post(link, CHOSEN, follow=True)
    assert f"your user name is {person.username}" in answer.content.decode()
    assert sign_in(person, OWN_PASSWORD, browser)[1].status_code == 302
    assert kinds(person) == ["password_changed", "signed_in"]


def test_looking_at_a_link_uses_nothing_up(person, link):
    """Mail programs open links before the person does."""
    for _ in range(3):
        assert Client().get(link).status_code == 200
        assert Client().head(link).status_code == 200
    assert Client().post(link, CHOSEN).status_code == 302


def test_a_link_works_once(person, link):
    Client().post(link, CHOSEN)
    for answer in (
        Client().get(link),
        Client().post(link, {"password1": "another long one", "password2": "another long one"}),
    ):
        assert answer.status_code == 410
        assert "Ask the administrator of your trial for a new one" in answer.content.decode()
    assert chosen_password(person)


def test_a_link_works_for_a_day(person, key, link):
    with time_machine.travel(key.made_at + timedelta(hours=23, minutes=59)):
        assert Client().get(link).status_code == 200
    with time_machine.travel(key.made_at + timedelta(hours=24, minutes=1)):
        assert Client().post(link, CHOSEN).status_code == 410
    assert not chosen_password(person)


def test_a_newer_link_replaces_the_earlier_one(person, link, administrator):
    with acting(user=administrator):
        newer = password_keys.new_link(password_keys.make_key(user=person, by=administrator))
    assert Client().get(link).status_code == 410
    assert Client().get(f"/accounts/key/{newer}/").status_code == 200


def test_a_link_of_a_deactivated_person_opens_nothing(person, link):
    with acting(system="test"):
        User.objects.filter(pk=person.pk).update(is_active=False)
    assert Client().post(link, CHOSEN).status_code == 410


@pytest.mark.parametrize("secret", ["x", "x" * 43, "a%00b", "é" * 20])
def test_an_invented_link_is_answered_like_one_that_has_ended(secret, db):
    assert Client().get(f"/accounts/key/{secret}/").status_code in {400, 410}


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"password1": "short", "password2": "short"}, "at least 12 characters"),
        ({"password1": "123456789012", "password2": "123456789012"}, "digits and signs alone"),
        ({"password1": OWN_PASSWORD, "password2": OWN_PASSWORD + "x"}, "not the same"),
        ({"password1": "", "password2": ""}, "This field is required"),
    ],
)
def test_a_refused_password_leaves_the_link_open(person, link, typed, sentence):
    answer = Client().post(link, typed)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Client().post(link, CHOSEN).status_code == 302


def test_the_present_password_works_until_another_is_chosen_which_ends_the_sessions(person, link, trial):
    """An administrator who makes a link keeps nobody out."""
    browser = build.client(person)
    assert browser.get(people_page(trial)).status_code == 200
    Client().post(link, CHOSEN)
    assert browser.get(people_page(trial)).url.startswith(LOGIN)


def test_two_halves_from_two_people_open_what_a_link_opens(person, code):
    first, second = code
    typed = {"first_half": first.upper(), "second_half": second.replace("-", " "), **CHOSEN}
    assert Client().post(HALVES, typed).status_code == 302
    assert chosen_password(person)


def test_one_half_alone_or_twice_opens_nothing(person, code):
    first, second = code
    for typed in (
        {"first_half": first, "second_half": first},
        {"first_half": second, "second_half": second},
        {"first_half": second, "second_half": first},
        {"first_half": first, "second_half": ""},
        {"first_half": "-", "second_half": "-"},
    ):
        assert Client().post(HALVES, typed | CHOSEN).status_code == 422
    assert not chosen_password(person)


def test_a_code_without_its_second_half_opens_nothing(person, key):
    with acting(system="test"):
        first = password_keys.new_first_half(key)
    assert Client().post(HALVES, {"first_half": first, "second_half": "a", **CHOSEN}).status_code == 422


def test_guessing_halves_has_to_wait(person, code):
    """SEC-06."""
    first, second = code
    answers = [
        Client().post(HALVES, {"first_half": first, "second_half": "abcde", **CHOSEN}) for _ in range(11)
    ]
    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert Client().post(HALVES, {"first_half": first, "second_half": second, **CHOSEN}).status_code == 429


@pytest.mark.parametrize("who", ["administrator", "person"])
def test_who_gave_the_first_half_or_gets_the_code_is_not_the_second_person(key, request, who):
    by = request.getfixturevalue(who)
    with acting(user=by), pytest.raises(ValidationError, match="Another person has to hand over"):
        password_keys.new_second_half(key=key, by=by)


def test_only_hashes_of_the_secrets_are_stored_and_none_in_the_history(person, key, link, code):
    """SEC-21: a copy of the database opens nothing."""
    secrets = [link.split("/")[-2], *code]
    stored = str(list(PasswordKey.objects.values())) + str(list(PasswordKey.history.values()))
    assert not [
        secret for secret in secrets if secret in stored or password_keys.plain_half(secret) in stored
    ]
    assert "link" not in {field.name for field in PasswordKey.history.model._meta.fields}


def test_making_a_link_is_recorded_with_its_reason(person, key, administrator):
    """AUD-08."""
    event = AccessEvent.objects.get(kind="password_link")
    assert (event.user_id, event.detail["person"], event.detail["reason"]) == (
        administrator.pk,
        person.username,
        "forgotten",
    )


def test_the_browser_in_which_a_password_was_chosen_is_known(person, link):
    """Who is guessed at from everywhere gets in with a link."""
    browser = Client()
    browser.post(link, CHOSEN)
    for _ in range(6):
        sign_in(person, "wrong")
    assert sign_in(person, OWN_PASSWORD)[1].status_code == 429
    assert sign_in(person, OWN_PASSWORD, browser)[1].status_code == 302


def test_a_person_whom_no_administrator_can_help_gets_a_link_on_the_command_line(person, capsys):
    call_command(
        "password_link", username=person.username.upper(), reason="lost everything", remove_factors=True
    )
    link = capsys.readouterr().out.split("http://127.0.0.1:8000")[1].strip()
    assert Client().post(link, CHOSEN).status_code == 302
    assert chosen_password(person)
    with pytest.raises(CommandError, match="Nobody who may sign in"):
        call_command("password_link", username="nobody", reason="x")


def test_the_first_administrator_chooses_a_password_with_a_printed_link(trial, capsys):
    """P11-19: the command prints no password."""
    call_command(
        "add_person", username="a.martin", full_name="Alice Martin", trial=trial.slug, role="administrator"
    )
    link = capsys.readouterr().out.split("http://127.0.0.1:8000")[1].strip()
    assert not User.objects.get(username="a.martin").has_usable_password()
    Client().post(link, CHOSEN)
    assert sign_in(User.objects.get(username="a.martin"), OWN_PASSWORD)[1].status_code == 302


@pytest.mark.parametrize(
    ("name", "sentence"),
    [({"username": "a martin"}, "without blanks"), ({"full_name": "Ali\u200bce"}, "U+200B")],
)
def test_the_command_refuses_the_same_names_as_the_page(trial, name, sentence):
    typed = {
        "username": "a.martin",
        "full_name": "Alice Martin",
        "trial": trial.slug,
        "role": "administrator",
    }
    with pytest.raises(CommandError, match=sentence.replace("+", r"\+")):
        call_command("add_person", **(typed | name))
