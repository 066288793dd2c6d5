"""HTML with slots: a template is rendered once, then each page only fills its slots.

Most HTML of a form is the same on every page of one protocol version in one language: labels, units, help, choices.
A template names a slot where pages differ (`templatetags/slots.py`): `{% slot "value" %}`, or, with the HTML shown
unless a page fills it, `{% slotted "queries" %}…{% endslotted %}`.
"""

import re
import secrets
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from audit.stored_text import reader_language

# Random in each process, so that no text of a protocol file or of a translation can be taken for a slot.
_MARK = f"slot-{secrets.token_hex(8)}"
_SLOT = re.compile(rf"{_MARK}:(.*?):{_MARK}(?:begin(.*?)end{_MARK})?", re.DOTALL)


def slot(name: str) -> SafeString:
    """Return the text that marks a slot in a rendered template. A slot that is not filled is empty."""
    return mark_safe(f"{_MARK}:{name}:{_MARK}")  # noqa: S308 - a mark, replaced before the HTML is sent


def slotted(name: str, html: str) -> SafeString:
    """Return the text that marks a slot with the HTML shown if the slot is not filled."""
    return mark_safe(f"{slot(name)}begin{html}end{_MARK}")  # noqa: S308 - `html` was rendered by a template


class Markup:
    """HTML with named slots; a name may occur several times."""

    def __init__(self, html: str) -> None:
        found = _SLOT.split(html)
        self._start = found[0]
        self._rest = tuple(zip(found[1::3], (each or "" for each in found[2::3]), found[3::3], strict=True))
        self.names = frozenset(name for name, _unfilled, _html in self._rest)

    def fill(self, filled: Mapping[str, Any]) -> SafeString:
        """Return the HTML with the slots filled; a text that is not safe HTML is escaped.

        Raises KeyError for a slot that the template does not have, so that no value is lost by a misspelt name.
        """
        if unknown := filled.keys() - self.names:
            raise KeyError(f"no slot {sorted(unknown)}")
        parts = [self._start]
        for name, unfilled, html in self._rest:
            parts.append(conditional_escape(filled[name]) if name in filled else unfilled)
            parts.append(html)
        # Safe HTML: constant parts of a rendered template, and escaped texts.
        return mark_safe("".join(parts))  # noqa: S308


def rendered(template: str, context: Mapping[str, Any]) -> Markup:
    """Return the markup of a template, rendered in the active language."""
    return Markup(render_to_string(template, dict(context)))


def markup(template: str, **context: str) -> Markup:
    """Return the markup of a template in the active language; rendered once per process for the same context."""
    return _markup(template, reader_language(), tuple(context.items()))


@lru_cache(maxsize=2048)
def _markup(template: str, language: str | None, context: tuple[tuple[str, str], ...]) -> Markup:
    # `language` is a key of the cache only: the template is rendered in the active language.
    return rendered(template, dict(context))


def joined(parts: Iterable[Any]) -> SafeString:
    """Return parts of HTML one after the other; a text that is not safe HTML is escaped."""
    return mark_safe("".join(map(conditional_escape, parts)))  # noqa: S308 - each part is safe or escaped
