"""The product of an infusion: a dose within the protocol's range, and only facts that fit the arm."""

from decimal import Decimal
from typing import Any

import pytest

from audit.context import acting
from dosing.allocation.slots import arm_of
from dosing.models import AllocationSlot, Infusion, Preparation
from patients.models import Patient
from tests.dosing.preparation.conftest import BLINDED, KG, bag, give, prepare, weigh
from tests.support import build
from tests.support.build import moment
from tests.support.database.engines import each_engine_or_one
from tests.support.study.bedside import INCLUDED
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]


def saline(**changed) -> dict[str, Any]:
    empty = {"donor_code": "", "viable_cells": None, "viability_percent": None, "bag": ""}
    return bag(**{"lot": "S-7", **empty, **changed})


def millions_per_kg(text: str) -> Decimal:
    """Return the whole cells for a dose in 10⁶ cells per kg at 80 kg."""
    return Decimal(text) * 1_000_000 * KG


class TestTheDose:
    @pytest.mark.parametrize(
        ("per_kg", "finding"),
        [("1.49", "below"), ("1.4999999875", "below"), ("1.50", "within"),
         ("3.00", "within"), ("3.0000000125", "above"), ("3.01", "above")],
    )  # fmt: skip
    def test_the_bounds_belong_to_the_range_to_the_single_cell(self, patient, laboratory, per_kg, finding):
        """CEL-10: 1.5 to 3.0 million per kg; one cell outside is outside."""
        give(patient)
        cells = millions_per_kg(per_kg)
        product = prepare(patient, 1, bag(viable_cells=cells, dose_deviation_reason="few cells"), laboratory)

        assert cells == int(cells)
        assert product.dose_finding == finding
        assert product.dose_deviation_reason == ("" if finding == "within" else "few cells")

    def test_the_dose_is_computed_from_the_weight_of_the_day(self, patient, laboratory):
        """CEL-09: not from the screening weight of 82.4 kg."""
        give(patient, kg=Decimal("79.3"))
        product = prepare(patient, 1, bag(), laboratory)
        assert product.cells_per_kg == Decimal("2522068.10")

    @pytest.mark.parametrize("per_kg", ["1.4", "3.1"])
    def test_a_dose_outside_the_range_needs_its_reason(self, patient, laboratory, per_kg):
        """CEL-10: a deviation with its reason."""
        give(patient)
        facts = bag(viable_cells=millions_per_kg(per_kg), dose_deviation_reason=" ")
        assert refused(prepare, patient, 1, facts, laboratory) == {
            "dose_deviation_reason": [
                "The dose is outside the protocol's range. Say why: this is a deviation."
            ]
        }
        assert not Preparation.objects.exists()

    def test_without_the_weight_of_the_day_nothing_is_prepared(self, patient, laboratory):
        """CEL-09: missing weight is refused."""
        messages = refused(prepare, patient, 1, bag(), laboratory)
        assert messages == {
            "": ["The weight of the day is not recorded yet: the dose needs it. Ask the ward."]
        }

    def test_the_product_can_be_recorded_once_the_patient_is_weighed(self, patient, laboratory):
        weigh(patient, laboratory)
        assert prepare(patient, 1, bag(), laboratory).cells_per_kg == 2_500_000

    def test_another_weight_computes_the_dose_again_in_the_name_of_the_system(self, patient, laboratory):
        """AUD-10: derived values name the system and the person whose change caused them."""
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        coordinator = build.user("coordinator", trial=patient.trial)
        with acting(user=coordinator, role="coordinator"):
            give(patient, kg=Decimal("50"), reason="misread", by=coordinator)
        again = Preparation.objects.get(pk=product.pk)
        entry = Preparation.history.filter(id=product.pk).order_by("-history_id").first()

        assert (again.cells_per_kg, again.dose_finding, again.version) == (4_000_000, "above", 2)
        assert entry.history_user_name == f"system:dose for {coordinator.username}"

    def test_a_change_at_the_bedside_that_leaves_the_weight_leaves_the_product(self, patient, laboratory):
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        give(patient, reason="read again")
        assert Preparation.history.filter(id=product.pk).count() == 1


def in_arm(trial, code: str) -> Patient:
    """Return an included patient of the masked trial who was allocated to an arm."""
    for _attempt in range(12):
        patient = build.enrolled(trial=trial, on=INCLUDED)
        if AllocationSlot.objects.get(patient=patient).arm == code:
            return patient
    raise AssertionError(f"nobody was allocated to {code}")


class TestTheMaskedTrial:
    def test_the_arm_decides_what_a_preparation_holds(self, masked, laboratory):
        """CEL-18: both arms have the same record; with saline only the facts of a bag of saline."""
        placebo, cells = in_arm(masked, "placebo"), in_arm(masked, "cells")
        assert [arm_of(each).cells for each in (placebo, cells)] == [False, True]
        for patient in (placebo, cells):
            give(patient, kg=Decimal(70))
        product = prepare(placebo, 1, saline(), laboratory)
        assert (product.lot, product.viable_cells, product.cells_per_kg, product.dose_finding) == (
            "S-7",
            None,
            None,
            "",
        )
        product = prepare(cells, 1, bag(viable_cells=Decimal(70_000_000)), laboratory)
        assert (product.cells_per_kg, product.dose_finding) == (1_000_000, "within")

    @pytest.mark.parametrize(
        "wrong",
        [{"viable_cells": Decimal(1)}, {"viability_percent": Decimal(90)},
         {"thawed": moment("10-Mar-2026 09:00", "Europe/Madrid")}],
    )  # fmt: skip
    def test_cells_are_not_recorded_for_a_patient_who_receives_none(self, masked, laboratory, wrong):
        patient = in_arm(masked, "placebo")
        give(patient, kg=Decimal(70))
        messages = refused(prepare, patient, 1, saline(**wrong), laboratory)
        assert messages == {next(iter(wrong)): ["This patient receives no cells: leave it empty."]}

    def test_saline_is_not_recorded_for_a_patient_who_receives_cells(self, masked, laboratory):
        patient = in_arm(masked, "cells")
        give(patient, kg=Decimal(70))
        assert set(refused(prepare, patient, 1, saline(), laboratory)) == {"viable_cells"}

    @pytest.mark.parametrize(
        ("millions", "finding"), [("62.9", "below"), ("63", "within"), ("77", "within"), ("77.1", "above")]
    )
    def test_the_tolerance_is_a_tenth_on_both_sides(self, masked, laboratory, millions, finding):
        """CEL-10: one million per kg, ten per cent either way."""
        patient = in_arm(masked, "cells")
        give(patient, kg=Decimal(70))
        facts = bag(viable_cells=Decimal(millions) * 1_000_000, dose_deviation_reason="counted again")
        assert prepare(patient, 1, facts, laboratory).dose_finding == finding

    def test_a_patient_without_a_place_receives_nothing(self, masked, laboratory):
        """P11-06: allocation comes before the product."""
        patient = build.patient(trial=masked, screened_on=INCLUDED)
        Patient.objects.filter(pk=patient.pk).update(state="enrolled", enrolled_on=INCLUDED)
        Infusion.objects.create(patient=patient, number=1, state="planned", weight_kg=KG)
        assert "no place on the allocation list" in refused(prepare, patient, 1, bag(), laboratory)[""][0]

    @pytest.mark.parametrize("role", each_engine_or_one(BLINDED))
    def test_a_blinded_role_reads_no_preparation(self, masked, laboratory, role):
        """BLD-01."""
        patient = in_arm(masked, "cells")
        give(patient, kg=Decimal(70))
        prepare(patient, 1, bag(viable_cells=Decimal(70_000_000)), laboratory)
        assert not Preparation.objects.visible_to(build.user(role, trial=masked)).exists()
        assert Preparation.objects.visible_to(build.user("cell_laboratory", trial=masked)).exists()
