"""Shape of the laboratory criteria of CTCAE: at which number, or multiple of a limit, each grade begins. No Django."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Final

from protocol.ctcae.units import FAMILIES, scale, spelt

NUMBER, UPPER, LOWER, BASELINE = range(4)
"""What a step is a multiple of: nothing, the laboratory's upper or lower limit, or the baseline."""
HIGH, LOW = True, False
MOST_DIGITS = 200

Cuts = tuple[str | None, str | None, str | None, str | None]
"""Where the grades 1 to 4 begin; None for a grade that the number alone never gives."""
NO_CUTS: Final[Cuts] = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class GradeStep:
    """Where a grade begins: beyond `factor`, or beyond `factor` times a limit or the baseline.

    included: the grade begins at the bound itself, not beyond it.
    """

    grade: int
    basis: int
    factor: Decimal
    included: bool = False


@dataclass(frozen=True, kw_only=True)
class Criteria:
    """The numeric criteria of one term in one version.

    numbers: by unit family, where the grades begin. Where CTCAE prints the numbers in two units, both stand here.
    times_limit: multiples of the upper limit (of the lower one if low values are worse); never with a number of the
        same grade.
    times_baseline: multiples of the baseline, instead of those of the limit, if the baseline was abnormal.
    beside_baseline: multiples of the baseline that count beside the others if a baseline is known.
    included: grades that begin at their number, `baseline_included`: at their multiple of the baseline.
    abnormal_is: the side on which a baseline is abnormal; None for the side on which values are worse.
    by_anticoagulant: in patients on an anticoagulant the multiple of the baseline decides.
    asks: by grade of the number, the question that may change it.
    """

    worse: bool
    numbers: Mapping[str, Cuts] = field(default_factory=dict)
    times_limit: Cuts = NO_CUTS
    times_baseline: Cuts = NO_CUTS
    beside_baseline: Cuts = NO_CUTS
    included: frozenset[int] = frozenset()
    baseline_included: frozenset[int] = frozenset()
    abnormal_is: bool | None = None
    asks: Mapping[int, str] = field(default_factory=dict)
    by_anticoagulant: bool = False

    def steps(self, family: str, scale: Decimal, *, abnormal: bool) -> tuple[GradeStep, ...]:
        """Return the steps in one unit, the highest grade first; for a normal or an abnormal baseline."""
        limit = UPPER if self.worse is HIGH else LOWER
        numbers = self.numbers.get(family, NO_CUTS)
        steps = [*_steps(NUMBER, numbers, self.included, scale)]
        if abnormal:
            steps += _steps(BASELINE, self.times_baseline, self.baseline_included)
            given = {step.grade for step in steps if step.basis == BASELINE}
            # An abnormal baseline replaces the multiples of the limit, for the grades that have one of its own.
            steps += [each for each in _steps(limit, self.times_limit) if each.grade not in given]
        else:
            steps += _steps(limit, self.times_limit)
            steps += _steps(BASELINE, self.beside_baseline)
        return tuple(sorted(steps, key=lambda step: (-step.grade, step.basis)))

    def scale_of(self, unit: str) -> tuple[str, Decimal] | None:
        """Return the family of a unit and how many of it make one of its first; None if it cannot be graded in it."""
        if not self.numbers:
            # Multiples of a limit are the same in every unit.
            return "", Decimal(1)
        scales = ((family, scale(family, spelt(unit))) for family in self.numbers)
        return next(((family, found) for family, found in scales if found is not None), None)

    @property
    def units(self) -> str:
        """The first unit of each family, for a sentence; empty if every unit will do."""
        return ", ".join(next(iter(FAMILIES[family])) for family in self.numbers)

    @cached_property
    def abnormal_side(self) -> bool:
        """Return HIGH or LOW: beyond which limit a baseline is abnormal."""
        return self.worse if self.abnormal_is is None else self.abnormal_is

    @cached_property
    def uses_baseline(self) -> bool:
        """True if a baseline can change the grade, or the question about it."""
        return self.by_anticoagulant or any((*self.times_baseline, *self.beside_baseline))


def _steps(
    basis: int, cuts: Cuts, included: frozenset[int] = frozenset(), scale: Decimal = Decimal(1)
) -> list[GradeStep]:
    with localcontext(prec=MOST_DIGITS):
        return [
            GradeStep(grade, basis, Decimal(cut) * scale, grade in included)
            for grade, cut in enumerate(cuts, 1)
            if cut is not None
        ]
