"""The lines of the outcomes: for each reading, visit and group of patients the counts, the figures and a comparison.

No Django.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from outcomes.answers import OutcomeAnswer, OutcomeVerdict, PatientResult
from outcomes.statistics.contingency import (
    FISHER,
    MantelHaenszel,
    TooManyTables,
    fisher_exact,
    mantel_haenszel,
)
from outcomes.statistics.estimates import Estimate
from outcomes.statistics.means import mean, median, standard_deviation
from outcomes.statistics.proportions import clopper_pearson, newcombe, wilson
from outcomes.statistics.rates import poisson_rate
from outcomes.statistics.survival import CurveStep, curve, incidence_at, median_time, share_at
from outcomes.statistics.welch import WELCH, welch
from protocol.document.document import Protocol
from protocol.document.outcomes import OutcomeReading
from protocol.expressions.outcomes import CompiledReading
from protocol.values.refusals import gettext_noop

SplitBy = Literal["", "group", "arm"]
PER_DAYS = 100
ONE_GROUP = gettext_noop("a comparison needs a known answer in two groups")
FEW_VALUES = gettext_noop(
    "a comparison of means needs two groups with two values each that are not all equal"
)
TOO_LARGE = gettext_noop("too many tables have these totals to count each of them")


@dataclass(frozen=True, slots=True)
class OutcomeFigure:
    """A figure of a line. kind: proportion, score, rate, mean, median, median_time, share, incidence.

    spread: the standard deviation, of a mean.
    """

    kind: str
    estimate: Estimate
    spread: float | None = None


@dataclass(frozen=True, slots=True)
class OutcomeComparison:
    """The test between the parts of a line. reason: why there is none.

    difference: of exactly two proportions or means, the first part less the second. of_means: of means, not shares.
    """

    parts: tuple[str, ...]
    p: float | None
    method: str
    difference: Estimate | None = None
    reason: str = ""
    of_means: bool = False


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """One line: a reading, at one visit if it has visits, over all patients or over one group or arm of them.

    patients = yes + no + undetermined; numbers count as yes. events and days: of adverse events. steps: of times.
    """

    outcome: str
    reading: str
    visit: str
    split: SplitBy
    part: str
    patients: int
    yes: int
    no: int
    undetermined: int
    events: int
    events_undetermined: int
    days: int | None
    figures: tuple[OutcomeFigure, ...]
    steps: tuple[CurveStep, ...] = ()
    comparison: OutcomeComparison | None = None
    stratified: MantelHaenszel | None = None


def lines_of(
    compiled: CompiledReading, results: Sequence[PatientResult], rules: Protocol, *, arms: bool
) -> list[OutcomeLine]:
    """Return the lines of a reading. arms: also by arm, for a reader who may know it."""
    return list(_lines(compiled, results, rules, arms))


def _lines(
    compiled: CompiledReading, results: Sequence[PatientResult], rules: Protocol, arms: bool
) -> Iterator[OutcomeLine]:
    reading = compiled.reading
    single_place = ("",) if reading.measure == "time_to_event" else reading.at or ("",)
    groups = [group.code for group in rules.groups] if reading.by_group or reading.compare == "groups" else []
    codes = [arm.code for arm in rules.arms] if arms and reading.compare == "arms" else []
    for visit in single_place:
        compared: SplitBy = "group" if reading.compare == "groups" else "arm" if codes else ""
        by: dict[SplitBy, list[tuple[str, list[PatientResult]]]] = {
            "group": [(code, [each for each in results if each.group == code]) for code in groups],
            "arm": [(code, [each for each in results if each.arm == code]) for code in codes],
        }
        line = _line(compiled, results, visit, "", "")
        if compared and reading.measure == "proportion":
            comparison = _compared([(code, _counts(of, visit)) for code, of in by[compared]])
            line = replace(line, comparison=comparison)
        if compared and reading.measure == "mean_change":
            line = replace(line, comparison=_means_compared(by[compared], visit))
        if compared == "arm" and reading.mantel_haenszel:
            line = replace(line, stratified=_stratified(reading, by["arm"], visit))
        yield line
        for split, parts in by.items():
            for code, chosen in parts:
                yield _line(compiled, chosen, visit, split, code)


def _counts(results: Sequence[PatientResult], visit: str) -> tuple[int, int]:
    verdicts = [each.answers[visit].verdict for each in results]
    return verdicts.count(OutcomeVerdict.YES), verdicts.count(OutcomeVerdict.NO)


def _compared(parts: list[tuple[str, tuple[int, int]]]) -> OutcomeComparison:
    codes = tuple(code for code, _counts in parts)
    counted = [counts for _code, counts in parts if sum(counts)]
    if len(counted) < 2:
        return OutcomeComparison(codes, None, FISHER, reason=ONE_GROUP)
    difference = None
    if len(parts) == 2:
        first, second = ((yes, yes + no) for yes, no in counted)
        difference = newcombe(first, second)
    try:
        return OutcomeComparison(codes, float(fisher_exact(counted)), FISHER, difference)
    except TooManyTables:
        return OutcomeComparison(codes, None, FISHER, difference, reason=TOO_LARGE)


def _means_compared(parts: list[tuple[str, list[PatientResult]]], visit: str) -> OutcomeComparison | None:
    """Return Welch's test of two parts; None for more, which no reading of a mean compares."""
    if len(parts) != 2:
        return None
    codes = tuple(code for code, _of in parts)
    first, second = (_values(of, visit) for _code, of in parts)
    found = welch(first, second)
    if found.p is None:
        return OutcomeComparison(codes, None, WELCH, reason=FEW_VALUES, of_means=True)
    return OutcomeComparison(codes, found.p, WELCH, found.difference, of_means=True)


def _values(results: Sequence[PatientResult], visit: str) -> list[Decimal]:
    return [value for each in results if (value := each.answers[visit].value) is not None]


def _stratified(
    reading: OutcomeReading, parts: list[tuple[str, list[PatientResult]]], visit: str
) -> MantelHaenszel:
    """Return the test of two arms within the strata of the allocation, over patients with a known answer."""
    strata = sorted({each.stratum for _code, of in parts for each in of})
    tables = []
    for stratum in strata:
        within = [[each for each in of if each.stratum == stratum] for _code, of in parts]
        (a, b), (c, d) = (_counts(of, visit) for of in within)
        tables.append((a, b, c, d))
    return mantel_haenszel(tables, corrected=reading.mantel_haenszel == "corrected")


def _line(
    compiled: CompiledReading, results: Sequence[PatientResult], visit: str, split: SplitBy, part: str
) -> OutcomeLine:  # fmt: skip
    answers = [each.answers[visit] for each in results]
    verdicts = [each.verdict for each in answers]
    known = [each for each in results if each.answers[visit].verdict is not OutcomeVerdict.OPEN]
    of_events = compiled.reading.event is not None
    steps: tuple[CurveStep, ...] = ()
    if compiled.reading.measure == "time_to_event":
        steps = tuple(curve(each.observed for each in answers if each.observed is not None))
    # A rate is over those whose observation is known: their events, over their days.
    timed = [each for each in results if each.days is not None] if of_events else []
    return OutcomeLine(
        outcome=compiled.outcome.id,
        reading=compiled.reading.code,
        visit=visit,
        split=split,
        part=part,
        patients=len(results),
        yes=verdicts.count(OutcomeVerdict.YES),
        no=verdicts.count(OutcomeVerdict.NO),
        undetermined=verdicts.count(OutcomeVerdict.OPEN),
        events=sum(event.certain for each in results for event in each.events),
        events_undetermined=sum(not event.certain for each in results for event in each.events),
        days=sum(each.days or 0 for each in timed) if compiled.reading.measure == "rate" else None,
        figures=tuple(_figures(compiled, answers, known, timed, steps)),
        steps=steps,
    )


def _figures(
    compiled: CompiledReading, answers: Sequence[OutcomeAnswer], known: Sequence[PatientResult],
    timed: Sequence[PatientResult], steps: tuple[CurveStep, ...],
) -> Iterator[OutcomeFigure]:  # fmt: skip
    measure, window = compiled.reading.measure, compiled.window
    values = [each.value for each in answers if each.value is not None]
    if measure == "proportion":
        yes = sum(each.verdict is OutcomeVerdict.YES for each in answers)
        yield OutcomeFigure("proportion", clopper_pearson(yes, len(known)))
        yield OutcomeFigure("proportion", wilson(yes, len(known)))
    elif measure == "rate":
        events = sum(event.certain for each in timed for event in each.events)
        days = sum(each.days or 0 for each in timed)
        yield OutcomeFigure("rate", poisson_rate(events, days, per=PER_DAYS))
    elif measure == "mean_change":
        yield OutcomeFigure("mean", mean(values), standard_deviation(values))
        yield OutcomeFigure("median", median(values))
    elif measure == "median":
        yield OutcomeFigure("median", median(values))
    elif measure == "time_to_event":
        if compiled.reading.competing_death:
            yield OutcomeFigure("incidence", incidence_at(steps, window[1]))
        else:
            yield OutcomeFigure("share", share_at(steps, window[1]))
            yield OutcomeFigure("median_time", median_time(steps))
