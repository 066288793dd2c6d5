"""One page of a listing, or all of its rows as CSV, as requested."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from itertools import chain, islice
from typing import Any

from django.core.exceptions import BadRequest, ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.db.models.expressions import F
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, override
from django_filters import FilterSet

from audit.export_register import Channel, Sending, sent
from trials.access import Access
from trials.blinding.unblinded_files import holds_treatment, marked_name, marked_rows
from trials.listing.keys import Key, after_key, before_key, key_of, read_key, write_key
from trials.listing.lines import csv_lines, csv_text
from trials.listing.parts import (
    BLANK,
    Cell,
    Chip,
    Column,
    Heading,
    Row,
    Selection,
    filters_in_english,
)
from trials.models import Trial
from trials.reader import in_english, shown_day, shown_moment, shown_number

PAGE_SIZE = 50
COUNTED_UP_TO = 1000
CSV_CHUNK = 2000
TITLE_CELLS = 3
EMPTY: tuple[object, ...] = (None, "", [], ())


class Listing:
    """The rows that a user requested, shown by `components/listing.html` or sent as CSV.

    sort: name of the column that orders the rows by default; with `-`, descending.
    row_url: URL of a row; its first cell becomes the link.
    prepare: called once with the rows of a page, or of each part of the CSV, to load related data in bulk.
    """

    def __init__(
        self,
        request: HttpRequest,
        *,
        queryset: QuerySet[Any],
        columns: Sequence[Column],
        sort: str,
        filterset: FilterSet | None = None,
        row_url: Callable[[Any], str] | None = None,
        prepare: Callable[[Sequence[Any]], None] | None = None,
        selection: Selection | None = None,
        name: str = "listing",
        empty: str | Promise = "",
    ) -> None:
        self.request = request
        self.filterset = filterset
        self.row_url = row_url
        self.prepare = prepare
        self.selection = selection
        self.name = name
        self.empty = empty
        self.columns = tuple(columns)
        self.sort = request.GET.get("sort") or sort
        self.queryset = queryset
        self._check_sort(queryset.model)

    def _check_sort(self, model: type[Model]) -> None:
        for column in self.columns:
            for name in column.sort:
                # NULL has no place in a key comparison, and the databases sort it differently.
                if model._meta.get_field(name).null:
                    raise ImproperlyConfigured(f"{column.name} cannot be sorted by {name}: it may be null")
        if not self.sorted_by.sort:
            raise BadRequest(_("This listing cannot be sorted that way."))

    @cached_property
    def sorted_by(self) -> Column:
        """Column that orders the rows. Raises BadRequest if it cannot be sorted by."""
        name_asked = self.sort.removeprefix("-")
        for column in self.columns:
            if column.name == name_asked:
                return column
        raise BadRequest(_("This listing cannot be sorted that way."))

    @property
    def descending(self) -> bool:
        """True if the order is descending."""
        return self.sort.startswith("-")

    @property
    def key_fields(self) -> tuple[str, ...]:
        """Fields that order the rows; the primary key makes the order total."""
        return (*self.sorted_by.sort, "pk")

    @cached_property
    def form(self) -> Any:
        """Bound form of the filters, or None."""
        return self.filterset.form if self.filterset else None

    @property
    def valid(self) -> bool:
        """True if every filter is valid."""
        return self.filterset is None or self.filterset.is_valid()

    @cached_property
    def filtered(self) -> QuerySet[Any]:
        """Rows that pass the filters, unordered; none if a filter is invalid."""
        if self.filterset is None:
            return self.queryset
        if not self.filterset.is_valid():
            return self.queryset.none()
        return self.filterset.filter_queryset(self.queryset)

    def ordered(self, *, reverse: bool = False) -> QuerySet[Any]:
        """Return the filtered rows in key order."""
        descending = self.descending != reverse
        orders = [F(name).desc() if descending else F(name).asc() for name in self.key_fields]
        return self.filtered.order_by(*orders)

    @cached_property
    def _page(self) -> tuple[list[Any], bool, bool]:
        """Objects of the page, and whether there are rows before and after it."""
        after, before = self._asked_key("after"), self._asked_key("before")
        if before is not None:
            # Read backwards from the key, then reverse. One row more than the page shows if there are others.
            found = list(self._rows_beyond(before, reverse=True)[: PAGE_SIZE + 1])
            objects = found[:PAGE_SIZE][::-1]
            return objects, len(found) > PAGE_SIZE, bool(objects)
        rows = self.ordered() if after is None else self._rows_beyond(after, reverse=False)
        found = list(rows[: PAGE_SIZE + 1])
        return found[:PAGE_SIZE], after is not None and bool(found), len(found) > PAGE_SIZE

    def _rows_beyond(self, key: Key, *, reverse: bool) -> QuerySet[Any]:
        beyond = before_key if self.descending != reverse else after_key
        return self.ordered(reverse=reverse).filter(beyond(self.key_fields, key))

    def _asked_key(self, parameter: str) -> Key | None:
        token = self.request.GET.get(parameter)
        return read_key(token, self.queryset.model, self.key_fields) if token else None

    @cached_property
    def objects(self) -> list[Any]:
        """Model instances of the page."""
        objects = self._page[0]
        if self.prepare and objects:
            self.prepare(objects)
        return objects

    @property
    def page_columns(self) -> tuple[Column, ...]:
        """Columns shown on the page."""
        return tuple(column for column in self.columns if column.on_page)

    @cached_property
    def rows(self) -> list[Row]:
        """The page as rows of cells."""
        return [self._row(row) for row in self.objects]

    def _row(self, row: Any) -> Row:
        cells = []
        for column in self.page_columns:
            value = column.value(row)
            text = column.text(row) if column.text else self._shown(value)
            cells.append(Cell(column, value, BLANK if text in EMPTY else text))
        url = self.row_url(row) if self.row_url else ""
        title = " ".join(csv_text(cell.value) for cell in cells[:TITLE_CELLS])
        return Row(row, title, cells, url, self.selection is not None and self.selection.allowed(row))

    def _shown(self, value: Any) -> Any:
        """Return booleans, dates and numbers as the reader writes them, instants in the time zone of the site."""
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, datetime):
            return shown_moment(value, self.zone)
        if isinstance(value, date):
            return shown_day(value)
        return shown_number(value) if isinstance(value, Decimal) else value

    @cached_property
    def zone(self) -> str:
        """Time zone of the site."""
        trial: Trial = self.request.trial  # type: ignore[attr-defined]
        return trial.rules.trial.site.time_zone

    @cached_property
    def total(self) -> int:
        """Number of rows, at most one more than COUNTED_UP_TO."""
        return self.filtered.order_by()[: COUNTED_UP_TO + 1].count()

    @property
    def total_text(self) -> str:
        """Number of rows as text."""
        if self.total > COUNTED_UP_TO:
            return _("More than %(count)s rows") % {"count": COUNTED_UP_TO}
        return ngettext("%(count)s row", "%(count)s rows", self.total) % {"count": self.total}

    def url(self, *, drop: Iterable[str] = (), **changed: str) -> str:
        """Return the URL of this listing with other parameters; the page position is always dropped."""
        query = self.request.GET.copy()
        for parameter in ("after", "before", "format", *drop, *changed):
            query.pop(parameter, None)
        for parameter, value in changed.items():
            query[parameter] = value
        return f"?{query.urlencode()}"

    @property
    def next_url(self) -> str:
        """URL of the next page, or ""."""
        objects, _before, more = self._page
        return self.url(after=write_key(key_of(objects[-1], self.key_fields))) if more else ""

    @property
    def previous_url(self) -> str:
        """URL of the previous page, or ""."""
        objects, more, _after = self._page
        return self.url(before=write_key(key_of(objects[0], self.key_fields))) if more else ""

    @property
    def first_url(self) -> str:
        """URL of the first page with the same filters and order."""
        return self.url()

    @property
    def every_url(self) -> str:
        """URL that selects all filtered rows at once, or ""."""
        if self.selection is None or not self.selection.every:
            return ""
        return f"{self.selection.url}{self.url(drop=('sort',), all='1')}"

    @property
    def csv_url(self) -> str:
        """URL of all filtered rows as CSV."""
        return self.url(format="csv")

    @property
    def headings(self) -> list[Heading]:
        """Column headings with the URL that sorts by each."""
        return [self._heading(column) for column in self.page_columns]

    def _heading(self, column: Column) -> Heading:
        if not column.sort:
            return Heading(column, "", "")
        if column.name != self.sorted_by.name:
            return Heading(column, self.url(sort=column.name), "")
        turned = column.name if self.descending else f"-{column.name}"
        return Heading(column, self.url(sort=turned), "descending" if self.descending else "ascending")

    @property
    def kept_parameters(self) -> list[tuple[str, str]]:
        """Parameters that the filter form submits besides its own fields."""
        return [("sort", self.sort)] if "sort" in self.request.GET else []

    @property
    def clear_url(self) -> str:
        """URL without any filter."""
        return self.url(drop=self.form.fields if self.form is not None else ())

    @cached_property
    def chips(self) -> list[Chip]:
        """Active filters as text."""
        if self.form is None or not self.valid:
            return []
        cleaned = self.form.cleaned_data
        return [self._chip(name, value) for name, value in cleaned.items() if value not in EMPTY]

    def _chip(self, name: str, value: Any) -> Chip:
        bound_field = self.form.fields[name]
        values = value if isinstance(value, list | tuple) else [value]
        titles = {str(code): str(title) for code, title in getattr(bound_field, "choices", ())}
        shown = ", ".join(titles.get(str(one), str(one)) for one in values)
        return Chip(str(bound_field.label), shown, self.url(drop=(name,)))

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the header and every filtered row as text, read in parts so that memory use stays constant."""
        yield [column.name for column in self.columns]
        for part in self.parts():
            with override("en"):
                lines = [
                    [csv_text(column.value(row), free_text=column.free_text) for column in self.columns]
                    for row in part
                ]
            yield from lines

    def parts(self) -> Iterator[list[Any]]:
        """Yield the filtered rows in parts, with their related data, so that memory use stays constant."""
        rows = self.ordered().iterator(chunk_size=CSV_CHUNK)
        while part := list(islice(rows, CSV_CHUNK)):
            if self.prepare:
                self.prepare(part)
            yield part

    def sending(self, access: Access, counts: dict[str, int]) -> Sending:
        """Return the entry of the export register for a file of this listing."""
        return Sending(
            channel=Channel.LISTING,
            trial_id=access.trial.pk,
            treatment=access.sees_treatment,
            see=access.see_of_files,
            told={
                "listing": self.name,
                "filters": self.request.GET.urlencode(),
                "filters in words": filters_in_english(lambda: self.chips),
            },
            counts=counts,
        )

    def csv(self) -> StreamingHttpResponse:
        """Return every filtered row as CSV, in English. Registers the download with user and filters (AUD-08)."""
        access: Access = self.request.access  # type: ignore[attr-defined]
        counts = {"rows": 0}
        marked = holds_treatment(access)
        rows = counted(in_english(self.csv_rows), counts)
        lines = csv_lines(chain(marked_rows(marked=marked), rows))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        name = marked_name(f"{self.name}.csv", marked=marked)
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return sent(response, self.sending(access, counts), request=self.request)

    @property
    def wants_csv(self) -> bool:
        """True if the URL asks for the CSV."""
        return self.request.GET.get("format") == "csv" and self.valid

    def response(self, template: str, context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Return the CSV if the URL asks for it, else the page; 400 if a filter is invalid."""
        if self.wants_csv:
            return self.csv()
        full = {**(context or {}), "listing": self}
        return render(self.request, template, full, status=200 if self.valid else 400)


def counted(rows: Iterable[list[str]], counts: dict[str, int]) -> Iterator[list[str]]:
    """Yield the lines and keep how many rows were sent after the header."""
    for number, row in enumerate(rows):
        counts["rows"] = number
        yield row
