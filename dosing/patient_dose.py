"""The dose of one patient by the protocol: its plan by arm, group or dose level, and the body that it is computed for.

A plan may depend on the arm: never call `plan_of` or `planned_for` for a page of a blinded role.
"""

from decimal import Decimal

from django.utils.translation import gettext as _

from dosing.allocation.slots import arm_of
from dosing.dose import Body, PlannedDose, is_possible_height, is_possible_weight, planned_dose
from dosing.models import Infusion, LevelPatient
from patients.models import Patient, Record
from patients.models.visit_forms import day_of
from protocol.document.dosing import DosePlan
from protocol.values.parsing import decimal


def plan_of(patient: Patient) -> DosePlan | None:
    """Return the dose that the protocol gives a patient; None without one.

    No query, or one for the arm or the dose level that the dose depends on.
    """
    dosing = patient.protocol.rules.dosing
    if dosing is None:
        return None
    by_arm = any(each.arm for each in dosing.doses)
    arm = arm_of(patient) if by_arm else None
    return dosing.plan_for(
        arm=arm.code if arm else "",
        group=patient.group,
        level=level_code(patient) if dosing.levels else "",
    )


def level_code(patient: Patient) -> str:
    """Return the dose level at which a patient was included; empty without one. One query."""
    return LevelPatient.objects.filter(patient=patient).values_list("level", flat=True).first() or ""


def body_of(infusion: Infusion) -> Body:
    """Return the measures of the patient that a dose reads: the weight of the day, and height and sex as captured.

    Of several heights the latest counts. No query, or one if the protocol's dose reads height or sex.
    """
    dosing = infusion.patient.protocol.rules.dosing
    weight = infusion.weight_kg
    if dosing is None or not (dosing.needs_height or dosing.needs_sex):
        return Body(weight_kg=weight)
    paths = [path for path in (dosing.height_item, dosing.sex_item) if path]
    values = _captured(infusion.patient, paths)
    height = decimal(values.get(dosing.height_item or ""))
    possible = height is not None and is_possible_height(height)
    return Body(weight, height if possible else None, str(values.get(dosing.sex_item or "") or ""))


def _captured(patient: Patient, paths: list[str]) -> dict[str, object]:
    """Return the latest value of some items by path. One query."""
    items = [path.split(".") for path in paths]
    rows = Record.objects.filter(patient=patient, form__in=[form for form, _name in items])
    rows = rows.exclude(state=Record.State.STRUCK_OUT).select_related("visit")
    held = [(day_of(row.visit) if row.visit else None, row) for row in rows]
    # Rows of a visit without a day come first: a later one replaces their values.
    dated = sorted(held, key=lambda pair: (pair[0] is not None, pair[0], pair[1].pk))
    return {
        f"{form}.{name}": row.values[name]
        for _day, row in dated
        for form, name in items
        if row.form == form and row.values.get(name) not in (None, "")
    }


def planned_for(infusion: Infusion) -> PlannedDose | None:
    """Return the cells that the protocol asks for at an infusion; None while something is not known."""
    plan = plan_of(infusion.patient)
    body = body_of(infusion)
    if plan is None or (body.weight_kg is not None and not is_possible_weight(body.weight_kg)):
        return None
    return planned_dose(plan, body)


def missing_for_dose(infusion: Infusion) -> str:
    """Return the message about what the dose still needs; empty if it can be computed."""
    plan = plan_of(infusion.patient)
    if plan is None:
        return _("The protocol gives no dose for this patient yet.")
    if planned_for(infusion) is not None:
        return ""
    if plan.basis in ("actual_weight", "body_surface") and infusion.weight_kg is None:
        return _("The weight of the day is not recorded yet: the dose needs it. Ask the ward.")
    if plan.basis == "body_surface":
        return _("The height of the patient is not recorded: the dose needs it. Ask the ward.")
    return _("Height and sex of the patient are not recorded: the dose needs them. Ask the ward.")


def asks_weight(infusion: Infusion) -> bool:
    """Return True if the ward is asked the weight of the day. The same in all arms. Reads infusion.patient."""
    dosing = infusion.patient.protocol.rules.dosing
    return dosing is None or dosing.needs_weight


def shown_measure(planned: PlannedDose) -> Decimal:
    """Return kg or m² rounded to two decimals, for a page."""
    return planned.measure.quantize(Decimal("0.01"))
