"""The data-quality listing: contradictory, missing, late, odd, unresolved and outdated data, linked to their fields."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import django_filters
from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from patients.models import Record
from patients.queries.bulk import AT_ONCE
from patients.queries.filters import ANY, form_choices, visit_choices
from patients.views.bulk import ask_page, ticked_rows
from reports.patient_lists.changes import CHANGES, trail_url
from reports.quality.flags import (
    CHECK,
    CONTRADICTION,
    CORRECTED,
    DECISION,
    KINDS,
    LATE,
    MISSING,
    NOT_BEGUN,
    OUTDATED,
    RANGE,
    Flag,
)
from reports.quality.measures import MOST_DAYS_TO_ENTRY
from reports.quality.rows import FlagFilter, QualityRows, RowPosition
from trials.access import TrialRequest, trial_page
from trials.listing import Column, Listing, Selection
from trials.listing.lines import csv_text
from trials.models import Trial
from trials.permissions import Permission as P

PAGE, CSV_PART = 50, 2000
LONGEST_DELAY = 3650

TONES = {
    NOT_BEGUN: "none",
    MISSING: "draft",
    LATE: "late",
    RANGE: "due",
    CORRECTED: "late",
    CHECK: "query",
    OUTDATED: "draft",
    DECISION: "late",
    CONTRADICTION: "late",
}


def kind_tag(kind: str) -> SafeString:
    """Return the kind of a flag as a tag. The colour only repeats the text."""
    return format_html('<span class="tag tone-{}">{}</span>', TONES[kind], KINDS[kind])


COLUMNS = (
    Column(name="patient", label=gettext_lazy("Patient"), value=lambda row: row.patient.code, css="code"),
    Column(
        name="visit",
        label=gettext_lazy("Visit"),
        value=lambda row: row.visit.key if row.visit else "",
        css="nowrap",
    ),
    Column(name="form", label=gettext_lazy("Form"), value=lambda row: row.form, text=lambda row: row.title),
    Column(name="item", label=gettext_lazy("Item"), value=lambda row: row.item, text=lambda row: row.label),
    Column(
        name="kind",
        decides=True,
        label=gettext_lazy("Kind"),
        value=lambda row: row.kind,
        text=lambda row: kind_tag(row.kind),
    ),
    Column(
        name="note",
        label=gettext_lazy("Finding"),
        value=lambda row: row.note,
        free_text=True,
        css="wide",
    ),
    Column(name="days", label=gettext_lazy("Days to entry"), value=lambda row: row.days, on_page=False),
)


class QualityFilter(django_filters.FilterSet):
    """Filters of the listing. They do not filter a queryset: `QualityRows` reads their cleaned values."""

    kind = django_filters.ChoiceFilter(
        label=gettext_lazy("Kind"), choices=list(KINDS.items()), empty_label=ANY
    )
    patient = django_filters.CharFilter(label=gettext_lazy("Patient"), max_length=20)
    form_code = django_filters.ChoiceFilter(label=gettext_lazy("Form"), empty_label=ANY)
    visit = django_filters.ChoiceFilter(label=gettext_lazy("Visit"), empty_label=ANY)
    days = django_filters.NumberFilter(
        label=gettext_lazy("Late after (days)"), min_value=0, max_value=LONGEST_DELAY, decimal_places=0
    )

    class Meta:
        model = Record
        fields: list[str] = []

    def __init__(self, *args: Any, trial: Trial, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filters["form_code"].extra["choices"] = form_choices(trial)
        self.filters["visit"].extra["choices"] = visit_choices(trial)

    @property
    def values(self) -> FlagFilter:
        """Return the cleaned filter values. The form must be valid."""
        cleaned = self.form.cleaned_data
        days = MOST_DAYS_TO_ENTRY if cleaned["days"] is None else int(cleaned["days"])
        return FlagFilter(cleaned["kind"], cleaned["patient"], cleaned["form_code"], cleaned["visit"], days)


class QualityListing(Listing):
    """A listing whose rows come from several tables. It pages forward only."""

    request: TrialRequest

    def _check_sort(self, model: Any) -> None:
        if "sort" in self.request.GET:
            raise BadRequest(_("This listing cannot be sorted that way."))

    @cached_property
    def sorted_by(self) -> Column:
        """Return the patient column. The order is fixed: patient, then visit or record by primary key."""
        return self.columns[0]

    @cached_property
    def reading(self) -> QualityRows:
        """Return the rows that pass the filters."""
        filterset = self.filterset
        if not isinstance(filterset, QualityFilter):
            raise TypeError("this listing is filtered by a QualityFilter")
        return QualityRows(self.request.access, filterset.values)

    @cached_property
    def _read(self) -> tuple[list[Flag], RowPosition | None]:
        place = RowPosition.read(self.request.GET.get("after", ""))
        return self.reading.page(place, PAGE) if self.valid else ([], None)

    @property
    def _page(self) -> tuple[list[Any], bool, bool]:
        flags, following = self._read
        return list(flags), False, following is not None

    @property
    def total(self) -> int:
        """Return the number of rows on this page. The total is never counted."""
        return len(self._read[0])

    @property
    def total_text(self) -> str:
        """Return the number of rows on this page as text."""
        number = self.total
        return ngettext("%(number)s row on this page", "%(number)s rows on this page", number) % {
            "number": number
        }

    @property
    def next_url(self) -> str:
        """Return the URL of the next page; empty on the last."""
        following = self._read[1]
        return self.url(after=following.write()) if following else ""

    @property
    def previous_url(self) -> str:
        """Return an empty text: the listing pages forward only."""
        return ""

    @property
    def started_at(self) -> str:
        """Return the URL of the first page; empty on the first page."""
        return self.first_url if self.request.GET.get("after") else ""

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the header and all rows, read in batches."""
        yield [column.name for column in self.columns]
        place: RowPosition | None = RowPosition()
        while place is not None:
            flags, place = self.reading.page(place, CSV_PART, visits=CSV_PART, records=CSV_PART)
            for row in flags:
                yield [csv_text(column.value(row), free_text=column.free_text) for column in self.columns]


def listing_of(request: TrialRequest) -> QualityListing:
    """Return the listing for the request's filters, with checkboxes for users who may raise queries."""
    slug = request.trial.slug
    selection = Selection(
        url=reverse("reports:quality-ask", args=[slug]),
        label=gettext_lazy("Raise queries"),
        name="row",
        allowed=lambda row: row.askable,
        every=gettext_lazy("Raise queries on all rows of this list"),
    )
    return QualityListing(
        request,
        queryset=Record.objects.none(),
        columns=COLUMNS,
        sort="patient",
        filterset=QualityFilter(request.GET, queryset=Record.objects.none(), trial=request.trial),
        row_url=lambda row: row.url(slug),
        selection=selection if request.access.may(P.RAISE_QUERY) else None,
        name="data-quality",
        empty=gettext_lazy("Nothing contradicts, is missing, late, out of range, unresolved or outdated."),
    )


@trial_page(see=P.SEE_TRIAL)
def listing(request: TrialRequest) -> HttpResponseBase:
    """List contradictory, missing, late, out-of-range, unresolved and outdated data."""
    return listing_of(request).response(
        "reports/quality.html",
        {
            "days": MOST_DAYS_TO_ENTRY,
            "trail_links": [
                (title, trail_url(request.trial, kind)) for kind, (title, _query) in CHANGES.items()
            ],
        },
    )


@trial_page(see=P.RAISE_QUERY, change=P.RAISE_QUERY)
def ask(request: TrialRequest) -> HttpResponse:
    """Raise queries on several rows of the listing."""
    back = "reports:quality"
    if request.method == "POST" or "all" not in request.GET:
        return ask_page(request, ticked_rows(request), back=back)
    page = listing_of(request)
    chosen: Sequence[tuple[int, str]] = everything(page.reading) if page.valid else ()
    return ask_page(request, chosen[:AT_ONCE], back=back, too_many=len(chosen) > AT_ONCE)


def everything(reading: QualityRows) -> list[tuple[int, str]]:
    """Return the values that pass the filters, at most one more than may be asked about at once."""
    found: dict[tuple[int, str], None] = {}
    place: RowPosition | None = RowPosition("r")
    while place is not None and len(found) <= AT_ONCE:
        flags, place = reading.page(place, AT_ONCE, records=CSV_PART)
        found.update(dict.fromkeys((row.record.pk, row.item) for row in flags if row.record and row.item))
    return list(found)[: AT_ONCE + 1]
