"""The status glyph of an infusion at the bedside, for the tree of visits and the matrix of the home page."""

from datetime import date

from dosing.models import Infusion
from patients.participation.visit_status import NOT_APPLICABLE

STATES: dict[str, str] = {
    Infusion.State.PLANNED: "infusion_planned",
    Infusion.State.GIVEN: "infusion_given",
    Infusion.State.NOT_GIVEN: "infusion_not_given",
}


def infusion_status(
    state: str, window: tuple[date | None, date | None], goes_on: bool, today: date
) -> tuple[str, tuple[str, ...]]:
    """Return (state, flags) of the glyph, the same in both arms. goes_on: the patient may still be treated."""
    if state != Infusion.State.PLANNED:
        return STATES[state], ()
    if not goes_on:
        return NOT_APPLICABLE, ()
    first, last = window
    if last is not None and last < today:
        return STATES[state], ("overdue",)
    return STATES[state], ("due",) if first is not None and first <= today else ()
