"""The forms of the stock, only for readers who may know the treatment. No input has a default (DAT-01)."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.models import BagMovement, CellBank, LotDecision
from dosing.products.hand_over import hand_over
from dosing.stock import chain, moving, receiving, use
from dosing.stock.ledger import Account
from dosing.stock.lot_release import certificates, release
from dosing.versioned_forms import LineField
from patients.participation.forms import StepForm
from trials.date_fields import DayField, MomentField
from trials.measure_fields import MeasureField
from trials.reader import reader_language

MICROLITRES = 1000
CHOOSE = ("", gettext_lazy("Choose"))


class StockForm(StepForm):
    """A form on the stock: it calls one verb with its answers. row: what the verb is about."""

    def __init__(self, *args: Any, row: Any = None, **kwargs: Any) -> None:
        self.row = row
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, MeasureField | forms.IntegerField) and not field.widget.is_hidden:
                field.widget.attrs["class"] = "w-short"

    def save(self, *, by: User) -> bool:
        """Store the form and return True if it was stored."""
        verb, arguments = self.call()
        return self.run(verb, by=by, **arguments)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return the verb and its arguments without `by`."""
        raise NotImplementedError

    def moment(self, name: str = "at") -> datetime:
        """Return a typed moment."""
        at: datetime = self.cleaned_data[name].earliest
        return at

    def microlitres(self) -> int | None:
        """Return a typed volume in microlitres; None for all that is there."""
        volume = self.cleaned_data.get("volume_ml")
        return int(volume * MICROLITRES) if volume is not None else None


class MomentForm(StockForm):
    """A form with the moment at which something happened."""

    def add_fields(self, zone: str) -> None:
        self.fields["at"] = MomentField(label=gettext_lazy("When it happened"), zone=zone)


class LotForm(StockForm):
    """The record of a lot (CEL-05). A placebo has no cell bank and no cells."""

    product = forms.ChoiceField(label=gettext_lazy("Product"))
    number = LineField(label=gettext_lazy("Lot"), max_length=20)
    bank = forms.ModelChoiceField(
        label=gettext_lazy("Cell bank"),
        queryset=CellBank.objects.none(),
        required=False,
        empty_label=CHOOSE[1],
    )
    passage = forms.IntegerField(
        label=gettext_lazy("Passage"),
        min_value=0,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    population_doublings = MeasureField(
        label=gettext_lazy("Population doublings"), unit="", places=2, required=False
    )
    manufactured_on = DayField(label=gettext_lazy("Manufactured on"))
    frozen_on = DayField(
        label=gettext_lazy("Frozen on"), required=False,
        help_text=gettext_lazy("Leave it empty if the product is not frozen."),
    )  # fmt: skip
    expires_on = DayField(label=gettext_lazy("Expires on"))
    cryoprotectant = LineField(label=gettext_lazy("Cryoprotectant"), max_length=100, required=False)
    dmso_percent = MeasureField(label=gettext_lazy("DMSO (%)"), unit="%", places=2, required=False)
    cells_per_bag = MeasureField(
        label=gettext_lazy("Cells per bag (×10⁶)"), unit="×10⁶", places=6, required=False
    )
    volume_ml = MeasureField(label=gettext_lazy("Volume per bag (mL)"), unit="mL", places=3)
    viability_at_freeze = MeasureField(
        label=gettext_lazy("Viability at freezing (%)"), unit="%", places=2, required=False
    )
    retention_samples = LineField(label=gettext_lazy("Retention samples"), max_length=200, required=False)

    def add_fields(self, zone: str) -> None:
        language = reader_language()
        self.fields["product"].choices = [CHOOSE] + [  # type: ignore[attr-defined]
            (f"{each.code} {each.version}", f"{each.title.in_language(language)} ({each.version})")
            for each in self.trial.rules.known_products
        ]
        self.fields["bank"].queryset = CellBank.objects.filter(trial=self.trial)  # type: ignore[attr-defined]

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = dict(self.cleaned_data)
        facts["product"], _blank, facts["product_version"] = facts["product"].partition(" ")
        facts.pop("volume_ml")
        facts["volume_ul"] = self.microlitres() or 0
        cells: Decimal | None = facts["cells_per_bag"]
        facts["cells_per_bag"] = cells * 1_000_000 if cells is not None else None
        return chain.record_lot, {"trial": self.trial, "facts": facts}


class LotDecisionForm(StockForm):
    """A signed decision about a lot."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Decision"), choices=LotDecision.Kind.choices, widget=forms.RadioSelect
    )
    reason = LineField(
        label=gettext_lazy("Reason"), required=False, max_length=1000,
        help_text=gettext_lazy("Not needed for a release."),
    )  # fmt: skip
    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=gettext_lazy("You sign this decision."),
    )

    def add_fields(self, zone: str) -> None:
        allowed = [kind for kind, (states, _after) in release.AFTER.items() if self.row.status in states]
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            choice for choice in LotDecision.Kind.choices if choice[0] in allowed
        ]

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return release.decide, {"lot": self.row, **self.cleaned_data}


class CertificateForm(StockForm):
    """A certificate of a lot as a file."""

    title = LineField(
        label=gettext_lazy("Certificate"), max_length=100,
        help_text=gettext_lazy("Such as certificate of analysis, sterility, donor testing."),
    )  # fmt: skip
    upload = forms.FileField(
        label=gettext_lazy("File"),
        widget=forms.FileInput(attrs={"accept": ".pdf,.jpg,.jpeg,.png"}),
        help_text=gettext_lazy("PDF, JPEG or PNG, at most 20 MB."),
    )

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return certificates.attach, {"lot": self.row, **self.cleaned_data}


class ReceiptForm(MomentForm):
    """Bags of a lot that arrive: their numbers, one on each line."""

    bags = forms.CharField(
        label=gettext_lazy("Bags"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "Scan the bags, one on each line. A Single European Code may follow the number after a blank."
        ),
    )
    place = LineField(label=gettext_lazy("Storage place"), max_length=100)
    carrier = LineField(label=gettext_lazy("Shipper"), max_length=100, required=False)
    logger = LineField(label=gettext_lazy("Temperature logger"), max_length=100, required=False)
    note = LineField(label=gettext_lazy("Receipt check"), required=False, max_length=1000)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = dict(self.cleaned_data)
        lines = [line.split(maxsplit=1) for line in facts.pop("bags").splitlines() if line.strip()]
        bags = [
            receiving.NewBag(number=number, european_code=code[0] if code else "") for number, *code in lines
        ]
        return receiving.receive, {**facts, "at": self.moment(), "lot": self.row, "bags": bags}


class StoreForm(MomentForm):
    """Another place of the store."""

    place = LineField(label=gettext_lazy("Storage place"), max_length=100)
    note = LineField(label=gettext_lazy("Note"), required=False)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return moving.store, {"bag": self.row, **self.cleaned_data, "at": self.moment()}


class ExcursionForm(MomentForm):
    """A temperature outside the limits, in the store."""

    lowest_c = MeasureField(
        label=gettext_lazy("Lowest temperature (°C)"), unit="°C", places=1, required=False
    )
    highest_c = MeasureField(label=gettext_lazy("Highest temperature (°C)"), unit="°C", places=1)
    minutes = forms.IntegerField(
        label=gettext_lazy("Minutes"), widget=forms.TextInput(attrs={"inputmode": "numeric"})
    )
    note = LineField(label=gettext_lazy("What happened"), max_length=1000)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return moving.record_excursion, {"bag": self.row, **self.cleaned_data, "at": self.moment()}


class JudgementForm(StockForm):
    """Whether a bag may be used after a temperature excursion. row: the movement."""

    judgement = forms.ChoiceField(
        label=gettext_lazy("Assessment"), choices=BagMovement.Judgement.choices, widget=forms.RadioSelect
    )
    reason = LineField(label=gettext_lazy("Reason"), max_length=1000)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return moving.judge_excursion, {"movement": self.row, **self.cleaned_data}


class InfusedForm(MomentForm):
    """The volume of a dispensed bag that was infused."""

    volume_ml = MeasureField(
        label=gettext_lazy("Volume (mL)"), unit="mL", places=3, required=False,
        help_text=gettext_lazy("Leave it empty for all that is left."),
    )  # fmt: skip

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return use.infuse_bag, {"bag": self.row, "at": self.moment(), "volume": self.microlitres()}


class ReturnForm(MomentForm):
    """A return of the product from the ward."""

    volume_ml = InfusedForm.base_fields["volume_ml"]
    note = LineField(label=gettext_lazy("Note"), required=False)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return moving.return_, {
            "bag": self.row, "at": self.moment(), "volume": self.microlitres(),
            "note": self.cleaned_data["note"],
        }  # fmt: skip


class WasteForm(MomentForm):
    """A discarded part of the product."""

    verb = staticmethod(moving.waste)
    source = forms.ChoiceField(
        label=gettext_lazy("From"),
        choices=[
            (account.value, BagMovement.Account(account).label)
            for account in (Account.STORE, Account.BENCH, Account.WARD, Account.RETURNED)
        ],
        widget=forms.RadioSelect,
    )
    volume_ml = InfusedForm.base_fields["volume_ml"]
    note = LineField(label=gettext_lazy("Reason"), max_length=1000)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        facts = {name: self.cleaned_data[name] for name in ("source", "note")}
        return self.verb, {"bag": self.row, "at": self.moment(), "volume": self.microlitres(), **facts}


class DestructionForm(WasteForm):
    """A destruction of the product."""

    verb = staticmethod(moving.destroy)
    source = forms.ChoiceField(
        label=gettext_lazy("From"),
        choices=[
            (account.value, BagMovement.Account(account).label)
            for account in (Account.STORE, Account.BENCH, Account.RETURNED, Account.WASTE)
        ],
        widget=forms.RadioSelect,
    )


class ReversalForm(StockForm):
    """Why the last movement of a bag is undone."""

    reason = LineField(label=gettext_lazy("Reason"), max_length=1000)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return moving.reverse, {"bag": self.row, **self.cleaned_data}


class DispensingForm(MomentForm):
    """The hand-over of the bags of an infusion to the ward. row: the infusion."""

    handed_to = LineField(label=gettext_lazy("Received by"), max_length=100)

    def call(self) -> tuple[Callable[..., Any], dict[str, Any]]:
        return hand_over, {
            "infusion": self.row, "at": self.moment(), "handed_to": self.cleaned_data["handed_to"],
        }  # fmt: skip


STEPS_OF_BAG: dict[str, type[StockForm]] = {
    "store": StoreForm,
    "excursion": ExcursionForm,
    "infused": InfusedForm,
    "return": ReturnForm,
    "waste": WasteForm,
    "destroy": DestructionForm,
    "reverse": ReversalForm,
}
STEPS_OF_LOT: dict[str, type[StockForm]] = {
    "decide": LotDecisionForm,
    "receive": ReceiptForm,
    "certificate": CertificateForm,
}
