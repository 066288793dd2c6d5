"""Filters of the listings of tubes and of shipments."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import Aliquot, Patient
from patients.participation.logs.prescreening_forms import ANY
from trials.models import Trial
from trials.reader import reader_language


class AliquotFilter(django_filters.FilterSet):
    """Tubes by patient, kind of sample, visit, status, and whether they have to be destroyed."""

    patient = django_filters.CharFilter(label=_("Patient"), method="of_patient", max_length=20)
    plan = django_filters.ChoiceFilter(label=_("Sample"), field_name="sample__plan", empty_label=ANY)
    visit = django_filters.CharFilter(label=_("Visit"), field_name="sample__visit__code", max_length=20)
    state = django_filters.ChoiceFilter(label=_("Status"), choices=Aliquot.State.choices, empty_label=ANY)
    destroy = django_filters.ChoiceFilter(
        label=_("To destroy"),
        choices=[("yes", _("Consent for samples withdrawn"))],
        method="to_destroy",
        empty_label=ANY,
    )

    class Meta:
        model = None
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)
        language = reader_language()
        self.filters["plan"].extra["choices"] = [
            (plan.code, plan.title.in_language(language)) for plan in trial.rules.samples
        ]

    def of_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep tubes of patients whose code contains the typed text."""
        return rows.filter(patient__in=Patient.objects.filter(trial=self.trial, code__icontains=value))

    def to_destroy(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep tubes that still exist though consent for samples is withdrawn."""
        return rows.to_destroy()  # type: ignore[attr-defined]


class ShipmentFilter(django_filters.FilterSet):
    """Shipments by whether they arrived, and by destination."""

    state = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[("sent", _("On its way")), ("received", _("Received"))],
        method="by_state",
        empty_label=ANY,
    )
    destination = django_filters.CharFilter(label=_("Destination"), lookup_expr="icontains", max_length=200)

    class Meta:
        model = None
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep shipments on their way, or received ones."""
        return rows.filter(received_at__isnull=value == "sent")
