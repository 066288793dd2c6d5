"""The course of infusions of a patient who moves to another protocol version (DAT-09)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from audit.context import acting
from dosing.infusions.administration import StaleInfusion, mark_not_given, record_weight
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.review.locks import freeze, lock
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED, sign_again
from tests.support.study.bedside import give, on, stored
from tests.support.study.refusals import refused

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


@pytest.fixture
def long(db):
    """The trial WALK with a course of three infusions."""
    return amended_protocol.trial(infusions=3)


@pytest.fixture
def doctor(long):
    return build.user("investigator", trial=long)


@pytest.fixture
def manager(long):
    return build.user("data_manager", trial=long)


@pytest.fixture
def patient(long, doctor):
    return amended_protocol.enrolled(long, by=doctor, on=INCLUDED)


def course(patient: Patient) -> list[tuple[int, str]]:
    return list(Infusion.objects.filter(patient=patient).order_by("number").values_list("number", "state"))


def weigh(patient: Patient, number: int, by) -> None:
    with acting(user=by, role="coordinator"):
        record_weight(
            infusion=stored(patient, number), weight_kg=Decimal(80), by=by, version=1,
            weight_measured=moment("10-Mar-2021 08:00"),
        )  # fmt: skip


class TestFewerInfusions:
    def test_the_last_infusion_falls_away_and_the_first_stays(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=2), by=manager)

        assert course(patient) == [(1, "planned"), (2, "planned"), (3, "not_given")]
        assert str(stored(patient, 3).not_given_reason) == "Version 1.1 of the protocol does not plan it."
        assert Visit.objects.get(patient=patient, code="INF3").state == "cancelled"

    def test_every_infusion_beyond_the_course_falls_away(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=1), by=manager)

        assert course(patient) == [(1, "planned"), (2, "not_given"), (3, "not_given")]

    def test_the_trail_says_that_the_system_did_it_and_why(self, patient, manager):
        """AUD-10."""
        amended_protocol.move_to(
            patient, amended_protocol.amendment(), by=manager, reason="Amendment 1 of the course"
        )
        row = Infusion.history.filter(id=stored(patient, 3).pk).order_by("-history_id").first()

        assert row.history_user_name == f"system:schedule for {manager.username}"
        assert row.history_change_reason == "Amendment 1 of the course"

    def test_a_page_opened_before_the_move_does_not_overwrite_it(self, patient, doctor, manager):
        """DAT-11."""
        seen = stored(patient, 3)
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        sign_again(patient, doctor)

        with pytest.raises(StaleInfusion), acting(user=doctor, role="coordinator"):
            mark_not_given(infusion=seen, reason="Fever", version=seen.version, by=doctor)

    def test_a_course_begun_is_left_alone(self, patient, doctor, manager):
        """The weight of the day is recorded: the product may be in preparation."""
        weigh(patient, 1, doctor)
        before = list(Infusion.objects.filter(patient=patient).values())
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)

        assert list(Infusion.objects.filter(patient=patient).values()) == before

    def test_a_course_with_an_infusion_marked_as_not_given_is_left_alone(self, patient, doctor, manager):
        with acting(user=doctor, role="coordinator"):
            mark_not_given(infusion=stored(patient, 1), reason="Fever", version=1, by=doctor)
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)

        assert course(patient) == [(1, "not_given"), (2, "planned"), (3, "planned")]

    def test_the_course_of_another_patient_is_left_alone(self, long, patient, doctor, manager):
        other = amended_protocol.enrolled(long, by=doctor, on=INCLUDED)
        weigh(other, 1, doctor)
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)

        assert course(patient)[-1] == (3, "not_given")
        assert course(other) == [(1, "planned"), (2, "planned"), (3, "planned")]

    def test_a_patient_in_screening_gets_no_infusion(self, long, manager):
        waiting = build.patient(trial=long, screened_on=INCLUDED)
        build.consent(waiting)
        amended_protocol.move_to(waiting, amended_protocol.amendment(), by=manager)

        assert Patient.objects.get(pk=waiting.pk).protocol.version == "1.1"
        assert course(waiting) == []


def test_a_patient_of_a_trial_without_a_product_is_moved_without_a_course():
    trial = amended_protocol.without_product()
    by = build.user("investigator", trial=trial)
    manager = build.user("data_manager", trial=trial)
    patient = amended_protocol.enrolled(trial, by=by, on=INCLUDED)
    amended_protocol.move_to(patient, amended_protocol.amendment_without_product(), by=manager)

    assert Patient.objects.get(pk=patient.pk).protocol.version == "1.1"
    assert course(patient) == []


class TestMoreInfusions:
    def test_the_course_grows_behind_its_last_infusion(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=4), by=manager)

        assert course(patient) == [(number, "planned") for number in (1, 2, 3, 4)]
        assert stored(patient, 2).window_from == date(2021, 3, 15)
        assert stored(patient, 4).window_from == date(2021, 3, 25)

    def test_an_infusion_that_the_new_version_adds_belongs_to_its_visit(self, manager, doctor, long):
        patient = amended_protocol.enrolled(long, by=doctor, on=INCLUDED)
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=4), by=manager)

        assert stored(patient, 1).visit == Visit.objects.get(patient=patient, code="INF1")
        assert stored(patient, 4).visit == Visit.objects.get(patient=patient, code="INF4")

    def test_a_patient_moved_can_be_treated_after_signing_again(self, patient, doctor, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        sign_again(patient, doctor)
        weigh(patient, 1, doctor)

        assert stored(patient, 1).weight_kg == Decimal(80)


class TestTwoAmendments:
    """An infusion that an amendment dropped is not a course begun: the next amendment plans the course too."""

    def test_a_second_amendment_shortens_the_course_further(self, patient, doctor, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=2), by=manager)
        amended_protocol.move_to(
            patient, amended_protocol.next_amendment(date(2021, 3, 2), infusions=1), by=manager
        )

        assert course(patient) == [(1, "planned"), (2, "not_given"), (3, "not_given")]

    def test_an_infusion_that_comes_back_is_planned_again(self, patient, doctor, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=1), by=manager)
        amended_protocol.move_to(
            patient, amended_protocol.next_amendment(date(2021, 3, 2), infusions=4), by=manager
        )

        assert course(patient) == [(number, "planned") for number in (1, 2, 3, 4)]
        again = stored(patient, 2)
        assert (str(again.not_given_reason), again.window_from) == ("", date(2021, 3, 15))

    def test_an_infusion_that_a_person_marked_stays_as_it_is(self, patient, doctor, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=2), by=manager)
        sign_again(patient, doctor)
        with acting(user=doctor, role="coordinator"):
            mark_not_given(infusion=stored(patient, 1), reason="Fever", version=1, by=doctor)
        amended_protocol.move_to(
            patient, amended_protocol.next_amendment(date(2021, 3, 2), infusions=3), by=manager
        )

        assert course(patient) == [(1, "not_given"), (2, "planned"), (3, "not_given")]


class TestFrozen:
    @pytest.mark.parametrize("close", [freeze, lock])
    def test_an_infusion_of_a_frozen_or_locked_visit_stays_as_it_is(self, patient, manager, close):
        """The move leaves a frozen or locked visit as it is, and what belongs to it."""
        with acting(user=manager, role="data_manager"):
            close(target=Visit.objects.get(patient=patient, code="INF3"), reason="Interim", by=manager)
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=2), by=manager)

        assert Visit.objects.get(patient=patient, code="INF3").state == "planned"
        assert course(patient) == [(1, "planned"), (2, "planned"), (3, "planned")]

    def test_a_version_of_one_infusion_gives_a_frozen_second_one_no_other_days(self, patient, manager):
        """It has no interval from which they could be counted: the move is refused until the visit is unfrozen."""
        with acting(user=manager, role="data_manager"):
            freeze(target=Visit.objects.get(patient=patient, code="INF2"), reason="Interim", by=manager)
        amended_protocol.amendment()
        single = ("interval_days = [5, 9]\n", "")
        later = amended_protocol.next_amendment(date(2021, 3, 2), single, infusions=1)

        assert "INF2 is frozen" in refused(amended_protocol.move_to, patient, later, by=manager)[""][0]
        assert course(patient) == [(1, "planned"), (2, "planned"), (3, "planned")]

    @pytest.mark.parametrize(("close", "state"), [(freeze, "frozen"), (lock, "locked")])
    def test_an_infusion_that_would_move_a_frozen_or_locked_one_is_refused(
        self, patient, doctor, manager, close, state
    ):
        with acting(user=manager, role="data_manager"):
            close(target=Visit.objects.get(patient=patient, code="INF2"), reason="Interim", by=manager)
        with acting(user=doctor, role="coordinator"):
            facts = on("12-Mar-2021", weight_kg=Decimal(80))
            assert f"INF2 is {state}" in refused(give, patient, 1, facts, doctor)[""][0]

        assert stored(patient, 1).state == "planned"
        assert stored(patient, 2).window_from == date(2021, 3, 15)


class TestLongerIntervals:
    """Version 1.2 asks for ten to twelve days between two infusions, in place of five to nine."""

    def test_an_infusion_given_keeps_the_days_of_the_version_it_was_given_under(
        self, patient, doctor, manager
    ):
        """DAT-09: only what is given after the move follows the new version."""

        def given(number: int, day: str) -> None:
            with acting(user=doctor, role="coordinator"):
                give(patient, number, on(day, weight_kg=Decimal(80)), doctor)

        given(1, "10-Mar-2021")
        given(2, "17-Mar-2021")
        amended_protocol.amendment(reconsent=False)
        longer = ("interval_days = [5, 9]", "interval_days = [9, 12]")
        later = amended_protocol.next_amendment(date(2021, 3, 2), longer, infusions=3, reconsent=False)
        amended_protocol.move_to(patient, later, by=manager)
        given(3, "29-Mar-2021")

        assert [
            (stored(patient, number).window_from, stored(patient, number).window_to) for number in (2, 3)
        ] == [
            (date(2021, 3, 15), date(2021, 3, 19)),
            (date(2021, 3, 26), date(2021, 3, 29)),
        ]


class TestReconsent:
    """Version 1.1 asks the patient to sign again: nothing is given before."""

    DUE = {"": ["W-01 has to sign version 2.0 of the consent form: record that consent first."]}

    @pytest.fixture
    def moved(self, patient, manager) -> Patient:
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        return patient

    def test_nothing_is_given_and_no_weight_taken_before_the_patient_signed_again(self, moved, doctor):
        assert refused(weigh, moved, 1, doctor) == self.DUE
        with acting(user=doctor, role="coordinator"):
            facts = on("10-Mar-2021", weight_kg=Decimal(80))
            assert refused(give, moved, 1, facts, doctor) == self.DUE
        assert infusion_refusal(stored(moved, 1)) == self.DUE[""][0]

    def test_an_infusion_can_be_marked_as_not_given_meanwhile(self, moved, doctor):
        with acting(user=doctor, role="coordinator"):
            row = mark_not_given(infusion=stored(moved, 1), reason="Fever", version=1, by=doctor)
        assert row.state == "not_given"

    def test_the_consent_of_another_patient_signs_for_nobody(self, moved, long, doctor):
        other = build.patient(trial=long, screened_on=INCLUDED)
        build.consent(other, given=moment("20-Mar-2021 09:00"))
        assert infusion_refusal(stored(moved, 1)) == self.DUE[""][0]

        sign_again(moved, doctor)
        assert infusion_refusal(stored(moved, 1)) == ""
