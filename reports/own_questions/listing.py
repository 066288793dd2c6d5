"""The records that answer a question: a page of them, or all as CSV or XLSX."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import django_filters
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.export_register import Sending
from audit.restricted_reads import note
from dosing.masked.results import MaskedForm
from dosing.models import MaskedResult
from patients.casebook.navigation import record_address
from patients.models import Patient, Query, Record
from patients.queries.asked_values import value_asked
from protocol.document.items import Item
from protocol.values.labels import display
from reports.models import OwnQuestion
from reports.own_questions.answer_cache import EvaluatedRecords
from reports.own_questions.course import CourseColumn, add_courses
from reports.own_questions.keeping import mark_of
from reports.own_questions.visible import ReadQuestion
from trials.access import Access, TrialRequest
from trials.listing import Column, Listing, Selection, choice_text
from trials.listing.column_selection import SelectionListing
from trials.listing.computed import ComputedListing
from trials.permissions import Permission as P
from trials.reader import reader_language, shown_number

PAGE = 50
PART = 1000
UNDECIDED = "undecided"


class AnswerFilter(django_filters.FilterSet):
    """Filters of the answers. They choose keys of records, not rows of a queryset."""

    answer = django_filters.ChoiceFilter(
        label=gettext_lazy("Records"),
        choices=[(UNDECIDED, gettext_lazy("The condition cannot be judged"))],
        empty_label=gettext_lazy("The condition is true"),
    )
    patient = django_filters.CharFilter(label=gettext_lazy("Patient"), max_length=20)

    class Meta:
        model = Record
        fields: list[str] = []


class AnswerListing(SelectionListing, ComputedListing):
    """The records that answer a question, in the order of patients and visits. Only those of the page are read."""

    request: TrialRequest

    def __init__(self, *args: Any, question: ReadQuestion, answers: EvaluatedRecords, **kwargs: Any) -> None:
        self.question, self.answers = question, answers
        super().__init__(*args, every=(), keep=lambda **_cleaned: bool, page_size=PAGE, **kwargs)

    @cached_property
    def passing(self) -> list[int]:
        """The keys of the records that pass the filters; none if a filter is invalid."""
        if not self.valid:
            return []
        cleaned = self.form.cleaned_data
        patient = None
        if code := (cleaned["patient"] or "").strip():
            rows = Patient.objects.filter(trial=self.question.trial, code__iexact=code)
            patient = rows.values_list("pk", flat=True).first() or 0
        return self.answers.keys(undecided=cleaned["answer"] == UNDECIDED, patient=patient)

    @cached_property
    def _page(self) -> tuple[list[Any], bool, bool]:
        first = self._first
        keys = self.passing[first : first + PAGE]
        return self._read(keys), first > 0, len(self.passing) > first + PAGE

    @property
    def total_text(self) -> str:
        """Number of records as text, exact whatever it is."""
        told = {"count": shown_number(str(self.total))}
        return ngettext("%(count)s record", "%(count)s records", self.total) % told

    def _read(self, keys: Sequence[int]) -> list[Record]:
        found = {record.pk: record for record in _records(self.question, keys)}
        return [found[key] for key in keys if key in found]

    def parts(self) -> Iterator[list[Any]]:
        """Yield the records that pass the filters in parts, with what their columns need."""
        for first in range(0, len(self.passing), PART):
            part = self._read(self.passing[first : first + PART])
            if self.prepare:
                self.prepare(part)
            yield part

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the header and all records, read in parts."""
        return Listing.csv_rows(self)

    def sending(self, access: Access, counts: dict[str, int]) -> Sending:
        """Return the entry of the export register, with the question as it was asked."""
        sending = super().sending(access, counts)
        row = self.question.row
        told = {"question": row.name, "form": row.form, "condition": row.condition}
        sending.told.update({**told, "as of": self.answers.at.isoformat()})
        return sending


def _records(question: ReadQuestion, keys: Sequence[int]) -> "QuerySet[Record]":
    rows: QuerySet[Record] = Record.objects.filter(pk__in=list(keys), patient__trial=question.trial)
    rows = rows.select_related("patient", "visit")
    if question.row.log != OwnQuestion.log:
        return rows
    asked = Query.objects.filter(
        record=OuterRef("pk"), state__in=Query.OPEN_STATES, batch__startswith=mark_of(question.row)
    )
    return rows.annotate(is_asked=Exists(asked))


def listing_of(request: TrialRequest, question: ReadQuestion, answers: EvaluatedRecords) -> AnswerListing:
    """Return the listing for the request's filters, with checkboxes for who may raise queries."""
    row, slug = question.row, request.trial.slug
    may_ask = request.access.may(P.RAISE_QUERY) and not question.restricted
    place = [slug, row.log, row.pk]
    selection = Selection(
        url=reverse("reports:own-question-ask", args=place) if may_ask else "",
        label=gettext_lazy("Raise queries"),
        name="row",
        allowed=lambda record: not record.is_asked,
        every=gettext_lazy("Raise queries on all records of this list"),
    )
    return AnswerListing(
        request,
        queryset=Record.objects.none(),
        columns=columns_of(question),
        sort="patient",
        filterset=AnswerFilter(request.GET, queryset=Record.objects.none()),
        row_url=lambda record: record_address(record, slug),
        prepare=lambda records: prepare(question, records, request),
        selection=selection if may_ask and request.GET.get("answer", "") == "" else None,
        name=f"own-question-{row.pk}",
        empty=gettext_lazy("No record answers this question."),
        question=question,
        answers=answers,
    )


def prepare(question: ReadQuestion, records: Sequence[Record], request: TrialRequest) -> None:
    """Add what the columns show beside the records: course of the patient, masked results. At most three queries."""
    if question.course:
        add_courses(records, question.trial.rules, question.course)
    if not question.restricted or question.form is None:
        return
    by_visit: dict[int | None, dict[str, MaskedResult]] = {}
    rows = MaskedResult.objects.visible_to(request.user).filter(form=question.form.code)
    for result in rows.filter(visit__in=[record.visit_id for record in records if record.visit_id]):
        by_visit.setdefault(result.visit_id, {})[result.item] = result
    for record in records:
        # That a record is listed tells its masked results, shown or not.
        note(str(P.SEE_TREATMENT), record.patient_id)
        held = MaskedForm(record, question.form, by_visit.get(record.visit_id, {}))
        masked = {item.name: held.value(item) for item in question.form.masked_items}
        record.values = {**record.values, **masked}


def columns_of(question: ReadQuestion) -> tuple[Column, ...]:
    """Return the place of a record, its chosen items, its status and whether its query is open."""
    items = tuple(_item_column(item, decides=place == 0) for place, item in enumerate(question.items))
    beside = tuple(_course_column(each) for each in question.course)
    asked: tuple[Column, ...] = ()
    if not question.restricted:
        asked = (
            Column(name="open_query", label=gettext_lazy("Asked"), value=lambda row: row.is_asked,
                   text=lambda row: format_html('<span class="tag tone-query">{}</span>', _("Query open"))
                   if row.is_asked else ""),
        )  # fmt: skip
    return (
        Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code nowrap"),
        Column(name="visit", label=gettext_lazy("Visit"), css="nowrap", decides=not items,
               value=lambda row: row.visit.key if row.visit else ""),
        Column(name="row", label=gettext_lazy("Row"), css="num",
               value=lambda row: row.repeat if row.visit is None else None),
        *items,
        *beside,
        Column(name="status", label=gettext_lazy("Status"), value=lambda row: row.state,
               text=choice_text(Record, "state")),
        *asked,
    )  # fmt: skip


def _course_column(column: CourseColumn) -> Column:
    return Column(
        name=column.name, label=column.label, css="num", value=lambda record: record.course[column.name]
    )


def _item_column(item: Item, *, decides: bool) -> Column:
    """Return the column of an item: in files as stored, on the page as a person reads it."""

    def value(record: Record) -> str:
        if item.columns:
            return display(record.values.get(item.name), item)
        return value_asked(record.values, item.name, "", "")

    def text(record: Record) -> str:
        return display(record.values.get(item.name), item, reader_language(), _)

    # An item may be called like a column of the place.
    return Column(
        name=f"item.{item.name}",
        label=item.label.in_language(reader_language()),
        value=value,
        text=text,
        free_text=item.type in ("text", "rows", "file"),
        decides=decides,
        css="num" if item.is_numeric else "",
    )  # fmt: skip
