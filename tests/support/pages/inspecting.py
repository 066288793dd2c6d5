"""An inspector at the screen: opens pages by links and filters, and counts the clicks."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from tests.support import build

LINK = re.compile(r'<a\b[^>]*href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


class InspectorAtScreen:
    """The browser of a person with the role `inspector`, with the number of clicks made since the home page."""

    def __init__(self, trial: Any, role: str = "inspector") -> None:
        self.trial, self.clicks = trial, 0
        self.person = build.user(role, trial=trial)
        self.browser = build.client(self.person)
        self.page = self.browser.get(reverse("reports:home", args=[trial.slug]))

    def follow(self, words: str) -> Any:
        """Click the link with these words on the page. Raises AssertionError if there is none."""
        found = [href for href, text in self.links() if words in text]
        assert found, f"no link {words!r} among {[text for _href, text in self.links()]}"
        return self._open(found[0])

    def filter(self, **filters: str) -> Any:
        """Set filters in the form of the trail page and send it: one click."""
        form = self.page.context["listing"].form
        unknown = filters.keys() - form.fields.keys()
        assert not unknown, f"the page has no filter {unknown}"
        return self._open(f"{reverse('audit:trail', args=[self.trial.slug])}?{urlencode(filters)}")

    def links(self) -> list[tuple[str, str]]:
        """Return address and words of the links of the page."""
        content = self.page.content.decode()
        return [(unescape(href), plain(text)) for href, text in LINK.findall(content)]

    @property
    def text(self) -> str:
        """The words of the page."""
        return plain(re.search(r"<main.*?</main>", self.page.content.decode(), re.DOTALL)[0])  # type: ignore[index]

    @property
    def lines(self) -> list[Any]:
        """The entries of the trail that the page shows."""
        return list(self.page.context["listing"].lines)

    @property
    def total(self) -> int:
        """The number of entries that the page says it found."""
        return int(self.page.context["listing"].count)

    def _open(self, address: str) -> Any:
        self.clicks += 1
        self.page = self.browser.get(address)
        assert self.page.status_code == 200, self.page.status_code
        return self.page


def plain(html: str) -> str:
    """Return the words of HTML."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()
