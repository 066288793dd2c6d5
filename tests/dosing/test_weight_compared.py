"""The weight of the day is compared with the patient's own earlier weights: which ones count, and which do not."""

from datetime import date
from decimal import Decimal

import pytest

from accounts.models import User
from audit.context import acting
from dosing.infusions.administration import record_weight
from dosing.infusions.weights import age_errors, last_weight
from dosing.models import Infusion
from patients.models import Patient, Record, Visit
from patients.participation.visits import hold_visit
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.bedside import FIRST, INCLUDED, SECOND, THIRD, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]

USUAL = Decimal("82.4")
HEAVY = Decimal("120")


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def neighbour(patient):
    """Another patient included on the same day, of 120 kg."""
    return build.neighbour(patient, demography={"weight": "120"})


def known(patient, number=FIRST, until=None):
    """Return the weight offered for an infusion: kilograms and source."""
    found = last_weight(stored(patient, number), until)
    return (found.kg, found.source) if found else None


def vitals(patient, code: str, day: date, nurse, **values: str) -> Record:
    visit = Visit.objects.select_related("patient").get(patient=patient, code=code)
    hold_visit(visit=visit, on=day, by=nurse)
    return build.record(patient, "vitals", values, visit=code, draft=True, by=nurse)


def walker(profile: str) -> tuple[Patient, User]:
    """Return a patient of the trial WALK, and who entered it, with a weight in another form as that of the profile."""
    item = '{ name = "kg", type = "decimal", label = { en = "Weight" }, unit = "kg", required = false },'
    head, form = amended_protocol.text("1.0").split(f"[forms.{profile}]\n")
    text = f"{head}[forms.{profile}]\n" + form.replace("items = [\n", f"items = [\n  {item}\n", 1)
    walking = build.version(f'{text}\n[profile]\nweight = "{profile}.kg"\n').trial
    by = build.user("investigator", trial=walking)
    return amended_protocol.enrolled(walking, by=by, on=INCLUDED), by


class TestWhoseWeight:
    """CEL-09: a change of more than 10 % is asked about; the weight compared with is the patient's own."""

    def test_the_form_of_another_patient_is_not_offered(self, patient, neighbour):
        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")
        assert known(neighbour) == (HEAVY, "Demography, 10-Mar-2026")

    def test_the_infusion_of_another_patient_is_not_offered(self, patient, neighbour, nurse):
        give(neighbour, FIRST, on("11-Mar-2026", weight_kg=HEAVY), nurse)

        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")
        assert give(patient, FIRST, on("12-Mar-2026"), nurse).weight_confirmation == ""

    def test_a_patient_of_the_same_weight_as_another_is_still_asked(self, patient, neighbour, nurse):
        told = refused(give, patient, FIRST, on("10-Mar-2026", weight_kg=HEAVY), nurse)
        assert list(told) == ["weight_confirmation"]


class TestWhichWeight:
    def test_a_form_entered_in_error_is_not_offered(self, patient, nurse):
        build.struck_out(Record.objects.get(patient=patient, form="demography"))

        assert known(patient) is None
        assert give(patient, FIRST, on("10-Mar-2026", weight_kg=HEAVY), nurse).weight_kg == HEAVY

    def test_the_infusion_itself_is_no_earlier_weight(self, patient, nurse):
        """A weight entered wrongly can be corrected back to the one of the form."""
        sure = on("10-Mar-2026", weight_kg=HEAVY, weight_confirmation="Weighed twice")
        give(patient, FIRST, sure, nurse)

        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")
        assert give(patient, FIRST, on("10-Mar-2026"), nurse, reason="misread").weight_kg == USUAL

    def test_a_planned_infusion_without_a_weight_is_not_offered(self, patient):
        assert Infusion.objects.filter(patient=patient, weight_kg=None).count() == 3
        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")

    def test_the_latest_of_several_infusions_is_offered(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(84)), nurse)
        give(patient, SECOND, on("13-Mar-2026", weight_kg=Decimal(86)), nurse)

        assert known(patient, THIRD) == (Decimal(86), "Infusion 2, 13-Mar-2026")

    def test_a_form_after_the_infusion_is_offered_before_the_next_one(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(84)), nurse)
        vitals(patient, "D1", date(2026, 3, 11), nurse, weight="90")

        assert known(patient, SECOND) == (Decimal(90), "Vital signs, 11-Mar-2026")

    def test_a_later_weight_is_not_compared_with_an_earlier_infusion(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        vitals(patient, "D28", date(2026, 3, 30), nurse, weight="60")

        assert known(patient, FIRST, date(2026, 3, 10)) == (USUAL, "Demography, 10-Mar-2026")
        assert known(patient, FIRST, date(2026, 3, 29)) == (USUAL, "Demography, 10-Mar-2026")
        assert known(patient, FIRST, date(2026, 3, 30)) == (Decimal(60), "Vital signs, 30-Mar-2026")
        amended = give(patient, FIRST, on("10-Mar-2026", volume_ml=Decimal(90)), nurse, reason="misread")
        assert amended.volume_ml == 90

    def test_on_one_day_the_weight_of_the_infusion_comes_before_that_of_a_form(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(84)), nurse)

        assert known(patient, SECOND) == (Decimal(84), "Infusion 1, 10-Mar-2026")

    def test_on_one_day_the_form_of_the_dosing_rules_comes_before_the_profile(self, patient, nurse):
        """Whichever was entered last: vital signs before demography."""
        build.struck_out(Record.objects.get(patient=patient, form="demography"))
        vitals(patient, "SCR", INCLUDED, nurse, weight="85")
        build.record(patient, "demography", {"weight": "82.4"}, draft=True, by=nurse)

        assert known(patient) == (Decimal(85), "Vital signs, 10-Mar-2026")

    def test_a_trial_without_a_profile_offers_the_weight_of_its_dosing_rules(self, known_day):
        walking = amended_protocol.trial()
        by = build.user("investigator", trial=walking)
        assert walking.rules.profile.weight is None
        assert known(amended_protocol.enrolled(walking, by=by, on=INCLUDED)) == (
            Decimal(80),
            "Intake, 10-Mar-2026",
        )

    def test_on_one_day_the_order_is_that_of_the_rules_and_not_of_the_names_of_the_forms(self, known_day):
        """The dosing rules name the intake, and the profile the vital signs."""
        patient, by = walker(profile="vitals")
        build.record(patient, "vitals", {"kg": "85"}, draft=True, by=by)

        assert known(patient) == (Decimal(80), "Intake, 10-Mar-2026")

    def test_a_row_of_a_log_has_no_day_and_is_not_offered(self, known_day):
        patient, by = walker(profile="notes")
        build.record(patient, "notes", {"kg": "90"}, visit=None, draft=True, by=by)

        assert known(patient) == (Decimal(80), "Intake, 10-Mar-2026")

    def test_the_form_of_a_visit_without_a_day_is_not_offered(self, patient, nurse):
        with acting(system="test"):
            record = vitals(patient, "D1", date(2026, 3, 11), nurse, weight="85")
            Visit.objects.filter(pk=record.visit_id).update(state="planned", held_on=None, planned_on=None)

        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")

    def test_a_form_without_a_weight_offers_none(self, patient, nurse):
        vitals(patient, "D1", date(2026, 3, 11), nurse, hr="70")

        assert known(patient) == (USUAL, "Demography, 10-Mar-2026")


class TestUnusualWeight:
    """CEL-09: a weight of 30 to 250 kg is usual."""

    @pytest.fixture(autouse=True)
    def _nothing_to_compare_with(self, patient):
        build.struck_out(Record.objects.get(patient=patient, form="demography"))

    @pytest.mark.parametrize("kg", ["250.01", "29.99"])
    def test_a_weight_above_250_or_below_30_kg_is_asked_about(self, patient, nurse, kg):
        facts = on("10-Mar-2026", weight_kg=Decimal(kg))
        told = refused(give, patient, FIRST, facts, nurse)
        assert told == {
            "weight_confirmation": [f"{kg} kg is unusual. If it is right, enter how it was confirmed."]
        }
        sure = {**facts, "weight_confirmation": "Bed scale, twice"}
        assert give(patient, FIRST, sure, nurse).weight_confirmation == "Bed scale, twice"

    @pytest.mark.parametrize("kg", ["250", "30"])
    def test_a_weight_of_250_or_30_kg_is_not(self, patient, nurse, kg):
        assert give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(kg)), nurse).state == "given"


class TestWhenWeighed:
    def test_the_weighing_has_a_time(self, patient, nurse):
        told = refused(give, patient, FIRST, on("10-Mar-2026", weight_measured=moment("10-Mar-2026")), nurse)
        assert told == {"weight_measured": ["Enter the day and the time of the weighing."]}

    def test_a_weighing_at_the_minute_of_the_start_is_in_time(self, patient, nurse):
        facts = on("10-Mar-2026", weight_measured=moment("10-Mar-2026 10:00"))
        assert give(patient, FIRST, facts, nurse).state == "given"

    def test_the_protocol_says_how_old_a_weight_may_be(self):
        """The third trial allows 72 hours."""
        knees = build.trial("third")
        by = build.user("coordinator", trial=knees)
        patient = build.patient(trial=knees, by=by, screened_on=INCLUDED)
        started = moment("13-Mar-2026 10:00")
        assert age_errors(patient, moment("10-Mar-2026 10:00"), started) == {}
        assert age_errors(patient, moment("10-Mar-2026 09:59"), started) == {
            "weight_measured": "At the start the weight was older than 72 hours. Weigh again."
        }

    def test_a_trial_without_a_product_takes_a_weight_of_one_day(self, known_day):
        """An amendment that drops the product leaves the infusions that it had planned."""
        patient = build.patient(trial=amended_protocol.without_product(), screened_on=INCLUDED)
        started = moment("11-Mar-2026 10:00")

        assert last_weight(Infusion(patient=patient, number=1)) is None
        assert age_errors(patient, moment("10-Mar-2026 10:00"), started) == {}
        assert age_errors(patient, moment("10-Mar-2026 09:59"), started) == {
            "weight_measured": "At the start the weight was older than 24 hours. Weigh again."
        }

    def test_the_weight_can_be_recorded_in_the_minute_of_the_weighing(self, patient, nurse):
        """It is 12:00 at the site."""
        row = record_weight(
            infusion=stored(patient, FIRST), weight_kg=USUAL, by=nurse, version=1,
            weight_measured=moment("30-Mar-2026 12:00"),
        )  # fmt: skip
        assert row.weight_kg == USUAL


def test_acting_for_another_patient_changes_nothing_of_the_first(patient, neighbour, nurse):
    with acting(user=nurse, role="coordinator"):
        give(neighbour, FIRST, on("10-Mar-2026", weight_kg=HEAVY), nurse)

    assert [row.state for row in Infusion.objects.filter(patient=patient)] == ["planned"] * 3
    assert Visit.objects.get(patient=patient, code="INF1").state == "planned"
