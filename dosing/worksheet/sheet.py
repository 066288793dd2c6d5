"""One worksheet as it is stored: its steps in force, its bags, and what was measured. Product data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from audit.models import Signature
from dosing.allocation.slots import arm_of
from dosing.dose import MILLION, minutes_between
from dosing.models import Bag, Infusion, WorksheetStep
from dosing.patient_dose import planned_for
from dosing.worksheet.calculation import CalculationLine, Measured, ThawedBag, lines, most_dmso, without_cells
from dosing.worksheet.plan import BenchStep, current


@dataclass(frozen=True)
class BenchSheet:
    """The steps of a worksheet that stand, in the order in which they were recorded. cells: the arm receives cells."""

    infusion: Infusion
    cells: bool
    rows: tuple[WorksheetStep, ...]

    @property
    def done(self) -> frozenset[str]:
        """The kinds of steps that are recorded."""
        return frozenset(row.kind for row in self.rows)

    @property
    def next(self) -> BenchStep | None:
        """The step that comes next; None after the last."""
        return current(self.done)

    @property
    def bags(self) -> list[Bag]:
        """The bags that were chosen, in that order."""
        return [row.bag for row in self.rows if row.bag is not None]

    @property
    def bag_words(self) -> str:
        """The numbers of the chosen bags as text."""
        return ", ".join(bag.number for bag in self.bags)

    def step(self, kind: BenchStep) -> WorksheetStep | None:
        """Return a step that is recorded; of the bags, the first."""
        return next((row for row in self.rows if row.kind == kind), None)

    def number(self, kind: BenchStep, name: str) -> Decimal | None:
        """Return a measured value of a step; None while it is not recorded or not asked."""
        row = self.step(kind)
        text = row.values.get(name) if row else None
        return Decimal(text) if text else None

    @property
    def viability(self) -> Decimal | None:
        """Viability after the thaw in per cent."""
        return self.number(BenchStep.COUNT, "viability_percent")

    @property
    def taken_at(self) -> datetime | None:
        """When the bags were taken from the store: the beginning of the thaw, where there is one."""
        row = self.step(BenchStep.THAW_BEGUN)
        return row.at if row else None

    def dmso(self, now: datetime) -> Decimal | None:
        """Return the most DMSO in g per kg of what was drawn; None while it is not known. No query."""
        dosing = self.infusion.patient.protocol.rules.dosing
        return most_dmso(dosing, self._thawed_bags, self.measured(now)) if dosing else None

    def measured(self, now: datetime) -> Measured:
        """Return the values of the calculation. now: the end of the time since the thaw while the infusion runs."""
        counted = self.number(BenchStep.COUNT, "cells_per_ml")
        return Measured(
            weight_kg=self.infusion.weight_kg,
            suspension_ml=self.number(BenchStep.DILUTION, "suspension_ml"),
            cells_per_ml=None if counted is None else counted * MILLION,
            viability_percent=self.viability,
            drawn_ml=self.number(BenchStep.DRAWN, "drawn_ml"),
            final_ml=self.number(BenchStep.DRAWN, "final_ml"),
            thaw_minutes=self._thaw_minutes(now),
        )

    def lines(self, now: datetime) -> list[CalculationLine]:
        """Return the calculation as far as it goes. One query for the dose of an arm or a level."""
        dosing = self.infusion.patient.protocol.rules.dosing
        if dosing is None:
            return []
        if not self.cells:
            return without_cells(dosing, self.measured(now))
        return lines(dosing, planned_for(self.infusion), self._thawed_bags, self.measured(now))

    @property
    def _thawed_bags(self) -> tuple[ThawedBag, ...]:
        return tuple(
            ThawedBag(bag.cells or bag.lot.cells_per_bag, bag.volume_ml, bag.lot.dmso_percent)
            for bag in self.bags
        )

    def _thaw_minutes(self, now: datetime) -> Decimal | None:
        begun = self.step(BenchStep.THAW_BEGUN)
        end = self.infusion.ended_at or now
        return minutes_between(begun.at, end) if begun and begun.at <= end else None


def read_sheet(infusion: Infusion) -> BenchSheet:
    """Return the worksheet of an infusion. Reads infusion.patient; two queries. Never for a blinded reader.

    Raises ValidationError for a patient without a place on the allocation list.
    """
    arm = arm_of(infusion.patient)
    if arm is None:
        raise ValidationError(_("This patient has no place on the allocation list: nothing can be prepared."))
    rows = WorksheetStep.objects.filter(infusion=infusion, struck_out_reason=None).order_by("pk")
    rows = rows.select_related("bag__lot__bank__donation__donor", "bag__trial", "recorded_by", "read_by")
    return BenchSheet(infusion, arm.gives_cells(infusion.number), tuple(rows))


def signed(rows: Iterable[WorksheetStep]) -> dict[int, Signature]:
    """Return the signatures that hold, by key of the step. One query."""
    keys = [row.pk for row in rows]
    found = Signature.objects.filter(
        target_type=WorksheetStep._meta.label_lower, target_id__in=keys, invalidated_at=None
    )
    return {each.target_id: each for each in found}
