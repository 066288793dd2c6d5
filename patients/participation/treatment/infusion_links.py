"""Infusions and the adverse events that began at them, for two rooms that do not import each other.

`dosing` registers how the infusions of a patient are read, `safety` how the events of an infusion are; each shows the
other's rows by their address.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import Q

from patients.models import Patient


@dataclass(frozen=True, slots=True)
class InfusionAddress:
    """One infusion of a patient: number, label, and the address of its bedside."""

    number: int
    label: str
    address: str


@dataclass(frozen=True, slots=True)
class EventAddress:
    """One adverse event that began at an infusion. in_error: it was entered in error."""

    label: str
    address: str
    in_error: bool


infusion_providers: list[Callable[[Patient], Iterable[InfusionAddress]]] = []
event_providers: list[Callable[[Patient, int], Iterable[EventAddress]]] = []
# Returns the condition for rows of a patient with an onset: see `after_infusion`.
onset_providers: list[Callable[[int], Q]] = []


def after_infusion(days: int) -> Q:
    """Return the condition that an event may have begun at most so many times 24 hours after an infusion was started.

    For querysets with `patient`, `onset_earliest` and `onset_latest`.
    """
    condition = Q(pk__in=[])
    for provider in onset_providers:
        condition |= provider(days)
    return condition


def infusions_of(patient: Patient) -> list[InfusionAddress]:
    """Return the infusions of a patient by number. One query per provider."""
    found = [link for provider in infusion_providers for link in provider(patient)]
    return sorted(found, key=lambda link: link.number)


def events_at(patient: Patient, number: int) -> list[EventAddress]:
    """Return the adverse events that began at an infusion. One query per provider."""
    return [link for provider in event_providers for link in provider(patient, number)]
