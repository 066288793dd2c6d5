"""Stored values in words: what an input shows again, what a page, the trail and a listing print.

`typed` is the inverse of `trials.items.parse`; `display` is for reading. No Django: the words of missing
codes and yes/no pass through `translate`.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from trials.file_kinds import KIND_WORDS, size_words
from trials.moments import Moment
from trials.protocol_items import Item
from trials.refused import gettext_noop

Value = Any
Translate = Callable[[str], str]

COMMA_LANGUAGES = frozenset({"fr", "es"})
MISSING_WORDS = {
    "ND": gettext_noop("Not done"),
    "UNK": gettext_noop("Unknown"),
    "NA": gettext_noop("Not applicable"),
    "ASKU": gettext_noop("Asked but unknown"),
}
PRINTED = {"Cel": "°C", "degF": "°F"}
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
YES_NO_WORDS = {"Y": gettext_noop("Yes"), "N": gettext_noop("No")}


def is_missing(value: Value) -> bool:
    """Whether a stored value is a missing code."""
    return isinstance(value, Mapping) and "missing" in value


def typed(value: Value | None, item: Item, language: str = "en") -> dict[str, Any]:
    """The parts that the inputs of an item show for a stored value; `parse` turns them back into it."""
    if value is None:
        return {}
    if is_missing(value):
        return dict(value)
    if item.type in ("integer", "decimal"):
        entered, unit = (
            (value["entered"], value["unit"]) if isinstance(value, Mapping) else (value, item.unit or "")
        )
        return {"": number_text(entered, language), "unit": unit}
    if item.type == "choices":
        return {"": list(value)}
    if item.type == "file":
        return {"": json.dumps(value, sort_keys=True)}
    if item.type == "partial_date":
        moment = Moment.from_iso(value)
        day, month = (f"{part:02}" if part else "UNK" for part in (moment.day, moment.month))
        return {"day": day, "month": month, "year": f"{moment.year:04}"}
    if item.type in ("date", "datetime"):
        return {"": _moment_text(value, item, language)}
    return {"": value}


def number_text(number: str, language: str = "en") -> str:
    """A canonical number with the separator of the language."""
    return number.replace(".", ",") if language[:2] in COMMA_LANGUAGES else number


def _moment_text(value: str, item: Item, language: str) -> str:
    moment = Moment.from_iso(value)
    unknown_time = item.type == "datetime" and moment.precision == "day"
    return f"{moment.display(language)} UNK" if unknown_time else moment.display(language)


def display(value: Value | None, item: Item, language: str = "en", translate: Translate = str) -> str:
    """A stored value in words: `12.5 g/dL (125.0 g/L)`, `UNK-JAN-2021`, `Not done: no sample`, or ""."""
    if value is None or value == []:
        return ""
    if is_missing(value):
        words = translate(MISSING_WORDS[value["missing"]])
        return f"{words}: {value['reason']}" if value.get("reason") else words
    if item.type == "file":
        return f"{value['name']} ({file_words(value)})"
    if item.type == "rows":
        return "; ".join(row_words(row, item, language, translate) for row in value)
    if item.type in ("choice", "choices", "yes_no"):
        codes = value if isinstance(value, list) else [value]
        return ", ".join(code_words(code, item, language, translate) for code in codes)
    if item.type in ("date", "partial_date", "datetime"):
        return _moment_text(value, item, language)
    if item.type in ("integer", "decimal"):
        return _number_words(value, item, language)
    return str(value)


def exact(value: Value | None, item: Item, language: str = "en", translate: Translate = str) -> str:
    """A stored value in words, of a file its hash too: for those who may read files."""
    words = display(value, item, language, translate)
    if item.type != "file" or not isinstance(value, Mapping) or "sha256" not in value:
        return words
    return f"{words[:-1]}, SHA-256 {value['sha256']})"


def file_words(value: Mapping[str, Any]) -> str:
    """Kind and size of an attached file: `PDF, 120 kB`."""
    return f"{KIND_WORDS[value['kind']]}, {size_words(value['size'])}"


def row_words(row: Mapping[str, Value], item: Item, language: str = "en", translate: Translate = str) -> str:
    """One row of a rows item: `Time 10:20, Systolic 124 mmHg`."""
    return ", ".join(
        f"{column.label.in_language(language)} {display(row[column.name], column, language, translate)}"
        for column in item.columns
        if column.name in row
    )


def code_words(code: str, item: Item, language: str = "en", translate: Translate = str) -> str:
    """The label of a code; the code itself when the item no longer has it (an older protocol version)."""
    if item.type == "yes_no":
        return translate(YES_NO_WORDS.get(code, code))
    return item.choice(code).label.in_language(language) if code in item.codes else code


def _number_words(value: Value, item: Item, language: str) -> str:
    if not isinstance(value, Mapping):
        return _with_unit(value, item.unit, language)
    entered = _with_unit(value["entered"], value["unit"], language)
    return f"{entered} ({_with_unit(value['value'], item.unit, language)})"


def converted_words(value: Value | None, item: Item, language: str = "en") -> str:
    """What a number typed in another unit is in the item's own: `125.0 g/L`; "" when nothing was converted."""
    if not isinstance(value, Mapping) or value.get("unit") in (None, item.unit):
        return ""
    return _with_unit(value["value"], item.unit, language)


def _with_unit(number: str, unit: str | None, language: str) -> str:
    text = number_text(number, language)
    return f"{text} {unit_words(unit)}" if unit else text


@lru_cache(maxsize=512)
def unit_words(unit: str) -> str:
    """A unit as it is printed: `10^9/L` as `10⁹/L`, `ug` as `µg`, `Cel` as `°C`. Only for reading."""
    if unit in PRINTED:
        return PRINTED[unit]
    raised = re.sub(r"\^(-?\d+)", lambda power: power[1].translate(RAISED), unit)
    micro = re.sub(r"\bu(?=[gLMmk]|mol|kat)", "µ", raised)
    return re.sub(r"(?<=m)2\b", "²", micro).replace("H2O", "H₂O")
