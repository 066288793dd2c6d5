"""The safety review of one patient: one time axis, the death, and the events as a table (SAF-14, SAF-15)."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from audit.context import acting
from audit.models import AccessEvent
from patients.models import Patient
from tests.support import build
from tests.support.pages.event_forms import text_of
from tests.support.study.reported_events import IN_HOSPITAL

pytestmark = pytest.mark.django_db
INCLUDED = date(2026, 8, 20)


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def address(patient) -> str:
    return reverse("reports:safety-review", args=[patient.trial.slug, patient.code])


def event(patient, **told):
    return build.event(patient=patient, onset=build.moment("22-Aug-2026"), **told)


def serious(patient, **told):
    aware = build.moment("23-Aug-2026 20:00")
    return event(patient, seriousness=IN_HOSPITAL, aware=aware, **told)


def titles(answer) -> list[str]:
    return list(dict.fromkeys(title for title, _tip in answer.context["profile"].rows))


def test_serious_events_have_a_lane_of_their_own_and_say_so_in_words(address, patient, web):
    """What a colour tells stands in words too: the grade and that the event is serious."""
    event(patient, term="Rash", grade=1)
    serious(patient, term="Pneumonia", grade=4)
    shown = web.get(address)
    rows = shown.context["profile"].rows
    assert ("Serious adverse events", "AE 2 Pneumonia: grade 4, serious, 22-Aug-2026 to ongoing") in rows
    assert ("Other adverse events", "AE 1 Rash: grade 1, 22-Aug-2026 to ongoing") in rows
    assert "Pneumonia · serious · G4 · ongoing" in shown.content.decode()


def test_the_death_stands_on_the_axis_once_it_is_recorded(address, patient, web):
    assert "Death" not in titles(web.get(address))
    with acting(system="test"):
        Patient.objects.filter(pk=patient.pk).update(
            state="ended", ended_on=INCLUDED + timedelta(days=4), end_reason="death"
        )
    shown = web.get(address)
    assert ("Death", "The patient died on 24-Aug-2026.") in shown.context["profile"].rows
    assert 'data-tip="The patient died on 24-Aug-2026."' in shown.content.decode()


def test_medication_and_stays_in_hospital_lie_on_the_same_axis(address, patient, web):
    build.record(
        patient, "medication", {"name": "Aspirin", "started_on": "2026-08-21"}, visit=None, draft=True
    )
    at = "2026-08-21T08:00+02:00[Europe/Brussels]"
    build.record(patient, "stay", {"kind": "ICU", "started_at": at}, visit=None, draft=True)
    shown = web.get(address)
    assert {"Concomitant medication", "Hospital and intensive care"} <= set(titles(shown))
    assert any("Aspirin: 21-Aug-2026" in tip for _title, tip in shown.context["profile"].rows)


def test_the_events_are_listed_with_class_review_and_days_from_each_infusion(address, patient, web):
    made = event(patient, term="Rash", grade=1, causality="possible")
    page = web.get(address)
    row = page.context["events"][0]
    assert (row["event"], str(row["since"])) == (made, "")
    assert "AR" in row["class"]
    assert "Not signed" in row["review"]
    assert (
        f'href="{reverse("safety:event", args=[patient.trial.slug, patient.code, 1])}"'
        in page.content.decode()
    )


def test_an_investigator_signs_what_waits_from_here(address, patient, doctor, web):
    one, two = event(patient, term="Rash"), event(patient, term="Fever")
    not_assessed = event(patient, term="Cough", causality="")
    shown = build.client(doctor).get(address)
    assert shown.context["to_sign"] == [one.pk, two.pk]
    assert not_assessed.pk not in shown.context["to_sign"]
    assert (
        f"{reverse('safety:sign', args=[patient.trial.slug])}?event={one.pk}&amp;event={two.pk}"
        in shown.content.decode()
    )
    monitor = build.client(build.user("monitor", trial=patient.trial)).get(address)
    assert monitor.context["to_sign"] == []


def test_the_drawing_is_a_file_and_its_download_is_registered(address, patient, web):
    event(patient, term="Rash")
    sent = web.get(reverse("reports:safety-review-drawing", args=[patient.trial.slug, patient.code]))
    assert sent["Content-Disposition"] == f'attachment; filename="{patient.code}-safety-review.svg"'
    assert sent.content.startswith(b"<svg")
    assert b"Rash" in sent.content
    told = [row.detail for row in AccessEvent.objects.order_by("pk") if "channel" in row.detail]
    assert [each["file"] for each in told if each["channel"] == "drawing"] == [
        f"{patient.code}-safety-review.svg"
    ]


def test_a_patient_without_anything_has_a_page(address, web):
    assert "No adverse event is reported yet." in text_of(web.get(address))


@pytest.mark.parametrize("count", [1, 6])
def test_many_events_take_no_more_queries(address, patient, web, count, django_assert_num_queries):
    for number in range(count):
        event(patient, term=f"Event {number}")
    web.get(address)
    with django_assert_num_queries(QUERIES):
        web.get(address)


QUERIES = 13
