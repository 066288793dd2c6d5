"""Outstanding work in a trial, counted by the database: one query per table, on first use.

Counts that depend on the arm (preparations) are made only for readers who may know the treatment.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any

from django.db.models import Count, F, Min, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from dosing.models import Infusion, Preparation
from patients.models import Patient, Query, Record, Visit
from patients.participation.visit_status import (
    DRAFT,
    OPEN_PATIENTS,
    STAGE,
    VERSION_OF_VISIT,
    due,
    overdue,
    required_at,
)
from patients.queries.figures import days_to_answer
from patients.review import source_verification
from protocol.document.document import Protocol
from reports.home.matrix import rules_by_id
from reports.home.selection import reconsent_due
from safety.models import AdverseEvent
from trials.access import Access
from trials.models import Delegation

OLD_QUERY_DAYS = 7
PREPARE_AHEAD_DAYS = 7
ENDING_SOON_DAYS = 30
RECENT = 500


@dataclass(frozen=True, slots=True)
class FormCount:
    """Number of records of one form at one visit and stage, over all patients."""

    required: bool
    stage: int
    number: int
    oldest: datetime


class Workload:
    """Counts of one trial for one reader at one time."""

    def __init__(self, access: Access) -> None:
        self.access, self.trial, self.user = access, access.trial, access.user
        self.now = timezone.now()
        self.today = access.trial.today

    def _rows(self, model: Any, trial: str = "patient__trial") -> Any:
        return model.objects.visible_to(self.user).filter(**{trial: self.trial}).order_by()

    @cached_property
    def patients(self) -> list[tuple[str, Any, int]]:
        """Return (state, day of inclusion, number of patients)."""
        rows = self._rows(Patient, "trial").values_list("state", "enrolled_on")
        return list(rows.annotate(Count("pk")))

    @cached_property
    def enrolled(self) -> int:
        """Return the number of patients ever included."""
        return sum(number for _state, on, number in self.patients if on is not None)

    def in_state(self, *states: str) -> int:
        """Return the number of patients in any of the states."""
        return sum(number for state, _on, number in self.patients if state in states)

    @cached_property
    def visits(self) -> list[dict[str, Any]]:
        """Return for each protocol visit and version: overdue, due, expected (held or overdue), oldest overdue."""
        late, now = overdue(self.today), due(self.today)
        rows = self._rows(Visit).values("code", version=VERSION_OF_VISIT)
        return list(
            rows.annotate(
                overdue=Count("pk", filter=late),
                due=Count("pk", filter=now),
                expected=Count("pk", filter=late | Q(state=Visit.State.HELD)),
                oldest=Min("window_to", filter=late),
            )
        )

    def visits_that(self, are: str) -> int:
        """Return the number of visits that are `overdue`, `due` or `expected`."""
        return sum(row[are] for row in self.visits)

    @cached_property
    def _rules(self) -> dict[int, Protocol]:
        return rules_by_id(self.trial, {row["version"] for row in self.visits})

    @property
    def earlier_rules(self) -> list[Protocol]:
        """Return the other protocol versions that patients' visits belong to."""
        return [rules for pk, rules in self._rules.items() if pk != self.trial.protocol_id]

    @cached_property
    def forms(self) -> list[FormCount]:
        """Return the records by form, visit and stage. A log record has no visit and is never required."""
        records = self._rows(Record).exclude(state=Record.State.STRUCK_OUT).annotate(stage=STAGE)
        # A visit keeps the version it was held under; other records count under the patient's.
        version = Coalesce("visit__protocol_id", "patient__protocol_id")
        keys = records.values_list(version, "visit__code", "form", "stage")
        counted = keys.annotate(number=Count("pk"), oldest=Min("created_at"))
        return [
            FormCount(self._requires(protocol, visit, form), *rest)
            for protocol, visit, form, *rest in counted
        ]

    def forms_at(self, *stages: int) -> int:
        """Return the number of forms at any of the stages."""
        return sum(form.number for form in self.forms if form.stage in stages)

    @property
    def oldest_draft(self) -> datetime | None:
        """Return when the oldest draft was created, or None."""
        return min((form.oldest for form in self.forms if form.stage == DRAFT), default=None)

    def _requires(self, protocol: int, visit: str | None, form: str) -> bool:
        return (
            bool(visit) and protocol in self._rules and form in required_at(self._rules[protocol], str(visit))
        )

    @property
    def forms_expected(self) -> int:
        """Return the number of required forms of the visits that are held or overdue."""
        return sum(
            row["expected"] * len(required_at(self._rules[row["version"]], row["code"]))
            for row in self.visits
        )

    def required_forms(self, at_least: int) -> int:
        """Return the number of required forms at a stage or beyond."""
        return sum(form.number for form in self.forms if form.required and form.stage >= at_least)

    @cached_property
    def forms_to_verify(self) -> int:
        """Return the number of complete forms that still need source data verification."""
        return source_verification.waiting(self.trial).count()

    @cached_property
    def queries(self) -> dict[str, int]:
        """Return the number of queries that are open, open for over a week, and answered."""
        old = self.now - timedelta(days=OLD_QUERY_DAYS)
        is_open = Q(state=Query.State.OPEN)
        return (
            self._rows(Query)
            .filter(state__in=Query.OPEN_STATES)
            .aggregate(
                open=Count("pk", filter=is_open),
                old=Count("pk", filter=is_open & Q(opened_at__lt=old)),
                answered=Count("pk", filter=Q(state=Query.State.ANSWERED)),
            )
        )

    @cached_property
    def clocks(self) -> dict[str, Any]:
        """Return the serious events not reported yet: how many, how many late, and the next deadline."""
        waiting = AdverseEvent.objects.visible_to(self.user).filter(trial=self.trial).awaiting_report()
        return waiting.order_by().aggregate(
            running=Count("pk"), late=Count("pk", filter=Q(due_at__lt=self.now)), next=Min("due_at")
        )

    @cached_property
    def events_to_sign(self) -> int:
        """Return the number of adverse events without a valid review signature."""
        events = AdverseEvent.objects.visible_to(self.user).filter(trial=self.trial).standing()
        return events.signed(yes=False).order_by().count()

    @cached_property
    def reconsents(self) -> int:
        """Return the number of patients who must consent again."""
        return reconsent_due(self._rows(Patient, "trial"), self.today).count()

    @cached_property
    def infusions(self) -> dict[str, int]:
        """Return the number of planned infusions that are due, and of those past their window."""
        planned = self._rows(Infusion).filter(state="planned", patient__state=Patient.State.ENROLLED)
        return planned.aggregate(
            due=Count("pk", filter=Q(window_from__lte=self.today)),
            late=Count("pk", filter=Q(window_to__lt=self.today)),
        )

    @cached_property
    def preparations(self) -> dict[str, int]:
        """Return the number of infusions of the next days without a preparation, and of those given without one.

        Zero for readers who may not know the treatment: whether a preparation exists is product data (CEL-18).
        """
        if not self.access.sees_treatment:
            return {"next": 0, "given": 0}
        prepared = Preparation.objects.visible_to(self.user).filter(patient__trial=self.trial)
        bare = self._rows(Infusion).exclude(pk__in=prepared.values("infusion_id"))
        soon = self.today + timedelta(days=PREPARE_AHEAD_DAYS)
        coming = Q(state="planned", window_from__lte=soon, patient__state__in=OPEN_PATIENTS)
        return bare.aggregate(
            next=Count("pk", filter=coming),
            given=Count("pk", filter=Q(state="given")),
        )

    @cached_property
    def people(self) -> dict[str, int]:
        """Return the number of roles in force, of those without a verified identity, and of those ending soon."""
        soon = self.today + timedelta(days=ENDING_SOON_DAYS)
        held = Delegation.objects.active(self.now).filter(trial=self.trial)
        return held.aggregate(
            all=Count("pk"),
            unverified=Count("pk", filter=Q(user__identity_verified_on=None)),
            ending=Count("pk", filter=Q(ends_on__lte=soon)),
        )

    @cached_property
    def days_to_answer(self) -> float | None:
        """Return the median days from a query to its first answer or closing, or None."""
        return days_to_answer(self.trial)

    @cached_property
    def days_to_entry(self) -> float | None:
        """Return the median days from a visit to its complete form, over the latest 500 forms; None without any."""
        records = self._rows(Record).filter(completed_at__isnull=False, visit__held_on__isnull=False)
        latest = records.order_by("-completed_at").values_list("completed_at", "visit__held_on")[:RECENT]
        zone = self.trial.zone
        # Days at the site: a form completed after midnight there may still have yesterday's date in UTC.
        days = [(completed.astimezone(zone).date() - held).days for completed, held in latest]
        return float(median(days)) if days else None

    def next_visits(self, most: int = 6) -> list[Visit]:
        """Return the planned visits that are due or come next, with their patients."""
        planned = Visit.objects.visible_to(self.user).filter(
            patient__trial=self.trial,
            patient__state__in=OPEN_PATIENTS,
            state=Visit.State.PLANNED,
            window_to__gte=self.today,
        )
        return list(
            planned.select_related("patient").order_by(F("planned_on").asc(), "patient__number")[:most]
        )
