"""The answers of own questions: what meets the condition now, what cannot be judged, and queries about them."""

import csv
import io

import pytest
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from patients.models import Query
from reports.models import OwnQuestion
from reports.own_questions.keeping import raise_from_question
from reports.own_questions.visible import ReadQuestion
from tests.reports.own_questions.conftest import LOW, correct, listed, page, saved
from tests.support import build
from tests.support.pages.event_forms import text_of

pytestmark = pytest.mark.django_db


class TestAnswers:
    def test_the_records_that_meet_the_condition_are_listed_and_the_undecided_ones_apart(
        self, trial, monitor, vitals
    ):
        """ASK-01: three-valued. What lacks an answer neither meets nor misses the condition."""
        low, _normal, unknown = vitals
        question = saved(trial, monitor)
        assert listed(question, monitor) == [low.pk]
        assert listed(question, monitor, answer="undecided") == [unknown.pk]
        assert "1 record cannot be judged" in text_of(build.client(monitor).get(page(question)))

    def test_a_correction_is_in_the_answers_at_once(self, trial, monitor, vitals):
        """ASK-02."""
        low, normal, unknown = vitals
        question = saved(trial, monitor)
        assert listed(question, monitor) == [low.pk]
        correct(normal, spo2="93")
        correct(unknown, spo2="92")
        assert listed(question, monitor) == [low.pk, normal.pk, unknown.pk]
        correct(low, spo2="99")
        assert listed(question, monitor) == [normal.pk, unknown.pk]

    def test_a_record_that_was_entered_in_error_answers_nothing(self, trial, monitor, vitals):
        question = saved(trial, monitor)
        assert listed(question, monitor) == [vitals[0].pk]
        build.struck_out(vitals[0])
        assert listed(question, monitor) == []

    @pytest.mark.parametrize(
        ("condition", "places"),
        [
            ("spo2 < 94.0 && visit.code == 'SCR'", [0]),
            ("demography.sex == 'M' && hr == 70.0", [0]),
            ("years(subject.screened_on, subject.screened_on) == 0.0 && spo2 > 94.0", [1]),
            ("first_known(previous(spo2), 1.0) == 1.0", [0, 1, 2]),
        ],
    )
    def test_a_condition_reads_what_an_edit_check_of_the_form_reads(
        self, trial, monitor, nurse, vitals, condition, places
    ):
        """ASK-01: other forms, the visit, the subject and earlier records."""
        build.record(vitals[0].patient, "demography", {"sex": "M"}, draft=True, by=nurse)
        question = saved(trial, monitor, condition=condition)
        assert listed(question, monitor) == [vitals[place].pk for place in places]

    def test_a_change_elsewhere_changes_the_answer_that_reads_it(self, trial, monitor, nurse, vitals):
        question = saved(trial, monitor, condition="demography.sex == 'M'")
        assert listed(question, monitor) == []
        build.record(vitals[1].patient, "demography", {"sex": "M"}, draft=True, by=nurse)
        assert listed(question, monitor) == [vitals[1].pk]

    def test_rows_of_a_log_are_asked_one_by_one(self, trial, monitor, vitals, nurse):
        rows = [
            build.record(
                vitals[0].patient, "medication", {"name": name}, visit=None, repeat=number, draft=True, by=nurse
            )
            for number, name in enumerate(("Heparin", "Aspirin"), start=1)
        ]  # fmt: skip
        question = saved(
            trial,
            monitor,
            form="medication",
            condition="name.startsWith('Asp')",
            columns=["name"],
            item="name",
        )
        assert listed(question, monitor) == [rows[1].pk]

    def test_the_answers_of_another_trial_are_never_listed(self, trial, monitor, vitals):
        other = build.trial(build.COVID_MSV)
        stranger = build.user("monitor", trial=other)
        question = saved(trial, monitor)
        assert build.client(stranger).get(page(question)).status_code == 404
        foreign = reverse("reports:own-question", args=[other.slug, "data", question.pk])
        assert build.client(stranger).get(foreign).status_code == 404

    def test_the_page_says_the_moment_and_needs_the_same_queries_whatever_the_number(
        self, trial, monitor, vitals
    ):
        """REL-14: session, user, delegation; question, cache, state of the trail, the records."""
        question = saved(trial, monitor)
        client = build.client(monitor)
        assert "As of " in text_of(client.get(page(question)))
        counted = []
        for record in (None, *vitals[1:]):
            if record is not None:
                correct(record, spo2="80")
            client.get(page(question))
            with CaptureQueriesContext(connection) as captured:
                client.get(page(question))
            counted.append(len(captured))
        assert counted == [7, 7, 7]

    def test_a_condition_whose_name_left_the_protocol_is_said_to_be_gone(self, trial, monitor, vitals):
        question = saved(trial, monitor)
        with acting(system="test"):
            OwnQuestion.objects.filter(pk=question.pk).update(condition="of_yore > 1.0")
        answer = build.client(monitor).get(page(question))
        assert "cannot be asked of the protocol in force" in text_of(answer)

    def test_a_page_that_runs_out_of_time_says_how_many_wait_and_goes_on_next_time(
        self, trial, monitor, vitals, monkeypatch
    ):
        question = saved(trial, monitor)
        cache.clear()
        monkeypatch.setattr("reports.own_questions.answer_cache.BATCH", 1)
        monkeypatch.setattr("reports.own_questions.views.SECONDS", 0.0)
        client = build.client(monitor)
        assert [client.get(page(question)).context["answers"].waiting for _each in range(3)] == [2, 1, 0]

    def test_the_worker_judges_a_saved_question_before_its_first_page(
        self, trial, monitor, vitals, monkeypatch
    ):
        monkeypatch.setattr("reports.own_questions.answer_cache.BATCH", 1)
        monkeypatch.setattr("reports.own_questions.tasks.SECONDS", 0.0)
        question = saved(trial, monitor)
        monkeypatch.setattr("reports.own_questions.answer_cache.evaluated", None)
        assert listed(question, monitor) == [vitals[0].pk]

    def test_the_answers_are_read_while_the_cache_takes_no_writes(self, trial, monitor, vitals, monkeypatch):
        """REL-02."""

        def refuse(*_arguments: object) -> None:
            raise OperationalError("read-only")

        monkeypatch.setattr("reports.own_questions.answer_cache.cache.set", refuse)
        question = saved(trial, monitor)
        assert listed(question, monitor) == [vitals[0].pk]

    def test_the_answers_are_taken_as_csv_and_xlsx_and_registered_with_the_condition(
        self, trial, monitor, vitals
    ):
        """AUD-08, SEC-15."""
        question = saved(trial, monitor)
        client = build.client(monitor)
        content = client.get(page(question), {"format": "csv"}).getvalue().decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(content))
        assert (row["patient"], row["item.spo2"], row["status"]) == (vitals[0].patient.code, "90", "draft")
        sheet = client.get(page(question), {"format": "xlsx"})
        assert sheet.content.startswith(b"PK")
        told = AccessEvent.objects.filter(detail__has_key="condition").latest("pk").detail
        assert (told["question"], told["condition"]) == (question.name, "spo2 < 94.0")


class TestQueries:
    def confirm(self, client, question, rows, **more):
        answer = client.get(page(question, "own-question-ask"), {"row": rows})
        sent = {
            "row": [f"{key}:spo2" for key in rows],
            "text": "Please check",
            "confirm": answer.context["batch"],
        }
        return client.post(page(question, "own-question-ask"), {**sent, **more})

    def test_ticked_records_get_one_query_each_on_the_item_of_the_question(self, trial, monitor, vitals):
        """ASK-04."""
        question = saved(trial, monitor)
        answer = self.confirm(build.client(monitor), question, [vitals[0].pk])
        assert (answer.status_code, answer["Location"]) == (302, page(question))
        query = Query.objects.get()
        assert (query.record_id, query.item, query.text) == (vitals[0].pk, "spo2", "Please check")
        assert "Query open" in text_of(build.client(monitor).get(page(question)))

    def test_a_record_with_an_open_query_of_the_question_is_asked_nothing_twice(self, trial, monitor, vitals):
        """ASK-04: neither on the same item nor, after the question names another item, on that one."""
        question = saved(trial, monitor)
        client = build.client(monitor)
        self.confirm(client, question, [vitals[0].pk])
        client.post(page(question, "own-question-change"), {**LOW, "item": "hr", "version": "1"})
        answer = client.get(page(question, "own-question-ask"), {"all": "1"})
        assert answer.context["preview"].lines == []
        again = client.post(
            page(question, "own-question-ask"),
            {"row": [f"{vitals[0].pk}:hr"], "text": "Again", "confirm": "another"},
        )
        assert again.status_code == 422
        assert Query.objects.count() == 1

    def test_all_records_of_the_list_are_asked_and_a_record_corrected_meanwhile_is_left_out(
        self, trial, monitor, vitals
    ):
        correct(vitals[1], spo2="91")
        question = saved(trial, monitor)
        client = build.client(monitor)
        asked = client.get(page(question, "own-question-ask"), {"all": "1"})
        rows = [line.target.record.pk for line in asked.context["preview"].raised]
        assert rows == [vitals[0].pk, vitals[1].pk]
        correct(vitals[0], spo2="98")
        answer = self.confirm(client, question, rows)
        assert answer.status_code == 302
        assert [query.record_id for query in Query.objects.all()] == [vitals[1].pk]

    def test_a_condition_that_cannot_be_computed_says_so_and_raises_nothing(self, trial, monitor, vitals):
        """ASK-01, ASK-04: a power of a million digits is an error, which takes no time."""
        question = saved(trial, monitor, condition="pow(spo2, 1000000.0) / 3.0 > 1.0", on_home="on")
        client = build.client(monitor)
        assert "or it cannot be computed" in text_of(client.get(page(question)))
        assert "cannot be computed" in text_of(client.get(reverse("reports:home", args=[trial.slug])))
        shown = client.get(page(question, "own-question-ask"), {"all": "1"})
        assert (shown.status_code, shown["Location"]) == (302, page(question))
        row = {"row": [f"{vitals[0].pk}:spo2"], "text": "Check", "confirm": "q1-x"}
        assert client.post(page(question, "own-question-ask"), row)["Location"] == page(question)
        given = {"text": "Check", "origin": "manual", "by": monitor, "role": "monitor", "batch": "q1-x"}
        with pytest.raises(ValidationError, match="cannot be computed"):
            raise_from_question(
                question=ReadQuestion(question, trial), targets=[(vitals[0].pk, "spo2")], **given
            )
        assert not Query.objects.exists()

    def test_a_second_click_raises_nothing(self, trial, monitor, vitals):
        question = saved(trial, monitor)
        client = build.client(monitor)
        shown = client.get(page(question, "own-question-ask"), {"row": [vitals[0].pk]}).context["batch"]
        for _click in range(2):
            client.post(
                page(question, "own-question-ask"),
                {"row": [f"{vitals[0].pk}:spo2"], "text": "Please check", "confirm": shown},
            )
        assert Query.objects.count() == 1

    def test_who_may_not_raise_queries_is_offered_no_boxes(self, trial, monitor, nurse, vitals):
        question = saved(trial, monitor)
        answer = build.client(nurse).get(page(question))
        assert answer.context["listing"].selection is None
        assert build.client(nurse).get(page(question, "own-question-ask")).status_code == 403
