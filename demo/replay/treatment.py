"""Replay infusions. A table has no product chain: where the protocol asks for one, an infusion is documented late."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.models import User
from demo.replay.courses import ReplayedInfusion
from demo.replay.headings import OF_INFUSION
from demo.replay.steps import NOT_STATED, ReplaySteps, by_field
from demo.replay.tables import TableRow
from dosing.infusions.administration import mark_not_given, record_infusion
from dosing.infusions.infusion_checks import Bedside
from dosing.models import Infusion
from dosing.worksheet.dispensed import asks_kit
from patients.models import Patient

NO_CHAIN = "Replayed from a table: it has no product, no dispensed kit and no comparison at the bedside"
NEVER_STATED = ("timing_deviation_reason", "weight_confirmation")
"""Reasons that the verb may ask for and no published table has."""
COLUMNS = {"weight_measured": "weighed", "reason": "not_given"}
"""Columns whose name is not that of the field of the verb."""


def store_infusion(steps: ReplaySteps, patient: Patient, row: TableRow, course: ReplayedInfusion) -> None:
    """Record an infusion as given or as not given."""
    infusion = Infusion.objects.select_related("visit").get(patient=patient, number=course.number)
    infusion.patient = patient
    prefix = f"{OF_INFUSION}.{course.number}."
    fields = ("ended", "volume_ml", "weight_kg", "weight_measured", "interruption_reason", "reason")
    columns = {name: prefix + COLUMNS.get(name, name) for name in fields}
    columns[""] = prefix + ("not_given" if course.not_given else "started")
    with steps.as_role("coordinator") as by:
        if course.not_given:
            told = {"reason": course.not_given, "version": infusion.version, "by": by}
            done = steps.tried(row, columns, mark_not_given, infusion=infusion, **told)
            steps.count("infusions not given", done)
            return
        facts = _facts(course, NO_CHAIN if asks_kit(patient) else "")
        done = steps.tried(row, columns, _recorded, infusion=infusion, facts=facts, by=by)
        steps.count("infusions", done)


def _facts(course: ReplayedInfusion, late_reason: str) -> dict[str, Any]:
    weight = {"weight_kg": course.weight_kg, "weight_measured": course.weighed}
    return {
        "started": course.started,
        "ended": course.ended,
        "volume_ml": course.volume_ml,
        "interrupted": course.interrupted,
        "interruption_reason": course.interruption_reason,
        "premedication": course.premedication,
        "timing_deviation_reason": "",
        "late_reason": late_reason,
        **(weight if course.weight_kg is not None else {}),
    }


def _recorded(*, infusion: Infusion, facts: dict[str, Any], by: User, confirmed: str = "") -> Infusion:
    """Record an infusion. A reason that the verb asks for says that the table does not state it."""
    version = infusion.version
    try:
        with transaction.atomic():
            bedside = Bedside(**facts)  # type: ignore[typeddict-item]
            return record_infusion(
                infusion=infusion, facts=bedside, version=version, by=by, confirmed=confirmed
            )
    except ValidationError as refused:
        asked = [name for name in by_field(refused) if name in NEVER_STATED and not facts.get(name)]
        if not asked:
            raise
    told = {**facts, **dict.fromkeys(asked, NOT_STATED)}
    return _recorded(infusion=infusion, facts=told, by=by, confirmed=confirmed)
