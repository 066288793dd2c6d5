"""Questions that read masked results exist only for who may know the treatment (BLD-01, BLD-07, ASK-03)."""

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from patients.models import Query
from reports.models import OwnProductQuestion, OwnQuestion
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.bedside import INCLUDED
from tests.support.study.masked_trial import give, measure, prepare, weigh
from trials.roles import KNOWING, ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]
BLINDED = sorted(code for code in ROLES if code not in KNOWING)
ASKED = {
    "name": "Antibodies QXJ", "condition": "class_i == 'POS'", "columns": ["tube", "class_i"], "shared": "on",
    "on_home": "on",
}  # fmt: skip


@pytest.fixture
def trial():
    return build.trial(build.COVID_MSV)


@pytest.fixture
def laboratory(trial):
    return build.user("cell_laboratory", trial=trial)


@pytest.fixture
def patient(trial, laboratory):
    ward = build.user("coordinator", trial=trial)
    found = build.enrolled(trial=trial, on=INCLUDED)
    weigh(found, ward)
    prepare(found, laboratory)
    give(found, ward)
    measure(found, ward, laboratory)
    return found


def ask(trial, person, **fields):
    address = f"{reverse('reports:own-question-new', args=[trial.slug])}?form=hla_antibodies"
    return build.client(person).post(address, {**ASKED, **fields})


@pytest.fixture
def question(trial, laboratory, patient) -> OwnProductQuestion:
    answer = ask(trial, laboratory)
    assert answer.status_code == 302, answer.context["form"].errors
    return OwnProductQuestion.objects.get()


def page(question, name="own-question") -> str:
    return reverse(f"reports:{name}", args=[question.trial.slug, question.log, question.pk])


def test_a_condition_on_a_masked_result_goes_to_the_log_of_the_product(question):
    assert not OwnQuestion.objects.exists()
    assert question.history.model._default_manager.model.instance_type._trail.see == "see_treatment"


@pytest.mark.parametrize("changed", [{"condition": "class_i == 'POS'", "columns": ["tube"]},
                                     {"condition": "tube == 'T-1'", "columns": ["class_i"]},
                                     {"condition": "hla_antibodies.class_i == 'POS'", "columns": []}])  # fmt: skip
def test_a_masked_item_in_condition_or_column_restricts_the_question(trial, laboratory, changed):
    assert ask(trial, laboratory, **changed).status_code == 302
    assert (OwnProductQuestion.objects.count(), OwnQuestion.objects.count()) == (1, 0)


def test_who_may_know_the_treatment_reads_the_answers_and_it_is_recorded(question, laboratory, patient):
    """AUD-08: that a record is listed tells its results, also from the cache."""
    client = build.client(laboratory)
    for _twice in range(2):
        AccessEvent.objects.filter(kind="treatment_seen").count()
        answer = client.get(page(question))
        (row,) = answer.context["listing"].rows
        assert [cell.text for cell in row.cells if cell.column.name == "item.class_i"] == ["Positive"]
    seen = AccessEvent.objects.filter(kind="treatment_seen", patient_id=patient.pk)
    assert seen.filter(user_id=laboratory.pk, detail__page=page(question)).exists()


@pytest.mark.parametrize("role", BLINDED)
def test_for_a_blinded_reader_the_question_does_not_exist(question, trial, role):
    """BLD-01: not in the list, not on home, and its addresses answer as those of no question."""
    client = build.client(build.user(role, trial=trial))
    assert client.get(page(question)).status_code == 404
    assert client.post(page(question, "own-question-change"), ASKED).status_code == 404
    assert client.post(page(question, "own-question-retire")).status_code == 404
    for name in ("own-questions", "home"):
        assert "QXJ" not in text_of(client.get(reverse(f"reports:{name}", args=[trial.slug])))
    copy = reverse("reports:own-question-new", args=[trial.slug])
    shown = client.get(copy, {"form": "hla_antibodies", "like": f"product-{question.pk}"})
    assert "QXJ" not in text_of(shown)
    assert "class_i" not in {each.name for each in shown.context["names"].own}


def test_a_blinded_reader_cannot_name_a_masked_item(trial, patient):
    """BLD-07: it is an unknown name, and no column of that name is offered."""
    nurse = build.user("coordinator", trial=trial)
    answer = ask(trial, nurse)
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"condition", "columns"}
    assert not OwnQuestion.objects.exists()


def test_no_query_is_raised_from_a_question_on_the_product(question, trial):
    """BLD-03: the log of queries is read by everybody, and its rows would tell the answer."""
    monitor = build.user("unblinded_monitor", trial=trial)
    client = build.client(monitor)
    assert client.get(page(question)).context["listing"].selection is None
    row = {"row": ["1:tube"], "text": "Check", "confirm": "x"}
    assert client.post(page(question, "own-question-ask"), row).status_code in (403, 404)
    assert not Query.objects.exclude(origin="check").exists()


def test_a_question_on_records_does_not_become_one_on_the_product(trial, laboratory, patient):
    assert ask(trial, laboratory, condition="tube == 'T-1'", columns=["tube"]).status_code == 302
    plain = OwnQuestion.objects.get()
    answer = build.client(laboratory).post(page(plain, "own-question-change"), {**ASKED, "version": "1"})
    assert answer.status_code == 422
    assert "Save it as a new question." in answer.context["form"].errors["condition"][0]


def test_a_changed_result_is_in_the_answers_at_once(question, laboratory, patient):
    """ASK-02."""
    client = build.client(laboratory)
    assert client.get(page(question)).context["listing"].total == 1
    with acting(system="test"):
        result = patient.masked_results.get(item="class_i")
        result.value = "NEG"
        result.save()
    assert client.get(page(question)).context["listing"].total == 0


def test_the_name_of_a_question_on_the_product_is_in_no_trail_of_a_blinded_reader(question, trial):
    """BLD-03."""
    inspector, monitor = (build.user(role, trial=trial) for role in ("inspector", "monitor"))
    address = reverse("audit:trail", args=[trial.slug], query={"form": "reports.ownproductquestion"})
    assert "QXJ" in text_of(build.client(inspector).get(address))
    assert "QXJ" not in text_of(build.client(monitor).get(address))
