"""What a move to another protocol version does to visits and consents, beside a second patient (DAT-09)."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Visit
from patients.participation.enrolment import enrolment_refusals
from patients.participation.protocol_amendments.amendments import preview
from patients.participation.visits import add_unscheduled, miss_visit
from patients.review.locks import freeze
from tests.support import build
from tests.support.build import moment
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED, sign_again
from tests.support.study.bedside import give, on
from tests.support.study.refusals import refused
from trials.models import ProtocolVersion, Trial

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


@pytest.fixture
def trial() -> Trial:
    """The trial WALK with two infusions, the second a week after the first."""
    return amended_protocol.trial(infusions=2)


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    return amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)


@pytest.fixture
def neighbour(trial: Trial, doctor: User) -> Patient:
    """Another patient of the trial, included on the same day."""
    return amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)


def visit(patient: Patient, code: str) -> Visit:
    return Visit.objects.select_related("patient").get(patient=patient, code=code)


def told(patient: Patient, to: ProtocolVersion) -> dict[str, str]:
    """Return the change to each visit, by code."""
    (found,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], to)
    return {change.code: change.kind for change in found.visits}


def infused(patient: Patient, number: int, day: str, by: User) -> None:
    with acting(user=by, role="coordinator"):
        give(patient, number, on(day, weight_kg=Decimal(80), timing_deviation_reason="Planned so"), by)


class TestFewerVisits:
    def test_what_the_new_version_drops_is_cancelled(self, patient):
        assert told(patient, amended_protocol.amendment(infusions=1)) == {
            "SCR": "kept", "INF1": "kept", "INF2": "cancelled", "D7": "kept", "D14": "added", "D28": "moved",
            "D60": "cancelled",
        }  # fmt: skip

    def test_a_visit_with_a_form_is_kept_and_one_of_another_patient_is_not(self, patient, neighbour, doctor):
        with acting(system="test"):
            Visit.objects.filter(code="D60").update(window_from=INCLUDED)
        build.record(patient, "vitals", {"pulse": "70"}, visit="D60", draft=True, by=doctor)
        amended = amended_protocol.amendment()

        assert told(patient, amended)["D60"] == "kept"
        assert told(neighbour, amended)["D60"] == "cancelled"

    def test_a_visit_whose_form_was_entered_in_error_is_not_kept(self, patient, doctor):
        with acting(system="test"):
            Visit.objects.filter(code="D60").update(window_from=INCLUDED)
        record = build.record(patient, "vitals", {"pulse": "70"}, visit="D60", draft=True, by=doctor)
        build.struck_out(record, by=doctor)

        assert told(patient, amended_protocol.amendment())["D60"] == "cancelled"

    @pytest.mark.parametrize("how", ["frozen", "missed"])
    def test_a_visit_that_was_frozen_or_missed_is_kept_with_its_version(
        self, trial, patient, doctor, manager, how
    ):
        with acting(user=manager, role="data_manager"):
            if how == "frozen":
                freeze(target=visit(patient, "D60"), reason="Interim", by=manager)
            else:
                miss_visit(visit=visit(patient, "D60"), reason="Abroad", by=manager)
        before = visit(patient, "D60")
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        after = visit(patient, "D60")

        assert (after.state, after.planned_on) == (before.state, before.planned_on)
        assert after.state in {"planned", "missed"}

    def test_a_cancelled_visit_keeps_the_version_that_knows_its_forms(self, trial, patient, manager):
        old = trial.versions.get(version="1.0")
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)

        assert (visit(patient, "D60").state, visit(patient, "D60").protocol_id) == ("cancelled", old.pk)
        assert visit(patient, "D14").protocol_id is None

    def test_a_visit_that_comes_back_is_planned_again_by_the_newest_version(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=1), by=manager)
        assert visit(patient, "INF2").state == "cancelled"
        amended_protocol.move_to(
            patient, amended_protocol.next_amendment(date(2021, 3, 2), infusions=2), by=manager
        )

        row = visit(patient, "INF2")
        assert (row.state, row.protocol_id) == ("planned", None)
        assert Visit.objects.filter(patient=patient, code="INF2").count() == 1

    def test_an_unscheduled_visit_stays(self, patient, doctor, manager):
        with acting(user=doctor, role="coordinator"):
            extra = add_unscheduled(patient=patient, on=date(2021, 3, 12), reason="Fever", by=doctor)
        amended = amended_protocol.amendment()
        assert "UNS" not in told(patient, amended)
        amended_protocol.move_to(patient, amended, by=manager)

        assert Visit.objects.get(pk=extra.pk).state == "held"

    def test_the_other_patient_stays_on_the_old_version(self, patient, neighbour, manager):
        before = list(Visit.objects.filter(patient=neighbour).order_by("pk").values())
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)

        assert list(Visit.objects.filter(patient=neighbour).order_by("pk").values()) == before
        row = Patient.objects.get(pk=neighbour.pk)
        assert (row.protocol.version, row.reconsent_version) == ("1.0", "")


class TestAnchors:
    def test_a_visit_after_an_infusion_follows_the_day_it_was_given(
        self, patient, neighbour, doctor, manager
    ):
        infused(patient, 1, "12-Mar-2021", doctor)
        infused(neighbour, 1, "10-Mar-2021", doctor)
        amended = amended_protocol.amendment(infusions=3)
        for each in (patient, neighbour):
            amended_protocol.move_to(each, amended, by=manager)

        assert visit(patient, "INF2").planned_on == date(2021, 3, 19)
        assert visit(neighbour, "INF2").planned_on == date(2021, 3, 17)
        assert visit(patient, "INF3").planned_on is None

    def test_a_visit_after_the_second_infusion_follows_the_second(self, patient, doctor, manager):
        infused(patient, 1, "10-Mar-2021", doctor)
        infused(patient, 2, "18-Mar-2021", doctor)
        amended_protocol.move_to(patient, amended_protocol.amendment(infusions=3), by=manager)

        assert visit(patient, "INF3").planned_on == date(2021, 3, 25)

    def test_an_infusion_shortly_after_midnight_counts_on_its_day_at_the_site(self, patient, doctor, manager):
        with acting(user=doctor, role="coordinator"):
            late = on("12-Mar-2021", weight_kg=Decimal(80), started=moment("12-Mar-2021 00:30"),
                      ended=moment("12-Mar-2021 01:30"), weight_measured=moment("11-Mar-2021 20:00"))  # fmt: skip
            give(patient, 1, late, doctor)
        amended = amended_protocol.amendment(infusions=2)
        (found,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], amended)

        assert {change.code: change.after for change in found.visits}["INF2"] == date(2021, 3, 19)


class TestConsents:
    def sign(self, patient: Patient, to: ProtocolVersion) -> str:
        (found,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], to)
        return found.sign

    def test_an_amendment_that_asks_is_signed_and_the_consent_of_another_counts_for_nobody(
        self, patient, neighbour, manager
    ):
        amended = amended_protocol.amendment()
        amended_protocol.move_to(neighbour, amended, by=manager)
        build.consent(Patient.objects.get(pk=neighbour.pk), given=moment("20-Mar-2021 09:00"))

        assert self.sign(patient, amended) == "2.0"

    def test_an_amendment_that_does_not_ask_leaves_the_consent(self, trial, patient):
        assert self.sign(patient, amended_protocol.amendment(reconsent=False)) == ""

    def test_a_skipped_amendment_asks_too(self, patient):
        """The patient has not signed what the version in between asked for."""
        amended_protocol.amendment()
        assert self.sign(patient, amended_protocol.next_amendment(date(2021, 3, 2), reconsent=False)) == "2.0"

    def test_what_was_not_signed_yet_is_still_due_after_the_next_amendment(self, patient, manager):
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        later = amended_protocol.next_amendment(date(2021, 3, 2), reconsent=False)
        assert self.sign(patient, later) == "2.0"
        sign_again(patient, build.user("coordinator", trial=patient.trial))
        assert self.sign(patient, later) == ""

    def test_a_patient_without_a_consent_signs_the_current_version_at_first(self, trial):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        assert self.sign(patient, amended_protocol.amendment()) == ""

    def test_a_due_consent_is_an_obstacle_to_inclusion_and_to_visits(self, trial, manager, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        build.consent(patient)
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        patient = Patient.objects.get(pk=patient.pk)
        due = f"{patient.code} has to sign version 2.0 of the consent form: record that consent first."

        assert due in enrolment_refusals(patient, INCLUDED)
        with acting(user=doctor, role="coordinator"):
            told = refused(add_unscheduled, patient=patient, on=INCLUDED, reason="Fever", by=doctor)
        assert told == {"": [due]}
        sign_again(patient, doctor)
        assert due not in enrolment_refusals(Patient.objects.get(pk=patient.pk), INCLUDED)
