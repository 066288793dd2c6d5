"""After an amendment captured forms stay under their version, and re-consent precedes new data (DAT-09, P11-11)."""

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from audit import signatures
from audit.context import acting
from exports.exporting import tables_of
from patients.casebook.casebook import Casebook
from patients.casebook.navigation import navigation
from patients.entry import saving
from patients.entry.controls import CONTROLS
from patients.entry.entry_guard import entry_refusal
from patients.models import Patient, Query, Record, Visit
from patients.participation.visits import add_unscheduled, hold_visit, miss_visit
from patients.review.signatures import sign_records
from reports.home.selection import reconsent_due
from tests.support import build
from tests.support.pages.entry_pages import hidden
from tests.support.study import amended_protocol
from tests.support.study.amended_patient import captured, sign_again
from trials.models import ProtocolVersion, Trial
from trials.versions.loading import load_protocol

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(walking: Trial) -> Trial:
    return walking


@pytest.fixture
def patient(trial: Trial, doctor: User) -> Patient:
    """Return a patient included on the 10th; screening and day 7 held with forms, under version 1.0."""
    return captured(trial, by=doctor)


def opened(patient: Patient, by: User) -> Casebook:
    return Casebook.open(user=by, trial=patient.trial, code=patient.code)


def amend(record: Record, by: User, values: dict, **more) -> saving.Saved:
    casebook = opened(record.patient, by)
    place = casebook.place(record.form, record.visit.key if record.visit else None, record.repeat)
    with acting(user=by, role="coordinator"):
        return saving.amend(
            saving.Entry(place=place, values=values, base_version=record.version),
            reason="Checked again",
            by=by,
            **more,
        )


class TestWhatWasCaptured:
    def test_a_record_keeps_its_version_and_its_signature(self, patient, amended, doctor, manager):
        """P11-11, SIG-01: moving the patient changes no record; signatures on forms still verify."""
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        with acting(user=doctor, role="investigator"):
            (signed,) = sign_records(
                records=[record], meaning="responsibility", password=build.PASSWORD, by=doctor
            )
        trail = Record.history.count()
        amended_protocol.move_to(patient, amended, by=manager)
        assert Record.history.count() == trail
        signed.refresh_from_db()
        assert signatures.verify(signed) == signatures.SignatureState.VALID
        assert Record.objects.get(pk=record.pk).protocol.version == "1.0"

    def test_the_casebook_shows_what_a_version_dropped(self, patient, amended, doctor, manager):
        build.record(patient, "diary", {"entry": "Slept well"}, visit="D7", by=doctor)
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        amended_protocol.move_to(patient, amended, by=manager)
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
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"pulse": "70", "spo2": "97"})
        assert saved.record.protocol.version == "1.1"
        assert saved.record.values == {"pulse": "70", "spo2": "97", "steps": "4000"}
        again = amend(saved.record, doctor, {"pulse": "71", "spo2": "97"})
        assert again.record.values["steps"] == "4000"

    def test_a_save_that_changes_nothing_moves_nothing(self, patient, amended, doctor, manager):
        record = build.record(patient, "notes", {"note": "Talked"}, visit=None, by=doctor)
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"note": "Talked"})
        assert not saved.changed
        assert Record.objects.get(pk=record.pk).protocol.version == "1.0"

    def test_what_a_new_version_requires_is_needed_when_a_record_is_edited(
        self, patient, amended, doctor, manager
    ):
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        with pytest.raises(saving.NotComplete) as refused:
            amend(record, doctor, {"pulse": "70"})
        assert [each.item for each in refused.value.checked.blocking_findings] == ["spo2"]

    def test_a_form_that_was_dropped_is_corrected_under_its_own_version(
        self, patient, amended, doctor, manager
    ):
        record = build.record(patient, "diary", {"entry": "Slept wel"}, visit="D7", by=doctor)
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        saved = amend(record, doctor, {"entry": "Slept well"})
        assert (saved.record.protocol.version, saved.record.values["entry"]) == ("1.0", "Slept well")

    def test_nothing_new_is_entered_where_the_version_asks_nothing(self, patient, amended, doctor, manager):
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        casebook, old = opened(patient, doctor), ProtocolVersion.objects.get(version="1.0")
        for place in (
            casebook.place("vitals", "D60", 1, old),
            casebook.place("falls", None, 2, old),
            casebook.place("diary", "D28", 1, old),
        ):
            assert "does not ask for this form" in entry_refusal(casebook, place, None)
        with (
            pytest.raises(ValidationError, match="unscheduled visit"),
            acting(user=doctor, role="coordinator"),
        ):
            hold_visit(
                visit=Visit.objects.get(patient=patient, code="D60"),
                on=amended_protocol.NOW.date(),
                by=doctor,
            )

    def test_a_past_visit_is_not_short_of_forms_that_came_later(self, patient, amended, doctor, manager):
        """A held visit keeps its forms: version 1.1 adds a walk on day 7, this patient's day 7 was before."""
        amended_protocol.move_to(patient, amended, by=manager)
        with pytest.raises(LookupError):
            opened(patient, doctor).place("walk", "D7")

    def test_a_page_of_the_old_version_is_stale(self, patient, amended, doctor, manager):
        place = opened(patient, doctor).place("vitals", "INF1")
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        with pytest.raises(saving.StaleRecord), acting(user=doctor, role="coordinator"):
            saving.save_draft(saving.Entry(place=place, values={"pulse": "60"}, base_version=0), by=doctor)
        assert not Record.objects.filter(visit__code="INF1").exists()

    def test_a_row_that_was_being_typed_when_the_patient_moved_is_shown_again(
        self, patient, amended, doctor, manager
    ):
        """DAT-11: a new log row typed under the earlier version causes no server error and is not lost."""
        desk = build.client(doctor)
        address = f"/trials/{patient.trial.slug}/patients/{patient.code}/logs/notes/1/"
        typed = {**hidden(desk.get(address)), "note": "Slept well", CONTROLS.action: "draft"}
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        answer = desk.post(address, typed)
        assert answer.status_code == 409
        assert "Slept well" in answer.content.decode()
        assert not Record.objects.filter(form="notes").exists()
        chosen = {**typed, **hidden(answer), f"{CONTROLS.choose}note": "mine"}
        assert desk.post(address, chosen).status_code == 302
        assert Record.objects.get(form="notes").protocol == amended

    def test_a_query_on_an_item_that_went_stays_open(self, patient, amended, doctor, manager):
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        with acting(user=manager, role="data_manager"):
            query = Query.objects.create(
                patient=patient, record=record, item="steps", origin="data_manager", state="open",
                text="So many?", opened_by=manager,
            )  # fmt: skip
        amended_protocol.move_to(patient, amended, by=manager)
        sign_again(patient, doctor)
        amend(record, doctor, {"pulse": "70", "spo2": "97"})
        assert Query.objects.get(pk=query.pk).state == "open"


class TestConsent:
    def test_new_data_wait_for_the_consent_that_the_amendment_asks_for(
        self, patient, amended, doctor, manager
    ):
        amended_protocol.move_to(patient, amended, by=manager)
        casebook = opened(patient, doctor)
        assert "version 2.0 of the consent form" in entry_refusal(
            casebook, casebook.place("vitals", "INF1"), None
        )
        row = Visit.objects.get(patient=patient, code="INF1")
        for verb in (
            lambda: hold_visit(visit=row, on=amended_protocol.NOW.date(), by=doctor),
            lambda: add_unscheduled(
                patient=patient, on=amended_protocol.NOW.date(), reason="Fall", by=doctor
            ),
            lambda: saving.save_draft(
                saving.Entry(place=casebook.place("notes"), values={"note": "x"}, base_version=0), by=doctor
            ),
        ):
            with (
                pytest.raises(ValidationError, match=r"version 2\.0"),
                acting(user=doctor, role="coordinator"),
            ):
                verb()
        with acting(user=doctor, role="coordinator"):
            miss_visit(visit=row, reason="At home", by=doctor)
        assert list(reconsent_due(Patient.objects.all(), amended_protocol.NOW.date())) == [patient]

    def test_entry_continues_once_it_is_signed(self, patient, amended, doctor, manager):
        amended_protocol.move_to(patient, amended, by=manager)
        with acting(user=doctor, role="coordinator"):
            from patients.participation.consents.consent import record_consent

            old = {
                "type": "patient",
                "version": "1.0",
                "given": build.moment("19-Mar-2021 09:00"),
                "by": doctor,
            }
            record_consent(patient=Patient.objects.get(pk=patient.pk), **old)
        assert list(reconsent_due(Patient.objects.all(), amended_protocol.NOW.date())) == [patient]
        sign_again(patient, doctor)
        assert not reconsent_due(Patient.objects.all(), amended_protocol.NOW.date()).exists()
        assert build.record(patient, "notes", {"note": "x"}, visit=None, by=doctor).protocol == amended

    def test_what_is_complete_may_be_corrected_meanwhile_and_stays_under_its_version(
        self, patient, amended, doctor, manager
    ):
        """A correction is no new data: a query can be answered before the patient signs again."""
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        amended_protocol.move_to(patient, amended, by=manager)
        saved = amend(record, doctor, {**amended_protocol.VITALS, "pulse": "70"})
        assert (saved.record.protocol.version, saved.record.values["mood"]) == ("1.0", "MIXED")

    def test_nobody_signs_again_for_an_amendment_that_does_not_ask(self, patient, doctor, manager):
        text = amended_protocol.text("1.1").replace("reconsent = true", "reconsent = false")
        with acting(system="test"):
            amended = load_protocol(text=text, effective_from=amended_protocol.IN_FORCE)
        assert amended_protocol.move_to(patient, amended, by=manager).sign == ""
        assert build.record(patient, "notes", {"note": "x"}, visit=None, by=doctor).protocol == amended

    def test_an_amendment_that_is_passed_over_still_asks(self, patient, amended, manager):
        later = (
            amended_protocol.text("1.1")
            .replace('version = "1.1"', 'version = "1.2"', 1)
            .replace('replaces = "1.0"', 'replaces = "1.1"')
        )
        with acting(system="test"):
            third = load_protocol(text=later.replace("reconsent = true", "reconsent = false"))
        assert amended_protocol.move_to(patient, third, by=manager).sign == "2.0"


class TestExport:
    def test_the_columns_of_all_versions_stay_and_nothing_captured_is_lost(
        self, patient, amended, doctor, manager
    ):
        """CSV before and after: the same values; items of either version have their column."""
        build.record(patient, "falls", {"how": "On ice"}, visit=None, by=doctor)
        before = exported(patient.trial, "forms/vitals")
        amended_protocol.move_to(patient, amended, by=manager)
        assert exported(patient.trial, "forms/vitals") == before
        sign_again(patient, doctor)
        record = Record.objects.get(patient=patient, form="vitals", visit__code="D7")
        amend(record, doctor, {"pulse": "70", "spo2": "97"})
        after = {row["visit"]: row for row in exported(patient.trial, "forms/vitals")}
        result = [after["D7"][name] for name in ("protocol_version", "pulse", "steps", "mood", "spo2")]
        assert result == ["1.1", "70", "4000", "", "97"]
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
