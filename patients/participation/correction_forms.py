"""Forms that correct, strike out or withdraw what was recorded; what storing changes is shown and confirmed first.

A form that has effects is sent twice: the first time it is shown again with them, and stores nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from audit.stored_text import Text, system_text
from patients.models import Consent, Patient
from patients.participation.consent_withdrawal import PARTS, has_withdrawn
from patients.participation.effects import Effects, effects_of
from patients.participation.forms import CapacityForm, ConsentForm, StepForm
from patients.participation.questions import Questioned
from patients.system_texts import REASON, REASONS
from protocol.values.moments import Moment
from trials.date_fields import DayField

CONFIRMED = "confirmed"


class AskingForm(StepForm):
    """A step that may ask for a confirmation: `asked` holds the effects that are shown, None before."""

    asked: Effects | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[CONFIRMED] = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
        self.helper.layout.fields.append(CONFIRMED)

    def facts(self) -> dict[str, Any]:
        """Return the cleaned answers without the confirmation, as the verb takes them."""
        return {name: value for name, value in self.cleaned_data.items() if name != CONFIRMED}

    def run_asking(
        self, patient: Patient, verb: Callable[..., Any], *, questions: Sequence[str] = (), **arguments: Any
    ) -> bool:
        """Call the function as `run` does, after its effects were confirmed. Return False if they have to be."""
        found: list[Effects] = []
        asked: list[str] = [*questions]
        answers = dict(arguments)

        def correct() -> Any:
            try:
                return verb(**answers)
            except Questioned as contradiction:
                # Shown with the effects and confirmed with them.
                asked.extend(question.text for question in contradiction.questions)
                answers["confirmed"] = contradiction.token
                return verb(**answers)

        def preview(**_told: Any) -> None:
            found.append(effects_of(patient, correct, questions=asked))

        if not self.run(preview, **arguments):
            return False
        if found[0] and self.cleaned_data.get(CONFIRMED) != found[0].fingerprint:
            self.asked = found[0]
            data: Any = self.data
            data = data.copy()
            data[CONFIRMED] = self.asked.fingerprint
            self.data = data
            return False
        return self.run(verb, **answers)


class StepCorrectionForm(AskingForm):
    """The reason for a correction: a choice, and words of one's own."""

    reason_required = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"] = forms.ChoiceField(
            label=_("Reason for the change"),
            choices=[("", _("Choose")), *REASONS.items()],
            required=self.reason_required,
            error_messages={"required": _("Say why this is changed.")},
        )
        self.fields["reason_text"] = forms.CharField(
            label=_("In your words"), required=False, max_length=500, help_text=_("Needed for “Other”.")
        )
        for name in ("reason", "reason_text"):
            self.helper.layout.fields.append(self.layout_of(name))

    def facts(self) -> dict[str, Any]:
        """Return the answers, with the reason as it is stored: empty without a choice, or “Other” without words."""
        answers = super().facts()
        chosen, words = answers.pop("reason"), answers.pop("reason_text").strip()
        known = chosen in REASONS and (chosen != "other" or words)
        reason: Text = system_text(f"{REASON}{chosen}", words) if known else ""
        return {**answers, "reason": reason}


class WithScan(AskingForm):
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
            for name in ("reason", "reason_text"):
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
        answers = super().facts()
        return {"parts": {name: answers.pop(name) for name in PARTS}, **answers}


def stored_consent(consent: Consent) -> dict[str, Any]:
    """Return the facts of a consent as the form shows them."""
    names = ("type", "version", "obtained_by", "representative_name", "representative_relation")
    return {name: getattr(consent, name) for name in names} | {"given": Moment.from_iso(consent.given)}
