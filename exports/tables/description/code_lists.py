"""Code lists of columns: each code of a value with its label in a language."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db.models import Field
from django.utils.functional import Promise
from django.utils.translation import gettext, override

from protocol.checking.dictionary import FormTable, missing_in_files
from protocol.document.design import Coded
from protocol.document.items import Item, Text
from protocol.values.labels import MISSING_WORDS, YES_NO_WORDS

InLanguage = Callable[[str], str]
NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,8}")
"""A code that is a whole number of up to nine digits."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a column. label: a function that returns its label in a language (`en`), "" where it has none."""

    code: str
    label: InLanguage


def from_catalogue(words: str | Promise) -> InLanguage:
    """Return the label of words of the system."""

    def in_language(language: str) -> str:
        if language not in dict(settings.LANGUAGES):
            return ""
        with override(language):
            return gettext(words) if isinstance(words, str) else str(words)

    return in_language


def from_protocol(text: Text) -> InLanguage:
    """Return the label of a text of the protocol."""
    return lambda language: text.root.get(language, "")


MISSING_CODES = tuple(
    Code(missing_in_files(code), from_catalogue(words)) for code, words in MISSING_WORDS.items()
)
FLAGS = tuple(Code(code, from_catalogue(words)) for code, words in YES_NO_WORDS.items())


def codes_of_field(field: "Field[Any, Any]") -> tuple[Code, ...]:
    """Return the codes of a field with choices, in their order; none for other fields and for numbers."""
    pairs = field.flatchoices or ()
    return tuple(Code(code, from_catalogue(label)) for code, label in pairs if isinstance(code, str) and code)


def codes_of_scale(scales: Iterable[Iterable[Coded]], field: "Field[Any, Any]") -> tuple[Code, ...]:
    """Return the codes of a field whose values the protocol versions name (oldest first), each code once.

    A version without a scale has the choices of the field, which also label the codes that they know, as pages do.
    """
    own = {code.code: code for code in codes_of_field(field)}
    found: dict[str, Code] = {}
    for scale in scales:
        named = {
            each.code: own.get(each.code) or Code(each.code, from_protocol(each.title)) for each in scale
        }
        found |= named or own
    return tuple(found.values())


def codes_of_item(item: Item, column: str) -> tuple[Code, ...]:
    """Return the codes of a column of an item (`FormTable.columns_of`)."""
    if column == item.name and item.type == "choice":
        return tuple(Code(choice.code, from_protocol(choice.label)) for choice in item.choices)
    if column == f"{item.name}__missing":
        codes = {missing_in_files(code) for code in item.missing}
        return tuple(code for code in MISSING_CODES if code.code in codes)
    return ()


def codes_of_versions(tables: Iterable[FormTable]) -> dict[str, tuple[Code, ...]]:
    """Return by column the codes of all versions (oldest first): in order of appearance, with the newest label."""
    found: dict[str, dict[str, Code]] = {}
    for table in tables:
        for item in table.items:
            for column in table.columns_of(item):
                for code in codes_of_item(item, column):
                    found.setdefault(column, {})[code.code] = code
    return {column: tuple(codes.values()) for column, codes in found.items()}


def numbers_of(codes: tuple[Code, ...]) -> dict[str, int]:
    """Return the number of each code: Y is 1 and N is 0; codes that are whole numbers are themselves; others count."""
    names = [code.code for code in codes]
    if names == [code.code for code in FLAGS]:
        return {"Y": 1, "N": 0}
    if all(NUMBER.fullmatch(name) for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names, start=1)}
