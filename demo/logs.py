"""Log rows of an invented patient: respiratory support, stays, medication and procedures with consistent dates."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from protocol.values.moments import Moment

Row = tuple[str, dict[str, Any]]
"""A log form and its fixed answers; the simulation fills the rest."""
EPISODE_OF = {"LOW_FLOW": "OXYGEN", "HIGH_FLOW": "HFNO", "NIV": "NIV", "IMV": "IMV"}
MEDICINES = (
    ("Dexamethasone", "STEROID", "COVID19", "6", "mg", "INTRAVENOUS", -2, 8),
    ("Enoxaparin", "ANTICOAGULANT", "PROPHYLAXIS", "40", "mg", "SUBCUTANEOUS", -2, 20),
    ("Amoxicillin and clavulanic acid", "ANTIBACTERIAL", "COVID19", "1", "g", "INTRAVENOUS", -1, 6),
)


@dataclass(frozen=True)
class Course:
    """Facts that the log rows depend on: support at screening, days of inclusion and death, and today.

    in_icu: the patient was in intensive care at screening. icu_from, ventilated_from: as the evidence of eligibility
    says, empty if it does not.
    """

    support: str
    included: date
    today: date
    died: date | None
    at: Callable[[date, int], Moment]
    in_icu: bool = True
    icu_from: str = ""
    ventilated_from: str = ""

    def span(self, first: int, last: int, *, clock: bool = True) -> dict[str, Any]:
        """Return start and end answers, given in days from inclusion. Death or today may come before the end."""
        start, end = (self.included + timedelta(days=days) for days in (first, last))
        names = ("started_at", "ended_at") if clock else ("started_on", "ended_on")
        shown = (lambda day, hour: self.at(day, hour).iso) if clock else (lambda day, hour: day.isoformat())
        if self.died is not None and self.died <= end:
            return {names[0]: shown(start, 8), "ongoing": "N", names[1]: shown(self.died, 4)}
        if end >= self.today:
            return {names[0]: shown(start, 8), "ongoing": "Y"}
        return {names[0]: shown(start, 8), "ongoing": "N", names[1]: shown(end, 11)}

    @classmethod
    def of(
        cls,
        screening: Mapping[str, Mapping[str, Any]],
        *,
        included: date,
        today: date,
        died: date | None,
        at: Callable[[date, int], Moment],
    ) -> "Course":
        """Return the course that the forms of the screening visit began. screening: their values by form."""
        evidence = screening.get("eligibility", {})
        return cls(
            support=str(screening.get("respiratory_support", {}).get("support")),
            included=included,
            today=today,
            died=died,
            at=at,
            in_icu=evidence.get("ward", "ICU") == "ICU",
            icu_from=_moment(evidence.get("icu_admitted_at")),
            ventilated_from=_moment(evidence.get("imv_started_at")),
        )

    def ends_with(self, last: int) -> bool:
        """Return whether the patient died before the end of something that lasts until day `last`."""
        return self.died is not None and self.died <= self.included + timedelta(days=last)


def log_rows(course: Course) -> Iterator[Row]:
    """Yield the log rows of one patient."""
    yield (
        "stay",
        {"kind": "HOSPITAL", "discharged_to": "DEATH" if course.ends_with(17) else "HOME"}
        | course.span(-3, 17),
    )
    if course.in_icu:
        began = {"started_at": course.icu_from} if course.icu_from else {}
        left = {"kind": "ICU", "discharged_to": "DEATH" if course.ends_with(9) else "WARD"}
        yield "stay", left | course.span(-1, 9) | began
    yield from _support(course)
    for name, category, given_for, dose, unit, route, first, last in MEDICINES:
        fixed = {"name": name, "category": category, "given_for": given_for, "dose": dose, "dose_unit": unit}
        medication = {"route": route, "frequency": "daily", "indication": "COVID-19"}
        yield "medication", fixed | medication | course.span(first, last, clock=False)


def _support(course: Course) -> Iterator[Row]:
    before = {"kind": "OXYGEN", "ended_because": "ESCALATED"} | course.span(-3, -1)
    kind = EPISODE_OF.get(course.support, "OXYGEN")
    if kind == "OXYGEN":
        yield "support_episode", {"kind": kind, "ended_because": _why(course, 8)} | course.span(-3, 8)
        return
    yield "support_episode", before
    episode = {"kind": kind, "ended_because": _why(course, 7)} | course.span(-1, 7)
    if kind == "IMV" and course.ventilated_from:
        episode |= {"started_at": course.ventilated_from}
    yield "support_episode", episode
    if kind == "IMV":
        began = course.ventilated_from or course.at(course.included - timedelta(days=1), 8).iso
        yield "procedure", {"kind": "INTUBATION", "performed_at": began, "indication": "Respiratory failure"}
        yield "proning", {"awake": "N"} | course.span(0, 1)
        dose = {"agent": "NOREPINEPHRINE", "highest_dose": "0.120"}
        yield "vasopressor", dose | course.span(-1, 3)


def _moment(value: Any) -> str:
    """Return a stored date and time; empty for a blank, a missing code or a date without a time."""
    return value if isinstance(value, str) and "T" in value else ""


def _why(course: Course, last: int) -> str:
    return "DEATH" if course.ends_with(last) else "WEANED"
