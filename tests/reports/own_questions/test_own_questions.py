"""Own questions: a condition that is saved and changed by its owner, and counted on home."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from reports.models import OwnQuestion
from tests.reports.own_questions.conftest import LOW, address, correct, page, saved
from tests.support import build
from tests.support.pages.event_forms import text_of

pytestmark = pytest.mark.django_db


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
