"""The facts that a query may be about besides the items of forms: events, infusions, consents, decisions, the end.

Each room registers its kinds of rows when it starts. A kind of `KINDS` names only facts that every reader of queries
may know; kinds of the product are in `RESTRICTED`, with queries and marks of their own, behind the right to know the
treatment.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from audit.trail import trail_of
from patients.models import Mark, MarkRow, Patient, Query, QueryRow
from patients.participation.lifecycle import refuse_when_locked
from trials.models import ProtocolVersion

Words = tuple[str, object]
# What queries and marks are about besides forms, as filters name it. No form has such a code: theirs have no hyphen.
OTHER = "fact-"
OTHER_TARGETS = [
    (f"{OTHER}{code}", label) for code, label in Query.Target.choices if code != Query.Target.RECORD
]


def _nothing(row: Any) -> str:
    return ""


class OfFact(Protocol):
    """A query or a mark: kind and key of the row that it is about, and the name of the fact."""

    pk: int
    target: str
    target_id: int | None
    item: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """One kind of row to ask about.

    title: returns what a row is called. facts: returns label and value as text by item, also of empty facts. page:
    returns the address of its page. refusal: returns the message why no query can be raised on it. unmarked: True if
    the row is never verified or reviewed, though queries can be raised. groups: further groups of the verification plan
    that rows of this kind may belong to; group: returns those of a row. joins: further relations that facts read.
    raw: returns what is stored of a fact. day: returns the day of the row as it is stored, an ISO text, from its column
    `day_column`. only: condition of the rows that belong to a patient. queries, marks: the models of its queries and
    marks. fact_page: name of the address of the page with the queries on a fact.
    """

    target: str
    model: type[models.Model]
    title: Callable[[Any], str]
    facts: Callable[[Any], Mapping[str, Words]]
    page: Callable[[Any], str]
    refusal: Callable[[Any], str] = _nothing
    unmarked: Callable[[Any], bool] = lambda row: False
    groups: tuple[str, ...] = ()
    group: Callable[[Any], tuple[str, ...]] = lambda row: ()
    joins: tuple[str, ...] = ()
    raw: Callable[[Any, str], object] = getattr
    day: Callable[[Any], str] = _nothing
    day_column: str = ""
    only: Mapping[str, Any] = field(default_factory=dict)
    queries: type[QueryRow] = Query
    marks: type[MarkRow] = Mark
    fact_page: str = "patients:fact"

    @property
    def name(self) -> str | Promise:
        """Return the name of such rows."""
        about: Any = self.queries._meta.get_field("target")  # type: ignore[misc]
        return dict(about.flatchoices)[self.target]

    def plans(self, row: Any = None) -> tuple[str, ...]:
        """Return the groups of the verification plan that a row belongs to; without a row, those of any row."""
        return (self.target, *(self.groups if row is None else self.group(row)))

    def no_marks(self, row: Any) -> bool:
        """Return True if the row is neither verified nor reviewed: nothing is recorded, or it was struck out."""
        return bool(self.refusal(row)) or self.unmarked(row)

    def rows(self, keys: Iterable[int]) -> list[Any]:
        """Return the rows with these keys, in the order of their patients. Three queries."""
        return self._read(pk__in=keys)

    def of_patients(self, people: Mapping[int, Patient]) -> list[Any]:
        """Return all rows of these patients, of `read_patients`, patient by patient.

        One query, and one for each join.
        """
        if self.model is Patient:
            return sorted(people.values(), key=lambda patient: (patient.number, patient.pk))
        rows = self.model._default_manager.filter(patient__in=list(people))
        found: list[Any] = list(rows.prefetch_related(*self.joins).order_by("patient__number", "pk"))
        for row in found:
            row.patient = people[row.patient_id]
        return found

    def _read(self, **which: Any) -> list[Any]:
        of_patient = "" if self.model is Patient else "patient__"
        rows = self.model._default_manager.filter(**which, **self.only)
        # Prefetched, not joined: a join would repeat the text of the protocol in every row.
        rows = rows.prefetch_related(f"{of_patient}trial", f"{of_patient}protocol", *self.joins)
        return list(rows.order_by(f"{of_patient}number" if of_patient else "number", "pk"))

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that hold the facts, and the day of the row."""
        declared = trail_of(self.model).fact_marks
        facts = [name for names in declared.facts.values() for name in names] if declared else []
        others = [*declared.others] if declared else []
        return tuple(dict.fromkeys([*facts, *others, *filter(None, [self.day_column])]))


def with_columns(row: Any, values: Mapping[str, Any]) -> Any:
    """Set columns of a row to values as JSON holds them, of the trail or of a query, and return the row."""
    fields: dict[str, Any] = {each.column: each for each in row._meta.concrete_fields}
    for column, value in values.items():
        setattr(row, fields[column].attname, _read(fields[column], value))
    return row


def _read(column: Any, value: Any) -> Any:
    if isinstance(column, models.JSONField):
        return json.loads(value) if isinstance(value, str) else value
    if hasattr(column, "from_db_value"):
        return column.from_db_value(value, None, None)
    if isinstance(column, models.BooleanField):
        # A settlement stores the text of the database: 0, 1, false, true.
        return str(value).lower() in ("1", "true")
    found = column.to_python(value)
    if isinstance(column, models.DecimalField) and found is not None:
        return found.quantize(Decimal(1).scaleb(-column.decimal_places))
    # SQLite keeps instants in UTC, without an offset.
    if isinstance(column, models.DateTimeField) and found is not None and timezone.is_naive(found):
        return found.replace(tzinfo=UTC)
    return found


KINDS: dict[str, FactKind] = {}
# Kinds that only some readers may know of. Their names differ from those of `KINDS`.
RESTRICTED: dict[str, FactKind] = {}


def register(*kinds: FactKind) -> None:
    """Let queries be raised on more kinds of rows."""
    for kind in kinds:
        KINDS[kind.target] = kind


def register_restricted(*kinds: FactKind) -> None:
    """Let queries be raised on more kinds of rows, in a log that is behind a right."""
    for kind in kinds:
        RESTRICTED[kind.target] = kind


def kind_of(target: str) -> FactKind | None:
    """Return the kind of a row that is known to be visible to the reader, of either log; None for a form."""
    return KINDS.get(target) or RESTRICTED.get(target)


@dataclass(frozen=True)
class Fact:
    """One fact of one row: what a query is about. known: all facts of the row, if they were read already."""

    kind: FactKind
    row: Any
    item: str
    known: Mapping[str, Words] | None = None

    @property
    def patient(self) -> Patient:
        """Return the patient of the row."""
        patient: Patient = patient_of_row(self.row)
        return patient

    @cached_property
    def _facts(self) -> Mapping[str, Words]:
        return self.kind.facts(self.row) if self.known is None else self.known

    @property
    def exists(self) -> bool:
        """Return True if the row has such a fact."""
        return self.item in self._facts

    @property
    def label(self) -> str:
        """Return the label of the fact, or its name if the row has no such fact any more."""
        return str(self._facts[self.item][0]) if self.exists else self.item

    @property
    def value(self) -> str:
        """Return the value as text, empty if there is none."""
        return str(self._facts[self.item][1] or "") if self.exists else ""

    @property
    def compared(self) -> str:
        """Return the stored value of the fact, as text that differs if the fact differs."""
        found = self.kind.raw(self.row, self.item) if self.exists else None
        return "" if found is None else str(found)

    @property
    def title(self) -> str:
        """Return the name of the row."""
        return self.kind.title(self.row)

    @property
    def words(self) -> str:
        """Return the name of the row and the label of the fact; for the whole row its name."""
        return f"{self.title} – {self.label}" if self.item else self.title

    @property
    def place(self) -> dict[str, Any]:
        """Return the columns of a query on this fact."""
        return {"target": self.kind.target, "target_id": self.row.pk, "item": self.item}

    @property
    def page(self) -> str:
        """Return the address of the row's page."""
        return self.kind.page(self.row)

    @property
    def address(self) -> str:
        """Return the address of the page with the queries on this fact."""
        return fact_address(self.patient, self.kind.target, self.row.pk, self.item)


def read_patients(patients: QuerySet[Patient]) -> dict[int, Patient]:
    """Return patients by key, with trial and protocol, for `FactKind.of_patients`. Three queries."""
    # The text of a protocol is not read: its parsed form is cached per process.
    versions = Prefetch("protocol", ProtocolVersion.objects.defer("text"))
    return {patient.pk: patient for patient in patients.prefetch_related("trial", versions)}


def patient_of_row(row: Any) -> Any:
    """Return the patient of a row to ask about; for the end of study the row itself."""
    return row if isinstance(row, Patient) else row.patient


def fact_address(patient: Patient, target: str, key: int, item: str) -> str:
    """Return the address of the page with the queries on a fact. Reads patient.trial."""
    page = RESTRICTED[target].fact_page if target in RESTRICTED else KINDS[target].fact_page
    return reverse(page, args=[patient.trial.slug, patient.code, target, key, item])


def facts_asked(queries: Iterable[OfFact]) -> dict[int, Fact]:
    """Return by key of the query, or mark, the fact that it is about, without those on forms.

    Three queries for each kind.
    """
    by_target: dict[str, list[OfFact]] = {}
    for query in queries:
        if query.target_id is not None:
            by_target.setdefault(query.target, []).append(query)
    found = {}
    for target, asked in by_target.items():
        kind = KINDS.get(target) or RESTRICTED[target]
        rows = {row.pk: row for row in kind.rows({query.target_id for query in asked if query.target_id})}
        found.update({query.pk: Fact(kind, rows[query.target_id], query.item) for query in asked})
    return found


def fact_asked(query: QueryRow) -> Fact:
    """Return the fact that a query is about. Three queries."""
    return facts_asked([query])[query.pk]


def refuse_to_ask(fact: Fact) -> None:
    """Raise ValidationError for a locked patient or trial, an obstacle of the row, and a fact that there is not."""
    refuse_when_locked(fact.patient)
    if why := fact.kind.refusal(fact.row):
        raise ValidationError(why)
    if not fact.exists:
        raise ValidationError({"item": _("There is no such fact to ask about.")})


def open_numbers(kind: FactKind, keys: Sequence[int]) -> dict[tuple[int, str], int]:
    """Return the number of queries not closed by row and item, 0 where all are closed. One query."""
    found: dict[tuple[int, str], int] = {}
    rows = kind.queries.objects.filter(target=kind.target, target_id__in=list(keys)).order_by()
    for key, item, state in rows.values_list("target_id", "item", "state"):
        found[key, item] = found.get((key, item), 0) + (state != Query.State.CLOSED)
    return found
