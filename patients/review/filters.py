"""Filters of the listings of marks."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from patients.casebook.facts import OTHER, OTHER_TARGETS
from patients.models import Mark, Patient
from patients.review import fact_verification
from protocol.document.document import Protocol
from trials.models import Trial


class UndoneFilter(django_filters.FilterSet):
    """Undone marks by kind, patient and what they were on."""

    kind = django_filters.ChoiceFilter(label=_("Mark"), choices=Mark.Kind.choices, empty_label=_("Any"))
    patient = django_filters.CharFilter(label=_("Patient"), field_name="patient__code", lookup_expr="iexact")
    form_code = django_filters.ChoiceFilter(label=_("About"), method="about", empty_label=_("Any"))

    class Meta:
        model = Mark
        fields = ["kind", "patient", "form_code"]

    def __init__(self, *args: Any, forms: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["form_code"].extra["choices"] = [*forms, *OTHER_TARGETS]

    def about(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep marks on one form, or on one other kind of row."""
        if value.startswith(OTHER):
            return queryset.filter(target=value.removeprefix(OTHER))
        return queryset.filter(record__form=value)


class ToVerifyFilter(django_filters.FilterSet):
    """Patients by whether forms or entries outside the forms wait for source verification, and by code."""

    waits = django_filters.ChoiceFilter(
        label=_("Verification"),
        choices=[("yes", _("Something to verify")), ("no", _("Nothing to verify"))],
        empty_label=_("Any"),
        method="only_waiting",
    )
    code = django_filters.CharFilter(label=_("Patient"), lookup_expr="icontains")

    class Meta:
        model = Patient
        fields = ["waits", "code"]

    def __init__(self, *args: Any, trial: Trial, versions: Mapping[int, Protocol], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trial, self.versions = trial, versions

    def only_waiting(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep patients with something to verify, or those without."""
        waiting = Q(to_verify__gt=0) | Q(
            pk__in=list(fact_verification.count_by_patient(self.trial, self.versions))
        )
        return queryset.filter(waiting) if value == "yes" else queryset.exclude(waiting)
