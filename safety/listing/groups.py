"""Adverse events counted by patient, term, class of the event or system organ class (SAF-14). No Django.

A patient counts once in each group, with the worst grade there. Counts are over all arms, whoever reads them.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

GRADES = (1, 2, 3, 4, 5)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedRow:
    """Events of one patient that are alike in everything counted. term: as typed. events: their number."""

    patient: int
    term: str
    organ_class: str
    event_class: str
    grade: int
    serious: bool
    events: int = 1


@dataclass(slots=True)
class EventGroup:
    """The events of one group: their number, and the worst grade of each patient."""

    events: int = 0
    serious: int = 0
    worst: dict[int, int] = field(default_factory=dict)

    def add(self, row: CountedRow) -> None:
        """Count a row."""
        self.events += row.events
        self.serious += row.events if row.serious else 0
        self.worst[row.patient] = max(row.grade, self.worst.get(row.patient, 0))

    @property
    def patients(self) -> int:
        """Return the number of patients with an event of the group."""
        return len(self.worst)

    @property
    def worst_grade(self) -> int:
        """Return the worst grade of the group; 0 without an event."""
        return max(self.worst.values(), default=0)

    def patients_at(self, grade: int) -> int:
        """Return the number of patients whose worst grade in the group it is."""
        return sum(each == grade for each in self.worst.values())


def grouped(rows: Iterable[CountedRow], key: Callable[[CountedRow], Key]) -> dict[Key, EventGroup]:
    """Return the groups by key, most patients first, then most events."""
    found: dict[Key, EventGroup] = {}
    for row in rows:
        found.setdefault(key(row), EventGroup()).add(row)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].patients, -pair[1].events, str(pair[0]))))
