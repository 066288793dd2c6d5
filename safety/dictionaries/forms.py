"""The form that codes one adverse event: a search, the terms found, and a reason for another code."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.participation.forms import StepForm
from safety.dictionaries.models import DictionaryTerm


class CodingForm(StepForm):
    """One of the terms that the search found."""

    keeps_draft = False

    def __init__(
        self, *args: Any, terms: Sequence[DictionaryTerm], words: str, recoding: bool, **kwargs: Any
    ) -> None:
        self.terms, self.words, self.recoding = terms, words, recoding
        super().__init__(*args, **kwargs)

    def add_fields(self, zone: str) -> None:
        self.fields["words"] = forms.CharField(widget=forms.HiddenInput, initial=self.words, max_length=200)
        self.fields["code"] = forms.ChoiceField(
            label=_("Term of the dictionary"),
            choices=[(term.code, term_label(term)) for term in self.terms],
            widget=forms.RadioSelect,
        )
        if self.recoding:
            self.fields["reason"] = forms.CharField(
                label=_("Why the code is changed"), max_length=500, widget=forms.Textarea(attrs={"rows": 2})
            )

    @property
    def term(self) -> DictionaryTerm:
        """Return the chosen term. Of a valid form."""
        return next(term for term in self.terms if term.code == self.cleaned_data["code"])


def term_label(term: DictionaryTerm) -> str:
    """Return a term with its code, its preferred term if that differs, and its class."""
    above = [name for name in (term.preferred, term.organ_class) if name and name != term.name]
    return f"{term.name} ({term.code})" + (f" – {', '.join(above)}" if above else "")
