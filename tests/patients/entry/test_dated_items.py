"""Each date of a form asks for a confirmation after death, after the end of study, in the future, or before consent."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.context import acting
from patients import signals
from patients.casebook.casebook import Casebook
from patients.casebook.edit_checks import dated_findings
from patients.models import Consent, Patient, Query, Record
from patients.participation.disposition import correct_end, end_study, reopen_study
from protocol.values.row_ids import ROW_ID
from tests.support import build
from tests.support.build import moment
from tests.support.pages.entry_pages import hidden

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
INCLUDED = date(2026, 3, 10)
AFTER_DEATH = "This is after the patient’s death: correct one of them, or confirm both."
AFTER_END = "This is after the end of study: correct one of them, or confirm both."
FUTURE = "This has not come yet: correct it, or confirm that it is right."
BEFORE_CONSENT = "This is before the first consent: correct one of them, or confirm both."


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


def died(patient: Patient, on: str = "2026-03-12") -> Record:
    values = {"survival_status": "DEAD", "died_on": on, "contact_by": "RECORD", "death_cause": "CARDIAC"}
    return build.record(patient, "vital_status", values, visit="D7")


def medication(patient: Patient, started: str, repeat: int = 1, **more: Any) -> Record:
    values = {
        "name": "Aspirin", "dose": "100", "dose_unit": "mg", "route": "ORAL", "started_on": started, "ongoing": "Y",
        "given_for": "OTHER", **more,
    }  # fmt: skip
    return build.record(patient, "medication", values, visit=None, repeat=repeat, draft=True)


def asked(record: Record) -> list[tuple[str, str]]:
    rows = Query.objects.filter(record=record).exclude(state="closed").order_by("item", "pk")
    return [(query.item, str(query.text)) for query in rows]


def found(patient: Patient, form: str, values: dict[str, Any], visit: str | None) -> list[tuple[str, str]]:
    casebook = Casebook.open(user=build.user(trial=patient.trial), trial=patient.trial, code=patient.code)
    place = casebook.place(form, visit)
    return [(each.item, each.sentence()) for each in dated_findings(casebook, place, values)]


class TestAfterDeath:
    def test_the_start_of_a_log_row_asks_and_its_end_by_the_check_of_the_file(self, patient):
        """CM04 of Liège compares the end; no check compares the start."""
        died(patient)
        row = medication(patient, "2026-03-13", ongoing="N", ended_on="2026-03-14")
        assert [item for item, _text in asked(row)] == ["ended_on", "started_on"]
        texts = dict(asked(row))
        assert texts["started_on"] == AFTER_DEATH
        assert texts["ended_on"].startswith("The end comes after the death")

    @pytest.mark.parametrize(
        ("started", "asks"),
        [("2026-03-12", False), ("2026-03", False), ("2026-03-13", True), ("2026-04", True)],
    )
    def test_a_partial_date_decides_only_as_a_whole(self, patient, started, asks):
        died(patient)
        values = {"name": "Aspirin", "started_on": started}
        assert (
            bool([text for _item, text in found(patient, "medication", values, None) if text == AFTER_DEATH])
            is asks
        )

    def test_a_cell_of_a_table_is_asked_about_at_its_row(self, patient):
        form = next(
            (code, item, column)
            for code, form in patient.protocol.rules.forms.items()
            for item in form.items
            for column in item.columns
            if column.type == "datetime"
        )
        died(patient)
        code, item, column = form
        visit = next(v.code for v in patient.protocol.rules.visits if code in v.form_codes)
        cell = {column.name: "2026-03-14T10:00+01:00[Europe/Brussels]", ROW_ID: "r0a1b2c3d"}
        assert found(patient, code, {item.name: [cell]}, visit) == [
            (f"{item.name}-r0a1b2c3d-{column.name}", AFTER_DEATH)
        ]

    def test_the_death_of_the_end_of_study_counts(self, patient, doctor):
        with acting(user=doctor, role="investigator"):
            end_study(patient=patient, on=date(2026, 3, 12), reason="death", note="", by=doctor)
        assert found(patient, "medication", {"started_on": "2026-03-13"}, None) == [
            ("started_on", AFTER_DEATH)
        ]

    def test_the_form_of_the_death_says_when_the_site_learned_of_it(self, patient):
        died(patient)
        assert found(patient, "vital_status", {"last_contact_on": "2026-03-20"}, "D28") == []

    def test_a_death_entered_later_opens_the_question_and_its_correction_settles_it(self, patient, trial):
        row = completed_row(patient, "2026-03-13")
        assert asked(row) == []
        record = died(patient)
        because = "(because “Date of death” of “Vital status” changed)"
        assert dict(asked(row))["started_on"] == f"{AFTER_DEATH} {because}"
        build.struck_out(record)
        assert asked(row) == []


def completed_row(patient: Patient, started: str) -> Record:
    """A row of medication, complete, with its start on a day."""
    row = medication(patient, started)
    with acting(system="test"):
        Record.objects.filter(pk=row.pk).update(state="complete", completed_at=NOW)
    return row


class TestAfterTheEnd:
    def ended(self, patient: Patient, doctor: Any, on: date) -> None:
        with acting(user=doctor, role="investigator"):
            end_study(patient=patient, on=on, reason="withdrawal", note="Left", by=doctor)

    def test_it_asks_from_the_end_to_its_correction(self, patient, doctor):
        row = completed_row(patient, "2026-03-14")
        self.ended(patient, doctor, date(2026, 3, 13))
        assert asked(row) == [("started_on", f"{AFTER_END} (because “End of study” changed)")]
        corrected = {"end_reason": "withdrawal", "note": "Left", "reason": "Misread", "by": doctor}
        with acting(user=doctor, role="investigator"):
            correct_end(patient=patient, on=date(2026, 3, 14), **corrected)
        assert asked(row) == []

    def test_a_reopened_study_settles_it(self, patient, doctor):
        row = completed_row(patient, "2026-03-14")
        self.ended(patient, doctor, date(2026, 3, 13))
        with acting(user=doctor, role="investigator"):
            reopen_study(patient=patient, reason="Came back", by=doctor)
        assert asked(row) == []


class TestTheFuture:
    @pytest.mark.parametrize(
        ("day", "asks"), [("2026-03-30", False), ("2026-03", False), ("2026-03-31", True)]
    )
    def test_a_day_to_come_asks(self, patient, day, asks):
        assert (found(patient, "medication", {"started_on": day}, None) == [("started_on", FUTURE)]) is asks

    def test_a_minute_to_come_asks(self, patient):
        """It is 12:00 at the site."""
        for clock, asks in (("12:00", False), ("12:01", True)):
            values = {"performed_at": f"2026-03-30T{clock}+02:00[Europe/Brussels]"}
            assert bool(found(patient, "procedure", values, None)) is asks


class TestBeforeConsent:
    EARLY = "2026-03-09T23:59+01:00[Europe/Brussels]"

    def test_a_procedure_of_the_trial_asks_and_routine_care_does_not(self, patient, trial):
        values = {"performed_at": self.EARLY}
        assert found(patient, "procedure", values, None) == []
        rules = patient.protocol.rules
        form = rules.form("procedure").model_copy(update={"procedure": True})
        casebook = Casebook.open(user=build.user(trial=trial), trial=trial, code=patient.code)
        place = casebook.place("procedure", None)
        of_trial = type(place)(place.patient, None, place.protocol, form)
        assert [each.sentence() for each in dated_findings(casebook, of_trial, values)] == [BEFORE_CONSENT]

    def test_a_sample_is_asked_about_once_by_the_check_of_the_file(self, patient):
        assert found(patient, "haematology", {"sampled_at": self.EARLY}, "SCR") == []

    def test_a_later_consent_is_compared_again(self, patient, doctor):
        """The date of a sample that no check of the file compares."""
        rules = patient.protocol.rules
        samples = [
            (code, item.name)
            for code, form in rules.forms.items()
            if form.samples
            for item in form.items
            if item.type in {"date", "datetime"} and not any(check.on == item.name for check in form.checks)
        ]
        for code, name in samples:
            visit = next(v.code for v in rules.visits if code in v.form_codes)
            row = build.record(patient, code, {name: "2026-03-10"}, visit=visit, draft=True)
            with acting(system="test"):
                Record.objects.filter(pk=row.pk).update(state="complete", completed_at=NOW)
                given = moment("11-Mar-2026 09:00")
                Consent.objects.filter(patient=patient).update(given=given.iso, given_at=given.earliest)
                signals.announce(patient=patient, names=["subject.first_consent_at"], by=doctor)
            assert BEFORE_CONSENT in [text.partition(" (because")[0] for _item, text in asked(row)]


def test_a_page_asks_for_the_confirmation_at_the_date_and_stores_it_with_the_reason(
    desk: Client, patient: Patient
):
    """DAT-05: as any unlikely value."""
    died(patient)
    url = reverse("patients:log", args=[patient.trial.slug, patient.code, "medication", 1])
    values = {"name": "Aspirin", "started_on": "13-Mar-2026", "_action": "draft"}
    assert desk.post(url, {**hidden(desk.get(url)), **values}).status_code == 302
    row = Record.objects.get(form="medication")
    assert [item for item, _text in asked(row)] == ["started_on"]
    page = desk.get(url)
    assert AFTER_DEATH in page.content.decode()
    again = {**hidden(page), **values, "started_on-confirm": "As in the file"}
    assert desk.post(url, again).status_code == 302
    assert asked(row) == []
