"""The day of a visit changes with a reason, and not under a frozen or locked form (AUD-04, P11-06)."""

from datetime import UTC, date, datetime

import pytest

from audit.models import Meaning, Signature
from audit.trail import history_model
from patients.models import Patient, Record, Visit
from patients.participation.visits import add_unscheduled, hold_visit, miss_visit, strike_out_visit
from patients.review.locks import freeze
from patients.review.signatures import sign_visit
from tests.support import build
from tests.support.study.bedside import give, on
from tests.support.study.refusals import refused
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
INCLUDED, HELD, OTHER = date(2026, 3, 10), date(2026, 3, 17), date(2026, 3, 18)


@pytest.fixture
def included(trial: Trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def visit(included: Patient, doctor) -> Visit:
    """The visit of day 7, held on the 17th."""
    return hold_visit(visit=included.visits.get(code="D7"), on=HELD, by=doctor)


class TestAnotherDay:
    def test_it_needs_a_reason_which_the_trail_keeps(self, visit, doctor):
        assert refused(hold_visit, visit=visit, on=OTHER, by=doctor) == {
            "reason": ["Say why this is changed."]
        }
        hold_visit(visit=visit, on=OTHER, reason="Typo", by=doctor)
        last = history_model(Visit).objects.filter(id=visit.pk).order_by("history_id").last()
        assert (last.held_on, last.history_change_reason) == (OTHER, "Typo")

    def test_the_same_day_again_changes_nothing(self, visit, doctor):
        rows = history_model(Visit).objects.count()
        assert hold_visit(visit=visit, on=HELD, by=doctor).held_on == HELD
        assert history_model(Visit).objects.count() == rows

    @pytest.mark.parametrize("closed", ["frozen_at", "locked_at"])
    def test_no_day_changes_under_a_form_that_is_closed(self, visit, doctor, included, closed):
        record = build.record(included, "vitals", {"hr": "72"}, visit="D7", draft=True)
        Record.objects.filter(pk=record.pk).update(**{closed: NOW})
        told = refused(hold_visit, visit=visit, on=OTHER, reason="Typo", by=doctor)
        assert told == {
            "": ["A form of D7 is frozen or locked: the day of the visit cannot change under it."]
        }
        visit.refresh_from_db()
        assert visit.held_on == HELD

    def test_the_signature_on_the_visit_falls(self, visit, doctor):
        sign_visit(visit=visit, seen={}, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=doctor)
        hold_visit(visit=visit, on=OTHER, reason="Typo", by=doctor)
        assert Signature.objects.get(target_type="patients.visit").invalidated_at is not None

    def test_an_unscheduled_visit_moves_as_a_whole(self, included, doctor):
        row = add_unscheduled(patient=included, on=HELD, reason="Fever", by=doctor)
        moved = hold_visit(visit=row, on=OTHER, reason="Typo", by=doctor)
        assert (moved.held_on, moved.planned_on) == (OTHER, OTHER)


class TestStruckOut:
    def test_a_visit_held_in_error_is_planned_again(self, visit, doctor):
        row = strike_out_visit(visit=visit, reason="Another patient", by=doctor)
        assert (row.state, row.held_on, row.protocol_id, row.planned_on) == ("planned", None, None, HELD)

    def test_a_visit_missed_in_error_is_planned_again(self, included, doctor):
        row = miss_visit(visit=included.visits.get(code="D7"), reason="Abroad", by=doctor)
        row = strike_out_visit(visit=row, reason="Another patient", by=doctor)
        assert (row.state, row.missed_reason) == ("planned", "")

    def test_an_unscheduled_visit_is_no_longer_planned(self, included, doctor):
        row = add_unscheduled(patient=included, on=HELD, reason="Fever", by=doctor)
        assert strike_out_visit(visit=row, reason="Another patient", by=doctor).state == "cancelled"
        again = add_unscheduled(patient=included, on=HELD, reason="Fever", by=doctor)
        assert (again.number, again.state) == (2, "held")

    def test_it_needs_a_reason_and_a_visit_that_was_held_or_missed(self, visit, included, doctor):
        assert refused(strike_out_visit, visit=visit, reason=" ", by=doctor) == {
            "reason": ["Say why this is changed."]
        }
        planned = included.visits.get(code="D28")
        told = refused(strike_out_visit, visit=planned, reason="Wrong", by=doctor)
        assert told == {"": ["D28 is neither held nor missed: there is nothing to strike out."]}

    def test_its_forms_are_struck_out_first(self, visit, included, doctor):
        record = build.record(included, "vitals", {"hr": "72"}, visit="D7", draft=True)
        told = refused(strike_out_visit, visit=visit, reason="Wrong", by=doctor)
        assert told == {"": ["This visit has forms with data: strike out the forms first."]}
        build.struck_out(record)
        assert strike_out_visit(visit=visit, reason="Wrong", by=doctor).state == "planned"

    def test_a_visit_at_which_an_infusion_was_given_took_place(self, included, doctor):
        give(included, 1, on("12-Mar-2026"), doctor)
        row = included.visits.get(code="INF1")
        told = refused(strike_out_visit, visit=row, reason="Wrong", by=doctor)
        assert told == {"": ["Infusion 1 was given at this visit."]}

    def test_nothing_is_struck_out_under_a_freeze(self, visit, doctor, manager):
        freeze(target=visit, reason="Interim analysis", by=manager)
        assert "frozen" in str(refused(strike_out_visit, visit=visit, reason="Wrong", by=doctor))
