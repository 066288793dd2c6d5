"""Checks of outcomes: populations, visits, day 0 and windows of their readings."""

from collections.abc import Iterator, Mapping
from typing import Any

from protocol.checking.shape import Problem, Written, repeated
from protocol.document.document import Protocol
from protocol.document.items import Item
from protocol.document.outcomes import POPULATIONS, Outcome, OutcomeReading

DATES = frozenset({"date", "partial_date", "datetime"})


def outcome_problems(protocol: Protocol, raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the mistakes of populations and readings between the tables of the file."""
    written = Written.in_file(raw)
    yield from _populations(protocol)
    for outcome in protocol.outcomes:
        path = f"outcomes.{outcome.id}"
        yield from _day_zero(f"{path}.day_zero", outcome.day_zero, protocol, written)
        yield from repeated(f"{path}.readings", (each.code for each in outcome.readings))
        for reading in outcome.readings:
            yield from _reading(f"{path}.readings.{reading.code}", outcome, reading, protocol, written, raw)


def _populations(protocol: Protocol) -> Iterator[Problem]:
    known = {*POPULATIONS, *protocol.populations}
    for code, population in protocol.populations.items():
        path = f"populations.{code}"
        if code in POPULATIONS:
            yield Problem(path, "every trial has this population: give it another name")
        elif population.within not in known:
            yield Problem(f"{path}.within", f"unknown population {population.within!r}: {_listed(known)}")
        elif population.at is not None and population.at not in protocol.visit_codes:
            yield Problem(f"{path}.at", f"unknown visit {population.at!r}")
        elif _circular(code, protocol):
            yield Problem(f"{path}.within", "a population cannot lie within itself")


def _circular(code: str, protocol: Protocol) -> bool:
    seen, here = set(), code
    while here in protocol.populations and here not in seen:
        seen.add(here)
        here = protocol.populations[here].within
    return here == code


def _listed(codes: set[str]) -> str:
    return f"there are {', '.join(sorted(codes))}"


def _reading(
    path: str, outcome: Outcome, reading: OutcomeReading, protocol: Protocol, written: Written,
    raw: Mapping[str, Any],
) -> Iterator[Problem]:  # fmt: skip
    tables = raw.get("populations")
    known = {*POPULATIONS, *(tables if isinstance(tables, dict) else ())}
    if reading.population not in known:
        yield Problem(f"{path}.population", f"unknown population {reading.population!r}: {_listed(known)}")
    for key, codes in (("at", reading.at), ("baseline", reading.baseline)):
        yield from repeated(f"{path}.{key}", codes)
        # Counted in the raw file: a visit of the wrong shape is reported itself.
        visits = {str(each.get("code")) for each in raw.get("visits", ()) if isinstance(each, dict)}
        yield from (
            Problem(f"{path}.{key}", f"unknown visit {code!r}") for code in codes if code not in visits
        )
    if reading.day_zero is not None:
        yield from _day_zero(f"{path}.day_zero", reading.day_zero, protocol, written)
    timed = reading.event is not None or reading.measure == "time_to_event"
    if timed and outcome.window_of(reading) is None:
        yield Problem(f"{path}.window_days", "events and times need a window: window_days = [0, 28]")
    if reading.measure in ("rate", "time_to_event") and "last_contact_on" not in raw.get("profile", {}):
        yield Problem(
            f"{path}.measure", "needs the day to which a patient was observed: profile.last_contact_on"
        )
    if (reading.compare == "groups" or reading.by_group) and not raw.get("groups"):
        yield Problem(f"{path}.{'compare' if reading.compare else 'by_group'}", "the protocol has no groups")
    if reading.compare == "arms" and len(protocol.arms) < 2 and "allocation" not in raw:
        yield Problem(f"{path}.compare", "the protocol does not allocate patients to arms")
    if reading.mantel_haenszel:
        yield from _stratified(f"{path}.mantel_haenszel", protocol)


def _stratified(path: str, protocol: Protocol) -> Iterator[Problem]:
    if protocol.allocation is not None and not protocol.allocation.strata:
        yield Problem(path, "the allocation has no strata: compare the arms without it")
    if len(protocol.arms) > 2:
        yield Problem(path, "compares two arms: the protocol has more")


def _day_zero(path: str, day_zero: str, protocol: Protocol, written: Written) -> Iterator[Problem]:
    if "." in day_zero:
        if day_zero not in written.items:
            yield Problem(path, f"unknown item {day_zero!r}")
        elif (item := _item(protocol, day_zero)) is not None and item.type not in DATES:
            yield Problem(path, f"{day_zero!r} is {item.type}: it should be a date")
    elif day_zero.startswith("infusion_"):
        number, dosing = int(day_zero.removeprefix("infusion_")), protocol.dosing
        if dosing is None or number > dosing.infusions:
            yield Problem(path, f"the protocol has no infusion {number}")


def _item(protocol: Protocol, path: str) -> Item | None:
    form, _dot, name = path.partition(".")
    return protocol.form(form).item(name) if form in protocol.forms and name in protocol.form(form) else None
