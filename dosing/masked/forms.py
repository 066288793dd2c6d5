"""The form of the masked results of one sample. Nothing is preselected (DAT-01); blank is “not known yet”."""

from typing import Any

from crispy_forms.layout import Layout
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.masked.results import NOTHING, MaskedForm, record_results, stored_of
from patients.participation.answer_layout import answer, section
from patients.participation.change_reasons import FIELDS, given_reason, reason_fields
from patients.participation.forms import StepForm
from protocol.document.items import Item
from protocol.values.labels import MISSING_WORDS, code_words, headed, typed
from trials.reader import reader_language

CODED = ("choice", "yes_no")


class ResultsForm(StepForm):
    """One field for each masked item; a missing code is chosen in a list, or typed in place of a number or a date."""

    def __init__(self, *args: Any, masked: MaskedForm, **kwargs: Any) -> None:
        self.masked = masked
        patient = masked.record.patient
        super().__init__(*args, trial=patient.trial, patient=patient, **kwargs)

    def add_fields(self, zone: str) -> None:
        for item in self.masked.form.masked_items:
            self.fields[item.name] = self._field(item)
            self.initial[item.name] = self._typed(item)
        self.fields["_seen"] = forms.CharField(
            required=False, widget=forms.HiddenInput, initial=self.masked.seen
        )
        if any(stored_of(row) != NOTHING for row in self.masked.rows.values()):
            self.fields.update(
                reason_fields(
                    required=False, help_text=gettext_lazy("Needed if a result that is stored changes.")
                )
            )

    def layout(self) -> Layout:
        names = [item.name for item in self.masked.form.masked_items]
        parts: list[Any] = ["_seen", section(_("Results"), *map(answer, names))]
        if "reason" in self.fields:
            parts.append(section(_("Reason for the change"), *map(answer, FIELDS)))
        return Layout(*parts)

    def _field(self, item: Item) -> forms.Field:
        language = reader_language()
        label = headed(item.label.in_language(language), item.unit, _)
        help_text = item.help.in_language(language) if item.help else ""
        missing = [(f"?{code}", _(MISSING_WORDS[code])) for code in item.missing]
        if item.type in CODED:
            codes = [(code, code_words(code, item, language, _)) for code in item.codes]
            choices = [("", _("Not known yet")), *codes, *missing]
            return forms.ChoiceField(label=label, choices=choices, required=False, help_text=help_text)
        if item.type != "text" and missing:
            codes_of_missing = ", ".join(item.missing)
            told = _("If there is no result, type why: %(codes)s.") % {"codes": codes_of_missing}
            help_text = f"{help_text} {told}".strip()
        field = forms.CharField(label=label, required=False, help_text=help_text, max_length=2000)
        field.widget.attrs["autocomplete"] = "off"
        return field

    def _typed(self, item: Item) -> str:
        """Return the typed form of the stored result."""
        parts = typed(self.masked.value(item), item, reader_language())
        if "missing" in parts:
            return f"?{parts['missing']}" if item.type in (*CODED, "text") else str(parts["missing"])
        if item.type == "partial_date" and parts:
            return "-".join(str(parts[name]) for name in ("day", "month", "year"))
        return str(parts.get("", ""))

    def save(self, *, by: User) -> bool:
        """Store the results; return False with the errors or questions in the form if they were not stored."""
        answers = dict(self.cleaned_data)
        return self.run(
            record_results,
            record=self.masked.record,
            seen=answers.pop("_seen"),
            reason=given_reason(answers),
            typed=answers,
            by=by,
            confirmed=self.confirmed,
        )
