"""Drug safety completes a case, sends it, follows up and records the answer, all in the browser (ICS-01 to ICS-06)."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from lxml import etree

from audit.context import acting
from audit.models import AccessEvent
from safety.authority.answering import record_answer
from safety.authority.completing import add_term, complete_case
from safety.authority.reporting import case_to_send, send_to_authority
from safety.authority.stored import AuthorityAnswer, AuthorityCase, AuthorityReport, CaseTerm
from safety.models import CaseDecision
from safety.reporting import amend_event
from safety.sponsor.decisions import decide_case
from tests.safety.authority.conftest import again, ago, reported, with_sponsor
from tests.safety.icsr.test_acknowledgement import ANSWER
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.pages.event_forms import page, text_of
from tests.support.study.invented_dictionary import invented_term
from trials.roles import ROLES

pytestmark = pytest.mark.django_db

SCHEMA = "e2b/multicacheschemas/MCCI_IN200100UV01.xsd"
ANSWERS = {
    "expedited": "yes", "history_text": "None", "autopsy": "", "sender_comment": "Related in our view.",
    "sender": "SITE", "receiver": "EVTEST",
}  # fmt: skip


@pytest.fixture
def web(officer):
    return build.client(officer)


def completed(event, officer):
    """Give the case everything that E2B(R3) needs, through the verbs."""
    with acting(user=officer, role="sponsor_safety"):
        complete_case(event=event, version=0, by=officer, **ANSWERS)
        add_term(event=event, use="event", term=invented_term("90000002"), by=officer)
    return again(event)


def sent(event, officer, **given) -> AuthorityReport:
    with acting(user=officer, role="sponsor_safety"):
        seen = event.authority_reports.count()
        return send_to_authority(event=event, by=officer, **{"seen": seen, **given})


def elements(response) -> set[str]:
    return {each.sentence.split()[0] for each in response.context["missing"]}


class TestCompleting:
    def test_the_page_lists_what_is_missing_with_the_page_where_it_is_entered(self, web, event, dictionary):
        """ICS-01."""
        shown = web.get(page(event, "authority"))
        assert {"N.1.3", "N.1.4", "C.1.7", "D.7.2", "E.i.2.1b"} <= elements(shown)
        places = {each.sentence.split()[0]: each.address for each in shown.context["missing"]}
        assert places["C.1.7"] == page(event, "authority-answers") + "#id_expedited"
        assert places["E.i.2.1b"] == page(event, "authority-term") + "?use=event"
        assert all(
            web.get(address.partition("#")[0]).status_code == 200 for address in places.values() if address
        )

    def test_drug_safety_completes_the_case_through_its_pages(self, web, event, dictionary):
        """ICS-01, ICS-02: then nothing is missing and the file is valid for the schema of ICH."""
        answer = web.post(page(event, "authority-answers"), {**ANSWERS, "version": "0"})
        assert (answer.status_code, answer["Location"]) == (302, page(event, "authority"))
        answer = web.post(
            page(event, "authority-term"), {"use": "event", "code": "90000002", "search": "reaction"}
        )
        assert answer.status_code == 302
        for use in ("history", "indication", "diagnosis"):
            web.post(page(event, "authority-term"), {"use": use, "code": "90000003", "search": "pneumonia"})
        shown = web.get(page(event, "authority"))
        assert elements(shown) == set()
        assert "Invented reaction to an infusion (90000002)" in text_of(shown)
        file = web.get(page(event, "authority-e2b"))
        assert file["Content-Disposition"].startswith("attachment")
        assert b"90000002" in file.content
        assert "Related in our view." in file.content.decode()
        # Without the schemas the test is skipped here.
        assert schema_errors(file.content, SCHEMA) == []

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"expedited": "maybe"}, "expedited"),
            ({"sender": "x" * 61}, "sender"),
            ({"autopsy": "1"}, "autopsy"),
        ],
    )
    def test_a_refused_answer_is_shown_beside_its_field_and_nothing_typed_is_lost(
        self, web, event, changed, field
    ):
        answer = web.post(page(event, "authority-answers"), {**ANSWERS, "version": "0", **changed})
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert "Related in our view." in answer.content.decode()
        assert not AuthorityCase.objects.exists()

    def test_answers_of_two_people_do_not_overwrite_each_other(self, web, event, officer, dictionary):
        completed(event, officer)
        stale = web.post(page(event, "authority-answers"), {**ANSWERS, "expedited": "no", "version": "0"})
        assert stale.status_code == 422
        assert "changed while you typed" in text_of(stale)
        assert AuthorityCase.objects.get().expedited == "yes"

    def test_a_term_is_pinned_with_its_release_and_taken_out_with_a_reason(
        self, web, event, officer, dictionary
    ):
        """SAF-10."""
        completed(event, officer)
        again_ = web.post(
            page(event, "authority-term"), {"use": "event", "code": "90000001", "search": "fever"}
        )
        assert again_.status_code == 422
        assert "Take it out first" in text_of(again_)
        row = CaseTerm.objects.get()
        assert row.dictionary == dictionary
        address = reverse(
            "safety:authority-term-remove",
            args=[event.patient.trial.slug, event.patient.code, event.number, row.pk],
        )
        assert web.post(address, {"reason": " "}).status_code == 422
        assert web.post(address, {"reason": "Wrong term"}).status_code == 302
        assert CaseTerm.objects.get().removed_reason == "Wrong term"
        assert "E.i.2.1b" in elements(web.get(page(event, "authority")))

    @pytest.mark.parametrize(
        "posted", [{"code": "1"}, {"use": "event", "code": "10016558"}, {"use": "x", "code": "90000001"}]
    )
    def test_a_term_that_is_not_offered_is_refused(self, web, event, dictionary, posted):
        assert web.post(page(event, "authority-term"), {"search": "fever", **posted}).status_code == 422
        assert not CaseTerm.objects.exists()

    def test_the_search_answers_with_the_terms_alone(self, web, event, dictionary):
        found = web.get(page(event, "authority-term") + "?search=pneu", headers={"HX-Request": "true"})
        assert "Invented pneumonia (90000003)" in text_of(found)
        assert "<html" not in found.content.decode()

    def test_without_meddra_the_file_is_refused_with_what_to_do(self, web, event):
        """ICS-06."""
        refused = web.get(page(event, "authority-e2b"))
        assert refused.status_code == 422
        assert "load_dictionary" in text_of(refused)
        assert "names no release of MedDRA" in text_of(refused)
        assert "load_dictionary" in text_of(web.get(page(event, "authority-term")))

    def test_production_refuses_the_invented_dictionary(self, event, officer, dictionary, settings):
        """ICS-06."""
        event = completed(event, officer)
        assert case_to_send(event).findings == ()
        settings.PRODUCTION = True
        assert [each.flaw for each in case_to_send(event).findings] == ["test_dictionary"]

    def test_a_code_of_the_listing_counts_until_drug_safety_gives_one(
        self, event, officer, dictionary, trial
    ):
        """SAF-10."""
        from safety.dictionaries.coding import code_event

        manager = build.user("data_manager", trial=trial)
        with acting(user=manager, role="data_manager"):
            code_event(event=event, term=invented_term(), words=event.term, by=manager)
        assert case_to_send(event).case.events[0].term.code == "90000001"
        event = completed(event, officer)
        assert case_to_send(event).case.events[0].term.code == "90000002"

    def test_a_death_asks_for_the_autopsy_and_takes_the_causes(self, patient, doctor, officer, dictionary):
        """D.9: autopsy if the patient died."""
        found = reported(
            patient, doctor, grade=5, outcome="fatal", seriousness=frozenset({"results_in_death"}), ongoing="N",
            end=ago(hours=6),
        )  # fmt: skip
        event = completed(with_sponsor(found, officer), officer)
        assert {"D.9.1", "D.9.3"} <= {each.element for each in case_to_send(event).findings}


class TestSending:
    def test_sent_freezes_the_report_and_stops_the_clock(self, web, event, officer, dictionary):
        """SAF-12, CLK-01."""
        event = completed(event, officer)
        first = web.get(page(event, "authority-send")).context["form"]
        posted = {"seen": "0", "late_reason": "", "save_key": first["save_key"].value()}
        assert web.post(page(event, "authority-send"), posted).status_code == 302
        assert web.post(page(event, "authority-send"), posted).status_code == 302
        report = AuthorityReport.objects.get()
        assert CaseDecision.objects.get().result == "sent"
        file = web.get(page(event, "authority-e2b") + "?report=0")
        assert file.content.decode() == report.message
        assert "Initial report" in text_of(web.get(page(event, "authority")))

    def test_a_follow_up_shows_what_changed(self, web, event, officer, doctor, dictionary):
        """SAF-12: initial, FU1; the initial one stays as it was."""
        event = completed(event, officer)
        report = sent(event, officer)
        over = {"outcome": "recovered", "ongoing": "N", "end": ago(hours=1)}
        with acting(user=doctor, role="investigator"):
            amend_event(event=event, changes=over, reason="Course", version=event.version, by=doctor)
        refused = web.post(page(event, "authority-send"), {"seen": "1", "news": " "})
        assert refused.status_code == 422
        assert web.post(page(event, "authority-send"), {"seen": "1", "news": "Recovered."}).status_code == 302
        text = text_of(web.get(page(event, "authority")))
        assert re.search(r"E\.i\.7 Outcome of the event \d 1", text)
        assert [str(each) for each in AuthorityReport.objects.all()] == ["initial", "FU1"]
        assert AuthorityReport.objects.get(number=0).message == report.message
        assert "Recovered." in text
        messages = AuthorityReport.objects.values_list("message", flat=True)
        assert len({etree.fromstring(each.encode())[0].get("extension") for each in messages}) == 2

    def test_an_incomplete_case_is_not_sent(self, web, event, dictionary):
        """ICS-01."""
        refused = web.post(page(event, "authority-send"), {"seen": "0"})
        assert refused.status_code == 422
        assert "E.i.2.1b" in text_of(refused)
        assert not AuthorityReport.objects.exists()
        assert not CaseDecision.objects.exists()

    def test_a_late_report_says_why(self, patient, doctor, officer, web, dictionary):
        """CLK-05."""
        found = _late(patient, doctor)
        event = completed(with_sponsor(found, officer, sponsor_aware=ago(days=19)), officer)
        refused = web.post(page(event, "authority-send"), {"seen": "0"})
        assert refused.status_code == 422
        assert "late_reason" in refused.context["form"].errors
        posted = {"seen": "0", "late_reason": "The gateway was down"}
        assert web.post(page(event, "authority-send"), posted).status_code == 302
        assert CaseDecision.objects.get().late_reason == "The gateway was down"

    def test_what_was_decided_not_to_be_reportable_is_not_sent(self, event, officer, web, dictionary):
        event = completed(event, officer)
        with acting(user=officer, role="sponsor_safety"):
            decide_case(
                clock=event.case_clocks.get(),
                result="not_reportable",
                at=ago(hours=1),
                reason="Placebo",
                by=officer,
            )
        refused = web.post(page(event, "authority-send"), {"seen": "0"})
        assert refused.status_code == 422
        assert "not reportable" in text_of(refused)
        assert not AuthorityReport.objects.exists()

    def test_another_report_meanwhile_is_shown_first(self, event, officer, web, dictionary):
        event = completed(event, officer)
        sent(event, officer)
        assert web.post(page(event, "authority-send"), {"seen": "0", "news": "x"}).status_code == 422
        assert AuthorityReport.objects.count() == 1

    def test_the_database_refuses_to_change_what_was_sent(self, event, officer, dictionary):
        """SAF-12."""
        report = sent(completed(event, officer), officer)
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            acting(user=officer),
            connection.cursor() as cursor,
        ):
            cursor.execute("UPDATE safety_authorityreport SET message = 'x' WHERE id = %s", [report.pk])
        with pytest.raises(TypeError):
            report.delete()

    def test_the_form_cioms_is_a_pdf_in_the_register_of_drug_safety(self, event, officer, web, dictionary):
        """ICS-05."""
        event = completed(event, officer)
        sent(event, officer)
        address = reverse("exports:cioms", args=[event.patient.trial.slug, event.patient.code, event.number])
        for query, way in (("?report=0", "attachment"), ("?preview=1", "inline")):
            answer = web.get(address + query)
            assert answer["Content-Disposition"].startswith(way)
            assert answer.content.startswith(b"%PDF")
        entry = AccessEvent.objects.filter(kind="exported").order_by("pk").last()
        assert entry.see == "judge_case"

    def test_the_sheet_of_a_sent_report_stays(self, event, officer, web, dictionary):
        event = completed(event, officer)
        sent(event, officer)
        text = text_of(web.get(page(event, "authority-sheet") + "?report=0"))
        assert "90000002" in text
        assert "Paracetamol was given." in text
        for asked in ("7", "x", "-1", "²"):
            assert web.get(page(event, "authority-sheet") + f"?report={asked}").status_code == 404


def _late(patient, doctor):
    from safety.sae_reports.sending import send_report

    event = build.event(
        patient=patient, by=doctor, term="Infusion related reaction", onset=ago(days=20, hours=1), grade=3,
        seriousness=frozenset({"hospitalisation"}), aware=ago(days=20), causality="possible",
    )  # fmt: skip
    with acting(user=doctor, role="investigator"):
        send_report(
            event=event, narrative="Fever.", version=event.version, by=doctor, late_reason="Found late"
        )
    return again(event)


def answer_to(report, code: str = "CA", words: str = "E.i.7 is missing") -> bytes:
    text = ANSWER.format(batch="AA" if code == "CA" else "AE", message=code)
    text = text.replace("BE-STROMA-00001", report.case_number).replace("B-1", report.batch)
    return text.replace("E.i.7 is missing", words).encode()


class TestAnswering:
    @pytest.fixture
    def report(self, event, officer, dictionary):
        return sent(completed(event, officer), officer)

    def upload(self, web, event, content: bytes):
        file = SimpleUploadedFile("answer.ack", content, content_type="application/xml")
        return web.post(page(event, "authority-answer"), {"file": file})

    def test_the_answer_is_matched_and_its_errors_are_listed_by_element(self, web, event, report):
        """ICS-03."""
        content = answer_to(report, "CR", "E.i.7 is missing; D.5 contains invalid value 7; call us")
        assert self.upload(web, event, content).status_code == 302
        assert self.upload(web, event, content).status_code == 302
        row = AuthorityAnswer.objects.get()
        assert (row.report, row.is_accepted, row.code) == (report, False, "CR")
        text = text_of(web.get(page(event, "authority")))
        for words in ("Rejected by the authority", "E.i.7 Outcome of the event", "D.5 Sex", "call us"):
            assert words in text

    def test_an_accepted_report_says_so(self, web, event, report):
        """ICS-03."""
        assert self.upload(web, event, answer_to(report)).status_code == 302
        assert "Accepted by the authority" in text_of(web.get(page(event, "authority")))
        assert AuthorityAnswer.objects.get().words == ""

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"no xml", "no acknowledgement"),
            (b"<a/>", "no acknowledgement"),
            (ANSWER.format(batch="AA", message="CA").encode(), "none of this event"),
            (b"x" * 1_000_002, "at most 1 MB"),
            (b"", "empty"),
        ],
    )
    def test_another_file_is_refused_and_nothing_is_stored(self, web, event, report, content, words):
        refused = self.upload(web, event, content)
        assert refused.status_code == 422
        assert words in str(refused.context["form"].errors["file"])
        assert not AuthorityAnswer.objects.exists()

    def test_without_a_file_it_is_refused(self, web, event, report):
        assert web.post(page(event, "authority-answer"), {}).status_code == 422

    def test_an_answer_to_another_case_of_the_batch_is_refused(self, event, report, officer):
        """ICS-03: both numbers must be ours."""
        other = answer_to(report).replace(
            report.case_number.encode() + b'" root="2.16.840.1.113883.3.989.2.1.3.1"',
            b'ES-OTHER-1" root="2.16.840.1.113883.3.989.2.1.3.1"',
        )
        with acting(user=officer), pytest.raises(Exception, match="none of this event"):
            record_answer(event=event, file=other, by=officer)


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"sponsor_safety"}))
def test_nobody_else_opens_the_pages_of_the_authority(role, event, officer, dictionary):
    """A.8: sponsor safety alone."""
    web = build.client(build.user(role, trial=event.patient.trial))
    names = ["", "-answers", "-term", "-send", "-answer", "-sheet", "-e2b"]
    addresses = [page(event, f"authority{name}") for name in names]
    addresses.append(
        reverse("exports:cioms", args=[event.patient.trial.slug, event.patient.code, event.number])
    )
    assert {web.get(address).status_code for address in addresses} == {403}
    assert web.post(page(event, "authority-send"), {"seen": "0"}).status_code == 403


def test_the_page_takes_few_queries(web, event, officer, dictionary, django_assert_max_num_queries):
    event = completed(event, officer)
    sent(event, officer)
    web.get(page(event, "authority"))
    with django_assert_max_num_queries(32):
        web.get(page(event, "authority"))
