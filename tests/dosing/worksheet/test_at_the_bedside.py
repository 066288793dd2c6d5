"""The kit at the bedside, and an infusion that is documented late (CEL-13, CEL-14)."""

import pytest

from audit.models import Signature
from dosing.models import Infusion, KitCheck, LateInfusion
from patients.models import Deviation
from tests.support import build
from tests.support.pages.infusions import page, text_of
from tests.support.study.worksheets import BORN, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
DAY = "30-Mar-2026"


def nurses(patient):
    return [build.client(build.user("coordinator", trial=patient.trial)) for _each in range(2)]


def compare(client, patient, kit, **changed):
    typed = {"do": "kit", "scan": kit, "subject": patient.code, "second": BORN}
    return client.post(page(patient, "kit-check"), {**typed, **changed})


def given(patient, **changed) -> dict:
    row = patient.infusions.get(number=1)
    return {
        "weight_kg": str(row.weight_kg), "weight_measured": f"{DAY} 08:00", "weight_confirmation": "Weighed twice",
        "version": row.version, "started": f"{DAY} 10:00", "ended": f"{DAY} 11:00", "volume_ml": "100",
        "interrupted": "N", "interruption_reason": "", "premedication": "None", "timing_deviation_reason": "",
        **changed,
    }  # fmt: skip


def test_kit_and_patient_are_compared_and_a_second_person_signs(both_arms):
    patient = both_arms["S-1"]
    bench = Bench(patient)
    bench.dispensed("S-1", cells=False)
    one, two = nurses(patient)
    assert compare(one, patient, bench.kit.casefold()).status_code == 302
    address = page(patient, "kit-check")
    assert one.post(address, {"do": "sign-kit", "password": build.PASSWORD}).status_code == 422
    assert two.post(address, {"do": "sign-kit", "password": build.PASSWORD}).status_code == 302

    check = KitCheck.objects.get()
    assert (check.kit, check.second_identifier) == (bench.kit, "birth_year")
    assert Signature.objects.filter(target_type="dosing.kitcheck", target_id=check.pk).count() == 1
    assert one.post(page(patient), given(patient)).status_code == 302
    assert not Deviation.objects.filter(category="not_dispensed").exists()


def test_kit_and_bedside_lead_to_each_other(both_arms):
    """CEL-13, CEL-15: the bedside says that the kit comes first and where; from there a link leads back."""
    words = "No kit is dispensed and compared yet."
    for patient in both_arms.values():
        shown = nurses(patient)[0].get(page(patient, "bedside"))
        assert words in text_of(shown)
        assert page(patient, "kit-check") in shown.content.decode()
    patient = both_arms["S-1"]
    bench, (one, two) = Bench(patient), nurses(patient)
    bench.dispensed("S-1", cells=False)
    compare(one, patient, bench.kit)
    kit, bedside = page(patient, "kit-check"), page(patient, "bedside")
    assert words in text_of(one.get(bedside))
    two.post(kit, {"do": "sign-kit", "password": build.PASSWORD})
    assert words not in text_of(one.get(bedside))
    assert bedside in one.get(kit).content.decode()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subject": "MSV-99"}, "subject"),
        ({"second": "1950"}, "second"),
        ({"scan": "AAAAAAA"}, "scan"),
        ({"scan": "of the other patient"}, "scan"),
    ],
)
def test_a_mismatch_at_the_bedside_is_a_hard_stop(both_arms, changed, field):
    patient, other = both_arms["S-1"], both_arms["C-1"]
    bench = Bench(patient)
    bench.dispensed("S-1", cells=False)
    if changed.get("scan", "").startswith("of"):
        changed = {"scan": Bench(other).kit}
    response = compare(nurses(patient)[0], patient, bench.kit, **changed)

    assert response.status_code == 422
    assert field in response.context["kit_form"].errors
    assert not KitCheck.objects.exists()


def test_a_kit_that_was_not_dispensed_may_not_be_given(both_arms):
    patient = both_arms["S-1"]
    response = compare(nurses(patient)[0], patient, Bench(patient).kit)

    assert response.context["kit_form"].errors["scan"] == [
        "This kit may not be given: call the cell laboratory."
    ]


def test_who_may_see_identity_compares_by_hospital_number(open_patient):
    """The coordinator may; the laboratory may not (see test_second_person)."""
    bench = Bench(open_patient)
    bench.dispensed("B-1", "B-2")
    one, _two = nurses(open_patient)
    assert compare(one, open_patient, bench.kit, second=f"h {open_patient.number}").status_code == 302

    assert KitCheck.objects.get().second_identifier == "hospital_number"


class TestAnInfusionWithoutADispensedKit:
    def test_it_is_refused_with_the_same_words_in_both_arms(self, both_arms):
        answers = set()
        for patient in both_arms.values():
            response = nurses(patient)[0].post(page(patient), given(patient))
            assert response.status_code == 422
            answers.add(str(response.context["form"].errors["late_reason"]))

        assert len(answers) == 1
        assert "No kit was dispensed and compared" in answers.pop()
        assert not Infusion.objects.filter(state="given").exists()

    def test_it_is_documented_late_with_a_reason_a_deviation_and_a_second_person(self, both_arms):
        patient = both_arms["C-1"]
        one, two = nurses(patient)
        reason = "The server was down"
        assert one.post(page(patient), given(patient, late_reason=reason)).status_code == 302
        address = page(patient, "kit-check")
        assert "waits for a second person" in two.get(address).content.decode()
        assert one.post(address, {"do": "sign-late", "password": build.PASSWORD}).status_code == 422
        assert two.post(address, {"do": "sign-late", "password": build.PASSWORD}).status_code == 302

        late = LateInfusion.objects.get()
        assert Deviation.objects.get(category="not_dispensed").description == reason
        assert Signature.objects.filter(target_type="dosing.lateinfusion", target_id=late.pk).exists()

    def test_a_trial_without_the_key_asks_for_no_kit(self, trial, known_day):
        patient = build.enrolled(trial=trial, on=trial.today)
        typed = given(patient, weight_kg="82.4", weight_confirmation="")
        assert nurses(patient)[0].post(page(patient), typed).status_code == 302

    def test_a_bag_is_not_thawed_past_the_worksheet(self, open_patient):
        """CEL-09: through the page of the product."""
        bench = Bench(open_patient)
        typed = {
            "bags": "B-1, B-2", "thawed": f"{DAY} 09:00", "viable_cells": "246.6", "viability_percent": "90",
            "dose_deviation_reason": "", "donor_deviation_reason": "", "version": "0",
        }  # fmt: skip
        response = bench.first.post(page(open_patient, "preparation"), typed)

        assert response.status_code == 422
        assert "thaw it on the worksheet" in response.content.decode()
