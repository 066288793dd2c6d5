"""Nobody who must not know the treatment can tell the arms apart from anything the application shows.

Everything below is read twice, as it is and with the arms exchanged, and must be the same to the byte.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest
import time_machine
from django.urls import reverse

from accounts.permissions import Permission
from accounts.roles import ROLES
from audit.context import acting
from dosing.administration import Bedside, record_infusion, record_weight
from dosing.allocation import arm_of, generate_list
from dosing.models import Infusion, Preparation
from dosing.preparing import Product, record_preparation
from patients.models import Patient
from tests import blind, build
from tests.build import moment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
INCLUDED = date(2026, 3, 10)
ZONE = "Europe/Madrid"
# With this seed the first patient receives cells and the second one saline.
SEED = "known"
BLINDED = sorted(code for code, role in ROLES.items() if Permission.SEE_TREATMENT not in role.permissions)
UNBLINDED = ["cell_laboratory", "inspector", "statistician"]


@pytest.fixture(autouse=True)
def _on_a_known_day():
    with time_machine.travel(NOW, tick=False):
        yield


def at(clock: str):
    return moment(f"10-Mar-2026 {clock}", ZONE)


def infusion_of(patient: Patient) -> Infusion:
    return Infusion.objects.select_related("patient__trial", "patient__protocol").get(patient=patient, number=1)


def weigh(patient: Patient, by) -> None:
    with acting(user=by, role="coordinator", origin="web"):
        record_weight(
            infusion=infusion_of(patient), weight_kg=Decimal(70), weight_measured=at("08:00"), version=1, by=by,
            weight_confirmation="Weighed twice",
        )  # fmt: skip


def bedside(**changed) -> Bedside:
    told = {
        "weight_kg": Decimal(70), "weight_measured": at("08:00"), "weight_confirmation": "Weighed twice",
        "started": at("10:00"), "ended": at("10:30"), "volume_ml": Decimal(100), "interrupted": "N",
        "interruption_reason": "", "premedication": "None", "tolerated": "Y", "timing_deviation_reason": "",
    }  # fmt: skip
    return Bedside(**{**told, **changed})


def give(patient: Patient, by, **changed) -> None:
    row = infusion_of(patient)
    with acting(user=by, role="coordinator", origin="web"):
        record_infusion(infusion=row, facts=bedside(**changed), version=row.version, by=by, reason="Given")


def prepare(patient: Patient, by) -> None:
    """Fill the bag that belongs to the arm, then correct it: the history holds products too."""
    arm = arm_of(patient)
    content = blind.CELLS if arm is not None and arm.cells else blind.SALINE
    facts = {
        name: content[name] for name in ("donor_code", "lot", "bag", "viable_cells", "viability_percent")
    } | {
        "thawed": at("09:11") if content["thawed"] else None, "donor_deviation_reason": "",
        "dose_deviation_reason": content["dose_deviation_reason"],
    }  # fmt: skip
    with acting(user=by, role="cell_laboratory", origin="web"):
        told = {"infusion": infusion_of(patient), "by": by}
        record_preparation(facts=Product(**{**facts, "lot": "LOT-QXJ-0"}), version=0, **told)
        record_preparation(facts=Product(**facts), version=1, reason="Misread QXJ", **told)


@pytest.fixture
def world():
    """A masked trial with patients at every step: treated in each arm, weighed, included, eligible, screened."""
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
    weighed = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    weigh(weighed, ward)
    prepare(weighed, laboratory)
    build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    build.eligible(trial=trial, screened_on=INCLUDED, investigator=doctor)
    build.patient(trial=trial, by=ward, screened_on=INCLUDED)
    for role in ("cell_laboratory", "statistician"):
        _looks_at_everything(trial, build.client(staff[role]))
    return SimpleNamespace(
        trial=trial, staff=staff, treated=treated, home=reverse("reports:home", args=[trial.slug])
    )


def _looks_at_everything(trial, client) -> None:
    """Those who may know look, search and export: it leaves events in the trail."""
    for address in ("allocation/", "infusions/?format=csv", "search/?q=LOT-QXJ", "patients/VAL-001/infusions/1/preparation/"):
        blind.shown(client.get(f"/trials/{trial.slug}/{address}"))
    blind.shown(client.post(f"/trials/{trial.slug}/exports/", {"purpose": "Board"}))


def also(trial) -> list[str]:
    """Addresses that no link of a blinded person leads to."""
    home = f"/trials/{trial.slug}/"
    codes = list(trial.patients.values_list("code", flat=True))
    guessed = [f"{home}patients/{code}/infusions/1/{page}" for code in codes for page in
               ("", "?change=1", "weight/", "not-given/", "preparation/", "preparation/?change=1", "preparation/dose/")]  # fmt: skip
    lists = [f"{home}{name}/?format=csv" for name in ("patients", "queries", "infusions", "adverse-events", "trail")]
    sought = [f"{home}search/?q={text}" for text in ("LOT-QXJ", "D-QXJ", "SALINE", "placebo", "cells", "VAL-001")]
    asked = [f"{home}trail/?form={name}" for name in ("dosing.preparation", "dosing.allocationslot", "dosing.infusion")]
    sorts = [f"{home}infusions/?sort={name}" for name in ("dose", "donor", "lot", "cells_per_kg", "-patient")]
    return [*guessed, *lists, *sought, *asked, *sorts, f"{home}allocation/", f"{home}allocation/?format=csv"]


def everything(world, role: str) -> dict[str, bytes]:
    """Return all pages that links lead to, the guessed ones, and the export."""
    client = build.client(world.staff[role])
    found = blind.walk(client, world.home, within=world.home, also=also(world.trial))
    found["POST exports/"] = blind.shown(client.post(f"{world.home}exports/", {"purpose": "Reading"}))
    return found


@pytest.mark.parametrize("role", BLINDED)
def test_every_page_is_the_same_to_the_byte_when_the_arms_are_exchanged(world, role):
    """BLD-01, BLD-02, BLD-03, AUD-15: pages, tables, trail, search, export and refusals."""
    assert blind.read_both(world.trial, lambda: everything(world, role), blind.swap_arms) == {}
