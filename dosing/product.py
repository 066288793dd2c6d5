"""The product of an infusion: recorded by the cell laboratory apart from the bedside, with the resulting dose."""

from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from audit.context import acting, because
from dosing.allocation import arm_of
from dosing.conflicts import StaleInfusion
from dosing.dose import DoseFinding, cells_per_kg, compare
from dosing.models import Infusion, Preparation
from dosing.participation import refuse_withdrawn
from dosing.product_deviations import note_product
from patients.models import Patient
from patients.participation.lifecycle import lock_patient, require_state
from protocol.document.design import Dosing
from protocol.values.moments import Moment

MOST_CELLS = Decimal(10) ** 12
PRODUCT_FIELDS = ("donor_code", "lot", "bag", "viable_cells", "viability_percent", "thawed")


class Product(TypedDict):
    """The facts of a product. Cells are whole cells (not millions), viability is in per cent."""

    donor_code: str
    lot: str
    bag: NotRequired[str]
    viable_cells: Decimal | None
    viability_percent: Decimal | None
    thawed: Moment | None
    dose_deviation_reason: str
    donor_deviation_reason: str


@transaction.atomic
def record_preparation(
    *, infusion: Infusion, facts: Product, version: int, by: User, reason: str = ""
) -> Preparation:
    """Record or amend the product of an infusion; the dose per kg follows from the weight of the day.

    version: of the preparation the person saw, 0 if there was none. Raises StaleInfusion if it is not the current one.
    Raises ValidationError for a missing weight, facts that do not fit the arm, a dose outside the range or another
    donor without a reason (each is a deviation), a thaw after the start, and a change without a reason.
    """
    patient, row, product = _locked_infusion(infusion, version)
    require_state(
        patient,
        Patient.State.ENROLLED,
        Patient.State.ENDED,
        refusal=_("%(patient)s cannot receive a product: the status is “%(state)s”."),
    )
    if product is not None and not reason.strip():
        raise ValidationError({"reason": _("Say why this is changed.")})
    if row.weight_kg is None:
        raise ValidationError(
            _("The weight of the day is not recorded yet: the dose needs it. Ask the ward.")
        )
    cleaned = _stripped(facts)
    finding = finding_of(patient, cleaned["viable_cells"], row.weight_kg)
    _check(patient, row, cleaned, finding)
    product = product or Preparation(infusion=row, patient=patient, prepared_by=by, version=0)
    _fill(product, cleaned, finding, elsewhere=other_donor(patient, row, cleaned["donor_code"]) is not None)
    with because(reason.strip()):
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
    if row.state == Infusion.State.NOT_GIVEN and product is None:
        raise ValidationError(_("This infusion was not given: nothing is prepared for it."))
    return patient, row, product


def _stripped(facts: Product) -> dict[str, Any]:
    with_bag: dict[str, Any] = {"bag": "", **facts}
    return {name: value.strip() if isinstance(value, str) else value for name, value in with_bag.items()}


def finding_of(
    patient: Patient, viable_cells: Decimal | None, weight_kg: Decimal | None
) -> DoseFinding | None:
    """Return the dose compared with the protocol; None without cells or while the weight is not known.

    Raises DoseRefused for an impossible weight.
    """
    dosing = patient.protocol.rules.dosing
    if dosing is None or viable_cells is None or viable_cells <= 0 or weight_kg is None:
        return None
    return compared(dosing, viable_cells, weight_kg)


def compared(dosing: Dosing, viable_cells: Decimal, weight_kg: Decimal) -> DoseFinding:
    """Return the dose of whole cells at a weight in kg, compared with the protocol's range."""
    limits = dosing.cells_per_kg
    dose = cells_per_kg(viable_cells, weight_kg)
    return compare(dose, lowest=limits.lowest, target=limits.target, highest=limits.highest)


def _fill(
    product: Preparation, facts: dict[str, Any], finding: DoseFinding | None, *, elsewhere: bool
) -> None:
    for name in PRODUCT_FIELDS:
        setattr(product, name, facts[name])
    product.thawed = facts["thawed"].iso if facts["thawed"] else ""
    outside = finding is not None and finding.position != "within"
    product.dose_deviation_reason = facts["dose_deviation_reason"] if outside else ""
    product.donor_deviation_reason = facts["donor_deviation_reason"] if elsewhere else ""
    _set_dose(product, finding)
    product.version += 1


def _set_dose(product: Preparation, finding: DoseFinding | None) -> None:
    # Rounded for storage only: its position in the range was decided on the unrounded dose.
    product.cells_per_kg = finding.cells_per_kg.quantize(Decimal("0.01")) if finding else None
    product.dose_finding = finding.position if finding else ""


def _check(patient: Patient, row: Infusion, facts: dict[str, Any], finding: DoseFinding | None) -> None:
    arm = arm_of(patient)
    if arm is None:
        raise ValidationError(_("This patient has no place on the allocation list: nothing can be prepared."))
    errors = _with_cells(patient, row, facts, finding) if arm.cells else _without_cells(facts)
    errors |= {"lot": _("Enter the lot.")} if not facts["lot"] else {}
    if errors:
        raise ValidationError(errors)


def _without_cells(facts: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in ("donor_code", "viable_cells", "viability_percent", "thawed") if facts[name]]
    return {name: _("This patient receives no cells: leave it empty.") for name in names}


def _with_cells(
    patient: Patient, row: Infusion, facts: dict[str, Any], finding: DoseFinding | None
) -> dict[str, Any]:
    errors: dict[str, Any] = {}
    if not facts["donor_code"]:
        errors["donor_code"] = _("Enter the donor's code.")
    elif not facts["donor_deviation_reason"] and (
        elsewhere := other_donor(patient, row, facts["donor_code"])
    ):
        text = _("Infusion %(number)d came from donor %(donor)s: the protocol asks for the same donor.")
        errors["donor_code"] = text % {"number": elsewhere[0], "donor": elsewhere[1]}
        errors["donor_deviation_reason"] = _("Say why another donor was used: this is a deviation.")
    if finding is not None and finding.position != "within" and not facts["dose_deviation_reason"]:
        errors["dose_deviation_reason"] = _(
            "The dose is outside the protocol's range. Say why: this is a deviation."
        )
    return errors | _measures(facts) | _thaw(row, facts["thawed"])


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


def _thaw(row: Infusion, thawed: Moment | None) -> dict[str, str]:
    if thawed is None:
        return {}
    if thawed.earliest > timezone.now():
        return {"thawed": _("This time has not come yet. Check the date.")}
    if row.started_at is not None and thawed.earliest > row.started_at:
        return {"thawed": _("The product was thawed after the infusion began: check both times.")}
    return {}


def other_donor(patient: Patient, row: Infusion, donor: str) -> tuple[int, str] | None:
    """Return number and donor of the first infusion that came from another donor, or None (CEL-11).

    None too if the protocol does not ask for the same donor. Infusions with a reason for another donor do not count.
    """
    dosing = patient.protocol.rules.dosing
    if dosing is None or not dosing.same_donor or not donor:
        return None
    others = Preparation.objects.filter(patient=patient, donor_deviation_reason="").exclude(infusion=row)
    others = others.exclude(donor_code="").order_by("infusion__number")
    for number, other in others.values_list("infusion__number", "donor_code"):
        if other.casefold() != donor.casefold():
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
    finding = finding_of(infusion.patient, product.viable_cells, infusion.weight_kg)
    before = (product.cells_per_kg, product.dose_finding)
    _set_dose(product, finding)
    if (product.cells_per_kg, product.dose_finding) == before:
        return
    product.version += 1
    with acting(user=by, system="dose"):
        product.save(update_fields=["cells_per_kg", "dose_finding", "version"])
    note_product(infusion, product, by)
