"""What reached the patient of a product: the share of the prepared volume that was infused. No Django.

Volumes are in mL, cells are whole viable cells.
"""

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from dosing.dose import delivered_cells

NO_PRODUCT: Final = "No product was recorded for the infusion"
NO_VOLUME: Final = "The volume infused was not recorded"
TOO_MUCH: Final = "More was infused than was prepared"
NOT_COMPLETE: Final = (
    "The volume prepared was not recorded, and the infusion is not known to have been completed"
)
WHOLE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class InfusedShare:
    """What tells how much of a product was infused; None where it was not recorded.

    planned_ml: the least volume that the protocol plans. uninterrupted: the ward recorded that the infusion was
    neither interrupted nor stopped.
    """

    infused_ml: Decimal | None
    prepared_ml: Decimal | None = None
    planned_ml: Decimal | None = None
    uninterrupted: bool = False

    @property
    def unknown(self) -> str:
        """Return why the share infused is not known; empty if it is."""
        if self.infused_ml is None:
            return NO_VOLUME
        if self.prepared_ml is not None:
            return TOO_MUCH if self.infused_ml > self.prepared_ml else ""
        as_planned = self.planned_ml is None or self.infused_ml >= self.planned_ml
        return "" if self.uninterrupted and as_planned else NOT_COMPLETE

    @property
    def is_whole(self) -> bool:
        """Return True if the whole product is known to have been infused."""
        return not self.unknown and (self.prepared_ml is None or self.infused_ml == self.prepared_ml)

    def delivered(self, prepared_cells: Decimal) -> Decimal | None:
        """Return the viable cells delivered, rounded down to whole cells; None if the share infused is not known.

        80e6 cells prepared in 100 mL of which 25 mL were infused are 20e6.
        """
        if self.unknown:
            return None
        infused, prepared = self.infused_ml, self.prepared_ml
        if infused is None or prepared is None:
            infused = prepared = WHOLE
        # The cells are viable ones already.
        cells = delivered_cells(prepared_cells, Decimal(100), infused_ml=infused, prepared_ml=prepared)
        return cells.to_integral_value(rounding=ROUND_FLOOR)
