"""Forms and filters of the pre-screening log."""

from typing import Any
from uuid import uuid4

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from patients.models import PrescreeningRow
from patients.models.prescreening import REASONS_OF
from patients.participation.forms import StepForm
from patients.participation.logs.prescreening import PrescreeningFacts
from trials.date_fields import DayField

ANY = _("Any")
Outcome, Reason = PrescreeningRow.Outcome, PrescreeningRow.Reason
IN_FORCE = [("in_force", _("In force")), ("struck_out", _("Struck out"))]


def _reasons() -> list[tuple[Any, Any]]:
    """Return the reasons under their outcomes; those of both stand last."""
    first, second = REASONS_OF.values()
    groups = [(Outcome(outcome).label, reasons) for outcome, reasons in REASONS_OF.items()]
    of_both = [reason for reason in first if reason in second]
    grouped = [
        (title, [(reason.value, reason.label) for reason in reasons if reason not in of_both])
        for title, reasons in groups
    ]
    return [("", _("Choose")), *grouped, *((reason.value, reason.label) for reason in of_both)]


class PrescreeningForm(StepForm):
    """People who were considered on one day and not screened, with the outcome and the reason."""

    def add_fields(self, zone: str) -> None:
        self.fields["save_key"] = forms.CharField(
            required=False, max_length=64, widget=forms.HiddenInput, initial=lambda: uuid4().hex
        )
        self.fields["considered_on"] = DayField(label=_("Considered on"), zone=zone)
        self.fields["people"] = forms.CharField(
            label=_("Number of people"),
            max_length=6,
            widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "class": "w-short"}),
            help_text=_("1, or several with the same outcome and reason."),
        )
        self.fields["outcome"] = forms.ChoiceField(
            label=_("Outcome"), choices=Outcome.choices, widget=forms.RadioSelect
        )
        self.fields["reason"] = forms.ChoiceField(label=_("Reason"), choices=_reasons())
        self.fields["note"] = forms.CharField(
            label=_("Note"),
            required=False,
            max_length=500,
            help_text=_("Names the reason “Other”. No names, no dates of birth, no hospital numbers."),
        )

    def clean_people(self) -> int:
        """Return the typed number."""
        typed = self.cleaned_data["people"].strip()
        if not (typed.isascii() and typed.isdigit()):
            raise forms.ValidationError(_("Enter a whole number."))
        return int(typed)

    def facts(self) -> PrescreeningFacts:
        """Return the cleaned answers."""
        names = PrescreeningFacts.__annotations__
        return PrescreeningFacts(**{name: self.cleaned_data[name] for name in names})  # type: ignore[typeddict-item]


class RowReasonForm(StepForm):
    """Base of the forms that change one row of a log: the version shown, and the reason for the change."""

    change_title: Any = _("Reason for the change")

    def __init__(self, *args: Any, row: Any, **kwargs: Any) -> None:
        self.row = row
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.fields.pop("save_key", None)
        for name, field in self.fields.items():
            field.initial = getattr(self.row, name)
        self.fields["change_reason"] = forms.CharField(label=self.change_title, max_length=1000)
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.row.version)


class CorrectPrescreeningForm(RowReasonForm, PrescreeningForm):
    """The same questions with the stored answers, and the reason for the change."""


class StrikeRowForm(RowReasonForm):
    """The reason why a row of a log is struck out."""

    change_title = _("Why it is struck out")


class PrescreeningFilter(django_filters.FilterSet):
    """Rows of the pre-screening log by outcome, reason and status."""

    outcome = django_filters.ChoiceFilter(label=_("Outcome"), choices=Outcome.choices, empty_label=ANY)
    reason = django_filters.ChoiceFilter(label=_("Reason"), choices=Reason.choices, empty_label=ANY)
    state = django_filters.ChoiceFilter(
        label=_("Status"), choices=IN_FORCE, method="by_state", empty_label=ANY
    )

    class Meta:
        model = None
        fields: list[str] = []

    def by_state(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows in force, or rows that were struck out."""
        return (
            rows.filter(struck_out_reason="") if value == "in_force" else rows.exclude(struck_out_reason="")
        )
