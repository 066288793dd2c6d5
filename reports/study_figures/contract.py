"""The contract of a figure of the trial: who may see it, how it is drawn, and what a drawn figure holds.

A figure is a module of this folder with one `StudyFigure`, named in `registry.FIGURES`. Its `draw` reads the data of
the trial as this reader may know them and returns a `DrawnFigure`: drawings, the table behind them, the methods used.
Page, files, export register and the common tests follow from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from django.utils.functional import Promise

from outcomes.computing import shows_arms
from protocol.document.document import Protocol
from reports.figures.shapes import Figure
from trials.access import Access
from trials.models import Trial
from trials.permissions import Permission


@dataclass(frozen=True)
class FigureView:
    """For whom a figure is drawn: the trial and the rights of the reader, the language, the moment, and the choice.

    chosen: the value of one of the choices of the figure, empty if it has none.
    """

    access: Access
    language: str
    moment: datetime
    chosen: str = ""

    @property
    def trial(self) -> Trial:
        """Return the trial."""
        return self.access.trial

    @property
    def rules(self) -> Protocol:
        """Return the protocol of the trial."""
        return self.trial.rules

    @property
    def today(self) -> date:
        """Return the day at the site."""
        return self.trial.day_of(self.moment)

    @cached_property
    def by_arm(self) -> bool:
        """True if the reader may know how the arms do; in a masked trial the laboratory may not (BLD-01)."""
        return shows_arms(self.access)


@dataclass(frozen=True, slots=True)
class FigureChoice:
    """One of several things that a figure is drawn for, such as a laboratory test. value: in the address."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class CodedCell:
    """A cell with a code in the CSV, and words in the reader's language on the page."""

    code: str
    label: str | Promise


Cell = str | int | float | Decimal | date | CodedCell | None


@dataclass(frozen=True, slots=True)
class DataColumn:
    """A column of the data table. name: in the CSV, in English; label: on the page. free_text: typed by people."""

    name: str
    label: str | Promise
    free_text: bool = False


@dataclass(frozen=True, slots=True)
class FigureTable:
    """The data behind a figure. Values are raw: the page writes them for its reader, the CSV in one fixed format."""

    columns: tuple[DataColumn, ...]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing of a figure. name: part of the names of its files, as `overall-survival`; unique in the figure."""

    name: str
    title: str
    figure: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnFigure:
    """A figure drawn for one reader.

    why: a sentence if the figure cannot be computed; then there is no drawing. notes: what the reader must know, such
    as what is left out. methods: statistical methods, each named once. treatment: True if it shows anything that the
    arms differ by; in a masked trial its files then carry the mark of unblinded files, and the reading is recorded.
    """

    table: FigureTable
    drawings: tuple[Drawing, ...] = ()
    methods: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    why: str = ""
    treatment: bool = False

    def drawing(self, name: str) -> Drawing | None:
        """Return the drawing of a name, the first one without a name, or None."""
        return next((each for each in self.drawings if name in ("", each.name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFigure:
    """A figure of the trial. key: in its address and in the names of its files. see: the right that it needs.

    question: what the figure answers, one sentence. offered: returns False in a trial that it does not concern.
    choices: what it may be drawn for, one at a time: `?of=` of the address; choice_label names it. opens_on: the value
    of the choice without `?of=`, empty for the first one; it may cost a query.
    """

    key: str
    title: str | Promise
    question: str | Promise
    draw: Callable[[FigureView], DrawnFigure]
    see: Permission = Permission.SEE_TRIAL
    offered: Callable[[Protocol], bool] = lambda _rules: True
    choices: Callable[[Protocol], tuple[FigureChoice, ...]] = lambda _rules: ()
    choice_label: str | Promise = ""
    opens_on: Callable[[Trial], str] = lambda _trial: ""

    def opening(self, trial: Trial) -> FigureChoice | None:
        """Return the choice that the figure opens on, None if it has no choices. At most one query."""
        every = self.choices(trial.rules)
        wanted = self.opens_on(trial) if every else ""
        return next((each for each in every if each.value == wanted), every[0] if every else None)
