"""The outcomes of NCT04445454 (Liège), by rules written from the registry's texts."""

import datetime as dt
from collections.abc import Callable

from tests.exports.rebuilding.rebuilt import (
    Numbers,
    Rebuilt,
    Truth,
    any_of,
    both,
    days,
    hours,
    reactions,
    within,
)
from tests.exports.rebuilding.sources import IMV, Event, Person


def special(_person: Person, event: Event) -> Truth:
    return (
        None
        if event.aesi is None
        else event.aesi.upper().startswith("INFECTION") or event.aesi.upper() == "THROMBOEMBOLIC"
    )


def is_kind(kind: str) -> Callable[[Person, Event], Truth]:
    return lambda _person, event: None if event.aesi is None else event.aesi.upper() == kind


def liege(people: list[Person]) -> dict[tuple[str, str, str], Numbers]:
    made, groups = Rebuilt(people, "Europe/Brussels"), ("", "A", "B")

    def included(person: Person) -> dt.date:
        return person.included

    for code in ("patients", "events", "rate"):
        made.events(f"L-P1 {code}", people, special, (0, 28), included, by=groups, rate=code == "rate")
    for kind in ("bacterial", "viral", "fungal", "parasitic"):
        made.events(f"L-P1 {kind}", people, is_kind(f"INFECTION_{kind.upper()}"), (0, 28), included)
    made.events("L-P1 thromboembolic", people, is_kind("THROMBOEMBOLIC"), (0, 28), included)
    in_a, in_b = ([each for each in people if each.group == code] for code in "AB")
    made.proportion("L-P2 died", [(each, made.died_by(each, each.included, 28)) for each in in_b])
    made.times("L-P2 survival", in_b, included, 28)
    made.proportion("L-P3 dead", [(each, made.died_by(each, each.included, 28)) for each in in_a])

    def failed(person: Person) -> Truth:
        seen = [
            within(*[(on - person.included).days] * 2, 0, 28) if kind == IMV else False
            for on, kind in person.supports
        ]
        logged = [
            both(each.kind == IMV, within(*days(person.included, each.start, made.zone), 0, 28))
            for each in person.episodes
        ]
        return any_of([made.died_by(person, person.included, 28), any_of(seen), any_of(logged)])

    made.proportion("L-P3 ventilated_or_dead", [(each, failed(each)) for each in in_a])
    infused = [each for each in people if each.doses]

    def soon(person: Person, event: Event) -> Truth:
        return any_of(within(*hours(dose, event.onset, made.zone), 0, 24) for dose in person.doses)

    def related_soon(person: Person, event: Event) -> Truth:
        return both(event.related, soon(person, event))

    made.events("L-P4 patients", infused, related_soon, (0, 90), included, by=groups)
    made.events("L-P4 events", infused, related_soon, (0, 90), included)
    made.events("L-P4 any_cause", infused, soon, (0, 90), included)
    for code, rule in reactions().items():
        made.events(f"L-S1 {code}", people, rule, (0, 90), included, by=groups)
    return made.numbers
