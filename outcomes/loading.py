"""Loads the data of a trial for its outcomes, in a fixed number of queries whatever the number of patients."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from dosing.models import Infusion
from outcomes.study_data import OutcomeEventData, OutcomePatient, OutcomeVisit
from patients.models import Patient, Record, Visit
from protocol.document.document import Protocol
from protocol.expressions.outcomes import OutcomeRules
from protocol.expressions.scope import Answers, is_answered
from protocol.values.moments import Moment
from safety.classification import FATAL
from safety.models import AdverseEvent, AdverseEventQuerySet
from trials.models import Trial

EXPECTED = {"expected": True, "unexpected": False}
COLUMNS = ("id", "code", "group", "enrolled_on", "screened_on", "first_infusion_on", "ended_on", "end_reason")
EVENT_COLUMNS = (
    "patient_id", "number", "term", "onset", "grade", "serious", "related", "causality", "expectedness", "aesi",
    "outcome", "results_in_death",
)  # fmt: skip

Captured = dict[int, tuple[list[OutcomeVisit], dict[str, list[Answers]]]]
"""By patient: the visits in the order in which they take place, and the rows of the logs."""


def study_data(trial: Trial, outcomes: OutcomeRules, *, arms: bool) -> list[OutcomePatient]:
    """Return the included patients of a trial in the order of their numbers. Five queries, six with the arms.

    outcomes: only the forms that they read are loaded, and only complete ones. arms: for a reader who may know them.
    """
    rules = trial.rules
    included = Patient.objects.filter(trial=trial, enrolled_on__isnull=False).order_by("number")
    rows = list(included.values(*COLUMNS))
    captured = _captured(trial.pk, outcomes)
    infusions = infusion_rows(Infusion.objects.filter(patient__trial=trial), rules)
    events = event_rows(AdverseEvent.objects.filter(trial=trial), rules)
    allocated = _allocated(trial.pk, rules) if arms else {}
    return [
        _patient(row, rules, captured.get(row["id"], ([], {})), infusions[row["id"]], events[row["id"]],
                 allocated.get(row["id"], ("", "")))
        for row in rows
    ]  # fmt: skip


def _allocated(trial: int, rules: Protocol) -> Mapping[int, tuple[str, str]]:
    """Return arm and stratum by patient. One query."""
    if rules.allocation is None:
        return {}
    allocated = Patient.objects.filter(trial=trial, allocation__isnull=False).order_by()
    rows = allocated.values_list("pk", "allocation__arm", "allocation__stratum")
    return {patient: (arm, stratum) for patient, arm, stratum in rows}


def _captured(trial: int, outcomes: OutcomeRules) -> Captured:
    """Return the captured values. Visits without a complete form are kept: they say to when a patient was seen."""
    places: dict[int, tuple[int, dict[str, Answers]]] = {}
    by_patient: dict[int, list[tuple[dt.date, int, int, OutcomeVisit]]] = defaultdict(list)
    latest: dict[int, dt.date] = {}
    visits = Visit.objects.filter(patient__trial=trial, patient__enrolled_on__isnull=False)
    columns = ("id", "patient_id", "code", "number", "position", "state", "held_on", "planned_on")
    for key, patient, code, number, position, state, held, planned in (
        visits.order_by("patient_id", "position", "number").values_list(*columns)
    ):  # fmt: skip
        latest[patient] = held or planned or latest.get(patient, dt.date.min)
        records: dict[str, Answers] = {}
        places[key] = patient, records
        visit = OutcomeVisit(code, number, held if state == Visit.State.HELD else None, records)
        by_patient[patient].append((latest[patient], position, number, visit))
    logs: dict[int, dict[str, list[Answers]]] = defaultdict(lambda: defaultdict(list))
    at_visits = outcomes.visits
    anywhere = Q(form__in=sorted(outcomes.forms - at_visits.keys()))
    at = Q(form__in=sorted(at_visits), visit__code__in=sorted(frozenset().union(*at_visits.values())))
    complete = Record.objects.filter(
        anywhere | at, patient__trial=trial, patient__enrolled_on__isnull=False, state=Record.State.COMPLETE
    )
    for place, patient, form, values in complete.order_by("patient_id", "form", "repeat").values_list(
        "visit_id", "patient_id", "form", "values"
    ):
        if place is None:
            logs[patient][form].append(values)
        else:
            places[place][1][form] = values
    return {
        patient: ([each[3] for each in sorted(found, key=lambda each: each[:3])], logs.get(patient, {}))
        for patient, found in by_patient.items()
    }


def infusion_rows(infusions: QuerySet[Infusion], rules: Protocol) -> Mapping[int, list[dict[str, Any]]]:
    """Return those of the infusions that were given, by patient: `subject.infusions` of an expression. One query."""
    zone = rules.trial.site.time_zone
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = (
        infusions.filter(state=Infusion.State.GIVEN)
        .order_by("patient_id", "number")
        .values_list("patient_id", "number", "started_at", "ended_at")
    )
    for patient, number, started, ended in rows:
        times = {"started_at": started, "ended_at": ended}
        moments = {name: Moment.from_datetime(at, zone) for name, at in times.items() if at is not None}
        found[patient].append({"number": number, **moments})
    return found


def event_rows(events: AdverseEventQuerySet, rules: Protocol) -> Mapping[int, list[OutcomeEventData]]:
    """Return the adverse events by patient; those entered in error are left out. One query."""
    zone = rules.trial.site.time_zone
    found: dict[int, list[OutcomeEventData]] = defaultdict(list)
    for row in events.not_in_error().order_by("patient_id", "number").values(*EVENT_COLUMNS):
        onset = Moment.from_iso(row["onset"], zone)
        values = {
            "term": row["term"],
            "onset": row["onset"],
            "grade": row["grade"],
            "serious": row["serious"],
            "fatal": row["grade"] == 5 or row["outcome"] == FATAL or row["results_in_death"],
            # An unassessed event counts as related for the clocks; as an outcome it is not determined yet.
            "related": row["related"] if row["causality"] else None,
            # Open until drug safety has judged it by the reference safety information.
            "expected": EXPECTED.get(row["expectedness"]),
            # Without categories in the protocol nothing is of special interest; an unanswered question is open.
            "aesi": row["aesi"] if row["aesi"] or rules.safety.aesi else "none",
        }
        found[row["patient_id"]].append(OutcomeEventData(row["number"], row["term"], onset, values))
    return found


def _patient(
    row: Mapping[str, Any], rules: Protocol, captured: tuple[list[OutcomeVisit], Mapping[str, list[Answers]]],
    infusions: list[dict[str, Any]], events: list[OutcomeEventData], slot: tuple[str, str],
) -> OutcomePatient:  # fmt: skip
    visits, logs = captured
    zone = rules.trial.site.time_zone
    died, contact = _death(row, rules, visits), _last(rules.profile.last_contact_on, visits)
    first = infusions[0] if infusions else {}
    subject = {
        "inclusion_on": row["enrolled_on"],
        "screened_on": row["screened_on"],
        "first_infusion_on": row["first_infusion_on"],
        "first_infusion_at": first.get("started_at"),
        "first_infusion_ended_at": first.get("ended_at"),
        "group": row["group"],
        "died_on": died,
        "last_contact_on": Moment.from_date(contact, zone) if contact else None,
    }
    seen = [day for day in (contact, *(visit.on for visit in visits)) if day is not None]
    # A death that is known by its month ends the observation on the first day on which it may have been.
    end = [died.first_day] if died else seen
    return OutcomePatient(
        code=row["code"], group=row["group"], arm=slot[0], stratum=slot[1], subject=subject, infusions=infusions,
        events=events, visits=visits, logs=logs, observed_to=max(end, default=None),
    )  # fmt: skip


def _death(row: Mapping[str, Any], rules: Protocol, visits: Iterable[OutcomeVisit]) -> Moment | None:
    """Return the day of death: that of a form, of several the latest visit's, before that of the end of study."""
    zone = rules.trial.site.time_zone
    days = _answers(rules.profile.died_on, visits)
    if days:
        return Moment.from_iso(days[-1], zone)
    ended = row["ended_on"] if row["end_reason"] == Patient.EndReason.DEATH else None
    return Moment.from_date(ended, zone) if ended else None


def _last(path: str | None, visits: Iterable[OutcomeVisit]) -> dt.date | None:
    days = [Moment.from_iso(day).last_day for day in _answers(path, visits)]
    return max(days, default=None)


def _answers(path: str | None, visits: Iterable[OutcomeVisit]) -> list[str]:
    form, _dot, item = (path or "").partition(".")
    values = (visit.records.get(form, {}).get(item) for visit in visits)
    return [value for value in values if isinstance(value, str) and is_answered(value)]
