"""`manage.py sae_report`: the message to the authority as sent, and the form of a report as sent (SAF-12, ICS-01)."""

import pytest
from django.core.management.base import CommandError
from pypdf import PdfReader

from accounts.models import User
from audit.context import acting
from audit.models import AccessEvent
from safety.authority.reporting import send_to_authority
from safety.icsr.case import Absent
from safety.icsr.reading import case_of
from safety.reporting import amend_event
from tests.exports.test_authority_files import exports_of, report
from tests.safety.authority.conftest import again, ago, reported, with_sponsor
from tests.safety.authority.test_authority_report import SCHEMA, completed
from tests.safety.authority.test_follow_up_clock import followed_up
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.study.invented_dictionary import invented_dictionary, name_release

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("dictionary")]


@pytest.fixture
def officer(trial):
    return build.user("sponsor_safety", trial=trial)


@pytest.fixture
def dictionary(trial, monkeypatch):
    name_release(trial, monkeypatch)
    return invented_dictionary()


@pytest.fixture
def event(patient, doctor, officer):
    return with_sponsor(reported(patient, doctor), officer)


@pytest.fixture
def complete(event, officer):
    """The case with everything that drug safety adds."""
    return completed(event, officer)


def to_authority(event, officer, **given):
    with acting(user=officer, role="sponsor_safety"):
        return send_to_authority(event=event, by=officer, seen=event.authority_reports.count(), **given)


def message(event, out, /, **options) -> bytes:
    report(event, out, format="e2b", **options)
    return out.read_bytes()


def test_the_case_as_it_stands_holds_what_drug_safety_added(complete, tmp_path):
    """ICS-01, ICS-02: its coded term, its identifiers, its judgement; valid for the schema of ICH."""
    written = message(complete, tmp_path / "case.xml")
    case = case_of(written)
    assert case.events[0].term.code == "90000002"
    assert (case.transmission.batch_sender, case.transmission.batch_receiver) == ("SITE", "EVTEST")
    assert [each.source for each in case.drugs[0].relations[0].opinions] == ["Investigator", "Sponsor"]
    assert case.narrative.sender_comment == "Related in our view."
    assert schema_errors(written, SCHEMA) == []


def test_a_message_names_no_person(complete, tmp_path):
    """PRV-06: initials and names are masked, and there is no date of birth."""
    written = message(complete, tmp_path / "case.xml")
    case = case_of(written)
    assert (case.patient.initials, case.patient.born) == (Absent.MASKED, "")
    assert {case.sources[0].given_name, case.sources[0].family_name} == {Absent.MASKED}
    for person in User.objects.all():
        assert person.full_name.encode() not in written


def test_another_receiver_can_be_named_until_it_is_sent(complete, tmp_path):
    assert (
        case_of(message(complete, tmp_path / "a.xml", receiver="OTHER")).transmission.batch_receiver
        == "OTHER"
    )


def test_a_report_that_was_sent_is_written_byte_for_byte(complete, officer, doctor, tmp_path):
    """SAF-12: also after the event was amended, and after a follow-up."""
    first = to_authority(complete, officer)
    over = {"outcome": "recovered", "ongoing": "N", "end": ago(hours=1)}
    with acting(user=doctor, role="investigator"):
        amend_event(event=complete, changes=over, reason="Course", version=complete.version, by=doctor)
    second = to_authority(again(complete), officer, news="Recovered.")
    assert first.message != second.message
    for number, (options, sent) in enumerate(
        [({"report": "initial"}, first), ({"report": "FU1"}, second), ({}, second)]
    ):
        assert message(complete, tmp_path / f"{number}.xml", **options).decode() == sent.message
    with pytest.raises(CommandError, match="Sent: initial, FU1"):
        message(complete, tmp_path / "x.xml", report="FU2")


def test_the_register_tells_of_a_message_to_drug_safety_alone(complete, officer, tmp_path):
    """A.8: that a case was completed may tell the arm."""
    message(complete, tmp_path / "draft.xml")
    to_authority(complete, officer)
    message(complete, tmp_path / "sent.xml")
    rows = AccessEvent.objects.filter(kind="exported").order_by("pk")
    assert [(row.see, row.detail["report"]) for row in rows] == [
        ("judge_case", "draft"),
        ("judge_case", "initial"),
    ]


@pytest.mark.parametrize("role", ["investigator", "monitor", "data_manager", "statistician"])
def test_a_person_of_another_role_is_refused(complete, tmp_path, role):
    """A.8."""
    person = build.user(role, trial=complete.patient.trial)
    with pytest.raises(CommandError, match="may not have"):
        message(complete, tmp_path / "x.xml", user=person.username)
    assert list(tmp_path.iterdir()) == []
    assert exports_of(complete) == []


def test_drug_safety_has_it_in_its_name(complete, officer, tmp_path):
    message(complete, tmp_path / "x.xml", user=officer.username)
    assert AccessEvent.objects.get(kind="exported").user_id == officer.pk


def test_the_form_of_a_report_has_the_answers_as_they_were_sent(event, doctor, tmp_path):
    """SAF-12: what was corrected since is in the follow-up alone."""
    with acting(user=doctor, role="investigator"):
        amend_event(
            event=event, changes={"term": "Anaphylaxis"}, reason="Diagnosis", version=event.version, by=doctor
        )
    event, _report = followed_up(again(event), doctor)
    texts = {}
    for label in ("initial", "FU1"):
        report(event, tmp_path / f"{label}.pdf", report=label)
        pages = PdfReader(tmp_path / f"{label}.pdf").pages
        texts[label] = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "Infusion related reaction" in texts["initial"]
    assert "Anaphylaxis" not in texts["initial"]
    assert "A culture grew nothing." not in texts["initial"]
    assert "Anaphylaxis" in texts["FU1"]
    assert "A culture grew nothing." in texts["FU1"]
