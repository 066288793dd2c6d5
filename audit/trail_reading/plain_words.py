"""Stored values as text for people: no JSON, no ISO 8601 (AUD-02)."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from audit.events import DETAIL_WORDS
from audit.stored_text import StoredText, read
from protocol.values.labels import MISSING_WORDS, is_missing
from protocol.values.moments import Moment
from protocol.values.site_clock import minutes_east
from protocol.values.writing import second_text

# Columns with a moment as a person entered it: an ISO prefix, as precise as it is known.
ENTERED_MOMENTS = frozenset(
    {
        "aware", "birth_date", "end", "ended", "given", "occurred_on", "onset", "reported", "serious_aware", "started",
        "thawed", "weight_measured",
    }
)  # fmt: skip
# What the entries of JSON columns are called besides those of events.
KEY_WORDS = {
    "allows": gettext_lazy("Allows inclusion"),
    "because": gettext_lazy("Because"),
    "deferred_until": gettext_lazy("Waits until"),
    "inputs": gettext_lazy("Evaluated from"),
    "kind": gettext_lazy("Kind"),
    "name": gettext_lazy("Name"),
    "needs": gettext_lazy("Still needs"),
    "new": gettext_lazy("Value after"),
    "old": gettext_lazy("Value before"),
    "size": gettext_lazy("Bytes"),
}
_ISO_MINUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d[+-]\d\d:\d\d(\[[A-Za-z_/+-]+\])?", re.ASCII)
_ISO_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_PART = re.compile(r"\d{4}(-\d\d)?", re.ASCII)


def instant_words(at: datetime, zone: str, language: str) -> str:
    """Return an instant on the clock of a time zone, with its offset: `22-Nov-2026 02:46:53 +01:00`."""
    local = at.astimezone(ZoneInfo(zone))
    return second_text(local, language, minutes_east(local))


def entered_words(text: str, language: str, *, day: bool = True, part: bool = False) -> str:
    """Return a stored moment as text, any other text unchanged. day, part: whether a day or a partial date is one."""
    known = (
        _ISO_MINUTE.fullmatch(text)
        or (day and _ISO_DAY.fullmatch(text))
        or (part and _ISO_PART.fullmatch(text))
    )
    if not known:
        return text
    try:
        return Moment.from_iso(text).display_with_offset(language)
    except ValueError:
        return text


def plain_words(value: Any, zone: str, language: str) -> str:
    """Return the content of a JSON column as text: `Reason: moved; Number: 2`."""
    match value:
        case None:
            return ""
        case bool():
            return yes_no(value, language)
        case StoredText():
            return value.in_language(language)
        case str():
            return _text_words(value, zone, language)
        case dict() if is_missing(value) and value["missing"] in MISSING_WORDS:
            return _(MISSING_WORDS[value["missing"]])
        case dict():
            parts = ((key, plain_words(inner, zone, language)) for key, inner in value.items())
            return "; ".join(f"{key_words(key)}: {words}" for key, words in parts if words)
        case list() | tuple():
            return ", ".join(words for inner in value if (words := plain_words(inner, zone, language)))
    return str(value)


@lru_cache(maxsize=64)
def yes_no(value: bool, language: str) -> str:
    """Return “Yes” or “No”. Kept: most columns of an event are one of them."""
    with override(language):
        return _("Yes") if value else _("No")


def key_words(key: str) -> str:
    """Return the name of an entry of a JSON object. An item keeps its name in the protocol file: `form.item`."""
    if "." in key:
        return key
    return str(KEY_WORDS.get(key) or DETAIL_WORDS.get(key) or key.replace("_", " "))


def _text_words(text: str, zone: str, language: str) -> str:
    told = read(text)
    if isinstance(told, StoredText):
        return told.in_language(language)
    if _ISO_INSTANT.fullmatch(told):
        at = parse_datetime(told)
        if at is not None:
            return instant_words(at if at.tzinfo else at.replace(tzinfo=ZoneInfo("UTC")), zone, language)
    return entered_words(told, language)
