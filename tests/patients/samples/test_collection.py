"""Samples collected at visits: what is refused beside its field, what asks, corrections, and what is expected."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.context import acting
from patients.models import Aliquot, Deviation, Patient, Sample, SampleMovement
from patients.participation.questions import Questioned
from patients.participation.visits import miss_visit
from patients.samples.collection import (
    CollectionFacts,
    correct_sample,
    record_not_collected,
    strike_out_sample,
)
from patients.samples.expected import expected_samples, overdue_by_patient
from patients.samples.identifiers import read_code
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.samples import clock, collected, handled, held

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


def refused(call) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refusal:
        call()
    return getattr(refusal.value, "error_dict", {"": refusal.value.messages})


def statuses(patient) -> dict[tuple[str, str], str]:
    return {(each.visit.code, each.plan.code): each.status for each in expected_samples(patient)}


def overdue(patient) -> int:
    rules = {patient.protocol_id: patient.protocol.rules}
    return overdue_by_patient(patient.visits.all(), rules).get(patient.pk, 0)


class TestCollecting:
    def test_a_sample_is_divided_into_tubes_with_codes_of_their_own(self, patient, day_7, nurse):
        """each tube has a code with a check character; the ledger begins with the collection."""
        sample = collected(day_7, nurse)
        codes = list(sample.aliquots.order_by("number").values_list("code", flat=True))
        assert [read_code(code)[1:] for code in codes] == [(patient.number, 1, n) for n in (1, 2, 3)]
        assert {read_code(code).trial for code in codes} == {patient.trial_id}
        rows = SampleMovement.objects.filter(aliquot__sample=sample)
        assert [(row.kind, row.at) for row in rows] == [("collected", sample.collected_at)] * 3
        assert set(sample.aliquots.values_list("volume_ml", "state")) == {
            (rows[0].aliquot.volume_ml, "collected")
        }

    def test_a_second_click_collects_nothing_twice(self, day_7, nurse):
        first, second = (collected(day_7, nurse, save_key="page") for _each in range(2))
        assert first.pk == second.pk
        assert Aliquot.objects.count() == 3

    def test_before_the_consent_nothing_is_taken(self, trial, patient, day_7, nurse):
        """PRV-03: the consent of this patient was given at 00:05 on the day of screening."""
        early = clock(patient, patient.screened_on - timedelta(days=1))
        told = refused(lambda: collected(day_7, nurse, at=early))
        assert set(told) == {"collected"}
        assert "before the consent" in str(told)
        assert not Sample.objects.exists()

    def test_after_consent_for_samples_was_withdrawn_nothing_is_taken(self, patient, day_7, nurse):
        """PRV-03: what was taken on the day itself may still be recorded."""
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(samples_withdrawn_on=day_7.held_on)
        late = clock(patient, day_7.held_on + timedelta(days=1))
        assert "withdrawn" in str(refused(lambda: collected(day_7, nurse, at=late)))
        assert collected(day_7, nurse).taken

    def test_nothing_at_a_missed_visit_or_that_the_protocol_does_not_take_there(self, patient, day_7, nurse):
        visit = patient.visits.get(code="D14")
        with acting(user=nurse, role="coordinator"):
            missed = miss_visit(visit=visit, reason="Moved", by=nurse)
        assert "did not take place" in str(refused(lambda: collected(missed, nurse)))
        assert set(refused(lambda: collected(day_7, nurse, "HLA"))) == {"place"}
        assert not Sample.objects.exists()

    def test_each_sample_once_at_a_visit(self, day_7, nurse):
        sample = collected(day_7, nurse)
        assert "recorded already" in str(refused(lambda: collected(day_7, nurse)))
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            Sample.objects.create(
                patient=sample.patient, visit=day_7, number=9, plan=sample.plan, specimen="PLASMA", code="X",
                not_collected_reason="Because", recorded_by=nurse,
            )  # fmt: skip

    @pytest.mark.parametrize("count", [0, 100])
    def test_an_impossible_number_of_tubes_is_refused(self, day_7, nurse, count):
        assert set(refused(lambda: collected(day_7, nurse, aliquots=count))) == {"aliquots"}

    def test_a_time_to_come_is_refused(self, patient, day_7, nurse):
        soon = clock(patient, patient.trial.today + timedelta(days=1))
        assert "has not come yet" in str(refused(lambda: collected(day_7, nurse, at=soon)))

    def test_a_day_outside_the_window_asks_first(self, patient, day_7, nurse):
        late = clock(patient, day_7.window_to + timedelta(days=1))
        with pytest.raises(Questioned) as asked:
            collected(day_7, nurse, at=late)
        assert not Sample.objects.exists()
        assert "outside the window of D7" in str(asked.value)
        assert collected(day_7, nurse, at=late, confirmed=asked.value.token).taken
        for day in (day_7.window_from, day_7.window_to):
            visit_patient = build.neighbour(patient)
            visit = held(visit_patient, "D7", nurse)
            assert collected(visit, nurse, at=clock(visit_patient, day)).taken

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_nothing_is_entered_under_a_freeze_or_a_lock(self, patient, day_7, nurse, column):
        sample = collected(day_7, nurse)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(**{column: timezone.now()})
        words = "frozen" if column == "frozen_at" else "locked"
        assert words in str(refused(lambda: collected(day_7, nurse, "SUBSET", aliquots=1)))
        with acting(user=nurse, role="coordinator"):
            assert words in str(
                refused(lambda: strike_out_sample(sample=sample, change_reason="No", version=1, by=nurse))
            )


class TestNotCollected:
    def test_a_required_sample_that_was_not_collected_is_a_deviation(self, day_7, nurse):
        """The reason stands in the deviation, and nothing is overdue any more."""
        patient = day_7.patient
        assert overdue(patient) == 2
        with acting(user=nurse, role="coordinator"):
            assert set(refused(lambda: self.missed(day_7, nurse, " "))) == {"reason"}
            sample = self.missed(day_7, nurse, "The tube broke")
        (deviation,) = Deviation.objects.all()
        assert (deviation.category, deviation.place_key) == ("assessment", str(sample.number))
        assert "The tube broke" in str(deviation.description)
        assert overdue(patient) == 1
        with acting(user=nurse, role="coordinator"):
            strike_out_sample(sample=sample, change_reason="It was taken", version=1, by=nurse)
        assert Deviation.objects.get().struck_out
        assert overdue(patient) == 2
        assert collected(day_7, nurse).number == 2

    def test_one_that_is_taken_only_if_possible_is_none(self, patient, nurse):
        visit = held(patient, "INF1", nurse)
        with acting(user=nurse, role="coordinator"):
            record_not_collected(visit=visit, plan="HLA", reason="No serum tube", by=nurse)
        assert not Deviation.objects.exists()

    def test_not_before_the_visit_was_held(self, patient, nurse):
        with acting(user=nurse, role="coordinator"):
            assert set(refused(lambda: self.missed(patient.visits.get(code="D28"), nurse, "No"))) == {"place"}

    @staticmethod
    def missed(visit, nurse, reason):
        return record_not_collected(visit=visit, plan="CYTOKINE", reason=reason, by=nurse)


class TestCorrecting:
    def correct(self, sample, nurse, at, *, reason="Typo", version=1, by_whom="Nurse"):
        facts = CollectionFacts(collected=at, collected_by=by_whom, note="")
        with acting(user=nurse, role="coordinator"):
            return correct_sample(sample=sample, facts=facts, change_reason=reason, version=version, by=nurse)

    def test_the_ledger_reverses_the_collection_and_repeats_it(self, patient, day_7, nurse):
        """AUD-04: nothing of the ledger is changed; the reason stands in the reversal."""
        sample = collected(day_7, nurse, aliquots=1)
        handled(sample, nurse, "processed", 30)
        self.correct(sample, nurse, clock(patient, day_7.held_on, "10:05"))
        (tube,) = sample.aliquots.all()
        kinds = list(tube.movements.order_by("pk").values_list("kind", "reason"))
        assert kinds == [("collected", ""), ("processed", ""), ("reversed", "Typo"), ("collected", "")]
        assert tube.state == "processed"

    def test_not_past_the_next_step_of_a_tube_nor_without_a_reason_or_on_an_older_page(
        self, patient, day_7, nurse
    ):
        sample = collected(day_7, nurse, aliquots=1)
        handled(sample, nurse, "processed", 30)
        noon, five_past = (clock(patient, day_7.held_on, time) for time in ("12:00", "10:05"))
        assert set(refused(lambda: self.correct(sample, nurse, noon))) == {"collected"}
        assert set(refused(lambda: self.correct(sample, nurse, five_past, reason=" "))) == {"change_reason"}
        assert "was changed while you typed" in str(
            refused(lambda: self.correct(sample, nurse, five_past, version=2))
        )
        assert SampleMovement.objects.count() == 2

    def test_a_sample_of_another_patient_is_struck_out_once_its_steps_are_reversed(self, day_7, nurse):
        sample = collected(day_7, nurse, aliquots=1)
        handled(sample, nurse, "processed", 30)
        with acting(user=nurse, role="coordinator"):
            told = refused(
                lambda: strike_out_sample(sample=sample, change_reason="Other person", version=1, by=nurse)
            )
        assert sample.aliquots.get().code in str(told)
        assert not Sample.objects.get().struck_out


class TestExpected:
    def test_by_visit_from_the_plan_of_the_protocol(self, patient, day_7, nurse):
        held(patient, "D14", nurse)
        collected(day_7, nurse)
        found = statuses(patient)
        assert found["D7", "CYTOKINE"] == "collected"
        assert found["D7", "SUBSET"] == found["D14", "CYTOKINE"] == "overdue"
        assert found["D1", "CYTOKINE"] == "if_available"
        assert found["D90", "SUBSET"] == "planned"
        assert ("D21", "CYTOKINE") not in found
        assert overdue(patient) == 3

    def test_nothing_is_asked_for_once_consent_for_samples_is_withdrawn(self, patient, day_7, nurse):
        """PRV-03: what was due before that day stays due."""
        day_14 = held(patient, "D14", nurse)
        with acting(system="test"):
            Patient.objects.filter(pk=patient.pk).update(samples_withdrawn_on=day_7.held_on)
        patient = Patient.objects.select_related("protocol", "trial").get(pk=patient.pk)
        found = statuses(patient)
        assert (found["D7", "CYTOKINE"], found["D14", "CYTOKINE"], found["D90", "HLA"]) == (
            "overdue", "stopped", "stopped",
        )  # fmt: skip
        assert overdue(patient) == 2
        assert day_14.held_on > day_7.held_on
