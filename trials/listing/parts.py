"""What a listing is made of: columns and selection as declared, cells, rows, heads and chips as drawn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the page and of the CSV.

    value: what the CSV holds, from a row; the page shows it with dates, times and truth in words.
    text: what the page shows instead; safe HTML is kept.
    sort: fields of the model that order this column, never null; empty when it cannot be sorted.
    free_text: typed by people, so a leading formula sign is neutralised in the CSV (SEC-15).
    css: classes of the cell; on_page False leaves a column to the CSV alone.
    """

    name: str
    label: str | Promise
    value: Callable[[Any], Any]
    text: Callable[[Any], Any] | None = None
    sort: tuple[str, ...] = ()
    free_text: bool = False
    css: str = ""
    on_page: bool = True


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Rows can be ticked and sent by GET to `url` as `name=<primary key>`, if `allowed` lets them.

    every: what the link is called that takes all rows of the filters at once, as `all=1` with the filters.
    """

    url: str
    label: str | Promise
    name: str = "row"
    allowed: Callable[[Any], bool] = field(default=lambda row: True)
    every: str | Promise = ""


@dataclass(frozen=True)
class Cell:
    """One cell as the template needs it."""

    column: Column
    value: Any
    text: Any


@dataclass(frozen=True)
class Row:
    """One row of the page: the object, its title and cells, where it opens, whether it can be ticked."""

    object: Any
    title: str
    cells: list[Cell]
    url: str
    selectable: bool


@dataclass(frozen=True)
class Heading:
    """The head of a column: `direction` is ascending, descending or empty; `url` sorts by it or turns it."""

    column: Column
    url: str
    direction: str


@dataclass(frozen=True)
class Chip:
    """One active filter in words, and the address without it."""

    label: str
    value: str
    url: str
