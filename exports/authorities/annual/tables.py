"""The three tables of the annual safety report: what is counted, and how. No Django (ICH E2F, RES-06).

A patient counts once for a term in a group, events count each time. At risk are the patients with an infusion.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

AGE_BANDS = ((0, 17), (18, 65), (66, 75), (76, None))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualEvent:
    """A serious event from the first infusion on. received: the day on which the sponsor had it.

    reaction: investigator or sponsor holds it for related to the product, or the investigator has not said.
    """

    patient: str
    number: int
    organ_class: str
    term: str
    reaction: bool
    received: date

    @property
    def identity(self) -> tuple[str, int]:
        """Return the patient and the number of the event."""
        return self.patient, self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualPatient:
    """An exposed patient: sex as coded in the protocol, age in years at screening, the days of the infusions."""

    code: str
    sex: str
    age: int | None
    infusions: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class AnnualGroup:
    """A treatment group as the reader may know it: its title and the codes of its patients."""

    title: str
    patients: frozenset[str]


@dataclass(frozen=True, slots=True)
class CumulativeLine:
    """Patients and events of one term in each group; the line of a class has no term, that of all no class either."""

    organ_class: str
    term: str
    counts: tuple[tuple[int, int], ...]
    is_total: bool = False
    of_class: bool = True

    @property
    def pk(self) -> str:
        """Return a key of the line within its table."""
        return f"{self.of_class}|{self.organ_class}|{self.term}"


@dataclass(frozen=True, slots=True)
class ExposureLine:
    """Exposed patients and infusions in each group, of one sex or age band. by: `all`, `sex` or `age`."""

    by: str
    value: str
    counts: tuple[tuple[int, int], ...]

    @property
    def pk(self) -> str:
        """Return a key of the line within its table."""
        return f"{self.by}|{self.value}"


def cumulative(
    events: Iterable[AnnualEvent], groups: Sequence[AnnualGroup], until: date
) -> list[CumulativeLine]:
    """Return the serious events received until a day, by organ class and term; those without a class come last."""
    known = [event for event in events if event.received <= until]
    if not known:
        return []
    lines = [CumulativeLine("", "", _counted(known, groups), is_total=True, of_class=False)]
    for organ_class in sorted({event.organ_class for event in known}, key=lambda name: (not name, name)):
        of_class = [event for event in known if event.organ_class == organ_class]
        lines.append(CumulativeLine(organ_class, "", _counted(of_class, groups), is_total=True))
        for term in sorted({event.term for event in of_class}):
            of_term = [event for event in of_class if event.term == term]
            lines.append(CumulativeLine(organ_class, term, _counted(of_term, groups)))
    return lines


def _counted(events: Sequence[AnnualEvent], groups: Sequence[AnnualGroup]) -> tuple[tuple[int, int], ...]:
    own = [[event for event in events if event.patient in group.patients] for group in groups]
    return tuple((len({event.patient for event in found}), len(found)) for found in own)


def reactions(events: Iterable[AnnualEvent], first: date, last: date) -> list[AnnualEvent]:
    """Return the serious adverse reactions received in the interval, both days included, by class, term, patient."""
    found = [event for event in events if event.reaction and first <= event.received <= last]
    return sorted(
        found, key=lambda each: (not each.organ_class, each.organ_class, each.term, each.patient, each.number)
    )


def exposure(
    patients: Iterable[AnnualPatient], groups: Sequence[AnnualGroup], until: date
) -> list[ExposureLine]:
    """Return the patients exposed until a day and their infusions, in all, by sex and by age band."""
    known = [(each, sum(day <= until for day in each.infusions)) for each in patients]
    exposed = [(each, given) for each, given in known if given]
    if not exposed:
        return []
    parts: list[tuple[str, str, list[tuple[AnnualPatient, int]]]] = [("all", "", exposed)]
    for sex in sorted({each.sex for each, _given in exposed}, key=lambda code: (not code, code)):
        parts += [("sex", sex, [pair for pair in exposed if pair[0].sex == sex])]
    for low, high in AGE_BANDS:
        band = f"{low}-{high}" if high is not None else f"{low}+"
        parts += [("age", band, [pair for pair in exposed if _within(pair[0].age, low, high)])]
    if unknown := [pair for pair in exposed if pair[0].age is None]:
        parts += [("age", "", unknown)]
    return [ExposureLine(by, value, _exposed(rows, groups)) for by, value, rows in parts]


def _exposed(
    rows: Sequence[tuple[AnnualPatient, int]], groups: Sequence[AnnualGroup]
) -> tuple[tuple[int, int], ...]:
    own = [[given for each, given in rows if each.code in group.patients] for group in groups]
    return tuple((len(given), sum(given)) for given in own)


def _within(age: int | None, low: int, high: int | None) -> bool:
    return age is not None and age >= low and (high is None or age <= high)
