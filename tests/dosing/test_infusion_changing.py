"""The facts of an infusion: refused values, later changes, and infusions not given."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from dosing.conflicts import StaleInfusion
from dosing.infusions.administration import mark_not_given, record_infusion
from dosing.models import Infusion
from patients.models import Patient
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import FIRST, INCLUDED, NOW, SECOND, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


class TestAnswers:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"interrupted": ""}, "interrupted"),
            ({"interrupted": "maybe"}, "interrupted"),
            ({"interrupted": "Y"}, "interruption_reason"),
            ({"tolerated": "N", "tolerance_note": " "}, "tolerance_note"),
            ({"volume_ml": Decimal(0)}, "volume_ml"),
            ({"volume_ml": Decimal(5001)}, "volume_ml"),
        ],
    )
    def test_an_answer_that_is_missing_or_impossible_is_named(self, patient, nurse, changed, field):
        assert list(refused(give, patient, FIRST, on("10-Mar-2026", **changed), nurse)) == [field]
        assert stored(patient, FIRST).state == "planned"

    def test_every_mistake_is_reported_at_once(self, patient, nurse):
        facts = on("10-Mar-2026", interrupted="", volume_ml=Decimal(-1), ended=moment("10-Mar-2026 09:00"))
        assert set(refused(give, patient, FIRST, facts, nurse)) == {"interrupted", "volume_ml", "ended"}

    @pytest.mark.parametrize(
        "broken",
        [
            {"weight_kg": Decimal(20)},
            {"weight_kg": Decimal(400)},
            {"volume_ml": Decimal(0)},
            {"interrupted": "Y", "interruption_reason": ""},
            {"tolerated": "N", "tolerance_note": ""},
            {"ended_at": NOW - timedelta(days=40)},
            {"weight_kg": None},
            {"state": "not_given", "not_given_reason": ""},
        ],
    )
    def test_the_database_refuses_it_too(self, patient, nurse, broken):
        """The same limits are constraints of the database."""
        row = give(patient, FIRST, on("10-Mar-2026"), nurse)
        with pytest.raises(IntegrityError), transaction.atomic():
            Infusion.objects.filter(pk=row.pk).update(**broken)


class TestChanging:
    def test_a_change_needs_a_reason_and_the_trail_keeps_it(self, patient, nurse):
        """AUD-04."""
        row = give(patient, FIRST, on("10-Mar-2026"), nurse)
        changed = on("10-Mar-2026", volume_ml=Decimal(95))
        assert refused(give, patient, FIRST, changed, nurse) == {"reason": ["Say why this is changed."]}
        give(patient, FIRST, changed, nurse, reason="5 mL left in the bag")
        entry = Infusion.history.filter(id=row.pk).order_by("-history_id").first()
        assert (entry.volume_ml, entry.history_change_reason) == (95, "5 mL left in the bag")

    def test_two_people_never_overwrite_each_other(self, patient, nurse):
        """DAT-11."""
        opened = stored(patient, FIRST)
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        with pytest.raises(StaleInfusion) as stale:
            record_infusion(
                infusion=opened, facts=on("10-Mar-2026", volume_ml=Decimal(1)), version=1, by=nurse
            )
        assert (stale.value.row.version, stale.value.row.volume_ml) == (2, 100)

    def test_an_infusion_is_never_deleted(self, patient):
        with pytest.raises(TypeError):
            stored(patient, FIRST).delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            Infusion.objects.filter(patient=patient).delete()


class TestNotGiven:
    def mark(self, patient, number, by, reason="Patient too unstable"):
        row = stored(patient, number)
        return mark_not_given(infusion=row, reason=reason, version=row.version, by=by)

    def test_an_infusion_that_was_not_given_keeps_its_reason(self, patient, nurse):
        assert self.mark(patient, FIRST, nurse).not_given_reason == "Patient too unstable"
        assert stored(patient, FIRST).state == "not_given"

    def test_without_a_reason_nothing_is_marked(self, patient, nurse):
        assert list(refused(self.mark, patient, FIRST, nurse, reason=" ")) == ["reason"]

    def test_the_next_infusion_is_open_after_one_that_was_not_given(self, patient, nurse):
        self.mark(patient, FIRST, nurse)
        assert give(patient, SECOND, on("13-Mar-2026"), nurse).state == "given"
        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None

    def test_it_can_turn_out_to_have_been_given(self, patient, nurse):
        self.mark(patient, FIRST, nurse)
        assert list(refused(give, patient, FIRST, on("10-Mar-2026"), nurse)) == ["reason"]
        row = give(patient, FIRST, on("10-Mar-2026"), nurse, reason="wrong patient was marked")
        assert (row.state, row.not_given_reason) == ("given", "")

    def test_one_recorded_for_the_wrong_patient_is_withdrawn_with_its_consequences(self, patient, nurse):
        row = give(patient, FIRST, on("10-Mar-2026"), nurse)
        self.mark(patient, FIRST, nurse, reason="Recorded for the wrong patient")
        now = stored(patient, FIRST)

        assert (now.state, now.started, now.started_at, now.volume_ml) == ("not_given", "", None, None)
        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None
        past = Infusion.history.filter(id=row.pk).order_by("-history_id")[1]
        assert past.started == "2026-03-10T10:00+01:00[Europe/Brussels]"

    def test_one_before_a_later_infusion_cannot_be_withdrawn(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        messages = refused(self.mark, patient, FIRST, nurse)
        assert messages == {"": ["A later infusion was given: correct the later one first."]}

    def test_twice_is_once(self, patient, nurse):
        self.mark(patient, FIRST, nurse)
        assert "already" in refused(self.mark, patient, FIRST, nurse)[""][0]
