"""Measure case reports: checking and writing the E2B(R3) message of one case."""

import time

from safety.icsr.conformance import findings
from safety.icsr.writing import xml_of
from tests.bench.figures import Figures
from tests.support.study.invented_cases import NOW, TEST, invented_case

CASES, AIM = 200, "aim: 200 ms"


def reported(figures: Figures) -> None:
    """Add the milliseconds for one case as a note."""
    taken = sorted(_milliseconds(seed) for seed in range(CASES))
    middle, worst = taken[len(taken) // 2], taken[-1]
    figures.note(
        f"E2B(R3) of one case, checked and written: median {middle:.1f} ms, worst {worst:.1f} ms; {AIM}"
    )


def _milliseconds(seed: int) -> float:
    case = invented_case(seed)
    begun = time.perf_counter()
    assert findings(case, now=NOW, dictionary=TEST, production=False) == ()
    xml_of(case)
    return (time.perf_counter() - begun) * 1000


if __name__ == "__main__":
    figures = Figures(engine="none")
    reported(figures)
    print(*figures.notes, sep="\n")
