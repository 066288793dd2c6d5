"""Forms that correct, strike out or withdraw what was recorded.

A form with effects is sent twice: the first time it is shown again with them and stores nothing (`run_asking`).
"""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.models import Consent, Patient
from patients.participation.change_reasons import FIELDS, given_reason, reason_fields
from patients.participation.consents.consent_withdrawal import PARTS, has_withdrawn
from patients.participation.forms import CapacityForm, ConsentForm, StepForm
from protocol.values.moments import Moment
from trials.date_fields import DayField


class StepCorrectionForm(StepForm):
    """The reason for a correction: a choice, and words of one's own."""

    reason_required = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.update(reason_fields(required=self.reason_required))
        for name in FIELDS:
            self.helper.layout.fields.append(self.layout_of(name))

    def facts(self) -> dict[str, Any]:
        """Return the answers, with the reason as it is stored: empty without a choice, or “Other” without words."""
        answers = dict(super().facts())
        reason = given_reason(answers)
        return {**answers, "reason": reason}


class WithScan(StepForm):
    """A consent whose scan the page has stored before the form is read."""

    def facts(self) -> dict[str, Any]:
        """Return the answers without the upload, which the page has stored."""
        left_out = ("scan", "scan_key")
        return {name: value for name, value in super().facts().items() if name not in left_out}


class NewConsentForm(WithScan, ConsentForm):
    """A consent to be recorded."""


class CorrectConsentForm(WithScan, StepCorrectionForm, ConsentForm):
    """The facts of a consent with their correction."""


class CorrectCapacityForm(StepCorrectionForm, CapacityForm):
    """The day on which the patient could decide again, with its correction."""


class CorrectDayForm(StepCorrectionForm):
    """Another day, of an inclusion or a visit."""

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Corrected day"), zone=zone)


class CorrectFailureForm(StepCorrectionForm):
    """The day and the reason of a screen failure with their correction."""

    failure_reason = forms.CharField(
        label=_("Why the patient is not included"), widget=forms.Textarea(attrs={"rows": 3}), max_length=2000
    )

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Day of the decision"), zone=zone)
        self.order_fields(["on", "failure_reason"])


class CorrectEndForm(StepCorrectionForm):
    """Day, reason and note of the end of study with their correction."""

    end_reason = forms.ChoiceField(
        label=_("The study ended by"), choices=Patient.EndReason.choices, widget=forms.RadioSelect
    )
    note = forms.CharField(
        label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}), max_length=2000
    )

    def add_fields(self, zone: str) -> None:
        self.fields["on"] = DayField(label=_("Day of the end of study"), zone=zone)
        self.order_fields(["on", "end_reason", "note"])


class WithdrawConsentForm(StepCorrectionForm):
    """By part of the trial the day from which consent is withdrawn, with the patient's words."""

    # Only a correction of a withdrawal needs a reason.
    reason_required = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.patient is None or not has_withdrawn(self.patient):
            for name in FIELDS:
                self.fields[name].widget = forms.HiddenInput()

    note = forms.CharField(
        label=_("In the patient's words"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=2000,
    )

    def add_fields(self, zone: str) -> None:
        for name, label in PARTS.items():
            self.fields[name] = DayField(label=label, zone=zone, required=False)
            if name != next(iter(PARTS)):
                # The first one says how a day is typed.
                self.fields[name].help_text = ""
        self.order_fields([*PARTS, "note"])

    def facts(self) -> dict[str, Any]:
        """Return the days by part as `parts`, the note and the reason."""
        answers = dict(super().facts())
        return {"parts": {name: answers.pop(name) for name in PARTS}, **answers}


def stored_consent(consent: Consent) -> dict[str, Any]:
    """Return the facts of a consent as the form shows them."""
    names = ("type", "version", "obtained_by", "representative_name", "representative_relation")
    return {name: getattr(consent, name) for name in names} | {"given": Moment.from_iso(consent.given)}
