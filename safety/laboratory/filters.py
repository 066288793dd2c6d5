"""Filters of the laboratory results that may be adverse events."""

from collections.abc import Callable, Sequence
from typing import Any

import django_filters
from django.utils.translation import gettext_lazy as _

from safety.laboratory.candidates import Candidate, CandidateStatus
from safety.laboratory.models import LaboratoryDecision
from safety.laboratory.wording import STATUSES

ANY = _("Any")
TO_DECIDE = ("to_decide", _("To decide, first or again"))
GRADES = [("1", _("1 or more")), ("2", _("2 or more")), ("3", _("3 or more")), ("4", "4")]


class CandidateFilter(django_filters.FilterSet):
    """CandidateStatus, grade, test, and whether the result is worse than its baseline."""

    patient = django_filters.CharFilter(label=_("Patient"), max_length=20)
    status = django_filters.ChoiceFilter(
        label=_("Decision"), choices=[TO_DECIDE, *((each.value, words) for each, words in STATUSES.items())],
        empty_label=ANY,
    )  # fmt: skip
    grade = django_filters.ChoiceFilter(label=_("Grade"), choices=GRADES, empty_label=ANY)
    term = django_filters.ChoiceFilter(label=_("CTCAE term"), empty_label=ANY)
    worse = django_filters.ChoiceFilter(
        label=_("Worse than the baseline"), choices=[("yes", _("Yes"))], empty_label=ANY
    )

    class Meta:
        model = LaboratoryDecision
        fields: list[str] = []

    def __init__(
        self, *args: Any, lines: Sequence[Candidate], of_patient: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.filters["term"].extra["choices"] = [
            (term, term) for term in sorted({each.term for each in lines})
        ]
        if of_patient:
            del self.filters["patient"]


def that_pass(
    *, status: str, grade: str, term: str, worse: str, patient: str = ""
) -> Callable[[Candidate], bool]:
    """Return the condition for the cleaned filters."""

    def passes(line: Candidate) -> bool:
        return (
            (not patient or patient.lower() in line.patient.code.lower())
            and (not status or _stands(line, status))
            and (not grade or int(line.grade or 0) >= int(grade))
            and (not term or line.term == term)
            and (not worse or line.worsened)
        )

    return passes


def _stands(line: Candidate, status: str) -> bool:
    return line.is_open if status == TO_DECIDE[0] else line.status == CandidateStatus(status)
