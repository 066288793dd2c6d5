"""The moment whose data a report or a page shows."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exports.selection import ChoiceRefused
from reports.packs.past_moments import moment_on_page
from trials.models import Trial


class PastMomentForm(forms.Form):
    """The moment of the data; empty for the data as they are."""

    as_of = forms.CharField(
        label=_("Data as of"),
        required=False,
        max_length=60,
        help_text=_(
            "Empty: the data as they are. Else a past day (its end) or moment at the site: "
            "01-Mar-2026 or 01-Mar-2026 14:30"
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "class": "w-mid"}),
    )

    def __init__(self, data: Any, *, trial: Trial) -> None:
        super().__init__(data, label_suffix="")
        self.trial = trial

    def clean_as_of(self) -> datetime | None:
        """Return the moment, None for now. Refuses what is no moment that has passed."""
        try:
            return moment_on_page(self.trial, self.cleaned_data["as_of"])
        except ChoiceRefused as refused:
            raise forms.ValidationError(str(refused)) from None
