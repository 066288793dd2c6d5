"""When a step of the worksheet happened and what is entered with it, refused by field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from dosing.infusions.course import range_words
from dosing.models import Infusion
from dosing.worksheet.plan import Asked, BenchStep, asked
from dosing.worksheet.sheet import BenchSheet
from trials.reader import shown_moment, shown_number

MOST = Decimal(100_000)


@dataclass(frozen=True, slots=True)
class When:
    """When a step happened: now if `at` is None. source, written_at: of a step transcribed from paper."""

    at: datetime | None = None
    source: str = ""
    written_at: datetime | None = None


NOW = When()


def moment_of(sheet: BenchSheet, when: When) -> datetime:
    """Return when a step happened. Raises ValidationError by field for a moment that cannot be."""
    errors = {}
    at, now = when.at or timezone.now(), timezone.now()
    if at > now:
        errors["at"] = _("This time has not come yet. Check the date.")
    before = max((row.at for row in sheet.rows), default=None)
    if before is not None and at < before:
        zone = sheet.infusion.patient.trial.zone
        errors["at"] = _("The step before was at %(before)s.") % {"before": shown_moment(before, zone)}
    if when.source.strip() and when.at is None:
        errors["at"] = _("Enter when it happened: it is transcribed.")
    if when.source.strip() and when.written_at is None:
        errors["written_at"] = _("Enter when it was written on paper.")
    if when.written_at is not None and not when.source.strip():
        errors["source"] = _("Name the paper that it is transcribed from.")
    if when.written_at is not None and when.written_at > now:
        errors["written_at"] = _("This time has not come yet. Check the date.")
    if errors:
        raise ValidationError(errors)
    return at


def cleaned(sheet: BenchSheet, step: BenchStep, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a step as text. Raises ValidationError by field."""
    errors: dict[str, str] = {}
    kept: dict[str, Any] = {}
    for each in asked(step, cells=sheet.cells):
        value = values.get(each.name)
        if problem := _problem(each, value):
            errors[each.name] = problem
        else:
            kept[each.name] = f"{value:f}" if isinstance(value, Decimal) else str(value).strip()
    errors |= _volumes(sheet, step, values)
    if step == BenchStep.DISPENSED and str(values.get("dose_reason") or "").strip():
        kept["dose_reason"] = str(values["dose_reason"]).strip()
    if errors:
        raise ValidationError(errors)
    return kept


def _problem(each: Asked, value: Any) -> str:
    if each.kind == "text":
        return "" if str(value or "").strip() else _("Answer this.")
    if each.kind == "yes_no":
        return "" if value in {"Y", "N"} else _("Answer this.")
    if not isinstance(value, Decimal):
        return _("Type a number.")
    if each.unit == "%" and not 0 <= value <= 100:
        return _("Viability lies between 0 and 100 %.")
    if each.unit != "%" and not 0 < value < MOST:
        return _("The number must be above zero.")
    return ""


def _volumes(sheet: BenchSheet, step: BenchStep, values: Mapping[str, Any]) -> dict[str, str]:
    drawn, final, there = (
        values.get("drawn_ml"),
        values.get("final_ml"),
        sheet.number(BenchStep.DILUTION, "suspension_ml"),
    )
    if step != BenchStep.DRAWN or not isinstance(final, Decimal):
        return {}
    if isinstance(drawn, Decimal):
        if there is not None and drawn > there:
            text = _("There are only %(there)s mL of the suspension.")
            return {"drawn_ml": text % {"there": shown_number(there)}}
        if final < drawn:
            return {"final_ml": _("The product has at least the volume that was drawn.")}
    problem = _tells_the_arm(sheet.infusion, final)
    return {"final_ml": problem} if problem else {}


def _tells_the_arm(row: Infusion, final: Decimal) -> str:
    """Return why a volume may not leave the laboratory of a masked trial: the ward would tell the arms apart by it.

    What was given already is recorded as it was.
    """
    dosing = row.patient.protocol.rules.dosing
    limits = dosing.volume_ml if dosing else None
    if limits is None or not row.patient.trial.masked or row.state == Infusion.State.GIVEN:
        return ""
    lowest = limits.planned if limits.lowest is None else limits.lowest
    highest = limits.planned if limits.highest is None else limits.highest
    if (lowest is None or lowest <= final) and (highest is None or final <= highest):
        return ""
    bounds = limits.model_copy(update={"lowest": lowest, "highest": highest})
    words = shown_number(lowest) if lowest == highest else range_words(bounds)
    return _("The product has the same volume in every arm: %(range)s mL. Fill it up.") % {"range": words}
