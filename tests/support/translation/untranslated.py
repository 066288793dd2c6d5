"""What a page or a document says outside the invented language, and what of that is data.

Data are: what stands inside `translate="no"`; the names of a protocol file, which come as ‹Demography›; every text
that the database holds in a column without a list of choices, which is what people typed and how things are called;
days, numbers, units and codes. A code of a list of choices is never data: a page has words for it.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.apps import apps
from django.db import models
from lxml.html import document_fromstring

from audit.stored_text import StoredText
from dosing.models import Kit
from protocol.ctcae.laboratory_terms import TABLES
from protocol.document.document import Protocol
from protocol.values.labels import unit_words
from safety.terms.own_classes import CLASSES
from safety.terms.own_terms import TERMS
from tests.support.translation.invented import CLOSES, OPENS

# Attributes that are read to or by a person; the scripts hold no words of their own.
READ_ALOUD = frozenset(
    ["title", "alt", "placeholder", "label", "aria-label", "aria-description", "aria-roledescription",
     "aria-valuetext", "aria-placeholder", "data-tip", "data-offline", "data-more", "data-warn", "data-confirm-text"]
)  # fmt: skip
# Terms of a dictionary stay as its publisher wrote them, whatever the language; synonyms are of a language each.
TERMS_OF_CTCAE = (
    {name for term, own in TERMS.items() for name in (term, *own.others)}
    | {term for table in TABLES.values() for term in table}
    | set(CLASSES)
)
NAMES = frozenset(
    [
        "Stroma",
        "SHA-256",
        "CDISC",
        "CSV",
        "UNS",
        "AE",
        "AR",
        "SAE",
        "SAR",
        "SESAR",
        "SUSAR",
        "Liège",
        "Valladolid",
        "BE",
        "ES",
    ]
)
BRACKETS = ((OPENS, CLOSES), ("‹", "›"))
BUTTONS = frozenset({"submit", "button", "reset"})
_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"[^\W\d_]{2,}")
_INNER = re.compile(rf"{OPENS}[^{OPENS}{CLOSES}]*{CLOSES}")
_NAME = re.compile(r"‹[^‹›]*›")
_DAYS = re.compile(
    r"\b(?:\d{1,2}|UNK)-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|UNK)"
    r"(?:-(?:\d{4}|UNK))?\b|\bUTC\b|\bUNK\b|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
)
_MACHINE = re.compile(r"(?<![\w.])/[\w./-]*|\b(?=\w*\d)[\w.+-]+\b|\b[a-z]\w*\.[a-z]\w*\b")


def _collect(element: Any, found: list[tuple[str, str]]) -> None:
    """Add texts and spoken attributes of an element, without what is marked as not to be translated."""
    tag, given = element.tag, element.attrib
    # Comments have no name.
    if not isinstance(tag, str) or tag in {"script", "style"} or given.get("translate") == "no":
        return
    for name, value in given.items():
        shown = name == "value" and tag == "input" and given.get("type") in BUTTONS
        if shown or name in READ_ALOUD:
            found.append((f"{tag} {name}", value))
    if (text := element.text) and text.strip():
        found.append(("", text))
    for inner in element:
        _collect(inner, found)
        if (text := inner.tail) and text.strip():
            found.append(("", text))


class Data:
    """The texts of the database and of the protocol files that are no words of the application."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        result = (
            {each for protocol in protocols for each in _texts_of(protocol)}
            | set(_stored())
            | NAMES
            | TERMS_OF_CTCAE
        )
        self._known = {tokens for each in result if _WORD.search(each) and (tokens := tuple(_tokens(each)))}
        self._said = [" ".join(each.split()) for each in result]
        self._lengths: dict[str, list[int]] = {}
        for tokens in sorted(self._known, key=len, reverse=True):
            lengths = self._lengths.setdefault(tokens[0], [])
            if len(tokens) not in lengths:
                lengths.append(len(tokens))

    def untranslated(self, text: str) -> str:
        """Return what is left of a text when the invented language and the data are taken away."""
        while (shorter := _NAME.sub(" ", _INNER.sub(" ", text))) != text:
            text = shorter
        # The end of a text that was cut short is missing.
        text = re.split(rf"[{OPENS}‹]", text)[0]
        if "…" in text and any(each.startswith(text.partition("…")[0].strip()) for each in self._said):
            return ""
        if not _WORD.search(text):
            return ""
        rest = " ".join(self._without_known(_tokens(text)))
        return rest if _WORD.search(rest) else ""

    def _without_known(self, tokens: list[str]) -> Iterator[str]:
        """Yield the tokens that belong to no known text; the longest text that begins at a token is taken."""
        at = 0
        while at < len(tokens):
            lengths = self._lengths.get(tokens[at], [])
            length = next((each for each in lengths if tuple(tokens[at : at + each]) in self._known), 0)
            if not length:
                yield tokens[at]
            at += length or 1


def is_word(token: str) -> bool:
    """Return whether a piece of a text is a word, not a sign or a letter."""
    return bool(_WORD.search(token))


def _tokens(text: str) -> list[str]:
    """Return words and signs without days, numbers and codes that hold a digit."""
    return _TOKEN.findall(_MACHINE.sub(" ", _DAYS.sub(" ", text)))


def of_page(html: str, data: Data) -> Iterator[str]:
    """Yield the bare texts of a page."""
    found: list[tuple[str, str]] = []
    # A part of a page may be empty.
    if html.strip():
        _collect(document_fromstring(html), found)
    for where, text in _whole(found):
        if rest := data.untranslated(text):
            yield f"{where}: {rest}" if where else rest


def _whole(found: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield attributes and texts; a text with an element inside it comes whole, one that was cut short as it is."""
    waiting = ""
    for where, text in found:
        if where:
            yield where, text
            continue
        waiting += text
        whole = all(waiting.count(first) <= waiting.count(last) for first, last in BRACKETS)
        if whole or text.rstrip().endswith("…"):
            yield "", waiting
            waiting = ""
    if waiting:
        yield "", waiting


def _stored() -> Iterator[str]:
    for model in apps.get_models():
        fields = [
            field.attname
            for field in model._meta.concrete_fields
            if isinstance(field, models.CharField | models.TextField | models.JSONField) and not field.choices
        ]
        if fields and model._meta.app_label not in {"sessions", "contenttypes", "auth"}:
            for row in model._default_manager.values_list(*fields):
                for value in row:
                    yield from _texts(value)
    # As it is printed, in groups of signs.
    yield from (kit.shown for kit in Kit.objects.all())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, StoredText):
        # The sentence is the system's, to be said in each language; what was typed to it is not.
        yield value.typed
        yield from _texts(dict(value.parameters))
    elif isinstance(value, str):
        if len(value) < 4000:
            yield value
    elif isinstance(value, dict):
        # The trail shows what a JSON column holds as it is, keys and all.
        yield json.dumps(value, ensure_ascii=False, default=str)
        yield json.dumps(
            {name: each for name, each in value.items() if name != "id"}, ensure_ascii=False, default=str
        )
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _texts_of(protocol: Protocol) -> Iterator[str]:
    trial = protocol.trial
    yield from (trial.short_title, trial.sponsor or "", trial.site.name, trial.site.time_zone)
    for document in protocol.training:
        yield from (document.version, document.where or "")
    # The message of a check is stored with its query as the file has it.
    for form in protocol.forms.values():
        yield from (words for check in form.checks for words in check.message.root.values())
    items = [item for form in protocol.forms.values() for item in form.items]
    for asked in items + [column for item in items for column in item.columns]:
        yield from (unit_words(unit) for unit in (asked.unit or "", *(each.unit for each in asked.units)))
