"""Compute the outcomes of the study from the analysis data sets, and compare each number with Stroma's.

Unpack the archive and run `python outcomes.py` in its folder, or `python outcomes.py FOLDER`. It needs Python 3.10 or
later and no package. It prints a line for each number, "agrees" or "differs", and exits with 1 if one differs.
"""

import csv
import math
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

LEVEL = 0.95
Row = dict[str, str]
Limits = tuple[float | None, float | None, float | None]
NONE: Limits = (None, None, None)
PARTS = {"value": 0, "low": 1, "high": 2}
TOLD = ("outcome", "reading", "visit", "split", "part", "number")
COLUMN = {"group": "COHORT", "arm": "ARMCD"}


def read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def chosen(rows: list[Row], visit: str, split: str, part: str) -> list[Row]:
    """Return the records of a visit, of all patients or of a group or arm of them."""
    here = [row for row in rows if row.get("AVISIT", "") == visit]
    return [row for row in here if row[COLUMN[split]] == part] if split else here


def yes_no(rows: list[Row]) -> tuple[int, int]:
    """Return how many patients have the answer yes, or a number, or the event, and how many the answer no."""
    known = [row for row in rows if row["AVAL"]]
    if known and known[0].get("CNSR", ""):
        events = sum(row["CNSR"] == "0" for row in known)
        return events, len(known) - events
    if known and not known[0]["AVALC"]:
        return len(known), 0
    answers = [row["AVALC"] for row in known]
    return answers.count("Y"), answers.count("N")


def total(rows: list[Row], variable: str) -> int:
    return sum(int(row[variable]) for row in rows if row.get(variable))


def count(name: str, rows: list[Row]) -> float:
    if name in ("patients", "undetermined"):
        return sum(name == "patients" or row["UNDFL"] == "Y" for row in rows)
    if name in ("yes", "no"):
        return yes_no(rows)[name == "no"]
    return total(rows, {"events": "NEVENT", "events_undetermined": "NEVENTU", "patient_days": "PTDAYS"}[name])


def solve(function: Any, low: float, high: float) -> float:
    """Return where an increasing function is zero, by halving."""
    for _step in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


@cache
def normal() -> float:
    return solve(lambda z: math.erf(z / math.sqrt(2)) - LEVEL, 0, 10)


def student_within(t: float, degrees: float) -> float:
    """Return the probability of |T| <= t, by Simpson's rule over the angle whose tangent is t / sqrt(degrees)."""
    steps, angle = 400, math.atan2(abs(t), math.sqrt(degrees))
    width = angle / steps
    parts = [math.cos(number * width) ** (degrees - 1) for number in range(steps + 1)]
    area = width / 3 * (parts[0] + parts[-1] + 4 * sum(parts[1:-1:2]) + 2 * sum(parts[2:-1:2]))
    factor = math.exp(math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2)) / math.sqrt(math.pi)
    return 2 * factor * area


@cache
def student_limit(degrees: float) -> float:
    found = solve(
        lambda each: student_within(math.sqrt(degrees) * math.tan(each), degrees) - LEVEL,
        0,
        math.pi / 2 - 1e-9,
    )
    return math.sqrt(degrees) * math.tan(found)


# Figures of all patients, or of one group or arm.


def clopper_pearson(yes: int, of: int) -> Limits:
    if of == 0:
        return NONE
    tail = (1 - LEVEL) / 2

    # By logarithms: the number of ways is beyond the largest double.
    ways = [math.log(math.comb(of, n)) for n in range(of + 1)]

    def at_least(share: float, successes: int) -> float:
        logs = (
            ways[n] + n * math.log(share) + (of - n) * math.log1p(-share) for n in range(successes, of + 1)
        )
        return math.fsum(map(math.exp, logs))

    low = 0.0 if yes == 0 else solve(lambda share: at_least(share, yes) - tail, 0, 1)
    high = 1.0 if yes == of else solve(lambda share: at_least(share, yes + 1) - (1 - tail), 0, 1)
    return yes / of, low, high


def wilson(yes: int, of: int) -> Limits:
    if of == 0:
        return NONE
    z, share = normal(), yes / of
    centre = (yes + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * math.sqrt(of * share * (1 - share) + z * z / 4)
    return share, max(0.0, centre - half), min(1.0, centre + half)


def rate(rows: list[Row]) -> Limits:
    timed = [row for row in rows if row["PTDAYS"]]
    events, days, tail = total(timed, "NEVENT"), total(timed, "PTDAYS"), (1 - LEVEL) / 2
    if days == 0:
        return NONE

    def more_than(mean: float, most: int) -> float:
        return 1 - math.fsum(
            math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(most + 1)
        )

    top = 10 * events + 50
    low = 0.0 if events == 0 else solve(lambda mean: more_than(mean, events - 1) - tail, 1e-12, top)
    high = solve(lambda mean: more_than(mean, events) - (1 - tail), 1e-12, top)
    return 100 * events / days, 100 * low / days, 100 * high / days


def values(rows: list[Row]) -> list[Fraction]:
    return [Fraction(row["AVAL"]) for row in rows if row["AVAL"]]


def moments(numbers: list[Fraction]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation; None for what so few numbers do not give."""
    if not numbers:
        return None, None
    centre = sum(numbers) / len(numbers)
    if len(numbers) < 2:
        return float(centre), None
    return float(centre), math.sqrt(sum((each - centre) ** 2 for each in numbers) / (len(numbers) - 1))


def mean(numbers: list[Fraction]) -> Limits:
    centre, spread = moments(numbers)
    if centre is None or spread is None:
        return centre, None, None
    half = student_limit(len(numbers) - 1) * spread / math.sqrt(len(numbers))
    return centre, centre - half, centre + half


def median(numbers: list[Fraction]) -> Limits:
    if not numbers:
        return NONE
    ordered = sorted(numbers)

    def quantile(share: Fraction) -> float:
        place = share * len(ordered)
        if place.denominator == 1 and 0 < place < len(ordered):
            return float((ordered[int(place) - 1] + ordered[int(place)]) / 2)
        return float(ordered[min(len(ordered), math.ceil(place) or 1) - 1])

    return quantile(Fraction(1, 2)), quantile(Fraction(1, 4)), quantile(Fraction(3, 4))


# Times to an event.


def log_log(share: Fraction, relative_variance: Fraction) -> tuple[float | None, float | None]:
    if not 0 < share < 1:
        return None, None
    half = normal() * math.sqrt(relative_variance) / abs(math.log(share))
    return float(share) ** math.exp(half), float(share) ** math.exp(-half)


def steps_of(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the curve: a step for each day on which a time ends."""
    times = [(int(row["AVAL"]), row["CNSR"]) for row in rows if row["AVAL"]]
    steps: list[dict[str, Any]] = []
    free, incidence, hazard, at_risk = Fraction(1), Fraction(0), Fraction(0), len(times)
    for day in sorted({day for day, _end in times}):
        ends = [end for each, end in times if each == day]
        events, competing = ends.count("0"), ends.count("2")
        before, ended = free, events + competing
        incidence += before * Fraction(events, at_risk)
        free *= 1 - Fraction(ended, at_risk)
        hazard += Fraction(ended, at_risk * (at_risk - ended)) if ended < at_risk else 0
        low, high = log_log(free, hazard)
        steps.append({
            "day": day, "at_risk": at_risk, "events": events, "ended": ended, "before": before, "free": free,
            "incidence": incidence, "low": low, "high": high,
        })  # fmt: skip
        at_risk -= len(ends)
    return steps


def observed_to(steps: list[dict[str, Any]], day: int) -> bool:
    return bool(steps) and (day <= steps[-1]["day"] or steps[-1]["free"] == 0)


def share(steps: list[dict[str, Any]], day: int) -> Limits:
    if not observed_to(steps, day):
        return NONE
    reached = [step for step in steps if step["day"] <= day]
    return (
        (float(reached[-1]["free"]), reached[-1]["low"], reached[-1]["high"])
        if reached
        else (1.0, None, None)
    )


def incidence(steps: list[dict[str, Any]], day: int) -> Limits:
    """Return the cumulative incidence with competing events; its variance is that of Marubini and Valsecchi."""
    if not observed_to(steps, day):
        return NONE
    reached = [step for step in steps if step["day"] <= day]
    if not reached:
        return 0.0, None, None
    now, variance = reached[-1]["incidence"], Fraction(0)
    for step in reached:
        n, d, all_ended, later = step["at_risk"], step["events"], step["ended"], now - step["incidence"]
        if later:
            variance += later**2 * Fraction(all_ended, n * (n - all_ended))
        variance += step["before"] ** 2 * Fraction((n - d) * d, n**3)
        variance -= 2 * later * step["before"] * Fraction(d, n**2)
    if now == 1:
        return 1.0, None, None
    low, high = log_log(1 - now, variance / (1 - now) ** 2)
    return float(now), None if high is None else 1 - high, None if low is None else 1 - low


def median_time(steps: list[dict[str, Any]]) -> Limits:
    half = Fraction(1, 2)

    def crossed(name: str) -> float | None:
        below = [step for step in steps if step[name] is not None and step[name] <= half]
        if not below:
            return None
        following = next((step["day"] for step in below if step[name] < below[0][name]), None)
        if below[0][name] == half and following is not None:
            return (below[0]["day"] + following) / 2
        return float(below[0]["day"])

    return crossed("free"), crossed("low"), crossed("high")


# Comparisons.


def fisher(tables: list[tuple[int, int]]) -> float | None:
    """Return the two-sided p: the share of the tables with these totals that are not more likely than this one."""
    counted = [pair for pair in tables if sum(pair)]
    if len(counted) < 2:
        return None
    sizes, successes = [sum(pair) for pair in counted], sum(yes for yes, _no in counted)
    observed = math.prod(math.comb(size, yes) for size, (yes, _no) in zip(sizes, counted, strict=True))
    weights = {(0, 1): 1}
    for size in sizes[:-1]:
        following: dict[tuple[int, int], int] = {}
        for (used, weight), times in weights.items():
            for yes in range(min(size, successes - used) + 1):
                place = used + yes, weight * math.comb(size, yes)
                following[place] = following.get(place, 0) + times
        weights = following
    tables_of = ((w * math.comb(sizes[-1], successes - used), times) for (used, w), times in weights.items())
    rare = sum(weight * times for weight, times in tables_of if weight <= observed)
    return rare / math.comb(sum(sizes), successes)


def newcombe(first: tuple[int, int], second: tuple[int, int]) -> Limits:
    one, other = wilson(first[0], sum(first)), wilson(second[0], sum(second))
    if None in one or None in other:
        return NONE
    (a, a_low, a_high), (b, b_low, b_high) = (tuple(map(float, each)) for each in (one, other))  # type: ignore[arg-type]
    return a - b, a - b - math.hypot(a - a_low, b_high - b), a - b + math.hypot(a_high - a, b - b_low)


def welch(first: list[Fraction], second: list[Fraction]) -> tuple[float | None, Limits]:
    (a, a_spread), (b, b_spread) = moments(first), moments(second)
    if a is None or b is None or a_spread is None or b_spread is None:
        return None, NONE
    one, other = a_spread**2 / len(first), b_spread**2 / len(second)
    error = math.sqrt(one + other)
    if error == 0:
        return None, NONE
    degrees = (one + other) ** 2 / (one**2 / (len(first) - 1) + other**2 / (len(second) - 1))
    half = student_limit(degrees) * error
    return 1 - student_within((a - b) / error, degrees), (a - b, a - b - half, a - b + half)


def mantel_haenszel(rows: list[Row], parts: list[str], *, corrected: bool) -> tuple[float | None, Limits]:
    tables = []
    for stratum in sorted({row["STRATUM"] for row in rows}):
        within = [row for row in rows if row["STRATUM"] == stratum]
        (a, b), (c, d) = (yes_no([row for row in within if row["ARMCD"] == part]) for part in parts)
        tables.append((a, b, c, d))
    used = [table for table in tables if sum(table) > 1]
    excess, variance = Fraction(0), Fraction(0)
    for a, b, c, d in used:
        n = a + b + c + d
        excess += a - Fraction((a + b) * (a + c), n)
        variance += Fraction((a + b) * (c + d) * (a + c) * (b + d), n**2 * (n - 1))
    p = None
    if variance:
        distance = max(Fraction(0), abs(excess) - Fraction(1, 2)) if corrected else abs(excess)
        p = math.erfc(math.sqrt(distance**2 / variance / 2))
    r = [Fraction(a * d, a + b + c + d) for a, b, c, d in used]
    s = [Fraction(b * c, a + b + c + d) for a, b, c, d in used]
    if not sum(r) or not sum(s):
        return p, NONE
    of = [(Fraction(a + d, a + b + c + d), Fraction(b + c, a + b + c + d)) for a, b, c, d in used]
    # Robins, Breslow and Greenland 1986.
    spread = math.sqrt(
        sum(x * p for x, (p, _q) in zip(r, of, strict=True)) / (2 * sum(r) ** 2)
        + sum(x * q + y * p for x, y, (p, q) in zip(r, s, of, strict=True)) / (2 * sum(r) * sum(s))
        + sum(y * q for y, (_p, q) in zip(s, of, strict=True)) / (2 * sum(s) ** 2)
    )
    odds = float(sum(r) / sum(s))
    return p, (odds, odds * math.exp(-normal() * spread), odds * math.exp(normal() * spread))


def compared(name: str, rows: list[Row], column: str, parts: list[str]) -> float | None:
    test, _dot, figure = name.partition(".")
    groups = [[row for row in rows if row[column] == part] for part in parts]
    if test == "fisher":
        tables = [yes_no(group) for group in groups]
        return fisher(tables) if figure == "p" else newcombe(*tables)[PARTS[figure.rpartition(".")[2]]]
    if test == "welch":
        p, limits = welch(*(values(group) for group in groups))
    else:
        p, limits = mantel_haenszel(rows, parts, corrected="corrected" in figure)
    return p if figure.endswith("p") else limits[PARTS[figure.rpartition(".")[2]]]


def figure(name: str, rows: list[Row], window_end: int) -> float | None:
    kind, _dot, part = name.partition(".")
    if name == "mean.spread":
        return moments(values(rows))[1]
    yes, no = yes_no(rows)
    makers = {
        "clopper_pearson": lambda: clopper_pearson(yes, yes + no),
        "wilson": lambda: wilson(yes, yes + no),
        "rate": lambda: rate(rows),
        "mean": lambda: mean(values(rows)),
        "median": lambda: median(values(rows)),
        "share": lambda: share(steps_of(rows), window_end),
        "incidence": lambda: incidence(steps_of(rows), window_end),
        "median_time": lambda: median_time(steps_of(rows)),
    }
    return makers[kind]()[PARTS[part]]


def computed(told: Row, by_parameter: dict[str, list[Row]]) -> float | None:
    rows, parts = by_parameter.get(told["paramcd"], []), told["part"].split("|")
    name = told["number"]
    if len(parts) > 1:
        return compared(name, chosen(rows, told["visit"], "", ""), COLUMN[told["split"]], parts)
    here = chosen(rows, told["visit"], told["split"], told["part"])
    return figure(name, here, int(told["window_end"])) if "." in name else count(name, here)


def agree(found: float | None, expected: str) -> bool:
    if found is None or expected == "":
        return found is None and expected == ""
    return abs(found - float(expected)) <= 1e-9 + 1e-6 * abs(float(expected))


def main(folder: Path) -> int:
    by_parameter: dict[str, list[Row]] = {}
    for name in ("adout", "adtte"):
        for row in read(folder / "csv" / f"{name}.csv"):
            by_parameter.setdefault(row["PARAMCD"], []).append(row)
    differing, expected = 0, read(folder / "expected.csv")
    for each in expected:
        found = computed(each, by_parameter)
        same = agree(found, each["expected"])
        differing += not same
        words = " ".join(each[name] or "-" for name in TOLD)
        shown = "none" if found is None else f"{found:.12g}"
        print(f"{'agrees ' if same else 'differs'} {words} {shown} {each['expected'] or 'none'}")
    print(f"{len(expected)} numbers, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
