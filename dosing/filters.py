"""Filters of the listings of infusions and of allocation slots."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from dosing.models import AllocationSlot, Infusion, awaited
from patients.models import Patient
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from trials.models import Trial

YES_NO = [("yes", _("Yes")), ("no", _("No"))]
ANY = _("Any")


class InfusionFilter(django_filters.FilterSet):
    """Infusions by patient, by status, and by whether they are overdue."""

    patient = django_filters.CharFilter(label=_("Patient"), method="of_patient", max_length=20)
    state = django_filters.ChoiceFilter(label=_("Status"), choices=Infusion.State.choices, empty_label=ANY)
    overdue = django_filters.ChoiceFilter(
        label=_("Overdue"), choices=YES_NO, method="only_overdue", empty_label=ANY
    )

    class Meta:
        model = Infusion
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)

    def of_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep infusions of patients whose code contains the typed text."""
        return rows.filter(patient__in=Patient.objects.filter(trial=self.trial, code__icontains=value))

    def only_overdue(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep overdue infusions, or all others.

        Overdue: planned and in turn, the window before today at the site, the patient in follow-up.
        """
        today = self.trial.today
        late = rows.filter(
            awaited(self.trial.rules.profile.died_on),
            treatment_goes_on(),
            state="planned",
            window_to__lt=today,
            patient__state=Patient.State.ENROLLED,
        )
        return late if value == "yes" else rows.exclude(pk__in=late.values("pk"))


class SlotFilter(django_filters.FilterSet):
    """Slots of the allocation list, taken or free."""

    taken = django_filters.ChoiceFilter(label=_("Taken"), choices=YES_NO, method="by_taking", empty_label=ANY)

    class Meta:
        model = AllocationSlot
        fields: list[str] = []

    def by_taking(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep slots that are taken, or those that are free."""
        return rows.filter(patient__isnull=value == "no")
