"""The input sent for one item, and where and when it was typed. No Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from protocol.values.moments import Moment
from protocol.values.refusals import ValueRefused, gettext_noop

Typed = str | Sequence[str] | Mapping[str, Any]


class NotOffered(ValueRefused):
    """A code, unit or part that the page never offers: the request was not made from the page."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where and when a value is typed: time zone of the site, date of the visit, current time, language of the page.

    Without a language a stored value is read again, which is never ambiguous.
    """

    zone: str = "UTC"
    visit: date | Moment | None = None
    now: datetime | None = None
    language: str | None = None


ANYWHERE = Clock()


def parts_of(answer: Typed) -> dict[str, list[str]]:
    """Return the texts of each input of an item."""
    if isinstance(answer, Mapping):
        return {name: [part] if isinstance(part, str) else list(part) for name, part in answer.items()}
    return {"": [answer] if isinstance(answer, str) else list(answer)}


def text_of(parts: Mapping[str, list[str]], name: str = "") -> str:
    """Return the one text of an input, empty if it was not sent. Raises NotOffered for several."""
    found = parts.get(name) or [""]
    if len(found) > 1:
        raise NotOffered(gettext_noop("One answer was expected here, several came."))
    return found[0]
