"""Marks for paper: what was compared with its source, and which forms a physician reviewed."""

from dataclasses import dataclass, field

from exports.paper.audience import Audience
from patients.models import Mark
from patients.review.marks import WHOLE


@dataclass
class PaperMarks:
    """The marks that stand on one form: the verified items, and in words who verified and who reviewed it last."""

    items: set[str] = field(default_factory=set)
    verified: str = ""
    reviewed: str = ""

    def covers(self, item: str) -> bool:
        """Tell whether an item was compared with its source, by itself or with its whole form."""
        return item in self.items or WHOLE in self.items


def marks_of(patient_id: int, audience: Audience) -> dict[int, PaperMarks]:
    """Return by record the marks that no later change has undone. One query."""
    found: dict[int, PaperMarks] = {}
    for mark in Mark.objects.filter(patient=patient_id).standing().select_related("by"):
        marks = found.setdefault(mark.record_id, PaperMarks())
        told = f"{audience.instant(mark.at)}, {mark.by.full_name}"
        if mark.kind == Mark.Kind.REVIEW:
            marks.reviewed = told
        else:
            marks.items.add(mark.item)
            marks.verified = told
    return found
