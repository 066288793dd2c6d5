"""Print how long the grading of laboratory results takes: seconds of CPU for a million of them.

Each turn grades results of several terms with limits and a baseline, as a listing does.
"""

import time
from decimal import Decimal

from safety.grading import grade

RESULTS = (
    ("Alanine aminotransferase increased", "U/L", "130", None, "40", "30"),
    ("Creatinine increased", "umol/L", "180", "60", "100", "90"),
    ("Hypokalemia", "mmol/L", "3.2", "3.5", "5", "4"),
    ("Anemia", "g/L", "98", "120", "160", None),
    ("Platelet count decreased", "10^9/L", "62", "150", "400", "210"),
)
TURNS = 20_000
MILLION = 1_000_000


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def seconds_per_million() -> float:
    """Return the seconds of CPU that a million results take."""
    results = [
        (term, Decimal(value), unit, *map(_number, (low, high, baseline)))
        for term, unit, value, low, high, baseline in RESULTS
    ]
    begun = time.process_time()
    for _turn in range(TURNS):
        for term, value, unit, low, high, baseline in results:
            grade(term, value, unit=unit, low=low, high=high, baseline=baseline)
    return (time.process_time() - begun) / (TURNS * len(results)) * MILLION


if __name__ == "__main__":
    print(f"grading of 1,000,000 laboratory results: {seconds_per_million():.1f} s CPU (aim: 20 s)")
