"""The form of the product, only for readers who may know the treatment. No input has a default (DAT-01)."""

from decimal import Decimal
from functools import cached_property
from typing import Any

from crispy_forms.layout import HTML, Div, Fieldset
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from accounts.models import User
from dosing.dose import MILLION
from dosing.labels import millions
from dosing.models import Bag, Infusion, Preparation
from dosing.products import preparing as preparing
from dosing.products.dose_comparison import DoseBox, dose_box
from dosing.products.product_gaps import awaited_reasons
from dosing.stock.labels.scan import bags_scanned
from dosing.versioned_forms import LineField, RowForm
from patients.participation.answer_layout import answer, section
from protocol.document.design import Arm
from trials.date_fields import MomentField
from trials.measure_fields import MeasureField
from trials.reader import shown_moment, shown_number

LIVE_DOSE = "{% include 'dosing/_live_dose.html' %}"
TEXTS = ("dose_deviation_reason", "donor_deviation_reason")


class PreparationForm(RowForm):
    """The facts of the product; in an arm without cells they are not required. Donor and lot follow from the bags."""

    asked_in_order = (
        "bags", "thawed", "viable_cells", "viability_percent", "dose_deviation_reason", "donor_deviation_reason",
    )  # fmt: skip

    bags = LineField(
        label=gettext_lazy("Bags"),
        help_text=gettext_lazy(
            "Scan the bags one after the other, or type their numbers with a comma between."
        ),
    )
    viable_cells = MeasureField(label=gettext_lazy("Viable cells given (×10⁶)"), unit="×10⁶", places=6)
    viability_percent = MeasureField(label=gettext_lazy("Viability (%)"), unit="%", places=2, required=False)
    dose_deviation_reason = LineField(
        label=gettext_lazy("Reason for the dose"),
        required=False,
        help_text=gettext_lazy("When the dose is outside the range of the protocol: this is a deviation."),
    )
    donor_deviation_reason = LineField(
        label=gettext_lazy("Reason for another donor"),
        required=False,
        help_text=gettext_lazy("When the donor is not that of the earlier infusions: this is a deviation."),
    )

    def __init__(self, *args: Any, product: Preparation | None, arm: Arm | None, **kwargs: Any) -> None:
        self.product, self.arm = product, arm
        super().__init__(*args, **kwargs)

    def stored(self) -> dict[str, Any]:
        product = self.product
        if product is None:
            return {}
        return {name: getattr(product, name) for name in TEXTS} | {
            "bags": product.bag,
            "viable_cells": shown_number(millions(product.viable_cells)),
            "viability_percent": shown_number(product.viability_percent),
            "thawed": shown_moment(product.thawed),
        }

    def version(self) -> int:
        return self.product.version if self.product else 0

    @cached_property
    def awaited(self) -> frozenset[str]:
        """The reasons that the stored product lacks. At most one query."""
        return frozenset(awaited_reasons(self.row, self.product) if self.product else ())

    def is_needed(self, name: str) -> bool:
        """Return True if a reason is asked for: it was refused, typed, stored, or the product lacks it."""
        return super().is_needed(name) or name in self.awaited

    def add_fields(self, zone: str) -> None:
        self.fields["thawed"] = MomentField(label=gettext_lazy("Thawed at"), zone=zone, required=False)
        self.fields["viable_cells"].required = self.arm is None or self.arm.gives_cells(self.row.number)
        if self.product is not None:
            self.add_reason(required=True)

    def sections(self) -> list[Any]:
        with_cells = self.arm is None or self.arm.gives_cells(self.row.number)
        reasons = ("dose_deviation_reason", "donor_deviation_reason") if with_cells else ()
        return [
            section(gettext_lazy("Product"), *map(answer, ("bags", "thawed"))),
            Fieldset(
                gettext_lazy("Cells"),
                Div(answer("viable_cells"), answer("viability_percent"), css_class="fields"),
                HTML(LIVE_DOSE),
                Div(*(answer(name) for name in reasons if self.is_needed(name)), css_class="fields"),
                css_class="sec",
            ),
            *self.why(),
        ]

    @property
    def dose(self) -> DoseBox:
        """Return the dose box for the cells in the form, typed or stored."""
        return typed_dose(self.row, self["viable_cells"].value() or "")

    def context_of(self, row: Any) -> dict[str, Any]:
        return {"row": self.row, "product": row if row.pk else None, "arm": self.arm}

    def clean_bags(self) -> list[Bag]:
        """Return the bags that were scanned. Raises ValidationError with a sentence for each that is not one."""
        try:
            return bags_scanned(self.row.patient.trial, self.cleaned_data["bags"])
        except ValidationError as refused:
            raise ValidationError(refused.messages) from refused

    def save(self, *, by: User) -> bool:
        facts_of_page = self.facts_given()
        version, reason = facts_of_page.pop("version"), facts_of_page.pop("reason")
        facts_of_page["viable_cells"] = whole_cells(facts_of_page["viable_cells"])
        facts = preparing.Product(**facts_of_page)  # type: ignore[typeddict-item]
        verb = preparing.record_preparation
        return self.run(
            verb,
            infusion=self.row,
            facts=facts,
            version=version,
            reason=reason,
            by=by,
            confirmed=self.confirmed,
        )


def typed_dose(row: Infusion, text: str) -> DoseBox:
    """Return the dose box for typed 10⁶ cells; its `problem` is the message for an unreadable number."""
    field = MeasureField(unit="×10⁶", places=6, required=False)
    try:
        return dose_box(row, whole_cells(field.clean(text)))
    except ValidationError as refused:
        return DoseBox(problem=" ".join(refused.messages))


def whole_cells(number: Decimal | None) -> Decimal | None:
    """Return 10⁶ cells as whole cells, exactly."""
    return number * MILLION if number is not None else None
