"""The pages of the cell laboratory: stock, lot, bag, donor; what is impossible is refused by HTTP too."""

import html

import pytest
from django.urls import reverse

from audit.context import acting
from dosing.models import Bag, BagMovement, CellBank, Donor, Lot
from patients.models import Consent
from tests.support import build
from tests.support.pages.infusions import bedside, errors_of, page, product, text_of, weighed
from tests.support.study import product_chain as chain
from tests.support.study.bedside import INCLUDED
from trials.holds import hold_trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
THAWED = "10-Mar-2026 09:00"


def at(name: str, trial, *values) -> str:
    return reverse(f"dosing:{name}", args=[trial.slug, *values])


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def bag(trial):
    return chain.bag(trial, "B-1")


def donation_typed(number: str) -> dict:
    return {"scheme": "isbt128", "identification": number, "donated_on": "10-Jan-2019", "tissue": "Marrow"}


def lot_typed(of: CellBank, **changed) -> dict:
    return {
        "product": "bm_msc 1", "number": "L-9", "bank": str(of.pk), "passage": "3",
        "population_doublings": "12", "manufactured_on": "01-Jun-2019", "frozen_on": "01-Jun-2019",
        "expires_on": "30-Jun-2040", "cryoprotectant": "DMSO", "dmso_percent": "10", "cells_per_bag": "130",
        "volume_ml": "20,5", "viability_at_freeze": "95", "retention_samples": "2 vials", **changed,
    }  # fmt: skip


class TestFromDonorToBag:
    def test_the_whole_chain_is_recorded_with_a_browser(self, trial, laboratory):
        """CEL-01, CEL-05: donor, donation, bank, lot, results, release, receipt."""
        answers = {
            "age": "30",
            "consent": "Y",
            "hsc_criteria": "Y",
            "lidocaine_allergy": "N",
            "infection_risk": "N",
        }
        made = laboratory.post(
            at("donor-new", trial), {"code": "D-7", "sex": "F", "birth_year": "1990", **answers}
        )
        giver = Donor.objects.get()
        assert made.url == at("donor", trial, giver.pk)
        assert "It is recorded: D-7." in text_of(laboratory.get(made.url))
        assert giver.fit is True
        laboratory.post(
            at("donor-step", trial, giver.pk, "donation"),
            donation_typed("A9999 18 123457 R"),
        )
        donation = giver.donations.get()
        laboratory.post(
            at("donor-step", trial, giver.pk, "bank"),
            {"donation": str(donation.pk), "code": "MCB-7", "passage": "2", "frozen_on": "10-Feb-2019"},
        )
        laboratory.post(at("lot-new", trial), lot_typed(CellBank.objects.get()))
        lot = Lot.objects.get()
        assert (lot.volume_ul, lot.cells_per_bag, lot.status) == (20_500, 130_000_000, "waiting")
        chain.with_results(lot)
        decided = {"kind": "release", "reason": "", "password": build.PASSWORD}
        laboratory.post(at("lot-step", trial, lot.pk, "decide"), decided)
        received = {"bags": "L-9/1\nL-9/2", "place": "Tank 1", "at": "10-Jan-2020 09:00"}
        laboratory.post(at("lot-step", trial, lot.pk, "receive"), received)
        assert [row.number for row in Bag.objects.all()] == ["L-9/1", "L-9/2"]
        shown = text_of(laboratory.get(at("lot", trial, lot.pk)))
        for words in ("Released", "D-7", "A999918123457", "MCB-7", "L-9/2", "Within the specification"):
            assert words in shown

    def test_no_choice_of_a_form_is_a_row_of_dashes(self, trial, laboratory):
        giver = chain.bank(trial).donation.donor
        for address in (at("lot-new", trial), at("donor-step", trial, giver.pk, "bank")):
            assert "---------" not in laboratory.get(address).content.decode()

    def test_a_number_with_a_wrong_check_character_is_refused_beside_its_field(self, trial, laboratory):
        """CEL-03: 422, nothing stored, nothing typed lost."""
        giver = chain.donor(trial)
        typed = donation_typed("A999918123457S")
        response = laboratory.post(at("donor-step", trial, giver.pk, "donation"), typed)
        assert "wrong check character" in errors_of(response)["identification"]
        assert "A999918123457S" in response.content.decode()
        assert not giver.donations.exists()

    @pytest.mark.parametrize(
        ("changed", "field"),
        [({"bank": ""}, "bank"), ({"passage": ""}, "passage"), ({"product": ""}, "product"),
         ({"volume_ml": "0"}, "volume_ml"), ({"expires_on": "01-Jan-2019"}, "expires_on")],
    )  # fmt: skip
    def test_a_lot_with_a_missing_link_is_refused(self, trial, laboratory, changed, field):
        """CEL-01."""
        response = laboratory.post(at("lot-new", trial), lot_typed(chain.bank(trial), **changed))
        assert list(errors_of(response)) == [field]
        assert not Lot.objects.exists()


class TestTheStock:
    def test_the_stock_lists_the_bags_and_the_balance_of_each_lot(
        self, trial, laboratory, bag, django_assert_max_num_queries
    ):
        """CEL-08."""
        chain.decided(chain.lot(trial, "L-2"), "reject", "Broken")
        with django_assert_max_num_queries(26):
            shown = text_of(laboratory.get(at("stock", trial)))
        assert "B-1 L-1 Released Store Tank 1" in shown
        assert "adds up" in shown
        assert "Rejected" in shown

    def test_a_lot_says_its_numbers_in_the_units_of_its_form(self, trial, laboratory, bag):
        shown = text_of(laboratory.get(at("lot", trial, bag.lot_id)))
        product = trial.rules.known_products[0].title.in_language("en")
        for words in (
            "Cells per bag (×10⁶) 130", "DMSO (%) 10 ", "Viability at freezing (%) 95 ", f"Product {product} (1)",
        ):  # fmt: skip
            assert words in shown

    def test_a_conditional_release_names_its_pending_tests_by_their_titles(self, trial, laboratory):
        """CEL-05."""
        lot = chain.with_results(chain.lot(trial), sterility="")
        chain.decided(lot, "conditional")
        assert "(pending: Sterility)" in text_of(laboratory.get(at("lot", trial, lot.pk)))

    def test_a_criterion_of_a_donor_is_worded_as_those_of_a_patient(self, trial, laboratory):
        """An allergy that is absent does not read as if it allowed the donor."""
        giver = chain.donor(trial, answers={**chain.FIT, "age": "17"})
        shown = text_of(laboratory.get(at("donor", trial, giver.pk)))
        for words in ("Older than 18 years: Not met", "Gave consent: Met", "Allergy to lidocaine: Absent"):
            assert words in shown

    def test_a_recalled_lot_leads_to_the_instructions_for_its_recipients(self, trial, laboratory, bag):
        """ATM-02: only who may issue them; the page says what the recall means."""
        address, leads = at("lot", trial, bag.lot_id), at("recipients", trial, bag.lot_id)
        assert leads not in laboratory.get(address).content.decode()
        chain.decided(bag.lot, "recall", "Sterility")
        shown = laboratory.get(address)
        assert leads in shown.content.decode()
        assert "This lot was recalled: no bag of it may be used." in text_of(shown)
        monitor = build.client(build.user("unblinded_monitor", trial=trial))
        assert leads not in monitor.get(address).content.decode()

    def test_a_scan_leads_to_the_page_of_what_was_scanned(self, trial, laboratory, bag):
        """CEL-02: one field, anywhere in the chain."""
        for text, where in (("b-1", at("bag", trial, bag.pk)), ("L-1", at("lot", trial, bag.lot_id))):
            assert laboratory.post(at("stock", trial), {"scan": text}).url == where
        refused = laboratory.post(at("stock", trial), {"scan": "A999918123457S"})
        assert refused.status_code == 422
        assert "has a wrong check character: scan it again." in text_of(refused)

    def test_the_accountability_log_shows_every_movement(self, trial, laboratory, bag):
        """CEL-08: on the page and as CSV."""
        shown = text_of(laboratory.get(at("movements", trial)))
        assert "10-Jan-2020 10:00 B-1 L-1 Received Supplier Store 20" in shown

    @pytest.mark.parametrize(
        ("kind", "typed", "field", "words"),
        [
            ("store", {"place": ""}, "place", "required"),
            ("infused", {}, "__all__", "Bag B-1 was not thawed"),
            ("return", {}, "__all__", "Bag B-1: nothing of it is there to be moved. It is: Store, Tank 1."),
            ("waste", {"source": "store", "note": "Leak", "volume_ml": "-1"}, "volume_ml", "must be above zero"),
            ("waste", {"source": "store", "note": "Leak", "volume_ml": "21"}, "volume_ml", "20 mL are left"),
            ("destroy", {"source": "supplier", "note": "x"}, "source", "Select a valid choice"),
            ("excursion", {"highest_c": "-100", "minutes": "0", "note": "Lid"}, "minutes", "how many minutes"),
            ("reverse", {"reason": ""}, "reason", "required"),
        ],
    )  # fmt: skip
    def test_an_impossible_movement_is_refused_with_bag_and_reason(
        self, trial, laboratory, bag, kind, typed, field, words
    ):
        """CEL-08: 422, nothing stored."""
        response = laboratory.post(at("bag-step", trial, bag.pk, kind), {"at": THAWED, **typed})
        assert words in errors_of(response)[field]
        assert BagMovement.objects.count() == 1

    def test_a_step_that_does_not_exist_is_not_found(self, trial, laboratory, bag):
        assert laboratory.get(at("bag-step", trial, bag.pk, "eat")).status_code == 404
        assert laboratory.get(at("bag", trial, 987_654)).status_code == 404

    def test_an_excursion_is_shown_until_it_is_decided(self, trial, laboratory, bag):
        """CEL-07."""
        typed = {"at": THAWED, "highest_c": "-100", "minutes": "9", "note": "Lid"}
        laboratory.post(at("bag-step", trial, bag.pk, "excursion"), typed)
        assert "waits for its assessment" in text_of(laboratory.get(at("bag", trial, bag.pk)))
        row = BagMovement.objects.get(kind="excursion")
        laboratory.post(at("excursion", trial, row.pk), {"judgement": "usable", "reason": "Short"})
        assert "waits for its assessment" not in text_of(laboratory.get(at("bag", trial, bag.pk)))


class TestTheWayToThePatient:
    def test_a_bag_goes_from_the_product_to_the_ward_and_is_accounted_for(
        self, trial, ward, laboratory, patient
    ):
        """CEL-08, CEL-01: and patient, bag, lot and donor are found from each other."""
        ward.post(page(patient, "weight"), weighed())
        laboratory.post(page(patient, "preparation"), product())
        bag = Bag.objects.get(number="L-1/1")
        handed, hand_over = {"at": "10-Mar-2026 09:30", "handed_to": "Nurse Ada"}, page(patient, "dispense")
        assert hand_over in laboratory.get(page(patient, "preparation")).content.decode()
        assert laboratory.post(hand_over, handed).status_code == 302
        assert hand_over not in laboratory.get(page(patient, "preparation")).content.decode()
        infused = {"at": "10-Mar-2026 11:00", "volume_ml": "15"}
        laboratory.post(at("bag-step", trial, bag.pk, "infused"), infused)
        laboratory.post(at("bag-step", trial, bag.pk, "return"), {"at": "10-Mar-2026 11:30"})
        shown = text_of(laboratory.get(at("bag", trial, bag.pk)))
        for words in ("Received", "Thawed", "Dispensed", "Infused", "Returned", "D-17"):
            assert words in shown
        ward.post(page(patient), bedside(version="2"))
        for address in (at("lot", trial, bag.lot_id), at("donor", trial, bag.lot.bank.donation.donor_id)):
            assert f"{patient.code} : infusions 1 (L-1)" in text_of(laboratory.get(address))

    def test_nothing_is_handed_over_while_the_trial_is_held_or_without_consent_or_outside_the_window(
        self, trial, ward, laboratory, patient
    ):
        """CEL-13, CEL-14, CEL-16: the form bypassed; 422, nothing stored."""
        ward.post(page(patient, "weight"), weighed())
        laboratory.post(page(patient, "preparation"), product())
        handed = {"at": "10-Mar-2026 09:30", "handed_to": "Nurse Ada"}

        def refused(**changed):
            answer = laboratory.post(page(patient, "dispense"), {**handed, **changed})
            assert answer.status_code == 422
            return html.unescape(answer.content.decode())

        assert "the protocol allows this infusion in the window" in refused(at="29-Mar-2026 09:30")
        with acting(system="test"):
            Consent.objects.filter(patient=patient).update(struck_out_reason="Wrong patient")
        assert "no consent of patient" in refused()
        with acting(system="test"):
            Consent.objects.filter(patient=patient).update(struck_out_reason="")
        doctor = build.user("investigator", trial=trial)
        with acting(user=doctor, role="investigator"):
            hold_trial(trial=trial, reason="A death", by=doctor)
        assert "The trial is on hold" in refused()
        assert not BagMovement.objects.filter(kind="dispensing").exists()

    def test_where_a_second_person_has_to_check_the_product_it_leaves_by_the_worksheet_alone(
        self, ward, laboratory, patient, monkeypatch
    ):
        """CEL-09: the page without a second person is no way round the worksheet."""
        ward.post(page(patient, "weight"), weighed())
        laboratory.post(page(patient, "preparation"), product())
        monkeypatch.setattr("dosing.products.hand_over.asks_kit", lambda patient: True)
        answer = laboratory.post(
            page(patient, "dispense"), {"at": "10-Mar-2026 09:30", "handed_to": "Nurse Ada"}
        )
        assert answer.status_code == 422
        assert "after a second person has checked it" in text_of(answer)
        assert not BagMovement.objects.filter(kind="dispensing").exists()

    @pytest.mark.parametrize("decision", ["quarantine", "recall"])
    def test_a_bag_of_a_blocked_lot_is_refused_by_http_too(self, trial, ward, laboratory, patient, decision):
        """CEL-06: the form bypassed; 422, nothing stored."""
        ward.post(page(patient, "weight"), weighed())
        typed = product()
        chain.decided(Lot.objects.get(), decision, "Complaint")
        response = laboratory.post(page(patient, "preparation"), typed)
        assert "Bag L-1/1 belongs to a lot" in errors_of(response)["bags"]
        assert not BagMovement.objects.exclude(kind="receipt").exists()

    def test_the_bag_of_another_patient_is_refused_by_http_too(self, trial, ward, laboratory, patient):
        """CEL-13."""
        other = build.neighbour(patient)
        for each in (patient, other):
            ward.post(page(each, "weight"), weighed())
        typed = product()
        laboratory.post(page(patient, "preparation"), typed)
        words = errors_of(laboratory.post(page(other, "preparation"), typed))["bags"]
        assert f"Bag L-1/1 was taken for another infusion, of patient {patient.code}." in words


class TestWhoSees:
    @pytest.mark.parametrize("role", ["coordinator", "investigator", "monitor", "sponsor_safety"])
    def test_the_ward_of_a_masked_trial_sees_nothing_of_the_stock(self, role):
        """BLD-01: the pages are refused alike, whatever the stock holds."""
        masked = build.trial(build.COVID_MSV)
        browser = build.client(build.user(role, trial=masked))
        for name in ("stock", "movements", "donors"):
            assert browser.get(at(name, masked)).status_code == 403
        bag = chain.bag(masked, "C-1")
        for address in (at("bag", masked, bag.pk), at("lot", masked, bag.lot_id), at("bag", masked, 999_999)):
            assert browser.get(address).status_code == 403
        assert browser.post(at("stock", masked), {"scan": "C-1"}).status_code == 403
        assert "Stock" not in text_of(browser.get(reverse("dosing:listing", args=[masked.slug])))


class TestNothingTypedIsLost:
    def test_what_is_typed_is_kept_on_the_server_and_shown_again(self, trial, laboratory):
        """DAT-09: while it is typed, for its author alone, until it is saved or discarded."""
        address = at("donor-new", trial)
        shown = laboratory.get(address).content.decode()
        assert f'data-keep="{address}?keep=1"' in shown
        assert "Kept" in laboratory.post(f"{address}?keep=1", {"code": "D-half"}).json()["kept"]
        assert not Donor.objects.exists()
        assert 'value="D-half"' in laboratory.get(address).content.decode()
        other = build.client(build.user("cell_laboratory", trial=trial))
        assert "D-half" not in other.get(address).content.decode()
        laboratory.post(f"{address}?discard=1")
        assert "D-half" not in laboratory.get(address).content.decode()

    def test_a_refused_step_is_kept_too_and_a_saved_one_is_not(self, trial, laboratory, bag):
        address = at("bag-step", trial, bag.pk, "store")
        refused = laboratory.post(address, {"place": "Tank 2", "at": "01-Jan-2030 09:00"})
        assert refused.status_code == 422
        assert 'value="Tank 2"' in laboratory.get(address).content.decode()
        assert laboratory.post(address, {"place": "Tank 2", "at": "30-Mar-2026 09:00"}).status_code == 302
        assert 'value="Tank 2"' not in laboratory.get(address).content.decode()

    def test_a_password_is_never_kept(self, trial, laboratory):
        lot = chain.lot(trial)
        address = at("lot-step", trial, lot.pk, "decide")
        laboratory.post(f"{address}?keep=1", {"kind": "reject", "reason": "Broken", "password": "Secret-1"})
        shown = laboratory.get(address).content.decode()
        assert 'value="Broken"' in shown
        assert "Secret-1" not in shown
