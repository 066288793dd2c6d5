"""Compile and evaluate an expression of the protocol file."""

from typing import Any

from protocol.expressions.compiled import (
    DAY,
    INSTANT,
    LOGIC,
    NUMBER,
    TEXT,
    TIME,
    YES_NO,
    ItemKind,
    Kind,
    Undetermined,
    compile_expression,
)

NAMES = {
    "rr": NUMBER,
    "spo2": NUMBER,
    "weight": NUMBER,
    "sex": ItemKind(Kind.TEXT, ("F", "M")),
    "pregnant": YES_NO,
    "remark": TEXT,
    "taken_at": TIME,
    "ct_on": DAY,
    "born": DAY,
    "started_at": INSTANT,
    "ended_at": INSTANT,
    "signs": ItemKind(Kind.CODES, ("FEVER", "COUGH")),
    "doses": ItemKind(Kind.ROWS, columns={"mg": NUMBER, "on": DAY}),
    "labs.ferritin": NUMBER,
    "subject.inclusion_on": DAY,
    "subject.consent_at": INSTANT,
}


def answer(source: str, gives: ItemKind = LOGIC, decimals: int | None = None, **values: Any) -> Any:
    """Return the value of an expression for the given captured values; `__` in a name stands for its dot."""
    known = {name.replace("__", "."): value for name, value in values.items()}
    expression = compile_expression(source, NAMES, gives=gives, decimals=decimals, zone="Europe/Brussels")
    return expression.evaluate(known)


def needs(source: str, **values: Any) -> list[str]:
    """Return the names that an undetermined expression still needs."""
    found = answer(source, **values)
    assert isinstance(found, Undetermined)
    return list(found.needs)
