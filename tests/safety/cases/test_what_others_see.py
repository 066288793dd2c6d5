"""Drug safety alone has the pages of a case; everybody else sees the same whether a report was sent or not."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exports.tables.study import querysets
from operation.blinding.readings import differences, shown, undone
from reports.notices.kinds import notices_of
from safety.models import CaseClock, CaseDecision
from tests.safety.cases.conftest import again, ago, decided, judged
from tests.support import build
from tests.support.database.engines import each_engine_or_one
from tests.support.pages.blinding import without_times
from tests.support.pages.event_forms import listing, page, text_of
from tests.support.study.bedside import NOW
from trials.access import access_to
from trials.roles import ROLES

pytestmark = pytest.mark.django_db


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
