"""The product of an infusion: the facts of its bags, when they were thawed, and the same donor each time."""

from decimal import Decimal

import pytest
from django.db import transaction

from dosing.allocation.lists import generate_list
from dosing.allocation.slots import arm_of
from dosing.infusions.administration import mark_not_given, record_weight
from dosing.models import Infusion, Preparation
from dosing.products.preparing import record_preparation
from dosing.products.thaw import stored_contradiction
from patients.models import Patient
from patients.participation.questions import Questioned
from tests.dosing.preparation.conftest import BLINDED, KG, bag, facts_of, give, prepare, weigh
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import INCLUDED, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "laboratory_acts")]


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
