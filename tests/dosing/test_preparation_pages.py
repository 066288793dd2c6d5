"""The page of the cell laboratory: the product of an infusion, and its dose while the cells are typed."""

import re

import pytest

from dosing.models import Preparation
from tests.support import build
from tests.support.pages.infusions import SECOND, bedside, errors_of, listing, page, product, text_of, weighed
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTheProduct:
    @pytest.fixture(autouse=True)
    def _weighed(self, ward, patient):
        ward.post(page(patient, "weight"), weighed())

    def test_a_recorded_product_is_stored_in_whole_cells_and_shows_its_dose(self, laboratory, patient):
        """CEL-10: also without any script."""
        response = laboratory.post(page(patient, "preparation"), product(), follow=True)
        bag = Preparation.objects.get()

        assert response.redirect_chain == [(page(patient, "preparation"), 302)]
        assert (bag.viable_cells, bag.cells_per_kg, bag.dose_finding) == (247_200_000, 3_000_000, "within")
        assert "247.2 ×10⁶ ÷ Actual weight 82.40 kg = Dose 3.00 ×10⁶/kg" in text_of(response)
        assert "100 % of the target, within the range" in text_of(response)
        assert "1.50 to 3.00 ×10⁶/kg" in text_of(response)

    def test_the_ward_of_an_open_trial_sees_product_and_dose_beside_the_infusion(
        self, ward, laboratory, patient
    ):
        laboratory.post(page(patient, "preparation"), product())
        shown = text_of(ward.get(page(patient)))

        for words in ("L-1", "D-17", "3.00 ×10⁶/kg", "91.50 %", "Prepared by Cell Worker"):
            assert words in shown

    def test_the_new_form_is_empty(self, laboratory, patient):
        """DAT-01."""
        html = laboratory.get(page(patient, "preparation")).content.decode()
        form = html[html.index('<form class="card entry') :]
        assert re.findall(r'<input type="text"[^>]* value="([^"]+)"', form) == []

    @pytest.mark.parametrize(
        ("cells", "dose", "finding"),
        [
            ("122.776", "1.49", "below the range"),
            ("123.599999", "1.49", "below the range"),
            ("123.6", "1.50", "within the range"),
            ("247.2", "3.00", "within the range"),
            ("247.200001", "3.01", "above the range"),
            ("248.024", "3.01", "above the range"),
        ],
    )
    def test_the_dose_is_shown_while_it_is_typed(self, laboratory, patient, cells, dose, finding):
        """CEL-10: at the bounds, never rounded into the range; nothing is stored."""
        response = laboratory.post(page(patient, "dose"), {"viable_cells": cells})

        assert f"Dose {dose} ×10⁶/kg" in text_of(response)
        assert finding in text_of(response)
        assert not Preparation.objects.exists()

    @pytest.mark.parametrize(
        ("cells", "words"),
        [
            ("", "The target for 82.40 kg is 247.2 ×10⁶ viable cells."),
            ("0", "The target for 82.40 kg"),
            ("-5", "The target for 82.40 kg"),
            ("24x", "is not a number"),
            ("1.2345678", "at most 6 decimals"),
            ("9" * 30, "at most 24 characters"),
        ],
    )
    def test_an_unfinished_number_is_reported_in_a_sentence_and_no_dose_stays(
        self, laboratory, patient, cells, words
    ):
        response = laboratory.post(page(patient, "dose"), {"viable_cells": cells})

        assert response.status_code == 200
        assert words in text_of(response)
        assert "÷" not in text_of(response)

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("viable_cells", "122.776", "outside the protocol's range"),
            ("viable_cells", "1e9", "is not a number"),
            ("viable_cells", "-1", "Enter the viable cells"),
            ("viable_cells", "0", "Enter the viable cells"),
            ("viable_cells", "1000000000", "not a number of cells"),
            ("viability_percent", "100.01", "between 0 and 100"),
            ("viability_percent", "12345678", "between 0 and 100"),
            ("bags", "", "required"),
            ("bags", "B-404", "“B-404” is not in the stock of this trial."),
            ("bags", "A999918123457S", "wrong check character"),
            ("thawed", "31-Mar-2026 09:00", "has not come yet"),
            ("thawed", "yesterday-ish", "is not a date"),
            ("version", "x", "whole number"),
        ],
    )
    def test_a_refused_answer_is_shown_beside_its_field(self, laboratory, patient, field, value, sentence):
        """DAT-04."""
        messages = errors_of(laboratory.post(page(patient, "preparation"), product() | {field: value}))
        beside = "dose_deviation_reason" if "range" in sentence else field

        assert sentence in messages[beside]
        assert not Preparation.objects.exists()

    def test_a_dose_outside_the_range_is_kept_with_its_reason(self, laboratory, patient):
        """CEL-10: a deviation."""
        low = product(viable_cells="122.776", dose_deviation_reason="Loss at thawing")
        response = laboratory.post(page(patient, "preparation"), low, follow=True)

        assert Preparation.objects.get().dose_finding == "below"
        assert "Below the range" in text_of(response)
        assert "Loss at thawing" in text_of(response)

    def test_a_refused_form_shows_the_dose_of_what_was_typed(self, laboratory, patient):
        """CEL-10: without any script the person sees why a reason is asked for."""
        response = laboratory.post(page(patient, "preparation"), product(viable_cells="122.776"))
        assert "Dose 1.49 ×10⁶/kg" in text_of(response)

    def test_a_dose_that_left_the_range_with_an_amended_weight_waits_for_its_reason(
        self, ward, laboratory, patient, trial
    ):
        """CEL-10: the bedside is not asked for it; readers of the product see that it is missing."""
        laboratory.post(page(patient, "preparation"), product())
        ward.post(
            page(patient, "weight"),
            weighed(weight_kg="80", version="2", reason="other", reason_text="Scale read wrongly"),
        )

        assert "Above the range, no reason yet" in text_of(laboratory.get(page(patient, "preparation")))
        assert "3.09 ×10⁶/kg Above the range, no reason yet" in text_of(ward.get(listing(trial)))
        shown = laboratory.get(page(patient, "preparation"))
        way = f"{page(patient, 'preparation')}?change=1"
        assert "The record of the product is not complete:" in text_of(shown)
        assert f'<a href="{way}#id_dose_deviation_reason">' in shown.content.decode()
        assert 'id="id_dose_deviation_reason"' in laboratory.get(way).content.decode()

    def test_a_complete_record_lacks_nothing(self, laboratory, patient):
        laboratory.post(page(patient, "preparation"), product())
        shown = laboratory.get(page(patient, "preparation"))
        assert shown.context["missing"] == []
        assert "is not complete" not in text_of(shown)

    def test_nothing_is_prepared_for_an_infusion_that_was_not_given(self, ward, laboratory, patient):
        ward.post(page(patient, "not-given"), {"reason": "Fever", "version": "2"})
        response = laboratory.get(page(patient, "preparation"))

        assert "nothing is prepared for it" in text_of(response)
        assert "form" not in response.context
        assert laboratory.post(page(patient, "preparation"), product()).status_code == 422

    def test_another_donor_asks_for_the_reason(self, ward, laboratory, patient):
        """CEL-11."""
        laboratory.post(page(patient, "preparation"), product())
        ward.post(page(patient), bedside(version="2"))
        ward.post(page(patient, "weight", 2), weighed(SECOND))
        other = product(donor_code="D-18", lot="L-2", thawed="")
        messages = errors_of(laboratory.post(page(patient, "preparation", 2), other))
        assert "Infusion 1 came from donor D-17" in messages["bags"]
        other["donor_deviation_reason"] = "No bag of D-17 is left"
        laboratory.post(page(patient, "preparation", 2), other)

        assert Preparation.objects.get(infusion__number=2).donor_deviation_reason == "No bag of D-17 is left"

    def test_without_the_weight_of_the_day_no_product_is_recorded(self, laboratory, patient):
        """CEL-09: missing weight, refused."""
        response = laboratory.post(page(patient, "preparation", 2), product())

        assert response.status_code == 422
        assert "weight of the day is not recorded yet" in text_of(response)
        missing = laboratory.get(page(patient, "preparation", 2)).context["missing"]
        assert [address for _words, address in missing] == [page(patient, "weight", 2)]

    def test_a_change_needs_a_reason_and_a_stale_form_shows_both_values(self, laboratory, patient):
        """AUD-04, DAT-11."""
        laboratory.post(page(patient, "preparation"), product())
        assert "reason" in errors_of(
            laboratory.post(page(patient, "preparation"), product(lot="L-2", version="1"))
        )
        stale = laboratory.post(page(patient, "preparation"), product(lot="L-2"))

        assert stale.status_code == 409
        assert stale.context["differences"] == [("Bags", "L-1/1", "L-2/1")]
        assert Preparation.objects.get().lot == "L-1"

    def test_a_version_that_never_was_is_a_conflict(self, laboratory, patient):
        assert laboratory.post(page(patient, "preparation"), product(version="7")).status_code == 409

    def test_a_double_click_saves_once(self, laboratory, patient):
        """REL-13."""
        typed = product()
        for _click in range(2):
            response = laboratory.post(page(patient, "preparation"), typed)

        assert response.status_code == 302
        assert Preparation.objects.get().version == 1
