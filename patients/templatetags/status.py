"""The status glyph of a form or visit: one shape for each state, with its text for screen readers."""

from collections.abc import Iterable
from functools import lru_cache
from html import escape
from typing import Protocol

from django import template
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from trials.reader import reader_language

register = template.Library()

# By state: symbol in status.svg, tone in stroma.css, text.
STATES: dict[str, tuple[str, str, str | Promise]] = {
    "not_started": ("not_started", "none", _("Not started")),
    "due": ("due", "due", _("Due now")),
    "overdue": ("overdue", "late", _("Overdue")),
    "draft": ("draft", "draft", _("Draft")),
    "complete": ("complete", "done", _("Complete")),
    "verified": ("verified", "checked", _("Source verified")),
    "signed": ("signed", "signed", pgettext_lazy("status", "Signed")),
    "locked": ("locked", "locked", pgettext_lazy("status", "Locked")),
    "query": ("query", "query", pgettext_lazy("status", "Open query")),
    "not_applicable": ("not_applicable", "none", _("Not applicable")),
    "missed": ("missed", "none", _("Missed")),
    "struck_out": ("struck_out", "none", _("Entered in error")),
    "infusion_given": ("infusion_given", "done", _("Infusion given")),
    "infusion_planned": ("infusion_planned", "due", _("Infusion planned")),
    "infusion_not_given": ("infusion_not_given", "none", _("Infusion not given")),
}
LEGEND = ("not_started", "due", "overdue", "draft", "complete", "verified", "signed", "locked", "query")
FLAGS = ("overdue", "due", "query")
AFTER_A_STATE: dict[str, str | Promise] = {
    "overdue": pgettext_lazy("after a status", "overdue"),
    "due": pgettext_lazy("after a status", "due now"),
    "query": pgettext_lazy("after a status", "open query"),
}


@register.simple_tag
def status(state: str, flags: str | Iterable[str] = (), of: str = "", words: bool = False) -> SafeString:
    """Return the glyph of a lifecycle state with its flags (`due`, `overdue`, `query`).

    of: name of the form or visit (`LIE-007 D28`), put before the state in the text. words: show the text beside the
    glyph. A form that is not started shows `due` or `overdue` instead. Raises KeyError for an unknown state.
    """
    flag_list = flags.split() if isinstance(flags, str) else flags
    glyphs, text = _glyph_html(str(state), tuple(flag_list), reader_language())
    if words:
        return format_html('<span class="st">{}<span>{}</span></span>', glyphs, text)
    text = f"{of}: {text}" if of else text
    return format_html(
        '<span class="st" title="{}">{}<span class="visually-hidden">{}</span></span>', text, glyphs, text
    )


@register.simple_tag
def legend_states(states: str | Iterable[str] = "") -> list[str]:
    """Return the states that a legend explains: those named, or all."""
    named = states.split() if isinstance(states, str) else list(states)
    return named or list(LEGEND)


def words_of(state: str, flags: Iterable[str] = ()) -> str:
    """Return the text of a state and its flags, the same on pages, on paper and for screen readers."""
    parts = [str(STATES[state][2]), *(str(AFTER_A_STATE[flag]) for flag in flags)]
    return ", ".join(parts)


class LinkedStatus(Protocol):
    """A form or visit in a table: its state, its flags, and the URL of its page."""

    @property
    def state(self) -> str: ...
    @property
    def flags(self) -> Iterable[str]: ...
    @property
    def url(self) -> str: ...


def linked_status(cell: LinkedStatus, of: str, language: str) -> str:
    """Return the glyph of `status` as a link, as HTML text for a table with hundreds of them.

    A template takes 60 µs for a cell, of which the home page has six hundred; this takes 3 µs. language: that of the
    reader, read once for the table.
    """
    glyphs, text = _glyph_html(cell.state, tuple(cell.flags), language)
    said = escape(f"{of}: {text}")
    return (
        f'<a href="{escape(cell.url)}"><span class="st" title="{said}">{glyphs}'
        f'<span class="visually-hidden">{said}</span></span></a>'
    )


@lru_cache(maxsize=512)
def _glyph_html(state: str, asked: tuple[str, ...], language: str) -> tuple[SafeString, str]:
    # `language` is a key of the cache only: the text is in the active language.
    shown, flags = state, tuple(flag for flag in FLAGS if flag in asked)
    if state == "not_started" and (urgent := [flag for flag in flags if flag != "query"]):
        shown = urgent[0]
        flags = tuple(flag for flag in flags if flag == "query")
    # Safe HTML: each part is the result of `format_html`.
    corner = [_glyph(flag, low=flag != "query") for flag in flags if flag != "due"]
    return mark_safe("".join([_glyph(shown), *corner])), words_of(shown, flags)  # noqa: S308


def _glyph(state: str, low: bool | None = None) -> SafeString:
    glyph, tone, _words = STATES[state]
    css = "" if low is None else " flag flag-low" if low else " flag"
    address = f"{static('status.svg')}#{glyph}"
    return format_html(
        '<svg class="glyph tone-{}{}" aria-hidden="true"><use href="{}"/></svg>', tone, css, address
    )
