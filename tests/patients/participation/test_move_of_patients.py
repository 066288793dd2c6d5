"""Who is moved to another protocol version, under which version a visit stays, and what is signed (DAT-09)."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Visit
from patients.participation.consents.consent import record_consent
from patients.participation.protocol_amendments.amendments import chain_of, move, move_refusal, preview
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED, sign_again
from tests.support.study.refusals import refused
from trials.models import ProtocolVersion, Trial

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
TODAY, SECOND_OF_MARCH = date(2021, 3, 30), date(2021, 3, 2)


@pytest.fixture
def trial() -> Trial:
    """The trial WALK with two infusions, the second a week after the first."""
    return amended_protocol.trial(infusions=2)


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    return amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)


def visit(patient: Patient, code: str) -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code)


def seen(patient: Patient) -> Patient:
    return Patient.objects.select_related("trial").get(pk=patient.pk)


def sign(patient: Patient, to: ProtocolVersion) -> str:
    (found,) = preview([seen(patient)], to)
    return found.sign


@pytest.fixture
def moves(manager: User):
    """Moves patients as the data manager."""

    def verb(patients: list[Patient], to: ProtocolVersion) -> list[int]:
        with acting(user=manager, role="data_manager"):
            done = move(patients=patients, to=to, reason="Amendment", by=manager)
        return [each.patient.pk for each in done]

    return verb


class TestWho:
    def test_between_one_and_two_hundred_are_moved_at_once(self, patient, moves):
        amended = amended_protocol.amendment()
        sentence = {"": ["Choose between one and 200 patients."]}
        assert refused(moves, [], amended) == sentence
        assert refused(moves, [patient] * 201, amended) == sentence
        assert moves([patient] * 200, amended) == [patient.pk]

    def test_nobody_is_previewed_without_a_query(self, trial):
        amended = amended_protocol.amendment()
        with CaptureQueriesContext(connection) as queries:
            assert preview([], amended) == []
        assert len(queries) == 0

    def test_they_are_moved_in_the_order_in_which_their_rows_are_locked(self, trial, patient, doctor, moves):
        other = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
        assert moves([other, patient], amended_protocol.amendment()) == [patient.pk, other.pk]

    def test_their_rows_are_asked_for_before_they_are_read(self, patient, moves):
        """A step of one of them that is under way is waited for: test_at_once.py."""
        amended = amended_protocol.amendment()
        with CaptureQueriesContext(connection) as queries:
            moves([patient], amended)
        read = [each["sql"] for each in queries.captured_queries if 'FROM "patients_patient"' in each["sql"]]
        assert read[0].startswith('SELECT "patients_patient"."id" AS "pk" FROM "patients_patient" WHERE')
        assert read[1].startswith('SELECT "patients_patient"."id", ')

    def test_nobody_is_moved_in_a_trial_that_was_locked_since_the_page_was_shown(self, trial, patient, moves):
        amended, shown = amended_protocol.amendment(), seen(patient)
        assert amended.trial.locked_at is None
        with acting(system="test"):
            Trial.objects.filter(pk=trial.pk).update(locked_at=NOW)
        assert refused(moves, [shown], amended) == {"": ["The trial is locked: no data can be changed."]}

    def test_a_version_is_used_from_its_first_day_on(self, patient, moves):
        assert moves([patient], amended_protocol.amendment(TODAY)) == [patient.pk]

    def test_a_version_of_another_trial_is_an_obstacle(self, trial, patient):
        other = build.trial(build.LIEGE).protocol
        found = move_refusal(seen(patient), other, chain_of(trial))
        assert found == f"{other.version} is not a version of this trial."

    def test_of_two_versions_from_one_day_the_one_loaded_later_replaces_the_other(self, trial):
        amended_protocol.amendment(SECOND_OF_MARCH)
        amended_protocol.next_amendment(SECOND_OF_MARCH)
        assert [each.version for each in chain_of(trial)] == ["1.0", "1.1", "1.2"]


class TestVersionOfAVisit:
    def test_a_visit_with_a_form_stays_under_the_version_of_the_form(self, patient, doctor, manager):
        with acting(system="test"):
            Visit.objects.filter(code="D60").update(window_from=INCLUDED)
        build.record(patient, "vitals", {"pulse": "70"}, visit="D60", draft=True, by=doctor)
        old = patient.protocol_id
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        assert (visit(patient, "D60").state, visit(patient, "D60").protocol_id) == ("planned", old)

    def test_a_visit_held_stays_under_its_version_after_two_amendments(self, patient, doctor, manager):
        amended_protocol.hold(patient, "D7", by=doctor)
        old = patient.protocol_id
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        amended_protocol.move_to(patient, amended_protocol.next_amendment(SECOND_OF_MARCH), by=manager)
        assert visit(patient, "D7").protocol_id == old

    def test_a_visit_to_come_follows_the_patient_on_the_same_day_or_another(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        assert [visit(patient, code).protocol_id for code in ("INF1", "D28")] == [None, None]

    def test_a_visit_for_which_nothing_changes_leaves_no_trace(self, patient, manager):
        """AUD-01: the trail has changes only."""
        rows = [Visit.history.filter(patient_id=patient.pk, code=code) for code in ("D7", "INF1", "D28")]
        before = [each.count() for each in rows]
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        assert [each.count() - count for each, count in zip(rows, before, strict=True)] == [0, 0, 1]

    @pytest.mark.parametrize("column", ["frozen_at", "locked_at"])
    def test_a_frozen_or_locked_visit_stays_as_it_is(self, patient, manager, column):
        with acting(system="test"):
            Visit.objects.filter(patient=patient, code="D28").update(**{column: NOW})
        before = Visit.objects.filter(patient=patient, code="D28").values().get()
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        assert Visit.objects.filter(patient=patient, code="D28").values().get() == before


class TestConsents:
    """Version 1.1 knows two versions of the consent form."""

    @pytest.fixture
    def newer(self, trial: Trial) -> Patient:
        """A patient screened under version 1.1."""
        amended_protocol.amendment()
        return build.patient(trial=trial, screened_on=INCLUDED)

    def give(self, patient: Patient, version: str, by: User) -> None:
        with acting(user=by, role="coordinator"):
            given = moment("12-Mar-2021 09:00")
            record_consent(patient=patient, type="patient", version=version, given=given, by=by)

    def test_the_amendment_under_which_a_patient_was_screened_asks_for_nothing(self, newer, doctor):
        self.give(newer, "1.0", doctor)
        assert sign(newer, amended_protocol.next_amendment(SECOND_OF_MARCH, reconsent=False)) == ""

    def test_an_amendment_after_the_chosen_one_asks_for_nothing_yet(self, patient):
        first = amended_protocol.amendment(reconsent=False)
        second = amended_protocol.next_amendment(SECOND_OF_MARCH)
        assert [sign(patient, each) for each in (first, second)] == ["", "2.0"]

    def test_who_signed_the_newest_version_of_the_form_does_not_sign_it_again(self, newer, doctor):
        self.give(newer, "2.0", doctor)
        assert sign(newer, amended_protocol.next_amendment(SECOND_OF_MARCH)) == ""

    def test_of_two_consents_at_one_minute_the_one_recorded_last_is_in_force(self, newer, doctor):
        for version in ("1.0", "2.0"):
            self.give(newer, version, doctor)
        assert sign(newer, amended_protocol.next_amendment(SECOND_OF_MARCH)) == ""

    def test_who_signed_what_was_due_signs_nothing_for_an_amendment_that_does_not_ask(
        self, patient, doctor, manager
    ):
        """Version 1.2 has a newer consent form, which only new patients sign."""
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        later = amended_protocol.next_amendment(
            SECOND_OF_MARCH,
            ('versions = ["1.0", "2.0"]', 'versions = ["1.0", "2.0", "3.0"]'),
            reconsent=False,
        )
        assert sign(patient, later) == "3.0"
        with acting(user=doctor, role="coordinator"):
            sign_again(patient, doctor)
        assert sign(patient, later) == ""
