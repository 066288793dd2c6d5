"""One request, undone afterwards: its answer, and the tables that it wrote to."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.db import connection, transaction
from django.test import Client

WRITE = re.compile(r'\s*(?:INSERT\s+(?:OR\s+\w+\s+)?INTO|UPDATE|DELETE\s+FROM)\s+"?(\w+)"?', re.IGNORECASE)
# What a request leaves by itself: that it was made, that the session goes on, and how often somebody tries.
# The index of the trail is derived from it, and whoever looks first brings it up to date (docs/decisions.md).
OWN_TRACES = {"audit_accessevent", "django_session", "usersessions_usersession", "stroma_cache"} | {
    "audit_trailindexrow", "audit_trailindexmark", "audit_trail_words",
}  # fmt: skip
# Differ from one answer to the next.
VARYING = re.compile(rb'nonce-[\w+/=-]+|name="csrfmiddlewaretoken" value="\w+"|"X-CSRFToken": ?"\w+"')


@dataclass(frozen=True)
class Answer:
    """A status, where it leads, the body, and the tables written besides the request's own traces."""

    status: int
    leads_to: str
    body: bytes
    written: frozenset[str]

    def without(self, *words: str) -> tuple[int, str, str]:
        """Return what somebody sees, apart from these words and what differs each time."""
        known = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
        blank = re.compile(rf"(?<!\w)(?:{known})(?!\w)", re.IGNORECASE)
        body = VARYING.sub(b"", self.body).decode(errors="replace")
        return self.status, blank.sub("?", unquote(self.leads_to)), blank.sub("?", body)


@contextmanager
def _writes() -> Iterator[set[str]]:
    tables: set[str] = set()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if found := WRITE.match(sql):
            tables.add(found[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield tables


def ask(method: str, path: str, session: str) -> Answer:
    """Send an empty request and undo what it did."""
    browser = Client(raise_request_exception=False)
    if session:
        browser.cookies[settings.SESSION_COOKIE_NAME] = session
    with transaction.atomic(), _writes() as tables:
        response: Any = getattr(browser, method)(path)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        transaction.set_rollback(True)
    leads_to = response.headers.get("Location", "")
    return Answer(response.status_code, leads_to, body, frozenset(tables - OWN_TRACES))
