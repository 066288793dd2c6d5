"""A listing whose columns the reader chooses, and takes along as CSV or XLSX: exactly what the address names."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.export_register import sent
from trials.access import Access
from trials.blinding.unblinded_files import holds_treatment, marked_name, marked_rows
from trials.listing.computed import ComputedListing
from trials.listing.lines import csv_text
from trials.listing.page import Listing, counted
from trials.listing.parts import Column
from trials.listing.workbook import WORKBOOK, SheetTooSmall, workbook
from trials.reader import in_english


class SelectionListing(Listing):
    """`?columns=` names the columns of page and files; without it the page shows its own, the files have all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # After the check of the order: a listing may be sorted by a column that is not shown.
        self.all_columns = self.columns
        self.columns = self._chosen()

    def _chosen(self) -> tuple[Column, ...]:
        """Return the columns that the address names. Raises BadRequest for a name that no column has."""
        names = set(filter(None, self.request.GET.getlist("columns")))
        if not names <= {column.name for column in self.all_columns}:
            raise BadRequest(_("This listing has no such column."))
        chosen = (replace(column, on_page=True) for column in self.all_columns if column.name in names)
        return tuple(chosen) if names else self.all_columns

    @property
    def kept_parameters(self) -> list[tuple[str, str]]:
        """Parameters that the filter form submits besides its own fields."""
        names = self.request.GET.getlist("columns")
        return [*super().kept_parameters, *(("columns", name) for name in names if name)]

    @property
    def column_choices(self) -> list[tuple[str, str | Promise, bool]]:
        """Name, label and whether it is shown, of each column that may be chosen."""
        shown = {column.name for column in self.page_columns}
        return [(column.name, column.label, column.name in shown) for column in self.all_columns]

    @property
    def other_parameters(self) -> list[tuple[str, str]]:
        """Parameters that the choice of columns submits besides the columns: filters and order."""
        left_out = ("after", "before", "format", "columns")
        lists = self.request.GET.lists()
        return [(name, value) for name, values in lists if name not in left_out for value in values if value]

    @property
    def sheet_url(self) -> str:
        """URL of all filtered rows as XLSX."""
        return self.url(format="xlsx")

    def sheet_rows(self) -> Iterator[list[Any]]:
        """Yield the header and every filtered row: whole numbers as numbers, and texts as they are."""
        yield [column.name for column in self.columns]
        for part in self.parts():
            with override("en"):
                lines = [[_sheet_value(column.value(row)) for column in self.columns] for row in part]
            yield from lines

    def sheet(self) -> HttpResponse:
        """Return every filtered row as XLSX, in English. Registers the download as `csv` does."""
        access: Access = self.request.access  # type: ignore[attr-defined]
        counts, marked = {"rows": 0}, holds_treatment(access)
        rows = counted(in_english(self.sheet_rows), counts)
        try:
            content = workbook(chain(marked_rows(marked=marked), rows))
        except SheetTooSmall as refused:
            raise BadRequest(_("A sheet cannot hold this: filter the listing, or take the CSV.")) from refused
        name = marked_name(f"{self.name}.xlsx", marked=marked)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        response = HttpResponse(content, content_type=f"{WORKBOOK}.sheet", headers=headers)
        return sent(response, self.sending(access, counts), request=self.request)

    def response(self, template: str, context: dict[str, Any] | None = None) -> HttpResponseBase:
        """Return the file that the URL asks for, else the page; 400 if a filter is invalid."""
        if self.valid and self.request.GET.get("format") == "xlsx":
            return self.sheet()
        return super().response(template, context)


class SelectionLines(SelectionListing, ComputedListing):
    """The same for lines that are computed: their order is fixed."""

    def parts(self) -> Iterator[list[Any]]:
        """Yield all lines that pass the filters at once."""
        yield self.passing


def _sheet_value(value: Any) -> Any:
    return value if isinstance(value, int) and not isinstance(value, bool) else csv_text(value)
