"""A number of a person in free text is warned of, wherever it is typed, and nothing is refused (PRV-02)."""

import pytest
from django.urls import reverse

from patients.models import Patient, Query
from safety.models import AdverseEvent
from tests.support import build
from tests.support.pages.event_forms import typed

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
NISS, DNI, TELEPHONE = "85.07.30-033.28", "12345678Z", "0475 12 34 56"
WARNED = "seems to hold"


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial)


@pytest.fixture
def nurse(trial):
    return build.client(build.user("coordinator", trial=trial))


def report(client, patient, **answers):
    address = reverse("safety:report", args=[patient.trial.slug, patient.code])
    return client.post(address, {**typed(patient), **answers}, follow=True).content.decode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (NISS, "a Belgian national number"), (DNI, "a Spanish DNI or NIE"), (TELEPHONE, "a telephone number"),
        (f"{NISS}, call {TELEPHONE}", "a Belgian national number, a telephone number"),
    ],
)  # fmt: skip
def test_the_narrative_of_an_event_is_stored_with_a_warning(nurse, patient, text, told):
    """PRV-02: soft: what was typed is stored as it is."""
    page = report(nurse, patient, description=f"The daughter ({text}) called")
    assert f"{WARNED} {told}." in page
    assert AdverseEvent.objects.get().description == f"The daughter ({text}) called"


def test_clinical_text_is_stored_without_a_warning(nurse, patient):
    page = report(nurse, patient, description="Fever of 38.5 on 09/09/2026 at 10:15, paracetamol 1000 mg")
    assert WARNED not in page
    assert AdverseEvent.objects.exists()


def test_a_question_of_a_query_is_warned_of(trial, patient):
    monitor = build.client(build.user("monitor", trial=trial))
    address = reverse(
        "patients:fact", args=[trial.slug, patient.code, "consent", patient.consents.get().pk, "version"]
    )
    page = monitor.post(address, {"text": f"Is {TELEPHONE} the wife?"}, follow=True).content.decode()
    assert WARNED in page
    assert Query.objects.exists()


def test_a_reason_for_a_change_is_warned_of(nurse, patient):
    """PRV-02: on every step that takes a reason."""
    report(nurse, patient)
    event = AdverseEvent.objects.get()
    address = reverse("safety:strike-out", args=[patient.trial.slug, patient.code, event.number])
    page = nurse.post(
        address, {"reason": f"Of another person, {NISS}", "version": event.version}, follow=True
    )
    assert WARNED in page.content.decode()


def test_the_identity_of_a_patient_may_hold_a_telephone_number(trial, nurse):
    """PRV-01: names, numbers and contacts belong there."""
    sent = {"name": f"Maria {TELEPHONE}", "hospital_number": "H-77", "birth_date": "01/02/1960", "sex": "F"}
    before = Patient.objects.count()
    page = nurse.post(reverse("patients:screen", args=[trial.slug]), sent, follow=True).content.decode()
    assert WARNED not in page
    assert Patient.objects.count() >= before


def test_what_was_refused_is_not_warned_of(nurse, patient):
    """The form is shown again with its errors; nothing was stored."""
    page = report(nurse, patient, description=NISS, term="")
    assert WARNED not in page
    assert not AdverseEvent.objects.exists()
