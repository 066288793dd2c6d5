"""The checklist of the database lock, counted by patient, and the lock itself.

A blocking point prevents the lock unless a reason to lock anyway is given for it; other points are only shown.
The numbers come from `reports.closing.counts`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.addresses import address, address_below
from accounts.models import User
from patients.models import DataLock
from patients.review import locks
from reports.closing import counts
from reports.closing.counts import Counts, PatientRow, TrialRows
from trials.access import Access


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist. `count` returns the number by patient; `page` and `query` are the list behind it.

    of_patient: the list is a page of one patient.
    blocking: the point prevents the lock while its number is above zero.
    of_product: the point counts product data. In a masked trial only readers who may know the treatment have it, and it
    never blocks: who locks is blinded.
    """

    code: str
    title: str | Promise
    count: Callable[[TrialRows], Counts]
    page: str
    query: str = ""
    of_patient: bool = True
    blocking: bool = True
    of_product: bool = False

    def url(self, slug: str, patient: str = "") -> str:
        """Return the URL of the list for one patient or for all.

        A list that exists only for one patient is led to by the patients who have the point, on the checklist.
        """
        if patient:
            return self.urls(slug)(patient)
        if self.of_patient:
            return f"?point={self.code}#patients-title"
        listed = address(self.page, slug)
        return f"{listed}?{self.query}" if self.query else listed

    def urls(self, slug: str) -> Callable[[str], str]:
        """Return a function from the code of a patient to the URL of the list."""
        if self.of_patient:
            return address_below(self.page, slug, more=1)
        start = f"{address(self.page, slug)}?{self.query}{'&' if self.query else ''}patient="
        return lambda patient: f"{start}{patient}"


CASEBOOK = "reports:casebook"
# The checklist itself shows the rows that a point counts (`open_rows`).
HERE = "reports:checklist"
POINTS = (
    Point("in_study", _("Patients still in the study"), counts.in_study, HERE, "point=in_study", False),
    Point("visits", _("Visits neither held nor missed"), counts.visits, HERE, "point=visits", False),
    Point("infusions", _("Infusions neither given nor marked as not given"), counts.infusions, HERE,
          "point=infusions", False),
    Point("bedside", _("Infusions with observations or checklists missing"), counts.bedside, HERE,
          "point=bedside", False),
    Point("missing_forms", _("Required forms not begun"), counts.missing_forms, HERE, "point=missing_forms", False),
    Point("drafts", _("Forms not complete"), counts.drafts, "patients:forms", "state=draft", False),
    Point("open_queries", _("Queries not closed"), counts.open_queries, "patients:queries", "state=not_closed", False),
    Point("unverified", _("Forms not verified as planned"), counts.unverified, "patients:verify"),
    Point("facts_unverified", _("Entries outside forms not verified as planned"), counts.facts_unverified,
          "patients:verify"),
    Point("unsigned", _("Forms unsigned or changed since"), counts.unsigned, "patients:to-sign", "", False),
    Point("casebooks", _("Casebooks unsigned or changed since"), counts.casebooks, "patients:sign-casebook"),
    Point("events_unsigned", _("Adverse events not signed"), counts.events_unsigned, "safety:listing",
          "signed=no", False),
    Point("events_unreported", _("Serious events not reported"), counts.events_unreported, "safety:listing",
          "clock=open", False),
    Point("event_drafts", _("Adverse events begun and not saved"), counts.event_drafts, HERE,
          "point=event_drafts", False),
    Point("deviations", _("Deviations not classified"), counts.deviations, "patients:deviations", "state=waiting",
          False),
    Point("product_deviations", _("Product deviations not classified"), counts.product_deviations,
          "dosing:product-deviations", "state=waiting", False, of_product=True),
    Point("product_queries", _("Product queries not closed"), counts.product_queries,
          "dosing:product-queries", "state=not_closed", False, of_product=True),
    Point("samples_overdue", _("Required samples not recorded"), counts.samples_overdue, "patients:patient-samples"),
    Point("samples_to_destroy", _("Tubes to destroy: consent withdrawn"), counts.samples_to_destroy,
          "patients:samples", "destroy=yes", False),
    Point("criteria", _("Criteria not decided"), counts.criteria, "patients:eligibility"),
    Point("decisions", _("Decisions on eligibility that rest on changed inputs"), counts.decisions,
          "patients:decisions", "changed=true", False),
    Point("calculations", _("Calculations without a result"), counts.calculations, HERE,
          "point=calculations", False, blocking=False),
    Point("deaths", _("Deaths without a fatal event of that day"), counts.deaths, HERE,
          "point=deaths", False, blocking=False),
    Point("contradictions", _("Entries that contradict each other or the death"), counts.contradictions,
          "reports:quality", "kind=contradiction", False, blocking=False),
    Point("outdated", _("Calculated values older than what they are calculated from"), counts.outdated,
          "reports:quality", "kind=outdated", False, blocking=False),
    Point("missing_items", _("Items marked as missing"), counts.missing_items, HERE,
          "point=missing_items", False, blocking=False),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counted:
    """One point with its numbers."""

    point: Point
    by_patient: Counts

    @property
    def total(self) -> int:
        """Return the number over all patients."""
        return sum(self.by_patient.values())

    @property
    def blocks(self) -> bool:
        """Return whether the point prevents the lock now."""
        return self.point.blocking and self.total > 0


def checklist(access: Access) -> tuple[list[Counted], list[PatientRow]]:
    """Return every point with its numbers, and the patients of the trial."""
    trial_rows = TrialRows(access)
    points = points_for(access) if access.trial.masked else POINTS
    return [Counted(point, point.count(trial_rows)) for point in points], trial_rows.patients


def points_for(access: Access) -> list[Point]:
    """Return the points that a reader of a masked trial may know of (BLD-01)."""
    shown = [point for point in POINTS if not (point.of_product and access.blinded)]
    return [replace(point, blocking=point.blocking and not point.of_product) for point in shown]


def blocking(counted: Iterable[Counted]) -> dict[str, int]:
    """Return the number of each point that prevents the lock, by its code."""
    return {each.point.code: each.total for each in counted if each.blocks}


@transaction.atomic
def lock_trial(*, access: Access, reason: str, overridden: Mapping[str, str], by: User) -> DataLock:
    """Lock the trial. Raises ValidationError if a blocking point has no reason in `overridden`."""
    # Count only after the trial is locked against writers: what the page showed may have changed.
    locks.lock_trial_rows(access.trial)
    found, _patients = checklist(access)
    return locks.lock_trial(
        trial=access.trial, reason=reason, open_points=blocking(found), overridden=overridden, by=by
    )
