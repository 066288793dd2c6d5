"""A missed visit, a day outside a window and a criterion not confirmed each become one row of the log of deviations."""

from datetime import date, timedelta

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from operation import due_work
from patients.models import Deviation, Patient, Visit
from patients.participation.deviation_log.deviations import open_deviation, settle_deviation
from patients.participation.deviation_log.visit_deviations import note_visit
from patients.participation.visits import hold_visit, miss_visit
from tests.support import build
from tests.support.study.bedside import INCLUDED, NOW
from tests.support.study.deviations import added, amended, classified, struck_out

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW.replace(month=9)), pytest.mark.one_engine]

EARLY, FIRST, LAST, LATE = (date(2026, 4, day) for day in (4, 5, 9, 10))


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """Included on 10 March 2026; day 28 is 7 April, two days more or less."""
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


def visit(patient: Patient, code: str = "D28") -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code, number=1)


def hold(patient: Patient, by: User, on: date, code: str = "D28") -> None:
    with acting(user=by, role="coordinator", origin="web"):
        hold_visit(visit=visit(patient, code), on=on, by=by, reason="Wrong day")


def miss(patient: Patient, by: User, reason: str = "Abroad", code: str = "D28") -> None:
    with acting(user=by, role="coordinator", origin="web"):
        miss_visit(visit=visit(patient, code), reason=reason, by=by)


def log(patient: Patient) -> list[Deviation]:
    return list(Deviation.objects.filter(patient=patient).order_by("number"))


class TestVisits:
    @pytest.mark.parametrize(("on", "expected"), [(EARLY, 1), (FIRST, 0), (LAST, 0), (LATE, 1)])
    def test_a_day_outside_the_window_opens_one_and_the_bounds_do_not(self, patient, nurse, on, expected):
        hold(patient, nurse, on)
        assert len(log(patient)) == expected

    def test_it_says_visit_day_and_window_and_waits_for_a_person(self, patient, nurse):
        hold(patient, nurse, LATE)
        (row,) = log(patient)
        assert str(row) == "D-1"
        assert (row.category, row.place, row.place_key) == ("visit_window", "visit", "D28")
        assert str(row.description) == (
            "Visit D28 was held on 10-Apr-2026, outside its window of 05-Apr-2026 to 09-Apr-2026."
        )
        assert (row.occurred_on, row.detected_on) == ("2026-04-10", patient.trial.today)
        assert (row.classification, row.waits, row.recorded_by) == ("unclassified", True, nurse)

    def test_the_trail_names_the_system_for_the_person(self, patient, nurse):
        """AUD-10."""
        hold(patient, nurse, LATE)
        (line,) = log(patient)[0].history.all()
        assert line.history_user_name == f"system:deviations for {nurse.username}"

    def test_a_missed_visit_opens_one_with_the_reason_typed_there(self, patient, nurse):
        miss(patient, nurse, "Abroad for work")
        (row,) = log(patient)
        assert (row.category, row.occurred_on) == ("assessment", "2026-04-09")
        assert str(row.description) == "Visit D28 was missed: Abroad for work"

    def test_a_visit_known_to_be_missed_before_its_window_is_over_happens_today(self, patient, nurse):
        with time_machine.travel(NOW.replace(month=4, day=6), tick=False):
            miss(patient, nurse)
        assert log(patient)[0].occurred_on == "2026-04-06"

    def test_saving_the_same_again_opens_nothing_and_brings_the_text_up_to_date(self, patient, nurse):
        hold(patient, nurse, LATE)
        hold(patient, nurse, LATE)
        hold(patient, nurse, EARLY)
        (row,) = log(patient)
        assert (row.occurred_on, row.number, row.version) == ("2026-04-04", 1, 2)

    def test_a_corrected_day_strikes_it_out_with_why(self, patient, nurse):
        hold(patient, nurse, LATE)
        hold(patient, nurse, LAST)
        (row,) = log(patient)
        assert row.struck_out
        assert "was corrected" in str(row.struck_out_reason)

    def test_a_missed_visit_that_took_place_late_has_one_in_force(self, patient, nurse):
        miss(patient, nurse)
        hold(patient, nurse, LATE)
        assert [(row.category, row.struck_out) for row in log(patient)] == [
            ("assessment", True),
            ("visit_window", False),
        ]

    def test_what_is_found_again_after_a_correction_has_a_number_of_its_own(self, patient, nurse):
        for day in (LATE, LAST, LATE):
            hold(patient, nurse, day)
        assert [(row.number, row.struck_out) for row in log(patient)] == [(1, True), (2, False)]

    def test_the_day_of_an_infusion_is_judged_with_the_infusion(self, patient, nurse):
        rules = patient.protocol.rules
        hold(patient, nurse, INCLUDED + timedelta(days=90), rules.infusion_visit(1).code)
        assert log(patient) == []

    def test_a_visit_after_the_end_of_study_is_not_missed_by_deviation(self, patient, nurse):
        """The visit lies after the death: the protocol asked for nothing then."""
        row = visit(patient)
        row.state, row.missed_reason, patient.ended_on = Visit.State.MISSED, "Died", FIRST - timedelta(days=1)
        with acting(user=nurse, role="coordinator"):
            note_visit(patient, row, nurse)
            assert log(patient) == []
            patient.ended_on = FIRST
            note_visit(patient, row, nurse)
        assert len(log(patient)) == 1


class TestDecidedOn:
    """What a person decided or wrote is never overwritten by the place."""

    def test_a_classified_one_keeps_its_text(self, patient, nurse, doctor):
        hold(patient, nurse, LATE)
        classified(log(patient)[0], doctor)
        hold(patient, nurse, EARLY)
        assert log(patient)[0].occurred_on == "2026-04-10"

    def test_an_amended_one_keeps_its_text(self, patient, nurse):
        hold(patient, nurse, LATE)
        (row,) = log(patient)
        amended(
            row, nurse, occurred_on=row.occurred, detected_on=row.detected_on, description="By train strike"
        )
        hold(patient, nurse, EARLY)
        assert log(patient)[0].description == "By train strike"

    def test_a_classified_one_is_marked_when_its_place_is_corrected_and_a_person_decides(
        self, patient, nurse, doctor
    ):
        hold(patient, nurse, LATE)
        classified(log(patient)[0], doctor)
        hold(patient, nurse, LAST)
        (row,) = log(patient)
        assert (row.struck_out, row.waits) == (False, True)
        assert "was corrected" in str(row.place_corrected)
        assert classified(row, doctor).waits is False

    def test_the_mark_goes_when_the_place_shows_it_again(self, patient, nurse, doctor):
        hold(patient, nurse, LATE)
        classified(log(patient)[0], doctor)
        hold(patient, nurse, LAST)
        hold(patient, nurse, LATE)
        assert [row.waits for row in log(patient)] == [False]

    def test_one_that_a_person_struck_out_stays_so_while_the_place_shows_the_same(self, patient, nurse):
        hold(patient, nurse, LATE)
        struck_out(log(patient)[0], nurse, "Agreed with the sponsor")
        hold(patient, nurse, LATE)
        assert [row.struck_out for row in log(patient)] == [True]
        hold(patient, nurse, EARLY)
        assert [row.struck_out for row in log(patient)] == [True, False]


class TestAnySource:
    def test_a_criterion_of_a_decision_has_one_row_per_criterion(self, patient, nurse):
        """The same finding again changes nothing; another criterion has its own."""
        decision = patient.eligibility_decisions.get()
        found = {
            "patient": patient,
            "category": "eligibility",
            "source": decision,
            "on": INCLUDED,
            "by": nurse,
        }
        with acting(user=nurse, role="coordinator"):
            for part in ("I1", "I1", "E2"):
                open_deviation(**found, text="Age was corrected", part=part)
            open_deviation(**found, text="Sex was corrected")
        keys = [row.place_key for row in log(patient)]
        assert keys == ["I1", "E2", str(decision.pk)]

    def test_settling_touches_only_its_own_place(self, patient, nurse):
        decision = patient.eligibility_decisions.get()
        place = {"patient": patient, "category": "eligibility", "source": decision, "by": nurse}
        with acting(user=nurse, role="coordinator"):
            open_deviation(**place, on=INCLUDED, text="x", part="I1")
            open_deviation(**place, on=INCLUDED, text="y", part="E2")
            settle_deviation(**place, part="I1")
        assert [row.struck_out for row in log(patient)] == [True, False]

    def test_numbers_count_per_patient(self, patient, nurse):
        other = build.neighbour(patient)
        numbers = [added(each, nurse).number for each in (patient, other, patient)]
        assert numbers == [1, 1, 2]


class TestDeferredCriterion:
    """I2b of Liège: to be confirmed within fourteen days of inclusion, 24 March."""

    @pytest.fixture
    def unconfirmed(self, trial, doctor) -> Patient:
        return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor, virology={"pcr_result": "NEG"})

    def run(self, day: int) -> str:
        with time_machine.travel(NOW.replace(day=day), tick=False):
            return due_work.deviations()

    def test_it_opens_one_on_the_day_after_the_last_one(self, unconfirmed):
        self.run(24)
        assert log(unconfirmed) == []
        assert self.run(25) == "1 patients with a criterion to confirm were judged"
        (row,) = log(unconfirmed)
        assert (row.category, row.place, row.place_key) == ("eligibility", "eligibility", "I2b")
        assert str(row.description) == "Criterion I2b was not confirmed by 24-Mar-2026."
        assert (row.occurred_on, row.detected_on) == ("2026-03-24", date(2026, 3, 25))
        assert row.recorded_by is None
        assert row.history.get().history_user_name == "system:deviations"

    def test_it_opens_it_once(self, unconfirmed):
        self.run(25)
        self.run(26)
        assert [row.version for row in log(unconfirmed)] == [1]

    def test_a_sample_in_time_that_is_entered_late_takes_it_back(self, unconfirmed, nurse):
        self.run(25)
        hold(unconfirmed, nurse, date(2026, 3, 24), "D14")
        in_time = {"pcr_result": "POS", "pcr_on": "2026-03-20", "serology_result": {"missing": "ND"}}
        build.record(unconfirmed, "sars_cov_2_confirmation", in_time, visit="D14", by=nurse)
        self.run(27)
        assert [row.struck_out for row in log(unconfirmed)] == [True]

    def test_a_confirmed_one_opens_nothing(self, patient):
        self.run(26)
        assert log(patient) == []

    def test_a_locked_patient_is_left_alone(self, unconfirmed):
        with acting(system="test"):
            Patient.objects.filter(pk=unconfirmed.pk).update(locked_at=NOW)
        assert self.run(26).startswith("0 patients")
        assert log(unconfirmed) == []
