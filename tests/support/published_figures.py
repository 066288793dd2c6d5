"""Published examples of statistics, with limits rounded as they are printed."""

from decimal import Decimal

from outcomes.statistics.survival import ObservedTime

# Admissions at Berkeley (Bickel 1975): one table of four counts for each department.
BERKELEY = [
    (512, 313, 89, 19), (353, 207, 17, 8), (120, 205, 202, 391),
    (138, 279, 131, 244), (53, 138, 94, 299), (22, 351, 24, 317),
]  # fmt: skip
# Weeks of remission of leukaemia, with mercaptopurine and with placebo (Freireich 1963; Gehan 1965).
SIX_MP = [ObservedTime(day, 1) for day in (6, 6, 6, 7, 10, 13, 16, 22, 23)] + [
    ObservedTime(day, 0) for day in (6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35)
]
PLACEBO = [
    ObservedTime(day, 1) for day in (1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23)
]


def numbers(text: str) -> list[Decimal]:
    return [Decimal(each) for each in text.split()]


def limits(estimate, digits: int = 4) -> tuple[float, float]:
    return round(estimate.low, digits), round(estimate.high, digits)
