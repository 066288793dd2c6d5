"""One dose from the order to the ward, with a scanner, over HTTP."""

import re

import pytest

from dosing.models import BagMovement, Preparation, WorksheetStep
from tests.support.pages.infusions import page, text_of
from tests.support.study.worksheets import COUNT, DILUTION, DRAWN, FILLED, PLACEBO_DRAWN, TAKEN, Bench

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
MOST_ACTIONS = 25


def test_one_dose_from_two_bags_is_prepared_and_dispensed_in_at_most_25_actions(open_patient):
    """CEL-09, CEL-12: every scan and every sent form counts, the second person's too."""
    bench = Bench(open_patient)
    bench.dispensed("B-1", "B-2")

    assert bench.actions <= MOST_ACTIONS
    kinds = WorksheetStep.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [
        "order", "bag", "bag", "identity", "thaw_begun", "thaw_ended", "dilution", "count", "drawn", "labelled",
        "check", "dispensed",
    ]  # fmt: skip
    moved = BagMovement.objects.filter(infusion__patient=open_patient).order_by("pk")
    assert list(moved.values_list("bag__number", "kind", "carrier")) == [
        ("B-1", "thaw", ""), ("B-2", "thaw", ""), ("B-1", "dispensing", "Ward nurse"),
        ("B-2", "dispensing", "Ward nurse"),
    ]  # fmt: skip


def test_a_dispensed_worksheet_is_the_product_of_the_infusion(open_patient):
    """CEL-10: counted × viability × drawn volume: 10 × 10⁶/mL × 90 % × 27.4 mL."""
    Bench(open_patient).dispensed("B-1", "B-2")
    product = Preparation.objects.get()

    assert (product.viable_cells, product.viability_percent, product.bag) == (246_600_000, 90, "B-1, B-2")
    assert (product.donor_code, product.dose_finding) == ("D-17", "within")


def test_the_calculation_is_written_out_beside_the_limits(open_patient):
    bench = Bench(open_patient)
    bench.checked("B-1", "B-2")
    shown = text_of(bench.first.get(bench.address))

    for words in (
        "3 ×10⁶/kg × 82.4 kg = 247.20 123.6 to 247.2 within",
        "247.2 ×10⁶ ÷ 130 ×10⁶ = 2 at most 2 within",
        "247.2 ×10⁶ ÷ (10 ×10⁶/mL × 90 %) = 27.47 at most 30 within",
        "10 ×10⁶/mL × 27.4 mL × 90 % = 246.60 123.6 to 247.2 within",
        "246.6 ×10⁶ ÷ 82.4 kg = 2.99 1.5 to 3 within",
    ):
        assert words in shown


def test_a_dose_outside_the_range_asks_for_a_reason_and_is_a_deviation(open_patient):
    """CEL-10: 13.7 mL hold 123.3 × 10⁶ cells, below 123.6 × 10⁶."""
    bench = Bench(open_patient)
    bench.thawed("B-1", "B-2")
    for values in ({}, DILUTION, COUNT, {**DRAWN, "drawn_ml": "13.7"}):
        bench.step(**values)
    assert "= 1.49 1.5 to 3 below the limit" in text_of(bench.first.get(bench.address))
    bench.scan(bench.kit)
    bench.sign()
    refused = bench.step(**TAKEN)

    assert refused.status_code == 422
    assert "The dose is outside the protocol" in text_of(refused)
    assert not BagMovement.objects.filter(kind="dispensing").exists()
    assert bench.step(**TAKEN, dose_reason="Only two bags of this donor").status_code == 302
    assert Preparation.objects.get().dose_deviation_reason == "Only two bags of this donor"


def test_a_patient_without_cells_has_the_same_steps_without_what_belongs_to_cells(both_arms):
    """CEL-18."""
    bench = Bench(both_arms["S-1"])
    bench.thawed("S-1")
    titles = []
    for values in ({}, FILLED, {}, PLACEBO_DRAWN):
        page_now = bench.first.get(bench.address)
        titles.append([field.html_name for field in page_now.context["step_form"].main_fields])
        assert bench.step(**values).status_code == 302
    bench.scan(bench.kit)
    bench.sign()
    assert bench.step(**TAKEN).status_code == 302

    assert titles == [[], ["diluent", "suspension_ml"], [], ["final_ml"]]
    kinds = set(WorksheetStep.objects.values_list("kind", flat=True))
    assert kinds == set(WorksheetStep.Kind.values)
    product = Preparation.objects.get()
    assert (product.viable_cells, product.donor_code, product.bag) == (None, "", "S-1")


@pytest.mark.parametrize("bag", ["C-1", "S-1"])
@pytest.mark.parametrize("volume", ["99.99", "60", "100.01"])
def test_no_arm_of_a_masked_trial_leaves_the_laboratory_with_a_volume_of_its_own(both_arms, bag, volume):
    """BLD-02: the ward sees the volume of the product; COVID_MSV asks for 100 mL."""
    bench = Bench(both_arms[bag])
    bench.thawed(bag)
    steps, last = ((DILUTION, COUNT), {"drawn_ml": "8"}) if bag == "C-1" else ((FILLED, {}), {})
    for values in ({}, *steps):
        assert bench.step(**values).status_code == 302
    refused = bench.step(**last, final_ml=volume)

    assert refused.status_code == 422
    told = "The product has the same volume in every arm: 100 mL. Fill it up."
    assert refused.context["step_form"].errors["final_ml"] == [told]
    assert not WorksheetStep.objects.filter(kind="drawn").exists()
    assert bench.step(**last, final_ml="100").status_code == 302


def test_the_scan_field_has_the_focus_until_every_scan_is_done(open_patient):
    bench = Bench(open_patient)
    for text in (open_patient.code, "B-1"):
        html = bench.first.get(bench.address).content.decode()
        focused = [tag for tag in re.findall(r"<input[^>]*>", html) if " autofocus" in tag]
        # Besides it only the dialog that signs in again has a first field.
        assert re.search(r'name="(\w+)"', focused[0])[1] == "scan"
        bench.scan(text)


def test_the_worksheet_is_linked_from_the_infusion_and_the_product(open_patient):
    bench = Bench(open_patient)
    for name in ("infusion", "preparation"):
        assert bench.address in bench.first.get(page(open_patient, name)).content.decode()


def test_the_page_of_the_product_leads_to_the_worksheet_and_offers_no_step_that_is_refused(open_patient):
    """CEL-09: no form that cannot be saved before the thaw, and no hand-over beside the worksheet's."""
    bench, address = Bench(open_patient), page(open_patient, "preparation")
    words = "The product of this infusion is made on its worksheet, where a second person signs."
    before = bench.first.get(address)
    assert words in text_of(before)
    assert "Save the product" not in text_of(before)
    bench.dispensed("B-1", "B-2")
    after = bench.first.get(address)
    assert words not in text_of(after)
    assert page(open_patient, "dispense") not in after.content.decode()


@pytest.mark.parametrize("bags", [1, 2])
def test_a_worksheet_needs_as_many_queries_whatever_it_holds(
    open_patient, bags, django_assert_max_num_queries
):
    bench = Bench(open_patient)
    bench.thawed(*["B-1", "B-2"][:bags])
    bench.first.get(bench.address)
    with django_assert_max_num_queries(50):
        bench.first.get(bench.address)
