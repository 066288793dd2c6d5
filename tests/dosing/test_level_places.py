"""Which dose level is in force, its places, and who holds one (3 + 3)."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from dosing.levels.escalation import (
    Escalation,
    escalation,
    inclusion_refusals,
    open_level,
    opening_refusal,
    place_at_level,
)
from dosing.models import LevelOpening, LevelPatient
from patients.models import Patient
from tests.dosing.test_dose_levels import DAY, DESIGN
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.dosed_patients import loaded
from trials.holds import hold_trial

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def trial():
    return loaded(DESIGN.text)


@pytest.fixture
def investigator(trial):
    return build.user("investigator", trial=trial)


def opening(trial, level: str, places: int = 2) -> None:
    with acting(system="test"):
        LevelOpening.objects.create(
            trial=trial, level=level, places=places, reason="No toxicity",
            opened_by=build.user("investigator", trial=trial),
        )  # fmt: skip


def holder(trial, level: str, *, infused=DAY, enrolled=DAY, state="enrolled") -> Patient:
    """Place a patient at a level, with or without a first infusion."""
    patient = build.patient(trial=trial)
    with acting(system="test"):
        ended = {"ended_on": enrolled, "end_reason": "lost"} if state == "ended" else {}
        Patient.objects.filter(pk=patient.pk).update(
            state=state, enrolled_on=enrolled, first_infusion_on=infused, **ended
        )
        LevelPatient.objects.create(patient=patient, level=level)
    return Patient.objects.get(pk=patient.pk)


def level_facts(trial) -> tuple[str, int, int, list[str]]:
    now = escalation(trial)
    return now.level.code, now.places, now.free, [patient.code for patient in now.patients]


class TestTheLevelInForce:
    def test_without_dose_levels_there_is_none(self):
        plain = build.trial()
        patient = build.patient(trial=plain)
        assert escalation(plain) is None
        assert opening_refusal(plain) == ""
        assert inclusion_refusals(None, patient=patient, on=None) == []
        place_at_level(None, patient=patient, by=build.user("investigator", trial=plain))
        assert not LevelPatient.objects.exists()

    def test_a_trial_that_gives_nothing_has_none(self):
        nothing = amended_protocol.without_product()
        assert escalation(nothing) is None
        assert opening_refusal(nothing) == ""

    def test_the_trail_says_that_the_schedule_placed_the_patient_for_the_person(self, trial, investigator):
        """AUD-10."""
        patient = build.patient(trial=trial)
        place_at_level(None, patient=patient, by=investigator)
        row = LevelPatient.history.get()
        assert (row.level, row.history_user_name) == ("low", f"system:schedule for {investigator.username}")

    def test_it_begins_with_the_first_level_and_its_places(self, trial):
        assert level_facts(trial) == ("low", 2, 2, [])

    def test_the_last_opening_decides_also_back_to_a_lower_level(self, trial):
        opening(trial, "middle")
        assert level_facts(trial)[:2] == ("middle", 2)
        opening(trial, "high", 3)
        assert level_facts(trial)[:2] == ("high", 3)
        opening(trial, "middle", 1)
        assert level_facts(trial)[:2] == ("middle", 3)
        opening(trial, "low", 3)
        assert level_facts(trial)[:2] == ("low", 5)

    def test_the_openings_of_another_trial_do_not_count(self, trial):
        other = loaded(DESIGN.text.replace("ESCALATION", "OTHER").replace("escalation", "other"))
        opening(other, "middle")
        assert level_facts(trial)[:2] == ("low", 2)
        assert level_facts(other)[:2] == ("middle", 2)

    def test_the_patients_of_another_trial_hold_no_place(self, trial):
        other = loaded(DESIGN.text.replace("ESCALATION", "OTHER").replace("escalation", "other"))
        holder(other, "low")
        assert level_facts(trial) == ("low", 2, 2, [])

    def test_places_are_held_by_the_patients_of_the_level_in_the_order_of_inclusion(self, trial):
        later = holder(trial, "low", enrolled=DAY + timedelta(days=9))
        first = holder(trial, "low")
        holder(trial, "middle")
        assert level_facts(trial) == ("low", 2, 0, [first.code, later.code])

    def test_only_who_left_before_any_infusion_frees_the_place(self, trial):
        holder(trial, "low", infused=None, state="ended")
        left = holder(trial, "low", state="ended")
        waiting = holder(trial, "low", infused=None)
        assert level_facts(trial) == ("low", 2, 0, [left.code, waiting.code])

    def test_more_patients_than_places_leave_no_negative_number_of_places(self, trial):
        now = escalation(trial)
        patients = tuple(Patient(code=f"P-{number}") for number in range(3))
        assert Escalation(now.level, 2, patients).free == 0
        assert Escalation(now.level, 2, patients[:1]).free == 1


class TestWhatIsAwaited:
    def test_opening_waits_for_the_first_infusion_of_every_patient(self, trial):
        holder(trial, "low")
        awaited = holder(trial, "low", infused=None)
        holder(trial, "low", infused=None, enrolled=DAY + timedelta(days=1))
        assert opening_refusal(trial).startswith(f"{awaited.code} has not had the first infusion")

    @pytest.mark.parametrize(("days_ago", "waits"), [(13, True), (14, False), (15, False)])
    def test_opening_waits_for_the_days_after_the_last_first_infusion(self, trial, days_ago, waits):
        holder(trial, "low", infused=trial.today - timedelta(days=40))
        last = holder(trial, "low", infused=trial.today - timedelta(days=days_ago))
        holder(trial, "middle", infused=trial.today)
        words = opening_refusal(trial)
        assert words.startswith(f"{last.code} had the first infusion") if waits else words == ""

    def test_a_level_without_days_between_patients_awaits_nobody(self, trial):
        opening(trial, "middle")
        holder(trial, "middle", infused=None)
        patient = build.patient(trial=trial)
        assert inclusion_refusals(None, patient=patient, on=None) == []

    def test_the_next_inclusion_waits_for_the_patient_included_last(self, trial):
        opening(trial, "low", 3)
        holder(trial, "low", infused=trial.today - timedelta(days=7), enrolled=DAY)
        last = holder(trial, "low", infused=trial.today - timedelta(days=6), enrolled=DAY + timedelta(days=1))
        patient = build.patient(trial=trial)
        (words,) = inclusion_refusals(None, patient=patient, on=None)
        assert words.startswith(last.code)
        assert inclusion_refusals(None, patient=patient, on=trial.today + timedelta(days=1)) == []

    def test_only_the_patient_included_last_is_awaited(self, trial):
        """The one before, whose infusion was put off, is not."""
        opening(trial, "low", 3)
        holder(trial, "low", infused=trial.today, enrolled=DAY)
        holder(trial, "low", infused=trial.today - timedelta(days=8), enrolled=DAY + timedelta(days=1))
        assert inclusion_refusals(None, patient=build.patient(trial=trial), on=None) == []

    def test_nobody_is_awaited_at_an_empty_level(self, trial):
        assert inclusion_refusals(None, patient=build.patient(trial=trial), on=trial.today) == []


class TestOpening:
    def test_without_levels_nothing_is_opened(self):
        plain = build.trial()
        by = build.user("investigator", trial=plain)
        with acting(user=by), pytest.raises(ValidationError, match="no dose levels"):
            open_level(trial=plain, level="low", reason="x", password=build.PASSWORD, by=by)

    def test_an_unknown_level_is_refused_at_its_field(self, trial, investigator):
        with acting(user=investigator), pytest.raises(ValidationError) as refused:
            open_level(trial=trial, level="x", reason="x", password=build.PASSWORD, by=investigator)
        assert set(refused.value.error_dict) == {"level"}

    def test_the_reason_is_stored_without_its_margins(self, trial, investigator):
        for _place in range(2):
            holder(trial, "low", infused=trial.today - timedelta(days=14))
        with acting(user=investigator, role="investigator"):
            row = open_level(
                trial=trial, level="middle", reason=" No toxicity ", password=build.PASSWORD, by=investigator
            )
        assert (row.reason, row.places, row.level) == ("No toxicity", 2, "middle")

    def test_a_level_is_opened_with_its_own_number_of_places(self):
        middle = 'target = "50e6", highest = "55e6" }\npatients = '
        assert f"{middle}2" in DESIGN.text
        trial = loaded(DESIGN.text.replace(f"{middle}2", f"{middle}3"))
        for _place in range(2):
            holder(trial, "low", infused=trial.today - timedelta(days=14))
        by = build.user("investigator", trial=trial)
        with acting(user=by, role="investigator"):
            row = open_level(trial=trial, level="middle", reason="None", password=build.PASSWORD, by=by)
        assert row.places == 3

    def test_a_trial_on_hold_opens_no_level(self, trial, investigator):
        """CEL-16."""
        for _place in range(2):
            holder(trial, "low", infused=trial.today - timedelta(days=14))
        with acting(user=investigator, role="investigator"):
            hold_trial(trial=trial, reason="A death", by=investigator)
            with pytest.raises(ValidationError, match="on hold"):
                open_level(trial=trial, level="middle", reason="x", password=build.PASSWORD, by=investigator)
        assert not LevelOpening.objects.exists()
