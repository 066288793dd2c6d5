"""Conditions of the bedside at their edges: what allows an infusion, and what no longer matters after it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from audit.context import acting
from dosing.infusions.administration import mark_not_given, record_weight
from dosing.infusions.infusion_checks import infusion_refusal
from dosing.models import Infusion
from patients.models import EligibilityDecision, Patient, Visit
from patients.participation.consents.consent import record_capacity
from patients.participation.disposition import end_study
from patients.participation.visits import hold_visit
from patients.review.locks import freeze
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import FIRST, INCLUDED, NOW, SECOND, THIRD, give, on, stored
from tests.support.study.refusals import refused

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day", "nurse_acts")]

TAKEN = {"": ["The signature on the eligibility does not hold: an investigator signs it first."]}


@pytest.fixture
def patient(trial, known_day):
    return build.enrolled(trial=trial, on=INCLUDED)


def weigh(patient, number, by, kg="82.4", **more):
    row = stored(patient, number)
    told = {"weight_measured": moment("10-Mar-2026 08:00"), "version": row.version, **more}
    return record_weight(infusion=row, weight_kg=Decimal(kg), by=by, **told)


def mark(patient, number, by, reason="Patient too unstable"):
    row = stored(patient, number)
    return mark_not_given(infusion=row, reason=reason, version=row.version, by=by)


def take_signature_away(patient):
    EligibilityDecision.objects.filter(patient=patient).update(group="B")


def freeze_it(target, by):
    with acting(user=by, role="data_manager"):
        freeze(target=target, reason="Interim", by=by)


class TestTheWeightBefore:
    """CEL-09: the product is prepared for it, so it is refused where the infusion would be."""

    def test_no_weight_is_recorded_for_a_patient_who_cannot_be_treated(self, patient, nurse):
        take_signature_away(patient)
        assert refused(weigh, patient, FIRST, nurse) == TAKEN
        assert stored(patient, FIRST).weight_kg is None

    def test_no_weight_is_recorded_before_the_infusion_before_it(self, patient, nurse):
        told = refused(weigh, patient, SECOND, nurse)
        assert told == {"": ["Infusion 1 is still planned: record it first."]}

    def test_another_weight_needs_a_reason_and_the_same_one_does_not(self, patient, nurse):
        """AUD-04."""
        weigh(patient, FIRST, nurse, "82")
        assert refused(weigh, patient, FIRST, nurse, "83") == {"reason": ["Say why this is changed."]}
        assert refused(weigh, patient, FIRST, nurse, "83", reason=" ") == {
            "reason": ["Say why this is changed."]
        }
        later = moment("10-Mar-2026 08:30")
        assert weigh(patient, FIRST, nurse, "82", weight_measured=later).weight_measured == later.iso
        assert weigh(patient, FIRST, nurse, "83", reason="Misread").weight_kg == Decimal(83)

    def test_why_an_unlikely_weight_is_right_is_kept(self, patient, nurse):
        assert list(refused(weigh, patient, FIRST, nurse, "100")) == ["weight_confirmation"]
        row = weigh(patient, FIRST, nurse, "100", weight_confirmation="  Oedema ")
        assert row.weight_confirmation == "Oedema"
        assert list(refused(weigh, patient, FIRST, nurse, "101", weight_confirmation="  ", reason="x")) == [
            "weight_confirmation"
        ]

    def test_a_weight_recorded_is_not_yet_an_infusion(self, patient, nurse):
        weigh(patient, FIRST, nurse)
        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None
        assert Visit.objects.get(patient=patient, code="INF1").state == "planned"


class TestClosed:
    def test_a_frozen_patient_receives_and_skips_nothing(self, patient, nurse, manager):
        """P11-06."""
        freeze_it(patient, manager)
        frozen = {"": [f"{patient.code} is frozen: nothing is entered until it is released."]}
        assert refused(give, patient, FIRST, on("10-Mar-2026"), nurse) == frozen
        assert refused(weigh, patient, FIRST, nurse) == frozen
        assert refused(mark, patient, FIRST, nurse) == frozen

    def test_the_infusion_of_a_frozen_visit_is_not_recorded(self, patient, nurse, manager):
        freeze_it(Visit.objects.get(patient=patient, code="INF1"), manager)
        frozen = {"": ["INF1 is frozen: nothing is entered until it is released."]}
        assert refused(give, patient, FIRST, on("10-Mar-2026"), nurse) == frozen
        assert refused(mark, patient, FIRST, nurse) == frozen


class TestTheSignature:
    """P11-06: no infusion before eligibility is signed; an infusion that was given stays correctable."""

    def test_an_infusion_that_was_given_can_be_corrected_without_it(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        take_signature_away(patient)
        row = give(patient, FIRST, on("10-Mar-2026", volume_ml=Decimal(95)), nurse, reason="Misread")
        assert row.volume_ml == 95
        assert infusion_refusal(stored(patient, FIRST)) == ""

    def test_one_that_was_not_given_needs_it_again(self, patient, nurse):
        mark(patient, FIRST, nurse)
        take_signature_away(patient)
        assert refused(give, patient, FIRST, on("10-Mar-2026"), nurse, reason="It was given") == TAKEN

    def test_marking_as_not_given_needs_no_signature(self, patient, nurse):
        take_signature_away(patient)
        assert mark(patient, FIRST, nurse).state == "not_given"


class TestTimes:
    def test_an_infusion_may_end_this_minute(self, patient, nurse):
        """It is 12:00 at the site."""
        facts = on(
            "30-Mar-2026",
            started=moment("30-Mar-2026 11:30"),
            ended=moment("30-Mar-2026 12:00"),
            timing_deviation_reason="No cells",
        )
        assert give(patient, FIRST, facts, nurse).state == "given"

    def test_an_infusion_on_the_last_day_of_the_study_is_recorded(self, patient, nurse):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=nurse)
        assert give(patient, FIRST, on("12-Mar-2026"), nurse).state == "given"

    def test_one_after_midnight_of_the_last_day_is_not(self, patient, nurse):
        """In UTC it is still the last day."""
        end_study(patient=patient, on=date(2026, 3, 11), reason="withdrawal", note="No more", by=nurse)
        late = on("12-Mar-2026", started=moment("12-Mar-2026 00:30"), ended=moment("12-Mar-2026 01:30"),
                  weight_measured=moment("11-Mar-2026 20:00"))  # fmt: skip
        assert list(refused(give, patient, FIRST, late, nurse)) == ["started"]

    def test_of_two_infusions_the_second_may_begin_when_the_first_ends(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026"), nurse)
        at_once = on("10-Mar-2026", started=moment("10-Mar-2026 11:00"), ended=moment("10-Mar-2026 12:00"),
                     timing_deviation_reason="Split bag")  # fmt: skip
        assert give(patient, SECOND, at_once, nurse).state == "given"
        longer = on("10-Mar-2026", ended=moment("10-Mar-2026 11:01"))
        assert list(refused(give, patient, FIRST, longer, nurse, reason="Misread")) == ["ended"]

    def test_an_impossible_start_is_told_alone(self, patient, nurse):
        """The message on the days of the protocol would only confuse."""
        told = refused(give, patient, FIRST, on("09-Mar-2026"), nurse)
        assert list(told) == ["started"]

    @pytest.mark.parametrize("volume", ["0.01", "5000"])
    def test_the_smallest_and_the_largest_volume_are_taken(self, patient, nurse, volume):
        assert give(patient, FIRST, on("10-Mar-2026", volume_ml=Decimal(volume)), nurse).volume_ml == Decimal(
            volume
        )

    @pytest.mark.parametrize("volume", ["-0.01", "5000.01"])
    def test_a_volume_beyond_them_is_refused(self, patient, nurse, volume):
        told = refused(give, patient, FIRST, on("10-Mar-2026", volume_ml=Decimal(volume)), nurse)
        assert list(told) == ["volume_ml"]


class TestConsent:
    """CEL-14."""

    def test_a_patient_without_any_consent_receives_nothing(self, trial, patient, nurse):
        """However the patient came into follow-up; the consent of another does not count."""
        other = build.patient(trial=trial, screened_on=INCLUDED)
        Patient.objects.filter(pk=other.pk).update(state="enrolled", enrolled_on=INCLUDED, enrolled_at=NOW)
        Infusion.objects.create(patient=other, number=1, state="planned")
        nothing = {"": ["No consent is recorded: nothing can be given."]}
        assert refused(give, other, FIRST, on("10-Mar-2026"), nurse) == nothing
        assert refused(weigh, other, FIRST, nurse) == nothing

    def test_a_consent_given_at_the_minute_of_the_start_covers_it(self, patient, nurse):
        patient.consents.update(given_at=datetime(2026, 3, 10, 9, 0, tzinfo=UTC))
        assert give(patient, FIRST, on("10-Mar-2026"), nurse).state == "given"

    def test_the_consent_of_another_patient_covers_nobody(self, patient, nurse):
        build.neighbour(patient)
        patient.consents.update(given_at=datetime(2026, 3, 10, 9, 30, tzinfo=UTC))
        told = refused(give, patient, FIRST, on("10-Mar-2026"), nurse)
        assert told["started"] == ["No consent had been given at that time."]

    def test_the_consent_of_a_relative_covers_it_while_the_patient_cannot_decide(self, patient, nurse):
        patient.consents.update(type="legal_representative")
        assert give(patient, FIRST, on("10-Mar-2026"), nurse).state == "given"

    def test_the_latest_consent_before_the_start_decides(self, trial, nurse):
        """A relative consented first, the patient confirmed on the 11th, before the infusion of the 12th."""
        patient = build.enrolled(trial=trial, on=INCLUDED)
        patient.consents.update(type="legal_representative")
        patient = Patient.objects.get(pk=patient.pk)
        record_capacity(patient=patient, regained_on=date(2026, 3, 10), by=nurse)
        build.consent(patient, given=moment("11-Mar-2026 09:00"))
        late = on("12-Mar-2026")

        assert give(patient, FIRST, late, nurse).state == "given"
        told = refused(give, patient, FIRST, on("11-Mar-2026", started=moment("11-Mar-2026 08:59"),
                       weight_measured=moment("11-Mar-2026 08:00")), nurse, reason="Wrong day")  # fmt: skip
        assert told["started"] == [
            "The patient can decide again since 10-Mar-2026: the patient's own consent comes first."
        ]


class TestWhatFollows:
    def test_a_visit_held_on_another_day_keeps_it(self, patient, nurse):
        """The ward recorded the visit itself: the infusion does not move it."""
        visit = Visit.objects.select_related("patient").get(patient=patient, code="INF1")
        hold_visit(visit=visit, on=date(2026, 3, 11), by=nurse)
        give(patient, FIRST, on("12-Mar-2026"), nurse)

        assert Visit.objects.get(pk=visit.pk).held_on == date(2026, 3, 11)

    def test_a_visit_held_on_the_day_of_the_infusion_moves_with_it(self, patient, nurse):
        give(patient, FIRST, on("11-Mar-2026"), nurse)
        give(patient, FIRST, on("12-Mar-2026"), nurse, reason="Wrong day")

        assert stored(patient, FIRST).visit.held_on == date(2026, 3, 12)

    def test_after_the_end_of_study_an_infusion_given_before_it_holds_its_visit(self, patient, nurse):
        """PRV-03: both took place before the end and are recorded late."""
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=nurse)
        give(patient, FIRST, on("11-Mar-2026"), nurse)

        visit = Visit.objects.get(patient=patient, code="INF1")
        assert (visit.state, visit.held_on) == ("held", date(2026, 3, 11))
        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 11)

    def test_the_trail_says_that_the_system_planned_the_infusions(self, patient):
        """AUD-10."""
        planned = stored(patient, FIRST).history.order_by("history_id").first()
        assert planned.history_user_name.startswith("system:schedule for ")

    def test_only_the_first_infusion_is_the_first(self, patient, nurse):
        mark(patient, FIRST, nurse)
        give(patient, SECOND, on("13-Mar-2026"), nurse)

        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None

    def test_after_one_that_was_not_given_the_days_count_from_its_window(self, patient, nurse):
        mark(patient, FIRST, nurse)
        second, third = stored(patient, SECOND), stored(patient, THIRD)

        assert (second.window_from, second.window_to) == (date(2026, 3, 13), date(2026, 3, 16))
        assert (third.window_from, third.window_to) == (date(2026, 3, 16), date(2026, 3, 20))

    def test_texts_are_stored_without_the_blanks_around_them(self, patient, nurse):
        row = give(patient, FIRST, on("10-Mar-2026", premedication="  Paracetamol "), nurse)
        assert row.premedication == "Paracetamol"
        assert mark(patient, FIRST, nurse, reason="  Wrong bag ").not_given_reason == "Wrong bag"

    def test_the_words_of_an_infusion_taken_back_are_cleared(self, patient, nurse):
        give(patient, FIRST, on("10-Mar-2026", interrupted="Y", interruption_reason="Rash"), nurse)
        row = mark(patient, FIRST, nurse)

        assert (row.interrupted, row.interruption_reason, row.premedication, row.ended_at) == (
            "",
            "",
            "",
            None,
        )
        assert Infusion.objects.get(pk=row.pk).version == 3


class TestEveryFact:
    """What the ward told is stored as told, and cleared when the infusion turns out not to have been given."""

    TOLD = {
        "weight_confirmation": "Weighed twice",
        "interrupted": "Y",
        "interruption_reason": "Rash",
        "premedication": "Paracetamol",
        "tolerated": "N",
        "tolerance_note": "Itching",
        "timing_deviation_reason": "No cells",
    }

    def test_each_answer_is_stored(self, patient, nurse):
        row = give(patient, FIRST, on("20-Mar-2026", weight_kg=Decimal(100), **self.TOLD), nurse)
        assert {name: getattr(row, name) for name in self.TOLD} == self.TOLD
        assert (row.started, row.ended) == (
            "2026-03-20T10:00+01:00[Europe/Brussels]",
            "2026-03-20T11:00+01:00[Europe/Brussels]",
        )
        assert row.ended_at == datetime(2026, 3, 20, 10, 0, tzinfo=UTC)
        assert row.weight_measured == "2026-03-20T08:00+01:00[Europe/Brussels]"

    def test_each_answer_is_cleared(self, patient, nurse):
        give(patient, FIRST, on("20-Mar-2026", weight_kg=Decimal(100), **self.TOLD), nurse)
        mark(patient, FIRST, nurse)
        row = stored(patient, FIRST)
        assert {name: getattr(row, name) for name in self.TOLD} == dict.fromkeys(self.TOLD, "")
        assert (row.started, row.started_at, row.ended, row.ended_at) == ("", None, "", None)
        assert row.volume_ml is None

    def test_what_the_form_does_not_ask_stays_empty(self, patient, nurse):
        facts = on("10-Mar-2026")
        del facts["tolerated"]
        row = give(patient, FIRST, facts, nurse)
        assert (row.tolerated, row.tolerance_note, row.weight_confirmation) == ("", "", "")

    def test_what_was_not_tolerated_is_asked_also_if_the_note_is_absent(self, patient, nurse):
        told = refused(give, patient, FIRST, on("10-Mar-2026", tolerated="N"), nurse)
        assert list(told) == ["tolerance_note"]

    def test_a_blank_reason_for_an_interruption_is_none(self, patient, nurse):
        facts = on("10-Mar-2026", interrupted="Y", interruption_reason=" ")
        assert list(refused(give, patient, FIRST, facts, nurse)) == ["interruption_reason"]


class TestWhoSkips:
    def test_a_patient_in_screening_skips_no_infusion(self, trial, nurse):
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        Infusion.objects.create(patient=patient, number=1, state="planned")
        assert refused(mark, patient, FIRST, nurse) == {
            "": [f"{patient.code} cannot skip an infusion: the status is “Screening”."]
        }

    def test_after_the_end_of_study_it_can_be_recorded_that_an_infusion_was_not_given(self, patient, nurse):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=nurse)
        assert mark(patient, FIRST, nurse).state == "not_given"
