"""TOML text to tables, or the first place where it cannot be read, in words of a data manager."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

MOST_CHARACTERS: Final = 2_000_000
"""Longest protocol file. The shipped ones have 180,000 characters."""
DEEPEST: Final = 30
"""Deepest nesting of tables and lists. The schema needs 14."""

TOO_LONG: Final = f"is longer than {MOST_CHARACTERS:,} characters: this is no protocol file"
TOO_DEEP: Final = (
    f"tables and lists are nested deeper than {DEEPEST} levels: close the brackets that are open"
)
LIST_NOT_CLOSED: Final = "the list is not closed: a comma between two elements is missing, or ] at the end"
WITH_MARK: Final = "the file begins with an invisible mark (BOM): save it as UTF-8 without BOM"

_MESSAGES: Final[tuple[tuple[str, str], ...]] = (
    ("Expected '=' after a key", "a name is followed by = and its value, like phase = \"II\""),
    ("Invalid statement", "a line is a [table], name = value, or a comment after #"),
    ("Invalid initial character for a key part", "a name has letters, digits and _ only, and no comma stands before }"),
    ("Invalid value", "this is no value: a text stands in quotes; a number, true and false without"),
    ("Unclosed array", LIST_NOT_CLOSED),
    ("Unclosed inline table", "the { is not closed: a comma between two keys is missing, or } on the same line"),
    ("Unterminated string", "the text is not closed: a quote is missing at its end"),
    ("Illegal character '\\n'", "the text or line is not closed: a quote or bracket is missing at its end"),
    ("Found invalid character '\\n'", "the text is not closed: a quote is missing at its end"),
    ("Illegal character", "this sign cannot stand in a file: remove it"),
    ("Found invalid character", "this sign cannot stand in a file: remove it"),
    ("Expected newline or end of document", "the value ends here and more follows: quotes or brackets do not match"),
    ("Expected ']' at the end of a table", "the name of a table is closed by ], like [forms.vitals]"),
    ("Expected ']]' at the end of an array", "the name is closed by ]], like [[visits]]"),
    ("Cannot overwrite a value", "this key stands here a second time: keep one of them"),
    ("Cannot declare", "this table stands here a second time: keep one of them, or write [[…]] for a list"),
    ("Duplicate inline table key", "a key stands twice between the braces: keep one of them"),
    ("Cannot redefine namespace", "this table stands here a second time: keep one of them"),
    ("Cannot mutate immutable namespace", "this table was closed by its } already: write the key between its braces"),
    ("Unescaped '\\' in a string", "a backslash in a text is written \\\\, or the text in single quotes"),
    ("Escaped character is not", "this number of a sign does not exist: write the sign itself"),
    ("Invalid hex value", "this number of a sign does not exist: write the sign itself"),
    ("Invalid date or datetime", "this day does not exist: write a date like 2021-02-15"),
    ("Expected ", "a quote or bracket is missing"),
    ("Exceeds the limit", "this number has too many digits"),
)  # fmt: skip
_PLACE = re.compile(
    r"^(?P<message>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.S
)


_PART = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*"""
_LONG_NAME: Final = re.compile(rf"^[ \t]*\[{{0,2}}[ \t]*(?:{_PART}\.[ \t]*){{{DEEPEST}}}", re.MULTILINE)


class Unreadable(ValueError):
    """TOML text that cannot be read; ``line`` and ``column`` count from 1, None at the end of the text."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column


def tables(text: str) -> dict[str, Any]:
    """Return the tables of TOML ``text``, numbers as decimals. Raises Unreadable at the first mistake."""
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(TOO_LONG)
    if text.startswith("\ufeff"):
        raise Unreadable(WITH_MARK, 1, 1)
    if _LONG_NAME.search(text):
        # Before it is read: the time to read such a name grows with the square of its parts.
        raise Unreadable(TOO_DEEP)
    try:
        raw = tomllib.loads(text, parse_float=_decimal)
    except RecursionError as error:
        raise Unreadable(TOO_DEEP) from error
    except ValueError as error:
        raise _in_words(str(error)) from error
    if _depth(raw) > DEEPEST:
        raise Unreadable(TOO_DEEP)
    return raw


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent beyond every decimal: no number for the schema, which names the key.
        return Decimal("NaN")


def _in_words(message: str) -> Unreadable:
    found = _PLACE.match(message)
    said = found["message"] if found else message
    words = next((words for beginning, words in _MESSAGES if said.startswith(beginning)), said)
    if found is None or found["line"] is None:
        return Unreadable(words)
    return Unreadable(words, int(found["line"]), int(found["column"]))


def _depth(raw: Mapping[str, Any]) -> int:
    """Return how many levels of tables and lists lie in each other, at most one more than allowed."""
    layer: list[Any] = [raw]
    for depth in range(DEEPEST + 1):
        inside = [part for each in layer for part in (each.values() if isinstance(each, dict) else each)]
        layer = [part for part in inside if isinstance(part, dict | list)]
        if not layer:
            return depth
    return DEEPEST + 1
