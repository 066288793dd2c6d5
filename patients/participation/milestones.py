"""Milestones of patients that rooms above provide: dosing adds infusions, safety reads them.

A room registers a provider when it starts (`apps.ready`): a function that returns the milestones of all given
patients at once, so that a listing costs one query whatever its length.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from patients.models import Patient
from protocol.values.moments import Moment


@dataclass(frozen=True, slots=True)
class Milestone:
    """One event of one patient. `kind` is `infusion`; `at` may be a day without a time."""

    patient_id: int
    kind: str
    number: int
    label: str
    at: Moment


Provider = Callable[[Sequence[Patient]], Iterable[Milestone]]
providers: list[Provider] = []
# Yields (patient key, number) of each infusion that will not be given.
NeverGiven = Callable[[Sequence[Patient]], Iterable[tuple[int, int]]]
never_given_providers: list[NeverGiven] = []


# Return the stored moments of the infusion given at a visit by name (`started_at`, `ended_at`); empty without one.
InfusionTimes = Callable[[int], Mapping[str, str]]
infusion_times_providers: list[InfusionTimes] = []


def infusion_times(visit: int) -> dict[str, str]:
    """Return when the infusion at a visit, given by its key, started and ended. One query per provider."""
    return {name: at for provider in infusion_times_providers for name, at in provider(visit).items()}


def milestones(patients: Sequence[Patient]) -> dict[int, list[Milestone]]:
    """Return the milestones by patient key, in order of time. One query per provider."""
    found: dict[int, list[Milestone]] = {patient.pk: [] for patient in patients}
    for provider in providers:
        for milestone in provider(patients):
            found[milestone.patient_id].append(milestone)
    for each in found.values():
        each.sort(key=lambda milestone: (milestone.at.earliest, milestone.number))
    return found


def infusion_days(patients: Sequence[Patient]) -> dict[int, dict[int, date]]:
    """Return by patient key and infusion number the days of the infusions given, in the site's time zone."""
    by_patient, found = milestones(patients), {}
    for patient in patients:
        given = [each for each in by_patient[patient.pk] if each.kind == "infusion"]
        zone = patient.trial.zone
        found[patient.pk] = {each.number: each.at.earliest.astimezone(zone).date() for each in given}
    return found


def days_of(patient: Patient) -> dict[int, date]:
    """Return by number the days of the infusions given to one patient. One query per provider."""
    return infusion_days([patient])[patient.pk]


def never_given(patients: Sequence[Patient]) -> dict[int, frozenset[int]]:
    """Return by patient key the numbers of the infusions that will not be given. One query per provider."""
    found: dict[int, set[int]] = {patient.pk: set() for patient in patients}
    for provider in never_given_providers:
        for key, number in provider(patients):
            found[key].add(number)
    return {key: frozenset(numbers) for key, numbers in found.items()}
