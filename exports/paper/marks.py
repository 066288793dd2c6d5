"""Marks for paper: source data verification and medical review."""

from dataclasses import dataclass, field

from exports.paper.audience import Audience
from patients.models import Mark, Patient
from patients.participation.treatment.arm_knowledge import known_words
from patients.review.marks import WHOLE


@dataclass
class PaperMarks:
    """Marks of one record: verified items, and who verified and reviewed it last, as texts."""

    items: set[str] = field(default_factory=set)
    verified: str = ""
    reviewed: str = ""

    def covers(self, item: str) -> bool:
        """Return whether an item is verified, by itself or with its whole form."""
        return item in self.items or WHOLE in self.items


def marks_of(patient: Patient, audience: Audience) -> dict[int, PaperMarks]:
    """Return the marks by record that no later change has undone. One query."""
    found: dict[int, PaperMarks] = {}
    for mark in Mark.objects.filter(patient=patient).valid().on_forms().select_related("by"):
        marks = found.setdefault(mark.record_id, PaperMarks())
        known = known_words(patient, mark.by_id, mark.at)
        words = ", ".join(filter(None, [audience.instant(mark.at), mark.by.full_name, known]))
        if mark.kind == Mark.Kind.REVIEW:
            marks.reviewed = words
        else:
            marks.items.add(mark.item)
            marks.verified = words
    return found
