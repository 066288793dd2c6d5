"""A withdrawal or an end of study dated before what was done since asks first (PRV-03)."""

import re
from datetime import UTC, date, datetime

import pytest

from patients.models import Patient
from patients.participation.consents.consent_withdrawal import PARTS, withdraw_consent
from patients.participation.disposition import end_study
from patients.participation.questions import Questioned
from patients.participation.visits import hold_visit
from tests.support import build
from tests.support.study.bedside import give, on
from tests.support.study.samples import collected

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.at(datetime(2026, 3, 30, 10, 0, tzinfo=UTC)),
    pytest.mark.usefixtures("doctor_acts"),
]
INCLUDED, GIVEN, HELD = date(2026, 3, 10), date(2026, 3, 12), date(2026, 3, 18)
TREATMENT, SAMPLES, FOLLOW_UP, DATA = PARTS


@pytest.fixture
def patient(trial, doctor) -> Patient:
    found = build.enrolled(trial=trial, on=INCLUDED)
    give(found, 1, on("12-Mar-2026"), doctor)
    visit = hold_visit(visit=found.visits.get(code="D7"), on=HELD, by=doctor)
    collected(visit, doctor)
    return Patient.objects.get(pk=found.pk)


def withdraw(patient: Patient, by, day: date, *parts: str, **more) -> Patient:
    return withdraw_consent(
        patient=patient, parts=dict.fromkeys(parts, day), note="No more visits", by=by, **more
    )


SAMPLE = "Sample {code} was taken on 18-Mar-2026, after the {cause} on {day}."
VISIT = "Visit D7 was held on 18-Mar-2026, after the {cause} on {day}."
VISIT_OF_INFUSION = "Visit INF1 was held on 12-Mar-2026, after the {cause} on {day}."
INFUSION = "Infusion 1 was given on 12-Mar-2026, after the {cause} on {day}."


class TestAWithdrawal:
    CAUSE = "withdrawal of consent"

    @pytest.mark.parametrize("part", [FOLLOW_UP, DATA])
    def test_before_a_visit_that_was_held_asks_and_stores_nothing(self, patient, doctor, part):
        day = date(2026, 3, 17)
        with pytest.raises(Questioned) as found:
            withdraw(patient, doctor, day, part)
        code = patient.samples.get().code
        assert [each.text for each in found.value.questions] == [
            text.format(cause=self.CAUSE, day="17-Mar-2026", code=code) for text in (VISIT, SAMPLE)
        ]
        assert getattr(Patient.objects.get(pk=patient.pk), part) is None

        stored = withdraw(patient, doctor, day, part, confirmed=found.value.token)
        assert getattr(stored, part) == day

    def test_of_samples_before_one_was_taken_asks(self, patient, doctor):
        with pytest.raises(Questioned) as found:
            withdraw(patient, doctor, date(2026, 3, 17), SAMPLES)
        (question,) = found.value.questions
        assert question.text.startswith(f"Sample {patient.samples.get().code} was taken on 18-Mar-2026")

    def test_of_the_treatment_before_an_infusion_asks(self, patient, doctor):
        with pytest.raises(Questioned) as found:
            withdraw(patient, doctor, date(2026, 3, 11), TREATMENT)
        (question,) = found.value.questions
        assert question.text == INFUSION.format(cause=self.CAUSE, day="11-Mar-2026")
        assert question.url.endswith("/infusions/1/")

    @pytest.mark.parametrize(
        ("part", "day"), [(FOLLOW_UP, HELD), (DATA, HELD), (TREATMENT, GIVEN), (SAMPLES, HELD)]
    )
    def test_on_the_day_itself_or_of_another_part_asks_nothing(self, patient, doctor, part, day):
        assert getattr(withdraw(patient, doctor, day, part), part) == day

    def test_that_is_stored_already_is_not_asked_about_again(self, patient, doctor):
        with pytest.raises(Questioned) as found:
            withdraw(patient, doctor, date(2026, 3, 17), FOLLOW_UP)
        withdraw(patient, doctor, date(2026, 3, 17), FOLLOW_UP, confirmed=found.value.token)
        same = Patient.objects.get(pk=patient.pk)
        again = withdraw_consent(
            patient=same, parts={FOLLOW_UP: date(2026, 3, 17)}, note="No more visits, he says", by=doctor
        )
        assert again.withdrawal_note == "No more visits, he says"


class TestAnEndOfStudy:
    def end(self, patient: Patient, doctor, day: date, reason: str = "withdrawal", **more) -> Patient:
        return end_study(patient=patient, on=day, reason=reason, note="Left", by=doctor, **more)

    def test_before_a_visit_or_an_infusion_asks_about_each(self, patient, doctor):
        day = date(2026, 3, 11)
        with pytest.raises(Questioned) as found:
            self.end(patient, doctor, day)
        assert [each.text for each in found.value.questions] == [
            text.format(cause="end of study", day="11-Mar-2026", code=patient.samples.get().code)
            for text in (VISIT_OF_INFUSION, VISIT, INFUSION, SAMPLE)
        ]
        assert Patient.objects.get(pk=patient.pk).state == "enrolled"
        assert self.end(patient, doctor, day, confirmed=found.value.token).ended_on == day

    def test_after_all_that_was_done_asks_nothing(self, patient, doctor):
        assert self.end(patient, doctor, HELD).ended_on == HELD


@pytest.mark.parametrize("place", ["consent/withdraw/", "end/"])
def test_the_page_asks_keeps_what_was_typed_and_stores_once_it_is_confirmed(patient, doctor, trial, place):
    """The form bypassed: a page posted without the tick, or with that of other questions, stores nothing."""
    client, address = build.client(doctor), f"/trials/{trial.slug}/patients/{patient.code}/{place}"
    typed = {"note": "No more visits", "follow_up_withdrawn_on": "17-Mar-2026"}
    if place == "end/":
        later = {f"visit-{visit.key}": "later" for visit in patient.visits.filter(state="planned")}
        typed = {"note": "Left", "on": "17-Mar-2026", "reason": "withdrawal", **later}
    for confirmed in ("", "another"):
        asked = client.post(address, {**typed, "_confirmed": confirmed})
        html = asked.content.decode()
        assert asked.status_code == 422
        assert "Visit D7 was held on 18-Mar-2026, after the" in html
        assert "17-Mar-2026" in html
        assert typed["note"] in html
        kept = Patient.objects.get(pk=patient.pk)
        assert (kept.state, kept.follow_up_withdrawn_on) == ("enrolled", None)
    token = re.search(r'name="_confirmed" value="([0-9a-f]{32})"', html) or re.search(
        r'value="([0-9a-f]{32})"[^>]*name="_confirmed"', html
    )
    assert token is not None
    assert client.post(address, {**typed, "_confirmed": token[1]}).status_code == 302
    kept = Patient.objects.get(pk=patient.pk)
    assert kept.follow_up_withdrawn_on == date(2026, 3, 17) or kept.ended_on == date(2026, 3, 17)
