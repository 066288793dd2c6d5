"""“Answer to a query” as the reason of a change answers the open query on what changed, and no other."""

from datetime import timedelta

import pytest

from accounts.models import User
from audit.context import acting
from audit.stored_text import system_text
from patients.casebook.casebook import Casebook
from patients.casebook.facts import KINDS, Fact
from patients.entry import saving
from patients.models import Query, Record
from patients.participation.consents.consent import record_capacity
from patients.participation.consents.consent_corrections import correct_consent, strike_out_consent
from patients.participation.disposition import correct_end, end_study, reopen_study
from patients.queries import threads
from protocol.values.moments import Moment
from safety.reporting import mark_entered_in_error
from tests.support import build
from tests.support.pages import event_forms, infusions
from tests.support.study.bedside import INCLUDED, give, on, stored
from trials.models import Trial

pytestmark = pytest.mark.django_db
ANSWER = system_text("entry.query", "Read again on the monitor")


@pytest.fixture
def monitor(trial: Trial) -> User:
    return build.user("monitor", trial=trial)


@pytest.fixture
def record(trial: Trial) -> Record:
    return Record.objects.get(patient=build.assessable(trial=trial), form="demography")


def ask(record: Record, item: str, by: User) -> Query:
    with acting(user=by, role="monitor"):
        return threads.raise_query(
            record=record, item=item, text="Sure?", origin="monitor", by=by, role="monitor"
        )


def ask_fact(target: str, row, item: str, by: User) -> Query:
    (fresh,) = KINDS[target].rows([row.pk])
    fact = Fact(KINDS[target], fresh, item)
    with acting(user=by, role="monitor"):
        return threads.raise_fact_query(fact=fact, text="Sure?", origin="monitor", by=by, role="monitor")


def amend(record: Record, by: User, reason, **values: str) -> None:
    place = Casebook.open(user=by, trial=record.patient.trial, code=record.patient.code).place(
        record.form, record.visit.key, 1
    )
    entry = saving.Entry(place=place, values={**record.values, **values}, base_version=record.version)
    with acting(user=by, role="coordinator"):
        saving.amend(entry, reason=reason, by=by)


def states() -> dict[str, str]:
    return dict(Query.objects.exclude(origin="check").values_list("item", "state"))


class TestAForm:
    def test_only_the_item_that_changed_is_answered(self, record, monitor, nurse):
        changed, other = ask(record, "weight", monitor), ask(record, "sex", monitor)
        amend(record, nurse, ANSWER, weight="72")
        assert states() == {"weight": "answered", "sex": "open"}
        said = changed.messages.order_by("-pk")[0]
        assert (said.author, said.author_role) == (nurse, "coordinator")
        assert str(said.text) == "The value was changed: Read again on the monitor"
        assert other.messages.count() == 1

    @pytest.mark.parametrize("reason", ["Answer to a query", system_text("entry.source")])
    def test_another_reason_answers_nothing(self, record, monitor, nurse, reason):
        ask(record, "weight", monitor)
        amend(record, nurse, reason, weight="72")
        assert states() == {"weight": "open"}

    def test_a_closed_query_stays_closed(self, record, monitor, nurse):
        query = ask(record, "weight", monitor)
        with acting(user=monitor, role="monitor"):
            threads.close_query(query=query, text="Settled", by=monitor, role="monitor")
        amend(record, nurse, ANSWER, weight="72")
        assert states() == {"weight": "closed"}


class TestOtherRows:
    def test_a_corrected_consent_answers_what_was_asked_about_it(self, patient, monitor, nurse):
        consent = build.consent(patient) if not patient.consents.exists() else patient.consents.get()
        ask_fact("consent", consent, "obtained_by", monitor)
        ask_fact("consent", consent, "version", monitor)
        facts = {"type": consent.type, "version": consent.version, "given": Moment.from_iso(consent.given)}
        with acting(user=nurse, role="coordinator"):
            correct_consent(consent=consent, reason=ANSWER, by=nurse, obtained_by="Dr Marin", **facts)
        assert states() == {"obtained_by": "answered", "version": "open"}

    def test_a_corrected_end_of_study_answers_too(self, trial, monitor, doctor):
        patient = build.enrolled(trial=trial)
        with acting(user=doctor, role="investigator"):
            end_study(patient=patient, on=trial.today, reason="withdrawal", note="Moved", by=doctor)
        ask_fact("disposition", patient, "end_note", monitor)
        with acting(user=doctor, role="investigator"):
            correct_end(
                patient=patient,
                on=trial.today,
                end_reason="withdrawal",
                note="Moved to Ghent",
                reason=ANSWER,
                by=doctor,
            )
        assert states() == {"end_note": "answered"}

    def test_a_reopened_study_answers_what_was_asked_about_its_end(self, trial, monitor, doctor):
        patient = build.enrolled(trial=trial)
        with acting(user=doctor, role="investigator"):
            end_study(patient=patient, on=trial.today, reason="withdrawal", note="Moved", by=doctor)
        ask_fact("disposition", patient, "end_note", monitor)
        with acting(user=doctor, role="investigator"):
            reopen_study(patient=patient, reason=ANSWER, by=doctor)
        assert states() == {"end_note": "answered"}

    def test_another_day_of_regained_capacity_answers_too(self, trial, monitor, nurse):
        patient = build.patient(trial=trial)
        consent = build.consent(patient, type="impartial_witness")
        with acting(user=nurse, role="coordinator"):
            record_capacity(patient=patient, regained_on=patient.screened_on, by=nurse)
        ask_fact("consent", consent, "capacity_regained_on", monitor)
        with acting(user=nurse, role="coordinator"):
            record_capacity(
                patient=patient, regained_on=patient.screened_on + timedelta(days=1), reason=ANSWER, by=nurse
            )
        assert states() == {"capacity_regained_on": "answered"}

    def test_an_event_amended_on_its_page_answers_what_changed(self, patient, monitor, doctor, trial):
        """The list of reasons is the event's own; “Answer to a query” in it means the same."""
        event = build.event(patient=patient)
        ask_fact("adverse_event", event, "grade", monitor)
        ask_fact("adverse_event", event, "outcome", monitor)
        ask_fact("adverse_event", event, "end", monitor)
        page = event_forms.page(event, "amend")
        browser = build.client(doctor)
        shown = browser.get(page).context["form"].initial
        typed = {name: value for name, value in shown.items() if value is not None}
        typed |= {"grade": "2", "version": "1", "reason": "query", "reason_text": "Read again"}
        assert browser.post(page, typed).status_code == 302
        assert states() == {"grade": "answered", "outcome": "open", "end": "open"}
        said = Query.objects.get(item="grade").messages.order_by("-pk")[0]
        assert str(said.text) == "The value was changed: Read again"

    def test_an_infusion_changed_on_its_page_answers_what_changed(self, known_day, trial, monitor, nurse):
        patient = build.enrolled(trial=trial, on=INCLUDED)
        with acting(user=nurse, role="coordinator"):
            give(patient, 1, on("10-Mar-2026"), nurse)
        row = stored(patient, 1)
        ask_fact("infusion", row, "volume_ml", monitor)
        ask_fact("infusion", row, "started", monitor)
        typed = infusions.bedside(
            volume_ml="95", reason="query", reason_text="From the pump", version=str(row.version)
        )
        assert build.client(nurse).post(infusions.page(patient), typed).status_code == 302
        assert states() == {"volume_ml": "answered", "started": "open"}

    def test_queries_end_with_a_row_that_is_struck_out(self, patient, monitor, nurse, doctor):
        event = build.event(patient=patient)
        consent = patient.consents.get()
        ask_fact("adverse_event", event, "grade", monitor)
        ask_fact("consent", consent, "version", monitor)
        with acting(user=doctor, role="investigator"):
            mark_entered_in_error(event=event, reason="Another person's", version=event.version, by=doctor)
            strike_out_consent(consent=consent, reason="Another form", by=doctor)
        assert states() == {"grade": "closed", "version": "closed"}
        closed = Query.objects.get(item="grade")
        assert str(closed.closed_because) == "Another person's"
