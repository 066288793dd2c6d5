"""The samples of a patient for paper, struck-out ones included, with every step of their tubes."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from exports.paper.audience import Audience
from exports.paper.captured import Part
from patients.models import Patient, Sample, SampleMovement

Past = Callable[[Any], dict[int, list[Part]]]


def sample_parts(patient: Patient, audience: Audience, past: Past) -> list[Part]:
    """Return the samples with what changed since they were entered, and the ledger of their tubes. Three queries."""
    rows = list(
        Sample.objects.filter(patient=patient).select_related("visit", "recorded_by").order_by("number")
    )
    changed, steps = past(Sample), _steps(patient, audience)
    return [_part(row, audience, changed.get(row.pk, []), steps.get(row.pk, [])) for row in rows]


def _steps(patient: Patient, audience: Audience) -> dict[int, list[list[str]]]:
    """Return by sample the steps of its tubes as texts, reversed ones and reversals included."""
    rows = SampleMovement.objects.filter(patient=patient).select_related("aliquot", "shipment")
    found: dict[int, list[list[str]]] = {}
    for row in rows.order_by("aliquot__code", "at", "pk"):
        kind = str(row.get_kind_display())
        told = " · ".join(filter(None, [kind, str(row.get_condition_display() or "")]))
        where = _("Shipment %(number)s") % {"number": row.shipment.number} if row.shipment else row.place
        found.setdefault(row.aliquot.sample_id, []).append(
            [row.aliquot.code, told, audience.moment(row.moment), row.done_by, where, row.reason]
        )
    return found


def _part(row: Sample, audience: Audience, changed: list[Part], steps: list[list[str]]) -> Part:
    of_label = {change["label"]: change for change in changed}
    facts = (
        (_("Visit"), row.visit.key),
        (_("Specimen"), row.specimen),
        (_("Collected"), audience.moment(row.collected) if row.collected else ""),
        (_("Collected by"), row.collected_by),
        (_("Not collected because"), row.not_collected_reason),
        (_("Note"), row.note),
        (_("Struck out because"), row.struck_out_reason),
        (_("Recorded"), f"{audience.instant(row.recorded_at)}, {row.recorded_by.full_name}"),
    )
    heads = [_("Tube"), _("Step"), _("Date and time"), _("By whom"), _("Place"), _("Reason")]
    return {
        "title": _("Sample %(code)s") % {"code": row.code},
        "facts": [(label, str(text), of_label.pop(label, None)) for label, text in facts if text],
        "past": list(of_label.values()),
        "heads": heads,
        "steps": steps,
    }
