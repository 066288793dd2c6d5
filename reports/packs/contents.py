"""The content of a pack: tables with their derivation in words, and the view of the trial that they are made for."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from exports.authorities.annual.interval import NO_CHOICE, ReportInterval
from patients.models import Patient
from protocol.document.document import Protocol
from protocol.document.items import Text
from trials.access import Access
from trials.models import ProtocolVersion, Trial
from trials.reader import shown_number

DASH = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTable:
    """One table. how: from which rows each number comes, in words. texts: places of the columns that hold words.

    wide: those of them that need most room. strong: places of the rows that sum up others. note: what the reader
    must know. empty: what an empty table says.
    """

    title: str
    how: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    texts: Sequence[int] = (0,)
    wide: Sequence[int] = ()
    strong: frozenset[int] = frozenset()
    note: str = ""
    empty: str = ""

    def as_data(self) -> dict[str, Any]:
        """Return the table as plain values for the typesetter. A row of another length than the columns is an error."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.title}: a row has another number of cells than the table has columns")
        return {
            "title": self.title,
            "how": self.how,
            "columns": list(self.columns),
            "rows": [[str(cell) for cell in row] for row in self.rows],
            "texts": list(self.texts),
            "wide": list(self.wide),
            "strong": sorted(self.strong),
            "note": self.note,
            "empty": self.empty or _("There is nothing to show."),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PackFigure:
    """One drawing. how: the question that it answers. svg: it stands alone, empty if note says why there is none.

    alt: what the drawing shows, for who does not see it.
    """

    title: str
    how: str
    svg: str
    alt: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PackSection:
    """A chapter of a pack: its title, tables and figures."""

    title: str
    tables: Sequence[PackTable]
    figures: Sequence[PackFigure] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the chapter as plain values for the typesetter."""
        return {
            "title": self.title,
            "tables": [table.as_data() for table in self.tables],
            "figures": [asdict(figure) for figure in self.figures],
        }


@dataclass(frozen=True, slots=True)
class PackGroup:
    """Patients who are counted together: all included ones, a group of the protocol, or an arm."""

    title: str
    patients: frozenset[int]

    def __len__(self) -> int:
        return len(self.patients)

    def count(self, patients: Iterable[int]) -> int:
        """Return how many of these patients, each counted once, are of the group."""
        return len(self.patients.intersection(patients))

    def share(self, patients: Iterable[int]) -> str:
        """Return the same as number and percentage of the group."""
        return share(self.count(patients), len(self))


@dataclass(frozen=True)
class PackView:
    """For whom a pack is made: the reader's rights and language, and the moment as of which the tables are laid out.

    by_arm: the tables have a column for each arm. interval: of the annual safety report, as chosen. The rows read are
    those of the moment (`snapshot_of`).
    """

    access: Access
    moment: datetime
    language: str
    by_arm: bool = False
    interval: ReportInterval = NO_CHOICE

    @property
    def trial(self) -> Trial:
        """Return the trial as it was at the moment."""
        return self.access.trial

    @property
    def rules(self) -> Protocol:
        """Return the protocol of the trial."""
        return self.trial.rules

    @property
    def today(self) -> date:
        """Return the day at the site."""
        return self.trial.day_of(self.moment)

    @property
    def shows_product(self) -> bool:
        """Return whether facts of the product may be shown: never in a masked trial without its arms (BLD-01)."""
        return self.by_arm or not self.trial.masked

    def words(self, text: Text) -> str:
        """Return a text of the protocol file in the reader's language."""
        return text.in_language(self.language)

    @cached_property
    def patients(self) -> list[Patient]:
        """The patients of the trial by number. One query."""
        return list(Patient.objects.filter(trial=self.trial).order_by("number"))

    @cached_property
    def included(self) -> list[Patient]:
        """The included patients by number."""
        return [row for row in self.patients if row.enrolled_on is not None]

    @cached_property
    def versions(self) -> dict[int, Protocol]:
        """The protocol versions by key. One query."""
        # The protocol text is not read: its parsed form is cached per process.
        rows = ProtocolVersion.objects.filter(trial=self.trial).defer("text").order_by("pk")
        return {row.pk: row.rules for row in rows}

    @cached_property
    def everybody(self) -> PackGroup:
        """All included patients."""
        return PackGroup(_("All patients"), frozenset(row.pk for row in self.included))

    @cached_property
    def groups(self) -> list[PackGroup]:
        """The columns of the tables: each arm where they may be known, else all patients and the protocol's groups."""
        if self.by_arm:
            return [*self.arms, self.everybody]
        parts = [
            PackGroup(
                self.words(group.title), frozenset(row.pk for row in self.included if row.group == group.code)
            )
            for group in self.rules.groups
        ]
        return [self.everybody, *parts]

    @cached_property
    def arms(self) -> list[PackGroup]:
        """The included patients of each arm. One query; none without the arms."""
        if not self.by_arm:
            return []
        allocated = dict(
            Patient.objects.filter(trial=self.trial, allocation__isnull=False)
            .order_by("number")
            .values_list("pk", "allocation__arm")
        )
        return [
            PackGroup(
                self.words(arm.title),
                frozenset(row.pk for row in self.included if allocated.get(row.pk) == arm.code),
            )
            for arm in self.rules.arms
        ]

    @property
    def group_titles(self) -> list[str]:
        """Return the titles of the columns, each with the number of its patients."""
        return [with_number(group) for group in self.groups]


def with_number(group: PackGroup) -> str:
    """Return the title of a group with the number of its patients."""
    return _("%(group)s (n = %(number)d)") % {"group": group.title, "number": len(group)}


def share(number: int, of: int) -> str:
    """Return `12 (60.0 %)`; the number alone if there is nobody to be a share of."""
    if not of:
        return str(number)
    return _("%(number)d (%(percent)s %%)") % {"number": number, "percent": decimal(100 * number / of)}


def decimal(value: float | None, places: int = 1) -> str:
    """Return a rounded number in the reader's language, a dash for none."""
    return DASH if value is None else shown_number(f"{value:.{places}f}")
