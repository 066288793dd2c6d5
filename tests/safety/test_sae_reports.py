"""The report of a serious event to the sponsor: narrative, initial and follow-ups, fixed once sent (SAF-11, SAF-12)."""

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.context import acting
from patients.models import Patient
from safety.models import AdverseEvent
from safety.reporting import StaleEvent, amend_event
from safety.sae_reports.sending import send_report
from safety.sae_reports.stored import SaeReport
from tests.support import build
from tests.support.pages.event_forms import page, text_of
from tests.support.study.bedside import INCLUDED

pytestmark = pytest.mark.django_db

IN_ORDER = ["C.1.1", "C.2.r.4", "C.5.4", "D.1", "E.i.1.1a", "G.k.1"]
NARRATIVE = "Fever of 39.5 °C began two hours after infusion 1. Paracetamol was given."


def serious_event(patient: Patient, *, hours_ago: float = 2, **answers) -> AdverseEvent:
    aware = timezone.now() - timedelta(hours=hours_ago)
    zone = patient.protocol.rules.trial.site.time_zone
    known = build.Moment.from_datetime(aware, zone)
    return build.event(patient=patient, seriousness=frozenset({"hospitalisation"}), aware=known, **answers)


@pytest.fixture
def event(patient):
    return serious_event(patient)


@pytest.fixture
def doctor(patient):
    return build.user("investigator", trial=patient.trial)


def send(event: AdverseEvent, by, **changed) -> SaeReport:
    row = AdverseEvent.objects.select_related("patient__trial__protocol", "patient__protocol").get(
        pk=event.pk
    )
    given = {
        "narrative": NARRATIVE,
        "version": row.version,
        "save_key": str(SaeReport.objects.count()),
        **changed,
    }
    with acting(user=by, role="investigator"):
        return send_report(event=row, by=by, **given)


def test_the_initial_report_holds_the_answers_and_stops_the_clock(event, doctor):
    report = send(event, doctor)
    event = AdverseEvent.objects.get(pk=event.pk)
    assert (str(report), report.number, report.narrative, report.news) == ("initial", 0, NARRATIVE, "")
    assert ["term", "Event", "Fever"] in report.facts
    assert event.reported_at is not None
    assert event.clock().open is False
    assert not {name for name, _label, _text in report.facts} & {"due_at", "reported", "late_reason"}


def test_follow_ups_are_numbered_and_say_what_is_new(event, doctor):
    send(event, doctor)
    with pytest.raises(ValidationError) as refused:
        send(event, doctor)
    assert list(refused.value.message_dict) == ["news"]
    first = send(event, doctor, news="Blood culture negative.")
    second = send(event, doctor, news="Recovered.", narrative=f"{NARRATIVE} The patient recovered.")
    assert [str(report) for report in (first, second)] == ["FU1", "FU2"]
    assert SaeReport.objects.count() == 3


def test_what_was_sent_stays_when_the_event_changes(event, doctor):
    report = send(event, doctor)
    row = AdverseEvent.objects.select_related("patient__trial").get(pk=event.pk)
    with acting(user=doctor, role="investigator"):
        amend_event(event=row, changes={"grade": 3}, reason="Worse", version=row.version, by=doctor)
    follow_up = send(event, doctor, news="Grade 3 now.")
    grades = [{name: text for name, _label, text in each.facts}["grade"] for each in (report, follow_up)]
    assert "1" in grades[0]
    assert "3" in grades[1]
    assert SaeReport.objects.get(pk=report.pk).facts == report.facts


@pytest.mark.parametrize("statement", ["narrative = 'other'", "sent_at = CURRENT_TIMESTAMP", "number = 7"])
def test_the_database_refuses_to_change_what_was_sent(event, doctor, statement):
    report = send(event, doctor)
    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        acting(user=doctor),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE safety_saereport SET {statement} WHERE id = %s", [report.pk])
    assert SaeReport.objects.get(pk=report.pk).narrative == NARRATIVE


def test_a_report_is_never_deleted(event, doctor):
    report = send(event, doctor)
    with pytest.raises(TypeError):
        report.delete()


def test_the_trail_holds_each_report(event, doctor):
    report = send(event, doctor)
    row = report.history.get()
    assert (row.history_type, row.history_user_name, row.narrative) == ("+", doctor.get_username(), NARRATIVE)


def test_a_double_click_sends_one_report(event, doctor):
    first = send(event, doctor, save_key="page")
    assert send(event, doctor, save_key="page", version=1).pk == first.pk
    assert SaeReport.objects.count() == 1


def test_an_outdated_page_sends_nothing(event, doctor):
    with pytest.raises(StaleEvent):
        send(event, doctor, version=event.version + 1)
    assert not SaeReport.objects.exists()


def test_a_page_that_does_not_show_the_last_report_sends_nothing(event, doctor):
    send(event, doctor, seen=0)
    with pytest.raises(StaleEvent):
        send(event, doctor, seen=0, news="Recovered.")
    assert str(send(event, doctor, seen=1, news="Recovered.")) == "FU1"


def test_two_requests_without_a_key_are_two_reports(web, event):
    address = page(event, "sae-reports")
    web.post(address, {"narrative": NARRATIVE, "version": event.version})
    version = AdverseEvent.objects.get(pk=event.pk).version
    web.post(address, {"narrative": NARRATIVE, "news": "Recovered.", "version": version})
    assert [str(report) for report in SaeReport.objects.all()] == ["initial", "FU1"]


def test_a_late_report_asks_why(patient, doctor):
    event = serious_event(patient, hours_ago=30)
    with pytest.raises(ValidationError) as refused:
        send(event, doctor)
    assert list(refused.value.message_dict) == ["late_reason"]
    send(event, doctor, late_reason="The file reached us on Monday.")
    assert AdverseEvent.objects.get(pk=event.pk).late_reason == "The file reached us on Monday."


def test_an_event_that_is_not_serious_has_no_report(patient, doctor):
    event = build.event(patient=patient)
    with pytest.raises(ValidationError, match="not serious"):
        send(event, doctor)


def test_a_report_without_a_narrative_is_refused(event, doctor):
    with pytest.raises(ValidationError) as refused:
        send(event, doctor, narrative=" \n ")
    assert list(refused.value.message_dict) == ["narrative"]
    assert AdverseEvent.objects.get(pk=event.pk).reported_at is None


def test_a_narrative_that_names_an_arm_of_a_masked_trial_is_refused(doctor):
    """ICS-04: before anything is stored."""
    trial = build.trial(build.COVID_MSV)
    patient = build.enrolled(trial=trial, on=INCLUDED, investigator=build.user("investigator", trial=trial))
    event = serious_event(patient)
    with pytest.raises(ValidationError) as refused:
        send(event, doctor, narrative="Probably on Placebo: no reaction.")
    assert list(refused.value.message_dict) == ["narrative"]
    assert not SaeReport.objects.exists()


def test_the_page_sends_the_report_and_shows_what_changed(web, event):
    address = page(event, "sae-reports")
    form = web.get(address).context["form"]
    assert [field.name for field in form.visible_fields()] == ["narrative"]
    sent = {"narrative": NARRATIVE, "version": event.version, "save_key": "first"}
    assert web.post(address, sent, follow=True).redirect_chain == [(address, 302)]

    event = AdverseEvent.objects.get(pk=event.pk)
    form = web.get(address).context["form"]
    assert form["narrative"].value() == NARRATIVE
    follow_up = {
        **sent,
        "news": "Recovered.",
        "narrative": f"{NARRATIVE} The fever ended.",
        "save_key": "second",
    }
    response = web.post(address, {**follow_up, "version": event.version}, follow=True)
    assert response.status_code == 200
    assert b"<ins>The fever ended.</ins>" in response.content
    text = text_of(response)
    assert text.index("Follow-up 1") < text.index("Initial report")
    assert "What is new: Recovered." in text


def test_a_refused_report_keeps_what_was_typed(web, event):
    response = web.post(
        page(event, "sae-reports"), {"narrative": "", "version": event.version, "save_key": "x"}
    )
    assert response.status_code == 422
    assert response.context["form"].errors["narrative"]
    stale = web.post(page(event, "sae-reports"), {"narrative": NARRATIVE, "version": 9, "save_key": "x"})
    assert stale.status_code == 422
    assert stale.context["form"]["narrative"].value() == NARRATIVE
    assert not SaeReport.objects.exists()


def test_the_page_lists_what_the_authority_would_miss_by_element(web, event):
    """SAF-12: a completeness list before sending; what drug safety adds is on its own page."""
    text = text_of(web.get(page(event, "sae-reports")))
    assert "H.1 Narrative" in text
    assert "Drug safety of the sponsor adds" in text
    for other in ("E.i.2.1b", "C.1.7", "D.7.2", "N.1.3"):
        assert other not in text
    web.post(page(event, "sae-reports"), {"narrative": NARRATIVE, "version": event.version, "save_key": "a"})
    assert "H.1 Narrative" not in text_of(web.get(page(event, "sae-reports")))


def test_the_sheet_has_the_order_of_the_web_form(web, event):
    """ICS-05."""
    text = text_of(web.get(page(event, "sae-sheet")))
    shown = [element for element in re.findall(r"([C-H]\.[\w.]+) [A-Z]", text) if element in IN_ORDER]
    assert shown == IN_ORDER
    assert "masked (MSK)" in text


def test_the_pages_take_few_queries(web, event, doctor, django_assert_max_num_queries):
    for number in range(4):
        send(event, doctor, **({"news": "More."} if number else {}))
    with django_assert_max_num_queries(24):
        web.get(page(event, "sae-reports"))
    with django_assert_max_num_queries(20):
        web.get(page(event, "sae-sheet"))
