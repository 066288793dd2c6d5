"""What still stands in the way of the database lock, counted by patient; and the lock itself.

Blocking points stop the lock unless somebody says for each why the trial is locked all the same; the others
are told. Each count is one query over the trial, that of outdated scores four, however many patients there are.
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
    """One point of the checklist: `count` gives the number by patient, `page` and `query` the list behind it."""

    code: str
    title: str | Promise
    count: Callable[["PointCount"], Counts]
    page: str
    query: str = ""
    of_patient: bool = True
    blocking: bool = True

    def url(self, slug: str, patient: str = "") -> str:
        """Return the address of the list, for one patient or for all."""
        if self.of_patient:
            return reverse(self.page, args=[slug, patient]) if patient else ""
        told = "&".join(part for part in (self.query, f"patient={patient}" if patient else "") if part)
        return f"{reverse(self.page, args=[slug])}?{told}" if told else reverse(self.page, args=[slug])


class PointCount:
    """What is read of one trial for its checklist."""

    def __init__(self, access: Access) -> None:
        self.access, self.trial = access, access.trial

    def rows(self, model: Any, trial: str = "patient__trial") -> Any:
        """Return the rows of the trial that this person may see, in no order."""
        return model.objects.visible_to(self.access.user).filter(**{trial: self.trial}).order_by()

    @cached_property
    def patients(self) -> list[Patient]:
        """Return the patients of the trial."""
        return list(self.rows(Patient, "trial").order_by("number"))

    @cached_property
    def rules(self) -> dict[int, Protocol]:
        """Return the versions of the protocol by key."""
        return {version.pk: version.rules for version in source_verification.versions_of(self.trial)}

    @cached_property
    def values(self) -> list[tuple[int, int, str, dict[str, Any]]]:
        """Return patient, version, form and values of every complete form."""
        rows = self.rows(Record).filter(state=Record.State.COMPLETE)
        return list(rows.values_list("patient_id", "protocol_id", "form", "values"))


def _by_patient(rows: Any, patient: str = "patient_id") -> Counts:
    return dict(rows.values_list(patient).annotate(number=Count("pk")))


def _valid(label: str, key: str = "pk") -> Exists:
    return Exists(Signature.objects.filter(target_type=label, target_id=OuterRef(key), invalidated_at=None))


def in_study(standing: PointCount) -> Counts:
    """Patients who are still screened or followed."""
    return {patient.pk: 1 for patient in standing.patients if patient.state in OPEN_PATIENTS}


def visits(standing: PointCount) -> Counts:
    """Planned visits that should have taken place and are neither held nor missed."""
    due = Coalesce(F("patient__ended_on"), standing.trial.today)
    rows = standing.rows(Visit).filter(state=Visit.State.PLANNED, window_from__lte=due)
    return _by_patient(rows.exclude(patient__state=Patient.State.SCREEN_FAILED))


def infusions(standing: PointCount) -> Counts:
    """Infusions neither given nor marked as not given, of patients whose study has ended."""
    rows = standing.rows(Infusion).filter(state=Infusion.State.PLANNED)
    return _by_patient(rows.filter(patient__state=Patient.State.ENDED))


def missing_forms(standing: PointCount) -> Counts:
    """Required forms of held visits that nobody began."""
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
    """Forms begun and not complete."""
    return _by_patient(standing.rows(Record).filter(state=Record.State.DRAFT))


def open_queries(standing: PointCount) -> Counts:
    """Queries that are not closed."""
    return _by_patient(standing.rows(Query).filter(state__in=Query.OPEN_STATES))


def unverified(standing: PointCount) -> Counts:
    """Complete forms with items to compare with the source."""
    return _by_patient(source_verification.waiting(standing.trial).order_by())


def unsigned(standing: PointCount) -> Counts:
    """Complete forms without a valid signature."""
    rows = standing.rows(Record).filter(~_valid("patients.record"), state=Record.State.COMPLETE)
    return _by_patient(rows)


def casebooks(standing: PointCount) -> Counts:
    """Patients once included whose casebook carries no valid signature."""
    rows = standing.rows(Patient, "trial").filter(~_valid("patients.patient"), enrolled_on__isnull=False)
    return _by_patient(rows, "pk")


def events_unsigned(standing: PointCount) -> Counts:
    """Adverse events without a valid review signature."""
    return _by_patient(standing.rows(AdverseEvent, "trial").standing().signed(yes=False))


def events_unreported(standing: PointCount) -> Counts:
    """Serious adverse events that were not reported to the sponsor."""
    return _by_patient(standing.rows(AdverseEvent, "trial").awaiting_report())


def criteria(standing: PointCount) -> Counts:
    """Criteria of included patients that nothing decides yet. Costs two queries for each patient who has such."""
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
    """Calculated items of complete forms without a value: an input is missing."""
    found: Counter[int] = Counter()
    for patient, protocol, form, values in standing.values:
        items = standing.rules[protocol].forms[form].items if form in standing.rules[protocol].forms else ()
        found[patient] += sum(
            item.is_calculated and item.shown_when is None and item.name not in values for item in items
        )
    return found


def missing_items(standing: PointCount) -> Counts:
    """Items of complete forms that were marked as missing, with the reason."""
    found: Counter[int] = Counter()
    for patient, _protocol, _form, values in standing.values:
        found[patient] += sum(is_missing(value) for value in values.values())
    return found


def outdated(standing: PointCount) -> Counts:
    """Calculated values whose sources changed after they were stored. Judges every form that has such."""
    return outdated_by_patient(standing.trial)


def deaths(standing: PointCount) -> Counts:
    """Deaths without a fatal event, or with one that ended on another day. Two queries."""
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
        """Tell whether the point stops the lock now."""
        return self.point.blocking and self.total > 0


def checklist(access: Access) -> tuple[list[Counted], list[Patient]]:
    """Return every point with its numbers, and the patients of the trial."""
    standing = PointCount(access)
    return [Counted(point, point.count(standing)) for point in POINTS], standing.patients


def blocking(counted: Iterable[Counted]) -> dict[str, int]:
    """Return the points that stop the lock with their numbers."""
    return {each.point.code: each.total for each in counted if each.blocks}


@transaction.atomic
def lock_trial(*, access: Access, reason: str, overridden: Mapping[str, str], by: User) -> DataLock:
    """Lock the trial when nothing blocks it, or with a reason for each point that does. Counts again inside.

    Raises ValidationError otherwise.
    """
    locks.hold_trial(access.trial)
    found, _patients = checklist(access)
    return locks.lock_trial(
        trial=access.trial, reason=reason, standing=blocking(found), overridden=overridden, by=by
    )
