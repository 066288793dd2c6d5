"""The list of queries: whom each waits for, how old it is, the figures above; several raised or closed at once."""

import csv
import io
import re
from datetime import timedelta
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
from patients import querying
from patients.bulk_querying import AT_ONCE
from patients.models import Patient, Query, QueryMessage, Record, Visit
from patients.query_figures import query_figures
from tests import build
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial() -> Trial:
    return build.trial()


@pytest.fixture
def people(trial: Trial) -> dict[str, User]:
    roles = ("coordinator", "investigator", "monitor", "data_manager", "statistician")
    return {role: build.user(role, trial=trial) for role in roles}


@pytest.fixture
def patient(trial: Trial, people: dict[str, User]) -> Patient:
    patient = build.patient(trial=trial, by=people["coordinator"])
    build.consent(patient, by=people["coordinator"])
    return patient


@pytest.fixture
def record(patient: Patient, people: dict[str, User]) -> Record:
    return build.record(patient, "vitals", {"hr": "72", "rr": "18"}, draft=True, by=people["coordinator"])


def make(record: Record, by: User, item: str, *, days: int = 0, **fields: Any) -> Query:
    """Return a query raised so many days ago."""
    told = {"origin": "monitor", "state": "open", "text": f"About {item}", **fields}
    if told["state"] == "closed":
        told.setdefault("closed_at", timezone.now())
    opened = timezone.now() - timedelta(days=days, hours=1)
    with acting(system="test"):
        return Query.objects.create(
            patient=record.patient, record=record, item=item, opened_by=by, opened_at=opened, **told
        )


def listed(person: User, trial: Trial, **query: str) -> set[str]:
    page = build.client(person).get(reverse("patients:queries", args=[trial.slug]), query)
    return {row.object.item for row in page.context["listing"].rows}


class TestList:
    @pytest.fixture(autouse=True)
    def _queries(self, record: Record, people: dict[str, User]):
        monitor, manager = people["monitor"], people["data_manager"]
        make(record, monitor, "hr", days=2)
        make(record, monitor, "rr", days=9, state="answered")
        make(record, manager, "sbp", days=20, state="answered", origin="data_manager")
        make(record, people["coordinator"], "dbp", days=40, state="answered", origin="check", check_id="c")
        make(record, monitor, "temp", days=60, state="closed")

    @pytest.mark.parametrize(
        ("role", "items"),
        [
            ("coordinator", {"hr"}),
            ("investigator", {"hr"}),
            ("monitor", {"rr", "dbp"}),
            ("data_manager", {"sbp", "dbp"}),
            ("statistician", set()),
        ],
    )
    def test_what_waits_for_me_depends_on_my_role(self, people, trial: Trial, role, items):
        """Those who enter data answer; who asked closes, and what a check asked either of them closes."""
        assert listed(people[role], trial, waiting="mine") == items

    @pytest.mark.parametrize(
        ("query", "items"),
        [
            ({}, {"hr", "rr", "sbp", "dbp", "temp"}),
            ({"state": "answered"}, {"rr", "sbp", "dbp"}),
            ({"state": "not_closed"}, {"hr", "rr", "sbp", "dbp"}),
            ({"state": "closed"}, {"temp"}),
            ({"age": "0-7"}, {"hr"}),
            ({"age": "8-14"}, {"rr"}),
            ({"age": "15-30"}, {"sbp"}),
            ({"age": "31"}, {"dbp"}),
            ({"origin": "check"}, {"dbp"}),
            ({"form_code": "vitals", "state": "open"}, {"hr"}),
            ({"form_code": "demography"}, set()),
            ({"patient": "001"}, {"hr", "rr", "sbp", "dbp", "temp"}),
            ({"patient": "002"}, set()),
        ],
    )
    def test_each_filter_keeps_what_it_says(self, people, trial: Trial, query, items):
        assert listed(people["monitor"], trial, **query) == items

    @pytest.mark.parametrize(
        ("days", "age"), [(7, "0-7"), (8, "8-14"), (14, "8-14"), (15, "15-30"), (30, "15-30"), (31, "31")]
    )
    def test_every_age_belongs_to_one_step(self, people, record, trial: Trial, days, age):
        make(record, people["monitor"], "spo2", days=days)
        found = [
            code
            for code in ("0-7", "8-14", "15-30", "31")
            if "spo2" in listed(people["monitor"], trial, age=code)
        ]
        assert found == [age]

    @pytest.mark.parametrize(
        "query", ["state=odd", "age=5", "form_code=x", "waiting=you", "sort=text", "after=x"]
    )
    def test_an_address_that_no_link_makes_is_refused(self, people, trial: Trial, query):
        address = f"{reverse('patients:queries', args=[trial.slug])}?{query}"
        assert build.client(people["monitor"]).get(address).status_code == 400

    @pytest.mark.parametrize("sort", ["patient", "-status", "raised_by", "-opened_at"])
    def test_the_columns_sort(self, people, trial: Trial, sort):
        assert len(listed(people["monitor"], trial, sort=sort)) == 5

    def test_the_csv_has_the_rows_of_the_filters(self, people, trial: Trial):
        address = f"{reverse('patients:queries', args=[trial.slug])}?state=answered&sort=opened_at&format=csv"
        sent = build.client(people["monitor"]).get(address)
        text = b"".join(sent.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [(row["item"], row["form"], row["age_days"]) for row in rows] == [
            ("dbp", "vitals", "40"), ("sbp", "vitals", "20"), ("rr", "vitals", "9"),
        ]  # fmt: skip

    def test_the_figures_tell_how_the_queries_stand_in_two_statements(
        self, people, trial: Trial, django_assert_num_queries
    ):
        trial.rules  # noqa: B018  read before it is counted
        with django_assert_num_queries(2):
            found = query_figures(user=people["monitor"], trial=trial)
        assert (found.open, found.answered, found.oldest_days) == (1, 3, 40)
        assert found.by_form == (("vitals", 4),)

    def test_a_row_leads_to_the_answer_beside_its_field_for_those_who_write_there(self, people, trial: Trial):
        query = Query.objects.get(item="hr")
        for role, end in (("coordinator", f"#answer-{query.pk}"), ("monitor", "#hr")):
            page = build.client(people[role]).get(
                reverse("patients:queries", args=[trial.slug]), {"state": "open"}
            )
            (row,) = page.context["listing"].rows
            assert row.url.endswith(f"/visits/SCR/vitals/?field=hr{end}")
        target = build.client(people["coordinator"]).get(row.url.partition("#")[0]).content.decode()
        assert f'id="answer-{query.pk}"' in target


def test_days_to_an_answer_leave_out_what_was_confirmed_at_once(record: Record, people, trial: Trial):
    make(record, people["coordinator"], "temp", days=9, state="closed", origin="check", check_id="c")
    assert query_figures(user=people["monitor"], trial=trial).days_to_answer is None
    asked = make(record, people["monitor"], "hr", days=4)
    with acting(user=people["coordinator"], role="coordinator"):
        querying.answer_query(query=asked, text="So it was", by=people["coordinator"], role="coordinator")
    assert query_figures(user=people["monitor"], trial=trial).days_to_answer == pytest.approx(4.04, abs=0.01)


class TestAsking:
    """Many raised at once: chosen in a listing, seen before, confirmed once."""

    @pytest.fixture
    def records(self, record: Record, trial: Trial, people) -> list[Record]:
        others = []
        for _each in range(2):
            patient = build.patient(trial=trial, by=people["coordinator"])
            build.consent(patient, by=people["coordinator"])
            others.append(build.record(patient, "vitals", {"hr": "70"}, draft=True, by=people["coordinator"]))
        return [record, *others]

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
        """Return what the button of the preview sends."""
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
        make(records[0], people["monitor"], "hr")
        with acting(system="test"):
            Patient.objects.filter(pk=records[1].patient_id).update(locked_at=timezone.now())
        other = build.record(
            records[2].patient, "demography", {"age": "54"}, draft=True, by=people["coordinator"]
        )
        page = desk.post(place, self.sent([*records, other]))
        left = {line.target.record.pk: line.obstacle for line in page.context["preview"].left_out}
        assert left[records[0].pk] == "A query on this item is open already."
        assert "is locked" in left[records[1].pk]
        assert left[other.pk] == "The item belongs to another form."
        desk.post(place, self.confirmed(page))
        assert [query.record_id for query in Query.objects.filter(text="Measured how?")] == [records[2].pk]

    def test_a_second_click_raises_nothing_more(
        self, desk: Client, records, place: str, people, trial: Trial
    ):
        """REL-12, AUD-09: three queries, three messages, each in the name of who asked."""
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

    def test_all_that_match_are_taken_up_to_a_limit_that_is_told(self, desk: Client, record, place: str):
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
            with CaptureQueriesContext(connection) as told:
                desk.post(place, sent)
            costs.append(len(told))
        assert Query.objects.count() == 4
        assert costs[0] == costs[1]


class TestClosing:
    """Answered queries closed together, by who may close, only what was read."""

    @pytest.fixture
    def queries(self, record: Record, people) -> list[Query]:
        found = [make(record, people["monitor"], item) for item in ("hr", "rr", "temp")]
        for query in found[:2]:
            self.answer(query, people)
        return found

    def answer(self, query: Query, people) -> None:
        with acting(user=people["coordinator"], role="coordinator"):
            querying.answer_query(query=query, text="So it was", by=people["coordinator"], role="coordinator")

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
            ("temp", "Nobody has answered yet.")
        ]
        assert page.content.decode().count("So it was") == 2

    def test_one_sentence_closes_them_once(self, desk: Client, queries, place: str, people):
        """REL-12, AUD-09."""
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
            querying.reopen_query(query=queries[0], text="Not so", by=people["monitor"], role="monitor")
        self.answer(queries[0], people)
        told = desk.post(place, sent, follow=True).content.decode()
        assert "1 query is closed. 1 was left as it is" in told
        assert Query.objects.get(pk=queries[0].pk).state == "answered"

    def test_nothing_is_closed_without_words(self, desk: Client, queries, place: str):
        sent = self.read(desk.get(place, {"all": "1"}), text=" ")
        assert desk.post(place, sent).status_code == 422
        assert not Query.objects.filter(state="closed").exists()

    def test_only_answered_ones_of_the_filters_are_taken(self, desk: Client, queries, place: str):
        page = desk.get(place, {"all": "1", "form_code": "vitals", "age": "0-7"})
        assert [row.item for row, *_rest in page.context["rows"]] == ["hr", "rr"]
        assert desk.get(place, {"all": "1", "form_code": "demography"}).context["rows"] == []

    @pytest.mark.parametrize("query", ["x", "1:x", "-1"])
    def test_what_is_no_query_is_refused(self, desk: Client, place: str, query: str):
        assert desk.post(place, {"query": [query], "text": "?"}).status_code == 400

    def test_the_page_costs_the_same_for_one_and_for_two(self, desk: Client, queries, place: str):
        costs = []
        for chosen in (queries[:1], queries[:2]):
            with CaptureQueriesContext(connection) as told:
                desk.get(place, {"query": [query.pk for query in chosen]})
            costs.append(len(told))
        assert costs[0] == costs[1]


@pytest.mark.parametrize("name", ["patients:queries", "patients:forms"])
def test_the_listings_cost_the_same_with_one_row_and_with_three(record, people, trial: Trial, name):
    desk, costs = build.client(people["monitor"]), []
    desk.get(reverse(name, args=[trial.slug]))
    for item in ("hr", "rr", "temp"):
        make(record, people["monitor"], item)
        other = build.patient(trial=trial, by=people["coordinator"])
        build.consent(other, by=people["coordinator"])
        build.record(other, "vitals", {"hr": "70"}, draft=True, by=people["coordinator"])
        with CaptureQueriesContext(connection) as told:
            assert desk.get(reverse(name, args=[trial.slug])).status_code == 200
        costs.append(len(told))
    assert costs[0] == costs[2] <= 10
