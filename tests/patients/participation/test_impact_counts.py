"""The counts shown before patients are moved: what belongs to the old version, is in force, and may be seen."""

from datetime import UTC, datetime

import pytest
import time_machine

from accounts.models import User
from audit.context import acting
from audit.signatures import sign
from patients.models import Draft, Patient, Record
from patients.participation.amendment_impact import Impact, on_versions
from patients.participation.disposition import end_study
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED
from trials.models import ProtocolVersion, Trial

pytestmark = pytest.mark.django_db

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _on_a_known_day(db):
    """It is 30 March 2021."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial() -> Trial:
    """The trial WALK under version 1.0."""
    return amended_protocol.trial()


@pytest.fixture
def patients(trial: Trial, doctor: User) -> list[Patient]:
    """Two patients included under version 1.0, each with vital signs of screening."""
    found = [amended_protocol.enrolled(trial, by=doctor, on=INCLUDED) for _each in range(2)]
    for patient in found:
        amended_protocol.vitals(patient, "SCR", by=doctor)
    return found


@pytest.fixture
def old(trial: Trial) -> ProtocolVersion:
    return trial.versions.get(version="1.0")


@pytest.fixture
def amended(patients: list[Patient]) -> ProtocolVersion:
    return amended_protocol.amendment()


def vitals(patient: Patient) -> Record:
    return Record.objects.get(patient=patient, form="vitals")


def counts(impact: Impact) -> dict[str, tuple[int, int, bool]]:
    return {f"{each.form}.{each.name}": (each.records, each.patients, each.removed) for each in impact.items}


class TestItems:
    """Version 1.1 removes the steps and changes the choices of the mood."""

    def test_removed_and_changed_items_are_counted_by_form_and_patient(
        self, trial, patients, old, amended, doctor, manager
    ):
        amended_protocol.hold(patients[0], "D7", by=doctor)
        amended_protocol.vitals(patients[0], "D7", by=doctor)
        assert counts(Impact(manager, old, amended)) == {
            "vitals.mood": (3, 2, False), "vitals.steps": (3, 2, True)
        }  # fmt: skip

    def test_a_form_entered_in_error_or_without_the_answer_is_not_counted(
        self, patients, old, amended, doctor, manager
    ):
        build.struck_out(vitals(patients[0]), by=doctor)
        amended_protocol.hold(patients[1], "D7", by=doctor)
        build.record(patients[1], "vitals", {"pulse": "70", "steps": "900"}, visit="D7", by=doctor)
        assert counts(Impact(manager, old, amended)) == {
            "vitals.mood": (1, 1, False), "vitals.steps": (2, 1, True)
        }  # fmt: skip

    def test_who_was_moved_and_saved_again_is_not_counted(self, patients, old, amended, manager):
        with acting(system="test"):
            Record.objects.filter(patient=patients[0]).update(protocol=amended)
        assert counts(Impact(manager, old, amended))["vitals.steps"] == (1, 1, True)

    def test_nobody_of_another_trial_sees_a_count(self, patients, old, amended):
        stranger = build.user("data_manager", trial=build.trial())
        impact = Impact(stranger, old, amended)
        assert (impact.items, impact.patients, impact.drafts, impact.form_signatures) == ([], [], 0, 0)
        assert on_versions(stranger, [old, amended]) == {old.pk: [], amended.pk: []}


class TestPatients:
    def test_who_has_left_stays_and_is_counted(self, patients, old, amended, doctor, manager):
        with acting(user=doctor, role="investigator"):
            end_study(patient=patients[0], on=NOW.date(), reason="withdrawal", note="All", by=doctor)
        impact = Impact(manager, old, amended)
        assert (len(impact.patients), len(impact.moving), impact.staying) == (2, 1, 1)
        assert [each.patient.pk for each in impact.to_sign] == [patients[1].pk]

    def test_the_visits_are_counted_by_kind(self, patients, old, amended, manager):
        found = {code: told for code, *told in Impact(manager, old, amended).visits}
        assert found == {"INF2": [2, 0, 0], "D14": [2, 0, 0], "D28": [0, 2, 0], "D60": [0, 0, 2]}

    def test_who_was_moved_is_listed_under_the_new_version(self, patients, old, amended, manager):
        amended_protocol.move_to(patients[0], amended, by=manager)
        assert on_versions(manager, [old, amended]) == {old.pk: [patients[1]], amended.pk: [patients[0]]}
        assert Impact(manager, old, amended).patients == [patients[1]]


class TestSignaturesAndDrafts:
    def signed(self, target, by: User) -> None:
        with acting(user=by, role="investigator"):
            sign(target=target, meaning="review", password=build.PASSWORD, by=by, zone="Europe/Brussels")

    def test_a_casebook_that_is_still_signed_is_counted(self, patients, old, amended, doctor, manager):
        for patient in patients:
            self.signed(patient, doctor)
        with acting(system="test", reason="Misread"):
            record = vitals(patients[0])
            record.values = {**record.values, "pulse": "71"}
            record.save()
        assert Impact(manager, old, amended).casebook_signatures == 1

    def test_a_signed_form_that_differs_is_counted_once(self, patients, old, amended, doctor, manager):
        """The intake form is the same in both versions: its signature is not counted."""
        intake = Record.objects.get(patient=patients[0], form="intake")
        self.signed(intake, doctor)
        assert Impact(manager, old, amended).form_signatures == 0
        self.signed(vitals(patients[0]), doctor)
        self.signed(vitals(patients[0]), build.user("investigator", trial=patients[0].trial))
        assert Impact(manager, old, amended).form_signatures == 1

    def test_the_drafts_and_the_unsaved_input_of_these_patients_are_counted(
        self, trial, patients, old, amended, doctor, manager
    ):
        build.record(patients[0], "notes", {}, visit=None, draft=True, by=doctor)
        build.struck_out(build.record(patients[1], "notes", {}, visit=None, draft=True, by=doctor), by=doctor)
        newer = build.patient(trial=trial, by=doctor)
        assert newer.protocol == amended
        for patient in (patients[1], newer):
            Draft.objects.create(
                patient=patient, user=doctor, place="log/notes/2", payload={}, base_version=0, saved_at=NOW
            )
        impact = Impact(manager, old, amended)
        assert (impact.drafts, impact.unsaved_forms) == (1, 1)
