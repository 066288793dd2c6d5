"""Drafts of adverse events: kept while typing, a clock as soon as the event may be serious, finished by its save."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.context import acting
from reports.closing.checklist import checklist
from safety.drafts.draft_clock import draft_clock_start, may_be_serious
from safety.drafts.event_drafts import discard_event_draft
from safety.models import AdverseEvent, EventDraft
from tests.support import build
from tests.support.build import moment
from tests.support.pages.event_forms import day, listing, new, serious, text_of, typed
from tests.support.study.refusals import refused
from trials.access import access_to

pytestmark = pytest.mark.django_db

KEY = "key of this form"
HOURS = timedelta(hours=24)


def sent(**changed) -> dict:
    """Return what a page sends whose form is still empty."""
    names = (
        "term",
        "onset",
        "end",
        "description",
        "aware",
        "serious_aware",
        "causality",
        "outcome",
        "action_taken",
    )
    return {**dict.fromkeys(names, ""), "save_key": KEY, **changed}


def keep(web, patient, **changed):
    return web.post(f"{new(patient)}keep/", sent(**changed))


def moment_text(at: datetime) -> str:
    """Return a moment as typed at the site."""
    return f"{at.astimezone(ZoneInfo('Europe/Brussels')):%d-%b-%Y %H:%M}"


def draft() -> EventDraft:
    return EventDraft.objects.get()


class TestTheClock:
    @pytest.mark.parametrize(
        ("answers", "urgent"),
        [
            ({}, False),
            ({"grade": 3}, False),
            ({"grade": 4}, True),
            ({"grade": 5}, True),
            ({"seriousness": ("none_of_these",)}, False),
            ({"seriousness": ("none_of_these",), "grade": 4}, True),
            ({"seriousness": ("hospitalisation",)}, True),
            (
                {
                    "seriousness": (
                        "none_of_these",
                        "medically_important",
                    )
                },
                True,
            ),
            ({"outcome": "fatal"}, True),
            ({"outcome": "not_recovered"}, False),
        ],
        ids=str,
    )
    @pytest.mark.one_engine
    def test_any_criterion_grade_four_or_a_death_may_be_serious(self, answers, urgent):
        assert may_be_serious(**{"seriousness": (), "grade": None, "outcome": "", **answers}) is urgent

    @pytest.mark.one_engine
    def test_it_starts_at_the_awareness_else_at_the_first_save(self):
        saved = datetime(2026, 9, 15, 10, tzinfo=UTC)
        before, after = saved - timedelta(minutes=1), saved + timedelta(minutes=1)

        def start(aware, *, urgent=True):
            return draft_clock_start(urgent=urgent, aware_at=aware, first_saved_at=saved)

        assert (start(None), start(before), start(saved), start(after)) == (saved, before, saved, saved)
        assert start(before, urgent=False) is None

    def test_a_draft_without_an_awareness_counts_from_its_first_save(self, web, patient):
        with time_machine.travel(datetime(2026, 9, 15, 9, 1, tzinfo=UTC), tick=False):
            keep(web, patient, term="Fever", grade="2")
        assert draft().due_at is None
        with time_machine.travel(datetime(2026, 9, 15, 9, 11, tzinfo=UTC), tick=False):
            answer = keep(web, patient, term="Septic shock", grade="4")

        assert draft().due_at == datetime(2026, 9, 16, 9, 1, tzinfo=UTC)
        assert answer.json()["kept"] == "Kept 15-Sep-2026 11:11 · draft, unreported: due in 23 h 50 min"

    def test_a_typed_awareness_starts_it(self, web, patient):
        aware = f"{day(patient, 3)} 12:00"
        keep(web, patient, seriousness=["hospitalisation"], aware=aware)
        assert draft().due_at == moment(aware).earliest + HOURS

    def test_an_unreadable_answer_is_kept_and_starts_nothing(self, web, patient):
        keep(web, patient, grade="9", aware="soon", seriousness=["severe"], onset="31-Feb-2026")
        assert draft().due_at is None
        shown = web.get(f"{new(patient)}?draft=1").content.decode()
        assert 'value="31-Feb-2026"' in shown
        assert 'value="soon"' in shown


class TestKeeping:
    def test_what_was_typed_comes_back_as_it_was(self, web, patient):
        answers = {
            "term": "Fever", "grade": "3", "seriousness": ["hospitalisation", "disability"], "causality": "possible",
            "ongoing": "N", "description": "Two\nlines <b>", "outcome": "unknown",
        }  # fmt: skip
        keep(web, patient, **answers)
        form = web.get(f"{new(patient)}?draft=1").context["form"]

        assert {name: form[name].value() for name in answers} == answers
        assert form["save_key"].value() == KEY

    def test_one_page_has_one_draft_and_a_page_with_nothing_typed_none(self, web, patient):
        assert keep(web, patient).json() == {"kept": "Not saved yet"}
        assert not EventDraft.objects.exists()
        for term in ("Fe", "Fever"):
            keep(web, patient, term=term)
        keep(web, patient, save_key="another page", term="Cough")
        assert [(each.number, each.term) for each in EventDraft.objects.order_by("number")] == [
            (1, "Fever"), (2, "Cough")
        ]  # fmt: skip

    def test_the_button_keeps_it_without_a_script(self, web, patient):
        response = web.post(new(patient), sent(term="Fever", draft="1"), follow=True)
        assert response.redirect_chain == [(f"{new(patient)}?draft=1", 302)]
        assert "Draft, unreported" in text_of(response)
        assert not AdverseEvent.objects.exists()

    def test_a_coordinator_goes_on_and_the_investigators_causality_stays(self, web, trial, patient):
        keep(web, patient, term="Fever", causality="possible")
        nurse = build.client(build.user("coordinator", trial=trial))
        assert nurse.get(f"{new(patient)}?draft=1").context["form"]["term"].value() == "Fever"
        answers = sent(term="High fever")
        del answers["causality"]
        nurse.post(f"{new(patient)}keep/", answers)
        form = web.get(f"{new(patient)}?draft=1").context["form"]
        assert (form["term"].value(), form["causality"].value()) == ("High fever", "possible")

    @pytest.mark.parametrize("number", ["2", "0", "x", "99999999999999999999"])
    def test_a_draft_that_does_not_exist_is_none(self, web, patient, number):
        keep(web, patient, term="Fever")
        response = web.get(f"{new(patient)}?draft={number}")
        assert response.status_code == 404 or response.context["form"]["term"].value() is None

    def test_a_locked_patient_keeps_nothing(self, web, patient):
        with acting(system="test"):
            patient.locked_at = datetime(2026, 9, 15, tzinfo=UTC)
            patient.save(update_fields=["locked_at"])
        response = keep(web, patient, term="Fever")
        assert (response.status_code, EventDraft.objects.count()) == (422, 0)

    def test_keeping_leaves_a_row_of_the_trail_when_the_clock_changes_only(self, web, patient):
        for text in ("F", "Fe", "Fev"):
            keep(web, patient, term=text)
        assert draft().history.count() == 1
        keep(web, patient, term="Fever", grade="4")
        keep(web, patient, term="Fever!", grade="4")
        assert draft().history.count() == 2


class TestFinishing:
    def test_the_save_of_the_page_finishes_its_draft(self, web, patient):
        keep(web, patient, term="Fever")
        web.post(new(patient), typed(patient))
        assert (draft().state, draft().event) == ("finished", AdverseEvent.objects.get())
        keep(web, patient, term="A late beacon")
        assert (draft().state, EventDraft.objects.count()) == ("finished", 1)
        assert web.get(f"{new(patient)}?draft=1").status_code == 404

    def test_the_event_keeps_the_start_of_the_clock(self, web, patient):
        """CLK-04: an awareness typed later than the draft was saved moves nothing."""
        keep(web, patient, grade="4", seriousness=["life_threatening"])
        started = draft().first_saved_at
        with time_machine.travel(started + timedelta(minutes=10), tick=False):
            aware = moment_text(started + timedelta(minutes=5))
            answers = typed(patient, grade="4", seriousness=["life_threatening"], aware=aware)
            assert web.post(new(patient), answers).status_code == 302
        event = AdverseEvent.objects.get()
        assert (event.due_at, event.clock_starts_at) == (started + HOURS, started)

    def test_an_earlier_awareness_counts(self, web, patient):
        keep(web, patient, grade="4")
        assert web.post(new(patient), serious(patient)).status_code == 302
        aware = moment(f"{day(patient, 3)} 12:00").earliest
        assert AdverseEvent.objects.get().due_at == aware + HOURS

    def test_an_event_that_turned_out_not_serious_has_no_clock(self, web, patient):
        keep(web, patient, seriousness=["hospitalisation"])
        web.post(new(patient), typed(patient))
        assert (AdverseEvent.objects.get().due_at, draft().clock()) == (None, None)

    def test_it_is_discarded_with_a_reason_only(self, web, patient):
        keep(web, patient, term="Fever")
        page = reverse("safety:draft-discard", args=[patient.trial.slug, patient.code, 1])
        assert web.post(page, {"reason": "  "}).status_code == 422
        assert web.post(page, {"reason": "Another patient"}).status_code == 302
        assert (draft().state, draft().discarded_reason) == ("discarded", "Another patient")
        assert str(draft().history.latest("history_id").history_change_reason) == "Another patient"
        assert web.post(page, {"reason": "Again"}).status_code == 404

    def test_the_database_keeps_a_draft_and_its_end_together(self, web, patient):
        keep(web, patient, term="Fever")
        for change in (
            {"state": "finished"},
            {"state": "discarded"},
            {"due_at": datetime(2026, 9, 16, tzinfo=UTC)},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                EventDraft.objects.update(**change)


class TestWhereItStands:
    def test_home_the_listing_and_the_checklist_show_it_until_it_ends(self, web, trial, patient):
        home = reverse("reports:home", args=[trial.slug])
        assert "draft, unreported" not in text_of(web.get(home))
        keep(web, patient, term="Septic shock", grade="5", aware=f"{day(patient, 3)} 12:00")

        assert "Event: draft, unreported" in text_of(web.get(home))
        assert "1 past its deadline" in text_of(web.get(home))
        shown = web.get(listing(trial))
        assert "1 draft, unreported" in text_of(shown)
        assert "Septic shock" in text_of(shown)
        assert f"{new(patient)}?draft=1" in shown.content.decode()
        access = access_to(user=build.user("data_manager", trial=trial), slug=trial.slug)
        counted = {each.point.code: each for each in checklist(access)[0]}["event_drafts"]
        assert (counted.total, counted.blocks) == (1, True)

        web.post(new(patient), serious(patient))
        assert "draft, unreported" not in text_of(web.get(home))
        assert "draft, unreported" not in text_of(web.get(listing(trial)))

    def test_a_monitor_sees_it_and_cannot_open_it(self, web, trial, patient):
        keep(web, patient, term="Fever")
        desk = build.client(build.user("monitor", trial=trial))
        shown = desk.get(listing(trial)).content.decode()
        assert "Fever" in shown
        assert "?draft=1" not in shown
        assert desk.post(f"{new(patient)}keep/", sent(term="x")).status_code == 403


def test_the_pages_cost_the_same_queries_with_one_draft_and_with_three(
    web, patient, django_assert_num_queries
):
    keep(web, patient, term="Fever")
    web.get(listing(patient.trial))
    for number in range(3):
        with django_assert_num_queries(7):
            web.get(listing(patient.trial))
        # Two of the loaded dictionary: the grades of the term, and the names that are suggested.
        with django_assert_num_queries(15):
            web.get(f"{new(patient)}?draft=1")
        keep(web, patient, save_key=f"page {number}", term="Cough")


def test_a_discarded_draft_is_not_discarded_again(web, patient, doctor):
    keep(web, patient, term="Fever")
    found = draft()
    with acting(user=doctor, role="investigator"):
        discard_event_draft(draft=found, reason="Another patient", by=doctor)
        assert "already" in refused(discard_event_draft, draft=found, reason="Again", by=doctor)[""][0]
