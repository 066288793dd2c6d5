"""`{% trail_changes line %}`: the changes of one entry of the trail; when opened, all fields and the origin.

Made in one loop: a page of fifty saves has 1,500 changes, for each of which a template renders fifteen nodes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.trail_reading.change_labels import FieldChange
from protocol.values.writing import second_text
from reports.audit_trail.lines import TrailLine
from trials.reader import reader_language

register = template.Library()

FOLDED, OPENED = 60, 2000
NOTHING = "–"


@dataclass(frozen=True)
class _ChangeWords:
    """The fixed texts of the column, as HTML."""

    old: str
    new: str
    taken_away: str
    details: str
    time: str
    user: str
    address: str
    session: str
    request: str
    device: str
    agent: str
    who: str
    role: str
    reason: str
    origin: str
    when: str


@lru_cache
def _words(language: str) -> _ChangeWords:
    # `language` is a key of the cache only: the texts are in the active language.
    texts = (
        _("old value"), _("new value"), _("taken away"), _("Details"), _("Time (UTC)"), _("User name"), _("Address"),
        _("Session"), _("Request"), _("Device"), _("Device as the browser names itself"), _("Who"), _("Role"),
        _("Reason"), _("From"), _("When"),
    )  # fmt: skip
    return _ChangeWords(*map(escape, texts))


@register.simple_tag
def trail_changes(line: TrailLine) -> SafeString:
    """Return the first change and, in a fold, all changes and the origin of an entry."""
    words, changes, bare = _words(reader_language()), line.changes, line.nothing_before
    summary = words.details
    if first := line.first:
        summary = f'<span class="quiet">{escape(first.label)}:</span> {_change(first, words, FOLDED, bare)}'
    if line.more:
        more = ngettext("and %(number)s more", "and %(number)s more", line.more) % {"number": line.more}
        summary += f' <span class="tag tone-none">{escape(more)}</span>'
    fields = "\n".join(
        f"<dt>{escape(each.label)}</dt>\n<dd>{_change(each, words, OPENED, bare)}</dd>" for each in changes
    )
    return mark_safe(  # noqa: S308
        f'<details>\n<summary>{summary}</summary>\n<dl class="pairs">\n{fields}\n</dl>\n'
        f'<dl class="pairs tiny">\n{_origin(line, words)}\n</dl>\n</details>'
    )


def _change(change: FieldChange, words: _ChangeWords, most: int, bare: bool) -> str:
    """Return the old and the new value. bare: there are no old values, so the new ones are not marked as new."""
    told = ""
    if change.old:
        told = f'<del><span class="visually-hidden">{words.old} </span>{_shown(change.old, most)}</del> → '
    if bare:
        return told + _shown(change.new or NOTHING, most)
    if change.new:
        return f'{told}<ins><span class="visually-hidden">{words.new} </span>{_shown(change.new, most)}</ins>'
    return told + words.taken_away


def _shown(text: str, most: int) -> str:
    # Truncator normalises letters with accents before it counts them.
    short = len(text) <= most and text.isascii()
    return escape(text if short else Truncator(text).chars(most))


def _origin(line: TrailLine, words: _ChangeWords) -> str:
    entry = line.entry
    told = [(words.time, utc_text(line)), (words.user, entry.user_name or NOTHING)]
    optional = (
        (words.device, line.device),
        (words.agent, line.agent),
        (words.address, entry.address),
        (words.session, entry.session),
        (words.request, entry.request),
    )
    told += [(label, text) for label, text in optional if text]
    return _pairs(told)


def utc_text(line: TrailLine) -> str:
    """Return the time of an entry in UTC, to the microsecond."""
    at = line.entry.at.astimezone(UTC)
    return f"{second_text(at, reader_language())}.{at.microsecond:06}"


def _pairs(told: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"<dt>{label}</dt><dd>{escape(str(text))}</dd>" for label, text in told)


@register.simple_tag
def trail_facts(line: TrailLine) -> SafeString:
    """Return all facts of an entry, unfolded: who, when, why, from where, and every changed field."""
    words, bare, entry = _words(reader_language()), line.nothing_before, line.entry
    told = [
        (words.when, line.when), (words.who, entry.full_name), (words.role, line.role or NOTHING),
        (words.reason, str(entry.reason) or NOTHING), (words.origin, line.origin),
    ]  # fmt: skip
    fields = "\n".join(
        f"<dt>{escape(each.label)}</dt>\n<dd>{_change(each, words, OPENED, bare)}</dd>"
        for each in line.changes
    )
    return mark_safe(  # noqa: S308
        f'<dl class="pairs">\n{_pairs(told)}\n{fields}\n</dl>\n<dl class="pairs tiny">\n{_origin(line, words)}\n</dl>'
    )
