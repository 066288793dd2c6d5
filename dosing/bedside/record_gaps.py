"""Gaps that keep the record of a stopped infusion from being complete, each with the field of its form (CEL-14)."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from dosing.bedside.steps import stopped_facts
from dosing.infusions.infusion_checks import check_infusion, infusion_questions, refuse_infusion
from dosing.models import Infusion, InfusionStep
from dosing.patient_dose import asks_weight

Missing = tuple[str, str]


def record_gaps(row: Infusion) -> list[Missing]:
    """Return sentence and field ("" for none) of each obstacle. Reads row.patient; up to nine queries."""
    gaps: list[Missing] = []
    if asks_weight(row) and row.weight_kg is None:
        gaps.append((_("The weight of the day is missing."), "weight_kg"))
    steps = InfusionStep.objects.in_force().filter(infusion=row, kind=InfusionStep.Kind.STOPPED)
    stop = steps.order_by("at", "pk").last()
    if stop is not None and stop.value is None:
        gaps.append((_("The volume infused is missing."), "volume_ml"))
    return gaps or _refusals(row)


def _refusals(row: Infusion) -> list[Missing]:
    """Return what the record of the infusion refuses in the facts of its steps, and what it asks."""
    facts = stopped_facts(row.patient, row)
    if facts is None:
        return []
    try:
        refuse_infusion(row.patient, row, facts["started"].earliest)
        check_infusion(row.patient, row, facts)
    except ValidationError as refused:
        if not hasattr(refused, "error_dict"):
            return [(text, "") for text in refused.messages]
        return [(text, name) for name, errors in refused.error_dict.items() for text in _texts(errors)]
    return [(question.text, "") for question in infusion_questions(row.patient, row, facts)]


def _texts(errors: list[ValidationError]) -> list[str]:
    return [text for error in errors for text in error.messages]
