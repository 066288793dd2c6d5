"""One plausible value for one item: inside the soft limits, in the form `protocol.values.parsing.parse` stores.

The first value lies in the typical range if the protocol gives one; later values stay near it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from protocol.document.items import Item, Limits
from protocol.values.moments import Moment

WORDS = (
    "Stable overnight",
    "Seen with the family; tired, but comfortable",
    "“Slept badly”, no pain",
    "Sévère au réveil, mieux à midi",
    "Sample 0042, second tube",
    "Follows commands\nMoved to a chair for 10 min",
    "=2+2 as written in the chart",
)
"""Texts as users write them: accents, quotes, line breaks, leading zeros, a formula."""
WIDE = 20
"""Limits whose ends differ by this factor are drawn on a logarithmic scale (ferritin, D-dimer)."""
IN_OTHER_UNIT = 0.12
"""Share of numbers entered in an alternative unit."""
YES = 0.25
"""Share of yes/no items answered yes; most ask for an unwanted finding."""
KEPT = 0.85
"""Share of choices that repeat the earlier value."""
STEADY = ("kg", "cm")
"""Units of measurements that vary by about 1 % between visits."""
PULLED = 0.3
"""How far a value moves back towards the middle of the typical range from one visit to the next."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The local day, the time zone of the site, the earlier value to stay near, and whether to be implausible."""

    on: date
    zone: str
    near: Any = None
    implausible: bool = False


def simulated_value(item: Item, rng: Random, setting: Setting) -> Any:
    """Return a value of ``item`` in stored form. Repeating rows are not made here."""
    return _MAKERS[item.type](item, rng, setting)


def _number(item: Item, rng: Random, setting: Setting) -> Any:
    limits = item.soft or item.hard or Limits((Decimal(0), Decimal(100)))
    if setting.implausible and item.soft is not None:
        odd = _outside(item, item.soft, rng)
        if odd is not None:
            return _written(odd, item)
    number = _clamped(_drawn(item, limits, rng, _near(setting.near)), limits, _places(item))
    if item.units and item.type == "decimal" and (unit := _unit(item, rng, setting.near)):
        return _in_other_unit(number, limits, item, unit) or _written(number, item)
    return _written(number, item)


def _unit(item: Item, rng: Random, near: Any) -> str:
    """Return the alternative unit to enter a number in, empty for the own one: a laboratory keeps to one unit."""
    if near is not None and not (isinstance(near, Mapping) and "missing" in near):
        return str(near.get("unit", "")) if isinstance(near, Mapping) else ""
    return rng.choice(item.units).unit if rng.random() < IN_OTHER_UNIT else ""


def _drawn(item: Item, limits: Limits, rng: Random, near: float | None) -> float:
    low, high = map(float, item.typical or limits)
    if near is not None and item.unit in STEADY:
        return rng.gauss(near, 0.01 * near)
    if near is not None and item.typical:
        return rng.gauss(near + PULLED * ((low + high) / 2 - near), 0.15 * (high - low))
    if near is not None:
        return rng.gauss(near, 0.08 * max(abs(near), (high - low) / 50))
    if low > 0 and high / low >= WIDE:
        return math.exp(rng.triangular(math.log(low), math.log(high)))
    return rng.triangular(low, high, low + 0.4 * (high - low))


def _near(value: Any) -> float | None:
    if isinstance(value, Mapping):
        value = value.get("value")
    return float(value) if isinstance(value, str) else None


def _clamped(number: float, limits: Limits, places: int) -> Decimal:
    """Return the number with ``places`` decimals, inside the limits."""
    step = Decimal(1).scaleb(-places)
    rounded = Decimal(repr(number)).quantize(step, ROUND_HALF_UP, _PRECISE)
    lowest = limits.lowest.quantize(step, ROUND_CEILING, _PRECISE)
    highest = limits.highest.quantize(step, ROUND_FLOOR, _PRECISE)
    return min(max(rounded, lowest), highest)


def _outside(item: Item, soft: Limits, rng: Random) -> Decimal | None:
    """Return a number outside the soft and inside the hard limits; None if there is no room for one."""
    width = soft.highest - soft.lowest
    hard = item.hard or Limits((soft.lowest - width, soft.highest + width))
    sides = [(hard.lowest, soft.lowest), (soft.highest, hard.highest)]
    low, high = rng.choice([side for side in sides if side[0] < side[1]] or sides)
    step = Decimal(1).scaleb(-_places(item))
    drawn = low + (high - low) * Decimal(repr(rng.uniform(0.2, 0.8)))
    number = drawn.quantize(step, ROUND_HALF_UP, _PRECISE)
    return number if hard.contains(number) and not soft.contains(number) else None


def _places(item: Item) -> int:
    if item.decimal_places is not None:
        return item.decimal_places
    limits = item.soft or item.hard
    return 2 if limits and limits.highest - limits.lowest <= 5 else 1


def _written(number: Decimal, item: Item) -> str:
    return format(number if number else abs(number), "f")


def _in_other_unit(number: Decimal, limits: Limits, item: Item, unit: str) -> dict[str, str] | None:
    other = item.alternative(unit)
    places = max(0, 3 - (number / other.factor).adjusted()) if number else 1
    most = item.decimals_in(other.unit)
    step = Decimal(1).scaleb(-min(places, 6 if most is None else most))
    entered = ((number - other.offset) / other.factor).quantize(step, ROUND_HALF_UP, _PRECISE)
    value = _PRECISE.add(_PRECISE.multiply(entered, other.factor), other.offset)
    if not limits.contains(value):
        return None
    return {"value": format(value, "f"), "entered": _written(entered, item), "unit": other.unit}


def _code(item: Item, rng: Random, setting: Setting) -> str:
    if setting.near in item.codes and rng.random() < KEPT:
        return str(setting.near)
    if item.type == "yes_no":
        return "Y" if rng.random() < YES else "N"
    return rng.choice(item.codes)


def _codes(item: Item, rng: Random, setting: Setting) -> list[str]:
    most = min(3, len(item.codes))
    return sorted(rng.sample(item.codes, rng.randint(1, most)))


def _text(item: Item, rng: Random, setting: Setting) -> str:
    return rng.choice(WORDS)[: item.max_length]


def _time(item: Item, rng: Random, setting: Setting) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}"


def _day(rng: Random, on: date) -> date:
    """Return a day mostly within the last days, sometimes within weeks or years."""
    luck = rng.random()
    longest = 9 if luck < 0.7 else 60 if luck < 0.9 else 14_000
    return on - timedelta(days=rng.randint(0, longest))


def _date(item: Item, rng: Random, setting: Setting) -> str:
    return _day(rng, setting.on).isoformat()


def _partial_date(item: Item, rng: Random, setting: Setting) -> str:
    length = rng.choices((10, 7, 4), weights=(6, 3, 1))[0]
    return _day(rng, setting.on).isoformat()[:length]


def _datetime(item: Item, rng: Random, setting: Setting) -> str:
    day = setting.on if rng.random() < 0.6 else _day(rng, setting.on)
    clock = time(rng.randint(6, 20), rng.randrange(60))
    # Through UTC, so that a local time skipped in spring is never returned.
    instant = datetime.combine(day, clock, ZoneInfo(setting.zone)).astimezone(UTC)
    return Moment.from_datetime(instant, setting.zone).iso


_PRECISE = Context(prec=60)


def _file(item: Item, rng: Random, setting: Setting) -> Any:
    """Return no file: the item stays blank or gets a missing code."""
    return {"missing": item.missing[0]} if item.missing and item.required else None


_MAKERS = {
    "file": _file,
    "integer": _number,
    "decimal": _number,
    "text": _text,
    "choice": _code,
    "yes_no": _code,
    "choices": _codes,
    "date": _date,
    "partial_date": _partial_date,
    "time": _time,
    "datetime": _datetime,
}
