"""The findings of a trial now, each with what was done about it: asked, settled, or nothing yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from patients.models import Query
from safety.reconciliation.comparing import site_findings
from safety.reconciliation.findings import AskedFact, Finding
from safety.reconciliation.list_files import stored
from safety.reconciliation.matching import list_findings
from safety.reconciliation.models import ReconciliationSettlement, SafetyList
from safety.reconciliation.site_rows import SiteRows
from trials.models import Trial


class FindingStatus(StrEnum):
    """The status of a finding."""

    OPEN = "open"
    ASKED = "asked"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class ReconciledFinding:
    """One row of the listing: a finding, its settlement, and whether a query on its fact is open."""

    finding: Finding
    settlement: ReconciliationSettlement | None = None
    is_asked: bool = False

    @property
    def pk(self) -> str:
        """Return the value of the row's checkbox."""
        return self.finding.key

    @property
    def patient_code(self) -> str:
        """Return the subject code; empty for a line about a patient whom the trial does not have."""
        return self.finding.patient.code if self.finding.patient else ""

    @property
    def status(self) -> FindingStatus:
        """Return what was done."""
        if self.settlement is not None:
            return FindingStatus.SETTLED
        return FindingStatus.ASKED if self.is_asked else FindingStatus.OPEN


def lines_of(trial: Trial) -> list[ReconciledFinding]:
    """Return the findings of a trial, patient by patient. At most fourteen queries, whatever its size."""
    found = findings_of(trial)
    settled = {
        (row.finding, row.digest): row
        for row in ReconciliationSettlement.objects.filter(trial=trial, reopened_reason="").select_related(
            "settled_by"
        )
    }
    asked = _open_queries(trial)
    lines = [
        ReconciledFinding(
            each, settled.get((each.name, each.digest)), each.asked is not None and each.asked in asked
        )
        for each in found
    ]
    return sorted(lines, key=lambda line: line.finding.patient.number if line.finding.patient else 0)


def findings_of(trial: Trial) -> list[Finding]:
    """Return the disagreements at the site, then those with the newest list of the sponsor."""
    rows = SiteRows(trial)
    newest = newest_list(trial)
    listed = list_findings(rows, stored(newest.content, rows.zone)) if newest else []
    return list(_once([*site_findings(rows), *listed]))


def newest_list(trial: Trial) -> SafetyList | None:
    """Return the list that is compared, or None before the first one. One query."""
    return SafetyList.objects.filter(trial=trial).select_related("uploaded_by").last()


def _once(found: Iterable[Finding]) -> Iterable[Finding]:
    """Yield each finding once: a list may name the same unknown patient twice."""
    return {each.key: each for each in found}.values()


def _open_queries(trial: Trial) -> set[AskedFact]:
    rows = Query.objects.filter(patient__trial=trial, state__in=Query.OPEN_STATES).order_by()
    return {
        AskedFact(target, record or key or 0, item)
        for target, record, key, item in rows.values_list("target", "record_id", "target_id", "item")
    }
