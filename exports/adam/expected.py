"""The numbers of the page of outcomes as a table, each with a name that the scripts of the archive compute again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from exports.adam.readings import ReadingParameter
from exports.sdtm.study import arm_code
from outcomes.lines import TOO_LARGE, OutcomeFigure, OutcomeLine
from outcomes.statistics.contingency import MANTEL_HAENSZEL_CORRECTED
from outcomes.statistics.estimates import Estimate
from outcomes.statistics.proportions import CLOPPER_PEARSON
from protocol.document.document import Protocol

COLUMNS: Final = (
    "paramcd", "outcome", "reading", "visit", "split", "part", "number", "window_end", "expected", "method",
)  # fmt: skip
COUNTS: Final = ("patients", "yes", "no", "undetermined")
OF_EVENTS: Final = ("events", "events_undetermined")
BETWEEN: Final = "|"
"""Between the two parts of a comparison: `A|B` is A less B."""


@dataclass(frozen=True, slots=True)
class ExpectedNumber:
    """A number of a line: its name, the value, None where the data give none, and its method."""

    name: str
    value: float | None
    method: str = ""


def expected_rows(
    parameter: ReadingParameter, lines: Iterable[OutcomeLine], rules: Protocol
) -> Iterator[list[Any]]:
    """Yield a row for each number of the lines of one reading, in the order of `COLUMNS`."""
    arms = {arm.code: arm_code(arm) for arm in rules.arms}
    compiled = parameter.compiled
    for line in lines:
        place = [parameter.code, compiled.outcome.id, compiled.reading.code, line.visit]
        of_line = [line.split, arms.get(line.part, line.part)]
        for number in _numbers(line):
            yield [*place, *of_line, *_told(number, compiled.window[1])]
        if line.comparison is not None:
            split = "group" if compiled.reading.compare == "groups" else "arm"
            parts = BETWEEN.join(arms.get(part, part) for part in line.comparison.parts)
            for number in _compared(line):
                yield [*place, split, parts, *_told(number, compiled.window[1])]


def _told(number: ExpectedNumber, window_end: int) -> list[Any]:
    value = None if number.value is None else repr(number.value)
    return [number.name, window_end, value, number.method]


def _numbers(line: OutcomeLine) -> Iterator[ExpectedNumber]:
    counts: dict[str, int | None] = {name: getattr(line, name) for name in (*COUNTS, *OF_EVENTS)}
    yield from (ExpectedNumber(name, count) for name, count in counts.items())
    if line.days is not None:
        yield ExpectedNumber("patient_days", line.days)
    for figure in line.figures:
        yield from _figure(figure)


def _figure(figure: OutcomeFigure) -> Iterator[ExpectedNumber]:
    kind = figure.kind
    if kind == "proportion":
        kind = "clopper_pearson" if figure.estimate.method == CLOPPER_PEARSON else "wilson"
    yield from _limits(kind, figure.estimate)
    if figure.kind == "mean":
        yield ExpectedNumber("mean.spread", figure.spread, figure.estimate.method)


def _limits(kind: str, estimate: Estimate) -> Iterator[ExpectedNumber]:
    for part in ("value", "low", "high"):
        yield ExpectedNumber(f"{kind}.{part}", getattr(estimate, part), estimate.method)


def _compared(line: OutcomeLine) -> Iterator[ExpectedNumber]:
    comparison, stratified = line.comparison, line.stratified
    # A table that Stroma did not count has no number to agree with.
    if comparison is not None and comparison.reason != TOO_LARGE:
        test = "welch" if comparison.of_means else "fisher"
        yield ExpectedNumber(f"{test}.p", comparison.p, comparison.method)
        if comparison.difference is not None:
            yield from _limits(f"{test}.difference", comparison.difference)
    if stratified is not None:
        test = "mantel_haenszel.corrected" if _is_corrected(stratified.method) else "mantel_haenszel.plain"
        yield ExpectedNumber(f"{test}.p", stratified.p, stratified.method)
        yield from _limits("mantel_haenszel.odds_ratio", stratified.odds_ratio)


def _is_corrected(method: str) -> bool:
    return method == MANTEL_HAENSZEL_CORRECTED
