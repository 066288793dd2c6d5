"""The checklist of the database lock, counted by patient, and the lock itself.

A blocking point prevents the lock unless a reason to lock anyway is given for it; other points are only shown.
Each count costs a few queries over the trial; only `criteria` costs more with more patients.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.models import Signature
from dosing.models import Infusion
from patients.casebook.outdated_scores import outdated_by_patient
from patients.models import DataLock, EligibilityDecision, Patient, Query, Record, Visit
from patients.participation.eligibility import evaluate
from patients.participation.visit_status import OPEN_PATIENTS, required_at
from patients.review import locks, source_verification
from protocol.document.document import Protocol
from protocol.values.parsing import is_missing
from reports.closing.deaths import deaths_disagreeing
from safety.models import AdverseEvent
from trials.access import Access

Counts = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the checklist. `count` returns the number by patient; `page` and `query` are the list behind it.

    of_patient: the list is a page of one patient.
    blocking: the point prevents the lock while its number is above zero.
    """

    code: str
    title: str | Promise
    count: Callable[["PointCount"], Counts]
    page: str
    query: str = ""
    of_patient: bool = True
    blocking: bool = True

    def url(self, slug: str, patient: str = "") -> str:
        """Return the URL of the list for one patient or for all. Empty if the list exists only for one patient."""
        if self.of_patient:
            return reverse(self.page, args=[slug, patient]) if patient else ""
        told = "&".join(part for part in (self.query, f"patient={patient}" if patient else "") if part)
        return f"{reverse(self.page, args=[slug])}?{told}" if told else reverse(self.page, args=[slug])


class PointCount:
    """Rows of one trial that several points count."""

    def __init__(self, access: Access) -> None:
        self.access, self.trial = access, access.trial

    def rows(self, model: Any, trial: str = "patient__trial") -> Any:
        """Return the model's rows of the trial that the user may see, unordered."""
        return model.objects.visible_to(self.access.user).filter(**{trial: self.trial}).order_by()

    @cached_property
    def patients(self) -> list[Patient]:
        """Return the patients of the trial by number."""
        return list(self.rows(Patient, "trial").order_by("number"))

    @cached_property
    def rules(self) -> dict[int, Protocol]:
        """Return the protocol versions by primary key."""
        return {version.pk: version.rules for version in source_verification.versions_of(self.trial)}

    @cached_property
    def values(self) -> list[tuple[int, int, str, dict[str, Any]]]:
        """Return (patient, protocol version, form, values) of every complete form."""
        rows = self.rows(Record).filter(state=Record.State.COMPLETE)
        return list(rows.values_list("patient_id", "protocol_id", "form", "values"))


def _by_patient(rows: Any, patient: str = "patient_id") -> Counts:
    return dict(rows.values_list(patient).annotate(number=Count("pk")))


def _valid(label: str, key: str = "pk") -> Exists:
    return Exists(Signature.objects.filter(target_type=label, target_id=OuterRef(key), invalidated_at=None))


def in_study(standing: PointCount) -> Counts:
    """Count patients in screening or follow-up."""
    return {patient.pk: 1 for patient in standing.patients if patient.state in OPEN_PATIENTS}


def visits(standing: PointCount) -> Counts:
    """Count planned visits whose window has opened and that are neither held nor missed."""
    # No visit is due after the end of study.
    due = Coalesce(F("patient__ended_on"), standing.trial.today)
    rows = standing.rows(Visit).filter(state=Visit.State.PLANNED, window_from__lte=due)
    return _by_patient(rows.exclude(patient__state=Patient.State.SCREEN_FAILED))


def infusions(standing: PointCount) -> Counts:
    """Count infusions neither given nor marked as not given, of patients who ended the study."""
    rows = standing.rows(Infusion).filter(state=Infusion.State.PLANNED)
    return _by_patient(rows.filter(patient__state=Patient.State.ENDED))


def missing_forms(standing: PointCount) -> Counts:
    """Count required forms of held visits that were not begun."""
    held = standing.rows(Visit).filter(state=Visit.State.HELD)
    records = standing.rows(Record).exclude(state=Record.State.STRUCK_OUT).exclude(visit=None)
    there: dict[int, set[str]] = {}
    for visit, form in records.values_list("visit_id", "form"):
        there.setdefault(visit, set()).add(form)
    found: Counter[int] = Counter()
    for key, patient, protocol, code in held.values_list("pk", "patient_id", "patient__protocol_id", "code"):
        found[patient] += len(required_at(standing.rules[protocol], code) - there.get(key, set()))
    return found


def drafts(standing: PointCount) -> Counts:
    """Count draft forms."""
    return _by_patient(standing.rows(Record).filter(state=Record.State.DRAFT))


def open_queries(standing: PointCount) -> Counts:
    """Count queries that are not closed."""
    return _by_patient(standing.rows(Query).filter(state__in=Query.OPEN_STATES))


def unverified(standing: PointCount) -> Counts:
    """Count complete forms with items that still need source data verification."""
    return _by_patient(source_verification.waiting(standing.trial).order_by())


def unsigned(standing: PointCount) -> Counts:
    """Count complete forms without a valid signature."""
    rows = standing.rows(Record).filter(~_valid("patients.record"), state=Record.State.COMPLETE)
    return _by_patient(rows)


def casebooks(standing: PointCount) -> Counts:
    """Count patients who were included and whose casebook has no valid signature."""
    rows = standing.rows(Patient, "trial").filter(~_valid("patients.patient"), enrolled_on__isnull=False)
    return _by_patient(rows, "pk")


def events_unsigned(standing: PointCount) -> Counts:
    """Count adverse events without a valid review signature."""
    return _by_patient(standing.rows(AdverseEvent, "trial").standing().signed(yes=False))


def events_unreported(standing: PointCount) -> Counts:
    """Count serious adverse events not reported to the sponsor."""
    return _by_patient(standing.rows(AdverseEvent, "trial").awaiting_report())


def criteria(standing: PointCount) -> Counts:
    """Count undetermined eligibility criteria of included patients. Two queries for each patient who has any."""
    rows = standing.rows(EligibilityDecision).filter(patient__enrolled_on__isnull=False)
    latest = dict(rows.order_by("decided_at", "pk").values_list("patient_id", "criteria"))
    found = {}
    for patient in standing.patients:
        if any(each["allows"] is None for each in latest.get(patient.pk, ())):
            found[patient.pk] = _undecided(patient, standing)
    return found


def _undecided(patient: Patient, standing: PointCount) -> int:
    findings = evaluate(patient, inclusion_on=patient.enrolled_on).findings
    return sum(finding.result.allows is None for finding in findings)


def calculations(standing: PointCount) -> Counts:
    """Count calculated items of complete forms that have no value because an input is missing."""
    found: Counter[int] = Counter()
    for patient, protocol, form, values in standing.values:
        items = standing.rules[protocol].forms[form].items if form in standing.rules[protocol].forms else ()
        found[patient] += sum(
            item.is_calculated and item.shown_when is None and item.name not in values for item in items
        )
    return found


def missing_items(standing: PointCount) -> Counts:
    """Count items of complete forms marked as missing with a reason."""
    found: Counter[int] = Counter()
    for patient, _protocol, _form, values in standing.values:
        found[patient] += sum(is_missing(value) for value in values.values())
    return found


def outdated(standing: PointCount) -> Counts:
    """Count calculated values whose sources changed after they were stored. Evaluates all forms with such items."""
    return outdated_by_patient(standing.trial)


def deaths(standing: PointCount) -> Counts:
    """Count deaths without a fatal event, or with one that ended on another day. Two queries."""
    return deaths_disagreeing(standing.trial)


CASEBOOK = "reports:casebook"
POINTS = (
    Point("in_study", _("Patients still in the study"), in_study, CASEBOOK),
    Point("visits", _("Visits neither held nor missed"), visits, CASEBOOK),
    Point("infusions", _("Infusions neither given nor marked as not given"), infusions, CASEBOOK),
    Point("missing_forms", _("Required forms not begun"), missing_forms, CASEBOOK),
    Point("drafts", _("Forms not complete"), drafts, "patients:forms", "state=draft", False),
    Point("open_queries", _("Queries not closed"), open_queries, "patients:queries", "state=not_closed", False),
    Point("unverified", _("Forms not verified as planned"), unverified, "patients:verify"),
    Point("unsigned", _("Forms unsigned or changed since"), unsigned, "patients:to-sign", "", False),
    Point("casebooks", _("Casebooks unsigned or changed since"), casebooks, "patients:sign-casebook"),
    Point("events_unsigned", _("Adverse events not signed"), events_unsigned, "safety:listing", "signed=no", False),
    Point("events_unreported", _("Serious events not reported"), events_unreported, "safety:listing",
          "clock=open", False),
    Point("criteria", _("Criteria not decided"), criteria, "patients:eligibility"),
    Point("calculations", _("Calculations without a result"), calculations, CASEBOOK, blocking=False),
    Point("deaths", _("Deaths without a fatal event of that day"), deaths, CASEBOOK, blocking=False),
    Point("outdated", _("Calculated values older than what they are calculated from"), outdated, "reports:quality",
          "kind=outdated", False, blocking=False),
    Point("missing_items", _("Items marked as missing"), missing_items, CASEBOOK, blocking=False),
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


def checklist(access: Access) -> tuple[list[Counted], list[Patient]]:
    """Return every point with its numbers, and the patients of the trial."""
    standing = PointCount(access)
    return [Counted(point, point.count(standing)) for point in POINTS], standing.patients


def blocking(counted: Iterable[Counted]) -> dict[str, int]:
    """Return the number of each point that prevents the lock, by its code."""
    return {each.point.code: each.total for each in counted if each.blocks}


@transaction.atomic
def lock_trial(*, access: Access, reason: str, overridden: Mapping[str, str], by: User) -> DataLock:
    """Lock the trial. Raises ValidationError if a blocking point has no reason in `overridden`."""
    # Count only after the trial is locked against writers: what the page showed may have changed.
    locks.hold_trial(access.trial)
    found, _patients = checklist(access)
    return locks.lock_trial(
        trial=access.trial, reason=reason, standing=blocking(found), overridden=overridden, by=by
    )
