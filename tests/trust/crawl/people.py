"""The people who try every address: each role of a trial, and those who have none there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings

from audit.context import acting
from tests.support import build
from tests.trust.crawl import letters, study
from trials.models import Trial

ANONYMOUS, OUTSIDE = "anonymous", "outside"


@dataclass(frozen=True)
class Person:
    """Who asks. role: the letter of the role in the trial; empty for somebody outside it, None without signing in."""

    name: str
    role: str | None
    session: str = ""
    words: frozenset[str] = field(default_factory=frozenset)


def _signed_in(name: str, role: str, user: object, *words: str) -> Person:
    session = build.client(user).cookies[settings.SESSION_COOKIE_NAME].value  # type: ignore[arg-type]
    return Person(name, role, session, frozenset(words))


def people(home: Trial, other: Trial) -> Iterator[Person]:
    """Yield everybody, seen from one trial. `words`: the trials whose words the person may read."""
    yield Person("nobody signed in", None)
    for letter, role in letters.ROLES.items():
        yield _signed_in(
            role, letter, build.user(role, trial=home, full_name=f"Reader {study.mark(home)}"), home.slug
        )
    yield _signed_in("no role anywhere", "", build.user("investigator", full_name="Nobody"))
    for name, days in (
        ("a role that has ended", {"ends_on": home.today - timedelta(days=1)}),
        ("a role that begins tomorrow", {"starts_on": home.today + timedelta(days=1)}),
    ):
        person = build.user("investigator", full_name="Past or to come")
        build.delegate(person, trial=home, role="investigator", **days)
        yield _signed_in(name, "", person)
    neighbour = build.user("investigator", trial=other, full_name=f"Neighbour {study.mark(other)}")
    yield _signed_in("a role in the other trial", "", neighbour, other.slug)
    both = build.user("coordinator", trial=home, full_name="In both trials")
    build.delegate(both, trial=other, role="monitor")
    yield _signed_in("a role in both trials", "C", both, home.slug, other.slug)
    gone = build.user("investigator", trial=home, full_name=f"Gone {study.mark(home)}")
    left = _signed_in("a deactivated person", "", gone)
    with acting(system="test"):
        gone.is_active = False
        gone.save(update_fields=["is_active"])
    yield Person(left.name, None, left.session)
