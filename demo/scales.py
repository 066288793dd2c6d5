"""Scores of invented patients that agree with the rest of their visit."""

from typing import Any

from patients.casebook.casebook import Casebook, FormPlace
from protocol.expressions.rules import rules_of

PROGRESSION = "who_cps"
AT_HOME, DEAD = frozenset("0123"), "10"
IN_HOSPITAL_UNTIL = 7
"""Study day up to which an invented patient is in hospital: the infusions are given there."""


def as_proposed(casebook: Casebook, place: FormPlace, values: dict[str, Any]) -> dict[str, Any]:
    """Return the answers of the WHO progression scale with the category that the form proposes; others unchanged.

    Categories are drawn at random: a living patient would be in that of the dead, or at home between two infusions.
    Without a proposal the drawn category stays unless it is one of these; then it is not known.
    """
    names = {item.name for item in place.form.items}
    if place.form.code != PROGRESSION or not {"proposed", "score", "reason"} <= names:
        return values
    rules = place.protocol.rules
    days = {visit.code: visit.day for visit in rules.visits}
    agreed = {name: value for name, value in values.items() if name != "reason"}
    impossible, candidates = {DEAD}, [agreed]
    if place.visit is not None and days.get(place.visit.code, IN_HOSPITAL_UNTIL + 1) <= IN_HOSPITAL_UNTIL:
        impossible |= AT_HOME
        ward = {name: value for name, value in agreed.items() if name != "ambulatory"} | {"hospitalised": "Y"}
        candidates = [ward, agreed]
    for candidate in candidates:
        scope = casebook.scope(place, candidate)
        proposed = rules_of(rules).form(PROGRESSION).with_calculated(scope).get("proposed")
        if proposed and proposed not in impossible:
            return candidate | {"score": proposed}
    # The answers as drawn: they violate no check.
    return agreed | {"score": {"missing": "UNK"}} if str(agreed.get("score")) in impossible else agreed
