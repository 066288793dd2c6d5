"""The hand-over of a prepared product to the ward, where no worksheet is kept: every hard stop holds here too."""

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from dosing.models import BagMovement, Infusion, Preparation
from dosing.products.product_limits import dmso_of
from dosing.stock.ledger import MovementKind
from dosing.stock.use import bags_of, dispense, lock_infusion, refuse
from dosing.worksheet import give_before
from dosing.worksheet.bench import refuse_held_treatment
from dosing.worksheet.dispensed import asks_kit
from dosing.worksheet.overriding import overridden
from dosing.worksheet.treatment_stops import treatment_stops


@transaction.atomic
def hand_over(*, infusion: Infusion, at: datetime, handed_to: str, by: User) -> list[BagMovement]:
    """Record that the bags taken for an infusion were handed to the ward (CEL-13).

    Raises ValidationError where the protocol asks for the worksheet with its second person, while the trial or the
    treatment is on hold, and for every hard stop in patient, preparation and bag.
    """
    row = lock_infusion(infusion)
    if asks_kit(row.patient):
        raise ValidationError(
            _(
                "The product is dispensed on the worksheet of the infusion, after a second person has checked it."
            )
        )
    refuse_held_treatment(row)
    bags, accepted = bags_of(row), overridden(row)
    product = Preparation.objects.filter(infusion=row).first()
    taken = _taken_at(row)
    found = treatment_stops(
        row,
        bags=", ".join(bag.number for bag in bags),
        at=at,
        viability=product.viability_percent if product else None,
        dmso=dmso_of(row, bags),
        taken=taken,
    )
    refuse(each for each in found if each.stop not in accepted)
    made = dispense(bags=bags, infusion=row, at=at, by=by, handed_to=handed_to, overriding=accepted)
    if taken is not None:
        give_before.set_for(row, taken, key=f"hand-over:{made[0].pk}", by=by)
    return made


def _taken_at(infusion: Infusion) -> datetime | None:
    """Return when the first bag was thawed or taken for an infusion. One query."""
    kinds = [MovementKind.THAW, MovementKind.TAKING]
    rows = BagMovement.objects.filter(infusion=infusion, kind__in=kinds, reversed_by=None)
    return rows.order_by("at").values_list("at", flat=True).first()
