"""The treatment of a case for the authority, for who opened it: products and lots of the patient (BLD-05, ICS-04)."""

from django.utils.translation import gettext as _

from dosing.allocation.slots import arm_of
from dosing.models import Infusion, Preparation, Unblinding
from patients.models import Patient
from protocol.document.design import Arm
from protocol.document.document import Protocol
from protocol.document.product import ProductVersion
from safety.icsr.unblinded import OpenedProduct
from trials.access import Access

# E2B(R3) in English, as the rest of the case.
LANGUAGE = "en"


def may_know(access: Access, patient: Patient) -> bool:
    """Return whether a person may know the treatment of a patient: opened to the role, or for a SUSAR by the person."""
    if access.sees_treatment:
        return True
    opened = Unblinding.objects.filter(
        patient=patient, category=Unblinding.Category.SUSAR, known_to=access.user
    )
    return opened.exists()


def opened_products(patient: Patient) -> list[OpenedProduct]:
    """Return the products that the patient was given, that with cells first. Reads the arm and the preparations.

    Call it only for a person for whom `may_know` holds. Empty before the allocation.
    """
    arm, rules = arm_of(patient), patient.protocol.rules
    if arm is None:
        return []
    given = Infusion.objects.filter(patient=patient, state=Infusion.State.GIVEN)
    numbers = list(given.order_by("number").values_list("number", flat=True))
    lots = {
        row.infusion.number: row.lot
        for row in Preparation.objects.filter(patient=patient).select_related("infusion")
        if row.lot
    }
    with_cells = frozenset(number for number in numbers if arm.gives_cells(number))
    without = frozenset(numbers) - with_cells
    cells = OpenedProduct(
        name=_cells_title(rules, arm), substance=_cells_title(rules, arm), infusions=with_cells, lots=lots
    )
    control = OpenedProduct(name=_control_title(rules, arm), infusions=without, lots=lots)
    return [cells, control] if arm.cells else [control]


def _cells_title(rules: Protocol, arm: Arm) -> str:
    named: list[Arm | ProductVersion] = [*rules.products]
    titled = next((each for each in named if each.cells), arm)
    return titled.title.in_language(LANGUAGE)


def _control_title(rules: Protocol, arm: Arm) -> str:
    named: list[Arm | ProductVersion] = [*rules.arms, *rules.products]
    titled = next((each for each in named if not each.cells), arm)
    return titled.title.in_language(LANGUAGE)


def not_opened() -> str:
    """Return what a person has to do who has not opened the treatment."""
    return _(
        "You have not opened the treatment of this patient. Open it for the report of a SUSAR first; the blinded file "
        "needs no unblinding."
    )
