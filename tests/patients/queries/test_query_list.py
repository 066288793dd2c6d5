"""The listing of queries: the role each waits for, age, filters, figures."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from audit.context import acting
from patients.models import Patient, Query, Record
from patients.queries import threads
from patients.queries.figures import query_figures
from tests.support import build
from tests.support.study.raised_queries import begin_form, begin_form_of_other_trial, make_query
from tests.support.trail_clock import trail_now
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def record(patient: Patient, nurse: User) -> Record:
    return begin_form(patient, nurse, hr="72", rr="18")


def listed(person: User, trial: Trial, **query: str) -> set[str]:
    page = build.client(person).get(reverse("patients:queries", args=[trial.slug]), query)
    return {row.object.item for row in page.context["listing"].rows}


class TestList:
    @pytest.fixture(autouse=True)
    def _queries(self, record: Record, people: dict[str, User]):
        monitor, manager = people["monitor"], people["data_manager"]
        make_query(record, monitor, "hr", days=2)
        make_query(record, monitor, "rr", days=9, state="answered")
        make_query(record, manager, "sbp", days=20, state="answered", origin="data_manager")
        make_query(
            record, people["coordinator"], "dbp", days=40, state="answered", origin="check", check_id="c"
        )
        make_query(record, monitor, "temp", days=60, state="closed")

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
        """Roles that enter data answer; the role that raised a query closes it; either closes those of checks."""
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
        make_query(record, people["monitor"], "spo2", days=days)
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

    def test_the_figures_show_the_status_of_the_queries_in_two_statements(
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
    make_query(record, people["coordinator"], "temp", days=9, state="closed", origin="check", check_id="c")
    assert query_figures(user=people["monitor"], trial=trial).days_to_answer is None
    asked = make_query(record, people["monitor"], "hr", days=4)
    # The trail dates the answer, on PostgreSQL by a clock of its own.
    opened = trail_now() - timedelta(days=4, hours=1)
    with acting(system="test"):
        Query.objects.filter(pk=asked.pk).update(opened_at=opened)
    with acting(user=people["coordinator"], role="coordinator"):
        threads.answer_query(query=asked, text="So it was", by=people["coordinator"], role="coordinator")
    assert query_figures(user=people["monitor"], trial=trial).days_to_answer == pytest.approx(4.04, abs=0.01)


@pytest.mark.parametrize("name", ["patients:queries", "patients:forms"])
def test_the_listings_cost_the_same_with_one_row_and_with_three(record, people, trial: Trial, name):
    desk, costs = build.client(people["monitor"]), []
    desk.get(reverse(name, args=[trial.slug]))
    for item in ("hr", "rr", "temp"):
        make_query(record, people["monitor"], item)
        begin_form_of_other_trial(trial, people["coordinator"])
        with CaptureQueriesContext(connection) as statements:
            assert desk.get(reverse(name, args=[trial.slug])).status_code == 200
        costs.append(len(statements))
    assert costs[0] == costs[2] <= 10
