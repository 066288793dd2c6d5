"""Stored values as text: for inputs, pages, the audit trail and listings.

`typed` is the inverse of `protocol.values.parsing.parse`; `display` is for reading. No Django: the words of missing
codes and yes/no pass through `translate`.
"""

import json
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Any

from protocol.document.items import Item
from protocol.values.file_kinds import KIND_WORDS, size_words
from protocol.values.intervals import PRINTED_SIGN, comparator_of
from protocol.values.moments import Moment
from protocol.values.refusals import gettext_noop
from protocol.values.writing import number_text

Value = Any
Translate = Callable[[str], str]

MISSING_WORDS = {
    "ND": gettext_noop("Not done"),
    "UNK": gettext_noop("Unknown"),
    "NA": gettext_noop("Not applicable"),
    "ASKU": gettext_noop("Asked but unknown"),
}
PRINTED = {"Cel": "°C", "degF": "°F"}
# These units are not printed: the label of the item says what is counted.
DIMENSIONLESS = frozenset({"score", "count", "ratio", "pH"})
# Units that are words of a language; all others are written alike everywhere.
UNIT_WORDS = {
    "beats/min": gettext_noop("beats/min"),
    "breaths/min": gettext_noop("breaths/min"),
    "cells/uL": gettext_noop("cells/µL"),
    "days": gettext_noop("days"),
    "fraction": gettext_noop("fraction"),
    "years": gettext_noop("years"),
}
FEWEST_DIGITS = 3
_HALF_UP = Context(prec=400, rounding=ROUND_HALF_UP)
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
YES_NO_WORDS = {"Y": gettext_noop("Yes"), "N": gettext_noop("No")}


def is_missing(value: Value) -> bool:
    """Return True if a stored value is a missing code."""
    return isinstance(value, Mapping) and "missing" in value


def typed(value: Value | None, item: Item, language: str = "en") -> dict[str, Any]:
    """Return the parts that the inputs of an item show for a stored value; `parse` turns them back into it."""
    if value is None:
        return {}
    if is_missing(value):
        return dict(value)
    if item.type in ("integer", "decimal"):
        entered, unit = entered_number(value, item)
        return {"": f"{sign_words(value)}{number_text(entered, language)}", "unit": unit}
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


def _moment_text(value: str, item: Item, language: str) -> str:
    moment = Moment.from_iso(value)
    unknown_time = item.type == "datetime" and moment.precision == "day"
    return f"{moment.display(language)} UNK" if unknown_time else moment.display(language)


def display(value: Value | None, item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return a stored value for reading: `12.5 g/dL (125 g/L)`, `UNK-JAN-2021`, `Not done: no sample`, or ""."""
    if value is None or value == []:
        return ""
    if is_missing(value):
        words = translate(MISSING_WORDS[value["missing"]])
        return f"{words}: {value['reason']}" if value.get("reason") else words
    if item.type == "file":
        return f"{value['name']} ({file_words(value, language)})"
    if item.type == "rows":
        return "; ".join(row_words(row, item, language, translate) for row in value)
    if item.type in ("choice", "choices", "yes_no"):
        codes = value if isinstance(value, list) else [value]
        return ", ".join(code_words(code, item, language, translate) for code in codes)
    if item.type in ("date", "partial_date", "datetime"):
        return _moment_text(value, item, language)
    if item.type in ("integer", "decimal"):
        return _number_words(value, item, language, translate)
    return str(value)


def exact(value: Value | None, item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return a stored value for reading, for a file with its SHA-256: for users who may read files."""
    words = display(value, item, language, translate)
    if item.type != "file" or not isinstance(value, Mapping) or "sha256" not in value:
        return words
    return f"{words[:-1]}, SHA-256 {value['sha256']})"


def file_words(value: Mapping[str, Any], language: str) -> str:
    """Return kind and size of an attached file: `PDF, 120 kB`."""
    return f"{KIND_WORDS[value['kind']]}, {size_words(value['size'], language)}"


def row_words(row: Mapping[str, Value], item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return one row of a rows item: `Time 10:20, Systolic 124 mmHg`."""
    return ", ".join(
        f"{column.label.in_language(language)} {display(row[column.name], column, language, translate)}"
        for column in item.columns
        if column.name in row
    )


def code_words(code: str, item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return the label of a code, or the code if the item no longer has it (an older protocol version)."""
    if item.type == "yes_no":
        return translate(YES_NO_WORDS.get(code, code))
    return item.choice(code).label.in_language(language) if code in item.codes else code


def entered_number(value: Value, item: Item) -> tuple[str, str]:
    """Return the number of a stored value as it was entered, and its unit; of a result beyond a limit the limit."""
    if not isinstance(value, Mapping):
        return value, item.unit or ""
    return value.get("entered", value.get("limit")), value.get("unit", item.unit or "")


def sign_words(value: Value) -> str:
    """Return the comparator of a stored result beyond a limit as it is printed (`<`, `≤`), else an empty text."""
    return PRINTED_SIGN.get(comparator_of(value), "")


def _number_words(value: Value, item: Item, language: str, translate: Translate) -> str:
    number, unit = entered_number(value, item)
    entered = with_unit(f"{sign_words(value)}{number_text(number, language)}", unit, translate)
    if unit == (item.unit or ""):
        return entered
    return f"{entered} ({own_unit_words(value, item, language, translate)})"


def converted_words(value: Value | None, item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return a number entered in another unit in the item's own unit: `125 g/L`; "" if not converted."""
    if not isinstance(value, Mapping) or value.get("unit") in (None, item.unit):
        return ""
    return own_unit_words(value, item, language, translate)


def own_unit_words(value: Value, item: Item, language: str = "en", translate: Translate = str) -> str:
    """Return a number in the item's own unit, whatever unit it was entered in: `81.74 kg` for `180.2 lb`."""
    return with_unit(own_number(value, item, language), item.unit, translate)


def own_number(value: Value, item: Item, language: str = "en") -> str:
    """Return a number in the item's own unit, without the unit: `81.74`, `<0.6`."""
    return f"{sign_words(value)}{number_text(own_text(value, item), language)}"


def own_text(value: Value, item: Item) -> str:
    """Return a stored number, or the limit of a result beyond a limit, in the item's own unit for reading."""
    if not isinstance(value, Mapping):
        return str(value)
    own = value.get("limit", value.get("value", ""))
    return shown_number(own, value["entered"], item) if "entered" in value else own


def shown_number(number: str, entered: str, item: Item) -> str:
    """Return a converted number for reading; the stored number stays exact.

    It has the decimals that the item declares, else as many significant digits as were entered, at least three.
    """
    exact = Decimal(number)
    decimals = item.decimal_places
    # A small number that would round to 0 keeps significant digits instead.
    if decimals is None or (exact and not _rounded(exact, decimals)):
        digits = max(len(Decimal(entered).as_tuple().digits), FEWEST_DIGITS)
        decimals = max(digits - exact.adjusted() - 1, 0)
    if -exact.as_tuple().exponent <= decimals:  # type: ignore[operator]
        return number
    return f"{_rounded(exact, decimals):f}"


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), context=_HALF_UP)


def with_unit(words: str, unit: str | None, translate: Translate = str) -> str:
    """Return a number with its unit; nothing follows a score, a count or a ratio."""
    printed = unit_words(unit or "", translate)
    return f"{words} {printed}" if printed else words


def headed(label: str, unit: str | None, translate: Translate = str) -> str:
    """Return a label with its unit, for a column heading."""
    printed = unit_words(unit or "", translate)
    return f"{label} ({printed})" if printed else label


def unit_words(unit: str, translate: Translate = str) -> str:
    """Return a unit as printed: `10^9/L` as `10⁹/L`, `ug` as `µg`, `Cel` as `°C`, "" for `score`."""
    return translate(UNIT_WORDS[unit]) if unit in UNIT_WORDS else _printed(unit)


@lru_cache(maxsize=512)
def _printed(unit: str) -> str:
    if unit in DIMENSIONLESS:
        return ""
    if unit in PRINTED:
        return PRINTED[unit]
    raised = re.sub(r"\^(-?\d+)", lambda power: power[1].translate(RAISED), unit)
    micro = re.sub(r"\bu(?=[gLMmk]|mol|kat)", "µ", raised)
    return re.sub(r"(?<=m)2\b", "²", micro).replace("H2O", "H₂O")
