"""Forms of a temperature excursion of a place: recorded, evaluated. No answer has a default."""

from django import forms
from django.utils.translation import gettext as _

from patients.models import StorageExcursion
from patients.participation.forms import StepForm
from patients.samples.forms import NO_NAMES, save_key_field
from patients.samples.storage import ExcursionFacts
from trials.date_fields import MomentField
from trials.measure_fields import MeasureField


class StorageExcursionForm(StepForm):
    """Where, from when to when, the extreme temperatures, and what happened."""

    def add_fields(self, zone: str) -> None:
        self.fields["save_key"] = save_key_field()
        self.fields["place"] = forms.CharField(
            label=_("Place"),
            max_length=200,
            help_text=_("As at the tubes. “Freezer 2” also means each rack of it."),
        )
        self.fields["began"] = MomentField(label=_("From"), zone=zone)
        self.fields["ended"] = MomentField(label=_("To"), zone=zone)
        self.fields["lowest_c"] = MeasureField(
            label=_("Lowest temperature (°C)"), unit="°C", places=1, required=False
        )
        self.fields["highest_c"] = MeasureField(label=_("Highest temperature (°C)"), unit="°C", places=1)
        self.fields["note"] = forms.CharField(
            label=_("What happened"),
            max_length=1000,
            widget=forms.Textarea(attrs={"rows": 2}),
            help_text=NO_NAMES,
        )

    def facts(self) -> ExcursionFacts:
        """Return the cleaned answers."""
        names = ExcursionFacts.__annotations__
        return ExcursionFacts(**{name: self.cleaned_data[name] for name in names})  # type: ignore[typeddict-item]


class ExcursionEvaluationForm(StepForm):
    """Whether the tubes may still be used, and why."""

    def add_fields(self, zone: str) -> None:
        self.fields["outcome"] = forms.ChoiceField(
            label=_("Evaluation"), choices=StorageExcursion.Outcome.choices, widget=forms.RadioSelect
        )
        self.fields["reason"] = forms.CharField(
            label=_("Reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2}), help_text=NO_NAMES
        )
