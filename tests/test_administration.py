"""Infusions at the bedside: nothing is recorded that the protocol, the consent or the clock forbids."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from dosing import administration
from dosing.administration import Bedside, mark_not_given, obstacle, record_infusion, record_weight
from dosing.models import Infusion
from dosing.signals import infusion_given
from dosing.stale import Stale
from patients.consenting import record_capacity, record_consent
from patients.ending import end_study
from patients.milestones import milestones
from patients.models import Patient
from tests import build
from tests.build import moment

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 30, 10, 0, tzinfo=UTC)
INCLUDED = date(2026, 3, 10)
FIRST, SECOND, THIRD = 1, 2, 3


@pytest.fixture(autouse=True)
def _on_a_known_day():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def trial():
    return build.trial()


@pytest.fixture
def patient(trial):
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def coordinator(trial):
    return build.user("coordinator", trial=trial)


@pytest.fixture(autouse=True)
def _coordinator_acts(coordinator):
    with acting(user=coordinator, role="coordinator", origin="web"):
        yield


def on(day: str, **changed) -> Bedside:
    """What the ward tells of an infusion from 10:00 to 11:00 on a day of March 2026."""
    told = {
        "weight_kg": Decimal("82.4"),
        "weight_measured": moment(f"{day} 08:00"),
        "started": moment(f"{day} 10:00"),
        "ended": moment(f"{day} 11:00"),
        "volume_ml": Decimal("100"),
        "interrupted": "N",
        "interruption_reason": "",
        "premedication": "None",
        "tolerated": "Y",
        "timing_deviation_reason": "",
    }
    return Bedside(**{**told, **changed})


def stored(patient: Patient, number: int) -> Infusion:
    return Infusion.objects.select_related("patient__trial", "patient__protocol").get(
        patient=patient, number=number
    )


def give(patient: Patient, number: int, facts: Bedside, by, **options) -> Infusion:
    row = stored(patient, number)
    return record_infusion(infusion=row, facts=facts, version=row.version, by=by, **options)


def refused(verb, *arguments, **options) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refusal:
        verb(*arguments, **options)
    error = refusal.value
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


class TestGiving:
    def test_an_infusion_is_given_with_what_the_bedside_tells(self, patient, coordinator):
        row = give(patient, FIRST, on("10-Mar-2026", premedication="Paracetamol 1 g"), coordinator)

        assert stored(patient, FIRST).state == "given"
        assert row.started == "2026-03-10T10:00+01:00[Europe/Brussels]"
        assert row.started_at == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
        assert (row.weight_kg, row.volume_ml, row.premedication) == (Decimal("82.4"), 100, "Paracetamol 1 g")

    def test_the_first_infusion_is_kept_with_the_patient_and_anchors_visits(self, coordinator):
        """Contract: visits anchored to infusion_n are planned again."""
        masked = build.trial(build.COVID_MSV)
        patient = build.enrolled(trial=masked, on=INCLUDED)
        assert patient.visits.get(code="D28").planned_on is None
        told = {
            name: moment(f"11-Mar-2026 {clock}", "Europe/Madrid")
            for name, clock in (("weight_measured", "08:00"), ("started", "10:00"), ("ended", "10:30"))
        }
        give(patient, FIRST, on("11-Mar-2026", weight_kg=Decimal(70), **told), coordinator)

        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 11)
        assert patient.visits.get(code="D28").planned_on == date(2026, 4, 8)

    def test_the_visit_of_the_infusion_was_held_that_day(self, patient, coordinator):
        give(patient, FIRST, on("11-Mar-2026"), coordinator)

        visit = stored(patient, FIRST).visit
        assert (visit.state, visit.held_on) == ("held", date(2026, 3, 11))

    def test_other_rooms_are_told(self, patient, coordinator):
        heard = []
        infusion_given.connect(
            lambda **told: heard.append(told["infusion"].number), weak=False, dispatch_uid="test"
        )
        try:
            give(patient, FIRST, on("10-Mar-2026"), coordinator)
        finally:
            infusion_given.disconnect(dispatch_uid="test")
        assert heard == [1]
        assert [each.label for each in milestones([patient])[patient.pk]] == ["Infusion 1"]

    def test_the_trail_tells_who_recorded_it_and_in_which_role(self, patient, coordinator):
        """AUD-01, AUD-02."""
        row = give(patient, FIRST, on("10-Mar-2026"), coordinator)
        entry = Infusion.history.filter(id=row.pk).order_by("-history_id").first()

        assert (entry.history_user_name, entry.history_role) == (coordinator.username, "coordinator")
        assert (entry.state, entry.history_patient) == ("given", patient.pk)

    def test_in_a_masked_trial_only_the_listener_looks_for_a_product(self, coordinator):
        """BLD-01: what the verb answers cannot depend on a product it never reads."""
        masked = build.trial(build.COVID_MSV)
        patient = build.enrolled(trial=masked, on=INCLUDED)
        told = {
            name: moment(f"10-Mar-2026 {clock}", "Europe/Madrid")
            for name, clock in (("weight_measured", "08:00"), ("started", "10:00"), ("ended", "10:30"))
        }
        from dosing import preparing

        infusion_given.disconnect(dispatch_uid="dosing.dose")
        try:
            with CaptureQueriesContext(connection) as captured:
                give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal(70), **told), coordinator)
        finally:
            infusion_given.connect(preparing.on_infusion_given, dispatch_uid="dosing.dose")
        touched = [
            query["sql"]
            for query in captured
            if "dosing_preparation" in query["sql"] or "slot" in query["sql"]
        ]
        assert touched == []


class TestWhatIsNeededBefore:
    def test_a_patient_in_screening_cannot_be_dosed(self, trial, coordinator):
        """P11-06, CEL-14: nothing is given before inclusion."""
        patient = build.eligible(trial=trial, screened_on=INCLUDED)
        row = Infusion.objects.create(patient=patient, number=1, state="planned")
        told = refused(record_infusion, infusion=row, facts=on("10-Mar-2026"), version=1, by=coordinator)
        assert told == {"": [f"{patient.code} cannot receive an infusion: the status is “Screening”."]}

    def test_nothing_is_given_before_the_day_of_inclusion(self, patient, coordinator):
        """P11-06."""
        told = refused(give, patient, FIRST, on("09-Mar-2026"), coordinator)
        assert told == {"started": ["The patient was included on 10-Mar-2026: nothing can be given before."]}

    def test_nothing_is_given_after_the_end_of_study(self, patient, coordinator):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=coordinator)
        told = refused(give, patient, FIRST, on("13-Mar-2026"), coordinator)
        assert told["started"] == [
            "The study ended for this patient on 12-Mar-2026: nothing can be given after."
        ]

    def test_an_infusion_before_the_end_of_study_can_still_be_recorded(self, patient, coordinator):
        end_study(patient=patient, on=date(2026, 3, 12), reason="withdrawal", note="No more", by=coordinator)
        assert give(patient, FIRST, on("11-Mar-2026"), coordinator).state == "given"

    def test_a_signature_on_the_eligibility_that_does_not_hold_stops_the_infusion(self, patient, coordinator):
        """P11-06: no infusion before eligibility is signed."""
        patient.eligibility_decisions.update(group="B")
        told = refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)
        assert "signature on the eligibility does not hold" in told[""][0]
        assert "signature" in obstacle(stored(patient, FIRST))

    def test_a_consent_given_after_the_start_does_not_cover_it(self, patient, coordinator):
        """CEL-14."""
        patient.consents.update(given_at=datetime(2026, 3, 10, 9, 30, tzinfo=UTC))
        told = refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)
        assert told["started"] == ["No consent had been given at that time."]

    def test_a_patient_who_can_decide_again_confirms_before_the_next_infusion(self, trial, coordinator):
        """I6 of the Liège protocol, CEL-14."""
        patient = build.enrolled(trial=trial, on=INCLUDED)
        patient.consents.update(type="legal_representative")
        patient = Patient.objects.get(pk=patient.pk)
        record_capacity(patient=patient, regained_on=date(2026, 3, 11), by=coordinator)
        assert give(patient, FIRST, on("11-Mar-2026"), coordinator).state == "given"
        told = refused(give, patient, SECOND, on("14-Mar-2026"), coordinator)
        assert "own consent comes first" in told["started"][0]
        record_consent(
            patient=patient, type="patient", version="1.0", given=moment("13-Mar-2026 09:00"), by=coordinator
        )
        assert give(patient, SECOND, on("14-Mar-2026"), coordinator).state == "given"

    def test_nothing_stands_in_the_way_of_a_patient_in_order(self, patient):
        assert obstacle(stored(patient, FIRST)) == ""
        assert obstacle(stored(patient, SECOND)) == "Infusion 1 is still planned: record it first."

    def test_a_locked_patient_is_not_changed(self, patient, coordinator):
        Patient.objects.filter(pk=patient.pk).update(locked_at=NOW)
        told = refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)
        assert told == {"": [f"{patient.code} is locked: nothing can be changed."]}


class TestTimes:
    @pytest.mark.parametrize("end", ["10-Mar-2026 10:00", "10-Mar-2026 09:59"])
    def test_the_end_comes_after_the_start(self, patient, coordinator, end):
        """DAT-08."""
        told = refused(give, patient, FIRST, on("10-Mar-2026", ended=moment(end)), coordinator)
        assert told == {"ended": ["The end must be after the start (10-Mar-2026 10:00)."]}

    def test_an_infusion_across_the_hour_that_repeats_is_measured_in_elapsed_time(self, trial, coordinator):
        """TIM: 02:30 summer time comes before 02:10 winter time."""
        with time_machine.travel(datetime(2026, 10, 27, tzinfo=UTC), tick=False):
            patient = build.enrolled(trial=trial, on=date(2026, 10, 25))
            told = on(
                "25-Oct-2026",
                weight_measured=moment("25-Oct-2026 01:00"),
                started=moment("25-Oct-2026 02:30 +02:00"),
                ended=moment("25-Oct-2026 02:10 +01:00"),
            )
            row = give(patient, FIRST, told, coordinator)
        assert row.ended_at - row.started_at == timedelta(minutes=40)

    def test_nothing_ends_in_the_future(self, patient, coordinator):
        facts = on("30-Mar-2026", started=moment("30-Mar-2026 11:30"), ended=moment("30-Mar-2026 12:01"))
        told = refused(give, patient, FIRST, {**facts, "timing_deviation_reason": "late"}, coordinator)
        assert told == {"ended": ["This time has not come yet. Check the date."]}

    def test_a_second_infusion_before_the_first_is_refused(self, patient, coordinator):
        told = refused(give, patient, SECOND, on("13-Mar-2026"), coordinator)
        assert told == {"": ["Infusion 1 is still planned: record it first."]}

    def test_a_second_infusion_during_the_first_is_refused(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        told = refused(give, patient, SECOND, on("10-Mar-2026", timing_deviation_reason="?"), coordinator)
        assert "Infusion 1 was given from 10-Mar-2026 10:00 to 10-Mar-2026 11:00" in told["started"][0]

    def test_the_first_infusion_is_not_moved_behind_the_second(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        give(patient, SECOND, on("13-Mar-2026"), coordinator)
        facts = on("14-Mar-2026", timing_deviation_reason="late")
        told = refused(give, patient, FIRST, facts, coordinator, reason="wrong day")
        assert "Infusion 2 was given" in told["ended"][0]


class TestDaysBetween:
    """CEL-11: three to four days apart; outside is a deviation with its reason, never silence."""

    @pytest.mark.parametrize(("day", "fits"), [(12, False), (13, True), (14, True), (15, False)])
    def test_the_interval_counts_calendar_days_from_what_was_given(self, patient, coordinator, day, fits):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        facts = on(f"{day}-Mar-2026")
        if fits:
            assert give(patient, SECOND, facts, coordinator).timing_deviation_reason == ""
            return
        told = refused(give, patient, SECOND, facts, coordinator)
        assert told == {
            "timing_deviation_reason": [
                (
                    f"The protocol allows 13-Mar-2026 to 14-Mar-2026. Say why it was given on {day}-Mar-2026:"
                    " this is a deviation."
                )
            ]
        }
        given = give(patient, SECOND, {**facts, "timing_deviation_reason": "No cells"}, coordinator)
        assert given.timing_deviation_reason == "No cells"

    @pytest.mark.parametrize(("day", "fits"), [(10, True), (12, True), (13, False)])
    def test_the_first_infusion_follows_inclusion_within_the_days_of_the_protocol(
        self, patient, coordinator, day, fits
    ):
        if fits:
            assert give(patient, FIRST, on(f"{day}-Mar-2026"), coordinator).state == "given"
        else:
            told = refused(give, patient, FIRST, on(f"{day}-Mar-2026"), coordinator)
            assert list(told) == ["timing_deviation_reason"]

    def test_a_blank_reason_is_no_reason(self, patient, coordinator):
        facts = on("20-Mar-2026", timing_deviation_reason="  \n ")
        assert list(refused(give, patient, FIRST, facts, coordinator)) == ["timing_deviation_reason"]

    def test_the_clocks_changing_does_not_change_the_days(self, trial, coordinator):
        """TIM: 28 to 31 March is three days although it is 71 hours."""
        with time_machine.travel(datetime(2026, 4, 2, tzinfo=UTC), tick=False):
            patient = build.enrolled(trial=trial, on=date(2026, 3, 28))
            give(patient, FIRST, on("28-Mar-2026"), coordinator)
            early = on("31-Mar-2026", started=moment("31-Mar-2026 08:30"), ended=moment("31-Mar-2026 09:00"))
            assert give(patient, SECOND, early, coordinator).timing_deviation_reason == ""

    def test_what_follows_is_planned_from_what_was_given(self, patient, coordinator):
        before = [stored(patient, number).planned_on for number in (FIRST, SECOND, THIRD)]
        give(patient, FIRST, on("12-Mar-2026"), coordinator)
        after = [stored(patient, number) for number in (SECOND, THIRD)]

        assert before == [date(2026, 3, 10), date(2026, 3, 13), date(2026, 3, 16)]
        assert [(row.window_from, row.window_to) for row in after] == [
            (date(2026, 3, 15), date(2026, 3, 16)),
            (date(2026, 3, 18), date(2026, 3, 20)),
        ]

    def test_moving_an_infusion_asks_for_the_reason_of_the_one_that_no_longer_fits(
        self, patient, coordinator
    ):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        give(patient, SECOND, on("13-Mar-2026"), coordinator)
        told = refused(give, patient, FIRST, on("11-Mar-2026"), coordinator, reason="wrong day")
        assert told == {
            "started": [
                "Infusion 2, on 13-Mar-2026, would be outside 14-Mar-2026 to 15-Mar-2026: give its reason first."
            ]
        }
        give(
            patient,
            SECOND,
            on("13-Mar-2026", timing_deviation_reason="early"),
            coordinator,
            reason="explained",
        )
        assert give(patient, FIRST, on("11-Mar-2026"), coordinator, reason="wrong day").state == "given"
        assert Patient.objects.get(pk=patient.pk).first_infusion_on == date(2026, 3, 11)
        assert stored(patient, FIRST).visit.held_on == date(2026, 3, 11)


class TestWeight:
    """CEL-09."""

    def test_a_weight_older_than_the_protocol_allows_is_refused_at_the_minute(self, patient, coordinator):
        day_old = moment("10-Mar-2026 10:00")
        facts = on("11-Mar-2026", weight_measured=day_old)
        late = {**facts, "started": moment("11-Mar-2026 10:01")}
        told = refused(give, patient, FIRST, late, coordinator)
        assert told == {"weight_measured": ["At the start the weight was older than 24 hours. Weigh again."]}
        assert give(patient, FIRST, facts, coordinator).state == "given"

    def test_a_weight_measured_after_the_start_cannot_have_decided_the_dose(self, patient, coordinator):
        facts = on("10-Mar-2026", weight_measured=moment("10-Mar-2026 10:01"))
        assert "after the start" in refused(give, patient, FIRST, facts, coordinator)["weight_measured"][0]

    @pytest.mark.parametrize("kg", ["24.99", "350.01", "0", "-82.4"])
    def test_a_weight_nobody_has_is_refused_even_with_a_word(self, patient, coordinator, kg):
        facts = on("10-Mar-2026", weight_kg=Decimal(kg), weight_confirmation="weighed twice")
        told = refused(give, patient, FIRST, facts, coordinator)
        assert told == {"weight_kg": ["A weight lies between 25 and 350 kg. Weigh again."]}

    def test_a_weight_is_never_rounded(self, patient, coordinator):
        """DAT-10."""
        facts = on("10-Mar-2026", weight_kg=Decimal("82.405"))
        assert "nothing is rounded" in refused(give, patient, FIRST, facts, coordinator)["weight_kg"][0]

    def test_a_jump_of_more_than_a_tenth_is_confirmed_in_words(self, patient, coordinator):
        """The evidence says 82.4 kg on the day of screening."""
        facts = on("10-Mar-2026", weight_kg=Decimal("90.65"))
        told = refused(give, patient, FIRST, facts, coordinator)
        assert told == {
            "weight_confirmation": [
                "The weight was 82.4 kg (Demography, 10-Mar-2026). If 90.65 kg is right, say how you made sure."
            ]
        }
        sure = {**facts, "weight_confirmation": "Weighed twice, oedema"}
        assert give(patient, FIRST, sure, coordinator).weight_confirmation == "Weighed twice, oedema"

    def test_exactly_a_tenth_is_no_jump(self, patient, coordinator):
        assert (
            give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), coordinator).state == "given"
        )

    def test_the_next_weight_is_compared_with_the_latest_one(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026", weight_kg=Decimal("90.64")), coordinator)
        assert (
            give(patient, SECOND, on("13-Mar-2026", weight_kg=Decimal("99.7")), coordinator).state == "given"
        )

    def test_the_weight_can_be_recorded_before_the_infusion(self, patient, coordinator):
        """CEL-09: the laboratory needs it before the thaw."""
        row = record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("82.4"), by=coordinator, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert (row.state, row.weight_kg, row.version) == ("planned", Decimal("82.4"), 2)
        assert give(patient, FIRST, on("10-Mar-2026"), coordinator).version == 3

    def test_another_weight_than_the_one_saved_needs_a_reason(self, patient, coordinator):
        """AUD-04: the product may have been prepared for it."""
        record_weight(
            infusion=stored(patient, FIRST), weight_kg=Decimal("84"), by=coordinator, version=1,
            weight_measured=moment("10-Mar-2026 08:00"),
        )  # fmt: skip
        assert list(refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)) == ["reason"]
        assert give(patient, FIRST, on("10-Mar-2026"), coordinator, reason="misread").weight_kg == Decimal(
            "82.4"
        )

    def test_the_weight_of_a_recorded_infusion_is_amended_with_the_infusion(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        told = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=coordinator,
            weight_measured=moment("10-Mar-2026 08:00"), version=2, reason="x",
        )  # fmt: skip
        assert told == {"": ["This infusion is already recorded: amend it there."]}

    def test_a_weight_of_the_future_is_refused(self, patient, coordinator):
        told = refused(
            record_weight, infusion=stored(patient, FIRST), weight_kg=Decimal("82"), by=coordinator,
            weight_measured=moment("31-Mar-2026 08:00"), version=1,
        )  # fmt: skip
        assert list(told) == ["weight_measured"]


class TestAnswers:
    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"interrupted": ""}, "interrupted"),
            ({"interrupted": "maybe"}, "interrupted"),
            ({"interrupted": "Y"}, "interruption_reason"),
            ({"tolerated": "N", "tolerance_note": " "}, "tolerance_note"),
            ({"volume_ml": Decimal(0)}, "volume_ml"),
            ({"volume_ml": Decimal(5001)}, "volume_ml"),
        ],
    )
    def test_an_answer_that_is_missing_or_impossible_is_named(self, patient, coordinator, changed, field):
        assert list(refused(give, patient, FIRST, on("10-Mar-2026", **changed), coordinator)) == [field]
        assert stored(patient, FIRST).state == "planned"

    def test_every_mistake_is_told_at_once(self, patient, coordinator):
        facts = on("10-Mar-2026", interrupted="", volume_ml=Decimal(-1), ended=moment("10-Mar-2026 09:00"))
        assert set(refused(give, patient, FIRST, facts, coordinator)) == {"interrupted", "volume_ml", "ended"}

    @pytest.mark.parametrize(
        "broken",
        [
            {"weight_kg": Decimal(20)},
            {"weight_kg": Decimal(400)},
            {"volume_ml": Decimal(0)},
            {"interrupted": "Y", "interruption_reason": ""},
            {"tolerated": "N", "tolerance_note": ""},
            {"ended_at": NOW - timedelta(days=40)},
            {"weight_kg": None},
            {"state": "not_given", "not_given_reason": ""},
        ],
    )
    def test_the_database_refuses_it_too(self, patient, coordinator, broken):
        """Invariants also live in the database."""
        row = give(patient, FIRST, on("10-Mar-2026"), coordinator)
        with pytest.raises(IntegrityError), transaction.atomic():
            Infusion.objects.filter(pk=row.pk).update(**broken)


class TestChanging:
    def test_a_change_needs_a_reason_and_the_trail_keeps_it(self, patient, coordinator):
        """AUD-04."""
        row = give(patient, FIRST, on("10-Mar-2026"), coordinator)
        changed = on("10-Mar-2026", volume_ml=Decimal(95))
        assert refused(give, patient, FIRST, changed, coordinator) == {"reason": ["Say why this is changed."]}
        give(patient, FIRST, changed, coordinator, reason="5 mL left in the bag")
        entry = Infusion.history.filter(id=row.pk).order_by("-history_id").first()
        assert (entry.volume_ml, entry.history_change_reason) == (95, "5 mL left in the bag")

    def test_two_people_never_overwrite_each_other(self, patient, coordinator):
        """DAT-11."""
        opened = stored(patient, FIRST)
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        with pytest.raises(Stale) as stale:
            record_infusion(
                infusion=opened, facts=on("10-Mar-2026", volume_ml=Decimal(1)), version=1, by=coordinator
            )
        assert (stale.value.row.version, stale.value.row.volume_ml) == (2, 100)

    def test_an_infusion_is_never_deleted(self, patient):
        with pytest.raises(TypeError):
            stored(patient, FIRST).delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            Infusion.objects.filter(patient=patient).delete()


class TestNotGiven:
    def mark(self, patient, number, by, reason="Patient too unstable"):
        row = stored(patient, number)
        return mark_not_given(infusion=row, reason=reason, version=row.version, by=by)

    def test_an_infusion_that_was_not_given_keeps_its_reason(self, patient, coordinator):
        assert self.mark(patient, FIRST, coordinator).not_given_reason == "Patient too unstable"
        assert stored(patient, FIRST).state == "not_given"

    def test_without_a_reason_nothing_is_marked(self, patient, coordinator):
        assert list(refused(self.mark, patient, FIRST, coordinator, reason=" ")) == ["reason"]

    def test_the_next_infusion_is_open_after_one_that_was_not_given(self, patient, coordinator):
        self.mark(patient, FIRST, coordinator)
        assert give(patient, SECOND, on("13-Mar-2026"), coordinator).state == "given"
        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None

    def test_it_can_turn_out_to_have_been_given(self, patient, coordinator):
        self.mark(patient, FIRST, coordinator)
        assert list(refused(give, patient, FIRST, on("10-Mar-2026"), coordinator)) == ["reason"]
        row = give(patient, FIRST, on("10-Mar-2026"), coordinator, reason="wrong patient was marked")
        assert (row.state, row.not_given_reason) == ("given", "")

    def test_one_recorded_for_the_wrong_patient_is_taken_back_with_its_consequences(
        self, patient, coordinator
    ):
        row = give(patient, FIRST, on("10-Mar-2026"), coordinator)
        self.mark(patient, FIRST, coordinator, reason="Recorded for the wrong patient")
        now = stored(patient, FIRST)

        assert (now.state, now.started, now.started_at, now.volume_ml) == ("not_given", "", None, None)
        assert Patient.objects.get(pk=patient.pk).first_infusion_on is None
        past = Infusion.history.filter(id=row.pk).order_by("-history_id")[1]
        assert past.started == "2026-03-10T10:00+01:00[Europe/Brussels]"

    def test_one_before_a_later_infusion_is_not_taken_back(self, patient, coordinator):
        give(patient, FIRST, on("10-Mar-2026"), coordinator)
        give(patient, SECOND, on("13-Mar-2026"), coordinator)
        told = refused(self.mark, patient, FIRST, coordinator)
        assert told == {"": ["A later infusion was given: correct the later one first."]}

    def test_twice_is_once(self, patient, coordinator):
        self.mark(patient, FIRST, coordinator)
        assert "already" in refused(self.mark, patient, FIRST, coordinator)[""][0]


def test_the_bedside_knows_no_name_of_the_product():
    """BLD-01: what both arms share is all that the verbs of the bedside can write."""
    product = {"donor_code", "lot", "bag", "viable_cells", "viability_percent", "thawed", "cells_per_kg"}
    assert not product & set(Bedside.__annotations__)
    assert not product & {field.name for field in Infusion._meta.get_fields()}
    assert administration.CLEARED.keys() <= {field.name for field in Infusion._meta.get_fields()}
