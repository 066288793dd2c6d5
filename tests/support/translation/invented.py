"""An invented language, made from the marked texts: `«Vîtål sîgñs ···»` for `Vital signs`.

Only a text that a catalogue can hold is in it: what a page shows outside « and » was never marked. It is a third
longer than English, as French and Spanish are. The names of a protocol file come as ‹Demography›: not the
application's texts, and not to be taken for them.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from django.conf import settings
from django.test import override_settings
from django.utils import translation
from django.utils.translation import trans_real

from protocol.document.items import Text
from tests.support.translation.marked_texts import marked

LANGUAGE = "en-xa"
OPENS, CLOSES = "«", "»"
LONGER = 0.35
_ACCENTS = str.maketrans("aeiouncyAEIOUNC", "åêîöüñçýÅÊÎÖÜÑÇ")
# What must come through as it is: placeholders, tags, entities.
_KEPT = re.compile(r"%\(\w+\)[\d.]*[sdf]|%[sd%]|\{\w*\}|<[^>]+>|&\w+;|&#\d+;")
_PLURALS = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"


def invented(text: str) -> str:
    """Return a text in the invented language."""
    words, at = [], 0
    for kept in _KEPT.finditer(text):
        words += [text[at : kept.start()].translate(_ACCENTS), kept[0]]
        at = kept.end()
    words.append(text[at:].translate(_ACCENTS))
    plain = _KEPT.sub("", text).strip()
    return f"{OPENS}{''.join(words)} {'·' * max(1, round(len(plain) * LONGER))}{CLOSES}"


def catalogue() -> dict[str, str]:
    """Return the messages of this project and of the libraries whose pages it shows, as gettext keys them."""
    messages = {"": _PLURALS}
    for each in marked():
        _put(messages, each.text, each.plural, each.context)
    for message, counted in _of_libraries():
        context, _cut, text = message.rpartition("\x04")
        _put(messages, text, text if counted else "", context)
    return messages


def _put(messages: dict[str, str], text: str, plural: str, context: str) -> None:
    key = f"{context}\x04{text}" if context else text
    if plural:
        messages[f"{key}\0{plural}"] = f"{invented(text)}\0{invented(plural)}"
    messages[key] = invented(text)


@cache
def _of_libraries() -> frozenset[tuple[str, bool]]:
    """Return the texts in the French catalogues of Django and allauth, and whether each has a plural."""
    found = trans_real.DjangoTranslation("fr")._catalog  # type: ignore[attr-defined]
    keys = ((key[0], True) if isinstance(key, tuple) else (key, False) for key in found.keys())  # noqa: SIM118
    return frozenset((text, counted) for text, counted in keys if text)


def write(folder: Path) -> None:
    """Write the catalogue below a folder of locales, as `compilemessages` would."""
    target = folder / translation.to_locale(LANGUAGE) / "LC_MESSAGES" / "django.mo"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_whole())


@cache
def _whole() -> bytes:
    """Return the binary catalogue: a process makes it once, for all tests that speak the language."""
    return _compiled(catalogue())


def _compiled(messages: Mapping[str, str]) -> bytes:
    """Return the binary form of a catalogue (GNU gettext manual, "The Format of GNU MO Files")."""
    pairs = sorted((key.encode(), text.encode()) for key, text in messages.items())
    start = 28 + 16 * len(pairs)
    tables: tuple[list[int], list[int]] = ([], [])
    body = bytearray()
    for part, table in enumerate(tables):
        for pair in pairs:
            table += [len(pair[part]), start + len(body)]
            body += pair[part] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    return head + struct.pack(f"<{4 * len(pairs)}I", *tables[0], *tables[1]) + body


def active() -> translation.override:
    """Speak the language in this process, where it is installed."""
    return translation.override(LANGUAGE)


@contextmanager
def spoken(folder: Path) -> Iterator[None]:
    """Install the language, and no other than English beside it; mark the names of protocol files."""
    write(folder)
    languages = [("en", "English"), (LANGUAGE, "Invented")]
    plain = Text.in_language
    with override_settings(LOCALE_PATHS=[folder], LANGUAGES=languages):
        Text.in_language = lambda text, language: f"‹{plain(text, language)}›"  # type: ignore[method-assign]
        try:
            yield
        finally:
            Text.in_language = plain  # type: ignore[method-assign]
    assert LANGUAGE not in dict(settings.LANGUAGES)
