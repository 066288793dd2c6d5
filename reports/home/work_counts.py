"""The counts that home shows, each one compiled statement."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any, NamedTuple

from django.db.models import Count, Exists, F, Min, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from audit.compiled_queries import CompiledQuery, CompiledValues, aggregated
from dosing.models import Infusion, in_turn
from patients.models import Deviation, Patient, Query, Record, Visit
from patients.models.visibility import IN_TRIAL
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from patients.participation.death import ended_before_death
from patients.participation.visit_status import (
    OPEN_PATIENTS,
    STAGE,
    VERSION_OF_VISIT,
    can_be_held,
    due,
    overdue,
)
from reports.home.selection import decision_to_make_again, reconsent_due
from safety.models import AdverseEvent, EventDraft

RECENT, NEXT_VISITS = 500, 6
OLD_QUERY_DAYS = 7
PREPARE_AHEAD_DAYS = 7
ENDING_SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class FormCount:
    """Number of records of one form at one visit and stage, over all patients."""

    required: bool
    stage: int
    number: int
    oldest: datetime


class VisitCount(NamedTuple):
    """Number of visits by protocol visit, version and infusions given (`13`), over all patients.

    `oldest`: end of the oldest passed window.
    """

    code: str
    version: int
    given: str
    overdue: int
    due: int
    expected: int
    oldest: date | None


def _visit_counts(today: date, *, died_on: str, **who: Any) -> Any:
    late, now = overdue(today, died_on), due(today, died_on)
    return (
        Visit.objects.visible_in(**who)
        .values_list("code", VERSION_OF_VISIT, "patient__infusions_given")
        .annotate(
            overdue=Count("pk", filter=late),
            due=Count("pk", filter=now),
            expected=Count("pk", filter=late | Q(state=Visit.State.HELD)),
            oldest=Min("window_to", filter=late),
        )
    )


def _form_counts(**who: Any) -> Any:
    records = Record.objects.visible_in(**who).exclude(state=Record.State.STRUCK_OUT).annotate(stage=STAGE)
    # A visit keeps the version it was held under; other records count under the patient's.
    version = Coalesce("visit__protocol_id", "patient__protocol_id")
    keys = records.values_list(version, "patient__infusions_given", "visit__code", "form", "stage")
    return keys.annotate(number=Count("pk"), oldest=Min("created_at"))


def _query_counts(old: datetime, **who: Any) -> Any:
    is_open = Q(state=Query.State.OPEN)
    return aggregated(
        Query.objects.visible_in(**who).filter(state__in=Query.OPEN_STATES),
        open=Count("pk", filter=is_open),
        old=Count("pk", filter=is_open & Q(opened_at__lt=old)),
        answered=Count("pk", filter=Q(state=Query.State.ANSWERED)),
    )


def _clocks(now: datetime, **who: Any) -> Any:
    events = AdverseEvent.objects.visible_in(**who).not_in_error()
    same = AdverseEvent.objects.filter(pk=OuterRef("pk"))
    waits = Q(Exists(same.awaiting_report()))
    return aggregated(
        events,
        running=Count("pk", filter=waits),
        late=Count("pk", filter=waits & Q(due_at__lt=now)),
        next=Min("due_at", filter=waits),
        unsigned=Count("pk", filter=Exists(same.signed(yes=False))),
    )


def _event_drafts(now: datetime, **who: Any) -> Any:
    return aggregated(
        EventDraft.objects.visible_in(**who).filter(state=EventDraft.State.OPEN),
        open=Count("pk"),
        late=Count("pk", filter=Q(due_at__lt=now)),
        next=Min("due_at"),
    )


def _infusion_counts(today: date, *, died_on: str, **who: Any) -> Any:
    planned = Infusion.objects.visible_in(**who).filter(
        in_turn(),
        treatment_goes_on(),
        ended_before_death(died_on),
        state="planned",
        patient__state=Patient.State.ENROLLED,
    )
    return aggregated(
        planned,
        due=Count("pk", filter=Q(window_from__lte=today)),
        late=Count("pk", filter=Q(window_to__lt=today)),
    )


def _waiting(at: datetime, **who: Any) -> Any:
    patients = Patient.objects.visible_in(at=at, **who)
    same = Patient.objects.filter(pk=OuterRef("pk"))
    of_patient = Deviation.objects.filter(patient=OuterRef("pk")).waiting().order_by()
    waiting = of_patient.values("patient").annotate(number=Count("pk")).values("number")
    return aggregated(
        patients.annotate(to_classify=Coalesce(Subquery(waiting), 0)),
        reconsents=Count("pk", filter=Exists(reconsent_due(same, at.date()))),
        decisions=Count("pk", filter=Exists(decision_to_make_again(same, at.date()))),
        waiting=Sum("to_classify"),
    )


def _next_visits(today: date, *, died_on: str, **who: Any) -> Any:
    planned = Visit.objects.visible_in(**who).filter(
        can_be_held(died_on),
        patient__state__in=OPEN_PATIENTS,
        state=Visit.State.PLANNED,
        window_to__gte=today,
    )
    return planned.select_related("patient").order_by(F("planned_on").asc(), "patient__number")[:NEXT_VISITS]


def _entry_days(**who: Any) -> Any:
    records = Record.objects.visible_in(**who).filter(
        completed_at__isnull=False, visit__held_on__isnull=False
    )
    return records.order_by("-completed_at").values_list("completed_at", "visit__held_on")[:RECENT]


@cache
def visit_counts(died_on: str) -> CompiledValues:
    """Return the query of the visits. died_on: the item that states the date of death (`form.item`), or nothing."""
    return CompiledValues(partial(_visit_counts, died_on=died_on), **IN_TRIAL, today=date)


@cache
def infusion_counts(died_on: str) -> CompiledValues:
    """Return the query of the planned infusions. died_on: as for `visit_counts`."""
    return CompiledValues(partial(_infusion_counts, died_on=died_on), **IN_TRIAL, today=date)


@cache
def visits_to_come(died_on: str) -> CompiledQuery[Visit]:
    """Return the query of the visits to come. died_on: as for `visit_counts`."""
    return CompiledQuery(partial(_next_visits, died_on=died_on), **IN_TRIAL, today=date)


PATIENTS = CompiledValues(
    lambda **who: Patient.objects.visible_in(**who).values_list("state", "enrolled_on").annotate(Count("pk")),
    **IN_TRIAL,
)
FORMS = CompiledValues(_form_counts, **IN_TRIAL)
QUERIES = CompiledValues(_query_counts, **IN_TRIAL, old=datetime)
CLOCKS = CompiledValues(_clocks, **IN_TRIAL, now=datetime)
EVENT_DRAFTS = CompiledValues(_event_drafts, **IN_TRIAL, now=datetime)
WAITING = CompiledValues(_waiting, **IN_TRIAL)
ENTRY_DAYS = CompiledValues(_entry_days, **IN_TRIAL)
