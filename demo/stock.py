"""The stock of an invented trial: donors, cell banks, lots and bags, stored by the same functions as real ones.

Lots are made while bags are asked for. A lot in quarantine, one that waits and one with a temperature excursion are
made at the start; at the end the lot that was given first is recalled, so that every page has something to show.
"""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from demo.team import TrialTeam
from dosing.models import Bag, BagMovement, CellBank, Donation, Donor, Lot
from dosing.stock.chain import LotFacts, record_bank, record_donation, record_donor, record_lot
from dosing.stock.lot_release.release import decide, record_result
from dosing.stock.moving import judge_excursion, record_excursion, waste
from dosing.stock.receiving import receive
from dosing.stock.stopping import OUT_OF_STORE
from dosing.stock.stops import USABLE
from protocol.document.items import Item
from protocol.document.product import ProductVersion, ReleaseTest

PER_LOT = 16
BANKED_DAYS, MADE_DAYS, KEPT_DAYS = 30, 330, 4 * 365
LIES = timedelta(days=30)
"""A lot is made at least so long before its bags are used."""
VOLUME_UL = {True: 20_000, False: 100_000}


def fill_stock(team: TrialTeam) -> None:
    """Make a lot in quarantine, one with a bag that warmed up, and one that waits; none in a trial without products."""
    product = _product(team, cells=True)
    if product is None:
        return
    on = team.today
    quarantined, warmed = _lot(team, product, donor="D-20", on=on), _lot(team, product, donor="D-10", on=on)
    _lot(team, product, donor="D-10", on=on, is_released=False)
    with team.as_role("pharmacist") as by:
        decide(
            lot=quarantined,
            kind="quarantine",
            reason="A neighbouring batch failed sterility",
            password=team.password,
            by=by,
        )
    _warm_up(team, warmed)


def recall_given(team: TrialTeam) -> None:
    """Recall the lot that was given first: a retained sample was positive after its release (ATM-02)."""
    given = BagMovement.objects.filter(trial=team.trial, lot__cells=True, kind="infusion").order_by(
        "at", "pk"
    )
    first = given.select_related("lot").first()
    tests = _product(team, cells=True)
    culture = next((test for test in tests.tests if test.may_be_pending), None) if tests else None
    if first is None or culture is None:
        return
    with team.as_role("cell_laboratory") as by:
        record_result(
            lot=first.lot,
            test=culture.code,
            value="Positive: Cutibacterium acnes",
            reported_on=team.today - timedelta(days=2),
            note="Retained vial, second culture",
            by=by,
        )
    with team.as_role("pharmacist") as by:
        reason = "Positive culture of a retained vial, reported by the blood bank"
        decide(lot=first.lot, kind="recall", reason=reason, password=team.password, by=by)


def bags_for(team: TrialTeam, *, cells: bool, donor: str, count: int, reserve: int, on: date) -> list[Bag]:
    """Return bags that lie in the store on a day, of released lots of a donor or of placebo.

    reserve: as many more are there for the later infusions of the patient. Empty in a trial without products.
    """
    product = _product(team, cells=cells)
    if product is None:
        return []
    lots = Lot.objects.filter(trial=team.trial, cells=cells, status__in=USABLE, manufactured_on__lt=on - LIES)
    if cells:
        lots = lots.filter(bank__donation__donor__code=donor)
    left = BagMovement.objects.filter(trial=team.trial, kind__in=OUT_OF_STORE, reversed_by=None)
    free = Bag.objects.filter(lot__in=lots).exclude(pk__in=left.values("bag"))
    free = free.select_related("lot").order_by("pk")
    while len(found := list(free.all())) < count + reserve:
        _lot(team, product, donor=donor, on=on)
    return found[:count]


def _warm_up(team: TrialTeam, lot: Lot) -> None:
    """Record that a bag of a lot warmed up and may still be used, and that another one broke."""
    first, second = lot.bags.order_by("pk")[:2]
    on = team.today - timedelta(days=20)
    with team.as_role("cell_laboratory") as by:
        excursion = record_excursion(
            bag=first,
            at=team.moment(on, 7, 40).earliest,
            lowest_c=Decimal(-150),
            highest_c=Decimal("-118.5"),
            minutes=25,
            note="The tank was opened for an inventory",
            by=by,
        )
        waste(
            bag=second, source="store", at=team.moment(on, 8, 5).earliest, note="Cracked at the port", by=by
        )
    with team.as_role("pharmacist") as by:
        reason = "Below -100 °C throughout, within the validated limits"
        judge_excursion(movement=excursion, judgement="usable", reason=reason, by=by)


def _product(team: TrialTeam, *, cells: bool) -> ProductVersion | None:
    return next((each for each in team.trial.rules.known_products if each.cells == cells), None)


def _lot(team: TrialTeam, product: ProductVersion, *, donor: str, on: date, is_released: bool = True) -> Lot:
    """Make a lot with its bags for infusions from a day on; released, or with its last result pending."""
    made = min(team.today - timedelta(days=MADE_DAYS), on - 2 * LIES)
    number = Lot.objects.filter(trial=team.trial).count() + 1
    with team.as_role("cell_laboratory") as by:
        facts = LotFacts(
            number=f"{'C' if product.cells else 'S'}{team.today.year % 100}{number:03d}",
            product=product.code,
            product_version=product.version,
            bank=_bank(team, donor, made) if product.cells else None,
            passage=team.rng.choice([3, 4]) if product.cells else None,
            population_doublings=Decimal(team.rng.randint(90, 140)) / 10 if product.cells else None,
            manufactured_on=made,
            frozen_on=made if product.cells else None,
            expires_on=team.today + timedelta(days=KEPT_DAYS),
            cryoprotectant="DMSO" if product.cells else "",
            dmso_percent=Decimal(10) if product.cells else None,
            cells_per_bag=Decimal(team.rng.randint(1280, 1380)) * 100_000 if product.cells else None,
            volume_ul=VOLUME_UL[product.cells],
            viability_at_freeze=Decimal(team.rng.randint(920, 980)) / 10 if product.cells else None,
            retention_samples="2 vials" if product.cells else "",
        )
        lot = record_lot(trial=team.trial, facts=facts, by=by)
        for test in product.tests:
            pending = test.may_be_pending and not is_released
            value = "" if pending else _value(team, test)
            record_result(lot=lot, test=test.code, value=value, reported_on=made + timedelta(20), by=by)
        receive(
            lot=lot,
            bags=[{"number": f"{lot.number}-{place:02d}"} for place in range(1, PER_LOT + 1)],
            place=f"Tank {team.rng.randint(1, 3)}, rack {team.rng.randint(1, 9)}",
            at=team.moment(made + timedelta(days=25), 9).earliest,
            carrier="Courier 12" if product.cells else "",
            logger=f"LOG-{team.rng.randint(1000, 9999)}" if product.cells else "",
            by=by,
        )
    if is_released:
        with team.as_role("pharmacist") as by:
            decide(lot=lot, kind="release", reason="", password=team.password, by=by)
    return Lot.objects.get(pk=lot.pk)


def _bank(team: TrialTeam, code: str, made: date) -> CellBank:
    """Return the cell bank of a donor, frozen before a lot was made; a later donation if there is none."""
    found = CellBank.objects.filter(trial=team.trial, donation__donor__code=code, frozen_on__lte=made).first()
    if found is not None:
        return found
    banked, by = made - timedelta(days=BANKED_DAYS), team.people["cell_laboratory"]
    known = Donor.objects.filter(trial=team.trial, code=code).first()
    donor, number = known or _donor(team, code), Donation.objects.filter(trial=team.trial).count() + 1
    donation = record_donation(
        donor=donor,
        identification=f"{team.trial.slug[-3:].upper()}-{number:03d}-{code}",
        scheme="local",
        donated_on=banked - timedelta(days=28),
        tissue="Bone marrow",
        by=by,
    )
    return record_bank(
        donation=donation,
        code=f"MCB-{number:02d}-{code}",
        passage=2,
        population_doublings=Decimal(team.rng.randint(50, 70)) / 10,
        frozen_on=banked,
        by=by,
    )


def _donor(team: TrialTeam, code: str) -> Donor:
    plan = team.trial.rules.donors
    answers = {item.name: _answer(item, plan.criteria) for item in plan.items} if plan else {}
    return record_donor(
        trial=team.trial,
        code=code,
        sex=team.rng.choice(["F", "M"]),
        birth_year=team.today.year - team.rng.randint(22, 45),
        answers=answers,
        by=team.people["cell_laboratory"],
    )


def _answer(item: Item, criteria: Any) -> str:
    """Return an answer of a donor who meets the criteria: exclusions are denied."""
    if item.type == "integer":
        return "30"
    if item.type == "choice":
        return item.codes[0]
    denied = any(each.present and item.name in each.present for each in criteria)
    return "N" if denied else "Y"


def _value(team: TrialTeam, test: ReleaseTest) -> str:
    """Return a result within the limits of a release test."""
    if test.expected is not None:
        return test.expected
    low, high = test.at_least, test.at_most
    if low is not None:
        return f"{low + team.rng.randint(10, 40) * (100 - low) / 50:.1f}" if low < 100 else str(low)
    if high is not None:
        return f"{high * team.rng.randint(10, 80) / 100:.2f}"
    return str(team.rng.randint(2, 18))
