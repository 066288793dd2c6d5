"""The weight in the case of an event is that of the time at which it began (E2B(R3) D.3, ICS-01)."""

from datetime import date
from decimal import Decimal

import pytest

from patients.models import Record
from patients.participation.weights import KnownWeight, weight_on
from safety.models import AdverseEvent
from safety.sae_reports.completeness import checked_case
from tests.support import build
from tests.support.study.bedside import FIRST, INCLUDED, give, on

MARCH_10, MARCH_12, MARCH_14 = (date(2026, 3, day) for day in (10, 12, 14))


def weights(*pairs: tuple[str, date]) -> list[KnownWeight]:
    return [KnownWeight(Decimal(kg), day, "") for kg, day in pairs]


@pytest.mark.parametrize(
    ("day", "kg"),
    [
        (MARCH_10, "82.4"),
        (date(2026, 3, 11), "82.4"),
        (MARCH_12, "90"),
        (date(2026, 3, 13), "90"),
        (date(2027, 1, 1), "88"),
        (date(2026, 3, 9), "82.4"),
    ],
)
def test_the_newest_weight_until_the_day_counts_else_the_first_one_after_it(day, kg):
    known = weights(("88", MARCH_14), ("82.4", MARCH_10), ("90", MARCH_12))
    found = weight_on(known, day)
    assert found is not None
    assert found.kg == Decimal(kg)


def test_of_one_day_the_weight_named_last_counts():
    """Forms are named before infusions."""
    found = weight_on(weights(("82.4", MARCH_10), ("84", MARCH_10)), MARCH_10)
    assert found is not None
    assert found.kg == 84


def test_without_a_weight_there_is_none():
    assert weight_on([], MARCH_10) is None


@pytest.mark.parametrize(("kg", "kept"), [("82.40", "82.40"), ("82.417685", "82.42"), ("70", "70")])
def test_a_weight_converted_from_pounds_keeps_two_decimals(kg, kept):
    """D.3 has six characters."""
    assert str(KnownWeight(Decimal(kg), MARCH_10, "").hundredths) == kept


@pytest.mark.django_db
@pytest.mark.usefixtures("known_day", "nurse_acts")
class TestTheCase:
    @pytest.fixture
    def patient(self, trial, known_day):
        return build.enrolled(trial=trial, on=INCLUDED)

    def told(self, patient, onset: str) -> str:
        """Return D.3 of an event with this onset."""
        event = build.event(patient=patient, onset=build.moment(onset))
        row = AdverseEvent.objects.select_related("patient__trial__protocol", "patient__protocol").get(
            pk=event.pk
        )
        return checked_case(event=row, reports=[]).case.patient.weight_kg

    def test_an_event_before_the_infusion_has_the_weight_of_screening(self, patient, nurse):
        give(patient, FIRST, on("12-Mar-2026", weight_kg=Decimal("84.50")), nurse)
        assert self.told(patient, "11-Mar-2026 23:50") == "82.4"

    def test_a_reaction_to_the_infusion_has_the_weight_of_that_day(self, patient, nurse):
        """The same in both arms: every patient is weighed."""
        give(patient, FIRST, on("12-Mar-2026", weight_kg=Decimal("84.50")), nurse)
        assert self.told(patient, "12-Mar-2026 10:40") == "84.5"
        assert self.told(patient, "20-Mar-2026") == "84.5"

    def test_an_onset_of_which_only_the_month_is_known_has_the_newest_weight_of_the_month(
        self, patient, nurse
    ):
        """DAT-08."""
        give(patient, FIRST, on("12-Mar-2026", weight_kg=Decimal("84.50")), nurse)
        assert self.told(patient, "Mar-2026") == "84.5"

    def test_a_weight_entered_in_error_is_in_no_case(self, patient):
        build.struck_out(Record.objects.get(patient=patient, form="demography"))
        assert self.told(patient, "20-Mar-2026") == ""

    def test_a_weight_entered_in_pounds_is_told_in_kilograms(self, trial, known_day):
        in_pounds = {"value": "81.646560", "entered": "180", "unit": "lb"}
        patient = build.enrolled(trial=trial, on=INCLUDED, demography={"weight": in_pounds})
        assert self.told(patient, "20-Mar-2026") == "81.65"
