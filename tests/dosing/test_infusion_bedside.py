"""The bedside form of an infusion: entry, weight, amendment, correction of an error, infusion not given."""

import re
from decimal import Decimal

import pytest

from dosing.models import Infusion
from tests.support import build
from tests.support.pages.infusions import (
    FIRST,
    SECOND,
    bedside,
    errors_of,
    listing,
    page,
    stored,
    text_of,
    weighed,
)
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestTheBedsideForm:
    def test_the_new_form_is_empty(self, ward, patient):
        """DAT-01: a known weight is offered as a hint, never filled in."""
        html = ward.get(page(patient)).content.decode()
        form = html[html.index('<form class="card entry') : html.index("</form>", html.index("card entry"))]

        assert "checked" not in form
        assert re.findall(r'<input type="text"[^>]* value="([^"]+)"', form) == []
        assert "Last known: 82.4 kg (Demography, 10-Mar-2026)" in text_of(ward.get(page(patient)))

    def test_measures_are_typed_as_text_with_their_unit(self, ward, patient):
        """D.7: a number input rounds and follows the wheel."""
        html = ward.get(page(patient)).content.decode()

        assert 'type="number"' not in html
        assert html.count('inputmode="decimal"') == 2
        for unit in ("kg", "mL"):
            assert f'<span class="input-group-text">{unit}</span>' in html
            assert f"({unit})" in html

    def test_a_recorded_infusion_is_stored_and_shown_in_words(self, ward, patient):
        response = ward.post(page(patient), bedside(), follow=True)
        row = stored(patient)

        assert response.redirect_chain == [(page(patient), 302)]
        assert (row.state, row.weight_kg, row.volume_ml, row.version) == ("given", Decimal("82.4"), 100, 2)
        for words in ("Given", "82.40 kg", f"{FIRST} 10:00", "100.00 mL", "Paracetamol 1 g"):
            assert words in text_of(response)

    @pytest.mark.parametrize("typed", ["82.4", "82,4", " 82.40 ", "082.4"])
    def test_a_weight_is_read_with_comma_or_point(self, ward, patient, typed):
        """DAT-10."""
        ward.post(page(patient), bedside(weight_kg=typed))
        assert stored(patient).weight_kg == Decimal("82.4")

    @pytest.mark.parametrize(
        ("field", "value", "sentence"),
        [
            ("weight_kg", "", "This field is required"),
            ("weight_kg", "heavy", "is not a number"),
            ("weight_kg", "82.456", "at most 2 decimals"),
            ("weight_kg", "1e2", "is not a number"),
            ("weight_kg", "-82.4", "between 25 and 350"),
            ("weight_kg", "99999999999999999999", "digits"),
            ("weight_kg", "999999", "between 25 and 350"),
            ("weight_kg", "NaN", "is not a number"),
            ("weight_measured", "10-Mar-2026", "the day and the time"),
            ("weight_measured", "09-Mar-2026 09:59", "older than 24 hours"),
            ("weight_measured", f"{FIRST} 10:30", "after the start"),
            ("started", "soon", "is not a date"),
            ("started", "09-Mar-2026 10:00", "included on 10-Mar-2026"),
            ("ended", f"{FIRST} 10:00", "must be after the start"),
            ("ended", "31-Mar-2026 10:00", "has not come yet"),
            ("volume_ml", "0", "above zero"),
            ("volume_ml", "123456789", "above zero and at most"),
            ("interrupted", "", "This field is required"),
            ("interrupted", "maybe", "not one of the available choices"),
            ("premedication", "x" * 2001, "at most 2000"),
            ("premedication", "a\x00b", "Null characters"),
            ("version", "", "required"),
            ("version", "one", "whole number"),
        ],
    )  # fmt: skip
    def test_a_refused_answer_is_shown_beside_its_field_and_nothing_typed_is_lost(
        self, ward, patient, field, value, sentence
    ):
        """DAT-04: the same rules when the browser's form is bypassed."""
        typed = bedside(timing_deviation_reason="Kept <b>text</b>") | {field: value}
        response = ward.post(page(patient), typed)

        assert sentence in errors_of(response)[field]
        assert "Kept &lt;b&gt;text&lt;/b&gt;" in response.content.decode()
        assert "error-summary" in response.content.decode()
        assert stored(patient).state == "planned"

    def test_an_interruption_needs_its_reason(self, ward, patient):
        assert "interruption_reason" in errors_of(ward.post(page(patient), bedside(interrupted="Y")))

    def test_a_day_outside_the_protocol_asks_for_the_reason(self, ward, patient):
        """CEL-11: with it, it is a deviation that is kept."""
        assert "deviation" in errors_of(ward.post(page(patient), bedside(SECOND)))["timing_deviation_reason"]
        ward.post(page(patient), bedside(SECOND, timing_deviation_reason="No bed was free"))

        assert stored(patient).timing_deviation_reason == "No bed was free"

    def test_an_unlikely_weight_opens_the_question_how_one_made_sure(self, ward, patient):
        """CEL-09: more than ten per cent from the last weight."""
        assert "weight_confirmation" not in ward.get(page(patient)).content.decode()
        response = ward.post(page(patient), bedside(weight_kg="95"))
        assert "82.4 kg (Demography, 10-Mar-2026)" in errors_of(response)["weight_confirmation"]
        assert 'id="id_weight_confirmation"' in response.content.decode()
        ward.post(page(patient), bedside(weight_kg="95", weight_confirmation="Weighed on two scales"))

        assert stored(patient).weight_confirmation == "Weighed on two scales"

    def test_typed_text_is_shown_as_text(self, ward, patient):
        """D.2: stored script injection."""
        ward.post(page(patient), bedside(premedication="<script>alert(1)</script>"))
        for address in (page(patient), f"{page(patient)}?change=1", listing(patient.trial)):
            assert "<script>alert(1)" not in ward.get(address).content.decode()

    @pytest.mark.parametrize(
        "extra", [{"number": "9"}, {"state": "not_given"}, {"visit": "1"}, {"patient": "2"}]
    )
    def test_what_the_form_does_not_ask_is_refused(self, ward, patient, extra):
        """SEC-03: mass assignment."""
        ward.post(page(patient), bedside() | extra)
        row = stored(patient)

        assert (row.number, row.state, row.patient_id) == (1, "given", patient.pk)

    def test_what_was_typed_comes_back_after_signing_in_again(self, ward, patient):
        """ACC-05."""
        html = ward.get(page(patient)).content.decode()
        owner = re.search(r'name="form_owner" value="([^"]+)"', html)
        assert owner
        ward.logout()
        answer = ward.post(page(patient), bedside(premedication="Kept") | {"form_owner": owner[1]})

        assert answer.status_code == 302
        assert "kept" in answer["Location"]


class TestTheWeight:
    def test_the_weight_alone_is_recorded_before_the_product_is_prepared(self, ward, patient):
        """CEL-09."""
        response = ward.post(page(patient, "weight"), weighed(), follow=True)

        assert response.redirect_chain == [(page(patient), 302)]
        assert (stored(patient).state, stored(patient).weight_kg) == ("planned", Decimal("82.4"))
        assert 'value="82.40"' in response.content.decode()

    def test_a_saved_weight_changes_only_with_a_reason(self, ward, patient):
        """AUD-04."""
        ward.post(page(patient, "weight"), weighed())
        assert "reason" in errors_of(ward.post(page(patient, "weight"), weighed(weight_kg="83", version="2")))
        ward.post(
            page(patient, "weight"),
            weighed(weight_kg="83", version="2", reason="other", reason_text="Scale read wrongly"),
        )

        assert stored(patient).weight_kg == 83
        assert Infusion.history.order_by("-history_id")[0].history_change_reason.typed == "Scale read wrongly"

    def test_the_infusion_takes_the_saved_weight_without_a_reason(self, ward, patient):
        ward.post(page(patient, "weight"), weighed())
        ward.post(page(patient), bedside(version="2"))

        assert stored(patient).state == "given"


class TestAmending:
    @pytest.fixture(autouse=True)
    def _given(self, ward, patient):
        ward.post(page(patient), bedside())

    def test_the_form_shows_the_stored_answers(self, ward, patient):
        html = ward.get(f"{page(patient)}?change=1").content.decode()

        for value in ("82.40", f"{FIRST} 10:00", "100.00", "Paracetamol 1 g"):
            assert f'value="{value}"' in html

    def test_a_change_needs_a_reason(self, ward, patient):
        """AUD-04."""
        assert "reason" in errors_of(ward.post(page(patient), bedside(volume_ml="90", version="2")))
        ward.post(
            page(patient),
            bedside(volume_ml="90", version="2", reason="other", reason_text="Read from the pump"),
        )

        assert stored(patient).volume_ml == 90
        assert Infusion.history.order_by("-history_id")[0].history_change_reason.typed == "Read from the pump"

    def test_a_stale_form_shows_both_values_and_overwrites_nothing(self, ward, patient):
        """DAT-11."""
        response = ward.post(page(patient), bedside(volume_ml="90", premedication="None"))

        assert response.status_code == 409
        assert ("Volume infused (mL)", "100.00", "90") in response.context["differences"]
        assert "Ward Nurse changed it" in text_of(response)
        assert "Save the change" in text_of(response)
        assert stored(patient).volume_ml == 100

    def test_sending_the_shown_conflict_again_with_a_reason_is_a_decision(self, ward, patient):
        """DAT-11: the form answered with 409 carries the version it was compared with."""
        stale = ward.post(page(patient), bedside(volume_ml="90"))
        version = stale.context["form"]["version"].value()
        ward.post(
            page(patient),
            bedside(volume_ml="90", version=version, reason="other", reason_text="Mine is right"),
        )

        assert stored(patient).volume_ml == 90

    def test_a_double_click_saves_once(self, ward, patient):
        """REL-13: the same answers a second time are no conflict, also when written differently."""
        response = ward.post(page(patient), bedside(weight_kg="82.40", started="10mar26 10:00"))

        assert (response.status_code, response.url) == (302, page(patient))
        assert stored(patient).version == 2

    def test_an_infusion_recorded_in_error_is_withdrawn_and_the_trail_keeps_it(self, ward, patient):
        """AUD-03: the wrong patient's page was open."""
        assert "Recorded in error" in text_of(ward.get(page(patient)))
        assert "the audit trail keeps it" in text_of(ward.get(page(patient, "not-given")))
        ward.post(page(patient, "not-given"), {"reason": "Wrong patient", "version": "2"})

        assert (stored(patient).state, stored(patient).started) == ("not_given", "")
        assert Infusion.history.filter(state="given").exists()


class TestNotGiven:
    def test_an_infusion_that_was_not_given_keeps_its_reason(self, ward, patient):
        response = ward.post(page(patient, "not-given"), {"reason": "Fever", "version": "1"}, follow=True)

        assert (stored(patient).state, stored(patient).not_given_reason) == ("not_given", "Fever")
        assert "Not given because Fever" in text_of(response)

    @pytest.mark.parametrize("reason", ["", "   ", "x" * 1001])
    def test_it_needs_a_reason(self, ward, patient, reason):
        assert "reason" in errors_of(
            ward.post(page(patient, "not-given"), {"reason": reason, "version": "1"})
        )

    def test_one_that_was_given_meanwhile_is_shown_as_such(self, ward, patient):
        """DAT-11."""
        ward.post(page(patient), bedside())
        response = ward.post(page(patient, "not-given"), {"reason": "Fever", "version": "1"})

        assert response.status_code == 409
        assert response.context["differences"] == [("Status", "Given", "Not given")]
        assert stored(patient).state == "given"
