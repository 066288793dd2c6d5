"""Builders: plain functions that make what a test needs, with the shipped protocols and real verbs.

Each acts as `system:test`; keywords override what matters to the test.
"""

from datetime import date, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import Delegation, User
from audit.context import acting
from patients.models import Patient
from patients.screening import screen
from trials.loading import load_protocol
from trials.models import Trial

ROOT = Path(__file__).resolve().parent.parent
LIEGE, COVID_MSV = "nct04445454", "nct04361942"
PASSWORD = "a long enough password"
_numbers = count(1)


@cache
def protocol_text(slug: str) -> str:
    """Return the text of a shipped protocol, or of the invented third one."""
    folder = ROOT / ("tests/protocols" if slug == "third" else "trials/protocols")
    return (folder / f"{slug}.toml").read_text(encoding="utf-8")


def trial(slug: str = LIEGE) -> Trial:
    """Return the trial with its protocol loaded."""
    with acting(system="test"):
        return load_protocol(text=protocol_text(slug), effective_from=date(2020, 5, 1)).trial


def user(role: str = "coordinator", *, trial: Trial | None = None, **fields: Any) -> User:
    """Return a person, with a role in the trial when one is given."""
    number = next(_numbers)
    fields.setdefault("full_name", f"{role.replace('_', ' ').title()} {number}")
    fields.setdefault("identity_verified_on", date(2020, 1, 1))
    with acting(system="test"):
        person = User.objects.create_user(f"{role}{number}", PASSWORD, **fields)
        if trial is not None:
            delegate(person, trial=trial, role=role)
    return person


def delegate(person: User, *, trial: Trial, role: str, **fields: Any) -> Delegation:
    """Give a person a role in a trial."""
    today = timezone.now().date()
    fields.setdefault("starts_on", today - timedelta(days=400))
    if role == "inspector":
        fields.setdefault("ends_on", today + timedelta(days=30))
    with acting(system="test"):
        return Delegation.objects.create(user=person, trial=trial, role=role, **fields)


def client(person: User) -> Client:
    """Return a browser in which the person is signed in."""
    browser = Client()
    with acting(system="test"):
        browser.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return browser


def patient(*, trial: Trial, by: User | None = None, screened_on: date | None = None, **identity: str) -> Patient:
    """Return a patient in screening."""
    by = by or user("coordinator", trial=trial)
    with acting(user=by, role="coordinator"):
        return screen(
            trial=trial, screened_on=screened_on or timezone.now().date() - timedelta(days=40), identity=identity, by=by
        )
