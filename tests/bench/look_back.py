"""Measure the look-back and the balance of a large stock: `python -m tests.bench.look_back`.

LOOK_BACK_LOTS makes it smaller; each lot has ten bags, and each bag ten movements. All lots come from one donor, and
two bags went to each of two hundred patients: the page of the donor is the longest that there is.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from tests.bench.fill import PASSWORD

os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
SLUG = "nct04445454"
LOTS = int(os.environ.get("LOOK_BACK_LOTS") or 1000)
BAGS_PER_LOT, MOVEMENTS_PER_BAG, TURNS, WARMING = 10, 10, 20, 3
PATIENTS, INFUSIONS, EVENTS = min(200, LOTS), 2, 5
START = datetime(2025, 1, 6, 9, tzinfo=UTC)
FILLED_UL = 20_000
AIM_PAGE = "aim: ≤ 10 queries, < 300 ms"
AIM_BALANCE = "aim: ≤ 50 ms"


def fill() -> None:
    """Store the trial with its stock, patients, infusions and adverse events."""
    from audit.context import acting
    from demo.people import make_people
    from tests.bench.servers import ROOT
    from trials.models import Trial
    from trials.versions.loading import load_protocol

    with acting(system="bench", reason="measuring"):
        trial = Trial.objects.filter(slug=SLUG).first()
        if trial is None:
            text = (ROOT / f"trials/protocols/{SLUG}.toml").read_text("utf-8")
            trial = load_protocol(text=text).trial
            make_people([trial], PASSWORD)
        lots = _lots(trial)
        _movements(trial, _bags(trial, lots), _infusions(trial))


def _lots(trial: Any) -> list[Any]:
    from accounts.models import User
    from dosing.models import CellBank, Donation, Donor, Lot

    by = User.objects.earliest("pk")
    donor = Donor.objects.create(
        trial=trial, code="BENCH", fit=True, assessed_on=START.date(), recorded_by=by
    )
    donation = Donation.objects.create(
        trial=trial, donor=donor, identification="BENCH", scheme="local", donated_on=START.date(),
        tissue="Bone marrow", recorded_by=by,
    )  # fmt: skip
    bank = CellBank.objects.create(
        trial=trial, donation=donation, code="BENCH", passage=2, frozen_on=START.date(), recorded_by=by
    )
    product = next(each for each in trial.rules.known_products if each.cells)
    return Lot.objects.bulk_create(
        Lot(
            trial=trial, bank=bank, number=f"BENCH-{number}", product=product.code,
            product_version=product.version, cells=True, passage=3, manufactured_on=START.date(),
            frozen_on=START.date(), expires_on=START.date() + timedelta(days=3650), volume_ul=FILLED_UL,
            cells_per_bag=Decimal(130_000_000), status=Lot.Status.RELEASED, recorded_by=by,
        )
        for number in range(LOTS)
    )  # fmt: skip


def _bags(trial: Any, lots: list[Any]) -> list[Any]:
    from dosing.models import Bag

    return Bag.objects.bulk_create(
        (
            Bag(
                trial=trial, lot=lot, number=f"{lot.number}/{place}", cells=lot.cells_per_bag,
                volume_ul=FILLED_UL, recorded_by=lot.recorded_by,
            )
            for lot in lots
            for place in range(BAGS_PER_LOT)
        ),
        batch_size=1000,
    )  # fmt: skip


def _infusions(trial: Any) -> list[Any]:
    """Store patients, two infusions given to each, and five adverse events of each."""
    from dosing.models import Infusion
    from patients.models import Patient
    from protocol.values.moments import Moment
    from safety.models import CRITERIA, AdverseEvent

    zone, first = str(trial.zone), trial.patients.count() + 1
    patients = Patient.objects.bulk_create(
        Patient(
            trial=trial, protocol=trial.protocol, number=number, code=f"BENCH-{number:03}", state="enrolled",
            screened_on=START.date(), enrolled_on=START.date(), enrolled_at=START,
        )
        for number in range(first, first + PATIENTS)
    )  # fmt: skip
    iso = [Moment.from_datetime(START + timedelta(hours=hour), zone).iso for hour in (0, 1)]
    AdverseEvent.objects.bulk_create(
        AdverseEvent(
            trial=trial, patient=patient, number=number, term="Headache", onset=iso[1],
            onset_earliest=START + timedelta(hours=1), onset_latest=START + timedelta(hours=1), ongoing="Y",
            grade=1, causality="possible", outcome="recovering", action_taken="none", none_of_these=True,
            **dict.fromkeys(CRITERIA, False),
        )
        for patient in patients
        for number in range(1, EVENTS + 1)
    )  # fmt: skip
    return Infusion.objects.bulk_create(
        Infusion(
            patient=patient, number=number, state="given", weight_kg=Decimal(80), weight_measured=iso[0],
            started=iso[0], started_at=START, ended=iso[1], ended_at=START + timedelta(hours=1),
            volume_ml=Decimal(100), interrupted="N",
        )
        for patient in patients
        for number in range(1, INFUSIONS + 1)
    )  # fmt: skip


def _movements(trial: Any, bags: list[Any], infusions: list[Any]) -> None:
    """Store ten movements of each bag; every so many bags one was given to a patient."""
    from dosing.models import BagMovement

    every = len(bags) // len(infusions)
    used = {bags[place * every].pk: infusion for place, infusion in enumerate(infusions)}

    def rows() -> Any:
        for bag in bags:
            infusion = used.get(bag.pk)
            last = [
                ("thaw", "store", "bench"),
                ("dispensing", "bench", "ward"),
                ("infusion", "ward", "patient"),
            ]
            moved = [("receipt", "supplier", "store")]
            moved += [("transfer", "store", "store")] * (MOVEMENTS_PER_BAG - (4 if infusion else 1))
            moved += last if infusion else []
            for position, (kind, source, target) in enumerate(moved, start=1):
                of = infusion if kind in {each[0] for each in last} else None
                yield BagMovement(
                    trial=trial, lot_id=bag.lot_id, bag=bag, position=position, kind=kind, source=source,
                    target=target, volume_ul=FILLED_UL, at=START - timedelta(hours=20 - position),
                    infusion=of, patient_id=of.patient_id if of else None, recorded_by_id=bag.recorded_by_id,
                )  # fmt: skip

    BagMovement.objects.bulk_create(rows(), batch_size=1000)


def measured() -> list[str]:
    """Return a line for the page of the donor, one for the page of a lot, and one for the balance of the stock."""
    from django.test import Client
    from django.urls import reverse

    from accounts.models import User
    from audit.context import acting
    from dosing.models import Bag, BagMovement, Donor
    from dosing.stock.balance import balances_of
    from trials.models import Trial

    trial = Trial.objects.select_related("protocol").get(slug=SLUG)
    donor = Donor.objects.get(trial=trial, code="BENCH")
    client = Client()
    with acting(system="bench"):
        client.force_login(User.objects.get(delegations__trial=trial, delegations__role="cell_laboratory"))
    size = f"{LOTS:,} lots, {Bag.objects.filter(trial=trial).count():,} bags"
    lines = []
    given = BagMovement.objects.filter(lot__bank__donation__donor=donor, kind="infusion").earliest("pk")
    for what, name, key in (
        (f"donor with {PATIENTS} recipients and {PATIENTS * EVENTS:,} events", "donor", donor.pk),
        ("one lot", "lot", given.lot_id),
    ):
        address = reverse(f"reports:look-back-{name}", args=[SLUG, key])
        taken, queries = _turns(lambda address=address: _read(client, address))  # type: ignore[misc]
        lines.append(f"look-back of {what}, {size}: {taken}, {queries} queries; {AIM_PAGE}")
    taken, queries = _turns(lambda: balances_of(trial))
    moved = BagMovement.objects.filter(trial=trial).count()
    lines.append(f"balance of {moved:,} movements: {taken}, {queries} query; {AIM_BALANCE}")
    return lines


def _read(client: Any, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answered {answer.status_code}")


def _turns(act: Callable[[], Any]) -> tuple[str, int]:
    """Return the median milliseconds of several turns, by the clock and of CPU, and the queries of one."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken = []
    for _turn in range(TURNS + WARMING):
        begun, spent = time.perf_counter(), time.process_time()
        act()
        taken.append((time.perf_counter() - begun, time.process_time() - spent))
    with CaptureQueriesContext(connection) as queries:
        act()
    clock, cpu = (median(each[kind] for each in taken[WARMING:]) * 1000 for kind in (0, 1))
    return f"{clock:.0f} ms ({cpu:.0f} ms CPU)", len(queries)


def main() -> None:
    """Print the lines; fill the database first, if it has no such stock."""
    import django

    django.setup()
    from django.core.management import call_command

    from dosing.models import Donor

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    if not Donor.objects.filter(trial__slug=SLUG, code="BENCH").exists():
        fill()
    print("\n".join(measured()))


if __name__ == "__main__":
    main()
