"""The plan of visits: the days they count from, what moves with them and what stays (P11-06)."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Visit
from patients.participation.enrolment import enrol
from patients.participation.protocol_amendments.amendments import preview
from patients.participation.protocol_amendments.visit_plan import VisitChange, visit_changes
from patients.participation.visit_status import VERSION_OF_VISIT, nominal_day
from patients.participation.visits import anchors_of, hold_visit, hold_visit_of, miss_visit, replan
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED
from tests.support.study.refusals import refused
from trials.models import ProtocolVersion, Trial

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.usefixtures("doctor_acts")]
LATER = date(2021, 3, 12)


@pytest.fixture
def trial() -> Trial:
    """The trial WALK with two infusions, the second a week after the first."""
    return amended_protocol.trial(infusions=2)


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    """A patient included on 10 March 2021."""
    return amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)


def visit(patient: Patient, code: str) -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code)


def days(patient: Patient) -> dict[str, date | None]:
    return dict(patient.visits.values_list("code", "planned_on"))


def changes(patient: Patient, to: ProtocolVersion) -> dict[str, VisitChange]:
    (found,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], to)
    return {change.code: change for change in found.visits}


class TestAnchors:
    def test_what_is_not_known_yet_is_no_anchor(self, trial):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        assert anchors_of(patient) == {"screening": INCLUDED}

    def test_each_infusion_given_is_an_anchor(self, patient):
        known = {"screening": INCLUDED, "inclusion": INCLUDED}
        assert anchors_of(patient, {1: INCLUDED, 2: LATER}) == {
            **known, "infusion_1": INCLUDED, "infusion_2": LATER
        }  # fmt: skip
        patient.first_infusion_on = LATER
        assert anchors_of(patient) == {**known, "infusion_1": LATER}

    def test_a_visit_counted_from_an_infusion_has_its_day_when_it_was_given(self, patient, doctor):
        assert days(patient)["INF2"] is None
        replan(patient, doctor, {1: LATER})
        assert visit(patient, "INF2").planned_on == date(2021, 3, 19)

    def test_the_planned_day_in_the_study_is_counted_from_the_inclusion(self, trial):
        """Screening has none; the second infusion is a week after the first, the third after the second."""
        rules = amended_protocol.amendment(infusions=3).rules
        found = {each.code: nominal_day(rules, each) for each in rules.visits}
        assert found == {"SCR": None, "INF1": 0, "INF2": 7, "INF3": 14, "D7": 7, "D14": 14, "D28": 30}

    def test_a_day_after_an_infusion_given_in_screening_is_no_day_of_the_study(self, trial):
        rules = trial.rules
        first, second = (rules.infusion_visit(number) for number in (1, 2))
        before = first.model_copy(update={"anchor": "screening"})
        changed = rules.model_copy(
            update={"visits": tuple(before if each is first else each for each in rules.visits)}
        )
        changed.__dict__.pop("_infusion_visits", None)
        assert nominal_day(changed, second) is None


class TestPlan:
    def test_planned_visits_are_ten_apart_so_that_others_fit_between_them(self, patient):
        rows = patient.visits.order_by("position").values_list("code", "position")
        assert list(rows) == [("SCR", 10), ("INF1", 20), ("INF2", 30), ("D7", 40), ("D28", 50), ("D60", 60)]

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_a_frozen_or_locked_visit_keeps_its_days(self, patient, doctor, column):
        with acting(system="test"):
            Visit.objects.filter(patient=patient, code="D28").update(**{column: NOW})
        patient.enrolled_on = LATER
        replan(patient, doctor)
        found = days(patient)
        assert (found["D28"], found["D60"]) == (date(2021, 4, 7), date(2021, 5, 11))

    def test_a_visit_held_or_missed_keeps_its_days(self, patient, doctor):
        hold_visit(visit=visit(patient, "D7"), on=LATER, by=doctor)
        miss_visit(visit=visit(patient, "D28"), reason="Abroad", by=doctor)
        patient.enrolled_on = LATER
        replan(patient, doctor)
        found = days(patient)
        assert [found[code] for code in ("D7", "D28", "D60")] == [
            date(2021, 3, 17), date(2021, 4, 7), date(2021, 5, 11)
        ]  # fmt: skip

    def test_a_visit_of_which_one_day_differs_is_planned_again(self, patient, doctor):
        Visit.objects.filter(patient=patient, code="D60").update(window_to=date(2021, 6, 1))
        replan(patient, doctor)
        row = visit(patient, "D60")
        assert (row.planned_on, row.window_to) == (date(2021, 5, 9), date(2021, 5, 14))

    def test_a_plan_that_says_the_same_leaves_no_trace(self, patient, doctor):
        """AUD-01: the trail has changes only."""
        before = Visit.history.count()
        replan(patient, doctor)
        assert Visit.history.count() == before

    def test_the_infusions_of_a_patient_are_planned_with_the_visits(self, patient):
        assert list(patient.infusions.order_by("number").values_list("visit__code", flat=True)) == [
            "INF1", "INF2"
        ]  # fmt: skip


class TestVersionOfAVisit:
    """A visit held or missed keeps the version under which it was (DAT-09)."""

    def test_the_day_of_a_visit_held_before_an_amendment_is_corrected_under_its_version(
        self, patient, doctor, manager
    ):
        """The new consent is due for new visits only."""
        hold_visit(visit=visit(patient, "D7"), on=LATER, by=doctor)
        old, amended = patient.protocol, amended_protocol.amendment()
        assert visit(patient, "D7").protocol == old
        amended_protocol.move_to(patient, amended, by=manager)
        hold_visit(visit=visit(patient, "D7"), on=date(2021, 3, 17), reason="Typo", by=doctor)
        row = visit(patient, "D7")
        assert (row.held_on, row.protocol) == (date(2021, 3, 17), old)
        miss_visit(visit=row, reason="Another patient", by=doctor)
        assert visit(patient, "D7").protocol == old

    def test_the_forms_of_a_visit_to_come_are_those_of_the_version_of_the_patient(
        self, patient, doctor, manager
    ):
        hold_visit(visit=visit(patient, "D7"), on=LATER, by=doctor)
        old, amended = patient.protocol, amended_protocol.amendment()
        amended_protocol.move_to(patient, amended, by=manager)
        rows = patient.visits.filter(code__in=["D7", "D14"]).annotate(version=VERSION_OF_VISIT)
        assert {row.code: row.version for row in rows} == {"D7": old.pk, "D14": amended.pk}

    def test_a_visit_missed_keeps_the_version_of_the_patient(self, patient, doctor):
        miss_visit(visit=visit(patient, "D28"), reason="Abroad", by=doctor)
        assert visit(patient, "D28").protocol == patient.protocol

    def test_no_new_visit_is_held_while_a_consent_is_due_but_an_infusion_given_is_recorded(
        self, patient, doctor, manager
    ):
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        told = refused(hold_visit, visit=visit(patient, "D7"), on=LATER, by=doctor)
        assert told == {"": ["W-01 has to sign version 2.0 of the consent form: record that consent first."]}
        row = hold_visit_of(visit=visit(patient, "INF1"), on=LATER, by=doctor)
        assert (row.code, row.state, row.held_on) == ("INF1", "held", LATER)


class TestChangesOfAVersion:
    def test_the_day_before_is_that_of_a_visit_which_was_planned(self, patient, manager):
        found = changes(patient, amended_protocol.amendment(infusions=1))
        assert {code: each.before for code, each in found.items() if each.kind != "kept"} == {
            "INF2": None, "D14": None, "D28": date(2021, 4, 7), "D60": date(2021, 5, 9)
        }  # fmt: skip

    def test_a_visit_that_comes_back_is_added_and_one_that_does_not_is_kept(self, patient, manager, doctor):
        replan(patient, doctor, {1: LATER})
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=1), by=manager)
        found = changes(patient, amended_protocol.next_amendment(date(2021, 3, 2), infusions=2))
        assert [(found[code].kind, found[code].before) for code in ("INF2", "D60")] == [
            ("added", None), ("kept", None)
        ]  # fmt: skip

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_a_frozen_or_locked_visit_is_kept(self, patient, column):
        with acting(system="test"):
            Visit.objects.filter(patient=patient, code__in=["D28", "D60"]).update(**{column: NOW})
        found = changes(patient, amended_protocol.amendment())
        assert [found[code].kind for code in ("D28", "D60")] == ["kept", "kept"]

    def test_a_visit_that_is_not_planned_any_more_stays_after_the_one_before_it(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        rows = patient.visits.order_by("position").values_list("code", "position")
        assert list(rows) == [
            ("SCR", 10), ("INF1", 20), ("INF2", 30), ("D7", 40), ("D14", 50), ("D28", 60), ("D60", 61)
        ]  # fmt: skip

    def test_visits_dropped_before_the_first_come_first_in_their_order(self, patient):
        """The visits are given in any order."""
        rows = [*patient.visits.order_by("-position"), *(
            Visit(pk=number, patient=patient, code=code, number=1, position=position, state="planned")
            for number, code, position in ((901, "B", 6), (900, "A", 5))
        )]  # fmt: skip
        found = visit_changes(patient, patient.protocol.rules, rows, begun=(), infusions={})
        assert [(each.code, each.position) for each in found] == [
            ("A", 1), ("B", 2), ("SCR", 10), ("INF1", 20), ("INF2", 30), ("D7", 40), ("D28", 50), ("D60", 60)
        ]  # fmt: skip


def test_who_is_included_again_is_refused_in_one_sentence(patient, doctor):
    told = refused(enrol, patient=patient, on=INCLUDED, by=doctor)
    assert told == {"": ["W-01 cannot be included: the status is “In follow-up”."]}
