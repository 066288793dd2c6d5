"""A serious infusion reaction of a blinded patient at 23:40 on the night the clocks change, from the first symptom to
the authority, through the pages that people use (SAF-06, CLK-01, ICS-01, TIM)."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile

from safety.authority.stored import AuthorityAnswer, AuthorityReport
from safety.classification import Class
from safety.models import AdverseEvent, CaseDecision
from tests.safety.authority.test_authority_report import ANSWERS, SCHEMA, answer_to
from tests.support import build
from tests.support.oracles import schema_errors
from tests.support.pages.event_forms import new, page, text_of
from tests.support.study.invented_dictionary import invented_dictionary, name_release

pytestmark = pytest.mark.django_db

# In Spain 25 October 2026 has 25 hours: at 3:00 it is 2:00 again.
SYMPTOM = datetime(2026, 10, 24, 21, 40, tzinfo=UTC)
REPORTED = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
REPORTED_AGAIN = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
JUDGED = datetime(2026, 10, 25, 9, 0, tzinfo=UTC)
SENT = datetime(2026, 10, 27, 9, 0, tzinfo=UTC)
FOLLOWED_UP = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
NARRATIVE = "Ten minutes after the infusion began: rigors, pressure 60/30. Noradrenaline was given."


@pytest.fixture
def trial(db):
    return build.trial(build.COVID_MSV)


@pytest.fixture
def patient(trial):
    with time_machine.travel(datetime(2026, 10, 24, 8, 0, tzinfo=UTC), tick=False):
        return build.enrolled(trial=trial, on=trial.today)


def as_(role, trial):
    return build.client(build.user(role, trial=trial))


def reported(patient) -> AdverseEvent:
    """Report the event as the nurse types it, 24 October 23:40."""
    typed = {
        "term": "Infusion related reaction", "onset": "24-Oct-2026 23:30", "ongoing": "Y", "end": "", "grade": "4",
        "seriousness": ["life_threatening"], "aware": "24-Oct-2026 23:40", "serious_aware": "",
        "outcome": "not_recovered", "action_taken": "stopped", "aesi": "none", "description": "", "save_key": "night",
    }  # fmt: skip
    with time_machine.travel(SYMPTOM, tick=False):
        answer = as_("coordinator", patient.trial).post(new(patient), typed)
    assert answer.status_code == 302, answer.context["form"].errors
    return AdverseEvent.objects.get()


def test_from_the_first_symptom_to_the_authority(patient, trial, monkeypatch):
    """The 24 hours are elapsed hours: due at 22:40, because the night is one hour longer."""
    name_release(trial, monkeypatch)
    invented_dictionary()
    event = reported(patient)
    assert (event.due_at - event.clock_starts_at).total_seconds() == 24 * 3600

    with time_machine.travel(REPORTED, tick=False):
        doctor = as_("investigator", trial)
        shown = text_of(doctor.get(page(event)))
        assert "25-Oct-2026 22:40" in shown
        signed = {"causality": "possible", "password": build.PASSWORD, "version": "1"}
        assert doctor.post(page(event), signed).status_code == 302

    with time_machine.travel(REPORTED_AGAIN, tick=False):
        doctor = as_("investigator", trial)
        version = AdverseEvent.objects.get().version
        told = {"narrative": f"{NARRATIVE} Was it the placebo?", "version": version, "save_key": "one"}
        refused = doctor.post(page(event, "sae-reports"), told)
        assert refused.status_code == 422
        assert "“placebo”" in str(refused.context["form"].errors["narrative"])
        told["narrative"] = NARRATIVE
        assert doctor.post(page(event, "sae-reports"), told).status_code == 302
        event = AdverseEvent.objects.get()
        # The second 2:30 of that night, one hour after the first.
        assert event.reported.startswith("2026-10-25T02:30+01:00")
        assert not event.clock().open

    with time_machine.travel(JUDGED, tick=False):
        judged = {
            "sponsor_aware": "25-Oct-2026 09:30", "sponsor_causality": "possible", "expectedness": "unexpected",
            "reference_version": "1.0", "sponsor_comment": "", "version": "0",
        }  # fmt: skip
        answer = as_("sponsor_safety", trial).post(page(event, "case"), judged)
        assert answer.status_code == 302, answer.context["form"].errors
        event = AdverseEvent.objects.get()
        assert event.classification is Class.SUSAR
        # Day 0 is the 25th: seven calendar days, whatever the clocks do.
        assert event.case_due_at.astimezone(trial.zone).date().isoformat() == "2026-11-01"

    with time_machine.travel(SENT, tick=False):
        officer = as_("sponsor_safety", trial)
        answers = {**ANSWERS, "version": "0", "sender_comment": "Lot unknown to us."}
        assert officer.post(page(event, "authority-answers"), answers).status_code == 302
        coded = {"use": "event", "code": "90000002", "search": "reaction"}
        assert officer.post(page(event, "authority-term"), coded).status_code == 302
        shown = officer.get(page(event, "authority"))
        assert [each.sentence for each in shown.context["missing"]] == []
        assert officer.post(page(event, "authority-send"), {"seen": "0"}).status_code == 302
        file = officer.get(page(event, "authority-e2b") + "?report=0").content
        assert b"20261024233000+0200" in file or b"202610242330+0200" in file
        for word in (b"MSV-allo<", b"placebo", b"Saline"):
            assert word not in file
        assert CaseDecision.objects.get().result == "sent"

    with time_machine.travel(FOLLOWED_UP, tick=False):
        doctor, officer = as_("investigator", trial), as_("sponsor_safety", trial)
        version = AdverseEvent.objects.get().version
        more = {
            "narrative": f"{NARRATIVE} The patient recovered.", "news": "Recovered.", "version": version,
            "save_key": "two", "seen": "1",
        }  # fmt: skip
        assert doctor.post(page(event, "sae-reports"), more).status_code == 302
        assert (
            officer.post(page(event, "authority-send"), {"seen": "1", "news": "Recovered."}).status_code
            == 302
        )
        decision = CaseDecision.objects.get()
        assert decision.follow_up_sent_at is not None
        report = AuthorityReport.objects.get(number=1)
        upload = SimpleUploadedFile("a.ack", answer_to(report), content_type="application/xml")
        assert officer.post(page(event, "authority-answer"), {"file": upload}).status_code == 302
        assert AuthorityAnswer.objects.get().is_accepted
        shown = text_of(officer.get(page(event, "authority")))
        assert "The patient recovered." in shown
        assert "Accepted by the authority" in shown
        for role in ("investigator", "coordinator", "monitor"):
            seen = text_of(as_(role, trial).get(page(event)))
            assert "With sponsor safety" in seen
            assert "Sent to the authority" not in seen
    # Without the schemas the test is skipped here.
    assert schema_errors(file, SCHEMA) == []
