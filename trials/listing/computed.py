"""A listing of lines that are computed from several tables or from a protocol file, with the same page and CSV."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import Model
from django.utils.translation import gettext as _

from trials.listing.lines import csv_text
from trials.listing.page import Listing
from trials.listing.parts import Column

PAGE = 100


class ComputedListing(Listing):
    """All lines are computed before they are filtered; their order is fixed. The queryset of the listing is empty.

    every: all lines that the reader may see, in their order. keep: returns the condition for the cleaned filters.
    page_size: number of lines of a page.
    """

    def __init__(
        self,
        *args: Any,
        every: Sequence[Any],
        keep: Callable[..., Callable[[Any], bool]],
        page_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.every = every
        self.keep = keep
        self.page_size = page_size or PAGE
        super().__init__(*args, **kwargs)

    def _check_sort(self, model: type[Model]) -> None:
        if "sort" in self.request.GET:
            raise BadRequest(_("This listing cannot be sorted that way."))

    @cached_property
    def sorted_by(self) -> Column:
        """Return the first column. The order is fixed."""
        return self.columns[0]

    @cached_property
    def passing(self) -> list[Any]:
        """The lines that pass the filters; none if a filter is invalid."""
        return list(filter(self.keep(**self.form.cleaned_data), self.every)) if self.valid else []

    @property
    def _first(self) -> int:
        place = self.request.GET.get("after", "")
        return int(place) if place.isascii() and place.isdigit() and len(place) < 8 else 0

    @property
    def _page(self) -> tuple[list[Any], bool, bool]:
        first = self._first
        return (
            self.passing[first : first + self.page_size],
            first > 0,
            len(self.passing) > first + self.page_size,
        )

    @cached_property
    def total(self) -> int:
        """Number of lines."""
        return len(self.passing)

    @property
    def next_url(self) -> str:
        """URL of the next page, or ""."""
        return self.url(after=str(self._first + self.page_size)) if self._page[2] else ""

    @property
    def previous_url(self) -> str:
        """URL of the page before, or ""."""
        return self.url(after=str(max(0, self._first - self.page_size))) if self._page[1] else ""

    def csv_rows(self) -> Iterator[list[str]]:
        """Yield the header and all lines."""
        yield [column.name for column in self.columns]
        for line in self.passing:
            yield [csv_text(column.value(line), free_text=column.free_text) for column in self.columns]
