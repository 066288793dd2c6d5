"""The bell: what concerns a person in a trial, marked read by each, and mailed to those who want it."""

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from dosing.models import ProductDeviation
from operation.due_work import daily_notices, notices
from patients.models import Patient, Query
from patients.participation.consents.consent import record_capacity
from patients.participation.logs.contacts import add_contact
from patients.queries import threads
from reports.notices.kinds import notices_of
from reports.notices.mail import send_notices
from safety.drafts.event_drafts import discard_event_draft, keep_event_draft
from tests.support import build
from tests.support.pages.infusions import text_of
from tests.support.study import product_chain as chain
from tests.support.study.bedside import NOW
from tests.support.study.deviations import added, classified
from tests.support.study.raised_queries import begin_form, make_query
from trials.access import access_to
from trials.models import NoticeMark
from trials.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]
MASKED = "nct04361942"


def kinds(person, trial) -> list[tuple[str, str]]:
    access = access_to(user=person, slug=trial.slug)
    return [(each.kind, each.subject) for each in notices_of(access)]


def page(trial) -> str:
    return reverse("reports:notices", args=[trial.slug])


def consented(trial) -> Patient:
    patient = build.patient(trial=trial)
    build.consent(patient)
    return patient


def number(browser, trial) -> int:
    return browser.get(reverse("reports:notices-count", args=[trial.slug])).json()["number"]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial, email="nurse@hospital.example")


@pytest.fixture
def included(trial, doctor) -> Patient:
    return build.enrolled(trial=trial, on=trial.today, investigator=doctor)


class TestWhatIsShown:
    def test_an_infusion_on_the_days_of_its_window(self, trial, nurse, doctor):
        days = trial.rules.dosing.first_infusion_within_days[1]
        build.enrolled(trial=trial, on=trial.today - timedelta(days=days), investigator=doctor)
        build.enrolled(trial=trial, on=trial.today - timedelta(days=days + 1), investigator=doctor)
        access = access_to(user=nurse, slug=trial.slug)
        # The window of the first infusion of LIE-002 has passed; that of its second opens today but waits.
        assert [each.key for each in notices_of(access)] == ["infusion:LIE-001.1.2026-03-30"]

    def test_an_event_for_the_assessor_and_its_report_for_the_site(self, trial, nurse, doctor):
        patient = build.patient(trial=trial)
        build.event(patient=patient, by=doctor)
        noon = build.moment("01-Mar-2026 12:00")
        serious = {"seriousness": frozenset({"life_threatening"}), "grade": 4}
        build.event(patient=patient, by=doctor, **serious, aware=noon)
        assert kinds(nurse, trial) == [("report", "LIE-001")]
        assert kinds(doctor, trial) == [("report", "LIE-001"), ("assess", "LIE-001"), ("assess", "LIE-001")]

    def test_a_query_for_the_site_and_its_answer_for_who_asked(self, trial, nurse):
        monitor, other = (build.user("monitor", trial=trial) for _each in range(2))
        patient = consented(trial)
        query = make_query(begin_form(patient, nurse), monitor, "weight")
        assert kinds(nurse, trial) == [("query", "LIE-001")]
        assert kinds(monitor, trial) == []
        with acting(user=nurse, role="coordinator"):
            threads.answer_query(query=query, text="As on the sheet", by=nurse, role="coordinator")
        assert kinds(nurse, trial) == []
        assert kinds(monitor, trial) == [("answer", "LIE-001")]
        assert kinds(other, trial) == []

    def test_a_consent_to_give_again(self, trial, nurse):
        patient = build.patient(trial=trial)
        build.consent(patient, type="legal_representative")
        assert kinds(nurse, trial) == []
        with acting(user=nurse, role="coordinator"):
            record_capacity(patient=patient, regained_on=trial.today, by=nurse)
        assert kinds(nurse, trial) == [("consent", "LIE-001")]

    def test_a_deviation_until_it_is_classified(self, trial, nurse, doctor):
        row = added(build.patient(trial=trial), nurse)
        assert kinds(doctor, trial) == [("deviation", "LIE-001")]
        classified(row, doctor)
        assert kinds(doctor, trial) == []

    def test_forms_to_sign_once_for_each_patient(self, trial, doctor):
        patient = consented(trial)
        for form in ("demography", "vitals"):
            build.record(patient, form, {}, draft=True, by=doctor)
        assert kinds(doctor, trial) == []
        with acting(system="test"):
            patient.records.update(state="complete", completed_at=timezone.now())
        assert kinds(doctor, trial) == [("sign", "LIE-001")]

    def test_product_data_of_a_masked_trial_only_to_who_prepares_it(self):
        trial = build.trial(MASKED)
        patient = build.patient(trial=trial)
        laboratory = build.user("cell_laboratory", trial=trial)
        before = {role: kinds(build.user(role, trial=trial), trial) for role in ROLES}
        added(patient, laboratory, log=ProductDeviation, category="other")
        assert kinds(laboratory, trial) == [("product", patient.code)]
        after = {role: kinds(build.user(role, trial=trial), trial) for role in ROLES}
        assert {role for role in ROLES if before[role] != after[role]} == {"cell_laboratory", "pharmacist"}

    @pytest.mark.parametrize(
        ("slug", "told"),
        [
            (MASKED, {"cell_laboratory", "pharmacist", "unblinded_monitor", "sponsor_safety"}),
            (
                "nct04445454",
                {
                    "coordinator", "investigator", "principal_investigator", "cell_laboratory", "pharmacist",
                    "monitor", "unblinded_monitor", "data_manager", "sponsor_safety",
                },
            ),
        ],
    )  # fmt: skip
    def test_a_recalled_lot_alerts_who_may_know_it_and_leads_to_its_recipients(self, db, slug, told):
        """ATM-02, BLD-01: in a masked trial nobody who is blinded but drug safety, who learns of no arm."""
        trial = build.trial(slug)
        lot = chain.released(trial)
        people = {role: build.user(role, trial=trial) for role in ROLES}
        subject = str(trial)
        assert not any({"lot", "lot_seen"} & dict(kinds(one, trial)).keys() for one in people.values())
        chain.decided(lot, "recall", "Sterility")
        found = {
            role: [each for each in notices_of(access_to(user=one, slug=slug)) if each.kind.startswith("lot")]
            for role, one in people.items()
        }
        assert {role for role, notices in found.items() if notices} == told
        for role in told:
            (notice,) = found[role]
            assert (notice.subject, notice.key.partition(":")[2]) == (subject, f"{lot.pk}.recalled")
            assert build.client(people[role]).get(notice.url).status_code == 200

    def test_product_data_of_an_open_trial_also_to_who_classifies(self, trial):
        patient = build.patient(trial=trial)
        laboratory = build.user("cell_laboratory", trial=trial)
        added(patient, laboratory, log=ProductDeviation, category="other")
        told = {
            role for role in ROLES if ("product", patient.code) in kinds(build.user(role, trial=trial), trial)
        }
        assert told == {"cell_laboratory", "pharmacist", "investigator", "principal_investigator"}

    def test_a_draft_of_an_event_to_who_may_report_it_until_it_is_saved(self, trial, nurse, doctor):
        patient = consented(trial)
        with acting(user=nurse, role="coordinator"):
            draft = keep_event_draft(
                patient=patient, save_key="a", typed=[("term", "Rash")], answers={}, by=nurse
            )
        monitor = build.user("monitor", trial=trial)
        assert kinds(nurse, trial) == kinds(doctor, trial) == [("draft", patient.code)]
        assert kinds(monitor, trial) == []
        (notice,) = notices_of(access_to(user=nurse, slug=trial.slug))
        assert build.client(nurse).get(notice.url).status_code == 200
        with acting(user=nurse, role="coordinator"):
            discard_event_draft(draft=draft, reason="No event", by=nurse)
        assert kinds(nurse, trial) == []

    def test_a_contact_from_its_day_until_the_patient_is_reached(self, trial, nurse, doctor):
        home = next(visit for visit in trial.rules.visits if visit.contact)
        patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=home.day), investigator=doctor)

        def due() -> list[str]:
            access = access_to(user=nurse, slug=trial.slug)
            return [each.key for each in notices_of(access) if each.kind == "contact"]

        monitor = build.user("monitor", trial=trial)
        assert ("contact", patient.code) not in kinds(monitor, trial)
        (first,) = due()
        facts = {"tried_on": trial.today, "way": "phone", "tried_by": "Ward Nurse", "note": ""}
        with acting(user=nurse, role="coordinator"):
            add_contact(patient=patient, facts={**facts, "outcome": "no_answer"}, by=nurse)
        # The same notice: whoever marked it read is not called again by each attempt.
        assert due() == [first]
        with acting(user=nurse, role="coordinator"):
            add_contact(patient=patient, facts={**facts, "outcome": "reached"}, by=nurse)
        assert due() == []

    def test_another_trial_stays_out(self, trial, nurse):
        other = build.twin()
        added(build.patient(trial=other), build.user(trial=other))
        assert kinds(nurse, trial) == []


class TestRead:
    @pytest.fixture
    def ward(self, doctor):
        return build.client(doctor)

    @pytest.mark.parametrize("count", [1, 3])
    def test_each_notice_costs_no_query(self, trial, nurse, ward, django_assert_num_queries, count):
        for _each in range(count):
            added(build.patient(trial=trial), nurse)
        assert number(ward, trial) == count
        for address in (page(trial), reverse("reports:notices-count", args=[trial.slug])):
            with django_assert_num_queries(17):
                ward.get(address)

    def test_each_leads_to_its_page_and_reading_stores_nothing(self, trial, nurse, ward):
        row = added(build.patient(trial=trial), nurse)
        shown = ward.get(page(trial))
        assert (
            reverse("patients:deviation", args=[trial.slug, "LIE-001", row.number]) in shown.content.decode()
        )
        assert "A deviation has to be classified" in text_of(shown)
        assert not NoticeMark.objects.exists()

    def test_one_is_marked_read_by_the_person_alone(self, trial, nurse, ward):
        for _each in range(2):
            added(build.patient(trial=trial), nurse)
        first, second = ward.get(page(trial)).context["unread"]
        assert ward.post(page(trial), {"key": first.key}).status_code == 302
        shown = ward.get(page(trial)).context
        assert ([each.key for each in shown["unread"]], shown["read"]) == ([second.key], [first])
        assert number(ward, trial) == 1
        assert number(build.client(build.user("investigator", trial=trial)), trial) == 2

    def test_all_are_marked_read_and_what_waits_anew_is_new(self, trial, nurse, doctor, ward):
        row = added(build.patient(trial=trial), nurse)
        ward.post(page(trial), {"all": "1"})
        assert number(ward, trial) == 0
        with acting(system="test"):
            type(row).objects.filter(pk=row.pk).update(version=2)
        assert number(ward, trial) == 1

    def test_a_forged_key_is_not_stored(self, trial, nurse, ward):
        added(build.patient(trial=trial), nurse)
        ward.post(page(trial), {"key": ["deviation:LIE-009.1.1", "x" * 500]})
        assert not NoticeMark.objects.exists()

    def test_marks_of_what_is_done_go(self, trial, nurse, doctor, ward):
        row = added(build.patient(trial=trial), nurse)
        ward.post(page(trial), {"all": "1"})
        classified(row, doctor)
        ward.post(page(trial), {"all": "1"})
        assert not NoticeMark.objects.exists()


class TestMail:
    def choose(self, person, mode) -> int:
        return build.client(person).post(reverse("account_notices"), {"mail": mode}).status_code

    @pytest.fixture
    def asked(self, trial, nurse) -> Query:
        monitor = build.user("monitor", trial=trial)
        return make_query(begin_form(consented(trial), nurse), monitor, "weight")

    def test_nobody_gets_mail_who_did_not_ask_for_it(self, asked):
        assert notices() == daily_notices() == "0 mails with notices sent"
        assert mail.outbox == []

    def test_each_notice_comes_once_with_code_kind_and_link(self, trial, asked, nurse, settings):
        settings.ADDRESS = "https://stroma.example/"
        assert self.choose(nurse, "single") == 302
        assert notices() == "1 mails with notices sent"
        assert notices() == "0 mails with notices sent"
        (sent,) = mail.outbox
        assert sent.to == ["nurse@hospital.example"]
        link = f"https://stroma.example{reverse('patients:query', args=[trial.slug, asked.pk])}"
        assert [line for line in sent.body.splitlines() if line][1:3] == [
            "LIE-001 – A query waits for an answer", link,
        ]  # fmt: skip
        assert str(asked.text) not in sent.body
        assert nurse.full_name not in sent.body

    def test_the_digest_is_for_those_who_want_one_mail_a_day(self, asked, nurse):
        self.choose(nurse, "daily")
        assert notices() == "0 mails with notices sent"
        assert daily_notices() == "1 mails with notices sent"

    def test_what_is_read_or_has_no_address_or_no_role_is_not_mailed(self, trial, asked, nurse):
        self.choose(nurse, "single")
        with acting(system="test"):
            nurse.delegations.update(ends_on=trial.today - timedelta(days=1))
        assert send_notices(mode="single") == (0, 0)
        with acting(system="test"):
            nurse.delegations.update(ends_on=None)
        build.client(nurse).post(page(trial), {"all": "1"})
        assert send_notices(mode="single") == (0, 0)

    def test_a_mail_that_fails_is_tried_again(self, asked, nurse, monkeypatch):
        self.choose(nurse, "single")

        def broken(*args) -> None:
            raise OSError

        with monkeypatch.context() as patch:
            patch.setattr("reports.notices.mail.send_mail", broken)
            assert send_notices(mode="single") == (0, 1)
            with pytest.raises(OSError, match="1 refused"):
                notices()
        assert send_notices(mode="single") == (1, 0)

    def test_an_unknown_choice_is_refused(self, nurse):
        assert self.choose(nurse, "hourly") == 400
        nurse.refresh_from_db()
        assert nurse.notice_mail == "off"
