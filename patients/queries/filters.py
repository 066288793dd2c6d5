"""Filters of the listings of patients, captured forms and queries."""

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.casebook.facts import OTHER, OTHER_TARGETS
from patients.models import Patient, Query, Record
from patients.participation.visits import UNSCHEDULED
from patients.queries.threads import ORIGINS
from trials.access import Access
from trials.models import Trial
from trials.permissions import Permission as P
from trials.reader import reader_language

ANY = _("Any")
YES_NO = [("true", _("Yes")), ("false", _("No"))]
NOT_CLOSED, PERSON = "not_closed", "person"
# Age of a query in whole days: first and last day of each class, both included.
AGES: dict[str, tuple[int, int | None, str | Promise]] = {
    "0-7": (0, 7, _("0–7 days")),
    "8-14": (8, 14, _("8–14 days")),
    "15-30": (15, 30, _("15–30 days")),
    "31": (31, None, _("more than 30 days")),
}


def form_choices(trial: Trial) -> list[tuple[str, str]]:
    """Return the forms of all protocol versions with their titles, those of the version in force first."""
    language = reader_language()
    titles: dict[str, str] = {}
    for rules in trial.all_rules.values():
        for code, form in rules.forms.items():
            titles.setdefault(code, form.title.in_language(language))
    return list(titles.items())


def visit_choices(trial: Trial) -> list[tuple[str, str]]:
    """Return the visits of all protocol versions, and the unscheduled ones."""
    codes = dict.fromkeys(visit.code for rules in trial.all_rules.values() for visit in rules.visits)
    return [*((code, code) for code in codes), (UNSCHEDULED, UNSCHEDULED)]


def of_patient(trial: Trial, typed: str) -> QuerySet[Patient]:
    """Return the patients of the trial whose code contains the typed text."""
    found: QuerySet[Patient] = Patient.objects.filter(trial=trial, code__icontains=typed)
    return found


def waiting_for(access: Access) -> Q:
    """Return the condition for queries that wait for the reader's role.

    Open queries wait for the roles that answer. Answered ones wait for the role that raised them, not for one person;
    those of checks wait for every role that may close queries.
    """
    if access.may(P.ANSWER_QUERY):
        return Q(state=Query.State.OPEN)
    if not access.may(P.RAISE_QUERY):
        return Q(pk__in=())
    origins = (Query.Origin.CHECK, ORIGINS.get(access.role.code, Query.Origin.MONITOR))
    return Q(state=Query.State.ANSWERED, origin__in=origins)


class PatientFilter(django_filters.FilterSet):
    """Patients by status and code."""

    state = django_filters.ChoiceFilter(label=_("Status"), choices=Patient.State.choices, empty_label=ANY)
    code = django_filters.CharFilter(label=_("Patient"), lookup_expr="icontains")

    class Meta:
        model = Patient
        fields = ["state", "code"]


class OfTrialFilter(django_filters.FilterSet):
    """The filters that all listings of captured data share: patient and form."""

    patient = django_filters.CharFilter(label=_("Patient"), method="by_patient", max_length=20)
    form_code = django_filters.ChoiceFilter(label=_("Form"), method="by_form", empty_label=ANY)
    form_path = "form"

    class Meta:
        model = Record
        fields: list[str] = []

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        self.access, self.trial = access, access.trial
        super().__init__(*args, **kwargs)
        self.filters["form_code"].extra["choices"] = form_choices(self.trial)

    def by_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows of patients whose code contains the typed text."""
        return rows.filter(patient__in=of_patient(self.trial, value))

    def by_form(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows of one form."""
        return rows.filter(**{self.form_path: value})


class RecordFilter(OfTrialFilter):
    """Captured forms by patient, visit, form, status and open queries."""

    visit = django_filters.ChoiceFilter(label=_("Visit"), field_name="visit__code", empty_label=ANY)
    state = django_filters.ChoiceFilter(label=_("Status"), choices=Record.State.choices, empty_label=ANY)
    queried = django_filters.ChoiceFilter(
        label=pgettext_lazy("status", "Open query"), choices=YES_NO, method="with_query", empty_label=ANY
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["visit"].extra["choices"] = visit_choices(self.trial)

    def with_query(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep forms with a query that is not closed, or those without."""
        has_open_query = Exists(Query.objects.filter(record=OuterRef("pk"), state__in=Query.OPEN_STATES))
        return rows.filter(has_open_query if value == "true" else ~has_open_query)


class QueryFilter(OfTrialFilter):
    """Queries by the role they wait for, status, age, what they are about, patient and origin."""

    waiting = django_filters.ChoiceFilter(
        label=_("Waiting for"), choices=[("mine", _("Me"))], method="waiting_for_me", empty_label=_("Anybody")
    )
    state = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[*Query.State.choices, (NOT_CLOSED, _("Not closed"))],
        method="of_state",
        empty_label=ANY,
    )
    age = django_filters.ChoiceFilter(
        label=_("Open for"),
        choices=[(code, label) for code, (_first, _last, label) in AGES.items()],
        method="of_age",
        empty_label=ANY,
    )
    origin = django_filters.ChoiceFilter(
        label=_("Raised by"),
        choices=[*Query.Origin.choices, (PERSON, _("Any person"))],
        method="of_origin",
        empty_label=ANY,
    )

    class Meta:
        model = Query
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        asked = self.filters["form_code"]
        asked.label = _("About")
        asked.extra["choices"] = [*asked.extra["choices"], *OTHER_TARGETS]

    def by_form(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries on one form, or on one other kind of row."""
        if value.startswith(OTHER):
            return rows.filter(target=value.removeprefix(OTHER))
        return rows.filter(record__form=value)

    def waiting_for_me(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries that wait for the reader's role."""
        return rows.filter(waiting_for(self.access))

    def of_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries of one status, or all that are not closed."""
        return rows.filter(state__in=Query.OPEN_STATES if value == NOT_CLOSED else [value])

    def of_origin(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries of a check, of one kind of person, or of any person."""
        if value == PERSON:
            return rows.exclude(origin=Query.Origin.CHECK)
        return rows.filter(origin=value)

    def of_age(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep queries of one age class that are not closed."""
        first, last, _label = AGES[value]
        now = timezone.now()
        rows = rows.filter(state__in=Query.OPEN_STATES, opened_at__lte=now - timedelta(days=first))
        return rows if last is None else rows.filter(opened_at__gt=now - timedelta(days=last + 1))
