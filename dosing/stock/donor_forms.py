"""The forms of donors, donations and cell banks. No input has a default but what a correction shows again (DAT-01)."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.models import Donation, Donor, DonorDecision
from dosing.stock import chain, donor_decisions
from dosing.stock.stock_forms import CHOOSE, StockForm
from dosing.versioned_forms import LineField
from trials.date_fields import DayField
from trials.measure_fields import MeasureField
from trials.reader import reader_language

SCHEMES = [
    (chain.ISBT, gettext_lazy("ISBT 128")),
    (chain.SCHEME, gettext_lazy("Single European Code")),
    (chain.LOCAL, gettext_lazy("Number of the laboratory")),
]


class DonorForm(StockForm):
    """A donor under a code, with the answers that the donor criteria of the protocol need."""

    code = LineField(label=gettext_lazy("Donor code"), max_length=60, help_text=gettext_lazy("Never a name."))
    sex = forms.ChoiceField(
        label=gettext_lazy("Sex"), choices=Donor.Sex.choices, widget=forms.RadioSelect, required=False
    )
    birth_year = forms.IntegerField(
        label=gettext_lazy("Year of birth"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )

    def add_fields(self, zone: str) -> None:
        plan, language = self.trial.rules.donors, reader_language()
        for item in plan.items if plan else ():
            label = item.label.in_language(language)
            if item.type == "integer":
                self.fields[item.name] = LineField(label=label, max_length=12, required=False)
                continue
            choices = [("Y", _("Yes")), ("N", _("No"))] if item.type == "yes_no" else [
                (each.code, each.label.in_language(language)) for each in item.choices
            ]  # fmt: skip
            self.fields[item.name] = forms.ChoiceField(
                label=label, choices=choices, widget=forms.RadioSelect, required=False
            )

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = dict(self.cleaned_data)
        own = {name: facts.pop(name) for name in ("code", "sex", "birth_year")}
        answers = {name: str(value or "") for name, value in facts.items()}
        return chain.record_donor, {"trial": self.trial, **own, "answers": answers}


class DonationForm(StockForm):
    """A donation of a donor, with the number on its label."""

    scheme = forms.ChoiceField(label=gettext_lazy("Coding scheme"), choices=SCHEMES, widget=forms.RadioSelect)
    identification = LineField(label=gettext_lazy("Identification number"), max_length=60)
    donated_on = DayField(label=gettext_lazy("Donated on"))
    tissue = LineField(label=gettext_lazy("Tissue"), max_length=100)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return chain.record_donation, {"donor": self.row, **self.cleaned_data}


class BankForm(StockForm):
    """A bank of cells from a donation of a donor."""

    donation = forms.ModelChoiceField(
        label=gettext_lazy("Donation"), queryset=Donation.objects.none(), empty_label=CHOOSE[1]
    )
    code = LineField(label=gettext_lazy("Cell bank"), max_length=60)
    passage = forms.IntegerField(
        label=gettext_lazy("Passage"), min_value=0, widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    population_doublings = MeasureField(
        label=gettext_lazy("Population doublings"), unit="", places=2, required=False
    )
    frozen_on = DayField(label=gettext_lazy("Frozen on"))

    def add_fields(self, zone: str) -> None:
        self.fields["donation"].queryset = Donation.objects.filter(donor=self.row)  # type: ignore[attr-defined]

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return chain.record_bank, dict(self.cleaned_data)


class AmendDonorForm(DonorForm):
    """The answers about a donor again, with the reason. Code, sex and year of birth stay."""

    code = sex = birth_year = None  # type: ignore[assignment]

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        for name, value in self.row.answers.items():
            if name in self.fields:
                self.initial[name] = value
        self.fields["reason"] = LineField(label=_("Reason for the change"), max_length=500)
        self.fields["version"] = forms.IntegerField(widget=forms.HiddenInput, initial=self.row.version)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = dict(self.cleaned_data)
        own = {name: facts.pop(name) for name in ("reason", "version")}
        answers = {name: str(value or "") for name, value in facts.items()}
        return chain.amend_donor, {"donor": self.row, **own, "answers": answers}


class DonorDecisionForm(StockForm):
    """A signed decision that a donor is unfit, or that this was a mistake."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Decision"), choices=DonorDecision.Kind.choices, widget=forms.RadioSelect
    )
    since = DayField(
        label=gettext_lazy("Unfit since"), required=False, help_text=gettext_lazy("Not needed for a mistake.")
    )
    reason = LineField(label=gettext_lazy("Reason"), max_length=1000)
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("You sign this decision. Every bag of the donor stops at once."),
    )

    def add_fields(self, zone: str) -> None:
        unfit = self.row.unfit_since is not None
        allowed = {DonorDecision.Kind.FIT_AGAIN if unfit else DonorDecision.Kind.UNFIT}
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            choice for choice in DonorDecision.Kind.choices if choice[0] in allowed
        ]

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return donor_decisions.decide_donor, {"donor": self.row, **self.cleaned_data}


STEPS_OF_DONOR: dict[str, type[StockForm]] = {
    "donation": DonationForm,
    "bank": BankForm,
    "amend": AmendDonorForm,
    "decide": DonorDecisionForm,
}
