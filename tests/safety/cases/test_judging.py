"""Drug safety opens a case, judges it and decides; the clock of the case follows from its answers."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError

from audit.context import acting
from patients.models import TreatmentHold
from protocol.values.moments import Moment
from safety.classification import Class
from safety.models import CaseClock, CaseDecision
from safety.reporting import amend_event
from safety.sponsor.cases import StaleCase
from safety.sponsor.decisions import send_follow_up
from tests.safety.cases.conftest import again, ago, decided, judged
from tests.support import build
from tests.support.study.locking import hold

pytestmark = pytest.mark.django_db
LATER, EARLIER = (f"{year}-01-01T10:00+01:00[Europe/Brussels]" for year in (2031, 2020))


def kinds(event) -> list[str]:
    return list(event.case_clocks.order_by("pk").values_list("kind", flat=True))


class TestJudging:
    def test_an_unexpected_serious_reaction_is_a_susar_with_15_days(self, event, officer):
        """SAF-06, CLK-02: day 0 is the day of the sponsor's awareness; the deadline by the site's is shown too."""
        assert event.classification is Class.SAR
        event = judged(event, officer)
        clock = event.case_clocks.get()
        awares = event.sponsor_aware_at.astimezone(event.patient.trial.zone).date()

        assert event.classification is Class.SUSAR
        assert clock.kind == "susar"
        assert clock.due_at.astimezone(event.patient.trial.zone).date() == awares + timedelta(days=15)
        assert clock.site_due_at.astimezone(event.patient.trial.zone).date() == awares + timedelta(days=14)
        assert again(event).case_due_at == clock.due_at

    def test_the_relation_that_the_sponsor_alone_sees_sets_the_hold_of_a_stopping_rule(
        self, patient, doctor, officer
    ):
        """CEL-16, SAF-03: the stricter of both opinions; once, whatever is judged later."""
        unrelated = build.event(
            patient=patient, by=doctor, onset=ago(days=3, hours=1), causality="unlikely", grade=3,
            seriousness=frozenset({"hospitalisation"}), aware=ago(days=3),
        )  # fmt: skip
        assert not TreatmentHold.objects.exists()
        event = judged(unrelated, officer, sponsor_causality="possible")
        assert TreatmentHold.objects.get().rule == "SR3"
        judged(event, officer, sponsor_causality="possible", sponsor_comment="More", reason="Comment")
        assert TreatmentHold.objects.count() == 1

    def test_an_expected_one_is_a_sesar_without_a_clock(self, event, officer):
        """SAF-05, SAF-06."""
        event = judged(event, officer, expectedness="expected")

        assert event.classification is Class.SESAR
        assert kinds(event) == []
        assert again(event).case_due_at is None

    def test_a_life_threatening_one_has_7_days(self, patient, doctor, officer):
        """CTR Art. 42(2)(a)."""
        event = build.event(
            patient=patient, by=doctor, onset=ago(days=2), causality="possible", grade=4,
            seriousness=frozenset({"life_threatening"}), aware=ago(days=2),
        )  # fmt: skip
        assert kinds(judged(event, officer, sponsor_aware=ago(days=1))) == ["susar_fatal"]

    def test_a_susar_that_becomes_life_threatening_starts_7_days_anew_and_keeps_the_15(
        self, event, officer, doctor
    ):
        """CLK-04."""
        event = judged(event, officer)
        with acting(user=doctor, role="investigator"):
            changes = {"seriousness": frozenset({"hospitalisation", "life_threatening"}), "grade": 4}
            amend_event(event=event, changes=changes, reason="Shock", version=1, by=doctor)
        first, second = event.case_clocks.order_by("pk")

        assert (first.kind, second.kind) == ("susar", "susar_became_fatal")
        assert second.starts_at > first.starts_at
        assert again(event).case_due_at == min(first.due_at, second.due_at)

    def test_the_opinion_of_the_sponsor_alone_makes_it_a_susar(self, patient, doctor, officer):
        """SAF-03: both opinions are kept, and one is enough."""
        event = build.event(
            patient=patient, by=doctor, onset=ago(days=3), causality="unlikely",
            seriousness=frozenset({"hospitalisation"}), aware=ago(days=3),
        )  # fmt: skip
        assert event.classification is Class.SAE
        event = again(judged(event, officer, sponsor_causality="possible"))

        assert event.classification is Class.SUSAR
        assert event.related
        assert (event.causality, event.sponsor_causality) == ("unlikely", "possible")

    def test_the_investigator_who_sees_a_relation_later_starts_the_clock(self, patient, doctor, officer):
        """CLK-04: to related."""
        event = build.event(
            patient=patient, by=doctor, onset=ago(days=3), causality="unlikely",
            seriousness=frozenset({"hospitalisation"}), aware=ago(days=3),
        )  # fmt: skip
        event = judged(event, officer)
        assert kinds(event) == []
        with acting(user=doctor, role="investigator"):
            amend_event(
                event=event, changes={"causality": "probable"}, reason="Rechallenge", version=1, by=doctor
            )
        assert kinds(event) == ["susar"]

    def test_a_correction_of_the_awareness_needs_a_reason_and_shows_both_clocks(self, event, officer):
        """CLK-06."""
        event = judged(event, officer)
        with pytest.raises(ValidationError, match="Say why"):
            judged(event, officer, sponsor_aware=ago(days=2, hours=23, minutes=50))
        event = judged(
            event,
            officer,
            sponsor_aware=ago(days=2, hours=23, minutes=50),
            reason="The mail was read earlier",
        )
        first, second = event.case_clocks.order_by("pk")

        assert (first.kind, second.kind) == ("susar", "susar")
        assert second.due_at < first.due_at
        assert again(event).case_due_at == second.due_at
        assert str(event.history.latest("history_id").history_change_reason) == "The mail was read earlier"

    @pytest.mark.parametrize(
        ("answers", "field", "sentence"),
        [
            ({"sponsor_aware": None}, "sponsor_aware", "day 0"),
            ({"sponsor_aware": Moment.from_iso("2026-09-13")}, "sponsor_aware", "the day and the time"),
            ({"sponsor_aware": Moment.from_iso(LATER)}, "sponsor_aware", "not come"),
            ({"sponsor_aware": Moment.from_iso(EARLIER)}, "sponsor_aware", "before"),
            ({"sponsor_causality": "unlikely"}, "sponsor_causality", "does not lower"),
            ({"sponsor_causality": "perhaps"}, "sponsor_causality", "answers offered"),
            ({"expectedness": "maybe"}, "expectedness", "answers offered"),
            ({"reference_version": ""}, "reference_version", "in force at the onset: 1.0"),
            ({"reference_version": "0.9"}, "reference_version", "in force at the onset: 1.0"),
            ({"expectedness": ""}, "reference_version", "leave both empty"),
            ({"sponsor_comment": "x" * 2001}, "sponsor_comment", "2000"),
        ],
    )  # fmt: skip
    def test_a_refused_answer_stores_nothing(self, event, officer, answers, field, sentence):
        """SAF-03, SAF-05."""
        with pytest.raises(ValidationError, match=sentence) as refused:
            judged(event, officer, **answers)

        assert list(refused.value.message_dict) == [field]
        assert not again(event).with_sponsor
        assert not CaseClock.objects.exists()

    def test_who_judges_an_older_version_is_told(self, event, officer):
        """DAT-11."""
        judged(event, officer)
        with pytest.raises(StaleCase):
            judged(event, officer, version=0)

    def test_an_event_that_is_not_serious_has_no_case(self, patient, doctor, officer):
        with pytest.raises(ValidationError, match="not serious"):
            judged(build.event(patient=patient, by=doctor), officer)

    def test_a_case_goes_on_below_the_lock(self, event, officer, manager, record):
        """SAF-11, CTR Art. 41(4): the site's answers are locked, the judgement of the sponsor is not."""
        hold("lock", "patient", record, manager)
        assert again(judged(event, officer)).classification is Class.SUSAR
        assert decided(event, officer).result == "sent"


class TestDeciding:
    def test_what_was_sent_is_kept_and_not_changed(self, event, officer):
        event = judged(event, officer)
        decided(event, officer)
        with pytest.raises(ValidationError, match="recorded already"):
            decided(event, officer, "not_reportable")
        with pytest.raises(ValidationError, match="does not change any more"):
            judged(event, officer, expectedness="expected", reason="x")

    @pytest.mark.parametrize(
        ("answers", "field"),
        [
            ({"result": "lost"}, "result"),
            ({"at": Moment.from_iso(LATER)}, "at"),
            ({"at": Moment.from_iso("2026-09-14")}, "at"),
            ({"at": Moment.from_iso(EARLIER)}, "at"),
            ({"result": "not_reportable", "reason": " "}, "reason"),
        ],
    )
    def test_a_refused_decision_stores_nothing(self, event, officer, answers, field):
        event = judged(event, officer)
        with pytest.raises(ValidationError) as refused:
            decided(event, officer, **answers)
        assert list(refused.value.message_dict) == [field]
        assert not CaseDecision.objects.exists()

    def test_a_late_report_needs_a_reason_and_a_fatal_one_a_follow_up(self, patient, doctor, officer):
        """CLK-05, CTR Annex III 2.4: eight days after the first report."""
        event = build.event(
            patient=patient, by=doctor, onset=ago(days=20), causality="possible", grade=4,
            seriousness=frozenset({"life_threatening"}), aware=ago(days=20),
        )  # fmt: skip
        event = judged(event, officer, sponsor_aware=ago(days=19))
        with pytest.raises(ValidationError, match="after the deadline"):
            decided(event, officer, at=ago(days=10))
        decision = decided(event, officer, at=ago(days=10), late_reason="Holiday")
        sent_on = decision.decided_on_at.astimezone(event.patient.trial.zone).date()

        assert decision.late_reason == "Holiday"
        assert decision.follow_up_due_at.astimezone(event.patient.trial.zone).date() == sent_on + timedelta(
            days=8
        )
        with acting(user=officer, role="sponsor_safety"):
            with pytest.raises(ValidationError, match="after the deadline"):
                send_follow_up(decision=decision, at=ago(hours=1), by=officer)
            decision = send_follow_up(decision=decision, at=ago(hours=1), by=officer, late_reason="Autopsy")
            with pytest.raises(ValidationError, match="No follow-up"):
                send_follow_up(decision=decision, at=ago(hours=1), by=officer)
        assert decision.follow_up_late_reason == "Autopsy"
