"""A serious adverse event is reported after the lock, with the reason for the delay."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from audit.context import acting
from patients.models import Patient
from protocol.values.moments import Moment
from safety.models import AdverseEvent
from safety.reporting import amend_event, report_to_sponsor
from tests.support import build
from tests.support.study.locking import hold, lock_error

pytestmark = pytest.mark.django_db


def hours_ago(hours: int) -> Moment:
    return Moment.from_datetime(timezone.now() - timedelta(hours=hours), "Europe/Brussels")


@pytest.mark.parametrize("level", ["patient", "trial"])
def test_a_serious_event_is_reported_after_the_lock_with_a_reason(level, record, manager, doctor):
    """SAF-11, CTR Art. 41(4): it is also followed up, while everything else stays locked."""
    patient = record.patient
    hold("lock", level, record, manager)
    patient = Patient.objects.get(pk=patient.pk)
    aware = hours_ago(3)
    event = build.event(
        patient=patient,
        by=doctor,
        seriousness=frozenset({"hospitalisation"}),
        aware=aware,
        after_lock_reason="The hospital told us today",
    )
    assert event.after_lock_reason == "The hospital told us today"
    row = event.history.get()
    assert (row.history_user_id, row.after_lock_reason) == (doctor.pk, "The hospital told us today")
    with acting(user=doctor, role="investigator"):
        event = amend_event(
            event=event, changes={"term": "Pneumonia"}, reason="Diagnosis", version=1, by=doctor
        )
        report_to_sponsor(event=event, at=hours_ago(1), by=doctor, version=event.version)
    event.refresh_from_db()
    assert event.reported_at is not None


def test_only_a_serious_event_comes_in_after_the_lock(record, manager, doctor):
    patient = Patient.objects.get(pk=record.patient_id)
    with pytest.raises(ValidationError, match="Nothing is locked"):
        build.event(patient=patient, by=doctor, after_lock_reason="x")
    hold("lock", "patient", record, manager)
    with pytest.raises(ValidationError, match="only serious"):
        build.event(patient=patient, by=doctor, after_lock_reason="x")
    with pytest.raises(ValidationError, match="locked"):
        build.event(patient=patient, by=doctor, after_lock_reason="  ")


def test_an_old_event_is_not_opened_by_a_reason(record, manager, patient):
    """The lock admits a new row with a reason, not an old row that is given one."""
    event = build.event(patient=patient)
    hold("lock", "patient", record, manager)
    lock_error(lambda: AdverseEvent.objects.filter(pk=event.pk).update(after_lock_reason="x", grade=4))


def test_the_page_after_the_lock_asks_why_and_stores_the_event(record, trial, manager, doctor):
    hold("lock", "patient", record, manager)
    web, code = build.client(doctor), record.patient.code
    usual = web.get(reverse("safety:report", args=[trial.slug, code]))
    assert usual.status_code == 302
    page = web.get(usual["Location"]).content.decode()
    assert "Why it is reported after the lock" in page
    answer = web.post(usual["Location"], {"term": "Stroke"})
    assert answer.status_code == 422
    assert "Stroke" in answer.content.decode()
    assert not AdverseEvent.objects.exists()
