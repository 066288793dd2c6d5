"""Stored entries that contradict each other or the date of death, computed from what is stored at each reading."""

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from dosing.infusions.after_death import infusions_after
from dosing.models import Infusion
from patients.models import Consent, Patient
from patients.participation.after_death import LateFact, captured_after
from patients.participation.death import Death, deaths_in
from safety.classification import FATAL, NOT_OVER, OVER
from safety.event_questions import backgrounds_of, dates_of, of_event, questions_about
from safety.models import AdverseEvent
from trials.models import Trial
from trials.reader import shown_day, shown_moment

ONE_DAY = timedelta(days=1)
DISAGREES_WITH_ITSELF = (
    Q(grade__gte=4)
    | Q(outcome=FATAL)
    | Q(results_in_death=True)
    | Q(ongoing="Y", outcome__in=sorted(OVER))
    | Q(ongoing="N", outcome__in=sorted(NOT_OVER))
)


def contradictions_of(trial: Trial) -> list[LateFact]:
    """Return the contradictions of a trial, patient by patient. At most thirteen queries, whatever its size."""
    deaths = deaths_in(trial)
    facts = [
        *_of_ends(trial, deaths),
        *captured_after(deaths, trial.rules, slug=trial.slug),
        *infusions_after(deaths, slug=trial.slug),
        *_not_tolerated(trial),
        *_of_events(trial, deaths),
    ]
    return sorted(facts, key=lambda fact: fact.patient.number)


def _of_ends(trial: Trial, deaths: Mapping[int, Death]) -> list[LateFact]:
    """Return the ends of study that contradict the date of death of a form. One query, none without a death."""
    captured = {patient: death for patient, death in deaths.items() if death.form}
    if not captured:
        return []
    ended = Patient.objects.filter(pk__in=list(captured), state=Patient.State.ENDED).select_related("trial")
    text = _("A form says that the patient died on %(died)s; the study ended on %(ended)s: %(reason)s.")
    return [
        LateFact(
            patient,
            f"end:{patient.ended_on}",
            text
            % {
                "died": shown_moment(captured[patient.pk].moment),
                "ended": shown_day(patient.ended_on),
                "reason": patient.get_end_reason_display(),
            },
            captured[patient.pk].address(patient),
        )
        for patient in ended
        if not captured[patient.pk].agrees_with_end(patient)
    ]


def _not_tolerated(trial: Trial) -> list[LateFact]:
    """Return the infusions that were not well tolerated without an event on their day or the next. One query."""
    rows = Infusion.objects.filter(patient__trial=trial, state=Infusion.State.GIVEN, tolerated="N")
    events = AdverseEvent.objects.not_in_error().filter(
        patient=OuterRef("patient"),
        onset_latest__gte=OuterRef("started_at"),
        onset_earliest__lte=OuterRef("ended_at") + ONE_DAY,
    )
    text = _("Infusion %(number)s was not well tolerated, without an adverse event: %(note)s")
    return [
        LateFact(
            row.patient,
            f"tolerated:{row.number}",
            text % {"number": row.number, "note": row.tolerance_note},
            ("dosing:infusion", (trial.slug, row.patient.code, row.number), ""),
        )
        for row in rows.exclude(Exists(events)).select_related("patient__trial").order_by("patient", "number")
    ]


def _of_events(trial: Trial, deaths: Mapping[int, Death]) -> list[LateFact]:
    events = list(_candidates(trial, deaths))
    known = backgrounds_of(events, trial.rules, deaths=deaths)
    return [
        LateFact(
            event.patient,
            f"{event}:{question.code}",
            of_event(event, question.text),
            ("safety:event", (trial.slug, event.patient.code, event.number), ""),
        )
        for event in events
        for question in questions_about(event.patient, dates_of(event), known[event.pk])
    ]


def _candidates(trial: Trial, deaths: Mapping[int, Death]) -> QuerySet[AdverseEvent]:
    """Return the events that may contradict something. `questions_about` decides."""
    rows = AdverseEvent.objects.filter(trial=trial).not_in_error()
    consents = (
        Consent.objects.filter(patient=OuterRef("patient_id")).not_in_error().order_by("given_at", "pk")
    )
    twins = AdverseEvent.objects.not_in_error().filter(
        patient=OuterRef("patient_id"), onset=OuterRef("onset")
    )
    rows = rows.annotate(first_consent_at=Subquery(consents.values("given_at")[:1]))
    return rows.filter(
        Q(patient__in=list(deaths))
        | DISAGREES_WITH_ITSELF
        | Q(first_consent_at=None)
        | Q(onset_latest__lt=F("first_consent_at"))
        | Exists(twins.exclude(pk=OuterRef("pk")))
    ).select_related("patient__trial").order_by("patient_id", "number")  # fmt: skip
