"""Signatures on the adverse events of two patients: which event each counts for, and what cannot be signed (SIG-02)."""

import pytest

from audit.models import Signature
from patients.models import Patient
from patients.review.signatures import sign_records
from safety.listing.filters import AdverseEventFilter
from safety.listing.reviews import ReviewState, attach_reviews, review_state
from safety.models import AdverseEvent
from safety.reporting import mark_entered_in_error, not_reviewable, report_event, review_events
from tests.support import build
from tests.support.study.bedside import NOW
from tests.support.study.refusals import refused
from tests.support.study.reported_events import (
    amend_event_as,
    consented_patient,
    event_answers,
    serious_answers,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "doctor_acts")]


@pytest.fixture
def patient(trial, known_day) -> Patient:
    """A patient who consented on 10 March 2026 at 09:00. It is 12:00 on the 30th at the site."""
    return consented_patient(trial)


@pytest.fixture
def neighbour(patient) -> Patient:
    """Another patient of the trial, who consented at the same time."""
    return consented_patient(patient.trial)


def sign(event: AdverseEvent, by) -> int:
    return review_events(
        events=[event], versions={event.pk: event.version}, by=by, password=build.PASSWORD, meaning="review"
    )


def state(event: AdverseEvent) -> ReviewState:
    attach_reviews([event])
    return review_state(event)


class TestReview:
    """SIG-02."""

    @pytest.fixture
    def events(self, patient, neighbour, doctor) -> list[AdverseEvent]:
        return [report_event(patient=each, by=doctor, **event_answers()) for each in (patient, neighbour)]

    def test_a_signature_counts_for_its_own_event(self, events, doctor):
        mine, other = events
        assert sign(mine, doctor) == 1
        assert (state(mine), state(other)) == (ReviewState.SIGNED, ReviewState.UNSIGNED)
        assert list(AdverseEvent.objects.signed()) == [mine]
        assert list(AdverseEvent.objects.signed(yes=False)) == [other]

    def test_a_change_takes_the_signature_of_its_own_event(self, events, doctor):
        for event in events:
            sign(event, doctor)
        amend_event_as(events[0], doctor, grade=3)
        mine, other = (AdverseEvent.objects.get(pk=event.pk) for event in events)
        assert (state(mine), state(other)) == (ReviewState.INVALIDATED, ReviewState.SIGNED)
        assert list(AdverseEvent.objects.signed()) == [other]

        sign(mine, doctor)
        assert state(mine) == ReviewState.SIGNED
        assert [each.invalidated_at is None for each in mine.signatures] == [True, False]

    def test_a_signature_on_a_form_with_the_same_key_does_not_count(self, patient, doctor):
        record = build.record(
            patient, "demography", {"age": "54", "sex": "M", "height": "178", "weight": "82"}
        )
        event = report_event(patient=patient, by=doctor, **event_answers())
        if event.pk != record.pk:
            event.pk, event.number = record.pk, 2
            event.save(force_insert=True)
        sign_records(records=[record], meaning="review", password=build.PASSWORD, by=doctor)

        assert Signature.objects.get().target_id == event.pk
        assert state(event) == ReviewState.UNSIGNED
        assert not AdverseEvent.objects.signed().exists()

    def test_the_filter_of_the_review_leaves_out_what_was_entered_in_error(self, trial, events, doctor):
        mark_entered_in_error(event=events[0], reason="Another patient", version=1, by=doctor)

        def found(signed):
            return list(AdverseEventFilter({"signed": signed}, AdverseEvent.objects.all(), trial=trial).qs)

        assert found("no") == [events[1]]
        sign(events[1], doctor)
        assert (found("yes"), found("no")) == ([events[1]], [])

    def test_all_are_signed_or_none(self, events, doctor):
        mine, other = events
        versions = {mine.pk: mine.version, other.pk: other.version + 1}
        answer = refused(
            review_events,
            events=events,
            versions=versions,
            by=doctor,
            password=build.PASSWORD,
            meaning="review",
        )
        assert "was changed while you read it" in answer[""][0]
        assert not Signature.objects.exists()
        versions[other.pk] = other.version
        assert (
            review_events(
                events=events, versions=versions, by=doctor, password=build.PASSWORD, meaning="review"
            )
            == 2
        )

    def test_each_event_that_cannot_be_signed_is_named_in_the_order_of_the_reports(
        self, patient, neighbour, doctor
    ):
        open_ones = [
            report_event(patient=each, by=doctor, **event_answers(causality=""))
            for each in (patient, neighbour)
        ]
        answer = refused(
            review_events, events=open_ones[::-1], versions={}, by=doctor, password=build.PASSWORD, meaning="review"
        )  # fmt: skip
        assert answer == {"": [not_reviewable(each) for each in open_ones]}

    def test_an_event_reported_after_the_lock_is_signed_after_it(self, patient, doctor):
        """SAF-11."""
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        locked = Patient.objects.get(pk=patient.pk)
        event = report_event(patient=locked, by=doctor, after_lock_reason="Told today", **serious_answers())
        assert sign(event, doctor) == 1
        assert state(event) == ReviewState.SIGNED

    def test_nothing_chosen_is_nothing_signed(self, doctor):
        answer = refused(
            review_events, events=[], versions={}, by=doctor, password=build.PASSWORD, meaning="review"
        )
        assert answer == {"": ["Choose at least one event."]}

    def test_an_event_in_error_or_without_causality_is_not_signed(self, patient, events, doctor):
        open_one = report_event(patient=patient, by=doctor, **event_answers(term="Cough", causality=""))
        assert "has no causality yet" in not_reviewable(open_one)
        mark_entered_in_error(event=events[0], reason="Another patient", version=1, by=doctor)
        wrong = AdverseEvent.objects.get(pk=events[0].pk)
        assert "was entered in error" in not_reviewable(wrong)
        assert not_reviewable(events[1]) == ""
        assert list(refused(sign, wrong, doctor)) == [""]

    def test_the_event_of_a_locked_patient_is_not_signed_and_that_of_another_is(
        self, patient, events, doctor
    ):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        assert refused(sign, events[0], doctor) == {
            "": [f"{patient.code} is locked: nothing can be changed."]
        }
        assert sign(events[1], doctor) == 1
