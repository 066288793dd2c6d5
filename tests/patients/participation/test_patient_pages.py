"""The pages of a patient's steps, also with forged posts: refusals are shown beside the field, nothing is lost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent, Signature
from patients.models import Patient, Query, Record
from patients.queries.threads import raise_query
from tests.support import build
from tests.support.study import eligible_answers

pytestmark = pytest.mark.django_db


def address(name, patient, *more):
    return reverse(f"patients:{name}", args=[patient.trial.slug, patient.code, *more])


def test_screening_leads_to_the_casebook(trial, web):
    sent = {"screened_on": "t", "name": "Jeanne", "hospital_number": "0042"}
    answer = web.post(reverse("patients:screen", args=[trial.slug]), sent)
    assert (answer.status_code, answer["Location"]) == (302, f"/trials/{trial.slug}/patients/LIE-001/")


@pytest.mark.parametrize("day", ["", "32-Jan-2026", "tomorrow", "2026", "01-Jan-2099", "=1+1"])
def test_a_day_that_is_none_is_refused_beside_the_field_and_nothing_typed_is_lost(trial, web, day):
    answer = web.post(
        reverse("patients:screen", args=[trial.slug]), {"screened_on": day, "name": "Jeanne <b>"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert answer.context["form"].errors["screened_on"]
    assert "Jeanne &lt;b&gt;" in page
    assert not Patient.objects.exists()


def test_fields_that_no_form_offers_change_nothing(trial, web):
    """SEC-03: status, code and trial cannot be sent."""
    sent = {
        "screened_on": "t",
        "state": "enrolled",
        "code": "X-1",
        "number": "77",
        "trial": "9",
        "locked_at": "t",
    }
    web.post(reverse("patients:screen", args=[trial.slug]), sent)
    patient = Patient.objects.get()
    assert (patient.state, patient.code, patient.number, patient.locked_at) == (
        "screening",
        "LIE-001",
        1,
        None,
    )


def test_every_look_at_an_identity_is_recorded(trial, web):
    """PRV-04."""
    patient = build.patient(trial=trial, name="Jeanne Dubois")
    page = web.get(address("identity", patient))
    assert "Jeanne Dubois" in page.content.decode()
    assert AccessEvent.objects.get(kind="identity_seen").patient_id == patient.pk


def test_a_monitor_never_reads_an_identity(trial):
    """PRV-01, AUD-08: refused, and the attempt recorded."""
    patient = build.patient(trial=trial, name="Jeanne Dubois")
    answer = build.client(build.user("monitor", trial=trial)).get(address("identity", patient))
    assert answer.status_code == 403
    assert b"Dubois" not in answer.content
    assert AccessEvent.objects.filter(kind="denied").exists()


def test_a_corrected_identity_needs_a_reason(trial, web):
    """AUD-04."""
    patient = build.patient(trial=trial, name="Jeanne Dubois")
    sent = {"name": "Jeanne Dupont", "reason": "  "}
    assert web.post(address("identity", patient), sent).status_code == 422
    patient.identity.refresh_from_db()
    assert patient.identity.name == "Jeanne Dubois"
    assert web.post(address("identity", patient), sent | {"reason": "Misspelt"}).status_code == 302


def test_a_consent_page_takes_the_time_of_the_site(trial, web):
    """DAT-05: entered in the site's time zone, stored with it."""
    patient = build.patient(trial=trial)
    day = patient.screened_on
    sent = {"type": "patient", "version": "1.0", "given": f"{day:%d/%m/%Y} 14:05"}
    assert web.post(address("consent", patient), sent).status_code == 302
    assert patient.consents.get().given.endswith("[Europe/Brussels]")


def test_a_wrong_password_signs_nothing_and_says_so(trial, web):
    """SIG-01."""
    patient = build.patient(trial=trial)
    sent = {
        "inclusion_on": f"{patient.screened_on:%d/%m/%Y}",
        "conclusion": "not_eligible",
        "password": "guess",
    }
    answer = web.post(address("eligibility", patient), sent)
    assert answer.status_code == 422
    assert "guess" not in answer.content.decode()
    assert not Signature.objects.exists()


def test_the_enrolment_page_lists_what_is_missing_and_the_post_is_refused(trial, web):
    """P11-06."""
    patient = build.patient(trial=trial)
    assert "No consent is recorded." in web.get(address("enrol", patient)).content.decode()
    assert web.post(address("enrol", patient), {"on": "t"}).status_code == 422
    assert Patient.objects.get().state == "screening"


def test_reading_a_page_writes_nothing(trial, web, django_assert_max_num_queries):
    """A GET never changes a row (SEC-09)."""
    patient = build.enrolled(trial=trial)
    before = {model: model.objects.count() for model in (Patient, Record, Query, Signature)}
    history = Patient.history.count()
    for name in ("consent", "eligibility", "enrol", "fail", "end", "sign"):
        with django_assert_max_num_queries(25):
            assert web.get(address(name, patient)).status_code == 200
    assert {model: model.objects.count() for model in before} == before
    assert Patient.history.count() == history


def test_forms_are_signed_from_one_list_with_one_password(trial, web):
    """SIG-01, SIG-02: a later change puts the form on the list again."""
    patient = build.enrolled(trial=trial)
    rows = list(Record.objects.filter(patient=patient))
    sent = {
        "chosen": [f"{row.pk}:{row.version}" for row in rows],
        "reviewed": ["SCR"],
        "meaning": "responsibility",
        "password": build.PASSWORD,
    }
    assert web.post(address("sign", patient), sent).status_code == 302
    assert Signature.objects.filter(target_type="patients.record", invalidated_at=None).count() == len(rows)
    assert (
        "Every complete form of this patient is signed." in web.get(address("sign", patient)).content.decode()
    )
    with acting(system="test", reason="raw"):
        Record.objects.filter(pk=rows[0].pk).update(values={})
    assert (
        Signature.objects.filter(target_type="patients.record", invalidated_at=None).count() == len(rows) - 1
    )
    assert "Sign the chosen forms" in web.get(address("sign", patient)).content.decode()


def test_a_form_that_changed_since_the_list_was_opened_is_not_signed(trial, web):
    patient = build.enrolled(trial=trial)
    row = Record.objects.filter(patient=patient).first()
    sent = {"chosen": [f"{row.pk}:{row.version + 1}"], "meaning": "review", "password": build.PASSWORD}
    assert web.post(address("sign", patient), sent).status_code == 422
    assert not Signature.objects.filter(target_type="patients.record").exists()


def test_a_query_is_answered_closed_and_opened_again(trial, doctor):
    patient = build.eligible(trial=trial)
    record = Record.objects.get(patient=patient, form="demography")
    monitor = build.user("monitor", trial=trial)
    with acting(user=monitor, role="monitor"):
        query = raise_query(
            record=record, item="age", text="54 or 45?", origin="monitor", by=monitor, role="monitor"
        )
    asked, answers = build.client(monitor), build.client(doctor)
    place = reverse("patients:query", args=[trial.slug, query.pk])
    assert answers.post(f"{place}answer/", {"text": " "}).status_code == 422
    assert asked.post(f"{place}answer/", {"text": "54"}).status_code == 403
    assert answers.post(f"{place}answer/", {"text": "54"}).status_code == 302
    assert asked.post(f"{place}close/", {"text": "Thank you"}).status_code == 302
    assert Query.objects.get(pk=query.pk).state == "closed"
    assert asked.post(f"{place}close/", {"text": "again"}).status_code == 422
    assert asked.post(f"{place}reopen/", {"text": "Source says 45"}).status_code == 302
    assert [message.text for message in query.messages.all()] == [
        "54 or 45?",
        "54",
        "Thank you",
        "Source says 45",
    ]


def test_the_listings_cost_the_same_with_one_and_three_rows(trial, web):
    places = [reverse(f"patients:{name}", args=[trial.slug]) for name in ("listing", "queries")]
    monitor, costs = build.user("monitor", trial=trial), []
    for _each in range(3):
        record = Record.objects.get(patient=build.eligible(trial=trial), form="demography")
        with acting(user=monitor, role="monitor"):
            raise_query(record=record, item="age", text="?", origin="monitor", by=monitor, role="monitor")
        with CaptureQueriesContext(connection) as queries:
            assert [web.get(place).status_code for place in places] == [200, 200]
        costs.append(len(queries))
    assert costs[0] == costs[2]


def test_a_visit_page_shows_its_forms_and_their_status(trial, web):
    patient = build.enrolled(trial=trial)
    page = web.get(address("visit", patient, "SCR")).content.decode()
    assert "Demography" in page
    assert "Complete" in page
    assert web.get(address("visit", patient, "NOPE")).status_code == 404
    assert web.get(address("visit", patient, "SCR-2")).status_code == 404


def test_the_criteria_can_be_read_for_the_day_that_is_intended(trial, web):
    """Retrospective entry: a scan from ten days before inclusion counts, whenever it is entered."""
    patient = build.patient(trial=trial)
    build.consent(patient)
    for form, values in eligible_answers.liege(patient.screened_on).items():
        build.record(patient, form, values)
    today = {f.id: f.words for f in web.get(address("eligibility", patient)).context["evaluation"].findings}
    asked = web.get(address("eligibility", patient), {"inclusion_on": f"{patient.screened_on:%d/%m/%Y}"})
    then = {f.id: f.words for f in asked.context["evaluation"].findings}
    assert (today["I2a"], then["I2a"]) == ("Not met", "Met")
