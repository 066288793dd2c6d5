"""Pages that correct what was recorded: they say what will change, and store it only once that is confirmed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent, Meaning, Signature
from audit.trail import history_model
from exports.exporting import attached_files
from patients.entry.files import attachments
from patients.models import Consent, Patient
from patients.participation import disposition, screening
from patients.participation.questions import CONFIRMED
from patients.participation.visits import hold_visit
from patients.review.signatures import in_force, sign_casebook
from tests.support import build
from tests.support.build import moment
from tests.support.study.file_samples import pdf
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]
INCLUDED, PDF = date(2026, 3, 10), pdf()
WHY = {"reason": "transcription", "reason_text": "12 read as 10"}


@pytest.fixture
def included(trial: Trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


def address(name: str, patient: Patient, *more: Any) -> str:
    return reverse(f"patients:{name}", args=[patient.trial.slug, patient.code, *more])


def confirmed(web: Client, url: str, sent: dict[str, Any]) -> Any:
    """Send a correction and confirm the effects that are shown."""
    first = web.post(url, sent)
    assert first.status_code == 422
    return web.post(url, {**sent, CONFIRMED: first.context["form"].token})


class TestEffectsFirst:
    SENT = {"on": "12-Mar-2026", **WHY}

    def test_the_page_says_which_days_move_and_which_signatures_fall(self, included, web, doctor):
        with acting(user=doctor, role="investigator"):
            seen = {each.pk: each.version for each in in_force(included)}
            told = {"meaning": Meaning.APPROVAL, "password": build.PASSWORD, "by": doctor}
            sign_casebook(patient=included, seen=seen, **told)
        answer = web.post(address("enrol-correct", included), self.SENT)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert "1 signature becomes invalid." in page
        assert "D28: 07-Apr-2026 becomes 09-Apr-2026" in page
        assert "Nothing is saved yet: check 2 things first" in page
        assert Patient.objects.get().enrolled_on == INCLUDED
        assert Signature.objects.get(target_type="patients.patient").invalidated_at is None

    def test_confirmed_it_is_stored_with_its_reason(self, included, web):
        answer = confirmed(web, address("enrol-correct", included), self.SENT)
        assert answer["Location"] == f"/trials/{included.trial.slug}/patients/LIE-001/"
        assert Patient.objects.get().enrolled_on == date(2026, 3, 12)
        last = history_model(Patient).objects.order_by("history_id").last()
        assert str(last.history_change_reason) == "Transcription error: 12 read as 10"

    def test_other_effects_than_those_confirmed_are_shown_again(self, included, web):
        url = address("enrol-correct", included)
        first = web.post(url, self.SENT)
        token = first.context["form"].token
        again = web.post(url, {**self.SENT, "on": "13-Mar-2026", CONFIRMED: token})
        assert again.status_code == 422
        assert "10-Apr-2026" in again.content.decode()
        assert Patient.objects.get().enrolled_on == INCLUDED

    @pytest.mark.parametrize("sent", [{"reason": ""}, {"reason": "other"}, {"reason": "nonsense"}])
    def test_without_a_reason_nothing_typed_is_lost(self, included, web, sent):
        answer = web.post(address("enrol-correct", included), {"on": "12-Mar-2026", **sent})
        assert answer.status_code == 422
        assert answer.context["form"].errors["reason"]
        assert 'value="12-Mar-2026"' in answer.content.decode()

    def test_the_queries_of_the_page_do_not_grow_with_the_visits(self, included, web, doctor):
        url = address("enrol-correct", included)
        web.get(url)
        with CaptureQueriesContext(connection) as before:
            web.get(url)
        with acting(user=doctor, role="investigator"):
            hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 17), by=doctor)
        with CaptureQueriesContext(connection) as after:
            web.get(url)
        assert len(after) == len(before) <= 12


class TestConsentPages:
    def consent(self, **changed: Any) -> dict[str, Any]:
        return {"type": "patient", "version": "1.0", "given": "10-Mar-2026 09:00", **changed}

    def test_a_consent_a_year_old_is_asked_about_before_it_is_stored(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        url, sent = address("consent", patient), self.consent(given="10-Mar-2025 09:00", obtained_by="Dr Roe")
        answer = web.post(url, sent)
        assert answer.status_code == 422
        assert "a year or more before the screening on 10-Mar-2026" in answer.content.decode()
        assert not Consent.objects.exists()
        assert confirmed(web, url, sent).status_code == 302
        assert Consent.objects.get().obtained_by == "Dr Roe"

    def test_a_consent_is_corrected_and_the_look_at_the_name_recorded(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        sent = self.consent(
            type="legal_representative", representative_name="Ann Lee", representative_relation="Daughter"
        )
        web.post(address("consent", patient), sent)
        row = Consent.objects.get()
        url = address("consent-correct", patient, row.pk)
        assert "Ann Lee" in web.get(url).content.decode()
        assert AccessEvent.objects.filter(kind="identity_seen", patient_id=patient.pk).exists()
        assert web.post(url, {**sent, "given": "11-Mar-2026 09:00", **WHY}).status_code == 302
        row.refresh_from_db()
        assert (row.given_words, row.representative_name) == ("11-Mar-2026 09:00", "Ann Lee")

    def test_nobody_reads_the_name_of_a_representative_without_the_right(self, trial, web, manager):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        web.post(
            address("consent", patient),
            self.consent(type="legal_representative", representative_name="Zed Quux"),
        )
        desk = build.client(manager)
        trail = reverse("audit:trail", args=[trial.slug])
        for page in (address("consent", patient), f"{trail}?patient={patient.code}"):
            assert "Zed Quux" not in desk.get(page).content.decode()

    def test_struck_out_it_stays_visible(self, included, web):
        row = build.consent(included, given=moment("12-Mar-2026 09:00"))
        assert web.post(address("consent-strike", included, row.pk), WHY).status_code == 302
        page = web.get(address("consent", included)).content.decode()
        assert "Transcription error: 12 read as 10" in page
        assert "12-Mar-2026 09:00" in page

    def test_the_consent_of_another_patient_is_not_found(self, trial, included, web):
        other = build.enrolled(trial=trial, on=INCLUDED)
        for name in ("consent-correct", "consent-strike"):
            assert web.get(address(name, included, other.consents.get().pk)).status_code == 404

    def test_consent_is_withdrawn_for_two_parts(self, included, web):
        url = address("consent-withdraw", included)
        sent = {
            "samples_withdrawn_on": "17-Mar-2026",
            "data_withdrawn_on": "18-Mar-2026",
            "note": "No needles",
        }
        assert web.post(url, {**sent, "samples_withdrawn_on": "31-Feb-2026"}).status_code == 422
        assert confirmed(web, url, sent).status_code == 302
        found = Patient.objects.get()
        assert (found.samples_withdrawn_on, found.data_withdrawn_on) == (date(2026, 3, 17), date(2026, 3, 18))
        assert "No needles" in web.get(address("consent", included)).content.decode()


class TestScan:
    SENT = {"type": "patient", "version": "1.0", "given": "10-Mar-2025 09:00"}

    def test_a_scan_is_kept_while_the_page_asks_and_downloaded_from_the_list(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        url = address("consent", patient)
        first = web.post(url, {**self.SENT, "scan": upload()})
        form = first.context["form"]
        kept = {"scan_key": form["scan_key"].value(), CONFIRMED: form.token}
        assert web.post(url, {**self.SENT, **kept}).status_code == 302
        row = Consent.objects.get()
        assert row.scan.name == "signed.pdf"
        file = address("file", patient, row.scan.key)
        assert file in web.get(url).content.decode()
        assert web.get(file)["Content-Disposition"].startswith("attachment")
        assert web.get(file).content == PDF

    def test_a_file_of_another_kind_is_refused_beside_its_field(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        sent = {**self.SENT, "given": "10-Mar-2026 09:00", "scan": upload(b"MZ\x90")}
        answer = web.post(address("consent", patient), sent)
        assert answer.status_code == 422
        assert answer.context["form"].errors["scan"]
        assert not Consent.objects.exists()

    def test_a_scan_is_added_by_a_correction_and_stays_with_the_next(self, included, web):
        row = included.consents.get()
        url, sent = (
            address("consent-correct", included, row.pk),
            {**self.SENT, "given": "10-Mar-2026 00:05", **WHY},
        )
        assert web.post(url, {**sent, "scan": upload()}).status_code == 302
        assert web.post(url, {**sent, "obtained_by": "Dr Roe"}).status_code == 302
        row.refresh_from_db()
        assert (row.scan.name, row.obtained_by) == ("signed.pdf", "Dr Roe")

    def test_the_file_of_another_patient_is_no_scan(self, trial, included, web):
        other = build.enrolled(trial=trial, on=INCLUDED)
        sent = {**self.SENT, "given": "10-Mar-2026 00:05", **WHY}
        web.post(address("consent-correct", other, other.consents.get().pk), {**sent, "scan": upload()})
        key = other.consents.get().scan.key
        url = address("consent-correct", included, included.consents.get().pk)
        assert web.post(url, {**sent, "scan_key": key}).status_code == 400

    def test_a_scan_is_never_cleared_and_never_exported(self, included, web):
        row = included.consents.get()
        sent = {**self.SENT, "given": "10-Mar-2026 00:05", **WHY}
        web.post(address("consent-correct", included, row.pk), {**sent, "scan": upload()})
        with acting(system="clear_uploads"):
            assert attachments.clear(before=NOW + timedelta(days=9)) == (0, 0)
        assert list(attached_files(included.trial, [])) == []


def upload(content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("signed.pdf", PDF if content is None else content)


class TestStepsOfAPatient:
    def test_the_day_of_screening_is_corrected_from_the_page_of_the_identity(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        url = address("screen-correct", patient)
        assert url in web.get(address("identity", patient)).content.decode()
        assert confirmed(web, url, {"on": "09-Mar-2026", **WHY}).status_code == 302
        assert Patient.objects.get().screened_on == date(2026, 3, 9)

    def test_the_day_on_which_capacity_was_regained_is_corrected(self, trial, web):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        build.consent(patient, type="legal_representative")
        url = address("capacity", patient)
        assert web.post(url, {"regained_on": "12-Mar-2026"}).status_code == 302
        assert url in web.get(address("consent", patient)).content.decode()
        assert web.post(url, {"regained_on": "13-Mar-2026"}).status_code == 422
        assert web.post(url, {"regained_on": "13-Mar-2026", **WHY}).status_code == 302
        assert Consent.objects.get().capacity_regained_on == date(2026, 3, 13)

    def test_a_screen_failure_is_corrected_and_struck_out(self, trial, web, doctor):
        patient = build.patient(trial=trial, screened_on=INCLUDED)
        with acting(user=doctor, role="investigator"):
            screening.fail_screening(patient=patient, on=INCLUDED, reason="Fever", by=doctor)
        page = web.get(address("fail", patient)).content.decode()
        assert "Fever" in page
        assert address("fail-strike", patient) in page
        sent = {"on": "11-Mar-2026", "failure_reason": "Too old", **WHY}
        assert web.post(address("fail-correct", patient), sent).status_code == 302
        assert Patient.objects.get().failure_reason == "Too old"
        assert web.post(address("fail-strike", patient), WHY).status_code == 302
        assert Patient.objects.get().state == "screening"

    def test_an_inclusion_with_entries_says_what_depends_on_it(self, included, web, doctor):
        with acting(user=doctor, role="investigator"):
            hold_visit(visit=included.visits.get(code="D7"), on=date(2026, 3, 17), by=doctor)
        answer = web.post(address("enrol-strike", included), WHY)
        assert answer.status_code == 422
        assert "These visits are held or missed: D7." in answer.content.decode()

    def test_the_end_asks_about_each_visit_until_the_day(self, included, web):
        url = address("end", included)
        assert "What becomes of this visit" in web.get(url).content.decode()
        sent = {"on": "13-Mar-2026", "reason": "withdrawal", "note": "Left"}
        answer = web.post(url, {**sent, "visit-SCR": "held", "visit-SCR-day": "10-Mar-2026"})
        assert answer.status_code == 422
        assert answer.context["form"].errors == {"visit-INF1": ["Say what becomes of this visit."]}
        assert 'value="10-Mar-2026"' in answer.content.decode()
        done = {"visit-SCR": "held", "visit-SCR-day": "10-Mar-2026", "visit-INF1": "later"}
        assert web.post(url, {**sent, **done}).status_code == 302
        assert [included.visits.get(code=code).state for code in ("SCR", "INF1", "D7")] == [
            "held", "planned", "planned",
        ]  # fmt: skip

    def test_an_investigator_reopens_an_ended_study_and_a_coordinator_does_not(
        self, included, web, desk, nurse, doctor
    ):
        with acting(user=doctor, role="investigator"):
            disposition.end_study(patient=included, on=INCLUDED, reason="withdrawal", note="Left", by=doctor)
        url = address("end-reopen", included)
        assert url in web.get(address("end", included)).content.decode()
        assert url not in desk.get(address("end", included)).content.decode()
        assert desk.post(url, WHY).status_code == 403
        sent = {"on": "11-Mar-2026", "end_reason": "withdrawal", "note": "No more", **WHY}
        assert web.post(address("end-correct", included), sent).status_code == 302
        assert Patient.objects.get().end_reason == "withdrawal"
        # The end gave no visit a day, so that the reopening takes none away and asks about nothing.
        assert web.post(url, WHY).status_code == 302
        assert Patient.objects.get().state == "enrolled"

    def test_the_day_of_a_visit_is_corrected_with_a_reason_and_struck_out(self, included, web):
        url = address("visit-hold", included, "D7")
        assert web.post(url, {"on": "17-Mar-2026"}).status_code == 302
        answer = web.post(url, {"on": "18-Mar-2026"})
        assert answer.context["form"].errors == {"reason": ["Say why this is changed."]}
        assert web.post(url, {"on": "18-Mar-2026", **WHY}).status_code == 302
        assert included.visits.get(code="D7").held_on == date(2026, 3, 18)
        assert web.post(address("visit-strike", included, "D7"), WHY).status_code == 302
        assert included.visits.get(code="D7").state == "planned"
