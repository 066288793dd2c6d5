"""The steps of a preparation in their order, and the values of each. No Django.

In an arm without cells the steps and their order are the same; only the values that belong to cells are left out.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class BenchStep(StrEnum):
    """One step of a preparation."""

    ORDER = "order"
    BAG = "bag"
    IDENTITY = "identity"
    THAW_BEGUN = "thaw_begun"
    THAW_ENDED = "thaw_ended"
    DILUTION = "dilution"
    COUNT = "count"
    DRAWN = "drawn"
    LABELLED = "labelled"
    CHECK = "check"
    DISPENSED = "dispensed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A value of a step. unit: beside the input; places: the most decimals. of_cells: left out without cells."""

    name: str
    kind: Literal["number", "text", "yes_no"]
    unit: str = ""
    places: int = 2
    of_cells: bool = False


VALUES: dict[BenchStep, tuple[Asked, ...]] = {
    BenchStep.DILUTION: (
        Asked("washed", "yes_no", of_cells=True),
        Asked("diluent", "text"),
        Asked("suspension_ml", "number", "mL"),
    ),
    BenchStep.COUNT: (
        Asked("cells_per_ml", "number", "×10⁶/mL", places=6, of_cells=True),
        Asked("viability_percent", "number", "%", of_cells=True),
    ),
    BenchStep.DRAWN: (
        Asked("drawn_ml", "number", "mL", of_cells=True),
        Asked("final_ml", "number", "mL"),
    ),
    BenchStep.DISPENSED: (Asked("handed_to", "text"),),
}
"""The values that each step asks for; a step that is not named asks for none."""
SCANNED = frozenset({BenchStep.ORDER, BenchStep.BAG, BenchStep.LABELLED})
"""Steps that a scan completes."""
SIGNED = frozenset({BenchStep.IDENTITY, BenchStep.CHECK})
"""Steps of a second person, with the password."""


def asked(step: BenchStep, *, cells: bool) -> tuple[Asked, ...]:
    """Return the values that a step asks for; without cells those of cells are left out."""
    return tuple(each for each in VALUES.get(step, ()) if cells or not each.of_cells)


def current(done: Collection[str]) -> BenchStep | None:
    """Return the first step that is not done; None after the last."""
    return next((step for step in BenchStep if step not in done), None)


def may_follow(step: BenchStep, done: Collection[str]) -> bool:
    """Return True if a step is the next one; further bags are chosen until the second person has signed."""
    if step == BenchStep.BAG:
        return BenchStep.ORDER in done and BenchStep.IDENTITY not in done
    return step not in done and current(done) == step


def last(done: Sequence[str]) -> BenchStep | None:
    """Return the step that may be struck out: the last one done in the order of the plan."""
    return next((step for step in reversed(BenchStep) if step in done), None)
