"""Milestones of patients that rooms above provide: dosing adds infusions, safety reads them.

A room registers a provider when it starts (`apps.ready`): a function that returns the milestones of all given
patients at once, so that a listing costs one query whatever its length.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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


def milestones(patients: Sequence[Patient]) -> dict[int, list[Milestone]]:
    """Return the milestones by patient key, in order of time. One query per provider."""
    found: dict[int, list[Milestone]] = {patient.pk: [] for patient in patients}
    for provider in providers:
        for milestone in provider(patients):
            found[milestone.patient_id].append(milestone)
    for each in found.values():
        each.sort(key=lambda milestone: (milestone.at.earliest, milestone.number))
    return found
