"""Outstanding work in a trial, counted by the database: one query per table, on first use.

The SQL of a query is built once (`audit.compiled_queries`), because Django takes longer to build one than to run it.
Counts that depend on the arm (preparations) are made only for readers who may know the treatment.
"""

from datetime import datetime, timedelta
from functools import cached_property
from statistics import median
from typing import Any

from django.db.models import Count, Q, Subquery
from django.utils import timezone

from audit.sealing.seal_times import Waiting, waiting
from dosing.bedside.gaps import open_gaps
from dosing.models import Infusion, Preparation, ProductDeviation, ProductQuery, in_turn
from patients.models import Aliquot, Visit
from patients.participation.consents.consent_withdrawal import treatment_goes_on
from patients.participation.death import ended_before_death
from patients.participation.logs.contacts import contacts_due
from patients.participation.visit_status import (
    DRAFT,
    OPEN_PATIENTS,
    required_at,
)
from patients.queries.figures import days_to_answer
from patients.review import fact_verification, source_verification
from patients.samples.expected import open_sample_work
from protocol.document.document import Protocol
from reports.home.matrix import rules_by_id
from reports.home.work_counts import (
    CLOCKS,
    ENDING_SOON_DAYS,
    ENTRY_DAYS,
    EVENT_DRAFTS,
    FORMS,
    OLD_QUERY_DAYS,
    PATIENTS,
    PREPARE_AHEAD_DAYS,
    QUERIES,
    WAITING,
    FormCount,
    VisitCount,
    infusion_counts,
    visit_counts,
    visits_to_come,
)
from safety.models import AdverseEvent, CaseClock
from safety.sponsor.case_clocks import case_counts
from trials.access import Access
from trials.models import Delegation, ProtocolVersion, Trial
from trials.permissions import Permission


class Workload:
    """Counts of one trial for one reader at one time."""

    def __init__(self, access: Access) -> None:
        self.access, self.trial, self.user = access, access.trial, access.user
        self.now = timezone.now()
        self.today = access.trial.today
        self.who: dict[str, Any] = {"user": self.user.pk, "trial": self.trial.pk, "at": self.now}

    @property
    def died_on(self) -> str:
        """Return the item that states the date of death (`form.item`), or an empty text."""
        return self.trial.rules.profile.died_on or ""

    def _rows(self, model: Any) -> Any:
        return model.objects.visible_in(**self.who)

    @cached_property
    def patients(self) -> list[tuple[Any, ...]]:
        """Return (state, day of inclusion, number of patients)."""
        return PATIENTS.rows(**self.who)

    @cached_property
    def enrolled(self) -> int:
        """Return the number of patients ever included."""
        return sum(number for _state, on, number in self.patients if on is not None)

    def in_state(self, *states: str) -> int:
        """Return the number of patients in any of the states."""
        return sum(number for state, _on, number in self.patients if state in states)

    @cached_property
    def visits(self) -> list[VisitCount]:
        """Return the counts by protocol visit, version and infusions given; expected: held or overdue."""
        rows = visit_counts(self.died_on).rows(**self.who, today=self.today)
        return [VisitCount(*row) for row in rows]

    @property
    def overdue_visits(self) -> int:
        """Return the number of visits whose window has passed."""
        return sum(row.overdue for row in self.visits)

    @cached_property
    def rules(self) -> dict[int, Protocol]:
        """Return the protocols of the patients and of their visits by version id."""
        return rules_by_id(self.trial, {row.version for row in self.visits})

    @property
    def earlier_rules(self) -> list[Protocol]:
        """Return the other protocol versions that patients' visits belong to."""
        return [rules for pk, rules in self.rules.items() if pk != self.trial.protocol_id]

    @cached_property
    def forms(self) -> list[FormCount]:
        """Return the records by form, visit and stage. A log record has no visit and is never required."""
        return [
            FormCount(self._requires(protocol, given, visit, form), *rest)
            for protocol, given, visit, form, *rest in FORMS.rows(**self.who)
        ]

    def forms_at(self, *stages: int) -> int:
        """Return the number of forms at any of the stages."""
        return sum(form.number for form in self.forms if form.stage in stages)

    @property
    def oldest_draft(self) -> datetime | None:
        """Return when the oldest draft was created, or None."""
        return min((form.oldest for form in self.forms if form.stage == DRAFT), default=None)

    def _requires(self, protocol: int, given: str, visit: str | None, form: str) -> bool:
        return visit is not None and form in self._required(protocol, visit, given)

    def _required(self, protocol: int, visit: str, given: str) -> frozenset[str]:
        rules = self.rules.get(protocol)
        return required_at(rules, visit, [int(number) for number in given]) if rules else frozenset()

    @property
    def forms_expected(self) -> int:
        """Return the number of required forms of the visits that are held or overdue."""
        return sum(
            row.expected * len(self._required(row.version, row.code, row.given)) for row in self.visits
        )

    def required_forms(self, at_least: int) -> int:
        """Return the number of required forms at a stage or beyond."""
        return sum(form.number for form in self.forms if form.required and form.stage >= at_least)

    @cached_property
    def versions(self) -> list[ProtocolVersion]:
        """Return all protocol versions of the trial."""
        return source_verification.versions_of(self.trial)

    @cached_property
    def forms_to_verify(self) -> int:
        """Return the number of complete forms that still need source data verification."""
        return source_verification.waiting(self.trial, self.versions).count()

    @cached_property
    def facts_to_verify(self) -> int:
        """Return the number of facts outside the forms that still need source data verification."""
        versions = {version.pk: version.rules for version in self.versions}
        return sum(fact_verification.count_by_patient(self.trial, versions).values())

    @cached_property
    def queries(self) -> dict[str, int]:
        """Return the number of queries that are open, open for over a week, and answered."""
        old = self.now - timedelta(days=OLD_QUERY_DAYS)
        return dict(zip(("open", "old", "answered"), QUERIES.row(**self.who, old=old), strict=True))

    @cached_property
    def clocks(self) -> dict[str, Any]:
        """Return the serious events not reported yet: how many, how many late, the next deadline; and those to sign."""
        row = CLOCKS.row(**self.who, now=self.now)
        return dict(zip(("running", "late", "next", "unsigned"), row, strict=True))

    @cached_property
    def cases(self) -> dict[str, Any]:
        """Return the serious events without a case, and the open clocks of the sponsor: how many, late, the next.

        Zero for all but drug safety: a decision depends on the arm. Two queries, for drug safety alone.
        """
        if not self.access.may(Permission.JUDGE_CASE):
            return {"waiting": 0, "open": 0, "late": 0, "next": None}
        return case_counts(self._rows(AdverseEvent), self._rows(CaseClock), self.now)

    @cached_property
    def event_drafts(self) -> dict[str, Any]:
        """Return the open drafts of adverse events: how many, how many past their deadline, and the next deadline."""
        row = EVENT_DRAFTS.row(**self.who, now=self.now)
        return dict(zip(("open", "late", "next"), row, strict=True))

    @property
    def events_to_sign(self) -> int:
        """Return the number of adverse events without a valid review signature."""
        return int(self.clocks["unsigned"])

    @cached_property
    def _waiting(self) -> dict[str, int]:
        """Return the work on whole patients that waits for a person. One statement for the three tiles."""
        names = ("reconsents", "decisions", "deviations")
        return {name: int(number or 0) for name, number in zip(names, WAITING.row(**self.who), strict=True)}

    @property
    def deviations(self) -> int:
        """Return the number of deviations that wait for a person. Those of the product are not among them."""
        return self._waiting["deviations"]

    @cached_property
    def _of_the_site(self) -> tuple[int, int, int]:
        """Return the contacts due, the samples overdue and the tubes to destroy. One statement for the three tiles."""
        due = Visit.objects.filter(pk__in=contacts_due(self.trial, self._rows(Visit)).values("pk"))
        contacts = due.order_by().values("patient__trial").annotate(number=Count("pk")).values("number")
        samples = open_sample_work(self._rows(Visit), self._rows(Aliquot), self.rules)
        found = Trial.objects.filter(pk=self.trial.pk).values_list(Subquery(contacts), *samples).get()
        first, second, third = (number or 0 for number in found)
        return first, second, third

    @property
    def contacts(self) -> int:
        """Return the number of visits for which a patient at home has to be reached."""
        return self._of_the_site[0]

    @property
    def samples(self) -> tuple[int, int]:
        """Return how many required samples of held visits nobody recorded, and how many tubes are to be destroyed."""
        return self._of_the_site[1:]

    @property
    def reconsents(self) -> int:
        """Return the number of patients who must consent again."""
        return self._waiting["reconsents"]

    @property
    def decisions_to_make_again(self) -> int:
        """Return the number of patients whose decision on eligibility rests on changed inputs."""
        return self._waiting["decisions"]

    @cached_property
    def infusions(self) -> dict[str, int]:
        """Return the number of planned infusions that are due, and of those past their window."""
        counts = infusion_counts(self.died_on).row(**self.who, today=self.today)
        return dict(zip(("due", "late"), counts, strict=True))

    @cached_property
    def bedside_gaps(self) -> int:
        """Return the gaps at the bedside of infusions: observations and checklists nobody decided on."""
        return sum(len(gaps) for _row, gaps in open_gaps(**self.who))

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
        coming = (
            Q(state="planned", window_from__lte=soon, patient__state__in=OPEN_PATIENTS)
            & treatment_goes_on()
            & ended_before_death(self.died_on)
            & in_turn()
        )
        return bare.aggregate(
            next=Count("pk", filter=coming),
            given=Count("pk", filter=Q(state="given")),
        )

    @cached_property
    def product_deviations(self) -> int:
        """Return the number of product deviations that wait; zero for readers who may not know the treatment."""
        if not self.access.sees_treatment:
            return 0
        rows = ProductDeviation.objects.filter(patient__trial=self.trial).waiting()
        return rows.visible_to(self.user).count()

    def product_queries(self, state: str) -> int:
        """Return the number of queries on the product in a state; zero for who may not know the treatment."""
        if not self.access.sees_treatment:
            return 0
        rows = ProductQuery.objects.filter(patient__trial=self.trial, state=state)
        return rows.visible_to(self.user).count()

    @cached_property
    def people(self) -> dict[str, int]:
        """Return the number of roles in force, of those without a verified identity, and of those ending soon."""
        soon = self.today + timedelta(days=ENDING_SOON_DAYS)
        delegations = Delegation.objects.active(self.now).filter(trial=self.trial)
        return delegations.aggregate(
            all=Count("pk"),
            unverified=Count("pk", filter=Q(user__identity_verified_on=None)),
            ending=Count("pk", filter=Q(ends_on__lte=soon)),
        )

    @cached_property
    def trail_waits(self) -> Waiting:
        """Return which rows of the trail, of all trials, wait for their seal. Two statements."""
        return waiting()

    @cached_property
    def days_to_answer(self) -> float | None:
        """Return the median days from a query to its first answer or closing, or None."""
        return days_to_answer(self.trial)

    @cached_property
    def days_to_entry(self) -> float | None:
        """Return the median days from a visit to its complete form, over the latest 500 forms; None without any."""
        latest, zone = ENTRY_DAYS.rows(**self.who), self.trial.zone
        # Days at the site: a form completed after midnight there may still have yesterday's date in UTC.
        days = [(completed.astimezone(zone).date() - held_on).days for completed, held_on in latest]
        return float(median(days)) if days else None

    def next_visits(self) -> list[Visit]:
        """Return the planned visits that are due or come next, with their patients."""
        return visits_to_come(self.died_on).rows(**self.who, today=self.today)
