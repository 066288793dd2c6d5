"""Which captured value is the baseline of an item, for data files and for the table of baseline characteristics."""

from pydantic import PositiveInt

from protocol.document.items import Part
from protocol.document.written_values import ItemPath


class BaselinePlan(Part):
    """Which captured value is the baseline of an item: the last one before an infusion started.

    ``before_infusion``: number of that infusion. ``moments``: of a form, the item that tells when its values were
    taken; without it, the day of the visit does. ``same_day``: a value of which only the day is known counts if that is
    the day of the infusion. ``table``: the items of the table of baseline characteristics, in its order.
    """

    before_infusion: PositiveInt = 1
    same_day: bool = False
    moments: tuple[ItemPath, ...] = ()
    table: tuple[ItemPath, ...] = ()
