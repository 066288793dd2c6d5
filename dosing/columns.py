"""The columns of the listings of infusions and allocation slots, for page, CSV and tests."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy, pgettext_lazy

from accounts.models import User
from dosing.labels import (
    dose_words,
    is_overdue,
    millions,
    status_tag,
    window_words,
)
from dosing.models import Infusion, Preparation
from protocol.document.document import Protocol
from trials.listing import Column
from trials.models import Trial
from trials.reader import reader_language, shown_moment, shown_number


def infusion_columns(trial: Trial, *, with_product: bool) -> tuple[Column, ...]:
    """Return the columns of the infusion listing. Rows need `patient`; with a product also `attach_products`.

    with_product: only for readers who may know the treatment.
    """
    bedside = (*_planned(trial.today), *_given())
    return (*bedside, *_product()) if with_product else bedside


def _planned(today: date) -> tuple[Column, ...]:
    return (
        Column(
            name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap",
            sort=("patient_id", "number"),
        ),
        Column(name="number", label=gettext_lazy("Infusion"), value=lambda row: row.number, css="num"),
        Column(
            name="window_from", label=gettext_lazy("Planned"), value=lambda row: row.window_from, text=window_words,
            css="nowrap",
        ),
        Column(name="window_to", label=gettext_lazy("Last day"), value=lambda row: row.window_to, on_page=False),
        Column(
            name="status", decides=True, label=gettext_lazy("Status"), value=lambda row: row.state,
            text=lambda row: status_tag(row, today),
        ),
        Column(
            name="overdue", label=gettext_lazy("Overdue"), value=lambda row: is_overdue(row, today), on_page=False
        ),
    )  # fmt: skip


def _given() -> tuple[Column, ...]:
    return (
        Column(
            name="started", label=gettext_lazy("Start"), value=lambda row: row.started, css="nowrap",
            text=lambda row: shown_moment(row.started),
        ),
        Column(name="ended", label=gettext_lazy("End"), value=lambda row: row.ended, on_page=False),
        Column(
            name="weight_kg", label=gettext_lazy("Weight (kg)"), value=lambda row: row.weight_kg, css="num",
            text=lambda row: shown_number(row.weight_kg),
        ),
        Column(name="volume_ml", label=gettext_lazy("Volume (mL)"), value=lambda row: row.volume_ml, on_page=False),
        Column(name="not_given_reason", label=gettext_lazy("Not given because"), on_page=False, free_text=True,
               value=lambda row: row.not_given_reason),
    )  # fmt: skip


def _product() -> tuple[Column, ...]:
    return (
        _of_product("donor", gettext_lazy("Donor"), lambda product: product.donor_code, free_text=True),
        _of_product("lot", gettext_lazy("Lot"), lambda product: product.lot, free_text=True),
        _of_product("viable_cells", gettext_lazy("Viable cells (×10⁶)"), lambda product: product.viable_cells,
                    text=lambda product: shown_number(millions(product.viable_cells)), css="num"),
        _of_product("cells_per_kg", gettext_lazy("Dose"), lambda product: product.cells_per_kg,
                    text=dose_words, css="num"),
        _of_product("dose_basis", gettext_lazy("Basis of the dose"), lambda product: product.dose_basis,
                    on_page=False),
        _of_product("dose_measure", gettext_lazy("Kg or m² of the basis"), lambda product: product.dose_measure,
                    on_page=False),
        _of_product("dose", gettext_lazy("Dose"), lambda product: product.dose_finding, on_page=False),
    )  # fmt: skip


def _of_product(
    name: str,
    label: Any,
    value: Callable[[Preparation], Any],
    text: Callable[[Preparation], Any] | None = None,
    **options: Any,
) -> Column:
    """Return a column of the product, blank in rows without one."""

    def told(how: Callable[[Preparation], Any]) -> Callable[[Any], Any]:
        return lambda row: how(row.product) if row.product is not None else ""

    return Column(name=name, label=label, value=told(value), text=told(text) if text else None, **options)


def attach_products(rows: Sequence[Infusion], user: User) -> None:
    """Set `product` on each infusion, None if there is none or the person may not know it. Two queries.

    Rows need `patient.protocol`, which defines the dose range.
    """
    found = Preparation.objects.visible_to(user).filter(infusion__in=rows)
    by_infusion = {product.infusion_id: product for product in found}
    for row in rows:
        product = by_infusion.get(row.pk)
        if product is not None:
            product.infusion, product.patient = row, row.patient
        row.product = product  # type: ignore[attr-defined]


def slot_columns(rules: Protocol, *, recruits: bool = True) -> tuple[Column, ...]:
    """Return the columns of the allocation list; the page shows the stratum only if the trial stratifies.

    The arm of a slot is shown once it is taken, its block once the trial is locked and no longer recruits: a person who
    knew the next arm could choose the patient (RND-01, RND-02).
    """
    language = reader_language()
    arms = {arm.code: arm.title.in_language(language) for arm in rules.arms}
    stratified = rules.allocation is not None and bool(rules.allocation.strata)
    stratum = Column(
        name="stratum", label=gettext_lazy("Stratum"), value=lambda row: row.stratum, on_page=stratified
    )
    place = Column(
        name="place",
        label=gettext_lazy("Place"),
        value=lambda row: row.position,
        sort=("stratum", "position"),
    )
    block = Column(
        name="block", label=gettext_lazy("Block"), value=lambda row: row.block if row.patient_id else "", css="num",
        text=lambda row: row.block if row.patient_id else "–",
    )  # fmt: skip
    return (
        place,
        stratum,
        *(() if recruits else (block,)),
        Column(
            name="arm", label=gettext_lazy("Arm"), value=lambda row: row.arm if row.patient_id else "",
            text=lambda row: arms.get(row.arm, row.arm) if row.patient_id else "–",
        ),
        Column(
            name="patient", decides=True, label=gettext_lazy("Patient"), css="code nowrap",
            value=lambda row: row.patient.code if row.patient else "",
        ),
        Column(name="taken_at", label=pgettext_lazy("when", "Taken"), value=lambda row: row.taken_at, css="nowrap"),
    )  # fmt: skip
