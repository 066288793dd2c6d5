"""Fatal events beside the date of death that a form holds (DAT-08): whose death, which form, which event."""

from datetime import date, timedelta

import pytest

from audit.context import acting
from patients.models import Patient, Record, Visit
from patients.participation.death import died_on
from protocol.values.moments import Moment
from reports.closing.deaths import deaths_disagreeing
from safety import labels
from safety.classification import EventFinding
from safety.event_questions import backgrounds_of
from safety.models import AdverseEvent
from safety.reporting import mark_entered_in_error
from tests.support import build

pytestmark = pytest.mark.django_db

INCLUDED = date(2026, 8, 20)
DIED = date(2026, 8, 24)
SENTENCE = "The patient died on 24-Aug-2026: a fatal event ends on that day."


@pytest.fixture
def patient(trial) -> Patient:
    return build.enrolled(trial=trial, on=INCLUDED)


@pytest.fixture
def neighbour(patient) -> Patient:
    """Another patient of the trial, included on the same day."""
    return build.neighbour(patient)


def finding_words(event: AdverseEvent) -> list[str]:
    """Return what the page of the event points out."""
    known = backgrounds_of([event], event.patient.protocol.rules)[event.pk]
    return labels.finding_words(event, known)


def dead(patient: Patient, on: date = DIED, visit: str = "D7") -> Record:
    """Record the vital status of a visit, a week after inclusion: dead."""
    with acting(system="test"):
        held = {"state": "held", "held_on": INCLUDED + timedelta(days=7)}
        Visit.objects.filter(patient=patient, code=visit).update(**held)
    return build.record(
        patient,
        "vital_status",
        {"survival_status": "DEAD", "died_on": on.isoformat()},
        visit=visit,
        draft=True,
    )


def fatal(patient: Patient, end: date | None = DIED, **changed) -> AdverseEvent:
    """Report a fatal event that began three days after inclusion; without an end it is still going on."""
    told = {
        "term": "Septic shock",
        "onset": Moment.from_date(INCLUDED + timedelta(days=3)),
        "ongoing": "N" if end else "Y",
        "end": Moment.from_date(end) if end else None,
        "grade": 5,
        "seriousness": frozenset({"results_in_death"}),
        "outcome": "fatal",
        "aware": build.moment("24-Aug-2026 12:00"),
    }
    return build.event(patient=patient, **{**told, **changed})


class TestTheEvent:
    def test_a_fatal_event_without_an_end_contradicts_no_date_of_death(self, patient):
        """It is asked about because a fatal event is not going on, not because of the date."""
        dead(patient)
        event = fatal(patient, end=None)

        assert event.findings == (EventFinding.OUTCOME_DISAGREES_WITH_ONGOING,)
        assert SENTENCE not in finding_words(event)
        assert len(finding_words(event)) == 1
        assert deaths_disagreeing(patient.trial) == {}

    def test_a_fatal_event_that_ended_on_another_day_says_which(self, patient):
        dead(patient)
        event = fatal(patient, end=date(2026, 8, 25))

        assert finding_words(event) == [SENTENCE]
        assert deaths_disagreeing(patient.trial) == {patient.pk: 1}

    def test_one_that_ended_on_the_day_of_death_says_nothing(self, patient):
        dead(patient)

        assert finding_words(fatal(patient)) == []
        assert deaths_disagreeing(patient.trial) == {}

    def test_an_event_that_was_not_fatal_may_end_on_any_day(self, patient):
        dead(patient)
        fatal(patient)
        mild = {
            "term": "Cough",
            "grade": 2,
            "seriousness": frozenset({"none_of_these"}),
            "outcome": "recovered",
        }
        event = fatal(patient, end=date(2026, 8, 23), **mild)

        assert finding_words(event) == []
        assert deaths_disagreeing(patient.trial) == {}

    def test_an_event_entered_in_error_is_no_fatal_event(self, patient, doctor):
        """SAF-09."""
        dead(patient)
        event = fatal(patient, end=date(2026, 8, 25))
        with acting(user=doctor, role="investigator"):
            event = mark_entered_in_error(event=event, reason="Another patient", version=1, by=doctor)

        assert finding_words(event) == []
        assert deaths_disagreeing(patient.trial) == {patient.pk: 1}
        fatal(patient)
        assert deaths_disagreeing(patient.trial) == {}

    def test_without_a_date_of_death_a_fatal_event_may_end_on_any_day(self, patient):
        assert finding_words(fatal(patient, end=date(2026, 8, 25))) == []
        assert deaths_disagreeing(patient.trial) == {}


class TestTheForm:
    def test_the_death_of_another_patient_is_not_this_ones(self, patient, neighbour):
        dead(neighbour)

        assert (died_on(patient), died_on(neighbour)) == (None, "2026-08-24")
        assert finding_words(fatal(patient, end=date(2026, 8, 25))) == []
        assert deaths_disagreeing(patient.trial) == {neighbour.pk: 1}

    def test_a_form_entered_in_error_holds_no_death(self, patient):
        build.struck_out(dead(patient))

        assert died_on(patient) is None
        assert finding_words(fatal(patient, end=date(2026, 8, 25))) == []
        assert deaths_disagreeing(patient.trial) == {}

    def test_of_two_forms_the_one_stored_last_counts(self, patient):
        dead(patient, on=date(2026, 8, 25), visit="D28")
        dead(patient)

        assert died_on(patient) == "2026-08-24"
        assert finding_words(fatal(patient)) == []
        assert deaths_disagreeing(patient.trial) == {}
