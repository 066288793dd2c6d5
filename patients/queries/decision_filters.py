"""Filters of the listings of consents and of decisions on eligibility."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from patients.models import Consent, EligibilityDecision
from patients.queries.filters import ANY, YES_NO, of_patient
from trials.models import Trial


class OfPatientFilter(django_filters.FilterSet):
    """The filters that both listings share: the patient, and open queries."""

    patient = django_filters.CharFilter(label=_("Patient"), method="by_patient", max_length=20)
    queried = django_filters.ChoiceFilter(
        label=pgettext_lazy("status", "Open query"), choices=YES_NO, method="with_query", empty_label=ANY
    )

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)

    def by_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows of patients whose code contains the typed text."""
        return rows.filter(patient__in=of_patient(self.trial, value))

    def with_query(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows with a query that is not closed, or those without."""
        return rows.filter(has_open_query=value == "true")


class ConsentFilter(OfPatientFilter):
    """Consents by who gave them, version, and whether they are valid."""

    type = django_filters.ChoiceFilter(label=_("Given by"), choices=Consent.Type.choices, empty_label=ANY)
    version = django_filters.CharFilter(label=_("Version of the form"), lookup_expr="iexact", max_length=40)
    status = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[("valid", _("Valid")), ("struck_out", _("Entered in error"))],
        method="by_status",
        empty_label=ANY,
    )

    class Meta:
        model = Consent
        fields: list[str] = []

    def by_status(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep valid consents, or those entered in error."""
        return rows.filter(struck_out_reason="") if value == "valid" else rows.exclude(struck_out_reason="")


class DecisionFilter(OfPatientFilter):
    """Decisions by conclusion, and by whether they rest on changed inputs and wait for a person."""

    conclusion = django_filters.ChoiceFilter(
        label=_("Conclusion"), choices=EligibilityDecision.Conclusion.choices, empty_label=ANY
    )
    changed = django_filters.ChoiceFilter(
        label=_("Rests on changed inputs"), choices=YES_NO, method="on_changes", empty_label=ANY
    )

    class Meta:
        model = EligibilityDecision
        fields: list[str] = []

    def on_changes(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep decisions that rest on changed inputs and that nobody settled, or all others."""
        resting = EligibilityDecision.objects.filter(patient__trial=self.trial).resting_on_changes()
        keys = list(resting.values_list("pk", flat=True))
        return rows.filter(pk__in=keys) if value == "true" else rows.exclude(pk__in=keys)
