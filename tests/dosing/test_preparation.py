"""The product of an infusion: dose within the protocol's range, same donor, only facts that fit the arm."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.slots import arm_of
from dosing.conflicts import StaleInfusion
from dosing.infusions.administration import mark_not_given, record_infusion, record_weight
from dosing.infusions.infusion_checks import Bedside
from dosing.models import AllocationSlot, Infusion, Preparation
from dosing.products.preparing import Product, record_preparation
from dosing.products.thaw import stored_contradiction
from patients.models import Patient
from patients.participation.questions import Questioned
from tests.support import build
from tests.support.build import moment
from tests.support.database.engines import each_engine_or_one
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]

DAYS = {1: "10-Mar-2026", 2: "13-Mar-2026", 3: "16-Mar-2026"}
KG = Decimal("80")
BLINDED = ["coordinator", "investigator", "monitor", "data_manager", "administrator"]


@pytest.fixture
def masked():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


@pytest.fixture
def laboratory_acts(laboratory):
    with acting(user=laboratory, role="cell_laboratory", origin="web"):
        yield


def give(patient: Patient, number: int = 1, kg: Decimal = KG, reason: str = "", by=None) -> Infusion:
    """Record an infusion given from 10:00 to 11:00."""
    row, zone = stored(patient, number), patient.protocol.rules.trial.site.time_zone
    facts = Bedside(
        weight_kg=kg,
        weight_measured=moment(f"{DAYS[number]} 08:00", zone),
        weight_confirmation="weighed twice",
        started=moment(f"{DAYS[number]} 10:00", zone),
        ended=moment(f"{DAYS[number]} 11:00", zone),
        volume_ml=Decimal(100),
        interrupted="N",
        interruption_reason="",
        premedication="",
        timing_deviation_reason="",
    )
    return record_infusion(infusion=row, facts=facts, version=row.version, by=by, reason=reason)


def weigh(patient: Patient, by) -> None:
    """Record only the weight of the day, for the first infusion."""
    measured = moment("10-Mar-2026 08:00")
    record_weight(infusion=stored(patient, 1), weight_kg=KG, weight_measured=measured, version=1, by=by)


def infused_with_cells(trial, by) -> Patient:
    """Return a patient of the masked trial who gets cells, thawed half an hour after the usual start."""
    generate_list(trial=trial, seed="once", by=by)
    patients = (build.enrolled(trial=trial, on=INCLUDED) for _place in range(4))
    treated = next(each for each in patients if arm_of(each).cells)
    zone = trial.rules.trial.site.time_zone
    measured = moment("10-Mar-2026 08:00", zone)
    record_weight(infusion=stored(treated, 1), weight_kg=KG, weight_measured=measured, version=1, by=by,
                  weight_confirmation="weighed twice")  # fmt: skip
    facts = bag(thawed=moment("10-Mar-2026 10:30", zone), viable_cells=Decimal(80_000_000))
    prepare(treated, 1, facts, by)
    return treated


def bag(**changed) -> dict[str, Any]:
    """Return the facts of a bag with 200 million viable cells."""
    fields = {
        "donor_code": "D-17",
        "lot": "L-0042",
        "bag": "L-0042/1, L-0042/2",
        "viable_cells": Decimal(200_000_000),
        "viability_percent": Decimal("91.5"),
        "thawed": None,
        "dose_deviation_reason": "",
        "donor_deviation_reason": "",
    }
    return {**fields, **changed}


def facts_of(patient: Patient, number: int, facts: dict[str, Any]) -> Product:
    return chain.product(stored(patient, number), facts)


def saline(**changed) -> dict[str, Any]:
    empty = {"donor_code": "", "viable_cells": None, "viability_percent": None, "bag": ""}
    return bag(**{"lot": "S-7", **empty, **changed})


def prepare(
    patient: Patient, number: int, facts: dict[str, Any], by, version: int = 0, reason: str = ""
) -> Preparation:
    return record_preparation(
        infusion=stored(patient, number), facts=facts_of(patient, number, facts), version=version, by=by,
        reason=reason,
    )  # fmt: skip


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


class TestTheBag:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"lot": ""}, "bags"),
            ({"viable_cells": None}, "viable_cells"),
            ({"viable_cells": Decimal(-1)}, "viable_cells"),
            ({"viable_cells": Decimal("200000000.5")}, "viable_cells"),
            ({"viable_cells": Decimal(10) ** 12 + 1, "dose_deviation_reason": "x"}, "viable_cells"),
            ({"viability_percent": Decimal("100.1")}, "viability_percent"),
            ({"viability_percent": Decimal(-1)}, "viability_percent"),
        ],
    )
    def test_a_fact_that_is_missing_or_impossible_is_named(self, patient, laboratory, changed, field):
        give(patient)
        assert list(refused(prepare, patient, 1, bag(**changed), laboratory)) == [field]

    @pytest.mark.parametrize(
        ("thawed", "said"),
        [
            ("10-Mar-2026 09:59", ""),
            ("10-Mar-2026 10:00", ""),
            ("10-Mar-2026 10:01", "after the infusion began (10-Mar-2026 10:00)"),
            ("10-Mar-2026 04:00", ""),
            ("10-Mar-2026 03:59", "6 hours before the infusion began"),
            ("10-Mar-2026 00:00", "10 hours before"),
            ("09-Mar-2026 23:59", "on another day"),
            ("10-Mar-2026", ""),
            ("09-Mar-2026", "on another day"),
        ],
    )
    def test_a_thaw_that_does_not_fit_the_infusion_is_asked_about_and_stored(
        self, patient, laboratory, thawed, said
    ):
        """CEL-12, DAT-08: no fact is refused because of another record; a day alone contradicts only surely."""
        give(patient)
        call = {"infusion": stored(patient, 1), "version": 0, "by": laboratory}
        facts = facts_of(patient, 1, bag(thawed=moment(thawed)))
        if said:
            with pytest.raises(Questioned) as asked, transaction.atomic():
                record_preparation(facts=facts, **call)
            (question,) = asked.value.questions
            assert said in question.text
            assert question.url.endswith("/infusions/1/")
            assert not Preparation.objects.exists()
        recorded = build.confirming(record_preparation, facts=facts, **call)
        assert recorded.thawed.startswith(moment(thawed).iso[:10])
        assert bool(stored_contradiction(stored(patient, 1), recorded)) is bool(said)

    def test_what_was_confirmed_is_not_asked_again(self, patient, laboratory):
        """CEL-12: an amendment of the lot leaves the thaw as it is."""
        give(patient)
        late = bag(thawed=moment("10-Mar-2026 10:30"))
        build.confirming(
            record_preparation, infusion=stored(patient, 1), facts=facts_of(patient, 1, late), version=0,
            by=laboratory,
        )  # fmt: skip
        assert prepare(patient, 1, {**late, "lot": "L-2"}, laboratory, 1, "Misread").lot == "L-2"

    def test_the_bedside_of_an_open_trial_is_asked_about_the_thaw_too(self, patient, laboratory):
        """CEL-12: the start may be the wrong one."""
        weigh(patient, laboratory)
        prepare(patient, 1, bag(thawed=moment("10-Mar-2026 10:30")), laboratory)
        with pytest.raises(Questioned, match="after the infusion began"):
            give(patient, by=laboratory)

    def test_the_bedside_of_a_masked_trial_is_not(self, masked):
        """CEL-18: a question would tell the ward that the patient receives cells; the laboratory reads it."""
        laboratory = build.user("cell_laboratory", trial=masked)
        treated = infused_with_cells(masked, laboratory)
        give(treated, by=laboratory)
        row, product = stored(treated, 1), Preparation.objects.get()
        assert "after the infusion began" in stored_contradiction(row, product)
        page = f"/trials/{masked.slug}/patients/{treated.code}/infusions/1/"
        for role in BLINDED:
            assert "thawed" not in build.client(build.user(role, trial=masked)).get(page).content.decode()
        assert "was thawed" in build.client(laboratory).get(page).content.decode()
        assert "was thawed" in build.client(laboratory).get(f"{page}preparation/").content.decode()

    def test_a_thaw_to_come_is_refused(self, patient, laboratory):
        weigh(patient, laboratory)
        messages = refused(prepare, patient, 1, bag(thawed=moment("30-Mar-2026 12:01")), laboratory)
        assert messages == {"thawed": ["This time has not come yet. Check the date."]}

    def test_nothing_is_prepared_for_an_infusion_that_was_not_given(self, patient, laboratory):
        mark_not_given(infusion=stored(patient, 1), reason="unstable", version=1, by=laboratory)
        assert "nothing is prepared" in refused(prepare, patient, 1, bag(), laboratory)[""][0]

    def test_nothing_is_prepared_in_screening(self, trial, laboratory):
        """P11-06."""
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        Infusion.objects.create(patient=patient, number=1, state="planned", weight_kg=KG)
        assert "the status is “Screening”" in refused(prepare, patient, 1, bag(), laboratory)[""][0]


class TestOneDonor:
    """CEL-11: in Liège infusions 2 and 3 come from the donor of the first; another donor needs a reason."""

    @pytest.fixture(autouse=True)
    def _two_infusions(self, patient, laboratory, laboratory_acts):
        give(patient, 1)
        give(patient, 2)
        prepare(patient, 1, bag(donor_code="D-17"), laboratory)

    def test_the_same_donor_passes_however_it_is_spelled(self, patient, laboratory):
        product = prepare(
            patient, 2, bag(donor_code=" d-17", donor_deviation_reason="not needed"), laboratory
        )
        assert (product.donor_code, product.donor_deviation_reason) == ("D-17", "")

    def test_another_donor_is_stopped(self, patient, laboratory):
        messages = refused(prepare, patient, 2, bag(donor_code="D-18"), laboratory)
        assert messages == {
            "bags": ["Infusion 1 came from donor D-17: the protocol asks for the same donor."],
            "donor_deviation_reason": ["Say why another donor was used: this is a deviation."],
        }

    def test_another_donor_with_its_reason_is_a_deviation(self, patient, laboratory):
        facts = bag(donor_code="D-18", donor_deviation_reason="Bank of D-17 used up")
        assert prepare(patient, 2, facts, laboratory).donor_deviation_reason == "Bank of D-17 used up"

    def test_an_explained_donor_does_not_become_the_rule(self, patient, laboratory):
        prepare(patient, 2, bag(donor_code="D-18", donor_deviation_reason="used up"), laboratory)
        give(patient, 3)
        assert prepare(patient, 3, bag(donor_code="D-17"), laboratory).donor_deviation_reason == ""

    def test_changing_the_first_donor_meets_the_same_rule(self, patient, laboratory):
        prepare(patient, 2, bag(donor_code="D-17"), laboratory)
        messages = refused(
            prepare, patient, 1, bag(donor_code="D-18"), laboratory, version=1, reason="typing"
        )
        assert messages["bags"] == ["Infusion 2 came from donor D-17: the protocol asks for the same donor."]

    def test_a_trial_without_the_rule_takes_any_donor(self):
        third = build.trial("third")
        assert third.rules.dosing.same_donor is False


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


class TestChanging:
    def test_a_change_needs_a_reason(self, patient, laboratory):
        """AUD-04."""
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        messages = refused(prepare, patient, 1, bag(lot="L-0043"), laboratory, version=product.version)
        assert messages == {"reason": ["Say why this is changed."]}
        again = prepare(patient, 1, bag(lot="L-0043"), laboratory, version=product.version, reason="misread")
        entry = Preparation.history.filter(id=again.pk).order_by("-history_id").first()
        assert (entry.lot, entry.history_change_reason, again.version) == ("L-0043", "misread", 2)

    @pytest.mark.parametrize("seen", [0, 2])
    def test_two_people_never_overwrite_each_other(self, patient, laboratory, seen):
        """DAT-11: also two who record the first preparation at once."""
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        with pytest.raises(StaleInfusion) as stale:
            prepare(patient, 1, bag(lot="other"), laboratory, version=seen, reason="x")
        assert (stale.value.row.version, stale.value.row.lot) == (1, "L-0042")

    def test_another_weight_changes_the_dose_of_its_own_patient_alone(self, patient, laboratory):
        """CEL-09, AUD-10: infusion 1 of another patient has its own product."""
        other = build.neighbour(patient)
        for each in (patient, other):
            give(each)
            prepare(each, 1, bag(), laboratory)
        give(patient, kg=Decimal(100), reason="misread")
        doses = dict(Preparation.objects.values_list("patient", "cells_per_kg"))
        assert doses == {patient.pk: Decimal(2_000_000), other.pk: Decimal(2_500_000)}
        assert Preparation.objects.get(patient=other).version == 1

    def test_a_product_of_an_infusion_that_was_not_given_after_all_can_be_corrected(
        self, patient, laboratory
    ):
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        mark_not_given(infusion=stored(patient, 1), reason="Fever", version=2, by=laboratory)
        again = prepare(patient, 1, bag(lot="L-0043"), laboratory, version=1, reason="misread")
        assert (again.lot, again.version) == ("L-0043", 2)

    def test_a_product_is_recorded_after_the_end_of_study_too(self, patient, laboratory):
        give(patient)
        Patient.objects.filter(pk=patient.pk).update(state="ended", ended_on=INCLUDED, end_reason="lost")
        assert prepare(patient, 1, bag(), laboratory).lot == "L-0042"

    def test_a_reason_that_is_no_longer_needed_goes(self, patient, laboratory):
        """The dose of 300 million cells at 80 kg is outside the range; that of 200 million is not."""
        give(patient)
        facts = bag(viable_cells=Decimal(300_000_000), dose_deviation_reason=" One bag ")
        assert prepare(patient, 1, facts, laboratory).dose_deviation_reason == "One bag"
        facts = bag(dose_deviation_reason="One bag")
        again = prepare(patient, 1, facts, laboratory, version=1, reason="miscounted")
        assert (again.dose_finding, again.dose_deviation_reason) == ("within", "")

    def test_a_preparation_is_never_deleted(self, patient, laboratory):
        give(patient)
        product = prepare(patient, 1, bag(), laboratory)
        with pytest.raises(TypeError):
            product.delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            Preparation.objects.all().delete()

    @pytest.mark.parametrize(
        "broken",
        [{"viability_percent": Decimal(101)}, {"viable_cells": Decimal(-1)}, {"dose_finding": "fine"}],
    )
    def test_the_database_refuses_the_impossible_too(self, patient, laboratory, broken):
        give(patient)
        prepare(patient, 1, bag(), laboratory)
        with pytest.raises(IntegrityError), transaction.atomic():
            Preparation.objects.update(**broken)
