"""Ventilator-free days."""

from decimal import Decimal
from typing import Final

from protocol.scores.derived import Derived, absent, inputs_unknown, refused

LAST_DAY: Final = 28


def ventilator_free_days(
    died_by_then: bool | None, ventilated: Decimal | None, until: int = LAST_DAY
) -> Derived[Decimal]:
    """Return ventilator-free days: 0 if dead by day 28, else 28 less the days on invasive ventilation."""
    if died_by_then:
        return Derived(Decimal(0))
    if died_by_then is None or ventilated is None:
        return inputs_unknown(*absent({"died_by_then": died_by_then, "ventilated": ventilated}))
    if not 0 <= ventilated <= until:
        return refused(f"ventilated days lie between 0 and {until}")
    return Derived(until - ventilated)
