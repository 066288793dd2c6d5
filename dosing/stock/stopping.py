"""The hard stops of a bag for an infusion, read from what is stored: by thawing, dispensing and the bedside alike."""

from datetime import date

from django.utils.translation import gettext as _

from dosing.allocation.slots import arm_of
from dosing.exceptional.exceptional_steps import is_accepted_for
from dosing.models import Bag, BagMovement, Infusion, Lot
from dosing.patient_dose import planned_for
from dosing.stock import ledger
from dosing.stock.cover import covers
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.lot_release.release import failed_tests, is_accepted
from dosing.stock.moving import HeldBag
from dosing.stock.stops import USABLE, BagFacts, FoundStop, IntendedInfusion, stops

TAKEN = (MovementKind.THAW, MovementKind.TAKING)
OUT_OF_STORE = (*TAKEN, MovementKind.WASTE, MovementKind.DESTRUCTION)


def stops_of_held(
    held: HeldBag,
    infusion: Infusion,
    step: MovementKind,
    other_donor: tuple[int, str] | None,
    on: date | None = None,
) -> list[FoundStop]:
    """Return the stops of a bag that was read with its movements. on: the day of use, today at the site if None."""
    patient = infusion.patient
    arm = arm_of(patient)
    number, donor = other_donor or (None, "")
    held.bag.lot.trial = held.bag.trial
    failed = failed_tests(held.bag.lot)
    # Asked only of a lot that is not released, or not within its specification.
    asked = bool(failed) or held.bag.lot.status == Lot.Status.WAITING
    exceptional = asked and is_accepted_for(held.bag.lot, infusion)
    return stops(
        _bag_facts(held, step, failed, exceptional=exceptional),
        IntendedInfusion(
            trial=patient.trial_id,
            key=infusion.pk,
            cells=arm.gives_cells(infusion.number) if arm else None,
            day=on or patient.trial.today,
            donor=donor if arm is not None and arm.gives_cells(infusion.number) else "",
            donor_infusion=number,
            covered=exceptional
            or other_donor is not None
            or step not in TAKEN
            or is_covered(held.bag, infusion),
            planned=infusion.state == Infusion.State.PLANNED,
        ),
    )


def is_covered(bag: Bag, infusion: Infusion) -> bool:
    """Return False if the donor's stock does not suffice for every infusion of the patient at the lowest dose.

    True where the protocol does not ask for the same donor, while the dose is not known, and of an infusion that is
    not planned any more. At most four queries.
    """
    dosing = infusion.patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor or bag.lot.bank is None:
        return True
    planned = planned_for(infusion) if infusion.state == Infusion.State.PLANNED else None
    if planned is None or dosing.infusions == 1:
        return True
    used = BagMovement.objects.filter(trial=bag.trial_id, reversed_by=None, kind__in=OUT_OF_STORE)
    stock = Bag.objects.filter(
        trial=bag.trial_id,
        lot__bank__donation__donor=bag.lot.bank.donation.donor_id,
        lot__status__in=USABLE,
        lot__expires_on__gte=infusion.patient.trial.today,
    ).exclude(pk__in=used.exclude(infusion=infusion).values("bag"))
    cells = [each for each in stock.values_list("cells", flat=True) if each is not None]
    return covers(cells, planned.lowest, dosing.infusions)


def other_donor_of(infusion: Infusion) -> tuple[int, str] | None:
    """Return number and donor of the first other infusion of the patient, if the protocol asks for the same donor.

    None too if no other infusion has a bag. An infusion whose other donor was accepted as a deviation does not count.
    One query.
    """
    dosing = infusion.patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor:
        return None
    rows = (
        BagMovement.objects.filter(
            patient=infusion.patient,
            kind__in=[MovementKind.THAW, MovementKind.TAKING],
            reversed_by=None,
            lot__cells=True,
        )
        .exclude(infusion=infusion)
        .exclude(infusion__preparation__donor_deviation_reason__gt="")
        .order_by("infusion__number", "pk")
        .values_list("infusion__number", "lot__bank__donation__donor__code")
    )
    return rows.first()


def _bag_facts(held: HeldBag, step: MovementKind, failed: str, *, exceptional: bool) -> BagFacts:
    bag, movements = held.bag, held.movements
    valid = ledger.in_force(movements)
    owner = next((row for row in held.rows if row.reversed_by_id is None and row.infusion_id), None)
    donor = bag.lot.bank.donation.donor if bag.lot.bank else None
    left = ledger.balances(movements)
    return BagFacts(
        trial=bag.trial_id,
        number=bag.number,
        cells=bag.lot.cells,
        # Accepted for this infusion by the treating physician, after the laboratory's evaluation.
        status=Lot.Status.RELEASED if exceptional else bag.lot.status,
        expires=bag.lot.expires_on,
        donor=donor.code if donor else "",
        donor_fit=donor is None or is_accepted(donor),
        received=any(each.kind == MovementKind.RECEIPT for each in valid),
        infusion=owner.infusion_id if owner else None,
        patient=_code(owner),
        used=_used(valid, step),
        gone=left[Account.WASTE] + left[Account.DESTROYED] > 0,
        failed="" if exceptional else failed,
        excursion=any(
            row.kind == MovementKind.EXCURSION and row.reversed_by_id is None and row.judged != "usable"
            for row in held.rows
        ),
    )


def _used(valid: list[ledger.Movement], step: MovementKind) -> bool:
    """Return True if the bag is past the step: thawed before it is thawed, dispensed before it is dispensed …"""
    earlier = {
        MovementKind.THAW: {MovementKind.THAW, MovementKind.TAKING},
        MovementKind.TAKING: {MovementKind.THAW, MovementKind.TAKING},
        MovementKind.DISPENSING: {MovementKind.DISPENSING},
    }.get(step, {MovementKind.RETURN})
    return any(each.kind in earlier for each in valid)


def _code(owner: BagMovement | None) -> str:
    return owner.patient.code if owner is not None and owner.patient is not None else _("unknown")
