"""Requests for erasure are logged with their decision and its legal basis (PRV-03)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from patients.models import ErasureRequest
from tests.support import build
from tests.support.pages.inspecting import plain

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_counted")]
WISH = "Asks that everything about the patient be erased"
DECISION = {"decision": "refused", "basis": "research", "explanation": "The trial would not be evaluable"}


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def patient(trial):
    return build.patient(trial=trial)


def page(trial, name="erasures", *args) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *args])


def record(trial, by, of, **changed):
    fields = {
        "patient": of.code,
        "received_on": trial.today.strftime("%d/%m/%Y"),
        "wish": WISH,
        **changed,
    }
    return build.client(by).post(page(trial, "erasure-new"), fields, follow=True)


def text_of(response) -> str:
    return plain(response.content.decode())


def test_a_request_is_logged_with_its_decision_and_basis(trial, doctor, patient):
    """PRV-03: who recorded it, who decided, on which legal basis; nothing is erased."""
    assert "Nothing was erased" in text_of(record(trial, doctor, patient))
    row = ErasureRequest.objects.get()
    assert (row.patient, row.received_on, row.wish, row.recorded_by) == (patient, trial.today, WISH, doctor)
    chief = build.user("principal_investigator", trial=trial)
    build.client(chief).post(page(trial, "erasure", row.pk), DECISION)
    row.refresh_from_db()
    assert (row.decision, row.basis, row.decided_by) == ("refused", "research", chief)
    listed = text_of(build.client(build.user("inspector", trial=trial)).get(page(trial)))
    for words in (
        patient.code,
        WISH,
        "Refused",
        "GDPR 17(3)(d)",
        "The trial would not be evaluable",
        chief.full_name,
    ):
        assert words in listed, words
    told = [each.history_user_id for each in row.history.order_by("history_id")]
    assert told == [doctor.pk, chief.pk]


@pytest.mark.parametrize("changed", [{"patient": "NONE-1"}, {"wish": " "}, {"received_on": "30/02/2026"}])
def test_a_request_that_is_incomplete_is_refused(trial, doctor, patient, changed):
    answer = record(trial, doctor, patient, **changed)
    assert answer.status_code == 422
    assert WISH in answer.content.decode() or "wish" in changed
    assert not ErasureRequest.objects.exists()


def test_a_day_to_come_is_refused(trial, doctor, patient):
    tomorrow = (trial.today + timedelta(days=1)).strftime("%d/%m/%Y")
    assert "has not come yet" in text_of(record(trial, doctor, patient, received_on=tomorrow))


def test_a_decision_needs_its_explanation_and_is_made_once(trial, doctor, patient):
    record(trial, doctor, patient)
    address = page(trial, "erasure", ErasureRequest.objects.get().pk)
    client = build.client(doctor)
    assert client.post(address, {**DECISION, "explanation": " "}).status_code == 422
    client.post(address, DECISION)
    assert client.post(address, {**DECISION, "decision": "granted"}).status_code == 422
    assert ErasureRequest.objects.get().decision == "refused"


def test_no_decision_is_stored_without_its_basis(trial, doctor, patient):
    """PRV-03: on no path."""
    record(trial, doctor, patient)
    with pytest.raises(IntegrityError), transaction.atomic(), acting(system="test"):
        ErasureRequest.objects.update(decision="granted", decided_by=doctor, decided_at=timezone.now())


def test_a_request_of_another_trial_is_not_found(trial, doctor, patient):
    """SEC-02."""
    record(trial, doctor, patient)
    other = build.trial(build.COVID_MSV)
    stranger = build.user("investigator", trial=other)
    assert (
        build.client(stranger).get(page(other, "erasure", ErasureRequest.objects.get().pk)).status_code == 404
    )
    assert record(other, stranger, patient).status_code == 422
    assert WISH not in text_of(build.client(stranger).get(page(other)))


@pytest.mark.parametrize("number", [1, 3])
def test_the_log_costs_the_same_queries_whatever_its_length(
    trial, doctor, patient, number, django_assert_num_queries
):
    for _each in range(number):
        record(trial, doctor, patient)
    client = build.client(doctor)
    client.get(page(trial))
    with django_assert_num_queries(5):
        client.get(page(trial))


@pytest.mark.parametrize(("decision", "basis"), [("granted", "research"), ("refused", "unlawful")])
def test_a_basis_that_says_the_opposite_of_the_decision_is_refused(trial, doctor, patient, decision, basis):
    """PRV-03: with a sentence beside the basis, and nothing is stored."""
    record(trial, doctor, patient)
    address = page(trial, "erasure", ErasureRequest.objects.get().pk)
    answer = build.client(doctor).post(address, {**DECISION, "decision": decision, "basis": basis})
    assert answer.status_code == 422
    assert "contradicts the decision" in text_of(answer)
    assert ErasureRequest.objects.get().decision == ""
