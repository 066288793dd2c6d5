"""The pages of infusions and their products, asked as a browser asks and as no browser would."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from dosing.administration import mark_not_given
from dosing.models import AllocationList, AllocationSlot, Infusion, Preparation
from patients.ending import end_study
from tests import build, cohort

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
INCLUDED = date(2026, 3, 10)
FIRST, SECOND = "10-Mar-2026", "13-Mar-2026"
WRITERS = ("coordinator", "investigator")
READERS = ("cell_laboratory", "monitor", "data_manager", "statistician", "administrator", "inspector")


@pytest.fixture(autouse=True)
def _on_a_known_day():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial():
    return build.trial()


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def ward(trial):
    return build.client(build.user("coordinator", trial=trial, full_name="Ward Nurse"))


@pytest.fixture
def laboratory(trial):
    return build.client(build.user("cell_laboratory", trial=trial, full_name="Cell Worker"))


def page(patient, name: str = "infusion", number: int = 1) -> str:
    return reverse(f"dosing:{name}", args=[patient.trial.slug, patient.code, number])


def listing(trial) -> str:
    return reverse("dosing:listing", args=[trial.slug])


def weighed(day: str = FIRST, **changed) -> dict:
    return {"weight_kg": "82,4", "weight_measured": f"{day} 08:00", "version": "1", **changed}


def bedside(day: str = FIRST, **changed) -> dict:
    """Return what a nurse types of an infusion from ten to eleven."""
    typed = {
        "started": f"{day} 10:00", "ended": f"{day} 11:00", "volume_ml": "100", "interrupted": "N",
        "interruption_reason": "", "premedication": "Paracetamol 1 g", "timing_deviation_reason": "",
    }  # fmt: skip
    return weighed(day) | typed | changed


def product(**changed) -> dict:
    """Return what the laboratory types: three million cells per kilogram at 82.4 kg."""
    return {
        "lot": "L-1", "bag": "", "donor_code": "D-17", "thawed": f"{FIRST} 09:00", "viable_cells": "247.2",
        "viability_percent": "91,5", "dose_deviation_reason": "", "donor_deviation_reason": "", "version": "0",
        **changed,
    }  # fmt: skip


def stored(patient, number: int = 1) -> Infusion:
    return Infusion.objects.get(patient=patient, number=number)


def text_of(response) -> str:
    """Return what a person reads: no markup, blanks collapsed."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def errors_of(response) -> dict[str, str]:
    assert response.status_code == 422
    return {name: " ".join(errors) for name, errors in response.context["form"].errors.items()}


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
    def test_a_refused_answer_is_told_beside_its_field_and_nothing_typed_is_lost(
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
    def test_what_the_form_does_not_ask_is_not_taken(self, ward, patient, extra):
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
        ward.post(page(patient, "weight"), weighed(weight_kg="83", version="2", reason="Scale read wrongly"))

        assert stored(patient).weight_kg == 83
        assert Infusion.history.order_by("-history_id")[0].history_change_reason == "Scale read wrongly"

    def test_the_infusion_takes_the_saved_weight_without_a_reason(self, ward, patient):
        ward.post(page(patient, "weight"), weighed())
        ward.post(page(patient), bedside(version="2"))

        assert stored(patient).state == "given"


class TestAmending:
    @pytest.fixture(autouse=True)
    def _given(self, ward, patient):
        ward.post(page(patient), bedside())

    def test_the_stored_answers_stand_in_the_form(self, ward, patient):
        html = ward.get(f"{page(patient)}?change=1").content.decode()

        for value in ("82.40", f"{FIRST} 10:00", "100.00", "Paracetamol 1 g"):
            assert f'value="{value}"' in html

    def test_a_change_needs_a_reason(self, ward, patient):
        """AUD-04."""
        assert "reason" in errors_of(ward.post(page(patient), bedside(volume_ml="90", version="2")))
        ward.post(page(patient), bedside(volume_ml="90", version="2", reason="Read from the pump"))

        assert stored(patient).volume_ml == 90
        assert Infusion.history.order_by("-history_id")[0].history_change_reason == "Read from the pump"

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
        ward.post(page(patient), bedside(volume_ml="90", version=version, reason="Mine is right"))

        assert stored(patient).volume_ml == 90

    def test_a_double_click_saves_once(self, ward, patient):
        """REL-13: the same answers a second time are no conflict, also when written differently."""
        response = ward.post(page(patient), bedside(weight_kg="82.40", started="10mar26 10:00"))

        assert (response.status_code, response.url) == (302, page(patient))
        assert stored(patient).version == 2

    def test_an_infusion_recorded_in_error_is_taken_back_and_the_trail_keeps_it(self, ward, patient):
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


class TestWhatIsRefused:
    def test_the_infusions_follow_their_order(self, ward, patient):
        response = ward.post(page(patient, number=2), bedside(SECOND))

        assert response.status_code == 422
        assert "Infusion 1 is still planned: record it first." in text_of(response)

    def test_a_patient_whose_study_ended_receives_nothing_after(self, ward, patient):
        """PRV-03."""
        by = build.user("investigator", trial=patient.trial)
        with acting(user=by, role="investigator"):
            end_study(patient=patient, on=INCLUDED, reason="withdrawal", note="Everything", by=by)
        response = ward.post(page(patient), bedside("12-Mar-2026"))

        assert response.status_code == 422
        assert "study ended" in text_of(response).lower()
        assert stored(patient).state == "planned"

    def test_before_inclusion_there_is_nothing_to_record(self, trial, ward):
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        for name in ("infusion", "weight", "not-given"):
            assert ward.get(page(patient, name)).status_code == 404
            assert ward.post(page(patient, name), bedside()).status_code == 404

    def test_what_stands_in_the_way_is_said_before_anything_is_typed(self, ward, patient):
        """P11-06."""
        response = ward.get(page(patient, number=2))

        assert "Infusion 1 is still planned: record it first." in text_of(response)
        assert "form" not in response.context

    @pytest.mark.parametrize("number", ["0", "4", "99999999999999999999", "x", "-1"])
    def test_an_infusion_that_does_not_exist_is_not_found(self, ward, patient, number):
        assert ward.get(page(patient).replace("/1/", f"/{number}/")).status_code == 404


class TestRights:
    @pytest.mark.parametrize("role", READERS)
    def test_who_may_only_read_cannot_write_at_the_bedside(self, trial, patient, role):
        """ACC-01, ACC-02."""
        browser = build.client(build.user(role, trial=trial))
        response = browser.get(page(patient))

        assert response.status_code == 200
        assert "<form" not in text_of(response)
        assert "card entry" not in response.content.decode()
        assert browser.post(page(patient), bedside()).status_code == 403
        for name in ("weight", "not-given"):
            assert browser.get(page(patient, name)).status_code == 403
            assert browser.post(page(patient, name), bedside(reason="No")).status_code == 403
        assert stored(patient).state == "planned"

    @pytest.mark.parametrize("role", [*WRITERS, *READERS[1:]])
    def test_only_the_cell_laboratory_writes_the_product(self, trial, patient, role):
        """ACC-02."""
        browser = build.client(build.user(role, trial=trial))

        assert browser.get(page(patient, "preparation")).status_code == 200
        assert browser.post(page(patient, "preparation"), product()).status_code == 403
        assert browser.post(page(patient, "dose"), {"viable_cells": "200"}).status_code == 403
        assert not Preparation.objects.exists()

    @pytest.mark.parametrize("name", ["infusion", "weight", "not-given", "preparation"])
    def test_another_trials_infusion_does_not_exist(self, patient, name):
        """SEC-02."""
        other = build.trial(build.COVID_MSV)
        for role in ("investigator", "cell_laboratory"):
            stranger = build.client(build.user(role, trial=other))
            assert stranger.get(page(patient, name)).status_code == 404
            mine = page(patient, name).replace("nct04445454", "nct04361942")
            assert stranger.get(mine).status_code in {403, 404}
            assert stranger.post(mine, product() | bedside()).status_code in {403, 404}

    def test_nobody_reads_without_signing_in(self, client, trial, patient):
        """P11-04."""
        for address in (listing(trial), page(patient), page(patient, "preparation")):
            assert "login" in client.get(address).url

    def test_a_page_that_is_only_read_refuses_to_be_posted_to(self, ward, trial):
        assert ward.post(listing(trial)).status_code == 405
        assert ward.post(reverse("dosing:allocation", args=[trial.slug])).status_code == 405

    def test_the_dose_is_only_asked_by_posting(self, laboratory, patient):
        assert laboratory.get(page(patient, "dose")).status_code == 405


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
        assert "247.2 ×10⁶ ÷ Weight of the day 82.40 kg = Dose 3.00 ×10⁶/kg" in text_of(response)
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
    def test_the_dose_is_told_while_it_is_typed(self, laboratory, patient, cells, dose, finding):
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
    def test_an_unfinished_number_is_told_in_a_sentence_and_no_dose_stays(
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
            ("donor_code", "", "required"),
            ("lot", "", "required"),
            ("lot", "x" * 61, "at most 60"),
            ("thawed", "31-Mar-2026 09:00", "has not come yet"),
            ("thawed", "yesterday-ish", "is not a date"),
            ("version", "x", "whole number"),
        ],
    )
    def test_a_refused_answer_is_told_beside_its_field(self, laboratory, patient, field, value, sentence):
        """DAT-04."""
        told = errors_of(laboratory.post(page(patient, "preparation"), product(bag="Kept") | {field: value}))
        beside = "dose_deviation_reason" if "range" in sentence else field

        assert sentence in told[beside]
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
        """CEL-10: the bedside is not asked; whoever may know the product sees it."""
        laboratory.post(page(patient, "preparation"), product())
        ward.post(page(patient, "weight"), weighed(weight_kg="80", version="2", reason="Scale read wrongly"))

        assert "Above the range, no reason yet" in text_of(laboratory.get(page(patient, "preparation")))
        assert "3.09 Above the range, no reason yet" in text_of(ward.get(listing(trial)))

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
        other = product(donor_code="D-18", thawed="")
        told = errors_of(laboratory.post(page(patient, "preparation", 2), other))
        assert "Infusion 1 came from donor D-17" in told["donor_code"]
        other["donor_deviation_reason"] = "No bag of D-17 is left"
        laboratory.post(page(patient, "preparation", 2), other)

        assert Preparation.objects.get(infusion__number=2).donor_deviation_reason == "No bag of D-17 is left"

    def test_without_the_weight_of_the_day_no_product_is_recorded(self, laboratory, patient):
        """CEL-09: missing weight, refused."""
        response = laboratory.post(page(patient, "preparation", 2), product())

        assert response.status_code == 422
        assert "weight of the day is not recorded yet" in text_of(response)

    def test_a_change_needs_a_reason_and_a_stale_form_shows_both_values(self, laboratory, patient):
        """AUD-04, DAT-11."""
        laboratory.post(page(patient, "preparation"), product())
        assert "reason" in errors_of(
            laboratory.post(page(patient, "preparation"), product(lot="L-2", version="1"))
        )
        stale = laboratory.post(page(patient, "preparation"), product(lot="L-2"))

        assert stale.status_code == 409
        assert stale.context["differences"] == [("Lot", "L-1", "L-2")]
        assert Preparation.objects.get().lot == "L-1"

    def test_a_version_that_never_was_is_a_conflict(self, laboratory, patient):
        assert laboratory.post(page(patient, "preparation"), product(version="7")).status_code == 409

    def test_a_double_click_saves_once(self, laboratory, patient):
        """REL-13."""
        for _click in range(2):
            response = laboratory.post(page(patient, "preparation"), product())

        assert response.status_code == 302
        assert Preparation.objects.get().version == 1


class TestTheMaskedTrial:
    @pytest.fixture
    def masked(self):
        return build.trial(build.COVID_MSV)

    @pytest.fixture
    def arms(self, masked):
        """Patients of both arms by arm, with the weight of the day recorded."""
        ward = build.client(build.user("coordinator", trial=masked))
        found = {}
        while len(found) < 2:
            patient = build.enrolled(trial=masked, on=INCLUDED)
            found[AllocationSlot.objects.get(patient=patient).arm] = patient
            ward.post(page(patient, "weight"), weighed(weight_kg="70"))
        return found

    def test_an_arm_without_cells_takes_zero_cells(self, masked, arms):
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        placebo = arms["placebo"]
        none = product(viable_cells="0", donor_code="", viability_percent="", thawed="")
        response = laboratory.post(page(placebo, "preparation"), none, follow=True)

        assert (Preparation.objects.get().viable_cells, Preparation.objects.get().dose_finding) == (0, "")
        assert "receives no cells" in text_of(response)
        assert "Placebo" in text_of(response)

    def test_cells_for_an_arm_without_cells_are_refused(self, masked, arms):
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        told = errors_of(laboratory.post(page(arms["placebo"], "preparation"), product(viable_cells="70")))

        assert "receives no cells" in told["viable_cells"]

    @pytest.mark.parametrize(
        "role", ["coordinator", "investigator", "monitor", "data_manager", "administrator"]
    )
    @pytest.mark.parametrize("recorded", [False, True])
    def test_a_blinded_role_is_refused_alike_whatever_the_arm_and_whatever_is_stored(
        self, masked, arms, role, recorded
    ):
        """BLD-01, BLD-02."""
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        if recorded:
            laboratory.post(page(arms["cells"], "preparation"), product(viable_cells="70"))
        browser = build.client(build.user(role, trial=masked))
        for patient in arms.values():
            for number in (1, 2):
                assert browser.get(page(patient, "preparation", number)).status_code == 403
                assert browser.post(page(patient, "preparation", number), product()).status_code == 403
                assert browser.post(page(patient, "dose", number), {"viable_cells": "7"}).status_code == 403
        assert browser.get(reverse("dosing:allocation", args=[masked.slug])).status_code == 403

    def test_the_bedside_page_of_a_blinded_role_knows_no_product(self, masked, arms):
        """BLD-01."""
        laboratory = build.client(build.user("cell_laboratory", trial=masked))
        laboratory.post(page(arms["cells"], "preparation"), product(viable_cells="70"))
        browser = build.client(build.user("coordinator", trial=masked))
        response = browser.get(page(arms["cells"]))

        assert "product" not in response.context
        assert "L-1" not in text_of(response)
        assert "Product" not in text_of(browser.get(listing(masked)))

    @pytest.mark.parametrize("where", ["infusion", "preparation", "listing", "allocation"])
    def test_reading_the_treatment_leaves_an_event_that_only_the_unblinded_read(self, masked, arms, where):
        """AUD-08, BLD-03."""
        address = (
            page(arms["cells"], where)
            if where in {"infusion", "preparation"}
            else (reverse(f"dosing:{where}", args=[masked.slug]))
        )
        seen = AccessEvent.objects.filter(kind="treatment_seen")
        build.client(build.user("monitor", trial=masked)).get(address)
        assert not seen.exists()
        build.client(build.user("inspector", trial=masked)).get(address)

        assert [event.see for event in seen] == ["see_treatment"]

    def test_the_listing_leads_the_unblinded_to_the_allocation_list(self, masked, arms):
        for role, there in (("statistician", True), ("coordinator", False)):
            html = build.client(build.user(role, trial=masked)).get(listing(masked)).content.decode()
            assert ("allocation/" in html) is there

    def test_the_unblinded_read_how_the_list_was_made_and_who_holds_which_place(self, masked, arms):
        """RND-01."""
        browser = build.client(build.user("statistician", trial=masked))
        made = AllocationList.objects.get()
        address = reverse("dosing:allocation", args=[masked.slug])
        shown = text_of(browser.get(address, {"taken": "yes"}))

        for words in (
            "permuted-blocks-1",
            "concealed until the trial is locked",
            "2, 4",
            "MSV-allo",
            "Placebo",
            *(each.code for each in arms.values()),
        ):
            assert words in shown
        assert made.seed not in shown
        assert browser.get(address, {"taken": "no"}).context["listing"].total > 0


class TestTheOpenTrial:
    def test_reading_a_product_that_everybody_knows_leaves_no_event(self, ward, patient):
        ward.get(page(patient))
        ward.get(page(patient, "preparation"))

        assert not AccessEvent.objects.filter(kind="treatment_seen").exists()

    def test_a_trial_that_does_not_randomise_says_so(self, ward, trial):
        response = ward.get(reverse("dosing:allocation", args=[trial.slug]))
        assert "This trial allocates nobody" in text_of(response)

    def test_before_the_first_signature_there_is_no_list(self):
        masked = build.trial(build.COVID_MSV)
        browser = build.client(build.user("statistician", trial=masked))
        response = browser.get(reverse("dosing:allocation", args=[masked.slug]))

        assert "first signs that a patient is eligible" in text_of(response)


class TestTheListing:
    def rows(self, response) -> list[tuple[str, int]]:
        return [(row.object.patient.code, row.object.number) for row in response.context["listing"].rows]

    def test_every_infusion_of_the_trial_is_listed_in_order(self, ward, patient, trial):
        build.enrolled(trial=build.trial(build.COVID_MSV), on=INCLUDED)
        assert self.rows(ward.get(listing(trial))) == [(patient.code, number) for number in (1, 2, 3)]

    def test_the_overdue_are_marked_and_found(self, ward, patient, trial):
        ward.post(page(patient), bedside())
        response = ward.get(listing(trial), {"overdue": "yes"})

        assert self.rows(response) == [(patient.code, 2), (patient.code, 3)]
        assert text_of(response).count("Overdue") >= 3
        assert self.rows(ward.get(listing(trial), {"overdue": "no"})) == [(patient.code, 1)]

    @pytest.mark.parametrize(("day", "late"), [(12, 0), (13, 1)])
    def test_an_infusion_is_overdue_from_the_day_after_its_last_day(self, ward, patient, trial, day, late):
        """First infusion within two days of inclusion on the tenth."""
        with time_machine.travel(datetime(2026, 3, day, 12, tzinfo=UTC), tick=False):
            response = build.client(build.user("monitor", trial=trial)).get(
                listing(trial), {"overdue": "yes"}
            )
        assert len(self.rows(response)) == late

    def test_a_patient_who_left_has_no_overdue_infusion(self, ward, patient, trial):
        by = build.user("investigator", trial=trial)
        with acting(user=by, role="investigator"):
            end_study(patient=patient, on=INCLUDED, reason="death", note="", by=by)
        assert self.rows(ward.get(listing(trial), {"overdue": "yes"})) == []

    def test_the_status_filters(self, ward, patient, trial):
        by = build.user("coordinator", trial=trial)
        row = stored(patient)
        row.patient = patient
        with acting(user=by, role="coordinator"):
            mark_not_given(infusion=row, reason="Fever", version=1, by=by)
        assert self.rows(ward.get(listing(trial), {"state": "not_given"})) == [(patient.code, 1)]

    @pytest.mark.parametrize(
        "asked", [{"state": "x"}, {"overdue": "maybe"}, {"sort": "started"}, {"after": "forged"}]
    )
    def test_what_cannot_be_asked_is_a_bad_request(self, ward, trial, patient, asked):
        assert ward.get(listing(trial), asked).status_code == 400

    def test_product_columns_are_there_only_for_those_who_may_know(self, trial, patient):
        """BLD-01: in the masked trial not even their heads."""
        masked = build.trial(build.COVID_MSV)
        build.enrolled(trial=masked, on=INCLUDED)
        product_columns = {"donor", "lot", "viable_cells", "cells_per_kg", "dose"}
        seen = {}
        for each, role in ((trial, "monitor"), (masked, "monitor"), (masked, "statistician")):
            browser = build.client(build.user(role, trial=each))
            seen[each.slug, role] = {c.name for c in browser.get(listing(each)).context["listing"].columns}

        assert product_columns <= seen[trial.slug, "monitor"]
        assert product_columns <= seen[masked.slug, "statistician"]
        assert not product_columns & seen[masked.slug, "monitor"]

    def test_the_csv_holds_every_row_and_leaves_a_trace(self, ward, patient, trial):
        """AUD-08."""
        ward.post(page(patient), bedside())
        response = ward.get(listing(trial), {"format": "csv"})
        lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()

        assert len(lines) == 4
        assert lines[1].startswith(f"{patient.code},1,")
        assert "2026-03-10T10:00+01:00[Europe/Brussels]" in lines[1]
        assert AccessEvent.objects.filter(kind="exported").count() == 1

    def queries(self, role: str, trial) -> int:
        browser = build.client(build.user(role, trial=trial))
        browser.get(listing(trial))
        with CaptureQueriesContext(
            connection,
        ) as found:
            assert browser.get(listing(trial)).status_code == 200
        return len(found)

    @pytest.mark.parametrize("slug", [build.LIEGE, build.COVID_MSV])
    @pytest.mark.parametrize("role", ["coordinator", "statistician"])
    def test_three_rows_cost_as_many_queries_as_one(self, slug, role):
        trial = build.trial(slug)
        cohort.patients(trial, 1)
        few = self.queries(role, trial)
        cohort.patients(trial, 2)

        assert self.queries(role, trial) == few
        assert few <= 14


def test_the_days_of_the_next_infusion_follow_the_one_that_was_given(ward, patient):
    """CEL-11: three to four days after it."""
    ward.post(page(patient), bedside("11-Mar-2026"))
    second = stored(patient, 2)

    assert (second.window_from, second.window_to) == (INCLUDED + timedelta(4), INCLUDED + timedelta(5))
    assert "14-Mar-2026 – 15-Mar-2026" in text_of(ward.get(page(patient, number=2)))
