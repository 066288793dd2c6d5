"""Own questions: a condition over the records of a form, its answers, what cannot be judged, and what may change it."""

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
from patients.models import Query, Record
from reports.models import OwnQuestion
from reports.own_questions.keeping import raise_from_question
from reports.own_questions.visible import ReadQuestion
from tests.support import build
from tests.support.pages.event_forms import text_of

pytestmark = pytest.mark.django_db
LOW = {"name": "Low saturation", "condition": "spo2 < 94.0", "columns": ["spo2", "hr"], "item": "spo2"}


@pytest.fixture
def monitor(trial):
    return build.user("monitor", trial=trial)


@pytest.fixture
def vitals(trial, nurse):
    """Vital signs of three patients at screening: 90, 97 and no saturation."""
    found = []
    for spo2 in ("90", "97", None):
        patient = build.patient(trial=trial, by=nurse)
        build.consent(patient, by=nurse)
        values = {"hr": "70", **({"spo2": spo2} if spo2 else {})}
        found.append(build.record(patient, "vitals", values, draft=True, by=nurse))
    return found


def address(trial, name="own-questions", **place) -> str:
    return reverse(f"reports:{name}", args=[trial.slug, *place.values()])


def saved(trial, person, form="vitals", **fields) -> OwnQuestion:
    """Save a question through its page and return it."""
    answer = build.client(person).post(
        f"{address(trial, 'own-question-new')}?form={form}", {**LOW, "shared": "on", **fields}
    )
    assert answer.status_code == 302, answer.context["form"].errors
    return OwnQuestion.objects.latest("pk")


def page(question: OwnQuestion, name="own-question") -> str:
    return reverse(f"reports:{name}", args=[question.trial.slug, question.log, question.pk])


def listed(question: OwnQuestion, person, **query) -> list[int]:
    answer = build.client(person).get(page(question), query)
    return [row.object.pk for row in answer.context["listing"].rows]


def correct(record: Record, **values) -> None:
    with acting(system="test"):
        stored = Record.objects.get(pk=record.pk)
        stored.values, stored.version = {**stored.values, **values}, stored.version + 1
        stored.save()


class TestSaving:
    def test_a_question_is_saved_with_its_condition_columns_and_item(self, trial, monitor):
        question = saved(trial, monitor, on_home="on")
        assert (question.form, question.condition, question.columns) == (
            "vitals",
            "spo2 < 94.0",
            ["spo2", "hr"],
        )
        assert (question.item, question.shared, question.on_home) == ("spo2", True, True)
        assert question.history.get().history_user_name == monitor.username

    @pytest.mark.parametrize(
        ("condition", "said"),
        [
            ("spo2 << 94.0", "Character 7"),
            ("spo2 < 94.0 && saturation > 1.0", "Character 16"),
            ("spo2 + 1.0", "a logic is needed"),
            ("pow(pow(spo2, 64.0), 64.0) > 1.0", "a power within a power is not computed"),
            (f"spo2 / {'7' * 41}.0 > 1.0", "a number of more than 40 digits is not computed"),
            ("spo2 < 1e-200", "a number of more than 40 digits is not computed"),
            (
                "logs.medication.exists(a, logs.medication.exists(b, a.name == b.name))",
                "a condition on rows within one on rows is not computed",
            ),
        ],
    )
    def test_a_mistake_is_said_beside_the_condition_at_its_place(self, trial, monitor, condition, said):
        answer = build.client(monitor).post(
            f"{address(trial, 'own-question-new')}?form=vitals", {**LOW, "condition": condition}
        )
        assert answer.status_code == 422
        assert said in answer.context["form"].errors["condition"][0]
        assert answer.context["form"]["condition"].value() == condition
        assert not OwnQuestion.objects.exists()

    def test_the_page_offers_the_names_with_their_codes(self, trial, monitor):
        answer = build.client(monitor).get(address(trial, "own-question-new"), {"form": "vitals"})
        names = answer.context["names"]
        assert "spo2" in {each.name for each in names.own}
        assert {"subject.inclusion_on", "visit.code", "logs.medication"} <= {
            each.name for each in names.beside
        }
        assert "demography.sex" in {each.name for _title, listed in names.others for each in listed}

    def test_a_person_has_one_question_of_a_name(self, trial, monitor):
        saved(trial, monitor)
        answer = build.client(monitor).post(f"{address(trial, 'own-question-new')}?form=vitals", LOW)
        assert answer.status_code == 422
        assert "Another question of yours has this name." in text_of(answer)
        assert OwnQuestion.objects.count() == 1

    def test_only_its_owner_changes_or_retires_a_question(self, trial, monitor, nurse):
        question = saved(trial, monitor)
        colleague = build.client(nurse)
        assert "like=data-" in colleague.get(page(question, "own-question-change"))["Location"]
        change = {**LOW, "name": "Mine", "version": "1"}
        assert colleague.post(page(question, "own-question-change"), change).status_code == 422
        colleague.post(page(question, "own-question-retire"))
        question.refresh_from_db()
        assert (question.name, question.retired_at) == (LOW["name"], None)
        owner = build.client(monitor)
        assert owner.post(page(question, "own-question-change"), change).status_code == 302
        owner.post(page(question, "own-question-retire"))
        assert owner.get(page(question)).status_code == 404

    def test_a_change_on_an_outdated_page_is_refused_and_keeps_what_was_typed(self, trial, monitor):
        question = saved(trial, monitor)
        owner = build.client(monitor)
        owner.post(page(question, "own-question-change"), {**LOW, "name": "First", "version": "1"})
        answer = owner.post(page(question, "own-question-change"), {**LOW, "name": "Second", "version": "1"})
        assert answer.status_code == 422
        assert answer.context["form"]["name"].value() == "Second"
        question.refresh_from_db()
        assert question.name == "First"

    def test_a_column_that_is_sent_twice_is_stored_once(self, trial, monitor):
        """ASK-01."""
        assert saved(trial, monitor, columns=["hr", "spo2", "hr"]).columns == ["hr", "spo2"]

    def test_a_form_that_the_protocol_does_not_have_is_refused_in_a_sentence(self, trial, monitor):
        """ASK-01."""
        client = build.client(monitor)
        page_of_form = f"{address(trial, 'own-question-new')}?form=nothing"
        for answer in (client.get(page_of_form), client.post(page_of_form, LOW)):
            assert answer.status_code == 400
            assert "The protocol in force has no such form." in text_of(answer)
        assert client.get(address(trial, "own-question-new")).status_code == 302
        assert not OwnQuestion.objects.exists()

    @pytest.mark.parametrize("version", ["9" * 5000, "-1", "1.0", "²", ""])
    def test_a_version_that_no_page_sent_is_refused_as_outdated(self, trial, monitor, version):
        """ASK-01: nothing is stored, and nothing typed is lost."""
        question = saved(trial, monitor)
        change = {**LOW, "name": "Second", "version": version}
        answer = build.client(monitor).post(page(question, "own-question-change"), change)
        assert answer.status_code == 422
        assert answer.context["form"]["name"].value() == "Second"
        question.refresh_from_db()
        assert (question.name, question.version) == (LOW["name"], 1)

    def test_a_question_that_is_not_shared_exists_for_its_owner_alone(self, trial, monitor, nurse):
        question = saved(trial, monitor, shared="")
        assert build.client(monitor).get(page(question)).status_code == 200
        assert build.client(nurse).get(page(question)).status_code == 404
        assert question.name not in text_of(build.client(nurse).get(address(trial)))


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


class TestHome:
    def home(self, trial, person):
        return build.client(person).get(reverse("reports:home", args=[trial.slug]))

    def test_a_shared_question_is_counted_on_home_if_its_owner_wished(self, trial, monitor, nurse, vitals):
        saved(trial, monitor, on_home="on")
        saved(trial, monitor, name="Not on home")
        (counted,) = self.home(trial, nurse).context["questions"]
        assert (counted.name, counted.count, counted.note) == (LOW["name"], "1", "1 cannot be judged")
        correct(vitals[1], spo2="80")
        (counted,) = self.home(trial, nurse).context["questions"]
        assert counted.count == "2"

    def test_a_home_whose_time_is_over_judges_nobody_and_counts_what_is_kept(
        self, trial, monitor, vitals, monkeypatch
    ):
        """ASK-02: twelve questions must not cost twelve times what one costs."""
        monkeypatch.setattr("reports.own_questions.on_home.SECONDS", 0.0)
        saved(trial, monitor, on_home="on")
        home = reverse("reports:home", args=[trial.slug])
        (kept,) = build.client(monitor).get(home).context["questions"]
        assert (kept.count, kept.note) == ("1", "1 cannot be judged")
        cache.clear()
        for _twice in range(2):
            (waiting,) = build.client(monitor).get(home).context["questions"]
            assert (waiting.count, waiting.note) == ("–", "not all patients are judged yet: open it")

    def test_a_question_of_my_own_is_on_my_home_alone(self, trial, monitor, nurse, vitals):
        saved(trial, monitor, on_home="on", shared="")
        assert len(self.home(trial, monitor).context["questions"]) == 1
        assert self.home(trial, nurse).context["questions"] == []


class TestQueryCounts:
    """Each page needs the same queries whatever the number of questions or records (REL-14)."""

    def queries(self, client, url, **query) -> int:
        client.get(url, query)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url, query).status_code == 200
        return len(captured)

    def test_of_the_list_and_of_a_new_question(self, trial, monitor):
        client, found = build.client(monitor), []
        for name in ("First", "Second", "Third"):
            saved(trial, monitor, name=name)
            found.append(self.queries(client, address(trial)))
        new = self.queries(client, address(trial, "own-question-new"), form="vitals")
        change = self.queries(client, page(OwnQuestion.objects.get(name="First"), "own-question-change"))
        assert (found, new, change) == ([4, 4, 4], 3, 4)

    def test_of_the_page_that_asks(self, trial, monitor, vitals):
        """All records of the list need one more: those that are asked already are left out before."""
        question, client = saved(trial, monitor, condition="hr > 0.0"), build.client(monitor)
        one = self.queries(client, page(question, "own-question-ask"), row=[vitals[0].pk])
        three = self.queries(client, page(question, "own-question-ask"), all="1")
        assert (one, three) == (11, 12)

    def test_of_a_home_with_one_and_three_questions(self, trial, monitor, vitals):
        """Of each question the kept answers and the state of the trail."""
        client, found = build.client(monitor), []
        for name in ("First", "Second", "Third"):
            saved(trial, monitor, name=name, on_home="on")
            found.append(self.queries(client, reverse("reports:home", args=[trial.slug])))
        assert found == [found[0], found[0] + 2, found[0] + 4]
