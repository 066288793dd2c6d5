"""Infusions of several patients, across midnight, and what follows the second one."""

from datetime import date
from decimal import Decimal

import pytest

from dosing.infusions.administration import mark_not_given
from dosing.infusions.schedule import given_days, given_on
from dosing.infusions.schedule import windows as windows_of
from dosing.products.preparing import record_preparation
from patients.models import Patient, Visit
from patients.participation.milestones import milestones
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study import product_chain as chain
from tests.support.study.bedside import FIRST, INCLUDED, SECOND, THIRD, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]

CELLS = {
    "donor_code": "D-17", "lot": "L-1", "bag": "", "viable_cells": Decimal("247200000"),
    "viability_percent": None, "thawed": None, "dose_deviation_reason": "", "donor_deviation_reason": "",
}  # fmt: skip


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def neighbour(patient):
    """Another patient of the trial, included on the same day."""
    return build.neighbour(patient)


def windows(patient) -> list[tuple[date, date]]:
    return [
        (row.window_from, row.window_to)
        for row in (stored(patient, number) for number in (FIRST, SECOND, THIRD))
    ]


class TestTwoPatients:
    def test_two_patients_receive_an_infusion_at_the_same_hour(self, patient, neighbour, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)

        assert give(neighbour, FIRST, on("10-Mar-2026"), nurse).state == "given"

    def test_a_first_infusion_still_planned_holds_up_nobody_else(self, patient, neighbour, nurse):
        give(neighbour, FIRST, on("10-Mar-2026"), nurse)
        give(neighbour, SECOND, on("13-Mar-2026"), nurse)

        assert stored(patient, FIRST).state == "planned"
        assert give(neighbour, THIRD, on("16-Mar-2026"), nurse).state == "given"

    def test_a_later_infusion_of_another_patient_does_not_hold_an_earlier_one(
        self, patient, neighbour, nurse
    ):
        for number, day in ((FIRST, "10-Mar-2026"), (SECOND, "13-Mar-2026")):
            give(neighbour, number, on(day), nurse)
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        row = stored(patient, FIRST)

        done = mark_not_given(infusion=row, reason="Not this patient", version=row.version, by=nurse)
        assert done.state == "not_given"
        assert stored(neighbour, FIRST).state == "given"

    def test_the_first_infusion_of_another_patient_does_not_come_before_the_second_of_this_one(
        self, patient, neighbour, nurse
    ):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(neighbour, FIRST, on("14-Mar-2026", timing_deviation_reason="Fever"), nurse)
        assert give(patient, SECOND, on("13-Mar-2026"), nurse).state == "given"

    def test_an_infusion_moves_only_the_days_of_its_own_patient(self, patient, neighbour, nurse):
        before = windows(neighbour)
        give(patient, FIRST, on("12-Mar-2026"), nurse)

        assert windows(neighbour) == before
        assert windows(patient)[1] == (date(2026, 3, 15), date(2026, 3, 16))
        assert stored(patient, SECOND).planned_on == date(2026, 3, 15)
        assert Patient.objects.get(pk=neighbour.pk).first_infusion_on is None
        assert (given_days(patient), given_days(neighbour)) == ({1: date(2026, 3, 12)}, {})

    def test_the_milestones_of_each_patient_are_its_own(self, patient, neighbour, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(neighbour, FIRST, on("11-Mar-2026"), nurse)
        give(neighbour, SECOND, on("14-Mar-2026"), nurse)

        found = milestones([patient, neighbour])
        assert [each.number for each in found[patient.pk]] == [1]
        assert [each.number for each in found[neighbour.pk]] == [1, 2]
        assert milestones([patient]).keys() == {patient.pk}

    def test_an_infusion_not_given_is_no_milestone(self, patient, nurse):
        mark_not_given(infusion=stored(patient, FIRST), reason="Fever", version=1, by=nurse)

        assert milestones([patient]) == {patient.pk: []}

    def test_the_donor_of_another_patient_binds_nobody(self, patient, neighbour, nurse):
        """CEL-11: all infusions of one patient come from one donor."""
        for who, number, day, donor in (
            (neighbour, FIRST, "10-Mar-2026", "D-99"),
            (patient, FIRST, "10-Mar-2026", "D-17"),
            (patient, SECOND, "13-Mar-2026", "D-17"),
        ):
            row = give(who, number, on(day), nurse)
            made = record_preparation(
                infusion=row, facts=chain.product(row, {**CELLS, "donor_code": donor}), version=0, by=nurse
            )
            assert made.donor_deviation_reason == ""


class TestMidnight:
    """An infusion counts on the day at the site on which it started."""

    def test_an_infusion_over_midnight_counts_on_the_day_of_its_start(self, patient, nurse):
        late = on("12-Mar-2026", started=moment("12-Mar-2026 23:30"), ended=moment("13-Mar-2026 00:30"))
        row = give(patient, FIRST, late, nurse)

        assert row.timing_deviation_reason == ""
        assert given_on(row, patient) == date(2026, 3, 12)
        assert stored(patient, FIRST).visit.held_on == date(2026, 3, 12)
        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 12)
        assert windows(patient)[1] == (date(2026, 3, 15), date(2026, 3, 16))

    def test_half_past_midnight_on_the_day_of_inclusion_is_not_before_it(self, patient, nurse):
        """In UTC it is still the day before."""
        early = on(
            "10-Mar-2026",
            weight_measured=moment("10-Mar-2026 00:10"),
            started=moment("10-Mar-2026 00:30"),
            ended=moment("10-Mar-2026 01:30"),
        )
        give(patient, FIRST, early, nurse)

        assert stored(patient, FIRST).visit.held_on == INCLUDED
        assert given_days(patient) == {1: INCLUDED}

    def test_half_past_eleven_of_the_evening_before_inclusion_is_before_it(self, patient, nurse):
        early = on("9-Mar-2026", started=moment("9-Mar-2026 23:30"), ended=moment("10-Mar-2026 00:30"))
        told = refused(give, patient, FIRST, early, nurse)
        assert told == {"started": ["The patient was included on 10-Mar-2026: nothing can be given before."]}


class TestAfterTheSecond:
    """A visit anchored on the second infusion follows the day on which that one was given."""

    def planned(self, patient, code: str) -> tuple[date, date, date]:
        row = Visit.objects.get(patient=patient, code=code)
        return row.planned_on, row.window_from, row.window_to

    def test_the_visit_moves_with_the_second_infusion_and_not_with_the_first(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        assert Visit.objects.get(patient=patient, code="INF3").planned_on is None

        give(patient, SECOND, on("14-Mar-2026"), nurse)
        assert self.planned(patient, "INF3") == (date(2026, 3, 17), date(2026, 3, 17), date(2026, 3, 18))

        give(patient, SECOND, on("13-Mar-2026"), nurse, reason="wrong day")
        assert self.planned(patient, "INF3") == (date(2026, 3, 16), date(2026, 3, 16), date(2026, 3, 17))

    def test_the_visit_of_another_patient_stays(self, patient, neighbour, nurse):
        for who in (patient, neighbour):
            give(who, FIRST, on("10-Mar-2026"), nurse)
            give(who, SECOND, on("13-Mar-2026"), nurse)
        give(patient, SECOND, on("14-Mar-2026"), nurse, reason="wrong day")

        assert self.planned(neighbour, "INF3")[0] == date(2026, 3, 16)

    def test_an_infusion_marked_as_not_given_after_all_counts_the_next_one_from_its_planned_day(
        self, patient, nurse
    ):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)
        row = stored(patient, SECOND)
        mark_not_given(infusion=row, reason="Wrong bag", version=row.version, by=nurse)

        assert Visit.objects.get(patient=patient, code="INF3").planned_on == date(2026, 3, 16)
        assert stored(patient, THIRD).window_from == date(2026, 3, 16)
        assert given_days(patient) == {1: date(2026, 3, 10)}


class TestWindows:
    def test_an_infusion_that_was_given_is_stored_with_the_days_now_allowed(self, patient, nurse):
        """The first one moves by a day, and with it the days of the second, which was early for a reason."""
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        early = on("12-Mar-2026", timing_deviation_reason="No cells on the 13th")
        give(patient, SECOND, early, nurse)
        give(patient, FIRST, on("11-Mar-2026"), nurse, reason="Wrong day")

        assert windows(patient)[1] == (date(2026, 3, 14), date(2026, 3, 15))
        assert windows(patient)[2] == (date(2026, 3, 15), date(2026, 3, 16))

    def test_a_patient_in_screening_has_no_window(self, trial):
        assert windows_of(build.patient(trial=trial, screened_on=INCLUDED)) == []

    def test_a_trial_without_a_product_has_no_infusion(self):
        trial = amended_protocol.without_product()
        patient = amended_protocol.enrolled(trial, by=build.user("investigator", trial=trial), on=INCLUDED)

        assert not patient.infusions.exists()
        assert windows_of(patient) == []
