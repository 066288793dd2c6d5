"""Stopping rules of a protocol: adverse events that hold the trial, or the next infusion of one patient."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.document.items import Part, Text
from protocol.document.written_values import Code, Count, Truth


class WatchedEvents(Part):
    """Adverse events that a rule counts: those that meet every key given. A causality not assessed counts as related.

    ``within_hours_of_infusion``: after the start of an infusion; an onset that is known in part counts if it may lie
    within.
    """

    related: Truth | None = None
    serious: Truth | None = None
    fatal: Truth | None = None
    lowest_grade: Annotated[Count, Field(le=5)] | None = None
    aesi: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    within_hours_of_infusion: Annotated[Count, Field(le=24 * 366)] | None = None

    @model_validator(mode="after")
    def _watches_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("name at least one property of the events, like related = true")
        return self


class StoppingRule(Part):
    """A rule that holds the trial (``scope = "trial"``) or the next infusion of a patient (``scope = "patient"``).

    It fires when ``at_least`` events, or patients with such an event (``counts = "patients"``), are watched.
    """

    id: Code
    title: Text
    scope: Literal["trial", "patient"]
    events: WatchedEvents
    at_least: Annotated[Count, Field(le=1000)] = 1
    counts: Literal["events", "patients"] = "events"

    @model_validator(mode="after")
    def _counts_what_its_scope_has(self) -> Self:
        if self.scope == "patient" and self.counts == "patients":
            raise ValueError('a rule about one patient counts events: leave counts = "patients" out')
        return self
