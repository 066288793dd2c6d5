"""The counts shown before patients are moved: what belongs to the old version, is in force, and may be seen."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import User
from audit.context import acting
from audit.models import Signature
from audit.signatures import sign
from patients.models import Draft, Patient, Record
from patients.participation.disposition import end_study
from patients.participation.protocol_amendments.amendment_impact import Impact, on_versions
from protocol.checking.differences import ProtocolChange
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED
from trials.models import ProtocolVersion, Trial

NOW = datetime(2021, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
IN_FORCE_LATER = date(2021, 3, 2)
PULSE = 'name = "pulse", type = "integer", label = { en = "Pulse" }'
NOTE = """items = [
  { name = "note", type = "text", label = { en = "Note" } },
]
"""
IN_TWO_GROUPS = f"""
[[forms.notes.groups]]
title = {{ en = "First" }}
{NOTE}
[[forms.notes.groups]]
title = {{ en = "Second" }}
items = [
  {{ name = "more", type = "text", label = {{ en = "More" }}, required = false }},
]
"""


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

    @pytest.mark.parametrize(
        ("form", "name", "old", "new", "counted"),
        [
            ("vitals", "pulse", PULSE, PULSE.replace("Pulse", "Heart rate"), False),
            ("vitals", "pulse", PULSE, f'{PULSE}, help = {{ en = "At rest" }}', False),
            ("vitals", "pulse", PULSE, f'{PULSE}, source = "Protocol 7.1"', False),
            ("vitals", "pulse", PULSE, f'{PULSE}, cdisc = "PULSE"', False),
            ("vitals", "pulse", PULSE, f'{PULSE}, loinc = "8867-4"', False),
            ("notes", "note", NOTE, IN_TWO_GROUPS, False),
            ("vitals", "pulse", "hard = [20, 250]", "hard = [20, 240]", True),
            ("vitals", "pulse", PULSE, f"{PULSE}, required = false", True),
        ],
    )
    def test_only_a_change_of_what_values_mean_is_counted(
        self, trial, doctor, manager, form, name, old, new, counted
    ):
        """Labels, help, sources and codes may be reworded; a limit or a unit may not."""
        amended = amended_protocol.amendment()
        patient = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
        build.record(patient, "vitals", {"pulse": "70", "spo2": "97"}, by=doctor)
        build.record(patient, "notes", {"note": "Tired"}, visit=None, by=doctor)
        impact = Impact(manager, amended, amended_protocol.next_amendment(IN_FORCE_LATER, (old, new)))
        assert f"forms.{form}.{name}" in {change.path for change in impact.changes}
        assert counts(impact) == ({f"{form}.{name}": (1, 1, False)} if counted else {})
        assert impact.forms == ({form} if form == "notes" else {"vitals"})

    def test_an_item_has_its_title_in_the_language_of_the_reader(self, patients, old, amended, manager):
        assert {each.name: each.title for each in Impact(manager, old, amended).items} == {
            "mood": "Mood", "steps": "Steps"
        }  # fmt: skip

    def test_two_hundred_items_are_counted_at_most(self, patients, old, amended, manager):
        impact = Impact(manager, old, amended)
        impact.changes = [ProtocolChange("forms.vitals.steps", "items", "removed", "Steps")] * 201
        assert [(each.title, each.records) for each in impact.items] == [("Steps", 2)] * 200

    def test_a_form_that_is_new_is_not_among_the_changed_ones(self, patients, old, amended, manager):
        """The form of the walk is new."""
        assert Impact(manager, old, amended).forms == {"diary", "falls", "vitals"}

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

    def test_nobody_signs_for_an_amendment_that_does_not_ask(self, patients, old, manager):
        impact = Impact(manager, old, amended_protocol.amendment(reconsent=False))
        assert (len(impact.moving), impact.to_sign) == (2, [])

    def test_two_hundred_patients_are_shown_at_most_in_the_order_of_their_numbers(
        self, trial, patients, old, amended, manager
    ):
        with acting(system="test"):
            Patient.objects.bulk_create(
                Patient(trial=trial, protocol=old, number=number, code=f"W-{number}", state="screening",
                        screened_on=INCLUDED)
                for number in range(300, 100, -1)
            )  # fmt: skip
        found = Impact(manager, old, amended).patients
        assert [each.number for each in found] == [1, 2, *range(101, 299)]
        listed = on_versions(manager, [old])
        assert list(listed) == [old.pk]
        assert [each.number for each in listed[old.pk]] == [1, 2, *range(101, 301)]

    def test_only_the_versions_asked_for_are_listed(self, trial, patients, old, amended, doctor, manager):
        newer = build.patient(trial=trial, by=doctor)
        assert newer.protocol == amended
        assert on_versions(manager, [old]) == {old.pk: patients}

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

    def test_the_casebook_of_a_patient_who_stays_is_not_counted(
        self, patients, old, amended, doctor, manager
    ):
        with acting(user=doctor, role="investigator"):
            end_study(patient=patients[0], on=NOW.date(), reason="withdrawal", note="All", by=doctor)
        for patient in patients:
            self.signed(patient, doctor)
        assert Impact(manager, old, amended).casebook_signatures == 1

    def test_a_signature_of_a_form_that_was_edited_since_or_of_another_row_is_not_counted(
        self, patients, old, amended, doctor, manager
    ):
        record = vitals(patients[0])
        self.signed(record, doctor)
        impact = Impact(manager, old, amended)
        assert impact.form_signatures == 1
        with acting(system="test", reason="Misread"):
            record.values = {**record.values, "pulse": "71"}
            record.save()
            self.another_row(record, NOW)
        assert Impact(manager, old, amended).form_signatures == 0

    def another_row(self, record: Record, at: datetime) -> None:
        """Store a signature of a visit that has the key of a form."""
        Signature.objects.create(
            target_type="patients.visit", target_id=record.pk, trial_id=record.patient.trial_id,
            patient_id=record.patient_id, meaning="review", signer_id=1, signer_name="x", printed_name="X",
            role="investigator", signed_at=at, zone="Europe/Brussels", content_hash="0" * 64,
            manifest_hash="0" * 64,
        )  # fmt: skip

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
        newer, newest = (build.patient(trial=trial, by=doctor) for _each in range(2))
        assert newer.protocol == amended
        for patient in (patients[1], newer, newest):
            Draft.objects.create(
                patient=patient, user=doctor, place="log/notes/2", payload={}, base_version=0, saved_at=NOW
            )
        impact = Impact(manager, old, amended)
        assert (impact.drafts, impact.unsaved_forms) == (1, 1)
