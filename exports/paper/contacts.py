"""The attempts to reach a patient for paper, struck-out ones included."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from exports.paper.audience import Audience
from exports.paper.captured import Part
from patients.models import ContactAttempt, Patient

Past = Callable[[Any], dict[int, list[Part]]]


def contact_parts(patient: Patient, audience: Audience, past: Past) -> list[Part]:
    """Return the attempts with what changed since they were entered. Two queries."""
    changed = past(ContactAttempt)
    rows = ContactAttempt.objects.filter(patient=patient).select_related("recorded_by").order_by("number")
    return [_part(row, audience, changed.get(row.pk, [])) for row in rows]


def _part(row: ContactAttempt, audience: Audience, changed: list[Part]) -> Part:
    of_label = {change["label"]: change for change in changed}
    facts = (
        (_("Day"), audience.day(row.tried_on)),
        (_("Outcome"), row.get_outcome_display()),
        (_("Way"), row.get_way_display()),
        (_("By whom"), row.tried_by),
        (_("Note"), row.note),
        (_("Struck out because"), row.struck_out_reason),
        (_("Recorded"), f"{audience.instant(row.recorded_at)}, {row.recorded_by.full_name}"),
    )
    return {
        "title": _("Contact %(number)s") % {"number": row.number},
        "facts": [(label, str(text), of_label.pop(label, None)) for label, text in facts if text],
        "past": list(of_label.values()),
    }
