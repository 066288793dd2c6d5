"""The product of an infusion: recorded by the cell laboratory apart from the bedside, with the resulting dose."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, because
from audit.stored_text import Text, trimmed
from dosing.allocation.slots import arm_of
from dosing.conflicts import StaleInfusion
from dosing.dose import DoseFinding, PlannedDose
from dosing.infusions.participation import refuse_withdrawn
from dosing.models import Bag, Infusion, Preparation
from dosing.patient_dose import asks_weight, missing_for_dose, planned_for
from dosing.products.prepared_bags import ChosenBags, choose, take_bags
from dosing.products.product_deviations import note_product
from dosing.products.thaw import thaw_questions
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, require_state
from patients.participation.questions import Question, ask
from patients.participation.treatment.treatment_holds import refuse_treatment_held
from protocol.values.moments import Moment
from trials.holds import refuse_held

MOST_CELLS = Decimal(10) ** 12
PER_KG = frozenset({"actual_weight", "predicted_weight"})
JUDGED = ("cells_per_kg", "dose_basis", "dose_measure", "dose_finding")
"""Columns that are computed again when the weight of the day is corrected."""
PRODUCT_FIELDS = ("donor_code", "lot", "bag", "viable_cells", "viability_percent", "thawed")


class Product(TypedDict):
    """The facts of a product. Cells are whole cells (not millions), viability is in per cent.

    bags: of the stock; donor and lot follow from them. thawed: of the first of them, None if the ledger knows it.
    """

    bags: Sequence[Bag]
    viable_cells: Decimal | None
    viability_percent: Decimal | None
    thawed: Moment | None
    dose_deviation_reason: str
    donor_deviation_reason: str


@transaction.atomic
def record_preparation(
    *, infusion: Infusion, facts: Product, version: int, by: User, reason: Text = "", confirmed: str = ""
) -> Preparation:
    """Record or amend the product of an infusion; the dose per kg follows from the weight of the day.

    version: of the preparation the person saw, 0 if there was none. Raises StaleInfusion if it is not the current one.
    Each bag is thawed or taken for the infusion in the ledger, if it was not before; one that is no longer named is
    given back. Raises ValidationError for a missing weight, no bag, a bag with a hard stop, facts that do not fit the
    arm, a dose outside the range or another donor without a reason (each is a deviation), a thaw that has not come
    yet, and a change without a reason. Of an infusion that was given, a bag is refused only if it cannot have been.
    Raises Questioned for a thaw that does not fit the start of the infusion and is not `confirmed`.
    """
    patient, row, product = _locked_infusion(infusion, version)
    require_state(
        patient,
        Patient.State.ENROLLED,
        Patient.State.ENDED,
        refusal=_("%(patient)s cannot receive a product: the status is “%(state)s”."),
    )
    if product is not None and not trimmed(reason):
        raise ValidationError({"reason": _("Say why this is changed.")})
    # Asked of both arms: the product of the control is prepared for the same weight.
    if asks_weight(row) and row.weight_kg is None:
        raise ValidationError(
            _("The weight of the day is not recorded yet: the dose needs it. Ask the ward.")
        )
    chosen = choose(row, facts["bags"])
    cleaned = _stripped(facts) | chosen.texts
    if cleaned["thawed"] is None and chosen.thawed_at is not None:
        cleaned["thawed"] = Moment.from_datetime(chosen.thawed_at, str(patient.trial.zone))
    planned = planned_for(row)
    finding = finding_of(planned, cleaned["viable_cells"])
    _check(patient, row, cleaned, finding, chosen)
    ask(_questions(row, product, cleaned["thawed"]), confirmed)
    take_bags(
        chosen,
        row,
        thawed=cleaned["thawed"],
        other_donor=bool(cleaned["donor_deviation_reason"]),
        reason=reason,
        by=by,
    )
    product = product or Preparation(infusion=row, patient=patient, prepared_by=by, version=0)
    elsewhere = other_donor(patient, row, chosen.donors) is not None
    _fill(product, cleaned, planned, finding, elsewhere=elsewhere)
    with because(trimmed(reason)):
        product.save()
    note_product(row, product, by)
    return product


def _locked_infusion(infusion: Infusion, version: int) -> tuple[Patient, Infusion, Preparation | None]:
    patient = lock_patient(infusion.patient)
    row = Infusion.objects.select_for_update(of=("self",)).get(pk=infusion.pk)
    row.patient = patient
    product = Preparation.objects.select_for_update(of=("self",)).filter(infusion=row).first()
    if (product.version if product else 0) != version:
        raise StaleInfusion(product or Preparation(infusion=row, patient=patient, version=0))
    if row.state == Infusion.State.PLANNED and product is None:
        refuse_withdrawn(patient, patient.trial.today)
        refuse_held(patient.trial)
        refuse_treatment_held(patient)
    if row.state == Infusion.State.NOT_GIVEN and product is None:
        raise ValidationError(_("This infusion was not given: nothing is prepared for it."))
    return patient, row, product


def _stripped(facts: Product) -> dict[str, Any]:
    return {name: value.strip() if isinstance(value, str) else value for name, value in facts.items()}


def finding_of(planned: PlannedDose | None, viable_cells: Decimal | None) -> DoseFinding | None:
    """Return the given cells compared with the planned dose; None without cells or while no dose can be computed."""
    if planned is None or viable_cells is None or viable_cells <= 0:
        return None
    return planned.compared(viable_cells)


def _fill(
    product: Preparation,
    facts: dict[str, Any],
    planned: PlannedDose | None,
    finding: DoseFinding | None,
    *,
    elsewhere: bool,
) -> None:
    for name in PRODUCT_FIELDS:
        setattr(product, name, facts[name])
    product.thawed = facts["thawed"].iso if facts["thawed"] else ""
    outside = finding is not None and finding.position != "within"
    product.dose_deviation_reason = facts["dose_deviation_reason"] if outside else ""
    product.donor_deviation_reason = facts["donor_deviation_reason"] if elsewhere else ""
    _set_dose(product, planned, finding)
    product.version += 1


def _set_dose(product: Preparation, planned: PlannedDose | None, finding: DoseFinding | None) -> None:
    # Rounded for storage only: its position in the range was decided on the unrounded dose.
    if planned is None or finding is None:
        product.cells_per_kg, product.dose_measure, product.dose_basis, product.dose_finding = (
            None,
            None,
            "",
            "",
        )
        return
    product.cells_per_kg = finding.dose.quantize(Decimal("0.01")) if planned.basis in PER_KG else None
    product.dose_measure = planned.measure.quantize(Decimal(10) ** -10)
    product.dose_basis, product.dose_finding = planned.basis, finding.position


def _check(
    patient: Patient, row: Infusion, facts: dict[str, Any], finding: DoseFinding | None, chosen: ChosenBags
) -> None:
    arm = arm_of(patient)
    if arm is None:
        raise ValidationError(_("This patient has no place on the allocation list: nothing can be prepared."))
    with_cells = arm.gives_cells(row.number)
    if with_cells and (missing := missing_for_dose(row)):
        raise ValidationError(missing)
    errors = _with_cells(patient, row, facts, finding, chosen) if with_cells else _without_cells(facts)
    if errors:
        raise ValidationError(errors)


def _without_cells(facts: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in ("viable_cells", "viability_percent", "thawed") if facts[name]]
    return {name: _("This patient receives no cells: leave it empty.") for name in names}


def _with_cells(
    patient: Patient, row: Infusion, facts: dict[str, Any], finding: DoseFinding | None, chosen: ChosenBags
) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if not facts["donor_deviation_reason"] and (elsewhere := other_donor(patient, row, chosen.donors)):
        text = _("Infusion %(number)d came from donor %(donor)s: the protocol asks for the same donor.")
        errors["bags"] = text % {"number": elsewhere[0], "donor": elsewhere[1]}
        errors["donor_deviation_reason"] = _("Say why another donor was used: this is a deviation.")
    if finding is not None and finding.position != "within" and not facts["dose_deviation_reason"]:
        errors["dose_deviation_reason"] = _(
            "The dose is outside the protocol's range. Say why: this is a deviation."
        )
    if chosen.frozen and facts["thawed"] is None:
        errors["thawed"] = _("Enter when the bags were thawed.")
    return errors | _measures(facts) | _thaw(facts["thawed"])


def _measures(facts: dict[str, Any]) -> dict[str, str]:
    cells, percent = facts["viable_cells"], facts["viability_percent"]
    errors = {}
    if cells is None or cells <= 0:
        errors["viable_cells"] = _("Enter the viable cells that were given.")
    elif cells != round(cells) or cells > MOST_CELLS:
        errors["viable_cells"] = _("This is not a number of cells: type millions, with at most six decimals.")
    if percent is not None and not 0 <= percent <= 100:
        errors["viability_percent"] = _("Viability lies between 0 and 100 %.")
    return errors


def _thaw(thawed: Moment | None) -> dict[str, str]:
    if thawed is not None and thawed.earliest > timezone.now():
        return {"thawed": _("This time has not come yet. Check the date.")}
    return {}


def _questions(row: Infusion, product: Preparation | None, thawed: Moment | None) -> list[Question]:
    """Return the question about the thaw, unless it is stored so already."""
    if product is not None and thawed is not None and product.thawed == thawed.iso:
        return []
    return thaw_questions(row, thawed)


def other_donor(patient: Patient, row: Infusion, donors: Sequence[str]) -> tuple[int, str] | None:
    """Return number and donor of the first infusion that came from another donor, or None (CEL-11).

    Bags of two donors in one infusion are another donor too. None if the protocol does not ask for the same donor.
    Infusions with a reason for another donor do not count.
    """
    dosing = patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor or not donors:
        return None
    if len(donors) > 1:
        return row.number, donors[0]
    others = Preparation.objects.filter(patient=patient, donor_deviation_reason="").exclude(infusion=row)
    others = others.exclude(donor_code="").order_by("infusion__number")
    for number, other in others.values_list("infusion__number", "donor_code"):
        if other.casefold() != donors[0].casefold():
            return number, other
    return None


def on_infusion_given(sender: Any, *, infusion: Infusion, by: User, **kwargs: Any) -> None:
    """Compute the dose of the product again after the weight of the day was amended (AUD-10).

    A dose that is now outside the range waits for its reason in the cell laboratory.
    """
    # Nothing is refused here: a message would tell the bedside that a product is recorded (blinding).
    product = Preparation.objects.filter(infusion=infusion).first()
    if product is None:
        return
    planned = planned_for(infusion)
    before = [getattr(product, name) for name in JUDGED]
    _set_dose(product, planned, finding_of(planned, product.viable_cells))
    if [getattr(product, name) for name in JUDGED] != before:
        product.version += 1
        with acting(user=by, system="dose"):
            product.save(update_fields=[*JUDGED, "version"])
    # In every arm: the time since the thaw is known only now.
    note_product(infusion, product, by)
