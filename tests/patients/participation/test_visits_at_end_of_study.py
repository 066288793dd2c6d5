"""The end of study settles the visits until then; it is corrected, and an investigator reopens it (P11-06, PRV-03)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from accounts.models import User
from patients.casebook.casebook import Casebook
from patients.entry.entry_guard import entry_refusal
from patients.models import Patient, Visit
from patients.participation import disposition
from patients.participation.visits import add_unscheduled, hold_visit, miss_visit, visits_due
from tests.support import build
from tests.support.study.bedside import give, on
from tests.support.study.refusals import asked, refused
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
INCLUDED, ENDED = date(2026, 3, 10), date(2026, 3, 18)


@pytest.fixture
def included(trial: Trial) -> Patient:
    """A patient included on the 10th: SCR, INF1 and D7 begin before the 18th."""
    return build.enrolled(trial=trial, on=INCLUDED)


def end(patient: Patient, by: User, **changed: Any) -> Patient:
    told = {"on": ENDED, "reason": "withdrawal", "note": "Left", **changed}
    return disposition.end_study(patient=patient, by=by, **told)


def state(patient: Patient, code: str) -> str:
    return Visit.objects.get(patient=patient, code=code).state


class TestUnsettledVisits:
    def test_those_that_begin_until_the_day_are_asked_about(self, included):
        visit = included.visits.get(code="D7")
        assert visit.window_from == date(2026, 3, 16)
        assert [row.key for row in visits_due(included, date(2026, 3, 16))] == ["SCR", "INF1", "D7"]
        assert [row.key for row in visits_due(included, date(2026, 3, 15))] == ["SCR", "INF1"]

    def test_each_is_held_missed_or_left_for_later(self, included, doctor):
        settled: disposition.Settlements = {
            "SCR": {"choice": "held", "held_on": INCLUDED},
            "INF1": {"choice": "missed", "missed_reason": "Never treated"},
            "D7": {"choice": "later"},
        }
        end(included, doctor, settled=settled)
        assert [state(included, code) for code in settled] == ["held", "missed", "planned"]
        assert Visit.objects.get(patient=included, code="INF1").missed_reason == "Never treated"

    def test_each_needs_a_choice_a_day_or_a_reason(self, included, doctor):
        settled: disposition.Settlements = {
            "SCR": {"choice": "held"}, "INF1": {"choice": "missed"}, "D7": {"choice": "perhaps"},
        }  # fmt: skip
        assert refused(end, included, doctor, settled=settled) == {
            "visit-SCR": ["Enter the day on which the visit was held."],
            "visit-INF1": ["Say why the visit did not take place."],
            "visit-D7": ["Say what becomes of this visit."],
        }
        assert Patient.objects.get().state == "enrolled"
        assert state(included, "SCR") == "planned"

    def test_a_visit_is_held_until_the_end(self, included, doctor):
        settled: disposition.Settlements = {
            "SCR": {"choice": "held", "held_on": date(2026, 3, 19)}, "INF1": {"choice": "later"},
            "D7": {"choice": "later"},
        }  # fmt: skip
        told = refused(end, included, doctor, settled=settled)
        assert told == {"visit-SCR": ["This day is after the end of the study."]}

    def test_a_study_with_visits_left_for_later_is_not_completed(self, included, doctor):
        settled: disposition.Settlements = {key: {"choice": "later"} for key in ("SCR", "INF1", "D7")}
        told = refused(end, included, doctor, settled=settled, reason="completed")
        assert "neither held nor missed" in str(told)


class TestAfterwards:
    @pytest.fixture
    def ended(self, included, doctor) -> Patient:
        return end(included, doctor)

    def test_a_visit_until_the_end_is_held_missed_and_corrected(self, ended, doctor):
        visit = ended.visits.get(code="D7")
        assert hold_visit(visit=visit, on=ENDED, by=doctor).state == "held"
        assert hold_visit(visit=visit, on=date(2026, 3, 17), reason="Typo", by=doctor).held_on == date(
            2026, 3, 17
        )
        assert (
            miss_visit(visit=ended.visits.get(code="INF1"), reason="Never treated", by=doctor).state
            == "missed"
        )
        assert add_unscheduled(patient=ended, on=ENDED, reason="Fever", by=doctor).state == "held"

    def test_nothing_takes_place_after_it(self, ended, doctor):
        told = {"on": ["The study ended for this patient on 18-Mar-2026: there is no visit after it."]}
        late = date(2026, 3, 19)
        assert refused(hold_visit, visit=ended.visits.get(code="D7"), on=late, by=doctor) == told
        assert refused(add_unscheduled, patient=ended, on=late, reason="Fever", by=doctor) == told
        missed = refused(miss_visit, visit=ended.visits.get(code="D14"), reason="Abroad", by=doctor)
        assert missed == {"": ["D14 is after the end of the study: it is not missed."]}

    def test_a_form_of_a_visit_until_the_end_is_entered(self, ended, trial, doctor):
        casebook = Casebook.open(user=doctor, trial=trial, code=ended.code)
        refusals = [entry_refusal(casebook, casebook.place("vitals", code), None) for code in ("D7", "D14")]
        assert refusals == ["", "D14 is after the end of the study: no more data are collected."]


class TestCorrection:
    def correct(self, patient: Patient, by: User, **changed: Any) -> Patient:
        told = {"on": ENDED, "end_reason": "withdrawal", "note": "Left", "reason": "Typo", **changed}
        return disposition.correct_end(patient=patient, by=by, **told)

    @pytest.fixture
    def ended(self, included, doctor) -> Patient:
        hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 17), by=doctor)
        return end(included, doctor)

    def test_day_reason_and_note_are_corrected(self, ended, doctor):
        found = self.correct(ended, doctor, on=date(2026, 3, 17), end_reason="withdrawal", note=" No more. ")
        assert (found.ended_on, found.end_reason, found.end_note, found.state) == (
            date(2026, 3, 17), "withdrawal", "No more.", "ended",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"reason": ""}, {"reason": ["Say why this is changed."]}),
            ({"on": date(2026, 3, 31)}, {"on": ["This day has not come yet. Check the year."]}),
            ({"end_reason": "holiday"}, {"end_reason": ["Choose why the study ended."]}),
            (
                {"end_reason": "withdrawal", "note": ""},
                {"note": ["Say what the patient withdrew from, in the patient's words."]},
            ),
        ],
    )
    def test_an_impossible_correction_is_refused(self, ended, doctor, changed, told):
        assert refused(self.correct, ended, doctor, **changed) == told

    def test_a_day_before_a_visit_or_an_infusion_asks_about_each(self, included, doctor):
        """DAT-08: as the end of study does; either record may be the wrong one."""
        give(included, 1, on("12-Mar-2026"), doctor)
        hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 17), by=doctor)
        ended = end(included, doctor)
        call = {
            "patient": ended,
            "end_reason": "withdrawal",
            "note": "Left",
            "reason": "Misread",
            "by": doctor,
        }

        told = asked(disposition.correct_end, on=date(2026, 3, 11), **call)
        assert told == [
            "Visit INF1 was held on 12-Mar-2026, after the end of study on 11-Mar-2026.",
            "Visit D7 was held on 17-Mar-2026, after the end of study on 11-Mar-2026.",
            "Infusion 1 was given on 12-Mar-2026, after the end of study on 11-Mar-2026.",
        ]
        moved = build.confirming(disposition.correct_end, on=date(2026, 3, 11), **call)
        assert moved.ended_on == date(2026, 3, 11)
        assert self.correct(moved, doctor, on=date(2026, 3, 11), note="He left").end_note == "He left"

    def test_the_note_about_a_death_that_the_site_learned_of_later_is_corrected(self, included, doctor):
        """DAT-08: the visit at which the site learned of the death lies after it, and stands in no way."""
        hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 17), by=doctor)
        call = {"patient": included, "on": date(2026, 3, 12), "reason": "death", "note": "", "by": doctor}
        ended = build.confirming(disposition.end_study, **call)
        told = {"on": date(2026, 3, 12), "end_reason": "death", "note": "Told by the family"}
        assert self.correct(ended, doctor, **told).end_note == "Told by the family"


class TestReopening:
    def test_the_patient_is_in_follow_up_again(self, included, doctor):
        ended = end(included, doctor)
        found = disposition.reopen_study(patient=ended, reason="He came back", by=doctor)
        assert (found.state, found.ended_on, found.end_reason, found.end_note) == ("enrolled", None, "", "")
        assert hold_visit(visit=found.visits.get(code="D14"), on=date(2026, 3, 24), by=doctor).state == "held"

    def test_it_needs_a_reason_and_an_end(self, included, doctor):
        told = refused(disposition.reopen_study, patient=included, reason="Wrong", by=doctor)
        assert told == {"": ["LIE-001 has no end of study to reopen: the status is “In follow-up”."]}
        ended = end(included, doctor)
        assert refused(disposition.reopen_study, patient=ended, reason="", by=doctor) == {
            "reason": ["Say why this is changed."]
        }
