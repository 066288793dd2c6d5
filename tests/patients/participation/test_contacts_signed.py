"""Attempts to reach a patient in the casebook: printed, signed, and asked about by a monitor."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import Meaning, Signature
from exports.paper.audience import Audience
from exports.paper.patient import PatientPaper
from patients.casebook.facts import fact_address
from patients.models import Patient, Query
from patients.participation.logs.contacts import add_contact, correct_contact, strike_out_contact
from patients.review.signatures import in_force, sign_casebook
from tests.support import build
from tests.support.study.bedside import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW)]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def patient(trial, doctor) -> Patient:
    return build.enrolled(trial=trial, on=trial.today - timedelta(days=53), investigator=doctor)


class TestInTheCasebook:
    """An attempt is part of the signed casebook: in the PDF, on the page to sign, and under the signature."""

    @pytest.fixture
    def tried(self, patient, nurse):
        facts = {
            "tried_on": patient.trial.today, "way": "phone", "tried_by": "Ward Nurse", "outcome": "no_answer",
            "note": "Mailbox full",
        }  # fmt: skip
        with acting(user=nurse, role="coordinator"):
            return add_contact(patient=patient, facts=facts, by=nurse)

    def sign(self, patient, doctor) -> None:
        with acting(user=doctor, role="investigator"):
            seen = {each.pk: each.version for each in in_force(patient)}
            sign_casebook(
                patient=patient, seen=seen, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=doctor
            )

    def test_it_is_printed_with_what_was_entered_first(self, patient, nurse, tried):
        """P11-02, Annex 11 §8.2."""
        facts = {
            "tried_on": tried.tried_on, "way": "letter", "tried_by": "Ward Nurse", "outcome": "no_answer",
            "note": "Mailbox full",
        }  # fmt: skip
        with acting(user=nurse, role="coordinator"):
            correct_contact(row=tried, facts=facts, change_reason="Misread", version=1, by=nurse)
        (part,) = PatientPaper(patient, Audience.nobody(patient.trial)).content()["contacts"]
        printed = {label: (value, past and past["original"]) for label, value, past in part["facts"]}
        assert part["title"] == "Contact 1"
        assert printed["Way"] == ("Letter", "Telephone")
        assert printed["Note"] == ("Mailbox full", None)

    def test_the_page_to_sign_shows_it(self, patient, web, tried):
        page = web.get(reverse("patients:sign-casebook", args=[patient.trial.slug, patient.code]))
        assert "Mailbox full" in page.content.decode()

    def test_a_new_or_changed_attempt_invalidates_the_signature(self, patient, nurse, doctor, tried):
        """SIG-03."""
        whole = Signature.objects.filter(target_type="patients.patient")
        self.sign(patient, doctor)
        assert whole.get().invalidated_at is None
        with acting(user=nurse, role="coordinator"):
            strike_out_contact(row=tried, change_reason="Other patient", version=1, by=nurse)
        assert whole.get().invalidated_at
        assert patient.signed_content()["contacts"][0]["struck_out_reason"] == "Other patient"

    def test_a_monitor_asks_about_it_and_a_strike_out_closes_the_query(self, patient, nurse, tried):
        monitor = build.user("monitor", trial=patient.trial)
        desk = build.client(monitor)
        page = desk.get(reverse("patients:patient-contacts", args=[patient.trial.slug, patient.code]))
        url = fact_address(patient, "contact", tried.pk, "outcome")
        assert url in page.content.decode()
        assert desk.post(url, {"text": "Which number was called?"}).status_code == 302
        query = Query.objects.get()
        assert (query.target, query.target_id, query.item) == ("contact", tried.pk, "outcome")
        with acting(user=nurse, role="coordinator"):
            strike_out_contact(row=tried, change_reason="Other patient", version=1, by=nurse)
        query.refresh_from_db()
        assert (query.state, str(query.closed_because)) == ("closed", "Other patient")

    def test_one_more_attempt_costs_no_query(self, patient, nurse, desk, tried):
        url = reverse("patients:patient-contacts", args=[patient.trial.slug, patient.code])
        counts = []
        for more in range(2):
            desk.get(url)
            with CaptureQueriesContext(connection) as spent:
                desk.get(url)
            counts.append(len(spent))
            facts = {
                "tried_on": patient.trial.today, "way": "phone", "tried_by": f"Nurse {more}",
                "outcome": "no_answer", "note": "",
            }  # fmt: skip
            with acting(user=nurse, role="coordinator"):
                add_contact(patient=patient, facts=facts, by=nurse)
        assert counts[0] == counts[1]
