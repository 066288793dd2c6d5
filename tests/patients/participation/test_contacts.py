"""Attempts to reach a patient at home: the log, when one is due, and the loss to follow-up."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from audit.context import acting
from patients.models import ContactAttempt, Patient, Visit
from patients.participation.disposition import end_study
from patients.participation.logs.contacts import (
    ContactFacts,
    add_contact,
    contacts_due,
    correct_contact,
    strike_out_contact,
)
from patients.participation.questions import Questioned
from patients.participation.visits import hold_visit, miss_visit
from tests.support import build
from tests.support.pages.infusions import errors_of, text_of
from tests.support.study.bedside import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.at(NOW), pytest.mark.one_engine]


@pytest.fixture
def nurse(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture
def home(trial, doctor) -> Patient:
    """A patient on the first day of the window of day 60."""
    return build.enrolled(trial=trial, on=trial.today - timedelta(days=53), investigator=doctor)


@pytest.fixture
def ward(nurse):
    return build.client(nurse)


def tried(patient, by, outcome="no_answer", *, save_key="", **changed) -> ContactAttempt:
    facts = {
        "tried_on": patient.trial.today, "way": "phone", "tried_by": "Nurse", "outcome": outcome, "note": "",
    }  # fmt: skip
    with acting(user=by, role="coordinator", origin="web"):
        given = ContactFacts(**{**facts, **changed})
        return add_contact(patient=patient, facts=given, by=by, save_key=save_key)


def due(patient) -> list[tuple[str, int]]:
    return [(visit.code, visit.attempts) for visit in contacts_due(patient.trial, Visit.objects.all())]


def page(patient, step="", *number) -> str:
    name = f"patients:contact-{step}" if step else "patients:patient-contacts"
    return reverse(name, args=[patient.trial.slug, patient.code, *number])


class TestDue:
    def test_from_the_first_day_of_the_window_until_the_patient_is_reached(self, home, nurse):
        assert due(home) == [("D60", 0)]
        tried(home, nurse)
        tried(home, nurse, "not_there")
        tried(home, nurse, "news")
        assert due(home) == [("D60", 2)]
        tried(home, nurse, "reached")
        assert due(home) == []

    def test_not_the_day_before(self, trial, doctor):
        patient = build.enrolled(trial=trial, on=trial.today - timedelta(days=52), investigator=doctor)
        assert due(patient) == []

    def test_what_was_before_the_window_or_struck_out_settles_nothing(self, home, nurse):
        tried(home, nurse, "reached", tried_on=home.trial.today - timedelta(days=1))
        row = tried(home, nurse, "reached")
        assert due(home) == []
        with acting(user=nurse, role="coordinator"):
            strike_out_contact(row=row, change_reason="Another patient", version=1, by=nurse)
        assert due(home) == [("D60", 0)]

    @pytest.mark.parametrize("settled", ["held", "missed", "refused"])
    def test_not_once_the_visit_is_settled(self, home, nurse, settled):
        visit = home.visits.get(code="D60")
        with acting(user=nurse, role="coordinator"):
            if settled == "held":
                hold_visit(visit=visit, on=home.trial.today, by=nurse)
            elif settled == "missed":
                miss_visit(visit=visit, reason="Moved", by=nurse)
            else:
                tried(home, nurse, "refused")
        assert due(home) == []

    @pytest.mark.parametrize("column", ["follow_up_withdrawn_on", "data_withdrawn_on"])
    def test_not_after_the_withdrawal_of_consent(self, home, column):
        with acting(system="test"):
            Patient.objects.filter(pk=home.pk).update(**{column: home.trial.today})
        assert due(home) == []


class TestEntering:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"tried_on": date(2100, 1, 1)}, "tried_on"),
            ({"tried_on": date(2020, 1, 1)}, "tried_on"),
            ({"way": "pigeon"}, "way"),
            ({"outcome": "maybe"}, "outcome"),
            ({"tried_by": " "}, "tried_by"),
        ],
    )
    def test_what_cannot_be_is_refused_beside_its_field(self, home, nurse, changed, field):
        with pytest.raises(ValidationError) as refusal:
            tried(home, nurse, **{"outcome": "no_answer", **changed})
        assert set(refusal.value.error_dict) == {field}
        assert not ContactAttempt.objects.exists()

    def test_who_withdrew_from_follow_up_is_not_contacted_after_that_day(self, home, nurse):
        day = home.trial.today - timedelta(days=1)
        with acting(system="test"):
            Patient.objects.filter(pk=home.pk).update(follow_up_withdrawn_on=day)
        tried(home, nurse, tried_on=day)
        with pytest.raises(ValidationError, match="withdrew consent for follow-up"):
            tried(home, nurse)

    def test_nothing_is_entered_under_a_lock_and_a_second_click_makes_no_row(self, home, nurse):
        first, second = (tried(home, nurse, save_key="page") for _each in range(2))
        assert first.pk == second.pk
        with acting(system="test"):
            Patient.objects.filter(pk=home.pk).update(locked_at=first.recorded_at)
        for step in (
            lambda: tried(home, nurse),
            lambda: strike_out_contact(row=first, change_reason="No", version=1, by=nurse),
        ):
            with pytest.raises(ValidationError, match="is locked"):
                step()

    def test_a_correction_needs_a_reason_and_the_current_row(self, home, nurse):
        row = tried(home, nurse)
        facts = ContactFacts(
            tried_on=row.tried_on, way="letter", tried_by="Nurse", outcome="no_answer", note=""
        )
        for reason, version in (("", 1), ("Typo", 2)):
            with pytest.raises(ValidationError):
                correct_contact(row=row, facts=facts, change_reason=reason, version=version, by=nurse)
        with acting(user=nurse, role="coordinator"):
            done = correct_contact(row=row, facts=facts, change_reason="Typo", version=1, by=nurse)
        assert (done.way, done.version) == ("letter", 2)


class TestLoss:
    def end(self, patient, by, confirmed=""):
        with acting(user=by, role="coordinator", origin="web"):
            return end_study(
                patient=patient, on=patient.trial.today, reason="lost", note="", by=by, confirmed=confirmed
            )

    def test_it_asks_for_a_failed_attempt_and_is_stored_once_confirmed(self, home, nurse):
        tried(home, nurse, "reached")
        with pytest.raises(Questioned) as asked:
            self.end(home, nurse)
        (question,) = asked.value.questions
        assert question.url == page(home, "new")
        assert self.end(home, nurse, asked.value.token).end_reason == "lost"

    def test_it_does_not_ask_after_one(self, home, nurse):
        tried(home, nurse)
        assert self.end(home, nurse).end_reason == "lost"


class TestPages:
    TYPED = {
        "tried_on": "t", "way": "phone", "tried_by": "Nurse", "outcome": "no_answer", "note": "", "save_key": "k",
    }  # fmt: skip

    @pytest.mark.parametrize("count", [1, 3])
    def test_each_row_costs_no_query(self, home, nurse, ward, django_assert_num_queries, count):
        for _each in range(count):
            tried(home, nurse)
        listing = reverse("patients:contacts", args=[home.trial.slug])
        for address, queries in ((listing, 6), (page(home), 15)):
            ward.get(address)
            with django_assert_num_queries(queries):
                assert ward.get(address).status_code == 200

    def test_entered_corrected_and_struck_out_by_the_pages(self, home, ward):
        assert ward.post(page(home, "new"), self.TYPED).status_code == 302
        changed = {**self.TYPED, "outcome": "reached", "change_reason": "Called back", "version": "1"}
        assert ward.post(page(home, "correct", 1), changed).status_code == 302
        assert "Patient reached" in text_of(ward.get(page(home)))
        gone = {"change_reason": "Entered twice", "version": "2"}
        assert ward.post(page(home, "strike", 1), gone).status_code == 302
        assert "Struck out" in text_of(ward.get(page(home)))

    def test_a_refused_form_keeps_what_was_typed(self, home, ward):
        answer = ward.post(page(home, "new"), {**self.TYPED, "tried_on": "32-Mar", "note": "Kept"})
        assert set(errors_of(answer)) == {"tried_on"}
        assert "Kept" in answer.content.decode()

    def test_home_listing_casebook_and_the_patients_page_show_what_is_due(self, home, nurse, ward):
        tried(home, nurse)
        slug = home.trial.slug
        addresses = [reverse("reports:casebook", args=[slug, home.code]), page(home)]
        shown = [text_of(ward.get(address)) for address in addresses]
        assert "Contact for Day 60 1 failed attempt" in shown[0]
        assert "reached for Day 60 until" in shown[1]
        assert "1 failed attempt so far" in shown[1]
        tiles = ward.get(reverse("reports:home", args=[slug])).context["tiles"]
        assert [tile.count for tile in tiles if str(tile.name) == "Contact due"] == [1]
        listed = ward.get(reverse("patients:contacts", args=[slug]))
        assert [title for _visit, title in listed.context["due"]] == ["Day 60"]

    def test_the_trail_names_the_contact_and_leads_to_it(self, home, nurse, ward):
        tried(home, nurse)
        shown = ward.get(reverse("audit:trail", args=[home.trial.slug])).content.decode()
        assert "Contact 1" in shown
        assert f'href="{page(home)}"' in shown

    def test_the_file_and_the_filters(self, home, nurse, ward):
        tried(home, nurse, note="=1+1")
        tried(home, nurse, "reached", way="letter")
        listing = reverse("patients:contacts", args=[home.trial.slug])
        for query, found in (
            ("outcome=reached", 1), ("way=letter", 1), ("state=struck_out", 0), ("patient=LIE-001", 2),
        ):  # fmt: skip
            assert len(ward.get(f"{listing}?{query}").context["listing"].rows) == found
        sent = ward.get(f"{listing}?format=csv").getvalue().decode("utf-8-sig")
        assert "'=1+1" in {line["note"] for line in csv.DictReader(io.StringIO(sent))}
