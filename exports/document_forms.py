"""Forms for requesting a document: casebook, case report form, monitoring visit report."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dosing.allocation.slots import arm_of
from dosing.models import Infusion
from exports.models import Document
from patients.models import Patient
from trials.date_fields import DayField, on_clock_of
from trials.models import ProtocolVersion, Trial

Kind = Document.Kind


class DocumentForm(forms.Form):
    """Base of the forms of the documents page. `kind` tells which form was sent."""

    kind = forms.ChoiceField(widget=forms.HiddenInput)
    kinds: tuple[Kind, ...] = ()

    def __init__(self, data: Any, *, trial: Trial, **options: Any) -> None:
        super().__init__(data, label_suffix="", **options)
        self.trial = trial
        self.fields["kind"].choices = [(kind.value, kind.label) for kind in self.kinds]  # type: ignore[attr-defined]
        self.offer()

    def offer(self) -> None:
        """Set the choices that depend on the trial."""

    def arguments(self) -> dict[str, Any]:
        """Return the cleaned values as arguments of `ask_for`."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


class CasebookForm(DocumentForm):
    """The casebook of one patient or of all."""

    kinds = (Kind.CASEBOOK, Kind.CASEBOOKS)
    patient = forms.ModelChoiceField(
        Patient.objects.none(),
        to_field_name="code",
        label=_("Patient"),
        required=False,
        empty_label=_("All patients"),
    )

    def offer(self) -> None:
        """Offer the patients of the trial."""
        self.fields["patient"].queryset = Patient.objects.filter(trial=self.trial).order_by("number")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a single patient for “one PDF per patient”."""
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Kind.CASEBOOKS and cleaned.get("patient"):
            raise forms.ValidationError(_("One PDF per patient is for all patients: choose “All patients”."))
        return cleaned


class CrfForm(DocumentForm):
    """The forms of a protocol version, blank or annotated."""

    kinds = (Kind.BLANK_CRF, Kind.ANNOTATED_CRF)
    protocol = forms.ModelChoiceField(
        ProtocolVersion.objects.none(), to_field_name="version", label=_("Protocol version"), empty_label=None
    )

    def offer(self) -> None:
        """Offer the protocol versions, the newest first."""
        field: Any = self.fields["protocol"]
        field.queryset = self.trial.versions.order_by("-effective_from", "-pk")
        field.label_from_instance = lambda row: row.version


class VisitReportForm(DocumentForm):
    """The monitoring visit report of a period."""

    kinds = (Kind.VISIT_REPORT,)
    kind = forms.ChoiceField(widget=forms.HiddenInput, initial=Kind.VISIT_REPORT.value)
    since = DayField(label=_("From"))
    until = DayField(label=_("To"))

    def offer(self) -> None:
        """Set the site's time zone."""
        on_clock_of(self, self.trial.rules.trial.site.time_zone)

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        cleaned = super().clean() or {}
        if cleaned.get("since") and cleaned.get("until") and cleaned["until"] < cleaned["since"]:
            self.add_error("until", _("The period ends before it begins."))
        return cleaned


class CopyForm(DocumentForm):
    """The copy of the investigator: one click, nothing to choose."""

    kinds = (Kind.INVESTIGATOR_COPY,)
    kind = forms.ChoiceField(widget=forms.HiddenInput, initial=Kind.INVESTIGATOR_COPY.value)


class AccountabilityForm(DocumentForm):
    """The accountability log: one click, nothing to choose."""

    kinds = (Kind.ACCOUNTABILITY_LOG,)
    kind = forms.ChoiceField(widget=forms.HiddenInput, initial=Kind.ACCOUNTABILITY_LOG.value)


class WorksheetPaperForm(DocumentForm):
    """The preparation worksheet of one infusion."""

    kinds = (Kind.WORKSHEET,)
    kind = forms.ChoiceField(widget=forms.HiddenInput, initial=Kind.WORKSHEET.value)
    patient = forms.ModelChoiceField(Patient.objects.none(), to_field_name="code", label=_("Patient"))
    infusion = forms.IntegerField(
        label=_("Infusion"), min_value=1, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )

    def offer(self) -> None:
        """Offer the patients of the trial."""
        self.fields["patient"].queryset = Patient.objects.filter(trial=self.trial).order_by("number")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse an infusion that is not planned, and a patient without a place on the allocation list."""
        cleaned = super().clean() or {}
        patient, number = cleaned.get("patient"), cleaned.get("infusion")
        if patient is None or number is None:
            return cleaned
        if not Infusion.objects.filter(patient=patient, number=number).exists():
            self.add_error("infusion", _("This patient has no such infusion."))
        elif arm_of(patient) is None:
            self.add_error("patient", _("This patient has no place on the allocation list."))
        return cleaned


FORMS = (CasebookForm, CrfForm, VisitReportForm, CopyForm, AccountabilityForm, WorksheetPaperForm)
