"""Filters of the listings of deviations."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import DeviationClass, DeviationRow, Patient
from trials.models import Trial

ANY = _("Any")
STATES = [
    ("waiting", _("Waits for a decision")),
    ("in_force", _("In force")),
    ("struck_out", _("Struck out")),
]


class DeviationFilter(django_filters.FilterSet):
    """Deviations of one log by patient, category, classification and status."""

    patient = django_filters.CharFilter(label=_("Patient"), method="of_patient", max_length=20)
    category = django_filters.ChoiceFilter(label=_("Concerns"), empty_label=ANY)
    classification = django_filters.ChoiceFilter(
        label=_("Classification"), choices=DeviationClass.choices, empty_label=ANY
    )
    state = django_filters.ChoiceFilter(label=_("Status"), choices=STATES, method="by_state", empty_label=ANY)

    class Meta:
        model = None
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, log: type[DeviationRow], **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)
        # Each instance has its own copies of the declared filters, so the choices stay in this request.
        self.filters["category"].extra["choices"] = log._meta.get_field("category").choices

    def of_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep deviations of patients whose code contains the typed text."""
        return rows.filter(patient__in=Patient.objects.filter(trial=self.trial, code__icontains=value))

    def by_state(self, rows: Any, name: str, value: str) -> QuerySet[Any]:
        """Keep deviations that wait for a person, that are in force, or that were struck out."""
        if value == "waiting":
            return rows.waiting()
        in_force = rows.in_force()
        return in_force if value == "in_force" else rows.exclude(pk__in=in_force.values("pk"))
