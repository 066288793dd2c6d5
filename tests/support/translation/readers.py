"""People who read the pages in English, French or Spanish. The system itself offers only English so far."""

import pytest

from accounts.models import User
from audit.context import acting
from tests.support import build
from trials.models import Trial

LANGUAGES = ("en", "fr", "es")


@pytest.fixture
def three_languages(settings) -> None:
    """Make the installation offer English, French and Spanish."""
    settings.LANGUAGES = [(code, code) for code in LANGUAGES]


def speaks(person: User, language: str) -> User:
    """Store the language of a person and return the person."""
    with acting(system="test"):
        person.language = language
        person.save(update_fields=["language"])
    return person


def reader(role: str, language: str, trial: Trial) -> User:
    """Return a person with a role who reads the pages in a language."""
    return speaks(build.user(role, trial=trial), language)
