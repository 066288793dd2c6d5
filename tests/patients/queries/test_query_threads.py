"""The thread of a query from raising to closing: rights, repeated clicks, the panel beside the field, the trail."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from audit.context import acting
from audit.trail import history_model
from patients.casebook.casebook import Casebook, FormPlace
from patients.entry import saving
from patients.models import Draft, Patient, Query, QueryMessage, Record
from patients.queries import threads
from tests.support import build
from tests.support.pages.entry_pages import words
from trials.models import Trial

pytestmark = pytest.mark.django_db


@pytest.fixture
def nurse(trial: Trial) -> User:
    return build.user("coordinator", trial=trial, full_name="Nora Nurse")


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial, full_name="Marta Ortega")


@pytest.fixture
def record(patient: Patient, nurse: User) -> Record:
    return build.record(patient, "vitals", {"hr": "72"}, draft=True, by=nurse)


def ask(record: Record, by: User, text: str = "27 or 72?", item: str = "hr", role: str = "monitor") -> Query:
    with acting(user=by, role=role):
        return threads.raise_query(record=record, item=item, text=text, origin=role, by=by, role=role)


def field(record: Record, end: str = "") -> str:
    patient = record.patient
    return f"/trials/{patient.trial.slug}/patients/{patient.code}/visits/SCR/vitals/{end}"


def verb(query: Query, name: str) -> str:
    return f"/trials/{query.patient.trial.slug}/queries/{query.pk}/{name}/"


def test_one_thread_of_a_person_is_open_per_item(record: Record, monitor: User, trial: Trial):
    """A query is a thread on one item; a second question belongs in that thread."""
    ask(record, monitor)
    other = build.user("data_manager", trial=trial)
    with pytest.raises(ValidationError, match="open already"):
        ask(record, other, "And the source?", role="data_manager")
    assert ask(record, monitor, item="rr", text="And here?").item == "rr"


def test_the_database_itself_keeps_one_open_thread_per_item(record: Record, monitor: User):
    query = ask(record, monitor)
    twin = {"patient": record.patient, "record": record, "item": "hr", "origin": "monitor", "text": "Again?"}
    with acting(system="test"), pytest.raises(IntegrityError), transaction.atomic():
        Query.objects.create(**twin, state="open", opened_by=monitor)
    with acting(system="test"):
        Query.objects.create(
            **twin, state="closed", opened_by=monitor, closed_at=timezone.now(), closed_because="Settled"
        )
    assert query.state == "open"


def test_a_closed_query_is_not_opened_again_beside_another(record: Record, monitor: User):
    first = ask(record, monitor)
    with acting(user=monitor, role="monitor"):
        threads.close_query(query=first, text="Settled", by=monitor, role="monitor")
    ask(record, monitor, "Once more?")
    with acting(user=monitor, role="monitor"), pytest.raises(ValidationError, match="Another query"):
        threads.reopen_query(query=first, text="Not so", by=monitor, role="monitor")


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        ({"locked_at": timezone.now()}, "locked"),
        ({"state": "struck_out", "struck_out_reason": "Wrong patient"}, "entered in error"),
    ],
)
def test_nothing_is_asked_about_a_form_that_cannot_change(record: Record, monitor: User, held, sentence):
    with acting(system="test"):
        Record.objects.update(**held)
    record = Record.objects.get()
    with pytest.raises(ValidationError, match=sentence):
        ask(record, monitor)
    assert not Query.objects.exists()


def test_a_second_click_says_nothing_twice(record: Record, monitor: User, nurse: User):
    """REL-13: raised, answered, closed and reopened once each, however often the button is pressed."""
    query = ask(record, monitor)
    assert ask(record, monitor).pk == query.pk
    desks = {"answer": build.client(nurse), "close": build.client(monitor), "reopen": build.client(monitor)}
    for name, desk in desks.items():
        for _click in range(2):
            assert desk.post(verb(query, name), {"text": f"I {name}"}).status_code == 302
    assert list(query.messages.values_list("text", flat=True)) == [
        "27 or 72?",
        "I answer",
        "I close",
        "I reopen",
    ]


def test_every_step_of_a_query_names_who_took_it_in_which_role(record: Record, monitor: User, nurse: User):
    """AUD-09: raised, answered, closed and reopened are in the trail with their actors."""
    query = ask(record, monitor)
    for person, name in ((nurse, "answer"), (monitor, "close"), (monitor, "reopen")):
        build.client(person).post(verb(query, name), {"text": f"I {name}"})
    rows = history_model(Query)._default_manager.filter(id=query.pk).order_by("history_id")
    result = [(row.state, row.history_user_name, row.history_role) for row in rows]
    asked, answered = (monitor.username, "monitor"), (nurse.username, "coordinator")
    assert result == [("open", *asked), ("answered", *answered), ("closed", *asked), ("open", *asked)]
    result = history_model(QueryMessage)._default_manager.filter(query_id=query.pk).order_by("history_id")
    assert [row.history_user_name for row in result] == [
        monitor.username, nurse.username, monitor.username, monitor.username,
    ]  # fmt: skip


class TestBesideTheField:
    """The thread in the panel of the form: answered there, without losing unsaved input."""

    @pytest.fixture
    def query(self, record: Record, monitor: User) -> Query:
        return ask(record, monitor)

    @pytest.fixture
    def desk(self, nurse: User) -> Client:
        return build.client(nurse)

    def answer(self, desk: Client, query: Query, text: str, **headers: str):
        return desk.post(verb(query, "answer"), {"text": text, "in_panel": "1"}, headers=headers)

    def test_only_the_panel_comes_back(self, desk: Client, query: Query):
        """UX-07: the form itself is not rendered again, so no unsaved input can be lost."""
        panel = self.answer(desk, query, "It was 72.", **{"HX-Request": "true"})
        assert panel.status_code == 200
        assert '<form class="entry"' not in panel.content.decode()
        assert "It was 72." in words(panel)
        assert "Answered" in words(panel)
        assert "Your answer" not in words(panel)

    def test_what_is_kept_of_the_form_stays_kept(
        self, desk: Client, query: Query, nurse: User, record: Record
    ):
        control = dict(re.findall(r'name="(_\w+)" value="([^"]*)"', desk.get(field(record)).content.decode()))
        desk.post(field(record, "keep/"), {**control, "hr": "72", "rr": "18"})
        self.answer(desk, query, "It was 72.", **{"HX-Request": "true"})
        assert ["rr", "18"] in Draft.objects.get(user=nurse).payload

    def test_a_refusal_is_shown_beside_the_answer_with_the_typed_text(self, desk: Client, query: Query):
        blank = self.answer(desk, query, "  ", **{"HX-Request": "true"})
        assert blank.status_code == 422
        assert 'aria-invalid="true"' in blank.content.decode()
        with acting(system="test"):
            Patient.objects.update(locked_at=timezone.now())
        locked = self.answer(desk, query, "It was 72.", **{"HX-Request": "true"})
        assert locked.status_code == 422
        assert ">It was 72.</textarea>" in locked.content.decode()
        assert "is locked" in words(locked)

    def test_without_scripts_one_comes_back_to_the_field(self, desk: Client, query: Query, record: Record):
        sent = self.answer(desk, query, "It was 72.")
        assert sent["Location"] == f"{field(record)}?field=hr#hr"

    def test_who_asked_closes_and_reopens_there(self, query: Query, monitor: User, record: Record):
        desk = build.client(monitor)
        for name, button in (("close", "Open it again"), ("reopen", "Close the query")):
            sent = desk.post(verb(query, name), {"text": f"I {name}", "in_panel": "1"}, follow=True)
            assert sent.redirect_chain[-1][0] == f"{field(record)}?field=hr#hr"
            assert button in words(sent)

    def test_a_question_that_is_refused_is_not_lost(self, query: Query, monitor: User, record: Record):
        refused = build.client(monitor).post(field(record, "query/"), {"item": "hr", "text": "Why so low?"})
        assert refused.status_code == 422
        assert "A query on this item is open already" in words(refused)
        blank = build.client(monitor).post(field(record, "query/"), {"item": "rr", "text": " "})
        assert 'id="question-refused"' in blank.content.decode()

    def test_the_trail_of_the_field_is_one_click_away(self, desk: Client, query: Query, record: Record):
        """AUD-05."""
        page = desk.get(f"{field(record)}?field=hr").content.decode().replace("&amp;", "&")
        trail = re.search(r'href="([^"]*/trail/[^"]*item=hr[^"]*)"', page)[1]
        lines = desk.get(trail).context["listing"].lines
        assert [(line.entry.row.form, line.entry.row.values["hr"]) for line in lines] == [("vitals", "72")]

    @pytest.mark.parametrize("name", ["answer", "close", "reopen"])
    def test_a_role_that_may_not_gets_403(self, trial: Trial, query: Query, name: str):
        """SEC-01."""
        reader = build.client(build.user("statistician", trial=trial))
        assert reader.post(verb(query, name), {"text": "?", "in_panel": "1"}).status_code == 403
        assert Query.objects.get().state == "open"


class TestChecks:
    """The query of a check on a complete form is closed when the value is corrected or confirmed (AUD-10)."""

    @pytest.fixture
    def nurse(self, trial: Trial) -> User:
        return build.user("coordinator", trial=trial)

    @pytest.fixture
    def trial(self) -> Trial:
        return build.trial("third")

    @pytest.fixture
    def place(self, patient: Patient, nurse: User, trial: Trial) -> FormPlace:
        build.record(patient, "body", {"sex": "F", "weight": "40"}, visit="S0", by=nurse)
        query = Query.objects.get()
        assert (query.item, query.state, query.record.state) == ("weight", "open", "complete")
        return Casebook.open(user=nurse, trial=trial, code=patient.code).place("body", "S0")

    def amend(
        self,
        place: FormPlace,
        nurse: User,
        weight: str,
        *,
        reason: str,
        confirmed: dict[str, str] | None = None,
    ) -> None:
        values = {**Record.objects.get().values, "weight": weight}
        entry = saving.Entry(place=place, values=values, base_version=1, confirmed=confirmed or {})
        with acting(user=nurse, role="coordinator"):
            saving.amend(entry, reason=reason, by=nurse)

    def test_a_correction_closes_it_by_the_system_for_the_person(self, place: FormPlace, nurse: User):
        self.amend(place, nurse, "70", reason="Misread")
        query = Query.objects.get()
        assert (query.state, str(query.closed_because)) == ("closed", "The value was corrected.")
        assert (
            query.history.order_by("history_id").last().history_user_name
            == f"system:checks for {nurse.username}"
        )

    def test_a_correction_closes_one_that_was_answered_too(self, place: FormPlace, nurse: User):
        with acting(user=nurse, role="coordinator"):
            threads.answer_query(
                query=Query.objects.get(), text="Looking it up", by=nurse, role="coordinator"
            )
        self.amend(place, nurse, "70", reason="Misread")
        assert Query.objects.get().state == "closed"

    def test_a_confirmation_with_a_reason_closes_it_by_the_person(self, place: FormPlace, nurse: User):
        self.amend(place, nurse, "40", reason="", confirmed={"weight": "Cachexia, weighed twice"})
        query = Query.objects.get()
        assert (query.state, query.closed_because) == ("closed", "Cachexia, weighed twice")
        assert query.history.order_by("history_id").last().history_user_name == nurse.username

    def test_another_unusual_value_is_asked_about_still(self, place: FormPlace, nurse: User):
        self.amend(place, nurse, "41", reason="Misread")
        assert Query.objects.get().state == "open"

    def test_a_query_of_a_person_stays_for_that_person_to_close(
        self, place: FormPlace, nurse: User, monitor: User
    ):
        asked = ask(Record.objects.get(), monitor, "Weighed how?", item="weight")
        self.amend(place, nurse, "70", reason="Misread")
        assert set(Query.objects.values_list("pk", "state")) == {
            (asked.pk, "open"), (Query.objects.get(origin="check").pk, "closed"),
        }  # fmt: skip


def test_a_monitor_sees_a_bubble_beside_each_item_of_a_form(record: Record, monitor: User, nurse: User):
    page = build.client(monitor).get(field(record)).content.decode()
    links = re.findall(
        r'<a class="icon-btn" href="\?field=(\w+)#\w+"[^>]*><svg[^>]*><use href="#icon-(\w+)"', page
    )
    assert dict(links)["hr"] == "query"
    assert set(dict(links).values()) == {"query"}
