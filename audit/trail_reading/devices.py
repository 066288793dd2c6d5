"""Browser and system of a session, from what the browser said of itself when it signed in (AUD-02).

A browser can say anything, so these words are what it claims; the text as stored is shown beside them. They name the
families that are in use, without version: a version would need a list that ages.
"""

from collections.abc import Collection

from django.utils.translation import gettext as _

from audit.models import AccessEvent

# In this order: most browsers also claim to be Chrome or Safari.
BROWSERS = (
    ("Edge", ("Edg/", "EdgA/", "EdgiOS/", "Edge/")),
    ("Opera", ("OPR/", "Opera")),
    ("Samsung Internet", ("SamsungBrowser/",)),
    ("Vivaldi", ("Vivaldi/",)),
    ("Firefox", ("Firefox/", "FxiOS/")),
    ("Chrome", ("Chrome/", "CriOS/", "Chromium/")),
    ("Safari", ("Safari/",)),
)
# In this order: Android also claims to be Linux, and an iPhone to be like Mac OS X.
SYSTEMS = (
    ("Android", ("Android",)),
    ("iOS", ("iPhone", "iPad", "iPod")),
    ("Windows", ("Windows",)),
    ("ChromeOS", ("CrOS",)),
    ("macOS", ("Mac OS X", "Macintosh")),
    ("Linux", ("Linux", "X11")),
)
SHORTEST, LONGEST = 3, 40


def device_words(agent: str) -> str:
    """Return browser and system of a user agent: `Chrome on Windows`. Empty for an empty agent."""
    browser, system = _named(BROWSERS, agent), _named(SYSTEMS, agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    # A program rather than a browser: its name stands before the first slash.
    program = agent.split("/")[0].strip()[:LONGEST]
    return browser or system or (program if len(program) >= SHORTEST else agent[:LONGEST].strip())


def agents_of(sessions: Collection[str]) -> dict[str, str]:
    """Return by session the user agent that its latest event was recorded with. One query on an index."""
    asked = {session for session in sessions if session}
    if not asked:
        return {}
    found = AccessEvent.objects.filter(session__in=asked).exclude(agent="").order_by()
    return dict(found.values_list("session", "agent").distinct())


def _named(families: tuple[tuple[str, tuple[str, ...]], ...], agent: str) -> str:
    return next((name for name, marks in families if any(mark in agent for mark in marks)), "")
