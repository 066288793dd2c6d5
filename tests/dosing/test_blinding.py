"""Blinded roles cannot tell the arms apart by anything that the application shows.

Each test reads everything twice, with the arms as allocated and with the arms exchanged, and requires the same bytes.
"""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse

from audit.context import acting
from dosing.administration import Bedside, record_infusion, record_weight
from dosing.allocation import arm_of, generate_list
from dosing.models import Infusion, Preparation, ProductDeviation
from dosing.product import Product, record_preparation
from patients.models import Deviation, Patient
from patients.participation.amendments import move
from tests.support import build
from tests.support.build import moment
from tests.support.pages import blinding
from tests.support.study.bedside import INCLUDED, NOW, stored
from tests.support.study.deviations import added, classified
from trials.loading import load_protocol
from trials.permissions import Permission
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

ZONE = "Europe/Madrid"
# With this seed the first patient receives cells and the second one saline.
SEED = "known"
BLINDED = sorted(code for code, role in ROLES.items() if Permission.SEE_TREATMENT not in role.permissions)
AT_THE_BEDSIDE = "coordinator"
# Together they open every kind of page that a blinded person can read.
ON_EACH_ENGINE = (AT_THE_BEDSIDE, "data_manager")
LOGS = (Deviation, ProductDeviation)
UNBLINDED = sorted(code for code in ROLES if code not in BLINDED)


def each_engine_or_one(role: str):
    """Return the role for a test of all its pages: rights do not depend on the engine, the order of rows may."""
    return pytest.param(role, marks=[] if role in ON_EACH_ENGINE else pytest.mark.one_engine)


def at(clock: str):
    return moment(f"10-Mar-2026 {clock}", ZONE)


def infusion_of(patient: Patient) -> Infusion:
    return stored(patient, 1)


def weigh(patient: Patient, by) -> None:
    with acting(user=by, role="coordinator", origin="web"):
        record_weight(
            infusion=infusion_of(patient), weight_kg=Decimal(70), weight_measured=at("08:00"), version=1, by=by,
            weight_confirmation="Weighed twice",
        )  # fmt: skip


def bedside(**changed) -> Bedside:
    fields = {
        "weight_kg": Decimal(70), "weight_measured": at("08:00"), "weight_confirmation": "Weighed twice",
        "started": at("10:00"), "ended": at("10:30"), "volume_ml": Decimal(100), "interrupted": "N",
        "interruption_reason": "", "premedication": "None", "tolerated": "Y", "timing_deviation_reason": "",
    }  # fmt: skip
    return Bedside(**{**fields, **changed})


def give(patient: Patient, by, **changed) -> None:
    row = infusion_of(patient)
    with acting(user=by, role="coordinator", origin="web"):
        record_infusion(infusion=row, facts=bedside(**changed), version=row.version, by=by, reason="Given")


def prepare(patient: Patient, by) -> None:
    """Record the product of the patient's arm, then amend it, so that the history holds products too."""
    arm = arm_of(patient)
    content = blinding.CELLS if arm is not None and arm.cells else blinding.SALINE
    facts = {
        name: content[name] for name in ("donor_code", "lot", "bag", "viable_cells", "viability_percent")
    } | {
        "thawed": at("09:11") if content["thawed"] else None, "donor_deviation_reason": "",
        "dose_deviation_reason": content["dose_deviation_reason"],
    }  # fmt: skip
    with acting(user=by, role="cell_laboratory", origin="web"):
        fields = {"infusion": infusion_of(patient), "by": by}
        record_preparation(facts=Product(**{**facts, "lot": "LOT-QXJ-0"}), version=0, **fields)
        record_preparation(facts=Product(**facts), version=1, reason="Misread QXJ", **fields)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker) -> Iterator[SimpleNamespace]:
    """A masked trial, made once for the tests that the same process runs; each takes back what it stores."""
    with django_db_blocker.unblock(), time_machine.travel(NOW, tick=False), transaction.atomic():
        yield masked_trial()
        transaction.set_rollback(True)


def masked_trial() -> SimpleNamespace:
    """Return a masked trial: a patient treated in each arm, one with a product, one allocated only."""
    trial = build.trial(build.COVID_MSV)
    staff = {role: build.user(role, trial=trial) for role in ROLES}
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed=SEED)
    doctor, ward, laboratory = staff["investigator"], staff["coordinator"], staff["cell_laboratory"]
    treated = [build.enrolled(trial=trial, on=INCLUDED, investigator=doctor) for _arm in range(2)]
    for patient in treated:
        weigh(patient, ward)
        prepare(patient, laboratory)
        give(patient, ward)
        build.event(patient=patient, by=doctor, onset=moment("11-Mar-2026 12:00", ZONE))
    ready = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    weigh(ready, ward)
    prepare(ready, laboratory)
    build.eligible(trial=trial, screened_on=INCLUDED, investigator=doctor)
    deviate(treated, ward, doctor, laboratory)
    amend(trial, treated[1], staff["data_manager"])
    for role in ("cell_laboratory", "statistician"):
        look_at_everything(trial, build.client(staff[role]))
    home = reverse("reports:home", args=[trial.slug])
    return SimpleNamespace(trial=trial, staff=staff, treated=treated, ready=ready, home=home)


def deviate(treated: list[Patient], ward, doctor, laboratory) -> None:
    """Enter a deviation in the general log of each patient; the low dose of the cells has opened one of the product."""
    for patient in treated:
        classified(added(patient, ward, category="other"), doctor)
        added(patient, ward, category="consent")
    low = ProductDeviation.objects.get(patient=treated[0])
    classified(low, laboratory, "major", action_taken="Bank asked QXJ")
    added(treated[0], laboratory, log=ProductDeviation, category="other", description="Label torn QXJ")


def amend(trial, patient: Patient, by) -> None:
    """Load an amendment and move a treated patient to it, so that its pages are read too."""
    text = build.protocol_text(build.COVID_MSV).replace('version = "1.0"', 'version = "1.1"', 1)
    result = (
        '\n[amendment]\nreplaces = "1.0"\nreconsent = true\nsummary = { en = "Nothing but its number" }\n'
    )
    with acting(system="test"):
        version = load_protocol(text=text + result, effective_from=INCLUDED)
    with acting(user=by, role="data_manager", origin="web"):
        move(patients=[Patient.objects.get(pk=patient.pk)], to=version, reason="Amendment", by=by)


def look_at_everything(trial, client) -> None:
    """Read, search and export as an unblinded person, so that the trail holds these events."""
    home = f"/trials/{trial.slug}/"
    bag = f"{home}patients/{trial.patients.get(number=1).code}/infusions/1/preparation/"
    for address in (f"{home}allocation/", f"{home}infusions/?format=csv", f"{home}search/?q=LOT-QXJ", bag):
        assert blinding.shown(client.get(address)).startswith(b"200")
    blinding.shown(client.post(f"{home}exports/", {"purpose": "Board"}))


def also(trial) -> list[str]:
    """Return addresses that no page of a blinded person links to, and the pages of the infusion visit."""
    home = f"/trials/{trial.slug}/"
    guessed = ("infusions/1/", "infusions/1/?change=1", "infusions/1/weight/", "infusions/1/not-given/",
               "infusions/1/preparation/", "infusions/1/preparation/?change=1", "infusions/1/preparation/dose/",
               "deviations/1/", "product-deviations/1/", "product-deviations/1/classify/", "product-deviations/new/",
               "visits/INF1/", "visits/INF1/vitals/", "visits/INF1/infusion_monitoring/")  # fmt: skip
    lists = [
        f"{name}/?format=csv"
        for name in (
            "patients",
            "forms",
            "queries",
            "quality",
            "infusions",
            "adverse-events",
            "trail",
            "deviations",
            "product-deviations",
        )
    ]
    sought = [f"search/?q={text}" for text in ("LOT-QXJ", "D-QXJ", "SALINE", "placebo", "cells", "infusion")]
    asked = [
        f"trail/?form=dosing.{name}"
        for name in ("preparation", "allocationslot", "infusion", "productdeviation")
    ]
    sorts = [f"infusions/?sort={name}" for name in ("dose", "donor", "lot", "cells_per_kg", "-patient")]
    waiting = ["deviations/?state=waiting", "product-deviations/", "product-deviations/?state=waiting"]
    pages = [*lists, *sought, *asked, *sorts, *waiting, "allocation/", "allocation/?format=csv"]
    codes = trial.patients.values_list("code", flat=True)
    return [f"{home}patients/{code}/{page}" for code in codes for page in guessed] + [
        home + page for page in pages
    ]


def everything(world, role: str) -> dict[str, bytes]:
    """Return all linked pages, the guessed addresses and the export."""
    client = build.client(world.staff[role])
    found = blinding.walk(client, world.home, within=world.home, also=also(world.trial))
    found["POST exports/"] = blinding.shown(client.post(f"{world.home}exports/", {"purpose": "Reading"}))
    return found


def on_paper(world, role: str) -> dict[str, bytes]:
    """Return the documents of all patients, requested and downloaded through the pages, and these pages."""
    client, found = build.client(world.staff[role]), {}
    for kind in ("casebook", "visit_report"):
        fields = {"kind": kind, "since": "01-Mar-2026", "until": "30-Mar-2026"}
        address = client.post(f"{world.home}documents/", fields)["Location"]
        found |= {
            kind: blinding.shown(client.get(address)),
            f"{kind}.pdf": blinding.shown(client.get(f"{address}file/")),
        }
        assert found[f"{kind}.pdf"].startswith(b"200"), found[kind].decode()
    # The clock stands still, so two documents have no order.
    listed = b"\n".join(sorted(blinding.shown(client.get(f"{world.home}documents/")).splitlines()))
    return {**found, "list": listed}


def read_by(world, role: str, change, read) -> dict[str, bytes]:
    """Return by address what a role reads after a change. The change is undone."""
    return blinding.read_after(world.trial, change, lambda: read(world, role))


def told_apart(world, role: str, change, read) -> dict[str, tuple[str, str]]:
    """Return by address the differences that a role reads after a change."""
    before, after = (read_by(world, role, made, read) for made in (blinding.as_it_is, change))
    return blinding.differences(before, after)


def words_of_the_product(pages: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """Return the pages that contain a word of a product. Search pages are left out: they repeat the search term."""
    read = {url: page for url, page in pages.items() if "/search/" not in url}
    return [
        (url, word) for url, page in read.items() for word in blinding.SHOWN_WITH_THE_PRODUCT if word in page
    ]


@pytest.mark.long
@pytest.mark.parametrize("role", [each_engine_or_one(role) for role in BLINDED])
def test_every_page_is_the_same_to_the_byte_whatever_the_arms_and_the_laboratory(world, role):
    """BLD-01, BLD-02, BLD-03, AUD-15: pages, tables, trail, search, export and refusals, for every blinded role.

    At the bedside neither a place of the list nor the presence of a product can be seen.
    """
    before = read_by(world, role, blinding.as_it_is, everything)
    assert words_of_the_product(before) == []
    assert blinding.differences(before, read_by(world, role, blinding.swap_arms, everything)) == {}
    if role == AT_THE_BEDSIDE:
        assert blinding.differences(before, read_by(world, role, blinding.forget_products, everything)) == {}


@pytest.mark.one_engine
@pytest.mark.parametrize("role", BLINDED)
def test_documents_are_the_same_to_the_byte_when_the_arms_are_exchanged(world, role):
    """BLD-01, BLD-02, BLD-03: the casebook with its trail and the visit report, as text and as bytes."""
    before = read_by(world, role, blinding.as_it_is, on_paper)
    assert words_of_the_product(before) == []
    assert b"Infusion 1" in before["casebook.pdf"]
    assert blinding.differences(before, read_by(world, role, blinding.swap_arms, on_paper)) == {}


def test_the_paper_of_those_who_may_know_distinguishes_the_arms(world):
    """Proves that the test above would find a difference."""
    read = read_by(world, "statistician", blinding.as_it_is, on_paper)
    assert b"LOT-QXJ-1" in read["casebook.pdf"]


@pytest.mark.parametrize("role", UNBLINDED)
def test_the_reading_itself_can_distinguish_the_arms(world, role):
    """Proves that the tests above would find a difference: an unblinded role reads another product."""
    found = set(told_apart(world, role, blinding.swap_arms, read=pages_with_products))
    assert found == set(pages_with_products(world, role))


def pages_with_products(world, role: str) -> dict[str, bytes]:
    client, home, code = build.client(world.staff[role]), world.home, world.treated[0].code
    bedside_page = f"{home}patients/{code}/infusions/1/"
    pages = ("infusions/", "infusions/?format=csv", "allocation/", "allocation/?format=csv", "product-deviations/",
             "product-deviations/?format=csv")  # fmt: skip
    return blinding.crawl(
        client, [bedside_page, f"{bedside_page}preparation/", *(home + page for page in pages)]
    )


class TestWriting:
    """The steps of a blinded person get the same answers, and store the same visible data, in both arms."""

    def amend(self, world, role: str) -> dict[str, bytes]:
        """Correct the weight of every treated patient, so that a dose is computed again; then read the pages."""
        client, found = build.client(world.staff[role]), {}
        for patient in world.treated:
            address = f"{world.home}patients/{patient.code}/infusions/1/"
            fields = {
                "version": infusion_of(patient).version, "weight_kg": "72.5", "weight_measured": "10-Mar-2026 08:00",
                "weight_confirmation": "Read again", "started": "10-Mar-2026 10:00", "ended": "10-Mar-2026 10:30",
                "volume_ml": "100", "interrupted": "N", "premedication": "None", "tolerated": "Y",
                "reason": "Misread",
            }  # fmt: skip
            found[f"POST {address}"] = blinding.shown(client.post(address, fields))
            assert found[f"POST {address}"].startswith(b"302"), found[f"POST {address}"].decode()[:3000]
            found |= blinding.crawl(client, [address, f"{world.home}trail/?patient={patient.code}"])
        return {url: blinding.without_times(page) for url, page in found.items()}

    def test_amending_a_weight_reveals_nothing_of_the_dose(self, world):
        """BLD-03, CEL-18: a dose that leaves the range by the amendment is explained by the laboratory."""
        assert told_apart(world, "coordinator", blinding.swap_arms, read=self.amend) == {}
        assert told_apart(world, "coordinator", blinding.forget_products, read=self.amend) == {}

    @pytest.mark.parametrize("role", BLINDED)
    def test_a_product_cannot_be_written_or_tried_out_in_either_arm(self, world, role):
        """SEC-01: 403 before anything is looked up, with a product and without."""

        def post(world, role: str) -> dict[str, bytes]:
            client = build.client(world.staff[role])
            rows = [
                f"{world.home}patients/{patient.code}/infusions/1/"
                for patient in (*world.treated, world.ready)
            ]
            pages = [f"{row}preparation/{page}" for row in rows for page in ("", "dose/")]
            return {
                page: blinding.shown(client.post(page, {"viable_cells": "70", "version": "2"}))
                for page in pages
            }

        with blinding.undone():
            assert {page[:3] for page in post(world, role).values()} == {b"403"}
        assert told_apart(world, role, blinding.swap_arms, read=post) == {}
        assert told_apart(world, role, blinding.forget_products, read=post) == {}


def test_the_world_has_a_patient_treated_in_each_arm(world):
    assert [arm_of(patient).cells for patient in world.treated] == [True, False]
    assert Preparation.objects.count() == 3
    in_logs = [[log.objects.filter(patient=each).count() for each in world.treated] for log in LOGS]
    assert in_logs == [[2, 2], [2, 0]]
    with blinding.undone():
        blinding.swap_arms(world.trial)
        assert [ProductDeviation.objects.filter(patient=each).count() for each in world.treated] == [0, 2]
        assert [arm_of(patient).cells for patient in world.treated] == [False, True]
    assert [arm_of(patient).cells for patient in world.treated] == [True, False]
