"""Filters of the listings of marks."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import Mark, Patient


class UndoneFilter(django_filters.FilterSet):
    """Undone marks by kind, patient and form."""

    kind = django_filters.ChoiceFilter(label=_("Mark"), choices=Mark.Kind.choices, empty_label=_("Any"))
    patient = django_filters.CharFilter(label=_("Patient"), field_name="patient__code", lookup_expr="iexact")
    form_code = django_filters.CharFilter(label=_("Form"), field_name="record__form")

    class Meta:
        model = Mark
        fields = ["kind", "patient", "form_code"]


class ToVerifyFilter(django_filters.FilterSet):
    """Patients by whether forms wait for source verification, and by code."""

    waits = django_filters.ChoiceFilter(
        label=_("Verification"),
        choices=[("yes", _("Forms to verify")), ("no", _("Nothing to verify"))],
        empty_label=_("Any"),
        method="only_waiting",
    )
    code = django_filters.CharFilter(label=_("Patient"), lookup_expr="icontains")

    class Meta:
        model = Patient
        fields = ["waits", "code"]

    def only_waiting(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep patients with forms to verify, or those without."""
        return queryset.filter(to_verify__gt=0) if value == "yes" else queryset.filter(to_verify=0)
