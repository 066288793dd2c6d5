"""The weight of the day: its age, its plausibility, and that it is never rounded."""

from decimal import Decimal

import pytest

from dosing.infusions.administration import record_weight
from dosing.infusions.weights import KnownWeight
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import FIRST, INCLUDED, NOW, SECOND, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestWeight:
    """CEL-09."""

    def test_a_weight_older_than_the_protocol_allows_is_refused_at_the_minute(self, patient, nurse):
        day_old = moment("10-Mar-2026 10:00")
        facts = on("11-Mar-2026", weight_measured=day_old)
        late = {**facts, "started": moment("11-Mar-2026 10:01")}
        messages = refused(give, patient, FIRST, late, nurse)
        assert messages == {
            "weight_measured": ["At the start the weight was older than 24 hours. Weigh again."]
        }
        assert give(patient, FIRST, facts, nurse).state == "given"

    def test_a_weight_measured_after_the_start_cannot_have_decided_the_dose(self, patient, nurse):
        facts = on("10-Mar-2026", weight_measured=moment("10-Mar-2026 10:01"))
        assert "after the start" in refused(give, patient, FIRST, facts, nurse)["weight_measured"][0]

    @pytest.mark.parametrize("kg", ["24.99", "350.01", "0", "-82.4"])
    def test_a_weight_nobody_has_is_refused_even_with_a_word(self, patient, nurse, kg):
        facts = on("10-Mar-2026", weight_kg=Decimal(kg), weight_confirmation="weighed twice")
        messages = refused(give, patient, FIRST, facts, nurse)
        assert messages == {"weight_kg": ["A weight lies between 25 and 350 kg. Weigh again."]}

    @pytest.mark.parametrize(("kg", "shown"), [("81.7372784", "81.74"), ("82.4", "82.4"), ("82.40", "82.40")])
    def test_a_weight_in_pounds_is_offered_with_two_decimals(self, kg, shown):
        assert KnownWeight(Decimal(kg), NOW.date(), "Demography").shown == shown

    def test_a_weight_is_never_rounded(self, patient, nurse):
        """DAT-10."""
        facts = on("10-Mar-2026", weight_kg=Decimal("82.405"))
        assert "nothing is rounded" in refused(give, patient, FIRST, facts, nurse)["weight_kg"][0]

    def test_a_jump_of_more_than_a_tenth_is_confirmed_in_words(self, patient, nurse):
        """The screening form has 82.4 kg."""
        facts = on("10-Mar-2026", weight_kg=Decimal("90.65"))
        messages = refused(give, patient, FIRST, facts, nurse)
        assert messages == {
            "weight_confirmation": [
                "The weight was 82.4 kg (Demography, 10-Mar-2026). If 90.65 kg is right, enter how it was confirmed."
            ]
        }
        sure = {**facts, "weight_confirmation": "Weighed twice, oedema"}
        assert give(patient, FIRST, sure, nurse).weight_confirmation == "Weighed twice, oedema"

    def test_exactly_a_tenth_is_no_jump(self, patient, nurse):
        assert give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), nurse).state == "given"

    def test_the_next_weight_is_compared_with_the_latest_one(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), nurse)
        assert give(patient, SECOND, on("13-Mar-2026", weight_kg=Decimal("99.7")), nurse).state == "given"

    def test_the_weight_can_be_recorded_before_the_infusion(self, patient, nurse):
        """CEL-09: the laboratory needs it before the thaw."""
        row = record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("82.4"), by=nurse, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert (row.state, row.weight_kg, row.version) == ("planned", Decimal("82.4"), 2)
        assert give(patient, FIRST, on("10-Mar-2026"), nurse).version == 3

    def test_another_weight_than_the_one_saved_needs_a_reason(self, patient, nurse):
        """AUD-04: the product may have been prepared for it."""
        record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("84"), by=nurse, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert list(refused(give, patient, FIRST, on("10-Mar-2026"), nurse)) == ["reason"]
        assert give(patient, FIRST, on("10-Mar-2026"), nurse, reason="misread").weight_kg == Decimal("82.4")

    def test_the_weight_of_a_recorded_infusion_is_amended_with_the_infusion(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        messages = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=nurse,
            weight_measured=moment("10-Mar-2026 08:00"), version=2, reason="x",
        )  # fmt: skip
        assert messages == {"": ["This infusion is already recorded: amend it there."]}

    @pytest.mark.parametrize(
        ("measured", "fits"), [("08-Mar-2026 23:59", False), ("09-Mar-2026 00:00", True)]
    )
    def test_a_weight_too_old_for_any_infusion_after_inclusion_is_refused(
        self, patient, nurse, measured, fits
    ):
        """CEL-09: a wrong year would decide the dose that the laboratory prepares."""
        weigh = {"infusion": stored(patient, FIRST), "weight_kg": Decimal("82"), "version": 1, "by": nurse}
        if fits:
            assert record_weight(**weigh, weight_measured=moment(measured)).weight_kg == Decimal("82")
        else:
            told = refused(record_weight, **weigh, weight_measured=moment(measured))["weight_measured"]
            assert (
                "included on 10-Mar-2026: a weight measured more than 24 hours before decides no dose"
                in told[0]
            )

    def test_a_weight_of_the_future_is_refused(self, patient, nurse):
        messages = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=nurse,
            weight_measured=moment("31-Mar-2026 08:00"), version=1,
        )  # fmt: skip
        assert list(messages) == ["weight_measured"]
