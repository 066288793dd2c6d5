"""The deviations of a patient for paper: the general log, and that of the product for readers who may know it."""

from collections.abc import Callable
from typing import Any

from django.utils.html import strip_tags

from dosing.models import ProductDeviation
from exports.paper.audience import Audience
from exports.paper.captured import Part
from patients.models import Deviation, DeviationRow, Patient
from patients.views.deviation_log.deviation_words import deviation_facts, place_words

Past = Callable[[Any], dict[int, list[Part]]]


def deviation_parts(patient: Patient, audience: Audience, past: Past) -> list[Part]:
    """Return the deviations with what changed since they were entered. Two queries for each log."""
    logs: list[type[DeviationRow]] = [Deviation]
    if audience.sees_treatment:
        logs.append(ProductDeviation)
    return [part for log in logs for part in _parts(log, patient, past(log))]


def _parts(log: type[DeviationRow], patient: Patient, changed: dict[int, list[Part]]) -> list[Part]:
    rows = log._default_manager.filter(patient=patient).select_related("classified_by", "recorded_by")
    return [_part(row, patient, changed.get(row.pk, [])) for row in rows.order_by("number")]


def _part(row: DeviationRow, patient: Patient, changed: list[Part]) -> Part:
    row.patient = patient
    of_label = {change["label"]: change for change in changed}
    facts = [(str(label), strip_tags(str(text))) for label, text in deviation_facts(row)]
    return {
        "title": f"{row} · {place_words(row)}" if row.place else str(row),
        "facts": [(label, text, of_label.pop(label, None)) for label, text in facts],
        "past": list(of_label.values()),
    }
