"""An inclusion or a screen failure recorded wrongly is corrected or struck out (AUD-04, P11-06)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from dosing.infusions.administration import mark_not_given, record_weight
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.participation import corrections, disposition, screening
from patients.participation.enrolment import enrol
from patients.participation.questions import Questioned, ask_with_effects
from patients.participation.visits import hold_visit, strike_out_visit
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import give, on, stored
from tests.support.study.refusals import refused
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
TODAY, TOMORROW, INCLUDED = date(2026, 3, 30), date(2026, 3, 31), date(2026, 3, 10)


@pytest.fixture
def included(trial: Trial) -> Patient:
    """A patient screened and included on the 10th."""
    return build.enrolled(trial=trial, on=INCLUDED)


def planned(patient: Patient, code: str) -> date | None:
    return Visit.objects.get(patient=patient, code=code).planned_on


def first_window(patient: Patient) -> tuple[date | None, date | None]:
    row = stored(patient, 1)
    return row.window_from, row.window_to


class TestDayOfScreening:
    def test_visits_counted_from_it_are_planned_again(self, trial, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        found = corrections.correct_screening(patient=patient, on=date(2026, 3, 9), reason="Typo", by=doctor)
        assert (found.screened_on, planned(found, "SCR")) == (date(2026, 3, 9), date(2026, 3, 9))

    @pytest.mark.parametrize(("day", "field"), [(TOMORROW, "on"), (date(2026, 3, 11), "on")])
    def test_it_is_neither_in_the_future_nor_after_the_inclusion(self, included, doctor, day, field):
        told = refused(corrections.correct_screening, patient=included, on=day, reason="Typo", by=doctor)
        assert list(told) == [field]

    def test_it_is_not_after_a_visit_that_was_held(self, trial, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        hold_visit(visit=patient.visits.get(code="SCR"), on=date(2026, 3, 12), by=doctor)
        told = {"patient": patient, "reason": "Typo", "by": doctor}
        assert "on" in refused(corrections.correct_screening, on=date(2026, 3, 13), **told)
        assert corrections.correct_screening(on=date(2026, 3, 12), **told).screened_on == date(2026, 3, 12)
        assert refused(corrections.correct_screening, on=INCLUDED, **{**told, "reason": ""}) == {
            "reason": ["Say why this is changed."]
        }


class TestDayOfInclusion:
    def test_visits_and_infusions_are_planned_again(self, included, doctor):
        corrections.correct_inclusion(patient=included, on=date(2026, 3, 12), reason="Typo", by=doctor)
        assert Patient.objects.get().enrolled_on == date(2026, 3, 12)
        assert planned(included, "D28") == date(2026, 4, 9)
        assert first_window(included) == (date(2026, 3, 12), date(2026, 3, 14))

    def test_a_visit_that_was_held_keeps_its_day(self, included, doctor):
        visit = included.visits.get(code="D7")
        hold_visit(visit=visit, on=date(2026, 3, 17), by=doctor)
        corrections.correct_inclusion(patient=included, on=date(2026, 3, 12), reason="Typo", by=doctor)
        visit.refresh_from_db()
        assert (visit.state, visit.held_on) == ("held", date(2026, 3, 17))

    def test_visits_counted_from_an_infusion_that_was_given_stay(self, included, doctor):
        give(included, 1, on("12-Mar-2026"), doctor)
        before = planned(included, "D1")
        corrections.correct_inclusion(patient=included, on=date(2026, 3, 11), reason="Typo", by=doctor)
        assert planned(included, "D1") == before == date(2026, 3, 13)

    @pytest.mark.parametrize(
        ("day", "sentence"),
        [
            (TOMORROW, "This day has not come yet. Check the year."),
            (date(2026, 3, 9), "The inclusion cannot be before the screening."),
            (date(2026, 3, 13), "Infusion 1 was given on 12-Mar-2026, before this day."),
        ],
    )
    def test_an_impossible_day_is_refused(self, included, doctor, day, sentence):
        give(included, 1, on("12-Mar-2026"), doctor)
        told = refused(corrections.correct_inclusion, patient=included, on=day, reason="Typo", by=doctor)
        assert told == {"on": [sentence]}

    def test_the_inclusion_comes_before_the_end_of_the_study(self, included, doctor):
        ended = disposition.end_study(
            patient=included, on=date(2026, 3, 20), reason="withdrawal", note="Left", by=doctor
        )
        told = {"patient": ended, "reason": "Typo", "by": doctor}
        assert refused(corrections.correct_inclusion, on=date(2026, 3, 21), **told) == {
            "on": ["The study cannot end before the inclusion."]
        }
        assert corrections.correct_inclusion(on=date(2026, 3, 20), **told).enrolled_on == date(2026, 3, 20)

    def test_the_inclusion_comes_after_a_consent_on_the_day_at_the_site(self, trial, doctor):
        late = build.enrolled(trial=trial, on=INCLUDED)
        late.consents.update(
            given="2026-03-11T00:10+01:00[Europe/Brussels]",
            given_at=datetime(2026, 3, 10, 23, 10, tzinfo=UTC),
        )
        told = {"patient": late, "reason": "Typo", "by": doctor}
        assert "on" in refused(corrections.correct_inclusion, on=INCLUDED, **told)
        assert corrections.correct_inclusion(on=date(2026, 3, 11), **told).enrolled_on == date(2026, 3, 11)

    def test_it_needs_a_reason_and_an_inclusion(self, trial, included, doctor):
        told = refused(corrections.correct_inclusion, patient=included, on=INCLUDED, reason=" ", by=doctor)
        assert told == {"reason": ["Say why this is changed."]}
        other = build.patient(trial=trial, screened_on=INCLUDED)
        told = refused(corrections.correct_inclusion, patient=other, on=INCLUDED, reason="Typo", by=doctor)
        assert told == {"": ["LIE-002 has no inclusion to correct: the status is “Screening”."]}

    def test_the_effects_are_told_before_and_nothing_is_stored(self, included, doctor):
        facts = {"patient": included, "on": date(2026, 3, 12), "reason": "Typo", "by": doctor}
        with pytest.raises(Questioned) as asked:
            ask_with_effects(included, corrections.correct_inclusion, confirmed="", **facts)
        (moves,) = asked.value.questions
        assert {
            "D28: 07-Apr-2026 becomes 09-Apr-2026", "Infusion 1: 10-Mar-2026 becomes 12-Mar-2026",
        } <= set(moves.details)  # fmt: skip
        assert Patient.objects.get().enrolled_on == INCLUDED
        assert planned(included, "D28") == date(2026, 4, 7)


class TestStrikingOutAnInclusion:
    def test_the_patient_is_in_screening_again(self, included, doctor):
        corrections.strike_out_inclusion(patient=included, reason="Another patient", by=doctor)
        found = Patient.objects.get()
        assert (found.state, found.enrolled_on, found.enrolled_at, found.group) == (
            "screening",
            None,
            None,
            "",
        )
        assert planned(included, "D28") is None
        assert first_window(included) == (None, None)

    def test_the_patient_can_be_included_again(self, included, doctor):
        corrections.strike_out_inclusion(patient=included, reason="Another patient", by=doctor)
        again = enrol(patient=Patient.objects.get(), on=date(2026, 3, 11), by=doctor)
        assert list(again.infusions.values_list("number", "window_from")) == [
            (1, date(2026, 3, 11)), (2, date(2026, 3, 14)), (3, date(2026, 3, 17)),
        ]  # fmt: skip
        assert planned(again, "D28") == date(2026, 4, 8)

    def test_a_visit_held_or_missed_is_struck_out_first(self, included, doctor):
        visit = included.visits.get(code="D7")
        hold_visit(visit=visit, on=date(2026, 3, 17), by=doctor)
        told = {"patient": included, "reason": "Wrong", "by": doctor}
        assert refused(corrections.strike_out_inclusion, **told) == {
            "": ["These visits are held or missed: D7. Strike out each first."]
        }
        strike_out_visit(visit=visit, reason="Wrong", by=doctor)
        assert corrections.strike_out_inclusion(**told).state == "screening"

    def test_a_form_after_screening_is_struck_out_first(self, included, doctor):
        record = build.record(included, "vitals", {"hr": "72"}, visit="D7", draft=True)
        told = {"patient": included, "reason": "Wrong", "by": doctor}
        assert refused(corrections.strike_out_inclusion, **told) == {
            "": ["These visits have forms: D7. Strike out the forms first."]
        }
        build.struck_out(record)
        assert corrections.strike_out_inclusion(**told).state == "screening"

    def test_an_infusion_with_entries_depends_on_the_inclusion(self, included, doctor):
        row = stored(included, 1)
        record_weight(
            infusion=row, weight_kg=on("12-Mar-2026")["weight_kg"], by=doctor, version=row.version,
            weight_measured=moment("12-Mar-2026 08:00"),
        )  # fmt: skip
        told = refused(corrections.strike_out_inclusion, patient=included, reason="Wrong", by=doctor)
        assert told == {"": ["Infusion 1 has entries: it depends on the inclusion."]}

    def test_so_does_an_infusion_that_was_not_given(self, included, doctor):
        row = stored(included, 1)
        mark_not_given(infusion=row, reason="Fever", version=row.version, by=doctor)
        assert "Infusion 1" in str(
            refused(corrections.strike_out_inclusion, patient=included, reason="Wrong", by=doctor)
        )
        assert Infusion.objects.filter(patient=included, window_from=None).count() == 0

    def test_an_ended_study_is_reopened_first(self, included, doctor):
        disposition.end_study(patient=included, on=TODAY, reason="withdrawal", note="Left", by=doctor)
        told = refused(corrections.strike_out_inclusion, patient=included, reason="Wrong", by=doctor)
        assert told == {"": ["LIE-001 has no inclusion to strike out: the status is “Study ended”."]}


class TestScreenFailure:
    @pytest.fixture
    def failed(self, trial: Trial, doctor) -> Patient:
        patient = build.patient(trial=trial, screened_on=INCLUDED, hospital_number="HN-1")
        return screening.fail_screening(patient=patient, on=INCLUDED, reason="Fever", by=doctor)

    def test_day_and_reason_are_corrected(self, failed, doctor):
        told = {"patient": failed, "failure_reason": " Too young ", "by": doctor}
        found = corrections.correct_failure(on=date(2026, 3, 11), reason="Typo", **told)
        assert (found.failed_on, found.failure_reason) == (date(2026, 3, 11), "Too young")
        assert refused(corrections.correct_failure, on=INCLUDED, reason="", **told) == {
            "reason": ["Say why this is changed."]
        }

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"on": INCLUDED - timedelta(days=1)}, "on"),
            ({"on": TOMORROW}, "on"),
            ({"failure_reason": " "}, "failure_reason"),
        ],
    )
    def test_an_impossible_correction_is_refused(self, failed, doctor, changed, field):
        told = {"on": INCLUDED, "failure_reason": "Fever", "reason": "Typo", **changed}
        assert list(refused(corrections.correct_failure, patient=failed, by=doctor, **told)) == [field]

    def test_struck_out_the_patient_is_in_screening_again(self, failed, doctor):
        found = corrections.strike_out_failure(patient=failed, reason="Another patient", by=doctor)
        assert (found.state, found.failed_on, found.failure_reason) == ("screening", None, "")

    def test_unless_the_person_was_screened_again_meanwhile(self, trial, failed, doctor):
        build.patient(trial=trial, screened_on=INCLUDED, hospital_number="hn-1")
        told = refused(corrections.strike_out_failure, patient=failed, reason="Wrong", by=doctor)
        assert told == {
            "hospital_number": ["LIE-002 has this hospital number: a person is in the trial once."]
        }
