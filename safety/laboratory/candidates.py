"""Laboratory results that may be adverse events, and what is to be done about each (LAB-06).

A result is a candidate if it has a grade of 1 or more, which includes every result that is worse than its baseline. A
decision stays a candidate too once its result was corrected, whatever its grade is now.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from audit.models import Signature
from patients.models import Patient
from safety.grading import CannotGrade, LabGrade
from safety.laboratory.models import LaboratoryDecision
from safety.laboratory.results import LabResult, graded, results_of
from trials.models import Trial


class CandidateStatus(StrEnum):
    """The status of a candidate: what is to be done about it."""

    OPEN = "open"
    REOPENED = "reopened"
    AWAITS_EVENT = "awaits_event"
    DECIDED = "decided"


@dataclass(eq=False)
class Candidate:
    """A result with its grade for one term, and the decision on it. Nothing changes one (see `LabResult`)."""

    result: LabResult
    term: str
    grade: LabGrade | None
    cannot: CannotGrade | None = None
    baseline_grade: int | None = None
    decision: LaboratoryDecision | None = None

    @property
    def patient(self) -> Patient:
        """Return the patient of the result."""
        return self.result.place.patient

    @property
    def key(self) -> tuple[int, str, str]:
        """Return record, item and term: what a decision is on."""
        return self.result.place.record, self.result.item.name, self.term

    @cached_property
    def facts(self) -> tuple[object, ...]:
        """Return the basis of a decision now."""
        return self.result.facts(None if self.grade is None else int(self.grade))

    @property
    def pk(self) -> str:
        """Return the value of the row's checkbox: the result, and a digest of what the reader was shown."""
        record, item, term = self.key
        digest = hashlib.sha256("|".join(map(str, (*self.facts, self.decision_key))).encode()).hexdigest()[
            :16
        ]
        return f"{record}.{item}.{self.result.item.ctcae.index(term)}.{digest}"

    @property
    def decision_key(self) -> str:
        """Return which decision the reader was shown; empty without one."""
        return self.decision.decided_at.isoformat() if self.decision else ""

    @property
    def worsened(self) -> bool:
        """Return whether the grade is higher than that of the baseline."""
        return self.grade is not None and self.baseline_grade is not None and self.grade > self.baseline_grade

    @property
    def status(self) -> CandidateStatus:
        """Return the status: what is to be done."""
        if self.decision is None:
            return CandidateStatus.OPEN
        if self.decision.facts != self.facts:
            return CandidateStatus.REOPENED
        return CandidateStatus.AWAITS_EVENT if self.decision.awaits_event else CandidateStatus.DECIDED

    @property
    def is_open(self) -> bool:
        """Return whether an investigator has to decide."""
        return self.status in (CandidateStatus.OPEN, CandidateStatus.REOPENED)


@dataclass(frozen=True, slots=True)
class Ungraded:
    """Results of one item that cannot be graded, with the reason and their number (LAB-03)."""

    item: LabResult
    term: str
    reason: CannotGrade
    number: int


@dataclass(frozen=True, slots=True)
class CandidateList:
    """The candidates of some patients, the newest sample first, and the results that have no grade."""

    candidates: list[Candidate]
    ungraded: list[Ungraded]
    results: int


def candidates_of(trial: Trial, patients: Sequence[Patient]) -> CandidateList:
    """Return the candidates of patients of one trial. Seven queries, whatever their number."""
    results = results_of(trial, patients)
    decided = LaboratoryDecision.objects.filter(trial=trial, patient__in=[each.pk for each in patients])
    decisions = {(row.record_id, row.item, row.term): row for row in decided.select_related("event")}
    found: list[Candidate] = []
    refused: list[Refused] = []
    for each in results.values():
        _sort_out(each, decisions, found, refused)
    found.sort(key=lambda each: each.result.place.sort_key, reverse=True)
    return CandidateList(found, _counted(refused), sum(map(len, results.values())))


Refused = tuple[LabResult, str, CannotGrade]


def _sort_out(
    results: Iterable[LabResult],
    decisions: dict[tuple[int, str, str], LaboratoryDecision],
    found: list[Candidate],
    refused: list[Refused],
) -> None:
    """Add the candidates of one patient to `found`, and the other results that cannot be graded to `refused`."""
    of_baseline: dict[tuple[str, str], int] = {}
    for result in results:
        for term in result.item.ctcae:
            grade, cannot = graded(result, term)
            if result.is_baseline and grade is not None:
                of_baseline[result.path, term] = grade
            # Nearly every patient has no decision yet.
            decision = decisions.get((result.place.record, result.item.name, term)) if decisions else None
            if grade or decision is not None:
                before = None if result.baseline is None else of_baseline.get((result.path, term))
                candidate = Candidate(result, term, grade, cannot, before, decision)
                if _is_candidate(candidate):
                    found.append(candidate)
                    continue
            if cannot is not None:
                refused.append((result, term, cannot))


def _is_candidate(candidate: Candidate) -> bool:
    if candidate.grade:
        return True
    # A result that was decided on and has changed since is looked at again, also if it has no grade now.
    return candidate.decision is not None and candidate.status != CandidateStatus.DECIDED


def _counted(refused: list[Refused]) -> list[Ungraded]:
    """Return the results without a grade, by item, term and reason."""
    # The sentence of a refusal is made once for all results that it refuses.
    numbers: dict[tuple[object, ...], int] = {}
    last: dict[tuple[object, ...], Refused] = {}
    for each in refused:
        result, term, cannot = each
        key = (result.path, term, cannot.template, *cannot.parameters.items())
        numbers[key] = numbers.get(key, 0) + 1
        last[key] = each
    found = [Ungraded(*each, numbers[key]) for key, each in last.items()]
    return sorted(found, key=lambda each: (each.item.path, each.term, str(each.reason)))


def signatures_of(candidates: Iterable[Candidate]) -> dict[int, Signature]:
    """Return the valid signature of each decision by its key. One query, none without a decision."""
    keys = [each.decision.pk for each in candidates if each.decision is not None]
    if not keys:
        return {}
    valid = Signature.objects.filter(
        target_type=LaboratoryDecision._meta.label_lower, target_id__in=keys, invalidated_at=None
    )
    return {row.target_id: row for row in valid.order_by("pk")}
