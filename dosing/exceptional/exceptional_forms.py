"""The forms of the road of a lot out of specification. Each is signed with the password; nothing has a default."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dosing.exceptional import exceptional_use as road
from dosing.exceptional.exceptional_steps import NOTICES, candidates
from dosing.models import ExceptionalStep
from dosing.stock.stock_forms import CHOOSE, StockForm
from trials.date_fields import MomentField

Kind = ExceptionalStep.Kind


def _password() -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("You sign this step."),
    )


def _text(label: Any, help_text: Any = "") -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 4})
    return forms.CharField(label=label, max_length=4000, widget=widget, help_text=help_text)


class SignedStepForm(StockForm):
    """A signed step. row: the exceptional use, or the infusion of a request."""

    def add_fields(self, zone: str) -> None:
        self.fields["password"] = _password()


class RequestForm(SignedStepForm):
    """The request of the treating physician. row: the infusion."""

    lot = forms.ChoiceField(label=gettext_lazy("Lot"))
    need = _text(
        gettext_lazy("Why the patient needs it"),
        gettext_lazy("Say which hazard waiting would be, and why no other product is there."),
    )

    def add_fields(self, zone: str) -> None:
        super().add_fields(zone)
        self.lots = {str(each.pk): each for each in candidates(self.row)}
        self.fields["lot"].choices = [CHOOSE] + [  # type: ignore[attr-defined]
            (key, each.number) for key, each in self.lots.items()
        ]

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = dict(self.cleaned_data)
        return road.request_use, {**facts, "infusion": self.row, "lot": self.lots[facts["lot"]]}


class EvaluationForm(SignedStepForm):
    """The risk evaluation of the laboratory."""

    evaluation = _text(gettext_lazy("Risk evaluation"))
    favourable = forms.ChoiceField(
        label=gettext_lazy("Conclusion"),
        choices=[
            ("Y", gettext_lazy("The risk is acceptable")),
            ("N", gettext_lazy("The risk is not acceptable")),
        ],
        widget=forms.RadioSelect,
    )

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = {**self.cleaned_data, "favourable": self.cleaned_data["favourable"] == "Y"}
        return road.evaluate_risk, {"use": self.row, **facts}


class AcceptanceForm(SignedStepForm):
    """The decision of the treating physician."""

    favourable = forms.ChoiceField(
        label=gettext_lazy("Decision"),
        choices=[
            ("Y", gettext_lazy("The product is accepted for this infusion")),
            ("N", gettext_lazy("The product is declined")),
        ],
        widget=forms.RadioSelect,
    )
    reason = _text(gettext_lazy("Reason"))

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = {**self.cleaned_data, "favourable": self.cleaned_data["favourable"] == "Y"}
        return road.decide_use, {"use": self.row, **facts}


class NoticeForm(SignedStepForm):
    """When and how sponsor or authority were told."""

    def add_fields(self, zone: str) -> None:
        open_now = [kind for kind in self.row.next if kind in NOTICES]
        self.fields["kind"] = forms.ChoiceField(
            label=_("Who was told"),
            choices=[(kind, Kind(kind).label) for kind in open_now],
            widget=forms.RadioSelect,
        )
        self.fields["at"] = MomentField(label=_("When it happened"), zone=zone)
        self.fields["text"] = _text(_("How, and under which reference"))
        super().add_fields(zone)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return road.record_notice, {"use": self.row, **self.cleaned_data, "at": self.moment()}
