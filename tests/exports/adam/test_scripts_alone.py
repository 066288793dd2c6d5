"""The scripts of the archive on hand-made data sets: published tables, strata, competing events."""

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outcomes.statistics.contingency import fisher_exact, mantel_haenszel
from outcomes.statistics.estimates import Estimate
from outcomes.statistics.means import mean, median, standard_deviation
from outcomes.statistics.proportions import clopper_pearson, newcombe, wilson
from outcomes.statistics.rates import poisson_rate
from outcomes.statistics.survival import ObservedTime, curve, incidence_at, median_time, share_at
from outcomes.statistics.welch import welch
from tests.support.published_figures import BERKELEY, PLACEBO, SIX_MP, numbers

SCRIPTS = Path(__file__).parents[3] / "exports/adam/scripts"
ANSWERS = (
    "PARAMCD",
    "AVISIT",
    "COHORT",
    "ARMCD",
    "STRATUM",
    "AVAL",
    "AVALC",
    "UNDFL",
    "NEVENT",
    "NEVENTU",
    "PTDAYS",
)
TIMES = ("PARAMCD", "COHORT", "ARMCD", "STRATUM", "AVAL", "CNSR", "UNDFL")
EXPECTED = (
    "paramcd",
    "outcome",
    "reading",
    "visit",
    "split",
    "part",
    "number",
    "window_end",
    "expected",
    "method",
)
CHANGES = {"A": "-3.5 -1.2 0 2.25 4 4", "B": "1 7.5 9 12.25"}
COMPETING = [
    ObservedTime(d, c) for d, c in ((2, 1), (3, 2), (3, 1), (5, 0), (8, 1), (9, 2), (14, 0), (20, 0))
]
# The curve is exactly one half from day 4 to day 7.
PLATEAU = [ObservedTime(d, c) for d, c in ((2, 1), (4, 1), (7, 1), (9, 0))]
CNSR = {1: 0, 0: 1, 2: 2}
Told = tuple[str, str, str, str, float | None]


def limits(code: str, name: str, found: Estimate, split: str = "", part: str = "") -> Iterator[Told]:
    for figure in ("value", "low", "high"):
        yield code, split, part, f"{name}.{figure}", getattr(found, figure)


def answers() -> Iterator[dict[str, Any]]:
    """Yield admissions at Berkeley by department, changes of two arms, and events with days of observation."""
    for place, (a, b, c, d) in enumerate(BERKELEY):
        for arm, known, times in (("A", "Y", a), ("A", "N", b), ("B", "Y", c), ("B", "N", d)):
            row = {
                "PARAMCD": "BERKELEY",
                "ARMCD": arm,
                "STRATUM": f"s{place}",
                "AVALC": known,
                "AVAL": int(known == "Y"),
            }
            yield from [row] * times
    yield {"PARAMCD": "BERKELEY", "ARMCD": "A", "STRATUM": "s0", "UNDFL": "Y"}
    for arm, found in CHANGES.items():
        yield from (
            {"PARAMCD": "CHANGE", "ARMCD": arm, "AVISIT": "D7", "AVAL": each} for each in found.split()
        )
    for events, days in ((0, 29), (2, 29), (1, 11), (3, "")):
        yield {
            "PARAMCD": "RATE",
            "AVALC": "Y" if events else "N",
            "AVAL": int(events > 0),
            "NEVENT": events,
            "NEVENTU": 1,
            "PTDAYS": days,
        }


def times() -> Iterator[dict[str, Any]]:
    for code, found in (("SIXMP", SIX_MP), ("PLACEBO", PLACEBO), ("RISKS", COMPETING), ("PLATEAU", PLATEAU)):
        for each in found:
            yield {"PARAMCD": code, "AVAL": each.day, "CNSR": CNSR[each.cause]}


def expected() -> Iterator[Told]:
    """Yield the numbers that Stroma's statistics give for these data."""
    a, b, c, d = (sum(stratum[place] for stratum in BERKELEY) for place in range(4))
    yield from (
        ("BERKELEY", "", "", name, n)
        for name, n in (("patients", a + b + c + d + 1), ("yes", a + c), ("undetermined", 1))
    )
    yield from limits("BERKELEY", "clopper_pearson", clopper_pearson(a, a + b), "arm", "A")
    yield from limits("BERKELEY", "wilson", wilson(c, c + d), "arm", "B")
    yield "BERKELEY", "arm", "A|B", "fisher.p", float(fisher_exact([(a, b), (c, d)]))
    yield from limits("BERKELEY", "fisher.difference", newcombe((a, a + b), (c, c + d)), "arm", "A|B")
    for corrected, word in ((True, "corrected"), (False, "plain")):
        found = mantel_haenszel(BERKELEY, corrected=corrected)
        yield "BERKELEY", "arm", "A|B", f"mantel_haenszel.{word}.p", found.p
        yield from limits("BERKELEY", "mantel_haenszel.odds_ratio", found.odds_ratio, "arm", "A|B")
    first, second = (numbers(found) for found in CHANGES.values())
    tested = welch(first, second)
    yield "CHANGE", "arm", "A|B", "welch.p", tested.p
    yield from limits("CHANGE", "welch.difference", tested.difference, "arm", "A|B")
    yield from limits("CHANGE", "mean", mean(first), "arm", "A")
    yield "CHANGE", "arm", "A", "mean.spread", standard_deviation(first)
    yield from limits("CHANGE", "median", median(first), "arm", "A")
    yield from (
        ("RATE", "", "", name, n)
        for name, n in (("events", 6), ("events_undetermined", 4), ("patient_days", 69))
    )
    yield from limits("RATE", "rate", poisson_rate(3, 69, per=100))
    for code, observed in (("SIXMP", SIX_MP), ("PLACEBO", PLACEBO), ("PLATEAU", PLATEAU)):
        steps = curve(observed)
        yield from limits(code, "share", share_at(steps, 9))
        yield from limits(code, "median_time", median_time(steps))
    yield from limits("RISKS", "incidence", incidence_at(curve(COMPETING), 9))


@pytest.fixture
def archive(tmp_path) -> Path:
    """The data sets, the expected numbers and the scripts in one folder."""
    (tmp_path / "csv").mkdir()
    written(tmp_path / "csv/adout.csv", ANSWERS, answers())
    written(tmp_path / "csv/adtte.csv", TIMES, times())
    rows = (
        {
            "paramcd": code, "visit": "D7" if code == "CHANGE" else "", "split": split, "part": part, "number": name,
            "window_end": 9, "expected": "" if value is None else repr(value),
        }
        for code, split, part, name, value in expected()
    )  # fmt: skip
    written(tmp_path / "expected.csv", EXPECTED, rows)
    for name in ("outcomes.py", "outcomes.R"):
        shutil.copy(SCRIPTS / name, tmp_path)
    return tmp_path


def written(path: Path, columns: tuple[str, ...], rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("program", ["python", "Rscript"])
def test_a_script_agrees_on_published_tables_strata_and_competing_events(archive, program):
    """OUT-03: each method once, by code that shares nothing with Stroma's."""
    if program == "python":
        command = [sys.executable, "-I", "-S", "outcomes.py"]
    elif (found := shutil.which(program)) is not None:
        command = [found, "--vanilla", "outcomes.R"]
    else:
        pytest.skip("R is not installed: Rscript")
    done = subprocess.run(command, cwd=archive, capture_output=True, text=True, check=False)
    told = [line for line in done.stdout.splitlines() if line.startswith("differs")]
    assert (done.stderr, told, done.returncode) == ("", [], 0)
    count = sum(1 for _number in expected())
    assert done.stdout.splitlines()[-1].split() == [str(count), *(["numbers,", "0", "differ"])]
