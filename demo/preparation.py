"""The product of an invented infusion: prepared, signed, handed over, compared at the bedside, given.

What happened lies in the past, and the verbs of the worksheet record what happens now. So the steps are stored as
finished rows; the ledger of the bags, the product and the signatures go through the same functions as real ones.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import groupby
from math import ceil
from random import Random

from accounts.models import User
from audit import signatures
from audit.models import Meaning
from demo.team import TrialTeam
from dosing.allocation.kits import kit_of
from dosing.models import Bag, Infusion, Kit, KitCheck, WorksheetStep
from dosing.stock.ledger import Account, MovementKind
from dosing.stock.moving import HeldBag, hold, post
from dosing.stock.stopping import other_donor_of
from dosing.stock.use import take
from dosing.worksheet.made_product import record_product
from dosing.worksheet.plan import SIGNED, BenchStep
from dosing.worksheet.sheet import read_sheet

LEAST_OF_A_BAG = Decimal(100_000_000)
"""Viable cells that each bag has after the thaw at least: how many bags are needed is known before the count."""
LASTS = timedelta(minutes=42)
"""From the identified order to the hand-over."""
MINUTES: Mapping[BenchStep, int] = {
    BenchStep.ORDER: 0, BenchStep.BAG: 2, BenchStep.IDENTITY: 6, BenchStep.THAW_BEGUN: 8, BenchStep.THAW_ENDED: 13,
    BenchStep.DILUTION: 20, BenchStep.COUNT: 28, BenchStep.DRAWN: 33, BenchStep.LABELLED: 36, BenchStep.CHECK: 39,
    BenchStep.DISPENSED: 42,
}  # fmt: skip
HUNDREDTH = Decimal("0.01")
ROUNDED = "Rounded down to what can be drawn"
Values = Mapping[str, str]


def prepare(
    team: TrialTeam,
    infusion: Infusion,
    *,
    bags: Sequence[Bag],
    cells: Decimal | None,
    begun: datetime,
    rng: Random,
) -> None:
    """Prepare bags for an infusion whose weight is recorded, and hand the product to the ward.

    cells: viable cells to give, None without cells. begun: when the order was identified.
    """
    with team.as_role("cell_laboratory") as by:
        held, donor = hold(list(bags)), other_donor_of(infusion)
        for each in held:
            take(each, infusion, at=_at(begun, BenchStep.THAW_BEGUN), by=by, donor=donor)
        kit = kit_of(infusion=infusion, by=by)
    measured = _counted(held, cells, rng) if cells is not None else _filled()
    _store_steps(team, infusion, bags, kit, begun, measured)
    with team.as_role("cell_laboratory") as by:
        record_product(read_sheet(infusion), by, ROUNDED)
        for each in held:
            post(
                each, kind=MovementKind.DISPENSING, source=Account.BENCH, at=_at(begun, BenchStep.DISPENSED), by=by,
                infusion=infusion, carrier=team.people["coordinator"].full_name,
            )  # fmt: skip
    _sign_steps(team, infusion)


def compare(team: TrialTeam, infusion: Infusion, at: datetime) -> None:
    """Compare kit and patient at the bedside, signed by a second person."""
    with team.as_role("coordinator") as by:
        check = KitCheck.objects.create(
            infusion=infusion,
            patient=infusion.patient,
            kit=kit_of(infusion=infusion, by=by).shown,
            second_identifier=KitCheck.Identifier.HOSPITAL_NUMBER,
            checked_at=at,
            checked_by=by,
        )
    with team.as_role("investigator") as by:
        signatures.sign(
            target=check, meaning=Meaning.REVIEW, password=team.password, by=by, zone=str(team.zone)
        )


def enter_as_given(
    team: TrialTeam, infusion: Infusion, *, bags: Sequence[Bag], at: datetime, rng: Random
) -> None:
    """Enter the content of the bags as infused; now and then a rest of the last bag comes back and is destroyed."""
    with team.as_role("cell_laboratory") as by:
        held = hold(list(bags))
        for each in held:
            post(each, kind=MovementKind.INFUSION, source=Account.WARD, at=at, by=by, volume=_given(each, held, rng),
                 infusion=infusion)  # fmt: skip
            if each.rest is not None:
                _destroy_rest(each, infusion, at, by)


def bags_needed(cells: Decimal | None) -> int:
    """Return how many bags hold a dose; one without cells."""
    return 1 if cells is None else ceil(cells / LEAST_OF_A_BAG)


def _given(each: HeldBag, held: Sequence[HeldBag], rng: Random) -> int:
    left = each.bag.volume_ul
    is_last = each is held[-1]
    return left - rng.randrange(500, 2500, 250) if is_last and rng.random() < 0.2 else left


def _destroy_rest(held: HeldBag, infusion: Infusion, at: datetime, by: User) -> None:
    for kind, source, note in (
        (MovementKind.RETURN, Account.WARD, "Rest in the line"),
        (MovementKind.DESTRUCTION, Account.RETURNED, "Rest, autoclaved"),
    ):
        post(held, kind=kind, source=source, at=at, by=by, infusion=infusion, note=note)


def _at(begun: datetime, step: BenchStep) -> datetime:
    return begun + timedelta(minutes=MINUTES[step])


def _counted(held: Sequence[HeldBag], cells: Decimal, rng: Random) -> dict[BenchStep, Values]:
    """Return count, viability and volumes of thawed cells, so that what is drawn holds the dose."""
    filled = sum((each.bag.cells or Decimal(0) for each in held), Decimal(0))
    suspension = 15 * len(held)
    viability = Decimal(rng.randint(820, 960)) / 10
    per_ml = (filled * Decimal(rng.randint(960, 990)) / 1000 / suspension / 1_000_000).quantize(HUNDREDTH)
    drawn = (cells * 100 / (per_ml * 1_000_000 * viability)).quantize(HUNDREDTH, rounding=ROUND_DOWN)
    return {
        BenchStep.DILUTION: {
            "washed": "Y",
            "diluent": "Albumin 5 % in saline",
            "suspension_ml": str(suspension),
        },
        BenchStep.COUNT: {"cells_per_ml": str(per_ml), "viability_percent": str(viability)},
        BenchStep.DRAWN: {"drawn_ml": str(drawn), "final_ml": str(max(Decimal(100), drawn))},
    }


def _filled() -> dict[BenchStep, Values]:
    """Return the record of a preparation without cells."""
    return {
        BenchStep.DILUTION: {"diluent": "Saline 0.9 %", "suspension_ml": "100"},
        BenchStep.DRAWN: {"final_ml": "100"},
    }


def _store_steps(
    team: TrialTeam,
    infusion: Infusion,
    bags: Sequence[Bag],
    kit: Kit,
    begun: datetime,
    measured: Mapping[BenchStep, Values],
) -> None:
    """Store the steps of a worksheet in their order, each by who did it: the second person is the pharmacist."""
    code, numbers = infusion.patient.code, [bag.number for bag in bags]
    signed = {"subject": code, "second_identifier": "birth_year", "bags": numbers}
    values: dict[BenchStep, Mapping[str, object]] = {
        **measured,
        BenchStep.ORDER: {"subject": code},
        BenchStep.IDENTITY: signed,
        BenchStep.LABELLED: {"kit": kit.shown},
        BenchStep.CHECK: {**signed, "kit": kit.shown},
        BenchStep.DISPENSED: {"handed_to": team.people["coordinator"].full_name},
    }
    steps: list[tuple[BenchStep, Bag | None]] = []
    for step in BenchStep:
        steps += [(step, bag) for bag in bags] if step == BenchStep.BAG else [(step, None)]
    for role, group in groupby(
        steps, key=lambda each: "pharmacist" if each[0] in SIGNED else "cell_laboratory"
    ):
        with team.as_role(role) as by:
            WorksheetStep.objects.bulk_create(
                WorksheetStep(
                    infusion=infusion,
                    patient=infusion.patient,
                    kind=step.value,
                    bag=bag,
                    at=_at(begun, step),
                    recorded_by=by,
                    values={"bag": bag.number, "lot": bag.lot.number} if bag else values.get(step, {}),
                )
                for step, bag in group
            )


def _sign_steps(team: TrialTeam, infusion: Infusion) -> None:
    with team.as_role("pharmacist") as by:
        rows = WorksheetStep.objects.filter(infusion=infusion, kind__in=SIGNED).order_by("pk")
        signatures.sign_many(
            targets=list(rows), meaning=Meaning.REVIEW, password=team.password, by=by, zone=str(team.zone)
        )
