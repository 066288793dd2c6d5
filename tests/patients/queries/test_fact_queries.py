"""Queries on consents, decisions on eligibility, the end of study and adverse events, as those on an item."""

import csv
import io
import re

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction

from accounts.models import User
from audit.context import acting
from audit.trail import history_model
from patients.casebook import facts
from patients.casebook.facts import KINDS, Fact
from patients.models import Patient, Query, Visit
from patients.participation.consents.consent_corrections import strike_out_consent
from patients.participation.disposition import end_study
from patients.queries import threads
from patients.review import locks
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial, full_name="Marta Ortega")


@pytest.fixture
def consent(patient: Patient):
    return patient.consents.first() or build.consent(patient)


def about(target: str, row, item: str) -> Fact:
    (fresh,) = KINDS[target].rows([row.pk])
    return Fact(KINDS[target], fresh, item)


def ask(fact: Fact, by: User, text: str = "Which version?") -> Query:
    with acting(user=by, role="monitor"):
        return threads.raise_fact_query(fact=fact, text=text, origin="monitor", by=by, role="monitor")


def answered(query: Query, by: User, text: str = "Version 2") -> Query:
    with acting(user=by, role="coordinator"):
        return threads.answer_query(query=query, text=text, by=by, role="coordinator")


def fact_page(patient: Patient, target: str, row, item: str) -> str:
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/facts/{target}/{row.pk}/{item}/"


class TestTheThread:
    def test_a_fact_has_one_open_thread(self, consent, monitor, nurse):
        query = ask(about("consent", consent, "version"), monitor)
        assert ask(about("consent", consent, "version"), monitor) == query
        with pytest.raises(ValidationError, match="open already"):
            ask(about("consent", consent, "version"), monitor, "And the date?")
        assert ask(about("consent", consent, "given"), monitor).item == "given"

    def test_it_is_answered_closed_and_reopened_as_one_on_an_item(self, consent, monitor, nurse):
        query = ask(about("consent", consent, "version"), monitor)
        assert answered(query, nurse).state == "answered"
        with acting(user=monitor, role="monitor"):
            threads.close_query(query=query, text="Thanks", by=monitor, role="monitor")
            reopened = threads.reopen_query(query=query, text="Look again", by=monitor, role="monitor")
        assert reopened.state == "open"
        assert history_model(Query)._default_manager.filter(id=query.pk).count() == 4

    def test_a_closed_one_is_not_opened_beside_another(self, consent, monitor):
        first = ask(about("consent", consent, "version"), monitor)
        with acting(user=monitor, role="monitor"):
            threads.close_query(query=first, text="Settled", by=monitor, role="monitor")
        ask(about("consent", consent, "version"), monitor, "Once more?")
        with acting(user=monitor, role="monitor"), pytest.raises(ValidationError, match="Another query"):
            threads.reopen_query(query=first, text="Again", by=monitor, role="monitor")

    def test_the_database_keeps_one_open_thread_and_one_row_to_ask_about(self, consent, monitor, record):
        ask(about("consent", consent, "version"), monitor)
        twin = {"patient": consent.patient, "item": "version", "origin": "monitor", "text": "Again?"}
        own = {"state": "open", "opened_by": monitor}
        for place in (
            {"target": "consent", "target_id": consent.pk},
            {"target": "consent", "record": record},
            {"target": "consent"},
            {"target": "record", "record": record, "target_id": consent.pk},
        ):
            with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
                Query.objects.create(**twin, **own, **place)

    def test_nothing_is_asked_about_a_consent_entered_in_error(self, consent, monitor, nurse):
        with acting(user=nurse, role="coordinator"):
            build.confirming(strike_out_consent, consent=consent, reason="Another person's", by=nurse)
        with pytest.raises(ValidationError, match="struck out"):
            ask(about("consent", consent, "version"), monitor)

    def test_a_fact_that_there_is_not_is_refused(self, consent, monitor):
        with pytest.raises(ValidationError, match="no such fact"):
            ask(about("consent", consent, "representative_name"), monitor)

    def test_a_lock_of_the_patient_stops_them(self, consent, monitor, nurse, manager):
        query = ask(about("consent", consent, "version"), monitor)
        with acting(user=monitor, role="monitor"):
            threads.close_query(query=query, text="Settled", by=monitor, role="monitor")
        with acting(user=manager, role="data_manager"):
            locks.lock(target=consent.patient, reason="Done", by=manager)
        with pytest.raises(ValidationError, match="locked"):
            ask(about("consent", consent, "given"), monitor)
        with acting(system="test"), pytest.raises(DatabaseError), transaction.atomic():
            Query.objects.filter(pk=query.pk).update(text="Changed")

    def test_an_open_one_prevents_the_lock_of_the_patient(self, consent, monitor, manager):
        ask(about("consent", consent, "version"), monitor)
        with acting(user=manager, role="data_manager"), pytest.raises(ValidationError, match="not closed"):
            locks.lock(target=consent.patient, reason="Done", by=manager)


class TestThePage:
    def test_a_monitor_asks_from_the_bubble_beside_the_fact(self, consent, monitor, patient):
        browser = build.client(monitor)
        page = browser.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/consent/")
        address = fact_page(patient, "consent", consent, "version")
        assert address in page.content.decode()

        sent = browser.post(address, {"text": "Which version?"})
        assert (sent.status_code, sent.url) == (302, address)
        shown = words(browser.get(address))
        assert "Which version?" in shown
        assert "Raise a query" not in shown
        again = browser.get(f"/trials/{patient.trial.slug}/patients/{patient.code}/consent/")
        assert "1 open query on Version of the form" in again.content.decode()

    def test_an_empty_question_is_refused_beside_its_field(self, consent, monitor, patient):
        refused = build.client(monitor).post(fact_page(patient, "consent", consent, "version"), {"text": ""})
        assert refused.status_code == 422
        assert 'id="question-refused"' in refused.content.decode()
        assert not Query.objects.exists()

    def test_a_nurse_answers_there_and_asks_nothing(self, consent, monitor, nurse, patient):
        query = ask(about("consent", consent, "version"), monitor)
        desk = build.client(nurse)
        address = fact_page(patient, "consent", consent, "version")
        assert "Send answer" in words(desk.get(address))
        sent = desk.post(
            f"/trials/{patient.trial.slug}/queries/{query.pk}/answer/", {"text": "Two", "in_panel": "1"}
        )
        assert sent.url == address
        assert Query.objects.get().state == "answered"
        assert desk.post(address, {"text": "Why?"}).status_code == 403

    def test_who_raises_no_queries_sees_only_bubbles_of_what_was_asked(
        self, consent, monitor, nurse, patient
    ):
        page = f"/trials/{patient.trial.slug}/patients/{patient.code}/consent/"
        assert "/facts/" not in build.client(nurse).get(page).content.decode()
        ask(about("consent", consent, "version"), monitor)
        assert re.findall(r"/facts/consent/\d+/(\w+)/", build.client(nurse).get(page).content.decode()) == [
            "version"
        ]

    @pytest.mark.parametrize("item", ["representative_name", "nothing"])
    def test_a_fact_that_there_is_not_has_no_page(self, consent, monitor, patient, item):
        browser = build.client(monitor)
        assert browser.get(fact_page(patient, "consent", consent, item)).status_code == 404
        assert browser.post(fact_page(patient, "consent", consent, item), {"text": "?"}).status_code == 404

    def test_the_row_of_another_patient_is_not_shown(self, consent, monitor, patient, trial):
        other = build.patient(trial=trial)
        browser = build.client(monitor)
        assert browser.get(fact_page(other, "consent", consent, "version")).status_code == 404
        assert browser.get(fact_page(patient, "product", consent, "lot")).status_code == 404

    def test_the_database_is_asked_equally_often_for_one_and_three(
        self, consent, monitor, patient, django_assert_num_queries
    ):
        browser, address = build.client(monitor), fact_page(patient, "consent", consent, "version")
        browser.get(address)
        ask(about("consent", consent, "version"), monitor)
        with django_assert_num_queries(19):
            browser.get(address)
        for text in ("Two", "Three"):
            query = Query.objects.order_by("-pk")[0]
            with acting(user=monitor, role="monitor"):
                threads.close_query(query=query, text="Settled", by=monitor, role="monitor")
            ask(about("consent", consent, "version"), monitor, text)
        with django_assert_num_queries(19):
            browser.get(address)


class TestOtherRows:
    def test_the_decision_on_eligibility_and_its_criteria(self, trial, monitor):
        patient = build.eligible(trial=trial)
        decision = patient.eligibility_decisions.get()
        page = build.client(monitor).get(f"/trials/{trial.slug}/patients/{patient.code}/eligibility/")
        criterion = decision.criteria[0]["id"]
        assert fact_page(patient, "eligibility", decision, criterion) in page.content.decode()
        fact = about("eligibility", decision, criterion)
        assert (fact.value, fact.title) == ("Met", "Eligibility")
        assert ask(fact, monitor).target_id == decision.pk
        sent = build.client(monitor).get(f"/trials/{trial.slug}/queries/?format=csv")
        (row,) = csv.DictReader(io.StringIO(b"".join(sent.streaming_content).decode("utf-8-sig"), newline=""))
        assert (row["item"], row["value"]) == (criterion, "True")

    def test_the_end_of_study(self, trial, monitor, doctor):
        patient = build.enrolled(trial=trial)
        assert facts.KINDS["disposition"].facts(patient) == {}
        with acting(user=doctor, role="investigator"):
            end_study(patient=patient, on=trial.today, reason="withdrawal", note="Moved", by=doctor)
        patient = Patient.objects.get(pk=patient.pk)
        page = build.client(monitor).get(f"/trials/{trial.slug}/patients/{patient.code}/end/")
        assert fact_page(patient, "disposition", patient, "end_reason") in page.content.decode()
        query = ask(about("disposition", patient, "end_reason"), monitor)
        assert about("disposition", patient, "end_reason").value == "Withdrawal"
        assert query.target_id == patient.pk

    def test_an_adverse_event(self, patient, monitor):
        event = build.event(patient=patient)
        page = build.client(monitor).get(
            f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/1/"
        )
        assert fact_page(patient, "adverse_event", event, "seriousness") in page.content.decode()
        ask(about("adverse_event", event, "grade"), monitor, "Grade 1?")
        assert about("adverse_event", event, "grade").value == "1"
        again = build.client(monitor).get(
            f"/trials/{patient.trial.slug}/patients/{patient.code}/adverse-events/1/"
        )
        assert "1 open query on Grade" in again.content.decode()


class TestTheList:
    @pytest.fixture
    def asked(self, patient, consent, monitor, record):
        ask(about("consent", consent, "version"), monitor)
        ask(
            about("adverse_event", build.event(patient=patient, term="Cough"), "term"), monitor, "Since when?"
        )
        with acting(user=monitor, role="monitor"):
            item = next(iter(record.values))
            threads.raise_query(
                record=record, item=item, text="Sure?", origin="monitor", by=monitor, role="monitor"
            )
        return record

    def rows(self, browser, trial, query: str = "") -> list[dict[str, str]]:
        sent = browser.get(f"/trials/{trial.slug}/queries/?format=csv{query}")
        text = b"".join(sent.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_it_names_visit_day_row_and_value(self, asked, monitor, trial, patient):
        with acting(system="test"):
            Visit.objects.filter(pk=asked.visit_id).update(state="held", held_on=trial.today)
        visit = Visit.objects.get(pk=asked.visit_id)
        consented, cough, on_form = self.rows(build.client(monitor), trial, "&sort=opened_at")
        assert (consented["about"], consented["value"]) == ("consent", patient.consents.get().version)
        assert (cough["about"], cough["row"], cough["value"]) == ("adverse_event", "1", "Cough")
        assert (on_form["visit"], on_form["visit_number"]) == (visit.key, str(visit.number))
        assert on_form["visit_date"] == visit.held_on.isoformat()
        assert (on_form["form"], on_form["about"]) == (asked.form, "record")
        assert on_form["value"]

    def test_it_filters_by_what_they_are_about(self, asked, monitor, trial):
        browser = build.client(monitor)
        assert [row["item"] for row in self.rows(browser, trial, "&form_code=fact-consent")] == ["version"]
        assert [row["form"] for row in self.rows(browser, trial, f"&form_code={asked.form}")] == [asked.form]
        page = words(browser.get(f"/trials/{trial.slug}/queries/"))
        assert "Consent: 1" in page
        assert "AE 1 · Cough – Event" in page

    def test_answers_are_closed_together(self, asked, monitor, nurse, trial):
        query = Query.objects.get(target="consent")
        answered(query, nurse)
        browser = build.client(monitor)
        address = f"/trials/{trial.slug}/queries/close/?query={query.pk}"
        assert "Version of the form" in words(browser.get(address))
        last = query.messages.order_by("-pk")[0].pk
        browser.post(address, {"query": f"{query.pk}:{last}", "text": "Agreed"})
        assert Query.objects.get(pk=query.pk).state == "closed"

    def test_the_trail_names_the_fact(self, asked, trial, manager):
        page = words(build.client(manager).get(f"/trials/{trial.slug}/trail/?form=patients.query"))
        assert "Query on Version of the form · Consent" in page
