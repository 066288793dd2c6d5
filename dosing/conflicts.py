"""Two people on one row: nothing is overwritten (DAT-11)."""

from dosing.models import Infusion, Preparation


class StaleInfusion(Exception):
    """Somebody saved the same row meanwhile; `row` is what is stored now."""

    def __init__(self, row: Infusion | Preparation) -> None:
        self.row = row
        super().__init__("the row was changed since it was opened")
