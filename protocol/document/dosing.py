"""The table `[dosing]` of a protocol file: how a trial says its dose, when infusions are given, and their limits."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from protocol.document.items import Part, Text
from protocol.document.written_values import (
    MOST_DAYS,
    Count,
    Days,
    ExactNumber,
    GroupCode,
    ItemPath,
    Name,
    Number,
    ShortName,
    Truth,
    Whole,
)

MOST_CELLS_PER_KG = 10**11
MOST_INFUSIONS = 9
Basis = Literal["actual_weight", "predicted_weight", "body_surface", "fixed"]
"""What a dose is multiplied by: the patient's weight in kg, the predicted weight in kg, the body surface in m², 1."""
BASES: Mapping[str, Basis] = {
    "cells_per_kg": "actual_weight",
    "cells_per_kg_predicted": "predicted_weight",
    "cells_per_m2": "body_surface",
    "cells": "fixed",
}
"""The basis of a dose by the key that states it."""
Route = Literal[
    "intravenous", "intra_arterial", "intra_articular", "intracoronary", "intramyocardial", "intramuscular",
    "intrathecal", "intratracheal", "inhaled", "subcutaneous", "local",
]  # fmt: skip


def ordered(pair: tuple[int, int]) -> tuple[int, int]:
    """Return the pair. Raises ValueError if its first number is larger than the second."""
    if pair[0] > pair[1]:
        raise ValueError(f"the first number is larger than the second: [{pair[0]}, {pair[1]}]")
    return pair


DayRange = Annotated[tuple[Days, Days], AfterValidator(ordered)]
Hours = Annotated[Whole, Field(ge=0, le=24 * MOST_DAYS)]
HourRange = Annotated[tuple[Hours, Hours], AfterValidator(ordered)]
CellsPerKg = Annotated[ExactNumber, Field(gt=0, le=MOST_CELLS_PER_KG)]
InfusionNumber = Annotated[Count, Field(le=MOST_INFUSIONS)]
InfusionAnchor = Annotated[str, StringConstraints(pattern=r"^(inclusion|infusion_[1-9])$")]


class CellDose(Part):
    """Viable cells, in all, per kg or per m²: lowest, target and highest dose."""

    lowest: CellsPerKg
    target: CellsPerKg
    highest: CellsPerKg

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if not self.lowest <= self.target <= self.highest:
            raise ValueError("write lowest ≤ target ≤ highest")
        return self


class DosePlan(Part):
    """One dose in exactly one of four bases; `most_cells` is the cap of one infusion, in whole viable cells."""

    cells_per_kg: CellDose | None = None
    cells_per_kg_predicted: CellDose | None = None
    cells_per_m2: CellDose | None = None
    cells: CellDose | None = None
    most_cells: CellsPerKg | None = None

    @property
    def stated(self) -> tuple[str, ...]:
        """Return the keys in which the dose is stated: one, or none in a table that states it elsewhere."""
        return tuple(key for key in BASES if getattr(self, key) is not None)

    @property
    def basis(self) -> Basis:
        """Return the basis of the dose. Raises IndexError if the table states none."""
        return BASES[self.stated[0]]

    @property
    def limits(self) -> CellDose:
        """Return lowest, target and highest dose, in cells per unit of the basis."""
        limits: CellDose = getattr(self, self.stated[0])
        return limits


def _states_one(plan: DosePlan) -> None:
    if len(plan.stated) != 1:
        raise ValueError(f"state the dose in one of {', '.join(BASES)}")


class DoseOf(DosePlan):
    """The dose of one arm or of one group. In a masked trial the arm's dose is shown to unblinded roles only."""

    arm: ShortName | None = None
    group: GroupCode | None = None

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.arm is None) == (self.group is None):
            raise ValueError('a dose is of one arm or of one group: arm = "high" or group = "A"')
        _states_one(self)
        return self


class DoseLevel(DosePlan):
    """A dose level of an escalation: its patients, and the days to wait.

    ``days_between_patients``: from the first infusion of a patient to the inclusion of the next one of the level.
    ``days_before_next``: from the first infusion of the level's last patient until another level may be opened.
    """

    code: ShortName
    title: Text
    patients: Annotated[Count, Field(le=1000)]
    days_between_patients: Annotated[Whole, Field(ge=0, le=MOST_DAYS)] = 0
    days_before_next: Annotated[Whole, Field(ge=0, le=MOST_DAYS)] = 0

    @model_validator(mode="after")
    def _states_its_dose(self) -> Self:
        _states_one(self)
        return self


class InfusionWindow(Part):
    """When one infusion may be given: days or elapsed hours after inclusion or after another infusion."""

    infusion: InfusionNumber
    after: InfusionAnchor
    days: DayRange | None = None
    hours: HourRange | None = None

    @model_validator(mode="after")
    def _has_one_unit(self) -> Self:
        if (self.days is None) == (self.hours is None):
            raise ValueError("a window is in days = [first, last] or in hours = [first, last]")
        if self.days and self.days[0] < 0:
            raise ValueError("days cannot be negative")
        return self

    @property
    def span(self) -> tuple[int, int]:
        """Return the shortest and the longest time after the anchor, in hours if the window has any, else in days."""
        return self.hours or self.days or (0, 0)

    @property
    def anchor_infusion(self) -> int:
        """Return the number of the infusion from which the window is counted; 0 if it is counted from inclusion."""
        return 0 if self.after == "inclusion" else int(self.after.removeprefix("infusion_"))


def _limits(value: object) -> object:
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"lowest": value[0], "highest": value[1]}
    return value if isinstance(value, dict) else {"planned": value}


class QuantityLimits(Part):
    """Limits of a measured quantity, both included: `[90, 110]`, or one or more of `planned`, `lowest`, `highest`.

    A plain number is `planned`: it is shown, and nothing is compared with it.
    """

    planned: Annotated[Number, Field(ge=0, lt=100_000)] | None = None
    lowest: Annotated[Number, Field(ge=0, lt=100_000)] | None = None
    highest: Annotated[Number, Field(ge=0, lt=100_000)] | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        known = [each for each in (self.lowest, self.planned, self.highest) if each is not None]
        if not known:
            raise ValueError("write at least one of planned, lowest, highest")
        if known != sorted(known):
            raise ValueError("write lowest ≤ planned ≤ highest")
        return self


Quantity = Annotated[QuantityLimits, BeforeValidator(_limits)]
LIMITED = (
    "volume_ml", "duration_minutes", "viability_percent", "dmso_g_per_kg", "thaw_to_end_minutes",
)  # fmt: skip
"""Keys of `[dosing]` that limit a quantity."""
Override = Literal["another_donor", "closed_window", "expired", "temperature_excursion", "viability"]
"""Hard stops that a protocol may let an investigator override. All others hold always."""


class Dosing(DosePlan):
    """The planned infusions: their number and windows, the dose and its basis, the limits, the items that it reads."""

    product: Name
    title: Text
    infusions: InfusionNumber
    interval_days: DayRange | None = None
    interval_hours: HourRange | None = None
    first_infusion_within_days: DayRange = (0, 0)
    first_infusion_within_hours: HourRange | None = None
    windows: tuple[InfusionWindow, ...] = ()
    doses: tuple[DoseOf, ...] = ()
    levels: tuple[DoseLevel, ...] = ()
    same_donor: Truth = False
    chain: Truth = False
    overrides: tuple[Override, ...] = ()
    route: Route = "intravenous"
    volume_ml: Quantity | None = None
    duration_minutes: Quantity | None = None
    viability_percent: Quantity | None = None
    dmso_g_per_kg: Quantity | None = None
    thaw_to_end_minutes: Quantity | None = None
    weight_item: ItemPath | None = None
    weight_max_age_hours: Annotated[Count, Field(le=24 * MOST_DAYS)] = 24
    height_item: ItemPath | None = None
    sex_item: ItemPath | None = None

    @model_validator(mode="after")
    def _has_windows(self) -> Self:
        if self.interval_days and self.interval_hours:
            raise ValueError("write interval_days or interval_hours, not both")
        if self.first_infusion_within_hours and "first_infusion_within_days" in self.model_fields_set:
            raise ValueError("write first_infusion_within_days or first_infusion_within_hours, not both")
        if self.interval_days and self.interval_days[0] < 0:
            raise ValueError("interval_days cannot be negative")
        named = {window.infusion for window in self.windows}
        if not (self.interval_days or self.interval_hours) and not {*range(2, self.infusions + 1)} <= named:
            raise ValueError(
                "several infusions need interval_days = [shortest, longest], interval_hours or windows"
            )
        return self

    @model_validator(mode="after")
    def _has_a_dose(self) -> Self:
        places = [bool(self.stated), bool(self.doses), bool(self.levels)]
        if sum(places) != 1 or len(self.stated) > 1:
            raise ValueError(
                f"state the dose once: in one of {', '.join(BASES)}, in [[dosing.doses]] or in [[dosing.levels]]"
            )
        return self

    @cached_property
    def plans(self) -> tuple[DosePlan, ...]:
        """Every dose that a patient of the trial may get."""
        return (self,) if self.stated else (*self.doses, *self.levels)

    @cached_property
    def bases(self) -> frozenset[Basis]:
        """The bases of all doses. The ward is asked the same in all arms."""
        return frozenset(plan.basis for plan in self.plans)

    @property
    def needs_weight(self) -> bool:
        """True if a dose or a limit is computed from the weight of the day."""
        return bool(self.bases & {"actual_weight", "body_surface"}) or self.dmso_g_per_kg is not None

    @property
    def needs_height(self) -> bool:
        return bool(self.bases & {"predicted_weight", "body_surface"})

    @property
    def needs_sex(self) -> bool:
        return "predicted_weight" in self.bases

    def plan_for(self, *, arm: str = "", group: str = "", level: str = "") -> DosePlan | None:
        """Return the dose of a patient by arm, group or dose level; None if it depends on one that is not known."""
        if self.stated:
            return self
        if self.levels:
            return next((each for each in self.levels if each.code == level), None)
        return next(
            (each for each in self.doses if (each.arm or each.group) == (arm if each.arm else group)), None
        )

    def window_of(self, number: int) -> InfusionWindow:
        """Return when infusion ``number`` (from 1) may be given."""
        for window in self.windows:
            if window.infusion == number:
                return window
        if number == 1:
            hours = self.first_infusion_within_hours
            days = None if hours else self.first_infusion_within_days
            return InfusionWindow.model_construct(infusion=1, after="inclusion", days=days, hours=hours)
        return InfusionWindow.model_construct(
            infusion=number,
            after=f"infusion_{number - 1}",
            days=self.interval_days,
            hours=self.interval_hours,
        )

    def level(self, code: str) -> DoseLevel:
        """Return a dose level. Raises KeyError if there is none with this code."""
        return {each.code: each for each in self.levels}[code]
