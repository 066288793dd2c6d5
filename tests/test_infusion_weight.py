"""The weight of the day that decides the dose: how old, how likely, never rounded."""

from decimal import Decimal

import pytest

from dosing.administration import record_weight
from dosing.weights import KnownWeight
from tests import build
from tests.bedside import FIRST, INCLUDED, NOW, SECOND, give, on, stored
from tests.build import moment
from tests.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "coordinator_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestWeight:
    """CEL-09."""

    def test_a_weight_older_than_the_protocol_allows_is_refused_at_the_minute(self, patient, coordinator):
        day_old = moment("10-Mar-2026 10:00")
        facts = on("11-Mar-2026", weight_measured=day_old)
        late = {**facts, "started": moment("11-Mar-2026 10:01")}
        told = refused(give, patient, FIRST, late, coordinator)
        assert told == {"weight_measured": ["At the start the weight was older than 24 hours. Weigh again."]}
        assert give(patient, FIRST, facts, coordinator).state == "given"

    def test_a_weight_measured_after_the_start_cannot_have_decided_the_dose(self, patient, coordinator):
        facts = on("10-Mar-2026", weight_measured=moment("10-Mar-2026 10:01"))
        assert "after the start" in refused(give, patient, FIRST, facts, coordinator)["weight_measured"][0]

    @pytest.mark.parametrize("kg", ["24.99", "350.01", "0", "-82.4"])
    def test_a_weight_nobody_has_is_refused_even_with_a_word(self, patient, coordinator, kg):
        facts = on("10-Mar-2026", weight_kg=Decimal(kg), weight_confirmation="weighed twice")
        told = refused(give, patient, FIRST, facts, coordinator)
        assert told == {"weight_kg": ["A weight lies between 25 and 350 kg. Weigh again."]}

    @pytest.mark.parametrize(("kg", "shown"), [("81.7372784", "81.74"), ("82.4", "82.4"), ("82.40", "82.40")])
    def test_a_weight_in_pounds_is_offered_with_two_decimals(self, kg, shown):
        assert KnownWeight(Decimal(kg), NOW.date(), "Demography").shown == shown

    def test_a_weight_is_never_rounded(self, patient, coordinator):
        """DAT-10."""
        facts = on("10-Mar-2026", weight_kg=Decimal("82.405"))
        assert "nothing is rounded" in refused(give, patient, FIRST, facts, coordinator)["weight_kg"][0]

    def test_a_jump_of_more_than_a_tenth_is_confirmed_in_words(self, patient, coordinator):
        """The evidence says 82.4 kg on the day of screening."""
        facts = on("10-Mar-2026", weight_kg=Decimal("90.65"))
        told = refused(give, patient, FIRST, facts, coordinator)
        assert told == {
            "weight_confirmation": [
                "The weight was 82.4 kg (Demography, 10-Mar-2026). If 90.65 kg is right, say how you made sure."
            ]
        }
        sure = {**facts, "weight_confirmation": "Weighed twice, oedema"}
        assert give(patient, FIRST, sure, coordinator).weight_confirmation == "Weighed twice, oedema"

    def test_exactly_a_tenth_is_no_jump(self, patient, coordinator):
        assert (
            give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), coordinator).state == "given"
        )

    def test_the_next_weight_is_compared_with_the_latest_one(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), coordinator)
        assert (
            give(patient, SECOND, on("13-Mar-2026", weight_kg=Decimal("99.7")), coordinator).state == "given"
        )

    def test_the_weight_can_be_recorded_before_the_infusion(self, patient, coordinator):
        """CEL-09: the laboratory needs it before the thaw."""
        row = record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("82.4"), by=coordinator, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert (row.state, row.weight_kg, row.version) == ("planned", Decimal("82.4"), 2)
        assert give(patient, FIRST, on("10-Mar-2026"), coordinator).version == 3

    def test_another_weight_than_the_one_saved_needs_a_reason(self, patient, coordinator):
        """AUD-04: the product may have been prepared for it."""
        record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("84"), by=coordinator, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert list(refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)) == ["reason"]
        assert give(patient, FIRST, on("10-Mar-2026"), coordinator, reason="misread").weight_kg == Decimal(
            "82.4"
        )

    def test_the_weight_of_a_recorded_infusion_is_amended_with_the_infusion(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        told = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=coordinator,
            weight_measured=moment("10-Mar-2026 08:00"), version=2, reason="x",
        )  # fmt: skip
        assert told == {"": ["This infusion is already recorded: amend it there."]}

    def test_a_weight_of_the_future_is_refused(self, patient, coordinator):
        told = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=coordinator,
            weight_measured=moment("31-Mar-2026 08:00"), version=1,
        )  # fmt: skip
        assert list(told) == ["weight_measured"]
