"""Queries raised or closed in bulk after a preview, each in the name of the person."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.trail import history_model
from patients.models import Patient, Query, QueryMessage, Record, Visit
from patients.queries import threads
from patients.queries.bulk import AT_ONCE
from tests.support import build
from tests.support.study.raised_queries import begin_form, begin_form_of_other_trial, make_query
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(patient: Patient, nurse: User) -> Record:
    return begin_form(patient, nurse, hr="72", rr="18")


class TestAsking:
    """Queries raised in bulk: chosen in a listing, previewed, confirmed once."""

    @pytest.fixture
    def records(self, record: Record, trial: Trial, people) -> list[Record]:
        return [record, *(begin_form_of_other_trial(trial, people["coordinator"]) for _each in range(2))]

    @pytest.fixture
    def desk(self, people) -> Client:
        return build.client(people["monitor"])

    @pytest.fixture
    def place(self, trial: Trial) -> str:
        return reverse("patients:forms-ask", args=[trial.slug])

    def sent(self, records: list[Record], **more: Any) -> dict[str, Any]:
        return {
            "row": [record.pk for record in records],
            "item": "vitals.hr",
            "text": "Measured how?",
            **more,
        }

    def confirmed(self, page: Any) -> dict[str, Any]:
        """Return the data that the button of the preview sends."""
        html = page.content.decode()
        form = html[html.index('id="raised-title"') :]
        return {
            "row": re.findall(r'name="row" value="([^"]*)"', form),
            "text": re.search(r'name="text" value="([^"]*)"', form)[1],
            "confirm": re.search(r'name="confirm" value="([^"]*)"', form)[1],
        }

    def test_the_forms_of_the_trial_can_be_ticked(self, desk: Client, records, trial: Trial, place: str):
        page = desk.get(reverse("patients:forms", args=[trial.slug]), {"form_code": "vitals"})
        assert [row.selectable for row in page.context["listing"].rows] == [True] * 3
        assert page.context["listing"].every_url == f"{place}?form_code=vitals&all=1"

    def test_the_preview_shows_each_place_and_value_and_raises_nothing(
        self, desk: Client, records, place: str
    ):
        page = desk.post(place, self.sent(records))
        raised = page.context["preview"].raised
        assert [(line.target.record.pk, line.item, line.value) for line in raised] == [
            (records[0].pk, "Heart rate", "72 beats/min"),
            (records[1].pk, "Heart rate", "70 beats/min"),
            (records[2].pk, "Heart rate", "70 beats/min"),
        ]
        assert page.content.decode().count("<td>Measured how?</td>") == 3
        assert not Query.objects.exists()

    def test_what_cannot_be_asked_is_left_out_with_the_reason(
        self, desk: Client, records, place: str, people
    ):
        make_query(records[0], people["monitor"], "hr")
        with acting(system="test"):
            Patient.objects.filter(pk=records[1].patient_id).update(locked_at=timezone.now())
        other = build.record(
            records[2].patient, "demography", {"age": "54"}, draft=True, by=people["coordinator"]
        )
        page = desk.post(place, self.sent([*records, other]))
        left = {line.target.record.pk: line.refusal for line in page.context["preview"].left_out}
        assert left[records[0].pk] == "A query on this item is open already."
        assert "is locked" in left[records[1].pk]
        assert left[other.pk] == "The item belongs to another form."
        desk.post(place, self.confirmed(page))
        assert [query.record_id for query in Query.objects.filter(text="Measured how?")] == [records[2].pk]

    def test_a_second_click_raises_nothing_more(
        self, desk: Client, records, place: str, people, trial: Trial
    ):
        """REL-13, AUD-09: three queries, three messages, each in the name of who asked."""
        sent = self.confirmed(desk.post(place, self.sent(records)))
        for _click in range(2):
            answer = desk.post(place, sent, follow=True)
            assert "3 queries are raised." in answer.content.decode()
        assert Query.objects.count() == QueryMessage.objects.count() == 3
        assert set(Query.objects.values_list("origin", "state", "opened_by")) == {
            ("monitor", "open", people["monitor"].pk)
        }
        names = history_model(Query)._default_manager.values_list("history_user_name", "history_role")
        assert set(names) == {(people["monitor"].username, "monitor")}

    def test_the_same_again_from_a_fresh_preview_finds_every_thread_open(
        self, desk: Client, records, place: str
    ):
        desk.post(place, self.confirmed(desk.post(place, self.sent(records))))
        assert desk.post(place, self.sent(records)).context["preview"].raised == []
        stale = {"row": [f"{records[0].pk}:hr"], "text": "Measured how?", "confirm": "b" * 32}
        assert "0 queries are raised." in desk.post(place, stale, follow=True).content.decode()
        assert Query.objects.count() == 3

    @pytest.mark.parametrize("missing", ["text", "item"])
    def test_nothing_is_raised_without_a_question_or_an_item(
        self, desk: Client, records, place: str, missing
    ):
        refused = desk.post(place, self.sent(records, confirm="c" * 32, **{missing: ""}))
        assert refused.status_code == 422
        assert refused.context["form"].errors[missing]
        assert not Query.objects.exists()

    @pytest.mark.parametrize("row", ["x", "1:HR", "-1", "1;drop", "9" * 30])
    def test_a_row_that_no_listing_offers_is_refused(self, desk: Client, place: str, row: str):
        assert desk.post(place, {"row": [row], "item": "vitals.hr", "text": "?"}).status_code == 400

    def test_a_form_of_another_trial_cannot_be_asked_about(self, desk: Client, place: str):
        other = build.trial(build.COVID_MSV)
        patient = build.patient(trial=other)
        build.consent(patient)
        foreign = build.record(patient, "demography", {"age": "54"}, draft=True)
        desk.post(place, {"row": [f"{foreign.pk}:age"], "text": "?", "confirm": "d" * 32})
        assert not Query.objects.exists()

    def test_all_that_match_are_taken_up_to_a_limit_that_is_reported(self, desk: Client, record, place: str):
        many = AT_ONCE + 5
        with acting(system="test"):
            visits = Visit.objects.bulk_create(
                Visit(patient=record.patient, code="UNS", number=each, position=900, state="planned")
                for each in range(1, many + 1)
            )
            Record.objects.bulk_create(
                Record(
                    patient=record.patient,
                    visit=visit,
                    protocol=record.protocol,
                    form="vitals",
                    state="draft",
                    values={},
                )
                for visit in visits
            )
        page = desk.get(place, {"all": "1", "visit": "UNS"})
        assert len(page.context["preview"].lines) == AT_ONCE
        assert f"These are the first {AT_ONCE}" in page.content.decode()
        sent = {
            "row": [f"{pk}:hr" for pk in Record.objects.values_list("pk", flat=True)],
            "text": "?",
            "confirm": "e",
        }
        refused = desk.post(place, sent)
        assert refused.status_code == 422
        assert f"At most {AT_ONCE} at once" in refused.content.decode()
        assert not Query.objects.exists()

    def test_it_costs_the_same_for_one_and_for_three(self, desk: Client, records, place: str):
        costs = []
        for item, chosen in (("rr", records[:1]), ("hr", records)):
            sent = {"row": [f"{each.pk}:{item}" for each in chosen], "text": "?", "confirm": item}
            with CaptureQueriesContext(connection) as statements:
                desk.post(place, sent)
            costs.append(len(statements))
        assert Query.objects.count() == 4
        assert costs[0] == costs[1]


class TestClosing:
    """Answered queries closed in bulk, by roles that may close, and only as they were read."""

    @pytest.fixture
    def queries(self, record: Record, people) -> list[Query]:
        found = [make_query(record, people["monitor"], item) for item in ("hr", "rr", "temp")]
        for query in found[:2]:
            self.answer(query, people)
        return found

    def answer(self, query: Query, people) -> None:
        with acting(user=people["coordinator"], role="coordinator"):
            threads.answer_query(query=query, text="So it was", by=people["coordinator"], role="coordinator")

    @pytest.fixture
    def place(self, trial: Trial) -> str:
        return reverse("patients:queries-close", args=[trial.slug])

    @pytest.fixture
    def desk(self, people) -> Client:
        return build.client(people["data_manager"])

    def read(self, page: Any, **more: str) -> dict[str, Any]:
        rows = re.findall(r'name="query" value="([^"]*)"', page.content.decode())
        return {"query": rows, "text": "Thank you", **more}

    def test_the_page_shows_the_answers_and_leaves_out_what_nobody_answered(
        self, desk: Client, queries, place: str
    ):
        page = desk.get(place, {"query": [query.pk for query in queries]})
        assert [row.item for row, *_rest in page.context["rows"]] == ["hr", "rr"]
        assert [(row.item, why) for row, _label, why in page.context["left_out"]] == [
            ("temp", "Not answered yet.")
        ]
        assert page.content.decode().count("So it was") == 2

    def test_one_sentence_closes_them_once(self, desk: Client, queries, place: str, people):
        """REL-13, AUD-09."""
        sent = self.read(desk.get(place, {"all": "1"}))
        for _click in range(2):
            assert "2 queries are closed." in desk.post(place, sent, follow=True).content.decode()
        assert list(Query.objects.order_by("pk").values_list("state", flat=True)) == [
            "closed",
            "closed",
            "open",
        ]
        assert QueryMessage.objects.filter(text="Thank you", author=people["data_manager"]).count() == 2
        last = queries[0].history.order_by("history_id").last()
        assert (last.state, last.history_user_name) == ("closed", people["data_manager"].username)

    def test_a_thread_that_was_written_to_meanwhile_is_left_as_it_is(
        self, desk: Client, queries, place: str, people
    ):
        sent = self.read(desk.get(place, {"all": "1"}))
        with acting(user=people["monitor"], role="monitor"):
            threads.reopen_query(query=queries[0], text="Not so", by=people["monitor"], role="monitor")
        self.answer(queries[0], people)
        answer = desk.post(place, sent, follow=True).content.decode()
        assert "1 query is closed. 1 was left as it is" in answer
        assert Query.objects.get(pk=queries[0].pk).state == "answered"

    def test_nothing_is_closed_without_words(self, desk: Client, queries, place: str):
        sent = self.read(desk.get(place, {"all": "1"}), text=" ")
        assert desk.post(place, sent).status_code == 422
        assert not Query.objects.filter(state="closed").exists()

    def test_only_answered_queries_that_pass_the_filters_are_closed(self, desk: Client, queries, place: str):
        page = desk.get(place, {"all": "1", "form_code": "vitals", "age": "0-7"})
        assert [row.item for row, *_rest in page.context["rows"]] == ["hr", "rr"]
        assert desk.get(place, {"all": "1", "form_code": "demography"}).context["rows"] == []

    @pytest.mark.parametrize("query", ["x", "1:x", "-1"])
    def test_what_is_no_query_is_refused(self, desk: Client, place: str, query: str):
        assert desk.post(place, {"query": [query], "text": "?"}).status_code == 400

    def test_the_page_costs_the_same_for_one_and_for_two(self, desk: Client, queries, place: str):
        costs = []
        for chosen in (queries[:1], queries[:2]):
            with CaptureQueriesContext(connection) as statements:
                desk.get(place, {"query": [query.pk for query in chosen]})
            costs.append(len(statements))
        assert costs[0] == costs[1]
