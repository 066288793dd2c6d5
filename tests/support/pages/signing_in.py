"""Sign in as a browser does."""

from django.test import Client

from audit.models import AccessEvent
from tests.support import build

LOGIN, OWN_PASSWORD = "/accounts/login/", "a new password of my own"


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
