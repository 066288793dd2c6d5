"""Amendments: patients are moved by an explicit, audited step; what was captured stays what it was (DAT-09, P11-11)."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from audit import signatures
from audit.context import acting
from dosing.models import Infusion
from exports.exporting import tables_of
from patients import entry
from patients.amending import move, preview
from patients.casebook import Casebook
from patients.ending import end_study
from patients.models import Patient, Query, Record, Visit
from patients.navigation import navigation
from patients.openness import obstacle
from patients.screening import fail_screening, screen
from patients.signing import sign_records
from patients.visiting import add_unscheduled, hold_visit, miss_visit
from reports.selection import reconsent_due
from tests import build, walk
from trials.loading import TooEarly, load_protocol
from trials.models import ProtocolVersion, Trial
from trials.protocol import ProtocolMistakes

pytestmark = pytest.mark.django_db

NOW = datetime(2021, 3, 20, 10, 0, tzinfo=UTC)
INCLUDED = date(2021, 3, 10)


@pytest.fixture(autouse=True)
def _on_a_known_day():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial(db: None) -> Trial:
    return walk.trial()


@pytest.fixture
def doctor(trial: Trial) -> User:
    return build.user("investigator", trial=trial)


@pytest.fixture
def manager(trial: Trial) -> User:
    return build.user("data_manager", trial=trial)


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    """A patient included on the 10th; screening and day 7 held with forms, under version 1.0."""
    patient = walk.enrolled(trial, by=doctor, on=INCLUDED)
    for code in ("SCR", "D7"):
        walk.held(patient, code, by=doctor)
        walk.vitals(patient, code, by=doctor)
    return patient


@pytest.fixture
def amended(patient: Patient) -> ProtocolVersion:
    """Version 1.1, loaded after the patient was included."""
    return walk.amendment()


def opened(patient: Patient, by: User) -> Casebook:
    return Casebook.opened(user=by, trial=patient.trial, code=patient.code)


def visits(patient: Patient) -> dict[str, tuple[str, date | None]]:
    rows = Visit.objects.filter(patient=patient).order_by("position", "number")
    return {row.key: (row.state, row.planned_on) for row in rows}


def amend(record: Record, by: User, values: dict, **more) -> entry.Saved:
    casebook = opened(record.patient, by)
    place = casebook.place(record.form, record.visit.key if record.visit else None, record.repeat)
    with acting(user=by, role="coordinator"):
        return entry.amend(
            place=place, values=values, base_version=record.version, reason="Checked again", by=by, **more
        )


def sign_again(patient: Patient, by: User) -> None:
    build.consent(Patient.objects.get(pk=patient.pk), given=build.moment("20-Mar-2021 09:00"), by=by)


class TestLoading:
    def test_a_version_beside_the_old_leaves_patients_where_they_are(self, patient, amended):
        """DAT-09: subjects keep their version until an explicit step moves them; new ones get the newest."""
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"
        assert build.patient(trial=patient.trial).protocol == amended

    def test_a_version_to_come_is_used_from_its_day_on(self, trial, doctor):
        later = walk.amendment(NOW.date() + timedelta(days=3))
        assert build.patient(trial=trial, by=doctor).protocol.version == "1.0"
        with time_machine.travel(NOW + timedelta(days=3)):
            assert build.patient(trial=Trial.objects.get(), by=doctor).protocol == later

    def test_a_version_is_not_used_before_its_approval(self, trial):
        """DAT-09: approval not before ethics approval, use not before approval."""
        with pytest.raises(TooEarly, match=r"approved on 2021-02-19"):
            walk.amendment(date(2021, 2, 18))
        early = walk.text("1.1").replace("on = 2021-02-18", "on = 2021-02-14")
        with pytest.raises(ProtocolMistakes, match="before the ethics approval"):
            load_protocol(text=early, system="test")

    def test_two_persons_approve(self, trial):
        """VAL-02: each version of the forms is approved by two persons."""
        for by in (
            '[{ name = "A. Martin", on = 2021-02-18 }]',
            '[{ name = "B", on = 2021-02-18 }, { name = "B", on = 2021-02-19 }]',
        ):
            start, end = walk.text("1.1").index("by = ["), walk.text("1.1").index("\nevidence")
            text = walk.text("1.1")[:start] + f"by = {by}" + walk.text("1.1")[end:]
            with pytest.raises(ProtocolMistakes):
                load_protocol(text=text, system="test")

    def test_an_amendment_says_what_it_replaces(self, trial):
        for text, problem in (
            (
                walk.text("1.1").replace('replaces = "1.0"', 'replaces = "0.9"'),
                "amendment.replaces: the version before",
            ),
            (walk.text("1.0").replace('version = "1.0"', 'version = "1.1"', 1), "amendment: is missing"),
        ):
            with pytest.raises(ProtocolMistakes, match=problem):
                load_protocol(text=text, system="test")
        pulse = 'name = "pulse", type = "integer", label = { en = "Pulse" }, hard = [20, 250]'
        text = walk.text("1.1").replace(pulse, 'name = "pulse", type = "text", label = { en = "Pulse" }')
        text = text.replace("pulse > 180.0", "pulse == 'fast'")
        with pytest.raises(ProtocolMistakes, match=r"forms\.vitals\.pulse\.type: is integer in version 1\.0"):
            load_protocol(text=text, system="test")
        assert trial.versions.count() == 1


class TestMoving:
    def test_visits_held_stay_and_those_to_come_follow_the_new_version(self, patient, amended, manager):
        before = visits(patient)
        walk.moved(patient, amended, by=manager)
        after = visits(patient)
        assert [after[code] for code in ("SCR", "D7")] == [before[code] for code in ("SCR", "D7")]
        assert after["D14"] == ("planned", date(2021, 3, 24))
        assert after["D28"] == ("planned", date(2021, 4, 9))
        assert after["D60"][0] == "cancelled"
        assert list(after) == ["SCR", "INF1", "INF2", "D7", "D14", "D28", "D60"]

    def test_the_preview_tells_all_of_it_first_and_writes_nothing(self, patient, amended):
        trail = Visit.history.count()
        (told,) = preview([Patient.objects.select_related("trial").get(pk=patient.pk)], amended)
        assert told.obstacle == ""
        assert told.sign == "2.0"
        assert [change.code for change in told.added] == ["INF2", "D14"]
        assert [(change.code, change.before, change.after) for change in told.moved] == [
            ("D28", date(2021, 4, 7), date(2021, 4, 9))
        ]
        assert [change.code for change in told.cancelled] == ["D60"]
        assert Visit.history.count() == trail

    def test_the_trail_says_who_moved_whom_and_why(self, patient, amended, manager):
        walk.moved(patient, amended, by=manager, reason="Approved by the ethics committee")
        row = Patient.history.filter(id=patient.pk).order_by("-history_id").first()
        assert (row.history_user_name, row.history_role) == (manager.username, "data_manager")
        assert row.history_change_reason == "Approved by the ethics committee"
        cancelled = Visit.history.filter(code="D60").order_by("-history_id").first()
        assert cancelled.history_user_name == f"system:schedule for {manager.username}"
        assert cancelled.history_change_reason == "Approved by the ethics committee"

    def test_infusions_follow_unless_they_have_begun(self, trial, doctor, manager):
        waiting, treated = (walk.enrolled(trial, by=doctor, on=INCLUDED) for _each in range(2))
        with acting(system="test"):
            Infusion.objects.filter(patient=treated).update(weight_kg=80)
        amended = walk.amendment()
        for patient in (waiting, treated):
            walk.moved(patient, amended, by=manager)
        assert waiting.infusions.count() == 2
        assert waiting.infusions.get(number=2).visit.code == "INF2"
        assert waiting.infusions.get(number=2).window_from == date(2021, 3, 15)
        assert treated.infusions.count() == 1

    def test_a_reason_is_needed(self, patient, amended, manager):
        with pytest.raises(ValidationError, match="Say why"):
            walk.moved(patient, amended, by=manager, reason=" ")
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"

    def test_nobody_is_moved_who_left_or_is_locked_or_moved_already(self, trial, patient, doctor, manager):
        """P11-06: each refusal names the patient; all are moved or none."""
        amended = walk.amendment()
        failed, ended, locked, frozen, done = (
            walk.enrolled(trial, by=doctor, on=INCLUDED) if n else build.patient(trial=trial, by=doctor)
            for n in range(5)
        )
        with acting(system="test"):
            Patient.objects.update(protocol=trial.versions.get(version="1.0"))
            Patient.objects.filter(pk=locked.pk).update(locked_at=NOW)
            Patient.objects.filter(pk=frozen.pk).update(frozen_at=NOW)
        with acting(user=doctor, role="investigator"):
            fail_screening(patient=failed, on=NOW.date(), reason="Too old", by=doctor)
            end_study(patient=ended, on=NOW.date(), reason="withdrawal", note="All", by=doctor)
        walk.moved(done, amended, by=manager)
        chosen = list(Patient.objects.order_by("pk"))
        with pytest.raises(ValidationError) as refused, acting(user=manager, role="data_manager"):
            move(patients=chosen, to=amended, reason="Amendment", by=manager)
        assert len(refused.value.messages) == 5
        assert Patient.objects.get(pk=patient.pk).protocol.version == "1.0"

    def test_nobody_is_moved_back_or_ahead_of_time(self, patient, amended, manager):
        old = ProtocolVersion.objects.get(version="1.0")
        walk.moved(patient, amended, by=manager)
        with pytest.raises(ValidationError, match="nobody is moved back"):
            walk.moved(patient, old, by=manager)
        later = (
            walk.text("1.1")
            .replace('version = "1.1"', 'version = "1.2"', 1)
            .replace('replaces = "1.0"', 'replaces = "1.1"')
        )
        with acting(system="test"):
            coming = load_protocol(text=later, effective_from=NOW.date() + timedelta(days=1))
        with pytest.raises(ValidationError, match="not in force yet"):
            walk.moved(patient, coming, by=manager)

    def test_who_was_moved_meanwhile_is_refused(self, patient, amended, manager):
        """Two people move the same patient: the second is told, nothing happens twice."""
        seen = Patient.objects.get(pk=patient.pk)
        walk.moved(patient, amended, by=manager)
        with pytest.raises(ValidationError, match="meanwhile"), acting(user=manager, role="data_manager"):
            move(patients=[seen], to=amended, reason="Again", by=manager)
        assert Visit.objects.filter(patient=patient, code="D14").count() == 1

    def test_a_patient_of_another_trial_is_not_moved(self, patient, amended, manager):
        other = build.patient(trial=build.trial(build.LIEGE))
        with pytest.raises(ValidationError), acting(user=manager, role="data_manager"):
            move(patients=[other], to=amended, reason="Amendment", by=manager)

    def test_moving_many_costs_a_preview_that_does_not_grow(self, trial, doctor, patient):
        more = [walk.enrolled(trial, by=doctor, on=INCLUDED) for _each in range(2)]
        amended = walk.amendment()
        counts = []
        for number in (1, 3):
            rows = list(Patient.objects.select_related("trial").order_by("pk")[:number])
            with CaptureQueriesContext(connection) as queries:
                preview(rows, amended)
            counts.append(len(queries))
        assert len(more) == 2
        assert counts[0] == counts[1] <= 8

    def test_a_screening_decision_does_not_outlive_the_amendment(self, trial, doctor, manager):
        """The criteria may have changed: an investigator signs them again before inclusion."""
        from patients.eligibility import sign_eligibility
        from patients.enrolment import obstacles

        patient = build.patient(trial=trial, by=doctor, screened_on=INCLUDED)
        build.consent(patient, by=doctor)
        build.record(patient, "intake", {"age": "54", "weight": "80"}, by=doctor)
        with acting(user=doctor, role="investigator"):
            told = {"conclusion": "eligible", "inclusion_on": INCLUDED, "password": build.PASSWORD}
            sign_eligibility(patient=patient, by=doctor, **told)
        walk.moved(patient, walk.amendment(), by=manager)
        sign_again(patient, doctor)
        (found,) = obstacles(Patient.objects.get(pk=patient.pk))
        assert "another version" in found


class TestWhatWasCaptured:
    def test_a_record_keeps_its_version_and_its_signature(self, patient, amended, doctor, manager):
        """P11-11, SIG-01: moving the patient changes no record; signatures on forms still verify."""
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        with acting(user=doctor, role="investigator"):
            (signed,) = sign_records(
                records=[record], meaning="responsibility", password=build.PASSWORD, by=doctor
            )
        trail = Record.history.count()
        walk.moved(patient, amended, by=manager)
        assert Record.history.count() == trail
        signed.refresh_from_db()
        assert signatures.verify(signed) == signatures.Standing.VALID
        assert Record.objects.get(pk=record.pk).protocol.version == "1.0"

    def test_the_casebook_shows_what_a_version_dropped(self, patient, amended, doctor, manager):
        build.record(patient, "diary", {"entry": "Slept well"}, visit="D7", by=doctor)
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        walk.moved(patient, amended, by=manager)
        found = navigation(opened(patient, doctor))
        by_key = {visit.key: visit for visit in found.visits}
        assert [form.code for form in by_key["D7"].forms] == ["vitals", "diary"]
        assert [form.code for form in by_key["D28"].forms] == ["vitals"]
        assert by_key["D60"].state == "not_applicable"
        assert by_key["D60"].title == "Day 60"
        assert [(log.code, log.rows) for log in found.logs] == [("notes", 0), ("falls", 1)]

    def test_a_record_moves_when_it_is_edited_and_keeps_what_is_not_asked(
        self, patient, amended, doctor, manager
    ):
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"pulse": "70", "spo2": "97"})
        assert saved.record.protocol.version == "1.1"
        assert saved.record.values == {"pulse": "70", "spo2": "97", "steps": "4000"}
        again = amend(saved.record, doctor, {"pulse": "71", "spo2": "97"})
        assert again.record.values["steps"] == "4000"

    def test_a_save_that_changes_nothing_moves_nothing(self, patient, amended, doctor, manager):
        record = build.record(patient, "notes", {"note": "Talked"}, visit=None, by=doctor)
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"note": "Talked"})
        assert not saved.changed
        assert Record.objects.get(pk=record.pk).protocol.version == "1.0"

    def test_what_a_new_version_requires_is_needed_when_a_record_is_edited(
        self, patient, amended, doctor, manager
    ):
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        with pytest.raises(entry.NotComplete) as refused:
            amend(record, doctor, {"pulse": "70"})
        assert [each.item for each in refused.value.judgement.obstacles] == ["spo2"]

    def test_a_form_that_was_dropped_is_corrected_under_its_own_version(
        self, patient, amended, doctor, manager
    ):
        record = build.record(patient, "diary", {"entry": "Slept wel"}, visit="D7", by=doctor)
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"entry": "Slept well"})
        assert (saved.record.protocol.version, saved.record.values["entry"]) == ("1.0", "Slept well")

    def test_nothing_new_is_entered_where_the_version_asks_nothing(self, patient, amended, doctor, manager):
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        casebook, old = opened(patient, doctor), ProtocolVersion.objects.get(version="1.0")
        for place in (
            casebook.place("vitals", "D60", 1, old),
            casebook.place("falls", None, 2, old),
            casebook.place("diary", "D28", 1, old),
        ):
            assert "does not ask for this form" in obstacle(casebook, place, None)
        with (
            pytest.raises(ValidationError, match="unscheduled visit"),
            acting(user=doctor, role="coordinator"),
        ):
            hold_visit(visit=Visit.objects.get(patient=patient, code="D60"), on=NOW.date(), by=doctor)

    def test_a_past_visit_is_not_short_of_forms_that_came_later(self, patient, amended, doctor, manager):
        """Visits held stay as they were: version 1.1 asks for a walk on day 7, this patient's day 7 is over."""
        walk.moved(patient, amended, by=manager)
        with pytest.raises(LookupError):
            opened(patient, doctor).place("walk", "D7")

    def test_a_page_of_the_old_version_is_stale(self, patient, amended, doctor, manager):
        place = opened(patient, doctor).place("vitals", "INF1")
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        with pytest.raises(entry.Stale), acting(user=doctor, role="coordinator"):
            entry.save_draft(place=place, values={"pulse": "60"}, base_version=0, by=doctor)
        assert not Record.objects.filter(visit__code="INF1").exists()

    def test_a_query_on_an_item_that_went_stays_open(self, patient, amended, doctor, manager):
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        with acting(user=manager, role="data_manager"):
            query = Query.objects.create(
                patient=patient, record=record, item="steps", origin="data_manager", state="open",
                text="So many?", opened_by=manager,
            )  # fmt: skip
        walk.moved(patient, amended, by=manager)
        sign_again(patient, doctor)
        amend(record, doctor, {"pulse": "70", "spo2": "97"})
        assert Query.objects.get(pk=query.pk).state == "open"


class TestConsent:
    def test_new_data_wait_for_the_consent_that_the_amendment_asks_for(
        self, patient, amended, doctor, manager
    ):
        walk.moved(patient, amended, by=manager)
        casebook = opened(patient, doctor)
        assert "version 2.0 of the consent form" in obstacle(casebook, casebook.place("vitals", "INF1"), None)
        row = Visit.objects.get(patient=patient, code="INF1")
        for verb in (
            lambda: hold_visit(visit=row, on=NOW.date(), by=doctor),
            lambda: add_unscheduled(patient=patient, on=NOW.date(), reason="Fall", by=doctor),
            lambda: entry.save_draft(
                place=casebook.place("notes"), values={"note": "x"}, base_version=0, by=doctor
            ),
        ):
            with (
                pytest.raises(ValidationError, match=r"version 2\.0"),
                acting(user=doctor, role="coordinator"),
            ):
                verb()
        with acting(user=doctor, role="coordinator"):
            miss_visit(visit=row, reason="At home", by=doctor)
        assert list(reconsent_due(Patient.objects.all(), NOW.date())) == [patient]

    def test_entry_goes_on_once_it_is_signed(self, patient, amended, doctor, manager):
        walk.moved(patient, amended, by=manager)
        with acting(user=doctor, role="coordinator"):
            from patients.consenting import record_consent

            old = {
                "type": "patient",
                "version": "1.0",
                "given": build.moment("19-Mar-2021 09:00"),
                "by": doctor,
            }
            record_consent(patient=Patient.objects.get(pk=patient.pk), **old)
        assert list(reconsent_due(Patient.objects.all(), NOW.date())) == [patient]
        sign_again(patient, doctor)
        assert not reconsent_due(Patient.objects.all(), NOW.date()).exists()
        assert build.record(patient, "notes", {"note": "x"}, visit=None, by=doctor).protocol == amended

    def test_what_is_complete_may_be_corrected_meanwhile_and_stays_under_its_version(
        self, patient, amended, doctor, manager
    ):
        """A correction is no new data: a query can be answered before the patient comes to sign."""
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        walk.moved(patient, amended, by=manager)
        saved = amend(record, doctor, {**walk.VITALS, "pulse": "70"})
        assert (saved.record.protocol.version, saved.record.values["mood"]) == ("1.0", "MIXED")

    def test_nobody_signs_again_for_an_amendment_that_does_not_ask(self, patient, doctor, manager):
        text = walk.text("1.1").replace("reconsent = true", "reconsent = false")
        with acting(system="test"):
            amended = load_protocol(text=text, effective_from=walk.IN_FORCE)
        assert walk.moved(patient, amended, by=manager).sign == ""
        assert build.record(patient, "notes", {"note": "x"}, visit=None, by=doctor).protocol == amended

    def test_an_amendment_that_is_passed_over_still_asks(self, patient, amended, manager):
        later = (
            walk.text("1.1")
            .replace('version = "1.1"', 'version = "1.2"', 1)
            .replace('replaces = "1.0"', 'replaces = "1.1"')
        )
        with acting(system="test"):
            third = load_protocol(text=later.replace("reconsent = true", "reconsent = false"))
        assert walk.moved(patient, third, by=manager).sign == "2.0"


def test_who_is_screened_under_the_new_version_follows_it(trial, doctor):
    walk.amendment()
    with acting(user=doctor, role="coordinator"):
        patient = screen(trial=Trial.objects.get(), screened_on=NOW.date(), identity={}, by=doctor)
    assert patient.protocol.version == "1.1"
    assert patient.reconsent_version == ""


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite lets one writer in at a time")
@pytest.mark.django_db(transaction=True)
def test_two_moves_at_the_same_moment_are_one():
    """Whoever comes second waits for the first, and is told; no visit is planned twice."""
    trial = walk.trial()
    doctor, people = (
        build.user("investigator", trial=trial),
        [build.user("data_manager", trial=trial) for _ in "ab"],
    )
    patient = walk.enrolled(trial, by=doctor, on=INCLUDED)
    amended, ready, told = walk.amendment(), threading.Barrier(2), []

    def work(person: User) -> None:
        try:
            seen, to = (
                Patient.objects.get(pk=patient.pk),
                ProtocolVersion.objects.select_related("trial").get(pk=amended.pk),
            )
            ready.wait(20)
            with acting(user=person, role="data_manager"):
                move(patients=[seen], to=to, reason="Amendment", by=person)
            told.append("moved")
        except ValidationError as refused:
            told.append(" ".join(refused.messages))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told)[0].startswith("Somebody moved W-01 meanwhile")
    assert sorted(told)[1:] == ["moved"]
    assert Visit.objects.filter(patient=patient, code="D14").count() == 1
    assert Patient.history.filter(id=patient.pk, history_change_reason="Amendment").count() == 1


class TestExport:
    def test_the_columns_of_all_versions_stay_and_nothing_captured_is_lost(
        self, patient, amended, doctor, manager
    ):
        """CSV before and after: the same values; items of either version have their column."""
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        before = exported(patient.trial, "forms/vitals")
        walk.moved(patient, amended, by=manager)
        assert exported(patient.trial, "forms/vitals") == before
        sign_again(patient, doctor)
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        amend(record, doctor, {"pulse": "70", "spo2": "97"})
        after = {row["visit"]: row for row in exported(patient.trial, "forms/vitals")}
        told = [after["D7"][name] for name in ("protocol_version", "pulse", "steps", "mood", "spo2")]
        assert told == ["1.1", "70", "4000", "", "97"]
        untouched = [after["SCR"][name] for name in ("protocol_version", "pulse", "steps", "mood", "spo2")]
        assert untouched == ["1.0", "72", "4000", "MIXED", ""]
        assert exported(patient.trial, "forms/falls")[0]["how"] == "On ice"

    def test_the_data_dictionary_says_which_version_asks_what(self, patient, amended):
        rows = [row for row in exported(patient.trial, "data_dictionary") if row["table"] == "forms/vitals"]
        assert [(row["item"], row["protocol_versions"]) for row in rows] == [
            ("pulse", "1.0; 1.1"),
            ("steps", "1.0"),
            ("mood", "1.0"),
            ("mood", "1.1"),
            ("spo2", "1.1"),
        ]


def exported(trial: Trial, name: str) -> list[dict[str, str]]:
    found = next(each for each in tables_of(trial, sees_treatment=True) if each.name == name)
    return [dict(zip(found.header, map(str, row), strict=True)) for row in found.rows()]
