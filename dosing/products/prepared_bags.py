"""The bags of a product: named by the cell laboratory, thawed or taken for the infusion in the ledger of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.stored_text import Text
from dosing.models import Bag, Infusion
from dosing.stock import ledger
from dosing.stock.ledger import MovementKind
from dosing.stock.moving import HeldBag, hold
from dosing.stock.stopping import other_donor_of
from dosing.stock.stops import Stop
from dosing.stock.use import bags_of, give_back, refuse, take, take_again
from dosing.worksheet.dispensed import asks_kit
from dosing.worksheet.treatment_stops import treatment_stops
from protocol.values.moments import Moment

TAKEN = {MovementKind.THAW, MovementKind.TAKING}


@dataclass(frozen=True, slots=True)
class ChosenBags:
    """The bags of a product, locked, and those that were taken for the infusion before and are not named now."""

    bags: tuple[HeldBag, ...]
    dropped: tuple[HeldBag, ...]

    @property
    def donors(self) -> list[str]:
        """Codes of their donors, each once; empty for a placebo."""
        banks = (held.bag.lot.bank for held in self.bags)
        return list(dict.fromkeys(bank.donation.donor.code for bank in banks if bank is not None))

    @property
    def texts(self) -> dict[str, str]:
        """Donor, lot and bags as texts, as the listings and files show them."""
        return {
            "donor_code": ", ".join(self.donors),
            "lot": ", ".join(dict.fromkeys(held.bag.lot.number for held in self.bags)),
            "bag": ", ".join(held.bag.number for held in self.bags),
        }

    @property
    def thawed_at(self) -> datetime | None:
        """The first thaw that the ledger has; None if no bag was thawed yet, or one that is frozen was not."""
        times = [_taken_at(held) for held in self.bags if held.bag.lot.is_frozen]
        known = [at for at in times if at is not None]
        return min(known) if known and len(known) == len(times) else None

    @property
    def frozen(self) -> bool:
        """True if one of them is thawed before use."""
        return any(held.bag.lot.is_frozen for held in self.bags)


def choose(infusion: Infusion, bags: Sequence[Bag]) -> ChosenBags:
    """Lock the bags that are named and those taken for the infusion before. Raises ValidationError without a bag."""
    if not bags:
        raise ValidationError({"bags": _("Scan the bags: a product comes from the stock.")})
    before = bags_of(infusion)
    held = {each.bag.pk: each for each in hold([*bags, *before])}
    named = dict.fromkeys(bag.pk for bag in bags)
    return ChosenBags(
        tuple(held[key] for key in named),
        tuple(each for key, each in held.items() if key not in named),
    )


def take_bags(
    chosen: ChosenBags,
    infusion: Infusion,
    *,
    thawed: Moment | None,
    other_donor: bool,
    reason: Text,
    by: User,
) -> None:
    """Enter the bags of a product into their ledgers: taken, given back, or taken at another time.

    other_donor: a reason for another donor was given. An infusion given already is documented late: only what cannot
    have happened is refused. Raises ValidationError beside the bags.
    """
    late = infusion.state != Infusion.State.PLANNED
    overriding = {Stop.OTHER_DONOR} if other_donor else set()
    donor = other_donor_of(infusion)
    try:
        if not late:
            _refuse_treatment(chosen, infusion)
        for held in chosen.dropped:
            give_back(held, infusion, reason, by)
        for held in chosen.bags:
            at = _moment_of(held, infusion, thawed)
            before = _taken_at(held)
            if ledger.infusion_of(held.movements) != infusion.pk:
                if not late and asks_kit(infusion.patient):
                    # Where the protocol asks for the whole chain, a second person signs before the thaw.
                    text = _("Bag %(bag)s is not thawed yet: thaw it on the worksheet of the infusion.")
                    raise ValidationError(text % {"bag": held.bag.number})
                take(held, infusion, at=at, by=by, overriding=overriding, donor=donor, late=late)
            elif (
                before is not None
                and thawed is not None
                and held.bag.lot.is_frozen
                and not _fits(thawed, before)
            ):
                take_again(held, infusion, at=at, by=by, reason=reason, late=late)
    except ValidationError as refused:
        field = "thawed" if "at" in getattr(refused, "error_dict", {}) else "bags"
        raise ValidationError({field: refused.messages}) from refused


def _refuse_treatment(chosen: ChosenBags, infusion: Infusion) -> None:
    """Raise ValidationError if consent or eligibility forbid to take another bag for the infusion now.

    The window is judged at the hand-over and at the bedside: a product may be recorded after its thaw.
    """
    new = [held.bag.number for held in chosen.bags if ledger.infusion_of(held.movements) != infusion.pk]
    if new:
        found = treatment_stops(infusion, bags=", ".join(new), at=timezone.now())
        refuse(each for each in found if each.stop != Stop.CLOSED_WINDOW)


def _moment_of(held: HeldBag, infusion: Infusion, thawed: Moment | None) -> datetime:
    """Return when a bag was thawed or taken; of a time that is known in part, its latest moment."""
    now = timezone.now()
    if held.bag.lot.is_frozen and thawed is not None:
        return min(thawed.latest, now)
    return min(infusion.started_at or now, now)


def _taken_at(held: HeldBag) -> datetime | None:
    in_force = ledger.in_force(held.movements)
    return next((each.at for each in in_force if each.kind in TAKEN), None)


def _fits(thawed: Moment, at: datetime) -> bool:
    return thawed.earliest <= at <= thawed.latest
