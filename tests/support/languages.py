"""Readers of other languages. Only English is offered so far; Django brings its own French and Spanish formats."""

import pytest

from accounts.models import User
from audit.context import acting
from tests.support import build
from trials.models import Trial

LANGUAGES = ("en", "fr", "es")


@pytest.fixture
def three_languages(settings) -> None:
    """The installation offers English, French and Spanish."""
    settings.LANGUAGES = [(code, code) for code in LANGUAGES]


def speaks(person: User, language: str) -> User:
    """Let a person read the pages in a language."""
    with acting(system="test"):
        person.language = language
        person.save(update_fields=["language"])
    return person


def reader(role: str, language: str, trial: Trial) -> User:
    """Return a person with a role who reads the pages in a language."""
    return speaks(build.user(role, trial=trial), language)
