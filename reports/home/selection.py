"""Filters of the patients on the home page: by status, or by outstanding work."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audit.compiled_queries import CompiledQuery
from dosing.models import Infusion, in_turn
from patients.models import Consent, EligibilityDecision, Patient, Query, Record, Visit
from patients.models.visibility import IN_TRIAL
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from patients.participation.death import ended_before_death
from patients.participation.visit_status import (
    COMPLETE,
    DRAFT,
    OPEN_PATIENTS,
    SIGNED,
    STAGE,
    VERIFIED,
    overdue,
)

ROWS = 50
State = Patient.State


class OnDay(NamedTuple):
    """Today at the site, and the item of the protocol that states the date of death (`form.item`), if there is one."""

    today: date
    died_on: str | None


Narrow = Callable[[QuerySet[Any], OnDay], QuerySet[Any]]


@dataclass(frozen=True)
class PatientSelection:
    """One filter. `narrow` keeps its patients, given the day at the site."""

    name: str
    label: str | Promise
    narrow: Narrow


def _in_state(*states: str) -> Narrow:
    return lambda patients, on: patients.filter(state__in=states)


def _with_overdue(patients: QuerySet[Any], on: OnDay) -> QuerySet[Any]:
    return patients.filter(Exists(Visit.objects.filter(overdue(*on), patient=OuterRef("pk"))))


def _with_record(below: int, at_least: int = DRAFT) -> Narrow:
    def narrow(patients: QuerySet[Any], on: OnDay) -> QuerySet[Any]:
        records = Record.objects.filter(patient=OuterRef("pk")).exclude(state=Record.State.STRUCK_OUT)
        waiting = records.annotate(stage=STAGE).filter(stage__lt=below, stage__gte=at_least)
        return patients.filter(Exists(waiting))

    return narrow


def _with_query(*states: str) -> Narrow:
    return lambda patients, on: patients.filter(
        Exists(Query.objects.filter(patient=OuterRef("pk"), state__in=states))
    )


def reconsent_due(patients: QuerySet[Any], today: date) -> QuerySet[Any]:
    """Keep patients who must consent again: they regained capacity, or an amendment requires it."""
    latest = Consent.objects.filter(patient=OuterRef("pk")).not_in_error().order_by("-given_at", "-pk")
    known = patients.filter(state__in=OPEN_PATIENTS).annotate(
        consent_type=Subquery(latest.values("type")[:1]),
        capacity=Subquery(latest.values("capacity_regained_on")[:1]),
        consent_version=Subquery(latest.values("version")[:1]),
    )
    confirmed = ~Q(consent_type=Consent.Type.PATIENT) & Q(capacity__isnull=False)
    amended = ~Q(reconsent_version="") & ~Q(consent_version=F("reconsent_version"))
    return known.filter(confirmed | amended)


def _with_infusion_due(patients: QuerySet[Any], on: OnDay) -> QuerySet[Any]:
    # The earliest of the planned ones is in turn: if one is due, so is this.
    planned = Infusion.objects.filter(
        ended_before_death(on.died_on), patient=OuterRef("pk"), state="planned", window_from__lte=on.today
    )
    return patients.filter(Exists(planned.filter(in_turn())), treatment_goes_on(""), state=State.ENROLLED)


def decision_to_make_again(patients: QuerySet[Any], today: date) -> QuerySet[Any]:
    """Keep patients whose decision on eligibility rests on inputs that changed since."""
    decisions = EligibilityDecision.objects.filter(patient=OuterRef("pk"))
    return patients.filter(Exists(decisions.resting_on_changes()))


BY_STATUS = (
    PatientSelection("all", _("All patients"), lambda patients, on: patients),
    PatientSelection("follow_up", _("In follow-up"), _in_state(State.ENROLLED)),
    PatientSelection("screening", _("In screening"), _in_state(State.SCREENING)),
    PatientSelection("ended", _("Ended"), _in_state(State.ENDED, State.SCREEN_FAILED)),
)
BY_WORK = (
    PatientSelection("overdue", _("With an overdue visit"), _with_overdue),
    PatientSelection("drafts", _("With a draft"), _with_record(below=COMPLETE)),
    PatientSelection("queries", _("With an open query"), _with_query(*Query.OPEN_STATES)),
    PatientSelection(
        "unverified", _("With forms to verify"), _with_record(below=VERIFIED, at_least=COMPLETE)
    ),
    PatientSelection("unsigned", _("With forms to sign"), _with_record(below=SIGNED, at_least=COMPLETE)),
    PatientSelection(
        "reconsent", _("With a new consent due"), lambda patients, on: reconsent_due(patients, on.today)
    ),
    PatientSelection("infusions", _("With an infusion due"), _with_infusion_due),
    PatientSelection(
        "decisions",
        _("With a decision that rests on changed inputs"),
        lambda patients, on: decision_to_make_again(patients, on.today),
    ),
)
ALL = BY_STATUS[0]
SELECTIONS = {selection.name: selection for selection in (*BY_STATUS, *BY_WORK)}


def chosen(name: str) -> PatientSelection:
    """Return the filter with that name; all patients for an unknown name."""
    return SELECTIONS.get(name, ALL)


def _page(patients: QuerySet[Any], number: int) -> Any:
    first = (number - 1) * ROWS
    # One row more than shown tells whether there is a next page.
    return patients.order_by("number")[first : first + ROWS + 1]


FIRST_PAGE = CompiledQuery(lambda **who: _page(Patient.objects.visible_in(**who), 1), **IN_TRIAL)


def page_of(selection: PatientSelection, number: int, *, on: OnDay, **who: Any) -> tuple[list[Patient], bool]:
    """Return the patients of a selection on page `number` (from 1), and whether there are more.

    who: the reader and the trial, as for `visible_in`.
    """
    if selection is ALL and number == 1:
        rows = FIRST_PAGE.rows(**who)
    else:
        rows = list(_page(selection.narrow(Patient.objects.visible_in(**who), on), number))
    return rows[:ROWS], len(rows) > ROWS
