"""Drug safety opens a case, judges it and decides; everybody else sees the same whether a report was sent or not."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from exports.tables.study import querysets
from operation.blinding.readings import differences, shown, undone
from patients.models import TreatmentHold
from protocol.values.moments import Moment
from reports.notices.kinds import notices_of
from safety.classification import Class
from safety.models import AdverseEvent, CaseClock, CaseDecision
from safety.reporting import amend_event
from safety.sponsor.cases import StaleCase, judge_case
from safety.sponsor.decisions import decide_case, send_follow_up
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.blinding import without_times
from tests.support.pages.event_forms import listing, page, text_of
from tests.support.study.bedside import NOW
from tests.support.study.locking import hold
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db
ZONE = "Europe/Brussels"
LATER, EARLIER = (f"{year}-01-01T10:00+01:00[Europe/Brussels]" for year in (2031, 2020))


def ago(**length: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(**length), ZONE)


@pytest.fixture
def officer(trial):
    return build.user("sponsor_safety", trial=trial)


@pytest.fixture
def event(patient, doctor):
    """A serious event that the investigator holds for related, three days old."""
    return build.event(
        patient=patient,
        by=doctor,
        term="Anaphylaxis",
        onset=ago(days=3, hours=1),
        causality="possible",
        seriousness=frozenset({"hospitalisation"}),
        aware=ago(days=3),
        grade=3,
    )


def judged(event, officer, **answers) -> AdverseEvent:
    given = {
        "version": event.case_version,
        "sponsor_aware": ago(days=2),
        "expectedness": "unexpected",
        "reference_version": "1.0",
    }
    with acting(user=officer, role="sponsor_safety"):
        return judge_case(event=event, by=officer, **(given | answers))


def decided(event, officer, result="sent", **answers) -> CaseDecision:
    clock = event.case_clocks.order_by("pk").last()
    given = {"result": result, "at": ago(hours=1), "reason": "As the reference says"}
    with acting(user=officer, role="sponsor_safety"):
        return decide_case(clock=clock, by=officer, **(given | answers))


def again(event) -> AdverseEvent:
    return AdverseEvent.objects.get(pk=event.pk)


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


class TestPages:
    def posted(self, event, **changed) -> dict:
        return {
            "sponsor_aware": f"{ago(days=2).wall:%d-%b-%Y %H:%M}", "sponsor_causality": "",
            "expectedness": "unexpected", "reference_version": "1.0", "sponsor_comment": "",
            "version": str(event.case_version), **changed,
        }  # fmt: skip

    def test_drug_safety_opens_judges_and_decides_through_its_pages(self, event, officer):
        """SAF-05: the proposal of the reference stands beside the form; nothing is chosen before."""
        web = build.client(officer)
        cases = reverse("safety:cases", args=[event.patient.trial.slug])
        assert "Anaphylaxis" in text_of(web.get(cases))
        form = web.get(page(event, "case"))
        assert "The term is not listed: unexpected." in text_of(form)
        assert " selected" not in form.content.decode().split('name="expectedness"')[1].split("</select>")[
            0
        ].replace('<option value="" selected>', "")

        answer = web.post(page(event, "case"), self.posted(event), follow=True)
        assert answer.redirect_chain == [(page(event, "case"), 302)]
        assert "SUSAR: day 15" in text_of(answer)
        clock = CaseClock.objects.get()
        decide = reverse(
            "safety:case-decide", args=[event.patient.trial.slug, event.patient.code, event.number, clock.pk]
        )
        refused = web.post(decide, {"result": "not_reportable", "at": f"{ago(hours=1).wall:%d-%b-%Y %H:%M}"})
        assert refused.status_code == 422
        assert "Say why it is not reportable" in text_of(refused)
        sent = {"result": "sent", "at": f"{ago(hours=1).wall:%d-%b-%Y %H:%M}", "reason": "EV-1"}
        assert web.post(decide, sent).status_code == 302
        assert "reported in time" in text_of(web.get(cases))

    def test_a_refused_judgement_loses_nothing_typed(self, event, officer):
        answer = build.client(officer).post(
            page(event, "case"),
            self.posted(event, sponsor_causality="unlikely", sponsor_comment="Kept words"),
        )
        assert answer.status_code == 422
        assert "does not lower" in str(answer.context["form"].errors["sponsor_causality"])
        assert "Kept words" in answer.content.decode()
        assert not again(event).with_sponsor

    @pytest.mark.parametrize("role", each_engine_or_one(sorted(set(ROLES) - {"sponsor_safety"})))
    def test_nobody_else_opens_the_pages_of_drug_safety(self, role, event, officer):
        """A.8: sponsor safety alone."""
        clock = judged(event, officer).case_clocks.get()
        web, place = build.client(build.user(role, trial=event.patient.trial)), [event.patient.trial.slug]
        one = [*place, event.patient.code, event.number]
        for address in (
            reverse("safety:cases", args=place),
            reverse("safety:case", args=one),
            reverse("safety:case-decide", args=[*one, clock.pk]),
            reverse("safety:case-follow-up", args=[*one, clock.pk]),
        ):
            assert web.get(address).status_code == 403
        assert (
            web.post(reverse("safety:case-decide", args=[*one, clock.pk]), {"result": "sent"}).status_code
            == 403
        )
        assert not CaseDecision.objects.exists()

    def test_all_see_that_the_event_is_with_sponsor_safety(self, web, event, officer):
        judged(event, officer)
        shown_page = text_of(web.get(page(event)))
        assert "With sponsor safety" in shown_page
        assert "SUSAR: day 15" in shown_page
        assert "With sponsor safety, due" in text_of(web.get(listing(event.patient.trial)))


class TestTheBlind:
    """Sent, or placebo and so not reportable: the same bytes and statements for every other role (A.8)."""

    @pytest.fixture
    def trial(self):
        return build.trial(build.COVID_MSV)

    def read(self, event, officer, reader, result) -> tuple[dict[str, bytes], list[str], list[str]]:
        """Return what a person is shown after a decision, the statements it took, and the notices; then undo all."""
        trial = event.patient.trial
        addresses = [
            page(event), listing(trial), f"{listing(trial)}?format=csv",
            reverse("reports:home", args=[trial.slug]),
            reverse("reports:casebook", args=[trial.slug, event.patient.code]),
            reverse("reports:notices", args=[trial.slug]),
            reverse("audit:trail", args=[trial.slug]),
        ]  # fmt: skip
        with undone():
            decided(event, officer, result)
            web = build.client(reader)
            with CaptureQueriesContext(connection) as statements:
                pages = {url: without_times(shown(web.get(url))) for url in addresses}
            told = [each.key for each in notices_of(access_to(user=reader, slug=trial.slug))]
        return pages, [re.sub(r"'[^']*'|[0-9]+", "?", each["sql"]) for each in statements], told

    @pytest.mark.at(NOW)
    @pytest.mark.parametrize(
        "role", ["coordinator", "investigator", "monitor", "sponsor_representative", "inspector"]
    )
    def test_a_decision_changes_neither_a_byte_nor_a_statement_for_others(self, role, event, officer):
        """A.8, BLD-02."""
        event, reader = judged(event, officer), build.user(role, trial=event.patient.trial)
        # Once before, so that what a process keeps is known in both readings.
        results = ("sent", "sent", "not_reportable")
        _first, sent, placebo = (self.read(event, officer, reader, result) for result in results)

        assert all(b"200" in body[:3] or b"403" in body[:3] for body in sent[0].values())
        assert b"With sponsor safety" in sent[0][page(event)]
        assert differences(sent[0], placebo[0]) == {}
        assert sent[1:] == placebo[1:]

    def test_the_decision_is_in_the_trail_for_drug_safety_alone(self, event, officer):
        """BLD-03."""
        event = judged(event, officer)
        decided(event, officer, "not_reportable", reason="Placebo was given")
        address = reverse("audit:trail", args=[event.patient.trial.slug])
        for role in ("investigator", "monitor", "inspector", "statistician", "cell_laboratory"):
            web = build.client(build.user(role, trial=event.patient.trial))
            assert "Placebo was given" not in web.get(address).content.decode()
        assert "Placebo was given" in build.client(officer).get(address).content.decode()

    def test_no_export_has_the_decision(self, event, officer):
        """BLD-03: also not for those who know the treatment."""
        event = judged(event, officer)
        decided(event, officer, "not_reportable", reason="Placebo was given")
        for rows in querysets(event.patient.trial, sees_treatment=True).values():
            assert rows.model is not CaseDecision

    def test_a_mail_names_neither_arm_nor_person(self, event, officer):
        """CLK-01: code, kind and link."""
        judged(event, officer)
        access = access_to(user=officer, slug=event.patient.trial.slug)
        told = [(each.kind, each.subject, str(each.text)) for each in notices_of(access)]
        assert told == [("authority", event.patient.code, "A report to the authority is due")]


class TestEscalation:
    """CLK-01: at 50, 80 and 100 % the bell rings anew, for those who must act."""

    @pytest.mark.parametrize(
        ("hours", "text"),
        [
            (1, "A report to the sponsor is due"),
            (12, "A report to the sponsor is due: half of the time has passed"),
            (20, "A report to the sponsor is due: 80 % of the time has passed"),
            (25, "A report to the sponsor is overdue"),
        ],
    )
    def test_the_site_is_told_at_each_stage(self, patient, doctor, hours, text):
        build.event(
            patient=patient, by=doctor, onset=ago(hours=hours), aware=ago(hours=hours), causality="possible",
            seriousness=frozenset({"hospitalisation"}),
        )  # fmt: skip
        access = access_to(user=doctor, slug=patient.trial.slug)
        assert text in [str(each.text) for each in notices_of(access)]

    @pytest.mark.parametrize(
        ("days", "text"),
        [
            (1, "A report to the authority is due"),
            (9, "A report to the authority is due: half of the time has passed"),
            (14, "A report to the authority is due: 80 % of the time has passed"),
            (17, "A report to the authority is overdue"),
        ],
    )
    def test_drug_safety_is_told_until_it_decided(self, patient, doctor, officer, days, text):
        event = build.event(
            patient=patient, by=doctor, onset=ago(days=days), aware=ago(days=days), causality="possible",
            seriousness=frozenset({"hospitalisation"}),
        )  # fmt: skip
        event = judged(event, officer, sponsor_aware=ago(days=days))
        access = access_to(user=officer, slug=patient.trial.slug)
        assert [str(each.text) for each in notices_of(access)] == [text]
        decided(event, officer, late_reason="Late")
        assert list(notices_of(access)) == []

    def test_drug_safety_is_told_of_a_serious_event_without_a_case(self, event, officer):
        access = access_to(user=officer, slug=event.patient.trial.slug)
        assert [each.kind for each in notices_of(access)] == ["case"]
