"""Whether the bags of a donor cover several infusions, each from whole bags at the lowest dose. No Django."""

from collections.abc import Iterable
from decimal import Decimal


def covers(cells_of_bags: Iterable[Decimal], lowest: Decimal, infusions: int) -> bool:
    """Return True if the bags can be shared out so that each infusion gets at least the lowest cells.

    A bag is used for one infusion. The largest bag that is left is filled up with the smallest ones that suffice; the
    answer may be False where a cleverer share exists, but it is never True where none does.
    """
    left = sorted(cells_of_bags)
    for _infusion in range(infusions):
        if not left:
            return False
        missing = lowest - left.pop()
        while missing > 0:
            if not left:
                return False
            # The smallest single bag that suffices, else the largest.
            place = next((place for place, cells in enumerate(left) if cells >= missing), len(left) - 1)
            missing -= left.pop(place)
    return True
