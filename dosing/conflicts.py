"""Concurrent changes of one infusion or preparation: the second one is refused, nothing is overwritten (DAT-11)."""

from dosing.models import Infusion, Preparation


class StaleInfusion(Exception):
    """The row was saved by somebody else since the page was opened; `row` is the stored one."""

    def __init__(self, row: Infusion | Preparation) -> None:
        self.row = row
        super().__init__("the row was changed since it was opened")
