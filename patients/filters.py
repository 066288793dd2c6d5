"""Filters of the listings of patients and queries."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import Patient, Query


class PatientFilter(django_filters.FilterSet):
    """Patients by status, group and code."""

    state = django_filters.ChoiceFilter(
        label=_("Status"), choices=Patient.State.choices, empty_label=_("Any")
    )
    code = django_filters.CharFilter(label=_("Patient"), lookup_expr="icontains")

    class Meta:
        model = Patient
        fields = ["state", "code"]


class QueryFilter(django_filters.FilterSet):
    """Queries by status, origin, patient and age."""

    state = django_filters.ChoiceFilter(label=_("Status"), choices=Query.State.choices, empty_label=_("Any"))
    origin = django_filters.ChoiceFilter(
        label=_("Raised by"), choices=Query.Origin.choices, empty_label=_("Any")
    )
    patient = django_filters.CharFilter(label=_("Patient"), field_name="patient__code", lookup_expr="iexact")
    form_code = django_filters.CharFilter(label=_("Form"), field_name="record__form")
    unsettled = django_filters.ChoiceFilter(
        label=_("Settled"),
        choices=[("true", _("Not closed")), ("false", _("Closed"))],
        empty_label=_("Any"),
        method="only_unsettled",
    )

    class Meta:
        model = Query
        fields = ["state", "origin", "patient", "form_code", "unsettled"]

    def only_unsettled(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep what is not closed, or what is."""
        return (
            queryset.filter(state__in=Query.OPEN_STATES)
            if value
            else queryset.filter(state=Query.State.CLOSED)
        )
