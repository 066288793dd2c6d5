"""The lines of the outcomes: for each reading, visit and group of patients the counts, the figures and a comparison.

No Django.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from protocol.document.document import Protocol
from protocol.expressions.outcomes import CompiledReading
from protocol.values.refusals import gettext_noop
from reports.outcomes.answers import OutcomeAnswer, OutcomeVerdict, PatientResult
from reports.statistics.contingency import FISHER, TooManyTables, fisher_exact
from reports.statistics.estimates import Estimate
from reports.statistics.means import mean, median, standard_deviation
from reports.statistics.proportions import clopper_pearson, newcombe, wilson
from reports.statistics.rates import poisson_rate
from reports.statistics.survival import CurveStep, curve, incidence_at, median_time, share_at

SplitBy = Literal["", "group", "arm"]
PER_DAYS = 100
ONE_GROUP = gettext_noop("a comparison needs a known answer in two groups")
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
    """The test between the parts of a line. reason: why there is none. difference: of exactly two proportions."""

    parts: tuple[str, ...]
    p: float | None
    method: str
    difference: Estimate | None = None
    reason: str = ""


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
        comparison = None
        if compared and reading.measure == "proportion":
            comparison = _compared([(code, _counts(of, visit)) for code, of in by[compared]])
        yield _line(compiled, results, visit, "", "", comparison)
        for split, parts in by.items():
            for code, chosen in parts:
                yield _line(compiled, chosen, visit, split, code, None)


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


def _line(
    compiled: CompiledReading, results: Sequence[PatientResult], visit: str, split: SplitBy, part: str,
    comparison: OutcomeComparison | None,
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
        comparison=comparison,
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
