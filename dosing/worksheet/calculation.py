"""The calculation of a preparation written out: each line with its limits, judged unrounded. No Django.

Cells are whole cells, volumes in mL, weight in kg, viability in per cent.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from typing import Literal

from dosing.dose import (
    MILLION,
    DoseRefused,
    PlannedDose,
    Position,
    bags_needed,
    concentrate_volume_ml,
    delivered_cells,
    dmso_g_per_kg,
    dmso_grams,
    position_in,
)
from dosing.dose.products import DIGITS
from protocol.document.dosing import Dosing, QuantityLimits

Name = Literal[
    "planned", "bags", "viability", "volume_to_draw", "delivered", "per_kg", "dmso", "thaw_to_end", "volume"
]
PLACES: dict[Name, int] = {
    "planned": 2, "bags": 0, "viability": 2, "volume_to_draw": 2, "delivered": 2, "per_kg": 2, "dmso": 3,
    "thaw_to_end": 0, "volume": 2,
}  # fmt: skip
"""Decimals of the results as they are shown."""


@dataclass(frozen=True, slots=True)
class ThawedBag:
    """The values of a chosen bag that the calculation reads; DMSO in per cent by volume."""

    cells: Decimal | None
    volume_ml: Decimal
    dmso_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements so far; None for one not yet taken. thaw_minutes: from the thaw to the end, or until now."""

    weight_kg: Decimal | None = None
    suspension_ml: Decimal | None = None
    cells_per_ml: Decimal | None = None
    viability_percent: Decimal | None = None
    drawn_ml: Decimal | None = None
    final_ml: Decimal | None = None
    thaw_minutes: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CalculationLine:
    """One line: the factors with their values, the result, the limits. Cells are in 10⁶ cells; all unrounded.

    lowest, highest: None if the protocol sets no such limit. judged: False for a line that has no limit.
    """

    name: Name
    factors: tuple[tuple[str, Decimal], ...]
    result: Decimal
    position: Position = "within"
    lowest: Decimal | None = None
    highest: Decimal | None = None

    @property
    def judged(self) -> bool:
        """True if the protocol, or what is there, sets a limit."""
        return self.lowest is not None or self.highest is not None

    @property
    def shown(self) -> str:
        """The result rounded to its decimals, never across a limit that it misses."""
        rounding = {"below": ROUND_FLOOR, "within": ROUND_HALF_UP, "above": ROUND_CEILING}[self.position]
        return format(self.result.quantize(Decimal(1).scaleb(-PLACES[self.name]), rounding=rounding), "f")


def lines(
    dosing: Dosing, planned: PlannedDose | None, bags: tuple[ThawedBag, ...], measured: Measured
) -> list[CalculationLine]:
    """Return the lines that can be computed so far, in the order of the work.

    A value that cannot be, such as more drawn than there is, leaves its line out: the step that holds it refuses it.
    """
    found: list[CalculationLine] = []
    with localcontext() as context:
        # As many digits as `dosing.dose.products` has: no quotient can be rounded onto a limit.
        context.prec = DIGITS
        for line in (_planned, _bags, _viability, _to_draw, _delivered, _per_kg, _dmso, _thaw, _volume):
            try:
                found += line(dosing, planned, bags, measured)
            except DoseRefused:
                continue
    return found


def without_cells(dosing: Dosing, measured: Measured) -> list[CalculationLine]:
    """Return the lines of a preparation without cells: the volume and the time."""
    return [*_thaw(dosing, None, (), measured), *_volume(dosing, None, (), measured)]


def most_dmso(dosing: Dosing, bags: tuple[ThawedBag, ...], measured: Measured) -> Decimal | None:
    """Return the most DMSO in g per kg of what was drawn; None while something is not measured."""
    with localcontext() as context:
        context.prec = DIGITS
        try:
            return next((line.result for line in _dmso(dosing, None, bags, measured)), None)
        except DoseRefused:
            return None


def expected_cells(measured: Measured) -> Decimal | None:
    """Return the viable cells in what was drawn, whole and rounded down; None while something is not measured."""
    per_ml, percent, drawn = measured.cells_per_ml, measured.viability_percent, measured.drawn_ml
    if per_ml is None or percent is None or drawn is None:
        return None
    return delivered_cells(per_ml * drawn, percent, infused_ml=Decimal(1), prepared_ml=Decimal(1))


def _planned(
    _dosing: Dosing, planned: PlannedDose | None, _bags: object, _measured: Measured
) -> list[CalculationLine]:
    if planned is None:
        return []
    target = planned.target / planned.measure / MILLION
    factors = (("target", target), ("measure", planned.measure))
    return [
        CalculationLine(
            "planned",
            factors,
            planned.target / MILLION,
            lowest=planned.lowest / MILLION,
            highest=planned.highest / MILLION,
        )
    ]


def _bags(
    _dosing: Dosing, planned: PlannedDose | None, bags: tuple[ThawedBag, ...], _measured: Measured
) -> list[CalculationLine]:
    known = [bag.cells for bag in bags if bag.cells]
    if planned is None or not known:
        return []
    # Of bags that differ, the smallest decides: never too few are thawed.
    smallest = min(known)
    needed = Decimal(bags_needed(planned.target, smallest))
    position: Position = "above" if needed > len(bags) else "within"
    factors = (("cells", planned.target / MILLION), ("per_bag", smallest / MILLION))
    return [CalculationLine("bags", factors, needed, position, highest=Decimal(len(bags)))]


def _viability(dosing: Dosing, _planned: object, _bags: object, measured: Measured) -> list[CalculationLine]:
    value = measured.viability_percent
    return [] if value is None else [limited("viability", (), value, dosing.viability_percent)]


def _to_draw(
    _dosing: Dosing, planned: PlannedDose | None, _bags: object, measured: Measured
) -> list[CalculationLine]:
    per_ml, percent = measured.cells_per_ml, measured.viability_percent
    if planned is None or per_ml is None or percent is None:
        return []
    viable = delivered_cells(per_ml, percent, infused_ml=Decimal(1), prepared_ml=Decimal(1))
    volume = concentrate_volume_ml(planned.target, viable)
    there = measured.suspension_ml
    position: Position = "above" if there is not None and volume > there else "within"
    factors = (
        ("cells", planned.target / MILLION),
        ("per_ml", per_ml / MILLION),
        ("viability", percent),
    )
    return [CalculationLine("volume_to_draw", factors, volume, position, highest=there)]


def _delivered(
    _dosing: Dosing, planned: PlannedDose | None, _bags: object, measured: Measured
) -> list[CalculationLine]:
    cells = expected_cells(measured)
    if planned is None or cells is None:
        return []
    factors = _counted(measured)
    finding = planned.compared(cells)
    return [
        CalculationLine(
            "delivered",
            factors,
            cells / MILLION,
            finding.position,
            planned.lowest / MILLION,
            planned.highest / MILLION,
        )
    ]


def _counted(measured: Measured) -> tuple[tuple[str, Decimal], ...]:
    per_ml, percent, drawn = measured.cells_per_ml, measured.viability_percent, measured.drawn_ml
    if per_ml is None or percent is None or drawn is None:
        return ()
    return (("per_ml", per_ml / MILLION), ("drawn", drawn), ("viability", percent))


def _per_kg(
    _dosing: Dosing, planned: PlannedDose | None, _bags: object, measured: Measured
) -> list[CalculationLine]:
    cells = expected_cells(measured)
    if planned is None or cells is None or planned.basis == "fixed":
        return []
    finding = planned.compared(cells)
    factors = (("cells", cells / MILLION), ("measure", planned.measure))
    return [
        CalculationLine(
            "per_kg",
            factors,
            finding.dose / MILLION,
            finding.position,
            planned.lowest / planned.measure / MILLION,
            planned.highest / planned.measure / MILLION,
        )
    ]


def _dmso(
    dosing: Dosing, _planned: object, bags: tuple[ThawedBag, ...], measured: Measured
) -> list[CalculationLine]:
    held = [bag for bag in bags if bag.dmso_percent is not None]
    drawn, there, weight = measured.drawn_ml, measured.suspension_ml, measured.weight_kg
    if not held or drawn is None or there is None or weight is None or there <= 0:
        return []
    grams = sum(
        (dmso_grams(bag.volume_ml, bag.dmso_percent) for bag in held if bag.dmso_percent is not None),
        Decimal(0),
    )
    # What a wash takes away is not known: the line tells the most that can be in it.
    given = grams * drawn / there
    factors = (("grams", given), ("weight", weight))
    return [limited("dmso", factors, dmso_g_per_kg(given, weight), dosing.dmso_g_per_kg)]


def _thaw(dosing: Dosing, _planned: object, _bags: object, measured: Measured) -> list[CalculationLine]:
    minutes = measured.thaw_minutes
    return [] if minutes is None else [limited("thaw_to_end", (), minutes, dosing.thaw_to_end_minutes)]


def _volume(dosing: Dosing, _planned: object, _bags: object, measured: Measured) -> list[CalculationLine]:
    final = measured.final_ml
    return [] if final is None else [limited("volume", (), final, dosing.volume_ml)]


def limited(
    name: Name, factors: tuple[tuple[str, Decimal], ...], value: Decimal, limits: QuantityLimits | None
) -> CalculationLine:
    """Return a value as a line of the calculation with the limits of the protocol."""
    lowest, highest = (limits.lowest, limits.highest) if limits else (None, None)
    return CalculationLine(name, factors, value, position_in(limits, value), lowest, highest)
