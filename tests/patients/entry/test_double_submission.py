"""A step sent twice, by a double click or after a lost response, is carried out once (REL-13)."""

import re

import pytest
from django.urls import reverse

from audit.context import acting
from patients.models import Consent, Identity, Patient, Visit
from tests.support import build

pytestmark = pytest.mark.django_db


def key_of(page: str) -> str:
    return re.findall(r'name="save_key" value="([0-9a-f]{32})"', page)[0]


def test_one_form_screens_one_patient(trial, desk):
    """A subject code, once given, stays used: a second click must not take another."""
    address = reverse("patients:screen", args=[trial.slug])
    typed = {"screened_on": "t", "name": "Jeanne Dubois"}
    keys = [key_of(desk.get(address).content.decode()) for _each in range(2)]
    first, again, other = (
        desk.post(address, {**typed, "save_key": key, "hospital_number": number})["Location"]
        for key, number in ((keys[0], "0042"), (keys[0], "0042"), (keys[1], "0043"))
    )
    assert first == again
    assert other != first
    assert Patient.objects.count() == Identity.objects.count() == 2


def test_the_key_of_a_form_that_is_refused_stays(trial, desk):
    address = reverse("patients:screen", args=[trial.slug])
    key = key_of(desk.get(address).content.decode())
    refused = desk.post(address, {"screened_on": "31-Apr-2026", "save_key": key})
    assert refused.status_code == 422
    assert key_of(refused.content.decode()) == key


def test_the_same_consent_is_recorded_once(trial, desk):
    patient = build.patient(trial=trial)
    address = reverse("patients:consent", args=[trial.slug, patient.code])
    typed = {"type": "patient", "version": "1.0", "given": "y 09:30"}
    assert [desk.post(address, typed).status_code for _each in range(2)] == [302, 302]
    assert Consent.objects.count() == 1
    with acting(system="test"):  # a duplicate, as older data may hold one
        Consent.objects.create(**{**Consent.objects.values().get(), "id": None})
    assert desk.post(address, typed).status_code == 302
    assert Consent.objects.count() == 2
    assert desk.post(address, {**typed, "given": "y 09:31"}).status_code == 302
    assert Consent.objects.count() == 3


def test_the_same_unscheduled_visit_is_added_once(trial, desk):
    patient = build.patient(trial=trial)
    build.consent(patient)
    address = reverse("patients:visit-new", args=[trial.slug, patient.code])
    typed = {"on": "t", "reason": "Chest pain"}
    first, again = (desk.post(address, typed)["Location"] for _each in range(2))
    assert first == again
    assert Visit.objects.filter(patient=patient, code="UNS").count() == 1
    desk.post(address, {**typed, "reason": "Fall"})
    assert Visit.objects.filter(patient=patient, code="UNS").count() == 2
