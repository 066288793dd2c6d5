"""Planted mismatches between the records of the site are found, one by one, and agreeing records are not (SAF-13)."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.context import acting
from patients.models import Patient
from patients.participation.disposition import end_study
from safety.course.links import link_event
from safety.models import AdverseEvent
from safety.reconciliation.findings import FindingKind
from safety.reconciliation.reconciling import lines_of
from tests.support import build
from tests.support.build import moment
from tests.support.study.bedside import INCLUDED
from tests.support.study.deciding_results import decided
from tests.support.study.deviations import added
from tests.support.study.graded_results import found, infused, limits, result

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("known_day")]

K = FindingKind
AWARE = moment("28-Mar-2026 14:00")
HOSPITAL = {"seriousness": frozenset({"hospitalisation"}), "aware": AWARE}


@pytest.fixture
def doctor(trial):
    return build.user("investigator", trial=trial)


@pytest.fixture
def patient(trial, doctor) -> Patient:
    """A patient included on the 10th. It is the 30th."""
    return build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)


def kinds(patient: Patient) -> list[str]:
    return [line.finding.kind for line in lines_of(patient.trial)]


def event(patient: Patient, doctor, **answers) -> AdverseEvent:
    given = {
        "onset": moment("12-Mar-2026"),
        "ongoing": "N",
        "end": moment("15-Mar-2026"),
        "outcome": "recovered",
    }
    return build.event(patient=patient, by=doctor, **{**given, **answers})


def stay(patient: Patient, started="2026-03-12T10:00+01:00[Europe/Brussels]", **values):
    ended = "2026-03-14T10:00+01:00[Europe/Brussels]"
    answers = {"kind": "ICU", "started_at": started, "ongoing": "N", "ended_at": ended, **values}
    return build.record(patient, "stay", answers, visit=None, draft=True)


def medicine(patient: Patient, name="Paracetamol", started="2026-03-12", ended="2026-03-13", **values):
    answers = {"name": name, "started_on": started, "ongoing": "N", "ended_on": ended, **values}
    return build.record(patient, "medication", answers, visit=None, draft=True)


def linked(event: AdverseEvent, record, role: str, doctor) -> None:
    event.refresh_from_db()
    with acting(user=doctor, role="investigator"):
        link_event(event=event, target=f"record-{record.pk}", role=role, by=doctor, version=event.version)


def died(patient: Patient, doctor, on: date = date(2026, 3, 20)) -> None:
    with acting(user=doctor, role="investigator"):
        call = {"patient": patient, "on": on, "reason": "death", "note": "", "by": doctor}
        build.confirming(end_study, **call)


def fatal(patient: Patient, doctor, **answers) -> AdverseEvent:
    seriousness = frozenset({"results_in_death"})
    given = {"seriousness": seriousness, "aware": AWARE, "grade": 5, "outcome": "fatal", "ongoing": "N"}
    return event(patient, doctor, **{**given, "end": moment("20-Mar-2026"), **answers})


def test_records_that_agree_are_no_finding(patient, doctor):
    """SAF-13."""
    event(patient, doctor)
    led = event(patient, doctor, term="Pneumonia", **HOSPITAL)
    linked(led, stay(patient), "stay", doctor)
    medicine(patient, given_for="ADVERSE_EVENT")
    assert kinds(patient) == []


class TestDeaths:
    def test_a_fatal_event_without_a_death_is_found(self, patient, doctor):
        """SAF-13."""
        fatal(patient, doctor)
        assert kinds(patient) == [K.FATAL_WITHOUT_DEATH]

    def test_a_death_without_a_fatal_event_is_found(self, patient, doctor):
        """SAF-13."""
        died(patient, doctor)
        (line,) = lines_of(patient.trial)
        assert line.finding.kind == K.DEATH_WITHOUT_FATAL
        assert line.finding.text == "The patient died on 20-Mar-2026; no adverse event is fatal."
        assert (line.finding.asked.target, line.finding.asked.item) == ("disposition", "ended_on")

    def test_the_death_of_a_form_is_asked_about_at_its_date(self, patient):
        """SAF-13."""
        values = {"survival_status": "DEAD", "died_on": "2026-03-20"}
        with acting(system="test"):
            patient.visits.filter(code="D28").update(state="held", held_on=patient.trial.today)
        record = build.record(patient, "vital_status", values, visit="D28", draft=True)
        (line,) = lines_of(patient.trial)
        asked = line.finding.asked
        assert (asked.target, asked.key, asked.item) == ("record", record.pk, "died_on")

    def test_a_fatal_event_on_the_day_of_the_death_agrees(self, patient, doctor):
        """SAF-13."""
        fatal(patient, doctor)
        died(patient, doctor)
        assert kinds(patient) == []

    def test_an_event_after_the_death_and_one_that_ends_on_another_day_are_found(self, patient, doctor):
        """SAF-13."""
        fatal(patient, doctor, end=moment("18-Mar-2026"))
        event(patient, doctor, term="Cough", onset=moment("22-Mar-2026"), end=moment("23-Mar-2026"))
        died(patient, doctor)
        assert kinds(patient) == [K.DEATH_AND_EVENT, K.DEATH_AND_EVENT]


class TestStays:
    def test_a_stay_after_inclusion_without_an_event_is_found(self, patient):
        """SAF-13."""
        record = stay(patient)
        (line,) = lines_of(patient.trial)
        assert line.finding.kind == K.STAY_WITHOUT_EVENT
        assert (line.finding.asked.key, line.finding.asked.item) == (record.pk, "started_at")
        assert f"/logs/stay/{record.repeat}/" in line.finding.url

    def test_the_stay_for_which_the_patient_was_included_needs_no_event(self, patient):
        """SAF-13."""
        stay(patient, started="2026-03-10T10:00+01:00[Europe/Brussels]")
        assert kinds(patient) == []

    def test_hospitalisation_without_a_stay_is_found(self, patient, doctor):
        """SAF-13."""
        event(patient, doctor, **HOSPITAL)
        assert kinds(patient) == [K.EVENT_WITHOUT_STAY]

    def test_a_stay_at_another_time_does_not_explain_the_event(self, patient, doctor):
        """SAF-13."""
        event(patient, doctor, onset=moment("20-Mar-2026"), end=moment("21-Mar-2026"), **HOSPITAL)
        stay(patient)
        assert sorted(kinds(patient)) == sorted([K.STAY_WITHOUT_EVENT, K.EVENT_WITHOUT_STAY])


class TestMedication:
    def test_a_medicine_for_an_event_without_the_event_is_found(self, patient):
        """SAF-13."""
        record = medicine(patient, given_for="ADVERSE_EVENT")
        (line,) = lines_of(patient.trial)
        assert line.finding.kind == K.MEDICINE_WITHOUT_EVENT
        assert line.finding.text == "Paracetamol was given for an adverse event, but no event belongs to it."
        assert (line.finding.asked.key, line.finding.asked.item) == (record.pk, "given_for")

    def test_a_medicine_for_something_else_needs_no_event(self, patient):
        """SAF-13."""
        medicine(patient, given_for="PROPHYLAXIS")
        assert kinds(patient) == []

    def test_a_treatment_that_began_before_its_event_is_found(self, patient, doctor):
        """SAF-13."""
        linked(event(patient, doctor), medicine(patient, started="2026-03-11"), "treatment", doctor)
        assert kinds(patient) == [K.MEDICINE_BEFORE_EVENT]

    def test_a_partial_day_that_may_agree_is_no_finding(self, patient, doctor):
        """SAF-13, DAT-08."""
        linked(event(patient, doctor, onset=moment("mar 2026")), medicine(patient), "treatment", doctor)
        assert kinds(patient) == []


class TestDeviations:
    def test_a_medication_error_without_a_deviation_is_found(self, patient, doctor):
        """SAF-13."""
        event(patient, doctor, kind="medication_error", aware=AWARE)
        assert kinds(patient) == [K.ERROR_WITHOUT_DEVIATION]

    def test_a_deviation_of_that_day_explains_it(self, patient, doctor):
        """SAF-13."""
        event(patient, doctor, kind="medication_error", aware=AWARE)
        added(patient, doctor, category="other", occurred_on=moment("12-Mar-2026"))
        assert kinds(patient) == []

    def test_a_prohibited_medicine_that_the_medication_does_not_have_is_found(self, patient, doctor):
        """SAF-13."""
        added(patient, doctor)
        (line,) = lines_of(patient.trial)
        assert (line.finding.kind, line.finding.asked) == (K.PROHIBITED_WITHOUT_MEDICINE, None)
        medicine(patient, name="Hydroxychloroquine", started="2026-03-10", ended="2026-03-12")
        assert kinds(patient) == []

    def test_a_deviation_about_an_event_in_error_is_found(self, patient, doctor):
        """SAF-13."""
        row = event(patient, doctor)
        with acting(system="test"):
            deviation = added(patient, doctor, category="other")
            type(deviation).objects.filter(pk=deviation.pk).update(
                place="adverse_event", place_key=str(row.number)
            )
            AdverseEvent.objects.filter(pk=row.pk).update(in_error_reason="another patient")
        assert kinds(patient) == [K.DEVIATION_WITHOUT_EVENT]


class TestResults:
    @pytest.fixture
    def treated(self, trial) -> Patient:
        limits(trial)
        patient = infused(trial)
        result(patient, "12 08:00", alt="250")
        return patient

    def _decide(self, treated, doctor, **told):
        decided(treated, found(treated).candidates, by=doctor, significance="significant", **told)

    def test_a_significant_result_without_an_event_is_found(self, treated, doctor):
        """SAF-13."""
        self._decide(treated, doctor)
        (line,) = lines_of(treated.trial)
        assert line.finding.kind == K.RESULT_WITHOUT_EVENT
        assert line.finding.asked.item == "alt"

    def test_an_event_of_a_lower_grade_than_its_result_is_found(self, treated, doctor):
        """SAF-13."""
        row = event(treated, doctor, term="Alanine aminotransferase increased", grade=1)
        self._decide(treated, doctor, event=row)
        (line,) = lines_of(treated.trial)
        assert (line.finding.kind, line.finding.asked.item) == (K.RESULT_AND_EVENT, "grade")

    def test_an_event_of_the_same_grade_agrees(self, treated, doctor):
        """SAF-13."""
        self._decide(treated, doctor, event=event(treated, doctor, grade=3))
        assert kinds(treated) == []

    def test_a_result_whose_event_was_entered_in_error_is_found(self, treated, doctor):
        """SAF-13."""
        row = event(treated, doctor, grade=3)
        self._decide(treated, doctor, event=row)
        with acting(system="test"):
            AdverseEvent.objects.filter(pk=row.pk).update(in_error_reason="another patient")
        assert kinds(treated) == [K.RESULT_WITHOUT_EVENT]


def test_the_findings_of_one_and_of_three_patients_take_the_same_queries(trial, doctor):
    """SAF-13."""
    counts = []
    for _number in range(3):
        patient = build.enrolled(trial=trial, on=INCLUDED, investigator=doctor)
        fatal(patient, doctor)
        medicine(patient, given_for="ADVERSE_EVENT", started="2026-03-25", ended="2026-03-26")
        stay(
            patient,
            started="2026-03-22T10:00+01:00[Europe/Brussels]",
            ended_at="2026-03-23T10:00+01:00[Europe/Brussels]",
        )
        with CaptureQueriesContext(
            connection,
        ) as ran:
            assert lines_of(trial)
        counts.append(len(ran))
    assert counts[0] == counts[2] <= 16
