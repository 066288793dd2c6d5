"""The rows counted for a register: one row per event of a patient, and the patients of each arm."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CountedEvent:
    """An adverse event. `organ_class` is a MedDRA code or its words; `related` is True if that is not excluded."""

    patient: str
    term: str
    organ_class: str
    serious: bool
    related: bool
    fatal: bool


@dataclass(frozen=True, kw_only=True)
class ReportingArm:
    """A reporting group: its title, and the patients that are at risk and that died, whatever the cause.

    exposed: patients with at least one infusion, not those included only (RES-02). died: patients who died, with or
    without an event (RES-04).
    """

    title: str
    description: str = ""
    exposed: frozenset[str]
    died: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class RegisterFacts:
    """Facts that a register asks for besides the counts. `threshold`: percent that non-serious events must exceed."""

    time_frame: str
    description: str = ""
    dictionary: str = "MedDRA"
    dictionary_version: str = ""
    threshold: str = "0"
    systematic: bool = True
