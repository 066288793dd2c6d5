"""A bag on its way to the patient: thawed or taken, dispensed to the ward, infused. Hard stops hold at every step."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.stored_text import Text
from dosing.infusions.participation import refuse_withdrawn
from dosing.models import Bag, BagMovement, Infusion
from dosing.stock import ledger
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.moving import HeldBag, hold, infusion_held, post, read_bags, refusal, undo_last
from dosing.stock.stopping import other_donor_of, stops_of_held
from dosing.stock.stops import FoundStop, Stop
from dosing.stock.words import stop_words
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, require_state


def lock_infusion(infusion: Infusion) -> Infusion:
    """Return the infusion as stored now, with it and its patient locked until the transaction ends."""
    patient = lock_patient(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).get(pk=infusion.pk)
    row.patient = patient
    return row


@transaction.atomic
def thaw(
    *, bag: Bag, infusion: Infusion, at: datetime, by: User, overriding: Collection[Stop] = ()
) -> BagMovement:
    """Record that a bag was thawed for an infusion; one that is not frozen is taken for it.

    overriding: stops that somebody accepted as a deviation; the caller records it. Raises ValidationError with a
    sentence for every hard stop, and for a movement that cannot have happened.
    """
    row = _usable_infusion(infusion)
    (held,) = hold([bag])
    return take(held, row, at=at, by=by, overriding=overriding, donor=other_donor_of(row))


@transaction.atomic
def dispense(
    *,
    bags: Sequence[Bag],
    infusion: Infusion,
    at: datetime,
    by: User,
    handed_to: str,
    overriding: Collection[Stop] = (),
) -> list[BagMovement]:
    """Record that the thawed bags of an infusion were handed to the ward, all or none.

    handed_to: who took them. Raises ValidationError as `thaw` does, without a bag, and without a person.
    """
    if not bags:
        raise ValidationError(_("No bag was thawed for this infusion: there is nothing to dispense."))
    if not handed_to.strip():
        raise ValidationError({"handed_to": _("Enter who received the bags.")})
    row = _usable_infusion(infusion)
    held = hold(list(bags))
    donor = other_donor_of(row)
    refuse_stopped(held, row, MovementKind.DISPENSING, overriding=overriding, donor=donor)
    return [
        post(
            each,
            kind=MovementKind.DISPENSING,
            source=Account.BENCH,
            at=at,
            by=by,
            infusion=row,
            carrier=handed_to.strip(),
        )
        for each in held
    ]


@transaction.atomic
def infuse(*, bag: Bag, infusion: Infusion, at: datetime, by: User, volume: int | None = None) -> BagMovement:
    """Record that content of a dispensed bag was given to the patient. volume: microlitres, the rest if None.

    What was given is never stopped, only what cannot have happened.
    """
    row = lock_infusion(infusion)
    (held,) = hold([bag])
    return post(
        held, kind=MovementKind.INFUSION, source=Account.WARD, at=at, by=by, volume=volume, infusion=row
    )


@transaction.atomic
def infuse_bag(*, bag: Bag, at: datetime, by: User, volume: int | None = None) -> BagMovement:
    """Record that content of a bag was given in the infusion for which it was thawed. See `infuse`.

    Raises ValidationError for a bag that was thawed for none.
    """
    (held,) = read_bags([bag.pk])
    infusion = infusion_held(held)
    if infusion is None:
        refused = ledger.MovementRefused(ledger.Impossible.BEFORE_THAW)
        raise refusal(held, refused, 0)
    return infuse(bag=bag, infusion=infusion, at=at, by=by, volume=volume)


def take(
    held: HeldBag,
    infusion: Infusion,
    *,
    at: datetime,
    by: User,
    overriding: Collection[Stop] = (),
    donor: tuple[int, str] | None = None,
    late: bool = False,
) -> BagMovement:
    """Thaw a held bag for a locked infusion, or take it if it is not frozen. donor: of `other_donor_of`.

    late: the infusion was given already, so only what cannot have happened is refused. The stops that held all the
    same are kept with the movement.
    """
    kind = MovementKind.THAW if held.bag.lot.is_frozen else MovementKind.TAKING
    found = stops_of_held(held, infusion, kind, donor, on=_day(held, at) if late else None)
    refuse(each for each in found if each.impossible or not (late or each.stop in overriding))
    kept = [each.stop.value for each in found if each.stop != Stop.NOT_DUE]
    return post(held, kind=kind, source=Account.STORE, at=at, by=by, infusion=infusion, late=late, stops=kept)


def give_back(held: HeldBag, infusion: Infusion, reason: Text, by: User) -> list[BagMovement]:
    """Undo every movement of a held bag for an infusion, the last first; return them in their order.

    Raises ValidationError if the bag was moved for nobody since.
    """
    undone = []
    while ledger.infusion_of(held.movements) == infusion.pk:
        valid = [row for row in held.rows if row.reversed_by_id is None and row.kind != MovementKind.REVERSAL]
        undone.append(valid[-1])
        undo_last(held, reason, by)
    return undone[::-1]


def take_again(
    held: HeldBag, infusion: Infusion, *, at: datetime, by: User, reason: Text, late: bool
) -> None:
    """Correct the time at which a held bag was thawed or taken; what followed is entered again as it was."""
    first, *rest = give_back(held, infusion, reason, by)
    kind = MovementKind(first.kind)
    post(
        held,
        kind=kind,
        source=Account.STORE,
        at=at,
        by=by,
        infusion=infusion,
        late=late,
        stops=first.stops,
    )
    for row in rest:
        post(
            held,
            kind=MovementKind(row.kind),
            source=Account(row.source),
            at=row.at,
            by=by,
            volume=row.volume_ul,
            infusion=infusion if row.infusion_id else None,
            carrier=row.carrier,
            note=row.note,
            late=row.late,
        )


def _day(held: HeldBag, at: datetime) -> date:
    return held.bag.trial.day_of(at)


def refuse_stopped(
    held: Sequence[HeldBag],
    infusion: Infusion,
    step: MovementKind,
    *,
    overriding: Collection[Stop] = (),
    donor: tuple[int, str] | None = None,
) -> None:
    """Raise ValidationError with a sentence for every stop of every bag that nobody may or did override."""
    refuse(
        each
        for bag in held
        for each in stops_of_held(bag, infusion, step, donor)
        if each.stop not in overriding or each.impossible
    )


def refuse(found: Iterable[FoundStop]) -> None:
    """Raise ValidationError with the sentence of every stop, if there is one."""
    refused = [ValidationError(stop_words(each), code=each.stop) for each in found]
    if refused:
        raise ValidationError(refused)


def bags_of(infusion: Infusion) -> list[Bag]:
    """Return the bags that were thawed or taken for an infusion, in that order. One query."""
    found = BagMovement.objects.filter(
        infusion=infusion, kind__in=[MovementKind.THAW, MovementKind.TAKING], reversed_by=None
    ).order_by("pk")
    return [row.bag for row in found.select_related("bag__lot__bank__donation__donor", "bag__trial")]


def _usable_infusion(infusion: Infusion) -> Infusion:
    row = lock_infusion(infusion)
    require_state(
        row.patient,
        Patient.State.ENROLLED,
        refusal=_("%(patient)s cannot receive a product: the status is “%(state)s”."),
    )
    refuse_withdrawn(row.patient, row.patient.trial.today)
    return row
