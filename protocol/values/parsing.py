"""Parse the typed value of each item type into its stored form (shapes in docs/protocol-file.md).

`parse` never guesses: a number keeps its trailing zeros, a date its precision, a value entered in another unit its
original (DAT-10). Arithmetic is `Decimal`, never binary floating point. No Django.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal
from typing import Any, Literal, Protocol

from protocol.document.items import Item
from protocol.values.labels import Translate, Value, display, is_missing, typed, unit_words, with_unit
from protocol.values.moments import EXAMPLE, WHOLE_DAY, Moment, parse_moment
from protocol.values.months import plain
from protocol.values.refusals import ValueRefused, filled, gettext_noop

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

Typed = str | Sequence[str] | Mapping[str, Any]

MOST_DIGITS = 18
MOST_CHARACTERS = 10_000
# The default context of 28 digits could round the product of an 18-digit value and its factor.
EXACT = Context(prec=200)
NUMBER = re.compile(r"([+-]?)(\d*)(?:[.,](\d+))?", re.ASCII)
CANONICAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
CLOCK = re.compile(r"(\d{1,2}) ?[:h.]? ?(\d{2})", re.ASCII)
SHORTCUT_TYPES = frozenset({"integer", "decimal", "date", "partial_date", "datetime", "time"})
VALUE_PARTS = ("", "day", "month", "year")
FILE_PARTS = frozenset({"file", "name", "kind", "size", "sha256"})
UNKNOWN = frozenset({"unk", "un", "uk", "?", "??", "xx"})


class NotOffered(ValueRefused):
    """A code, unit or part that the page never offers: the request was not made from the page."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where and when a value is typed: time zone of the site, date of the visit, current time."""

    zone: str = "UTC"
    visit: date | Moment | None = None
    now: datetime | None = None


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


def parse(answer: Typed, item: Item, clock: Clock = Clock()) -> Value | None:
    """Return the stored value of what was typed, or None for a blank answer.

    `answer` is the text, the chosen codes, or the parts of an input (`{"": "12,5", "unit": "g/dL"}`,
    `{"missing": "ND", "reason": "…"}`, `{"day": "UNK", "month": "1", "year": "2021"}`).
    Raises ValueRefused with a sentence, NotOffered for what no page offers. Rows are parsed cell by cell.
    """
    parts = _parts(answer)
    code = _shortcut(parts, item) or _text(parts, "missing").strip()
    reason = _clean(_text(parts, "reason").strip())
    if code and code not in item.missing:
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=code)
    if reason and not code:
        raise ValueRefused(gettext_noop("Choose why the value is missing, or clear the reason."))
    if not code:
        return PARSERS[item.type](parts, item, clock)
    if not _shortcut(parts, item) and any("".join(parts.get(name, [])).strip() for name in VALUE_PARTS):
        raise ValueRefused(gettext_noop("Give either the value or why it is missing, not both."))
    return {"missing": code, "reason": reason} if reason else {"missing": code}


def _parts(answer: Typed) -> dict[str, list[str]]:
    if isinstance(answer, Mapping):
        return {name: [part] if isinstance(part, str) else list(part) for name, part in answer.items()}
    return {"": [answer] if isinstance(answer, str) else list(answer)}


def _text(parts: Mapping[str, list[str]], name: str = "") -> str:
    found = parts.get(name) or [""]
    if len(found) > 1:
        raise NotOffered(gettext_noop("One answer was expected here, several came."))
    return found[0]


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
    text = _clean(_text(parts))
    if not text.strip():
        return None
    longest = item.max_length or MOST_CHARACTERS
    if len(text) > longest:
        sentence = gettext_noop("This text has %(length)s characters: at most %(longest)s are kept.")
        raise ValueRefused(sentence, length=len(text), longest=longest)
    return text


def _parse_number(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> Value | None:
    number = canonical(_text(parts))
    unit = _text(parts, "unit")
    if number is None:
        return None
    if unit and unit != item.unit:
        return _converted(number, unit, item)
    places = len(number.partition(".")[2])
    if item.type == "integer" and places:
        raise ValueRefused(gettext_noop("Type a whole number, without decimals."))
    if item.decimals is not None and places > item.decimals:
        sentence = gettext_noop("Type at most %(decimals)s decimals: nothing is rounded for you.")
        raise ValueRefused(sentence, decimals=item.decimals)
    return number


def canonical(text: str) -> str | None:
    """Return `36,50` as `36.50`: comma or point, no thousands separator, trailing zeros kept. None if blank."""
    text = text.strip().replace("−", "-")
    if not text:
        return None
    matched = NUMBER.fullmatch(text)
    if not matched or not (matched[2] or matched[3]):
        sentence = gettext_noop("“%(text)s” is not a number: type it like %(example)s.")
        raise ValueRefused(sentence, text=text, example=Decimal("1234.5"))
    whole, fraction = matched[2].lstrip("0") or "0", matched[3] or ""
    if len(whole) + len(fraction) > MOST_DIGITS:
        raise ValueRefused(gettext_noop("This number has more than %(digits)s digits."), digits=MOST_DIGITS)
    number = f"{whole}.{fraction}" if fraction else whole
    # -0 is stored as 0.
    return f"-{number}" if matched[1] == "-" and number.strip("0.") else number


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
    code = _text(parts)
    return _offered(code, item) if code else None


def _parse_choices(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> list[str] | None:
    return sorted({_offered(code, item) for code in parts.get("", []) if code}) or None


def _offered(code: str, item: Item) -> str:
    if code not in item.codes:
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=code)
    return code


def _parse_date(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    moment = _moment(_text(parts), parts, clock)
    if moment is not None and moment.precision != "day":
        raise ValueRefused(WHOLE_DAY, example=EXAMPLE)
    return moment.iso if moment else None


def _parse_partial_date(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    day, month, year = (_text(parts, name).strip() for name in ("day", "month", "year"))
    # A whole date may be typed or pasted into the input of the day.
    whole = not (month or year or re.fullmatch(r"\d{0,2}", day, re.ASCII) or day.casefold() in UNKNOWN)
    text = _joined(day, month, year) if (day or month or year) and not whole else day or _text(parts)
    moment = _moment(text, parts, clock)
    if moment is not None and moment.precision == "minute":
        raise ValueRefused(gettext_noop("Type the date without a time."))
    return moment.iso if moment else None


def _joined(day: str, month: str, year: str) -> str:
    known_day, known_month = (text and text.casefold() not in UNKNOWN for text in (day, month))
    if not re.fullmatch(r"\d{4}", year, re.ASCII):
        raise ValueRefused(
            gettext_noop("Type the year in four digits. If it is not known, choose why the date is missing.")
        )
    if known_day and not known_month:
        raise ValueRefused(
            gettext_noop("A day without its month says nothing: type the month, or UNK for the day.")
        )
    if not day or not month:
        raise ValueRefused(gettext_noop("Type each part of the date, UNK for a part that is not known."))
    if known_day and not re.fullmatch(r"\d{1,2}", day, re.ASCII):
        raise ValueRefused(gettext_noop("“%(day)s” is not a day: type 1 to 31, or UNK."), day=day)
    if known_day:
        return f"{day}-{month}-{year}"
    return f"{month}-{year}" if known_month else year


def _parse_datetime(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    text = _text(parts).strip()
    head, _space, last = text.rpartition(" ")
    time_unknown = bool(head) and last.casefold() in UNKNOWN
    moment = _moment(head if time_unknown else text, parts, clock)
    if moment is None:
        return None
    if moment.precision == "day" and not time_unknown:
        raise ValueRefused(
            gettext_noop("Add the time after the date, or UNK if it is not known: %(example)s UNK."),
            example=EXAMPLE,
        )
    if moment.precision == "minute" and time_unknown:
        raise ValueRefused(gettext_noop("Type the time or UNK, not both."))
    return moment.iso


def _moment(text: str, parts: Mapping[str, list[str]], clock: Clock) -> Moment | None:
    if not text.strip():
        return None
    offset = _text(parts, "offset")
    if offset and not re.fullmatch(r"[+-]\d\d:\d\d", offset, re.ASCII):
        raise NotOffered(gettext_noop("“%(code)s” cannot be chosen here."), code=offset)
    try:
        return parse_moment(text, clock.zone, clock.visit, offset=offset or None, now=clock.now)
    except ValueRefused:
        if not offset:
            raise
    # The offset belonged to a time that the user has corrected since: ignore it.
    return parse_moment(text, clock.zone, clock.visit, now=clock.now)


def _parse_time(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> str | None:
    text = plain(_text(parts))
    if not text:
        return None
    matched = CLOCK.fullmatch(text)
    if not matched or int(matched[1]) > 23 or int(matched[2]) > 59:
        raise ValueRefused(gettext_noop("“%(text)s” is not a time: type it like 14:05."), text=text)
    return f"{int(matched[1]):02}:{matched[2]}"


def _parse_file(parts: Mapping[str, list[str]], item: Item, clock: Clock) -> dict[str, Any] | None:
    """Return a file as the server describes it (`patients.entry.attachments`), never as the browser sent it."""
    text = _text(parts)
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
    "date": _parse_date,
    "partial_date": _parse_partial_date,
    "datetime": _parse_datetime,
    "time": _parse_time,
}


def is_answered(value: Value) -> bool:
    """Return True if a stored value answers its item; a missing code does."""
    return value not in (None, "", [])


def decimal(value: Value) -> Decimal | None:
    """Return the number of a stored integer or decimal in the item's unit; None if blank or missing."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return Decimal(value) if isinstance(value, str) and CANONICAL.fullmatch(value) else None


def moment(value: Value, zone: str | None = None) -> Moment | None:
    """Return the moment of a stored date, partial date or datetime; None if blank or missing."""
    return Moment.from_iso(value, zone) if isinstance(value, str) and value else None


def limit_findings(value: Value, item: Item, path: str | None = None) -> tuple[CheckFinding, ...]:
    """Return one finding if a stored value violates a limit: hard if impossible, else soft if unlikely."""
    if item.hard is None and item.soft is None:
        return ()
    number = decimal(value)
    if number is None:
        return ()
    for severity, limits, template in (
        ("hard", item.hard, IMPOSSIBLE),
        ("soft", item.soft, UNUSUAL),
    ):
        if limits is not None and not limits.contains(number):
            unit = with_unit("", item.unit)
            parameters = {"lowest": limits.lowest, "highest": limits.highest, "unit": unit}
            return (CheckFinding(path or item.name, f"{severity}_limit", severity, template, parameters),)  # type: ignore[arg-type]
    return ()


def flag(value: Value, item: Item) -> Literal["low", "high", ""]:
    """Return `low` or `high` if a stored number is outside its soft (else hard) limits, or ""."""
    number, limits = decimal(value), item.soft or item.hard
    if number is None or limits is None or limits.contains(number):
        return ""
    return "low" if number < limits.lowest else "high"


def zone_of(value: Value) -> str:
    """Return the time zone named in a stored datetime, `UTC` without one."""
    return value.partition("[")[2].rstrip("]") or "UTC" if isinstance(value, str) and "[" in value else "UTC"
