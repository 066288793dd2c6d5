"""A preparation worksheet filled in over HTTP, as a scanner and two people do it."""

import re
from datetime import datetime
from random import Random
from typing import Any

from django.test import Client

from accounts.models import User
from audit.context import acting
from demo.preparation import LASTS, bags_needed, compare, prepare
from demo.team import TrialTeam
from dosing.allocation.slots import arm_of
from dosing.models import Kit
from dosing.patient_dose import planned_for
from dosing.stock.receiving import receive
from patients.models import Identity, Patient
from tests.support import build
from tests.support.pages.infusions import page
from tests.support.study import product_chain as chain
from tests.support.study.bedside import stored
from trials.models import Trial

BORN = "1956"
DILUTION = {"washed": "Y", "diluent": "Saline", "suspension_ml": "30"}
COUNT = {"cells_per_ml": "10", "viability_percent": "90"}
DRAWN = {"drawn_ml": "27.4", "final_ml": "100"}
TAKEN = {"handed_to": "Ward nurse"}
FILLED = {"diluent": "Saline", "suspension_ml": "100"}
PLACEBO_DRAWN = {"final_ml": "100"}


def chained(text: str, *overrides: str) -> str:
    """Return a protocol file that asks for the whole chain, and lets an investigator override some stops."""
    text = re.sub(r"(?m)^overrides = .*\n", "", text)
    words = ", ".join(f'"{word}"' for word in overrides)
    return text.replace("[dosing]\n", f"[dosing]\nchain = true\noverrides = [{words}]\n", 1)


def chained_trial(slug: str, *overrides: str) -> Trial:
    """Return a trial of a shipped file that asks for the whole chain."""
    return build.version(chained(build.protocol_text(slug), *overrides)).trial


def identified(patient: Patient) -> Patient:
    """Store who the patient is: born in 1956."""
    by = build.user("coordinator", trial=patient.trial)
    with acting(user=by, role="coordinator"):
        Identity.objects.update_or_create(
            patient=patient,
            defaults={
                "trial": patient.trial,
                "name": "Anna Test",
                "hospital_number": f"H-{patient.number}",
                "number_key": f"H{patient.number}".casefold(),
                "birth_date": f"{BORN}-03-04",
            },
        )
    return patient


def supplied(patient: Patient, begun: datetime, number: int = 1) -> None:
    """Store the finished product of an infusion whose weight is recorded: prepared, handed over and compared.

    It takes no step over HTTP: for tests of a shipped file that are about what comes after.
    """
    trial, row = patient.trial, stored(patient, number)
    roles = ("cell_laboratory", "pharmacist", "coordinator", "investigator")
    team = TrialTeam(trial, {role: build.user(role, trial=trial) for role in roles}, build.PASSWORD, seed=1)
    arm, planned = arm_of(patient), planned_for(row)
    assert arm
    assert planned
    has_cells = arm.gives_cells(number)
    count = bags_needed(planned.target if has_cells else None)
    made = chain.released(trial, "L-C" if has_cells else "L-S", cells=has_cells)
    # The stock of the donor covers every infusion.
    numbers = [
        f"{made.number}/{patient.number}/{number}/{each}"
        for each in range(count * trial.rules.dosing.infusions)
    ]
    with team.as_role("cell_laboratory") as by:
        new = [{"number": each} for each in numbers]
        bags = receive(lot=made, bags=new, place="Tank 1", at=chain.RECEIVED, by=by)[:count]  # type: ignore[arg-type]
    cells = planned.target if has_cells else None
    prepare(team, row, bags=bags, cells=cells, begun=begun, rng=Random(number))
    compare(team, row, begun + LASTS)


class Bench:
    """Two people of the laboratory at the worksheet of one infusion. actions: what they have scanned and sent."""

    def __init__(self, patient: Patient, number: int = 1, *, people: tuple[User, User] | None = None) -> None:
        self.patient, self.number, self.actions = patient, number, 0
        one, two = people or (
            build.user("cell_laboratory", trial=patient.trial),
            build.user("cell_laboratory", trial=patient.trial),
        )
        self.first, self.second = build.client(one), build.client(two)

    @property
    def address(self) -> str:
        return page(self.patient, "worksheet", self.number)

    def send(self, do: str, by: Client | None = None, **typed: Any) -> Any:
        self.actions += 1
        return (by or self.first).post(self.address, {"do": do, **typed})

    def scan(self, text: str, **typed: Any) -> Any:
        return self.send("scan", scan=text, **typed)

    def step(self, **values: Any) -> Any:
        return self.send("step", **values)

    def sign(self, by: Client | None = None, **changed: Any) -> Any:
        # The subject code is scanned, then the form is sent.
        self.actions += 1
        typed = {"subject": self.patient.code, "second": BORN, "password": build.PASSWORD}
        return self.send("sign", by or self.second, **{**typed, **changed})

    def chosen(self, *bags: str) -> None:
        """Identify the order and choose the bags."""
        self.scan(self.patient.code)
        for bag in bags:
            assert self.scan(bag).status_code == 302, bag

    def thawed(self, *bags: str) -> None:
        """Choose, sign and thaw the bags."""
        self.chosen(*bags)
        assert self.sign().status_code == 302
        assert self.step().status_code == 302

    def checked(self, *bags: str, cells: bool = True) -> None:
        """Prepare the product up to the second person's check."""
        self.thawed(*bags)
        self.step()
        for values in (DILUTION, COUNT, DRAWN) if cells else (FILLED, {}, PLACEBO_DRAWN):
            assert self.step(**values).status_code == 302, values
        assert self.scan(self.kit).status_code == 302
        assert self.sign().status_code == 302

    def dispensed(self, *bags: str, cells: bool = True, **changed: Any) -> None:
        """Prepare the product and hand it to the ward."""
        self.checked(*bags, cells=cells)
        assert self.step(**{**TAKEN, **changed}).status_code == 302

    @property
    def kit(self) -> str:
        return Kit.objects.get(infusion__patient=self.patient, infusion__number=self.number).shown
