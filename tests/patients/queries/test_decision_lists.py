"""The listings of consents and of decisions on eligibility, and queries raised from them."""

import csv
import io
import re

import pytest
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from patients.models import Consent, Patient, Query
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.models import Trial

pytestmark = pytest.mark.django_db
LISTS = ("consents", "decisions")


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial)


@pytest.fixture
def patient(trial: Trial) -> Patient:
    return build.enrolled(trial=trial)


def address(trial: Trial, name: str) -> str:
    return reverse(f"patients:{name}", args=[trial.slug])


def codes(person: User, trial: Trial, name: str, **query: str) -> list[str]:
    page = build.client(person).get(address(trial, name), query)
    return [row.object.patient.code for row in page.context["listing"].rows]


class TestTheLists:
    @pytest.mark.parametrize("name", LISTS)
    def test_every_row_of_the_trial_is_listed_and_leads_to_its_page(self, patient, monitor, trial, name):
        assert codes(monitor, trial, name) == [patient.code]
        page = {"consents": "patients:consent", "decisions": "patients:eligibility"}[name]
        listed = build.client(monitor).get(address(trial, name)).content.decode()
        assert reverse(page, args=[trial.slug, patient.code]) in listed

    def test_a_representative_is_not_named(self, patient, monitor, trial):
        """PRV-01"""
        with acting(system="test"):
            Consent.objects.update(representative_name="Anna Roy", representative_relation="Sister")
        for query in ({}, {"format": "csv"}):
            sent = build.client(monitor).get(address(trial, "consents"), query)
            text = b"".join(sent.streaming_content) if sent.streaming else sent.content
            assert b"Anna Roy" not in text

    def test_the_filters_keep_what_they_name(self, patient, monitor, trial):
        assert codes(monitor, trial, "consents", type="patient") == [patient.code]
        assert codes(monitor, trial, "consents", type="legal_representative") == []
        assert codes(monitor, trial, "consents", status="struck_out") == []
        assert codes(monitor, trial, "decisions", conclusion="eligible") == [patient.code]
        assert codes(monitor, trial, "decisions", conclusion="not_eligible") == []
        assert codes(monitor, trial, "decisions", changed="true") == []
        assert codes(monitor, trial, "decisions", queried="false") == [patient.code]

    @pytest.mark.parametrize(("name", "column"), [("consents", "given_by"), ("decisions", "conclusion")])
    def test_the_file_holds_codes(self, patient, monitor, trial, name, column):
        sent = build.client(monitor).get(address(trial, name), {"format": "csv"})
        text = b"".join(sent.streaming_content).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["patient"] == patient.code
        assert row[column] == {"given_by": "patient", "conclusion": "eligible"}[column]

    @pytest.mark.parametrize("name", LISTS)
    def test_the_database_is_asked_equally_often_for_one_and_three(
        self, patient, monitor, trial, name, django_assert_num_queries
    ):
        browser = build.client(monitor)
        browser.get(address(trial, name))
        with django_assert_num_queries(5):
            browser.get(address(trial, name))
        for _more in range(2):
            build.enrolled(trial=trial)
        with django_assert_num_queries(5):
            browser.get(address(trial, name))


class TestAsking:
    @pytest.mark.parametrize(
        ("name", "target", "item"),
        [("consents", "consent", "given"), ("decisions", "eligibility", "inclusion_on")],
    )
    def test_one_question_is_raised_on_the_ticked_rows(self, patient, monitor, trial, name, target, item):
        other = build.enrolled(trial=trial)
        browser = build.client(monitor)
        rows = [row.object.pk for row in browser.get(address(trial, name)).context["listing"].rows]
        assert len(rows) == 2
        ask = reverse("patients:facts-ask", args=[trial.slug, target])
        sent = {"row": rows, "item": item, "text": "Is this the day?", "confirm": "a1"}
        done = browser.post(ask, sent)
        assert (done.status_code, done["Location"]) == (302, address(trial, name))
        assert set(Query.objects.values_list("patient__code", "target", "item")) == {
            (patient.code, target, item), (other.code, target, item)
        }  # fmt: skip
        assert codes(monitor, trial, name, queried="true") == [patient.code, other.code]

    def test_one_question_is_raised_on_the_ends_of_study_ticked_in_the_list_of_patients(
        self, patient, monitor, trial
    ):
        """A patient whose study goes on has no box."""
        ended = [build.enrolled(trial=trial) for _each in range(2)]
        with acting(system="test"):
            for each in ended:
                Patient.objects.filter(pk=each.pk).update(
                    state="ended", ended_on=trial.today, end_reason="withdrawal", end_note="Left"
                )
        browser = build.client(monitor)
        page = browser.get(address(trial, "listing")).content.decode()
        assert re.findall(r'name="row" value="(\d+)"', page) == [str(each.pk) for each in ended]

        ask = reverse("patients:facts-ask", args=[trial.slug, "disposition"])
        everybody = [patient.pk, *(each.pk for each in ended)]
        sent = {"row": everybody, "item": "end_reason", "text": "Withdrew from what?", "confirm": "a1"}
        done = browser.post(ask, sent)
        assert (done.status_code, done["Location"]) == (302, address(trial, "listing"))
        assert set(Query.objects.values_list("patient__code", "target", "item")) == {
            (each.code, "disposition", "end_reason") for each in ended
        }

    def test_who_raises_no_queries_has_no_boxes(self, patient, trial):
        statistician = build.user("statistician", trial=trial)
        page = build.client(statistician).get(address(trial, "consents"))
        assert "Raise queries" not in words(page)
