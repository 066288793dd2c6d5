"""The status glyph of an infusion at the bedside, for the tree of visits and the matrix of the home page."""

from collections.abc import Iterable
from datetime import date

from dosing.models import Infusion
from patients.participation.visit_status import NOT_APPLICABLE

STATES: dict[str, str] = {
    Infusion.State.PLANNED: "infusion_planned",
    Infusion.State.GIVEN: "infusion_given",
    Infusion.State.NOT_GIVEN: "infusion_not_given",
}


def first_planned(infusions: Iterable[Infusion]) -> int | None:
    """Return the number of the infusion in turn, None without a planned one. infusions: all of the patient."""
    return min((row.number for row in infusions if row.state == Infusion.State.PLANNED), default=None)


def infusion_status(
    state: str, window: tuple[date | None, date | None], goes_on: bool, today: date, *, in_turn: bool
) -> tuple[str, tuple[str, ...]]:
    """Return (state, flags) of the glyph, the same in both arms.

    goes_on: the patient may still be treated. in_turn: no earlier infusion is planned; nothing is due before its turn.
    """
    if state != Infusion.State.PLANNED:
        return STATES[state], ()
    if not goes_on:
        return NOT_APPLICABLE, ()
    if not in_turn:
        return STATES[state], ()
    first, last = window
    if last is not None and last < today:
        return STATES[state], ("overdue",)
    return STATES[state], ("due",) if first is not None and first <= today else ()
