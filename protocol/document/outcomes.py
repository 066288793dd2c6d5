"""Outcomes of a protocol: as registered, and as readings that a machine computes over a population of patients."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from protocol.document.dosing import DayRange
from protocol.document.items import Part, Prose, Text
from protocol.document.written_values import MOST_DAYS, Cel, Code, Name, Truth, Whole

INCLUDED, INFUSED = "included", "infused"
POPULATIONS: Final = (INCLUDED, INFUSED)
"""Populations of every trial: all included patients (of a randomised trial: all randomised), all with an infusion."""

Measure = Literal["count", "proportion", "rate", "mean_change", "median", "time_to_event"]
OF_EVENTS: Final = frozenset({"count", "proportion", "rate"})
"""Measures that may count adverse events."""
OF_PATIENTS: Final = frozenset({"proportion", "mean_change", "median", "time_to_event"})
OVER_TIME: Final = frozenset({"proportion", "mean_change", "median", "time_to_event"})
NUMERIC: Final = frozenset({"mean_change", "median"})

DayZero = Annotated[
    str, StringConstraints(pattern=r"^(inclusion|screening|infusion_[1-9]|[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)$")
]
"""What day 0 is: a milestone, or an item of a form that holds a date."""
WindowDays = Annotated[Whole, Field(ge=0, le=MOST_DAYS)] | DayRange
VisitCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$", max_length=20)]


class Population(Part):
    """The patients of another population (``within``) for whom ``member`` is true, at the visit ``at`` if given."""

    title: Text
    within: Name = INCLUDED
    member: Cel
    at: VisitCode | None = None


class OutcomeReading(Part):
    """One way to compute an outcome.

    ``endpoint`` is an expression over a patient, at each visit of ``at`` if there are any; ``event`` a condition on
    each adverse event of a patient whose onset lies in the window. ``baseline``: visits, the first with a value counts.
    ``mantel_haenszel``: the arms are also compared within the strata of the allocation; it says whether with the
    continuity correction. ``competing_death``: death competes with the event, else it ends the observation.
    ``choice``: what the source leaves open here, and why it is read in this way.
    """

    code: Name
    title: Text
    population: Name = INCLUDED
    measure: Measure
    endpoint: Cel | None = None
    event: Cel | None = None
    at: tuple[VisitCode, ...] = ()
    baseline: tuple[VisitCode, ...] = ()
    day_zero: DayZero | None = None
    window_days: WindowDays | None = None
    by_group: Truth = False
    compare: Literal["arms", "groups"] | None = None
    mantel_haenszel: Literal["corrected", "uncorrected"] | None = None
    competing_death: Truth = False
    choice: Prose | None = None

    @model_validator(mode="after")
    def _keys_fit_the_measure(self) -> Self:
        if (self.endpoint is None) == (self.event is None):
            raise ValueError("has either endpoint, over a patient, or event, over each adverse event")
        measures = OF_EVENTS if self.event else OF_PATIENTS
        if self.measure not in measures:
            kind = "event" if self.event else "endpoint"
            raise ValueError(f"a {self.measure} has no {kind}: that is for {', '.join(sorted(measures))}")
        if self.at and self.event:
            raise ValueError("events are counted by their onset, not at visits: leave out at")
        if (self.measure == "mean_change") != bool(self.baseline) or (self.baseline and not self.at):
            raise ValueError(
                'a mean_change, and nothing else, has a baseline: baseline = ["INF1"], at = ["D7"]'
            )
        if self.mantel_haenszel and not (self.measure == "proportion" and self.compare == "arms"):
            raise ValueError('mantel_haenszel is for a proportion with compare = "arms"')
        if self.competing_death and not (self.measure == "time_to_event" and self.at):
            raise ValueError(
                "death competes with an event that is looked for at visits: time_to_event with at"
            )
        return self


class Outcome(Part):
    """An outcome as registered. ``window_days`` is the last day that counts, or [first, last], after ``day_zero``.

    ``readings`` are how it is computed; without any it is only listed.
    """

    id: Code
    type: Literal["primary", "secondary", "exploratory"]
    title: Text
    window_days: WindowDays | None = None
    day_zero: DayZero = "inclusion"
    definition: Prose | None = None
    readings: tuple[OutcomeReading, ...] = ()

    def window_of(self, reading: OutcomeReading) -> tuple[int, int] | None:
        """Return the first and last day of a reading, None if neither it nor the outcome has a window."""
        window = reading.window_days if reading.window_days is not None else self.window_days
        if window is None:
            return None
        return (0, window) if isinstance(window, int) else (window[0], window[1])

    def day_zero_of(self, reading: OutcomeReading) -> str:
        """Return day 0 of a reading: a milestone or an item."""
        return reading.day_zero or self.day_zero
