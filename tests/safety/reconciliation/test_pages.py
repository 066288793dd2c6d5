"""The pages of the reconciliation: ask in bulk, settle with a reason, open again, upload; refusals store nothing."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.context import acting
from patients.models import Query
from safety.models import AdverseEvent, ReconciliationSettlement, SafetyList
from safety.reconciliation.reconciling import lines_of
from tests.support import build
from tests.support.build import moment
from tests.support.pages.infusions import text_of
from tests.support.study.bedside import INCLUDED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def patient(trial, doctor):
    """A patient with two events that led to hospitalisation, without a stay."""
    found = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
    for term in ("Fever", "Rash"):
        build.event(
            patient=found, by=doctor, term=term, onset=moment("12-Mar-2026"), grade=3,
            seriousness=frozenset({"hospitalisation"}), aware=moment("28-Mar-2026 14:00"),
        )  # fmt: skip
    return found


@pytest.fixture
def desk(trial):
    return build.client(build.user("data_manager", trial=trial, full_name="Dana Manager"))


def place(trial, name: str = "", **query) -> str:
    return reverse(f"safety:reconciliation{name}", args=[trial.slug], query=query)


def keys(trial) -> list[str]:
    return [line.pk for line in lines_of(trial)]


def rows(response) -> list:
    return [row.object for row in response.context["listing"].rows]


def test_the_page_lists_the_findings_and_sends_them_as_csv(desk, trial, patient):
    """SAF-13."""
    response = desk.get(place(trial))
    assert len(rows(response)) == 2
    assert "AE 1 · Fever led to hospitalisation, but no stay in hospital is recorded" in text_of(response)
    sent = b"".join(desk.get(place(trial, format="csv")).streaming_content).decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(sent)))
    assert [line["kind"] for line in lines] == ["event_without_stay"] * 2
    assert rows(desk.get(place(trial, patient="NOBODY"))) == []
    assert desk.get(place(trial, kind="nonsense")).status_code == 400


@pytest.mark.parametrize("role", ["coordinator", "investigator", "statistician", "inspector"])
def test_who_asks_no_queries_does_not_reconcile(trial, patient, role):
    """SAF-13."""
    reader = build.client(build.user(role, trial=trial))
    for name in ("", "-act", "-list"):
        assert reader.get(place(trial, name)).status_code == 403
    assert (
        reader.post(place(trial, "-act"), {"action": "settle", "text": "x", "row": keys(trial)}).status_code
        == 403
    )
    assert not ReconciliationSettlement.objects.exists()


def test_ticked_findings_become_queries_with_their_sentence(desk, trial, patient):
    """SAF-13."""
    answer = {"row": keys(trial), "action": "ask", "text": "Please enter the stay."}
    response = desk.post(place(trial, "-act"), answer, follow=True)
    assert "2 queries are raised." in text_of(response)
    assert [row.status.value for row in rows(response)] == ["asked", "asked"]
    queries = list(Query.objects.order_by("pk"))
    assert {(query.target, query.item, query.origin) for query in queries} == {
        ("adverse_event", "seriousness", "data_manager")
    }
    assert queries[0].text.endswith("no stay in hospital is recorded at that time.\nPlease enter the stay.")
    again = desk.post(place(trial, "-act"), answer)
    assert again.status_code == 422
    assert "No query can be raised on these findings." in text_of(again)
    assert Query.objects.count() == 2


def test_a_finding_is_settled_with_a_reason_until_a_value_changes(desk, trial, patient, doctor):
    """SAF-13."""
    first, second = keys(trial)
    response = desk.post(
        place(trial, "-act"), {"row": [first], "action": "settle", "text": "Day clinic"}, follow=True
    )
    assert "1 finding is settled." in text_of(response)
    assert "Dana Manager" in text_of(response)
    assert [row.status.value for row in rows(response)] == ["settled", "open"]
    assert [row.pk for row in rows(desk.get(place(trial, status="open")))] == [second]
    settlement = ReconciliationSettlement.objects.get()
    assert (settlement.patient, settlement.reason) == (patient, "Day clinic")
    with acting(system="test"):
        AdverseEvent.objects.filter(number=1).update(onset="2026-03-13")
    assert [line.status.value for line in lines_of(trial)] == ["open", "open"]


def test_a_settled_finding_is_opened_again_and_the_settlement_stays(desk, trial, patient):
    """SAF-13."""
    settle = {"row": keys(trial), "action": "settle", "text": "Day clinic"}
    desk.post(place(trial, "-act"), settle)
    desk.post(place(trial, "-act"), {"row": keys(trial)[:1], "action": "reopen", "text": "It was the ward"})
    assert [line.status.value for line in lines_of(trial)] == ["open", "settled"]
    desk.post(place(trial, "-act"), settle)
    assert ReconciliationSettlement.objects.count() == 3
    with pytest.raises(TypeError):
        ReconciliationSettlement.objects.first().delete()


@pytest.mark.parametrize("action", ["settle", "reopen"])
def test_without_a_reason_nothing_is_stored_and_the_ticks_stay(desk, trial, patient, action):
    """SAF-13."""
    response = desk.post(place(trial, "-act"), {"row": keys(trial), "action": action, "text": "  "})
    assert response.status_code == 422
    assert response.context["form"].errors["text"] == ["Say why."]
    assert response.content.decode().count('name="row"') == 2
    assert not ReconciliationSettlement.objects.exists()


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"row": []}, 422),
        ({"row": ["0" * 24]}, 422),
        ({"row": ["1; drop table"]}, 400),
        ({"row": [f"{number:024x}" for number in range(101)]}, 400),
        ({"action": "delete"}, 422),
        ({"action": ""}, 422),
        ({"text": "x" * 2001}, 422),
    ],
)
def test_what_the_page_does_not_send_is_refused(desk, trial, patient, changed, status):
    """SAF-13."""
    answer = {"row": keys(trial), "action": "settle", "text": "Day clinic", **changed}
    assert desk.post(place(trial, "-act"), answer).status_code == status
    assert not ReconciliationSettlement.objects.exists()


def upload(client, trial, text: str, name: str = "list.csv"):
    return client.post(place(trial, "-list"), {"file": SimpleUploadedFile(name, text.encode())})


def test_the_list_is_uploaded_compared_and_registered(trial, patient):
    """SAF-13."""
    safety = build.client(build.user("sponsor_safety", trial=trial))
    text = f"subject;term;onset;grade\n{patient.code};Fever;12-Mar-2026;2\n"
    response = upload(safety, trial, text)
    assert response.url == place(trial)
    (kept,) = SafetyList.objects.all()
    assert (kept.name, kept.lines) == ("list.csv", 1)
    kinds = [line.finding.kind.value for line in lines_of(trial)]
    assert sorted(kinds) == ["event_without_stay", "event_without_stay", "list_differs", "only_at_site"]
    upload(safety, trial, text)
    assert SafetyList.objects.count() == 1
    with pytest.raises(TypeError):
        kept.delete()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("subject,term\nL-1,Fever\n", "Missing columns: onset."),
        ("subject,term,onset\nL-1,Fever,someday\n", "Line 2:"),
        ("subject,term,onset\n" + "L-1,Fever,x\n" * 25, "And 5 more lines with a mistake."),
    ],
)
def test_a_wrong_list_stores_nothing_and_says_why_beside_the_field(desk, trial, patient, text, sentence):
    """SAF-13."""
    response = upload(desk, trial, text)
    assert response.status_code == 422
    assert any(sentence in error for error in response.context["form"].errors["file"])
    assert not SafetyList.objects.exists()


def test_no_file_is_refused(desk, trial):
    """SAF-13."""
    assert desk.post(place(trial, "-list"), {}).status_code == 422


def test_findings_of_another_trial_are_out_of_reach(desk, trial, patient):
    """SAF-13."""
    other = build.trial(build.COVID_MSV)
    manager = build.client(build.user("data_manager", trial=other))
    assert rows(manager.get(place(other))) == []
    answer = {"row": keys(trial), "action": "settle", "text": "Day clinic"}
    assert manager.post(place(other, "-act"), answer).status_code == 422
    assert manager.get(place(trial)).status_code == 404
