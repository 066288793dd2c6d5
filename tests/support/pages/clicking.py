"""A reader who goes from page to page by its links and forms, and counts the clicks."""

import html
import re
from urllib.parse import urlencode, urljoin

from django.test import Client

from accounts.models import User
from tests.support import build

LINK = re.compile(r'<a\b[^>]*?\bhref="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


def plain(markup: str) -> str:
    """Return a piece of a page as a person reads it."""
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", markup))).strip()


class ClickingReader:
    """A person at the home of a trial. Each link followed and each form sent is one click."""

    def __init__(self, person: User, slug: str) -> None:
        self.browser: Client = build.client(person)
        self.clicks = 0
        self.address, self.markup = "", ""
        self._open(f"/trials/{slug}/")

    def click(self, text: str) -> "ClickingReader":
        """Follow the first link with a text. Raises AssertionError if the page has none."""
        found = [html.unescape(href) for href, inside in LINK.findall(self.markup) if text in plain(inside)]
        assert found, f"{self.address} has no link “{text}”"
        return self._counted(found[0])

    def filtered(self, **parameters: str) -> "ClickingReader":
        """Send the filter form of this page: each name must be one of its fields."""
        for name in parameters:
            assert f'name="{name}"' in self.markup, f"{self.address} has no filter “{name}”"
        return self._counted(f"{self.address.partition('?')[0]}?{urlencode(parameters)}")

    def searched(self, text: str) -> "ClickingReader":
        """Type a text into the search at the top of the page and send it."""
        form = re.search(r'<form[^>]*role="search"[^>]*>', self.markup)
        action = re.search(r'action="([^"]+)"', form[0]) if form else None
        assert action, f"{self.address} has no search"
        return self._counted(f"{action[1]}?{urlencode({'q': text})}")

    @property
    def text(self) -> str:
        """Return the main part of the page as a person reads it."""
        main = re.search(r"<main.*?</main>", self.markup, re.DOTALL)
        return plain(main[0] if main else self.markup)

    def _counted(self, address: str) -> "ClickingReader":
        self.clicks += 1
        return self._open(urljoin(self.address, address))

    def _open(self, address: str) -> "ClickingReader":
        answer = self.browser.get(address)
        assert answer.status_code == 200, (address, answer.status_code)
        self.address, self.markup = address, answer.content.decode()
        return self
