"""Every step asks in one way: its questions, and the effects of a correction, are confirmed by one box (DAT-08)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import Meaning, Signature
from patients.models import Patient
from patients.participation.corrections import correct_inclusion
from patients.participation.disposition import correct_end, end_study
from patients.participation.questions import (
    CONFIRMED,
    Question,
    Questioned,
    ask,
    ask_with_effects,
    token_of,
)
from patients.review.signatures import in_force, sign_casebook
from tests.support import build
from trials.models import Trial

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
INCLUDED = date(2026, 3, 10)
FIRST, SECOND = Question("a", "One?"), Question("b", "Two?")


class TestToken:
    def test_nothing_is_asked_without_a_question(self):
        ask([], "")
        ask([], "anything")
        assert token_of([]) == ""

    def test_the_order_of_the_questions_does_not_matter(self):
        shown = token_of([FIRST, SECOND])
        assert token_of([SECOND, FIRST, FIRST]) == shown
        ask([SECOND, FIRST, FIRST], shown)

    @pytest.mark.parametrize("confirmed", ["", "x", token_of([FIRST]), token_of([FIRST, Question("c", "?")])])
    def test_a_confirmation_covers_exactly_what_was_shown(self, confirmed):
        with pytest.raises(Questioned) as asked:
            ask([FIRST, SECOND], confirmed)
        assert asked.value.questions == (FIRST, SECOND)
        assert str(asked.value) == "One? Two?"


def died(patient: Patient) -> None:
    """Record in the vital status of day 7 that the patient died on the 10th."""
    status = {"survival_status": "DEAD", "died_on": "2026-03-10", "last_contact_on": "2026-03-10"}
    more = {"contact_by": "RECORD", "death_cause": "CARDIAC"}
    build.record(patient, "vital_status", status | more, visit="D7")


@pytest.mark.django_db
@pytest.mark.at(NOW)
@pytest.mark.usefixtures("doctor_acts")
class TestEffects:
    @pytest.fixture
    def included(self, trial: Trial) -> Patient:
        return build.enrolled(trial=trial, on=INCLUDED)

    def asked(self, patient: Patient, correct: Any, **facts: Any) -> Questioned:
        with pytest.raises(Questioned) as asked:
            ask_with_effects(patient, correct, confirmed="", patient=patient, reason="Typo", **facts)
        return asked.value

    def test_a_correction_that_is_not_confirmed_stores_nothing(self, included, doctor):
        asked = self.asked(included, correct_inclusion, on=date(2026, 3, 12), by=doctor)
        (moves,) = asked.questions
        assert "D28: 07-Apr-2026 becomes 09-Apr-2026" in moves.details
        assert moves.text == f"{len(moves.details)} planned days move."
        stored = Patient.objects.get()
        assert stored.enrolled_on == INCLUDED
        assert stored.visits.get(code="D28").planned_on == date(2026, 4, 7)

    def test_confirmed_it_is_carried_out_once(self, included, doctor):
        facts = {"patient": included, "on": date(2026, 3, 12), "reason": "Typo", "by": doctor}
        token = self.asked(included, correct_inclusion, on=date(2026, 3, 12), by=doctor).token
        assert ask_with_effects(included, correct_inclusion, confirmed=token, **facts).enrolled_on == date(
            2026, 3, 12
        )
        assert Patient.objects.get().visits.get(code="D28").planned_on == date(2026, 4, 9)

    def test_own_questions_and_fallen_signatures_share_one_confirmation(self, included, doctor):
        """The end of study asks about the captured death, and the signature on the casebook falls."""
        died(included)
        facts: dict[str, Any] = {"patient": included, "on": INCLUDED, "note": "", "by": doctor}
        build.confirming(end_study, **facts, reason="death")
        with acting(user=doctor, role="investigator"):
            seen = {each.pk: each.version for each in in_force(included)}
            sign_casebook(
                patient=included, seen=seen, meaning=Meaning.APPROVAL, password=build.PASSWORD, by=doctor
            )
        included.refresh_from_db()
        facts |= {"on": date(2026, 3, 11), "end_reason": "death", "reason": "Typo"}
        with pytest.raises(Questioned) as asked:
            ask_with_effects(included, correct_end, confirmed="", **facts)
        own, falls = asked.value.questions
        assert "A form says that the patient died on 10-Mar-2026" in own.text
        assert own.url
        assert falls.text == "1 signature becomes invalid."
        with pytest.raises(Questioned):
            ask_with_effects(included, correct_end, confirmed=token_of([own]), **facts)
        assert Signature.objects.get(target_type="patients.patient").invalidated_at is None
        ask_with_effects(included, correct_end, confirmed=asked.value.token, **facts)
        assert Signature.objects.get(target_type="patients.patient").invalidated_at
        assert Patient.objects.get().ended_on == date(2026, 3, 11)

    def test_every_page_that_asks_shows_the_same_box(self, included, web):
        """A correction with effects, and a visit after the death."""
        slug = included.trial.slug
        died(included)
        why = {"reason": "transcription"}
        sent = {
            "enrol-correct": {"on": "12-Mar-2026", **why},
            "visit-new": {"on": "13-Mar-2026", "reason": "x"},
        }
        for name, answers in sent.items():
            url = reverse(f"patients:{name}", args=[slug, included.code])
            answer = web.post(url, answers)
            form = answer.context["form"]
            box = f'type="checkbox" name="{CONFIRMED}" value="{form.token}"'
            assert answer.status_code == 422
            assert box in answer.content.decode()
            assert web.post(url, {**answers, CONFIRMED: form.token}).status_code == 302
