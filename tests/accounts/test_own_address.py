"""The e-mail address of a person: links for a password go to it, so only its owner changes it."""

import pytest
from django.core import mail

from accounts.models import User
from tests.support import build
from tests.support.pages.mailed import recipients

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
PAGE = "/accounts/address/"


@pytest.fixture
def person(trial, settings):
    settings.SENDS_MAIL = True
    return build.user("coordinator", trial=trial, email="old@hospital.example")


def test_the_owner_changes_it_with_the_password_and_the_earlier_address_is_told(person):
    browser = build.client(person)
    assert browser.get(PAGE).status_code == 200
    answer = browser.post(PAGE, {"email": "new@hospital.example", "password": build.PASSWORD}, follow=True)
    assert "new@hospital.example" in answer.content.decode()
    assert recipients() == [["old@hospital.example"]]
    assert person.username in mail.outbox[0].body
    change = User.history.filter(id=person.pk).latest("history_id")
    assert (change.email, change.history_user_name) == ("new@hospital.example", person.username)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"email": "new@hospital.example", "password": "wrong"}, "This is not your password"),
        ({"email": "new@hospital.example", "password": ""}, "This field is required"),
        ({"email": "new at hospital", "password": build.PASSWORD}, "Enter a valid email address"),
    ],
)
def test_without_the_password_or_with_no_address_nothing_is_stored(person, typed, sentence):
    answer = build.client(person).post(PAGE, typed)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert User.objects.get(pk=person.pk).email == "old@hospital.example"
    assert recipients() == []


def test_the_same_address_again_changes_nothing(person):
    before = User.history.filter(id=person.pk).count()
    build.client(person).post(PAGE, {"email": person.email, "password": build.PASSWORD})
    assert User.history.filter(id=person.pk).count() == before
    assert recipients() == []


def test_no_page_of_an_administrator_changes_the_address_of_a_person(person, trial, administrator):
    """Whoever could change it could become the person."""
    browser = build.client(administrator)
    for step in ("identity", "password", "role", "factors", "deactivate"):
        page = browser.get(f"/trials/{trial.slug}/people/{person.pk}/{step}/").content.decode()
        assert 'name="email"' not in page, step
