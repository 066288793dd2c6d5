"""What holds for the whole study: its rules, its visits and their numbers, and whether the reader may know the arms."""

from datetime import UTC, datetime
from functools import cached_property

from exports.tables.forms import RangeReadings
from patients.models import Visit
from protocol.document.design import Arm, ProtocolVisit
from protocol.document.document import Protocol
from protocol.values.moments import Moment
from protocol.values.reference_ranges import RangeSubject
from trials.models import ProtocolVersion, Trial

MASKED_ARM = "MASKED"
MASKED_TITLE = "Masked treatment"
LONGEST_ARM_CODE = 20
COUNTRIES = {
    "AT": "AUT", "BE": "BEL", "CH": "CHE", "DE": "DEU", "DK": "DNK", "ES": "ESP", "FI": "FIN", "FR": "FRA", "GB": "GBR",
    "IE": "IRL", "IT": "ITA", "LU": "LUX", "NL": "NLD", "NO": "NOR", "PL": "POL", "PT": "PRT", "SE": "SWE", "US": "USA",
}  # fmt: skip
"""ISO 3166-1: three letters by two, of the countries of the sites so far; another one stays as it is written."""


class Study:
    """One trial as its package sees it. sees_treatment: without it no value depends on an arm."""

    def __init__(self, trial: Trial, *, sees_treatment: bool, at: datetime | None = None) -> None:
        self.trial, self.sees_treatment = trial, sees_treatment
        self.at = at or datetime.now(UTC)
        self.zone = str(trial.zone)
        self.ranges = RangeReadings(trial)

    @cached_property
    def versions(self) -> dict[int, ProtocolVersion]:
        """Return the protocol versions by key, the oldest first. One query."""
        return {each.pk: each for each in self.trial.versions.order_by("effective_from", "pk")}

    @cached_property
    def rules(self) -> Protocol:
        """Return the newest rules in force."""
        return self.trial.rules

    def rules_of(self, version: int | None) -> Protocol:
        """Return the rules of a version; of the version in force for None."""
        found = self.versions.get(version or 0)
        return found.rules if found else self.rules

    @property
    def study_id(self) -> str:
        """Return the identifier of the study (STUDYID)."""
        return self.rules.trial.id

    @property
    def meddra(self) -> str:
        """Return the release of MedDRA in which the trial codes its events, empty for none."""
        return str(self.rules.safety.meddra or "")

    @property
    def name(self) -> str:
        """Return the short title."""
        return self.rules.trial.short_title

    def subject_id(self, code: str) -> str:
        """Return the identifier of a subject in all studies (USUBJID)."""
        return f"{self.study_id}-{code}"

    @cached_property
    def visits(self) -> dict[str, ProtocolVisit]:
        """Return the planned visits by code: those of the newest version, then those that only older ones have."""
        found = {visit.code: visit for visit in self.rules.visits}
        for version in reversed(self.versions.values()):
            for visit in version.rules.visits:
                found.setdefault(visit.code, visit)
        return found

    @cached_property
    def visit_numbers(self) -> dict[str, int]:
        """Return the number (VISITNUM) of each planned visit."""
        return {code: number for number, code in enumerate(self.visits, start=1)}

    @cached_property
    def visit_days(self) -> dict[str, int | None]:
        """Return the planned study day (VISITDY) of each visit: day 1 is that of inclusion."""
        days: dict[str, int | None] = {"inclusion": 0, "screening": None}
        for visit in self.visits.values():
            anchor = days.get(visit.anchor)
            days[visit.code] = None if anchor is None else anchor + visit.day
            if visit.infusion:
                days[f"infusion_{visit.infusion}"] = days[visit.code]
        return {code: _without_zero(days[code]) for code in self.visits}

    def title_of(self, visit: Visit) -> str:
        """Return the name (VISIT) of a planned visit."""
        planned = self.visits.get(visit.code)
        return planned.title.in_language("en").upper() if planned else visit.code

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """Return the arms; the only one of a trial without arms."""
        only = self.rules.only_arm
        return self.rules.arms or ((only,) if only else ())

    @property
    def is_randomised(self) -> bool:
        """Return whether patients are allocated to arms."""
        return self.rules.allocation is not None

    @property
    def country(self) -> str:
        """Return the country of the site in three letters."""
        two = self.rules.trial.site.country
        return COUNTRIES.get(two, two)

    @property
    def hides_arms(self) -> bool:
        """Return whether the package must not tell the arms apart."""
        return self.trial.masked and not self.sees_treatment

    def subject_range(self, patient: int) -> RangeSubject:
        """Return sex and age of a patient (its key), which select the reference ranges."""
        return self.ranges.subjects.get(patient, RangeSubject())

    def local(self, instant: datetime | None) -> str:
        """Return an instant as local ISO 8601 to the minute; empty for None."""
        return (
            ""
            if instant is None
            else Moment.from_datetime(instant, self.zone).wall.isoformat(timespec="minutes")
        )


def _without_zero(day: int | None) -> int | None:
    return None if day is None else (day + 1 if day >= 0 else day)


def arm_code(arm: Arm) -> str:
    """Return the code of an arm (ARMCD), at most 20 characters."""
    return arm.code.upper().replace("_", "")[:LONGEST_ARM_CODE]


def arm_title(arm: Arm) -> str:
    """Return the name of an arm (ARM)."""
    return arm.title.in_language("en")
