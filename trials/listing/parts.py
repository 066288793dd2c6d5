"""Parts of a listing: declared columns and selection; rows, cells, headings and chips for the template."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import override

BLANK = "–"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the page and of the CSV.

    value: returns the CSV value of a row; the page shows dates, times and booleans as text.
    text: returns what the page shows instead; safe HTML is kept.
    sort: model fields that order this column, never null; empty if it cannot be sorted.
    free_text: typed by users, so a leading formula sign is neutralised in the CSV (SEC-15).
    css: CSS classes of the cell; on_page False: column of the CSV only.
    decides: the reader decides by it what to do with the row; on a phone it stands first.
    """

    name: str
    label: str | Promise
    value: Callable[[Any], Any]
    text: Callable[[Any], Any] | None = None
    sort: tuple[str, ...] = ()
    free_text: bool = False
    css: str = ""
    on_page: bool = True
    decides: bool = False


def choice_text(model: type[Model], name: str) -> Callable[[Any], Any]:
    """Return a function for `Column.text`: the label of a row's choice, as `get_…_display` returns it.

    The labels are looked up in a dict made once; Django makes it anew for each row.
    """
    field_of: Any = model._meta.get_field(name)
    labels = dict(field_of.flatchoices)

    def text(row: Any) -> Any:
        value = getattr(row, name)
        return str(labels[value]) if value in labels else value

    return text


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows can be ticked and sent by GET to `url` as `name=<primary key>`, if `allowed` returns True.

    every: label of the link that selects all filtered rows at once (`all=1` with the filters).
    """

    url: str
    label: str | Promise
    name: str = "row"
    allowed: Callable[[Any], bool] = field(default=lambda row: True)
    every: str | Promise = ""


@dataclass(frozen=True)
class Cell:
    """One cell for the template."""

    column: Column
    value: Any
    text: Any


@dataclass(frozen=True)
class Row:
    """One row of the page: the object, its title and cells, its URL, and whether it can be ticked."""

    object: Any
    title: str
    cells: list[Cell]
    url: str
    selectable: bool


@dataclass(frozen=True)
class Heading:
    """A column heading. `direction` is ascending, descending or empty; `url` sorts by it or reverses the order."""

    column: Column
    url: str
    direction: str


@dataclass(frozen=True)
class Chip:
    """One active filter as text, and the URL without it."""

    label: str
    value: str
    url: str


def filters_in_english(chips: Callable[[], Iterable[Chip]]) -> str:
    """Return the active filters in English words, as the export register keeps them: `Status: Open; Grade: Mild`."""
    with override("en"):
        return "; ".join(f"{chip.label}: {chip.value}" for chip in chips())
