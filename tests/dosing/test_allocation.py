"""Allocation: a concealed list, one slot per patient, never freed, readable by unblinded roles (RND-01 to RND-03)."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.context import acting
from dosing.allocation.lists import generate_list
from dosing.allocation.randomisation import ALGORITHM, permuted_blocks
from dosing.allocation.slots import allocate, arm_of
from dosing.columns import slot_columns
from dosing.models import AllocationList, AllocationSlot
from exports.tables.study import querysets
from patients.models import EligibilityDecision, Patient
from patients.participation.enrolment import enrol
from protocol.checking.mistakes import ProtocolMistakes
from tests.support import build
from tests.support.study import amended_protocol
from trials.holds import hold_trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def knees():
    return build.trial("third")


def slot_of(patient: Patient) -> AllocationSlot:
    return AllocationSlot.objects.get(patient=patient)


class TestTheMoment:
    def test_nothing_is_allocated_and_no_list_exists_before_the_signature(self, trial):
        """RND-01: concealed until eligibility is signed."""
        build.consent(build.patient(trial=trial))

        assert not AllocationList.objects.exists()
        assert not AllocationSlot.objects.exists()

    def test_the_signature_takes_the_first_place(self, trial):
        """RND-01."""
        patient = build.eligible(trial=trial)

        assert slot_of(patient).position == 1
        assert slot_of(patient).arm in {"cells", "placebo"}
        assert slot_of(patient).taken_at is not None

    def test_patients_take_the_places_in_order_without_a_gap(self, trial):
        """RND-02."""
        patients = [build.eligible(trial=trial) for _ in range(3)]
        assert [slot_of(patient).position for patient in patients] == [1, 2, 3]

    def test_signing_again_keeps_the_place(self, trial):
        """RND-03: nobody is randomised twice."""
        patient = build.eligible(trial=trial)
        first = slot_of(patient)
        build.decision(patient)

        assert slot_of(patient) == first
        assert AllocationSlot.objects.exclude(patient=None).count() == 1

    def test_who_asks_again_is_told_the_place_the_patient_has(self, trial):
        """RND-03."""
        by = build.user("investigator", trial=trial)
        patient = build.patient(trial=trial, by=by)
        first = allocate(patient=patient, stratum="", by=by)

        assert first is not None
        assert allocate(patient=patient, stratum="", by=by) == first

    def test_a_later_decision_that_the_patient_is_not_eligible_gives_no_place_back(self, trial):
        """RND-03."""
        patient = build.eligible(trial=trial)
        first = slot_of(patient)
        build.decision(patient, "not_eligible")
        build.decision(patient)

        assert slot_of(patient) == first

    def test_a_patient_who_is_not_eligible_takes_no_place(self, trial):
        patient = build.patient(trial=trial)
        build.consent(patient)
        build.decision(patient, "not_eligible")

        assert not AllocationSlot.objects.exclude(patient=None).exists()

    def test_a_refused_signature_takes_no_place(self, trial):
        """RND-02: allocation and signature are one transaction."""
        patient = build.patient(trial=trial)
        build.consent(patient)
        with pytest.raises(ValidationError):
            build.decision(patient)

        assert not AllocationSlot.objects.exclude(patient=None).exists()

    def test_inclusion_changes_nothing_about_the_place(self, trial):
        patient = build.eligible(trial=trial)
        first = slot_of(patient)
        by = build.user("investigator", trial=trial)
        with acting(user=by, role="investigator"):
            enrol(patient=patient, on=patient.screened_on, by=by)

        assert slot_of(patient) == first

    def test_a_trial_on_hold_allocates_nobody_but_keeps_the_place_of_who_has_one(self, trial):
        """CEL-16, RND-03."""
        by = build.user("investigator", trial=trial)
        treated, waiting = (build.patient(trial=trial, by=by) for _ in range(2))
        first = allocate(patient=treated, stratum="", by=by)
        with acting(user=by, role="investigator"):
            hold_trial(trial=trial, reason="A death", by=by)
        with pytest.raises(ValidationError, match="on hold"):
            allocate(patient=waiting, stratum="", by=by)
        assert allocate(patient=treated, stratum="", by=by) == first
        assert not AllocationSlot.objects.filter(patient=waiting).exists()

    def test_an_open_trial_allocates_nobody(self):
        patient = build.eligible(trial=build.trial())

        assert not AllocationList.objects.exists()
        assert allocate(patient=patient, stratum="", by=build.user("investigator")) is None


class TestTheList:
    def test_the_list_can_be_made_again_from_what_is_stored(self, trial):
        """RND-01: seeded, documented algorithm."""
        build.eligible(trial=trial)
        stored = AllocationList.objects.get()
        again = permuted_blocks(
            seed=stored.seed,
            stratum="",
            size=trial.rules.trial.target,
            block_sizes=stored.block_sizes,
            ratio=stored.ratio,
        )
        slots = AllocationSlot.objects.order_by("position")[: len(again)]

        assert stored.algorithm == ALGORITHM
        assert [(slot.position, slot.block, slot.arm) for slot in slots] == [
            (place.position, place.block, place.arm) for place in again
        ]

    def test_the_list_is_made_once(self, trial):
        """RND-03."""
        by = build.user("statistician", trial=trial)
        generate_list(trial=trial, by=by)
        with pytest.raises(ValidationError, match="exists already"):
            generate_list(trial=trial, by=by)

        assert AllocationList.objects.count() == 1

    def test_a_seed_given_beforehand_is_the_one_that_is_used(self, trial):
        by = build.user("statistician", trial=trial)
        assert generate_list(trial=trial, by=by, seed="2020-07").seed == "2020-07"

    def test_two_lists_have_two_seeds(self, trial, knees):
        """RND-01: a seed cannot be guessed from that of another trial."""
        by = build.user("statistician", trial=trial)
        seeds = {generate_list(trial=each, by=by).seed for each in (trial, knees)}

        assert len(seeds) == 2
        assert min(len(seed) for seed in seeds) == 32

    def test_an_open_trial_has_no_list(self):
        with pytest.raises(ValidationError, match="does not randomise"):
            generate_list(trial=build.trial(), by=build.user("statistician"))

    def test_a_generated_list_is_never_used_up(self, trial):
        """RND-02: it goes on from the same seed, as if it had been longer from the start."""
        by = build.user("investigator", trial=trial)
        generate_list(trial=trial, by=by, seed="short", size=2)
        taken = [allocate(patient=build.patient(trial=trial, by=by), stratum="", by=by) for _ in range(5)]
        assert [slot.position for slot in taken] == [1, 2, 3, 4, 5]
        places = permuted_blocks(
            seed="short", stratum="", size=60, block_sizes=[2, 4], ratio={"cells": 1, "placebo": 1}
        )
        slots = AllocationSlot.objects.filter(trial=trial).order_by("position")
        assert [(slot.block, slot.arm) for slot in slots] == [
            (place.block, place.arm) for place in places[: slots.count()]
        ]

    def test_the_list_says_who_had_it_made(self, trial):
        """AUD-10: the trail names the system and the person whose signature caused it."""
        patient = build.eligible(trial=trial)
        row = AllocationSlot.history.filter(patient_id=patient.pk).get()
        by = EligibilityDecision.objects.get(patient=patient).decided_by

        assert row.history_user_name == f"system:allocation for {by.username}"
        made = AllocationList.history.get()
        assert made.history_user_name == f"system:allocation for {by.username}"


class TestFinality:
    @pytest.mark.parametrize("change", [{"arm": "placebo"}, {"arm": "cells"}, {"position": 99}, {"block": 9}])
    def test_what_a_place_says_never_changes(self, trial, change):
        """RND-03: the database refuses it, whatever writes."""
        slot = slot_of(build.eligible(trial=trial))
        if change.get("arm") == slot.arm:
            change = {"arm": "other"}
        with (
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
            acting(system="test"),
        ):
            AllocationSlot.objects.filter(pk=slot.pk).update(**change)

    def test_an_allocated_slot_is_not_given_to_another_patient(self, trial):
        """RND-03."""
        slot = slot_of(build.eligible(trial=trial))
        other = build.patient(trial=trial)
        with (
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
            acting(system="test"),
        ):
            AllocationSlot.objects.filter(pk=slot.pk).update(patient=other)

    def test_the_seed_of_a_list_never_changes(self, trial):
        """RND-03."""
        build.eligible(trial=trial)
        with (
            pytest.raises(IntegrityError, match="never changes"),
            transaction.atomic(),
            acting(system="test"),
        ):
            AllocationList.objects.update(seed="another")

    def test_a_place_is_not_deleted(self, trial):
        """RND-03."""
        slot = slot_of(build.eligible(trial=trial))
        with pytest.raises(TypeError), acting(system="test"):
            slot.delete()
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            AllocationSlot.objects.filter(pk=slot.pk).delete()

        assert AllocationSlot.objects.filter(pk=slot.pk).exists()

    def test_a_patient_never_holds_two_places(self, trial):
        """RND-02: the database refuses it too."""
        patient = build.eligible(trial=trial)
        free = AllocationSlot.objects.filter(patient=None)[:1]
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            AllocationSlot.objects.filter(pk__in=free.values("pk")).update(
                patient=patient, taken_at=slot_of(patient).taken_at
            )

    def test_a_free_slot_has_no_time_of_allocation(self, trial):
        slot = slot_of(build.eligible(trial=trial))
        with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
            AllocationSlot.objects.filter(pk=slot.pk).update(patient=None)


class TestConcealment:
    @pytest.mark.parametrize(
        "role", ["coordinator", "investigator", "monitor", "data_manager", "administrator"]
    )
    def test_a_blinded_role_reads_no_place_and_no_list(self, trial, role):
        """RND-01, BLD-01."""
        build.eligible(trial=trial)
        person = build.user(role, trial=trial)

        assert not AllocationSlot.objects.visible_to(person).exists()
        assert not AllocationList.objects.visible_to(person).exists()

    @pytest.mark.parametrize("role", ["cell_laboratory", "statistician", "inspector"])
    def test_an_unblinded_role_reads_the_list_of_its_own_trial_only(self, trial, knees, role):
        """BLD-01, SEC-02."""
        patient = build.eligible(trial=trial)
        generate_list(trial=knees, by=build.user("statistician", trial=knees))
        seen = AllocationSlot.objects.visible_to(build.user(role, trial=trial))

        assert seen.filter(patient=patient).exists()
        assert set(seen.values_list("trial", flat=True)) == {trial.pk}

    def test_who_is_unblinded_in_one_trial_stays_blinded_in_another(self, trial, knees):
        """BLD-01."""
        build.eligible(trial=trial)
        person = build.user("statistician", trial=knees)
        build.delegate(person, trial=trial, role="monitor")

        assert not AllocationSlot.objects.visible_to(person).filter(trial=trial).exists()


class TestTheArm:
    """RND-01: the arm of a patient is that of the own place."""

    def test_before_the_allocation_a_patient_has_no_arm(self, trial):
        patient = build.patient(trial=trial)
        build.eligible(trial=trial)

        assert arm_of(patient) is None

    def test_each_patient_has_the_arm_of_the_own_place(self, trial):
        by = build.user("investigator", trial=trial)
        patients = [build.patient(trial=trial, by=by) for _ in range(4)]
        places = [allocate(patient=patient, stratum="", by=by) for patient in patients]

        assert {place.arm for place in places} == {"cells", "placebo"}
        assert [arm_of(patient).code for patient in patients] == [place.arm for place in places]

    def test_in_an_open_trial_everybody_has_its_one_arm(self):
        arm = '[[arms]]\ncode = "low"\ntitle = { en = "Low dose" }\ncells = true\n\n[dosing]\n'
        one = build.version(amended_protocol.text("1.0").replace("[dosing]\n", arm, 1)).trial

        assert arm_of(build.patient(trial=one)).code == "low"

    def test_a_trial_whose_file_names_no_arm_gives_the_product_to_every_patient(self):
        arm = arm_of(build.patient(trial=amended_protocol.trial()))
        assert (arm.cells, str(arm.title)) == (True, "Stromal cells")

    def test_a_trial_that_gives_nothing_has_no_arm(self):
        assert arm_of(build.patient(trial=amended_protocol.without_product())) is None


class TestTwoTrials:
    """Two randomised trials without strata: each has its list, its places and its patients."""

    @pytest.fixture
    def second(self, trial):
        return build.twin(build.COVID_MSV)

    def test_a_patient_takes_a_place_of_the_own_trial(self, trial, second):
        """RND-02."""
        for each in (second, trial):
            generate_list(trial=each, by=None, seed="7")
        patient = build.patient(trial=trial)
        slot = allocate(patient=patient, stratum="", by=build.user("investigator", trial=trial))

        assert (slot.trial_id, slot.position, slot.patient_id) == (trial.pk, 1, patient.pk)
        assert not AllocationSlot.objects.filter(trial=second).exclude(patient=None).exists()

    def test_the_list_of_another_trial_is_no_list_of_this_one(self, trial, second):
        """RND-01."""
        by = build.user("investigator", trial=trial)
        generate_list(trial=second, by=None)
        slot = allocate(patient=build.patient(trial=trial), stratum="", by=by)

        assert slot.trial_id == trial.pk
        assert set(AllocationList.objects.values_list("trial", flat=True)) == {trial.pk, second.pk}

    def test_the_list_does_not_follow_the_order_of_the_arms_in_the_file(self, trial):
        """RND-01: a file that names the arms in another order gives the same list from the same seed."""
        turned = build.twin(
            build.COVID_MSV, ("ratio = { cells = 1, placebo = 1 }", "ratio = { placebo = 1, cells = 1 }")
        )
        lists = []
        for each in (trial, turned):
            generate_list(trial=each, by=None, seed="7")
            lists.append(list(AllocationSlot.objects.filter(trial=each).values_list("position", "arm")))
        assert list(turned.rules.allocation.ratio) == ["placebo", "cells"]
        assert lists[0] == lists[1]

    @pytest.mark.parametrize(
        ("wrong", "problem"),
        [
            (
                ("ratio = { cells = 1, placebo = 1 }", "ratio = { cells = 0, placebo = 2 }"),
                "allocation.ratio.cells",
            ),
            (
                ("ratio = { cells = 1, placebo = 1 }", "ratio = { cells = 2, placebo = 1 }"),
                "is not a multiple",
            ),
            (("block_sizes = [2, 4]", "block_sizes = [4, 5]"), "5 is not a multiple"),
            (("block_sizes = [2, 4]", "block_sizes = []"), "allocation.block_sizes"),
        ],
    )
    def test_a_file_whose_blocks_cannot_hold_the_ratio_is_refused(self, wrong, problem):
        """RND-01."""
        with pytest.raises(ProtocolMistakes, match=problem):
            build.twin(build.COVID_MSV, wrong)

    def test_a_list_has_twice_the_target_and_ends_at_no_block(self, trial):
        """RND-01, RND-02: spare places; the length does not tell where the last block ends."""
        generate_list(trial=trial, by=None)
        assert AllocationSlot.objects.filter(trial=trial).count() == 48


def test_a_free_slot_shows_its_arm_to_nobody():
    """RND-01: a person who knows the next arm could choose the patient for it. Listing and export, every role."""
    trial = build.trial(build.COVID_MSV)
    with acting(system="test"):
        generate_list(trial=trial, by=None, seed="7")
    columns = {column.name: column for column in slot_columns(trial.rules)}
    free = list(AllocationSlot.objects.filter(trial=trial))
    assert free
    assert {columns["arm"].value(slot) for slot in free} == {""}
    assert {columns["arm"].text(slot) for slot in free} == {"–"}
    assert querysets(trial, sees_treatment=True)["allocation"].count() == 0
