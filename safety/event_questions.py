"""Questions before an adverse event is stored: one for each contradiction, with the record to correct."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Consent, Patient
from patients.participation.death import Death, deaths_of
from patients.participation.questions import Question
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from safety.classification import EventFinding, is_fatal
from safety.contradictions import Background, Contradiction, EventDates, contradictions
from safety.event_checks import EventAnswers, assessment_of
from safety.models import AdverseEvent
from safety.terms.own_list import same_term_key
from trials.reader import shown_moment

FINDINGS: dict[str, str | Promise] = {
    EventFinding.DEATH_DISAGREES: gettext_lazy(
        "Grade 5, a fatal outcome and the criterion “results in death” go together: at least one is missing."
    ),
    EventFinding.GRADE_4_WITHOUT_CRITERION: gettext_lazy(
        "Grade 4 is life-threatening, but neither that criterion nor “medically important” is ticked."
    ),
    EventFinding.OUTCOME_DISAGREES_WITH_ONGOING: gettext_lazy(
        "The outcome and whether the event is still going on do not fit each other."
    ),
    EventFinding.CAUSALITY_MISSING: gettext_lazy(
        "The causality is not assessed: the event counts as related until then."
    ),
    EventFinding.SERIOUSNESS_MISSING: gettext_lazy("It was not answered whether the event is serious."),
}
OF_DEATH: dict[str, str | Promise] = {
    Contradiction.BEGINS_AFTER_DEATH: gettext_lazy(
        "The patient died on %(died)s: the event begins after the death."
    ),
    Contradiction.ENDS_AFTER_DEATH: gettext_lazy(
        "The patient died on %(died)s: the event ends after the death."
    ),
    Contradiction.ONGOING_AT_DEATH: gettext_lazy(
        "The patient died on %(died)s: an event that was still going on ends on that day."
    ),
    Contradiction.FATAL_ON_ANOTHER_DAY: gettext_lazy(
        "The patient died on %(died)s: a fatal event ends on that day."
    ),
    Contradiction.FATAL_BUT_ALIVE: gettext_lazy(
        "The event is fatal, but the study ended otherwise than by death."
    ),
}


@dataclass(frozen=True, slots=True)
class PatientBackground(Background):
    """The same, with the record of the death, which a question offers for correction."""

    death: Death | None


def dates_of(event: AdverseEvent) -> EventDates:
    """Return the stored answers that may contradict other records."""
    return EventDates(assessment=event.answers, onset=event.onset_moment, end=event.end_moment)


def dates_in(answers: EventAnswers) -> EventDates:
    """Return the entered answers that may contradict other records."""
    # `event_checks.columns` refuses an event without an onset before anything is asked.
    onset = cast(Moment, answers["onset"])
    return EventDates(assessment=assessment_of(answers), onset=onset, end=answers.get("end"))


class KnownEvent(NamedTuple):
    """An earlier event with which a new one of the patient is compared."""

    pk: int
    number: int
    term: str
    onset: str
    save_key: str
    in_error_reason: str


def known_events(patient: Patient) -> list[KnownEvent]:
    """Return the events of a patient by number, those entered in error too. One query."""
    rows = patient.adverse_events.order_by("number").values_list(*KnownEvent._fields)
    return [KnownEvent(*row) for row in rows]


def background_of(
    patient: Patient,
    term: str,
    onset: Moment | None,
    *,
    number: int = 0,
    events: Sequence[KnownEvent] | None = None,
) -> PatientBackground:
    """Return the facts about one event in other records. number: its own number, 0 for a new one.

    events: those of the patient, if they are read already. Three queries, two with them.
    """
    rules = patient.protocol.rules
    death = deaths_of([patient], rules).get(patient.pk)
    others = known_events(patient) if events is None else events
    began = onset.iso if onset else ""
    twins = tuple(
        each.number
        for each in others
        if each.number != number
        and not each.in_error_reason
        and each.onset == began
        and same_term_key(each.term) == same_term_key(term)
    )
    consent = first_consent(patient)
    return _background(patient, death, Moment.from_iso(consent.given) if consent else None, twins)


def first_consent(patient: Patient) -> Consent | None:
    """Return the patient's first consent, or None. Adverse events count from then on."""
    return patient.consents.not_in_error().order_by("given_at", "pk").first()


def of_event(event: AdverseEvent, finding: str) -> str:
    """Return a finding with the event that it is about."""
    return _("%(event)s: %(finding)s") % {"event": event, "finding": finding}


def backgrounds_of(
    events: Iterable[AdverseEvent], rules: Protocol, *, deaths: Mapping[int, Death] | None = None
) -> dict[int, PatientBackground]:
    """Return by event what other records say about it. Reads event.patient; three queries for all of them.

    deaths: the deaths by patient, if they are read already.
    """
    events = list(events)
    patients = {event.patient_id: event.patient for event in events}
    if deaths is None:
        deaths = deaths_of(patients.values(), rules) if events else {}
    consents: dict[int, Moment] = {}
    given = Consent.objects.filter(patient__in=list(patients)).not_in_error().order_by("-given_at", "-pk")
    for patient, moment in given.values_list("patient_id", "given") if events else ():
        consents[patient] = Moment.from_iso(moment)
    same = _same_events(list(patients)) if events else {}
    return {
        event.pk: _background(
            event.patient,
            deaths.get(event.patient_id),
            consents.get(event.patient_id),
            tuple(number for number in same[_identity(event)] if number != event.number),
        )
        for event in events
    }


def questions_about(
    patient: Patient, dates: EventDates, known: PatientBackground, *, only: Collection[Contradiction] = ()
) -> list[Question]:
    """Return each contradiction of an event as a question, with the link to what may be wrong instead.

    only: the contradictions wanted; empty for all.
    """
    found = contradictions(dates, known)
    return [_question(patient, each, dates, known) for each in found if not only or each in only]


def death_to_record(patient: Patient, dates: EventDates, known: PatientBackground) -> list[Question]:
    """Return the question of a fatal event of a patient whose death is not recorded; empty for any other.

    It is asked while the event is saved, not listed afterwards: the death may become known in any order.
    """
    if known.death is not None or known.ended_alive or not is_fatal(dates.assessment):
        return []
    text = _("The event is fatal, but no death of this patient is recorded. Record the date of death too.")
    address = ("patients:end", (patient.trial.slug, patient.code), "")
    return [Question("event:no_death_recorded", text, address, _("Open the end of study"))]


def _background(
    patient: Patient, death: Death | None, consent: Moment | None, twins: tuple[int, ...]
) -> PatientBackground:
    ended = patient.state == Patient.State.ENDED and patient.end_reason != Patient.EndReason.DEATH
    died = death.moment if death else None
    return PatientBackground(died, ended, consent, twins, death)


def _identity(event: AdverseEvent) -> tuple[int, str, str]:
    return event.patient_id, same_term_key(event.term), event.onset


def _same_events(patients: list[int]) -> dict[tuple[int, str, str], list[int]]:
    """Return the numbers of the patients' events by patient, term and onset."""
    found: dict[tuple[int, str, str], list[int]] = defaultdict(list)
    rows = AdverseEvent.objects.filter(patient__in=patients).not_in_error().order_by("number")
    for patient, term, onset, number in rows.values_list("patient_id", "term", "onset", "number"):
        found[patient, same_term_key(term), onset].append(number)
    return found


def _question(
    patient: Patient, found: EventFinding | Contradiction, dates: EventDates, known: PatientBackground
) -> Question:
    code = f"event:{found}:{dates.onset.iso}:{dates.end and dates.end.iso}"
    if isinstance(found, EventFinding):
        return Question(code=f"event:{found}", text=str(FINDINGS[found]))
    if found == Contradiction.ENTERED_TWICE:
        return _twin(patient, known.twins[0], code)
    if found in {Contradiction.NO_CONSENT, Contradiction.BEFORE_CONSENT}:
        return _consent(patient, known.consent, code)
    address = (
        known.death.address(patient)
        if known.death
        else ("patients:end", (patient.trial.slug, patient.code), "")
    )
    died = shown_moment(known.death.moment) if known.death else ""
    link = _("Correct the date of death") if known.death else _("Open the end of study")
    return Question(f"{code}:{died}", str(OF_DEATH[found]) % {"died": died}, address, link)


def _twin(patient: Patient, number: int, code: str) -> Question:
    text = _("AE %(number)s has the same term and the same onset: the event may be entered already.")
    place = ("safety:event", (patient.trial.slug, patient.code, number), "")
    link = _("Open AE %(number)s") % {"number": number}
    return Question(f"{code}:{number}", text % {"number": number}, place, link)


def _consent(patient: Patient, given: Moment | None, code: str) -> Question:
    if given is None:
        text = _("There is no consent yet: adverse events are recorded from consent on.")
    else:
        text = _("The event began before the consent (%(consent)s): such an event is medical history.")
        text %= {"consent": shown_moment(given)}
    place = ("patients:consent", (patient.trial.slug, patient.code), "")
    return Question(f"{code}:{given and given.iso}", text, place, _("Open the consents"))
