"""Forms and filters of the log of contacts."""

from typing import Any
from uuid import uuid4

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import ContactAttempt, Patient
from patients.participation.forms import StepForm
from patients.participation.logs.contacts import ContactFacts
from patients.participation.logs.prescreening_forms import ANY, IN_FORCE, RowReasonForm
from trials.date_fields import DayField
from trials.models import Trial

Way, Outcome = ContactAttempt.Way, ContactAttempt.Outcome


class ContactForm(StepForm):
    """One attempt to reach the patient."""

    def add_fields(self, zone: str) -> None:
        self.fields["save_key"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
        )
        self.fields["tried_on"] = DayField(label=_("Day"), zone=zone)
        self.fields["way"] = forms.ChoiceField(label=_("Way"), choices=[("", _("Choose")), *Way.choices])
        self.fields["tried_by"] = forms.CharField(
            label=_("By whom"), max_length=200, help_text=_("The person of the team who tried.")
        )
        self.fields["outcome"] = forms.ChoiceField(
            label=_("Outcome"), choices=[("", _("Choose")), *Outcome.choices]
        )
        self.fields["note"] = forms.CharField(
            label=_("Note"),
            required=False,
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=_(
                "No names, numbers or addresses. How the patient is belongs in the forms of the visit."
            ),
        )

    def facts(self) -> ContactFacts:
        """Return the cleaned answers."""
        names = ContactFacts.__annotations__
        return ContactFacts(**{name: self.cleaned_data[name] for name in names})  # type: ignore[typeddict-item]


class CorrectContactForm(RowReasonForm, ContactForm):
    """The same questions with the stored answers, and the reason for the change."""


class ContactFilter(django_filters.FilterSet):
    """Attempts by patient, way, outcome and status."""

    patient = django_filters.CharFilter(label=_("Patient"), method="of_patient", max_length=20)
    way = django_filters.ChoiceFilter(label=_("Way"), choices=Way.choices, empty_label=ANY)
    outcome = django_filters.ChoiceFilter(label=_("Outcome"), choices=Outcome.choices, empty_label=ANY)
    state = django_filters.ChoiceFilter(
        label=_("Status"), choices=IN_FORCE, method="by_state", empty_label=ANY
    )

    class Meta:
        model = None
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        self.trial = trial
        super().__init__(*args, **kwargs)

    def of_patient(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep attempts to reach patients whose code contains the typed text."""
        return rows.filter(patient__in=Patient.objects.filter(trial=self.trial, code__icontains=value))

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep attempts in force, or those that were struck out."""
        return (
            rows.filter(struck_out_reason="") if value == "in_force" else rows.exclude(struck_out_reason="")
        )
