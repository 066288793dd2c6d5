"""EC and EX of an infusion: what was prepared, what the ward recorded, what reached the patient (CEL-10, P11-02)."""

from decimal import Decimal

import pytest
import time_machine

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.slots import arm_of
from dosing.models import BedsideObservation, Preparation, StopDecision, WorksheetStep
from exports.sdtm.exposure.delivered import NO_PRODUCT, NOT_COMPLETE, TOO_MUCH
from patients.models import Patient
from safety.models import AdverseEvent
from tests.support import build
from tests.support.study import masked_trial as masked
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.tabulated import Package

pytestmark = [pytest.mark.django_db, pytest.mark.one_engine]
STOPPED = {"interrupted": "Y", "interruption_reason": "Chills"}


@pytest.fixture(autouse=True)
def _march():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def patients() -> dict[str, Patient]:
    """A patient of each arm of a masked trial, by arm, with the weight of the day."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed=masked.SEED)
    found = {}
    for _arm in range(2):
        patient = build.enrolled(trial=trial, on=INCLUDED)
        masked.weigh(patient, build.user("coordinator", trial=trial))
        arm = arm_of(patient)
        assert arm
        found["cells" if arm.cells else "placebo"] = patient
    return found


def prepared(patient: Patient, volume_ml: str | None = None) -> Decimal | None:
    """Record the product, and the volume that the worksheet prepared; return the viable cells."""
    by = build.user("cell_laboratory", trial=patient.trial)
    masked.prepare(patient, by)
    if volume_ml is not None:
        drawn(patient, by, volume_ml)
    return Preparation.objects.get(patient=patient).viable_cells


def drawn(patient: Patient, by, volume_ml: str, **changed) -> None:
    with acting(user=by, role="cell_laboratory"):
        WorksheetStep.objects.create(
            infusion=masked.infusion_of(patient), patient=patient, kind="drawn", at=NOW,
            values={"drawn_ml": "27.4", "final_ml": volume_ml}, recorded_by=by, **changed,
        )  # fmt: skip


def infused(patient: Patient, volume_ml: str, **changed) -> None:
    masked.give(
        patient, build.user("coordinator", trial=patient.trial), volume_ml=Decimal(volume_ml), **changed
    )


def dose(package: Package, patient: Patient) -> tuple[str | None, str | None, str | None, str | None]:
    """Return dose, unit, reason of an adjustment, and why the dose is not known."""
    own = {"USUBJID": f"{package.rows('DM')[0]['STUDYID']}-{patient.code}"}
    row = package.one("EX", **own)
    why = [each["QVAL"] for each in package.some("SUPPEX", **own, QNAM="NODOSE")]
    return row["EXDOSE"], row["EXDOSU"], row.get("EXADJ"), why[0] if why else None


@pytest.mark.parametrize(
    ("infused_ml", "share"), [("0.01", "0.0001"), ("50", "0.5"), ("99.99", "0.9999"), ("100", "1")]
)
def test_the_dose_is_what_reached_the_patient(patients, infused_ml, share):
    """CEL-10: the cells of the share of the volume that was infused; EC keeps what was prepared."""
    patient = patients["cells"]
    cells = prepared(patient, "100")
    infused(patient, infused_ml, **STOPPED)
    package = Package.of(patient.trial)
    found, unit, adjusted, unknown = dose(package, patient)
    assert Decimal(found) * 1_000_000 == cells * Decimal(share)
    assert (unit, unknown) == ("10^6 Therapeutic Cells", None)
    assert adjusted == (None if share == "1" else "Chills")
    made = package.one("EC", ECMOOD="SCHEDULED", ECDOSU=unit)
    assert Decimal(made["ECDOSE"]) * 1_000_000 == cells
    assert (made["ECOCCUR"], made["ECPRESP"], made["ECSTDTC"]) == (None, None, "2026-03-10")
    ward = package.one("EC", ECMOOD="PERFORMED")
    assert (Decimal(ward["ECDOSE"]), ward["ECDOSU"], ward["ECADJ"]) == (Decimal(infused_ml), "mL", "Chills")
    assert package.one("SUPPEC", QNAM="PREPML")["QVAL"] == "100"


def test_the_dose_per_kg_is_the_delivered_one(patients):
    """CEL-10: SUPPEX has what was delivered per kg, SUPPEC what was prepared."""
    patient = patients["cells"]
    prepared(patient, "100")
    infused(patient, "50", **STOPPED)
    package = Package.of(patient.trial)
    product = Preparation.objects.get(patient=patient)
    made, given = (Decimal(package.one(name, QNAM="CELLSKG")["QVAL"]) for name in ("SUPPEC", "SUPPEX"))
    assert made == product.cells_per_kg
    assert given == (product.viable_cells / 2 / 70).quantize(Decimal("0.01"))


def test_a_volume_that_was_struck_out_does_not_count(patients):
    """CEL-10: the step that stands says what was prepared."""
    patient = patients["cells"]
    cells = prepared(patient, "50")
    drawn(patient, build.user("cell_laboratory", trial=patient.trial), "80", struck_out_reason="Misread")
    infused(patient, "25", **STOPPED)
    assert Decimal(dose(Package.of(patient.trial), patient)[0]) * 2_000_000 == cells


def test_an_uninterrupted_infusion_gave_all_that_was_prepared(patients):
    """CEL-10: without a volume prepared."""
    patient = patients["cells"]
    cells = prepared(patient)
    infused(patient, "100")
    found, _unit, adjusted, unknown = dose(Package.of(patient.trial), patient)
    assert (Decimal(found) * 1_000_000, adjusted, unknown) == (cells, None, None)


@pytest.mark.parametrize(
    ("prepared_ml", "infused_ml", "changed", "why"),
    [
        (None, "100", STOPPED, NOT_COMPLETE),
        (None, "99.99", {}, NOT_COMPLETE),
        ("100", "100.01", {}, TOO_MUCH),
    ],
)
def test_a_dose_that_nothing_tells_is_blank_with_the_reason(patients, prepared_ml, infused_ml, changed, why):
    """CEL-10: interrupted or less than planned without a volume prepared; more infused than prepared."""
    patient = patients["cells"]
    prepared(patient, prepared_ml)
    infused(patient, infused_ml, **changed)
    package = Package.of(patient.trial)
    assert dose(package, patient) == (None, None, changed.get("interruption_reason"), why)
    assert package.some("SUPPEX", QNAM="CELLSKG") == []


def test_a_physicians_stop_and_its_reason_count_without_an_interruption(patients):
    """CEL-16: an infusion stopped for a rule at the bedside was not completed."""
    patient, by = patients["cells"], build.user("investigator", trial=patients["cells"].trial)
    prepared(patient)
    infused(patient, "100")
    row = masked.infusion_of(patient)
    with acting(user=by, role="investigator"):
        shared = {"infusion": row, "at": row.started_at, "recorded_by": by, "save_key": "one"}
        seen = BedsideObservation.objects.create(**shared, values={}, rules_met=["fever"])
        StopDecision.objects.create(**shared, observation=seen, choice="stop", reason="Fever of 39.4")
    assert dose(Package.of(patient.trial), patient) == (None, None, "Fever of 39.4", NOT_COMPLETE)


@pytest.mark.parametrize(
    ("action", "complete"),
    [("stopped", False), ("interrupted", False), ("none", True), ("next_postponed", True)],
)
def test_an_infusion_stopped_for_an_event_was_not_completed(patients, action, complete):
    """CEL-10: the action taken says so where the ward recorded no interruption."""
    patient = patients["cells"]
    prepared(patient)
    infused(patient, "100")
    event = build.event(patient=patient, onset=build.moment("10-Mar-2026 10:10", masked.ZONE))
    with acting(system="test", reason="the action"):
        stored = AdverseEvent.objects.get(pk=event.pk)
        stored.action_taken, stored.infusion, stored.version = action, 1, stored.version + 1
        stored.save()
    found = dose(Package.of(patient.trial), patient)
    assert (found[0] is not None, found[3]) == (complete, None if complete else NOT_COMPLETE)


def test_an_infusion_without_a_product_has_no_dose(patients):
    """CEL-10: the laboratory recorded none."""
    patient = patients["cells"]
    infused(patient, "100")
    package = Package.of(patient.trial)
    assert dose(package, patient) == (None, None, None, NO_PRODUCT)
    assert [row["ECMOOD"] for row in package.rows("EC")] == ["PERFORMED"]


def test_a_placebo_has_the_dose_nothing_however_much_was_infused(patients):
    """P11-02: only for who may know; the masked package has neither EX nor what was prepared."""
    patient = patients["placebo"]
    prepared(patient, "100")
    infused(patient, "40", **STOPPED)
    package = Package.of(patient.trial)
    assert dose(package, patient) == ("0", "10^6 Therapeutic Cells", "Chills", None)
    made = package.one("EC", ECMOOD="SCHEDULED")
    assert (made["ECDOSE"], made["ECDOSU"], made["ECDOSFRM"]) == (None, None, "INJECTION, SOLUTION")
    assert package.one("SUPPEC", QNAM="PREPML")["QVAL"] == "100"
    hidden = Package.of(patient.trial, sees_treatment=False)
    assert "EX" not in hidden.heads
    assert [(row["ECMOOD"], row["ECDOSE"]) for row in hidden.rows("EC")] == [("PERFORMED", "40.00")]
    assert hidden.some("SUPPEC", QNAM="PREPML") == []
