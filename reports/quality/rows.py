"""Rows of the data-quality listing, read by key: only as many as one page needs.

Contradictions come first, then decisions on eligibility that rest on changed inputs, then forms not begun, visit by
visit, then the records, form by form. A page ends after the decision, visit or record that fills it. The number of
visits and records that one page reads is limited.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.db.models.functions import Cast, Coalesce, TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _

from patients.casebook.outdated_scores import Outdated, forms_from_elsewhere, outdated_of
from patients.casebook.range_flags import readings_of
from patients.models import EligibilityDecision, Query, Record, Visit
from patients.models.visit_forms import day_of
from patients.participation.after_death import LateFact
from patients.participation.eligibility_decisions.decision_review import change_words
from patients.participation.visit_status import overdue, required_of
from patients.queries.filters import of_patient
from protocol.document.document import Protocol
from protocol.values.reference_ranges import Readings
from reports.home.matrix import rules_by_id
from reports.quality.contradictions import contradictions_of
from reports.quality.flags import (
    CHECK,
    CONTRADICTION,
    CORRECTED,
    DECISION,
    LATE,
    MISSING,
    NOT_BEGUN,
    OUTDATED,
    RANGE,
    Flag,
    contradiction_flag,
    days_to_entry,
    record_flags,
)
from trials.access import Access
from trials.models import ProtocolVersion
from trials.reader import reader_language

# Visits and records that one page reads at most. An out-of-range value is found only by reading its record.
VISITS, RECORDS, RECORDS_FOR_RANGE = 200, 400, 1500
TOKEN = re.compile(r"([cdvr])\.(\d{1,18})\.(\d{1,18})", re.ASCII)
OPEN_CHECK = Query.objects.filter(origin=Query.Origin.CHECK, state__in=Query.OPEN_STATES)


@dataclass(frozen=True)
class RowPosition:
    """Where a page ended: among contradictions (`c`), decisions (`d`), visits (`v`) or records (`r`)."""

    part: str = "c"
    patient: int = 0
    row: int = 0

    @classmethod
    def read(cls, token: str) -> "RowPosition":
        """Return the position in a URL parameter. Raises BadRequest if `write` did not make it."""
        if not token:
            return cls()
        matched = TOKEN.fullmatch(token)
        if not matched:
            raise BadRequest(_("This page of the listing does not exist. Start at its first page."))
        return cls(matched[1], int(matched[2]), int(matched[3]))

    def write(self) -> str:
        """Return the position as a URL parameter."""
        return f"{self.part}.{self.patient}.{self.row}"


@dataclass(frozen=True)
class FlagFilter:
    """Filter values; empty means all. `days` is the threshold of a late entry."""

    kind: str = ""
    patient: str = ""
    form: str = ""
    visit: str = ""
    days: int = 0


@dataclass
class QualityRows:
    """The flags of a trial that one reader may see, at one time."""

    access: Access
    flag_filter: FlagFilter
    now: datetime = field(default_factory=timezone.now)

    def page(
        self, place: RowPosition, most: int, *, visits: int = VISITS, records: int = 0
    ) -> tuple[list[Flag], RowPosition | None]:
        """Return about `most` flags after `place`, and the position where they continue, or None at the end."""
        found: list[Flag] = []
        if place.part == "c":
            found, after = self._contradictions(place, most)
            if after is not None or self.flag_filter.kind == CONTRADICTION:
                return found, after
            place = RowPosition("d")
            if len(found) >= most:
                return found, place
        if place.part == "d" and self.flag_filter.kind in ("", DECISION):
            end, more = _fill_page(found, self._decisions(place, visits), most, visits)
            if more:
                return found, end
            if len(found) >= most and not self.flag_filter.kind:
                return found, RowPosition("v")
        if self.flag_filter.kind == DECISION:
            return found, None
        if place.part in ("d", "v") and self.flag_filter.kind in ("", NOT_BEGUN):
            start = place if place.part == "v" else RowPosition("v")
            end, more = _fill_page(found, self._visits(start, visits), most, visits)
            if more:
                return found, end
            if len(found) >= most and not self.flag_filter.kind:
                return found, RowPosition("r")
        if self.flag_filter.kind == NOT_BEGUN:
            return found, None
        start = place if place.part == "r" else RowPosition("r")
        records = records or (RECORDS_FOR_RANGE if self.flag_filter.kind in (RANGE, CORRECTED) else RECORDS)
        end, more = _fill_page(found, self._records(start, records), most, records)
        return found, end if more else None

    def _contradictions(self, place: RowPosition, most: int) -> tuple[list[Flag], RowPosition | None]:
        """Return the next contradictions. They are computed for the whole trial; `place.row` counts those shown."""
        wanted = self.flag_filter
        if wanted.kind not in ("", CONTRADICTION):
            return [], None
        facts = [
            fact
            for fact in contradictions_of(self.access.trial)
            if wanted.patient.upper() in fact.patient.code.upper()
            and wanted.form in ("", fact.record.form if fact.record else None)
            and wanted.visit in ("", fact.visit.code if fact.visit else None)
        ]
        end = place.row + most
        shown = [contradiction_flag(self._with_trial(fact)) for fact in facts[place.row : end]]
        return shown, RowPosition("c", 0, end) if len(facts) > end else None

    def _with_trial(self, fact: LateFact) -> LateFact:
        """Return the fact, whose patient has the trial that was read already."""
        fact.patient.trial = self.access.trial
        return fact

    def _narrowed(self, rows: QuerySet[Any], place: RowPosition, *, form: str) -> QuerySet[Any]:
        rows = rows.filter(patient__trial=self.access.trial)
        if self.flag_filter.patient:
            rows = rows.filter(patient__in=of_patient(self.access.trial, self.flag_filter.patient))
        if self.flag_filter.form and form:
            rows = rows.filter(**{form: self.flag_filter.form})
        if place.row:
            # Keyset paging: the database continues in the index, whatever the number of earlier rows.
            beyond = TupleGreaterThan(Tuple(F("patient_id"), F("pk")), (place.patient, place.row))
            rows = rows.filter(beyond)
        return rows.order_by("patient_id", "pk")

    def _decisions(self, place: RowPosition, most: int) -> Iterator[tuple[RowPosition, list[Flag]]]:
        if self.flag_filter.form or self.flag_filter.visit:
            return
        decisions = EligibilityDecision.objects.visible_to(self.access.user).resting_on_changes()
        rows = self._narrowed(decisions, place, form="")
        for decision in rows.select_related("patient__protocol")[:most]:
            patient = decision.patient
            note = "; ".join(change_words(patient, decision.changes))
            flag = Flag(
                kind=DECISION, patient=patient, visit=None, form="", title=_("Eligibility"), note=note
            )
            yield RowPosition("d", decision.patient_id, decision.pk), [flag]

    def _visits(self, place: RowPosition, most: int) -> Iterator[tuple[RowPosition, list[Flag]]]:
        due = Q(state=Visit.State.HELD) | overdue(
            self.access.trial.today, self.access.trial.rules.profile.died_on
        )
        rows = self._narrowed(Visit.objects.visible_to(self.access.user).filter(due), place, form="")
        if self.flag_filter.visit:
            rows = rows.filter(code=self.flag_filter.visit)
        visits = list(rows.select_related("patient")[:most])
        begun: dict[int, set[str]] = defaultdict(set)
        records = Record.objects.filter(visit__in=visits).exclude(state=Record.State.STRUCK_OUT)
        for visit, form in records.values_list("visit_id", "form") if visits else ():
            begun[visit].add(form)
        rules = self._rules({visit.protocol_id or visit.patient.protocol_id for visit in visits})
        for visit in visits:
            protocol = rules[visit.protocol_id or visit.patient.protocol_id]
            yield (
                RowPosition("v", visit.patient_id, visit.pk),
                self._not_begun(visit, protocol, begun[visit.pk]),
            )

    def _not_begun(self, visit: Visit, rules: Protocol, begun: set[str]) -> list[Flag]:
        language = reader_language()
        note = _("visit held") if visit.state == Visit.State.HELD else _("visit overdue")
        return [
            Flag(
                kind=NOT_BEGUN,
                patient=visit.patient,
                visit=visit,
                form=code,
                title=rules.form(code).title.in_language(language),
                note=note,
            )
            for code in sorted(required_of(visit.patient, rules, visit.code, day_of(visit)) - begun)
            if self.flag_filter.form in ("", code)
        ]

    def _records(self, place: RowPosition, most: int) -> Iterator[tuple[RowPosition, list[Flag]]]:
        rows = self._narrowed(self._of_kind(Record.objects.visible_to(self.access.user)), place, form="form")
        if self.flag_filter.visit:
            rows = rows.filter(visit__code=self.flag_filter.visit)
        rows = rows.exclude(state=Record.State.STRUCK_OUT).select_related("patient", "visit")
        records = list(rows[:most])
        self._attach(records)
        checks, readings, zone = self._checks(records), self._readings(records), self.access.trial.zone
        outdated = self._outdated(records)
        for record in records:
            days = days_to_entry(record, zone=zone, now=self.now)
            late = days if days is not None and days > self.flag_filter.days else None
            flags = record_flags(
                record,
                readings.get(record.pk, {}),
                checks.get(record.pk, ()),
                outdated.get(record.pk, ()),
                late=late,
                kind_wanted=self.flag_filter.kind,
            )
            yield RowPosition("r", record.patient_id, record.pk), flags

    def _of_kind(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Exclude records that cannot have a flag of the kind. `reports.quality.flags` decides on the others."""
        if self.flag_filter.kind == CHECK:
            return rows.filter(Exists(OPEN_CHECK.filter(record=OuterRef("pk"))))
        if self.flag_filter.kind == MISSING:
            # A coarse filter: records that match for another reason get no flag later.
            return rows.annotate(text=Cast("values", TextField())).filter(text__contains='"missing"')
        if self.flag_filter.kind == LATE:
            # The day at the site, not the day in UTC.
            entered = TruncDate(Coalesce("completed_at", self.now), tzinfo=self.access.trial.zone)
            latest = entered - timedelta(days=self.flag_filter.days)
            return rows.annotate(entered_on=entered).filter(visit__held_on__lt=latest)
        if self.flag_filter.kind == OUTDATED:
            return rows.filter(form__in=forms_from_elsewhere(self.access.trial), visit__isnull=False)
        return rows

    def _attach(self, records: Sequence[Record]) -> None:
        """Set `protocol` of each record, without a join: its text is long. One query for earlier versions."""
        trial = self.access.trial
        versions = {trial.protocol_id: trial.protocol} if trial.protocol else {}
        if earlier := {record.protocol_id for record in records} - versions.keys():
            versions.update(ProtocolVersion.objects.in_bulk(earlier))
        for record in records:
            record.protocol = versions[record.protocol_id]

    def _readings(self, records: Sequence[Record]) -> dict[int, Readings]:
        is_needed = records and self.flag_filter.kind in ("", RANGE, CORRECTED)
        return readings_of(self.access.trial, records) if is_needed else {}

    def _outdated(self, records: Sequence[Record]) -> dict[int, list[Outdated]]:
        is_needed = records and self.flag_filter.kind in ("", OUTDATED)
        return outdated_of(self.access.trial, records) if is_needed else {}

    def _checks(self, records: Sequence[Record]) -> dict[int, list[Query]]:
        found: dict[int, list[Query]] = defaultdict(list)
        if records and self.flag_filter.kind in ("", CHECK):
            for query in OPEN_CHECK.filter(record__in=[record.pk for record in records]).order_by("pk"):
                found[query.record_id].append(query)
        return found

    def _rules(self, versions: set[int]) -> dict[int, Protocol]:
        return rules_by_id(self.access.trial, versions)


def _fill_page(
    found: list[Flag], units: Iterator[tuple[RowPosition, list[Flag]]], most: int, looked_at: int
) -> tuple[RowPosition, bool]:
    """Add flags to the page until it is full. Return where it ends, and whether more may follow.

    The units already read after a full page are checked, so that the last page does not link to an empty one.
    """
    end, seen = RowPosition(), 0
    for place, flags in units:
        seen += 1
        if len(found) >= most:
            if flags:
                return end, True
            continue
        found += flags
        end = place
    return end, seen == looked_at
