"""The scopes of all records of one form of a patient: each what `Casebook.scope` returns, found by one pass.

A casebook looks through every record for each scope, which a page of one form can afford. A question is asked of every
record: here the records of a form stand in their order once, and the one before a place is found by bisection.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from patients.casebook.casebook import Casebook, day_of
from patients.casebook.casebook_queries import FormValues, InfusionValues, SubjectValues
from patients.models import Record, Visit
from patients.participation.eligibility_decisions.eligibility_data import eligibility_subject
from protocol.expressions.scope import NOTHING, Scope

BEFORE_ALL = -1
ROW = (-1, -1)


class RecordScopes:
    """The scopes of one patient's records, in the order of their keys, none of them struck out.

    logs: whether an expression reads `logs.…`. course: infusions and events, under their names of `subject.…`.
    """

    def __init__(
        self,
        book: Casebook,
        records: Sequence[Record],
        forms: Collection[str],
        *,
        logs: bool,
        course: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.book, self.forms, self.reads_logs = book, forms, logs
        self.order = {visit.pk: number for number, visit in enumerate(book.ordered_visits())}
        self.visits = {visit.pk: visit for visit in book.visits}
        self.subject = SubjectValues(
            lambda: {**eligibility_subject(book.patient, consents=book.consents), **course}
        )
        self.rows: dict[str, list[Record]] = defaultdict(list)
        self.at: dict[int, dict[str, Record]] = defaultdict(dict)
        for record in records:
            self.rows[record.form].append(record)
            if record.visit_id is not None:
                self.at[record.visit_id][record.form] = record
        # Of two records at the same place in time the one stored last counts, as in a casebook.
        self.lines = {form: sorted(rows, key=self._when) for form, rows in self.rows.items()}
        self.times = {form: [self._when(record) for record in line] for form, line in self.lines.items()}

    def _when(self, record: Record) -> int:
        return self.order.get(record.visit_id, BEFORE_ALL) if record.visit_id else BEFORE_ALL

    def of_form(self, code: str) -> Iterator[tuple[Record, Scope]]:
        """Yield the records of a form in the order of visits and rows, each with its scope."""
        places = {visit.pk: (visit.position, visit.number) for visit in self.book.visits}
        rows = self.rows.get(code, ())
        for record in sorted(rows, key=lambda row: (places.get(row.visit_id or 0, ROW), row.repeat, row.pk)):
            yield record, self._scope(record)

    def _scope(self, record: Record) -> Scope:
        visit = self.visits.get(record.visit_id) if record.visit_id is not None else None
        here = self.order[visit.pk] if visit is not None else len(self.order)
        previous: dict[str, Record] = {}
        last: dict[str, Record] = {}
        for form in self.forms:
            found = (
                self._own_log(record)
                if visit is None and form == record.form
                else self._at(form, here, record)
            )
            for kept, each in zip((previous, last), found, strict=True):
                if each is not None:
                    kept[form] = each
        same = self.at[visit.pk] if visit is not None else {}
        beside = self._beside(record, visit)
        return Scope(
            record.values,
            FormValues({**last, **previous, **same}, beside),
            self.subject,
            form=record.form,
            previous=FormValues(previous),
            last=FormValues(last),
            same=FormValues(same),
        )

    def _at(self, form: str, here: int, own: Record) -> tuple[Record | None, Record | None]:
        """Return the record of a form before a place in time, and the latest of all but the own one."""
        line = self.lines.get(form, [])
        before = bisect_left(self.times.get(form, []), here)
        latest = next((each for each in reversed(line) if each is not own), None)
        return (line[before - 1] if before else None), latest

    def _own_log(self, own: Record) -> tuple[Record | None, Record | None]:
        """Return of the other rows of the same log the last lower one, and the last higher one if there is any."""
        rows, line = self.rows[own.form], self.lines[own.form]
        lower = next(
            (each for each in reversed(rows) if self._is_row(each) and each.repeat < own.repeat), None
        )
        higher = next(
            (each for each in reversed(rows) if self._is_row(each) and each.repeat > own.repeat), None
        )
        # A form that is in a log and at visits too: its last visit counts before the first row.
        visited = next((each for each in reversed(line) if not self._is_row(each)), None)
        return lower or visited, higher or lower or visited

    @staticmethod
    def _is_row(record: Record) -> bool:
        return record.visit_id is None

    def _beside(self, own: Record, visit: Visit | None) -> Mapping[str, Any]:
        logs: dict[str, list[Record]] = {}
        if self.reads_logs:
            for form, rows in self.rows.items():
                if others := [each for each in rows if each.visit_id is None and each is not own]:
                    logs[form] = others
        return {
            "visit": {"code": visit.code, "on": day_of(visit)} if visit is not None else {},
            "infusion": InfusionValues(visit.pk if visit is not None else None),
            "logs": FormValues(logs),
        }
