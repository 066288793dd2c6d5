"""Movements of a bag: stored elsewhere, exposed to a wrong temperature, discarded, destroyed, returned, reversed."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import because
from audit.stored_text import Text, trimmed
from dosing.models import Bag, BagMovement, Infusion, Lot
from dosing.stock import ledger
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.words import movement_words, place_words
from patients.samples.temperatures import temperature_errors


@dataclass
class HeldBag:
    """A bag with its movements, locked until the transaction ends."""

    bag: Bag
    rows: list[BagMovement] = field(default_factory=list)

    @property
    def movements(self) -> list[ledger.Movement]:
        """The movements as the ledger reads them."""
        return [row.entry for row in self.rows]

    @property
    def rest(self) -> tuple[Account, int] | None:
        """Account and microlitres of what can still be moved."""
        return ledger.rest(self.movements)

    @property
    def place(self) -> str:
        """The storage place after the last movement that stands; empty outside the store."""
        valid = [row for row in self.rows if row.reversed_by_id is None and row.kind != MovementKind.REVERSAL]
        return valid[-1].place if valid else ""


def hold(bags: list[Bag]) -> list[HeldBag]:
    """Lock the lots and the bags, each in the order of keys, and return the bags as stored now, with their movements.

    Four queries, however many bags.
    """
    keys = [bag.pk for bag in bags]
    lots = Bag.objects.filter(pk__in=keys).order_by("lot").values_list("lot", flat=True)
    list(Lot.objects.select_for_update().filter(pk__in=list(lots)).order_by("pk").values_list("pk"))
    list(Bag.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk").values_list("pk"))
    # Read after the locks: another request may have moved the bag or recalled the lot meanwhile.
    return read_bags(keys)


def read_bags(keys: list[int]) -> list[HeldBag]:
    """Return bags with their movements in the order of `keys`, without locks. Two queries."""
    found = Bag.objects.select_related("trial__protocol", "lot__bank__donation__donor").in_bulk(keys)
    by_bag: dict[int, list[BagMovement]] = {key: [] for key in keys}
    for row in BagMovement.objects.filter(bag__in=keys).order_by("bag", "position"):
        by_bag[row.bag_id].append(row)
    return [HeldBag(found[key], by_bag[key]) for key in dict.fromkeys(keys)]


def post(
    held: HeldBag,
    *,
    kind: MovementKind,
    source: Account,
    at: datetime,
    by: User,
    volume: int | None = None,
    infusion: Infusion | None = None,
    **facts: Any,
) -> BagMovement:
    """Add one movement to the ledger of a held bag. volume: microlitres, all that is there if None.

    Raises ValidationError with a sentence that names bag and reason, for a movement that cannot have happened.
    """
    bag, target = held.bag, ledger.ROADS[kind][1]
    if at > timezone.now():
        raise ValidationError({"at": _("This time has not come yet. Check the date.")})
    there = ledger.balances(held.movements)[source] if source != Account.SUPPLIER else bag.volume_ul
    new = ledger.Movement(
        kind=kind,
        source=source,
        target=target or source,
        volume=there if volume is None else volume,
        at=at,
        infusion=infusion.pk if infusion else None,
    )
    if volume is None and there <= 0:
        # Nothing is there: said so, not that zero is no volume.
        new = ledger.Movement(kind, source, new.target, 1, at, new.infusion)
    try:
        ledger.check(held.movements, new, filled=bag.volume_ul, frozen=bag.lot.is_frozen)
    except ledger.MovementRefused as refused:
        raise refusal(held, refused, there) from refused
    facts.setdefault("place", held.place if new.target == Account.STORE else "")
    row = BagMovement.objects.create(
        trial=bag.trial,
        lot=bag.lot,
        bag=bag,
        position=len(held.rows) + 1,
        kind=kind,
        source=source,
        target=new.target,
        volume_ul=new.volume,
        at=at,
        infusion=infusion,
        patient=infusion.patient if infusion else None,
        recorded_by=by,
        **facts,
    )
    held.rows.append(row)
    return row


def refusal(held: HeldBag, refused: ledger.MovementRefused, there: int) -> ValidationError:
    """Return the refusal of a movement, beside the field that it concerns."""
    left = held.rest
    place = place_words(held.bag, left[0] if left else _last_account(held), held.place)
    words = movement_words(held.bag, refused, rest=there, place=place)
    by_volume = {ledger.Impossible.NO_VOLUME, ledger.Impossible.TOO_MUCH, ledger.Impossible.NOT_WHOLE}
    if refused.reason in by_volume:
        return ValidationError({"volume_ml": words})
    if refused.reason == ledger.Impossible.BEFORE_LAST:
        return ValidationError({"at": words})
    return ValidationError(words)


def _last_account(held: HeldBag) -> str:
    valid = ledger.in_force(held.movements)
    return valid[-1].target if valid else Account.SUPPLIER


@transaction.atomic
def store(*, bag: Bag, place: str, at: datetime, by: User, note: str = "") -> BagMovement:
    """Record that a bag lies in another place of the store. Raises ValidationError without a place."""
    if not place.strip():
        raise ValidationError({"place": _("Enter the storage place.")})
    (held,) = hold([bag])
    return post(
        held,
        kind=MovementKind.TRANSFER,
        source=Account.STORE,
        at=at,
        by=by,
        place=place.strip(),
        note=note.strip(),
    )


@transaction.atomic
def record_excursion(
    *,
    bag: Bag,
    at: datetime,
    lowest_c: Decimal | None,
    highest_c: Decimal | None,
    minutes: int | None,
    note: str,
    by: User,
) -> BagMovement:
    """Record that a bag in the store had a temperature outside its limits (CEL-07). It is blocked until judged.

    Raises ValidationError without a temperature and a duration.
    """
    errors = temperature_errors(lowest_c, highest_c)
    if minutes is None or minutes <= 0:
        errors["minutes"] = _("Enter how many minutes it lasted.")
    if not note.strip():
        errors["note"] = _("Say what happened.")
    if errors:
        raise ValidationError(errors)
    (held,) = hold([bag])
    facts: dict[str, Any] = {
        "lowest_c": lowest_c,
        "highest_c": highest_c,
        "minutes": minutes,
        "note": note.strip(),
    }
    return post(held, kind=MovementKind.EXCURSION, source=Account.STORE, at=at, by=by, **facts)


@transaction.atomic
def judge_excursion(*, movement: BagMovement, judgement: str, reason: str, by: User) -> BagMovement:
    """Decide whether a bag may be used after a temperature excursion. Decided once.

    Raises ValidationError without a decision or a reason, and if it is decided already.
    """
    errors: dict[str, str] = {}
    if judgement not in BagMovement.Judgement.values:
        errors["judgement"] = _("Choose whether the bag may be used.")
    if not reason.strip():
        errors["reason"] = _("Say why.")
    if errors:
        raise ValidationError(errors)
    (held,) = hold([movement.bag])
    row = next((each for each in held.rows if each.pk == movement.pk), None)
    if row is None or row.kind != MovementKind.EXCURSION or row.reversed_by_id is not None:
        raise ValidationError(_("Bag %(bag)s has no such excursion.") % {"bag": held.bag.number})
    if row.judged is not None:
        raise ValidationError(_("Bag %(bag)s: this excursion is decided already.") % {"bag": held.bag.number})
    row.judged, row.judged_reason, row.judged_at, row.judged_by = (
        judgement,
        reason.strip(),
        timezone.now(),
        by,
    )
    row.save(update_fields=["judged", "judged_reason", "judged_at", "judged_by"])
    return row


@transaction.atomic
def return_(*, bag: Bag, at: datetime, by: User, volume: int | None = None, note: str = "") -> BagMovement:
    """Record that what was not infused came back from the ward. volume: microlitres, the whole rest if None."""
    (held,) = hold([bag])
    return post(
        held,
        kind=MovementKind.RETURN,
        source=Account.WARD,
        at=at,
        by=by,
        volume=volume,
        infusion=infusion_held(held),
        note=note.strip(),
    )


@transaction.atomic
def waste(
    *, bag: Bag, source: str, at: datetime, note: str, by: User, volume: int | None = None
) -> BagMovement:
    """Record that what is in an account was discarded, with the reason."""
    return _out_of_use(bag, MovementKind.WASTE, source, at=at, note=note, by=by, volume=volume)


@transaction.atomic
def destroy(
    *, bag: Bag, source: str, at: datetime, note: str, by: User, volume: int | None = None
) -> BagMovement:
    """Record that what is in an account was destroyed, with the reason."""
    return _out_of_use(bag, MovementKind.DESTRUCTION, source, at=at, note=note, by=by, volume=volume)


def _out_of_use(
    bag: Bag, kind: MovementKind, source: str, *, at: datetime, note: str, by: User, volume: int | None
) -> BagMovement:
    if not note.strip():
        raise ValidationError({"note": _("Say why.")})
    if source not in {account.value for account in ledger.ROADS[kind][0]}:
        raise ValidationError({"source": _("Choose from where it was taken.")})
    (held,) = hold([bag])
    account = Account(source)
    return post(
        held,
        kind=kind,
        source=account,
        at=at,
        by=by,
        volume=volume,
        infusion=infusion_held(held),
        note=note.strip(),
    )


@transaction.atomic
def reverse(*, bag: Bag, reason: str, by: User) -> BagMovement:
    """Undo the last movement of a bag, which was recorded by mistake. Both entries stay in the ledger.

    Raises ValidationError without a reason, and if there is nothing to undo.
    """
    if not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    (held,) = hold([bag])
    return undo_last(held, reason, by)


def undo_last(held: HeldBag, reason: Text, by: User) -> BagMovement:
    """Add the reversal of the last movement that stands to a held bag. Raises ValidationError if there is none."""
    valid = [row for row in held.rows if row.reversed_by_id is None and row.kind != MovementKind.REVERSAL]
    if not valid:
        raise ValidationError(_("Bag %(bag)s has no movement to undo.") % {"bag": held.bag.number})
    last = valid[-1]
    place = valid[-2].place if len(valid) > 1 else ""
    with because(trimmed(reason)):
        row = BagMovement.objects.create(
            trial=held.bag.trial,
            lot=held.bag.lot,
            bag=held.bag,
            position=len(held.rows) + 1,
            kind=MovementKind.REVERSAL,
            source=last.target,
            target=last.source,
            volume_ul=last.volume_ul,
            at=timezone.now(),
            place=place,
            infusion=last.infusion,
            patient=last.patient,
            note=str(trimmed(reason)),
            recorded_by=by,
        )
        last.reversed_by = row
        last.save(update_fields=["reversed_by"])
    held.rows.append(row)
    return row


def infusion_held(held: HeldBag) -> Infusion | None:
    """Return the infusion that a bag was taken for; one query if there is one."""
    key = ledger.infusion_of(held.movements)
    return Infusion.objects.select_related("patient").get(pk=key) if key else None
