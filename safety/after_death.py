"""Adverse events that begin, end or go on after a patient's death."""

from typing import Any

from django.db.models import Q

from patients.models import Patient
from patients.participation.after_death import LateFact
from patients.participation.death import Death
from safety.contradictions import Contradiction
from safety.event_questions import PatientBackground, dates_of, of_event, questions_about
from safety.models import AdverseEvent

LATE = (
    Contradiction.BEGINS_AFTER_DEATH,
    Contradiction.ENDS_AFTER_DEATH,
    Contradiction.ONGOING_AT_DEATH,
    Contradiction.FATAL_ON_ANOTHER_DAY,
)


FATAL_EVENTS = Q(grade=5) | Q(outcome=AdverseEvent.Outcome.FATAL) | Q(results_in_death=True)


def has_fatal_event(patient: Patient) -> bool:
    """Return whether an event says that the patient died of it. One query."""
    return AdverseEvent.objects.filter(FATAL_EVENTS, patient=patient).not_in_error().exists()


def of_patient(sender: type[Patient], patient: Patient, death: Death, **_: Any) -> list[LateFact]:
    """Return the events that a death contradicts (receiver of `recorded_after_death`)."""
    known = PatientBackground(death.moment, ended_alive=False, consent=None, twins=(), death=death)
    facts: list[LateFact] = []
    for event in AdverseEvent.objects.filter(patient=patient).not_in_error().order_by("number"):
        address = ("safety:event", (patient.trial.slug, patient.code, event.number), "")
        facts += [
            LateFact(patient, f"{event}:{question.code}", of_event(event, question.text), address)
            for question in questions_about(patient, dates_of(event), known, only=LATE)
        ]
    return facts
