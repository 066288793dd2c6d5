"""Strata of an allocation list: each has its own blocks, and a patient takes a place of the own (RND-01, RND-02)."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from dosing.allocation.lists import generate_list, strata_of
from dosing.allocation.slots import stratum_of
from dosing.models import AllocationSlot
from patients.models import Patient, Record
from tests.support import build

pytestmark = pytest.mark.django_db
GROUPS = """
[[groups]]
code = "EARLY"
title = { en = "Early", fr = "Tôt" }
member = 'knee.grade == "G2"'

[[groups]]
code = "LATE"
title = { en = "Late", fr = "Tard" }
member = 'knee.grade == "G3"'

[definitions]
"""


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def knees():
    return build.trial("third")


def with_knee(trial, *, grade: str, surgery: str) -> Patient:
    """Return a patient of the third trial with complete eligibility data, not signed."""
    by = build.user("investigator", trial=trial)
    patient = build.patient(trial=trial, by=by)
    build.consent(patient, by=by)
    knee = {
        "grade": grade,
        "surgery": surgery,
        "painful_since": (patient.screened_on - timedelta(days=400)).isoformat(),
        "pain": "6.5",
        "flexion": "110",
        "extension": "5",
        "risks": ["NONE"],
        "injected_before": "N",
    }
    build.record(patient, "knee", knee, visit="S0", by=by)
    build.record(patient, "body", {"sex": "F", "weight": "70"}, visit="S0", by=by)
    return patient


def slot_of(patient: Patient) -> AllocationSlot:
    return AllocationSlot.objects.get(patient=patient)


class TestStrata:
    def test_every_combination_of_the_answers_has_its_own_list(self, knees):
        """RND-01."""
        by = build.user("statistician", trial=knees)
        generate_list(trial=knees, by=by)

        assert len(strata_of(knees.rules)) == 6
        assert set(AllocationSlot.objects.values_list("stratum", flat=True)) == set(strata_of(knees.rules))

    def test_each_stratum_keeps_the_ratio_within_every_block(self, knees):
        """RND-01: two to one."""
        generate_list(trial=knees, by=build.user("statistician", trial=knees))
        for stratum in strata_of(knees.rules):
            arms = Counter(
                AllocationSlot.objects.filter(stratum=stratum, block=1).values_list("arm", flat=True)
            )
            assert arms["adipose"] == 2 * arms["saline"]

    def test_a_patient_takes_the_first_place_of_the_own_stratum(self, knees):
        """RND-02."""
        first = with_knee(knees, grade="G2", surgery="Y")
        other = with_knee(knees, grade="G3", surgery="N")
        alike = with_knee(knees, grade="G2", surgery="Y")
        for patient in (first, other, alike):
            build.decision(patient)

        assert [(slot_of(each).stratum, slot_of(each).position) for each in (first, other, alike)] == [
            ("knee.grade=G2 knee.surgery=Y", 1),
            ("knee.grade=G3 knee.surgery=N", 1),
            ("knee.grade=G2 knee.surgery=Y", 2),
        ]

    def test_a_stratum_that_is_not_known_says_what_is_missing(self, knees):
        patient = build.patient(trial=knees)
        with pytest.raises(ValidationError, match="it needs Knee: Grade"):
            stratum_of(patient, "")


class TestWhatTheStratumReads:
    def test_another_patient_and_a_form_entered_in_error_are_not_read(self, knees):
        other = with_knee(knees, grade="G3", surgery="N")
        patient = with_knee(knees, grade="G2", surgery="Y")
        assert stratum_of(patient, "") == "knee.grade=G2 knee.surgery=Y"
        assert stratum_of(other, "") == "knee.grade=G3 knee.surgery=N"

        build.struck_out(Record.objects.get(patient=patient, form="knee"))
        with pytest.raises(ValidationError, match="it needs Knee: Grade"):
            stratum_of(patient, "")

    def test_a_trial_without_strata_has_one(self, trial):
        assert strata_of(trial.rules) == [""]
        assert stratum_of(build.patient(trial=trial), "A") == ""

    def test_without_strata_no_form_is_read(self, trial, django_assert_num_queries):
        patient = build.patient(trial=trial)
        assert patient.protocol.rules
        with django_assert_num_queries(0):
            assert stratum_of(patient, "") == ""

    def test_an_open_trial_has_one_stratum_for_everybody(self):
        trial = build.trial()
        assert strata_of(trial.rules) == [""]
        assert stratum_of(build.patient(trial=trial), "A") == ""

    def test_the_group_may_be_a_stratum(self):
        """The group that the investigator signed, and every group has its list."""
        grouped = build.version(
            build.protocol_text("third").replace(
                'strata = ["knee.grade", "knee.surgery"]', 'strata = ["group"]'
            ).replace("[definitions]", GROUPS, 1)
        ).trial  # fmt: skip
        assert strata_of(grouped.rules) == ["group=EARLY", "group=LATE"]
        patient = build.patient(trial=grouped)
        assert stratum_of(patient, "LATE") == "group=LATE"
        with pytest.raises(ValidationError, match="it needs the group"):
            stratum_of(patient, "")
