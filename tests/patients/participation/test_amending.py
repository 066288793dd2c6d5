"""Amendments: a new version is loaded, and patients are moved to it by an explicit, audited step (DAT-09)."""

import threading
from datetime import date, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit.context import acting
from dosing.models import Infusion
from patients.models import Patient, Visit
from patients.participation.disposition import end_study
from patients.participation.protocol_amendments.amendments import move, preview
from patients.participation.screening import fail_screening, screen
from protocol.checking.mistakes import ProtocolMistakes
from tests.support import build
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import INCLUDED, captured, sign_again
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import TooEarly, load_protocol

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(walking: Trial) -> Trial:
    return walking


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    """Return a patient included on the 10th; screening and day 7 held with forms, under version 1.0."""
    return captured(trial, by=doctor)


def visits(patient: Patient) -> dict[str, tuple[str, date | None]]:
    rows = Visit.objects.filter(patient=patient).order_by("position", "number")
    return {row.key: (row.state, row.planned_on) for row in rows}


class TestLoading:
    def test_a_second_version_leaves_patients_where_they_are(self, patient, amended):
        """DAT-09: subjects keep their version until an explicit step moves them; new ones get the newest."""
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"
        assert build.patient(trial=patient.trial).protocol == amended

    def test_a_version_to_come_is_used_from_its_day_on(self, trial, doctor):
        later = amended_protocol.amendment(amended_protocol.NOW.date() + timedelta(days=3))
        assert build.patient(trial=trial, by=doctor).protocol.version == "1.0"
        with time_machine.travel(amended_protocol.NOW + timedelta(days=3)):
            assert build.patient(trial=Trial.objects.get(), by=doctor).protocol == later

    def test_a_version_is_not_used_before_its_approval(self, trial):
        """DAT-09: a version is approved after ethics approval, and used after its approval."""
        with pytest.raises(TooEarly, match=r"approved on 2021-02-19"):
            amended_protocol.amendment(date(2021, 2, 18))
        early = amended_protocol.text("1.1").replace("on = 2021-02-18", "on = 2021-02-14")
        with pytest.raises(ProtocolMistakes, match="before the ethics approval"):
            load_protocol(text=early, system="test")

    def test_two_persons_approve(self, trial):
        """VAL-02: each version of the forms is approved by two persons."""
        for by in (
            '[{ name = "A. Martin", on = 2021-02-18 }]',
            '[{ name = "B", on = 2021-02-18 }, { name = "B", on = 2021-02-19 }]',
        ):
            start, end = (
                amended_protocol.text("1.1").index("by = ["),
                amended_protocol.text("1.1").index("\nevidence"),
            )
            text = amended_protocol.text("1.1")[:start] + f"by = {by}" + amended_protocol.text("1.1")[end:]
            with pytest.raises(ProtocolMistakes):
                load_protocol(text=text, system="test")

    def test_an_amendment_says_what_it_replaces(self, trial):
        for text, problem in (
            (
                amended_protocol.text("1.1").replace('replaces = "1.0"', 'replaces = "0.9"'),
                "amendment.replaces: the version before",
            ),
            (
                amended_protocol.text("1.0").replace('version = "1.0"', 'version = "1.1"', 1),
                "amendment: is missing",
            ),
        ):
            with pytest.raises(ProtocolMistakes, match=problem):
                load_protocol(text=text, system="test")
        pulse = 'name = "pulse", type = "integer", label = { en = "Pulse" }, hard = [20, 250]'
        text = amended_protocol.text("1.1").replace(
            pulse, 'name = "pulse", type = "text", label = { en = "Pulse" }'
        )
        text = text.replace("pulse > 180.0", "pulse == 'fast'")
        with pytest.raises(ProtocolMistakes, match=r"forms\.vitals\.pulse\.type: is integer in version 1\.0"):
            load_protocol(text=text, system="test")
        assert trial.versions.count() == 1


class TestMoving:
    def test_visits_held_stay_and_those_to_come_follow_the_new_version(self, patient, amended, manager):
        before = visits(patient)
        amended_protocol.move_to(patient, amended, by=manager)
        after = visits(patient)
        assert [after[code] for code in ("SCR", "D7")] == [before[code] for code in ("SCR", "D7")]
        assert after["D14"] == ("planned", date(2021, 3, 24))
        assert after["D28"] == ("planned", date(2021, 4, 9))
        assert after["D60"][0] == "cancelled"
        assert list(after) == ["SCR", "INF1", "INF2", "D7", "D14", "D28", "D60"]

    def test_the_preview_shows_all_of_it_first_and_writes_nothing(self, patient, amended):
        trail = Visit.history.count()
        (result,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], amended)
        assert result.refusal == ""
        assert result.sign == "2.0"
        assert [change.code for change in result.added] == ["INF2", "D14"]
        assert [(change.code, change.before, change.after) for change in result.moved] == [
            ("D28", date(2021, 4, 7), date(2021, 4, 9))
        ]
        assert [change.code for change in result.cancelled] == ["D60"]
        assert Visit.history.count() == trail

    def test_the_trail_says_who_moved_whom_and_why(self, patient, amended, manager):
        amended_protocol.move_to(patient, amended, by=manager, reason="Approved by the ethics committee")
        row = Patient.history.filter(id=patient.pk).order_by("-history_id").first()
        assert (row.history_user_name, row.history_role) == (manager.username, "data_manager")
        assert row.history_change_reason == "Approved by the ethics committee"
        cancelled = Visit.history.filter(code="D60").order_by("-history_id").first()
        assert cancelled.history_user_name == f"system:schedule for {manager.username}"
        assert cancelled.history_change_reason == "Approved by the ethics committee"

    def test_infusions_follow_unless_they_have_begun(self, trial, doctor, manager):
        waiting, treated = (amended_protocol.enrolled(trial, by=doctor, on=INCLUDED) for _each in range(2))
        with acting(system="test"):
            Infusion.objects.filter(patient=treated).update(weight_kg=80)
        amended = amended_protocol.amendment()
        for patient in (waiting, treated):
            amended_protocol.move_to(patient, amended, by=manager)
        assert waiting.infusions.count() == 2
        assert waiting.infusions.get(number=2).visit.code == "INF2"
        assert waiting.infusions.get(number=2).window_from == date(2021, 3, 15)
        assert treated.infusions.count() == 1

    def test_a_reason_is_needed(self, patient, amended, manager):
        with pytest.raises(ValidationError, match="Say why"):
            amended_protocol.move_to(patient, amended, by=manager, reason=" ")
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"

    def test_nobody_is_moved_who_left_or_is_locked_or_moved_already(self, trial, patient, doctor, manager):
        """P11-06: each refusal names the patient; all are moved or none."""
        amended = amended_protocol.amendment()
        failed, ended, locked, frozen, done = (
            amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
            if n
            else build.patient(trial=trial, by=doctor)
            for n in range(5)
        )
        with acting(system="test"):
            Patient.objects.update(protocol=trial.versions.get(version="1.0"))
            Patient.objects.filter(pk=locked.pk).update(locked_at=amended_protocol.NOW)
            Patient.objects.filter(pk=frozen.pk).update(frozen_at=amended_protocol.NOW)
        with acting(user=doctor, role="investigator"):
            fail_screening(patient=failed, on=amended_protocol.NOW.date(), reason="Too old", by=doctor)
            end_study(
                patient=ended, on=amended_protocol.NOW.date(), reason="withdrawal", note="All", by=doctor
            )
        amended_protocol.move_to(done, amended, by=manager)
        chosen = list(Patient.objects.order_by("pk"))
        with pytest.raises(ValidationError) as refused, acting(user=manager, role="data_manager"):
            move(patients=chosen, to=amended, reason="Amendment", by=manager)
        assert len(refused.value.messages) == 5
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"

    def test_nobody_is_moved_back_or_ahead_of_time(self, patient, amended, manager):
        old = ProtocolVersion.objects.get(version="1.0")
        amended_protocol.move_to(patient, amended, by=manager)
        with pytest.raises(ValidationError, match="patients are not moved back"):
            amended_protocol.move_to(patient, old, by=manager)
        later = (
            amended_protocol.text("1.1")
            .replace('version = "1.1"', 'version = "1.2"', 1)
            .replace('replaces = "1.0"', 'replaces = "1.1"')
        )
        with acting(system="test"):
            coming = load_protocol(text=later, effective_from=amended_protocol.NOW.date() + timedelta(days=1))
        with pytest.raises(ValidationError, match="not in force yet"):
            amended_protocol.move_to(patient, coming, by=manager)

    def test_who_was_moved_meanwhile_is_refused(self, patient, amended, manager):
        """Two people move the same patient: the second is refused, nothing is done twice."""
        seen = Patient.objects.get(pk=patient.pk)
        amended_protocol.move_to(patient, amended, by=manager)
        with (
            pytest.raises(ValidationError, match="another user has moved"),
            acting(user=manager, role="data_manager"),
        ):
            move(patients=[seen], to=amended, reason="Again", by=manager)
        assert Visit.objects.filter(patient=patient, code="D14").count() == 1

    def test_a_patient_of_another_trial_is_not_moved(self, patient, amended, manager):
        other = build.patient(trial=build.trial(build.LIEGE))
        with pytest.raises(ValidationError), acting(user=manager, role="data_manager"):
            move(patients=[other], to=amended, reason="Amendment", by=manager)

    def test_moving_many_costs_a_preview_that_does_not_grow(self, trial, doctor, patient):
        more = [amended_protocol.enrolled(trial, by=doctor, on=INCLUDED) for _each in range(2)]
        amended = amended_protocol.amendment()
        counts = []
        for number in (1, 3):
            rows = list(Patient.objects.select_related("trial").order_by("pk")[:number])
            with CaptureQueriesContext(connection) as queries:
                preview(rows, amended)
            counts.append(len(queries))
        assert len(more) == 2
        assert counts[0] == counts[1] <= 8

    def test_a_screening_decision_does_not_outlive_the_amendment(self, trial, doctor, manager):
        """The criteria may have changed: an investigator signs eligibility again before inclusion."""
        from patients.participation.eligibility_decisions.eligibility import sign_eligibility
        from patients.participation.enrolment import enrolment_refusals

        patient = build.patient(trial=trial, by=doctor, screened_on=INCLUDED)
        build.consent(patient, by=doctor)
        build.record(patient, "intake", {"age": "54", "weight": "80"}, by=doctor)
        with acting(user=doctor, role="investigator"):
            fields = {"conclusion": "eligible", "inclusion_on": INCLUDED, "password": build.PASSWORD}
            sign_eligibility(patient=patient, by=doctor, **fields)
        amended_protocol.move_to(patient, amended_protocol.amendment(), by=manager)
        sign_again(patient, doctor)
        (found,) = enrolment_refusals(Patient.objects.get(pk=patient.pk))
        assert "another version" in found


def test_who_is_screened_under_the_new_version_follows_it(trial, doctor):
    amended_protocol.amendment()
    with acting(user=doctor, role="coordinator"):
        patient = screen(
            trial=Trial.objects.get(), screened_on=amended_protocol.NOW.date(), identity={}, by=doctor
        )
    assert patient.protocol.version == "1.1"
    assert patient.reconsent_version == ""


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
@pytest.mark.django_db(transaction=True)
def test_two_moves_at_the_same_moment_are_one(trial):
    """The second move waits for the first and is refused; no visit is planned twice."""
    doctor, people = (
        build.user("investigator", trial=trial),
        [build.user("data_manager", trial=trial) for _ in "ab"],
    )
    patient = amended_protocol.enrolled(trial, by=doctor, on=INCLUDED)
    amended, ready, result = amended_protocol.amendment(), threading.Barrier(2), []

    def work(person: User) -> None:
        try:
            seen, to = (
                Patient.objects.get(pk=patient.pk),
                ProtocolVersion.objects.select_related("trial").get(pk=amended.pk),
            )
            ready.wait(20)
            with acting(user=person, role="data_manager"):
                move(patients=[seen], to=to, reason="Amendment", by=person)
            result.append("moved")
        except ValidationError as refused:
            result.append(" ".join(refused.messages))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(result)[0].startswith("W-01: another user has moved them")
    assert sorted(result)[1:] == ["moved"]
    assert Visit.objects.filter(patient=patient, code="D14").count() == 1
    assert Patient.history.filter(id=patient.pk, history_change_reason="Amendment").count() == 1
