"""Forms of a deviation: enter or amend it, classify it, strike it out. Days and texts have no default (DAT-01)."""

from typing import Any
from uuid import uuid4

from crispy_forms.layout import Field
from django import forms
from django.utils.translation import gettext_lazy as _

from patients.models import DeviationClass, DeviationRow
from patients.participation.deviation_log.deviation_decisions import MOST_SIGNS, DeviationFacts
from patients.participation.forms import StepForm
from protocol.values.moments import Moment
from trials.date_fields import DayField, MomentField

CLASSES = [choice for choice in DeviationClass.choices if choice[0] != DeviationClass.UNCLASSIFIED]


def _text(label: Any, *, required: bool = False, rows: int = 3, **options: Any) -> forms.CharField:
    area = forms.Textarea(attrs={"rows": rows})
    return forms.CharField(label=label, required=required, max_length=MOST_SIGNS, widget=area, **options)


class DeviationForm(StepForm):
    """A deviation entered by hand."""

    def __init__(self, *args: Any, log: type[DeviationRow], **kwargs: Any) -> None:
        self.log = log
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        choices = [("", _("Choose")), *(self.log._meta.get_field("category").choices or ())]
        self.fields["save_key"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
        )
        self.fields["category"] = forms.ChoiceField(label=_("Concerns"), choices=choices)
        self.fields["occurred_on"] = MomentField(
            label=_("Happened on"), zone=zone, partial=True,
            help_text=_("The day, or the month or year that is known."),
        )  # fmt: skip
        self.fields["detected_on"] = DayField(label=_("Noticed on"), zone=zone)
        self.fields["description"] = _text(_("What happened"), required=True, help_text=_("No names."))
        self.fields["action_taken"] = _text(
            _("Action taken"), rows=2, help_text=_("What was done about it, and to prevent it.")
        )

    def layout_of(self, name: str) -> Field:
        """Return the layout of a field; the categories are too long for a narrow input."""
        return Field(name) if name == "category" else super().layout_of(name)

    def facts(self) -> DeviationFacts:
        """Return the cleaned answers."""
        return DeviationFacts(**{name: self.cleaned_data[name] for name in DeviationFacts.__annotations__})  # type: ignore[typeddict-item]


class DeviationStepForm(StepForm):
    """Base of the forms that change one deviation. A hidden field holds the version shown."""

    def __init__(self, *args: Any, deviation: DeviationRow, **kwargs: Any) -> None:
        self.deviation = deviation
        super().__init__(*args, **kwargs)

    def add_version(self) -> None:
        """Add the hidden field."""
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.deviation.version)

    def read_again(self, version: int) -> None:
        """Show what was typed with the current version: sending it once more applies it."""
        typed: Any = self.data.copy()  # type: ignore[attr-defined]
        typed["version"] = str(version)
        self.data = typed


class AmendDeviationForm(DeviationStepForm, DeviationForm):
    """The same questions with the stored answers, and the reason for the change."""

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        del self.fields["save_key"]
        row: Any = self.deviation
        stored = {
            "category": row.category, "occurred_on": Moment.from_iso(row.occurred_on),
            "detected_on": row.detected_on, "description": str(row.description),
            "action_taken": row.action_taken,
        }  # fmt: skip
        for name, value in stored.items():
            self.fields[name].initial = value
        # What a place opened keeps its category: the place would open it again.
        self.fields["category"].disabled = bool(row.place)
        self.fields["reason"] = forms.CharField(label=_("Reason for the change"), max_length=1000)
        self.add_version()

    def facts(self) -> DeviationFacts:
        """Return the cleaned answers. A sentence of the system that was not edited stays one."""
        facts = super().facts()
        if str(facts["description"]).split() == str(self.deviation.description).split():
            facts["description"] = self.deviation.description
        return facts


class ClassifyForm(DeviationStepForm):
    """The class of a deviation, what was done about it, and when it was reported."""

    def add_fields(self, zone: str) -> None:
        row = self.deviation
        self.fields["classification"] = forms.ChoiceField(
            label=_("Classification"),
            choices=CLASSES,
            widget=forms.RadioSelect,
            initial=row.classification if row.classified else None,
            help_text=_("Major: it may affect the rights or the safety of the patient, or the results."),
        )
        self.fields["action_taken"] = _text(_("Action taken"), rows=2, initial=row.action_taken)
        self.fields["reported_on"] = DayField(
            label=_("Reported to the sponsor on"), zone=zone, required=False, initial=row.reported_on
        )
        if row.classified:
            self.fields["reason"] = forms.CharField(
                label=_("Reason for the change"),
                max_length=1000,
                required=False,
                help_text=_("Needed if something that was decided changes."),
            )
        self.add_version()


class StrikeOutDeviationForm(DeviationStepForm):
    """The reason why a deviation is struck out."""

    reason = forms.CharField(
        label=_("Why it is struck out"), max_length=1000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def add_fields(self, zone: str) -> None:
        self.add_version()
