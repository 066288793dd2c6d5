"""The adverse event listing, and the review of several events signed with one password."""

import csv
import io

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent, Meaning, Signature
from safety.labels import Wording
from safety.listing.columns import event_columns
from safety.models import AdverseEvent
from safety.reporting import amend_event, mark_entered_in_error, report_to_sponsor
from tests.support import build
from tests.support.build import moment
from tests.support.pages.event_forms import text_of
from tests.support.study.reported_events import IN_HOSPITAL

pytestmark = pytest.mark.django_db


@pytest.fixture
def listing(trial):
    return reverse("safety:listing", args=[trial.slug])


@pytest.fixture
def signing(trial):
    return reverse("safety:sign", args=[trial.slug])


def serious(patient, **answers) -> AdverseEvent:
    aware = build.moment(f"{patient.screened_on:%d-%b-%Y} 20:00")
    onset = build.moment(f"{patient.screened_on:%d-%b-%Y} 19:00")
    return build.event(patient=patient, seriousness=IN_HOSPITAL, aware=aware, onset=onset, **answers)


def terms(response) -> list[str]:
    return [row.object.term for row in response.context["listing"].rows]


def rows_of(response) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


class TestListing:
    @pytest.fixture(autouse=True)
    def _events(self, patient, doctor):
        build.event(patient=patient, term="Rash", grade=1, causality="unlikely")
        build.event(
            patient=patient, term="Fever", grade=3, causality="possible", ongoing="N", outcome="recovered",
            end=moment(f"{patient.screened_on:%b %Y}"), onset=moment(f"{patient.screened_on:%b %Y}"),
        )  # fmt: skip
        serious(patient, term="Pneumonia", grade=4, causality="", aesi="INFECTION_BACTERIAL")
        wrong = build.event(patient=patient, term="Mix-up", grade=2)
        with acting(user=doctor):
            mark_entered_in_error(event=wrong, reason="Twice", version=1, by=doctor)

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", {"Rash", "Fever", "Pneumonia", "Mix-up"}),
            ("serious=yes", {"Pneumonia"}),
            ("serious=no", {"Rash", "Fever", "Mix-up"}),
            ("grade=3", {"Fever"}),
            ("related=no", {"Rash", "Mix-up"}),
            ("related=yes", {"Fever", "Pneumonia"}),
            ("aesi=any", {"Pneumonia"}),
            ("aesi=INFECTION_BACTERIAL", {"Pneumonia"}),
            ("aesi=none", {"Rash", "Fever", "Mix-up"}),
            ("ongoing=N", {"Fever"}),
            ("signed=no", {"Rash", "Fever", "Pneumonia"}),
            ("signed=yes", set()),
            ("clock=open", {"Pneumonia"}),
            ("clock=overdue", {"Pneumonia"}),
            ("clock=reported", set()),
            ("patient=LIE-001", {"Rash", "Fever", "Pneumonia", "Mix-up"}),
            ("patient=LIE-002", set()),
            ("grade=3&related=yes&ongoing=N", {"Fever"}),
        ],
    )
    def test_each_filter_keeps_what_it_says(self, web, listing, query, found):
        """SAF-14."""
        assert set(terms(web.get(f"{listing}?{query}"))) == found

    def test_a_partial_onset_that_may_lie_after_a_day_is_kept(self, web, listing, patient):
        """DAT-05: fever began in a month, so it may have begun after any day of it."""
        after = patient.screened_on.replace(day=25) if patient.screened_on.day < 25 else patient.screened_on
        found = terms(web.get(listing, {"since": f"{after:%d-%b-%Y}"}))

        assert "Fever" in found
        assert "Pneumonia" not in found or after == patient.screened_on

    def test_rows_come_in_the_order_of_a_heading(self, web, listing):
        assert terms(web.get(f"{listing}?sort=grade")) == ["Rash", "Mix-up", "Fever", "Pneumonia"]
        assert terms(web.get(f"{listing}?sort=-grade"))[0] == "Pneumonia"

    def test_every_answer_that_matters_is_in_the_row(self, web, listing):
        html = text_of(web.get(f"{listing}?serious=yes"))

        seen = "LIE-001,Pneumonia,4,Yes,SAR,Bacterial infection,Ongoing,Not signed,overdue by,1 row"
        for words in seen.split(","):
            assert words in html

    @pytest.mark.parametrize(
        "query", ["sort=term", "sort=-trial__id", "after=x", "before=%00", "sort=%27;drop", "after=WyIxIl0"]
    )
    def test_an_address_that_no_link_makes_is_refused(self, web, listing, query):
        """D.1."""
        assert web.get(f"{listing}?{query}").status_code == 400

    @pytest.mark.parametrize(
        ("field", "value"), [("grade", "7"), ("serious", "perhaps"), ("aesi", "X"), ("since", "soon"),
                             ("signed", "1"), ("patient", "x" * 21), ("since", "2021"), ("patient", "\x00")],
    )  # fmt: skip
    def test_a_filter_that_cannot_be_read_is_reported_beside_it(self, web, listing, field, value):
        response = web.get(listing, {field: value})

        assert response.status_code == 400
        assert response.context["listing"].form.errors[field]
        assert "could not be read" in text_of(response)

    def test_chips_name_the_filters(self, web, listing):
        html = text_of(web.get(f"{listing}?serious=yes&grade=4"))
        assert "Serious: Yes" in html
        assert "Grade: 4" in html

    def test_the_csv_has_the_filtered_rows_and_every_column(self, web, listing, trial):
        rows = rows_of(web.get(f"{listing}?related=yes&format=csv&sort=grade"))

        assert list(rows[0]) == [column.name for column in event_columns(Wording(trial.rules))]
        assert [row["term"] for row in rows] == ["Fever", "Pneumonia"]
        assert rows[1]["class"] == "SAR"
        assert rows[1]["seriousness"] == "hospitalisation"
        assert len(rows[0]["onset"]) == 7, "a month stays a month"
        assert AccessEvent.objects.filter(kind="exported", trial_id=trial.pk).count() == 1

    def test_the_listing_of_another_trial_is_not_found(self, trial, listing):
        stranger = build.client(build.user("investigator", trial=build.trial(build.COVID_MSV)))
        assert stranger.get(listing).status_code == 404

    def test_events_of_another_trial_are_not_in_it(self, web, listing):
        other = build.trial(build.COVID_MSV)
        build.event(patient=build.patient(trial=other), term="Elsewhere")
        assert "Elsewhere" not in terms(web.get(listing))


@pytest.mark.parametrize("role", ["investigator", "monitor"])
def test_the_listing_costs_the_same_queries_with_one_event_and_with_three(
    trial, patient, listing, role, django_assert_num_queries
):
    web = build.client(build.user(role, trial=trial))
    build.event(patient=patient)
    web.get(listing)
    with django_assert_num_queries(10):
        web.get(listing)
    build.event(patient=patient)
    serious(build.patient(trial=trial))
    with django_assert_num_queries(10):
        web.get(listing)


def test_an_empty_listing_says_what_to_do(web, listing):
    assert "Events are reported from a patient" in text_of(web.get(listing))


class TestSigning:
    @pytest.fixture
    def events(self, patient):
        return [build.event(patient=patient, term=term) for term in ("Rash", "Fever", "Cough")]

    def posted(self, events, **changed) -> dict:
        shown = [f"{event.pk}:{event.version}" for event in events]
        return {"event": shown, "meaning": "review", "password": build.PASSWORD, **changed}

    def test_the_page_shows_the_content_of_every_chosen_event_and_their_number(self, web, signing, events):
        """SIG-04."""
        shown = text_of(web.get(signing, {"event": [events[0].pk, events[2].pk]}))

        assert "Review and sign: 2 adverse events" in shown
        assert "Rash" in shown
        assert "Cough" in shown
        assert "Fever" not in shown

    def test_one_password_signs_each_of_them(self, web, signing, events, doctor, listing):
        """SIG-01, P11-13."""
        response = web.post(signing, self.posted(events), follow=True)
        signatures = Signature.objects.order_by("target_id")

        assert response.redirect_chain == [(listing, 302)]
        assert [signature.target_id for signature in signatures] == [event.pk for event in events]
        assert {signature.meaning for signature in signatures} == {Meaning.REVIEW}
        assert {signature.printed_name for signature in signatures} == {doctor.full_name}
        assert {signature.zone for signature in signatures} == {"Europe/Brussels"}
        assert terms(web.get(f"{listing}?signed=no")) == []

    def test_a_wrong_password_signs_nothing(self, web, signing, events):
        """P11-18."""
        response = web.post(signing, self.posted(events, password="wrong"))

        assert response.status_code == 422
        assert response.context["form"].errors["password"]
        assert "wrong" not in response.content.decode().split("<form")[-1]
        assert not Signature.objects.exists()

    @pytest.mark.parametrize("missing", ["meaning", "password"])
    def test_a_signature_needs_a_meaning_and_a_password(self, web, signing, events, missing):
        response = web.post(signing, self.posted(events, **{missing: ""}))

        assert response.status_code == 422
        assert not Signature.objects.exists()

    def test_an_unknown_meaning_is_refused(self, web, signing, events):
        assert web.post(signing, self.posted(events, meaning="blessing")).status_code == 422
        assert not Signature.objects.exists()

    def test_an_event_that_changed_since_it_was_shown_is_not_signed_nor_are_the_others(
        self, web, signing, events, doctor
    ):
        """SIG-04: only the shown content is signed."""
        posted = self.posted(events)
        with acting(user=doctor):
            amend_event(event=events[1], changes={"grade": 3}, reason="Seen", version=1, by=doctor)
        response = web.post(signing, posted)

        assert response.status_code == 422
        assert "was changed while you read it" in text_of(response)
        assert not Signature.objects.exists()

    def test_an_event_without_causality_waits_for_its_assessment(self, web, signing, patient, events):
        """P11-06: no signature before completion."""
        unassessed = build.event(patient=patient, term="Chills", causality="")
        shown = web.get(signing, {"event": [unassessed.pk, events[0].pk]})
        assert "has no causality yet" in text_of(shown)
        assert f'value="{unassessed.pk}:' not in shown.content.decode()

        assert web.post(signing, self.posted([unassessed, events[0]])).status_code == 422
        assert not Signature.objects.exists()

    def test_a_later_change_invalidates_the_signature_and_the_event_waits_again(
        self, web, signing, events, doctor, listing
    ):
        """SIG-02."""
        web.post(signing, self.posted(events))
        with acting(user=doctor, reason="Seen"):
            amend_event(event=events[0], changes={"grade": 3}, reason="Seen", version=1, by=doctor)

        assert Signature.objects.get(target_id=events[0].pk).invalidated_at is not None
        assert terms(web.get(f"{listing}?signed=no")) == ["Rash"]
        assert "Invalidated" in text_of(web.get(f"{listing}?signed=no"))

    def test_stopping_the_clock_is_a_change_of_what_was_signed(self, web, signing, patient, doctor):
        """SIG-02."""
        event = serious(patient)
        web.post(signing, self.posted([event]))
        with acting(user=doctor):
            at = build.moment(f"{patient.screened_on:%d-%b-%Y} 21:00")
            report_to_sponsor(event=event, at=at, version=1, by=doctor)

        assert Signature.objects.get(target_id=event.pk).invalidated_at is not None

    @pytest.mark.parametrize("event", ["x", "1:x", "", "1;2", "\x00"])
    def test_what_is_no_event_is_refused(self, web, signing, event):
        assert web.get(signing, {"event": event}).status_code == 400

    @pytest.mark.parametrize("event", ["999999", "-1", str(2**70), "0"])
    def test_an_event_that_does_not_exist_is_not_found(self, web, signing, event):
        assert web.get(signing, {"event": event}).status_code == 404

    def test_too_many_at_once_are_refused(self, web, signing):
        assert web.get(signing, {"event": list(range(1, 102))}).status_code == 400

    def test_without_a_choice_the_page_says_where_to_choose(self, web, signing):
        assert "nothing to sign" in text_of(web.get(signing))
        assert web.post(signing, self.posted([])).status_code == 422

    def test_the_page_costs_the_same_queries_with_one_event_and_with_three(
        self, web, signing, events, django_assert_num_queries
    ):
        web.get(signing, {"event": events[0].pk})
        for chosen in (events[:1], events):
            with django_assert_num_queries(9):
                web.get(signing, {"event": [event.pk for event in chosen]})
