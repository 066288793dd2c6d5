"""Parse the typed value of each item type into its stored form (shapes in docs/protocol-file.md).

`parse` never guesses: a number keeps its trailing zeros, a date its precision, a value entered in another unit its
original (DAT-10). Arithmetic is `Decimal`, never binary floating point. No Django.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any, Literal, Protocol

from protocol.document.items import Item
from protocol.values.inputs import ANYWHERE, Clock, NotOffered, Typed, parts_of, text_of
from protocol.values.intervals import (
    PRINTED_SIGN,
    Interval,
    comparator_and_number,
    comparator_of,
    side_of,
    stored_interval,
)
from protocol.values.labels import Translate, Value, display, is_missing, typed, unit_words, with_unit
from protocol.values.moments import Moment
from protocol.values.refusals import ValueRefused, filled, gettext_noop
from protocol.values.typed_moments import parse_date, parse_datetime, parse_partial_date, parse_time
from protocol.values.written_numbers import canonical, is_ambiguous, refuse_ambiguous

__all__ = [
    "CheckFinding",
    "Clock",
    "NotOffered",
    "Value",
    "ValueRefused",
    "decimal",
    "display",
    "flag",
    "is_answered",
    "is_missing",
    "limit_findings",
    "moment",
    "parse",
    "typed",
]

NO_COMPARATOR = gettext_noop("Type a number without “%(sign)s”: this is not a result of a laboratory.")
MOST_CHARACTERS = 10_000
# The default context of 28 digits could round the product of an 18-digit value and its factor.
EXACT = Context(prec=200)
CANONICAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
SHORTCUT_TYPES = frozenset({"integer", "decimal", "date", "partial_date", "datetime", "time"})
VALUE_PARTS = ("", "day", "month", "year")
FILE_PARTS = frozenset({"file", "name", "kind", "size", "sha256"})


class InLanguages(Protocol):
    """Words that exist in several languages, as a `Text` of the protocol does."""

    def in_language(self, language: str) -> str:
        """Return the words in a language."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """A violated limit or edit check: `item` is the path of the item, `check` the id of the check.

    `template` is a sentence of ours, or the message of the protocol in its languages; a parameter may be in several
    languages too. So one finding is read in the language of each reader.
    """

    item: str
    check: str
    severity: Literal["hard", "soft", "notice"]
    template: str | InLanguages
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, translate: Translate = str, language: str = "en") -> str:
        """Return the sentence: ours in the language of `translate`, the protocol's in `language`."""
        if not isinstance(self.template, str):
            return self.template.in_language(language)
        parameters = {name: _in_language(each, language) for name, each in self.parameters.items()}
        template = translate(self.template)
        return filled(template, parameters, language) if parameters else template


def _in_language(each: Any, language: str) -> Any:
    return each.in_language(language) if hasattr(each, "in_language") else each


def parse(answer: Typed, item: Item, clock: Clock = ANYWHERE) -> Value | None:
    """Return the stored value of what was typed, or None for a blank answer.

    `answer` is the text, the chosen codes, or the parts of an input (`{"": "12,5", "unit": "g/dL"}`,
    `{"missing": "ND", "reason": "…"}`, `{"day": "UNK", "month": "1", "year": "2021"}`).
    Raises ValueRefused with a sentence, NotOffered for what no page offers. Rows are parsed cell by cell.
    """
    parts = parts_of(answer)
    code = _shortcut(parts, item) or text_of(parts, "missing").strip()
    reason = _clean(text_of(parts, "reason").strip())
    if code and code not in item.missing:
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=code)
    if reason and not code:
        raise ValueRefused(gettext_noop("Choose why the value is missing, or clear the reason."))
    if not code:
        return PARSERS[item.type](parts, item, clock)
    if not _shortcut(parts, item) and any("".join(parts.get(name, [])).strip() for name in VALUE_PARTS):
        raise ValueRefused(gettext_noop("Give either the value or why it is missing, not both."))
    return {"missing": code, "reason": reason} if reason else {"missing": code}


def _shortcut(parts: Mapping[str, list[str]], item: Item) -> str:
    """Return the missing code typed in place of a value: `ND` where no text is expected, `?ND` from a list."""
    text = (parts.get("") or [""])[0].strip()
    if text.startswith("?") and text[1:] in item.missing:
        return text[1:]
    return text.upper() if item.type in SHORTCUT_TYPES and text.upper() in item.missing else ""


def _clean(text: str) -> str:
    """Return text with single line ends (a browser sends CR LF). Refuses characters that no database can store."""
    # Printable text holds neither such a character nor a line end: so is nearly every answer.
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in text):
        raise ValueRefused(
            gettext_noop("This text contains a character that cannot be stored: type it again.")
        )
    return text


def _parse_text(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    text = _clean(text_of(parts))
    if not text.strip():
        return None
    longest = item.max_length or MOST_CHARACTERS
    if len(text) > longest:
        sentence = gettext_noop("This text has %(length)s characters: at most %(longest)s are kept.")
        raise ValueRefused(sentence, length=len(text), longest=longest)
    return text


def _parse_number(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> Value | None:
    comparator, text = comparator_and_number(text_of(parts))
    number, unit = canonical(text), text_of(parts, "unit")
    if comparator and not item.comparators:
        raise ValueRefused(NO_COMPARATOR, sign=PRINTED_SIGN[comparator])
    if number is None:
        if comparator:
            raise ValueRefused(
                gettext_noop("Type the limit after “%(sign)s”, as the laboratory printed it."),
                sign=PRINTED_SIGN[comparator],
            )
        return None
    stored = _converted(number, unit, item) if unit and unit != item.unit else number
    _refuse_ambiguous(text, number, stored, item, clock)
    _refuse_decimals(number, unit, item)
    return _beyond(comparator, stored) if comparator else stored


def _beyond(comparator: str, stored: Value) -> dict[str, str]:
    """Return a result beyond a limit. It has no part `value`, so nothing can take its limit for the result."""
    if not isinstance(stored, Mapping):
        return {"comparator": comparator, "limit": stored}
    return {
        "comparator": comparator,
        "limit": stored["value"],
        "entered": stored["entered"],
        "unit": stored["unit"],
    }


def _refuse_decimals(number: str, unit: str, item: Item) -> None:
    """Refuse more decimals than the item keeps, in whatever unit the number is entered."""
    places = len(number.partition(".")[2])
    if item.type == "integer" and places and unit in ("", item.unit):
        raise ValueRefused(gettext_noop("Type a whole number, without decimals."))
    most = item.decimals_in(unit)
    if most is not None and places > most:
        raise too_many_decimals(most)


def too_many_decimals(most: int) -> ValueRefused:
    """Return the refusal of a number with more decimals than are kept."""
    if most == 0:
        return ValueRefused(gettext_noop("Type a whole number: nothing is rounded for you."))
    if most == 1:
        return ValueRefused(gettext_noop("Type at most one decimal: nothing is rounded for you."))
    sentence = gettext_noop("Type at most %(decimals)s decimals: nothing is rounded for you.")
    return ValueRefused(sentence, decimals=most)


def _refuse_ambiguous(text: str, number: str, stored: Value, item: Item, clock: Clock) -> None:
    """Refuse `1,500` if the item could hold both 1.5 and 1500."""
    if clock.language is None or not is_ambiguous(text, clock.language):
        return
    whole, unit = number.replace(".", ""), stored["unit"] if isinstance(stored, Mapping) else ""
    readings = [decimal(stored), decimal(_converted(whole, unit, item) if unit else whole)]
    if item.hard is None or all(each is not None and item.hard.contains(each) for each in readings):
        refuse_ambiguous(text, clock.language)


def _converted(number: str, unit: str, item: Item) -> dict[str, str]:
    try:
        alternative = item.alternative(unit)
    except KeyError:
        raise NotOffered(gettext_noop("The unit “%(unit)s” cannot be chosen here."), unit=unit) from None
    exact = EXACT.add(EXACT.multiply(Decimal(number), alternative.factor), alternative.offset)
    if item.type == "integer" and exact != exact.to_integral_value():
        raise ValueRefused(
            gettext_noop("This is not a whole number of %(unit)s."), unit=unit_words(item.unit or "")
        )
    written = f"{exact.to_integral_value() if item.type == 'integer' else exact:f}"
    return {"value": written, "entered": number, "unit": unit}


def _parse_choice(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    code = text_of(parts)
    return _offered(code, item) if code else None


def _parse_choices(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> list[str] | None:
    return sorted({_offered(code, item) for code in parts.get("", []) if code}) or None


def _offered(code: str, item: Item) -> str:
    if code not in item.codes:
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=code)
    return code


def _parse_file(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> dict[str, Any] | None:
    """Return a file as the server describes it (`patients.entry.files.attachments`), never as the browser sent it."""
    text = text_of(parts)
    if not text:
        return None
    try:
        facts = json.loads(text, parse_float=Decimal)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=text)
    if "refused" in facts:
        raise ValueRefused(facts["refused"], **facts["parameters"])
    if facts.keys() != FILE_PARTS:
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=text)
    return dict(facts)


IMPOSSIBLE = gettext_noop("Must be between %(lowest)s and %(highest)s%(unit)s.")
UNUSUAL = gettext_noop("Unusual: expected between %(lowest)s and %(highest)s%(unit)s. Check the value.")
PARSERS = {
    "text": _parse_text,
    "file": _parse_file,
    "integer": _parse_number,
    "decimal": _parse_number,
    "choice": _parse_choice,
    "yes_no": _parse_choice,
    "choices": _parse_choices,
    "date": parse_date,
    "partial_date": parse_partial_date,
    "datetime": parse_datetime,
    "time": parse_time,
}


def is_answered(value: Value) -> bool:
    """Return True if a stored value answers its item; a missing code does."""
    return value not in (None, "", [])


def decimal(value: Value) -> Decimal | None:
    """Return the number of a stored integer or decimal in the item's unit; None if blank, missing or beyond a limit."""
    if not isinstance(value, str) and isinstance(value, Mapping):
        value = value.get("value")
    return Decimal(value) if isinstance(value, str) and CANONICAL.fullmatch(value) else None


def moment(value: Value, zone: str | None = None) -> Moment | None:
    """Return the moment of a stored date, partial date or datetime; None if blank or missing."""
    return Moment.from_iso(value, zone) if isinstance(value, str) and value else None


def limit_findings(value: Value, item: Item, path: str | None = None) -> tuple[CheckFinding, ...]:
    """Return one finding if a stored value violates a limit: hard if impossible, else soft if unlikely.

    A result beyond a limit of detection violates it if every number that it can be does.
    """
    if item.hard is None and item.soft is None:
        return ()
    lies = number_or_interval(value)
    if lies is None:
        return ()
    for severity, limits, template in (
        ("hard", item.hard, IMPOSSIBLE),
        ("soft", item.soft, UNUSUAL),
    ):
        if limits is not None and side_of(lies, limits.lowest, limits.highest) in ("low", "high"):
            unit = with_unit("", item.unit)
            parameters = {"lowest": limits.lowest, "highest": limits.highest, "unit": unit}
            return (CheckFinding(path or item.name, f"{severity}_limit", severity, template, parameters),)  # type: ignore[arg-type]
    return ()


def flag(value: Value, item: Item) -> Literal["low", "high", ""]:
    """Return `low` or `high` if a stored number is outside its soft (else hard) limits, or "".

    A result beyond a limit of detection is outside if every number that it can be is.
    """
    lies, limits = number_or_interval(value, item), item.soft or item.hard
    if lies is None or limits is None:
        return ""
    side = side_of(lies, limits.lowest, limits.highest)
    return side if side in ("low", "high") else ""  # type: ignore[return-value]


def number_or_interval(value: Value, item: Item | None = None) -> Decimal | Interval | None:
    """Return the number of a stored value, or the interval of a result beyond a limit; None if blank or missing.

    With its item, the interval ends at the hard limits.
    """
    # Nearly every result is a number as text, without a comparator or another unit.
    if isinstance(value, str):
        return Decimal(value) if CANONICAL.fullmatch(value) else None
    return stored_interval(value, item) if comparator_of(value) else decimal(value)


def zone_of(value: Value) -> str:
    """Return the time zone named in a stored datetime, `UTC` without one."""
    return value.partition("[")[2].rstrip("]") or "UTC" if isinstance(value, str) and "[" in value else "UTC"
