"""The stock of an invented trial: donors, cell banks, lots and bags, stored by the same functions as real ones.

Lots are made while bags are asked for. A lot in quarantine and one that was recalled are made at the start, so that
the pages have something to show.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from demo.team import TrialTeam
from dosing.models import Bag, CellBank, Donor, Lot
from dosing.stock.chain import LotFacts, record_bank, record_donation, record_donor, record_lot
from dosing.stock.moving import read_bags
from dosing.stock.receiving import receive
from dosing.stock.release import decide, record_result
from dosing.stock.stops import USABLE
from protocol.document.items import Item
from protocol.document.product import ProductVersion, ReleaseTest

PER_LOT = 8
BANKED_DAYS, MADE_DAYS, RELEASED_DAYS = 360, 330, 300
VOLUME_UL = {True: 20_000, False: 100_000}


def fill_stock(team: TrialTeam) -> None:
    """Make a lot in quarantine and a recalled one beside a released one. Nothing in a trial without products."""
    product = _product(team, cells=True)
    if product is None:
        return
    for number, kind, reason in (
        (1, "", ""),
        (2, "quarantine", "A neighbouring batch failed sterility"),
        (3, "recall", "Positive culture reported by the blood bank"),
    ):
        lot = _lot(team, product, donor=f"D-{number}0")
        if kind:
            with team.as_role("pharmacist") as by:
                decide(lot=lot, kind=kind, reason=reason, password=team.password, by=by)


def bags_for(team: TrialTeam, *, cells: bool, donor: str, count: int) -> list[Bag]:
    """Return bags in the store, of released lots of a donor, or of placebo."""
    product = _product(team, cells=cells)
    if product is None:
        return []
    found: list[Bag] = []
    while len(found) < count:
        lots = Lot.objects.filter(trial=team.trial, cells=cells, status__in=USABLE)
        if cells:
            lots = lots.filter(bank__donation__donor__code=donor)
        free = [bag for bag in Bag.objects.filter(lot__in=lots).order_by("pk") if _is_free(bag)]
        found = free[:count]
        if len(found) < count:
            _lot(team, product, donor=donor)
    return found


def _is_free(bag: Bag) -> bool:
    (held,) = read_bags([bag.pk])
    rest = held.rest
    return rest is not None and rest[0] == "store"


def _product(team: TrialTeam, *, cells: bool) -> ProductVersion | None:
    return next((each for each in team.trial.rules.known_products if each.cells == cells), None)


def _lot(team: TrialTeam, product: ProductVersion, *, donor: str) -> Lot:
    """Make a released lot with its bags."""
    made = team.today - timedelta(days=MADE_DAYS)
    number = Lot.objects.filter(trial=team.trial).count() + 1
    with team.as_role("cell_laboratory") as by:
        facts = LotFacts(
            number=f"{'C' if product.cells else 'S'}{team.today.year % 100}{number:03d}",
            product=product.code,
            product_version=product.version,
            bank=_bank(team, donor) if product.cells else None,
            passage=team.rng.choice([3, 4]) if product.cells else None,
            population_doublings=Decimal(team.rng.randint(90, 140)) / 10 if product.cells else None,
            manufactured_on=made,
            frozen_on=made if product.cells else None,
            expires_on=made + timedelta(days=5 * 365),
            cryoprotectant="DMSO" if product.cells else "",
            dmso_percent=Decimal(10) if product.cells else None,
            cells_per_bag=Decimal(team.rng.randint(1280, 1380)) * 100_000 if product.cells else None,
            volume_ul=VOLUME_UL[product.cells],
            viability_at_freeze=Decimal(team.rng.randint(920, 980)) / 10 if product.cells else None,
            retention_samples="2 vials" if product.cells else "",
        )
        lot = record_lot(trial=team.trial, facts=facts, by=by)
        for test in product.tests:
            record_result(
                lot=lot, test=test.code, value=_value(team, test), reported_on=made + timedelta(20), by=by
            )
        receive(
            lot=lot,
            bags=[{"number": f"{lot.number}-{place:02d}"} for place in range(1, PER_LOT + 1)],
            place=f"Tank {team.rng.randint(1, 3)}, rack {team.rng.randint(1, 9)}",
            at=team.moment(made + timedelta(days=25), 9).earliest,
            carrier="Courier 12" if product.cells else "",
            logger=f"LOG-{team.rng.randint(1000, 9999)}" if product.cells else "",
            by=by,
        )
    with team.as_role("pharmacist") as by:
        decide(lot=lot, kind="release", reason="", password=team.password, by=by)
    return Lot.objects.get(pk=lot.pk)


def _bank(team: TrialTeam, code: str) -> CellBank:
    found = CellBank.objects.filter(trial=team.trial, donation__donor__code=code).first()
    if found is not None:
        return found
    banked, by = team.today - timedelta(days=BANKED_DAYS), team.people["cell_laboratory"]
    donor = _donor(team, code)
    donation = record_donation(
        donor=donor,
        identification=f"{team.trial.slug[-3:].upper()}-{code}",
        scheme="local",
        donated_on=banked - timedelta(days=28),
        tissue="Bone marrow",
        by=by,
    )
    return record_bank(
        donation=donation,
        code=f"MCB-{code}",
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
