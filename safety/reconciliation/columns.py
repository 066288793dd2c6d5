"""Columns of the reconciliation, shared by the page, the CSV file and the tests."""

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from safety.labels import lines, tag
from safety.reconciliation.findings import TITLES
from safety.reconciliation.reconciling import FindingStatus, ReconciledFinding
from trials.listing import Column
from trials.reader import shown_moment

STATUSES: dict[FindingStatus, str | Promise] = {
    FindingStatus.OPEN: pgettext_lazy("status of a finding", "Open"),
    FindingStatus.ASKED: gettext_lazy("Query open"),
    FindingStatus.SETTLED: gettext_lazy("Settled"),
}
TONES = {FindingStatus.OPEN: "late", FindingStatus.ASKED: "query", FindingStatus.SETTLED: "signed"}


def columns(zone: str) -> tuple[Column, ...]:
    """Return the columns; times are those of the site."""

    def settled(row: ReconciledFinding) -> str:
        """Return the status, and of a settled finding who settled it, when and why."""
        told: list[str] = [tag(TONES[row.status], STATUSES[row.status])]
        if (settlement := row.settlement) is not None:
            words = {
                "person": settlement.settled_by.full_name,
                "when": shown_moment(settlement.settled_at, zone),
                "reason": settlement.reason,
            }
            sentence = _("%(person)s, %(when)s: %(reason)s") % words
            told.append(format_html('<span class="quiet">{}</span>', sentence))
        return lines(told)

    return (
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient_code, css="code nowrap"),
        Column(name="kind", label=gettext_lazy("Kind"), value=lambda row: row.finding.kind.value, decides=True,
               text=lambda row: TITLES[row.finding.kind]),
        Column(name="finding", label=gettext_lazy("Finding"), value=lambda row: row.finding.text, free_text=True,
               css="wide"),
        Column(name="status", label=gettext_lazy("Status"), value=lambda row: row.status.value, text=settled,
               decides=True),
        Column(name="reason", label=gettext_lazy("Settled because"), on_page=False, free_text=True,
               value=lambda row: row.settlement.reason if row.settlement else ""),
    )  # fmt: skip
