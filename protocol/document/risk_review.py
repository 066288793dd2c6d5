"""The review of the trail by risk: when people work at the site, what is late, and which data to watch."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from protocol.document.items import Part, Text
from protocol.document.monitoring import VERIFIABLE
from protocol.document.written_values import Name

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
# Kinds of rows outside the forms that can be watched; `product` only for readers who may know the treatment.
FACTS: dict[str, tuple[str, ...]] = {
    **VERIFIABLE,
    "adverse_event": (
        *VERIFIABLE["adverse_event"], "results_in_death", "life_threatening", "hospitalisation", "disability",
        "congenital_anomaly", "medically_important", "none_of_these", "late_reason", "in_error_reason",
    ),
    "eligibility": (*VERIFIABLE["eligibility"], "criteria"),
    "infusion": (*VERIFIABLE["infusion"], "state", "timing_deviation_reason"),
    "product": ("donor_code", "lot", "bag", "thawed", "dose_finding"),
}  # fmt: skip


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("a time of day, such as 07:00")
    return text


def _day(text: str) -> str:
    if text not in DAYS:
        raise ValueError(f"one of {', '.join(DAYS)}")
    return text


Clock = Annotated[str, AfterValidator(_clock)]
Day = Annotated[str, AfterValidator(_day)]


class Watch(Part):
    """Data to watch in the trail: `form.item`, `form` or `kind.fact`; `criteria` are the items that criteria read."""

    title: Text
    data: Annotated[tuple[str, ...], Field(min_length=1)]


class RiskReview(Part):
    """How the trail is reviewed by risk. Without the section: office hours, five days, nothing to watch."""

    working_days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
    working_from: Clock = "07:00"
    working_to: Clock = "20:00"
    late_after_days: Annotated[int, Field(ge=0, le=365)] = 5
    watch: dict[Name, Watch] = {}

    @property
    def minutes(self) -> tuple[int, int]:
        """First minute of the day at work, and the one after the last."""
        return minutes_of(self.working_from), minutes_of(self.working_to)

    @property
    def days(self) -> tuple[int, ...]:
        """Days of the week at work; 0 is Monday."""
        return tuple(DAYS.index(day) for day in self.working_days)


def minutes_of(clock: str) -> int:
    """Return a time of day as minutes since midnight."""
    hours, _colon, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def parts_of(path: str) -> tuple[str, str]:
    """Return form or kind, and item or fact, of a path to watch; the second is empty for a whole form."""
    place, _dot, name = path.partition(".")
    return place, name
