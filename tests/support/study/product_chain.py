"""The chain of a product, from donor to bag, made by the verbs of the stock; each link once by its code."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import User
from audit.context import acting
from dosing.models import Bag, CellBank, Donation, Donor, Infusion, Lot, LotDecision
from dosing.products.preparing import Product
from dosing.stock.chain import LotFacts, record_bank, record_donation, record_donor, record_lot
from dosing.stock.ledger import MovementKind
from dosing.stock.lot_release.release import decide, product_of, record_result
from dosing.stock.moving import read_bags
from dosing.stock.receiving import receive
from dosing.stock.stopping import other_donor_of, stops_of_held
from dosing.stock.stops import FoundStop
from dosing.stock.use import bags_of
from tests.support import build
from trials.models import Trial

DONATED, BANKED, MADE = date(2019, 1, 10), date(2019, 2, 10), date(2019, 6, 1)
RECEIVED = datetime(2020, 1, 10, 9, 0, tzinfo=UTC)
EXPIRES = date(2040, 6, 30)
FILLED_ML = 20
SPARE = 2
CELLS = Decimal(130_000_000)
FIT = {"age": "30", "consent": "Y", "hsc_criteria": "Y", "lidocaine_allergy": "N", "infection_risk": "N"}


def technician(trial: Trial) -> User:
    """Return a person of the cell laboratory who makes the chains of a trial: the first one, or a new one."""
    found = User.objects.filter(delegations__trial=trial, delegations__role="cell_laboratory").order_by("pk")
    return found.first() or build.user("cell_laboratory", trial=trial)


def donor(trial: Trial, code: str = "D-17", **changed: Any) -> Donor:
    """Return a donor who meets the criteria."""
    by = technician(trial)
    found = Donor.objects.filter(trial=trial, code__iexact=code).first()
    with acting(user=by, role="cell_laboratory"):
        return found or record_donor(
            trial=trial, code=code, by=by, **{"sex": "F", "birth_year": 1990, "answers": FIT, **changed}
        )


def bank(trial: Trial, of: str = "D-17") -> CellBank:
    """Return the cell bank of a donor, with its donation."""
    by, giver = technician(trial), donor(trial, of)
    found = CellBank.objects.filter(donation__donor=giver).first()
    if found is not None:
        return found
    with acting(user=by, role="cell_laboratory"):
        donation = Donation.objects.filter(donor=giver).first() or record_donation(
            donor=giver, identification=f"DON-{giver.code}", scheme="local", donated_on=DONATED,
            tissue="Bone marrow", by=by,
        )  # fmt: skip
        return record_bank(
            donation=donation, code=f"BANK-{giver.code}", passage=2, population_doublings=Decimal("6.5"),
            frozen_on=BANKED, by=by,
        )  # fmt: skip


def lot(trial: Trial, number: str = "L-1", *, of: str = "D-17", cells: bool = True, **changed: Any) -> Lot:
    """Return a lot that waits for its release. of: code of the donor. cells: False for a placebo."""
    by = technician(trial)
    found = Lot.objects.filter(trial=trial, number__iexact=number).first()
    if found is not None:
        return found
    product = next(each for each in trial.rules.known_products if each.cells == cells)
    facts = LotFacts(
        number=number,
        product=product.code,
        product_version=product.version,
        bank=bank(trial, of) if cells else None,
        passage=3 if cells else None,
        population_doublings=Decimal(12) if cells else None,
        manufactured_on=MADE,
        frozen_on=MADE if cells else None,
        expires_on=EXPIRES,
        cryoprotectant="DMSO" if cells else "",
        dmso_percent=Decimal(10) if cells else None,
        cells_per_bag=CELLS if cells else None,
        volume_ul=FILLED_ML * 1000,
        viability_at_freeze=Decimal(95) if cells else None,
        retention_samples="2 vials",
    )
    with acting(user=by, role="cell_laboratory"):
        return record_lot(trial=trial, facts=LotFacts(**{**facts, **changed}), by=by)  # type: ignore[typeddict-item]


def good_value(test: Any) -> str:
    """Return a result within the limits of a release test."""
    if test.expected is not None:
        return str(test.expected)
    limit = test.at_least if test.at_least is not None else test.at_most
    return str(limit) if limit is not None else "1"


def with_results(of: Lot, **changed: str) -> Lot:
    """Record every result of the specification: within the limits, or as given by test; "" is pending."""
    by, product = technician(of.trial), product_of(of)
    assert product is not None
    with acting(user=by, role="cell_laboratory"):
        for test in product.tests:
            value = changed.get(test.code, good_value(test))
            record_result(lot=of, test=test.code, value=value, reported_on=MADE + timedelta(days=20), by=by)
    return of


def decided(of: Lot, kind: str, reason: str = "as tested") -> LotDecision:
    """Take a signed decision about a lot."""
    by = technician(of.trial)
    with acting(user=by, role="cell_laboratory"):
        return decide(lot=of, kind=kind, reason=reason, password=build.PASSWORD, by=by)


def released(trial: Trial, number: str = "L-1", **changed: Any) -> Lot:
    """Return a released lot with all its results."""
    made = lot(trial, number, **changed)
    if made.status == Lot.Status.WAITING:
        decided(with_results(made), "release")
    return Lot.objects.get(pk=made.pk)


def bag(trial: Trial, number: str = "B-1", *, of: str = "L-1", release: bool = True, **changed: Any) -> Bag:
    """Return a bag in the store, of a released lot. of: number of the lot; changed: of the lot."""
    found = Bag.objects.filter(trial=trial, number__iexact=number).first()
    if found is not None:
        return found
    by, made = technician(trial), (released if release else lot)(trial, of, **changed)
    with acting(user=by, role="cell_laboratory"):
        return receive(lot=made, bags=[{"number": number}], place="Tank 1", at=RECEIVED, by=by)[0]


def named_lot(trial: Trial, name: str, *, of: str, frozen: bool, cells: bool = True) -> Lot:
    """Return a released lot of a donor, frozen or not; its name gets a letter while that name is another lot's."""
    for ending in ("", "a", "b", "c"):
        found = Lot.objects.filter(trial=trial, number__iexact=name + ending).first()
        if found is None:
            when = MADE if frozen else None
            made = released(trial, name + ending, of=of, cells=cells, frozen_on=when)
            for place in range(SPARE if cells and trial.rules.dosing.same_donor else 0):
                # Before the first infusion the stock of the donor covers them all.
                bag(trial, f"{made.number}/spare{place}", of=made.number)
            return made
        donors = found.bank is None or found.bank.donation.donor.code.casefold() == of.casefold()
        if donors and found.is_frozen == frozen and found.cells == cells:
            return found
    raise AssertionError(name)


def bags_for(
    infusion: Infusion, *, donor_code: str = "D-17", lot: str = "L-1", count: int = 1, thawed: bool = False
) -> list[Bag]:
    """Return bags of a lot for an infusion: those that were taken for it, or new ones. No donor: a placebo."""
    trial, giver = infusion.patient.trial, donor_code.strip()
    made = named_lot(trial, lot, of=giver or "D-17", frozen=thawed, cells=bool(giver))
    known = [each for each in bags_of(infusion) if each.lot_id == made.pk]
    while len(known) < count:
        known.append(bag(trial, f"{made.number}/{made.bags.count() + 1}", of=made.number))
    return known[:count]


def product(infusion: Infusion, facts: Mapping[str, Any]) -> Product:
    """Return the facts of a product with bags of the stock for its donor, lot and number of bags.

    Without a lot there are no bags. A product with a time of thaw is of a frozen lot, any other of one that is not.
    """
    told = {name: each for name, each in facts.items() if name not in {"donor_code", "lot", "bag"}}
    if not facts.get("lot"):
        return Product(bags=[], **told)  # type: ignore[typeddict-item]
    count = str(facts.get("bag", "")).count(",") + 1
    bags = bags_for(
        infusion,
        donor_code=facts["donor_code"],
        lot=facts["lot"],
        count=count,
        thawed=facts["thawed"] is not None,
    )
    return Product(bags=bags, **told)  # type: ignore[typeddict-item]


def stops_of(bag: Bag, infusion: Infusion, step: MovementKind = MovementKind.THAW) -> list[FoundStop]:
    """Return every reason why a bag may not be used for an infusion now, the gravest first."""
    (held,) = read_bags([bag.pk])
    return stops_of_held(held, infusion, step, other_donor_of(infusion))
