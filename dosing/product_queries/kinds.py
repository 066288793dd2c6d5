"""The facts of the product, as queries and marks name them. Only for readers who may know the treatment."""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from dosing.labels import named_product_facts
from dosing.masked.results import value_of
from dosing.models import BagMovement, MaskedResult, Preparation, ProductMark, ProductQuery, WorksheetStep
from dosing.models.product_queries import ProductTarget
from dosing.models.worksheets import STEP_FACTS
from dosing.worksheet.screen import shown_values
from patients.casebook.facts import FactKind, Words
from protocol.document.items import Form, Item
from protocol.values.parsing import display
from trials.reader import reader_language, shown_moment, shown_number

Facts = Mapping[str, Words]
FACT_PAGE = "dosing:product-fact"
Target = ProductTarget


def _of_preparation(row: Preparation) -> Facts:
    return {name: (label, value) for name, label, value in named_product_facts(row)}


def _raw_of_preparation(row: Preparation, item: str) -> object:
    if item == "dose_basis":
        return f"{row.dose_basis} {row.dose_measure}" if row.dose_basis else ""
    return getattr(row, item)


def _page_of_infusion(name: str) -> Any:
    def page(row: Any) -> str:
        return reverse(name, args=[row.patient.trial.slug, row.patient.code, row.infusion.number])

    return page


def _of_step(row: WorksheetStep) -> Facts:
    values = {name: (label, value) for name, label, value in shown_values(row) if name in STEP_FACTS}
    return {
        "at": (_("At"), shown_moment(row.at, row.patient.trial.zone)),
        **({"bag": (_("Bag"), row.bag.number)} if row.bag else {}),
        **({"source": (_("Transcribed from"), row.source)} if row.source else {}),
        **values,
    }


def _raw_of_step(row: WorksheetStep, item: str) -> object:
    if item in row.values:
        return row.values[item]
    return row.bag_id if item == "bag" else getattr(row, item)


def _step_refusal(row: WorksheetStep) -> str:
    return _("This step was struck out.") if row.struck_out_reason else ""


def _step_title(row: WorksheetStep) -> str:
    told = {"number": row.infusion.number, "step": row.get_kind_display()}
    return _("Worksheet of infusion %(number)s: %(step)s") % told


def _of_movement(row: Any) -> Facts:
    # A placebo comes from no donor.
    donor = row.lot.bank.donation.donor.code if row.lot.bank else ""
    return {
        "kind": (_("Movement"), row.get_kind_display()),
        "bag": (_("Bag"), row.bag.number),
        "lot": (_("Lot"), row.lot.number),
        "donor": (_("Donor"), donor),
        "volume_ul": (_("Volume"), f"{shown_number(row.volume_ml)} mL"),
        "at": (_("At"), shown_moment(row.at, row.patient.trial.zone)),
        "place": (_("Storage place"), row.place),
        "carrier": (_("Brought or received by"), row.carrier),
        "logger": (_("Temperature logger"), row.logger),
        "note": (_("Note"), row.note),
    }


def _raw_of_movement(row: BagMovement, item: str) -> object:
    relations = {"bag": row.bag_id, "lot": row.lot_id, "donor": row.lot_id}
    return relations[item] if item in relations else getattr(row, item)


def _movement_refusal(row: BagMovement) -> str:
    return _("This movement was reversed.") if row.reversed_by_id else ""


def _movement_title(row: Any) -> str:
    told = {"bag": row.bag.number, "movement": row.get_kind_display(), "number": row.infusion.number}
    return _("Bag %(bag)s, %(movement)s, infusion %(number)s") % told


def _asked_item(row: MaskedResult) -> tuple[Form, Item] | None:
    """Return form and item of a result; None if the version of the visit has them no more."""
    rules = (row.visit.protocol or row.patient.protocol).rules
    form = rules.forms.get(row.form)
    items = form.masked_items if form is not None else ()
    return next(((form, item) for item in items if item.name == row.item and form is not None), None)


def _of_result(row: MaskedResult) -> Facts:
    if not row.value and not row.missing:
        return {}
    asked = _asked_item(row)
    if asked is None:
        return {"value": (row.item, row.value or row.missing)}
    _form, item = asked
    language = reader_language()
    words = display(value_of(item, row.value, row.missing), item, language, _)
    return {"value": (item.label.in_language(language), words)}


def _raw_of_result(row: MaskedResult, item: str) -> object:
    return f"missing: {row.missing}" if row.missing else row.value


def _result_title(row: MaskedResult) -> str:
    asked = _asked_item(row)
    title = asked[0].title.in_language(reader_language()) if asked else row.form
    return f"{title}, {row.visit.key}"


def _result_page(row: MaskedResult) -> str:
    where = [row.patient.trial.slug, row.patient.code, row.visit.key, row.form]
    return reverse("dosing:masked-result", args=where)


OF_PRODUCT: dict[str, Any] = {"queries": ProductQuery, "marks": ProductMark, "fact_page": FACT_PAGE}
KINDS = {
    kind.target: kind
    for kind in (
        FactKind(
            target=Target.PREPARATION,
            model=Preparation,
            title=lambda row: _("Product of infusion %(number)s") % {"number": row.infusion.number},
            facts=_of_preparation,
            page=_page_of_infusion("dosing:preparation"),
            joins=("infusion", "prepared_by"),
            raw=_raw_of_preparation,
            **OF_PRODUCT,
        ),
        FactKind(
            target=Target.WORKSHEET_STEP,
            model=WorksheetStep,
            title=_step_title,
            facts=_of_step,
            page=_page_of_infusion("dosing:worksheet"),
            refusal=_step_refusal,
            joins=("infusion", "bag"),
            raw=_raw_of_step,
            **OF_PRODUCT,
        ),
        FactKind(
            target=Target.BAG_MOVEMENT,
            model=BagMovement,
            title=_movement_title,
            facts=_of_movement,
            page=lambda row: reverse("dosing:bag", args=[row.patient.trial.slug, row.bag_id]),
            refusal=_movement_refusal,
            joins=("infusion", "bag", "lot__bank__donation__donor"),
            raw=_raw_of_movement,
            # Other movements belong to the stock, to no patient.
            only={"patient__isnull": False},
            **OF_PRODUCT,
        ),
        FactKind(
            target=Target.MASKED_RESULT,
            model=MaskedResult,
            title=_result_title,
            facts=_of_result,
            page=_result_page,
            joins=("visit__protocol",),
            raw=_raw_of_result,
            **OF_PRODUCT,
        ),
    )
}
